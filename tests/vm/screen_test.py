#!/usr/bin/env python3
"""The console on a screen: what is shown, read from QEMU's picture letter by letter; typed on a keyboard of its own."""
import os
import re
import struct
import tempfile
import time

from devicetree import device_tree
from vmtest import LIMIT, TOP, Vm, key, main, only_ours

SCREEN = ["-device", "ramfb", "-device", "virtio-keyboard-pci"]
NAMES = {" ": "spc", "\n": "ret", "/": "slash", "-": "minus", ".": "dot", "=": "equal", ";": "semicolon"}


class Screen:
    """The picture of a guest as text: cells are compared with the font that the kernel was built with."""

    def __init__(self, vm, folder):
        self.vm, self.path = vm, os.path.join(folder, "picture")
        with open(os.path.join(TOP, "build", "font", "font.bin"), "rb") as f:
            data = f.read()
        count, self.width, self.height = struct.unpack_from("<HBB", data)
        points = struct.unpack_from(f"<{count}H", data, 4)
        at = 4 + 2 * count
        self.letters = {data[at + i * self.height:at + (i + 1) * self.height]: chr(p) for i, p in reversed(list(enumerate(points)))}

    def _picture(self):
        self.vm.qmp("screendump", filename=self.path)
        with open(self.path, "rb") as f:
            data = f.read()
        head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        return int(head[1]), int(head[2]), data[head.end():]

    def text(self):
        """Rows of letters; the cursor's is shown without it, a letter in colour as it is."""
        width, height, pixels = self._picture()
        rows = []
        for top in range(0, height - self.height + 1, self.height):
            row = ""
            for left in range(0, width - self.width + 1, self.width):
                lines = [pixels[((top + y) * width + left) * 3:((top + y) * width + left + self.width) * 3]
                         for y in range(self.height)]
                paper = lines[0][:3]
                bits = bytes(sum(0x80 >> x for x in range(self.width) if line[3 * x:3 * x + 3] != paper) for line in lines)
                letter = self.letters.get(bits)
                if letter is None and bits[-2:] == b"\xff\xff":
                    letter = next((c for b, c in self.letters.items() if b[:-2] == bits[:-2]), None)
                row += letter or "?"
            rows.append(row.rstrip())
        return "\n".join(rows).rstrip() + "\n"

    def wait(self, pattern):
        """Until the picture has it: each look is one more question to QEMU, which the guest does not notice."""
        end = time.monotonic() + LIMIT
        while True:
            text = self.text()
            found = re.search(pattern, text, re.M)
            if found:
                return found
            assert time.monotonic() < end, f"never shown: {pattern}\n{text}"
            time.sleep(0.05)

    def type(self, text):
        for c in text:
            name = NAMES.get(c, c.lower())
            keys = (["shift"] if c.isupper() else []) + [name]
            self.press(*keys)

    def press(self, *keys):
        """All down and up again at once: a key that is held while this program waits for its turn would repeat."""
        self.vm.qmp("input-send-event", events=[key(name, down) for down in (True, False) for name in keys])


def test_log_and_login():
    """console=tty0: the log is on the screen, and a shell to which a keyboard is."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(uefi="acpi", net="none", append="console=tty0", args=SCREEN) as vm:
        screen = Screen(vm, folder)
        screen.wait(r"^\[ +\d+\.\d+\] running /init")
        screen.wait(r"^\S* # *$")
        screen.type("echo Typed\n")
        screen.wait(r"^Typed\n\S* # *$")
        screen.type("stty size; tty\n")
        screen.wait(r"^37 100\n/dev/\S+\n\S* # *$")
        screen.press("ctrl", "c")
        screen.wait(r"# \^C\n\S* # *$")
        # The shell reads without echo; what it prints as it starts cat says that it has given the terminal back.
        screen.type("echo ready; cat\n")
        screen.wait(r"^ready$")
        screen.type("first\n")
        screen.wait(r"^first\nfirst$")
        screen.press("ctrl", "d")
        screen.press("caps_lock")
        screen.type("echo x=y\n")
        screen.wait(r"ECHO X=Y")


def test_beside_a_serial_console():
    """The screen is not the console, but has a shell; arrows bring back what was typed; /dev/fb0 is the picture."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(uefi="acpi", net="none", append="console=ttyAMA0", guest=True,
                                                     args=SCREEN) as vm:
        screen = Screen(vm, folder)
        vm.boot()
        assert vm.run("cat /sys/class/tty/console/active") == "ttyAMA0\n"
        screen.wait(r"^\S* # *$")
        assert "running /init" not in screen.text()
        screen.type("echo one\n")
        screen.wait(r"^one\n\S* # *$")         # the shell's editor, which knows of arrows, has the terminal again
        screen.press("up")
        screen.press("ret")
        screen.wait(r"^one\n.* # echo one\none$")
        assert vm.run("cat /sys/class/graphics/fb0/virtual_size") == "800,600\n"
        assert vm.run("framebuffer") == "ok\n"


