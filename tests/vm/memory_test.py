#!/usr/bin/env python3
"""Memory, programs, futexes and pointers as programs know them: check programs of tests/vm/guest, each in a fresh guest."""
from vmtest import Vm, main


def checks(name, mem="256M"):
    with Vm(net="none", guest=True, mem=mem) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_memory():
    checks("memory")


def test_edges():
    checks("memctl")


def test_truncation():
    checks("truncation")


def test_what_maps_say():
    checks("smaps")


def test_programs():
    checks("elf")


def test_futexes():
    checks("futexes")


def test_futex_locks():
    checks("pifutexes")


def test_pointers():
    checks("pointers")


main()
