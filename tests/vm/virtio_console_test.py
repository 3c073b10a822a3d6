#!/usr/bin/env python3
"""virtio-console: consoles and named ports, with a host that reads, doesn't, comes and goes."""
import hashlib
import re
import tempfile
import time

from vmtest import LIMIT, Console, Vm, main, only_ours


class Host(Console):
    """The host's end of a port: what comes is text to wait for."""

    def __init__(self, vm, path):
        super().__init__()
        self.socket = vm.connect(path)
        end = time.monotonic() + LIMIT
        # The connection is there before QEMU has taken it, and the guest only then hears that somebody is.
        while any(path in c["filename"] and "disconnected" in c["filename"] for c in vm.qmp("query-chardev")):
            assert time.monotonic() < end, vm.tail()
            time.sleep(0.01)

    def listen(self):
        self.socket.settimeout(None)
        self._attach(self.socket.fileno(), self.socket.fileno())
        return self

    def close(self):
        self.socket.close()


def _device(folder, extra=""):
    """A console and a port with a name; the chardevs are c0 to c4, on sockets of their names."""
    args = ["-device", "virtio-serial-pci,id=serial" + extra]
    for i in range(5):
        args += ["-chardev", f"socket,id=c{i},path={folder}/c{i},server=on,wait=off"]
    return args + ["-device", "virtconsole,chardev=c0", "-device", "virtserialport,chardev=c1,name=org.dunlin.test"]


def test_console():
    """console=hvc0: the shell is there, by each transport, and on a device of one port."""
    only_ours()
    for extra in ("", ",disable-modern=on,disable-legacy=off", ",max_ports=1"):
        with tempfile.TemporaryDirectory() as folder:
            args = _device(folder, extra)
            if "max_ports" in extra:
                args = args[:-2]
            with Vm(net="none", append="console=hvc0", args=args) as vm:
                host = Host(vm, f"{folder}/c0").listen()
                host.send("\n")
                host.wait(r"# ")
                host.send("echo $((6 * 7)); cat /sys/class/tty/console/active; tty\n")
                host.wait(r"^42$")
                host.wait(r"^ttyAMA0 hvc0$")
                host.wait(r"^/dev/console$")
                host.prompt()
                host.send("echo up; cat\n")
                host.wait(r"^up$")        # from here on lines are echoed by the terminal
                host.send("line one\n")
                host.wait(r"^line one\nline one$")
                host.send("\x03")
                host.wait(r"# ")
                host.send("seq 1 3000 | tail -n 1; seq 1 3000\n")
                host.wait(r"^2999\n3000$")


def test_ports():
    """Names; bytes both ways, more than fits, to a host that reads late; end of file without a host."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(net="none", append="console=ttyAMA0", args=_device(folder)) as vm:
        vm.boot()
        assert vm.run("cat /sys/class/virtio-ports/vport0p1/name") == "org.dunlin.test\n"
        assert vm.run("wc -c < /dev/vport0p1") == "0\n"
        host = Host(vm, f"{folder}/c1")
        vm.run("head -c 1000000 /dev/urandom > /tmp/bytes")
        want = vm.run("md5sum < /tmp/bytes").split()[0]
        tag = vm.start("cat /tmp/bytes > /dev/vport0p1")
        got = b""
        while len(got) < 1000000:
            got += host.socket.recv(65536)
        assert vm.finish(tag) == ("", 0)
        assert hashlib.md5(got).hexdigest() == want
        tag = vm.start("head -c 1000000 /dev/vport0p1 | md5sum")
        host.socket.sendall(got)
        assert vm.finish(tag)[0].split()[0] == want
        tag = vm.start("cat /dev/vport0p1")
        host.socket.sendall(b"last\n")
        vm.wait("^last$")
        host.close()
        assert vm.finish(tag)[1] == 0


def test_one_at_a_time():
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(net="none", append="console=ttyAMA0", args=_device(folder)) as vm:
        vm.boot()
        host = Host(vm, f"{folder}/c1")
        out, status = vm.sh("exec 3<> /dev/vport0p1; cat /dev/vport0p1; echo status $?; exec 3>&-")
        assert "busy" in out and "status 1" in out, out
        host.close()


def test_comes_and_goes():
    """A port is added and removed while the machine runs; who reads it is told; its number can come again."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(net="none", append="console=ttyAMA0", args=_device(folder)) as vm:
        vm.boot()
        for turn in range(3):
            vm.qmp("device_add", driver="virtserialport", bus="serial.0", chardev=f"c{turn + 2}", name=f"turn.{turn}",
                   id="late", nr=5)
            vm.run("until [ -e /sys/class/virtio-ports/vport0p5/name ]; do sleep 0.1; done")
            assert vm.run("cat /sys/class/virtio-ports/vport0p5/name") == f"turn.{turn}\n"
            host = Host(vm, f"{folder}/c{turn + 2}")
            tag = vm.start("cat /dev/vport0p5")
            host.socket.sendall(b"hello\n")
            vm.wait("^hello$")
            vm.qmp("device_del", id="late")
            out, status = vm.finish(tag)
            assert status == 1 and "No such device" in out, (out, status)
            vm.run("while [ -e /dev/vport0p5 ]; do usleep 10000; done")
            host.close()


