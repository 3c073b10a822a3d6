#!/usr/bin/env python3
# quick
"""Each wrong option of tools/run is one clear line that says what would be right."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
from vmtest import main, tool  # noqa: E402


def wrong(args, *words):
    p = tool("run", *args)
    assert p.returncode == 2, (args, p.returncode, p.stderr)
    lines = p.stderr.strip().split("\n")
    assert len(lines) == 1, p.stderr
    for word in words:
        assert word in lines[0], f"{args}: no '{word}' in: {lines[0]}"


def fake_kernel(folder):
    """Something with the boot protocol's magic and nothing else."""
    image = os.path.join(folder, "Image")
    with open(image, "wb") as f:
        f.write(bytes(56) + b"ARM\x64" + bytes(4))
    return image


def test_wrong_values():
    wrong(["--cpu", "cortex-a7x"], "cortex-a72")
    wrong(["--nic", "virtio-net"[:-1]], "virtio-net-pci")
    wrong(["--gic", "4"], "2", "3")
    wrong(["--gpu", "3d"], "none", "2d", "virgl")
    wrong(["--smp", "none"], "number")
    wrong(["--smp", "9"], "--gic 3")
    wrong(["--mem", "lots"], "512M")
    wrong(["--net", "bridge"], "user", "tap:IF", "none")
    wrong(["--net", "tap"], "tap:tap0")
    wrong(["--net", "tap:no-such-if"], "ip tuntap add")
    wrong(["--gdb", "http"], "port")
    wrong(["--pcap", "/no/such/folder/x.pcap"], "/no/such/folder")


def test_wrong_files():
    wrong(["--kernel", "/no/such/Image"], "/no/such/Image")
    wrong(["--kernel", "/etc/passwd"], "ARM")
    with tempfile.TemporaryDirectory() as d:
        wrong(["--kernel", fake_kernel(d), "--initrd", "/no/such/initrd"], "/no/such/initrd")


def test_unknown_options():
    wrong(["--exce", "true"], "--exec")
    wrong(["--initrds=x"], "--initrd")
    wrong(["word"], "word")


def test_print_starts_nothing():
    """--print shows a command that a shell can run."""
    with tempfile.TemporaryDirectory() as d:
        image = fake_kernel(d)
        p = tool("run", "--kernel", image, "--initrd", "none", "--smp", "2", "--nic", "e1000e", "--append", "a=b c",
                 "--print", "--", "-trace", "x")
        assert p.returncode == 0, p.stderr
        for part in ("qemu-system-aarch64", "-smp 2", "e1000e,netdev=net0", "a=b c", image, "-trace x"):
            assert part in p.stdout, f"no '{part}' in {p.stdout}"


main()
