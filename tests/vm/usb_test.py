#!/usr/bin/env python3
"""USB keyboards, mice and tablets behind an xHC: what is done with them is read; they come and go, say who they are."""
import os
import re
import socket
import struct
import tempfile

from vmtest import LIMIT, Vm, button, key, main, move, only_ours

from input_test import EV_ABS, EV_KEY, EV_REL, EV_SYN

MODULES = ("usb-common", "usbcore", "xhci-hcd", "xhci-pci", "hid", "usbhid", "hid-generic", "evdev")
KEYBOARD, MOUSE, TABLET = "QEMU QEMU USB Keyboard", "QEMU QEMU USB Mouse", "QEMU QEMU USB Tablet"
EV_MSC, EV_LED = 4, 17
MSC_SCAN, REL_WHEEL, REL_WHEEL_HI_RES = 4, 8, 11
CONTROLLERS = ("qemu-xhci", "nec-usb-xhci")


def machine(*devices, controller="qemu-xhci", args=(), **options):
    args = [*args] + [word for d in (f"{controller},id=xhci", *devices) for word in ("-device", d)]
    return Vm(net="none", guest=True, args=args, modules=MODULES, **options)


def there(vm, *names):
    """Wait until these input devices are there: that is some tenths of a second for each."""
    for name in names:
        vm.run(f"until grep -q 'N: Name=\"{name}\"' /proc/bus/input/devices; do sleep 0.1; done")


def sent(vm, device, packets, expected):
    """What a reader of the device gets of these packets, sent one after the other."""
    tag = vm.start(f"/bin/inputread '{device}' {len(packets)}")
    vm.wait(r"^reading\n")
    for events in packets:
        vm.qmp("input-send-event", events=events)
        vm.wait(r"^0 0 0\n")
    out, status = vm.finish(tag)
    got = [tuple(map(int, line.split())) for line in out.splitlines() if re.match(r"\d+ \d+ -?\d+$", line)]
    want = [e for packet in expected for e in [*packet, (EV_SYN, 0, 0)]]
    assert status == 0 and got == want, f"{out}\nnot {want}"


def key_events(usage, code, down):
    return [(EV_MSC, MSC_SCAN, usage), (EV_KEY, code, down)]


def a_keyboard(vm):
    keys = [("a", 0x70004, 30), ("ret", 0x70028, 28), ("shift", 0x700e1, 42), ("f12", 0x70045, 88)] * 5
    sent(vm, KEYBOARD, [[key(name, down)] for name, _, _ in keys for down in (True, False)],
         [key_events(usage, code, down) for _, usage, code in keys for down in (1, 0)])


def a_mouse(vm):
    left = 0x90001
    sent(vm, MOUSE,
         [[move("rel", "x", 5), move("rel", "y", -3)], [button("left", True)], [button("left", False)],
          [button("wheel-up", True)], [button("wheel-down", True)]],
         [[(EV_REL, 0, 5), (EV_REL, 1, -3)], key_events(left, 272, 1), key_events(left, 272, 0),
          [(EV_REL, REL_WHEEL, 1), (EV_REL, REL_WHEEL_HI_RES, 120)],
          [(EV_REL, REL_WHEEL, -1), (EV_REL, REL_WHEEL_HI_RES, -120)]])


def a_tablet(vm):
    right = 0x90002
    sent(vm, TABLET,
         [[move("abs", "x", 100), move("abs", "y", 32767)], [move("abs", "x", 100), move("abs", "y", 7)],
          [button("right", True)], [button("right", False)]],
         [[(EV_ABS, 0, 100), (EV_ABS, 1, 32767)], [(EV_ABS, 1, 7)], key_events(right, 273, 1),
          key_events(right, 273, 0)])


def test_what_a_person_does_is_read():
    """By each kind of interrupt, from both kinds of controllers."""
    for options, way in (({}, "GICv2m-MSIX"), ({"gic": "3"}, "ITS-MSI"), ({"append": "pci=nomsi"}, "GICv2"),
                         ({"controller": CONTROLLERS[1], "append": "pci=nomsix"}, "GICv2m-MSI")):
        with machine("usb-kbd", "usb-mouse", **options) as vm:
            vm.boot()
            there(vm, KEYBOARD, MOUSE)
            a_keyboard(vm)
            a_mouse(vm)
            assert sum(n for name, n in vm.interrupts().items() if name.startswith("xhci")) > 40, vm.interrupts()
            if not os.environ.get("DUNLIN_TEST_KERNEL"):        # whose names of the ways are others
                assert re.search(rf" {way} .*xhci", vm.run("cat /proc/interrupts")), way
        with machine("usb-tablet", **options) as vm:
            vm.boot()
            there(vm, TABLET)
            a_tablet(vm)


