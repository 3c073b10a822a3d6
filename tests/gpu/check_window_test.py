#!/usr/bin/env python3
"""user/wincheck: groups, results, their times and the bar, read from the display, and what wheel and keys bring there."""
import os
import re

from desktop import FIRST, HEIGHT as SCREEN_HEIGHT, WIDTH as SCREEN_WIDTH, Desktop
from gputest import TOP as TREE, _read, main, qemu
from texts import Face
from vmtest import Person, key

FONTS = qemu.built("pkg", "fonts-dejavu-core", "usr", "share", "fonts", "truetype", "dejavu")
LIST = os.path.join(TREE, "user", "bcheck", "runner", "checks.h")
# What user/wincheck/view.c and user/bwm/shell_parts.h say.
LEFT, TOP, WIDTH, HEIGHT, HEAD, MARGIN, BAR, LINE, SIZE = FIRST + 4, FIRST + 28, 560, 620, 64, 12, 10, 19, 16
NAME, TIME = 64, 250
BACKGROUND, HEAD_COLOUR, PLAIN, FAINT = 0x171b20, 0x222831, 0xd8dce4, 0x8a92a0
OUTCOMES = {"PASS": 0x5fc37a, "FAIL": 0xe8604c, "SKIP": 0xe0b050}
SEEN = (HEIGHT - HEAD - MARGIN) // LINE

# What these do instead of passing at once.
CHECKS = {"brk": "read line </tmp/go", "mmap": "echo is not tried; exit 77", "access": "sleep 1",
          "fcntl": "for i in $(seq 14); do echo detail $i; done; exit 3"}


def lines():
    """All that there is to see, from the top: (kind or outcome, text)."""
    found = []
    for kind, text in re.findall(r'(?m)^(GROUP|ENTRY)\("?([^")]+)"?\)$', _read(LIST).decode()):
        outcome = {"mmap": "SKIP", "fcntl": "FAIL"}.get(text, "PASS")
        found.append(("group" if kind == "GROUP" else outcome, text))
        if outcome == "SKIP":
            found.append(("detail", "is not tried"))
        if outcome == "FAIL":
            found += [("detail", text) for text in ("exit status 3", *(f"detail {i}" for i in range(1, 15)))]
    return found


def rgb(colour):
    return tuple(colour >> shift & 255 for shift in (16, 8, 0))


class Window:
    """What a Screen shows of it."""
    plain, bold = Face(os.path.join(FONTS, "DejaVuSans.ttf"), SIZE), Face(os.path.join(FONTS, "DejaVuSans-Bold.ttf"), SIZE)

    def __init__(self, screen):
        self.screen = screen

    def pixel(self, x, y):
        at = 3 * ((TOP + y) * self.screen.width + LEFT + x)
        return tuple(self.screen.pixels[at:at + 3])

    def text(self, face, text, x, base, colour, behind=BACKGROUND):
        return face.is_there(self.pixel, text, x, base, colour, lambda x, y: rgb(behind))

    def number(self, x, base, colour, behind=BACKGROUND):
        """Of milliseconds, that stands there; None: none does."""
        text = self.plain.read(self.pixel, "0123456789. ms", x, base, colour, lambda x, y: rgb(behind), 16)
        return float(text.split()[0]) if re.fullmatch(r"\d+\.\d{3} ms +", text) else None

    def line(self, row, kind, text):
        base = HEAD + row * LINE + self.plain.ascent
        if kind == "group":
            return self.text(self.bold, text, MARGIN, base, PLAIN)
        if kind == "detail":
            return self.text(self.plain, text, NAME, base, FAINT)
        return self.text(self.bold, kind, MARGIN, base, OUTCOMES[kind]) and self.text(self.plain, text, NAME, base, PLAIN)

    def time(self, row):
        return self.number(TIME, HEAD + row * LINE + self.plain.ascent, FAINT)

    def has(self, wanted):
        """These lines, from the top, and nothing below."""
        y = HEAD + len(wanted) * LINE + LINE // 2
        empty = all(self.pixel(x, y) == rgb(BACKGROUND) for x in range(MARGIN, WIDTH - MARGIN)) if y < HEIGHT - MARGIN else True
        return empty and all(self.line(row, *line) for row, line in enumerate(wanted[:SEEN]))

    def head(self, text):
        """Where that ends, if the line below the bar begins with this; else None."""
        if self.text(self.plain, text, MARGIN, MARGIN + BAR + 22, PLAIN, HEAD_COLOUR):
            return MARGIN + self.plain.width(text)
        return None

    def bar(self, part, colour):
        """It is so far, and in this colour."""
        row = [self.pixel(x, MARGIN + BAR // 2) for x in range(MARGIN, WIDTH - MARGIN)]
        full = sum(all(abs(a - b) <= 2 for a, b in zip(pixel, rgb(colour))) for pixel in row)
        return abs(full - len(row) * part) <= 2


def test_what_it_shows():
    every, names = lines(), [text for kind, text in lines() if kind in OUTCOMES]
    with Desktop(programs=[qemu.built("desktop-bin", "wincheck")]) as d:
        person = Person(d.vm, SCREEN_WIDTH, SCREEN_HEIGHT)

        def shows(wanted, what, head=""):
            return Window(d.when(lambda screen: Window(screen).head(head) and Window(screen).has(wanted), what))

        d.vm.run("mkfifo /tmp/go; mkdir /tmp/checks")
        for name in names:
            d.vm.run(f"echo '#!/bin/sh' >/tmp/checks/{name}; echo '{CHECKS.get(name, 'exit 0')}' >>/tmp/checks/{name}")
        d.vm.run("chmod 755 /tmp/checks/*; wincheck --checks /tmp/checks >/tmp/out 2>&1 & program=$!")

        # While the second one runs: the group, what the first one took, and how far it is.
        window = shows(every[:2], "the first check has passed", f"1 of {len(names)}  brk")
        assert window.bar(1 / len(names), OUTCOMES["PASS"])
        d.vm.run("echo >/tmp/go")
        last = len(every) - SEEN
        sums = f"{len(names)} checks: {len(names) - 2} passed, 1 failed, 1 skipped in "
        window = shows(every[last:], "all have ended, and the last ones are seen", sums)
        total = window.number(window.head(sums), MARGIN + BAR + 22, PLAIN, HEAD_COLOUR)
        assert window.bar(1, OUTCOMES["FAIL"]) and total

        # By wheel and by keys, no further than there is something.
        person.point(LEFT + WIDTH // 2, TOP + HEIGHT // 2)
        person.button("wheel-up", True)
        shows(every[last - 3:], "wheel-up")
        times = {}
        # What two devices say at one time has no order: a step of another one comes when the one before is seen.
        for name, top in ("home", 0), ("up", 0), ("down", 1), ("wheel-down", 4), ("wheel-up", 1), ("wheel-up", 0), ("pgdn", last), \
                ("down", last), ("pgup", 0), ("end", last):
            if name.startswith("wheel"):
                person.button(name, True)
            else:
                d.vm.qmp("input-send-event", events=[key(name, True), key(name, False)])
            window = shows(every[top:], name)
            times.update({text: window.time(row) for row, (kind, text) in enumerate(every[top:][:SEEN])
                          if kind in OUTCOMES and text not in times})
        assert all(times.values()), times
        assert set(times) == set(names) and times["access"] >= 1000 and sum(times.values()) <= total, (times, total)
        person.press("q")
        d.vm.run("wait $program || [ $? = 1 ]", 120)


if __name__ == "__main__":
    main()
