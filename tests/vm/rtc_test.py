#!/usr/bin/env python3
"""The machine's clock: PL031 by device tree, UEFI's by ACPI; and the other services of UEFI that stay."""
import mmap
import os
import re
import struct
import tempfile
import time
import zlib

from vmtest import Vm, main, only_ours


def test_pl031():
    """Read, set, alarms and update interrupts; in sysfs, too."""
    with Vm(guest=True, net="none") as vm:
        vm.boot()
        assert abs(int(vm.run("date +%s")) - time.time()) < 3600
        assert abs(int(vm.run("cat /sys/class/rtc/rtc0/since_epoch")) - time.time()) < 3600
        assert re.fullmatch(r"\d{4}-\d\d-\d\d\n\d\d:\d\d:\d\d\n",
                            vm.run("cat /sys/class/rtc/rtc0/date /sys/class/rtc/rtc0/time"))
        assert vm.run("rtc alarm") == "ok\n"
        assert vm.run("rtc time") == "ok\n"
        assert vm.run("hwclock -w && hwclock -r | wc -l") == "1\n"


def test_efi_time():
    """With ACPI alone nothing names a PL031: firmware tells the time, and takes it."""
    only_ours()
    with Vm(uefi="acpi", guest=True, net="none") as vm:
        vm.boot()
        assert vm.run("cat /sys/class/rtc/rtc0/name") == "rtc-efi\n"
        assert abs(int(vm.run("date +%s")) - time.time()) < 3600
        assert vm.run("rtc time") == "ok\n"
        assert vm.run("rtc none") == "ok\n"


def test_efi_call_keeps_registers():
    """Programs that calculate do not notice that others ask firmware; several CPUs."""
    only_ours()
    with Vm(uefi="acpi", smp="2", net="none") as vm:
        vm.boot()
        vm.run("awk 'BEGIN { for (i = 1; i < 200000; i++) s += 1 / i; print s }' > /tmp/want")
        vm.run("for i in $(seq 300); do cat /sys/class/rtc/rtc0/since_epoch; done > /tmp/seconds & "
               "for j in 1 2 3; do awk 'BEGIN { for (i = 1; i < 200000; i++) s += 1 / i; print s }' > /tmp/got; "
               "cmp /tmp/want /tmp/got || exit 1; done; wait")
        assert vm.run("sort -n /tmp/seconds | uniq | wc -l; wc -l < /tmp/seconds").split()[1] == "300"


def test_what_firmware_says():
    """SMBIOS's tables and strings, and where UEFI has them; a machine without UEFI has none."""
    with Vm(uefi="acpi", net="none") as vm:
        vm.boot()
        assert vm.run("cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name") == "QEMU\nQEMU Virtual Machine\n"
        assert re.search("^ACPI20=0x[0-9a-f]+\nSMBIOS3=0x[0-9a-f]+$", vm.run("cat /sys/firmware/efi/systab"))
        assert vm.run("cat /sys/firmware/efi/fw_platform_size") == "64\n"
        assert vm.run("head -c 5 /sys/firmware/dmi/tables/smbios_entry_point") == "_SM3_"
        assert "QEMU Virtual Machine" in vm.run("tr '\\0' '\\n' < /sys/firmware/dmi/tables/DMI")
    with Vm(net="none") as vm:
        vm.boot()
        assert vm.run("ls -d /sys/firmware/efi /sys/class/dmi/id 2> /dev/null | wc -l") == "0\n"


def test_efi_reset():
    """A restart is firmware's, and works."""
    only_ours()
    with Vm(uefi="acpi", net="none") as vm:
        vm.boot()
        vm.send("tag\nreboot -f\n")
        assert vm.wait_exit() == 0
        assert "crashed" not in vm.console


def _table(memory, signature):
    """Where firmware's table is; there are others, of which it was made."""
    at = memory.find(signature)
    while at >= 0:
        revision, size = struct.unpack_from("<II", memory, at + 8)
        table = bytearray(memory[at:at + size]) if revision >> 16 == 2 and 24 < size < 4096 else b""
        if table:
            crc, = struct.unpack_from("<I", table, 16)
            table[16:20] = bytes(4)
            if crc == zlib.crc32(table):
                return at
        at = memory.find(signature, at + 1)
    raise AssertionError("no such table")


def test_firmware_crashes():
    """An invalid instruction in firmware ends the call, and no other is made; the machine goes on, and can restart."""
    only_ours()
    ram = 0x40000000
    with tempfile.NamedTemporaryFile() as backing:
        backend = f"memory-backend-file,id=ram,size=512M,share=on,mem-path={backing.name}"
        with Vm(uefi="acpi", net="none", mem="512M", machine="memory-backend=ram", args=["-object", backend]) as vm:
            vm.boot()
            vm.run("date +%s > /tmp/seconds")
            with mmap.mmap(os.open(backing.name, os.O_RDWR), 0) as memory:
                set_time, = struct.unpack_from("<Q", memory, _table(memory, b"RUNTSERV") + 32)
                memory[set_time - ram:set_time - ram + 16] = bytes(16)
            out, status = vm.sh("hwclock -w")
            assert status, out
            assert re.search("UEFI: firmware crashed in SetTime at [0-9a-f]+, .*: no more", vm.run("dmesg"))
            out, status = vm.sh("hwclock -r")
            assert status, out
            assert vm.run("echo $(($(date +%s) - $(cat /tmp/seconds) < 3600))") == "1\n"
            vm.send("tag\nreboot -f\n")
            assert vm.wait_exit() == 0


main()
