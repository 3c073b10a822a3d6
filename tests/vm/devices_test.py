#!/usr/bin/env python3
# quick
"""Small devices of the machine: the host's entropy."""
import os
import tempfile

from vmtest import Hand, Vm, main, only_ours


class Entropy:
    """A pipe that QEMU's virtio-rng reads: the guest gets the bytes that the test writes, when it writes them."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, "entropy")
        os.mkfifo(path)
        self.end = os.open(path, os.O_RDWR)
        self.args = ["-object", f"rng-random,id=host,filename={path}", "-device", "virtio-rng-pci,rng=host"]
        return self

    def __exit__(self, *_):
        os.close(self.end)
        self.dir.cleanup()

    def give(self, data):
        os.write(self.end, data)


def hwrng(vm, entropy, data):
    """What a reader gets, who is waiting before there is anything or comes after it."""
    tag = vm.start(f"dd if=/dev/hwrng bs={len(data)} count=1 2>/dev/null | od -An -v -tx1 | tr -d ' \\n'")
    entropy.give(data)
    out, status = vm.finish(tag)
    assert status == 0 and bytes.fromhex(out) == data, out


def check_entropy(device, append="", **machine):
    with Entropy() as entropy:
        entropy.args[-1] += device
        with Vm(net="none", args=entropy.args, append=append, **machine) as vm:
            vm.boot()
            # The generator asked first; nobody else ever sees what it gets.
            entropy.give(b"s" * 64)
            before = vm.interrupts()["virtio0"]
            hwrng(vm, entropy, bytes(range(64)))
            hwrng(vm, entropy, os.urandom(640))
            assert vm.interrupts()["virtio0"] > before, vm.run("cat /proc/interrupts")


def test_entropy():
    only_ours()     # Debian's kernel has the driver in a module
    check_entropy("")
    check_entropy("", gic="3")
    check_entropy(",disable-modern=on")
    check_entropy("", append="pci=nomsi")


def test_a_reader_of_entropy_is_killed():
    """What it had asked for goes to the next one."""
    only_ours()
    with Entropy() as entropy:
        with Vm(net="none", args=entropy.args) as vm:
            vm.boot()
            entropy.give(b"s" * 64)
            vm.run("cat /dev/hwrng >/tmp/taken & P=$!; while ! grep -q '(sleeping)' /proc/$P/status; do :; done; "
                   "kill $P; wait $P; test ! -s /tmp/taken")
            hwrng(vm, entropy, os.urandom(64))


def test_the_generator_asks_for_more():
    """After a megabyte of random numbers a new seed is asked for, which takes what comes next."""
    only_ours()
    with Entropy() as entropy:
        with Vm(net="none", args=entropy.args) as vm:
            vm.boot()
            entropy.give(b"s" * 64)
            hwrng(vm, entropy, b"r" * 64)
            before = vm.interrupts()["virtio0"]
            vm.run("head -c 1100000 /dev/urandom >/dev/null")
            entropy.give(b"t" * 64)
            while vm.interrupts()["virtio0"] == before:
                pass            # else the next one's interrupt may come together with this one's
            hwrng(vm, entropy, b"u" * 64)
            assert vm.interrupts()["virtio0"] == before + 2, vm.run("cat /proc/interrupts")


def test_taken_away_while_it_is_read():
    """A reader who waits, and one who has it open, hear that it has gone; bound again it serves him who stayed."""
    only_ours()     # as above
    unbind = ("cd /sys/bus/pci/drivers/virtio-pci; card=$(echo 0000:*); "
              "gone() { dd bs=64 count=1 <&5 2>&1 >/dev/null | grep -q 'No such device'; }; exec 5</dev/hwrng")
    with Entropy() as entropy:
        with Vm(net="none", args=entropy.args) as vm:
            vm.boot()
            vm.run(unbind)
            for _ in range(20):
                vm.run("cat /dev/hwrng 2>/tmp/said >/dev/null & P=$!; "
                       "while ! grep -q '(sleeping)' /proc/$P/status; do :; done; "
                       "echo $card >unbind; ! wait $P && grep -q 'No such device' /tmp/said && gone && echo $card >bind")
    with Vm(net="none", args=["-device", "virtio-rng-pci"], append="pci=nomsi") as vm:
        vm.boot()
        vm.run(unbind)
        for _ in range(20):
            vm.run("echo $card >unbind; gone && echo $card >bind && test $(head -c 64 <&5 | wc -c) = 64")


def test_no_entropy_device():
    with Vm(net="none") as vm:
        vm.boot()
        out, status = vm.sh("cat /dev/hwrng 2>&1")
        assert status and "No such device" in out, out
        assert vm.sh("echo x > /dev/hwrng")[1]


def test_slot_of_a_machine_with_acpi():
    """Firmware gives the slots away when it is asked for them (_OSC): a card comes and goes."""
    only_ours()
    port = ["-device", "pcie-root-port,id=slot1,chassis=1,slot=1"]
    with Vm(uefi="acpi", net="none", args=port) as vm:
        vm.boot()
        assert "firmware keeps" not in vm.console
        before = set(vm.run("ls /sys/bus/pci/devices").split())
        vm.qmp("device_add", driver="virtio-rng-pci", id="hot", bus="slot1")
        vm.run("until ls /sys/bus/pci/drivers/virtio-pci/ | grep -q 0000:; do :; done")
        card, = set(vm.run("ls /sys/bus/pci/devices").split()) - before
        assert vm.run(f"cat /sys/bus/pci/devices/{card}/vendor") == "0x1af4\n"
        vm.qmp("device_del", id="hot")
        vm.run(f"while [ -e /sys/bus/pci/devices/{card} ]; do :; done")


def test_pulled_out():
    """Devices go without a word, while they are used: who reads them hears of it, and the next serves as the first."""
    only_ours()     # Linux waits for ever for what a virtio device was asked
    with tempfile.TemporaryDirectory() as folder:
        hand, chardev = Hand(folder, "slot1", 5), f"socket,id=c,path={folder}/c,server=on,wait=off"
        port = "virtserialport,bus=hot.0,chardev=c,name=port,id=port"
        with Vm(net="none", smp="2", guest=True, args=hand.args + ["-chardev", chardev]) as vm:
            vm.boot()
            hand.reach(vm)
            host = vm.connect(f"{folder}/c")
            before = vm.run("ls /dev /dev/input /sys/bus/pci/devices")
            # The device, what is on it, and the node that it makes, where a reader is told ENODEV.
            for device, more, node in (
                    ("virtio-rng-pci", "", None), ("virtio-serial-pci", port, "/dev/vport*p*"),
                    ("virtio-keyboard-pci", "", "/dev/input/event1"),
                    ("qemu-xhci", "usb-kbd,bus=hot.0", "/dev/input/event1"),
                    ("virtio-balloon-pci", "", None)) * 2:
                vm.qmp("device_add", driver=device, id="hot", bus="slot1")
                if more:
                    driver, *options = more.split(",")
                    vm.qmp("device_add", driver=driver, **dict(o.split("=") for o in options))
                vm.run("cd /sys/bus/pci/drivers; until ls virtio-pci xhci_hcd | grep -q 0000:; do sleep 0.1; done; cd /")
                if node:
                    vm.run(f"until [ -e {node} ]; do sleep 0.1; done; cat {node} 2>/tmp/said >/dev/null & reader=$!; "
                           f"until ls -l /proc/$reader/fd | grep -q '{node}'; do :; done")
                elif device == "virtio-balloon-pci":
                    vm.qmp("balloon", value=400 << 20)
                else:       # QEMU itself does not outlive one that goes in the middle of a request
                    vm.run("test $(head -c 64 /dev/hwrng | wc -c) = 64")
                hand.pull()
                vm.run("while ls /sys/bus/pci/devices | grep -qv '^0000:00:'; do sleep 0.1; done")
                if node:
                    vm.run("! wait $reader && grep -q 'No such device' /tmp/said")
                assert vm.run("ls /dev /dev/input /sys/bus/pci/devices") == before, device
            host.close()


def test_another_card_at_once():
    """A card is pulled and another put in while the machine stands still: the old driver is not left on the new one."""
    only_ours()     # Linux waits for ever for what a virtio device was asked
    with tempfile.TemporaryDirectory() as folder:
        hand = Hand(folder, "slot1", 5)
        with Vm(net="none", smp="2", args=hand.args) as vm:
            vm.boot()
            hand.reach(vm)
            vm.qmp("device_add", driver="virtio-rng-pci", id="card0", bus="slot1")
            vm.run("until test $(head -c 64 /dev/hwrng 2>/dev/null | wc -c) = 64; do sleep 0.1; done")
            for turn, (device, driver) in enumerate((("qemu-xhci", "xhci_hcd"), ("virtio-rng-pci", "virtio-pci")) * 2):
                vm.qmp("stop")
                hand.pull()
                vm.qmp("device_add", driver=device, id=f"card{turn + 1}", bus="slot1")
                vm.qmp("cont")
                vm.run(f"until ls /sys/bus/pci/drivers/{driver} | grep -q '^0000:0[1-9]'; do sleep 0.1; done")
                if driver == "virtio-pci":
                    vm.run("until test $(head -c 64 /dev/hwrng 2>/dev/null | wc -c) = 64; do sleep 0.1; done")
            # The same kind again: its driver was bound before, too.
            vm.qmp("stop")
            hand.pull()
            vm.qmp("device_add", driver="virtio-rng-pci", id="again", bus="slot1")
            vm.qmp("cont")
            vm.run("until dmesg | grep -c 'may be another one' | grep -q 5; do sleep 0.1; done")
            vm.run("until test $(head -c 64 /dev/hwrng 2>/dev/null | wc -c) = 64; do sleep 0.1; done")


if __name__ == "__main__":
    main()
