#!/usr/bin/env python3
"""Several CPUs: they come up, work at the same time, and see one memory."""
import os
import re
import struct
import tempfile

from devicetree import device_tree
from vmtest import Vm, main, only_ours, qemu

SEED = int(os.environ.get("DUNLIN_SEED") or 20261121)
STORMS = "threads executions signals pipes descriptors_on_the_way terminals connections killed_at_any_moment"


def checks(*names, **machine):
    with Vm(net="none", guest=True, **machine) as vm:
        vm.boot()
        out, status = vm.sh(f"/bin/smp {' '.join(names)}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], out


def test_two():
    checks(smp="2", mem="128M")


def test_four():
    checks(smp="4", mem="128M")


def test_eight():
    checks("affinity", "balance", "placement", "timers_of_each", smp="8", mem="256M")


def test_sixteen():
    checks("affinity", "registers", "balance", "placement", "timers_of_each", smp="16", gic="3", mem="512M")


def test_eight_on_gicv3():
    checks("affinity", "registers", "pages_taken_away", "balance", smp="8", gic="3", mem="256M")


def test_what_is_shown():
    """In /proc and /sys, a column or a line for each."""
    for machine in ({"smp": "3"}, {"smp": "3", "gic": "3"}):
        with Vm(**machine) as vm:
            vm.boot()
            assert vm.run("nproc") == "3\n"
            head, *lines = vm.run("cat /proc/interrupts").splitlines()
            assert head.split() == ["CPU0", "CPU1", "CPU2"]
            assert all(re.match(r"\s*\w+:(\s+\d+){3}\s", line) for line in lines if "IPI" in line or line.split()[0][0].isdigit()), lines
            assert any("Rescheduling interrupts" in line for line in lines), lines
            assert len(re.findall(r"(?m)^processor\s*: ([012])$", vm.run("cat /proc/cpuinfo"))) == 3
            assert vm.run("cat /sys/devices/system/cpu/online") == "0-2\n"
            assert re.findall(r"(?m)^cpu(\d?) +(?:\d+ ){9}\d+$", vm.run("cat /proc/stat")) == ["", "0", "1", "2"]


def test_interfaces_count_exactly():
    """All CPUs send at once; each echo is two packets, sent and received."""
    with Vm(net="none", smp="4") as vm:
        vm.boot()
        vm.run("ip link set lo up")
        counted = "cd /sys/class/net/lo/statistics; echo $(cat tx_packets rx_packets tx_bytes rx_bytes tx_dropped)"
        before = [int(n) for n in vm.run(counted).split()]
        out = vm.run("for cpu in 0 1 2 3; do taskset -c $cpu ping -A -q -c 500 -s 100 127.0.0.1 & done; wait", 900)
        sent = [int(n) for n in re.findall(r"(\d+) packets transmitted, \d+ packets received", out)]
        assert len(sent) == 4 and min(sent) >= 500, out
        after, n = [int(n) for n in vm.run(counted).split()], 2 * sum(sent)
        assert [b - a for a, b in zip(before, after)] == [n, n, n * 128, n * 128, 0], (sent, before, after)


def test_fewer_than_there_are():
    for word, n in (("maxcpus=2", 2), ("maxcpus=1", 1), ("maxcpus=0", 1), ("", 4)):
        with Vm(net="none", smp="4", append=word) as vm:
            vm.boot()
            assert vm.run("nproc") == f"{n}\n"


def test_a_cpu_that_does_not_come():
    """The device tree names one that firmware does not know: the machine goes on with those that came."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        tree = device_tree(d, ("-c", "/cpus/cpu@7"), ("-t s", "/cpus/cpu@7", "device_type", "cpu"),
                           ("-t s", "/cpus/cpu@7", "enable-method", "psci"), ("-t x", "/cpus/cpu@7", "reg", "7"), cpus=2)
        with Vm(net="none", smp="2", args=["-dtb", tree]) as vm:
            vm.wait(r"CPU 7: firmware does not start it \(PSCI error -\d+\)")
            vm.boot()
            assert vm.run("nproc") == "2\n"


def spin_table_loader(folder, call=0xd503201f, shared=False):
    """A boot loader, made of machine code at 0x40080000: the other three CPUs of a machine come from PSCI and wait at a word
    from 0x40080100 on, each at its own or all at one; the first goes on in the kernel at 0x40200000, and the tree that it
    has from QEMU, which always tells of PSCI, does so no more. call: how PSCI is called; a nop, and the others stay off."""
    code = [0x14000010,                                     # b 0x40
            *[0] * 13, 0x644d5241, 0,                       # an image, says the word at 0x38
            0xaa0003f3,                                     # 0x40: mov x19, x0: the device tree
            0x52a02004, 0x528e6e05, 0x72ad2c65,             # mov w4, #0x01000000: a node; mov w5, "psci"
            0xb8404402, 0xb9400003,                         # 0x50: ldr w2, [x0], #4; ldr w3, [x0]
            0x6b04005f, 0x7a450060, 0x54ffff81,             # cmp w2, w4; ccmp w3, w5, #0, eq; b.ne 0x50
            0x110004a5, 0xb9000005,                         # add w5, w5, #1; str w5, [x0]: "qsci"
            0x100004b4,                                     # adr x20, 0x100: the words
            0xd2800035,                                     # mov x21, #1
            0x52800060, 0x72b88000,                         # 0x74: mov w0, #0xc4000003: CPU_ON
            0xaa1503e1, 0x10000142, 0xaa1403e3,             # mov x1, x21; adr x2, 0xa8; mov x3, x20
            call,
            0x91000294 if shared else 0x91002294,           # add x20, x20, #0 or #8
            0x910006b5, 0xf10012bf, 0x54fffee3,             # add x21, x21, #1; cmp x21, #4; b.lo 0x74
            0xaa1303e0, 0xd2a80401, 0xd61f0020,             # mov x0, x19; mov x1, #0x40200000; br x1
            0xd503205f, 0xf9400001, 0xb4ffffc1,             # 0xa8: wfe; ldr x1, [x0]; cbz x1, 0xa8
            0xaa1f03e0, 0xd61f0020]                         # mov x0, xzr; br x1
    path = os.path.join(folder, "loader")
    with open(path, "wb") as f:
        f.write(struct.pack(f"<{len(code)}I", *code).ljust(0x1000, b"\0"))
    return path


def kernel_at(address):
    """QEMU's arguments for a kernel that something else starts."""
    kernel = os.environ.get("DUNLIN_TEST_KERNEL") or qemu.built("debug", "Image")
    return ["-device", f"loader,file={kernel},addr={address:#x},force-raw=on"]


def cpu(n, *properties):
    return [(kind, f"/cpus/cpu@{n}", *words) for kind, *words in properties]


def test_cpus_that_wait_at_an_address():
    """Firmware without PSCI, the CPUs in its spin table, at EL1 and EL2, each with a word of its own or all with one."""
    for call, shared, machine in ((0xd4000002, False, {}),                                      # hvc #0
                                  (0xd4000003, True, {"machine": "virtualization=on", "gic": "3"})):     # smc #0
        with tempfile.TemporaryDirectory() as d:
            kept, pen = "/reserved-memory", "/reserved-memory/pen@40080000"
            edits = [("-c", kept), ("-t x", kept, "#address-cells", "2"), ("-t x", kept, "#size-cells", "2"), ("", kept, "ranges"),
                     ("-c", pen), ("-t x", pen, "reg", *"0 40080000 0 1000".split())]
            for n in (1, 2, 3):
                word = 0x40080100 if shared else 0x400800f8 + 8 * n
                edits += cpu(n, ("-t s", "enable-method", "spin-table"), ("-t x", "cpu-release-addr", "0", f"{word:x}"))
            tree = device_tree(d, *edits, cpus=4, gic=machine.get("gic", "2"))
            with Vm(net="none", smp="4", kernel=spin_table_loader(d, call, shared), **machine,
                    args=["-dtb", tree, *kernel_at(0x40200000)]) as vm:
                vm.boot()
                assert vm.run("nproc") == "4\n"
                assert vm.run("for c in 0 1 2 3; do taskset -c $c sh -c 'set -- $(cat /proc/self/stat); echo ${39}'; done") \
                    == "0\n1\n2\n3\n"


def test_cpus_that_start_in_no_known_way():
    """Each is named with the reason, and the machine goes on with those that come."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        release = ("-t x", "cpu-release-addr", "0")
        tree = device_tree(
            d, *cpu(1, ("-t s", "enable-method", "acme,smp")), *cpu(2, ("-d", "enable-method")),
            *cpu(4, ("-t s", "enable-method", "spin-table")),
            *cpu(5, ("-t s", "enable-method", "spin-table"), (*release, "50000000")),      # memory that is anybody's
            *cpu(6, ("-t s", "enable-method", "spin-table"), (*release, "40000004")),
            *cpu(7, ("-t s", "enable-method", "spin-table"), (*release, "8100000")), cpus=8)
        with Vm(net="none", smp="8", kernel=spin_table_loader(d), args=["-dtb", tree, *kernel_at(0x40200000)]) as vm:
            for said in (r'CPU 1: firmware starts it by "acme,smp", which is not known', r'CPU 2: firmware starts it by "", which',
                         r"CPU 3: firmware offers no PSCI to start it", r"CPU 4: its release address 0 cannot be one",
                         r"CPU 5: its release address 0x50000000 cannot be one", r"CPU 6: its release address 0x40000004 cannot",
                         r"CPU 7: there is nothing at 0x8100000"):
                vm.wait(said)
            vm.boot()
            assert vm.run("nproc") == "1\n"


def test_a_cpu_that_no_interrupt_reaches():
    """The device tree has a redistributor for the first alone: the second says so at once, and is left out."""
    only_ours()
    with tempfile.TemporaryDirectory() as d:
        one = ("-t x", "/intc@8000000", "reg", *"0 8000000 0 10000 0 80a0000 0 20000".split())
        tree = device_tree(d, one, cpus=2, gic="3")
        with Vm(net="none", smp="2", gic="3", args=["-dtb", tree]) as vm:
            vm.wait(r"GICv3: no redistributor for the CPU with affinity 1$")
            vm.wait(r"CPU 1: interrupts do not reach it; the machine goes on without it$")
            vm.boot()
            assert vm.run("nproc") == "1\n"


def test_more_than_can_be_used():
    only_ours()
    with Vm(net="none", smp="66", gic="3") as vm:
        vm.wait(r"66 CPUs, of which 64 can be used$")
        vm.boot()
        assert vm.run("nproc") == "64\n"
        assert vm.run("cat /proc/irq/default_smp_affinity") == "ffffffff,ffffffff\n"


def test_storms():
    """Programs that take all there is, and leave the machine as they found it."""
    with Vm(net="none", guest=True, smp="4", mem="128M") as vm:
        vm.boot()
        out, status = vm.sh(f"SEED={SEED} /bin/stress {STORMS}", 900)
        assert status == 0 and ", 0 failed" in out.splitlines()[-1], f"DUNLIN_SEED={SEED}\n{out}"


def test_a_panic_stops_them_all():
    only_ours()
    with Vm(net="none", smp="4", append="rdinit=/bin/true") as vm:
        vm.wait(r"[Kk]ernel panic: attempted to kill init")
        vm.wait(r"end of panic")
        assert vm.wait_exit() != 0


main()
