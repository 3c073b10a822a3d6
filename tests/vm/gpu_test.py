#!/usr/bin/env python3
"""The display of a virtio-gpu: what programs draw, as the host sees it, and DRM's calls."""
import glob
import os
import re
import socket
import struct
import tempfile
import time

from vmtest import LIMIT, Skip, Vm, main, only_ours, _read

MODULES = ("drm", "drm_kms_helper", "drm_shmem_helper", "virtio_dma_buf", "virtio-gpu")
WIDTH, HEIGHT = 640, 480


def machine(device=f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}", vnc=None, **options):
    args = ["-device", device + ",id=gpu", *(["-vnc", f"unix:{vnc}"] if vnc else [])]
    return Vm(net="none", guest=True, args=args, modules=MODULES, **options)


def virgl(**options):
    """A machine whose GPU draws, by software and without a window."""
    for package in ("sdl", "opengl"):
        if not glob.glob(f"/usr/lib/*/qemu/ui-{package}.so"):
            raise Skip("QEMU has no VirGL here: qemu-system-gui is missing")
    os.environ.pop("DISPLAY", None)
    os.environ.update(SDL_VIDEODRIVER="offscreen", LIBGL_ALWAYS_SOFTWARE="1", LP_NUM_THREADS="0")
    return Vm(net="none", guest=True, args=["-device", "virtio-gpu-gl-pci,id=gpu", "-display", "sdl,gl=on"],
              modules=MODULES, **options)


def said(vm):
    """What QEMU said: a context's errors are told nowhere else."""
    vm._stderr.seek(0)
    return vm._stderr.read()


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


def shows(vm, want):
    """Wait until the host shows this: it may not have come to what the guest has told it."""
    end = time.monotonic() + LIMIT
    while screen(vm) != want and time.monotonic() < end:
        time.sleep(0.05)
    same(screen(vm), want)


def counts(vm):
    return {k: int(v) for k, v in re.findall(r"(?m)^(\w+) (\d+)$", vm.run("cat /proc/gpu"))}


def all_goes(vm, *names):
    """Wait until there is none of these any more: objects go when the host has heard of their end, contexts with them."""
    vm.run(f"while grep -Eq '^({'|'.join(names)}) [1-9]' /proc/gpu; do usleep 50000; done")


def feed(vm, *seeds):
    """Start gpushow and wait for its first picture; following(vm) is the next one."""
    vm.run("[ -e /tmp/keys ] || mkfifo /tmp/keys /tmp/shown")
    out = vm.run(f"/bin/gpushow {' '.join(seeds)} </tmp/keys >/tmp/shown 2>/dev/console & "
                 "exec 9>/tmp/keys 8</tmp/shown; read -r line <&8; echo $line")
    assert out == f"shown {WIDTH}x{HEIGHT}\n", out


def following(vm):
    out = vm.run("echo >&9; read -r line <&8; echo $line")
    assert out.startswith("shown "), out


def test_calls():
    """All of DRM's calls that a program without a GPU's help needs, and their errors."""
    with machine() as vm:
        vm.boot()
        checks(vm, "gpus")


def test_the_host_sees_the_picture():
    """Modes, flips and damage, pixel by pixel; by each kind of interrupt."""
    for options in ({}, {"append": "pci=nomsi"}, {"gic": "3"}):
        with machine(**options) as vm:
            vm.boot()
            feed(vm, "1", "2", "d3", "4")
            shows(vm, picture(1))
            following(vm)
            shows(vm, picture(2))
            following(vm)
            want, part = picture(2), picture(3)
            for y in range(16, 48):
                want[y] = want[y][:32 * 3] + part[y][32 * 3:96 * 3] + want[y][96 * 3:]
            shows(vm, want)
            following(vm)
            shows(vm, picture(4))


def checks(vm, program, **environment):
    words = "".join(f"{name}={value} " for name, value in environment.items())
    out, status = vm.sh(f"{words}/bin/{program}", 900)
    assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
        line for line in out.splitlines() if not line.startswith("ok ")) + "\n" + said(vm)


def gpu_address(vm):
    return re.findall(r"0000:[^/\s]+", vm.run("readlink -f /sys/class/drm/card0/device"))[-1]


def test_taken_away_while_it_is_used():
    """Its driver is unbound under open files, and bound again: calls give ENODEV, what is mapped stays, and all else goes."""
    ours = not os.environ.get("DUNLIN_TEST_KERNEL")
    for options in ({}, {"append": "pci=nomsi"}):
        with machine(**options) as vm:
            vm.boot()
            for _ in range(20 if ours else 1):
                out, _ = vm.sh(f"/bin/gpugone {gpu_address(vm)} {'ours' if ours else ''}")
                assert out.endswith("gone\n"), out
            if ours:
                all_goes(vm, "objects", "object_bytes", "contexts")
                feed(vm, "1")       # by the same name; Linux counts on while the old one is open
                shows(vm, picture(1))


