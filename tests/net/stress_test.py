#!/usr/bin/env python3
# limit: 2400
"""Mixed traffic on four CPUs with the lock checker on, while the card's interrupts move and programs come and go.

A round: downloads by the guest and from it, a connection each for small pages, an upload, echoes and datagrams, all at
once. Everything that is sent must arrive as it was, and at the end the guest must have counted each frame that the
card delivered. DUNLIN_STRESS_SECONDS (`make stress`: 300 a card) repeats rounds for so long; without it there are ROUNDS.
"""
import concurrent.futures
import hashlib
import os
import re
import socket
import threading
import time

from netns import LIMIT, Net, Vm, VmError, main, only_ours

ROUNDS = 16
LIVES = 4                   # of a card that gets and loses its driver
FLOOD = 2000                # datagrams that are under way before it loses it
# Of the GIC. QEMU before 9.1 forgets a message of version 2 that waits while its line moves, and Linux has no remedy.
GIC = "3" if os.environ.get("DUNLIN_TEST_KERNEL") else "2"
ROOM = 10000                # frames: what TCP sends while the guest is held up loses no echo and no datagram
PAGE = bytes(i % 251 for i in range(300000))
UPLOAD = 2 << 20
# Each of the card's lines from CPU to CPU until told to stop, and programs that start and end beside it.
MOVER = ("while [ ! -e /tmp/stop ]; do for cpu in 0 1 2 3; do for line in $(cat /tmp/lines); do "
         "echo $cpu >/proc/irq/$line/smp_affinity_list || exit 1; done; done; done")
FORKER = "while [ ! -e /tmp/stop ]; do (sh -c 'cat /proc/self/maps | wc -l' >/dev/null) || exit 1; done"


def get(net, page):
    with net.connect(80) as s:
        s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        answer = b""
        while data := s.recv(65536):
            answer += data
    assert answer.endswith(b"\r\n\r\n" + page), len(answer)


def upload(listener):
    """What the guest sends to us: its checksum."""
    s, _ = listener.accept()
    with s:
        s.settimeout(LIMIT)
        got = hashlib.sha256()
        while data := s.recv(65536):
            got.update(data)
    return got.hexdigest()


def datagrams(net, count):
    """One after the other to the guest's echo, each until it comes back."""
    with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        s.connect((net.guest_ip, 7))
        for i in range(count):
            body = i.to_bytes(4, "big") * (1 + i % 300)
            s.send(body)
            assert s.recv(2000) == body, i


def one_round(net, vm, pool, listener, want):
    jobs = [pool.submit(get, net, PAGE) for _ in range(10)]
    jobs += [pool.submit(net.echo, 100, 1000), pool.submit(datagrams, net, 100)]
    arriving = pool.submit(upload, listener)
    out = vm.run(f"head -c {UPLOAD} /dev/urandom >/tmp/up; wget -q -O - http://10.77.0.1/10m | sha256sum >/tmp/down & P=$!; "
                 "nc 10.77.0.1 9000 </tmp/up; wait $P; cat /tmp/down; sha256sum </tmp/up", 600).split()
    for job in jobs:
        job.result()
    assert out[0] == want, out
    assert arriving.result() == out[2], out


