#!/usr/bin/env python3
"""libdrm's own programs, and kmscube over Mesa's virgl driver, on /dev/dri: what they say and what is then shown."""
import base64
import gzip
import os
import re
import sys

from programs import HERE, main, programs, qemu

sys.path.insert(0, os.path.join(HERE, "..", "gpu"))
from gputest import MODULES, _read, host_errors  # noqa: E402

MESA = ("kmscube", "libegl-mesa0", "libgl1-mesa-dri:virtio_gpu_dri|drirc")
SCANOUT = {"bin/scanout": _read(qemu.built("user", "scanout"))}
# SMPTE's colour bars at three quarters, which modetest draws: the upper two thirds, and what is under them.
BARS = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192), (192, 0, 0), (0, 0, 192)]
UNDER = [(0, 0, 192), (19, 19, 19), (192, 0, 192), (19, 19, 19), (0, 192, 192), (19, 19, 19), (192, 192, 192)]


def machine(*packages, gpu="virgl", **options):
    """Debian's programs on a machine with a GPU; /tmp/keys is standard input for who ends when that ends."""
    vm = programs("coreutils", "grep", "sed", "libdrm-tests", *packages, gpu=gpu, modules=MODULES, files=SCANOUT, **options)
    vm.run("mkfifo /tmp/keys && exec 9<>/tmp/keys")
    return vm


def lines(vm, command):
    return [line.strip() for line in vm.run(command).splitlines()]


def until(vm, command):
    """Until the guest finds that it is so."""
    vm.run(f"until {command}; do sleep 0.05; done")


def seen(vm):
    """The picture that is shown, as the guest has it from the host: a list of rows of pixels."""
    until(vm, "scanout >/tmp/picture 2>/dev/null")
    data = gzip.decompress(base64.b64decode(vm.run("gzip -c /tmp/picture | base64 -w 0")))
    head, _, data = data.partition(b"\n")
    width, height = map(int, head.split(b"x"))
    assert len(data) == width * height * 3, (head, len(data))
    return [[tuple(data[i:i + 3]) for i in range(y * width * 3, (y + 1) * width * 3, 3)] for y in range(height)]


def ids(vm):
    """The numbers of the first connector, CRTC and planes, as modetest tells them."""
    found = {}
    for part in ("Connectors", "CRTCs", "Planes"):
        out = vm.run(f"modetest -M virtio_gpu -{part[0].lower().replace('c', 'c' if part == 'Connectors' else 'p')}")
        found[part] = int(re.search(rf"(?m)^{part}:\n.*\n(\d+)\t", out)[1])
    return found


def test_what_there_is():
    with machine(gpu="2d") as vm:
        out = lines(vm, "modetest -M virtio_gpu")
        assert any(re.match(r"\d+\t\d+\tconnected\tVirtual-1", line) for line in out), out
        for line in ("flags: immutable blob", "enums: On=0 Standby=1 Suspend=2 Off=3", "enums: Good=0 Bad=1",
                     "enums: Overlay=0 Primary=1 Cursor=2", "formats: XR24", "formats: AR24"):
            assert line in out, (line, out)
        assert any(re.match(r"#0 1280x800 \d+\.\d\d 1280 .* type: preferred, driver$", line) for line in out), out
        out = lines(vm, "modeprint virtio_gpu")
        assert "Connector: Virtual-1" in out and "Encoder: Virtual" in out and out[-1] == "Ok", out
        out = lines(vm, "proptest -M virtio_gpu")
        assert any(re.fullmatch(r"Connector \d+ \(Virtual-1\)", line) for line in out), out
        out = lines(vm, "drmdevice")
        assert "--- Devices reported 1 ---" in out and out.count("|   +-> nodes[0] /dev/dri/card0") == 3, out
        assert out.count("|   +-> nodes[2] /dev/dri/renderD128") == 3 and out.count("+-> vendor_id     1af4") == 3, out
        # There is no vertical blank to wait for.
        out, status = vm.sh("vbltest -M virtio_gpu")
        assert status and "drmWaitVBlank (relative) failed ret: -1" in out, out