def test_given_back():
    """The driver is taken from the device: who reads a port or a console is told; with a driver they come again."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, Vm(net="none", append="console=ttyAMA0", args=_device(folder)) as vm:
        vm.boot()
        host, terminal = Host(vm, f"{folder}/c1"), Host(vm, f"{folder}/c0")
        for turn in range(3):
            host.socket.sendall(b"hello\n")
            terminal.socket.sendall(b"hello\n")
            out = vm.run("cd /sys/bus/pci/drivers/virtio-pci; card=$(echo 0000:*); "
                         f"cat /dev/vport0p1 > /tmp/port & port=$!; cat /dev/hvc{turn} > /tmp/hvc & hvc=$!; "
                         "until [ -s /tmp/port ] && [ -s /tmp/hvc ]; do sleep 0.1; done; cat /tmp/port /tmp/hvc; "
                         "echo $card > unbind; wait $port; echo port $?; wait $hvc; echo hvc $?; "
                         f"ls /dev/vport* /dev/hvc{turn} 2> /dev/null; echo $card > bind; rm /tmp/port /tmp/hvc; "
                         "cat /sys/class/virtio-ports/vport0p1/name")
            assert re.fullmatch(r"hello\nhello\n(.*\n)?port 1\nhvc 0\norg.dunlin.test\n", out), out


def test_opened_while_it_goes():
    """Consoles that programs open without end, while their device gets and loses its driver: nodes and memory go with it."""
    only_ours()
    with tempfile.TemporaryDirectory() as folder, \
            Vm(net="none", smp="4", append="console=ttyAMA0", args=_device(folder)) as vm:
        vm.boot()
        vm.run("cd /sys/bus/pci/drivers/virtio-pci; card=$(echo 0000:*); "
               "again() { n=0; while [ $n -lt $1 ]; do echo $card > unbind; echo $card > bind; n=$((n + 1)); done; }")
        for _ in range(3):
            # Each follows the number that the console has by now, and holds it open over its end.
            vm.run("(while [ ! -e /tmp/stop ]; do for at in /dev/hvc*; do { exec 4<$at; exec 5<$at; } 2> /dev/null; done; done) & "
                   "(while [ ! -e /tmp/stop ]; do for at in /dev/hvc*; do stty -F $at size > /dev/null 2>&1; done; done) & "
                   "again 60; touch /tmp/stop; wait; rm /tmp/stop")
        said = vm.run("echo /dev/hvc*")
        assert re.fullmatch(r"/dev/hvc\d+\n", said), said
        free = "grep MemFree /proc/meminfo"
        vm.run("again 50")
        before = int(vm.run(free).split()[1])
        vm.run("again 200")
        after = int(vm.run(free).split()[1])
        assert after > before - 512, f"{before} kB free, then {after}"      # a terminal is 9 KB


main()
