#!/usr/bin/env python3
# quick
"""/proc, /sys and /dev as programs read them."""
import re

from vmtest import Vm, main, only_ours


def test_self():
    with Vm(net="none") as vm:
        vm.boot()
        assert vm.run("readlink /proc/self/exe") == "/bin/busybox\n"
        assert vm.run("/bin/cat /proc/self/cmdline | tr '\\000' '|'") == "/bin/cat|/proc/self/cmdline|"
        assert vm.run("A=b env - C=d cat /proc/self/environ | tr '\\0' '\\n'") == "C=d\n"
        assert vm.run("cd /tmp; readlink /proc/self/cwd") == "/tmp\n"
        assert vm.run("readlink /proc/self/root") == "/\n"
        assert vm.run("cat /proc/self/comm") == "cat\n"
        pid = vm.run("sh -c 'echo $$; exec cat /proc/self/stat'").split("\n")
        fields = pid[1].split()
        assert fields[0] == pid[0] and fields[1] == "(cat)" and fields[2] == "R" and len(fields) == 52, pid
        status = dict(line.split(":", 1) for line in vm.run("cat /proc/self/status").splitlines())
        assert status["Name"].strip() == "cat" and status["State"].split()[0] == "R"
        assert int(status["VmRSS"].split()[0]) > 0 and status["Uid"].split() == ["0"] * 4
        maps = vm.run("cat /proc/self/maps")
        assert re.search(r"^00400000-\w+ r-xp 00000000 \S+ \d+\s+/bin/busybox$", maps, re.M), maps
        assert "[stack]" in maps and "[heap]" in maps
        assert len(vm.run("cat /proc/self/statm").split()) == 7
        assert vm.run("ls -1 /proc/self/fd | head -n 3") == "0\n1\n2\n"
        assert vm.run("readlink /proc/self/fd/0") == "/dev/null\n"
        assert vm.run("ls /proc/self/task").strip().isdigit()
        vm.run("grep -q ' / ' /proc/self/mountinfo && cat /proc/self/limits | grep -q 'Max open files'")


def test_other_processes():
    with Vm(net="none") as vm:
        vm.boot()
        vm.run("sleep 1000 & echo $! >/tmp/pid")
        # Before its exec it is another shell.
        vm.run("until [ \"$(tr '\\0' ' ' </proc/$(cat /tmp/pid)/cmdline)\" = 'sleep 1000 ' ]; do :; done")
        assert vm.run("readlink /proc/1/exe") == "/init\n"
        assert "sleep 1000" in vm.run("ps") and re.search(r"^\s+1 root\s.*init", vm.run("ps"), re.M)
        assert vm.run("pidof sleep") == vm.run("cat /tmp/pid")
        vm.run("kill $(cat /tmp/pid); wait; [ ! -e /proc/$(cat /tmp/pid) ]")
        assert vm.sh("cat /proc/999999/stat")[1] == 1
        assert "top" in vm.run("top -b -n 1 | grep -E 'top|Mem'")


def test_the_machine():
    with Vm(net="none", mem="256M") as vm:
        vm.boot()
        mem = {k: int(v) for k, v in re.findall(r"(?m)^(\S+):\s+(\d+) kB$", vm.run("cat /proc/meminfo"))}
        assert 200 << 10 < mem["MemTotal"] <= 256 << 10 and mem["MemFree"] <= mem["MemTotal"]
        assert mem["MemAvailable"] <= mem["MemTotal"] and {"Buffers", "Cached", "SwapTotal", "SwapFree", "Slab"} <= set(mem)
        cpu = vm.run("cat /proc/cpuinfo")
        for pattern in (r"^processor\s*: 0$", r"^Features\s*: .*\basimd\b.*", r"^CPU implementer\s*: 0x41$", r"^CPU part\s*: 0xd0b$",
                        r"^CPU architecture\s*: 8$"):
            assert re.search(pattern, cpu, re.M), cpu
        up = vm.run("cat /proc/uptime").split()
        assert len(up) == 2 and 0 < float(up[0]) < 3600 and 0 <= float(up[1]) <= float(up[0])
        assert re.fullmatch(r"\d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+ \d+\n", vm.run("cat /proc/loadavg"))
        assert " version " in vm.run("cat /proc/version")
        assert "console=ttyAMA0" in vm.run("cat /proc/cmdline")
        assert {"proc", "sysfs", "tmpfs", "devtmpfs"} <= set(vm.run("cat /proc/filesystems").split())
        assert vm.run("cat /proc/mounts") == vm.run("cat /proc/self/mounts")
        assert vm.run("nproc") == "1\n"
        assert "Mem:" in vm.run("free")
        first = float(vm.run("cut -d. -f1 /proc/uptime"))
        assert float(vm.run("sleep 0.01; cut -d. -f1 /proc/uptime")) >= first
        stat = vm.run("cat /proc/stat")
        for pattern in (r"^cpu  (\d+ ){9}\d+$", r"^cpu0 (\d+ ){9}\d+$", r"^intr \d+", r"^ctxt \d+$", r"^btime \d+$",
                        r"^processes \d+$", r"^procs_running \d+$", r"^procs_blocked \d+$"):
            assert re.search(pattern, stat, re.M), (pattern, stat)


