#!/usr/bin/env python3
# quick
"""Sockets as programs know them: the check program of tests/vm/guest."""
from vmtest import Vm, main


def test_sockets():
    with Vm(net="none", guest=True, mem="256M") as vm:
        vm.boot()
        out, status = vm.sh("ip link set lo up; /bin/sockets", 300)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_descriptors_on_their_way():
    with Vm(net="none", guest=True, mem="128M") as vm:
        vm.boot()
        out, status = vm.sh("/bin/rights", 600)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], out


main()
