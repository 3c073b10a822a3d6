#!/usr/bin/env python3
# quick
"""Names: busybox's resolver, and A and AAAA sent together before the server's link address is known."""
import os
import re

from netns import Net, Vm, main


def queries(net):
    with open(os.path.join(net.dir, "dnsmasq.log")) as f:
        return re.findall(r"query\[(\w+)\] (\S+) from", f.read())


def net_that_tells():
    net = Net(dhcp=False)
    net.dnsmasq("--log-queries", "--host-record=six.test,fd00::77", "--host-record=both.test,10.1.2.3,fd00::78")
    return net


def patient(vm):
    """musl asks again when it has waited for half of the time that stands here, on a busy machine for no reason."""
    vm.run("cat /etc/resolv.conf >/tmp/resolv.conf; echo 'options timeout:60 attempts:2' >>/tmp/resolv.conf; "
           "rm /etc/resolv.conf; mv /tmp/resolv.conf /etc/resolv.conf")


def test_nslookup():
    with net_that_tells() as net, Vm(ns=net) as vm:
        vm.boot()
        # (A machine that is busy may take longer than the five seconds that nslookup waits by itself.)
        out = vm.run("nslookup -timeout=60 host.test")
        assert re.search(rf"Name:\s+host\.test\nAddress: {re.escape(net.host_ip)}\n", out), out
        assert "fd00::77" in vm.run("nslookup -timeout=60 -type=aaaa six.test")
        assert net.host_ip in vm.run(f"nslookup -timeout=60 host.test {net.host_ip}")
        assert vm.sh("nslookup -timeout=60 nothing.invalid")[1] != 0


def test_a_and_aaaa_at_once_before_arp():
    """Both questions wait for the server's link address and both are sent: neither is asked twice."""
    with net_that_tells() as net, \
            Vm(ns=net, guest=True, append=f"ip={net.guest_ip}::{net.host_ip}:255.255.255.0::eth0:off:{net.host_ip}") as vm:
        vm.boot()
        patient(vm)
        vm.run(f"ip neigh flush dev eth0; ! ip neigh | grep -q {net.host_ip}.*lladdr")
        assert vm.run("nettool resolve both.test").split() in (["10.1.2.3", "fd00::78"], ["fd00::78", "10.1.2.3"])
        assert sorted(queries(net)) == [("A", "both.test"), ("AAAA", "both.test")], queries(net)
        assert vm.run("nettool resolve six.test") == "fd00::77\n"
        assert vm.run("nettool resolve host.test") == net.host_ip + "\n"


def test_many_at_once():
    """A hundred resolvers at the same time: each gets its answer."""
    with net_that_tells() as net, Vm(ns=net, guest=True) as vm:
        vm.boot()
        patient(vm)
        out = vm.run("for i in $(seq 100); do nettool resolve host.test & done; wait")
        assert out == (net.host_ip + "\n") * 100, out[:1000]


main()
