#!/usr/bin/env python3
"""What there is only so much of, and what lives on without a process: the check programs of tests/vm/guest."""
from vmtest import Vm, main


def checks(name, mem="192M"):
    with Vm(net="none", guest=True, mem=mem) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_numbers_of_processes():
    checks("numbers")


def test_system_v():
    checks("sysv")


def test_message_queues():
    checks("mqueues")


main()
