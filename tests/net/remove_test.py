#!/usr/bin/env python3
# limit: 2400
"""A card's driver is taken from it and given back, by hand, in the middle of traffic, while another card goes on."""
import hashlib
import os
import re

from netns import Hand, Net, Vm, main, only_ours

ROUNDS = 10
LEGACY = {"disable-modern": True, "disable-legacy": "off"}
SLOT_CARDS = (("virtio-net-pci", {}), ("virtio-net-pci", {"packed": True}), ("virtio-net-pci", LEGACY), ("e1000e", {}),
              ("e1000", {}), ("vmxnet3", {}))
SINK = "import socketserver as s; s.ThreadingTCPServer(('', 8098), type('', (s.StreamRequestHandler,), {'handle': " \
       "lambda h: [None for _ in iter(lambda: h.rfile.read1(65536), b'')]})).serve_forever()"
PULLED = "the card was pulled|Card not present"     # as Linux says it
OTHER = ["-netdev", "user,id=other", "-device", "virtio-net-pci,netdev=other,romfile="]


def machine(net, **options):
    """eth0 is on the tap, eth1 on QEMU's own network, whose 10.0.2.2 is the namespace, too."""
    return Vm(ns=net, smp="4", args=OTHER, **options)


def serve_files(net):
    """At 10.0.2.2: nginx is on the tap's address alone."""
    net.ready(net.spawn("python3", "-m", "http.server", "8099", "--directory", net.www), "python3", 8099)


def addresses(vm):
    vm.run("ip link set eth1 up; ip addr add 10.0.2.15/24 dev eth1")


def again(net, vm):
    """The card's interface has no address when it is back."""
    vm.run("until ip link set eth0 up 2>/dev/null; do :; done; ip addr add 10.77.0.2/24 dev eth0")
    net.reach()


def cards(vm, driver):
    return sorted(re.findall(r"\b0000:\S+", vm.run(f"ls /sys/bus/pci/drivers/{driver}")))


def rebound(driver, give, take, **options):
    with Net() as net, machine(net, **options) as vm:
        net.nginx()
        serve_files(net)
        want = hashlib.sha256(open(os.path.join(net.www, "10m"), "rb").read()).hexdigest()
        vm.boot()
        addresses(vm)
        vm.run("until wget -q -O /dev/null http://10.0.2.2:8099/10m 2>/dev/null; do :; done")
        card = cards(vm, driver)[0]
        # Without end, on each card; what is cut off on the one that goes is begun anew.
        vm.run("(while [ ! -e /tmp/stop ]; do timeout 5 wget -q -O - http://10.77.0.1/10m >/dev/null 2>&1; done) & first=$!")
        vm.run("(while [ ! -e /tmp/stop ]; do wget -q -O - http://10.0.2.2:8099/10m | sha256sum; done >/tmp/sums) & other=$!")
        for _ in range(ROUNDS):
            vm.run(take.format(card=card, driver=driver))
            assert "eth0" not in vm.run("ls /sys/class/net").split()
            assert vm.sh("ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1")[1]
            vm.run(give.format(card=card, driver=driver))
            again(net, vm)
            out = vm.run("wget -q -O - http://10.77.0.1/10m | sha256sum")
            assert want in out, out     # the log may say between that the link is up
        vm.run("touch /tmp/stop; wait $first; wait $other")
        sums = vm.run("cat /tmp/sums").split()[::2]
        assert sums and set(sums) == {want}, sums[:4]


UNBIND, BIND = "echo {card} >/sys/bus/pci/drivers/{driver}/unbind", "echo {card} >/sys/bus/pci/drivers/{driver}/bind"


def test_unbound_under_traffic():
    rebound("virtio-pci", BIND, UNBIND)


def test_removed_and_found_again():
    rebound("virtio-pci", "echo 1 >/sys/bus/pci/rescan", "echo 1 >/sys/bus/pci/devices/{card}/remove", gic="3")


