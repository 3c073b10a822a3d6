#!/usr/bin/env python3
# quick
"""The counters of /proc/stat move by exactly the events that a test causes (those of the network: tests/net/stat_test.py)."""
import re

from vmtest import Vm, main, only_ours


SLICE = 0.004       # seconds, of programs of nice 0


def uptime(vm):
    return float(vm.run("cut -d' ' -f1 /proc/uptime"))


def moved(vm, action, n):
    return {k: int(v) for k, v in re.findall(r"(?m)^(\w+) (-?\d+)$", vm.run(f"statdelta {action} {n}"))}


def caused(vm, action, n, name):
    """What n more of the action add to a counter."""
    return moved(vm, action, n)[name] - moved(vm, action, 0)[name]


def test_processes_and_switches():
    with Vm(net="none", guest=True) as vm:
        vm.boot()
        assert caused(vm, "forks", 25, "processes") == 25
        # One to the child and one back, and whatever else runs.
        assert moved(vm, "switches", 1000)["ctxt"] >= 2000


def test_our_own():
    only_ours()
    with Vm(net="none", guest=True) as vm:
        vm.boot()
        assert caused(vm, "forks", 25, "forks") == 25
        assert caused(vm, "execs", 20, "execs") == 20
        assert caused(vm, "execs", 20, "forks") == 0
        assert caused(vm, "cow", 300, "cow_faults") == 300
        assert caused(vm, "syscalls", 1000, "syscalls") == 1000
        # A time slice may end in between, which is one more there and back: the more, the slower the machine.
        for name in ("context_switches", "ctxt"):
            began = uptime(vm)
            n = moved(vm, "switches", 1000)[name]
            assert 2000 <= n <= 2040 + 2 * (uptime(vm) - began) / SLICE, (name, n)
        still = moved(vm, "nothing", 0)
        for name in ("forks", "execs", "cow_faults", "context_switches", "net_msi_irqs", "net_rx_polls",
                     "net_rx_timer_polls", "net_rx_packets", "net_rx_rearm_races"):
            assert still[name] == 0, still


def idle(**machine):
    """An idle machine, but for one timer: what its interrupts were in two seconds."""
    with Vm(guest=True, **machine) as vm:
        vm.boot()
        return vm.run("idle 2")


def quiet(report):
    """Nothing but what the program itself explains, of what it printed."""
    first, *lines = report.splitlines()
    return len(lines) == 1 and re.match(r"\d+ .*timer", lines[0]) and int(lines[0].split()[0]) <= int(first.split()[1])


def test_idle_machine_takes_no_periodic_interrupt():
    only_ours()
    for machine in ({"net": "none"}, {"net": "none", "smp": "2"}, {"net": "none", "smp": "8", "gic": "3"}):
        report = idle(**machine)
        assert quiet(report), report


def test_idle_sleep_switches_there_and_back():
    """Nobody but the sleeper runs: one switch away from it and one back."""
    only_ours()
    with Vm(net="none", guest=True) as vm:
        vm.boot()
        assert moved(vm, "sleep", 1000)["context_switches"] == 2


main()
