#!/usr/bin/env python3
# quick
"""Process 1: keeps services, backs off when one keeps ending, ends the machine; what the kernel does without it."""
import os

from vmtest import Vm, main, only_ours


def test_shell_comes_back_after_a_pause():
    """A shell that ends comes back; what ends as soon as it began, again and again, is given time."""
    with Vm(net="none") as vm:
        for _ in range(3):
            vm.prompt()
            vm.send("echo up-$$; exit\n")
            vm.wait(r"^up-\d+\n")
    # Two in a row that lived for less than a second: where the host is slow that takes some more.
    with table("::respawn:/bin/sh -c 'read up rest </proc/uptime; echo up-$up'\n") as vm:
        times = [float(vm.wait(r"^up-(\S+)\n")[1])]
        while len(times) < 30 and (len(times) < 2 or times[-1] - times[-2] < 2):
            times.append(float(vm.wait(r"^up-(\S+)\n")[1]))
        assert times[-1] - times[-2] >= 2, times


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
        vm.run("(trap '' HUP; trap 'echo ended-in-order >/dev/console; exit' TERM; touch /tmp/ready; "
               "while :; do sleep 0.05; done) & until [ -e /tmp/ready ]; do sleep 0.05; done")
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


# ---- /etc/inittab ---------------------------------------------------------------------------------------------

def table(text, **files):
    """A machine with this table. Its shell is on the console, as without one."""
    return Vm(net="none", files={"etc/inittab": text, **{f"etc/{k}": v for k, v in files.items()}})


SHELL = "::respawn:-/bin/sh\n"
# In the guest's shell: the processes that sleep for so long.
SLEEPERS = "sleepers() { ps -o pid,args | awk -v s=$1 '$2 ~ /sleep$/ && $3 == s { print $1 }'; }"


def test_order_of_the_table():
    """sysinit, wait and once in this order, whatever the order of the lines; each of the first two alone."""
    with table("# a remark\n\n" + SHELL + "::once:/bin/sh -c 'echo four >>/run/order'\n"
               "::wait:/bin/sh -c 'sleep 0.2; echo three >>/run/order'\n"
               "::sysinit:/bin/sh -c 'sleep 0.2; echo one >>/run/order'\n  ::sysinit:/etc/second a 'b  c'\n",
               second="#!/bin/sh\necho two $# \"$2\" >>/run/order\n") as vm:
        vm.boot()
        vm.run("until grep -q four /run/order; do :; done")
        assert vm.run("cat /run/order") == "one\ntwo 2 b  c\nthree\nfour\n"


def test_lines_that_are_wrong():
    """They are named and skipped; the others count."""
    with table("::often:/bin/true\nnothing here\n::respawn:\n" + SHELL) as vm:
        vm.wait(r"init: /etc/inittab: not understood: ::often:/bin/true\n")
        vm.wait(r"init: /etc/inittab: not understood: nothing here\n")
        vm.wait(r"init: /etc/inittab: not understood: ::respawn:\n")
        vm.boot()
        assert vm.run("cat /proc/1/comm") == "init\n"


def test_services_come_back():
    """A service that is killed is there again, also beside one that cannot even start; a once is not."""
    with table(SHELL + "null::respawn:/bin/sleep 1000\n::once:/bin/sleep 2000\nnull::respawn:/no/such/program\n") as vm:
        vm.boot()
        vm.run(SLEEPERS)
        first = vm.run("until [ $(sleepers 1000) ] && [ $(sleepers 2000) ]; do :; done; sleepers 1000").strip()
        vm.run("kill $(sleepers 2000); while [ $(sleepers 2000) ]; do :; done; kill $(sleepers 1000)")
        vm.run(f"until p=$(sleepers 1000) && [ ${{p:-{first}}} != {first} ]; do :; done")
        assert vm.run("sleepers 2000") == ""


def test_the_table_is_read_again():
    """SIGHUP: what is gone from the table ends, what is new begins, and what is in both is not disturbed."""
    with table(SHELL + "null::respawn:/bin/sleep 1000\nnull::respawn:/bin/sleep 2000\n") as vm:
        vm.boot()
        vm.run(SLEEPERS)
        kept = vm.run("until [ $(sleepers 1000) ] && [ $(sleepers 2000) ]; do :; done; sleepers 1000")
        vm.run("sed -i s/2000/3000/ /etc/inittab; kill -HUP 1; "
               "until [ $(sleepers 3000) ]; do :; done; while [ $(sleepers 2000) ]; do :; done")
        assert vm.run("sleepers 1000") == kept


