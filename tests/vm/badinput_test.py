#!/usr/bin/env python3
# quick
"""Machines and programs that are not as they should be: a clear message, an end, never a hang."""
import os
import re
import struct
import subprocess
import tempfile

from devicetree import device_tree
from vmtest import LIMIT, Vm, main, only_ours, qemu


# ---- the machine ---------------------------------------------------------------------------------------

def test_no_network_card():
    """ip=dhcp without a card: the boot says so and goes on at once."""
    only_ours()
    with Vm(net="none", append="ip=dhcp") as vm:
        vm.wait(r"ip=: no network interface")
        vm.boot()
        assert vm.run("cat /sys/class/net/lo/operstate") == "unknown\n"
        assert vm.sh("wget -q -O - http://10.0.2.2/ 2>&1")[1] != 0


def test_ip_words_that_make_no_sense():
    only_ours()
    for word in ("ip=nonsense", "ip=10.0.0.300::10.0.0.1:255.255.255.0::eth0:off", "ip=10.0.0.2:::255.0.255.0::eth0:off",
                 "ip=10.0.0.2::10.0.0.1:255.255.255.0::eth7:off"):
        with Vm(append=word) as vm:
            vm.wait(r"ip=.*|eth0: .*not accepted.*")
            vm.boot()


FRAME = "/intc@8000000/v2m@8020000"
BRIDGE = "/pcie@10000000"


def test_no_node_for_msi():
    """Without a GICv2m frame the card's line interrupt serves, and the boot says why."""
    with tempfile.TemporaryDirectory() as d:
        dtb = device_tree(d, ("-r", FRAME), ("-d", BRIDGE, "msi-map"))
        with Vm(args=["-dtb", dtb]) as vm:
            if not os.environ.get("DUNLIN_TEST_KERNEL"):
                vm.wait(r"virtio-net-pci: INTx, GICv2 \d+ \(.*MSI.*\)$")
            vm.boot()
            vm.ping("10.0.2.2", 2)
            assert any(re.search(r"virtio\d*", name) for name in vm.interrupts() if vm.interrupts()[name])


def test_a_frame_that_lies():
    """The frame's number of interrupts comes from the device tree or the frame; nonsense is refused."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        dtb = device_tree(d, ("-t x", FRAME, "arm,msi-base-spi", "3ff"), ("-t x", FRAME, "arm,msi-num-spis", "100"))
        with Vm(args=["-dtb", dtb]) as vm:
            vm.wait(r"GICv2m: ")
            vm.boot()
            vm.ping("10.0.2.2", 2)


def test_a_frame_with_too_few():
    """Fewer message interrupts than the card has vectors: queues share them; a second frame has more."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        for n, shared in ((2, "virtio0-virtqueues"), (1, "virtio0")):
            dtb = device_tree(d, ("-t x", FRAME, "arm,msi-base-spi", "50"), ("-t x", FRAME, "arm,msi-num-spis", f"{n}"))
            with Vm(args=["-dtb", dtb]) as vm:
                vm.wait(rf"virtio-net-pci: MSI-X, {n} of 3 wanted vectors? via GICv2m, SPI 80")
                vm.boot()
                vm.ping("10.0.2.2", 2)
                assert vm.interrupts()[shared]


