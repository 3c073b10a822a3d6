#!/usr/bin/env python3
"""python3: files, processes, signals, terminals, threads and sockets through its library."""
import os

from programs import HERE, main, programs

PACKAGES = ("python3-minimal", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "coreutils")


def test_the_library():
    with open(os.path.join(HERE, "python_smoke.py")) as f:
        smoke = f.read()
    with programs(*PACKAGES, files={"root/smoke.py": smoke}) as vm:
        out, status = vm.sh("python3 -W ignore /root/smoke.py", 300)
        assert status == 0 and out.rstrip().endswith("\nOK"), out


main()
