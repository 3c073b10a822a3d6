#!/usr/bin/env python3
"""Files, names, mounts and pseudo-terminals as programs know them: the check programs of tests/vm/guest."""
from vmtest import Vm, main


def checks(name):
    with Vm(net="none", guest=True, mem="256M") as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_files():
    checks("files")


def test_flags_bit_by_bit():
    checks("flags")


def test_walks():
    checks("walks")


def test_splices():
    checks("splices")


def test_watches():
    checks("watches")


def test_extended_attributes():
    checks("xattrs")


def test_files_in_memory():
    checks("tmpfiles")


def test_mounts():
    checks("mounts")


def test_proc_files():
    checks("procfiles")


def test_pseudo_terminals():
    checks("ptys")


main()