def test_what_is_not_there():
    """Firmware names a frame for messages, or a configuration space, at an address where nothing answers."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        with Vm(args=["-dtb", device_tree(d, ("-t x", FRAME, "reg", "0", "8100000", "0", "1000"))]) as vm:
            vm.wait(r"GICv2m: there is nothing at 0x8100000$")
            vm.wait(r"virtio-net-pci: INTx, ")
            vm.boot()
            vm.ping("10.0.2.2", 2)
        with Vm(args=["-dtb", device_tree(d, ("-t x", BRIDGE, "reg", "50", "0", "0", "10000000"))]) as vm:
            vm.wait(r"PCI: there is no configuration space at 0x5000000000$")
            vm.boot()
            assert vm.run("ls /sys/class/net") == "lo\n"


def test_hosts_that_cannot_be():
    """PCI's configuration space or windows where they cannot be: said, and the machine does without, or with the other one."""
    only_ours()
    again = "/pcie@20000000"
    copy = (("-c", again), ("-t s", again, "compatible", "pci-host-ecam-generic"), ("-t s", again, "device_type", "pci"),
            ("-t x", again, "#address-cells", "3"), ("-t x", again, "#size-cells", "2"),
            ("-t x", again, "reg", "40", "18000000", "0", "8000000"), ("-t x", again, "linux,pci-domain", "1"),
            ("-t x", again, "ranges", *"2000000 0 10000000 0 10000000 0 1000000".split()))
    cases = (
        ((("-t x", BRIDGE, "reg", *"0 48000000 0 10000000".split()),), "PCI: the host at 0x48000000 lies in memory: not used", 0),
        ((("-t x", BRIDGE, "reg", *"40 10000800 0 10000000".split()),), "PCI: the host at 0x4010000800 has no such address: not used", 0),
        ((("-t x", BRIDGE, "reg", *"ffffffff f0000000 0 10000000".split()),), r"device tree: pcie@10000000: no reg", 0),
        (copy, "PCI: the host at 0x4018000000 overlaps one before it: not used|PCI: the host at 0x4010000000 overlaps", None),
        ((("-t x", BRIDGE, "ranges", *"2000000 0 48000000 0 48000000 0 8000000".split()),),
         "PCI: the window of 0x8000000 bytes at 0x48000000 lies in memory: not used", 0),
        ((("-t x", BRIDGE, "ranges", *"2000000 0 fff00000 0 10000000 0 200000".split()),),
         "PCI: the window of 0x200000 bytes at 0x10000000 cannot be one: not used", 0),
        ((("-t x", BRIDGE, "ranges", *"2000000 0 10000000 0 10000000 0 1000".split()),), r"pci 0000:00:\S+: no room for a range of", 0),
    )
    with tempfile.TemporaryDirectory() as d:
        for edits, message, cards in cases:
            with Vm(args=["-dtb", device_tree(d, *edits)]) as vm:
                vm.wait(message)
                vm.boot()
                if cards is not None:
                    assert vm.run("ls /sys/class/net") == "lo\n", message


def test_room_for_some_ranges():
    """The window holds the card's registers, but not its table of messages: its wire serves."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        dtb = device_tree(d, ("-t x", BRIDGE, "ranges", *"2000000 0 10000000 0 10000000 0 4000".split()))
        with Vm(args=["-dtb", dtb]) as vm:
            vm.wait(r"pci 0000:00:\S+: no room for a range of 0x1000 bytes")
            vm.wait(r"virtio-net-pci: INTx, GICv2 \d+ \(MSI-X: the table is not inside its BAR; MSI: no capability\)$")
            vm.boot()
            vm.ping("10.0.2.2", 2)
            assert vm.interrupts()["virtio0"]


def test_frames_that_nobody_names():
    """Several frames and no msi-map: any of them takes any device's messages, and one has what another lacks."""
    only_ours()
    second = "/intc@8000000/v2m@8020001"
    with tempfile.TemporaryDirectory() as d:
        dtb = device_tree(d, ("-d", BRIDGE, "msi-map"), ("-t x", FRAME, "arm,msi-base-spi", "50"), ("-t x", FRAME, "arm,msi-num-spis", "1"),
                          ("-c", second), ("-t s", second, "compatible", "arm,gic-v2m-frame"),
                          ("-t x", second, "reg", *"0 8020000 0 1000".split()), ("-t x", second, "arm,msi-base-spi", "51"),
                          ("-t x", second, "arm,msi-num-spis", "2"))
        with Vm(args=["-dtb", dtb]) as vm:
            vm.wait(r"virtio-net-pci: MSI-X, 3 vectors via GICv2m, SPI 80-82")
            vm.boot()
            vm.ping("10.0.2.2", 2)


