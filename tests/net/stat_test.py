#!/usr/bin/env python3
# quick
"""The network's counters in /proc/stat move by exactly what came over the wire, and an idle interface causes nothing."""
import re
import socket
import time

from frames import tcp
from netns import LIMIT, STATIC, Net, Vm, main, only_ours


def during(vm, action):
    """What moves while the host does something, as one guest process sees it that itself does nothing."""
    tag = vm.start("statdelta wait 0 </dev/console")
    vm.wait(r"^go 0\n")
    action()
    vm.send("\n")
    out, status = vm.finish(tag)
    assert status == 0, out
    return {k: int(v) for k, v in re.findall(r"(?m)^(\w+) (-?\d+)$", out)}


def test_packets_interrupts_and_polls():
    only_ours()
    with Net() as net, Vm(ns=net, append=STATIC, guest=True) as vm:
        vm.boot()
        net.acquaint(vm)
        for n in (1, 1, 1, 1, 40):
            irqs, wire = vm.interrupts(), net.link_stats()
            d = during(vm, lambda n=n: net.echo(n))
            assert d["net_rx_packets"] == n == net.link_stats()["received"] - wire["received"], d
            now = vm.interrupts()
            assert d["net_msi_irqs"] == sum(now[k] - irqs[k] for k in now if k.startswith("virtio0")), (d, irqs, now)
            # One at a time: an interrupt and a poll each. (Of several the host may send the next before the poll is over.)
            assert 1 <= d["net_msi_irqs"] <= n, d
            # A poll is an interrupt's, or the re-armed queue's that had work already.
            assert d["net_rx_polls"] == d["net_msi_irqs"] + d["net_rx_rearm_races"], d
            assert d["net_rx_timer_polls"] == 0, d


def uptime(vm):
    return float(vm.run("cut -d' ' -f1 /proc/uptime"))


def test_timer_polls_without_interrupts():
    """A hundred a second, whether or not something comes; none under MSI-X."""
    only_ours()
    with Net() as net, Vm(ns=net, append=f"{STATIC} pci=noirq", guest=True) as vm:
        vm.boot()
        net.acquaint(vm)
        d = during(vm, lambda: net.echo(20))
        assert d["net_rx_packets"] == 20 and d["net_msi_irqs"] == 0 and d["net_rx_timer_polls"] > 0, d
        assert d["net_rx_polls"] == d["net_rx_timer_polls"] + d["net_rx_rearm_races"], d
        # A hundred a second, less those that a machine which stood still meanwhile has missed: until it does not.
        end = time.monotonic() + LIMIT
        while True:
            began = uptime(vm)
            slept = {k: int(v) for k, v in re.findall(r"(?m)^(\w+) (-?\d+)$", vm.run("statdelta sleep 1000"))}
            assert slept["net_rx_timer_polls"] <= 100 * (uptime(vm) - began) + 1, slept
            if slept["net_rx_timer_polls"] >= 50:
                break
            assert time.monotonic() < end, slept


def test_idle_interface():
    """With an address and nothing on the wire, a sleeping program's timer is the only interrupt."""
    only_ours()
    with Net() as net, Vm(ns=net, append=STATIC, guest=True) as vm:
        vm.boot()
        vm.ping("10.77.0.1")
        net.acquaint(vm)
        explained, *lines = vm.run("idle 3").splitlines()
        assert len(lines) == 1 and re.match(r"\d+ .*timer", lines[0]), lines
        assert int(lines[0].split()[0]) <= int(explained.split()[1]), (explained, lines)


def test_interface_counters():
    """/proc/net/dev and /sys agree with the other end of the wire."""
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        vm.boot()
        net.acquaint(vm)

        def both():
            dev = re.search(r"eth0:(.*)", vm.run("cat /proc/net/dev"))[1].split()
            sys = [int(vm.run(f"cat /sys/class/net/eth0/statistics/{n}")) for n in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")]
            assert [int(dev[i]) for i in (1, 0, 9, 8)] == sys
            s = net.link_stats()
            return [a - b for a, b in zip(sys, (s["received"], s["received_bytes"], s["sent"], s["sent_bytes"]))]

        first = both()
        net.echo(50)
        net.echo(5, 1400)
        assert both() == first


def test_protocol_counters():
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        vm.boot()

        def snmp():
            rows = [line.split() for line in vm.run("cat /proc/net/snmp").splitlines()]
            return {a[0] + n: int(v) for a, b in zip(rows[::2], rows[1::2]) for n, v in zip(a[1:], b[1:])}

        net.echo()
        before = snmp()
        net.echo(9)
        # (The host's own TCP would ask twice if the first answer is late.)
        with net.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind((net.tap, 0))
            s.send(tcp(net.host_ip, net.guest_ip, 40000, 9))
        net.echo()
        after = snmp()
        moved = {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}
        assert moved["Icmp:InEchos"] == moved["Icmp:OutEchoReps"] == 10, moved
        assert moved["Tcp:OutRsts"] == 1 and moved["Tcp:InSegs"] == 1, moved
        assert moved["Ip:InDelivers"] == 11, moved


main()
