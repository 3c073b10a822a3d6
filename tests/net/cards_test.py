#!/usr/bin/env python3
# limit: 2400
"""What each card has beside the ladder: filters, another address, large frames, counts, checksums."""
import hashlib
import socket
import struct
import time

from frames import GUEST_MAC, ether, udp
from netns import LIMIT, STATIC, Net, Vm, main, only_ours

VIRTIO = ("virtio-net-pci", "virtio-net-pci,disable-modern=on", "virtio-net-pci,disable-legacy=on,packed=on")
CARDS = ("e1000e", "e1000", "vmxnet3") + VIRTIO
STRANGER, OTHER_GROUP = bytes.fromhex("020000000099"), bytes.fromhex("01005e112233")
GROUP, GROUP_MAC, PORT = "239.1.2.3", bytes.fromhex("01005e010203"), 9
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2


def raw(net):
    s = net.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with net.inside():
        s.bind((net.tap, 0))
    return s


def seen(net, vm, *frames, times=10):
    """Of these frames, each sent ten times, how many the guest is shown. An echo behind them tells that all are."""
    count = "cat /sys/class/net/eth0/statistics/rx_packets"
    net.echo()
    before = int(vm.run(count))
    with raw(net) as s:
        for frame in frames:
            for _ in range(times):
                s.send(frame)
    net.echo()
    return int(vm.run(count)) - before - 1


def test_filters():
    """Frames for others stay in the card, until somebody wants them."""
    strange, grouped, ours = (ether(bytes(50), 0x88b5, to=to) for to in (STRANGER, OTHER_GROUP, GUEST_MAC))
    for nic in CARDS:
        with Net() as net, Vm(ns=net, nic=nic, append=STATIC) as vm:
            vm.boot()
            net.acquaint(vm)
            assert seen(net, vm, strange, grouped, ours) == 10
            vm.run("ifconfig eth0 allmulti")
            assert seen(net, vm, strange, grouped, ours) == 20
            vm.run("ifconfig eth0 promisc")
            assert seen(net, vm, strange, grouped, ours) == 30
            vm.run("ifconfig eth0 -promisc")
            assert seen(net, vm, strange, grouped, ours) == 20
            vm.run("ifconfig eth0 -allmulti")
            assert seen(net, vm, strange, grouped, ours) == 10


def test_groups():
    """A program that joins a group gets what is sent to it, from the first datagram on."""
    for nic in CARDS:
        with Net() as net, Vm(ns=net, nic=nic, append=STATIC, guest=True) as vm:
            vm.boot()
            net.acquaint(vm)
            other = ether(bytes(50), 0x88b5, to=OTHER_GROUP)
            member = ether(bytes(50), 0x88b5, to=GROUP_MAC)
            assert seen(net, vm, other, member) == 0
            vm.run(f"nettool udp-echo {PORT} {GROUP} >/tmp/said & until grep -q member /tmp/said; do :; done")
            with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(LIMIT)
                s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(net.host_ip))
                for i in range(20):
                    s.sendto(struct.pack("!I", i), (GROUP, PORT))
                    assert s.recv(100) == struct.pack("!I", i)
                assert seen(net, vm, other) == 0
                s.sendto(b"end", (GROUP, PORT))
            vm.run("wait")
            assert seen(net, vm, other, member) == 0


def test_another_address():
    for nic in CARDS:
        with Net() as net, Vm(ns=net, nic=nic, append=STATIC) as vm:
            vm.boot()
            net.echo()
            vm.run("ip link set eth0 address 02:00:00:aa:bb:cc")
            assert vm.run("cat /sys/class/net/eth0/address") == "02:00:00:aa:bb:cc\n"
            # Who asks is told the new one, and the old one is a stranger's.
            net.run("ip", "neigh", "flush", "dev", net.tap)
            net.echo(3)
            assert "02:00:00:aa:bb:cc" in net.run("ip", "neigh", "show", net.guest_ip)
            net.acquaint(vm, "02:00:00:aa:bb:cc")
            assert seen(net, vm, ether(bytes(50), 0x88b5, to=GUEST_MAC)) == 0


def test_large_frames():
    """In several pieces each way; and the ordinary size again afterwards."""
    for nic in CARDS:
        with Net(mtu=9000) as net, Vm(ns=net, nic=nic + ",host_mtu=9000" * (nic in VIRTIO)) as vm:
            net.nginx()
            vm.boot()
            want = hashlib.sha256(open(f"{net.www}/10m", "rb").read()).hexdigest()
            for mtu in (9000, 4000, 1500, 9000):
                vm.run(f"ip link set eth0 mtu {mtu}")
                net.reach()         # the link goes away and comes again; QEMU's e1000 takes a second for that
                net.echo(5, mtu - 28, [(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)])
                assert vm.run("wget -q -O - http://10.77.0.1/10m | sha256sum", 300).split()[0] == want
            assert vm.sh("ip link set eth0 mtu 20000")[1] != 0