def test_other_cards():
    only_ours()     # Debian's kernel names the interfaces of cards in modules as they come
    for driver in ("e1000e", "vmxnet3"):
        rebound(driver, BIND, UNBIND, nic=driver)
    rebound("virtio-pci", BIND, UNBIND, append="pci=noirq")


def test_packed_rings():
    rebound("virtio-pci", BIND, UNBIND, nic="virtio-net-pci,disable-legacy=on,packed=on")


def test_plugged_in_and_out():
    """PCI Express hot plug: the card has an address of its own each time, and the other one goes on."""
    port = ["-device", "pcie-root-port,id=slot1,chassis=1,slot=1", "-netdev", "user,id=other"]
    with Net() as net, Vm(ns=net, smp="4", args=port) as vm:
        net.nginx()
        serve_files(net)
        want = hashlib.sha256(open(os.path.join(net.www, "10m"), "rb").read()).hexdigest()
        vm.boot()
        vm.run("(while [ ! -e /tmp/stop ]; do wget -q -O - http://10.77.0.1/10m | sha256sum; done >/tmp/sums) & first=$!")
        for card in ("virtio-net-pci", "e1000e"):
            vm.qmp("device_add", driver=card, id="hot", bus="slot1", netdev="other", romfile="")
            vm.run("until ip link set eth1 up 2>/dev/null; do :; done; until udhcpc -i eth1 -n -q -s /bin/true; do :; done; "
                   "ip addr add 10.0.2.15/24 dev eth1; until wget -q -O /tmp/10m http://10.0.2.2:8099/10m; do :; done")
            assert want in vm.run("sha256sum /tmp/10m")
            # It is pulled out of the middle of what it does.
            vm.run("(while [ ! -e /tmp/out ]; do timeout 5 wget -q -O /dev/null http://10.0.2.2:8099/10m; done 2>/dev/null) & "
                   "other=$!")
            vm.qmp("device_del", id="hot")
            vm.run("while [ -e /sys/class/net/eth1 ]; do :; done; touch /tmp/out; wait $other; rm /tmp/out")
            # The slot loses its power last: then QEMU forgets the card, and its name is free again.
            while any(d["name"] == "hot" for d in vm.qmp("qom-list", path="/machine/peripheral")):
                pass
        vm.run("touch /tmp/stop; wait $first")
        sums = vm.run("cat /tmp/sums").split()[::2]
        assert sums and set(sums) == {want}, sums[:4]


def test_pulled_out():
    """Nobody presses a button: registers read all ones in the middle of a poll. Nothing waits for what is gone."""
    only_ours()     # Linux 6.1 spins for ever in a command that a virtio card took along
    with Net() as net:
        net.nginx()
        net.ready(net.spawn("python3", "-c", SINK), "python3", 8098)
        serve_files(net)
        want = hashlib.sha256(open(os.path.join(net.www, "10m"), "rb").read()).hexdigest()
        hand = Hand(net.dir, "slot1", 5)
        with Vm(ns=net, smp="4", args=["-netdev", "user,id=other", *hand.args]) as vm:
            vm.boot()
            hand.reach(vm)
            vm.run("(while [ ! -e /tmp/stop ]; do wget -q -O - http://10.77.0.1/10m | sha256sum; done >/tmp/sums) & "
                   "first=$!")
            for card, options in SLOT_CARDS:
                vm.qmp("device_add", driver=card, id="hot", bus="slot1", netdev="other", romfile="", **options)
                vm.run("until ip link set eth1 up 2>/dev/null; do :; done; ip addr add 10.0.2.15/24 dev eth1; "
                       "until wget -q -O /tmp/10m http://10.0.2.2:8099/10m; do :; done")
                assert want in vm.run("sha256sum /tmp/10m"), (card, options)
                # Both ways at once, without end, and commands to the card (QEMU's e1000 is deaf for a second after each).
                vm.run("wget -q -O /dev/null http://10.0.2.2:8099/10m; nc 10.0.2.2 8098 </dev/zero 2>/dev/null & up=$!")
                vm.run("(while [ ! -e /tmp/out ]; do timeout 5 wget -q -O /dev/null http://10.0.2.2:8099/10m; done "
                       "2>/dev/null) & down=$!")
                sent = "cat /sys/class/net/eth1/statistics/tx_bytes"
                vm.run(f"n=$({sent}); until [ $({sent}) -gt $((n + 1000000)) ]; do :; done")
                told = "while ifconfig eth1 promisc && ifconfig eth1 -promisc; do :; done 2>/dev/null"
                vm.run(f"({':' if card == 'e1000' else told}) & told=$!")
                hand.pull()
                vm.run("wait $told; while [ -e /sys/class/net/eth1 ]; do :; done; touch /tmp/out; kill $up; wait $up; "
                       "wait $down; rm /tmp/out")
                vm.run("while ls /sys/bus/pci/devices | grep -v '^0000:00:'; do :; done")
            vm.run("touch /tmp/stop; wait $first")
            sums = vm.run("cat /tmp/sums").split()[::2]
            assert sums and set(sums) == {want}, sums[:4]
            assert len(re.findall(PULLED, vm.run("dmesg"))) == len(SLOT_CARDS)


