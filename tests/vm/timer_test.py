#!/usr/bin/env python3
"""Timers, sleeping and the clock, signals and processes as descriptors: programs of tests/vm/guest in a fresh guest."""
from vmtest import Vm, main


def checks(name):
    with Vm(net="none", guest=True, mem="128M") as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 300)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_timers():
    checks("timers")


def test_signals_and_processes_as_descriptors():
    checks("descriptors")


def test_cpu_time():
    checks("cputime")


main()
