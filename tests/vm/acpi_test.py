#!/usr/bin/env python3
"""ACPI tables that are not as they should be: what firmware left in memory is changed before the kernel starts."""
import os
import struct
import subprocess
import tempfile

from vmtest import Bench, Vm, main, only_ours, qemu, tool

GRUB = qemu.built("pkg", "grub-efi-arm64-bin", "usr", "lib", "grub", "arm64-efi", "monolithic", "grubaa64.efi")
MENU = "set timeout=-1\nmenuentry start-here {\nlinux /dunlin ip=dhcp panic=-1\ninitrd /initramfs.cpio.gz\n}\n"
RAM, SIZE = 0x40000000, 256 << 20
MADT_ENTRIES, MCFG_BASE = 44, 44
GICC, FRAME, UNKNOWN = 11, 13, 0x42
OWNER = b"BOCHS "       # of QEMU's tables, in each at 10


class Tables:
    """A machine whose boot loader waits for a key, and the tables in its memory."""

    def __init__(self, folder):
        self.folder, self.disk, self.bench = folder, os.path.join(folder, "img"), Bench(folder)
        done = tool("mkdisk", "--kernel", GRUB, "--initramfs", qemu.built("initramfs.cpio.gz"), "--cmdline", "-",
                    "--img", self.disk)
        assert done.returncode == 0, done.stderr
        config = os.path.join(folder, "grub.cfg")
        with open(config, "w", encoding="utf-8") as f:
            f.write(MENU)
        at = ["-i", self.disk + "@@1M"]
        subprocess.run(["mmd", *at, "::/EFI/debian"], check=True)
        subprocess.run(["mcopy", *at, config, "::/EFI/debian/grub.cfg"], check=True)
        subprocess.run(["mcopy", *at, qemu.built("debug", "Image"), "::/dunlin"], check=True)

    def start(self, **changes):
        """By the name of a table, what makes another one of it."""
        vm = Vm(uefi="acpi", disk=self.disk, mem="256M", args=self.bench.args)
        try:
            vm.wait(r"start-here")
            self.bench.reach(vm)
            for at, table in self._find(vm):
                name = table[:4].decode()
                if name in changes:
                    new = changes[name](bytearray(table))
                    self.bench.ask(f"write {at:#x} {len(new):#x} 0x{new.hex()}")
            vm.send("\r")
        except BaseException:
            vm.close()
            raise
        return vm

    def _find(self, vm):
        """(address, bytes) of all that there are."""
        path, found = os.path.join(self.folder, "memory"), []
        vm.qmp("pmemsave", val=RAM, size=SIZE, filename=path)
        with open(path, "rb") as f:
            memory = f.read()
        at = memory.find(OWNER) - 10
        while at >= 0:
            size, = struct.unpack_from("<I", memory, at + 4)
            table = memory[at:at + size]
            if 36 <= size <= 1 << 16 and sum(table) % 256 == 0 and table[:4].isalnum():
                found.append((RAM + at, table))
            at = memory.find(OWNER, at + 11) - 10
        assert {b"APIC", b"MCFG", b"GTDT"} <= {table[:4] for _, table in found}, found
        return found


def fixed(table):
    table[9] = (table[9] - sum(table)) & 0xff
    return table


def broken(table):
    table[9] ^= 0xff
    return table


def unknown(kind):
    """Entries of this type become ones of a type that there is not."""
    def change(madt):
        at = MADT_ENTRIES
        while at < len(madt):
            if madt[at] == kind:
                madt[at] = UNKNOWN
            at += madt[at + 1]
        return fixed(madt)
    return change


def nowhere(mcfg):
    struct.pack_into("<Q", mcfg, MCFG_BASE, 0x5000000000)
    return fixed(mcfg)


def test_what_can_be_done_without():
    """A type that nobody knows, a configuration space that is not there, a bad sum: a line, and the next best way."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        tables = Tables(folder)
        with tables.start(APIC=unknown(FRAME)) as vm:
            vm.wait(r"ACPI: .*entries of types")
            vm.wait(r"virtio-net-pci: INTx, ")
            vm.boot()
            vm.ping("10.0.2.2", 2)
        for change, message in ((nowhere, r"PCI: there is no configuration space at 0x5000000000$"),
                                (broken, r"ACPI: MCFG at 0x\w+ has a bad checksum: not used$")):
            with tables.start(MCFG=change) as vm:
                vm.wait(message)
                vm.boot()
                assert vm.run("ls /sys/class/net") == "lo\n"


def test_what_cannot():
    """Said on the console that the tables name; and the host hears of the panic, though PCI was not looked at yet."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder:
        tables = Tables(folder)
        for change, message in (({"APIC": broken}, "panic: the ACPI tables can't be used"),
                                ({"APIC": unknown(GICC)}, "panic: "),
                                ({"GTDT": broken}, "panic: no timer: ")):
            with tables.start(**change) as vm:
                vm.wait(message)
                assert vm.wait_exit() != 0, change


main()
