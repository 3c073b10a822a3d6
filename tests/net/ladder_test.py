#!/usr/bin/env python3
"""Each way a card's interrupts can arrive, over both transports: 1 MiB comes whole, and by that way."""
import hashlib
import os
import re

from netns import Net, main
from vmtest import Vm

# name: (words for the command line, NIC properties, what the boot log says, what counts in /proc/interrupts)
STEPS = {
    "msix": ("", "", r"MSI-X, 3 vectors via GICv2m, SPI 80-82", r"GICv2m-MSIX .*virtio0-input\.0"),
    "msix_masked": ("napi.mask_irq=1", "", r"MSI-X, 3 vectors via GICv2m, SPI 80-82", r"GICv2m-MSIX .*virtio0-input\.0"),
    "two_vectors": ("", "vectors=2", r"MSI-X, 2 vectors via GICv2m", r"GICv2m-MSIX .*virtio0-virtqueues"),
    "no_vectors": ("", "vectors=0", r"INTx, GICv2 \d+ \(MSI-X: no capability", r"GICv2 .*Level .*virtio0"),
    "no_event_index": ("", "event_idx=off", r"MSI-X, 3 vectors", r"GICv2m-MSIX .*virtio0-input\.0"),
    "no_indirect": ("", "indirect_desc=off", r"MSI-X, 3 vectors", r"GICv2m-MSIX .*virtio0-input\.0"),
    "no_merged_buffers": ("", "mrg_rxbuf=off", r"MSI-X, 3 vectors", r"GICv2m-MSIX .*virtio0-input\.0"),
    "no_checksums": ("", "csum=off,guest_csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,"
                     "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off", r"MSI-X, 3 vectors",
                     r"GICv2m-MSIX .*virtio0-input\.0"),
    "nomsix": ("pci=nomsix", "", r"INTx, GICv2 \d+ \(MSI-X: pci=nomsix; MSI: no capability\)", r"GICv2 .*Level .*virtio0"),
    "nomsi": ("pci=nomsi", "", r"INTx, GICv2 \d+ \(MSI-X: pci=nomsi; MSI: pci=nomsi\)", r"GICv2 .*Level .*virtio0"),
    "noirq": ("pci=noirq", "", r"polling at 100 Hz \(pci=noirq\)", None),
}


def counted(text, pattern):
    for line in text.splitlines():
        if re.search(pattern, line):
            return sum(int(w) for w in re.match(r"\s*\w+:((?:\s+\d+)+)", line)[1].split())
    return None


def step(name, transport):
    words, properties, says, line = STEPS[name]
    nic = ",".join(x for x in ("virtio-net-pci", transport, properties) if x)
    with Net() as net:
        data = bytes(i * i % 251 for i in range(1 << 20))
        net.nginx()
        with open(os.path.join(net.www, "m1"), "wb") as f:
            f.write(data)
        with Vm(ns=net, nic=nic, append=f"ip=dhcp {words}") as vm:
            vm.wait(rf"virtio-net-pci: {says}")
            vm.boot()
            before = vm.run("cat /proc/interrupts")
            stat = vm.stat()
            got = vm.run(f"wget -q -O - http://{net.host_ip}/m1 | sha256sum")
            assert got.split()[0] == hashlib.sha256(data).hexdigest(), got
            # And the other way, served by the guest to one of ours.
            vm.run("mkdir -p /tmp/www && wget -q -O /tmp/www/m1 http://%s/m1 && httpd -p 8080 -h /tmp/www" % net.host_ip)
            with net.connect(8080) as s:
                s.sendall(b"GET /m1 HTTP/1.0\r\n\r\n")
                answer = b""
                while part := s.recv(65536):
                    answer += part
            assert answer.split(b"\r\n\r\n", 1)[1] == data
            after, later = vm.run("cat /proc/interrupts"), vm.stat()
            polls = later["net_rx_timer_polls"] - stat["net_rx_timer_polls"]
            if line:
                assert counted(after, line) > counted(before, line), after
                assert polls == 0, polls
            else:
                assert "virtio" not in after, after
                assert polls > 0
            assert later["net_rx_packets"] > stat["net_rx_packets"] + 700


def make(name, transport):
    def test():
        step(name, transport)
    return test


for _name in STEPS:
    globals()[f"test_{_name}_modern"] = make(_name, "")
    globals()[f"test_{_name}_legacy"] = make(_name, "disable-modern=on")

main()
