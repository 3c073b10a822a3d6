#!/usr/bin/env python3
"""The power button: QEMU's system_powerdown, on machines with a device tree and with ACPI."""
from vmtest import Vm, main, only_ours

MACHINES = ({}, {"uefi": "acpi"}, {"gic": "3"})


def test_key_for_programs():
    """An input device says so; whoever has grabbed it decides alone. (Debian's kernel has the drivers as modules.)"""
    only_ours()
    for machine in MACHINES:
        with Vm(net="none", guest=True, **machine) as vm:
            vm.boot()
            assert "KEY=" in vm.run("grep -A 9 -i -E 'power button|gpio-keys' /proc/bus/input/devices")
            tag = vm.start("power_key")
            vm.wait("^waiting$")
            vm.qmp("system_powerdown")
            assert vm.finish(tag) == ("waiting\npressed\nreleased\n", 0)


def test_clean_shutdown():
    """Without such a program the machine is turned off as by poweroff: programs are told, and end."""
    only_ours()
    for machine in MACHINES:
        with Vm(net="none", **machine) as vm:
            vm.boot()
            vm.run("(trap '' HUP; trap 'echo told > /dev/console; exit' TERM; touch /tmp/ready; while :; do sleep 1; done) & "
                   "until [ -e /tmp/ready ]; do sleep 0.1; done")
            vm.qmp("system_powerdown")
            vm.wait("^told$")
            assert vm.wait_exit() == 0


main()