def test_askfirst():
    with table("::askfirst:-/bin/sh\n") as vm:
        vm.wait(r"Please press Enter to activate this console\. ")
        vm.send("\n")
        vm.prompt()
        vm.send("echo $0\n")
        vm.wait(r"^-sh$")


def test_a_terminal_of_its_own():
    """The first field is the service's controlling terminal."""
    with table("ttyAMA0::once:/bin/sh -c 'tty; exec 3<>/dev/tty && echo mine'\n") as vm:
        vm.wait(r"^/dev/ttyAMA0\nmine\n")


def test_an_end_in_order():
    """shutdown commands one after the other, then SIGTERM and a moment for everybody; and no service comes back."""
    with table(SHELL + "::shutdown:/bin/sh -c 'sleep 0.2; echo first-shutdown'\n"
               "::shutdown:/bin/sh -c 'echo second-shutdown'\n"
               "::respawn:/etc/stubborn\n",
               stubborn="#!/bin/sh\ntrap 'echo stubborn-term; sleep 0.3; echo stubborn-done; exit' TERM\n"
                        "echo stubborn-up\nwhile :; do sleep 0.05; done\n") as vm:
        vm.wait(r"stubborn-up")
        vm.send("poweroff\n")
        vm.wait(r"(?s)first-shutdown\n.*second-shutdown\n.*stubborn-term\n.*stubborn-done\n")
        assert vm.wait_exit() == 0
        assert vm.console.count("stubborn-up") == 1, "a service came back in the middle of the end"


def test_programs_that_do_not_end_are_killed():
    with table(SHELL + "::respawn:/etc/deaf\n",
               deaf="#!/bin/sh\ntrap '' TERM HUP\necho deaf-up\nwhile :; do sleep 1; done\n") as vm:
        vm.wait(r"deaf-up")
        vm.send("poweroff\n")
        assert vm.wait_exit() == 0


def test_the_signals_of_an_end():
    """SIGTERM reboots, SIGUSR2 powers off; SIGINT does what the table says for ctrl-alt-del, else reboots."""
    for sig in ("TERM", "USR2", "INT"):
        with Vm(net="none") as vm:
            vm.boot()
            vm.send(f"tag\nkill -{sig} 1\n")
            assert vm.wait_exit() == 0, sig
    with table(SHELL + "::ctrlaltdel:/bin/touch /run/keys\n") as vm:
        vm.boot()
        vm.run("kill -INT 1; until [ -e /run/keys ]; do :; done")


def test_halting():
    """SIGUSR1 ends everybody as the others do; then Linux stands still, and ours turns the machine off."""
    with table(SHELL + "::shutdown:/bin/echo the-shutdown\n") as vm:
        vm.boot()
        vm.send("tag\nkill -USR1 1\n")
        vm.wait(r"the-shutdown\n")
        if os.environ.get("DUNLIN_TEST_KERNEL"):
            vm.wait(r"System halted")
        else:
            assert vm.wait_exit() == 0


def test_restart():
    """SIGQUIT: programs end, and the table's restart command takes init's place, as process 1."""
    with table(SHELL + "::restart:/etc/next word\n", next="#!/bin/sh\necho next-$$-$1\nexec poweroff -f\n") as vm:
        vm.boot()
        vm.send("tag\nkill -QUIT 1\n")
        vm.wait(r"^next-1-word$")
        assert vm.wait_exit() == 0


def test_init_sleeps():
    """With nothing to do it does not wake up, whatever the table has."""
    with table(SHELL + "null::respawn:/bin/sleep 1000\n") as vm:
        vm.boot()
        count = "grep ^voluntary /proc/1/status"
        vm.run(SLEEPERS)
        vm.run("until grep -q 'State:.S' /proc/1/status && [ $(sleepers 1000) ]; do :; done")
        before = vm.run(count)
        vm.run("sleep 2")
        assert vm.run(count) == before


main()
