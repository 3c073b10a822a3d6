#!/usr/bin/env python3
# quick
"""Process 1: keeps a shell, backs off when that keeps ending, ends the machine; what the kernel does without it."""
from vmtest import Vm, main, only_ours


def test_shell_comes_back_after_a_pause():
    """A shell that ends as soon as it began is given time: the second time it takes a second or more."""
    with Vm(net="none") as vm:
        times = []
        for _ in range(4):
            vm.prompt()
            vm.send("echo up-$(cat /proc/uptime); exit\n")
            times.append(float(vm.wait(r"^up-(\S+) ")[1]))
        assert times[3] - times[1] > 1.5, times
        assert times[1] - times[0] < 1.5, times


def test_nobody_stays_dead():
    """What a session leaves behind is collected, whoever its parent was."""
    with Vm(net="none") as vm:
        vm.prompt()
        vm.send("for i in 1 2 3 4 5; do (sleep 0.1 &) ; done; exit\n")
        vm.wait(r"built-in shell")
        vm.prompt()
        vm.send("while ps | grep -q '[s]leep'; do :; done; ps -o stat,comm | grep -c '^Z'; echo end-\"\"of-it\n")
        assert vm.wait(r"^(\d+)\nend-of-it$")[1] == "0"


def test_powering_off_ends_programs_first():
    """They get SIGTERM and a moment for it."""
    with Vm(net="none") as vm:
        vm.boot()
        vm.run("(trap '' HUP; trap 'echo ended-in-order >/dev/console; exit' TERM; while :; do sleep 0.05; done) & sleep 0.2")
        vm.send("tag\npoweroff\n")
        vm.wait(r"ended-in-order")
        assert vm.wait_exit() == 0


def test_power_off_at_once():
    for word in ("poweroff -f", "reboot -f"):
        with Vm(net="none") as vm:
            vm.boot()
            vm.send(f"tag\n{word}\n")
            assert vm.wait_exit() == 0, word


def test_process_1_must_not_end():
    """If it does, the kernel panics and says what happened."""
    only_ours()
    with Vm(net="none", append="rdinit=/bin/true") as vm:
        vm.wait(r"[Kk]ernel panic: attempted to kill init: it exited with status 0")
        assert vm.wait_exit() != 0
    with Vm(net="none", append="rdinit=/kill", files={"kill": "#!/bin/sh\nulimit -c 0\nkill -SEGV $$\nexit 5\n"}) as vm:
        # A signal that process 1 has no handler for does not reach it.
        vm.wait(r"[Kk]ernel panic: attempted to kill init: it exited with status 5")
        assert vm.wait_exit() != 0


def test_panic_says_where():
    """The backtrace has names, and ends the machine with a status."""
    only_ours()
    with Vm(net="none", append="rdinit=/bin/true") as vm:
        vm.wait(r"Backtrace:\n")
        vm.wait(r"[0-9a-f]{16} \w+\+0x[0-9a-f]+$")
        assert vm.wait_exit() != 0


def test_descriptors_of_a_foreign_init():
    """The first program has the console as descriptors 0 to 2 and no others."""
    with Vm(net="none", append="rdinit=/look", files={
            "look": "#!/bin/sh\nmount -t proc proc /proc\necho fds $(ls /proc/$$/fd)\npoweroff -f\n"}) as vm:
        # 10 is the script, kept open by the shell, and 3 the pipe from ls.
        vm.wait(r"^fds 0 1 10 2 3$")
        assert vm.wait_exit() == 0


main()
