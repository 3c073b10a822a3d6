#!/usr/bin/env python3
# limit: 2400
"""Frames that no kernel would send, by the ten thousand: each is dropped and counted, and the guest serves on."""
import hashlib
import os
import random
import socket
import struct
import time

import frames
from frames import arp, echo, ether, icmp, ip, tcp, udp
from netns import LIMIT, Net, Vm, main

HOST, GUEST, OTHER = "10.77.0.1", "10.77.0.2", "10.77.0.99"
STATIC = f"ip={GUEST}::{HOST}:255.255.255.0::eth0:off"
PAGE = bytes(i % 251 for i in range(200000))


class Attack:
    """A guest with a web server, and a raw socket on its wire."""

    def __enter__(self):
        self.net = Net()
        try:
            self.vm = Vm(ns=self.net, append=STATIC, files={"www/page": PAGE}, guest=True)
            self.vm.boot()
        except BaseException:
            self.net.close()
            raise
        mac = self.net.run("cat", f"/sys/class/net/{self.net.tap}/address").strip()
        self.mac = bytes.fromhex(mac.replace(":", ""))
        # Forged ARP must not cut the test itself off; the host's answers to forged segments stay out of the picture.
        self.vm.run(f"arp -s {HOST} {mac}; httpd -p 80 -h /www")
        self.net.run("ip", "neigh", "replace", GUEST, "lladdr", "52:54:00:12:34:56", "dev", self.net.tap, "nud", "permanent")
        with self.net.inside():
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.raw.bind((self.net.tap, 0))
            self.probe = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.probe.settimeout(1)
        self.sequence = 0
        self.before = self.snmp()
        self.memory = self.free()
        return self

    def __exit__(self, *_):
        self.raw.close()
        self.probe.close()
        self.vm.close()
        self.net.close()

    def snmp(self):
        rows = [line.split() for line in self.vm.run("cat /proc/net/snmp").splitlines()]
        return {a[0] + n: int(v) for a, b in zip(rows[::2], rows[1::2]) for n, v in zip(a[1:], b[1:])}

    def moved(self, name):
        return self.snmp()[name] - self.before[name]

    def free(self):
        return int(self.vm.run("grep MemAvailable /proc/meminfo").split()[1])

    def alive(self):
        """An echo comes back: what was sent before it has been taken in."""
        self.sequence = self.sequence % 65535 + 1
        message = struct.pack("!BBHHH", 8, 0, 0, 0x7777, self.sequence) + b"probe"
        message = message[:2] + struct.pack("!H", frames.checksum(message)) + message[4:]
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            self.probe.sendto(message, (GUEST, 0))
            try:
                while True:
                    data, (sender, _) = self.probe.recvfrom(2048)
                    if sender == GUEST and data[20:21] == b"\0" and data[24:28] == struct.pack("!HH", 0x7777, self.sequence):
                        return
            except TimeoutError:
                pass
        raise AssertionError("the guest answers no more\n" + self.vm.tail())

    def send(self, list_of_frames):
        """In bursts that the tap's queue holds; the number sent."""
        n = 0
        for f in list_of_frames:
            if len(f) < 14:
                f = f + bytes(14 - len(f))
            self.raw.send(f[:1514])
            n += 1
            if n % 200 == 0:
                self.alive()
        self.alive()
        return n

    def serves(self):
        with self.net.connect(80) as s:
            s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
            answer = b""
            while data := s.recv(65536):
                answer += data
        assert answer.endswith(PAGE)
        assert self.vm.run("echo alive") == "alive\n"


def good():
    return frames.good_frames(OTHER, GUEST)


def test_truncated_at_every_byte():
    with Attack() as a:
        n = a.send(f[:cut] for f in good() for cut in range(14, len(f)))
        assert n > 900
        assert a.moved("Ip:InHdrErrors") + a.moved("Ip:InDiscards") > 0, a.snmp()
        a.serves()