def test_sequences():
    """What full-screen programs do: placing, erasing, regions that scroll, colours, letters beyond ASCII."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(uefi="acpi", net="none", append="console=ttyAMA0", args=SCREEN) as vm:
        screen = Screen(vm, folder)
        vm.boot()
        screen.wait(r"^\S* # *$")

        def show(text):
            vm.run(f"printf '\\033c{text}' > /dev/tty1")

        show(r"\033[3;5Hthere\033[1;1Htop")
        assert screen.wait(r"\Atop\n\n    there$")
        show(r"abcdef\033[3D\033[K\r\n\033[31mred \033[7minverse\033[0m caf\303\251 \342\224\202")
        assert screen.wait(r"\Aabc\nred inverse café │$")
        show(r"1\r\n2\r\n3\r\n4\r\n\033[2;3r\033[3;1H\nnew\033[r\033[6;1Hlast")
        assert screen.wait(r"\A1\n3\nnew\n4\n\nlast$")
        show(r"\033(0lqk\033(B\r\nx\033[2@yy\033[4h\033[2;1Hins")
        assert screen.wait(r"\A┌─┐\ninsxyy$")
        vm.run("for i in $(seq 1 100); do echo line $i; done > /dev/tty1")
        assert screen.wait(r"^line 99\nline 100$")
        # What it cannot understand does no harm.
        vm.run("head -c 300000 /dev/urandom > /dev/tty1")
        show(r"still\033[999999999;99999999999999999999Hx\033[1;1H\033[;;;;;;;;;;;;;;;;;;;;;;;;m\033[38;5m\033[38;2;1m")
        assert screen.wait(r"\Astill$")


def test_panic():
    """The last words are on the screen."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(uefi="acpi", net="none", append="console=tty0 panic=0 rdinit=/not/there",
                                                     args=SCREEN + ["-action", "panic=pause"]) as vm:
        screen = Screen(vm, folder)
        screen.wait(r"end of panic")


def test_device_tree():
    """A picture that a device tree names, in memory that it keeps; a description that lies is left alone."""
    only_ours()
    keep = "/reserved-memory/picture@5c000000"
    node = "/chosen/framebuffer@5c000000"

    def tree(folder, width, stride, size):
        return device_tree(folder, ("-c", "/reserved-memory"), ("-t x", "/reserved-memory", "#address-cells", "2"),
                           ("-t x", "/reserved-memory", "#size-cells", "2"), ("", "/reserved-memory", "ranges"),
                           ("-c", keep), ("-t x", keep, "reg", "0", "5c000000", "0", "200000"),
                           ("-t x", "/chosen", "#address-cells", "2"), ("-t x", "/chosen", "#size-cells", "2"),
                           ("", "/chosen", "ranges"), ("-c", node), ("-t s", node, "compatible", "simple-framebuffer"),
                           ("-t x", node, "reg", "0", "5c000000", "0", size), ("-t u", node, "width", str(width)),
                           ("-t u", node, "height", "480"), ("-t u", node, "stride", str(stride)),
                           ("-t s", node, "format", "x8r8g8b8"))

    with tempfile.TemporaryDirectory() as folder:
        with Vm(net="none", args=["-dtb", tree(folder, 640, 2560, "200000")]) as vm:
            vm.boot()
            assert vm.run("stty -F /dev/tty1 size") == "30 80\n"
            assert vm.run("head -c 4 /dev/fb0 | wc -c") == "4\n"
        for width, stride, size in ((640, 2000, "200000"), (640, 2560, "1000"), (60000, 240000, "200000"), (640, 2560, "40000000")):
            with Vm(net="none", args=["-dtb", tree(folder, width, stride, size)]) as vm:
                vm.boot()
                there = vm.run("ls /dev/fb0 2> /dev/null | wc -l")
                assert there == ("1\n" if size == "40000000" else "0\n"), (width, stride, size)


main()
