#!/usr/bin/env python3
"""A wire that misbehaves on request: joins QEMU (-netdev dgram) to the tap of a Net.

    with Net() as net, Bridge(net, loss=0.05, reorder=0.02, duplicate=0.01, delay=0.005) as wire, \\
            Vm(ns=net, netdev=wire.netdev) as vm:
        ...
        wire.set(loss=0)
        wire.counts()       # {"to_guest": {"seen": ..., "lost": ...}, "from_guest": {...}}

Chances are per frame and direction; a reordered frame waits long enough for later ones to
pass it. down=True loses everything, as an unplugged cable does. The seed makes the
choices repeatable; their times are the machine's.

The wire itself is a process of its own in the namespace (this file, run as a
program), so that a busy test does not slow it.
"""
import fcntl
import heapq
import json
import os
import random
import selectors
import signal
import socket
import struct
import sys
import time

DEFAULTS = {"loss": 0.0, "reorder": 0.0, "duplicate": 0.0, "corrupt": 0.0, "delay": 0.0, "down": False}
REORDER_HOLD = 0.010        # seconds that a reordered frame waits
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class Bridge:
    def __init__(self, net, seed=1, **conditions):
        unknown = set(conditions) - set(DEFAULTS)
        if unknown:
            raise TypeError(f"no such condition: {', '.join(sorted(unknown))}; there are: {', '.join(DEFAULTS)}")
        net.wires = getattr(net, "wires", 0) + 1
        base = os.path.join(net.dir, f"wire{net.wires}")
        self._control, self._reply = base + ".control", base + ".reply"
        self.netdev = (f"dgram,id=net0,local.type=unix,local.path={base}.qemu,"
                       f"remote.type=unix,remote.path={base}.host")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._reply)
        self._socket.settimeout(300)
        self._process = net.spawn(sys.executable, os.path.abspath(__file__), net.tap, base, str(seed))
        self._socket.recv(65536)        # it says hello once it is on the tap
        self.set(**conditions)

    def _ask(self, message):
        self._socket.sendto(json.dumps(message).encode(), self._control)
        return json.loads(self._socket.recv(65536))

    def set(self, **conditions):
        """Change the conditions, from the next frame on."""
        self._ask({"set": conditions})

    def counts(self):
        return self._ask({})

    def close(self):
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Wire:
    """The process: frames from one side, their fate, frames to the other."""

    def __init__(self, tap, base, seed):
        self.random = random.Random(seed)
        self.conditions = dict(DEFAULTS)
        self.late = []          # heap of (time, order, direction, frame)
        self.order = 0
        self.count = {d: dict.fromkeys(("seen", "passed", "lost", "reordered", "duplicated", "corrupted", "refused"), 0)
                      for d in ("to_guest", "from_guest")}
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", tap.encode(), IFF_TAP | IFF_NO_PI))
        self.peer = base + ".qemu"
        self.qemu = self.bound(base + ".host")
        self.control = self.bound(base + ".control")
        for s in (self.qemu,):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.reply = base + ".reply"
        self.control.sendto(b"{}", self.reply)

    @staticmethod
    def bound(path):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(path)
        s.setblocking(False)
        return s

    def arrive(self, direction, frame):
        c, n, chance = self.conditions, self.count[direction], self.random.random
        n["seen"] += 1
        if c["down"] or chance() < c["loss"]:
            n["lost"] += 1
            return
        copies = 1
        if chance() < c["duplicate"]:
            n["duplicated"] += 1
            copies = 2
        if chance() < c["corrupt"] and len(frame) > 14:
            # Behind the Ethernet header, so that a checksum has to find it.
            n["corrupted"] += 1
            at = self.random.randrange(14, len(frame))
            frame = frame[:at] + bytes([frame[at] ^ 1 << self.random.randrange(8)]) + frame[at + 1:]
        wait = c["delay"]
        if chance() < c["reorder"]:
            n["reordered"] += 1
            wait += REORDER_HOLD
        for _ in range(copies):
            if wait:
                self.order += 1
                heapq.heappush(self.late, (time.monotonic() + wait, self.order, direction, frame))
            else:
                self.depart(direction, frame)

    def depart(self, direction, frame):
        n = self.count[direction]
        try:
            if direction == "to_guest":
                self.qemu.sendto(frame, self.peer)
            else:
                os.write(self.tap, frame)
            n["passed"] += 1
        except OSError:         # a full queue, a guest that is not there: a wire loses such frames
            n["refused"] += 1

    def obey(self):
        message = json.loads(self.control.recv(65536))
        self.conditions.update(message.get("set", {}))
        self.control.sendto(json.dumps(self.count).encode(), self.reply)

    def run(self):
        sel = selectors.DefaultSelector()
        sel.register(self.tap, selectors.EVENT_READ, lambda: self.arrive("to_guest", os.read(self.tap, 65536)))
        sel.register(self.qemu, selectors.EVENT_READ, lambda: self.arrive("from_guest", self.qemu.recv(65536)))
        sel.register(self.control, selectors.EVENT_READ, self.obey)
        while True:
            now = time.monotonic()
            while self.late and self.late[0][0] <= now:
                _, _, direction, frame = heapq.heappop(self.late)
                self.depart(direction, frame)
            timeout = self.late[0][0] - now if self.late else None
            for key, _ in sel.select(timeout):
                try:
                    for _ in range(64):
                        key.data()
                except BlockingIOError:
                    pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Wire(sys.argv[1], sys.argv[2], int(sys.argv[3])).run()
