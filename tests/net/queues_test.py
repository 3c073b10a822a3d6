#!/usr/bin/env python3
# limit: 2400
"""A card with several pairs of queues: each takes traffic on its CPU, flows stay in order, their number may change."""
import concurrent.futures
import hashlib
import re
import socket

from netns import LIMIT, Net, Vm, main, only_ours

PAGE = bytes(i % 251 for i in range(1 << 20))
SUM = hashlib.sha256(PAGE).hexdigest()
CARD = "virtio-net-pci,mq=on,vectors=10"


def machine(nic=CARD, cpus=4, queues=4, **more):
    net = Net(queues=queues)
    try:
        vm = Vm(ns=net, nic=nic, smp=str(cpus), guest=True, files={"www/page": PAGE}, **more)
    except BaseException:
        net.close()
        raise
    return net, vm


def counts(vm, kind):
    """{number of a queue: [interrupts by CPU]} of virtio0's queues of one kind."""
    return {int(m[2]): [int(n) for n in m[1].split()]
            for m in re.finditer(rf"(?m)^\s*\d+:((?:\s+\d+)+)\s.*virtio0-{kind}\.(\d+)$", vm.run("cat /proc/interrupts"))}


def get(net):
    with net.connect(80) as s:
        s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        answer = b""
        while data := s.recv(65536):
            answer += data
    assert answer.endswith(b"\r\n\r\n" + PAGE), len(answer)