def frames(net, vm):
    """(what the card was given, what the interface counted), at a moment when nothing is under way."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        before = net.link_stats()["received"]
        counted = int(vm.run("cat /sys/class/net/eth0/statistics/rx_packets"))
        if net.link_stats()["received"] == before:
            return before, counted
    raise VmError("the wire does not come to rest")


def all_counted(net, vm):
    """As frames(), when what the card was given before has been counted."""
    net.echo(20)
    # A CPU runs a program when it has done what its interrupts asked for.
    vm.run("for cpu in 0 1 2 3; do taskset -c $cpu true; done")
    return frames(net, vm)


def none_missed(net, vm, given, counted):
    """All frames since then are counted. The last one may have been given to the guest, and not yet be counted there."""
    end = time.monotonic() + LIMIT
    while True:
        now_given, now_counted = frames(net, vm)
        if now_counted - counted == now_given - given:
            break
        assert time.monotonic() < end, (now_counted - counted, now_given - given)


def stress(nic, names, queues=1, **machine):
    with Net(queues=queues, room=ROOM) as net, Vm(ns=net, nic=nic, smp="4", guest=True, files={"www/page": PAGE}, **machine) as vm, \
            net.socket() as listener, concurrent.futures.ThreadPoolExecutor(16) as pool:
        net.nginx()
        with open(os.path.join(net.www, "10m"), "rb") as f:
            want = hashlib.sha256(f.read()).hexdigest()
        listener.bind((net.host_ip, 9000))
        listener.listen()
        listener.settimeout(LIMIT)
        vm.boot()
        lines = re.findall(rf"(?m)^\s*(\d+):.*(?:{names})$", vm.run("cat /proc/interrupts"))
        assert lines, vm.run("cat /proc/interrupts")
        vm.run(f"echo {' '.join(lines)} >/tmp/lines; httpd -p 80 -h /www; nettool udp-echo 7 >/dev/null & "
               "until grep -q ':0007 ' /proc/net/udp; do sleep 0.1; done")
        given, counted = all_counted(net, vm)
        vm.run(f"({MOVER}) & mover=$!; ({FORKER}) & forker=$!")
        rounds, end = 0, time.monotonic() + float(os.environ.get("DUNLIN_STRESS_SECONDS", 0))
        while rounds < ROUNDS or time.monotonic() < end:
            one_round(net, vm, pool, listener, want)
            rounds += 1
        vm.run("touch /tmp/stop; wait $mover && wait $forker", 300)
        none_missed(net, vm, given, counted)


def test_virtio():
    only_ours()
    stress("virtio-net-pci", r"virtio0-\w+[.0]*")


def test_virtio_several_queues():
    only_ours()
    stress("virtio-net-pci,mq=on,vectors=10", r"virtio0-\w+[.0-9]*", queues=4)


def test_e1000e_by_its():
    only_ours()
    stress("e1000e", "eth0[-rtx0]*", gic="3")


def pour(net, flowing, stop):
    """Datagrams, while they are to flow, for a socket whose program does not read."""
    with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        while flowing.wait() and not stop.is_set():
            try:
                s.sendto(b"x" * 1000, (net.guest_ip, 9))
            except OSError:
                pass            # nobody has the address now


def another_life(net, vm, bus, flowing):
    """In the middle of the flood the card loses its driver. It comes back into it, and then is heard again."""
    flowing.set()
    before, end = net.link_stats()["received"], time.monotonic() + LIMIT
    while net.link_stats()["received"] - before < FLOOD:
        if time.monotonic() > end:
            raise VmError(f"the flood does not arrive\n{vm.tail()}")
    vm.run(f"echo {bus} >/sys/bus/pci/drivers/virtio-pci/unbind; test ! -e /sys/class/net/eth0")
    vm.run(f"echo {bus} >/sys/bus/pci/drivers/virtio-pci/bind; until ip link set eth0 up 2>/dev/null; do :; done; "
           "ip addr add 10.77.0.2/24 dev eth0")
    flowing.clear()
    net.reach()


def test_unbound():
    """The driver is taken from the card in the middle of all that: nothing is held up by it, nothing is left of it."""
    mover = MOVER.replace("$(cat /tmp/lines)", "$(ls /proc/irq)").replace(" || exit 1", "")
    flowing, stop = threading.Event(), threading.Event()
    with Net(queues=4, room=ROOM) as net, Vm(ns=net, nic="virtio-net-pci,mq=on,vectors=10", gic=GIC, smp="4", guest=True,
                                  files={"www/page": PAGE}) as vm, \
            net.socket() as listener, concurrent.futures.ThreadPoolExecutor(17) as pool:
        net.nginx()
        with open(os.path.join(net.www, "10m"), "rb") as f:
            want = hashlib.sha256(f.read()).hexdigest()
        listener.bind((net.host_ip, 9000))
        listener.listen()
        listener.settimeout(LIMIT)
        vm.boot()
        bus = vm.run("ls /sys/bus/pci/drivers/virtio-pci | grep 0000:").split()[0]
        vm.run("httpd -p 80 -h /www; nettool udp-echo 7 >/dev/null & nettool udp-echo 9 >/dev/null & full=$!; "
               "until grep -q ':0007 ' /proc/net/udp && grep -q ':0009 ' /proc/net/udp; do sleep 0.1; done; "
               "kill -STOP $full")
        vm.run(f"({mover}) 2>/dev/null & mover=$!; ({FORKER}) & forker=$!; (while [ ! -e /tmp/stop ]; do "
               "timeout 5 wget -q -O /dev/null http://10.77.0.1/10m 2>/dev/null; done) & getter=$!")
        pouring = pool.submit(pour, net, flowing, stop)
        try:
            for _ in range(LIVES):
                another_life(net, vm, bus, flowing)
        finally:
            stop.set()
            flowing.set()
        pouring.result()
        vm.run("touch /tmp/stop; wait $mover $getter; wait $forker", 300)
        given, counted = all_counted(net, vm)
        one_round(net, vm, pool, listener, want)
        none_missed(net, vm, given, counted)


if __name__ == "__main__":
    main()
