#!/usr/bin/env python3
# quick
"""The commands with which people look at and set up a network: ip, ifconfig, route, arp, ping, nc, netstat."""
import errno
import re
import socket
import threading

from netns import LIMIT, STATIC, Net, Vm, main


def test_ip():
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        vm.boot()
        link = vm.run("ip link show dev eth0")
        assert re.search(r"eth0: <(\S+,)?BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500", link) and "link/ether 52:54:00:12:34:56" in link
        vm.run("ip addr add 10.88.0.1/16 dev eth0 && ip addr add 10.88.0.2/16 dev eth0 label eth0:1")
        out = vm.run("ip -4 addr show dev eth0")
        assert "inet 10.88.0.1/16 scope global eth0" in out and "inet 10.88.0.2/16 scope global secondary eth0:1" in out, out
        assert "10.88.0.0/16 dev eth0" in vm.run("ip route")
        assert "RTNETLINK answers: File exists" in vm.sh("ip addr add 10.88.0.1/16 dev eth0 2>&1")[0]
        vm.run("ip addr del 10.88.0.1/16 dev eth0; ip addr del 10.88.0.2/16 dev eth0 2>/dev/null; true")
        assert "10.88" not in vm.run("ip addr; ip route")
        vm.run("ip route add 10.99.0.0/16 via 10.77.0.1 && ip route add 10.98.0.0/16 dev eth0 && ip route add blackhole 10.97.0.0/16")
        routes = vm.run("ip route")
        assert "10.99.0.0/16 via 10.77.0.1 dev eth0" in routes and "10.98.0.0/16 dev eth0" in routes, routes
        assert "RTNETLINK answers: Network is unreachable" in vm.sh("ip route add 10.96.0.0/16 via 172.16.0.1 2>&1")[0]
        assert "via 10.77.0.1" in vm.run("ip route get 10.99.1.2")
        vm.run("ip route del 10.99.0.0/16 && ip route del 10.98.0.0/16")
        assert "10.99" not in vm.run("ip route")
        vm.ping("10.77.0.1")
        assert re.search(r"^10\.77\.0\.1 dev eth0 lladdr (\w\w:){5}\w\w .*(REACHABLE|DELAY)", vm.run("ip neigh"), re.M)
        vm.run("arp -s 10.77.0.50 02:00:00:00:00:50")
        assert re.search(r"10\.77\.0\.50 dev eth0 lladdr 02:00:00:00:00:50 .*PERMANENT", vm.run("ip neigh"))
        vm.run("arp -d 10.77.0.50; ip neigh flush dev eth0")
        vm.run("ip link set eth0 mtu 1000")
        assert "mtu 1000" in vm.run("ip link show eth0")
        assert vm.sh("ip link set eth0 mtu 100000")[1] != 0
        vm.run("ip link set eth0 down")
        assert "UP" not in re.search(r"<(.*)>", vm.run("ip link show eth0"))[1].split(",") and "10.77.0.0" not in vm.run("ip route")
        vm.run("ip link set eth0 up")
        net.reach()
        assert vm.sh("ip link show dev eth9 2>&1")[1] != 0


def test_ifconfig_route_arp():
    with Net() as net, Vm(ns=net, append="ip=off") as vm:
        vm.boot()
        vm.run("ifconfig eth0 10.77.0.2 netmask 255.255.255.0 up; until ifconfig eth0 | grep -q RUNNING; do :; done")
        out = vm.run("ifconfig eth0")
        for part in ("HWaddr 52:54:00:12:34:56", "inet addr:10.77.0.2  Bcast:10.77.0.255  Mask:255.255.255.0", "UP BROADCAST RUNNING",
                     "MTU:1500"):
            assert part in out, out
        assert "lo " in vm.run("ifconfig")
        vm.run("route add default gw 10.77.0.1 && route add -net 10.66.0.0 netmask 255.255.0.0 gw 10.77.0.1")
        out = vm.run("route -n")
        assert re.search(r"^0\.0\.0\.0\s+10\.77\.0\.1\s+0\.0\.0\.0\s+UG", out, re.M), out
        assert re.search(r"^10\.66\.0\.0\s+10\.77\.0\.1\s+255\.255\.0\.0\s+UG", out, re.M), out
        vm.run("route del -net 10.66.0.0 netmask 255.255.0.0")
        assert "10.66" not in vm.run("route -n")
        vm.ping("10.77.0.1")
        assert re.search(r"\(10\.77\.0\.1\) at (\w\w:){5}\w\w \[ether\]\s+on eth0", vm.run("arp -an"))
        vm.run("arp -s 10.77.0.60 02:00:00:00:00:60")
        assert re.search(r"\(10\.77\.0\.60\) at 02:00:00:00:00:60 \[ether\] PERM on eth0", vm.run("arp -an"))
        vm.run("arp -d 10.77.0.60")
        vm.run("ifconfig eth0 down")
        assert "eth0" not in vm.run("route -n")


