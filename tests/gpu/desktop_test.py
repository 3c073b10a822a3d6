#!/usr/bin/env python3
# limit: 1800
"""The desktop as a person uses it: keys and pointer by QMP, windows of wlclient, and the picture that is then shown."""
import itertools
import os
import re
import socket
import tempfile
import time

from gputest import LIMIT, MODULES, USB_MODULES, Vm, VmError, _read, host_errors, main, qemu

import texts
import vmtest

FILES = {"bin/wlclient": qemu.built("gpu", "wlclient"), "bin/scanout": qemu.built("user", "scanout"),
         "bin/keydown": qemu.built("guest", "keydown"),
         "etc/inittab": b"::respawn:-/bin/sh\n"}
SCREEN = 640, 480
TERMINAL = 0x14181c     # bterm's background
RED, GREEN, BLUE = 0xff0000, 0x00ff00, 0x0000ff
# What user/bwm/shell_parts.h says.
TITLE, BORDER, BAR = 28, 4, 36
TERMINAL = 0x14181c     # bterm's background
SKY = 0x20304c          # the wallpaper's first row, as user/bwm/wallpaper.c draws it
BUTTONS = {"close": 17, "maximise": 43, "minimise": 69}     # from the frame's right edge to their middles
LEFT, RIGHT, MIDDLE = 0x110, 0x111, 0x112


