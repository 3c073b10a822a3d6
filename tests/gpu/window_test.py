#!/usr/bin/env python3
# limit: 1800
"""user/libwin's windows and the small programs over it, on bwm: what is shown, what events come, what is left."""
import re
import shlex

from desktop import HEIGHT, WIDTH, Desktop
from gputest import linux_kernel, main, only_ours, qemu
from vmtest import Person, key

WINDOWS = qemu.built("gpu", "windows")
PROGRAMS = {"bounce": (0x101822, 480 * 360), "btop": (0x14181f, 400 * 320), "blog": (0x12151a, 720 * 420),
            "wincheck": (0x171b20, 560 * 620)}
RED, GREEN, LEFT, MIDDLE = 0xff0000, 0x00ff00, 0x110, 0x112


def desktop(**options):
    return Desktop(programs=[WINDOWS, *(qemu.built("desktop-bin", name) for name in PROGRAMS)], **options)


def colours(screen):
    """{0xRRGGBB: pixels}."""
    counts = {}
    for i in range(0, len(screen.pixels), 3):
        pixel = bytes(screen.pixels[i:i + 3])
        counts[pixel] = counts.get(pixel, 0) + 1
    return {int.from_bytes(pixel, "big"): n for pixel, n in counts.items()}


def press(vm, *names):
    """Each down and up at once: one that is held repeats."""
    for name in names:
        vm.qmp("input-send-event", events=[key(name, True), key(name, False)])


def until(vm, line, count=1):
    """Wait for so many lines like this of what the program says."""
    vm.run(f"(until [ $(grep -c {shlex.quote(line)} /tmp/out) -ge {count} ]; do "
           "kill -0 $program || { cat /tmp/out; exit 1; }; usleep 10000; done)", 120)


def corner(screen, colour):
    """Where the first pixel of this colour is, row by row; None: nowhere."""
    pixel, at = colour.to_bytes(3, "big"), -1
    while (at := bytes(screen.pixels).find(pixel, at + 1)) >= 0:
        if at % 3 == 0:
            return at // 3 % screen.width, at // 3 // screen.width
    return None


def window(drawn, **options):
    with desktop(**options) as d:
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        until(d.vm, "^drawn by " + drawn)
        until(d.vm, "^drew 0,0 200x100")
        # Its middle is 100x50 of green, the rest red.
        d.when(lambda screen: (counts := colours(screen)).get(GREEN) == 5000 and counts.get(RED, 0) > 14000,
               "no window is shown")
        d.vm.run("kill $program; wait $program || true")


def test_a_window_by_the_gpu():
    window("gpu")


def test_a_window_by_the_cpu():
    window("software", gpu="2d")


def test_a_window_on_linux():
    window("gpu", kernel=linux_kernel())


def test_pictures_come_before_streams():
    """A window's pictures are made, backed, attached and written to before the first stream of its program."""
    with desktop(args=["-trace", "virtio_gpu_cmd_*"]) as d:
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        until(d.vm, "^drawn by gpu")
        d.when(lambda screen: colours(screen).get(GREEN) == 5000, "no window is shown")
        said = d.vm.qemu_said()
        context, before = re.search(r"(?s)cmd_ctx_create ctx (\w+), name windows\n(.*)", said).groups()
        at = said.index(before)
        before, submit, _ = before.partition(f"cmd_ctx_submit ctx {context},")
        assert submit, said
        pool = set(re.findall(r"cmd_res_create_3d res (\w+), fmt 0x1, w 256, h 256,", before))
        for number in pool:
            for done in f"res_back_attach res {number}", f"ctx_res_attach ctx {context}, res {number}", \
                    f"res_xfer_toh_3d res {number}":
                assert f"cmd_{done}\n" in before, (done, before)
        assert len(pool) == 2, (pool, before)
        # It goes on with those.
        d.vm.run("kill $program; wait $program || true")
        assert not re.search(rf"cmd_ctx_res_attach ctx {context},", said[at + len(before):]), said[at:]


