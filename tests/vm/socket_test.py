#!/usr/bin/env python3
# quick
"""Sockets as programs know them: the check programs of tests/vm/guest."""
from vmtest import Vm, main


def checks(command, mem="256M"):
    with Vm(net="none", guest=True, mem=mem) as vm:
        vm.boot()
        out, status = vm.sh(command, 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_sockets():
    checks("ip link set lo up; /bin/sockets")


def test_flags_and_options():
    checks("ip link set lo up; /bin/sockflags")


def test_errors_and_pieces():
    checks("ip link set lo up; /bin/sockerrors")


def test_descriptors_on_their_way():
    checks("/bin/rights", "128M")


main()
