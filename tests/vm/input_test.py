#!/usr/bin/env python3
# quick
"""Input devices: what happens on the host's keyboard, mouse and tablet, as programs in the guest read it."""
import re

from vmtest import Vm, button, key, main, move, only_ours

MODULES = ("virtio_input", "evdev")
KEYBOARD, MOUSE, TABLET = "QEMU Virtio Keyboard", "QEMU Virtio Mouse", "QEMU Virtio Tablet"
EV_SYN, EV_KEY, EV_REL, EV_ABS = range(4)


def machine(*devices, **options):
    args = [word for d in devices for word in ("-device", f"virtio-{d}")]
    return Vm(net="none", guest=True, args=args, modules=MODULES, **options)


def sent(vm, device, packets, expected):
    """What a reader of the device gets of these packets, sent one after the other: QEMU drops what finds no place."""
    tag = vm.start(f"/bin/inputread '{device}' {len(packets)}")
    vm.wait(r"^reading\n")
    for events in packets:
        vm.qmp("input-send-event", events=events)
        vm.wait(r"^0 0 0\n")
    out, status = vm.finish(tag)
    got = [tuple(map(int, line.split())) for line in out.splitlines() if re.match(r"\d+ \d+ -?\d+$", line)]
    want = [e for packet in expected for e in [*packet, (EV_SYN, 0, 0)]]
    assert status == 0 and got == want, f"{out}\nnot {want}"


def a_keyboard(vm):
    # More keys than the queue has places, and all of them come.
    letters = [("a", 30), ("s", 31), ("d", 32), ("f", 33), ("ret", 28), ("shift", 42), ("f12", 88)] * 20
    sent(vm, KEYBOARD, [[key(name, down)] for name, _ in letters for down in (True, False)],
         [[(EV_KEY, code, down)] for _, code in letters for down in (1, 0)])
    sent(vm, KEYBOARD, [[key("ctrl", True), key("c", True)], [key("c", False), key("ctrl", False)]],
         [[(EV_KEY, 29, 1), (EV_KEY, 46, 1)], [(EV_KEY, 46, 0), (EV_KEY, 29, 0)]])


def a_mouse(vm):
    sent(vm, MOUSE,
         [[move("rel", "x", 5), move("rel", "y", -3)], [button("left", True)], [button("left", False)],
          [button("wheel-up", True)], [button("wheel-down", True)]],
         [[(EV_REL, 0, 5), (EV_REL, 1, -3)], [(EV_KEY, 272, 1)], [(EV_KEY, 272, 0)],
          [(EV_REL, 8, 1)], [(EV_REL, 8, -1)]])


def a_tablet(vm):
    sent(vm, TABLET,
         [[move("abs", "x", 100), move("abs", "y", 32767)], [move("abs", "x", 100), move("abs", "y", 7)],
          [button("right", True)], [button("right", False)]],
         [[(EV_ABS, 0, 100), (EV_ABS, 1, 32767)], [(EV_ABS, 1, 7)], [(EV_KEY, 273, 1)], [(EV_KEY, 273, 0)]])


def test_what_a_person_does_is_read():
    """By each kind of interrupt."""
    for options in ({}, {"gic": "3"}, {"append": "pci=nomsi"}):
        with machine("keyboard-pci", "mouse-pci", **options) as vm:
            vm.boot()
            a_keyboard(vm)
            a_mouse(vm)
        with machine("tablet-pci", **options) as vm:
            vm.boot()
            a_tablet(vm)


def test_programs():
    """The whole of /dev/input/eventN, by a program that both kernels run."""
    with machine("keyboard-pci", "mouse-pci", "tablet-pci,serial=tablet") as vm:
        vm.boot()
        out, status = vm.sh("/bin/inputs", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], "\n".join(
            line for line in out.splitlines() if not line.startswith("ok "))


def test_taken_away_while_it_is_read():
    """Who waits is told that the device has gone; bound again it is another one, that works."""
    for options in ({}, {"append": "pci=nomsi"}):
        with machine("keyboard-pci", **options) as vm:
            vm.boot()
            card = vm.run("for d in /sys/bus/pci/devices/*; do grep -q 0x1052 $d/device && basename $d; done; :").strip()
            out, _ = vm.sh(f"/bin/inputgone '{KEYBOARD}' {card} 20")
            assert out.endswith("gone\n"), out
            a_keyboard(vm)


def test_devices_are_listed():
    """/proc/bus/input/devices and /sys/class/input, from which programs without udev take them."""
    with machine("keyboard-pci", "tablet-pci,serial=tablet") as vm:
        vm.boot()
        text = vm.run("cat /proc/bus/input/devices")
        for part in text.split("\n\n"):
            if f'N: Name="{KEYBOARD}"' in part:
                keyboard = part
            if f'N: Name="{TABLET}"' in part:
                tablet = part
        assert re.search(r"^I: Bus=0006 Vendor=0627 Product=0001 Version=0001$", keyboard, re.M), keyboard
        assert re.search(r"^P: Phys=virtio\d+/input0$", keyboard, re.M), keyboard
        assert re.search(r"^B: EV=120003$", keyboard, re.M) and re.search(r"^B: LED=7$", keyboard, re.M), keyboard
        assert re.search(r"^U: Uniq=tablet$", tablet, re.M) and re.search(r"^B: ABS=3$", tablet, re.M), tablet
        event = re.search(r"^H: Handlers=.*\b(event\d+)", tablet, re.M)[1]
        sysfs = f"/sys/class/input/{event}"
        assert vm.run(f"cat {sysfs}/device/name") == TABLET + "\n"
        assert vm.run(f"cat {sysfs}/device/capabilities/abs") == "3\n"
        assert vm.run(f"cat {sysfs}/device/id/product") == "0003\n"
        number = vm.run(f"cat {sysfs}/dev").strip()
        assert number == vm.run(f"stat -c %Hr:%Lr /dev/input/{event}").strip() or \
            number == vm.run(f"ls -l /dev/input/{event} | awk '{{ print $5 $6 }}' | tr , :").strip()
        assert f"DEVNAME=input/{event}\n" in vm.run(f"cat /sys/dev/char/{number}/uevent")
        assert vm.run(f"readlink {sysfs}/subsystem").endswith("/class/input\n")


def test_no_device_but_the_power_button():
    only_ours()     # Debian's kernel has the driver of the machine's power button as a module
    with Vm(net="none") as vm:
        vm.boot()
        listed = vm.run("cat /proc/bus/input/devices")
        assert len(re.findall(r"(?m)^I: ", listed)) == 1 and re.search(r"(?m)^B: KEY=10000000000000 0$", listed), listed
        out, status = vm.sh("mknod /dev/missing c 13 80; cat /dev/missing 2>&1")
        assert status and "No such device or address" in out, out


if __name__ == "__main__":
    main()
