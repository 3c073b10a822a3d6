#!/usr/bin/env python3
"""Malformed frames by the ten thousand, and a storm of connections: the guest goes on serving."""
import random
import socket
import struct
import threading

from netns import Net, main
from vmtest import Vm

FRAMES = 10000


def checksum(data):
    data += b"\0" * (len(data) & 1)
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff


def ip(net, payload, proto, **change):
    """An IPv4 packet to the guest; header fields as named, wrong on purpose where told."""
    ihl, length = change.get("ihl", 5), change.get("length", 20 + len(payload) + len(change.get("options", b"")))
    head = struct.pack("!BBHHHBBH4s4s", change.get("version", 4) << 4 | ihl, 0, length & 0xffff, change.get("id", 1),
                       change.get("fragment", 0), change.get("ttl", 64), proto, 0,
                       socket.inet_aton(net.host_ip), socket.inet_aton(change.get("to", net.guest_ip)))
    head += change.get("options", b"")
    sum_ = change.get("sum", checksum(head))
    return head[:10] + struct.pack("!H", sum_) + head[12:] + payload


def malformed(net, r):
    """One frame's payload, of a kind chosen by r, and its EtherType."""
    port = r.choice([8080, 9, 68, 53])
    udp = struct.pack("!HHHH", r.randrange(65536), port, 8 + 32, 0) + bytes(32)
    tcp = struct.pack("!HHIIBBHHH", r.randrange(1, 65536), 8080, r.getrandbits(32), r.getrandbits(32), 0x50,
                      r.randrange(256), 1024, 0, 0)
    kind = r.randrange(14)
    if kind == 0:
        return ip(net, udp, 17)[:r.randrange(1, 28)], 0x0800                   # truncated
    if kind == 1:
        return ip(net, udp, 17, length=r.randrange(65536)), 0x0800             # a length that lies
    if kind == 2:
        return ip(net, udp, 17, ihl=r.randrange(16)), 0x0800
    if kind == 3:
        return ip(net, udp, 17, sum=r.randrange(65536)), 0x0800
    if kind == 4:
        return ip(net, udp, 17, version=r.randrange(16)), 0x0800
    if kind == 5:       # fragments that overlap, and ends that disagree
        return ip(net, bytes(r.randrange(1, 200) * 8), 17, id=r.randrange(8),
                  fragment=r.choice([0x2000, 0]) | r.randrange(0, 64)), 0x0800
    if kind == 6:       # a fragment past the end of any packet
        return ip(net, bytes(1400), 17, id=r.randrange(8), fragment=0x1fff - r.randrange(4)), 0x0800
    if kind == 7:       # IP options that lie
        return ip(net, udp, 17, ihl=8, options=bytes([r.choice([7, 68, 131, 137, 255]), r.randrange(256)]) + r.randbytes(10)), 0x0800
    if kind == 8:       # UDP lengths that lie
        return ip(net, struct.pack("!HHHH", 1, port, r.randrange(65536), 1) + bytes(r.randrange(40)), 17), 0x0800
    if kind == 9:       # TCP: offset, flags and options at random, no right checksum
        t = bytearray(tcp + r.randbytes(40))
        t[12] = r.randrange(256)
        return ip(net, bytes(t), 6), 0x0800
    if kind == 10:      # TCP with a right checksum and options that lie
        options = bytes([r.choice([2, 3, 4, 5, 8, 254]), r.randrange(256)]) + r.randbytes(18)
        t = struct.pack("!HHIIBBHHH", r.randrange(1, 65536), 8080, r.getrandbits(32), 0, 0xa0, r.choice([2, 0x12, 0x10, 1, 4, 0x29]),
                        1024, 0, 0) + options
        pseudo = socket.inet_aton(net.host_ip) + socket.inet_aton(net.guest_ip) + struct.pack("!BBH", 0, 6, len(t))
        t = t[:16] + struct.pack("!H", checksum(pseudo + t)) + t[18:]
        return ip(net, t, 6), 0x0800
    if kind == 11:      # ICMP errors about nothing
        return ip(net, bytes([r.choice([3, 4, 5, 11, 12]), r.randrange(16), 0, 0, 0, 0, 0, 0]) + r.randbytes(28), 1), 0x0800
    if kind == 12:      # ARP, cut or nonsense
        return (struct.pack("!HHBBH", 1, 0x0800, r.randrange(256), r.randrange(256), r.randrange(5)) +
                r.randbytes(20))[:r.randrange(4, 28)], 0x0806
    return r.randbytes(r.randrange(0, 300)), r.choice([0x0800, 0x0806, 0x86dd, 0x8100, r.randrange(65536)])


def serve(vm, net):
    vm.run("mkdir -p /tmp/www && echo still here > /tmp/www/index.html && httpd -p 8080 -h /tmp/www")
    assert fetch(net).endswith(b"still here\n")


def received(vm):
    return int(vm.run("cat /sys/class/net/eth0/statistics/rx_packets"))


def fetch(net):
    with net.connect(8080) as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := s.recv(65536):
            answer += part
    return answer


def test_malformed_frames():
    with Net() as net, Vm(ns=net, append="ip=dhcp") as vm:
        vm.boot()
        serve(vm, net)
        mac = bytes.fromhex(vm.run("cat /sys/class/net/eth0/address").strip().replace(":", ""))
        before, seen = vm.run("cat /proc/net/snmp"), received(vm)
        r = random.Random(1)
        with net.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
            s.bind((net.tap, 0))
            for i in range(FRAMES):
                payload, kind = malformed(net, r)
                s.send(mac + b"\x02\0\0\0\0\x01" + struct.pack("!H", kind) + payload[:1500])
                if i % 1000 == 999:
                    assert fetch(net).endswith(b"still here\n")
        assert vm.run("cat /proc/net/snmp") != before
        # The tap's queue may drop some in a burst; most must have reached the card.
        assert received(vm) - seen > FRAMES // 2, received(vm) - seen
        assert "0% packet loss" in net.run("ping", "-c", "5", "-i", "0.05", "-q", net.guest_ip)


def test_connections():
    """1,000 one after the other and 200 at once: none is lost."""
    with Net() as net, Vm(ns=net, append="ip=dhcp") as vm:
        vm.boot()
        serve(vm, net)
        for i in range(1000):
            assert fetch(net).endswith(b"still here\n"), i
        answers = []

        def one():
            answers.append(fetch(net))

        threads = [threading.Thread(target=one) for _ in range(200)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(answers) == 200 and all(a.endswith(b"still here\n") for a in answers), len(answers)


main()
