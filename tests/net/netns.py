"""The other side of the wire: a network namespace with a tap for the guest and real peers.

    with Net() as net, Vm(ns=net) as vm:    # dnsmasq answers DHCP and DNS at once
        net.nginx()
        vm.boot()
        vm.run("wget -qO- http://host.test/1k")

Everything lives in one namespace of a unique name and one temporary folder; both go at
the end, with every process. What a killed test left behind is removed by the next
one. Needs root and /dev/net/tun; without them Net() raises Skip and says so.
"""
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
from vmtest import LIMIT, Hand, Skip, Vm, VmError, main, only_ours, qemu  # noqa: E402,F401

PREFIX = "dunlin-test-"
STATIC = "ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:off"      # the guest's address without DHCP
_libc = ctypes.CDLL(None, use_errno=True)
_count = 0
os.environ["PATH"] += ":/usr/sbin:/sbin"


def _ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


def _why_not():
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun is not there: no tap interfaces"
    for program in ("ip", "dnsmasq"):
        if not shutil.which(program):
            return f"{program} is not installed: run tools/setup test"
    return None


def _remove_namespace(name):
    """With whatever still runs in it: a server's workers outlive it for a moment, or for ever if it was killed."""
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)


def _remove_stale():
    """Namespaces whose test is dead."""
    for path in glob.glob(f"/run/netns/{PREFIX}*"):
        m = re.fullmatch(PREFIX + r"(\d+)-\d+", os.path.basename(path))
        if m and not os.path.exists(f"/proc/{m[1]}"):
            _remove_namespace(m[0])