def test_redistributors_that_are_not_there():
    """Another region may have them; without any there is no interrupt controller."""
    only_ours()
    node, dist, wrong = "/intc@8000000", "0 8000000 0 10000".split(), "0 80000000 0 20000".split()
    with tempfile.TemporaryDirectory() as d:
        dtb = device_tree(d, ("-t x", node, "#redistributor-regions", "2"),
                          ("-t x", node, "reg", *dist, *wrong, *"0 80a0000 0 f60000".split()), gic="3")
        with Vm(gic="3", args=["-dtb", dtb]) as vm:
            vm.wait(r"GICv3: there is no redistributor at 0x80000000$")
            vm.boot()
            vm.ping("10.0.2.2", 2)
        dtb = device_tree(d, ("-t x", node, "reg", *dist, *wrong), gic="3")
        with Vm(gic="3", net="none", args=["-dtb", dtb]) as vm:
            # There was no console when it was said.
            vm.wait(r"GICv3: there is no redistributor at 0x80000000$")
            vm.wait(r"GICv3: no redistributor for the CPU with affinity 0$")
            vm.wait(r"panic: no interrupt controller")
            assert vm.wait_exit() != 0
            assert vm.console.count("there is no redistributor") == 1


def test_registers_that_are_not_there():
    """A controller's, the clock's, the power key's, the console's: what can be done without is, with a line."""
    only_ours()
    intc = "/intc@8000000"
    with tempfile.TemporaryDirectory() as d:
        for gic, name, cells in (("2", "GICv2", "0 80000000 0 10000 0 8010000 0 10000"),
                                 ("2", "GICv2", "0 8000000 0 10000 0 80000000 0 10000"),
                                 ("3", "GICv3", "0 80000000 0 10000 0 80a0000 0 f60000")):
            with Vm(gic=gic, net="none", args=["-dtb", device_tree(d, ("-t x", intc, "reg", *cells.split()), gic=gic)]) as vm:
                vm.wait(rf"{name}: there is nothing at 0x80000000$")
                vm.wait(r"panic: no interrupt controller")
                assert vm.wait_exit() != 0
        nowhere = "0 80000000 0 1000".split()
        with Vm(args=["-dtb", device_tree(d, ("-t x", "/pl031@9010000", "reg", *nowhere), ("-t x", "/pl061@9030000", "reg", *nowhere))]) as vm:
            vm.wait(r"rtc-pl031: there is nothing at 0x80000000$")
            vm.wait(r"gpio-keys: there is nothing at 0x80000000$")
            vm.boot()
            vm.ping("10.0.2.2", 2)
        # The console has its words from the log: the machine is heard over another one.
        with Vm(args=["-dtb", device_tree(d, ("-t x", "/pl011@9000000", "reg", *nowhere)), "-device", "virtio-serial-pci",
                      "-chardev", f"file,id=other,path={d}/other", "-device", "virtconsole,chardev=other"],
                append="console=hvc0 rdinit=/bin/dmesg") as vm:
            assert vm.wait_exit() != 0      # the first program ended
        with open(os.path.join(d, "other"), encoding="utf-8") as f:
            assert "uart-pl011: there is nothing at 0x80000000" in f.read()


def test_start_at_el3():
    """A machine whose loader leaves the kernel where firmware should be: said on the device tree's console."""
    only_ours()
    stub = struct.pack("<3I", 0xd2a80000, 0xd2a80401, 0xd61f0020)      # x0 = 0x40000000, QEMU's tree; jump to 0x40200000
    for more in ("", ",virtualization=on"):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "stub")
            with open(path, "wb") as f:
                f.write(stub)
            command = ["timeout", str(LIMIT), qemu.QEMU, "-M", f"virt,secure=on{more}", "-cpu", "cortex-a72", "-m", "512M", "-nodefaults",
                       "-display", "none", "-serial", "stdio", "-device", f"loader,file={path},addr=0x40180000,cpu-num=0",
                       "-device", f"loader,file={qemu.built('debug', 'Image')},addr=0x40200000,force-raw=on"]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                  preexec_fn=qemu.die_with_parent) as vm:
                said = next((line for line in vm.stdout if "started at EL3" in line), "")
                vm.terminate()
            assert "Kernel panic: started at EL3: there must be firmware" in said, said


