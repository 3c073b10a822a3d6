#!/usr/bin/env python3
"""The cable is pulled and put back: the card says so, and what was under way goes on."""
import hashlib
import re
import threading

from netns import Net, Vm, main, only_ours


def cable(vm, up):
    vm.qmp("set_link", name="net0", up=up)


def carrier(vm, value):
    vm.run(f"until [ $(cat /sys/class/net/eth0/carrier) = {value} ]; do :; done")


def down_and_up(vector, nic="virtio-net-pci", words=""):
    """By the card's own interrupt, each time."""
    with Net() as net, Vm(ns=net, nic=nic, append="ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:off " + words) as vm:
        vm.boot()
        vm.run("ping -c 1 10.77.0.1")
        for _ in range(3):
            before = vm.interrupts().get(vector)
            cable(vm, False)
            carrier(vm, 0)
            vm.run("until [ $(cat /sys/class/net/eth0/operstate) = down ]; do :; done")
            assert "RUNNING" not in vm.run("ifconfig eth0")
            assert vm.sh("ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1")[1] != 0
            cable(vm, True)
            carrier(vm, 1)
            vm.run("until ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1; do :; done")
            if vector:
                assert vm.interrupts()[vector] == before + 2


def test_link_down_and_up():
    down_and_up("virtio0-config")


def test_link_of_other_cards():
    """A vector of its own, one message for all, a wire, a timer."""
    down_and_up("eth0", "e1000e")
    down_and_up(None, "e1000e", "pci=nomsix")
    down_and_up(None, "e1000e", "pci=noirq")
    down_and_up(None, "e1000")
    down_and_up(None, "e1000", "pci=noirq")


def test_link_is_told_on_the_console():
    only_ours()
    with Net() as net, Vm(ns=net) as vm:
        vm.prompt()
        cable(vm, False)
        vm.wait(r"eth0: link down")
        cable(vm, True)
        vm.wait(r"eth0: link up")


def test_download_goes_on():
    """In the middle of ten mebibytes the cable is out for a while: the rest comes by retransmission."""
    with Net() as net, Vm(ns=net) as vm:
        net.nginx()
        vm.boot()
        want = hashlib.sha256(open(f"{net.www}/10m", "rb").read()).hexdigest()
        for _ in range(2):
            start = net.link_stats()["received_bytes"]
            tag = vm.start("wget -q -O - http://10.77.0.1/10m | sha256sum")
            while net.link_stats()["received_bytes"] < start + (1 << 20):
                pass
            cable(vm, False)
            cable(vm, True)
            cable(vm, False)
            # A frame of the server's that met the cable out: something was lost for certain.
            lost = net.link_stats()["received"]
            while net.link_stats()["received"] == lost:
                pass
            cable(vm, True)
            out, status = vm.finish(tag, 200)
            assert status == 0 and out.split()[0] == want, out


def test_upload_goes_on():
    with Net() as net, Vm(ns=net, guest=True) as vm:
        vm.boot()
        with net.socket() as listener:
            listener.bind((net.host_ip, 5001))
            listener.listen()
            total = []

            def serve():
                with listener.accept()[0] as c:
                    n = 0
                    while data := c.recv(1 << 16):
                        n += len(data)
                        total[:] = [n]

            t = threading.Thread(target=serve, daemon=True)
            t.start()
            tag = vm.start(f"nettool put {net.host_ip} 5001 {20 << 20}")
            while not total or total[0] < 1 << 20:
                pass
            cable(vm, False)
            sent = net.link_stats()["sent"]
            cable(vm, True)
            out, status = vm.finish(tag, 200)
            t.join(60)
            assert status == 0 and total == [20 << 20], out
            assert net.link_stats()["sent"] > sent


def test_down_and_up_by_command_mid_transfer():
    """`ip link set down` takes the interface out in the middle of receiving; up again, it serves."""
    with Net() as net, Vm(ns=net, append="ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:off") as vm:
        net.nginx()
        vm.boot()
        for _ in range(5):
            vm.run("wget -q -O /dev/null http://10.77.0.1/10m & p=$!; usleep 20000; ip link set eth0 down; kill $p; wait $p; "
                   "ip link set eth0 up; true")
            vm.run("until ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1; do :; done")
        assert re.match(r"1024\s", vm.run("wget -q -O - http://10.77.0.1/1k | wc -c"))


def test_down_while_a_neighbour_is_asked_for():
    """A connection to somebody who does not answer ARP waits when the interface goes: it is told, and others go on."""
    with Net() as net, Vm(ns=net, append="ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:off") as vm:
        net.nginx()
        vm.boot()
        fetch = "until wget -q -O /dev/null http://10.77.0.1/1k 2>/dev/null; do :; done; "
        vm.run(f"{fetch} nc 10.77.0.99 80 2>/dev/null & until grep -q ' 63004D0A:0050 02 ' /proc/net/tcp; do :; done; "
               f"ip link set eth0 down; kill $! 2>/dev/null; wait $!; ip link set eth0 up; {fetch}")


main()
