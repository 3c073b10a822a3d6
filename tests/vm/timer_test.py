#!/usr/bin/env python3
"""Timers, sleeping and the clock, signals and processes as descriptors: programs of tests/vm/guest in a fresh guest."""
import re

from vmtest import Vm, main, only_ours


def checks(name, **machine):
    with Vm(net="none", guest=True, mem="128M", **machine) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/{name}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))
        return out


def test_timers():
    checks("timers")


def test_posix_timers():
    checks("posixtimers")


def test_signals_and_processes_as_descriptors():
    checks("descriptors")


def test_cpu_time():
    checks("cputime")


def test_readers_of_the_log():
    checks("logread")


NO_SEED = {"args": ("-machine", "dtb-randomness=off")}


def test_seed_that_comes_late():
    assert "seeded" in checks("seed", **NO_SEED)


def test_bytes_wait_for_the_seed():
    only_ours()         # Linux makes itself a seed of the jitter of its own timing
    assert "waiting" in checks("seed", **NO_SEED)


def test_who_waits_does_not_look():
    """Blocked readers of the log, and of random bytes without a seed, cost an idle machine no interrupt."""
    only_ours()
    with Vm(net="none", guest=True, **NO_SEED) as vm:
        vm.boot()
        vm.run("cat /dev/kmsg >/dev/null & log=$!; head -c 1 /dev/random & bytes=$!; "
               "for p in $log:cat $bytes:head; do "
               "until [ $(cat /proc/${p%:*}/comm) = ${p#*:} ] && grep -q 'State:.S' /proc/${p%:*}/status; do :; done; done")
        explained, *lines = vm.run("idle 3").splitlines()
        vm.run("kill $log $bytes")
        assert len(lines) == 1 and re.match(r"\d+ .*timer", lines[0]), lines
        assert int(lines[0].split()[0]) <= int(explained.split()[1]), (explained, lines)


main()
