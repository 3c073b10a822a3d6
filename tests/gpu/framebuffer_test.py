#!/usr/bin/env python3
"""The desktop on a machine without a graphics card: drawn by the CPU, on the framebuffer that UEFI left."""
import os
import re
import subprocess
import tempfile
import time

from desktop import FIRST, STEP, TOP, Desktop, Panes, Screen, qemu
from gputest import LIMIT, Vm, main, only_ours
from vmtest import Person, _read

SCREEN = ["-device", "ramfb", "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci"]
WIDTH, HEIGHT = 800, 600        # UEFI's choice
WORK_HEIGHT = HEIGHT - 36       # above the task bar
A, B = FIRST, FIRST + STEP


def shown(vm):
    """What is on the screen, whoever draws there, as QEMU has it."""
    path = os.path.join(vm.dir, "screen.ppm")
    vm.qmp("screendump", filename=path)
    data = _read(path)
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    return Screen(int(head[1]), int(head[2]), bytearray(data[head.end():]))


class Framebuffer(Desktop):
    """A machine that was started by UEFI and whose screen is memory."""

    def __init__(self):
        super().__init__(gpu="none", uefi="acpi", args=SCREEN)

    def picture(self):
        self.alive()
        return shown(self.vm)

    def shows(self, want, what):
        self.when(lambda screen: not want.differs(screen, height=WORK_HEIGHT), what)


def test_windows():
    """Windows of shared memory, and a person who clicks: the pointer is drawn, and goes along."""
    with Framebuffer() as d:
        assert (d.empty.width, d.empty.height) == (WIDTH, HEIGHT)
        person = Person(d.vm, WIDTH, HEIGHT)
        # There is no plane for the pointer: it is drawn, too, where it was at first and now in the bar's corner.
        with_pointer = d.empty
        person.point(WIDTH - 1, HEIGHT - 1)
        d.when(lambda screen: with_pointer.differs(screen, height=WORK_HEIGHT), "the pointer does not move")
        d.empty = d.without_windows()
        panes = Panes(d)
        panes.do("open 0 shm 300 200 ffff0000", "open 1 shm 200 100 80004080")
        want = d.empty.copy()
        want.rect(A, A, 300, 200, 0xffff0000)
        want.rect(B, B, 200, 100, 0x80004080)
        d.shows(want, "two windows")
        person.click(A + 5, A + 5)
        person.point(WIDTH - 1, HEIGHT - 1)
        want.rect(A, A, 300, 200, 0xffff0000)
        d.shows(want, "the other one above")
        panes.do("close 1", "part 0 10 20 30 40 ff00ff00")
        want = d.empty.copy()
        want.rect(A, A, 300, 200, 0xffff0000)
        want.rect(A + 10, A + 20, 30, 40, 0xff00ff00)
        d.shows(want, "a window of which a part is new")
        panes.leave()
        d.shows(d.empty, "no window")


def test_the_console_is_kept_back():
    """What is written to the console is not drawn over windows, and is there when the desktop has gone."""
    only_ours()     # Debian's kernel has no console on this screen here
    with Framebuffer() as d:
        d.vm.run("printf '\\033c\\033[41m\\033[2J' >/dev/tty1")     # all of it red
        panes = Panes(d)
        panes.do("open 0 shm 300 200 ff00ff00")
        want = d.empty.copy()
        want.rect(A, A, 300, 200, 0xff00ff00)
        d.shows(want, "a window")
        panes.leave()
        d.vm.run("kill $bwm; wait $bwm")
        d.alive = lambda: None
        d.when(lambda screen: screen.row(0, 0, 8) == bytes((170, 0, 0)) * 8, "the console does not come back")


def is_wallpaper(screen):
    """Rows of one colour each, which changes from the top to the bottom."""
    rows = [screen.row(0, y, 100) for y in range(WORK_HEIGHT)]
    return all(row == row[:3] * 100 for row in rows) and len({bytes(row[:3]) for row in rows}) > 50


def test_an_image():
    """A disk with the desktop, as docs/platforms.md has it: UEFI starts it, and the desktop begins by itself."""
    only_ours()
    with tempfile.TemporaryDirectory() as at:
        disk = os.path.join(at, "desktop.img")
        subprocess.run([os.path.join(TOP, "tools", "mkdisk"), "--kernel", qemu.built("debug", "Image"), "--initramfs",
                        qemu.built("initramfs.cpio.gz"), "--initramfs", qemu.built("desktop.cpio"), "--cmdline",
                        "panic=-1", "--img", disk], check=True)
        with Vm(uefi="acpi", net="none", mem="1G", disk=disk, args=SCREEN) as vm:
            vm.boot()
            assert vm.run("cat /proc/cmdline").split()[:2] == ["initrd=/initramfs.cpio.gz", "initrd=/desktop.cpio"]
            end = time.monotonic() + LIMIT
            while not is_wallpaper(shown(vm)):
                assert time.monotonic() < end, vm.run("ps; dmesg | tail")
                time.sleep(0.05)


main()
