"""Rows of the desktop: user/bwm and its clients, the same programs on both kernels, on a card that draws by VirGL.

What is shown is counted where it leaves the guest, in QEMU's trace: a flush of the display's picture is a frame, and a
key that QEMU is given is a key that a person pressed. So neither kernel nor bwm takes part in the counting.
"""
import re
import time

from lab import Events, Failed, median
from measure import EOIR, HALF, Pair, number, results, slope, writes

# How many windows are drawn anew in each frame, and how many frames are measured.
WINDOWS = {1: 100, 8: 40, 32: 15}
LINES = 25000           # that scroll through the terminal; four times as many are the other end of the slope
KEYS = 20
BOUNCE_SECONDS = 5
REST = 0.06             # seconds after which bwm has no reason any more to wait with a frame
NAMES = [*(f"{kind}_{n}" for kind in ("gpu", "gpu_rate") for n in WINDOWS), "scroll", "scroll_s", "key", "key_p50",
         "bounce", "bounce_cpu", "desk_wakes", "desk_irqs"]
FAST = "-r 1000"        # not the display's rate but what the machine can do


def desktop(options=""):
    """A begin for Pair: bwm, which is $bwm."""
    def begin(g):
        g.run("export XDG_RUNTIME_DIR=/tmp WAYLAND_DISPLAY=wayland-0 LANG=C.UTF-8")
        g.run("mkdir -p /dev/pts; mount -t devpts devpts /dev/pts")
        g.run("mkfifo /tmp/ask /tmp/answer /tmp/scroll /tmp/scrolled")
        g.run(f"bwm {options} >/tmp/bwm.log 2>&1 & bwm=$!; until [ -S /tmp/wayland-0 ]; do "
              "kill -0 $bwm || { cat /tmp/bwm.log; break; }; usleep 20000; done; kill -0 $bwm")
        g.windows, g.programs = 0, []
        shown(g)
    return begin


def have(g, program):
    """Start it if it is not there, and wait until its window is drawn. $programs are the processes."""
    if program not in g.programs:
        log = f"/tmp/program{len(g.programs)}.log"
        g.run(f'{program} >{log} 2>&1 & programs="$programs $!"')
        shown(g)
        g.run(f"kill -0 $! || {{ cat {log}; false; }}")
        g.programs.append(program)


def shown(g, limit=60):
    """Wait until something new is shown, and then nothing any more for a while: a program has drawn its window."""
    end, rest, seen = time.monotonic() + limit, 0, False
    while rest < 10:
        time.sleep(REST)
        frames = g.events.frames()
        seen = seen or frames > 0
        rest = rest + 1 if seen and not frames else 0
        if time.monotonic() > end:
            raise Failed(f"no window came: {g.run('cat /tmp/*.log')[-300:]}")


# ---- frames --------------------------------------------------------------------------

def ask(g, line):
    """A line for panes; the client's answer comes when the compositor has shown it."""
    g.run(f'echo "{line}" >&7; read -r answer <&8; case $answer in "done "*) ;; *) echo "$answer"; false ;; esac', 300)


def windows_of(g, count):
    """A client with so many windows, and no other."""
    if g.windows == count:
        return
    if g.windows:
        g.run("exec 7>&- 8<&-; wait $panes")
    g.run("panes </tmp/ask >/tmp/answer & panes=$!; exec 7>/tmp/ask 8</tmp/answer")
    for i in range(count):
        ask(g, f"open {i} gpu 400 300 ff204060")
    g.windows = count


def animate(windows):
    """A unit of work: a frame of so many windows of 400x300, each drawn by its client on the GPU, composed by bwm."""
    def work(g, n):
        windows_of(g, windows)
        g.events.frames()
        began = time.monotonic()
        ask(g, f"animate {windows} {n}")
        g.drawn = time.monotonic() - began
        g.settle()
        frames = g.events.frames()
        if abs(frames - n) > 1 + n / 50:
            raise Failed(f"{n} frames were asked for, {frames} were shown")
        return n
    return work


