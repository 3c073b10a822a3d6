#!/usr/bin/env python3
# limit: 1800
"""user/bterm: what its screen holds and shows, keys, mouse, selection and history, with programs of Debian's in it."""
import base64
import gzip
import math
import os
import random
import re
import sys

import golden
from gputest import LIMIT, TOP, host_errors, linux_kernel, machine, main, qemu

sys.path.insert(0, os.path.join(TOP, "tests", "programs"))
from programs import archive  # noqa: E402
from vmtest import key  # noqa: E402

TERM = qemu.built("gpu", "term")
FONTS = qemu.built("pkg", "fonts-dejavu-core", "usr", "share", "fonts", "truetype", "dejavu")
NAMES = "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSans.ttf"
SLANT = 0.2         # of italics: user/libwin/font.c
CELL, MARGIN, BAR = 9, 4, 10
GLYPH_EDGE = 16
FOREGROUND, BACKGROUND, CURSOR, THUMB = 0xffd8d8d8, 0xff14181c, 0xffe0e0e0, 0xff5a6470
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


def pieces(t):
    """What comes in two reads is what it is in one: letters at each of their bytes, sequences, and what is no letter."""
    whole = [("\u00e4", 1), ("\u2502", 1), ("\u2502", 2), ("\U0001f600", 1), ("\U0001f600", 2), ("\U0001f600", 3)]
    parts = [(c.encode()[:at], c.encode()[at:], c) for c, at in whole]
    parts += [(b"\xe2\x94", b"z", "\ufffdz"), (b"\xf0", b"\xc3\xa4", "\ufffd\u00e4"), (b"\033[1", b";31mred", "red")]

    def octal(data):
        return "".join(f"\\{c:03o}" for c in data)

    t.put("/tmp/a", "stty -echo\n" + "".join(
        f"printf '\\033[m\\033[{row}H{row}: {octal(first)}'; read -r x; printf '{octal(second)}end{row}'; read -r x\n"
        for row, (first, second, _) in enumerate(parts, 1)))
    t.run(f"start 20 {len(parts)} 100 /bin/sh /tmp/a\n" + "".join(
        f"until {row}:\ntype \\n\nuntil end{row}\nshow /tmp/{row}\ntype \\n\n" for row in range(1, len(parts) + 1)))
    for row, (_, _, text) in enumerate(parts, 1):
        rows, _ = t.rows(f"/tmp/{row}")
        assert rows[row - 1] == f"{row}: {text}end{row}", (row, rows)


def test_screen():
    terminals(sequences, pieces)


def test_screen_on_linux():
    terminals(sequences, pieces, kernel=linux_kernel())


# ---- keys, mouse, pasting ----------------------------------------------------------

ENTER, BACKSPACE, TAB, BACKTAB, ESCAPE, SPACE = 0xff0d, 0xff08, 0xff09, 0xfe20, 0xff1b, 0x20
LEFT, UP, HOME, END = 0xff51, 0xff52, 0xff50, 0xff57
INSERT, DELETE, PAGE_UP, PAGE_DOWN = 0xff63, 0xffff, 0xff55, 0xff56
F1, F5, F12, KP_5, KP_ADD, SHIFT_L = 0xffbe, 0xffc2, 0xffc9, 0xffb5, 0xffab, 0xffe1
BUTTON_LEFT, BUTTON_RIGHT, BUTTON_MIDDLE = 0x110, 0x111, 0x112


def sent(t, before, calls, expected):
    """What these calls send to a program that has said this before."""
    expected = expected if isinstance(expected, bytes) else expected.encode()
    t.put("/tmp/a", f"""
        stty raw -echo
        printf '{before}ready'
        dd bs=1 count={len(expected) + 1} of=/tmp/got 2>/dev/null
        """)
    t.run(f"start 40 5 10 sh /tmp/a\nuntil ready\n{calls}\ntype |\nended")
    got = t.data("/tmp/got")
    assert got == expected + b"|", (got, expected)


def calls_of(keys):
    return "\n".join(f"key {symbol:x} {modifiers:x} {text}" for symbol, modifiers, text, _ in keys)


