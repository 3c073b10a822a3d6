#!/usr/bin/env python3
"""tools/linux-probe, the very same binary on this kernel and on Debian's: textures rendered, composited, read back."""
import os

from gputest import host_errors, linux_kernel, machine, main, qemu

PROBE = qemu.built("gpu", "virgl_multi_texture_test")


def probe(**options):
    with machine(programs=[PROBE], **options) as vm:
        vm.boot()
        # Twice: what the first had is free again. The second tells what it sends, which changes nothing.
        for words in ("", " --dump"):
            out, status = vm.sh(f"/bin/{os.path.basename(PROBE)}{words}")
            assert status == 0 and out.endswith("23 passed, 0 failed\n"), out
        assert all(f"SUBMIT_3D {n}" in out for n in (1, 2, 3)) and out.count("DRAW_VBO") == 6, out
        assert not host_errors(vm), host_errors(vm)
        out, status = vm.sh(f"/bin/{os.path.basename(PROBE)} /dev/null")
        assert status == 1 and "FAIL card: /dev/null is no virtio_gpu\n" in out, out


def test_here():
    probe()


def test_on_linux():
    probe(kernel=linux_kernel())


def test_card_without_3d():
    """A card that only shows what the CPU drew: the probe says so."""
    with machine(gpu="2d", programs=[PROBE]) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{os.path.basename(PROBE)}")
        assert status == 1 and "FAIL GETPARAM 3D_FEATURES: 0\n" in out, out


if __name__ == "__main__":
    main()
