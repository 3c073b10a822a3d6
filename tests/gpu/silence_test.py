#!/usr/bin/env python3
"""A GPU that falls silent while windows are composed: who waits for it has an error, and everything else goes on."""
import os
import re
import struct
import subprocess
import tempfile

from bwm_test import A
from desktop import HEIGHT, WIDTH, Desktop, Panes
from gputest import TOP, _read, host_errors, machine, main, only_ours, qemu
from gpu_test import Viewer
from vmtest import Person

LEAKS = qemu.built("guest", "gpuleaks")
ROUNDS, WAITERS = 3, 6      # of tests/vm/guest/gpuleaks.c
SOURCE = os.path.join(TOP, "tests", "gpu", "host", "silent.c")


class Silence:
    """A context in which QEMUs are started whose fences do not come while it is begun."""

    def __enter__(self):
        self.at = tempfile.TemporaryDirectory()
        self.file, library = os.path.join(self.at.name, "silent"), os.path.join(self.at.name, "silent.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        os.environ.update(LD_PRELOAD=library, SILENT_FENCES=self.file)
        return self

    def __exit__(self, *_):
        self.started()
        self.at.cleanup()

    def started(self):
        """All are: other programs of this machine's are not to load it."""
        os.environ.pop("LD_PRELOAD", None)

    def begin(self):
        open(self.file, "w", encoding="ascii").close()

    def end(self):
        os.unlink(self.file)


def test_fences_that_never_come():
    """A client of the GPU is told and ends; bwm goes on, others too, and the next fence that comes brings all back."""
    with Silence() as silence, Desktop() as d:
        silence.started()
        drawn, other = Panes(d, 0), Panes(d, 1)
        drawn.do("open 0 gpu 300 200 ffff0000")
        other.do("open 0 shm 100 80 ff00ff00")
        silence.begin()
        # Its pictures are drawn, as nobody hears: it waits as long as the kernel lets it.
        assert drawn.refused("fill 0 ffffff00") == "draw: Device or resource busy"
        d.alive()
        assert d.vm.run("echo goes on | tr a-z A-Z") == "GOES ON\n"
        out, status = d.vm.sh("scanout 2>&1 >/tmp/picture")
        assert status == 1 and out == "scanout: Resource busy\n", (out, status)
        silence.end()
        d.picture()         # its fence comes, and with it the host tells of all that were kept
        other.do("fill 0 ff00ffff")
        want = d.empty.copy()
        want.rect(A + 32, A + 32, 100, 80, 0xff00ffff)
        d.shows(want, "after the silence")


def test_shared_memory_in_silence():
    """What a client of shared memory has shown meanwhile is uploaded when the card answers again: nothing is lost."""
    with Silence() as silence, Desktop() as d:
        silence.started()
        pane = Panes(d)
        pane.do("open 0 shm 100 80 ff00ff00")
        want = d.empty.copy()
        want.rect(A, A, 100, 80, 0xff00ff00)
        d.shows(want, "before the silence")
        silence.begin()
        # The first is uploaded, into a texture that the card is then not done with; the second cannot be.
        for colour in "ffff0000", "ff0000ff":
            pane.do(f"late 0 {colour}", "await 0", timeout=240)
        silence.end()
        want.rect(A, A, 100, 80, 0xff0000ff)
        d.shows(want, "after the silence")


class Looker(Viewer):
    """Somebody who is told of the pointer's picture, too (RFB's cursor with alpha)."""
    CURSOR, SIZE = -314, -308

    def __init__(self, path):
        super().__init__(path)
        self.s.sendall(struct.pack(">BxHi", 2, 1, self.CURSOR))

    def pointer(self):
        """The next one: bytes, four a pixel."""
        while True:
            kind, count = struct.unpack(">BxH", self.read(4))
            assert kind == 0, kind
            for _ in range(count):
                _, _, width, height, encoding = struct.unpack(">HHHHi", self.read(12))
                if encoding == self.CURSOR:
                    return self.read(4 + 4 * width * height)[4:]
                assert encoding == self.SIZE, encoding
                self.read(3 + 16 * self.read(1)[0])

    def until(self, colour, side):
        """It is a square of this colour."""
        while (shown := self.pointer()) != b"".join(
                (colour.to_bytes(4, "little") * side).ljust(64 * 4, b"\0") for _ in range(side)).ljust(64 * 64 * 4, b"\0"):
            assert len(shown) == 64 * 64 * 4, len(shown)


def test_a_pointer_in_silence():
    """What a client's pointer is to look like meanwhile is seen when the card answers again."""
    with tempfile.TemporaryDirectory() as at, Silence() as silence, Desktop(args=["-vnc", f"unix:{at}/vnc"]) as d:
        silence.started()
        looker, pane, person = Looker(f"{at}/vnc"), Panes(d), Person(d.vm, WIDTH, HEIGHT)
        pane.do("open 0 shm 100 80 ff00ff00")
        person.point(A + 50, A + 40)
        pane.do("cursor 48 48 4 4 ff00ffff")
        looker.until(0xff00ffff, 48)
        pane.do("cursor 48 48 4 4 ff102030")        # in the same surface
        looker.until(0xff102030, 48)
        silence.begin()
        pane.do("cursor 48 48 4 4 ffff00ff", timeout=240)
        silence.end()
        looker.until(0xffff00ff, 48)


class Sleepers:
    """gpuleaks' killed_asleep: clients that sleep in EXECBUFFER and in WAIT, and are killed there."""

    def __init__(self, vm, words=""):
        self.vm, self.rounds = vm, 0
        vm.run(f"mkfifo /tmp/sleepers; {words} gpuleaks killed_asleep </tmp/sleepers >/tmp/killed 2>&1 & killer=$!; "
               "exec 9>/tmp/sleepers")

    def until(self, line):
        self.vm.run(f"(until [ $(grep -c '^{line}' /tmp/killed) -ge {self.rounds} ]; do "
                    "kill -0 $killer || { cat /tmp/killed; exit 1; }; usleep 10000; done)", 240)

    def round(self, silence):
        """All of them are killed before the host speaks again."""
        self.rounds += 1
        self.until("ready")
        silence.begin()
        self.vm.run("echo >&9")
        self.until("killed")
        silence.end()
        self.vm.run("echo >&9")

    def end(self):
        out = self.vm.run("wait $killer || true; cat /tmp/killed; exec 9>&-", 600)
        assert out.endswith("1 passed, 0 failed\n"), out


def test_killed_while_it_sleeps():
    """Clients that are killed in EXECBUFFER and in WAIT leave nothing; each wait that had to sleep is counted."""
    only_ours()     # /proc/gpu; Linux's wait for room in the queue does not end before the host takes something
    with Silence() as silence, machine(programs=[LEAKS]) as vm:
        vm.boot()
        silence.started()
        waited = re.search(r"(?m)^fences_waited (\d+)", vm.run("cat /proc/gpu"))
        sleepers = Sleepers(vm, "COUNTED=1")
        for _ in range(ROUNDS):
            sleepers.round(silence)
        sleepers.end()
        now = re.search(r"(?m)^fences_waited (\d+)", vm.run("cat /proc/gpu"))
        assert int(now[1]) >= int(waited[1]) + ROUNDS * WAITERS, (waited[0], now[0])
        assert not host_errors(vm), host_errors(vm)


def test_the_desktop_outlives_who_is_killed():
    """While clients sleep in EXECBUFFER and in WAIT, and are killed there, it may have to wait; then it goes on."""
    only_ours()
    with Silence() as silence, Desktop(files={"bin/gpuleaks": _read(LEAKS)}) as d:
        silence.started()
        drawn, other = Panes(d, 0), Panes(d, 1)
        drawn.do("open 0 gpu 300 200 ffff0000")
        other.do("open 0 shm 100 80 ff00ff00")
        before, sleepers = d.held(), Sleepers(d.vm)
        want = d.empty.copy()
        for colour in 0xff0000ff, 0xffffff00, 0xff00ffff:
            sleepers.round(silence)
            drawn.do(f"redraw 0 {colour:08x}", timeout=240)
            other.do(f"fill 0 {colour ^ 0xffffff:08x}", timeout=240)
            want.rect(A, A, 300, 200, colour)
            want.rect(A + 32, A + 32, 100, 80, colour ^ 0xffffff)
            d.shows(want, "after the silence")
        sleepers.end()
        d.holds_no_more_than(before)


if __name__ == "__main__":
    main()
