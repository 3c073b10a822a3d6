"""A machine with the desktop's programs, for tests of the window manager and of programs with windows.

Desktop boots it and starts bwm; Panes is a client of windows of one colour (tests/gpu/guest/panes.c) that a test drives;
picture() is what the display shows, to be compared with a Screen, on which a test paints what should be there.
"""
import base64
import gzip
import os
import re
import subprocess
import tempfile
import time

from gputest import LIMIT, TOP, Vm, VmError, host_errors, machine, qemu  # noqa: F401

PANES = qemu.built("gpu", "panes")
ENVIRONMENT = "export XDG_RUNTIME_DIR=/run LANG=C.UTF-8"
# What unmodified programs of Debian's look for.
FOOT = "usr/bin/foot", "etc/fonts", "usr/share/fontconfig", "usr/share/terminfo", "usr/lib/locale/C.utf8"
WIDTH, HEIGHT = 1280, 800
WORK_HEIGHT = 764           # above the task bar, where the clock goes on
FIRST, STEP = 32, 32        # where bwm puts windows without a frame: the n-th at FIRST + n * STEP, both ways


def archive(at, programs=(), also=()):
    """The path of the desktop's part of the initramfs, without the inittab."""
    path = os.path.join(at, "desktop.cpio")
    words = [os.path.join(TOP, "tools", "mkdesktop"), "--root", qemu.built("desktop"), "--no-inittab"]
    words += [f"--program={qemu.built('desktop-bin', 'bwm')}", f"--program={PANES}", *(f"--program={p}" for p in programs)]
    subprocess.run([*words, *(f"--also={p}" for p in also), path], check=True)
    return path


class Desktop:
    """A context: a booted machine on which bwm runs. vm: the machine."""

    errors_expected = False

    def __init__(self, gpu="virgl", programs=(), also=(), start=True, **options):
        options.setdefault("mem", "1G")
        with tempfile.TemporaryDirectory() as at:
            part = archive(at, programs, also)
            self.vm = machine(gpu=gpu, archives=[part], programs=[qemu.built("user", "scanout")], **options)
        try:
            self.vm.boot()
            self.vm.run(ENVIRONMENT)
            if start:
                self.start()
        except BaseException:
            self.vm.close()
            raise

    def start(self):
        self.vm.run("bwm >/tmp/bwm.log 2>&1 & bwm=$!")
        self.vm.run("(until [ -S /run/wayland-0 ]; do kill -0 $bwm || { cat /tmp/bwm.log; exit 1; }; usleep 10000; done)")

        self.empty = self.without_windows()

    def without_windows(self):
        """The picture when bwm has begun to draw: a window is there, and then no more."""
        panes = Panes(self)
        panes.do("open 0 shm 8 8 ff010203")
        panes.leave()
        return self.when(lambda screen: not any(b"\1\2\3" in screen.row(FIRST, FIRST + y, 8) for y in range(8)),
                         "a window stays")

    def when(self, right, what, picture=None):
        """The display's picture as soon as it is right; frames come when bwm draws them."""
        end = time.monotonic() + LIMIT
        while True:
            screen = (picture or self.picture)()
            if right(screen):
                return screen
            assert time.monotonic() < end, what

    def shows(self, want, what):
        """Wait until the display shows this."""
        told = []

        def right(screen):
            told[:] = [want.differs(screen)]
            return not told[0]
        try:
            self.when(right, what)
        except AssertionError:
            raise AssertionError(f"{what}: {told[0]}") from None

    def alive(self):
        out, status = self.vm.sh("kill -0 $bwm")
        assert status == 0, out + self.vm.run("cat /tmp/bwm.log; wait $bwm || echo bwm ended with status $?")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.alive()
                assert self.errors_expected or not host_errors(self.vm), host_errors(self.vm)
        finally:
            self.vm.close()

    def picture(self):
        """{x, y} of the display as bytes, three a pixel: a Screen."""
        screen = self.picture_if_any()
        assert screen, "nothing is shown"
        return screen

    def picture_if_any(self):
        """The same, or None while nothing is shown."""
        self.alive()
        out, status = self.vm.sh("scanout 2>&1 >/tmp/picture")
        if status and re.search("No data available|No such file", out):
            return None
        assert status == 0, out
        raw = gzip.decompress(base64.b64decode(self.vm.run("gzip -1 </tmp/picture | base64")))
        head, pixels = raw.split(b"\n", 1)
        width, height = map(int, head.split(b"x"))
        assert len(pixels) == 3 * width * height, (width, height, len(pixels))
        return Screen(width, height, bytearray(pixels))

    def counters(self):
        return {name: int(n) for name, n in re.findall(r"(?m)^(\w+):?\s+(\d+)", self.vm.run("cat /proc/gpu"))}

    def of_one_minute(self, measure):
        """What measure() gives while the bar's clock stands: the digits of another minute may be uploaded, which counts."""
        bar = None
        while bar != (bar := self.picture().below(WORK_HEIGHT)):
            result = measure()
        return result

    def held(self):
        """What is alive of the GPU's; some of it may be on its way out."""
        counts = self.counters()
        return {name: counts[name] for name in ("objects", "object_bytes", "contexts", "framebuffers")}

    def holds_no_more_than(self, before):
        """Wait until that is so: what a program had goes when bwm and the host have heard of its end."""
        end = time.monotonic() + LIMIT
        while True:
            now = self.held()
            if all(now[name] <= before[name] for name in now):
                return
            assert time.monotonic() < end, (before, now)


