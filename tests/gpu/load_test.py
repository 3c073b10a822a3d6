#!/usr/bin/env python3
"""user/btop: what its window tells of CPUs, memory, network, interrupts and frames, read from the display."""
import math

import golden
from desktop import FIRST, Desktop
from desktop import HEIGHT as SCREEN_HEIGHT, WIDTH as SCREEN_WIDTH
from gputest import main, only_ours, qemu
from vmtest import Person

FONT = qemu.built("pkg", "fonts-dejavu-core", "usr", "share", "fonts", "truetype", "dejavu", "DejaVuSansMono.ttf")
# What user/btop/btop.c and user/bwm/shell_parts.h say.
BACKGROUND, TEXT, BUSY, SIZE, MARGIN = 0xff14181f, 0xffd8dce4, 0xd05040, 15, 12
LEFT, TOP, WIDTH, HEIGHT = FIRST + 4, FIRST + 28, 400, 320
BASE, TALL = 14, 18     # of a line: its letters' foot, and its rows
SLACK = 30              # of red: an edge may be smoothed another way
LETTERS = "0123456789.,%/KMBi souten"


class Reader:
    """The window's text on a Screen: what stands behind the name of a line."""

    def __init__(self):
        self.font = golden.Font(FONT)
        self.advance = self.font.glyph("M")[1] * SIZE / (self.font.ascent - self.font.descent)
        self.looks = {letter: self.look(letter) for letter in LETTERS}
        self.names = {}

    def look(self, text):
        """The red of its pixels, row by row."""
        picture = golden.Picture(math.floor(len(text) * self.advance), TALL)
        picture.clear(BACKGROUND)
        picture.text(self.font, SIZE, 0, BASE, text, TEXT)
        return [[round(255 * pixel[0]) for pixel in row] for row in picture.pixels]

    @staticmethod
    def is_there(rows, look, x, y):
        """Its first column may have a bit of the letter before."""
        return all(abs(have - want) <= SLACK for row, wanted in zip(rows[y:y + TALL], look)
                   for have, want in zip(row[x + 1:x + len(wanted)], wanted[1:]))

    def letter(self, rows, x, y):
        """The one whose place begins there, or None."""
        found = [letter for at in (x, x - 1, x + 1) for letter, look in self.looks.items()
                 if self.is_there(rows, look, at, y)]
        return found[0] if found else None

    def lines(self, screen, name):
        """[(row, value)] of the lines of this name."""
        start = 3 * (TOP * screen.width + LEFT)
        rows = [screen.pixels[start + 3 * screen.width * y:][:3 * WIDTH:3] for y in range(HEIGHT)]
        look = self.names.setdefault(name, self.look(name))
        found = []
        for y in range(HEIGHT - TALL):
            if not self.is_there(rows, look, MARGIN, y):
                continue
            value, count = "", 1
            while not value.startswith("  "):
                letter = self.letter(rows, math.floor(WIDTH - MARGIN - count * self.advance + 0.5), y)
                assert letter, f"what is at {count} from the right behind {name}, before {value}?"
                value, count = letter + value, count + 1
            found.append((TOP + y, value.strip()))
        return found

    def value(self, screen, name, which=0):
        """Its number, the first in the line; -1 while the window is not there."""
        found = self.lines(screen, name)
        return float(found[which][1].split()[0]) if len(found) > which else -1


# The guest's time goes on by what it executes, 250 million instructions a second, and while it sleeps by the host's: so
# what is idle in it has little load on any host.
STEADY = ["-icount", "shift=2"]


class Watched(Desktop):
    def picture(self):
        """
        Of figures that the picture before has no part in, for that costs, too: btop has looked at its counters twice since,
        and shown that.
        """
        self.vm.run("(n=$(grep -c attach /tmp/said); until [ -z \"$btop\" ] || [ $(grep -c attach /tmp/said) -ge $((n + 3)) ]; do "
                    "kill -0 $btop || exit 1; sleep 1; done)")
        return super().picture()

    def watch(self):
        self.vm.run("WAYLAND_DEBUG=1 btop 2>/tmp/said & btop=$!")


def desktop(args=(), **options):
    return Watched(programs=[qemu.built("desktop-bin", name) for name in ("btop", "bounce")], args=[*STEADY, *args], **options)


def test_processors_and_memory():
    """Each CPU's load, red from four fifths on, and how much memory is used."""
    reader = Reader()
    with desktop(smp=2) as d:
        d.watch()
        d.when(lambda screen: 0 <= reader.value(screen, "CPU 0") < 50 and 0 <= reader.value(screen, "CPU 1") < 50, "idle")
        screen = d.picture()
        assert not reader.lines(screen, "CPU 2")
        red = BUSY.to_bytes(3, "big") * 100
        for cpu in 1, 0:
            d.vm.run(f"taskset {1 << cpu} sh -c 'while :; do :; done' & busy=$!")
            screen = d.when(lambda screen: reader.value(screen, f"CPU {cpu}") >= 90, f"CPU {cpu} is busy")
            y = reader.lines(screen, f"CPU {cpu}")[0][0] + TALL // 2
            assert red in screen.pixels[3 * y * screen.width:3 * (y + 1) * screen.width]
            d.vm.run("kill $busy; wait $busy || [ $? = 143 ]")
            d.when(lambda screen: 0 <= reader.value(screen, f"CPU {cpu}") < 50, f"CPU {cpu} is idle again")
        before = reader.value(d.picture(), "in use")
        d.vm.run("dd if=/dev/zero of=/tmp/large bs=1M count=200")
        d.when(lambda screen: abs(reader.value(screen, "in use") - before - 200) < 40, "memory in use")
        d.vm.run("rm /tmp/large")
        d.when(lambda screen: abs(reader.value(screen, "in use") - before) < 40, "memory that is free again")
        d.vm.run("kill $btop; wait $btop || [ $? = 143 ]")


def test_network_and_frames():
    """Traffic in both directions, the card's interrupts, and the frames of a program that draws as many as there are."""
    only_ours()     # /proc/gpu
    reader = Reader()
    with desktop(args=["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="], append="ip=dhcp") as d:
        def traffic(screen):
            found = reader.lines(screen, "eth0")
            return found and [float(word) for word in found[0][1].split() if word[0].isdigit()]

        d.watch()
        d.when(lambda screen: traffic(screen) == [0, 0] and reader.value(screen, "interrupts") == 0, "no traffic")
        d.vm.run("(while :; do wget -q -O /dev/null http://10.0.2.2:9/; done) >/dev/null 2>&1 & busy=$!")
        d.when(lambda screen: min(traffic(screen)) > 0 and reader.value(screen, "interrupts") > 0, "traffic")
        d.vm.run("kill $busy; wait $busy || [ $? = 143 ]")
        d.when(lambda screen: traffic(screen) == [0, 0] and reader.value(screen, "interrupts") == 0, "no traffic any more")
        screen = d.picture()
        assert reader.value(screen, "interrupts", 1) > 0        # all of the machine's
        d.vm.run("bounce & busy=$!")
        # It lies above the load; that is the first one in the task bar.
        d.when(lambda screen: not reader.lines(screen, "frames"), "no window of it")
        Person(d.vm, SCREEN_WIDTH, SCREEN_HEIGHT).click(120, SCREEN_HEIGHT - 18)
        d.when(lambda screen: min(reader.value(screen, name) for name in ("frames", "GPU streams")) >= 4, "frames")
        d.vm.run("kill $busy $btop; wait $busy $btop || true")


if __name__ == "__main__":
    main()
