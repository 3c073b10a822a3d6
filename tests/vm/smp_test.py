#!/usr/bin/env python3
"""Several CPUs: they come up, work at the same time, and see one memory."""
import os
import re
import tempfile

from devicetree import device_tree
from vmtest import Vm, main, only_ours

SEED = int(os.environ.get("DUNLIN_SEED") or 20261121)
STORMS = "threads executions signals pipes descriptors_on_the_way terminals connections killed_at_any_moment"


def checks(*names, **machine):
    with Vm(net="none", guest=True, **machine) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/smp {' '.join(names)}", 600)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], out


def test_two():
    checks(smp="2", mem="128M")


def test_four():
    checks(smp="4", mem="128M")


def test_eight():
    checks("affinity", "balance", smp="8", mem="256M")


def test_sixteen():
    checks("affinity", "registers", "balance", smp="16", gic="3", mem="512M")


def test_eight_on_gicv3():
    checks("affinity", "registers", "pages_taken_away", "balance", smp="8", gic="3", mem="256M")


def test_what_is_shown():
    """In /proc and /sys, a column or a line for each."""
    for machine in ({"smp": "3"}, {"smp": "3", "gic": "3"}):
        with Vm(**machine) as vm:
            vm.boot()
            assert vm.run("nproc") == "3\n"
            head, *lines = vm.run("cat /proc/interrupts").splitlines()
            assert head.split() == ["CPU0", "CPU1", "CPU2"]
            assert all(re.match(r"\s*\w+:(\s+\d+){3}\s", line) for line in lines if "IPI" in line or line.split()[0][0].isdigit()), lines
            assert any("Rescheduling interrupts" in line for line in lines), lines
            assert len(re.findall(r"(?m)^processor\s*: ([012])$", vm.run("cat /proc/cpuinfo"))) == 3
            assert vm.run("cat /sys/devices/system/cpu/online") == "0-2\n"
            assert re.findall(r"(?m)^cpu(\d?) +(?:\d+ ){9}\d+$", vm.run("cat /proc/stat")) == ["", "0", "1", "2"]


def test_interfaces_count_exactly():
    """All CPUs send at once; each echo is two packets, sent and received."""
    with Vm(net="none", smp="4") as vm:
        vm.boot()
        vm.run("ip link set lo up")
        counted = "cd /sys/class/net/lo/statistics; echo $(cat tx_packets rx_packets tx_bytes rx_bytes tx_dropped)"
        before = [int(n) for n in vm.run(counted).split()]
        out = vm.run("for cpu in 0 1 2 3; do taskset -c $cpu ping -A -q -c 500 -s 100 127.0.0.1 & done; wait", 300)
        sent = [int(n) for n in re.findall(r"(\d+) packets transmitted, \d+ packets received", out)]
        assert len(sent) == 4 and min(sent) >= 500, out
        after, n = [int(n) for n in vm.run(counted).split()], 2 * sum(sent)
        assert [b - a for a, b in zip(before, after)] == [n, n, n * 128, n * 128, 0], (sent, before, after)


def test_fewer_than_there_are():
    for word, n in (("maxcpus=2", 2), ("maxcpus=1", 1), ("maxcpus=0", 1), ("", 4)):
        with Vm(net="none", smp="4", append=word) as vm:
            vm.boot()
            assert vm.run("nproc") == f"{n}\n"


def test_a_cpu_that_does_not_come():
    """The device tree names one that firmware does not know: the machine goes on with those that came."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        tree = device_tree(d, ("-c", "/cpus/cpu@7"), ("-t s", "/cpus/cpu@7", "device_type", "cpu"),
                           ("-t s", "/cpus/cpu@7", "enable-method", "psci"), ("-t x", "/cpus/cpu@7", "reg", "7"), cpus=2)
        with Vm(net="none", smp="2", args=["-dtb", tree]) as vm:
            vm.wait(r"CPU 7: firmware does not start it \(PSCI error -\d+\)")
            vm.boot()
            assert vm.run("nproc") == "2\n"


def test_a_cpu_that_no_interrupt_reaches():
    """The device tree has a redistributor for the first alone: the second says so at once, and is left out."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        one = ("-t x", "/intc@8000000", "reg", *"0 8000000 0 10000 0 80a0000 0 20000".split())
        tree = device_tree(d, one, cpus=2, gic="3")
        with Vm(net="none", smp="2", gic="3", args=["-dtb", tree]) as vm:
            vm.wait(r"GICv3: no redistributor for the CPU with affinity 1$")
            vm.wait(r"CPU 1: interrupts do not reach it; the machine goes on without it$")
            vm.boot()
            assert vm.run("nproc") == "1\n"


def test_more_than_can_be_used():
    only_ours()
    with Vm(net="none", smp="66", gic="3") as vm:
        vm.wait(r"66 CPUs, of which 64 can be used$")
        vm.boot()
        assert vm.run("nproc") == "64\n"
        assert vm.run("cat /proc/irq/default_smp_affinity") == "ffffffff,ffffffff\n"


def test_storms():
    """Programs that take all there is, and leave the machine as they found it."""
    with Vm(net="none", guest=True, smp="4", mem="128M") as vm:
        vm.boot()
        out, status = vm.sh(f"SEED={SEED} /bin/stress {STORMS}", 600)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], f"DUNLIN_SEED={SEED}\n{out}"


def test_a_panic_stops_them_all():
    only_ours()
    with Vm(net="none", smp="4", append="rdinit=/bin/true") as vm:
        vm.wait(r"[Kk]ernel panic: attempted to kill init")
        vm.wait(r"end of panic")
        assert vm.wait_exit() != 0


main()