class Picture:
    def __init__(self, width, height, data):
        self.width, self.height, self.data = width, height, data

    def at(self, x, y):
        return int.from_bytes(self.data[(y * self.width + x) * 3:][:3], "big")

    def box(self, colour):
        """Left, top, right, bottom of what has this colour, or None."""
        pixel = colour.to_bytes(3, "big")
        rows = []
        for y in range(self.height):
            row = self.data[y * self.width * 3:(y + 1) * self.width * 3]
            left = row.find(pixel)
            while left >= 0 and left % 3:
                left = row.find(pixel, left + 1)
            if left < 0:
                continue
            right = row.rfind(pixel)
            while right % 3:
                right = row.rfind(pixel, 0, right + 2)
            rows.append((left // 3, y, right // 3 + 1))
        if not rows:
            return None
        return min(r[0] for r in rows), rows[0][1], max(r[2] for r in rows), rows[-1][1] + 1

    def part(self, left, top, right, bottom):
        return [self.data[(y * self.width + left) * 3:(y * self.width + right) * 3] for y in range(top, bottom)]


class Desktop(vmtest.Person):
    """A machine with a running bwm. Clients' names are their colours' here, too."""

    def __init__(self, vm, port):
        super().__init__(vm, *SCREEN)
        vm.boot()
        self.shown = socket.socket(socket.AF_UNIX)
        self.shown.settimeout(LIMIT)
        self.shown.connect(port)
        vm.run("until grep -qsx test.scanout /sys/class/virtio-ports/*/name; do usleep 10000; done")
        vm.run("scanout --serve test.scanout & export XDG_RUNTIME_DIR=/tmp WAYLAND_DISPLAY=wayland-0")
        vm.run("bwm >/tmp/bwm.log 2>&1 & bwm=$!; (until [ -S /tmp/wayland-0 ]; do "
               "kill -0 $bwm || { cat /tmp/bwm.log; exit 1; }; sleep 0.05; done)")
        # Clients may come before its first frame is shown, a test's "before" may not. The CPU draws it while it is looked at,
        # from the top.
        self.until(lambda p: p.at(0, 0) == SKY and p.at(SCREEN[0] - 1, SCREEN[1] - 1) != 0)

    def picture(self):
        """What the display shows, by user/scanout."""
        self.shown.sendall(b"picture\n")
        data = b""
        while b"\n" not in data:
            data += self.shown.recv(1 << 16)
        head, _, data = data.partition(b"\n")
        head = head.split(b" ", 1)[1]
        assert head[0:1].isdigit(), head
        width, height = map(int, head.split(b"x"))
        while len(data) < width * height * 3:
            data += self.shown.recv(1 << 20)
        return Picture(width, height, data)

    def until(self, right):
        """The picture once it is as it should be: what right() gives of it."""
        end = time.monotonic() + LIMIT
        while True:
            picture = self.picture()
            found = right(picture)
            if found:
                return found
            if time.monotonic() > end:
                raise VmError(f"the picture never became what it should be\n{self.vm.run('cat /tmp/bwm.log')}")

    def box(self, colour, *wanted):
        """Where the client's window is, once it is seen there, or anywhere."""
        return self.until(lambda p: (not wanted or p.box(colour) == wanted[0]) and p.box(colour))

    def gone(self, colour):
        self.until(lambda p: not p.box(colour))

    def start(self, name, colour, width=200, height=120):
        self.vm.begin(f"wlclient {name} {colour:06x} {width} {height} &", rf"^{name} focus 1\n")
        return self.until(lambda p: (b := p.box(colour)) and (b[2] - b[0], b[3] - b[1]) == (width, height) and b)

    def heard(self, name, what):
        return self.vm.wait(rf"^{name} {what}\n")

    def bring(self, colour, box, x, y):
        """Take the window with this box there, by its title; where it is then."""
        self.drag(box[0] + 40, box[1] - TITLE // 2, x + 40, y - TITLE // 2)
        return self.box(colour, (x, y, x + box[2] - box[0], y + box[3] - box[1]))

    def frame_button(self, box, which):
        """Click on a button of the frame around this window."""
        self.click(box[2] + BORDER - BUTTONS[which], box[1] - TITLE // 2)


def desktop(test, gpu, **options):
    device = {"2d": "virtio-gpu-device", "virgl": "virtio-gpu-gl-device"}[gpu]
    args = [word for side, n in zip("xy", SCREEN) for word in ("-global", f"{device}.{side}res={n}")]
    args += ["-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci", *options.pop("args", ())]
    files = {name: _read(path) if isinstance(path, str) else path for name, path in
             {**FILES, **options.pop("files", {})}.items()}
    with tempfile.TemporaryDirectory() as at:
        port = os.path.join(at, "scanout")
        args += ["-device", "virtio-serial-pci", "-chardev", f"socket,id=scanout,path={port},server=on,wait=off",
                 "-device", "virtserialport,chardev=scanout,name=test.scanout"]
        modules = *MODULES, "virtio_console", *options.pop("modules", ())
        with Vm(net="none", gpu=gpu, files=files, modules=modules, args=args, mem="512M",
                archives=[qemu.built("desktop.cpio")], **options) as vm:
            run(test, vm, port)


def run(test, vm, port):
    test(Desktop(vm, port))
    assert not host_errors(vm), host_errors(vm)


def everywhere(test, **options):
    """By the CPU and by VirGL."""
    for gpu in ("2d", "virgl"):
        desktop(test, gpu, **options)


# ---- windows ---------------------------------------------------------------------------------

def by_mouse(d):
    red = d.start("red", RED)

    # Moved by its title, by just as much as the pointer.
    x, y = red[0] + 40, red[1] - TITLE // 2
    d.drag(x, y, 60, 80)
    red = d.box(RED, (red[0] + 60 - x, red[1] + 80 - y, red[2] + 60 - x, red[3] + 80 - y))

    # By any place of it with alt. What two devices say at one time has no order: the key is waited for.
    d.hold("alt")
    d.heard("red", "modifiers 8")
    d.drag(red[0] + 100, red[1] + 60, red[0] + 110, red[1] + 85)
    red = d.box(RED, (red[0] + 10, red[1] + 25, red[2] + 10, red[3] + 25))
    d.let_go("alt")
    d.heard("red", "modifiers 0")

    # Resized by its corner, then by its left edge: the other edges stay.
    d.drag(red[2] + 1, red[3] + 1, red[2] + 51, red[3] + 31)
    d.heard("red", "size 250 150")
    red = d.box(RED, (red[0], red[1], red[2] + 50, red[3] + 30))
    d.drag(red[0] - 2, red[1] + 60, red[0] + 18, red[1] + 70)
    d.heard("red", "size 230 150")
    red = d.box(RED, (red[0] + 20, red[1], red[2], red[3]))

    # The one below comes up when it is pressed, and hears of the press.
    blue = d.start("blue", BLUE, 300, 200)
    x, y = red[0] - 40, red[1] + 60
    d.bring(BLUE, blue, x, y)
    d.until(lambda p: p.at(red[0] + 50, red[1] + 80) == BLUE)
    d.click(red[0] + 100, red[1] + 10)
    d.heard("red", f"button {LEFT} 1")
    d.heard("red", f"button {LEFT} 0")
    d.until(lambda p: p.at(red[0] + 50, red[1] + 80) == RED)

    # Minimised by its frame's button or the task bar's, which is the first, and brought back by that.
    d.frame_button(red, "minimise")
    for again in True, False:
        d.gone(RED)
        d.heard("red", "focus 0")
        d.click(120, SCREEN[1] - BAR // 2)
        d.box(RED, red)
        d.heard("red", "focus 1")
        if again:
            d.click(120, SCREEN[1] - BAR // 2)

    # Maximised, and back.
    d.frame_button(red, "maximise")
    d.heard("red", f"size {SCREEN[0]} {SCREEN[1] - BAR - TITLE}")
    full = d.box(RED, (0, TITLE, SCREEN[0], SCREEN[1] - BAR))
    d.click(full[2] - BUTTONS["maximise"], TITLE // 2)
    d.box(RED, red)
    d.frame_button(red, "close")
    d.heard("red", "close")
    d.gone(RED)


def test_by_mouse():
    everywhere(by_mouse)


def by_keys(d):
    red = d.start("red", RED)
    d.press("a")
    d.heard("red", "key 30 1")
    d.heard("red", "key 30 0")
    d.press("shift", "b")
    d.heard("red", "modifiers 1")
    d.heard("red", "key 48 1")
    d.heard("red", "modifiers 0")
    d.start("blue", BLUE)

    # Alt-tab goes to the one before and back; the clients see alt, and no Tab.
    d.press("alt", "tab")
    d.heard("red", "focus 1")
    d.press("alt", "tab")
    d.heard("blue", "focus 1")
    d.press("alt", "tab")
    d.heard("red", "focus 1")
    assert "red key 15" not in d.vm.console and "blue key 15" not in d.vm.console

    # Moved and resized by arrows.
    d.press("alt", "f7")
    for _ in range(2):
        d.press("right")
    d.press("down")
    d.press("ret")
    red = d.box(RED, (red[0] + 32, red[1] + 16, red[2] + 32, red[3] + 16))
    d.press("alt", "f7")
    d.press("left")
    d.press("esc")
    d.press("alt", "f8")
    d.press("right")
    d.heard("red", "size 216 120")
    d.press("ret")
    red = d.box(RED, (red[0], red[1], red[2] + 16, red[3]))
    d.press("alt", "f10")
    d.heard("red", "maximised 1")
    d.press("alt", "f10")
    d.heard("red", "maximised 0")
    d.press("alt", "f11")
    d.box(RED, (0, 0, *SCREEN))
    d.press("alt", "f11")
    d.box(RED, red)
    d.press("alt", "f9")
    d.gone(RED)
    d.press("alt", "f4")
    d.heard("blue", "close")
    d.press("alt", "tab")
    d.box(RED, red)
    d.press("alt", "f4")
    d.heard("red", "close")
    assert not re.search("red key (59|6[0-8]) 1", d.vm.console)


def test_by_keys():
    everywhere(by_keys)


def plugged(d):
    """A keyboard that comes is used at once; what was held on it is let go when it goes, and the others go on."""
    d.start("red", RED)
    devices = "ls -l /proc/$bwm/fd | grep -c /dev/input/"
    d.vm.run(f"before=$({devices})")
    for _ in range(2):
        d.vm.qmp("device_add", driver="usb-kbd", id="plugged")
        d.vm.run(f"until [ $({devices}) -gt $before ]; do sleep 0.1; done")
        d.press("a")
        d.heard("red", "key 30 1")
        d.heard("red", "key 30 0")
        d.hold("b")
        d.heard("red", "key 48 1")
        d.vm.qmp("device_del", id="plugged")
        d.heard("red", "key 48 0")
        d.vm.run(f"until [ $({devices}) -eq $before ]; do sleep 0.1; done")
        d.press("c")
        d.heard("red", "key 46 1")
        d.heard("red", "key 46 0")


def test_plugged():
    desktop(plugged, "2d", args=("-device", "qemu-xhci"), modules=USB_MODULES)


# ---- the launcher ------------------------------------------------------------------------------

APPLICATIONS = {f"usr/share/applications/{name}.desktop": text.encode() for name, text in (
    ("red", "# A comment\n[Desktop Entry]\nType=Application\nName=Red window\nExec=wlclient red ff0000 200 120 %U\n"
            "[Desktop Action new]\nName=Another\nExec=false\n"),
    ("blue", "[Desktop Entry]\nName = Blue window\nExec = wlclient blue 0000ff 200 120\n"),
    ("text", "[Desktop Entry]\nName=Above, in a terminal\nTerminal=true\nExec=sh -c \"tty >/tmp/tty; sleep 1000\"\n"),
    ("hidden", "[Desktop Entry]\nName=Above all\nExec=false\nNoDisplay=true\n"))}


def launched(d):
    before = d.picture()
    d.click(40, SCREEN[1] - BAR // 2)
    d.until(lambda p: p.part(0, 300, 240, SCREEN[1] - BAR) != before.part(0, 300, 240, SCREEN[1] - BAR))
    d.press("esc")
    d.until(lambda p: p.part(0, 300, 240, SCREEN[1] - BAR) == before.part(0, 300, 240, SCREEN[1] - BAR))
    # By letter and Enter, and by the pointer: the last one of the list is just above the bar.
    d.press("meta_l")
    d.press("b")
    d.press("ret")
    d.box(BLUE)
    d.click(40, SCREEN[1] - BAR // 2)
    d.click(60, SCREEN[1] - BAR - 14)
    d.box(RED)
    # What wants a terminal has one, in a window.
    d.press("meta_l")
    d.press("a")
    d.press("ret")
    d.vm.run("(until grep /dev/pts/ /tmp/tty; do usleep 10000; done) 2>/dev/null")
    d.until(lambda p: (b := p.box(TERMINAL)) and b[2] - b[0] > 300)


def test_launcher():
    def only_these(d):
        d.vm.run("cd /usr/share/applications; "
                 "for f in *; do case $f in red.*|blue.*|text.*|hidden.*) ;; *) rm $f ;; esac; done")
        launched(d)
    everywhere(only_these, files=APPLICATIONS)


# ---- what clients hear ----------------------------------------------------------------------------

def pointed(d):
    red = d.start("red", RED)
    d.point(red[0] + 5, red[1] + 7)
    d.heard("red", "(pointer 1|at) 5 7")
    d.button("wheel-down", True)
    d.heard("red", "wheel 1")
    d.button("wheel-up", True)
    d.heard("red", "wheel -1")
    # A button that is held keeps the pointer, outside of the window, too.
    d.button("left", True)
    d.heard("red", f"button {LEFT} 1")
    d.point(red[2] + 40, red[3] + 50)
    d.heard("red", f"at {red[2] - red[0] + 40} {red[3] - red[1] + 50}")
    d.button("left", False)
    d.heard("red", f"button {LEFT} 0")
    d.heard("red", "pointer 0 .*")


def ordered(d):
    """What keyboard and pointer say while bwm hears nothing is in the order in which it was done."""
    red = d.start("red", RED)
    d.point(red[0] + 5, red[1] + 7)
    d.heard("red", "(pointer 1|at) 5 7")
    d.vm.run("kill -STOP $bwm; until grep -q '^State:.T' /proc/$bwm/status; do usleep 10000; done")
    left, shift, ctrl = (d.button, "left", LEFT), (d.key, "shift", 42), (d.key, "ctrl", 29)
    for (do, name, code), down in (shift, 1), (left, 1), (shift, 0), (left, 0), (left, 1), (ctrl, 1), (ctrl, 0), (left, 0):
        do(name, down)
        d.vm.run(f"until keydown {code}; [ $? = {1 - down} ]; do usleep 10000; done")
    order = (f"modifiers 1,button {LEFT} 1,modifiers 0,button {LEFT} 0,"
             f"button {LEFT} 1,modifiers 4,modifiers 0,button {LEFT} 0").split(",")
    d.vm.begin("kill -CONT $bwm", "^" + r"(?:.*\n)*?".join(f"red {what}\n" for what in order))


def pasted(d):
    red = d.start("red", RED)
    d.press("ctrl", "c")
    d.heard("red", "copied")
    blue = d.start("blue", BLUE)
    d.press("ctrl", "v")
    d.heard("blue", "pasted text of red")
    d.heard("blue", "marked text of red")
    # What was copied goes with its owner.
    d.press("ctrl", "c")
    d.heard("blue", "copied")
    d.press("alt", "f4")
    d.heard("blue", "close")
    d.heard("red", "focus 1")
    d.press("ctrl", "v")
    d.heard("red", "pasted nothing")
    assert red and blue


def dragged(d):
    d.bring(RED, d.start("red", RED), 10, 40 + TITLE // 2)
    d.bring(BLUE, d.start("blue", BLUE), 310, 240 + TITLE // 2)
    d.point(340, 300)
    d.button("middle", True)
    d.point(60, 100)
    d.heard("red", "over")     # who lets go before is refused
    d.button("middle", False)
    d.heard("red", "dropped text of blue")
    d.heard("blue", "dragged")


def popups(d):
    """A press outside of them ends them: on the wallpaper, on another client's window."""
    red = d.bring(RED, d.start("red", RED), 10, 40 + TITLE // 2)
    blue = d.bring(BLUE, d.start("blue", BLUE), 360, 240 + TITLE // 2)
    for x, y in (5, 5), (blue[0] + 100, blue[1] + 100):
        d.click(red[0] + 20, red[1] + 20, "right")
        d.heard("red", "popup 1")
        d.box(0xffffff & ~RED)
        d.click(x, y)
        d.heard("red", "popup 0")
        d.gone(0xffffff & ~RED)
    # That is all that such a press does: the keyboard is the window's again whose popup it was.
    d.press("a")
    d.heard("red", "key 30 1")


# ---- at rest --------------------------------------------------------------------------------------

def clock(picture):
    """Of the task bar."""
    return picture.part(SCREEN[0] - 65, SCREEN[1] - BAR, *SCREEN)


def sleeps(d):
    """How often bwm and each client have gone to sleep so far, now that they all do."""
    d.vm.run("for p in $bwm $clients; do until grep -q '^State:.S' /proc/$p/status; do usleep 10000; done; done")
    text = d.vm.run("for p in $bwm $clients; do grep ^voluntary /proc/$p/status; done")
    return [int(line.split()[1]) for line in text.splitlines()]


def idle(d):
    """Nothing wakes clients that have nothing to do, and bwm only the clock, once a minute."""
    d.start("red", RED)
    d.vm.run("clients=$!; for p in 'bterm cat' blog; do $p & clients=\"$clients $!\"; done")
    d.until(lambda p: p.box(TERMINAL))
    shown, before = clock(d.picture()), None
    # They have begun when a frame goes by in which no client wakes. The first hour is not the one that is shown.
    for hour in itertools.count(time.gmtime().tm_hour + 1):
        d.vm.run(f"date -s '2027-01-15 {hour % 24}:01:05'")
        d.until(lambda p: clock(p) != shown)
        now = sleeps(d)
        shown = clock(d.picture())              # of which only a part may have been there before bwm slept
        if before and now[1:] == before[1:]:
            break
        before = now
    d.vm.run(f"date -s '2027-01-15 {hour}:00:45'")
    d.until(lambda p: clock(p) != shown or d.vm.run("date +%M") == "01\n")
    before = sleeps(d)
    d.until(lambda p: clock(p) == shown)
    after = sleeps(d)
    assert after[1:] == before[1:], (before, after)
    # To draw the clock: its timer, the frame's, and the ends of both frames.
    assert after[0] - before[0] <= 6, (before, after)


def test_idle():
    desktop(idle, "virgl")


def test_idle_by_the_cpu():
    desktop(idle, "2d")


FACE = texts.Face(qemu.built("pkg", "fonts-dejavu-core", "usr", "share", "fonts", "truetype", "dejavu", "DejaVuSans.ttf"), 17)
STATUS, DIM = 130, 0x9aa7b5


def load(picture):
    """What the task bar tells of it."""
    width = FACE.width("0.00")
    x = SCREEN[0] - STATUS + (STATUS // 2 - width) / 2
    base = SCREEN[1] - BAR + (BAR - FACE.ascent - FACE.descent) / 2 + FACE.ascent

    def rgb(x, y):
        return tuple(picture.data[3 * (y * picture.width + x):][:3])
    # Each of the bar's rows is of one colour but for what stands on it.
    return FACE.read(rgb, "0123456789.", x, base, DIM, lambda _, y: rgb(SCREEN[0] - STATUS + 2, y), 4)


def loaded(d):
    """The bar tells the load as the kernel has it when the clock's minute ends, or the clock is set."""
    read = "cut -d ' ' -f 1 /proc/loadavg"
    d.vm.run("busy=; for i in 1 2; do sh -c 'while :; do :; done' & busy=\"$busy $!\"; done")
    d.vm.run(f"until case $({read}) in 0.[0-2]?) false ;; *) true ;; esac; do sleep 1; done", 300)
    shown = clock(d.picture())
    for hour in itertools.count(time.gmtime().tm_hour + 1):
        # It changes every five seconds, and only grows: if it is the same before and after, it was so in between.
        before = d.vm.run(read)
        d.vm.run(f"date -s '2027-01-15 {hour % 24}:01:05'")
        d.until(lambda p: clock(p) != shown)
        shown = clock(d.picture())      # of which only a part may have been there
        if d.vm.run(read) == before:
            break
    d.until(lambda p: load(p) == before.strip())
    d.vm.run("kill $busy; wait $busy || [ $? = 143 ]")


def test_the_load_by_the_gpu():
    desktop(loaded, "virgl")


def test_the_load_by_the_cpu():
    desktop(loaded, "2d")


def clients(d):
    for each in pointed, ordered, pasted, dragged, popups:
        each(d)
        d.vm.run("killall wlclient")
        d.gone(RED)
        d.gone(BLUE)


def test_clients():
    everywhere(clients)


if __name__ == "__main__":
    main()