class Viewer:
    """Somebody who looks at the display by VNC, and makes his window another size (RFC 6143; ExtendedDesktopSize)."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(LIMIT)
        self.s.connect(path)
        self.read(12)
        self.s.sendall(b"RFB 003.008\n")
        self.read(self.read(1)[0])
        self.s.sendall(b"\x01")         # no password
        self.read(4)
        self.s.sendall(b"\x01")         # others may look, too
        self.read(struct.unpack(">20xI", self.read(24))[0])
        self.s.sendall(struct.pack(">BxHii", 2, 2, 0, -308))

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.s.recv(n - len(data))
            assert part, "the viewer was sent away"
            data += part
        return data

    def resize(self, width, height):
        self.s.sendall(struct.pack(">BxHHBxIHHHHI", 251, width, height, 1, 0, 0, 0, width, height, 0))


def test_the_display_changes():
    """Who listens hears of it; the new size is the preferred mode, and can be shown; what is shown meanwhile stays."""
    with tempfile.TemporaryDirectory() as at, machine(vnc=f"{at}/vnc") as vm:
        vm.boot()
        feed(vm, "1", "u800x600", "2")
        shows(vm, picture(1))
        modes = "cat /sys/class/drm/card0-Virtual-1/modes"
        assert vm.run(modes).startswith(f"{WIDTH}x{HEIGHT}\n"), vm.run(modes)
        viewer = Viewer(f"{at}/vnc")
        viewer.resize(800, 600)
        following(vm)
        assert vm.run(modes).startswith("800x600\n"), vm.run(modes)
        same(screen(vm), picture(1))
        following(vm)
        shows(vm, picture(2, 800, 600))


def test_drawing():
    """What VirGL draws is right, by fences and without; no context made an error but the one that is meant to."""
    with virgl() as vm:
        vm.boot()
        checks(vm, "virgl what_the_host_offers a_texture_is_filled what_is_sent_comes_back fences "
                   "streams_that_cannot_be another_program_draws_into_it many_frames programs_that_die "
                   "fences_of_a_descriptor a_client_dies_while_its_window_is_composed")
        assert "context error" not in said(vm), said(vm)
        checks(vm, "virgl nobody_draws_into_anothers")
        assert "context error" in said(vm), said(vm)


def test_what_dies_leaves_nothing():
    """Objects, contexts, framebuffers and their memory are back where they were, and the counters tell of a frame."""
    only_ours()     # /proc/gpu
    with virgl() as vm:
        vm.boot()
        before = counts(vm)
        held = "objects", "object_bytes", "contexts", "framebuffers"
        assert not any(before[name] for name in held), before
        checks(vm, "virgl programs_that_die a_texture_is_filled")
        all_goes(vm, *held)
        after = counts(vm)
        assert after["submits"] - before["submits"] == 21 and after["transfers"] - before["transfers"] == 1, after
        assert after["bytes"] - before["bytes"] == 64 * 64 * 4 and after["errors"] == 0, after


def test_interrupts_and_waits_are_counted():
    """/proc/gpu has the card's interrupts, and of waits only those that had to sleep."""
    only_ours()     # /proc/gpu
    with virgl() as vm:
        vm.boot()
        checks(vm, "virgl many_frames")
        all_goes(vm, "objects", "contexts")
        before = counts(vm)
        checks(vm, "virgl waits_for_what_is_done")
        all_goes(vm, "objects", "contexts")
        after = counts(vm)
        assert after["fences_waited"] - before["fences_waited"] <= 1, (before, after)
        lines = {name: n for name, n in vm.interrupts().items() if name.endswith(("-control", "-cursor"))}
        assert after["interrupts"] == sum(lines.values()) > before["interrupts"] > 0 and len(lines) == 2, (before, after, lines)


def test_a_thousand_clients():
    """They come and go, and no page, no slab object, no context and no resource stays."""
    with virgl() as vm:
        vm.boot()
        checks(vm, "gpuleaks clients_come_and_go")
        assert "context error" not in said(vm), said(vm)


def test_clients_killed_at_any_moment():
    """In the middle of EXECBUFFER, WAIT, and of making, writing to and closing resources: nothing of them stays."""
    with virgl() as vm:
        vm.boot()
        checks(vm, "gpuleaks killed_at_any_moment")
        assert "context error" not in said(vm), said(vm)


def test_calls_with_any_arguments():
    """Beside them a healthy program draws and shows, undisturbed; then all of it is gone."""
    with machine() as vm:
        vm.boot()
        checks(vm, "drmfuzz beside_who_shows", SEED=1, COUNT=40)
    with virgl() as vm:
        vm.boot()
        checks(vm, "drmfuzz beside_who_draws", SEED=100, COUNT=40)
        if not os.environ.get("DUNLIN_TEST_KERNEL"):
            all_goes(vm, "objects", "object_bytes", "contexts", "framebuffers")


def test_no_gpu():
    only_ours()
    with Vm(net="none") as vm:
        vm.boot()
        assert vm.run("ls -d /dev/dri /proc/gpu 2>/dev/null; true") == ""


if __name__ == "__main__":
    main()
