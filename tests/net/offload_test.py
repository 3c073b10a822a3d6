#!/usr/bin/env python3
"""Large packets: a card that cuts TCP segments is given them as one, and what it has joined is taken as one."""
import hashlib

from netns import Net, Vm, main, only_ours

SEGMENT = 1448


def fetch(net, path):
    """From the guest's server: the digest of the body."""
    digest, head = hashlib.sha256(), b""
    with net.connect(80) as s:
        s.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        while data := s.recv(1 << 16):
            if head is not None:
                head += data
                if b"\r\n\r\n" not in head:
                    continue
                data, head = head.split(b"\r\n\r\n", 1)[1], None
            digest.update(data)
    return digest.hexdigest()


def both_ways(net, vm):
    """A file in and the same out again: (frames received, frames sent) on the wire."""
    with open(f"{net.www}/10m", "rb") as f:
        want = hashlib.sha256(f.read()).hexdigest()
    vm.run("mkdir -p /tmp/www; pidof httpd || httpd -p 80 -h /tmp/www")
    before = net.link_stats()
    out = vm.run("wget -q -O /tmp/www/file http://10.77.0.1/10m && sha256sum </tmp/www/file", 300)
    middle = net.link_stats()
    assert out.split()[0] == want, out
    assert fetch(net, "/file") == want
    after = net.link_stats()
    return middle["received"] - before["received"], after["sent"] - middle["sent"]


def test_fewer_packets_than_segments():
    segments = (10 << 20) // SEGMENT
    for nic in ("virtio-net-pci", "virtio-net-pci,disable-modern=on", "virtio-net-pci,disable-legacy=on,packed=on", "vmxnet3",
                "e1000e", "e1000"):
        with Net() as net, Vm(ns=net, nic=nic) as vm:
            net.nginx()
            vm.boot()
            received, sent = both_ways(net, vm)
            # (QEMU's e1000 cuts them itself.)
            assert sent < segments / 4 or nic == "e1000", (nic, sent, segments)
            assert received < segments / 4 or nic.startswith("e1000"), (nic, received, segments)


def test_without_offers_every_segment_is_a_frame():
    segments = (10 << 20) // SEGMENT
    for off in ("host_tso4=off,guest_tso4=off", "csum=off,guest_csum=off"):
        with Net() as net, Vm(ns=net, nic=f"virtio-net-pci,gso=off,host_tso6=off,guest_tso6=off,{off}") as vm:
            net.nginx()
            vm.boot()
            received, sent = both_ways(net, vm)
            assert received >= segments and sent >= segments, (received, sent, segments)


def test_on_several_cpus():
    """The card gives the packets of a queue back on one CPU while another acknowledges them."""
    for nic in ("virtio-net-pci", "vmxnet3"):
        with Net() as net, Vm(ns=net, nic=nic, smp=4) as vm:
            net.nginx()
            vm.boot()
            for _ in range(3):
                both_ways(net, vm)


def test_losses():
    """Of a burst the last packets find no place in the queue in front of the card, with all their segments."""
    with Net() as net, Vm(ns=net) as vm:
        net.nginx()
        net.run("ip", "link", "set", net.tap, "txqueuelen", "3")
        vm.boot()
        for _ in range(5):
            both_ways(net, vm)
        assert int(net.run("cat", f"/sys/class/net/{net.tap}/statistics/tx_dropped")) > 0


def test_segments_are_counted():
    """/proc/net/snmp counts what is on the wire, not what the card was given."""
    only_ours()
    with Net() as net, Vm(ns=net) as vm:
        net.nginx()
        vm.boot()
        both_ways(net, vm)
        names, values = (line.split()[1:] for line in vm.run("grep ^Tcp: /proc/net/snmp").splitlines())
        assert int(dict(zip(names, values))["OutSegs"]) > (10 << 20) // SEGMENT


main()