def test_statistics():
    """As many frames and bytes as the wire has seen; those that met no buffer are counted as dropped."""
    for nic in CARDS:
        with Net() as net, Vm(ns=net, nic=nic, append=STATIC) as vm:
            net.nginx()
            vm.boot()
            vm.run("wget -q -O /dev/null http://10.77.0.1/10m")
            net.echo(20)
            end = time.monotonic() + LIMIT
            while not counted_alike(net, vm, nic):      # what closes a connection may be on its way yet
                assert time.monotonic() < end, (vm.run("cat /proc/net/dev"), net.link_stats())


def counted_alike(net, vm, nic):
    """Both ends of the wire have counted the same, and no error."""
    received, sent = ([int(n) for n in vm.run("grep eth0: /proc/net/dev").split()[i:i + 4]] for i in (1, 9))
    wire = net.link_stats()
    # (A short frame is an error to some.) QEMU's vmxnet3 alone does not wait until there are buffers.
    assert sent[2:] == [0, 0] and (not received[3] or nic == "vmxnet3"), (received, sent)
    return sent[:2] == [wire["sent_bytes"], wire["sent"]] and received[1] + received[3] == wire["received"]


def test_wrong_checksums():
    """Whoever looks at them, card or kernel: what is spoilt on the way is never given to a program, what is not is."""
    for nic in CARDS:
        with Net() as net, Vm(ns=net, nic=nic, append=STATIC, guest=True) as vm:
            vm.boot()
            net.acquaint(vm)
            vm.run(f"nettool udp-echo {PORT} >/dev/null & until grep -q ':{PORT:04X} ' /proc/net/udp; do :; done")
            count = "set -- $(grep '^Udp: [0-9]' /proc/net/snmp); echo $2 $5 $8"
            before = [int(n) for n in vm.run(count).split()]
            spoilt, good = (udp(net.host_ip, net.guest_ip, 7, PORT, b"data", bad_sum=bad) for bad in (True, False))
            with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(LIMIT)
                s.bind((net.host_ip, 7))
                assert seen(net, vm, spoilt, good) == 20
                assert [s.recv(100) for _ in range(10)] == [b"data"] * 10
            moved = [int(n) - b for n, b in zip(vm.run(count).split(), before)]
            assert moved == [10, 10, 10], (nic, moved)


def _another_address(nic, words):
    with Net() as net, Vm(ns=net, nic=nic, append=f"{STATIC} {words}") as vm:
        vm.boot()
        net.echo()
        vm.run("ip link set eth0 down && ip link set eth0 address 02:00:00:aa:bb:cc && ip link set eth0 up")
        net.run("ip", "neigh", "flush", "dev", net.tap)
        net.reach()
        net.echo(3)
        assert "02:00:00:aa:bb:cc" in net.run("ip", "neigh", "show", net.guest_ip)
        net.acquaint(vm, "02:00:00:aa:bb:cc")
        assert seen(net, vm, ether(bytes(50), 0x88b5, to=GUEST_MAC)) == 0


def test_another_address_while_down():
    """And by cards without interrupts, or with one for all."""
    for nic, words in (("virtio-net-pci", ""), ("virtio-net-pci,vectors=1", ""), ("virtio-net-pci", "pci=nomsi"),
                       ("virtio-net-pci", "pci=noirq")):
        _another_address(nic, words)


def test_another_address_of_vmxnet3_while_down():
    """Linux tells this card once, and QEMU's forgets it when it is set up: nothing comes in there."""
    only_ours()
    _another_address("vmxnet3", "")


def test_announcement():
    """The host says that the machine has moved: the guest tells its new neighbours where it is."""
    with Net() as net, Vm(ns=net) as vm:
        vm.boot()
        net.echo()
        with net.inside():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        with s:
            s.settimeout(LIMIT)
            s.bind((net.tap, 0x0806))
            vm.qmp("announce-self", initial=50, max=550, rounds=1, step=50)
            while True:
                frame = s.recv(100)
                # Asked for or told, as the kernel likes: from our address about it.
                if frame[28:32] == frame[38:42] == socket.inet_aton(net.guest_ip):
                    break
        net.echo(3)


main()