def test_words_and_errors():
    with Vm() as vm:
        vm.boot()
        at = "/sys/bus/pci/drivers/virtio-pci"
        card = cards(vm, "virtio-pci")[0]
        for file, text, error in (("bind", card, "busy"), ("bind", "0000:ff:00.0", "No such device"),
                                  ("unbind", "0000:ff:00.0", "No such device"), ("unbind", "", "No such device")):
            out, status = vm.sh(f"printf '{text}\\n' | dd of={at}/{file} 2>&1")
            assert status and error in out, (file, text, out)
        vm.run(f"exec 5</sys/bus/pci/devices/{card}/vendor 6</sys/bus/pci/devices/{card}/config")
        vm.run(f"echo {card} >{at}/unbind; test ! -e {at}/{card}; test ! -e /sys/bus/pci/devices/{card}/driver")
        out, status = vm.sh(f"printf '{card}\\n' | dd of={at}/unbind 2>&1")
        assert status and "No such device" in out, out
        vm.run(f"echo 1 >/sys/bus/pci/devices/{card}/remove; test ! -e /sys/bus/pci/devices/{card}")
        for fd in (5, 6):       # what is open says that it is of nothing
            out, status = vm.sh(f"cat <&{fd} 2>&1 >/dev/null")
            assert status and "No such device" in out, out
        vm.run(f"exec 5<&- 6<&-; echo 1 >/sys/bus/pci/rescan; test -e {at}/{card}")


def test_what_programs_see():
    """Sockets bound to the interface, the announcements, routes and neighbours."""
    with Vm(guest=True) as vm:
        vm.boot()
        out = vm.run(f"CARD={cards(vm, 'virtio-pci')[0]} netgone", 300)
        assert " passed, 0 failed" in out.splitlines()[-1], out


def test_nothing_is_left_behind():
    """Memory and interrupt lines, after a thousand times."""
    only_ours()
    with Vm(debug=False) as vm:
        vm.boot()
        card = cards(vm, "virtio-pci")[0]
        loop = ("for i in $(seq {0}); do echo {1} >/sys/bus/pci/drivers/virtio-pci/unbind; "
                "echo {1} >/sys/bus/pci/drivers/virtio-pci/bind; done")
        free = "grep MemFree /proc/meminfo"
        vm.run(loop.format(100, card))
        before = int(vm.run(free).split()[1])
        vm.run(loop.format(1000, card))
        after = int(vm.run(free).split()[1])
        assert after > before - 512, f"{before} kB free, then {after}"
        assert len(re.findall(r"virtio0", vm.run("cat /proc/interrupts"))) == 3


main()
