"""Text on a display: its letters as golden.py has them, placed as libwin places them, compared with what is shown.

A display is a function here: pixel(x, y) is red, green and blue. So is what lies behind the text.
"""
import math

import golden

SLACK = 48      # of a channel, where an edge may be smoothed another way; another letter differs by far more


class Face:
    """A font at a height in pixels."""

    def __init__(self, path, height):
        self.font = golden.Font(path)
        self.scale = height / (self.font.ascent - self.font.descent)
        self.ascent, self.descent = self.font.ascent * self.scale, -self.font.descent * self.scale
        self.looks = {}

    def look(self, letter):
        """{(x, y) from the pen: how much of that pixel it covers}, and how far the pen goes on."""
        if letter not in self.looks:
            contours, advance = self.font.glyph(letter)
            outline = [[(x * self.scale, -y * self.scale) for x, y in contour] for contour in contours]
            covered = {at: min(abs(area), 1) for at, area in golden.areas(outline).items()}
            self.looks[letter] = covered, advance * self.scale
        return self.looks[letter]

    def width(self, text):
        return sum(self.look(letter)[1] for letter in text)

    def cover(self, text, x, base):
        """{(x, y): how much of that pixel is not covered}."""
        free = {}
        for letter in text:
            covered, advance = self.look(letter)
            for (left, down), part in covered.items():
                at = math.floor(x + 0.5) + left, math.floor(base + 0.5) + down
                free[at] = free.get(at, 1) * (1 - part)
            x += advance
        return free

    def is_there(self, pixel, text, x, base, colour, behind, spare=0):
        """Whether the text stands there, and nothing else; spare: columns at both ends that may have more."""
        free = self.cover(text, x, base)
        colour = [colour >> shift & 255 for shift in (16, 8, 0)]
        row = math.floor(base + 0.5)
        for y in range(row - math.ceil(self.ascent), row + math.ceil(self.descent)):
            for at in range(math.floor(x + 0.5) + spare, math.floor(x + self.width(text) + 0.5) - spare):
                part = free.get((at, y), 1)
                want = (part * below + (1 - part) * own for own, below in zip(colour, behind(at, y)))
                if any(abs(have - c) > SLACK for have, c in zip(pixel(at, y), want)):
                    return False
        return True

    def read(self, pixel, letters, x, base, colour, behind, count):
        """So many letters as stand there, of these; fewer if another one comes."""
        text = ""
        while len(text) < count:
            fit = [letter for letter in letters if self.is_there(pixel, letter, x, base, colour, behind, 1)]
            if not fit:
                break
            text += max(fit, key=self.width)
            x += self.look(text[-1])[1]
        return text
