#!/usr/bin/env python3
"""user/libwin: each drawing call's pixels, by the GPU and by the CPU, against pictures made from geometry alone."""
import base64
import gzip
import os
import re
import time

import golden
from gputest import LIMIT, host_errors, machine, main, only_ours, qemu

DRAW = qemu.built("gpu", "draw")
FONT = "DejaVuSansMono.ttf"
FONT_FILE = qemu.built("pkg", "fonts-dejavu-core", "usr", "share", "fonts", "truetype", "dejavu", FONT)
# A smoothed edge may be off by so much, of 255: how far the usual ways to smooth lie from each other.
EDGE, GLYPH_EDGE = 28, 16
SCREEN = 320, 240     # small, for all of it is compared


class Drawing:
    """A booted machine that draws: calls for build/gpu/draw gathered in a script, and what it left in files."""

    def __init__(self, vm, how):
        self.vm, self.how = vm, how

    def run(self, script, status=0):
        lines = [line.strip() for line in script.strip().split("\n")]
        # The console's line holds 4,000 characters.
        self.vm.run(": >/tmp/script")
        while lines:
            part, lines = lines[:40], lines[40:]
            quoted = " ".join("'" + line + "'" for line in part)
            self.vm.run(f"printf '%s\\n' {quoted} >>/tmp/script")
        out, got = self.vm.sh(f"/bin/draw {self.how} </tmp/script", 300)
        assert got == status, out
        return out

    def pixels(self, path):
        return gzip.decompress(base64.b64decode(self.vm.run(f"gzip -c {path} | base64")))

    def check(self, picture, path, edge=EDGE, alpha=True):
        wrong = picture.differences(self.pixels(path), edge, alpha)
        assert not wrong, f"{self.how}, {path}: {len(wrong)} pixels differ:\n" + "\n".join(wrong[:20])


def drawing(gpu, ways):
    """All of the below on a machine with this card; ways: {how to draw: which}."""
    with open(FONT_FILE, "rb") as f:
        files = {f"fonts/{FONT}": f.read()}
    device = {"2d": "virtio-gpu-device", "virgl": "virtio-gpu-gl-device"}[gpu]
    size = [word for side, n in zip("xy", SCREEN) for word in ("-global", f"{device}.{side}res={n}")]
    with machine(gpu=gpu, programs=[DRAW], files=files, args=size) as vm:
        vm.boot()
        for how, drawings in ways.items():
            for each in drawings:
                each(Drawing(vm, how))
        assert not host_errors(vm), host_errors(vm)


def shapes(d):
    by = "gpu" if d.how == "gpu" else "software"
    out = d.run("""
        new 0 60 50
        read 0 /tmp/empty
        begin 0
        clear ff204060
        rect 5 6 20 10 ffff8000
        rect 15 10 20 12 8000ff40
        rect -5 40 15 20 ffffffff
        rect 40.5 5 10.25 8 ff00ffff
        end 0
        read 0 /tmp/rects
        begin 0
        clear 80ff0000
        circle 20 20 12 ff00ff00
        circle 40.3 24.7 8.6 800000ff
        circle 58 48 6 ffffffff
        end 0
        read 0 /tmp/circles
        begin 0
        clear ff000000
        line 5 5 50 5 3 ffff0000
        line 8.5 12 8.5 44 1 ff00ff00
        line 15 10 52 45 4 800080ff
        line 52 12 20 40 1.5 ffffff00
        line 30 45 30 45 5 ffff00ff
        end 0
        read 0 /tmp/lines
        begin 0
        clear 00000000
        round 4 3 40 30 8 ffc02040
        round 20 20 38 26 4.5 6000ff00
        end 0
        read 0 /tmp/rounded
        """)
    assert out == f"drawn by {by}\n", out
    p = golden.Picture(60, 50)
    d.check(p, "/tmp/empty")
    p.clear(0xff204060)
    p.rect(5, 6, 20, 10, 0xffff8000)
    p.rect(15, 10, 20, 12, 0x8000ff40)
    p.rect(-5, 40, 15, 20, 0xffffffff)
    p.rect(40.5, 5, 10.25, 8, 0xff00ffff)
    d.check(p, "/tmp/rects")
    p.clear(0x80ff0000)
    p.circle(20, 20, 12, 0xff00ff00)
    p.circle(40.3, 24.7, 8.6, 0x800000ff)
    p.circle(58, 48, 6, 0xffffffff)
    d.check(p, "/tmp/circles")
    p.clear(0xff000000)
    p.line(5, 5, 50, 5, 3, 0xffff0000)
    p.line(8.5, 12, 8.5, 44, 1, 0xff00ff00)
    p.line(15, 10, 52, 45, 4, 0x800080ff)
    p.line(52, 12, 20, 40, 1.5, 0xffffff00)
    p.line(30, 45, 30, 45, 5, 0xffff00ff)
    d.check(p, "/tmp/lines")
    p.clear(0)
    p.rounded(4, 3, 40, 30, 8, 0xffc02040)
    p.rounded(20, 20, 38, 26, 4.5, 0x6000ff00)
    d.check(p, "/tmp/rounded")