def rate(work, n):
    """A measure for each(): units a second, without what is done once."""
    def measure(g):
        work(g, n)
        once = g.drawn
        work(g, 4 * n)
        if g.drawn <= once:
            raise Failed("the machine was too busy to be measured")
        return 3 * n / (g.drawn - once)
    return measure


def frame_rows(b):
    """What the kernel does for each, and how many there are a second."""
    for kind, plugin in (("gpu", "count"), ("gpu_rate", "")):
        if not b.wants(*(f"{kind}_{w}" for w in WINDOWS)):
            continue
        with Pair(b, plugin=plugin, begin=desktop(FAST), **KIND) as p:
            for windows, n in WINDOWS.items():
                if not b.wants(f"{kind}_{windows}"):
                    continue
                n, work = b.n(n), animate(windows)
                reps = min(b.reps, 2) if plugin else b.reps if b.scale < 1 else max(5, b.reps)
                title = f"Frame of the desktop with {windows} window{'s' * (windows > 1)} drawn anew"
                p.each(lambda g: work(g, n), 1)
                if plugin:
                    b.add(f"gpu_{windows}", f"{title}, the kernel's part", "instructions/frame",
                          results(p.each(slope(work, n), reps), lambda r: r[1], total=lambda r: r[0]), HALF)
                else:
                    b.add(f"gpu_rate_{windows}", title, "frames/s", results(p.each(rate(work, n), reps)), 1,
                          higher=True)


# ---- the terminal ----------------------------------------------------------------------

def scroll(g, n):
    """A unit of work: a line of text that a program writes and the terminal takes and shows."""
    have(g, "bterm /bin/scroll")
    began = time.monotonic()
    g.run(f"echo {n} >/tmp/scroll; read -r scrolled </tmp/scrolled; [ $scrolled = {n} ]", 600)
    g.drawn = time.monotonic() - began
    return n


def press(g):
    """Seconds from a key until the frame that shows its letter."""
    time.sleep(REST)
    g.events.read()
    pressed, end = None, time.monotonic() + 30
    g.qmp("input-send-event", events=[key(True)])
    while time.monotonic() < end:
        for at, name, _ in g.events.read():
            if name == Events.KEY:
                pressed = at
            elif pressed:
                g.qmp("input-send-event", events=[key(False)])
                return at - pressed
        time.sleep(0.001)
    raise Failed("a key was not shown")


def key(down):
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": "a"}}}


def keys(g, n):
    """A unit of work: a key pressed and let go, and its letter shown."""
    have(g, "bterm busybox cat")
    for _ in range(n):
        press(g)
    return n


# ---- programs that draw all the time -----------------------------------------------------

def bounce(g):
    """Have it, as $bounce; it never rests."""
    if "bounce" not in g.programs:
        g.run("bounce >/tmp/bounce.log 2>&1 & bounce=$!")
        time.sleep(2)
        g.run("kill -0 $bounce || { cat /tmp/bounce.log; false; }")
        g.programs.append("bounce")
        g.events.frames()


def bounce_frame(g):
    """(the kernel's instructions, all) a frame."""
    before, _ = g.counters.instructions(), g.events.frames()
    time.sleep(BOUNCE_SECONDS)
    after, frames = g.counters.instructions(), g.events.frames()
    if frames < BOUNCE_SECONDS:
        raise Failed(f"{frames} frames in {BOUNCE_SECONDS} s")
    return (after[0] - before[0]) / frames, (sum(after) - sum(before)) / frames


def bounce_share(g):
    """(percents of the CPU, frames a second)"""
    def ticks():
        return sum(int(n) for n in g.run("cat /proc/$bounce/stat").rpartition(")")[2].split()[11:13])
    before, began, _ = ticks(), time.monotonic(), g.events.frames()
    time.sleep(BOUNCE_SECONDS)
    after, frames, wall = ticks(), g.events.frames(), time.monotonic() - began
    return (after - before) / wall, frames / wall       # there are 100 ticks a second: USER_HZ


