#!/usr/bin/env python3
"""What firmware says of the machine, in /sys/firmware/platform: the same by device tree and by ACPI."""
import re

from vmtest import Vm, main, only_ours


def _platform(**machine):
    """The file's lines, for a machine made of these options."""
    with Vm(net="none", **machine) as vm:
        vm.boot()
        return vm.run("cat /sys/firmware/platform").splitlines()


def test_what_the_device_tree_says():
    only_ours()
    lines = _platform()
    assert "gic version 2" in lines and "psci by hvc" in lines
    assert "timer virtual 27 physical 30 level-high" in lines
    assert "pci 0000 buses 00-ff coherent" in lines
    assert any(re.fullmatch(r"memory 0x40000000 size 0x20000000", line) for line in lines), lines
    # QEMU wires slot and pin in turns to four lines.
    wires = [re.fullmatch(r"pci slot (\d+) pin ([A-D]) interrupt (\d+) level-high", line) for line in lines]
    wires = {(int(m[1]), m[2]): int(m[3]) for m in wires if m}
    assert wires == {(slot, pin): 35 + (slot + "ABCD".index(pin)) % 4 for slot in range(32) for pin in "ABCD"}


# What a machine's device tree and its ACPI tables say differently, and why: parts of lines that are taken out.
FIRMWARES_OWN = (
    (r"model .*", "QEMU's name of the machine; who made the tables"),
    (r"memory .*", "UEFI's own map: it keeps the tables that it has"),
    (r"initrd .*", "where UEFI had room"),
    (r"(?<=^gic distributor 0x8000000) size .*", "ACPI gives the base alone: the size is the architecture's"),
    (r"(?<=^gic cpu interface 0x8010000) size .*", "as before"),
    (r"gicv2m interrupts .*", "the device tree leaves them to the frame's register"),
    (r" enabled by \w+", "the device tree has a method for each of several CPUs, ACPI one for all"),
    (r"uart clock .*", "SPCR has had a clock since its third revision; QEMU's is of the second"),
    (r"rtc .*", "it is in the device tree only: with ACPI, UEFI tells the time"),
    (r"power button .*", "an event device's in ACPI; in the device tree a key on a GPIO line"),
)


def _comparable(lines):
    for pattern, _ in FIRMWARES_OWN:
        lines = [re.sub("^" + pattern if pattern[0] not in "( " else pattern, "", line) for line in lines]
    return [line for line in lines if line]


def _compare(wanted, **machine):
    """The same machine with each number of CPUs, told by either."""
    only_ours()
    for smp in ("1", "2", "4"):
        told = {by: _platform(uefi=by, smp=smp, **machine) for by in ("dtb", "acpi")}
        dtb, acpi = (_comparable(told[by]) for by in ("dtb", "acpi"))
        assert dtb == acpi, (smp, set(dtb) ^ set(acpi), told)
        assert len([line for line in acpi if line.startswith("cpu mpidr")]) == int(smp), acpi
        assert len([line for line in acpi if line.startswith("pci slot")]) == 128, acpi
        for line in wanted:
            assert line in acpi, (line, acpi)
        assert "power button interrupt 41 edge-rising" in told["acpi"] or "args" in machine, told["acpi"]


def test_gicv2():
    _compare(["gic version 2", "gicv2m frame 0x8020000 size 0x1000", "pci messages of 0-0xffff to 0x8020000 as 0"], gic="2")


def test_gicv3_with_its():
    _compare(["gic version 3", "its 0x8080000 size 0x20000", "pci messages of 0-0xffff to 0x8080000 as 0"], gic="3")


def test_gicv3_without_its():
    """An old machine: of newer ones with its=off, QEMU's MADT says that there is an ITS all the same."""
    _compare(["gic version 3"], gic="3", cpu="cortex-a57", args=("-M", "virt-2.7"))


main()
