#!/usr/bin/env python3
"""The cable is pulled and put back: the card says so, and what was under way goes on."""
import hashlib
import re
import threading

from netns import LIMIT, STATIC, Net, Vm, main, only_ours


def cable(vm, up):
    vm.qmp("set_link", name="net0", up=up)


def carrier(vm, value):
    vm.run(f"until [ $(cat /sys/class/net/eth0/carrier) = {value} ]; do :; done")


def down_and_up(vector, nic="virtio-net-pci", words=""):
    """By the card's own interrupt, each time."""
    with Net() as net, Vm(ns=net, nic=nic, append=f"{STATIC} {words}") as vm:
        vm.boot()
        net.reach()
        for _ in range(3):
            before = vm.interrupts().get(vector)
            cable(vm, False)
            carrier(vm, 0)
            vm.run("until [ $(cat /sys/class/net/eth0/operstate) = down ]; do :; done")
            assert "RUNNING" not in vm.run("ifconfig eth0")
            assert vm.sh("ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1")[1] != 0
            cable(vm, True)
            carrier(vm, 1)
            net.reach()
            if vector:
                assert vm.interrupts()[vector] == before + 2


def test_link_down_and_up():
    """By each transport, and with packed rings."""
    for more in ("", ",disable-modern=on", ",disable-legacy=on,packed=on"):
        down_and_up("virtio0-config", "virtio-net-pci" + more)


def test_link_by_a_wire_and_a_timer():
    only_ours()
    for words in ("pci=nomsi", "pci=noirq"):
        for nic in ("virtio-net-pci", "virtio-net-pci,disable-modern=on"):
            down_and_up(None, nic, words)


def test_link_of_other_cards():
    """A vector of its own, one message for all, a wire, a timer. (Linux does not see QEMU's e1000e lose its link.)"""
    only_ours()
    down_and_up("eth0", "e1000e")
    down_and_up(None, "e1000e", "pci=nomsix")
    down_and_up(None, "e1000e", "pci=noirq")
    down_and_up(None, "e1000")
    down_and_up(None, "e1000", "pci=noirq")
    down_and_up("eth0-event-2", "vmxnet3")
    for words in ("pci=nomsix", "pci=nomsi", "pci=noirq"):
        down_and_up(None, "vmxnet3", words)


def test_link_is_told_on_the_console():
    only_ours()
    with Net() as net, Vm(ns=net) as vm:
        vm.prompt()
        cable(vm, False)
        vm.wait(r"eth0: link down")
        cable(vm, True)
        vm.wait(r"eth0: link up")


class Peer:
    """A program outside that serves one connection, in step with the test."""

    def __init__(self, net, port, serve):
        self.go, self.error = threading.Event(), None
        listener = net.socket()
        listener.bind((net.host_ip, port))
        listener.listen()

        def run():
            try:
                with listener, listener.accept()[0] as c:
                    serve(c, self.go)
            except OSError as e:
                self.error = e

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def join(self):
        self.thread.join(LIMIT)
        assert not self.thread.is_alive() and not self.error, self.error


def test_download_goes_on():
    """In the middle of ten mebibytes the cable is out for a while: the rest comes by retransmission."""
    body = bytes(i * 7 % 251 for i in range(10 << 20))
    part = threading.Event()

    def serve(c, go):
        c.recv(65536)
        c.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + body[:1 << 20])
        part.set()
        go.wait()
        c.sendall(body[1 << 20:])

    with Net() as net, Vm(ns=net) as vm:
        vm.boot()
        for port in (8001, 8002):
            part.clear()
            peer = Peer(net, port, serve)
            tag = vm.start(f"wget -q -O - http://{net.host_ip}:{port}/ | sha256sum")
            assert part.wait(LIMIT)
            cable(vm, False)
            cable(vm, True)
            cable(vm, False)
            # What the server sends now meets the cable out: something is lost for certain.
            lost = net.link_stats()["received"]
            peer.go.set()
            while net.link_stats()["received"] == lost:
                peer.thread.join(0.01)
            cable(vm, True)
            out, status = vm.finish(tag)
            peer.join()
            assert status == 0 and out.split()[0] == hashlib.sha256(body).hexdigest(), out


def test_upload_goes_on():
    """The server takes no more than a part before the cable was out."""
    total = []

    def serve(c, go):
        n = 0
        while data := c.recv(1 << 16):
            n += len(data)
            total[:] = [n]
            if n >= 1 << 20:
                part.set()
                go.wait()

    with Net() as net, Vm(ns=net, guest=True) as vm:
        part = threading.Event()
        vm.boot()
        peer = Peer(net, 5001, serve)
        tag = vm.start(f"nettool put {net.host_ip} 5001 {20 << 20}")
        assert part.wait(LIMIT)
        cable(vm, False)
        sent = net.link_stats()["sent"]
        peer.go.set()
        cable(vm, True)
        out, status = vm.finish(tag)
        peer.join()
        assert status == 0 and total == [20 << 20], out
        assert net.link_stats()["sent"] > sent


def test_down_and_up_by_command_mid_transfer():
    """`ip link set down` takes the interface out in the middle of receiving; up again, it serves."""
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        net.nginx()
        vm.boot()
        for _ in range(5):
            vm.run("got=$(cat /sys/class/net/eth0/statistics/rx_bytes); wget -q -O /dev/null http://10.77.0.1/10m & p=$!; "
                   "until [ $(cat /sys/class/net/eth0/statistics/rx_bytes) -gt $((got + 100000)) ]; do :; done; "
                   "ip link set eth0 down; kill $p; wait $p; ip link set eth0 up; true")
            net.reach()
        assert re.match(r"1024\s", vm.run("wget -q -O - http://10.77.0.1/1k | wc -c"))


def test_down_while_a_neighbour_is_asked_for():
    """A connection to somebody who does not answer ARP waits when the interface goes: it is told, and others go on."""
    with Net() as net, Vm(ns=net, append=STATIC) as vm:
        net.nginx()
        vm.boot()
        fetch = "until wget -q -O /dev/null http://10.77.0.1/1k 2>/dev/null; do :; done; "
        # Begun anew until it is seen: after three seconds without an answer it is told so.
        vm.run(f"{fetch} (until [ -e /tmp/down ]; do nc 10.77.0.99 80 2>/dev/null; done) & loop=$!; "
               "until grep -q ' 63004D0A:0050 02 ' /proc/net/tcp; do :; done; ip link set eth0 down; touch /tmp/down; "
               f"killall nc 2>/dev/null; wait $loop; ip link set eth0 up; {fetch}")


main()
