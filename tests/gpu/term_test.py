#!/usr/bin/env python3
"""user/bterm: what its screen holds and shows, keys, mouse, selection and history, with programs of Debian's in it."""
import base64
import gzip
import math
import os
import sys

import golden
from gputest import LIMIT, TOP, host_errors, linux_kernel, machine, main, qemu

sys.path.insert(0, os.path.join(TOP, "tests", "programs"))
from programs import archive  # noqa: E402

TERM = qemu.built("gpu", "term")
FONTS = qemu.built("pkg", "fonts-dejavu-core", "usr", "share", "fonts", "truetype", "dejavu")
NAMES = "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"
CELL, MARGIN = 9, 4
GLYPH_EDGE = 16
FOREGROUND, BACKGROUND, CURSOR = 0xffd8d8d8, 0xff14181c, 0xffe0e0e0
SELECTED = 0xffffffff, 0xff3a5f8a
SHIFT, CTRL, ALT = 1, 2, 4


class Terminals:
    """A booted machine with the terminal's parts: scripts for build/gpu/term, and what it left in files."""

    def __init__(self, vm, how="any"):
        self.vm, self.how = vm, how

    def put(self, path, data):
        """A file in the guest; the console's line holds 4,000 characters."""
        coded = base64.b64encode(gzip.compress(data.encode() if isinstance(data, str) else data)).decode()
        self.vm.run(f": >{path}.coded")
        for at in range(0, len(coded), 3600):
            self.vm.run(f"echo {coded[at:at + 3600]} >>{path}.coded")
        self.vm.run(f"base64 -d {path}.coded | gzip -dc >{path}")

    def run(self, script, status=0, timeout=LIMIT):
        self.put("/tmp/script", "".join(line.strip() + "\n" for line in script.strip().split("\n")))
        out, got = self.vm.sh(f"/bin/term {self.how} /fonts </tmp/script", timeout)
        assert got == status, out
        return out

    def data(self, path):
        return gzip.decompress(base64.b64decode(self.vm.run(f"gzip -c {path} | base64")))

    def text(self, path):
        return self.data(path).decode()

    def rows(self, path="/tmp/shown"):
        """The rows of a screen that show wrote, and what stands behind them."""
        lines = self.text(path).split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith("cursor "))
        return lines[:at], dict(line.split(" ", 1) for line in lines[at:] if line)


def terminals(*tests, gpu="2d", packages=(), how="any", **options):
    files = {}
    for name in NAMES:
        with open(os.path.join(FONTS, name), "rb") as f:
            files[f"fonts/{name}"] = f.read()
    archives = [archive("bash", *packages)] if packages else []
    with machine(gpu=gpu, programs=[TERM], files=files, archives=archives, **options) as vm:
        vm.boot()
        for test in tests:
            test(Terminals(vm, how))
        assert not host_errors(vm), host_errors(vm)


# ---- the screen --------------------------------------------------------------------

def sequences(t):
    """Cursor, erasing, inserting, scroll regions, tabs, wide and combining letters, the alternate screen, reports."""
    t.put("/tmp/a", r"""
stty -echo raw
printf 'abc\033[5;10Hmid\033[1;3HX\033[2;1H12345\033[2;3H\033[K\033[3;1Habcdef\033[3;2H\033[2P'
printf '\033[4;1Habc\033[4;2H\033[2@'
printf '\033[6;1Hone\033[7;1Htwo\033[8;1Hthree\033[6;8r\033[8;1H\n\033[r\033[9;1Ha\tb\tc'
printf '\033[10;1H\346\227\245\346\234\254x e\314\201f'
printf '\033[11;1H\033(0lqk\033(B\033[12;1Hends\033]2;A title \303\244\007\033[?1049halt\033[?1049l\033[5 q\033[12;5H'
printf '\033[6n'; IFS= read -r -d R answer; printf '\033[13;1H%s' "${answer#?}"; read -r x
""")
    t.run("""
        start 20 14 100 /bin/sh /tmp/a
        until [12;5
        show /tmp/shown
        """)
    rows, rest = t.rows()
    assert rows == ["abX", "12", "adef", "a  bc", "         mid", "two", "three", "", "a       b       c",
                    "日本x e\u0301f", "┌─┐", "ends", "[12;5", ""], rows
    assert rest == {"cursor": "12 5 1 3", "title": "A title ä", "history": "0", "alternate": "0"}, rest


