#!/usr/bin/env python3
"""Processes as programs know them: the check programs of tests/vm/guest, each in a fresh guest."""
from vmtest import Vm, main


def checks(name, mem="128M"):
    with Vm(net="none", guest=True, mem=mem) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_processes():
    checks("processes")


def test_signals():
    checks("signals")


def test_unwinding():
    checks("unwind")


def test_faults():
    checks("faults")


def test_simd_registers():
    checks("fpregs")


def test_pipes_and_polls():
    checks("pipes")


def test_signals_of_files():
    checks("sigio")


def test_restartable_sequences():
    checks("rseq")


def test_capabilities():
    checks("caps")


main()