def test_behind_hubs():
    """A mouse behind two hubs in a row, and what the hub that is pulled out takes along."""
    with machine("usb-hub,port=1", "usb-hub,port=1.2", "usb-mouse,port=1.2.3", "usb-kbd,port=1.1") as vm:
        vm.boot()
        there(vm, MOUSE, KEYBOARD)
        a_mouse(vm)
        a_keyboard(vm)
        assert "-1.2.3/input0\n" in vm.run("cat /proc/bus/input/devices")


def gone(vm):
    vm.run("while grep -q Name=.QEMU /proc/bus/input/devices; do sleep 0.1; done")


def test_plugged_and_pulled():
    """While a program reads it: that gets ENODEV. And the next one that is plugged in works as the first."""
    with machine() as vm:
        vm.boot()
        for _ in range(3):
            vm.qmp("device_add", driver="usb-kbd", id="k")
            there(vm, KEYBOARD)
            a_keyboard(vm)
            tag = vm.start(f"/bin/inputread '{KEYBOARD}' 1")
            vm.wait(r"^reading\n")
            vm.qmp("device_del", id="k")
            out, status = vm.finish(tag)
            assert status and "read: No such device" in out, out
            gone(vm)
        vm.qmp("device_add", driver="usb-hub", id="h", port="1")
        vm.qmp("device_add", driver="usb-mouse", id="m", port="1.2")
        there(vm, MOUSE)
        a_mouse(vm)
        vm.qmp("device_del", id="m")
        gone(vm)
        vm.qmp("device_add", driver="usb-mouse", id="m", port="1.3")
        there(vm, MOUSE)
        a_mouse(vm)
        vm.qmp("device_del", id="h")
        gone(vm)


def test_watched():
    """Who watches the folder hears of a node that comes and goes (inotify), who watches the node of its end."""
    with machine("usb-mouse") as vm:
        vm.boot()
        there(vm, MOUSE)
        before = vm.run("ls /dev/input; stat -c %s /dev/input")

        def told(what):
            vm.run(f"until grep -q '{what}' /tmp/folder; do sleep 0.1; done")

        vm.run("/bin/notices /dev/input >>/tmp/folder & folder=$!")
        told("^watching$")
        for _ in range(2):
            vm.qmp("device_add", driver="usb-kbd", id="k")
            told("^/dev/input created event")
            node = vm.run("sed -n 's/.* created //p' /tmp/folder").strip()
            tag = vm.start(f"/bin/notices /dev/input/{node}")
            vm.wait(r"^watching\n")
            vm.qmp("device_del", id="k")
            out, status = vm.finish(tag)
            assert status == 0 and f"/dev/input/{node} ended\n" in out, out
            told(f"^/dev/input deleted {node}$")
            assert vm.run("ls /dev/input; stat -c %s /dev/input; >/tmp/folder") == before
        vm.run("kill $folder; wait $folder || true")


def test_unbound_and_bound():
    """A controller without its driver has no devices; with it again all are there, and work."""
    with machine("usb-kbd", "usb-hub,port=2", "usb-mouse,port=2.1") as vm:
        vm.boot()
        there(vm, KEYBOARD, MOUSE)
        driver = "/sys/bus/pci/drivers/xhci_hcd"
        name = vm.run(f"cd {driver} && ls -d 0000:*").strip()
        for _ in range(3):
            vm.run(f"echo {name} >{driver}/unbind")
            assert "QEMU" not in vm.run("cat /proc/bus/input/devices")
            assert vm.run("ls /sys/bus/usb/devices") == ""
            vm.run(f"echo {name} >{driver}/bind")
            there(vm, KEYBOARD, MOUSE)
            a_keyboard(vm)
            a_mouse(vm)


class Leds:
    """A keyboard's LEDs as QEMU tells its viewers of them: RFB with the pseudo-encoding of LED states."""
    ENCODING = -261
    BITS = {"scroll": 1, "num": 2, "caps": 4}

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)
        self.read(12)
        self.socket.sendall(b"RFB 003.008\n")
        self.read(self.read(1)[0])
        self.socket.sendall(b"\1")
        self.read(4)
        self.socket.sendall(b"\1")
        self.read(20)
        self.read(struct.unpack(">I", self.read(4))[0])
        self.socket.sendall(struct.pack(">BxHii", 2, 2, 0, self.ENCODING))

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            assert more, "QEMU closed the connection"
            data += more
        return data

    def wait(self, *names):
        """Until just these are on."""
        wanted = sum(self.BITS[n] for n in names)
        state = None
        while state != wanted:
            self.socket.sendall(struct.pack(">BBHHHH", 3, 1, 0, 0, 1, 1))
            kind, count = struct.unpack(">BxH", self.read(4))
            assert kind == 0, kind
            for _ in range(count):
                _, _, width, height, encoding = struct.unpack(">HHHHi", self.read(12))
                if encoding == self.ENCODING:
                    state = self.read(1)[0]
                else:
                    assert encoding == 0, encoding
                    self.read(width * height * 4)