def served(net, vm, times):
    """The guest's page, so many times at once, each by a connection of its own."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for job in [pool.submit(get, net) for _ in range(times)]:
            job.result()


def prepare(net, vm):
    net.nginx()
    with open(f"{net.www}/page", "wb") as f:
        f.write(PAGE)
    vm.boot()
    vm.run("httpd -p 80 -h /www")


def every_queue(nic=CARD, spread=False, **more):
    """What a CPU asks for comes back by its queue, unless the card spreads by a hash of its own."""
    net, vm = machine(nic, **more)
    with net, vm:
        prepare(net, vm)
        assert vm.run("ls /sys/class/net/eth0/queues").split() == [f"{k}x-{i}" for k in "rt" for i in range(4)]
        assert [int(x, 16) for x in vm.run("cat /sys/class/net/eth0/queues/tx-*/xps_cpus").split()] == [1, 2, 4, 8]
        for cpu in range(4):
            before = counts(vm, "input")
            got = vm.run(f"for i in 1 2 3 4; do taskset -c {cpu} wget -q -O - http://10.77.0.1/page | sha256sum; done")
            assert got.split()[::2] == [SUM] * 4, got
            if not spread:
                assert sum(counts(vm, "input")[cpu]) > sum(before[cpu]), (cpu, before, counts(vm, "input"))
        served(net, vm, 32)
        seen = counts(vm, "input")
        assert sorted(seen) == sorted(counts(vm, "output")) == [0, 1, 2, 3], seen
        for queue, by_cpu in seen.items():
            assert by_cpu[queue] and sum(by_cpu) == by_cpu[queue], seen
        net.echo(20)


def test_split_rings():
    every_queue()


def test_packed_rings():
    every_queue("virtio-net-pci,mq=on,vectors=10,packed=on")


def test_legacy_device():
    every_queue("virtio-net-pci,mq=on,vectors=10,disable-modern=on")


def test_its():
    every_queue(gic="3")


def test_rss():
    every_queue("virtio-net-pci,mq=on,vectors=10,rss=on", spread=True)


def fallback(nic, pairs, cpus=4, **more):
    """Fewer pairs than the card has, and all the same it works."""
    net, vm = machine(nic, cpus, **more)
    with net, vm:
        prepare(net, vm)
        said = vm.run("dmesg | grep 'pairs of queues'")
        assert f"virtio0: {pairs} of 4 pairs of queues" in said, said
        assert vm.run("nettool channels eth0") == f"max 0 0 0 {pairs} now 0 0 0 {pairs}\n"
        assert vm.run("ls /sys/class/net/eth0/queues").split() == [f"{k}x-{i}" for k in "rt" for i in range(pairs)]
        got = vm.run("for i in 1 2 3 4 5 6; do wget -q -O - http://10.77.0.1/page | sha256sum & done; wait")
        assert got.split()[::2] == [SUM] * 6, got
        served(net, vm, 8)


def test_fewer_cpus():
    only_ours()
    fallback(CARD, 2, cpus=2)


def test_one_cpu():
    only_ours()
    net, vm = machine(cpus=1)
    with net, vm:
        prepare(net, vm)
        assert vm.run("nettool channels eth0") == "max 0 0 0 1 now 0 0 0 1\n"
        assert vm.run("wget -q -O - http://10.77.0.1/page | sha256sum").split()[0] == SUM


def test_fewer_vectors():
    only_ours()
    fallback("virtio-net-pci,mq=on,vectors=6", 2)


def test_two_vectors():
    only_ours()
    fallback("virtio-net-pci,mq=on,vectors=2", 1)


def test_no_messages():
    only_ours()
    fallback(CARD, 1, append="pci=nomsi")


def test_no_interrupts():
    only_ours()
    fallback(CARD, 1, append="pci=noirq")


def test_number_is_changed_under_traffic():
    net, vm = machine()
    with net, vm:
        prepare(net, vm)
        assert vm.run("nettool channels eth0") == "max 0 0 0 4 now 0 0 0 4\n"
        vm.run("(n=0; while [ ! -e /tmp/stop ] || [ $n -lt 100 ]; do for c in 1 4 2 3; do "
               "nettool channels eth0 $c >/dev/null || exit 1; n=$((n + 1)); done; done) & changer=$!")
        tag = vm.start("for i in 1 2 3 4 5 6 7 8; do "
                       "(for k in 1 2 3; do wget -q -O - http://10.77.0.1/page | sha256sum; done) & pids=\"$pids $!\"; done; wait $pids")
        served(net, vm, 24)
        out, status = vm.finish(tag, 300)
        assert status == 0 and out.split()[::2] == [SUM] * 24, out
        vm.run("touch /tmp/stop; wait $changer")
        assert vm.run("nettool channels eth0 2") == "max 0 0 0 4 now 0 0 0 2\n"
        assert vm.run("ls /sys/class/net/eth0/queues").split() == ["rx-0", "rx-1", "tx-0", "tx-1"]
        before = counts(vm, "input")
        served(net, vm, 16)
        after = counts(vm, "input")
        assert after[2] == before[2] and after[3] == before[3], (before, after)
        for wrong in ("0", "5"):
            said, status = vm.sh(f"nettool channels eth0 {wrong} 2>&1")
            assert status and "Invalid argument" in said, said
        # It is kept while the interface is down.
        vm.run("ip link set eth0 down; nettool channels eth0 3; ip link set eth0 up")
        net.reach()
        net.echo(5)
        assert vm.run("nettool channels eth0") == "max 0 0 0 4 now 0 0 0 3\n"


def test_other_cards_have_no_channels():
    with Vm(guest=True) as vm:
        vm.boot()
        said, status = vm.sh("nettool channels lo 2>&1")
        assert status and "not supported" in said.lower(), said


def test_a_flow_stays_in_order():
    """From a program that sends each datagram from another CPU."""
    only_ours()
    net, vm = machine()
    with net, vm, net.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((net.host_ip, 9000))
        s.settimeout(LIMIT)
        s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)       # SO_RCVBUFFORCE
        vm.boot()
        net.echo()          # both know each other: nothing waits for that, and is lost because it is too much
        tag = vm.start("nettool wander 10.77.0.1 9000 3000")
        seen = [int.from_bytes(s.recv(100), "big") for _ in range(sum(1 + i % 3 for i in range(3000)))]
        assert vm.finish(tag)[1] == 0
        assert seen == sorted(seen), [(a, b) for a, b in zip(seen, seen[1:]) if a > b][:10]
        used = counts(vm, "output")
        assert len(used) == 4, used


main()
