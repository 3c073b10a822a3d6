#!/usr/bin/env python3
"""iperf3 at both ends of the wire: every direction and kind, and both ends count the same."""
import json
import time

from programs import LIMIT, Net, main, programs
from web import serve

AMOUNT = 32 << 20


def both(report):
    """A client's report, and the server's that came with it."""
    ours = json.loads(report[report.index("{"):])      # a warning may come first
    assert "error" not in ours, ours["error"]
    theirs = ours["server_output_json"]
    assert "error" not in theirs, theirs["error"]
    return ours, theirs


def streams(report):
    """[(bytes sent, bytes received)] of a report's streams."""
    return [(s["sender"]["bytes"], s["receiver"]["bytes"]) for s in report["end"]["streams"]]


def check_tcp(report, count):
    ours, theirs = both(report)
    assert len(ours["end"]["streams"]) == len(theirs["end"]["streams"]) == count
    for (sent, received), counted in zip(streams(ours), streams(theirs)):
        # A server counts what it did itself. The receiver stops at the test's end, with the last data on its way.
        assert counted in ((sent, 0), (0, received)), (sent, received, counted)
        assert 0 < received <= sent, (sent, received)
    assert sum(sent for sent, _ in streams(ours)) >= AMOUNT, streams(ours)


def check_udp(report, count):
    ours, theirs = both(report)
    for side in (ours, theirs):
        end = side["end"]["sum"]
        assert end["lost_packets"] == 0, end
    got = ours["end"]["streams"][0]["udp"]
    assert got["packets"] >= count and got["out_of_order"] == 0, got
    return got


CASES = {
    "-n 32M": 1,
    "-n 32M -R": 1,
    "-n 32M -P 4": 4,
    "-n 32M -P 4 -R": 4,
    "-n 32M --bidir": 2,
    "-n 32M -Z": 1,
}
# As many as a socket holds: none is lost, however slow the receiver is.
UDP = {"-u -b 2M -l 1000 -k 40": 40, "-u -b 2M -l 1000 -k 40 -R": 40, "-u -b 16M -l 8000 -k 8": 8}


def checks():
    """Each command line's end, and the check of its report."""
    for case, count in CASES.items():
        yield case, lambda report, count=count: check_tcp(report, count)
    for case, count in UDP.items():
        yield case, lambda report, count=count: check_udp(report, count)


# The inode of the socket that listens on iperf3's port: after each test it is another one.
LISTENS = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$2 ~ /:1451$/ && $4 == \"0A\" { print $10 }'"


def listens_anew(run, before):
    """Wait until the server is ready for another test: for a while after one the socket of that still listens."""
    end = time.monotonic() + LIMIT
    while (now := run(LISTENS).strip()) in ("", before):
        assert time.monotonic() < end, "the server does not listen"
    return now


def test_client():
    with Net() as net, programs("iperf3", ns=net) as vm:
        serve(net, 5201, "iperf3", "-4", "-s", "-J")
        socket = ""
        for case, check in checks():
            socket = listens_anew(lambda command: net.run("sh", "-c", command), socket)
            check(vm.run(f"iperf3 -c host.test -J --get-server-output {case}"))
        assert "Connection refused" in vm.sh("iperf3 -c host.test -p 5202 2>&1")[0]


def test_server():
    with Net() as net, programs("iperf3", ns=net) as vm:
        net.need("iperf3")
        vm.run("iperf3 -s -J -D --pidfile /run/iperf3.pid --logfile /tmp/log")
        socket = ""
        for case, check in checks():
            socket = listens_anew(vm.run, socket)
            check(net.run("iperf3", "-c", net.guest_ip, "-J", "--get-server-output", *case.split()))
        vm.run("kill $(tr -d '\\0' </run/iperf3.pid); while pgrep iperf3; do sleep 0.1; done")


main()