def clips(d):
    """A part alone is cleared, whatever the colour's alpha, and drawn into."""
    d.run("""
        new 0 60 50
        begin 0
        clear ff204060
        rect 5 5 50 40 ffff8000
        clip 10 12 20 15
        clear ff00ff00
        circle 30 27 8 ff0000ff
        clip 35 20 15 25
        clear 40ff0000
        clip 40 0 0 50
        clear ffffffff
        end 0
        read 0 /tmp/clips
        begin 0
        clip -5 30 20 100
        clear 00000000
        end 0
        read 0 /tmp/cleared
        """)
    p, part, other = (golden.Picture(60, 50) for _ in range(3))
    p.clear(0xff204060)
    p.rect(5, 5, 50, 40, 0xffff8000)
    part.clear(0xff00ff00)
    part.circle(30, 27, 8, 0xff0000ff)
    p.take(part, 10, 12, 20, 15)
    part.clear(0x40ff0000)
    p.take(part, 35, 20, 15, 25)
    d.check(p, "/tmp/clips")
    p.take(other, 0, 30, 15, 20)
    d.check(p, "/tmp/cleared")


def images(d):
    """An image, itself scaled, over and under others; a picture that was drawn is an image, too."""
    d.run("""
        new 0 64 48
        new 1 16 12
        new 2 20 20
        pattern 1
        begin 2
        clear 00000000
        circle 10 10 8 ff8080ff
        end 2
        begin 0
        clear ff101010
        image 1 3 4 16 12
        image 1 24 2 32 24
        image 2 10 10 20 20
        rect 12 30 20 10 ff00ff00
        image 1 20 32 16 12
        image 2 50 35 20 20
        end 0
        read 0 /tmp/images
        read 1 /tmp/pattern
        """)
    pattern, circle, p = golden.Picture(16, 12), golden.Picture(20, 20), golden.Picture(64, 48)
    pattern.pattern()
    d.check(pattern, "/tmp/pattern", edge=0)
    circle.circle(10, 10, 8, 0xff8080ff)
    p.clear(0xff101010)
    p.image(pattern, 3, 4, 16, 12)
    p.image(pattern, 24, 2, 32, 24)
    p.image(circle, 10, 10, 20, 20)
    p.rect(12, 30, 20, 10, 0xff00ff00)
    p.image(pattern, 20, 32, 16, 12)
    p.image(circle, 50, 35, 20, 20)
    d.check(p, "/tmp/images")


def laid(d):
    """A picture as a compositor lays it: turned and mirrored each way, whole, and a part of it as it is and scaled."""
    lines = ["new 0 130 100", "new 1 16 12", "pattern 1", "begin 0", "clear ff101010"]
    pattern, p = golden.Picture(16, 12), golden.Picture(130, 100)
    pattern.pattern()
    p.clear(0xff101010)
    for way in range(8):
        quarters, mirrored = way % 4, way // 4
        shown = pattern.turned(quarters, mirrored)
        x, y = 1 + quarters * 32, 1 + mirrored * 50
        for part, to in (((0, 0, shown.width, shown.height), (x, y, shown.width, shown.height)),
                         ((3, 2, 7, 5), (x + 17, y, 7, 5)), ((2, 4, 5, 6), (x + 4, y + 20, 20, 24))):
            whole = part[2:] == (shown.width, shown.height)
            given = (0, 0, 0, 0) if whole else part
            lines.append(" ".join(map(str, ("lay 1", *to, quarters, mirrored, *given))))
            p.image(shown.part(*part), *to)
    d.run("\n".join([*lines, "end 0", "read 0 /tmp/laid"]))
    d.check(p, "/tmp/laid")