def test_wrong_lengths():
    with Attack() as a:
        def some():
            for total in (0, 1, 19, 20, 21, 27, 28, 1000, 1500, 65535):
                yield udp(OTHER, GUEST, 1, 9, b"x" * 20, total=total)
                yield tcp(OTHER, GUEST, 1, 80, total=total)
                yield echo(OTHER, GUEST, total=total)
            for ihl in range(16):
                yield udp(OTHER, GUEST, 1, 9, b"x" * 20, ihl=ihl)
                yield tcp(OTHER, GUEST, 1, 80, ihl=ihl)
            for version in (0, 3, 5, 6, 15):
                yield echo(OTHER, GUEST, version=version)
            for length in (0, 1, 7, 8, 9, 27, 28, 29, 1000, 65535):
                yield udp(OTHER, GUEST, 1, 9, b"x" * 20, length=length)
            for doff in range(16):
                for flags in (2, 16, 18, 24):
                    yield tcp(OTHER, GUEST, 1, 80, doff=doff, flags=flags, data=b"d" * 10)
        for _ in range(10):
            a.send(some())
        assert a.moved("Ip:InHdrErrors") >= 100, a.snmp()
        assert a.moved("Udp:InErrors") >= 30, a.snmp()
        assert a.moved("Tcp:InErrs") >= 50, a.snmp()
        a.serves()


def test_wrong_checksums():
    with Attack() as a:
        n = 500
        a.send(echo(OTHER, GUEST, bad_sum=True) for _ in range(n))
        a.send(udp(OTHER, GUEST, 1, 9, b"x", bad_sum=False)[:24] + b"\xde\xad" + udp(OTHER, GUEST, 1, 9, b"x")[26:] for _ in range(n))
        a.send(udp(OTHER, GUEST, 1, 9, b"data", bad_sum=True) for _ in range(n))
        a.send(tcp(OTHER, GUEST, 1, 80, bad_sum=True) for _ in range(n))
        assert a.moved("Icmp:InCsumErrors") == n, a.snmp()
        assert a.moved("Ip:InHdrErrors") == n, a.snmp()
        assert a.moved("Tcp:InCsumErrors") == n and a.moved("Tcp:InErrs") == n, a.snmp()
        # Nobody listens there: whether a sum is looked at before that is the kernel's choice.
        assert a.moved("Udp:InCsumErrors") == n or a.moved("Udp:NoPorts") == n, a.snmp()
        a.serves()


def test_wrong_checksums_to_a_listener():
    with Attack() as a:
        tag = a.vm.start("nettool udp-echo 9 >/dev/null & until grep -q ':0009 ' /proc/net/udp; do :; done; cat /proc/net/udp")
        assert a.vm.finish(tag)[1] == 0
        a.send(udp(HOST, GUEST, 1, 9, b"data", bad_sum=True) for _ in range(300))
        assert a.moved("Udp:InCsumErrors") == 300 and a.moved("Udp:InErrors") == 300 and a.moved("Udp:OutDatagrams") == 0, a.snmp()


def fragments(data, ident, cuts, proto=frames.ICMP, src=OTHER):
    """Pieces of a datagram: (start, end, more)."""
    return [ip(data[s:e], src, GUEST, proto, ident=ident, frag=s, more=m) for s, e, m in cuts]


