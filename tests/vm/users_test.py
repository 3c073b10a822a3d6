#!/usr/bin/env python3
"""Users and what keeps them apart: the check programs of tests/vm/guest, as root, who starts processes of others."""
from vmtest import Vm, main


def checks(name):
    with Vm(net="none", guest=True, mem="256M") as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_processes_of_others():
    checks("users")


def test_capabilities():
    checks("usercaps")


def test_files_of_others():
    checks("userfiles")


def test_attacks():
    checks("userattacks")


main()
