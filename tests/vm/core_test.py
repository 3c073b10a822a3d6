#!/usr/bin/env python3
"""Core dumps: the checks of tests/vm/guest/cores.c, and a debugger of this machine that reads one."""
import base64
import os
import re
import shutil
import subprocess

from vmtest import LIMIT, TOP, Skip, Vm, main, only_ours


def test_core_dumps():
    with Vm(net="none", guest=True, mem="192M") as vm:
        vm.boot()
        out, status = vm.sh("/bin/cores", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_pipes_are_refused():
    """There are no dumps into programs, and nobody is made to believe so."""
    only_ours()
    with Vm(net="none") as vm:
        vm.boot()
        out, status = vm.sh("echo '|/bin/cat' > /proc/sys/kernel/core_pattern; cat /proc/sys/kernel/core_pattern")
        assert "Invalid argument" in out and out.splitlines()[-1] == "core", out


def test_a_debugger_reads_it():
    """Threads, registers, memory and the signal are what the program died with."""
    gdb = shutil.which("gdb-multiarch")
    if not gdb:
        raise Skip("gdb-multiarch is not there")
    program = os.path.join(TOP, "build", "guest", "cores")
    with Vm(net="none", guest=True, mem="192M") as vm:
        vm.boot()
        vm.run("cd /tmp && cores contents")
        text = vm.run("gzip -c /tmp/cores/core | base64", 900)
        path = os.path.join(vm.dir, "core")
        with open(path, "wb") as f:
            f.write(subprocess.run(["gzip", "-dc"], input=base64.b64decode(text), stdout=subprocess.PIPE, check=True).stdout)
        done = subprocess.run([gdb, "-nx", "-batch", "-ex", "info threads", "-ex", "p $_siginfo.si_signo", "-ex",
                               "info auxv", "-ex", "x/s (char *)$sp", program, path],
                              capture_output=True, text=True, timeout=LIMIT)
        out = done.stdout + done.stderr
        assert "Program terminated with signal SIGABRT" in out, out
        assert len(re.findall(r"(?m)^[* ] +\d+ +LWP \d+", out)) == 2, out
        assert re.search(r"\$1 = 6\b", out) and "AT_SYSINFO_EHDR" in out, out
        assert "valid object file image" not in out and "Cannot access" not in out, out


main()
