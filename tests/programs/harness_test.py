#!/usr/bin/env python3
"""Debian's programs start in the guest: the packages, their libraries, busybox beside them."""
from programs import main, programs


def test_a_dynamic_program():
    with programs("coreutils") as vm:
        assert vm.run("readlink -f /usr/bin/cp /usr/sbin/ls /usr/lib/os") == "/bin/cp\n/bin/ls\n/lib/os\n"
        assert vm.run("echo $((6 * 7)) ${BASH_VERSINFO[0]} $(cat --version | head -n 1)") == \
            "42 5 cat (GNU coreutils) 9.1\n"
        assert "/lib/aarch64-linux-gnu/libc.so.6" in vm.run("cat /proc/self/maps")


main()
