#!/usr/bin/env python3
"""virtio-balloon: the host takes memory and gives it back, is told how memory is used, and what is free."""
import re
import time

from vmtest import LIMIT, Vm, main, only_ours

MIB = 1 << 20


def machine(options="", mem="512M", args=()):
    return Vm(net="none", mem=mem, args=[*args, "-device", "virtio-balloon-pci,id=balloon" + options],
              modules=("virtio_balloon",))


def mem(vm, name="MemTotal"):
    """A line of /proc/meminfo, in MiB."""
    return int(re.search(name + r": *(\d+) kB", vm.run("cat /proc/meminfo"))[1]) >> 10


def until(vm, what):
    """Wait for something that the host sees."""
    end = time.monotonic() + LIMIT
    while not what():
        assert vm.process.poll() is None and time.monotonic() < end, vm.tail()
        time.sleep(0.02)


def actual(vm):
    return vm.qmp("query-balloon")["actual"] // MIB


def want(vm, size):
    """The host wants the guest to have that many MiB, and waits until it has."""
    vm.qmp("balloon", value=size * MIB)
    until(vm, lambda: actual(vm) == size)


def fill(vm, size):
    """A file of that many MiB in memory, the parts of it told from each other."""
    vm.run("mkdir -p /tmp/full; mount -t tmpfs -o size=100% none /tmp/full; head -c 4194296 /dev/urandom > /tmp/part")
    vm.run(f"for i in $(seq 10000001 1{size // 4:07d}); do echo -n $i; cat /tmp/part; done > /tmp/full/file")


def check(vm, size):
    """It is as it was written."""
    vm.run(f"for i in $(seq 10000001 1{size // 4:07d}); do echo -n $i; cat /tmp/part; done | cmp - /tmp/full/file")


def inflate_and_deflate(options):
    with machine(options) as vm:
        vm.boot()
        before = mem(vm)
        want(vm, 200)
        assert before - mem(vm) == 312
        want(vm, 512)
        assert mem(vm) == before
        fill(vm, 200)


def test_inflate_and_deflate():
    """The host's number is reached both ways, and /proc/meminfo counts without what the host has."""
    inflate_and_deflate("")


def test_legacy_and_packed():
    inflate_and_deflate(",disable-modern=on,disable-legacy=off")
    inflate_and_deflate(",packed=on,disable-legacy=on")


def test_too_much():
    """More than there is: the machine lives on with what it needs, and has all of it again."""
    with machine(mem="256M") as vm:
        vm.boot()
        vm.qmp("balloon", value=1 * MIB)
        only_ours()             # Linux ends programs then
        until(vm, lambda: actual(vm) < 100)
        assert vm.run("echo $((6 * 7))") == "42\n"
        want(vm, 256)


def test_memory_runs_out():
    """deflate-on-oom: a program that needs the memory gets it, before anybody is ended."""
    with machine(",deflate-on-oom=on", mem="256M") as vm:
        vm.boot()
        total = mem(vm)
        want(vm, 120)
        assert mem(vm) == total
        fill(vm, 124)
        check(vm, 124)
        assert "illing" not in vm.run("dmesg")
        until(vm, lambda: actual(vm) > 120)
        vm.run("rm /tmp/full/file")
        want(vm, 119)           # what the host wants next holds; Linux does nothing before that


def test_statistics():
    with machine() as vm:
        vm.boot()
        vm.qmp("qom-set", path="/machine/peripheral/balloon", property="guest-stats-polling-interval", value=1)
        stats = {}

        def there():
            stats.update(vm.qmp("qom-get", path="/machine/peripheral/balloon", property="guest-stats"))
            return 0 < stats["stats"]["stat-total-memory"] < 1 << 40

        until(vm, there)
        seen = stats["last-update"]         # it began before boot had let go of what it had
        until(vm, lambda: there() and stats["last-update"] > seen)
        stats = stats["stats"]
        assert abs((stats["stat-total-memory"] >> 20) - mem(vm)) <= 1, stats
        assert 0 < stats["stat-free-memory"] <= stats["stat-total-memory"], stats
        assert 0 < stats["stat-available-memory"] <= stats["stat-total-memory"], stats
        assert stats["stat-minor-faults"] > 0 and stats["stat-swap-in"] == 0, stats


def host_memory(vm):
    """MiB of this machine that QEMU has."""
    with open(f"/proc/{vm.process.pid}/status") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1]) >> 10


def free_pages(options, *args):
    with machine(",free-page-reporting=on" + options, args=args) as vm:
        vm.boot()
        for _ in range(2):
            fill(vm, 200)
            full = host_memory(vm)
            check(vm, 200)
            vm.run("umount /tmp/full")
            until(vm, lambda: host_memory(vm) < full - 100)
        want(vm, 256)
        want(vm, 512)


def test_free_pages():
    """The host gets back what nobody uses, and what is used is what was written."""
    free_pages("")


def test_free_pages_beside_hints():
    """The queues' numbers count what the device offers."""
    free_pages(",free-page-hint=on,iothread=io", "-object", "iothread,id=io")


def test_unbind():
    """A driver that goes leaves the machine all its memory; bound again it does as the host wants."""
    with machine(",free-page-reporting=on") as vm:
        vm.boot()
        before = mem(vm)
        driver = "/sys/bus/virtio/drivers/virtio_balloon" if "virtio_balloon" in vm._modules else \
            "/sys/bus/pci/drivers/virtio-pci"
        name = vm.run(f"ls {driver} | grep -E 'virtio[0-9]|:..:' | tail -n 1").strip()
        for _ in range(3):
            want(vm, 200)
            vm.run(f"echo {name} > {driver}/unbind")
            assert mem(vm) == before
            vm.run(f"echo {name} > {driver}/bind")
        until(vm, lambda: actual(vm) == 200)
        want(vm, 512)
        assert mem(vm) == before


main()