def test_leds():
    """What a program writes to the event device is to be seen on the keyboard."""
    with tempfile.TemporaryDirectory() as where, machine("usb-kbd", args=["-vnc", f"unix:{where}/vnc"]) as vm:
        vm.boot()
        there(vm, KEYBOARD)
        leds = Leds(f"{where}/vnc")
        event = re.search(r"Handlers=.*\b(event\d+)", vm.run(f"grep -A4 '{KEYBOARD}' /proc/bus/input/devices"))[1]

        def write(led, on):
            data = struct.pack("=QQHHi", 0, 0, EV_LED, led, on)
            octal = "".join(f"\\{byte:03o}" for byte in data)
            vm.run(f"printf '{octal}' >/dev/input/{event}")

        write(1, 1)
        leds.wait("caps")
        write(0, 1)
        leds.wait("caps", "num")
        write(1, 0)
        leds.wait("num")


def test_nothing_stays():
    """Again and again plugged in and pulled out, in the middle, too: all that it took is given back. So many times in all."""
    cycles = int(os.environ.get("DUNLIN_PLUG_CYCLES", 45))
    only_ours()     # nobody else's counts are exact
    with machine("usb-hub,port=1") as vm:
        vm.boot()

        def rounds(n):
            for i in range(n):
                vm.qmp("device_add", driver=("usb-kbd", "usb-mouse", "usb-tablet")[i % 3], id="d",
                       port=("2", "1.1")[i // 3 % 2])
                if i % 4:
                    vm.run("until grep -q Name=.QEMU /proc/bus/input/devices; do sleep 0.05; done")
                vm.qmp("device_del", id="d")
                gone(vm)
            # What was pulled out while it was enumerated is done with when the next is there.
            vm.qmp("device_add", driver="usb-kbd", id="d", port="3")
            there(vm, KEYBOARD)
            vm.qmp("device_del", id="d")
            gone(vm)

        def counts():
            vm.run("echo 3 >/proc/sys/vm/drop_caches")
            return {line.split()[0]: int(line.split()[1]) for line in vm.run("cat /proc/slabinfo").splitlines()[2:]}

        # What is made once is kept; what is lost grows each time.
        rounds(6)
        seen = [counts()]
        for _ in range(3):
            rounds(cycles // 3)
            seen.append(counts())
        lost = {name: [c[name] for c in seen] for name in seen[0]
                if all(now[name] > then[name] for then, now in zip(seen, seen[1:]))}
        assert not lost, lost


def test_who_they_are():
    """The names, numbers and abilities that programs choose a device by."""
    with machine("usb-kbd,serial=board", "usb-tablet,serial=tablet") as vm:
        vm.boot()
        there(vm, KEYBOARD, TABLET)
        parts = vm.run("cat /proc/bus/input/devices").split("\n\n")
        keyboard = next(p for p in parts if KEYBOARD in p)
        tablet = next(p for p in parts if TABLET in p)
        for line in ("I: Bus=0003 Vendor=0627 Product=0001 Version=0111", r"P: Phys=usb-0000:00:0\d\.0-1/input0",
                     "U: Uniq=board", "B: EV=120013", "B: MSC=10", "B: LED=1f",
                     "B: KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"):
            assert re.search(f"^{line}$", keyboard, re.M), f"{keyboard}\nhas not: {line}"
        for line in ("U: Uniq=tablet", "B: EV=1f", "B: KEY=70000 0 0 0 0", "B: REL=900", "B: ABS=3"):
            assert re.search(f"^{line}$", tablet, re.M), f"{tablet}\nhas not: {line}"
        for path, text in (("1-1/idVendor", "0627"), ("1-1/product", "QEMU USB Keyboard"), ("1-1/serial", "board"),
                           ("1-1/speed", "480"), ("1-1/devpath", "1"), ("1-1:1.0/bInterfaceClass", "03"),
                           ("usb1/idVendor", "1d6b"), ("usb2/speed", "5000"), ("1-2/product", "QEMU USB Tablet")):
            assert vm.run(f"cat /sys/bus/usb/devices/{path}") == text + "\n", path
        assert vm.run("readlink /sys/bus/usb/devices/1-1:1.0").endswith("/usb1/1-1/1-1:1.0\n")


if __name__ == "__main__":
    main()
