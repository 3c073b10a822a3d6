#!/usr/bin/env python3
"""A ping flood of a million, with the event index on: none is lost for good, and the guest is as quick afterwards."""
import re

from netns import Net, main
from vmtest import Vm

FLOOD = 1000000
CALM = 500


def ping(net, *args):
    """Echoes sent and received."""
    out = net.run("ping", "-q", *args, net.guest_ip, timeout=600)
    m = re.search(r"(\d+) packets transmitted, (\d+) received", out)
    return int(m[1]), int(m[2])


def calm(vm, net):
    """One echo at a time: what each costs in interrupts and polls."""
    before, irqs = vm.stat(), vm.interrupts()
    assert ping(net, "-c", str(CALM), "-i", "0.002") == (CALM, CALM)
    after, more = vm.stat(), vm.interrupts()
    return (more["virtio0-input.0"] - irqs["virtio0-input.0"], more["virtio0-output.0"] - irqs["virtio0-output.0"],
            after["net_rx_polls"] - before["net_rx_polls"])


def test_a_million_echoes():
    with Net() as net, Vm(ns=net, append="ip=dhcp", debug=False) as vm:
        vm.boot()
        ping(net, "-c", "3", "-i", "0.01")
        first = calm(vm, net)
        sent, received = ping(net, "-f", "-l", "32", "-c", str(FLOOD))
        assert sent >= FLOOD and received > sent * 0.999, (sent, received)
        stat = vm.stat()
        assert stat["net_rx_packets"] > FLOOD * 0.999 and stat["net_rx_timer_polls"] == 0, stat
        last = calm(vm, net)
        # As many interrupts and polls for the same work as before the flood; a few frames of ARP may differ.
        assert all(abs(a - b) <= CALM // 10 for a, b in zip(first, last)), (first, last)
        assert last[1] <= CALM // 10, last      # and none for transmitting


main()
