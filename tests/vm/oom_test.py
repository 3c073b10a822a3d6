#!/usr/bin/env python3
"""Out of memory: tests/vm/guest/eaters.c in a small machine, which goes on afterwards with its memory back."""
import os
import re
import time

from vmtest import LIMIT, Vm, main

SLACK = 16384 if os.environ.get("DUNLIN_TEST_KERNEL") else 1024     # KiB; Linux keeps more to be quick


def free(vm):
    vm.run("echo 3 >/proc/sys/vm/drop_caches")
    return int(re.search(r"MemFree: *(\d+)", vm.run("cat /proc/meminfo"))[1])


def is_free_again(vm, before):
    """The last of those who ended may still be on their way out."""
    end = time.monotonic() + LIMIT
    while (after := free(vm)) < before - SLACK:
        assert time.monotonic() < end, f"{before} KiB were free, now {after}"


def test_eaters():
    with Vm(net="none", guest=True, mem="192M") as vm:
        vm.boot()
        vm.run("/bin/eaters scores_are_read_and_written")
        before = free(vm)
        out, status = vm.sh("/bin/eaters", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], out
        is_free_again(vm, before)


def test_files_that_fill_memory():
    """Writing stops with "no space" before the last memory is gone, and nobody is ended for it."""
    with Vm(net="none", mem="192M") as vm:
        vm.boot()
        before = free(vm)
        out, status = vm.sh("dd if=/dev/zero of=/tmp/full bs=64k 2>&1", 900)
        assert status == 1 and "No space left" in out, out
        assert vm.run("seq 1 5 | wc -l").strip() == "5"
        vm.run("rm /tmp/full")
        is_free_again(vm, before)


main()