def program_rows(b):
    """In one pair of guests what is counted, and in another one what takes time."""
    lines, presses = b.n(LINES), b.n(KEYS)
    if b.wants("scroll", "key", "bounce"):
        with Pair(b, plugin="count", begin=desktop(), **KIND) as p:
            for name, work, n, title, unit in (
                    ("scroll", scroll, lines, f"Line of {4 * lines:,} that scroll through the terminal", "line"),
                    ("key", keys, presses, "Key typed in the terminal and shown", "key")):
                if b.wants(name):
                    p.each(lambda g: work(g, n // 10 + 1), 1)
                    b.add(name, f"{title}, the kernel's part", f"instructions/{unit}",
                          results(p.each(slope(work, n), min(b.reps, 2)), lambda r: r[1], total=lambda r: r[0]), HALF)
            if b.wants("bounce"):
                p.each(bounce, 1)
                b.add("bounce", "Frame of bounce, 16 spheres, the kernel's part", "instructions/frame",
                      results(p.each(bounce_frame, min(b.reps, 2)), lambda r: r[0], total=lambda r: r[1]), HALF)
    if b.wants("scroll_s", "key_p50", "bounce_cpu"):
        with Pair(b, begin=desktop(), **KIND) as p:
            if b.wants("scroll_s"):
                def seconds(g):
                    scroll(g, 4 * lines)
                    return g.drawn
                p.each(lambda g: scroll(g, lines // 10), 1)
                b.add("scroll_s", f"{4 * lines:,} lines scroll through the terminal", "s",
                      results(p.each(seconds, b.reps)), 1)
            if b.wants("key_p50"):
                p.each(lambda g: keys(g, 3), 1)
                b.add("key_p50", "From a key to the frame that shows it in the terminal, median", "µs",
                      results(p.each(lambda g: median([press(g) for _ in range(2 * presses)]) * 1e6, b.reps)), 1)
            if b.wants("bounce_cpu"):
                p.each(bounce, 1)
                runs = p.each(bounce_share, b.reps)
                note = ", ".join(f"{number(median([r[1] for r in v]))} on {k.capitalize()}" for k, v in runs.items()
                                 if isinstance(v, list))
                b.add("bounce_cpu", "bounce's share of the CPU, at the display's rate", "%",
                      results(runs, lambda r: r[0]), 1, note=note and f"frames a second: {note}")


# ---- at rest ------------------------------------------------------------------------------

def idle_rows(b):
    """A minute of a desktop that nobody touches, with one change of its clock in the middle."""
    if not b.wants("desk_wakes", "desk_irqs"):
        return

    def now(g):
        have(g, "bterm busybox cat")
        have(g, "blog")
        said = g.run("for process in $bwm $programs; do cat /proc/$process/status; done")
        wakes = sum(int(n) for n in re.findall(r"(?m)^voluntary_ctxt_switches:\s*(\d+)", said))
        return wakes, writes(g, "gic_cpu", EOIR)

    def half_past(g):
        g.run("date -s @1800000030")
        time.sleep(2)
        return now(g)
    with Pair(b, plugin="io", begin=desktop(), **KIND) as p:
        p.each(now, 1)                          # both are there before the minute begins
        before = p.each(half_past, 1)
        time.sleep(60)
        after = p.each(now, 1)
    runs = {k: next((r for r in (before[k], after[k]) if isinstance(r, Exception)), None) or
            [[y - x for x, y in zip(before[k][0], after[k][0])]] for k in after}
    b.add("desk_wakes", "Idle desktop for a minute with one change of its clock: wake-ups of bwm, bterm and blog",
          "wake-ups", results(runs, lambda r: r[0], rare=True), 2, absolute=True)
    b.add("desk_irqs", "The same: interrupts", "interrupts", results(runs, lambda r: r[1], rare=True), 1)


KIND = {"serve": False, "gpu": "virgl", "initrd": "desktop"}
GROUPS = (frame_rows, program_rows, idle_rows)
