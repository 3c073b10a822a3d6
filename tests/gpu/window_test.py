#!/usr/bin/env python3
"""user/libwin's windows and the small programs over it, on bwm: what is shown, what events come, what is left."""
from desktop import Desktop
from gputest import linux_kernel, main, qemu
from vmtest import key

WINDOWS = qemu.built("gpu", "windows")
PROGRAMS = {"bounce": (0x101822, 480 * 360), "btop": (0x14181f, 400 * 320), "blog": (0x12151a, 720 * 420)}


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
    for name in names:
        vm.qmp("input-send-event", events=[key(name, True)])
        vm.qmp("input-send-event", events=[key(name, False)])


def until(vm, line):
    """Wait for a line of what the program says."""
    vm.run(f"until grep -q \"{line}\" /tmp/out; do kill -0 $program || {{ cat /tmp/out; exit 1; }}; usleep 10000; done", 120)


def window(drawn, **options):
    with desktop(**options) as d:
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        until(d.vm, "^drawn by " + drawn)
        until(d.vm, "^drew 0,0 200x100")
        # Its middle is 100x50 of green, the rest red.
        counts = colours(d.when(lambda screen: 0x00ff00 in colours(screen), "no window is shown"))
        assert counts[0x00ff00] == 5000 and counts[0xff0000] > 14000, counts
        d.vm.run("kill $program; wait $program || true")


def test_a_window_by_the_gpu():
    window("gpu")


def test_a_window_by_the_cpu():
    window("software", gpu="2d")


def test_a_window_on_linux():
    window("gpu", kernel=linux_kernel())


def test_keys_and_pasting():
    with desktop() as d:
        d.vm.run("windows show >/tmp/out 2>&1 & program=$!")
        until(d.vm, "^focus 1")
        press(d.vm, "a")
        until(d.vm, "^key 61 'a' down mods 0")
        press(d.vm, "c")
        until(d.vm, "^key 63 '' up")
        press(d.vm, "v")
        until(d.vm, "^pasted 'some text'")
        press(d.vm, "q")
        d.vm.run("wait $program; tail -n 1 /tmp/out | grep done")


def test_a_thousand_windows():
    """Nothing of a window is left when it is closed."""
    with desktop() as d:
        d.vm.run("windows cycle 3 >/tmp/out 2>&1; grep done /tmp/out")
        before = d.counters()
        assert d.vm.run("windows cycle 1000 >/tmp/out 2>&1; tail -n 1 /tmp/out", 600) == "done\n"
        after = d.counters()
        for name in ("contexts", "objects", "framebuffers"):
            assert after[name] == before[name], (name, before, after)


def programs(**options):
    with desktop(**options) as d:
        for name, (background, size) in PROGRAMS.items():
            d.vm.run(f"{name} >/tmp/out 2>&1 & program=$!")
            d.when(lambda screen: colours(screen).get(background, 0) > size // 3, name)
            d.vm.run("kill -0 $program && kill $program; wait $program || true")
            d.when(lambda screen: colours(screen).get(background, 0) < size // 3, f"{name} stays")


def test_programs_by_the_gpu():
    programs()


def test_programs_by_the_cpu():
    programs(gpu="2d")


def test_what_is_missing_is_named():
    with desktop() as d:
        d.vm.run("rm -r /usr/share/fonts")
        font = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
        assert d.vm.sh("btop 2>&1") == (f"btop: {font}: No such file or directory\n", 1)
        assert d.vm.sh("XDG_RUNTIME_DIR=/tmp bounce 2>&1") == ("bounce: the compositor: No such file or directory\n", 1)


if __name__ == "__main__":
    main()