def test_no_timer_no_controller():
    """What cannot be done without: the kernel says which node it expected."""
    only_ours()
    for node, word in (("/timer", "timer"), ("/intc@8000000", "GIC|interrupt")):
        with tempfile.TemporaryDirectory() as d:
            with Vm(net="none", args=["-dtb", device_tree(d, ("-r", node))]) as vm:
                vm.wait(rf"(?i)({word})")
                assert vm.wait_exit() != 0


def test_device_tree_that_is_cut_off():
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        path = device_tree(d)
        with open(path, "r+b") as f:
            f.seek(8)
            f.write(b"\xff\xff\xff\xf0")        # where the structure begins: far outside
        vm = None
        try:
            with Vm(net="none", args=["-dtb", path]) as vm:
                assert vm.wait_exit() != 0
        except AssertionError:
            assert vm and "dtb" in vm.tail(), "QEMU itself refuses such a tree"


def test_memory_too_small():
    """With little memory it boots, or says how much it wants; QEMU's own refusal is none of ours."""
    only_ours()
    said = booted = 0
    for mem in ("2M", "4M", "6M", "8M", "10M", "12M", "16M", "24M", "32M"):
        with Vm(net="none", mem=mem) as vm:
            try:
                vm.wait(r"^\S* # |[Kk]ernel panic: .*memory.*|init.* memory.*|initramfs: .*memory.*")
                if "panic" in vm.console:
                    assert vm.wait_exit() != 0
                    said += 1
                else:
                    booted += "# " in vm.console
            except AssertionError:
                vm._stderr.seek(0)
                refused = vm._stderr.read()
                assert re.search(r"qemu-system-aarch64: .*(too large|overlap|exceeds|[Nn]ot enough|could not load)", refused), \
                    f"-m {mem}: {vm.tail()}"
    assert booted >= 1, "not even 32 MiB were enough"


def test_wrong_console():
    """A console that is not there is no reason to stop."""
    with Vm(net="none", append="console=ttyUSB7 console=ttyAMA0") as vm:
        vm.boot()


# ---- the first program -----------------------------------------------------------------------------------

def test_rdinit_that_does_not_exist():
    only_ours()
    with Vm(net="none", append="rdinit=/no/such/init") as vm:
        vm.wait(r"/no/such/init: can't be run as the first program: there is no such file")
        vm.wait(r"[Kk]ernel panic: no first program: tried /no/such/init")
        assert vm.wait_exit() != 0


def test_rdinit_that_is_no_program():
    only_ours()
    for path, why in (("/etc/passwd", "not an executable"), ("/etc", "not an executable"), ("/etc/passwd/x", "not a directory"),
                      ("/text", "neither a whole ELF program"), ("/broken", "neither a whole ELF program")):
        with Vm(net="none", append=f"rdinit={path}", files={"text": "no program\n", "broken": b"\x7fELF" + bytes(100)}) as vm:
            vm.wait(re.escape(path) + r": can't be run as the first program: .*" + why)
            assert vm.wait_exit() != 0


# ---- programs with a broken ELF header ---------------------------------------------------------------------

def elf():
    """A program of one page that exits with 42."""
    code = struct.pack("<3I", 0xd2800540, 0xd2800ba8, 0xd4000001)      # mov x0, #42; mov x8, #93; svc #0
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 183, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 4096)
    return bytearray(head + load + code)


def patched(**fields):
    """The program with fields of its headers changed: name=value."""
    where = {"class": (4, "B"), "data": (5, "B"), "version": (6, "B"), "type": (16, "<H"), "machine": (18, "<H"), "entry": (24, "<Q"),
             "phoff": (32, "<Q"), "ehsize": (52, "<H"), "phentsize": (54, "<H"), "phnum": (56, "<H"),
             "p_type": (64, "<I"), "p_offset": (72, "<Q"), "p_vaddr": (80, "<Q"), "p_filesz": (96, "<Q"), "p_memsz": (104, "<Q"),
             "p_align": (112, "<Q")}
    image = elf()
    for name, value in fields.items():
        at, form = where[name]
        struct.pack_into(form, image, at, value)
    return bytes(image)