def _icmp(kind, ident, sequence, body):
    head = struct.pack(">BBHHH", kind, 0, 0, ident, sequence & 0xffff)
    words = head + body + b"\0" * (len(body) & 1)
    total = sum(struct.unpack(f">{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return head[:2] + struct.pack(">H", ~total & 0xffff) + head[4:] + body


class Net:
    """A namespace, a tap up at host_ip, and dnsmasq unless dhcp=False. queues: how many pairs of queues the tap has;
    room: for so many frames that the guest does not take yet.

    The guest gets guest_ip by DHCP. Names: host.test is the host, guest.test the guest.
    """

    def __init__(self, dhcp=True, tap="tap0", mtu=1500, queues=1, room=1000):
        global _count
        reason = _why_not()
        if reason:
            raise Skip(reason)
        _remove_stale()
        _count += 1
        self.name = f"{PREFIX}{os.getpid()}-{_count}"
        self.tap, self.queues = tap, queues
        self.host_ip, self.guest_ip, self.bits = "10.77.0.1", "10.77.0.2", 24
        self.prefix = ["ip", "netns", "exec", self.name]
        self.processes = []
        self.dir = tempfile.mkdtemp(prefix="dunlin-net-")
        os.chmod(self.dir, 0o755)
        self.www = os.path.join(self.dir, "www")
        os.mkdir(self.www)
        try:
            _ip("netns", "add", self.name)
        except subprocess.CalledProcessError as e:
            shutil.rmtree(self.dir)
            raise Skip(f"no network namespaces here: {e.stderr.strip()}") from None
        try:
            _ip("-n", self.name, "link", "set", "lo", "up")
            _ip("-n", self.name, "tuntap", "add", tap, "mode", "tap", "vnet_hdr",
                *["multi_queue"] * (queues > 1))
            # What the host says by itself (router solicitations) would be counted as the guest's.
            self.sysctl("net.ipv6.conf.all.disable_ipv6", 1, may_fail=True)
            self.sysctl("net.ipv4.icmp_ratelimit", 0)
            # A guest that is held up for seconds is asked for its link address until it answers.
            self.sysctl(f"net.ipv4.neigh.{tap}.mcast_solicit", LIMIT)
            # Room on the sockets of a Bridge, so that it loses what it was told to and no more.
            self.sysctl("net.unix.max_dgram_qlen", 8192, may_fail=True)
            _ip("-n", self.name, "addr", "add", f"{self.host_ip}/{self.bits}", "dev", tap)
            _ip("-n", self.name, "link", "set", tap, "mtu", str(mtu), "txqueuelen", str(room), "up")
            if dhcp:
                self.dnsmasq()
        except BaseException:
            self.close()
            raise

    # ---- in the namespace ---------------------------------------------------

    def sysctl(self, name, value, may_fail=False):
        self.run("sysctl", "-qw", f"{name}={value}", check=not may_fail)

    def run(self, *cmd, check=True, timeout=LIMIT, **kw):
        """Run a program in the namespace to its end; its output as text."""
        p = subprocess.run([*self.prefix, *cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=timeout, **kw)
        if check and p.returncode:
            raise AssertionError(f"{' '.join(cmd)}: status {p.returncode}\n{p.stdout[-2000:]}")
        return p.stdout

    def spawn(self, *cmd, **kw):
        """Start a program in the namespace; it ends with this object. Its output is in NAME.log."""
        log = open(os.path.join(self.dir, os.path.basename(cmd[0]) + ".log"), "a")
        kw = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **kw}
        p = subprocess.Popen([*self.prefix, *cmd], preexec_fn=qemu.die_with_parent, **kw)
        self.processes.append(p)
        return p

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace: sockets made here belong to it."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            self._enter(there)
            yield
        finally:
            self._enter(home)
            os.close(home)
            os.close(there)

    @staticmethod
    def _enter(fd):
        if _libc.setns(fd, 0x40000000):         # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), "setns")

    def socket(self, *args):
        """A socket of the namespace."""
        with self.inside():
            return socket.socket(*args)

    def connect(self, port, host=None, timeout=LIMIT):
        """A TCP connection from the namespace, to the guest unless told; tried until it is taken."""
        end = time.monotonic() + timeout
        while True:
            s = self.socket()
            s.settimeout(timeout)
            try:
                s.connect((host or self.guest_ip, port))
                return s
            except OSError:
                s.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def link_stats(self):
        """Frames and bytes over the tap, as the guest sees the directions."""
        import json
        s = json.loads(subprocess.check_output(["ip", "-n", self.name, "-s", "-j", "link", "show", self.tap]))[0]["stats64"]
        return {"received": s["tx"]["packets"], "received_bytes": s["tx"]["bytes"],
                "sent": s["rx"]["packets"], "sent_bytes": s["rx"]["bytes"]}

    def echo(self, count=1, size=56, flags=()):
        """ICMP echoes to the guest, each sent when the last was answered: exactly count each way, however slow the machine.

        (ping(8) leaves twice the longest round trip after its last echo: on a busy machine it says lost of what is late.)
        """
        with self.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
            s.settimeout(LIMIT)
            for option in flags:
                s.setsockopt(*option)
            s.connect((self.guest_ip, 0))
            ident = os.getpid() & 0xffff
            for n in range(count):
                body = bytes((i + n) % 251 for i in range(size))
                s.send(_icmp(8, ident, n, body))
                want = _icmp(0, ident, n, body)
                while True:
                    try:
                        answer = s.recv(65536)
                    except TimeoutError:
                        raise AssertionError(f"echo {n} of {count} ({size} bytes) is not answered") from None
                    payload = answer[(answer[0] & 15) * 4:]
                    if payload[:1] == b"\0" and payload[4:8] == want[4:8]:
                        break
                assert payload == want, f"echo {n} of {count} comes back changed"

    def reach(self):
        """Until the guest answers. What is sent while its card or its link is away may be lost: echoes, again and again.

        (busybox's ping must not give up at the very moment when an answer comes: its handler of the alarm prints, and waits
        for itself if it came upon a print.)
        """
        end, ident = time.monotonic() + LIMIT, ~os.getpid() & 0xffff
        with self.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
            s.settimeout(1)
            s.connect((self.guest_ip, 0))
            while time.monotonic() < end:
                try:
                    s.send(_icmp(8, ident, 0, b""))
                    while True:
                        answer = s.recv(65536)
                        payload = answer[(answer[0] & 15) * 4:]
                        if payload[:1] == b"\0" and payload[4:6] == struct.pack(">H", ident):
                            return
                except OSError:         # nothing has come, or nobody has the address yet
                    time.sleep(0.05)
        raise AssertionError("the guest does not answer")

    def acquaint(self, vm, guest_mac="52:54:00:12:34:56"):
        """Both sides know each other for good: no ARP from now on."""
        mac = self.run("cat", f"/sys/class/net/{self.tap}/address").strip()
        self.run("ip", "neigh", "replace", self.guest_ip, "lladdr", guest_mac, "dev", self.tap, "nud", "permanent")
        vm.run(f"arp -s {self.host_ip} {mac}")

    # ---- peers --------------------------------------------------------------

    def _listens(self, table, port):
        for family in ("", "6"):
            with self.inside(), contextlib.suppress(FileNotFoundError), open(f"/proc/thread-self/net/{table}{family}") as f:
                for line in f.readlines()[1:]:
                    local, state = line.split()[1], line.split()[3]
                    if int(local.split(":")[1], 16) == port and state in ("0A", "07"):
                        return True
        return False

    def ready(self, process, what, port, udp=False):
        """Wait until somebody listens on the port; AssertionError with its log if it ends instead."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            if self._listens("udp" if udp else "tcp", port):
                return process
            time.sleep(0.02)
        log = os.path.join(self.dir, what + ".log")
        said = open(log).read()[-1500:] if os.path.exists(log) else ""
        raise AssertionError(f"{what} does not serve: {said}")

    def dnsmasq(self, *extra, lease="1h"):
        """DHCP for the guest and DNS for *.test."""
        return self.ready(self.spawn(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-ping",
            "--log-facility=-", "--user=root", "--bind-interfaces", f"--interface={self.tap}", "--except-interface=lo",
            f"--dhcp-range={self.guest_ip},{self.guest_ip},{lease}", "--dhcp-authoritative",
            f"--dhcp-leasefile={self.dir}/leases", "--log-dhcp", "--pid-file=",
            "--local=/test/", f"--host-record=host.test,{self.host_ip}", f"--host-record=guest.test,{self.guest_ip}", *extra),
            "dnsmasq", 53, udp=True)

    def nginx(self, port=80, **files):
        """A web server for self.www, which has 1k and 10m (patterns that repeat at no power of two)."""
        self.need("nginx", "nginx-light")
        for name, size in (("1k", 1 << 10), ("10m", 10 << 20)):
            path = os.path.join(self.www, name)
            if not os.path.exists(path):
                pattern = bytes(range(251)) + name.encode()
                with open(path, "wb") as f:
                    f.write((pattern * (size // len(pattern) + 1))[:size])
        conf = os.path.join(self.dir, "nginx.conf")
        temps = "".join(f"{k}_temp_path {self.dir}/nginx-tmp; "
                        for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(conf, "w") as f:
            f.write(f"""daemon off; user root; worker_processes 1; pid {self.dir}/nginx.pid;
                error_log {self.dir}/nginx.log; events {{ worker_connections 1024; }}
                http {{ access_log {self.dir}/access.log; keepalive_requests 1000000; client_max_body_size 64m;
                {temps} server {{ listen {self.host_ip}:{port}; root {self.www};
                location /put/ {{ dav_methods PUT; create_full_put_path on; }} }} }}""")
        return self.ready(self.spawn("nginx", "-c", conf, "-e", f"{self.dir}/nginx.log"), "nginx", port)

    def iperf3(self, port=5201):
        self.need("iperf3")
        return self.ready(self.spawn("iperf3", "-4", "-s", "-p", str(port)), "iperf3", port)

    @staticmethod
    def need(program, package=None):
        if not shutil.which(program):
            raise Skip(f"{program} (package {package or program}) is not installed: run tools/setup test")

    # ---- the end ------------------------------------------------------------

    def close(self):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.terminate()
        for p in self.processes:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        _remove_namespace(self.name)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
