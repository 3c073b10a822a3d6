#!/usr/bin/env python3
"""Interrupts that misbehave, and unusual ways to end them."""
import re
import tempfile

from vmtest import ECAM, Bench, Vm, main, only_ours

EDU_SLOT = 6                # whose pin A is the same wire as that of the card in slot 2
EDU_RAISE, EDU_LOWER = 0x60, 0x64
GITS_CTLR = 0x8080000


class Edu:
    """QEMU's teaching device, which no driver knows: it raises its wire for who asks, and holds it."""

    def __init__(self, bench):
        self.bench, self.config = bench, ECAM + (EDU_SLOT << 15)
        assert bench.read(self.config) == 0x11e81234
        bench.write(self.config + 4, 2)             # let it decode memory; its wire is not disabled
        self.base = bench.read(self.config + 0x10) & ~15
        assert self.base

    def hold(self):
        self.bench.write(self.base + EDU_RAISE, 1)

    def release(self):
        self.bench.write(self.base + EDU_LOWER, 1)


def held_line(gic, **machine):
    """A device without a driver holds the wire that the network card has, too: the line is shut, the card goes on."""
    with tempfile.TemporaryDirectory() as d:
        bench = Bench(d)
        with Vm(append="pci=nomsi", gic=gic, args=bench.args + ["-device", f"edu,addr={EDU_SLOT}"], **machine) as vm:
            vm.boot()
            vm.ping("10.0.2.2", 2)
            bench.reach(vm)
            edu = Edu(bench)
            edu.hold()
            vm.ping("10.0.2.2", 2)
            vm.run("until dmesg | grep -E 'nobody cared|that no driver knew.*virtio0.* is masked and polled'; do sleep 0.1; done")
            vm.ping("10.0.2.2", 5)
            before = vm.interrupts()
            vm.ping("10.0.2.2", 3)
            vm.run("wget -q -O - http://10.0.2.2:1/ 2>/dev/null || true")
            assert {k: v for k, v in vm.interrupts().items() if "virtio" in k} == {k: v for k, v in before.items() if "virtio" in k}


def test_a_held_line_of_gicv2():
    held_line("2")


def test_a_held_line_of_gicv3():
    held_line("3")


def test_drivers_that_share_a_wire():
    """Each begins and ends while the others' interrupts come, which are none of its own."""
    only_ours()
    cards = {6: "virtio-balloon-pci", 10: "qemu-xhci", 14: "virtio-gpu-pci", 18: "virtio-keyboard-pci", 22: "virtio-rng-pci",
             26: "virtio-serial-pci"}
    args = [word for slot, name in cards.items() for word in ("-device", f"{name},addr={slot:#x}")]
    with Vm(append="pci=nomsi", smp="2", args=args) as vm:
        vm.boot()
        names = vm.run("sed -n 's/.* Level *\\(virtio0.*\\)/\\1/p' /proc/interrupts")
        assert names.count(",") == len(cards), names
        # One echo after the other: busybox's ping says of several that one was lost if the last is late.
        vm.run("(while [ ! -e /tmp/enough ]; do ping -c 1 -W 1000 -q 10.0.2.2 && echo good || echo lost; done "
               ">/tmp/pings 2>&1) & pinger=$!")
        for slot in cards:
            device = f"/sys/bus/pci/devices/0000:00:{slot:02x}.0"
            driver = vm.run(f"readlink -f {device}/driver").strip()
            for _ in range(5):
                vm.run(f"echo {device[-12:]} >{driver}/unbind && [ ! -e {device}/driver ] && "
                       f"echo {device[-12:]} >{driver}/bind && [ -e {device}/driver ]")
        vm.run("touch /tmp/enough; wait $pinger; grep -q good /tmp/pings && ! grep lost /tmp/pings")
        names = vm.run("sed -n 's/.* Level *\\(virtio0.*\\)/\\1/p' /proc/interrupts")
        assert names.count(",") == len(cards), names


def test_two_steps_to_end_an_interrupt():
    """GICv3's EOImode 1: wires, messages and the timer serve as in mode 0."""
    only_ours()
    for gic, append in (("3", ""), ("3", "pci=nomsi")):
        with Vm(gic=gic, smp="2", append=f"gicv3.eoimode=1 {append}") as vm:
            vm.wait(r"GICv3: EOImode 1")
            vm.boot()
            vm.ping("10.0.2.2", 5)
            names = vm.interrupts()
            assert any(re.match("virtio0", k) and v for k, v in names.items()), names


def test_an_its_that_stops_answering():
    """It takes neither messages nor commands any more: that is said, and the card goes on without its interrupts."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        bench = Bench(d)
        with Vm(gic="3", smp="2", args=bench.args) as vm:
            vm.boot()
            vm.ping("10.0.2.2", 2)
            number = vm.run("sed -n 's/^ *\\([0-9]*\\):.*virtio0-input.0$/\\1/p' /proc/interrupts").strip()
            bench.reach(vm)
            bench.write(GITS_CTLR, bench.read(GITS_CTLR) & ~1)
            assert vm.run(f"echo 2 >/proc/irq/{number}/smp_affinity; echo $?").endswith("1\n")
            vm.run("until dmesg | grep 'ITS-MSI: its [0-9]* lines are polled at 100 Hz from now on'; do sleep 0.1; done")
            assert vm.run("dmesg | grep -c 'ITS: no answer to command 0x1; it is out of service'") == "1\n"
            before = vm.interrupts()
            vm.ping("10.0.2.2", 5)
            assert {k: v for k, v in vm.interrupts().items() if "virtio" in k} == {k: v for k, v in before.items() if "virtio" in k}
            vm.run("ifconfig eth0 down; ifconfig eth0 up; route add default gw 10.0.2.2")
            vm.ping("10.0.2.2", 2)


main()
