#!/usr/bin/env python3
# quick
"""From reset to a shell, and back to nothing."""
import os
import re
import subprocess
import tempfile
import time

from vmtest import LIMIT, Vm, main, only_ours, qemu


def test_shell_answers():
    """The machine boots to a login shell on the console, as root, under the name in /etc/hostname."""
    with Vm() as vm:
        vm.boot()
        assert vm.run("id -u") == "0\n"
        assert vm.run("hostname") == "dunlin\n"
        assert vm.run("uname -m") == "aarch64\n"
        assert "busybox" in vm.run("ls /bin").split()


def test_file_systems_are_mounted():
    with Vm(net="none") as vm:
        vm.boot()
        mounts = {line.split()[1]: line.split()[2] for line in vm.run("cat /proc/mounts").splitlines()}
        for where, kind in (("/proc", "proc"), ("/sys", "sysfs"), ("/dev", "devtmpfs"), ("/tmp", "tmpfs")):
            assert mounts.get(where) == kind, f"{where}: {mounts.get(where)}"
        vm.run("echo kept > /tmp/a && mv /tmp/a /tmp/b")
        assert vm.run("cat /tmp/b") == "kept\n"


def test_poweroff_ends_with_status_0():
    with Vm(net="none") as vm:
        vm.boot()
        vm.send("tag\npoweroff\n")
        assert vm.wait_exit() == 0


def test_reboot_ends_with_status_0():
    """tools/run starts QEMU so that a reboot ends it."""
    with Vm(net="none") as vm:
        vm.boot()
        vm.send("tag\nreboot\n")
        assert vm.wait_exit() == 0


def test_last_lines_of_the_boot():
    """They say the address, how the card's interrupts arrive, and how long it took."""
    only_ours()
    with Vm() as vm:
        vm.prompt()
        text = vm.console
    assert re.search(r"virtio-net-pci: MSI-X, 3 vectors via GICv2m, SPI 80-82$", text, re.M), text
    assert re.search(r"eth0: 10\.0\.2\.15/24\b.*10\.0\.2\.2", text), text
    assert re.search(r"running /init, \d+\.\d+ ms after the kernel's entry$", text, re.M), text
    assert len(text.split("\n")) < 40, "the boot says more than a person reads:\n" + text


def test_quiet_boot_says_nothing():
    only_ours()
    with Vm(append="quiet", net="none") as vm:
        vm.prompt()
        assert vm.console.strip().startswith("BusyBox"), vm.console


def test_kernel_words_and_init_words():
    """What the kernel does not know goes to init: NAME=VALUE to its environment, what is behind -- as arguments."""
    with Vm(append="rdinit=/show ALPHA=one loglevel=4 -- two three", net="none",
            files={"show": "#!/bin/busybox sh\necho words:$*:$ALPHA\nexec /bin/busybox poweroff -f\n"}) as vm:
        vm.wait(r"^words:two three:one$")
        assert vm.wait_exit() == 0


def test_other_machines():
    """EL2, other CPUs and sizes of memory: the same boot."""
    for machine in ({"cpu": "cortex-a53"}, {"cpu": "cortex-a72"}, {"cpu": "max"}, {"mem": "4G"}, {"mem": "96M"},
                    {"machine": "virtualization=on"}, {"machine": "virtualization=on,secure=on"}):
        with Vm(net="none", **machine) as vm:
            vm.boot()
            assert vm.run("echo $((6 * 7))") == "42\n", machine


def _stops_in(image, function):
    """The machine goes to where the kernel stops when it can tell nobody."""
    symbols = subprocess.run(["aarch64-linux-gnu-nm", "-S", qemu.built("debug", "dunlin.elf")], check=True,
                             capture_output=True, text=True).stdout
    start, size = (int(word, 16) for word in re.search(rf"(?m)^(\w+) (\w+) \w {function}$", symbols).groups())
    with Vm(kernel=image, net="none") as vm:
        end = time.monotonic() + LIMIT
        while not start <= int(re.search(r"PC=(\w+)", vm.qmp("human-monitor-command", **{
                "command-line": "info registers"})).group(1), 16) < start + size:
            assert time.monotonic() < end, f"not in {function}"
            time.sleep(0.05)
        assert vm.console == "", vm.console


def test_damaged_image():
    """What is packed in the image is checked before it is used: cut off, or altered anywhere, it is not started."""
    only_ours()
    with open(qemu.built("debug", "Image"), "rb") as f:
        image = f.read()
    at = image.index(b"dnlz")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "Image")
        for damaged in (image[:at + 16], image[:-4096], image[:-1024], image[:at] + bytes(16) + image[at + 16:],
                        image[:at + 4] + b"\xff\xff\xff\xff" + image[at + 8:],
                        image[:200000] + bytes([image[200000] ^ 1]) + image[200001:]):
            with open(path, "wb") as f:
                f.write(damaged)
            _stops_in(path, "boot_damaged")


main()