def keys(t):
    """xterm's bytes (ctlseqs: PC-style function keys, modifiers), without and with the application modes."""
    table = [
        (0x61, 0, "a", "a"), (0xe4, 0, "\u00e4", "\u00e4"), (0x61, ALT, "a", "\033a"), (0x63, CTRL, "\003", "\003"),
        (0x69, CTRL, "\011", ""), (SPACE, CTRL, "", "\0"), (0xe4, ALT, "\u00e4", "\033\u00e4"),
        (ENTER, 0, "", "\r"), (ENTER, SHIFT, "", "\r"), (ENTER, ALT, "", "\033\r"), (BACKSPACE, 0, "", "\x7f"),
        (BACKSPACE, CTRL, "", "\b"), (BACKSPACE, ALT, "", "\033\x7f"),
        (TAB, 0, "", "\t"), (BACKTAB, SHIFT, "", "\033[Z"),
        (ESCAPE, 0, "", "\033"), (UP, 0, "", "\033[A"), (LEFT, CTRL, "", "\033[1;5D"), (UP, SHIFT, "", "\033[1;2A"),
        (UP, ALT, "", "\033[1;3A"), (HOME, 0, "", "\033[H"), (END, CTRL, "", "\033[1;5F"), (INSERT, 0, "", "\033[2~"),
        (DELETE, 0, "", "\033[3~"), (DELETE, CTRL | SHIFT, "", "\033[3;6~"), (PAGE_UP, 0, "", "\033[5~"),
        (PAGE_DOWN, CTRL, "", "\033[6;5~"), (F1, 0, "", "\033OP"), (F5, 0, "", "\033[15~"),
        (F12, SHIFT, "", "\033[24;2~"),
        (KP_5, 0, "5", "5"), (KP_ADD, 0, "+", "+"), (SHIFT_L, 0, "", ""),
    ]
    table = [k for k in table if k[2] != "\011"]       # a script's words have no tab
    sent(t, "", calls_of(table), "".join(k[3] for k in table))
    modes = [(UP, 0, "", "\033OA"), (HOME, 0, "", "\033OH"), (UP, CTRL, "", "\033[1;5A"), (KP_5, 0, "5", "\033Ou"),
             (KP_ADD, 0, "+", "\033Ok")]
    sent(t, r"\033[?1h\033=", calls_of(modes), "".join(k[3] for k in modes))


def spot(row, col):
    """A place in a cell, in pixels."""
    return f"{MARGIN + col * CELL + 3} {MARGIN + row * 18 + 6}"


def mouse(t):
    """Reports in the modes that programs ask for; Shift and programs that do not ask select instead."""
    press = (f"button {BUTTON_LEFT:x} 1 {spot(2, 4)} 1000 0\npointer {spot(2, 5)} 0\npointer {spot(3, 6)} 0\n"
             f"button {BUTTON_LEFT:x} 0 {spot(3, 6)} 1010 0\npointer {spot(1, 1)} 0\n"
             f"button {BUTTON_RIGHT:x} 1 {spot(0, 0)} 1020 {CTRL}\nbutton {BUTTON_RIGHT:x} 0 {spot(0, 0)} 1030 {CTRL}\n"
             f"wheel -1 {spot(4, 39)} 0\nwheel 0.5 {spot(4, 39)} 0\nwheel 0.5 {spot(4, 39)} 0")
    sent(t, r"\033[?1000h\033[?1006h", press,
         "\033[<0;5;3M\033[<0;7;4m\033[<18;1;1M\033[<18;1;1m\033[<64;40;5M\033[<65;40;5M")
    sent(t, r"\033[?1002h\033[?1006h", press, "\033[<0;5;3M\033[<32;6;3M\033[<32;7;4M\033[<0;7;4m\033[<18;1;1M"
         "\033[<18;1;1m\033[<64;40;5M\033[<65;40;5M")
    sent(t, r"\033[?1000h", press, b"\033[M %#\033[M#'$\033[M2!!\033[M3!!\033[M`H%\033[MaH%")
    sent(t, "", press, "")
    # On the alternate screen a wheel that nobody asked for is cursor keys: a pager scrolls.
    sent(t, r"\033[?1049h", f"wheel -1 {spot(4, 9)} 0", "\033[A" * 3)
    sent(t, r"\033[?1004h", "focus 1\nfocus 0", "\033[I\033[O")


