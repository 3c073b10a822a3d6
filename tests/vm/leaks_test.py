#!/usr/bin/env python3
"""Those who end leave nothing: the free pages and the counts of all objects, again and again."""
from vmtest import Vm, main


def leaks(count, *names, debug=False):
    with Vm(net="none", guest=True, mem="128M", debug=debug) as vm:
        vm.boot()
        out, status = vm.sh(f"COUNT={count} /bin/leaks {' '.join(names)}", 3000)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], out


def test_all_kinds():
    """Each kind of end, with the locks checked."""
    leaks(100, debug=True)


def test_forks():
    """A hundred thousand, each waited for; as many that nobody waits for."""
    leaks(100000, "forked")
    leaks(100000, "unwaited")


def test_orphans_and_threads():
    leaks(20000, "orphaned", "vforked", "thread", "leader_first", "group")


def test_programs():
    leaks(10000, "executed", "exec_of_threads")


def test_what_they_held():
    leaks(3000, "killed", "with_signals", "stopped", "with_files", "with_mappings", "session", "asleep", "executed_in_vain")


main()