def test_fragments_that_overlap():
    """None makes a datagram with bytes of two pieces in the same place; nothing is kept for long."""
    with Attack() as a:
        data = echo(OTHER, GUEST, data=bytes(4000))[34:]
        size = len(data)
        patterns = [
            [(0, 1480, True), (1472, 2960, True), (2960, size, False)],
            [(0, 1480, True), (0, 1480, True), (8, 48, True), (1480, size, False)],
            [(1480, size, False), (0, 2000 // 8 * 8, True)],
            [(0, 24, True), (0, 8, True), (8, 16, True), (16, size, False)],
            [(0, 1480, True), (1480, 2960, False), (2960, size, False)],
            [(1480, 2960, False), (800, 1480, False)],
            [(8, 16, True)] * 3 + [(0, 8, True), (16, 24, False)],
            [(0, 0, True), (0, size // 8 * 8, True)],
        ]
        ident = 1
        for _ in range(60):
            for p in patterns:
                a.send(fragments(data, ident, [(s, e, m) for s, e, m in p if e <= size]))
                ident += 1
        assert a.moved("Ip:ReasmReqds") >= 1000 and a.moved("Ip:ReasmFails") >= 100, a.snmp()
        # Whole ones are put together all the same.
        a.net.echo(5, 9000)
        a.serves()


def test_fragments_without_end():
    """First pieces of ten thousand datagrams that never go on; pieces past 64 KiB; pieces of eight bytes."""
    with Attack() as a:
        a.send(ip(bytes(1400), OTHER, GUEST, 17, ident=i, more=True) for i in range(6000))
        a.send(ip(bytes(8), f"10.77.0.{100 + i % 100}", GUEST, 1, ident=i, frag=8 * (1 + i % 8000), more=True) for i in range(4000))
        a.send(ip(bytes(1400), OTHER, GUEST, 1, ident=70000 + i, frag=65528, more=bool(i & 1)) for i in range(200))
        a.send(ip(bytes(13), OTHER, GUEST, 1, ident=50000, frag=24, more=True) for i in range(200))
        assert a.moved("Ip:ReasmFails") > 0, a.snmp()
        assert a.memory - a.free() < 16 << 10, f"{a.memory} KiB were free, now {a.free()}"
        a.serves()
        if not os.environ.get("DUNLIN_TEST_KERNEL"):
            # Old pieces make room for new ones; Linux lets nobody in until they are half a minute old.
            a.net.echo(5, 9000)


def test_options_that_lie():
    with Attack() as a:
        r = random.Random(7)

        def some():
            for kind in range(256):
                for length in (0, 1, 2, 3, 4, 40, 255):
                    option = bytes((kind, length)) + bytes(r.randrange(256) for _ in range(r.randrange(0, 36)))
                    option = option[:40]
                    yield tcp(OTHER, GUEST, r.randrange(1, 65536), 80, flags=r.choice((2, 16, 18, 24)), options=option)
                    if kind % 4 == 0:
                        yield echo(OTHER, GUEST, options=option)
            for blocks in range(1, 5):
                yield tcp(OTHER, GUEST, 5, 80, flags=16, options=bytes((5, 2 + 8 * blocks)) + bytes(range(8 * blocks)))
            for mss in (0, 1, 8, 65535):
                yield tcp(OTHER, GUEST, 6, 80, options=struct.pack("!BBH", 2, 4, mss))
            for scale in (14, 15, 255):
                yield tcp(OTHER, GUEST, 7, 80, options=bytes((3, 3, scale, 1)))
        n = a.send(some())
        assert n > 2000
        a.serves()


def test_segments_out_of_place():
    """Every combination of flags to an open port, a closed one and a connection that is there."""
    with Attack() as a:
        with a.net.connect(80) as s:
            port = s.getsockname()[1]
            r = random.Random(3)

            def some():
                for flags in range(256):
                    for to in (80, 81):
                        yield tcp(OTHER, GUEST, 1000 + flags, to, flags=flags, data=b"x" * (flags % 3))
                    # Blind attacks on a connection: numbers that are not in its window, but for RFC 5961's challenge.
                    for _ in range(4):
                        yield tcp(HOST, GUEST, port, 80, seq=r.getrandbits(32), ack=r.getrandbits(32), flags=flags,
                                  data=b"y" * r.randrange(3), window=r.choice((0, 1, 65535)), urgent=r.choice((0, 1, 65535)))
            a.send(some())
            # It lives on.
            s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
            answer = b""
            while data := s.recv(65536):
                answer += data
            assert answer.endswith(PAGE)
        assert a.moved("Tcp:OutRsts") >= 100, a.snmp()
        a.serves()


def test_senders_that_cannot_be():
    """Addresses that nobody sends from, our own among them; link addresses that are groups; other machines' frames."""
    with Attack() as a:
        def some():
            for src in ("0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", "240.1.2.3", GUEST, "10.77.0.255", "10.77.0.0"):
                for dst in (GUEST, "255.255.255.255", "224.0.0.1", "10.77.0.255", "127.0.0.1", "10.99.1.2"):
                    yield echo(src, dst)
                    yield udp(src, dst, 7, 9)
                    yield tcp(src, dst, 80, 80)
            for sender in (b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01", frames.GUEST_MAC, bytes(6)):
                yield frames.GUEST_MAC + sender + echo(OTHER, GUEST)[12:]
            for to in (bytes.fromhex("020000000077"), b"\x33\x33\x00\x00\x00\x01"):
                yield to + echo(OTHER, GUEST)[6:]
            for kind in (0, 1, 46, 0x05ff, 0x0801, 0x8100, 0x86dd, 0x88a8, 0x88cc, 0xffff):
                yield ether(echo(OTHER, GUEST)[14:], kind)
        for _ in range(5):
            a.send(some())
        assert a.moved("Tcp:PassiveOpens") == 0, a.snmp()
        a.serves()


def test_lies_about_neighbours():
    with Attack() as a:
        def some():
            for hw, proto, hlen, plen in ((0, 0x800, 6, 4), (1, 0x801, 6, 4), (1, 0x800, 0, 4), (1, 0x800, 255, 4), (1, 0x800, 6, 0),
                                          (1, 0x800, 6, 255), (6, 0x800, 8, 4)):
                for op in (0, 1, 2, 3, 65535):
                    yield arp(op, OTHER, GUEST, hw=hw, proto=proto, hlen=hlen, plen=plen)
            for mac in (b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01", bytes(6)):
                yield arp(2, OTHER, GUEST, sender_mac=mac, to=frames.GUEST_MAC)
            yield arp(1, GUEST, GUEST)
            yield arp(2, HOST, GUEST, sender_mac=bytes.fromhex("0200000000ee"), to=frames.GUEST_MAC)
            for sender in ("0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1"):
                yield arp(1, sender, GUEST)
        for _ in range(10):
            a.send(some())
        # Ten thousand neighbours that want to be known.
        a.send(arp(1, f"10.77.{1 + i // 250}.{1 + i % 250}", GUEST, sender_mac=struct.pack("!HI", 0x0200, i)) for i in range(10000))
        assert a.memory - a.free() < 8 << 10, f"{a.memory} KiB were free, now {a.free()}"
        # What was told by hand stays.
        assert a.mac.hex(":") in a.vm.run(f"ip neigh | grep '^{HOST} '")
        a.serves()


def test_a_flood_of_openings():
    """Twenty thousand SYNs from everywhere: the backlog is bounded, and who means it still gets in."""
    with Attack() as a:
        r = random.Random(5)
        a.send(tcp(f"10.{r.randrange(1, 250)}.{r.randrange(250)}.{r.randrange(1, 250)}", GUEST, r.randrange(1024, 65536), 80,
                   seq=r.getrandbits(32)) for _ in range(20000))
        assert a.memory - a.free() < 16 << 10, f"{a.memory} KiB were free, now {a.free()}"
        a.serves()


def test_errors_that_quote_nonsense():
    """ICMP errors about connections that are not there, with MTUs that cannot be and quotations cut short."""
    with Attack() as a:
        with a.net.connect(80) as s:
            port = s.getsockname()[1]

            def some():
                for kind in range(256):
                    yield icmp(OTHER, GUEST, kind, kind & 15, bytes(28))
                for code in range(16):
                    for mtu in (0, 1, 67, 68, 552, 65535):
                        quoted = tcp(GUEST, HOST, 80, port, seq=12345, flags=16)[14:]
                        for cut in (0, 4, 20, 24, 28, 40):
                            yield icmp(OTHER, GUEST, 3, code, struct.pack("!HH", 0, mtu) + quoted[:cut])
            a.send(some())
            s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
            answer = b""
            while data := s.recv(65536):
                answer += data
            assert answer.endswith(PAGE)
        a.serves()


def test_mutants():
    """Ten thousand and more made at random from good ones; every second has right checksums."""
    with Attack() as a:
        a.net.nginx()
        n = a.send(frames.mutants(2024, 16000, good() + frames.good_frames(HOST, GUEST)))
        assert n == 16000
        for name in ("Ip:InHdrErrors", "Ip:InUnknownProtos", "Icmp:InCsumErrors", "Tcp:InErrs", "Udp:NoPorts"):
            assert a.moved(name) > 10, (name, a.snmp())
        a.serves()
        want = hashlib.sha256(open(f"{a.net.www}/10m", "rb").read()).hexdigest()
        assert a.vm.run(f"wget -q -O - http://{HOST}/10m | sha256sum").split()[0] == want
        assert a.memory - a.free() < 16 << 10, f"{a.memory} KiB were free, now {a.free()}"


main()
