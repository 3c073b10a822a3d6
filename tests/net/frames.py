"""Frames made by hand, right ones and wrong ones, for the tests that send what no kernel would.

Builders take the fields that a test wants wrong and fill in the rest, checksums too unless told. mutants() makes
hostile ones by the thousand from a seed, so that a failure can be had again.
"""
import random
import socket
import struct

GUEST_MAC = bytes.fromhex("525400123456")
OUR_MAC = bytes.fromhex("020000000001")
ICMP, TCP, UDP = 1, 6, 17


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ether(payload, kind=0x0800, to=GUEST_MAC, sender=OUR_MAC):
    return to + sender + struct.pack("!H", kind) + payload


def ip(payload, src, dst, proto, total=None, ihl=None, version=4, options=b"", ident=1, frag=0, more=False, df=False, ttl=64,
       bad_sum=False, tos=0):
    """frag: the fragment's offset in bytes. ihl in words; total in bytes."""
    options += bytes(-len(options) % 4)
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    total = 20 + len(options) + len(payload) if total is None else total
    flags = (0x4000 if df else 0) | (0x2000 if more else 0) | frag // 8
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl & 15, tos, total & 0xffff, ident & 0xffff, flags, ttl, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst)) + options
    s = checksum(head) ^ (0x5555 if bad_sum else 0)
    return ether(head[:10] + struct.pack("!H", s) + head[12:] + payload)


def _sum(segment, src, dst, proto, at, bad):
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, proto, len(segment))
    s = checksum(pseudo + segment) or 0xffff
    return segment[:at] + struct.pack("!H", s ^ (0x5555 if bad else 0)) + segment[at + 2:]


def udp(src, dst, sport, dport, data=b"", length=None, bad_sum=False, **more):
    seg = struct.pack("!HHHH", sport, dport, 8 + len(data) if length is None else length, 0) + data
    return ip(_sum(seg, src, dst, UDP, 6, bad_sum), src, dst, UDP, **more)


def tcp(src, dst, sport, dport, seq=0, ack=0, flags=2, data=b"", options=b"", doff=None, window=65535, urgent=0, bad_sum=False, **more):
    options += bytes(-len(options) % 4)
    doff = 5 + len(options) // 4 if doff is None else doff
    seg = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, (doff & 15) << 4, flags & 255, window, 0,
                      urgent) + options + data
    return ip(_sum(seg, src, dst, TCP, 16, bad_sum), src, dst, TCP, **more)


def icmp(src, dst, kind, code, body=b"", bad_sum=False, **more):
    seg = struct.pack("!BBH", kind, code, 0) + body
    seg = seg[:2] + struct.pack("!H", checksum(seg) ^ (0x5555 if bad_sum else 0)) + seg[4:]
    return ip(seg, src, dst, ICMP, **more)


def echo(src, dst, ident=1, seq=1, data=b"x" * 32, **more):
    return icmp(src, dst, 8, 0, struct.pack("!HH", ident, seq) + data, **more)


def arp(op, sender_ip, target_ip, sender_mac=OUR_MAC, target_mac=bytes(6), to=b"\xff" * 6, hw=1, proto=0x800, hlen=6, plen=4):
    return ether(struct.pack("!HHBBH", hw, proto, hlen, plen, op) + sender_mac + socket.inet_aton(sender_ip) + target_mac +
                 socket.inet_aton(target_ip), 0x0806, to)


def good_frames(host, guest, port=80):
    """One of each kind that the guest has a handler for."""
    return [
        arp(1, host, guest), arp(2, host, guest, to=GUEST_MAC),
        echo(host, guest), icmp(host, guest, 3, 3, bytes(4) + udp(guest, host, 1000, 2000, b"12345678")[14:42]),
        icmp(host, guest, 3, 4, struct.pack("!HH", 0, 600) + tcp(guest, host, port, 2000, flags=16)[14:42]),
        icmp(host, guest, 5, 1, socket.inet_aton(host) + udp(guest, host, 1000, 2000)[14:42]),
        icmp(host, guest, 11, 0, bytes(4) + udp(guest, host, 1000, 2000)[14:42]),
        udp(host, guest, 1000, 9, b"data"), udp(host, guest, 67, 68, bytes(300)), udp(host, guest, 53, 1000, bytes(40)),
        tcp(host, guest, 1001, port), tcp(host, guest, 1002, port, flags=16, ack=1), tcp(host, guest, 1003, port, flags=4),
        tcp(host, guest, 1004, port, flags=24, ack=5, data=b"GET / HTTP/1.0\r\n\r\n"),
        tcp(host, guest, 1005, port, options=bytes.fromhex("020405b40402080a00000001000000000103030a")),
        tcp(host, guest, 1006, port, flags=16, ack=7, options=bytes.fromhex("0101050a0000000100000002")),
        echo(host, guest, options=bytes.fromhex("94040000")), echo(host, guest, options=bytes.fromhex("0707040a000001")),
        ip(bytes(16), host, guest, 2), ip(bytes(16), host, guest, 253),
    ]


def mutants(seed, count, seeds):
    """From these frames: bytes changed, cut, repeated, lengths spoilt; every second with its sums put right again."""
    r = random.Random(seed)
    for _ in range(count):
        f = bytearray(r.choice(seeds))
        for _ in range(r.choice((1, 1, 1, 2, 4, 16))):
            at = r.randrange(12, len(f))
            f[at] = r.choice((0, 0xff, 0x80, 0x7f, 1, r.randrange(256), f[at] ^ 1 << r.randrange(8)))
        cut = r.random()
        if cut < 0.2:
            del f[r.randrange(14, len(f) + 1):]
        elif cut < 0.3:
            f += bytes(r.randrange(256) for _ in range(r.randrange(1, 600)))
        if r.random() < 0.5:
            mend(f)
        yield bytes(f)


def mend(f):
    """Put the checksums of an IPv4 frame right, as far as its lengths let one."""
    if len(f) < 34 or f[12:14] != b"\x08\x00":
        return
    ihl = (f[14] & 15) * 4
    total = int.from_bytes(f[16:18], "big")
    if ihl < 20 or len(f) < 14 + ihl:
        return
    f[24:26] = bytes(2)
    f[24:26] = checksum(bytes(f[14:14 + ihl])).to_bytes(2, "big")
    end = min(len(f), 14 + total)
    at = {ICMP: 2, TCP: 16, UDP: 6}.get(f[23])
    seg = f[14 + ihl:end]
    if at is None or len(seg) < at + 2:
        return
    seg[at:at + 2] = bytes(2)
    pseudo = b"" if f[23] == ICMP else bytes(f[26:34]) + bytes((0, f[23])) + len(seg).to_bytes(2, "big")
    f[14 + ihl + at:14 + ihl + at + 2] = checksum(pseudo + bytes(seg)).to_bytes(2, "big")
