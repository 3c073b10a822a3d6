#!/usr/bin/env python3
"""
Storms: programs that take all there is, by the hundred, and are killed at any moment. The machine goes on, and holds what
it held before. DUNLIN_SEED chooses another run.
"""
import os

from vmtest import Vm, main

SEED = int(os.environ.get("DUNLIN_SEED") or 20261121)


def storms(*names, debug=True):
    with Vm(net="none", guest=True, mem="128M", debug=debug) as vm:
        vm.boot()
        print(f"DUNLIN_SEED={SEED}")
        out, status = vm.sh(f"SEED={SEED} /bin/stress {' '.join(names)}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], f"DUNLIN_SEED={SEED}\n{out}"


def test_processes_and_threads():
    storms("fork_bomb", "threads", "executions", "signals")


def test_memory():
    storms("mappings", "memory_runs_out")


def test_descriptors():
    storms("pipes", "descriptors_run_out", "descriptors_on_the_way", "descriptors_in_circles", "watchers_in_circles")


def test_terminals_and_sockets():
    storms("terminals", "connections")


def test_killed_at_any_moment():
    storms("killed_at_any_moment")


main()