def text(d):
    """Text, before and after some hundred large glyphs have grown the atlas and gone round in it."""
    words = "Hag|_-"
    out = d.run(f"""
        new 0 90 60
        font 0 24 /fonts/{FONT}
        font 1 13.5 /fonts/{FONT}
        font 2 160 /fonts/{FONT}
        begin 0
        clear ffffffff
        text 0 3 24 ff000000 {words}
        text 1 4.4 45 80ff0000 {words}
        end 0
        read 0 /tmp/before
        begin 0
        glyphs 2 8192 600
        clear ffffffff
        text 1 4.4 45 80ff0000 {words}
        text 0 3 24 ff000000 {words}
        end 0
        read 0 /tmp/after
        drop 2
        """)
    font = golden.Font(FONT_FILE)
    p = golden.Picture(90, 60)
    p.clear(0xffffffff)
    end = p.text(font, 24, 3, 24, words, 0xff000000)
    p.text(font, 13.5, 4.4, 45, words, 0x80ff0000)
    d.check(p, "/tmp/before", edge=GLYPH_EDGE)
    assert f"text ends at {end:.3f}, width {end - 3:.3f}\n" in out, out
    # By other software than the one under test: nothing was lost and nothing is where something else was.
    d.check(p, "/tmp/after", edge=GLYPH_EDGE)
    assert d.pixels("/tmp/before") == d.pixels("/tmp/after")


def bad_text(d):
    """What is no UTF-8 is U+FFFD, and what the font has not is its sign for that: each has a glyph's width."""
    d.vm.run(r"printf 'new 0 10 10\nfont 0 20 /fonts/%s\nbegin 0\ntext 0 0 9 ff000000 a\377\300\200\355\240\200z\n' "
             f"{FONT} >/tmp/script; printf 'text 0 0 9 ff000000 \\303' >>/tmp/script")
    out = d.vm.run(f"/bin/draw {d.how} </tmp/script")
    advance = golden.Font(FONT_FILE)
    width = advance.glyph("a")[1] * 20 / (advance.ascent - advance.descent)
    assert out.splitlines()[1:] == [f"text ends at {width * 8:.3f}, width {width * 8:.3f}",
                                    f"text ends at {width:.3f}, width {width:.3f}"], out


def errors(d):
    for script, told in (("font 0 20 /fonts/none.ttf", "No such file or directory"),
                         ("font 0 20 /bin/draw", "Invalid argument"),
                         ("font 0 0 /fonts/x", "Invalid argument"), ("new 0 0 5", "Invalid argument"),
                         ("new 0 20000 5", "Invalid argument"),
                         ("new 0 5 5\nbegin 0\nbegin 0", "Device or resource busy"),
                         ("new 0 5 5\nnew 1 5 5\nbegin 0\nend 0\nend 1", "Invalid argument"),
                         ("new 0 5 5\nbegin 0\nimage 0 0 0 5 5\nend 0", "Invalid argument"),
                         ("new 0 5 5\nbegin 0\nread 0 /tmp/x", "Device or resource busy")):
        out = d.run(script, status=1)
        last = out.splitlines()[-1]
        assert last.startswith(f"line {len(script.splitlines())}: ") and last.endswith(f": {told}"), out


def many(d):
    """More quads than a batch and more pictures than a stream has places for, in one frame."""
    pictures = range(1, 75)
    lines = [f"new {n} 4 4" for n in pictures]
    for n in pictures:
        lines += [f"begin {n}", f"clear ff{n:02x}{255 - n:02x}80", f"end {n}"]
    lines += ["new 0 60 50", "begin 0", "clear ff000000"]
    p = golden.Picture(60, 50)
    p.clear(0xff000000)
    for i in range(600):
        x, y, colour = i % 60, i // 60 * 2, 0xff000000 | (i * 7 & 255) << 16 | (i * 13 & 255) << 8 | (i & 255)
        lines.append(f"rect {x} {y} 1 1 {colour:08x}")
        p.rect(x, y, 1, 1, colour)
    for n in pictures:
        x, y = n % 15 * 4, 25 + n // 15 * 4
        lines.append(f"image {n} {x} {y} 4 4")
        p.rect(x, y, 4, 4, 0xff000080 | n << 16 | (255 - n) << 8)
    d.run("\n".join(lines + ["end 0", "read 0 /tmp/many"]))
    d.check(p, "/tmp/many")


