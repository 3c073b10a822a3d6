#!/usr/bin/env python3
"""The cable is pulled in the middle of a transfer and put back: the guest is told, and nothing is lost."""
import hashlib
import os

from bridge import Bridge
from netns import Net, main
from vmtest import Vm

SIZE = 10 << 20


def until(vm, condition):
    """Wait in the guest for a shell condition; the limit is that of vm.run."""
    vm.run(f"until {condition}; do usleep 20000; done")


def test_link_down_and_up_mid_transfer():
    data = bytes(i * 7 % 253 for i in range(SIZE))
    with Net() as net, Bridge(net) as wire:
        net.nginx()
        with open(os.path.join(net.www, "big"), "wb") as f:
            f.write(data)
        with Vm(ns=net, netdev=wire.netdev, append="ip=dhcp") as vm:
            vm.boot()
            wire.set(delay=0.02)        # slow enough to be caught in the middle
            vm.run(f"(wget -q -O /tmp/big http://{net.host_ip}/big; echo $? > /tmp/status) >/dev/null 2>&1 &")
            until(vm, '[ "$(wc -c 2>/dev/null < /tmp/big)" -gt 100000 ]')
            vm.qmp("set_link", name="net0", up=False)
            until(vm, "grep -q down /sys/class/net/eth0/operstate")
            assert vm.run("cat /sys/class/net/eth0/carrier").strip() == "0"
            assert vm.sh("[ -e /tmp/status ]")[1], "the transfer ended before the link went"
            vm.qmp("set_link", name="net0", up=True)
            until(vm, "grep -q up /sys/class/net/eth0/operstate")
            wire.set(delay=0)
            until(vm, "[ -s /tmp/status ]")
            assert vm.run("cat /tmp/status").strip() == "0"
            assert vm.run("sha256sum /tmp/big").split()[0] == hashlib.sha256(data).hexdigest()
            log = vm.run("dmesg")
            assert "eth0: link down" in log and log.rindex("eth0: link up") > log.index("eth0: link down"), log
            assert vm.interrupts()["virtio0-config"] >= 2


main()