def test_interrupts():
    """Linux's format: a column for each CPU, the controller, the line at it, edge or level, who handles it."""
    with Vm() as vm:
        vm.boot()
        text = vm.run("cat /proc/interrupts")
        head, *lines = text.splitlines()
        assert head.split() == ["CPU0"]
        for name in ("virtio0-config", "virtio0-input.0", "virtio0-output.0"):
            assert re.search(rf"^\s*\d+:\s+\d+\s+\S+\s+\d+\s+Edge\s+{re.escape(name)}$", text, re.M), text
        assert vm.interrupts()["virtio0-input.0"] > 0
        assert re.search(r"^\s*\d+:\s+\d+\s+\S+\s+\d+\s+Level\s+\S*pl011", text, re.M), text


def test_interrupts_name_controller_and_line():
    """Wires by their number at the GIC, as firmware gives it; messages by who takes them; of both what they are there."""
    for gic, wires, messages in (("2", "GICv2|GIC-0", "GICv2m-MSIX|MSI"), ("3", "GICv3", "ITS-MSI")):
        for word in ("", "pci=nomsi"):
            with Vm(gic=gic, smp="2", append=word) as vm:
                vm.boot()
                text = vm.run("cat /proc/interrupts")
                found = {name: (domain, int(hwirq), kind) for domain, hwirq, kind, name in
                         re.findall(r"(?m)^ *\d+: {,10}\d+ {,10}\d+  {,8}([-\w]+) +(\d+) (Level|Edge ) {5}([-\w.]+)$", text)}
                for name, hwirq in (("arch_timer", 27), ("uart-pl011", 33), ("rtc-pl031", 34)) + (("virtio0", 37),) * bool(word):
                    domain, number, kind = found[name]
                    assert re.fullmatch(wires, domain) and number == hwirq and kind == "Level", text
                lines = [found[f"virtio0-{what}"] for what in ("config", "input.0", "output.0") if not word]
                assert all(re.fullmatch(messages, domain) and kind == "Edge " for domain, _, kind in lines), text
                assert [number - lines[0][1] for _, number, _ in lines] == [0, 1, 2][:len(lines)], text
                numbers = sorted(re.findall(r"(?m)^ *(\d+):", text))
                assert set(numbers) <= set(vm.run("ls /proc/irq").split()), text


def test_interrupts_name_the_frame():
    only_ours()
    with Vm() as vm:
        vm.boot()
        text = vm.run("cat /proc/interrupts")
        hwirqs = [int(m) for m in re.findall(r"GICv2m-MSIX\s+(\d+)\s+Edge\s+virtio0-", text)]
        assert hwirqs == [80, 81, 82], text


def test_network_files():
    with Vm() as vm:
        vm.boot()
        vm.run("wget -q -O /dev/null http://10.0.2.2:1/ 2>/dev/null; true")
        files = vm.run("ls /proc/net").split()
        assert {"dev", "route", "arp", "tcp", "udp", "raw", "snmp", "netstat", "unix"} <= set(files), files
        dev = vm.run("cat /proc/net/dev")
        assert re.search(r"^\s*lo:(\s+\d+){16}$", dev, re.M) and re.search(r"^\s*eth0:(\s+\d+){16}$", dev, re.M), dev
        assert "eth0\t00000000\t0202000A\t0003\t" in vm.run("cat /proc/net/route")
        assert re.search(r"^10\.0\.2\.2\s+0x1\s+0x2\s+([0-9a-f]{2}:){5}[0-9a-f]{2}\s+\*\s+eth0$", vm.run("cat /proc/net/arp"), re.M)
        vm.run("nc -l -p 7777 >/dev/null & nc -u -l -p 7778 >/dev/null & until netstat -ltn | grep -q 7777; do :; done")
        assert re.search(r"^\s+\d+: 0+:1E61 0+:0000 0A ", vm.run("cat /proc/net/tcp*"), re.M)
        assert re.search(r"tcp\s+0\s+0 \S+:7777\s+\S+\s+LISTEN", vm.run("netstat -ltn"))
        snmp = vm.run("cat /proc/net/snmp").splitlines()
        for a, b in zip(snmp[::2], snmp[1::2]):
            assert a.split()[0] == b.split()[0] and len(a.split()) == len(b.split()), (a, b)
        assert {line.split(":")[0] for line in snmp} >= {"Ip", "Icmp", "Tcp", "Udp"}


