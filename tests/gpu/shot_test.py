#!/usr/bin/env python3
"""tools/shot: a screenshot of a guest that tools/run started."""
import os
import struct
import subprocess
import sys
import tempfile
import zlib

from gputest import LIMIT, TOP, Skip, _read, main, qemu

sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
import cpio  # noqa: E402

# The picture stays until the guest is ended. What cat waits for never comes.
SHOW = ("scanout --serve dunlin.scanout & mkfifo /tmp/keys /tmp/shown /tmp/never; "
        "gpushow 3 <>/tmp/keys >/tmp/shown & head -n 1 /tmp/shown; cat /tmp/never")


def color(x, y):
    """tests/vm/guest/drm.h's picture(), of seed 3."""
    return (x * 3 + 150) & 255, (y * 5 + 3) & 255, 255 if (x // 16 + y // 16) % 2 else 3


def pixels(path):
    """(width, height, bytes) of a PNG of eight bits a channel whose rows are not filtered."""
    data, at, parts = _read(path), 8, {}
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(data):
        size, = struct.unpack_from(">I", data, at)
        kind, part = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + part), kind
        parts[kind] = part
        at += size + 12
    width, height, *form = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert form == [8, 2, 0, 0, 0] and b"IEND" in parts, form
    rows, step = zlib.decompress(parts[b"IDAT"]), 3 * width + 1
    assert len(rows) == step * height and not any(rows[::step])
    return width, height, b"".join(rows[i + 1:i + step] for i in range(0, len(rows), step))


def shot(*args):
    return subprocess.run([os.path.join(TOP, "tools", "shot"), *args], capture_output=True, text=True, timeout=2 * LIMIT)


def test_a_picture():
    if os.environ.get("DUNLIN_TEST_KERNEL"):
        raise Skip("tools/run loads no modules for a GPU")
    a = cpio.Archive()
    a.file("bin/scanout", _read(qemu.built("user", "scanout")), 0o755)
    with tempfile.TemporaryDirectory() as at:
        with open(f"{at}/more.cpio", "wb") as f:
            f.write(a.bytes())
        for gpu in ("2d", "virgl"):
            guest = subprocess.Popen(
                [os.path.join(TOP, "tools", "run"), "--debug", "--net", "none", "--gpu", gpu, "--initrd",
                 qemu.built("initramfs.cpio"), "--initrd", qemu.built("guest.cpio"), "--initrd", f"{at}/more.cpio",
                 "--exec", SHOW], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            try:
                assert guest.stdout.readline() == "shown 1280x800\n"
                for file in ("1.png", "2.png"):
                    r = shot("--guest", str(guest.pid), f"{at}/{file}")
                    assert r.returncode == 0, r.stderr
                width, height, data = pixels(f"{at}/2.png")
                assert (width, height) == (1280, 800)
                assert data == bytes(v for y in range(height) for x in range(width) for v in color(x, y)), gpu
                assert _read(f"{at}/1.png") == _read(f"{at}/2.png")
                r = shot("--guest", str(guest.pid), f"{at}/no/such.png")
                assert r.returncode == 1 and r.stderr == f"tools/shot: {at}/no/such.png: No such file or directory\n", r.stderr
            finally:
                guest.terminate()
                guest.wait()
            r = shot("--guest", str(guest.pid), f"{at}/3.png")
            assert r.returncode == 1 and r.stderr == "tools/shot: there is no such guest\n", r.stderr
            assert not os.path.exists(qemu.built("run", f"guest-{guest.pid}"))


def test_the_readme_has_one():
    """That which is made here is the README's, but for what the programs in it tell."""
    if os.environ.get("DUNLIN_TEST_KERNEL"):
        raise Skip("tools/run loads no modules for a GPU")
    with tempfile.TemporaryDirectory() as at:
        env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        r = subprocess.run(["make", "-s", "-C", TOP, "shot", f"SHOT={at}/desktop.png"], env=env, capture_output=True,
                           text=True, timeout=4 * LIMIT)
        assert r.returncode == 0, r.stdout + r.stderr
        (*size, made), (*shown_size, shown) = pixels(f"{at}/desktop.png"), pixels(os.path.join(TOP, "docs", "desktop.png"))
    assert size == shown_size == [1280, 800], (size, shown_size)
    same = sum(made[i:i + 3] == shown[i:i + 3] for i in range(0, len(made), 3))
    assert same > 0.9 * len(made) / 3, f"{same} of {len(made) // 3} pixels"


if __name__ == "__main__":
    main()
