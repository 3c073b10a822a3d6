#!/usr/bin/env python3
"""iputils' ping and iproute2's ip in the guest: they see the network and change it."""
import json
import re

from programs import Net, main, programs


def test_ping():
    """Also by a user, as far as the kernel lets users."""
    with Net() as net, programs("iputils-ping", ns=net) as vm:
        # Within the machine's first second ping takes each packet for its first, and does not wait.
        vm.run("while grep -q ^0 /proc/uptime; do sleep 0.1; done")
        # With -w it goes on until so many have come, however late; else it leaves soon after its last one.
        for how in ("-c 3 10.77.0.1", "-c 2 -s 4000 host.test", "-c 2 127.0.0.1"):
            out = vm.run(f"ping -i 0.2 -w 100 {how}")
            # Those that were sent because the first were late may come together with them.
            assert int(re.search(r"\d+ packets transmitted, (\d+) received, ", out)[1]) >= int(how[3]), out
        out, status = vm.sh("ping -c 1 -W 1 10.77.0.99")
        assert status == 1 and "100% packet loss" in out, out
        assert "unknown" in vm.sh("ping -c 1 nobody.test 2>&1")[0].lower().replace("not known", "unknown")
        assert vm.sh("ping -M do -c 1 -W 1 -s 4000 10.77.0.1 2>&1")[1] != 0
        vm.run("echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range; cp -L /bin/ping /tmp/ping")
        assert "1 received" in vm.run("busybox su -s /bin/sh user -c '/tmp/ping -c 1 -w 100 10.77.0.1'")


def test_ss():
    def ss(words):
        """Where there is IPv6, nc's sockets are of that family."""
        return re.sub(r"\[::ffff:([\d.]+)\]", r"\1", vm.run(f"ss {words}")).replace("*:", "0.0.0.0:")

    with Net() as net, programs("iproute2", ns=net,
                                modules=("inet_diag", "tcp_diag", "udp_diag", "unix_diag")) as vm:
        vm.run("tail -f /dev/null | nc -l -p 7000 & until netstat -ltn | grep -q :7000; do sleep 0.1; done; "
               "exec 9<>/dev/udp/10.77.0.1/7001")
        connection = net.connect(7000)
        vm.run("until netstat -tn | grep -q ':7000 .*ESTABLISHED'; do sleep 0.1; done")
        vm.run("for p in $(seq 8000 8099); do nc -l -p $p & done; "
               "until [ $(netstat -ltn | grep -c :80) = 100 ]; do sleep 0.1; done")
        lines = [line.split() for line in ss("-Htan").splitlines()]
        assert ["ESTAB", "0", "0", "10.77.0.2:7000"] in [line[:4] for line in lines], lines
        # More than one packet holds.
        assert sorted(line[3] for line in lines if ":80" in line[3]) == [f"0.0.0.0:{p}" for p in range(8000, 8100)]
        assert {line[0] for line in lines} == {"LISTEN", "ESTAB"}, lines
        one = ss("-Htlnp sport = :8042").split()
        assert one[0] == "LISTEN" and one[3] == "0.0.0.0:8042" and '(("nc",pid=' in one[-1], one
        assert re.search(r"ESTAB +0 +0 +10\.77\.0\.2:\d+ +10\.77\.0\.1:7001", vm.run("ss -Huan"))
        assert re.search(r"estab 1,", vm.run("ss -s"))
        vm.run("busybox syslogd -n & until [ -S /dev/log ]; do sleep 0.1; done")
        assert re.search(r"u_dgr +UNCONN .* /dev/log", vm.run("ss -Hxa")), vm.run("ss -Hxa")
        connection.close()


def test_ip():
    with Net() as net, programs("iproute2", ns=net) as vm:
        def ip(words):
            return json.loads(vm.run(f"/bin/ip -j {words}"))

        link = ip("link show dev eth0")[0]
        assert link["address"] == "52:54:00:12:34:56" and link["mtu"] == 1500 and "LOWER_UP" in link["flags"], link
        vm.run("/bin/ip addr add 10.88.0.1/16 dev eth0; /bin/ip route add 10.99.0.0/16 via 10.77.0.1 metric 7")
        addresses = [(a["local"], a["prefixlen"]) for a in ip("-4 addr show dev eth0")[0]["addr_info"]]
        assert addresses == [("10.77.0.2", 24), ("10.88.0.1", 16)], addresses
        routes = {r["dst"]: r for r in ip("route")}
        assert routes["10.99.0.0/16"]["gateway"] == "10.77.0.1" and routes["10.99.0.0/16"]["metric"] == 7, routes
        assert routes["10.88.0.0/16"]["prefsrc"] == "10.88.0.1"
        got = ip("route get 10.99.1.2")[0]
        assert (got["dst"], got["gateway"], got["dev"]) == ("10.99.1.2", "10.77.0.1", "eth0")
        assert got["uid"] == 0 and "protocol" not in got, got
        vm.run("busybox ping -c 1 -W 60 10.77.0.1; /bin/ip neigh add 10.77.0.50 lladdr 02:00:00:00:00:50 dev eth0")
        neighbours = {n["dst"]: n for n in ip("neigh")}
        assert neighbours["10.77.0.50"]["state"] == ["PERMANENT"] and "lladdr" in neighbours["10.77.0.1"], neighbours
        stats = ip("-s link show dev eth0")[0]["stats64"]
        assert stats["rx"]["packets"] > 0 and stats["tx"]["bytes"] > 0, stats
        # What is changed is announced.
        # (It listens once it holds an address among /proc/net/netlink's with groups.)
        vm.run("/bin/ip monitor >/tmp/said & until awk -v p=$! '$3 == p && $4 !~ /^0+$/ { f = 1 } END { exit !f }' "
               "/proc/net/netlink; do sleep 0.1; done; /bin/ip addr del 10.88.0.1/16 dev eth0; "
               "/bin/ip route del 10.99.0.0/16; /bin/ip link set eth0 mtu 1400; "
               "until grep -q 'mtu 1400' /tmp/said; do sleep 0.1; done; kill %1")
        said = vm.run("cat /tmp/said")
        for text in (r"^Deleted 2: eth0 +inet 10\.88\.0\.1/16", r"^Deleted 10\.99\.0\.0/16 via 10\.77\.0\.1"):
            assert re.search(text, said, re.M), said
        again = "/bin/ip route add 10.77.0.0/24 dev eth0 proto kernel scope link src 10.77.0.2 2>&1"
        assert "RTNETLINK answers: File exists" in vm.sh(again)[0]
        assert "Cannot find device" in vm.sh("/bin/ip addr add 1.2.3.4/8 dev eth9 2>&1")[0]


main()