def resized(**options):
    """A window of another size goes on in the pictures that it has, until it has outgrown them."""
    with desktop(**options) as d:
        person = Person(d.vm, WIDTH, HEIGHT)
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        width, height, times = 200, 100, 0
        for by_x, by_y in ((20, 20), (-60, 20), (80, 80), (-120, -100), (400, 300)):    # multiples of 4: whole pixels
            shown = d.when(lambda screen: colours(screen).get(GREEN) == width // 2 * (height // 2), f"{width}x{height}")
            x, y = corner(shown, GREEN)
            x, y = x + width // 2 - 2, y + height // 2 - 2      # its lower right quarter says what is resized
            width, height, times = width + by_x, height + by_y, times + 1
            person.hold("alt")
            until(d.vm, "^key ffe9 '' down", times)
            person.drag(x, y, x + by_x, y + by_y, "right")
            until(d.vm, f"^drew 0,0 {width}x{height} of {width}x{height} ")
            person.let_go("alt")
            until(d.vm, "^key ffe9 '' up", times)
        d.when(lambda screen: colours(screen).get(GREEN) == width // 2 * (height // 2), f"{width}x{height}")
        said = re.findall(r"(?m)^drew .* of (\d+)x\d+ in picture (\d+)$", d.vm.run("cat /tmp/out"))
        small = {picture for across, picture in said if int(across) <= 256}
        assert len(small) <= 3 and (options or said[-1][1] not in small), said


def test_a_window_is_resized():
    resized()


def test_a_window_is_resized_by_the_cpu():
    resized(gpu="2d")


def test_keys_and_pasting():
    with desktop() as d:
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        until(d.vm, "^focus 1")
        press(d.vm, "a")
        until(d.vm, "^key 61 'a' down mods 0")
        press(d.vm, "c")
        until(d.vm, "^copied 'some text'")
        press(d.vm, "v")
        until(d.vm, "^pasted 'some text'")
        press(d.vm, "q")
        d.vm.run("wait $program; tail -n 1 /tmp/out | grep done")


def pointed(**options):
    """What the pointer does in a window, what is pasted from another program's, and that it is to be closed."""
    with desktop(**options) as d:
        person = Person(d.vm, WIDTH, HEIGHT)
        d.vm.run("windows show >/tmp/first 2>&1 & first=$!")
        d.when(lambda screen: corner(screen, RED), "no window is shown")
        press(d.vm, "s")
        d.vm.run("(until grep -q '^copied' /tmp/first; do kill -0 $first || exit 1; usleep 10000; done)")
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        until(d.vm, "^focus 1")
        press(d.vm, "p")
        until(d.vm, "^pasted 'what is marked'")
        d.vm.run("kill -9 $first; wait $first || true")
        alone = d.when(lambda screen: colours(screen).get(GREEN) == 5000, "the first window stays")
        x, y = corner(alone, GREEN)
        x, y = x - 50, y - 25       # the window's own: its middle is green
        person.point(x + 30, y + 20)
        until(d.vm, "^pointer 30 20")
        person.click(x + 31, y + 21)
        until(d.vm, f"^button {LEFT:x} 1 at 31 21")
        until(d.vm, f"^button {LEFT:x} 0 at 31 21")
        person.button("wheel-down", True)
        until(d.vm, "^wheel 0 1 mods 0")
        person.hold("shift")
        until(d.vm, "^key ffe1 '' down")        # what comes of two devices has no order
        person.button("wheel-up", True)
        until(d.vm, "^wheel 0 -1 mods 1")
        person.let_go("shift")
        press(d.vm, "s")
        until(d.vm, "^copied 'what is marked'")
        person.click(x + 31, y + 21, "middle")
        until(d.vm, f"^button {MIDDLE:x} 1")
        until(d.vm, "^pasted 'what is marked'", 2)
        # A button that is held keeps the pointer; then it is gone.
        person.button("left", True)
        person.point(x + 40, y + 200)
        until(d.vm, "^pointer 40 200")
        person.button("left", False)
        until(d.vm, "^out")
        person.press("alt", "f4")
        until_ended(d, "close")


def until_ended(d, line):
    """The program ends by itself, and this is one of its last lines."""
    assert line in d.vm.run("wait $program; tail -n 3 /tmp/out", 120).split(), d.vm.run("cat /tmp/out")


def test_the_pointer_by_the_gpu():
    pointed()


def test_the_pointer_by_the_cpu():
    pointed(gpu="2d")


def test_a_thousand_windows():
    """Nothing of a window is left when it is closed."""
    only_ours()     # /proc/gpu
    with desktop() as d:
        d.vm.run("windows cycle 3 >/tmp/out 2>&1; grep done /tmp/out")
        before = d.held()
        assert d.vm.run("windows cycle 1000 >/tmp/out 2>&1; tail -n 1 /tmp/out", 600) == "done\n"
        d.holds_no_more_than(before)


# ---- the programs --------------------------------------------------------------------------------

def started(d, command):
    """A program, whose talk with the compositor is in /tmp/out, and the picture in which its window is seen."""
    background, size = PROGRAMS[command.split()[0]]
    d.vm.run(f"WAYLAND_DEBUG=1 {command} >/tmp/out 2>&1 & program=$!")
    picture = d.when(lambda screen: colours(screen).get(background, 0) > size // 3, command)
    until(d.vm, "wl_keyboard@[0-9]*.enter")
    return picture


def titled(d, title):
    until(d.vm, f'set_title("{title}")')


def test_the_bell():
    """Who rings is seen: bterm is lighter meanwhile, and then as before."""
    paper = (0x14, 0x18, 0x1c)
    lighter = tuple(round(c + (255 - c) * 0x30 / 255) for c in paper)

    def most(colour):
        return lambda screen: sum(n for rgb, n in colours(screen).items() if all(
            abs((rgb >> shift & 255) - c) <= 2 for shift, c in zip((16, 8, 0), colour))) > 200000

    with Desktop(programs=[qemu.built("desktop-bin", "bterm")]) as d:
        d.vm.run("bterm sh -c 'while :; do [ ! -e /tmp/ring ] || printf \"\\a\"; usleep 20000; done' & program=$!")
        d.when(most(paper), "no terminal is shown")
        d.vm.run(": >/tmp/ring")
        d.when(most(lighter), "the bell is not seen")
        d.vm.run("rm /tmp/ring")
        d.when(most(paper), "the bell does not end")
        d.vm.run("kill $program; wait $program || true")


def test_bounce():
    """+ and - make it faster and slower, space stops it: then it draws no more. No pixel of it passes the CPU."""
    only_ours()     # /proc/gpu
    with desktop() as d:
        started(d, "bounce")
        titled(d, "bounce: speed 1.00")
        until(d.vm, "wl_surface@[0-9]*.attach", 3)

        def measure():
            before, drawn = d.counters(), int(d.vm.run("grep -c 'wl_surface@[0-9]*.attach' /tmp/out"))
            until(d.vm, "wl_surface@[0-9]*.attach", drawn + 20)
            return before, d.counters()

        before, after = d.of_one_minute(measure)
        assert (after["transfers"], after["bytes"]) == (before["transfers"], before["bytes"]), (before, after)
        assert after["submits"] > before["submits"] + 10, (before, after)
        press(d.vm, "kp_add")
        titled(d, "bounce: speed 1.25")
        press(d.vm, "equal")
        titled(d, "bounce: speed 1.56")
        for _ in range(3):
            press(d.vm, "minus")
        titled(d, "bounce: speed 0.80")
        press(d.vm, "spc")
        titled(d, "bounce: stopped")
        idle(d)
        d.vm.run(": >/tmp/out")
        press(d.vm, "spc")
        titled(d, "bounce: speed 0.80")
        until(d.vm, "wl_surface@[0-9]*.attach", 5)
        press(d.vm, "q")
        d.vm.run("wait $program", 120)


def idle(d):
    """Wait until the program sleeps and draws nothing for as long as it is looked at: for good, if nothing is wrong."""
    d.vm.run("sum() { grep ^voluntary /proc/$program/status; grep -c attach /tmp/out; }")
    d.vm.run('(until before=$(sum); sleep 1; [ "$before" = "$(sum)" ]; do kill -0 $program || exit 1; done)', 120)


def test_checks_in_a_window():
    """Their results stay until the window is to be closed; until then nothing wakes the program but its user."""
    with desktop() as d:
        started(d, "wincheck fork pipe")
        # All are done: the bar, of 536x10 with round ends, is full.
        d.when(lambda screen: colours(screen).get(0x5fc37a, 0) > 5000, "not all have passed")
        idle(d)
        drawn = int(d.vm.run("grep -c attach /tmp/out"))
        press(d.vm, "home")
        until(d.vm, "attach", drawn + 1)
        idle(d)
        Person(d.vm, WIDTH, HEIGHT).press("alt", "f4")
        until(d.vm, "xdg_toplevel@[0-9]*.close")
        d.vm.run("wait $program", 120)
        d.when(lambda screen: 0x5fc37a not in colours(screen), "the window stays")


MATCH, CURRENT = 0x4a4420, 0x6a5c18     # behind the lines that blog has found


def rows(screen, colour):
    """The rows at which lines of this background begin."""
    pixel = colour.to_bytes(3, "big") * 20
    has = [pixel in screen.pixels[3 * y * screen.width:3 * (y + 1) * screen.width] for y in range(screen.height)]
    return [y for y in range(1, screen.height) if has[y] and not has[y - 1]]


def test_the_log():
    """blog scrolls by keys and wheel, and finds what is searched for."""
    with desktop() as d:
        d.vm.run("for i in $(seq 200); do case $i in 80|82|120) echo needle ;; *) echo hay $i ;; esac >/dev/kmsg; done")
        started(d, "blog")
        person = Person(d.vm, WIDTH, HEIGHT)

        def found(right, what):
            """Where the line is that was found last, once that and those of the other lines found are right."""
            screen = d.when(lambda screen: right(rows(screen, CURRENT), rows(screen, MATCH)), what)
            return (rows(screen, CURRENT) or [None])[0]

        press(d.vm, "slash", *"needle", "ret")
        middle = found(lambda at, others: len(at) == 1 and not others, "the last one is not found")
        person.button("wheel-down", True)
        line = (middle - found(lambda at, others: at and at[0] < middle - 30, "it does not scroll down")) / 3
        person.button("wheel-up", True)
        found(lambda at, others: at == [middle], "it does not scroll up")
        press(d.vm, "up")
        found(lambda at, others: at and abs(at[0] - middle - line) <= 1, "it does not go a line up")
        press(d.vm, "down")
        found(lambda at, others: at == [middle], "it does not go a line down")
        press(d.vm, "n")
        found(lambda at, others: len(at) == len(others) == 1 and at > others, "not the one before")
        press(d.vm, "n")
        found(lambda at, others: len(at) == len(others) == 1 and at < others, "not the first one")
        person.press("shift", "n")
        found(lambda at, others: len(at) == len(others) == 1 and at > others, "not the next one")
        for away, back in ("pgdn", ("n",)), ("home", ("shift", "n")):
            press(d.vm, away)
            found(lambda at, others: not at and not others, away)
            person.press(*back)
            found(lambda at, others: len(at) == len(others) == 1, f"back from {away}")
        press(d.vm, "end")
        found(lambda at, others: not at and not others, "end")
        d.vm.run("echo a needle that comes late >/dev/kmsg")
        found(lambda at, others: len(others) == 1, "the end is not followed")
        press(d.vm, "esc")
        found(lambda at, others: not at and not others, "it goes on to search")
        press(d.vm, "q")
        d.vm.run("wait $program", 120)


def programs(**options):
    with desktop(**options) as d:
        for name, (background, size) in PROGRAMS.items():
            d.vm.run(f"{name} >/tmp/out 2>&1 & program=$!")
            d.when(lambda screen: colours(screen).get(background, 0) > size // 3, name)
            d.vm.run("kill $program; wait $program || true")
            d.when(lambda screen: colours(screen).get(background, 0) < size // 3, f"{name} stays")


def test_checks_ended_by_a_signal():
    """While checks run the runner takes the signals; one ends wincheck then as it does later."""
    with desktop() as d:
        d.vm.run("wincheck >/tmp/out 2>&1 & program=$!")
        d.vm.run("(until [ $((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' /proc/$program/status) & 0x4000)) != 0 ]; do "
                 "kill -0 $program || exit 1; usleep 1000; done)", 120)
        assert d.vm.run("kill $program; wait $program || echo $?", 120) == "143\n"


def test_programs_by_the_gpu():
    programs()


def test_programs_by_the_cpu():
    programs(gpu="2d")


def test_what_is_missing_is_named():
    """bwm goes on without its text; programs that are nothing without theirs end."""
    with Desktop(programs=[qemu.built("desktop-bin", name) for name in ("bterm", "bounce", "btop")], start=False) as d:
        d.vm.run("rm -r /usr/share/fonts")
        d.start()
        for face in "DejaVuSans", "DejaVuSans-Bold":
            d.vm.run(f"grep '{face}.ttf: No such file or directory; its text is not shown' /tmp/bwm.log")
        font = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
        out, status = d.vm.sh("bterm 2>&1")
        assert status == 1 and out == f"bterm: {font}: No such file or directory\n", (out, status)
        assert d.vm.sh("btop 2>&1") == (f"btop: {font}: No such file or directory\n", 1)
        assert d.vm.sh("XDG_RUNTIME_DIR=/tmp bounce 2>&1") == ("bounce: the compositor: No such file or directory\n", 1)


if __name__ == "__main__":
    main()
