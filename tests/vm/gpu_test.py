#!/usr/bin/env python3
"""The display of a virtio-gpu: what programs draw, as the host sees it, and DRM's calls."""
import os
import re

from vmtest import Vm, main, only_ours, _read

MODULES = ("drm", "drm_kms_helper", "drm_shmem_helper", "virtio_dma_buf", "virtio-gpu")
WIDTH, HEIGHT = 640, 480


def machine(device=f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}", **options):
    return Vm(net="none", guest=True, args=["-device", device + ",id=gpu"], modules=MODULES, **options)


def color(seed, x, y):
    """tests/vm/guest/drm.h's picture()."""
    return (x * 3 + seed * 50) & 255, (y * 5 + seed) & 255, 255 if (x // 16 + y // 16) % 2 else seed & 255


def picture(seed, width=WIDTH, height=HEIGHT):
    return [bytes(part for x in range(width) for part in color(seed, x, y)) for y in range(height)]


def screen(vm):
    """What the host shows: a list of rows, three bytes a pixel."""
    path = os.path.join(vm.dir, "screen.ppm")
    vm.qmp("screendump", filename=path)
    m = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", _read(path))
    data, row = _read(path)[m.end():], 3 * int(m[1])
    return [data[i:i + row] for i in range(0, len(data), row)]


def same(got, want):
    assert len(got) == len(want) and len(got[0]) == len(want[0]), f"{len(got[0]) // 3}x{len(got)}"
    for y, (a, b) in enumerate(zip(got, want)):
        for x in range(0, len(a) if a != b else 0, 3):
            assert a[x:x + 3] == b[x:x + 3], f"at {x // 3},{y}: {a[x:x + 3].hex()}, not {b[x:x + 3].hex()}"


def counts(vm):
    return {k: int(v) for k, v in re.findall(r"(?m)^(\w+) (\d+)$", vm.run("cat /proc/gpu"))}


def feed(vm, *seeds):
    """Start gpushow and wait for its first picture; following(vm) is the next one."""
    vm.run("[ -e /tmp/keys ] || mkfifo /tmp/keys /tmp/shown")
    size = vm.run(f"/bin/gpushow {' '.join(seeds)} </tmp/keys >/tmp/shown 2>/dev/console & "
                  "exec 9>/tmp/keys 8</tmp/shown; read -r line <&8; echo $line")
    assert size == f"shown {WIDTH}x{HEIGHT}\n", size


def following(vm):
    out = vm.run("echo >&9; read -r line <&8; echo $line")
    assert out.startswith("shown "), out


def test_calls():
    """All of DRM's calls that a program without a GPU's help needs, and their errors."""
    with machine() as vm:
        vm.boot()
        out, status = vm.sh("/bin/gpus", 600)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_the_host_sees_the_picture():
    """Modes, flips and damage, pixel by pixel; by each kind of interrupt."""
    for options in ({}, {"append": "pci=nomsi"}, {"gic": "3"}):
        with machine(**options) as vm:
            vm.boot()
            feed(vm, "1", "2", "d3", "4")
            same(screen(vm), picture(1))
            following(vm)
            same(screen(vm), picture(2))
            following(vm)
            want, part = picture(2), picture(3)
            for y in range(16, 48):
                want[y] = want[y][:32 * 3] + part[y][32 * 3:96 * 3] + want[y][96 * 3:]
            same(screen(vm), want)
            following(vm)
            same(screen(vm), picture(4))


if __name__ == "__main__":
    main()
