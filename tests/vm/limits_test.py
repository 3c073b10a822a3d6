#!/usr/bin/env python3
"""What there is only so much of: all of it is taken, and given back. tests/vm/guest/numbers.c."""
from vmtest import Vm, main


def checks(name, mem="192M"):
    with Vm(net="none", guest=True, mem=mem) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 600)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_numbers_of_processes():
    checks("numbers")


main()