def test_screen():
    terminals(sequences)


def test_screen_on_linux():
    terminals(sequences, kernel=linux_kernel())


# ---- pixels --------------------------------------------------------------------------

class Look:
    """What a terminal must look like, from geometry and the fonts' outlines alone."""

    def __init__(self, cols, rows):
        self.fonts = [golden.Font(os.path.join(FONTS, name)) for name in NAMES]
        self.size = [CELL * (f.ascent - f.descent) / f.glyph("M")[1] for f in self.fonts]
        self.height = math.ceil(self.size[0])
        regular = self.fonts[0]
        self.base = math.floor(regular.ascent * self.size[0] / (regular.ascent - regular.descent) + 0.5)
        self.picture = golden.Picture(cols * CELL + 2 * MARGIN, rows * self.height + 2 * MARGIN)
        self.picture.clear(BACKGROUND)

    def at(self, row, col):
        return MARGIN + col * CELL, MARGIN + row * self.height

    def rect(self, row, col, colour, x=0, y=0, width=CELL, height=None):
        left, top = self.at(row, col)
        self.picture.rect(left + x, top + y, width, self.height if height is None else height, colour)

    def text(self, row, col, text, colour=FOREGROUND, bold=False):
        x, y = self.at(row, col)
        self.picture.text(self.fonts[bold], self.size[bold], x, y + self.base, text, colour)

    def check(self, t, path):
        wrong = self.picture.differences(t.data(path), GLYPH_EDGE)
        assert not wrong, f"{t.how}, {path}: {len(wrong)} pixels differ:\n" + "\n".join(wrong[:20])


def colours(t):
    """16, 256 and 16 million colours, bold, reverse, lines; of what changes only what is damaged is drawn."""
    t.put("/tmp/a", r"""
        stty -echo -opost -icanon
        printf 'Pl\033[31mred\033[1mB\033[0m\033[48;5;21;38;5;208mxy\033[0m\033[2;1H'
        printf '\033[38;2;18;200;99;48;2;90;0;80mtrue\033[0m'
        printf '\033[7mrev\033[0m\033[3;1H\033[4mund\033[21mdbl\033[0;9mstr\033[0m'
        printf '\033[4;1H\033[94;103mbr\033[0mready\033[4;1H'
        read -r x
        printf '\033[2;9HXYZ\033[2;1H'
        read -r x
        """)
    t.run("""
        start 12 4 10 /bin/sh /tmp/a
        until ready
        draw /tmp/blurred
        focus 1
        damaged /tmp/drawn
        type \\n
        until XYZ
        damaged /tmp/changed
        """)
    look = Look(12, 4)
    look.text(0, 0, "Pl")
    look.text(0, 2, "red", 0xffcd0000)
    look.text(0, 5, "B", 0xffff0000, bold=True)
    for col in 6, 7:
        look.rect(0, col, 0xff0000ff)
    look.text(0, 6, "xy", 0xffff8700)
    for col in range(4):
        look.rect(1, col, 0xff5a0050)
    look.text(1, 0, "true", 0xff12c863)
    for col in range(4, 7):
        look.rect(1, col, FOREGROUND)
    look.text(1, 4, "rev", BACKGROUND)
    look.text(2, 0, "unddblstr")
    for col in range(6):
        look.rect(2, col, FOREGROUND, y=look.base + 1, height=1)
    for col in range(3, 6):
        look.rect(2, col, FOREGROUND, y=look.base + 3, height=1)
    for col in range(6, 9):
        look.rect(2, col, FOREGROUND, y=math.floor(look.base * 0.7), height=1)
    for col in 0, 1:
        look.rect(3, col, 0xffffff00 if col else CURSOR)
    look.text(3, 0, "b", BACKGROUND)
    look.text(3, 1, "r", 0xff5c8cff)
    look.text(3, 2, "ready")
    look.check(t, "/tmp/drawn")


def test_pixels():
    terminals(colours)


def test_pixels_by_the_gpu():
    terminals(colours, gpu="virgl", how="gpu")


if __name__ == "__main__":
    main()
