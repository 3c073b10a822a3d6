#!/usr/bin/env python3
"""10 MiB each way over a wire that loses, reorders, delays and duplicates: whole, and with congestion control at work."""
import hashlib
import os
import threading

from bridge import Bridge
from netns import Net, main
from vmtest import Vm

WIRE = {"loss": 0.05, "reorder": 0.02, "duplicate": 0.01, "delay": 0.002}
SIZE = 10 << 20


def pattern(seed):
    block = hashlib.sha256(str(seed).encode()).digest()
    return (block * (SIZE // len(block) + 1))[:SIZE - 7] + b"the end"


def test_download():
    data = pattern(1)
    with Net() as net, Bridge(net, **WIRE) as wire:
        net.nginx()
        with open(os.path.join(net.www, "big"), "wb") as f:
            f.write(data)
        with Vm(ns=net, netdev=wire.netdev, append="ip=dhcp") as vm:
            vm.boot()
            got = vm.run(f"wget -q -O - http://{net.host_ip}/big | sha256sum", timeout=400)
            assert got.split()[0] == hashlib.sha256(data).hexdigest(), got
            counts = wire.counts()
            assert counts["to_guest"]["lost"] > 100, counts
            netstat = vm.run("cat /proc/net/netstat /proc/net/snmp")
            assert "TcpExt" in netstat


def test_upload():
    """The guest sends: its congestion window falls on losses and grows again, as /proc/net/tcp shows it."""
    data = pattern(2)
    with Net() as net, Bridge(net, **WIRE) as wire:
        net.nginx()
        with open(os.path.join(net.www, "big"), "wb") as f:
            f.write(data)
        with Vm(ns=net, netdev=wire.netdev, append="ip=dhcp") as vm:
            vm.boot()
            wire.set(loss=0, reorder=0, duplicate=0, delay=0)
            vm.run(f"mkdir -p /tmp/www && wget -q -O /tmp/www/big http://{net.host_ip}/big && httpd -p 8080 -h /tmp/www",
                   timeout=400)
            wire.set(**WIRE)
            windows, answer = [], bytearray()

            def read():
                with net.connect(8080) as s:
                    s.sendall(b"GET /big HTTP/1.0\r\n\r\n")
                    while part := s.recv(65536):
                        answer.extend(part)

            reader = threading.Thread(target=read)
            reader.start()
            while reader.is_alive():
                for line in vm.run("cat /proc/net/tcp").splitlines()[1:]:
                    words = line.split()
                    if words[1].endswith(":1F90") and words[3] == "01":
                        windows.append(int(words[15]))
            reader.join()
            body = bytes(answer).split(b"\r\n\r\n", 1)[1]
            assert hashlib.sha256(body).hexdigest() == hashlib.sha256(data).hexdigest(), len(body)
            assert wire.counts()["from_guest"]["lost"] > 100, wire.counts()
            falls = sum(b < a for a, b in zip(windows, windows[1:]))
            rises = sum(b > a for a, b in zip(windows, windows[1:]))
            assert falls > 2 and rises > 2, windows


main()
