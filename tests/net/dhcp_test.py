#!/usr/bin/env python3
"""An address: by DHCP in the kernel and by busybox's udhcpc, and by ip=ADDRESS:..."""
import os
import re
import time

from netns import LIMIT, Net, Vm, main, only_ours


def works(vm, net):
    """The guest knows its way: address, route, name server."""
    assert f"inet {net.guest_ip}/24" in vm.run("ip addr show dev eth0")
    assert f"default via {net.host_ip} dev eth0" in vm.run("ip route")
    assert vm.run("cat /etc/resolv.conf").split("\n").count(f"nameserver {net.host_ip}") == 1
    net.nginx()
    assert vm.run("wget -q -O - http://host.test/1k | wc -c") == "1024\n"


def log(net):
    with open(os.path.join(net.dir, "dnsmasq.log")) as f:
        return f.read()


def times(net, word):
    """How often the server has heard or said so."""
    return len(re.findall(word + r"\(tap0\)", log(net)))


def until(net, happened):
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end, log(net)
        time.sleep(0.05)


def test_by_the_kernel():
    with Net() as net, Vm(ns=net, append="ip=dhcp") as vm:
        vm.boot()
        works(vm, net)
        # (Who waits for longer than a second, because the machine is busy, asks again.)
        said = re.findall(r"(DHCP[A-Z]+)\(tap0\)", log(net))
        assert list(dict.fromkeys(said)) == ["DHCPDISCOVER", "DHCPOFFER", "DHCPREQUEST", "DHCPACK"], log(net)


def test_the_kernel_says_what_it_got():
    only_ours()
    with Net() as net, Vm(ns=net) as vm:
        vm.wait(rf"eth0: {re.escape(net.guest_ip)}/24 gateway {re.escape(net.host_ip)} dns {re.escape(net.host_ip)} \(DHCP, lease 3600 s\)")
        vm.boot()
        assert vm.run("cat /proc/net/pnp").startswith("#PROTO: DHCP\n")


def test_the_lease_is_renewed():
    """Half way through the lease the kernel asks for more time; dnsmasq's shortest lease is two minutes."""
    only_ours()
    with Net(dhcp=False) as net:
        net.dnsmasq(lease="120")
        with Vm(ns=net) as vm:
            vm.boot()
            vm.run("until [ $(cut -d. -f1 /proc/uptime) -ge 45 ]; do sleep 1; done")
            asked, granted = times(net, "DHCPDISCOVER"), times(net, "DHCPACK")
            assert granted
            until(net, lambda: times(net, "DHCPACK") > granted)
            # (The server tells the guest to be a little earlier than half way.)
            assert float(vm.run("cut -d' ' -f1 /proc/uptime")) >= 50
            assert times(net, "DHCPDISCOVER") == asked, log(net)
            works(vm, net)


def test_without_a_server_the_boot_goes_on():
    """The wait is bounded, and the kernel goes on asking: a server that comes later is heard."""
    only_ours()
    with Net(dhcp=False) as net, Vm(ns=net) as vm:
        vm.wait(r"no DHCP server answered")
        vm.boot()
        net.dnsmasq()
        vm.run(f"until ip addr show dev eth0 | grep -q {net.guest_ip}; do sleep 0.1; done")
        vm.run("until grep -q nameserver /etc/resolv.conf; do sleep 0.1; done")
        works(vm, net)


def test_by_udhcpc():
    """The kernel leaves the card alone; a program asks by packet socket."""
    with Net() as net, Vm(ns=net, append="ip=off") as vm:
        vm.boot()
        assert "inet " not in vm.run("ip addr show dev eth0")
        vm.run("ip link set eth0 up && udhcpc -i eth0 -n -q -t 60 -s /etc/udhcpc/default.script 2>&1")
        works(vm, net)


def test_udhcpc_lets_go():
    """In the background it keeps the lease, renews on SIGUSR1 and gives it back on SIGUSR2."""
    with Net() as net, Vm(ns=net, append="ip=off") as vm:
        vm.boot()
        vm.run("ip link set eth0 up && udhcpc -i eth0 -b -t 60 -p /tmp/udhcpc.pid -s /etc/udhcpc/default.script >/dev/null 2>&1")
        works(vm, net)
        # In the background it is another process, which writes its number down by and by.
        vm.run("until kill -0 $(cat /tmp/udhcpc.pid) 2>/dev/null; do :; done")
        granted = times(net, "DHCPACK")
        vm.run("kill -USR1 $(cat /tmp/udhcpc.pid)")
        until(net, lambda: times(net, "DHCPACK") > granted)
        vm.run(f"until [ $(ip addr show dev eth0 | grep -c {net.guest_ip}) = 1 ]; do :; done")
        vm.run("kill -USR2 $(cat /tmp/udhcpc.pid); until ! ip addr show dev eth0 | grep -q 'inet '; do :; done")
        until(net, lambda: times(net, "DHCPRELEASE"))


def test_static():
    with Net() as net, Vm(ns=net, append=f"ip={'10.77.0.9'}::{net.host_ip}:255.255.255.0:named:eth0:off:{net.host_ip}") as vm:
        vm.boot()
        net.guest_ip = "10.77.0.9"
        works(vm, net)
        assert "DHCP" not in log(net).replace("DHCP,", "").replace("dhcp", "").split("lease time")[-1]


main()
