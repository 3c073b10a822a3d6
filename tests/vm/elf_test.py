#!/usr/bin/env python3
"""Programs whose file is broken: refused with Linux's error, or ended by a signal; the machine goes on with all it had."""
import os
import re

from vmtest import LIMIT, TOP, Vm, main

SEED = int(os.environ.get("DUNLIN_SEED") or 20261121)
LINUX = os.environ.get("DUNLIN_TEST_KERNEL")


def test_each_field():
    """What Linux 6.1 makes of each is in elf_fields.txt. What it begins and then kills is refused as no program here."""
    with open(os.path.join(TOP, "tests", "vm", "elf_fields.txt")) as f:
        expected = f.read().splitlines()
    with Vm(net="none", guest=True, mem="256M") as vm:
        vm.boot()
        got = vm.run("/bin/elfmutants fields", 2 * LIMIT).splitlines()
    assert got[-2:] == ["ok fields", "1 passed, 0 failed"], got[-5:]
    wrong = []
    for want, line in zip(expected, got[:-2], strict=True):
        refused = not LINUX and want.endswith(" signal 11") and line in (want[:-9] + "error 8", want[:-9] + "error 80")
        if line != want and not refused:
            wrong.append(f"{line}, expected {want}")
    assert not wrong, "\n".join(wrong)


def test_chance():
    """Five thousand programs with some bytes changed, twice."""
    print(f"DUNLIN_SEED={SEED}")
    with Vm(net="none", guest=True, mem="256M") as vm:
        vm.boot()
        out, status = vm.sh(f"SEED={SEED} COUNT=5000 /bin/elfmutants chance", 900)
        assert status == 0 and re.search(r"^1 passed, 0 failed$", out, re.M), f"DUNLIN_SEED={SEED}\n{out}"
        assert vm.run("echo $((6 * 7)) | cat") == "42\n"


main()
