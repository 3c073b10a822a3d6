#!/usr/bin/env python3
"""Started by UEFI: Debian's firmware for QEMU's virt machine, from QEMU's -kernel and from disks."""
import os
import re
import subprocess
import tempfile
import time

from vmtest import Vm, cpio, main, only_ours, qemu, tool

FAILS = r"^dunlin: {}\r?$"
GRUB = qemu.built("pkg", "grub-efi-arm64-bin", "usr", "lib", "grub", "arm64-efi", "monolithic", "grubaa64.efi")


def _everything(tables, **machine):
    """As without it: the shell, the command line, an initramfs from QEMU, the time, the card's interrupts, the end."""
    with Vm(uefi=tables, append="ALPHA=one", **machine) as vm:
        vm.boot()
        assert vm.run("id -u") == "0\n"
        words = vm.run("cat /proc/cmdline").split()
        assert "ALPHA=one" in words and "console=ttyAMA0" in words, words
        assert abs(int(vm.run("date +%s")) - time.time()) < 86400
        memory = int(re.search(r"MemTotal: *(\d+) kB", vm.run("cat /proc/meminfo"))[1])
        assert memory > 400 << 10, memory
        vm.ping("10.0.2.2", 2)
        assert any(re.search(r"virtio\d*", name) for name in vm.interrupts() if vm.interrupts()[name])
        vm.send("tag\npoweroff\n")
        assert vm.wait_exit() == 0


def test_devices_by_device_tree():
    _everything("dtb")


def test_devices_by_acpi():
    for machine in ({"gic": "2"}, {"gic": "3"}):
        _everything("acpi", **machine)


def test_other_machines():
    """Firmware at EL2, with more memory than fits below 4 GiB, other CPUs and controllers; several CPUs."""
    for tables in ("dtb", "acpi"):
        for machine in ({"machine": "virtualization=on", "gic": "3"}, {"mem": "4G", "cpu": "cortex-a57"}, {"smp": "2"}):
            with Vm(uefi=tables, net="none", **machine) as vm:
                vm.boot()
                assert vm.run("echo $((6 * 7))") == "42\n", machine
                assert len(re.findall("(?m)^processor", vm.run("cat /proc/cpuinfo"))) == int(machine.get("smp", "1"))


def _disk(folder, cmdline="panic=-1", kernel=None, **out):
    """Disk images with the debug build."""
    args = [part for name, path in out.items() for part in (f"--{name}", os.path.join(folder, path))]
    done = tool("mkdisk", "--kernel", kernel or qemu.built("debug", "Image"), "--initramfs",
                qemu.built("initramfs.cpio.gz"), "--cmdline", cmdline, *args)
    assert done.returncode == 0, done.stderr
    return [os.path.join(folder, path) for path in out.values()]


def test_disk():
    """The firmware finds the kernel on a disk by itself; command line and initramfs are beside it."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        img, = _disk(folder, "ip=dhcp panic=-1 BETA=two", img="img")
        with Vm(uefi="dtb", disk=img) as vm:
            vm.boot()
            assert vm.run("cat /proc/cmdline").split() == ["initrd=/initramfs.cpio.gz", "ip=dhcp", "panic=-1", "BETA=two"]
            vm.ping("10.0.2.2", 2)


def test_compact_disc():
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        iso, = _disk(folder, iso="disc.iso")
        with Vm(uefi="dtb", net="none", disk=iso) as vm:
            vm.boot()
            assert vm.run("id -u") == "0\n"


def test_several_files():
    """Each initrd= adds an archive; the one that comes later wins. Paths are written either way."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        img, = _disk(folder, "initrd=\\EFI\\second.cpio", img="img")
        second = os.path.join(folder, "second.cpio")
        a = cpio.Archive()
        a.file("etc/hostname", b"other\n", 0o644)
        with open(second, "wb") as f:
            f.write(a.bytes())
        subprocess.run(["mcopy", "-i", img + "@@1M", second, "::/EFI/second.cpio"], check=True)
        with Vm(uefi="dtb", net="none", disk=img) as vm:
            vm.boot()
            assert vm.run("hostname") == "other\n"


def test_grub():
    """Debian's GRUB, on the place where the kernel is else; it has a device tree of its own for ACPI machines."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        img, = _disk(folder, kernel=GRUB, img="img")
        config = os.path.join(folder, "grub.cfg")
        with open(config, "w", encoding="utf-8") as f:
            f.write("linux /dunlin ip=dhcp panic=-1 GAMMA=three\ninitrd /initramfs.cpio.gz\nboot\n")
        subprocess.run(["mmd", "-i", img + "@@1M", "::/EFI/debian"], check=True)
        subprocess.run(["mcopy", "-i", img + "@@1M", config, "::/EFI/debian/grub.cfg"], check=True)
        subprocess.run(["mcopy", "-i", img + "@@1M", qemu.built("debug", "Image"), "::/dunlin"], check=True)
        for tables in ("dtb", "acpi"):
            with Vm(uefi=tables, disk=img) as vm:
                vm.boot()
                words = vm.run("cat /proc/cmdline").split()
                assert words == ["BOOT_IMAGE=/dunlin", "ip=dhcp", "panic=-1", "GAMMA=three"], words
                vm.ping("10.0.2.2", 2)


def test_framebuffer():
    """What the firmware's screen is, is kept."""
    only_ours()
    for tables in ("dtb", "acpi"):
        with Vm(uefi=tables, net="none", args=["-device", "ramfb"]) as vm:
            vm.wait(r"UEFI: framebuffer of \d+x\d+ pixels at [0-9a-f]+$")
            vm.boot()


# ---- what is not as it should be: said on the firmware's console -----------------------------------------

def test_missing_initrd():
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        img, = _disk(folder, "initrd=/not/there.cpio", img="img")
        with Vm(uefi="dtb", net="none", disk=img) as vm:
            vm.wait(FAILS.format(r"cannot open initrd \\not\\there\.cpio: EFI error 14"))


def test_damaged_kernel():
    only_ours()
    with open(qemu.built("debug", "Image"), "rb") as f:
        image = bytearray(f.read())
    image[200000] ^= 1
    with tempfile.TemporaryDirectory() as folder:
        kernel = os.path.join(folder, "Image")
        with open(kernel, "wb") as f:
            f.write(image)
        img, = _disk(folder, kernel=kernel, img="img")
        with Vm(uefi="dtb", net="none", disk=img) as vm:
            vm.wait(FAILS.format(r"the kernel's file is damaged: EFI error 1"))


main()
