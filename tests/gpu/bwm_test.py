#!/usr/bin/env python3
# limit: 1800
"""user/bwm: windows on the display, pixel by pixel; clients that die, lie or flood; what is left behind: nothing."""
import os
import re
import tempfile

import golden
from desktop import FIRST, FOOT, HEIGHT, STEP, WIDTH, WORK_HEIGHT, Desktop, Panes, Screen
from gputest import linux_kernel, machine, main, only_ours, qemu
from gpu_test import Viewer, gpu_address
from vmtest import Person

FUZZ = qemu.built("gpu", "wlfuzz")

A, B, C = (FIRST + n * STEP for n in range(3))


def smooth(screen):
    """The wallpaper's rows are of one colour each at its left, with no step but the shore's that an eye could see."""
    rows = [screen.pixels[3 * y * WIDTH:3 * y * WIDTH + 600] for y in range(WORK_HEIGHT)]
    assert all(row == row[:3] * 200 for row in rows)
    steps = [y for y in range(1, WORK_HEIGHT) if any(abs(a - b) > 2 for a, b in zip(rows[y][:3], rows[y - 1][:3]))]
    assert steps == [HEIGHT * 5 // 8], steps


def layers(d):
    """Order, overlap and alpha, of buffers of the GPU and of shared memory; what a client has goes with it."""
    empty = d.empty
    smooth(empty)
    one, two = Panes(d, 0), Panes(d, 1)
    one.do("open 0 gpu 300 200 ffff0000")
    two.do("open 0 shm 250 220 ff00ff00")
    one.do("open 1 gpu 200 100 80004080")
    want = empty.copy()
    want.rect(A, A, 300, 200, 0xffff0000)
    want.rect(B, B, 250, 220, 0xff00ff00)
    want.rect(C, C, 200, 100, 0x80004080)
    d.shows(want, "three windows")

    one.do("fill 0 ff0000ff", "sub 0 -10 20 shm 40 30 ffffffff", "popup 1 150 80 120 60 c0202020")
    two.do("part 0 10 20 30 40 ff808080", "part 0 200 200 20 20 40000040")
    want = empty.copy()
    want.rect(A, A, 300, 200, 0xff0000ff)
    want.rect(A - 10, A + 20, 40, 30, 0xffffffff)
    # A part is not drawn over the old pixels but in their place: what shows through is what lies below the window.
    below = want.copy()
    want.rect(B, B, 250, 220, 0xff00ff00)
    want.rect(B + 10, B + 20, 30, 40, 0xff808080)
    below.rect(B + 200, B + 200, 20, 20, 0x40000040)
    for y in range(B + 200, B + 220):
        at, end = 3 * (y * WIDTH + B + 200), 3 * (y * WIDTH + B + 220)
        want.pixels[at:end] = below.pixels[at:end]
    want.rect(C, C, 200, 100, 0x80004080)
    want.rect(C + 150, C + 80, 120, 60, 0xc0202020)
    d.shows(want, "subsurface, popup and parts")

    one.kill()
    two.do("size 0 100 300 ff123456")
    want = empty.copy()
    want.rect(B, B, 100, 300, 0xff123456)
    d.shows(want, "after a client's death")
    two.do("scaled 0 2 160 240 ff102030", "part 0 20 40 60 80 ff808080")
    want = empty.copy()
    want.rect(B, B, 80, 120, 0xff102030)
    want.rect(B + 10, B + 20, 30, 40, 0xff808080)
    d.shows(want, "a buffer of twice the size")
    two.do("scaled 0 1 100 300 ff123456")
    two.do("maximise 0", "follow 0 ff654321")
    want = empty.copy()
    want.rect(0, 0, WIDTH, WORK_HEIGHT, 0xff654321)
    d.shows(want, "maximised")
    two.do("restore 0", "follow 0 ff00ffff")
    want = empty.copy()
    want.rect(B, B, 100, 300, 0xff00ffff)
    d.shows(want, "restored")
    two.do("minimise 0", "open 1 shm 20 20 ffff00ff")
    two.do("close 1")
    two.leave()
    d.shows(empty, "all closed")


def test_layers():
    with Desktop() as d:
        layers(d)


def test_layers_on_linux():
    with Desktop(kernel=linux_kernel()) as d:
        layers(d)


def test_layers_by_the_cpu():
    """A card without 3D: the same pixels, of clients in shared memory."""
    with Desktop(gpu="2d") as d:
        empty = d.empty
        smooth(empty)
        panes = Panes(d)
        panes.do("open 0 shm 300 200 ffff0000", "open 1 shm 200 100 80004080")
        want = empty.copy()
        want.rect(A, A, 300, 200, 0xffff0000)
        want.rect(B, B, 200, 100, 0x80004080)
        d.shows(want, "two windows")


def parts_of_buffers(d):
    """wp_viewporter: a window that shows a part of its buffer, as it is or scaled, and follows when that is drawn anew."""
    panes = Panes(d)
    panes.do("open 0 shm 64 48 ffff0000", "part 0 32 16 16 8 ff00ff00", "part 0 40 20 4 4 ff0000ff")
    whole = d.empty.copy()
    whole.rect(A, A, 64, 48, 0xffff0000)
    whole.rect(A + 32, A + 16, 16, 8, 0xff00ff00)
    whole.rect(A + 40, A + 20, 4, 4, 0xff0000ff)
    d.shows(whole, "all of it")
    panes.do("view 0 448 192 384 256 -1 -1")        # from 28,12: 24 x 16
    want = d.empty.copy()
    want.rect(A, A, 24, 16, 0xffff0000)
    want.rect(A + 4, A + 4, 16, 8, 0xff00ff00)
    want.rect(A + 12, A + 8, 4, 4, 0xff0000ff)
    d.shows(want, "a part")
    panes.do("part 0 34 18 2 2 ffffffff", "part 0 0 0 8 8 ff123456")
    want.rect(A + 6, A + 6, 2, 2, 0xffffffff)
    d.shows(want, "a part, of which a part is drawn anew")
    panes.do("view 0 512 256 256 128 48 16")        # from 32,16: 16 x 8, three times as wide and twice as high
    want = d.empty.copy()
    want.rect(A, A, 48, 16, 0xff00ff00)
    want.rect(A + 24, A + 8, 12, 8, 0xff0000ff)
    want.rect(A + 6, A + 4, 6, 4, 0xffffffff)
    d.shows(want, "a part, scaled")
    panes.do("part 0 32 16 2 2 ff808080")
    want.rect(A, A, 6, 4, 0xff808080)
    d.shows(want, "a part, scaled, and drawn anew there")
    # Turned to the right, so that what was left is above, and two of its pixels one each way: a part is one of the
    # buffer as it is seen then, of whose 24 x 32 this is the left half.
    panes.do("view 0 -1 -1 -1 -1 -1 -1", "turn 0 1 2", "view 0 0 0 192 512 -1 -1")
    rows = [[0xffff0000] * 64 for _ in range(48)]
    for x, y, width, height, colour in ((32, 16, 16, 8, 0xff00ff00), (40, 20, 4, 4, 0xff0000ff), (34, 18, 2, 2, 0xffffffff),
                                        (32, 16, 2, 2, 0xff808080), (0, 0, 8, 8, 0xff123456)):
        for row in rows[y:y + height]:
            row[x:x + width] = [colour] * width
    want = d.empty.copy()
    for y in range(32):
        for x in range(12):
            want.rect(A + x, A + y, 1, 1, rows[47 - 2 * x][2 * y])
    d.shows(want, "a part, turned")
    panes.do("view 0 -1 -1 -1 -1 -1 -1", "turn 0 0 1")
    whole.rect(A, A, 8, 8, 0xff123456)
    whole.rect(A + 34, A + 18, 2, 2, 0xffffffff)
    whole.rect(A + 32, A + 16, 2, 2, 0xff808080)
    d.shows(whole, "all of it again")
    panes.leave()


def test_parts_of_buffers():
    with Desktop() as d:
        parts_of_buffers(d)


def test_parts_of_buffers_by_the_cpu():
    with Desktop(gpu="2d") as d:
        parts_of_buffers(d)


def test_inverted_buffers():
    """Buffers of the GPU's whose first row is the lowest, as OpenGL draws them, turned and mirrored in each way."""
    with Desktop() as d:
        panes = Panes(d)
        panes.do("open 0 gpu 40 20 ff000000", "inverted 0 40 20 ffff0000 ff00ff00")
        for transform in range(8):
            panes.do(f"turn 0 {transform} 1")
            # The corner with the first pixel is below on the left; mirrored, then turned to the right.
            right, below = transform >= 4, True
            for _ in range(transform % 4):
                right, below = not below, right
            width, height = (20, 40) if transform % 2 else (40, 20)
            want = d.empty.copy()
            want.rect(A, A, width, height, 0xffff0000)
            want.rect(A + right * width // 2, A + below * height // 2, width // 2, height // 2, 0xff00ff00)
            d.shows(want, f"transform {transform}")
        panes.leave()


def places(d):
    """A dialogue is seen wholly, though its parent's middle is at the edge; a popup lies where its window will be; a pointer
    that is too large for the card's plane is drawn, and goes along."""
    panes, person = Panes(d), Person(d.vm, WIDTH, HEIGHT)
    panes.do("open 0 shm 60 40 ffff0000", "child 1 0 300 200 ff00ff00")
    want = d.empty.copy()
    want.rect(0, 0, 300, 200, 0xff00ff00)
    d.shows(want, "a dialogue")
    panes.do("close 1", "maximise 0", f"future 0 {WIDTH - 10} 10 100 60 ffffff00", "follow 0 ff0000ff")
    want.rect(0, 0, WIDTH, WORK_HEIGHT, 0xff0000ff)
    want.rect(WIDTH - 100, 10, 100, 60, 0xffffff00)
    d.shows(want, "a popup of a window that was not yet there")

    person.point(400, 300)
    for x, y, width, height in (10, 20, 100, 90), (4, 4, 40, 65):
        panes.do(f"cursor {width} {height} {x} {y} ff00ffff")
        for at in (400, 300), (WIDTH - 30, 2):
            person.point(*at)
            with_pointer = want.copy()
            with_pointer.rect(at[0] - x, at[1] - y, width, height, 0xff00ffff)
            d.shows(with_pointer, "a large pointer")
    panes.do("cursor 64 64 4 4 ff00ffff")
    d.shows(want, "a pointer on the plane is none of the picture's")


def test_places():
    with Desktop() as d:
        places(d)


def test_places_by_the_cpu():
    with Desktop(gpu="2d") as d:
        places(d)


def test_a_pointer_by_the_gpu():
    """One that its client's GPU has drawn is seen, of whatever size; one in shared memory after it is on the plane."""
    with Desktop() as d:
        panes, person = Panes(d), Person(d.vm, WIDTH, HEIGHT)
        panes.do("open 0 gpu 300 200 ffff0000")
        want = d.empty.copy()
        want.rect(A, A, 300, 200, 0xffff0000)
        person.point(A + 50, A + 60)
        for side, colour in (32, 0xff00ffff), (100, 0xffffff00), (64, 0xff0000ff):
            panes.do(f"cursor {side} {side} 4 6 {colour:08x} gpu")
            with_pointer = want.copy()
            with_pointer.rect(A + 46, A + 54, side, side, colour)
            d.shows(with_pointer, f"a pointer of {side} pixels")
        panes.do("cursor 32 32 4 6 ff00ff00")
        d.shows(want, "a pointer on the plane is none of the picture's")


# What user/bwm/shell_parts.h says of frames, and user/btop/btop.c of its window.
FRAME, FRAME_LIT, BTOP = 0xff2b3644, 0xff35567d, 0xff14181f
BORDER, TITLE, FRAME_RADIUS, CONTENTS_RADIUS, BTOP_WIDTH, BTOP_HEIGHT = 4, 28, 9, 6, 400, 320
EDGE_SLACK = 48         # of a channel, where an arc goes through a pixel: it may be smoothed another way
FRAMED = 80, 100        # the picture of a frame that is made, without its middle, which is the same all along


def framed_pixel(screen, x, y):
    """What is in that picture less than half of it from the left or the top is so on the display, the rest as far from the
    other side."""
    width, height = FRAMED
    outside = BTOP_WIDTH + 2 * BORDER - width, BTOP_HEIGHT + TITLE + BORDER - height
    return screen.row(FIRST + x + (x >= width // 2) * outside[0], FIRST + y + (y >= height // 2) * outside[1], 1)


def framed(d, colour):
    """btop's frame, and its window's corners in it, as geometry has them."""
    width, height = FRAMED
    want = golden.Picture(width, height)
    want.pixels = [[tuple(c / 255 for c in framed_pixel(d.empty, x, y)) + (1.0,) for x in range(width)]
                   for y in range(height)]
    want.rounded(0, 0, width, height, FRAME_RADIUS, colour)
    want.rounded(BORDER, TITLE, width - 2 * BORDER, height - TITLE - BORDER, CONTENTS_RADIUS, BTOP)
    return want


def looks_framed(screen, want):
    """Whether the display has this; text and buttons are left out."""
    width, height = FRAMED
    for y in range(height):
        for x in range(width):
            if (9 <= x < width - 7 and 4 <= y < 24) or (14 <= x < width - 14 and 32 <= y < height - 8):
                continue
            slack = EDGE_SLACK if want.edges[y][x] else 2
            if any(abs(have - 255 * c) > slack for have, c in zip(framed_pixel(screen, x, y), want.pixels[y][x])):
                return False
    return True


def frames(gpu):
    """A frame's corners are round, with the wallpaper around them, and so are its window's; who is not active is duller."""
    with Desktop(gpu=gpu, programs=[qemu.built("desktop-bin", "btop")]) as d:
        d.vm.run("btop & btop=$!")
        lit, dull = framed(d, FRAME_LIT), framed(d, FRAME)
        d.when(lambda screen: looks_framed(screen, lit), "the active window's frame")
        panes = Panes(d)
        panes.do("open 0 shm 8 8 ffff0000")
        d.when(lambda screen: looks_framed(screen, dull), "another window's frame")
        panes.leave()
        d.when(lambda screen: looks_framed(screen, lit), "a frame that is lit again")
        d.vm.run("kill $btop; wait $btop || [ $? = 143 ]")
        d.shows(d.empty, "no window")


def test_frames_by_the_gpu():
    frames("virgl")


def test_frames_by_the_cpu():
    frames("2d")


def test_by_hand():
    """A click raises a window, alt and a button move it."""
    with Desktop() as d:
        empty, person, panes = d.empty, Person(d.vm, 1280, 800), Panes(d)
        panes.do("open 0 gpu 300 200 ffff0000", "open 1 gpu 300 200 ff00ff00")
        person.click(A + 5, A + 5)
        panes.do("fill 0 ff0000ff")
        want = empty.copy()
        want.rect(B, B, 300, 200, 0xff00ff00)
        want.rect(A, A, 300, 200, 0xff0000ff)
        d.shows(want, "raised")
        person.hold("alt")
        panes.do("modifiers 8")         # what comes of two devices has no order
        person.drag(A + 20, A + 20, A + 420, A + 120)
        want = empty.copy()
        want.rect(B, B, 300, 200, 0xff00ff00)
        want.rect(A + 400, A + 100, 300, 200, 0xff0000ff)
        d.shows(want, "moved")
        # A popup goes along, but not out of sight if it does not want to.
        panes.do("menu 0 280 10 100 60 ffffff00")
        want.rect(A + 680, A + 110, 100, 60, 0xffffff00)
        d.shows(want, "a popup")
        person.hold("alt")
        person.drag(A + 420, A + 120, WIDTH - 300, A + 120)
        want = empty.copy()
        want.rect(B, B, 300, 200, 0xff00ff00)
        want.rect(WIDTH - 320, A + 100, 300, 200, 0xff0000ff)
        want.rect(WIDTH - 100, A + 110, 100, 60, 0xffffff00)
        d.shows(want, "its popup has moved less")
        person.let_go("alt")
        panes.do("modifiers 0")


def test_many_windows():
    """64 at once, none where another one is; one that just fits is seen wholly."""
    with Desktop() as d:
        want, panes = d.empty.copy(), Panes(d)
        steps = (WORK_HEIGHT - 90 - FIRST) // STEP + 1
        for i in range(64):
            colour = 0xff000000 | (i * 0x3b7 & 0xff) << 16 | (i * 0x61 & 0xff) << 8 | (255 - 3 * i)
            panes.do(f"open {i} {'shm' if i % 8 == 7 else 'gpu'} 120 90 {colour:08x}")
            want.rect(FIRST + (i % steps + i // steps) * STEP, FIRST + i % steps * STEP, 120, 90, colour)
        d.shows(want, "64 windows")
        panes.do(f"open 64 shm {WIDTH - 10} {WORK_HEIGHT - 10} ffabcdef")
        d.when(lambda screen: screen.pixels.count(b"\xab\xcd\xef") >= (WIDTH - 10) * (WORK_HEIGHT - 10), "a large one")


def test_windows_come_and_go():
    """1,000 windows, and then what the GPU has is what it had."""
    only_ours()     # /proc/gpu
    with Desktop() as d:
        panes = Panes(d)
        panes.do("cycle 10 gpu 64 48", "cycle 10 shm 64 48")
        before = d.held()
        panes.do("cycle 500 gpu 64 48", "cycle 500 shm 64 48", timeout=600)
        d.holds_no_more_than(before)
        panes.leave()
        assert d.counters()["errors"] == 0


def corner(screen, colour):
    """The first pixel of this colour, from the top, or None."""
    at, pixel = -1, colour.to_bytes(3, "big")
    while (at := screen.pixels.find(pixel, at + 1)) % 3:
        if at < 0:
            return None
    return at // 3 % screen.width, at // 3 // screen.width


def test_hidden_windows():
    """Who cannot be seen, below an opaque window or minimised, costs nothing and hears of no frame; then it is there."""
    only_ours()     # /proc/gpu
    with Desktop() as d:
        one, other, person = Panes(d, 0), Panes(d, 1), Person(d.vm, WIDTH, HEIGHT)
        one.do("open 0 shm 100 80 ffff0000")

        def unseen(colour):
            """It draws, others have frames, and none is its."""
            shown = d.vm.run("grep -c shown /tmp/said0 || true")

            def measure():
                before = d.counters()
                one.do(*(f"late 0 ff{colour - n:06x}" for n in range(5, 0, -1)))
                other.do("redraw 1 ff102030", "redraw 1 ff203040", "redraw 1 ff304050")
                one.do(f"late 0 ff{colour:06x}")        # and has heard all that there was to hear
                return before, d.counters()

            before, after = d.of_one_minute(measure)
            assert after["transfers"] == before["transfers"], (before, after)
            assert d.vm.run("grep -c shown /tmp/said0 || true") == shown

        def seen(colour, what):
            one.do("await 0")
            other.do("close 1")
            want = d.empty.copy()
            want.rect(A, A, 100, 80, 0xff000000 | colour)
            d.shows(want, what)

        def put(colour, x, y):
            """Take the window of this colour there by hand."""
            at = []
            d.when(lambda screen: at.append(corner(screen, colour)) or at[-1], "it is there")
            other.do("modifiers 8")
            person.drag(at[-1][0] + 5, at[-1][1] + 5, x + 5, y + 5)
            d.when(lambda screen: corner(screen, colour) == (x, y), "it is where it was brought")

        # Two that hide it together, neither of them alone.
        other.do("open 0 plain 68 200 ff010203", "open 2 plain 90 200 ff040506")
        person.hold("alt")
        put(0x040506, 80, 10)
        put(0x010203, 12, 10)
        person.let_go("alt")
        other.do("modifiers 0", "open 1 gpu 60 40 ff000000")
        unseen(0xf0f080)
        other.do("close 0", "close 2")
        seen(0xf0f080, "it was hidden by two")
        for kind, colour in ("plain", 0xabcdef), ("shm", 0x80f0a0):
            other.do(f"open 0 {kind} 50 50 ff0000ff", "maximise 0")
            if kind == "shm":
                other.do(f"opaque 0 0 0 {WIDTH} {WORK_HEIGHT}")
            other.do("follow 0 ff00ff00", "open 1 gpu 60 40 ff000000")
            unseen(colour)
            other.do("close 0")
            seen(colour, f"it was hidden by {kind}")
        other.do("open 1 gpu 60 40 ff000000")
        one.do("minimise 0")
        unseen(0x302010)
        person.click(120, HEIGHT - 18)      # its button, the first of the task bar
        seen(0x302010, "it was minimised")


def test_the_cpu_copies_nothing():
    """Frames of GPU clients: streams and a flush each; of shared memory, only what was damaged is uploaded. QEMU says so, too."""
    only_ours()     # /proc/gpu
    with Desktop(args=["-trace", "virtio_gpu_cmd_*"]) as d:
        panes = Panes(d)
        panes.do("open 0 gpu 300 200 ffff0000", "open 1 gpu 300 200 ff00ff00", "open 2 shm 300 200 ff0000ff")

        def traced():
            """What QEMU has been told, and has done: to read a picture back is the last of it."""
            d.picture()
            said = d.vm.qemu_said()
            return [said.count(f"cmd_{name}") for name in ("res_xfer_toh", "ctx_submit", "res_flush")]

        def measure():
            told, before = [traced()], d.counters()
            for i in range(10):
                panes.do(f"redraw {i % 2} ff{i:02x}4080")
            after = d.counters()
            told.append(traced())
            middle = d.counters()
            panes.do("part 2 10 10 20 5 ffffffff")
            last = d.counters()
            return before, after, middle, last, [*told, traced()]

        before, after, middle, last, told = d.of_one_minute(measure)
        assert told[0][0] == told[1][0] == told[2][0] - 1, told
        assert told[1][1] >= told[0][1] + 20 and told[1][2] >= told[0][2] + 10, told
        assert (after["transfers"], after["bytes"]) == (before["transfers"], before["bytes"]), (before, after)
        assert after["flushes"] - before["flushes"] >= 10, (before, after)
        assert last["transfers"] - middle["transfers"] == 1, (middle, last)


def by_program(d):
    """{name: (submits, transfers, bytes)} of all contexts of the programs of that name."""
    found = {}
    for *numbers, name in re.findall(r"(?m)^context \d+ submits (\d+) transfers (\d+) bytes (\d+) (\S+)$",
                                     d.vm.run("cat /proc/gpu")):
        found[name] = tuple(a + int(b) for a, b in zip(found.get(name, (0, 0, 0)), numbers))
    return found


def test_who_copies():
    """/proc/gpu tells programs apart: the GPU's clients copy nothing, bwm what shared memory's have damaged, and no more."""
    only_ours()     # /proc/gpu
    with Desktop() as d:
        drawn, shared = Panes(d, 0), Panes(d, 1)
        drawn.do("open 0 gpu 300 200 ffff0000")
        shared.do("open 0 shm 200 150 ff00ff00")

        def measure():
            told = [by_program(d)]
            drawn.do(*(f"redraw 0 ff{i:02x}4080" for i in range(10)))
            told.append(by_program(d))
            shared.do("part 0 10 20 30 40 ffffffff", "part 0 100 3 7 5 ff808080", "part 0 199 149 1 1 ff000000")
            return [*told, by_program(d)]

        first, then, last = d.of_one_minute(measure)
        assert set(first) == {"bwm", "panes"}, first
        assert then["panes"][0] >= first["panes"][0] + 10 and then["bwm"][0] > first["bwm"][0], (first, then)
        assert all(then[name][1:] == first[name][1:] for name in first), (first, then)
        assert last["panes"] == then["panes"], (then, last)
        assert last["bwm"][1] == then["bwm"][1] + 3, (then, last)
        assert last["bwm"][2] == then["bwm"][2] + 4 * (30 * 40 + 7 * 5 + 1), (then, last)


def test_bad_clients():
    """Who does what is forbidden is told and ended; windows of others stay, and so does bwm."""
    with Desktop() as d:
        good = Panes(d)
        good.do("open 0 gpu 300 200 ffff0000")
        for what, said in (("unconfigured", "refused: xdg_surface error 3"), ("serial", "refused: xdg_wm_base error 4"),
                           ("geometry", "refused: xdg_surface error 1"), ("far", "refused: xdg_positioner error 0"),
                           ("object", "refused: wl_display error 0"), ("stride", "refused: wl_shm_pool error 1"),
                           *((rows, "refused: zwp_linux_buffer_params_v1 error 6")
                             for rows in ("offset", "overlap", "end", "pitch", "memfd", "small")),
                           ("roles", "refused: xdg_wm_base error 0"),
                           ("loop", "refused: wl_subcompositor error 0"),
                           ("other", "refused: zwp_linux_buffer_params_v1 error 7"),
                           ("truncate", "refused: wl_buffer error 2"), ("beyond", "refused: wp_viewport error 2"),
                           ("fraction", "refused: wp_viewport error 1"), ("nothing", "refused: wp_viewport error 0"),
                           ("viewports", "refused: wp_viewporter error 0"), ("orphan", "refused: wp_viewport error 3"),
                           ("surfaces", "refused: wl_display error 2")):
            out = Panes(d, 1).refused(f"lie {what}")
            # Who still writes when it is ended may find the connection closed before it reads why.
            assert out == said or what == "surfaces" and out.endswith(("Connection reset by peer", "Broken pipe")), (what, out)
            d.alive()
        # One that asks without end and never reads what it is told: its connection ends, nobody waits for it.
        deaf = Panes(d, 1)
        d.vm.run(f"echo 'lie deaf' >&{deaf.fd}; exec {deaf.fd}>&-")
        good.do("fill 0 ff00ff80")
        d.vm.run("wait $pane1 || true", 300)
        assert "refused: the connection" in d.vm.run("cat /tmp/said1"), d.vm.run("cat /tmp/said1")
        # One that draws as it likes, whatever size it is asked for, and far away: what fits is shown.
        other = Panes(d, 1)
        other.do("open 0 shm 100 100 ff00ff00", "maximise 0", "fill 0 ff00ffff", "size 0 4000 10 ff0000ff",
                 "sub 0 2147483647 -2147483648 shm 10 10 ffffffff", "flood 0 5000", timeout=300)
        # One that hangs: stopped, it answers nothing.
        d.vm.run("kill -STOP $pane1")
        good.do("fill 0 ff00ffff")
        d.vm.run("kill -CONT $pane1")
        other.kill()
        good.do("fill 0 ffffff00")


def test_false_textures():
    """What a buffer's file does not tell, and its client lies about, is seen in that client's window alone."""
    with Desktop() as d:
        good = Panes(d)
        good.do("open 0 gpu 300 200 ffff0000")
        for what in ("swapped", "narrow", "vertices"):
            liar = Panes(d, 1)
            out = liar.refused(f"lie {what}")
            assert out in (f"done lie {what}", "refused: zwp_linux_buffer_params_v1 error 7"), out
            good.do("fill 0 ff00ffff", "fill 0 ffff00ff")
            want = d.empty.copy()
            want.rect(A, A, 300, 200, 0xffff00ff)
            d.shows(want, what)
        d.errors_expected = True    # of the context in which it was tried


def test_any_requests():
    """Clients that ask for anything in any order: they end, bwm does not, and nothing of theirs is left."""
    for gpu, seeds in ("virgl", 3), ("2d", 1):
        with Desktop(gpu=gpu, programs=[FUZZ]) as d:
            d.errors_expected = True        # the host's, about buffers that are not what was said
            before = None if os.environ.get("DUNLIN_TEST_KERNEL") else d.held()
            for seed in range(seeds):
                out = d.vm.run(f"wlfuzz {seed} 40 400", 600)
                assert re.search(r"(?m)^40 clients, \d+ ended$", out), out
                d.alive()
            d.shows(d.empty, "something is left")
            if before:
                d.holds_no_more_than(before)


def test_foot():
    """Debian's own terminal shows text."""
    with Desktop(also=FOOT) as d:
        empty = d.empty
        d.vm.run("foot sh -c 'echo hello; touch /tmp/said; sleep 1000' "
                 ">/tmp/foot.log 2>&1 & foot=$!")
        d.vm.run("(until [ -e /tmp/said ]; do kill -0 $foot || { cat /tmp/foot.log; exit 1; }; usleep 10000; done)")
        def text(screen):
            """Its background, and letters on it."""
            pixels = [bytes(screen.pixels[i:i + 3]) for i in range(0, 3 * WIDTH * WORK_HEIGHT, 3)]
            plain = [bytes(empty.pixels[i:i + 3]) for i in range(0, 3 * WIDTH * WORK_HEIGHT, 3)]
            light = sum(new != old and min(new) > 0xa0 for new, old in zip(pixels, plain))
            return pixels.count(b"\x11\x11\x11") > 50000 and light > 30
        d.when(text, "foot shows no text")
        d.vm.run("kill $foot; wait $foot || true")


def display_changes(d, viewer, kind):
    """It gets another size, goes, comes back as it was and as it never was: what is shown fits it each time."""
    panes = Panes(d)
    panes.do(f"open 0 {kind} 100 80 ffff0000", "maximise 0", f"open 1 {kind} 60 40 ff00ff00")

    def fits(width, height, colour):
        """Of the size that it was asked for last, which is in time the right one."""
        want = Screen(width, height, bytearray(colour.to_bytes(3, "big") * width * height))
        want.rect(B, B, 60, 40, 0xff00ff00)

        def right(screen):
            panes.do(f"follow 0 ff{colour:06x}")
            return screen and (screen.width, screen.height) == (width, height) and \
                not want.differs(screen, height=height - HEIGHT + WORK_HEIGHT)
        d.when(right, f"{width}x{height}", d.picture_if_any)    # there is none from one size to the other

    for n, size in enumerate(((480, 360), None, (480, 360), None, (640, 400), (400, 300))):
        viewer.resize(*size or (0, 0))
        if size:
            panes.do(f"follow 0 ff{n:06x}")     # that is done when it is shown: there is a display
            fits(*size, 0x204060 + n)
        else:
            # Until bwm has seen it; where the kernel does not say so, it sees both changes at once.
            d.vm.run("[ ! -e /proc/gpu ] || until grep -q '^framebuffers:* *0$' /proc/gpu; do sleep 0.1; done")
            d.alive()


def test_the_display_changes():
    with tempfile.TemporaryDirectory() as at:
        with Desktop(gpu="2d", args=["-vnc", f"unix:{at}/vnc"]) as d:
            display_changes(d, Viewer(f"{at}/vnc"), "shm")


def test_the_display_changes_by_the_gpu():
    with tempfile.TemporaryDirectory() as at:
        with Desktop(args=["-vnc", f"unix:{at}/vnc"]) as d:
            display_changes(d, Viewer(f"{at}/vnc"), "gpu")


def test_the_card_is_taken_away():
    """It says so, and ends; its clients hear of it, and the machine goes on."""
    only_ours()     # Linux's card tells nobody who only waits
    with Desktop() as d:
        panes = Panes(d)
        panes.do("open 0 gpu 300 200 ffff0000", "open 1 shm 100 80 ff00ff00")
        d.alive = lambda: None
        d.vm.run(f"echo {gpu_address(d.vm)} >/sys/bus/pci/drivers/virtio-pci/unbind")
        assert d.vm.run("wait $bwm || echo $?; cat /tmp/bwm.log") == "2\nbwm: the display's card: No such device\n"
        assert not panes.refused("fill 1 ff0000ff").startswith("done")


def test_no_card():
    """One line, and its own exit status; the machine goes on."""
    with Desktop(gpu="none", start=False) as d:
        d.alive = lambda: None
        out, status = d.vm.sh("bwm")
        assert (out, status) == ("bwm: no graphics card: No such device\n", 2), (out, status)
    # As it is booted: the line is on the console, once, whose shell is there.
    with machine(gpu="none", archives=[qemu.built("desktop.cpio")]) as vm:
        vm.boot()
        vm.run("until ps | grep -q '[s]leep 2147483647'; do usleep 50000; done")
        assert vm.console.count("bwm: no graphics card: No such device\n") == 1, vm.console


if __name__ == "__main__":
    main()