def paste(t):
    """Brackets when they are asked for, Return for line ends; nothing that is pasted can end the brackets."""
    call = f"key 56 {CTRL | SHIFT:x}\npaste one\\ntwo\\e[201~\\x03three\\xc2\\x9bz\\xc3\\xa4"
    text = "one\rtwo[201~threez\u00e4"
    sent(t, "", call, text)
    sent(t, r"\033[?2004h", call, f"\033[200~{text}\033[201~")
    sent(t, "", f"button {BUTTON_MIDDLE:x} 1 {spot(1, 1)} 5 0\npaste x\nkey {INSERT:x} {SHIFT:x}\npaste y", "xy")


def test_input():
    terminals(keys, mouse, paste)


# ---- history and selection -----------------------------------------------------------

def history(t):
    """Lines above the screen, their limit, looking at them, and what a resize brings back."""
    t.put("/tmp/a", r"""
        i=1; while [ $i -le 40 ]; do echo "line $i"; i=$((i + 1)); done
        printf 'e\314\201\346\227\245 \033[1mend\033[0m\n>'
        read -r x; seq 1 50; printf more; read -r x
        printf '\033[?1049h'; seq 1 30; echo alternate; read -r x; printf '\033[?1049l\nback'; read -r x
        """)
    t.run(f"""
        start 20 6 30 stty -echo; . /tmp/a
        until >
        show /tmp/first
        key {PAGE_UP:x} {SHIFT:x}
        key 41 {CTRL | SHIFT:x}
        key 43 {CTRL | SHIFT:x}
        copied /tmp/all
        size 20 9
        show /tmp/taller
        size 20 4
        show /tmp/lower
        type \\n
        until more
        show /tmp/more
        type \\n
        until alternate
        show /tmp/alternate
        type \\n
        until back
        show /tmp/back
        """)
    rows, rest = t.rows("/tmp/first")
    assert rows == [f"line {i}" for i in range(37, 41)] + ["e\u0301日 end", ">"], rows
    assert rest["history"] == "30", rest
    assert t.text("/tmp/all") == "".join(f"line {i}\n" for i in range(7, 41)) + "e\u0301日 end\n>"
    rows, rest = t.rows("/tmp/taller")
    assert rows == [f"line {i}" for i in range(34, 41)] + ["e\u0301日 end", ">"], rows
    assert rest["history"] == "27", rest
    rows, rest = t.rows("/tmp/lower")
    assert rows == ["line 39", "line 40", "e\u0301日 end", ">"] and rest["history"] == "30", (rows, rest)
    assert t.rows("/tmp/more") == (["48", "49", "50", "more"], {**rest, "cursor": "3 4 1 1"})
    assert t.rows("/tmp/alternate")[1]["history"] == "30"
    assert t.rows("/tmp/back") == (["49", "50", "more", "back"], {**rest, "cursor": "3 4 1 1"})