def test_lease_is_told():
    """What ip=dhcp learnt, for resolv.conf."""
    only_ours()
    with Vm() as vm:
        vm.boot()
        pnp = vm.run("cat /proc/net/pnp")
        assert "nameserver 10.0.2.3\n" in pnp, pnp
        assert vm.run("cat /etc/resolv.conf") == pnp


def test_sysfs():
    with Vm() as vm:
        vm.boot()
        read = lambda name: vm.run(f"cat /sys/class/net/{name}").strip()       # noqa: E731
        assert read("eth0/address") == "52:54:00:12:34:56"
        assert read("eth0/mtu") == "1500"
        vm.run("until [ $(cat /sys/class/net/eth0/operstate) = up ]; do :; done")
        assert read("eth0/carrier") == "1"
        assert read("lo/address") == "00:00:00:00:00:00" and read("lo/mtu") == "65536"
        for name in ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets"):
            assert int(read(f"eth0/statistics/{name}")) > 0
        for name in ("rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "multicast"):
            assert int(read(f"eth0/statistics/{name}")) >= 0
        vm.run("ip link set eth0 mtu 1400")
        assert read("eth0/mtu") == "1400"
        assert vm.run("cat /sys/devices/system/cpu/online") == "0\n"
        ids = dict(line.split(" ", 1) for line in vm.run(
            "cd /sys/bus/pci/devices; for d in *; do echo $d $(cat $d/vendor $d/device $d/class); done").splitlines())
        assert "0x1af4 0x1000 0x020000" in ids.values() and "0x1b36 0x0008 0x060000" in ids.values(), ids


def test_devices():
    with Vm(net="none") as vm:
        vm.boot()
        assert vm.run("head -c 8 /dev/zero | od -An -tx1").split() == ["00"] * 8
        assert vm.run("wc -c </dev/null") == "0\n"
        assert vm.sh("echo x >/dev/full")[1] == 1
        a, b = vm.run("head -c 16 /dev/urandom | od -An -tx1"), vm.run("head -c 16 /dev/random | od -An -tx1")
        assert a != b and len(a.split()) == 16
        assert vm.run("wc -c </dev/zero & p=$!; kill $p; wait $p 2>/dev/null; echo done") == "done\n"
        kinds = vm.run("stat -c '%n %F %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/console /dev/tty")
        assert kinds.splitlines() == [f"/dev/{n} character special file {d}" for n, d in (
            ("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("console", "5:1"),
            ("tty", "5:0"))]
        assert vm.run("echo to-the-terminal >/dev/tty") == "to-the-terminal\n"


def test_files():
    """The root is a file system to write to."""
    with Vm(net="none") as vm:
        vm.boot()
        vm.run("mkdir -p /a/b && cd /a && echo one >f && ln f g && ln -s f s && mv f b/h && cp -r b c && chmod 640 c/h")
        assert vm.run("cat /a/g /a/b/h") == "one\none\n"
        assert vm.sh("cat /a/s")[1] == 1
        assert vm.run("stat -c '%a %h %s' /a/g /a/c/h") == "644 2 4\n640 1 4\n"
        assert vm.run("ls -1a /a") == ".\n..\nb\nc\ng\ns\n"
        assert vm.sh("rmdir /a/b")[1] == 1
        vm.run("rm -r /a && [ ! -e /a ]")
        vm.run("dd if=/dev/urandom of=/big bs=64k count=100 2>/dev/null && cp /big /big2 && cmp /big /big2 && rm /big /big2")
        vm.run("echo x >/tmp/t && truncate -s 5 /tmp/t && [ $(wc -c </tmp/t) = 5 ]")
        vm.run("touch -d '2020-01-02 03:04:05' /tmp/t && [ $(date -r /tmp/t +%Y) = 2020 ]")
        vm.run("mkdir /tmp/m && mount -t tmpfs -o size=1m none /tmp/m && ! dd if=/dev/zero of=/tmp/m/x bs=64k count=32 2>/dev/null")
        assert vm.run("wc -c </tmp/m/x") == f"{1 << 20}\n"
        vm.run("umount /tmp/m && [ ! -e /tmp/m/x ]")
        vm.run("cd /tmp; i=0; while [ $i -lt 300 ]; do echo $i >n$i; i=$((i+1)); done; [ $(ls | grep -c '^n') = 300 ] && rm n*")


def test_unknown_system_call_is_refused_and_said_once():
    only_ours()
    with Vm(net="none") as vm:
        vm.boot()
        before = vm.run("dmesg | wc -l")
        vm.sh("swapon /tmp/none; swapon /tmp/none")
        new = vm.run(f"dmesg | tail -n +{int(before) + 1}")
        assert new.count("\n") <= 1, new


main()
