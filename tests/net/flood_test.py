#!/usr/bin/env python3
"""Floods: a million echoes with the event index on, and the guest as quick afterwards as before."""
import os
import re
import time

from netns import LIMIT, Net, Vm, main, only_ours

COUNT = 100000 if os.environ.get("DUNLIN_TEST_KERNEL") else 1000000


def echo_cost(net, vm, n=300):
    """Interrupts, polls and frames that n echoes cost, one at a time."""
    before = vm.stat()
    net.echo(n)
    after = vm.stat()
    return {k: after[k] - before[k] for k in ("net_msi_irqs", "net_rx_polls", "net_rx_packets", "context_switches")}


def icmp(vm):
    """(echoes received, answers sent), as the guest counts them."""
    names, values = (line.split() for line in vm.run("grep ^Icmp: /proc/net/snmp").splitlines())
    counted = dict(zip(names, values))
    return int(counted["InEchos"]), int(counted["OutEchoReps"])


def flood(net, vm, count):
    """Each is answered. ping leaves with the last answer that it wants (-w); what it has asked for meanwhile is counted."""
    before = icmp(vm)
    out = net.run("ping", "-f", "-q", "-c", str(count), "-w", "1000", net.guest_ip, timeout=1100)
    asked, answered = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", out).groups())
    assert answered >= count and "errors" not in out, out
    end = time.monotonic() + LIMIT
    while (counted := [n - b for n, b in zip(icmp(vm), before)]) != [asked, asked]:
        assert time.monotonic() < end, (out, counted)


def test_a_million_echoes():
    """With the build that people run; the next test has lock checking on."""
    with Net() as net, Vm(ns=net, debug=False) as vm:
        vm.boot()
        flood(net, vm, COUNT)
        assert vm.run("echo alive") == "alive\n"


def test_as_quick_afterwards_as_before():
    """The event index and the ring's indices have gone round many times: an echo still costs one interrupt and one poll."""
    only_ours()
    with Net() as net, Vm(ns=net) as vm:
        vm.boot()
        net.echo(20)
        before = echo_cost(net, vm)
        flood(net, vm, 200000)
        after = echo_cost(net, vm)
        # No more than before, and than one for each. (When the host sends the next before a poll is over, it is fewer.)
        for k, v in before.items():
            assert after[k] <= max(v, 300 * (k != "context_switches")) * 1.1 + 20, (before, after)
        assert 300 <= after["net_rx_packets"] <= 310 and after["net_msi_irqs"] <= 310, after
        assert vm.stat()["net_rx_timer_polls"] == 0


def test_many_in_flight():
    """Twenty echoes under way at any time, of all sizes."""
    with Net() as net, Vm(ns=net) as vm:
        vm.boot()
        for size in (0, 56, 1472, 4000):
            out = net.run("ping", "-q", "-f", "-c", "3000", "-l", "20", "-s", str(size), net.guest_ip, timeout=300)
            assert re.search(r"3000 packets transmitted, (2[89]\d\d|3000) received", out), out


def test_flood_does_not_starve_programs():
    """While datagrams that nobody wants pour in, a program in the guest still gets on."""
    import socket
    import threading
    with Net() as net, Vm(ns=net) as vm:
        vm.boot()
        stop = threading.Event()

        def pour():
            with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
                while not stop.is_set():
                    try:
                        for _ in range(100):
                            u.sendto(b"x" * 100, (net.guest_ip, 9))
                    except OSError:
                        pass        # the answer that nobody listens there

        t = threading.Thread(target=pour, daemon=True)
        t.start()
        try:
            assert vm.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i", 200) == "20000\n"
        finally:
            stop.set()
            t.join()
        # The tap's queue may be full still, and drop the first.
        net.run("sh", "-c", f"until ping -c 1 -W 3 {net.guest_ip}; do :; done")


main()
