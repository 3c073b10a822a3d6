"""What a picture must look like, worked out from geometry alone: nothing of user/libwin is used or imitated here.

A shape is a function that says of a point whether it lies inside. How much of a pixel a shape covers is counted on a
grid of points in that pixel; a glyph is its font file's outline, whose area in a pixel is worked out by clipping. A
Picture holds premultiplied red, green, blue and alpha, from 0 to 1, blended source over destination, and knows of
each pixel whether an edge went through it, where a drawing library may smooth in its own way.
"""
import math
import struct

GRID = 8
NEAR = 0.75      # pixels from a pixel's centre


class Picture:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self.pixels = [[(0.0, 0.0, 0.0, 0.0)] * width for _ in range(height)]
        self.edges = [[False] * width for _ in range(height)]

    def clear(self, colour):
        self.pixels = [[premultiplied(colour)] * self.width for _ in range(self.height)]
        self.edges = [[False] * self.width for _ in range(self.height)]

    def take(self, other, left, top, width, height):
        """This part is what it is in the other one of the same size."""
        for y in range(top, top + height):
            self.pixels[y][left:left + width] = other.pixels[y][left:left + width]
            self.edges[y][left:left + width] = other.edges[y][left:left + width]

    def blend(self, x, y, colour, covered=1.0):
        if covered <= 0 or not (0 <= x < self.width and 0 <= y < self.height):
            return
        source = [c * covered for c in colour]
        self.pixels[y][x] = tuple(s + d * (1 - source[3]) for s, d in zip(source, self.pixels[y][x]))
        self.edges[y][x] |= covered < 1

    def shape(self, inside, box, colour, smooth=True):
        """Fill what lies inside; box: left, top, right, bottom, with all of it in there, and what its edge is near to.

        smooth: the edge need not lie along the pixels, so a pixel that it is only near to may show some of it.
        """
        colour = premultiplied(colour)
        for y in range(math.floor(box[1]), math.ceil(box[3])):
            for x in range(math.floor(box[0]), math.ceil(box[2])):
                hits = sum(inside(x + (i + 0.5) / GRID, y + (j + 0.5) / GRID) for i in range(GRID) for j in range(GRID))
                self.blend(x, y, colour, hits / GRID ** 2)
                if smooth and self.has(x, y):
                    around = [inside(x + 0.5 + i * NEAR, y + 0.5 + j * NEAR) for i in (-1, 0, 1) for j in (-1, 0, 1)]
                    self.edges[y][x] |= any(around) != all(around)

    def has(self, x, y):
        return 0 <= x < self.width and 0 <= y < self.height

    def rect(self, x, y, width, height, colour):
        box = (x, y, x + width, y + height)
        self.shape(lambda px, py: x <= px < x + width and y <= py < y + height, box, colour, False)

    def rounded(self, x, y, width, height, radius, colour):
        def inside(px, py):
            dx = max(x + radius - px, px - (x + width - radius), 0)
            dy = max(y + radius - py, py - (y + height - radius), 0)
            return math.hypot(dx, dy) <= radius if dx and dy else x <= px < x + width and y <= py < y + height
        self.shape(inside, (x - 1, y - 1, x + width + 1, y + height + 1), colour)

    def circle(self, x, y, radius, colour):
        box = (x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1)
        self.shape(lambda px, py: math.hypot(px - x, py - y) <= radius, box, colour)

    def line(self, x0, y0, x1, y1, width, colour):
        length = math.hypot(x1 - x0, y1 - y0)

        def inside(px, py):
            along = ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length ** 2 if length else 0
            along = min(max(along, 0), 1)
            return math.hypot(px - x0 - along * (x1 - x0), py - y0 - along * (y1 - y0)) <= width / 2
        reach = width / 2 + 1
        box = (min(x0, x1) - reach, min(y0, y1) - reach, max(x0, x1) + reach, max(y0, y1) + reach)
        self.shape(inside, box, colour)

    def image(self, image, x, y, width, height):
        """image: another Picture, at whole pixels; each pixel takes the texel under its centre."""
        for py in range(y, y + height):
            for px in range(x, x + width):
                tx = int((px + 0.5 - x) * image.width / width)
                ty = int((py + 0.5 - y) * image.height / height)
                self.blend(px, py, image.pixels[ty][tx])
                if self.has(px, py):
                    self.edges[py][px] = image.edges[ty][tx]

    def turned(self, quarters, mirrored):
        """Another Picture: this one mirrored left to right, or not, and then turned to the right by quarters."""
        rows = [row[::-1] if mirrored else list(row) for row in self.pixels]
        for _ in range(quarters):
            rows = [list(column) for column in zip(*rows[::-1])]
        other = Picture(len(rows[0]), len(rows))
        other.pixels = rows
        return other

    def part(self, left, top, width, height):
        other = Picture(width, height)
        other.pixels = [row[left:left + width] for row in self.pixels[top:top + height]]
        return other

    def text(self, font, height, x, base, text, colour):
        scale = height / (font.ascent - font.descent)
        colour = premultiplied(colour)
        for letter in text:
            contours, advance = font.glyph(letter)
            pen = math.floor(x + 0.5)
            outline = [[(pen + px * scale, base - py * scale) for px, py in c] for c in contours]
            for (px, py), area in areas(outline).items():
                self.blend(px, py, colour, min(abs(area), 1))
                if self.has(px, py):
                    self.edges[py][px] = True
            x += advance * scale
        return x

    def pattern(self):
        """The rule of tests/gpu/guest/draw.c: red is of x, green of y, blue of both; the lower half is transparent."""
        for y in range(self.height):
            for x in range(self.width):
                rgb = (x * 5 & 255, y * 7 & 255, (x ^ y) * 3 & 255)
                if y >= self.height // 2:
                    self.pixels[y][x] = tuple([(c // 2) / 255 for c in rgb] + [128 / 255])
                else:
                    self.pixels[y][x] = tuple([c / 255 for c in rgb] + [1.0])

    def differences(self, raw, edge, alpha=True):
        """Where raw, little-endian 0xAARRGGBB, is another picture: by more than 2 of 255, by edge on an edge."""
        assert len(raw) == 4 * self.width * self.height, (len(raw), self.width, self.height)
        wrong = []
        for y in range(self.height):
            for x in range(self.width):
                blue, green, red, a = raw[4 * (y * self.width + x):][:4]
                want = [round(c * 255) for c in self.pixels[y][x]]
                got = [red, green, blue, a]
                count = 4 if alpha else 3
                if max(abs(g - w) for g, w in zip(got[:count], want)) > (edge if self.edges[y][x] else 2):
                    wrong.append(f"{x},{y}: {got[:count]}, not {want[:count]}{' (edge)' if self.edges[y][x] else ''}")
        return wrong


def premultiplied(colour):
    alpha = (colour >> 24) / 255
    return tuple([(colour >> shift & 255) / 255 * alpha for shift in (16, 8, 0)] + [alpha])


def clipped(polygon, axis, limit, keep_less):
    """The part of a polygon on one side of a line across an axis."""
    out = []
    for p, q in zip(polygon, polygon[1:] + polygon[:1]):
        p_in, q_in = ((v[axis] <= limit) == keep_less or v[axis] == limit for v in (p, q))
        if p_in:
            out.append(p)
        if p_in != q_in:
            t = (limit - p[axis]) / (q[axis] - p[axis])
            out.append(tuple(a + t * (b - a) for a, b in zip(p, q)))
    return out


def area(polygon):
    return sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(polygon, polygon[1:] + polygon[:1])) / 2


def areas(contours):
    """{(x, y): signed area of these contours in that pixel}."""
    found = {}
    for contour in contours:
        for y in range(math.floor(min(p[1] for p in contour)), math.ceil(max(p[1] for p in contour))):
            row = clipped(clipped(contour, 1, y, False), 1, y + 1, True)
            if not row:
                continue
            for x in range(math.floor(min(p[0] for p in row)), math.ceil(max(p[0] for p in row))):
                part = clipped(clipped(row, 0, x, False), 0, x + 1, True)
                if part:
                    found[x, y] = found.get((x, y), 0) + area(part)
    return found


class Font:
    """A TrueType file's outlines, advances and line heights (OpenType's specification: cmap, glyf, hmtx)."""

    def __init__(self, path, slant=0):
        """slant: how much further right points are, by their height."""
        self.slant = slant
        with open(path, "rb") as f:
            self.data = f.read()
        count = self.u16(4)
        entries = [struct.unpack_from(">4sIII", self.data, 12 + 16 * i) for i in range(count)]
        self.tables = {name.decode(): offset for name, _, offset, _ in entries}
        self.ascent, self.descent = self.s16(self.tables["hhea"] + 4), self.s16(self.tables["hhea"] + 6)
        self.long_metrics = self.u16(self.tables["hhea"] + 34)
        self.long_offsets = self.u16(self.tables["head"] + 50)

    def u16(self, at):
        return struct.unpack_from(">H", self.data, at)[0]

    def s16(self, at):
        return struct.unpack_from(">h", self.data, at)[0]

    def index(self, code):
        cmap = self.tables["cmap"]
        for i in range(self.u16(cmap + 2)):
            at = cmap + struct.unpack_from(">I", self.data, cmap + 8 + 8 * i)[0]
            if self.u16(at) != 4:
                continue
            n = self.u16(at + 6)
            for s in range(0, n, 2):
                end, start = self.u16(at + 14 + s), self.u16(at + 16 + n + s)
                if start <= code <= end:
                    delta, offset = self.u16(at + 16 + 2 * n + s), self.u16(at + 16 + 3 * n + s)
                    if not offset:
                        return (code + delta) & 0xffff
                    glyph = self.u16(at + 16 + 3 * n + s + offset + 2 * (code - start))
                    return (glyph + delta) & 0xffff if glyph else 0
        return 0

    def glyph(self, letter):
        """(contours of points, advance), in font units, y upwards."""
        index = self.index(ord(letter))
        advance = self.u16(self.tables["hmtx"] + 4 * min(index, self.long_metrics - 1))
        return [[(x + self.slant * y, y) for x, y in c] for c in self.outline(index)], advance

    def outline(self, index):
        loca = self.tables["loca"]
        if self.long_offsets:
            at, end = struct.unpack_from(">II", self.data, loca + 4 * index)
        else:
            at, end = (2 * self.u16(loca + 2 * (index + i)) for i in (0, 1))
        if at == end:
            return []
        at += self.tables["glyf"]
        count = self.s16(at)
        return self.compound(at + 10) if count < 0 else self.simple(at + 10, count)

    def compound(self, at):
        contours, flags = [], 0x20
        while flags & 0x20:
            flags, index = self.u16(at), self.u16(at + 2)
            assert flags & 2 and not flags & 0xc8, "parts that are only moved"
            dx, dy = (self.s16(at + 4), self.s16(at + 6)) if flags & 1 else struct.unpack_from(">bb", self.data, at + 4)
            at += 8 if flags & 1 else 6
            contours += [[(x + dx, y + dy) for x, y in c] for c in self.outline(index)]
        return contours

    def simple(self, at, count):
        ends = [self.u16(at + 2 * i) for i in range(count)]
        at += 2 * count + 2 + self.u16(at + 2 * count)
        flags = []
        while len(flags) <= ends[-1]:
            flag = self.data[at]
            repeat = self.data[at + 1] if flag & 8 else 0
            at += 2 if flag & 8 else 1
            flags += [flag] * (repeat + 1)
        axes = []
        for short, same in ((2, 16), (4, 32)):
            value, values = 0, []
            for flag in flags:
                if flag & short:
                    value += self.data[at] if flag & same else -self.data[at]
                    at += 1
                elif not flag & same:
                    value += self.s16(at)
                    at += 2
                values.append(value)
            axes.append(values)
        points = list(zip(axes[0], axes[1], [f & 1 for f in flags]))
        return [flattened(points[a + 1:b + 1]) for a, b in zip([-1] + ends, ends)]


def flattened(points):
    """A contour of on- and off-curve points as a polygon: quadratic curves in 16 pieces."""
    full = []
    for p, q in zip(points, points[1:] + points[:1]):
        full.append(p)
        if not p[2] and not q[2]:
            full.append(((p[0] + q[0]) / 2, (p[1] + q[1]) / 2, 1))
    while not full[0][2]:
        full.append(full.pop(0))
    polygon, i = [], 0
    while i < len(full):
        polygon.append(full[i][:2])
        if i + 1 < len(full) and not full[i + 1][2]:
            a, b, c = full[i], full[i + 1], full[(i + 2) % len(full)]
            for n in range(1, 16):
                t = n / 16
                polygon.append(tuple((1 - t) ** 2 * a[k] + 2 * t * (1 - t) * b[k] + t * t * c[k] for k in (0, 1)))
            i += 1
        i += 1
    return polygon