def screendump(vm, path):
    """What the host shows, as the picture's own bytes."""
    vm.qmp("screendump", filename=path)
    with open(path, "rb") as f:
        raw = f.read().removeprefix(b"P6\n%d %d\n255\n" % SCREEN)
    bgrx = bytearray(4 * SCREEN[0] * SCREEN[1])
    for i in range(3):
        bgrx[i::4] = raw[2 - i::3]
    return bytes(bgrx)


def screen(d):
    """The display's picture, read back, and on a card without 3D as the display shows it."""
    shown = d.vm.dir + "/shot.ppm"
    d.vm.run("rm -f /tmp/go; mkfifo /tmp/go")
    d.vm.run(f"/bin/draw {d.how} </tmp/go >/tmp/said 2>&1 & exec 7>/tmp/go; printf 'screen 0\\nnew 1 40 30\\nbegin 1\\n"
             "clear ffc0ff00\\nend 1\\nbegin 0\\nclear ff203040\\nrect 50 30 150 120 ffff0000\\n"
             "image 1 180 140 40 30\\nend 0\\nread 0 /tmp/screen\\nnew 79 1 1\\nread 79 /tmp/done\\n' >&7")
    d.vm.run("until [ -s /tmp/done ]; do kill -0 $! || { cat /tmp/said; exit 1; }; usleep 10000; done")
    p = golden.Picture(*SCREEN)
    p.clear(0xff203040)
    for x, y, w, h, colour in ((50, 30, 150, 120, 0xffff0000), (180, 140, 40, 30, 0xffc0ff00)):
        for py in range(y, y + h):
            p.pixels[py][x:x + w] = [golden.premultiplied(colour)] * w
    d.check(p, "/tmp/screen", alpha=False)
    if d.how == "any":
        end = time.monotonic() + LIMIT
        while wrong := p.differences(screendump(d.vm, shown), 0, alpha=False):    # the host may not have come to it
            assert time.monotonic() < end, wrong[:10]
    d.vm.run("exec 7>&-; wait $!; rm -f /tmp/done")


ALL = shapes, clips, images, laid, text, bad_text, many, screen, errors


def test_by_the_gpu():
    drawing("virgl", {"gpu": ALL, "software": (shapes, clips, laid, screen)})


def test_by_the_cpu():
    """A card without 3D is drawn to by the CPU without being asked to."""
    drawing("2d", {"any": ALL})


def counters(vm):
    return {name: int(value) for name, value in re.findall(r"(?m)^(\w+):?\s+(\d+)", vm.run("cat /proc/gpu"))}


def test_the_cpu_copies_nothing():
    """A frame with text and windows on the display is a stream and a flush: the kernel moves none of its pixels."""
    only_ours()     # /proc/gpu
    with open(FONT_FILE, "rb") as f:
        files = {f"fonts/{FONT}": f.read()}
    with machine(programs=[DRAW], files=files) as vm:
        vm.boot()
        before = counters(vm)
        frame = "\n".join(["begin 1", "clear ff808080", "text 0 5 30 ff000000 Window", "end 1",
                           "begin 0", "clear ff203040", "circle 300 300 50 ffffffff", "image 1 10 10 200 100", "end 0"])
        Drawing(vm, "gpu").run(f"screen 0\nnew 1 200 100\nfont 0 20 /fonts/{FONT}\n" + "\n".join([frame] * 5))
        after = counters(vm)
        assert after["submits"] - before["submits"] >= 10 and after["flushes"] > before["flushes"], (before, after)
        assert (after["transfers"], after["bytes"]) == (before["transfers"], before["bytes"]), (before, after)
        assert not host_errors(vm), host_errors(vm)


def test_a_path_that_is_not_there():
    """Who asks for the GPU alone on a card without one is told; and so is everybody without a card."""
    with machine(gpu="2d", programs=[DRAW]) as vm:
        vm.boot()
        assert vm.sh("/bin/draw gpu </dev/null") == ("open: No such device\n", 1)
        assert vm.sh("mv /dev/dri/card0 /dev/card; /bin/draw any </dev/null") == ("open: No such device\n", 1)


if __name__ == "__main__":
    main()