def test_modetest_shows():
    """The bars as the guest is told that they are shown; where the host can tell, as it has them, too."""
    for gpu in ("2d", "virgl"):
        with machine(gpu=gpu) as vm:
            number = ids(vm)
            vm.run(f"modetest -M virtio_gpu -s {number['Connectors']}:1024x768 <&9 >/tmp/out 2>&1 &")
            until(vm, "[ $(scanout 2>/dev/null | head -n 1) = 1024x768 ] 2>/dev/null")      # not the console
            picture = seen(vm)
            if gpu == "2d":
                vm.qmp("screendump", filename=f"{vm.dir}/screen.ppm")
                assert _read(f"{vm.dir}/screen.ppm").endswith(bytes(v for row in picture for pixel in row for v in pixel))
            assert len(picture) == 768 and len(picture[0]) == 1024
            for i, (bar, under) in enumerate(zip(BARS, UNDER)):
                x = 1024 * (2 * i + 1) // 14
                assert picture[0][x] == picture[500][x] == bar, (i, picture[0][x], picture[500][x])
                assert picture[540][x] == under, (i, picture[540][x])
            assert picture[767][1023 // 4 + 64] == (255, 255, 255), picture[767][1023 // 4 + 64]
            vm.run("echo >&9; wait %1")
            assert not host_errors(vm), host_errors(vm)


def test_modetest_flips():
    """Flips with events, more than a second of them, and a pointer that moves meanwhile."""
    with machine(gpu="2d") as vm:
        number = ids(vm)
        vm.run(f"modetest -M virtio_gpu -s {number['Connectors']}:800x600 -v -C <&9 >/tmp/out 2>&1 &")
        until(vm, "grep -q '^freq: ' /tmp/out")
        vm.run("echo >&9; wait %1")


def test_modetest_asks_for_more():
    """A plane, a property, and atomic modesetting, which is there or said not to be."""
    with machine(gpu="2d") as vm:
        n = ids(vm)
        mode = f"-s {n['Connectors']}@{n['CRTCs']}:800x600"
        out = vm.run(f"modetest -M virtio_gpu {mode} -P {n['Planes']}@{n['CRTCs']}:800x600 </dev/null 2>&1")
        assert f"testing 800x600@XR24 overlay plane {n['Planes']}" in out and "failed to enable plane" not in out, out
        for dpms in 3, 0:
            out = vm.run(f"modetest -M virtio_gpu -w {n['Connectors']}:DPMS:{dpms} 2>&1")
            assert "failed" not in out, out
        out, status = vm.sh(f"modetest -M virtio_gpu -a {mode} </dev/null 2>&1")
        assert status == 0 or "no atomic modesetting support: Operation not supported" in out, out
        out = lines(vm, "modetest -M virtio_gpu -e -f")
        assert "Encoders:" in out and "Frame buffers:" in out and any(re.match(r"\d+\t\d+\tVirtual\t", x) for x in out), out


def test_kmscube():
    """A turning cube by Mesa: drawn, flipped to and shown, without a pixel that passes the CPU."""
    with machine(*MESA, mem="2G", args=["-trace", "virtio_gpu_cmd_*"]) as vm:
        out = vm.run("kmscube -c 40 <&9 2>&1", 600)
        assert 'renderer: "virgl (' in out and re.search(r"(?m)^Rendered 39 frames in ", out), out
        told = re.search(r"(?s)cmd_ctx_submit.*cmd_ctx_submit", vm.qemu_said())[0]    # not the console's, before and after
        assert told.count("cmd_ctx_submit") >= 40 and told.count("cmd_res_flush") >= 38, told[-2000:]
        assert "_xfer_" not in told, [line for line in told.splitlines() if "_xfer_" in line]
        vm.run("kmscube <&9 >/tmp/out 2>&1 &")
        # The first picture that it shows is the background alone.
        until(vm, "[ $(scanout 2>/dev/null | gzip -c | wc -c) -gt 20000 ]")
        picture = seen(vm)
        # The background is half grey, the cube in the middle many colours, and no larger than it should be.
        grey = {(127, 127, 127), (128, 128, 128)}
        width, height = len(picture[0]), len(picture)
        assert all(picture[y][x] in grey for y in (0, height - 1) for x in range(width)), picture[0][0]
        assert picture[height // 2][width // 2] not in grey
        assert len({pixel for row in picture for pixel in row}) > 100
        drawn = sum(pixel not in grey for row in picture for pixel in row)
        assert width * height // 50 < drawn < width * height // 2, drawn
        vm.run("kill %1; wait %1; true")
        # What it needs atomic modesetting for it says so.
        out, status = vm.sh("kmscube -A -c 2 <&9 2>&1", 600)
        assert status == 0 or "no atomic modesetting support: Operation not supported" in out, out
        assert not host_errors(vm), host_errors(vm)


if __name__ == "__main__":
    main()