def looking(t):
    """Who looks at older lines goes on seeing these whatever comes; a key goes back to the end."""
    t.put("/tmp/a", "seq 1 30; echo; printf end; read -r x; echo new; read -r x; read -r x")
    t.run(f"""
        start 12 4 100 stty -echo; . /tmp/a
        until end
        wheel -2 20 20 0
        draw /tmp/up
        key {PAGE_UP:x} {SHIFT:x}
        key {PAGE_DOWN:x} {SHIFT:x}
        wheel 1 20 20 0
        draw /tmp/lower
        key {HOME:x} {SHIFT:x}
        draw /tmp/oldest
        type x
        wheel -2 20 20 0
        draw /tmp/same
        """)
    for path, lines in (("/tmp/up", range(23, 27)), ("/tmp/lower", range(26, 30)), ("/tmp/oldest", range(1, 5)),
                        ("/tmp/same", range(23, 27))):
        look = Look(12, 4)
        for row, line in enumerate(lines):
            look.text(row, 0, str(line))
        # Above the screen are 28 lines: 1 to 30, a blank one and the end. A key's line was none: its echo is off.
        look.thumb((look.picture.height - 16) * (lines[0] - 1) // 28, 16)
        look.check(t, path)


def scrolling(t):
    """The bar's thumb, as high as the screen's part of the text, goes where the pointer drags it, and then the text is there;
    what is not of the bar is selected as ever."""
    t.put("/tmp/a", "seq 1 20; printf end; read -r x; printf '\\033[?1049h\\033[?1000h\\033[Halternate'; read -r x; read -r x")
    height, x = 8 * 18 + 2 * MARGIN, 12 * CELL + 2 * MARGIN + 5
    thumb = height * 8 // 21
    room = height - thumb
    press, let_go = (f"button {BUTTON_LEFT:x} {on} {x}" for on in (1, 0))
    t.run(f"""
        start 12 8 100 stty -echo; . /tmp/a
        focus 1
        draw /tmp/none
        until end
        damaged /tmp/end
        {press} {room + 5} 1000 0
        pointer 20 {room + 5 - room * 6 / 13} 0
        damaged /tmp/dragged
        pointer {x + 50} -500 0
        damaged /tmp/oldest
        {let_go} -500 2000 0
        pointer {x} 60 0
        damaged /tmp/same
        {press} {thumb / 2 + room * 9 / 13} 3000 0
        {let_go} {thumb / 2 + room * 9 / 13} 3100 0
        damaged /tmp/jumped
        type \\n
        until alternate
        {press} 5 4000 0
        {let_go} 5 4100 0
        damaged /tmp/alternate
        """)
    for path, first in (("none", None), ("end", 14), ("dragged", 8), ("oldest", 1), ("same", 1), ("jumped", 10)):
        look = Look(12, 8)
        if first:
            for row in range(8):
                look.text(row, 0, str(first + row) if first + row < 21 else "end")
            look.thumb(room * (first - 1) // 13, thumb)
        if first in (None, 14):
            look.rect(*((7, 3) if first else (0, 0)), CURSOR)
        look.check(t, f"/tmp/{path}")
    look = Look(12, 8)
    look.text(0, 0, "alternate")
    look.rect(0, 9, CURSOR)
    look.check(t, "/tmp/alternate")


def selecting(t):
    """By letters, words, lines, over wrapped lines; what is shown of it; and that text that changes is not selected."""
    t.put("/tmp/a", r"""
        printf 'two words ~/a_b.c  \nlong-line-that-goes-on-in-the-next\nx  \n\nend'; read -r x
        printf '\033[1;1HT'; read -r x
        """)

    def drag(a, b, time, half=0):
        (x, y), (x2, y2) = ((MARGIN + col * CELL, MARGIN + row * 18 + 5) for row, col in (a, b))
        return (f"button {BUTTON_LEFT:x} 1 {x} {y} {time} 0\npointer {x2} {y2} 0\n"
                f"button {BUTTON_LEFT:x} 0 {x2} {y2} {time + 9} 0")

    def click(row, col, time):
        at = f"{MARGIN + col * CELL + 2} {MARGIN + row * 18 + 5}"
        return f"button {BUTTON_LEFT:x} 1 {at} {time} 0\nbutton {BUTTON_LEFT:x} 0 {at} {time + 9} 0"

    t.run(f"""
        start 20 7 10 stty -echo; . /tmp/a
        until end
        {drag((0, 2), (0, 6), 1000)}
        selected /tmp/letters
        focus 1
        draw /tmp/drawn
        {drag((2, 3), (0, 4), 3000)}
        selected /tmp/back
        {click(0, 12, 5000)}
        {click(0, 12, 5100)}
        selected /tmp/word
        {click(0, 12, 5200)}
        selected /tmp/line
        {drag((1, 5), (5, 2), 9000)}
        selected /tmp/lines
        key 43 {CTRL | SHIFT:x}
        {drag((0, 0), (0, 3), 11000)}
        type \\n
        until Two
        key 43 {CTRL | SHIFT:x}
        copied /tmp/copied
        draw /tmp/changed
        """)
    found = {name: t.text(f"/tmp/{name}") for name in ("letters", "back", "word", "line", "lines", "copied")}
    lines = "line-that-goes-on-in-the-next\nx\n\nen"
    assert found == {"letters": "o wo", "back": "words ~/a_b.c\nlong-line-that-goes-on-", "word": "~/a_b.c",
                     "line": "two words ~/a_b.c", "lines": lines, "copied": lines}, found
    look = Look(20, 7)
    shown = ["two words ~/a_b.c", "long-line-that-goes-", "on-in-the-next", "x", "", "end"]
    for path, first, selected in (("/tmp/drawn", "t", range(2, 6)), ("/tmp/changed", "T", ())):
        look = Look(20, 7)
        for col in selected:
            look.rect(0, col, SELECTED[1])
        for row, text in enumerate(shown):
            for col, letter in enumerate(text):
                letter = first if (row, col) == (0, 0) else letter
                look.text(row, col, letter, SELECTED[0] if row == 0 and col in selected else FOREGROUND)
        look.rect(*((0, 1) if not selected else (5, 3)), CURSOR)
        if not selected:
            look.text(0, 1, "w", BACKGROUND)
        look.check(t, path)


def given(t):
    """What the program copies by OSC 52: for one selection, the other, both; not what is wrong; a long text, too."""
    t.put("/tmp/a", r"""
        coded() { printf '%s' "$1" | base64 | tr -d '\n'; }
        printf '\033]52;c;%s\a\033]52;p;%s\033\\' "$(coded 'for the clipboard')" "$(coded 'for the middle button')"
        printf '\033]52;c;?\a\033]52;c;bm8=no\a\033]52;c;b*4=\a\033]52;c;bm8\030first'; read -r x
        printf '\033]52;cp;'; head -c 30000 /dev/zero | tr '\0' x | base64 | tr -d '\n'; printf '\asecond'; read -r x
        """)
    t.run("""
        start 40 5 10 stty -echo; . /tmp/a
        until first
        copied /tmp/copied
        selected /tmp/selected
        type \\n
        until second
        copied /tmp/copied2
        selected /tmp/selected2
        """)
    found = [t.text(f"/tmp/{name}") for name in ("copied", "selected", "copied2", "selected2")]
    assert found == ["for the clipboard", "for the middle button", "x" * 30000, "x" * 30000], found


def test_history():
    terminals(history, looking, scrolling)


def test_scrolling_by_the_gpu():
    terminals(scrolling, gpu="virgl", how="gpu")


def test_selection():
    terminals(selecting, given)


# ---- pixels --------------------------------------------------------------------------

class Look:
    """What a terminal must look like, from geometry and the fonts' outlines alone."""

    def __init__(self, cols, rows):
        self.fonts = [golden.Font(os.path.join(FONTS, name)) for name in NAMES[:2]]
        self.fonts += [golden.Font(os.path.join(FONTS, name), SLANT) for name in NAMES[:2]]
        self.size = [CELL * (f.ascent - f.descent) / f.glyph("M")[1] for f in self.fonts]
        self.other = golden.Font(os.path.join(FONTS, NAMES[2]))
        self.height = math.ceil(self.size[0])
        regular = self.fonts[0]
        self.base = math.floor(regular.ascent * self.size[0] / (regular.ascent - regular.descent) + 0.5)
        self.picture = golden.Picture(cols * CELL + 2 * MARGIN + BAR, rows * self.height + 2 * MARGIN)
        self.picture.clear(BACKGROUND)

    def at(self, row, col):
        return MARGIN + col * CELL, MARGIN + row * self.height

    def rect(self, row, col, colour, x=0, y=0, width=CELL, height=None):
        left, top = self.at(row, col)
        self.picture.rect(left + x, top + y, width, self.height if height is None else height, colour)

    def text(self, row, col, text, colour=FOREGROUND, bold=False, italic=False):
        x, y = self.at(row, col)
        face = bold + 2 * italic
        self.picture.text(self.fonts[face], self.size[face], x, y + self.base, text, colour)

    def foreign(self, row, col, letter, colour=FOREGROUND):
        """A letter that the terminal's font has not: as many eighths of its size as fit into its cell, to half a pixel."""
        assert not self.fonts[0].index(ord(letter)) and self.other.index(ord(letter))
        x, y = self.at(row, col)
        width = self.other.glyph(letter)[1] * self.size[0] / (self.other.ascent - self.other.descent)
        part = min(8, math.floor(8 * (CELL + 0.5) / width)) / 8
        self.picture.text(self.other, self.size[0] * part, x, y + self.base, letter, colour)

    def thumb(self, y, height):
        self.picture.rect(self.picture.width - BAR + 1, y, BAR - 2, height, THUMB)

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
        printf '\033[4;3Hready\033[4;1H\033[94;103mrr\033[0m'
        read -r x
        printf '\033[2;9HXYZ\033[2;1H'
        read -r x
        """)
    t.run("""
        start 12 4 10 /bin/sh /tmp/a
        until rrready
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
    for col in range(3):
        look.rect(3, col, 0xffffff00 if col < 2 else CURSOR)
    look.text(3, 0, "rr", 0xff5c8cff)
    look.text(3, 2, "r", BACKGROUND)
    look.text(3, 3, "eady")
    look.check(t, "/tmp/drawn")


def faces(t):
    """Italics, bold ones, and letters of another font, each in its cell."""
    t.put("/tmp/a", "stty -echo; printf 'is \\033[3mfgj_ \\033[1mMy\\033[0m a\u05d5b\u1d1bc\u2808\u27ffd'; read -r x")
    t.run("""
        start 20 2 10 /bin/sh /tmp/a
        until \u27ffd
        focus 1
        draw /tmp/drawn
        """)
    look = Look(20, 2)
    look.text(0, 0, "is")
    look.text(0, 3, "fgj_", italic=True)
    look.text(0, 8, "My", bold=True, italic=True)
    look.text(0, 11, "a")
    look.foreign(0, 12, "\u05d5")
    look.text(0, 13, "b")
    look.foreign(0, 14, "\u1d1b")
    look.text(0, 15, "c")
    look.foreign(0, 16, "\u2808")
    look.foreign(0, 17, "\u27ff")
    look.text(0, 18, "d")
    look.rect(0, 19, CURSOR)
    look.check(t, "/tmp/drawn")


def test_pixels():
    terminals(colours, faces)


def test_pixels_by_the_gpu():
    terminals(colours, faces, gpu="virgl", how="gpu")


# ---- programs ------------------------------------------------------------------------

def editor(t):
    """vi: what is typed is in its file; a window of another size is filled."""
    t.run("""
        start 40 10 100 cd /tmp; rm -f note; export LANG=C.UTF-8; exec vim.tiny note
        until "note" [New
        type iFirst line\\nsecond \u00e4\\e
        until second \u00e4
        size 30 6
        until second \u00e4
        type :set number\\n
        until 2 second
        show /tmp/shown
        type :wq\\n
        ended
        """)
    rows, rest = t.rows()
    assert [row.strip() for row in rows[:4]] == ["1 First line", "2 second \u00e4", "~", "~"] and len(rows) == 6, rows
    assert rest["cursor"].startswith("1 ") and rest["history"] == "0", rest
    assert t.text("/tmp/note") == "First line\nsecond \u00e4\n"


def monitor(t):
    """top, whose rows fill the window's width; it takes keys and ends."""
    t.run("""
        start 80 24 100 export LANG=C.UTF-8; exec /bin/top
        until PID USER
        until load average
        show /tmp/shown
        type h
        until Help for Interactive
        type q
        until PID USER
        size 60 12
        type q
        ended
        """)
    rows, _ = t.rows()
    assert rows[0].startswith("top - ") and rows[1].startswith("Tasks:") and "PID USER" in rows[6], rows


def shell(t):
    """bash: colours of ls, its editor's keys, a line that is longer than the window, and the size it knows of."""
    t.run("""
        start 30 8 100 cd /; export PS1='$ ' HISTFILE=; exec bash --norc
        until $
        type rintf 'all-%s' 123456789012345678901234567890
        until 34567890
        key ff50 0
        type p\\n
        until all-12345678901234567890
        type clear; PS1=ne""xt:; stty size\\n
        until next:
        size 44 9
        type stty size; echo $TERM\\n
        until xterm-256color
        show /tmp/shown
        type exit\\n
        ended
        """)
    rows, _ = t.rows()
    assert rows[:4] == ["8 30", "next:stty size; echo $TERM", "9 44", "xterm-256color"], rows


PROGRAMS = "vim-tiny", "procps", "ncurses-base", "coreutils"


def test_programs():
    terminals(editor, monitor, shell, packages=PROGRAMS)


def test_programs_on_linux():
    terminals(editor, monitor, shell, keys, mouse, history, packages=PROGRAMS, kernel=linux_kernel())


# ---- hostile output ------------------------------------------------------------------

def memory(vm):
    return int(vm.run("grep VmHWM /tmp/status | tr -dc 0-9"))


def hostile(t):
    """Random bytes, commands without an end, numbers too large, reports that nobody reads: it goes on, and is small."""
    rng = random.Random(7)
    data = bytes(rng.randrange(256) for _ in range(30000))
    parts = [b"\033[", b"\033]", b"\033P", b"\033", b"\x9b", b";", b":", b"?", b"999999999999", b"4294967295", b"0",
             b"1", b"38;2",
             b"r", b"H", b"J", b"K", b"L", b"M", b"P", b"@", b"X", b"S", b"T", b"b", b"m", b"h", b"l", b"c", b"q",
             b"1049h", b"1049l", b"\033#8", b"\033#6", b"\033#3", b"\033c", b"\xe6\x97\xa5", b"\xcc\x81" * 9,
             b"text", b"\r\n", b"\b", b"\t", b"\007", b"\033[6n", b"\033[?5h", b"\033[?6h", b"\033[?69h", b"\033[2;3s"]
    data += b"".join(rng.choice(parts) for _ in range(20000))
    t.put("/tmp/random", data)
    t.put("/tmp/a", r"""
        stty -echo -opost -icanon
        i=0; while [ $i -lt 5 ]; do cat /tmp/random; i=$((i + 1)); done
        printf '\033c'; printf '\033]2;'; dd if=/dev/zero bs=64k count=40 2>/dev/null | tr '\0' x; printf '\007'
        printf '\033P'; dd if=/dev/zero bs=64k count=40 2>/dev/null | tr '\0' 1; printf '\033\\'
        printf '\033['; dd if=/dev/zero bs=64k count=40 2>/dev/null | tr '\0' '1;'
        printf 'm\033c\033[?1049l\033[H\033[2J'
        i=0; while [ $i -lt 3000 ]; do printf '\033[6n\033[c\007\033]2;t\007'; i=$((i + 1)); done
        printf '\033c\033[2;3Hsurvived'
        read -r x; cat /proc/$PPID/status >/tmp/status; read -r x
        """)
    t.run("""
        start 37 11 10000 . /tmp/a
        until survived
        size 5 2
        size 1 1
        size 200 60
        size 37 11
        draw /tmp/drawn
        type \\n\\n
        ended
        """, timeout=5 * LIMIT)
    assert memory(t.vm) < 40 << 10, memory(t.vm)


def sizes(t):
    """Windows of every small size while wide and marked letters come."""
    t.put("/tmp/a", r"""
        i=0; while [ $i -lt 400 ]; do
            printf '\346\227\245\346\234\254e\314\201 %d\033[%d;%dHx\033[3L\n' $i $i $i; i=$((i + 1))
        done
        printf '\033c\033[1;1Hok'; read -r x
        """)
    rng = random.Random(3)
    moves = "\n".join(f"size {rng.randrange(1, 60)} {rng.randrange(1, 30)}\nturn" for _ in range(150))
    t.run(f"start 20 5 200 stty -echo; . /tmp/a\n{moves}\nsize 20 5\nuntil ok\ndraw /tmp/drawn",
          timeout=5 * LIMIT)


def flood(t):
    """100,000 lines: the last are kept, in bounded memory."""
    t.put("/tmp/a", "seq 1 100000; cat /proc/$PPID/status >/tmp/status; printf 'done\\n>'; read -r x")
    t.run(f"""
        start 80 24 10000 stty -echo; . /tmp/a
        until >
        show /tmp/shown
        key 41 {CTRL | SHIFT:x}
        key 43 {CTRL | SHIFT:x}
        copied /tmp/all
        """, timeout=5 * LIMIT)
    assert t.text("/tmp/all") == "".join(f"{i}\n" for i in range(100000 - 10000 - 22 + 1, 100001)) + "done\n>"
    assert memory(t.vm) < 24 << 10, memory(t.vm)


def test_hostile():
    terminals(hostile, sizes)


def test_flood():
    terminals(flood)


# ---- in windows ------------------------------------------------------------------------

KEYS = {"\n": "ret", "=": "equal"}


def press(vm, text):
    """Keys of the machine's keyboard, each down and up at once: one that is held repeats."""
    for letter in text:
        vm.qmp("input-send-event", events=[key(KEYS.get(letter, letter), down) for down in (True, False)])


def typed(vm, program, text, type_it=press):
    """Type this as soon as a program has the keyboard, as libwayland tells it, and wait until that has ended."""
    vm.run(f"rm -f /tmp/ended /tmp/events; (WAYLAND_DEBUG=1 {program} >/tmp/said 2>/tmp/events; echo $? >/tmp/ended) &")
    vm.run('(until grep -qs "wl_keyboard.*enter(" /tmp/events; do [ ! -s /tmp/ended ] || exit 1; usleep 50000; done)',
           LIMIT)
    type_it(vm, text)
    vm.run("until [ -s /tmp/ended ]; do usleep 50000; done", LIMIT)
    return vm.run("cat /tmp/ended").strip()


def hold(vm, letter):
    vm.qmp("input-send-event", events=[key(letter, True)])


def desktop(**options):
    return machine(archives=[qemu.built("desktop.cpio")], **options)


def ready(vm):
    vm.boot()
    if os.environ.get("DUNLIN_TEST_KERNEL"):    # its driver of the card came after init had started the desktop
        vm.run("XDG_RUNTIME_DIR=/run bwm >/tmp/bwm.log 2>&1 &")
    vm.run("export XDG_RUNTIME_DIR=/run; until [ -S /run/wayland-0 ]; do usleep 50000; done")


def windows(gpu):
    """bterm under the window manager: its program gets what is typed; the checks' window ends by a key."""
    with desktop(gpu=gpu) as vm:
        ready(vm)
        assert typed(vm, "bterm sh -c 'read -r x; echo $x >/tmp/typed'", "a\n") == "0"
        assert vm.run("cat /tmp/typed") == "a\n"
        assert typed(vm, "wincheck fork pipe", "q") in ("0", "130")
        assert not host_errors(vm), host_errors(vm)


def test_windows():
    windows("2d")


def test_windows_by_the_gpu():
    windows("virgl")


def test_layouts():
    """The layout that the kernel's command line names, or a file; dead keys make letters with those that follow; a key
    that is held repeats."""
    echo = "bterm sh -c 'read -r x; echo $x >/tmp/typed'"
    with desktop(gpu="2d", append="XKB_DEFAULT_LAYOUT=de") as vm:
        ready(vm)
        assert typed(vm, echo, "y=e=ax=xa\n") == "0"
        assert vm.run("cat /tmp/typed") == "z\u00e9\u00e1xa\n"     # acute and x make nothing
        assert typed(vm, "bterm sh -c 'stty -icanon; head -c 20 >/tmp/typed'", "y", hold) == "0"
        assert vm.run("cat /tmp/typed") == 20 * "z"
    with desktop(gpu="2d", files={"etc/default/keyboard": b'XKBMODEL="pc105"\nXKBLAYOUT="fr"\n'}) as vm:
        ready(vm)
        assert typed(vm, echo, "a\n") == "0"
        assert vm.run("cat /tmp/typed") == "q\n"


if __name__ == "__main__":
    main()
