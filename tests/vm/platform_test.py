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


main()