def test_ping_both_ways():
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        vm.boot()
        vm.ping("10.77.0.1", 3)
        assert "1 packets transmitted, 1 packets received, 0% packet loss" in vm.run("ping -c 1 -W 60 10.77.0.1")
        assert "1 packets received" in vm.run("ping -c 1 -W 60 -s 8000 10.77.0.1"), "in fragments"
        net.echo(20)
        net.echo(2, 20000)
        net.run("ping", "-c", "1", "-w", "100", net.guest_ip)
        for own in ("127.0.0.1", "10.77.0.2"):
            assert "1 packets received" in vm.run(f"ping -c 1 -W 60 {own}")
        assert "100% packet loss" in vm.sh("ping -c 1 -W 1 10.77.0.77")[0]
        assert "unreachable" in vm.sh("ip route del default 2>/dev/null; ping -c 1 192.168.9.9 2>&1")[0]


def test_nc_both_ways():
    with Net() as net, Vm(ns=net, append=STATIC, guest=True) as vm:
        vm.boot()
        # From the host to a listener in the guest, and its answer.
        tag = vm.start("echo from-guest | nc -l -p 5000")
        with net.connect(5000) as s:
            assert s.makefile().readline() == "from-guest\n"
            s.sendall(b"from-host\n")
        assert vm.finish(tag) == ("from-host\n", 0)
        # From the guest to a listener on the host.
        with net.socket() as listener:
            listener.bind((net.host_ip, 5001))
            listener.listen()
            got = []

            def serve():
                with listener.accept()[0] as c:
                    got.append(c.makefile().readline())
                    c.sendall(b"answer\n")

            t = threading.Thread(target=serve, daemon=True)
            t.start()
            assert vm.run(f"echo question | nc {net.host_ip} 5001") == "answer\n"
            t.join(LIMIT)
            assert got == ["question\n"]
        # By UDP, too, also in fragments.
        with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            u.bind((net.host_ip, 5002))
            u.settimeout(LIMIT)
            tag = vm.start("nettool udp-echo 5003")
            vm.wait("^ready")
            for n in (0, 1, 1472, 1473, 40000, 65507):
                u.sendto(bytes(i % 251 for i in range(n)), (net.guest_ip, 5003))
                assert u.recvfrom(70000) == (bytes(i % 251 for i in range(n)), (net.guest_ip, 5003)), n
            u.sendto(b"end", (net.guest_ip, 5003))
            assert vm.finish(tag)[1] == 0
        assert "refused" in vm.sh(f"nc {net.host_ip} 5999 </dev/null 2>&1")[0]


def test_connections_are_listed():
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        vm.boot()
        vm.run("sleep 1000 | nc -l -p 5000 >/dev/null & true")
        with net.connect(5000) as s:
            port = s.getsockname()[1]
            # The last word of the opening is ours: it may be on its way yet.
            vm.run("until netstat -tn | grep -q ESTABLISHED; do :; done")
            assert re.search(rf"^tcp\s+0\s+0 (::ffff:)?10\.77\.0\.2:5000\s+(::ffff:)?10\.77\.0\.1:{port}\s+ESTABLISHED", vm.run("netstat -tn"), re.M)
            vm.run("kill $(pidof sleep); until ! netstat -tn | grep -q ESTABLISHED; do :; done")


def test_refused_and_unreachable():
    """Who asks a closed port hears of it at once."""
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        vm.boot()
        with net.socket() as s:
            s.settimeout(LIMIT)
            assert s.connect_ex((net.guest_ip, 9)) == errno.ECONNREFUSED
        with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            u.settimeout(LIMIT)
            u.connect((net.guest_ip, 9))
            u.send(b"x")
            try:
                u.recv(1)
                raise AssertionError("no answer was due")
            except ConnectionRefusedError:
                pass
        assert vm.run("traceroute -n -m 2 -w 60 -q 1 10.77.0.1 2>/dev/null | tail -n 1").split()[1] == "10.77.0.1"


main()