class Screen:
    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    def copy(self):
        return Screen(self.width, self.height, bytearray(self.pixels))

    def row(self, x, y, width):
        """So many pixels from there on."""
        at = 3 * (y * self.width + x)
        return self.pixels[at:at + 3 * width]

    def below(self, height):
        """The rows from there on."""
        return bytes(self.pixels[3 * self.width * height:])

    def rect(self, x, y, width, height, colour):
        """A box of a colour (0xAARRGGBB, multiplied by alpha) over what is there; what is outside is not painted."""
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, self.width), min(y + height, self.height)
        rest = 255 - (colour >> 24)
        source = [colour >> shift & 255 for shift in (16, 8, 0)]
        for row in range(top, bottom):
            at, end = 3 * (row * self.width + left), 3 * (row * self.width + right)
            if rest == 0:
                self.pixels[at:end] = bytes(source) * (right - left)
            else:
                for i in range(at, end):
                    self.pixels[i] = min(255, source[(i - at) % 3] + (self.pixels[i] * rest + 127) // 255)

    def differs(self, other, slack=1, height=WORK_HEIGHT):
        """Where the rows above height differ, or None; slack: of a channel, for the host rounds what alpha makes of it."""
        size = 3 * self.width * height
        if self.pixels[:size] == other.pixels[:size]:
            return None
        row = 3 * self.width
        wrong = [i for at in range(0, size, row) if self.pixels[at:at + row] != other.pixels[at:at + row]
                 for i in range(at, at + row) if abs(self.pixels[i] - other.pixels[i]) > slack]
        if wrong:
            places = [(i // 3 % self.width, i // 3 // self.width) for i in wrong]
            (x, y), (x1, y1) = (min(p[0] for p in places), min(p[1] for p in places)), \
                (max(p[0] for p in places), max(p[1] for p in places))
            return (f"{len(wrong)} bytes differ, from {x},{y} to {x1},{y1}; at {places[0]}: "
                    f"{bytes(other.pixels[wrong[0]:wrong[0] + 3]).hex()} instead of "
                    f"{bytes(self.pixels[wrong[0]:wrong[0] + 3]).hex()}")
        return None


class Panes:
    """One client; number tells it from others."""

    def __init__(self, desktop, number=0):
        self.vm, self.n, self.lines, self.fd = desktop.vm, number, 0, 7 + number
        # What one of this number has said before is not this one's.
        self.vm.run(f"rm -f /tmp/panes{number} /tmp/said{number}; mkfifo /tmp/panes{number}; "
                    f"panes </tmp/panes{number} >/tmp/said{number} 2>&1 & pane{number}=$!; exec {self.fd}>/tmp/panes{number}")

    def do(self, *lines, timeout=120):
        """Each of these, and wait until it is done."""
        for line in lines:
            self.vm.run(f"echo '{line}' >&{self.fd}")
        self.lines += len(lines)
        said = f"/tmp/said{self.n}"
        self.vm.run(f"(until [ -e {said} ] && [ $(grep -c '^done' {said}) -ge {self.lines} ]; do "
                    f"kill -0 $pane{self.n} || {{ cat {said}; exit 1; }}; usleep 10000; done)", timeout)

    def refused(self, line):
        """What it says in the end when the compositor does not like this."""
        self.vm.run(f"echo '{line}' >&{self.fd}; exec {self.fd}>&-; wait $pane{self.n} || true")
        return self.vm.run(f"tail -n 1 /tmp/said{self.n}").strip()

    def kill(self):
        self.vm.run(f"kill -9 $pane{self.n}; wait $pane{self.n}; exec {self.fd}>&-")

    def leave(self):
        self.vm.run(f"exec {self.fd}>&-; wait $pane{self.n}")
