#!/usr/bin/env python3
"""Debian's own programs with windows on our desktop, which draw by Mesa's virgl driver."""
import os
import re
import sys
import tempfile

from programs import HERE, main, only_ours, programs

sys.path.insert(0, os.path.join(HERE, "..", "gpu"))
import desktop  # noqa: E402
from gputest import MODULES, host_errors  # noqa: E402

# What it and Mesa ask for by name while they run, too.
MESA = ("glmark2-es2-wayland", "glmark2-data:models/(cat|cube|horse)|shaders|crate-base", "libegl1", "libgles2", "libegl-mesa0",
        "libgl1-mesa-dri:virtio_gpu_dri|drirc")


def machine(**options):
    """A guest whose desktop runs; $bwm is its process."""
    with tempfile.TemporaryDirectory() as at:
        vm = programs("coreutils", "grep", *MESA, parts=[desktop.archive(at)], gpu="virgl", mem="2G", modules=MODULES,
                      **options)
    vm.run(f"{desktop.ENVIRONMENT} WAYLAND_DISPLAY=wayland-0")
    vm.run("bwm >/tmp/bwm.log 2>&1 & bwm=$!")
    vm.run("until [ -S /run/wayland-0 ]; do kill -0 $bwm || { cat /tmp/bwm.log; exit 1; }; sleep 0.05; done")
    return vm


def counted(vm):
    return {name: int(n) for name, n in re.findall(r"(?m)^(\w+) (\d+)$", vm.run("cat /proc/gpu"))}


def test_opengl_in_a_window():
    """glmark2 finds the card by what the desktop tells of it, draws there, and finds its pictures right."""
    with machine() as vm:
        out = vm.run("glmark2-es2-wayland --validate -b build -b texture 2>&1", 600)
        assert "GL_RENDERER:    virgl (" in out, out
        assert len(re.findall(r"(?m)^\[(?:build|texture)\].*Validation: Success", out)) == 2, out
        vm.run("kill -0 $bwm")
        assert not host_errors(vm), host_errors(vm)


def test_no_pixel_by_the_cpu():
    """Neither in glmark2's frames nor in the desktop's."""
    only_ours()     # /proc/gpu
    with machine() as vm:
        few, many = (frames(vm, n) for n in (20, 320))
        assert many["submits"] - few["submits"] >= 300, (few, many)
        assert many["transfers"] - few["transfers"] < 30 and many["bytes"] - few["bytes"] < 300 * 200 * 4, (few, many)


def frames(vm, number):
    """What so many frames of it cost."""
    before = counted(vm)
    out = vm.run(f"glmark2-es2-wayland --size 300x200 -b build:nframes={number}:duration=10000 2>&1", 600)
    assert re.search(r"(?m)^\[build\] .*FPS: \d+", out), out
    after = counted(vm)
    return {name: after[name] - before[name] for name in after}


if __name__ == "__main__":
    main()
