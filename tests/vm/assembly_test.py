#!/usr/bin/env python3
# quick
# ours: it is of our kernel's own routines
"""The assembly of the lowest floors, which the host's unit tests cannot run."""
import os
import subprocess
import tempfile

from vmtest import TOP, Vm, main


def test_assembly_agrees_with_plain_loops():
    """Copying, also of what a program may not have, filling, checksums and CRCs give what bytewise loops give (tests/unit/arm64/assembly.c)."""
    with tempfile.TemporaryDirectory() as d:
        program = os.path.join(d, "assembly")
        subprocess.run(["aarch64-linux-musl-gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin",
                        "-fno-strict-aliasing", "-static", "-mno-outline-atomics", "-s", "-iquote", "kernel",
                        "-o", program, "tests/unit/arm64/assembly.c"], cwd=TOP, check=True)
        with open(program, "rb") as f:
            image = f.read()
    with Vm(net="none", files={"assembly": image}) as vm:
        vm.boot()
        out = vm.run("/assembly")
    assert out.splitlines()[-1] == "6 passed, 0 failed", out


main()