# Refused by execve; or refused, or a death after it: Linux finds some of these late.
REFUSED = {
    "empty-head": b"\x7fELF", "cut-in-head": bytes(elf()[:40]), "cut-in-table": bytes(elf()[:100]),
    "x86": patched(machine=62),
    "relocatable": patched(type=1), "core": patched(type=4), "no-segments": patched(phnum=0), "odd-entries": patched(phentsize=32),
    "table-outside": patched(phoff=1 << 40), "table-wraps": patched(phoff=(1 << 64) - 8), "table-huge": patched(phnum=65535),
}
DIE = {
    "in-kernel": patched(p_vaddr=0xffff000000000000), "wraps": patched(p_vaddr=(1 << 48) - 4096, p_memsz=1 << 20),
    "larger-in-file": patched(p_filesz=1 << 20), "endless": patched(p_memsz=1 << 62), "offset-askew": patched(p_offset=1),
    "file-ends-early": patched(p_filesz=1 << 30, p_memsz=1 << 30), "entry-in-kernel": patched(entry=0xffff000000000000),
    "entry-nowhere": patched(entry=0x10),
}
# Linux does not look at these two.
if not os.environ.get("DUNLIN_TEST_KERNEL"):
    REFUSED |= {"class-32": patched(**{"class": 1}), "big-endian": patched(data=2)}


def tried(vm, paths):
    """{name: what became of it}, by the guest's tryexec."""
    return dict(line[line.rindex("/", 0, line.index(" ")) + 1:].split(" ", 1) for line in vm.run(f"tryexec {paths}", 900).splitlines())


def test_programs_with_broken_headers():
    """They are refused as no programs, or die of it; the machine goes on."""
    files = {"e/whole": bytes(elf()), **{f"refused/{k}": v for k, v in REFUSED.items()}, **{f"die/{k}": v for k, v in DIE.items()}}
    with Vm(net="none", files=files, guest=True) as vm:
        vm.boot()
        assert tried(vm, "/e/whole") == {"whole": "exit 42"}
        got = tried(vm, "/refused/*")
        assert len(got) == len(REFUSED)
        for name, what in got.items():
            assert what.startswith("error 8 "), (name, what)
        got = tried(vm, "/die/*")
        assert len(got) == len(DIE)
        for name, what in got.items():
            assert re.match(r"error (8|12|22) |signal (9|11|7)$", what) or name == "file-ends-early", (name, what)
        assert tried(vm, "/e/whole") == {"whole": "exit 42"}


def interpreted(path):
    """A program that names an interpreter."""
    image = elf()
    struct.pack_into("<H", image, 56, 2)
    struct.pack_into("<Q", image, 32, 256)
    name = path.encode() + b"\0"
    image += bytes(256 - len(image))
    image += struct.pack("<IIQQQQQQ", 3, 4, 512, 0, 0, len(name), len(name), 1)
    image += struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 132, 132, 4096)
    image += bytes(512 - len(image)) + name
    return bytes(image)


def test_interpreters_that_are_not_there():
    with Vm(net="none", guest=True, files={"i/none": interpreted("/lib/none.so"), "i/text": interpreted("/etc/passwd"),
                                           "i/empty": interpreted("")}) as vm:
        vm.boot()
        got = tried(vm, "/i/*")
        assert got["none"].startswith("error 2 ") and got["text"].startswith("error 13 "), got
        assert re.match(r"error (2|8|13) ", got["empty"]), got


def test_every_byte_of_the_headers():
    """Each byte of a good program's headers set to ff, one after the other: run or refused, never more."""
    files = {}
    for at in range(120):
        image = elf()
        image[at] = 0xff
        files[f"e/{at}"] = bytes(image)
    with Vm(net="none", files=files, guest=True) as vm:
        vm.boot()
        got = tried(vm, "/e/*")
        assert len(got) == 120
        for name, what in got.items():
            assert re.match(r"exit 42$|error (8|12|22) |signal (4|5|7|9|11)$", what), (name, what)
        assert got["8"] == got["40"] == "exit 42"


main()
