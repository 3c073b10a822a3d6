"""One guest that is measured, and what is counted around it.

Built on the guests and the network of the tests (tests/vm/vmtest.py, tests/net/netns.py): every
Guest has a namespace of its own with a tap, dnsmasq and nginx, and QEMU runs inside it. Linux and
Dunlin boot the same initramfs, made here, whose /init is bench/guest-init. Instructions are counted
from outside by the plugin bench/insncount.c.
"""
import glob
import gzip
import json
import mmap
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TOP, "tests", "net"), os.path.join(TOP, "tests", "vm"), os.path.join(TOP, "tools", "lib")]
import cpio  # noqa: E402
from netns import Net  # noqa: E402
from vmtest import Vm  # noqa: E402

BUILD = os.path.join(TOP, "build")
OUT = os.path.join(BUILD, "bench")
NBENCH = os.path.join(OUT, "nbench")
GUEST_PROGRAMS = ("nbench", "sbench")
PLUGIN = os.path.join(OUT, "insncount.so")
# The desktop's part of the initramfs, and a client of its window manager that does what lines tell it.
DESKTOP, PANES = os.path.join(BUILD, "desktop.cpio"), os.path.join(BUILD, "gpu", "panes")
KERNELS = {"linux": os.path.join(BUILD, "linux", "Image"), "dunlin": os.path.join(BUILD, "Image")}
INITRD = {"gzip": os.path.join(OUT, "initrd.cpio.gz"), "cpio": os.path.join(OUT, "initrd.cpio"),
          "cards": os.path.join(OUT, "cards.cpio"), "desktop": os.path.join(OUT, "desktop.cpio")}
MODULES = ("failover", "net_failover", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_net")
# Of the other cards, in an archive of their own: what the others boot from is measured.
CARD_MODULES = ("e1000", "e1000e", "vmxnet3")
GPU_MODULES = ("drm", "drm_kms_helper", "drm_shmem_helper", "virtio_dma_buf", "virtio-gpu", "virtio_input", "evdev")
MEMORY = 512 << 20

# No checksum or segmentation work may be left to the other side.
PLAIN = "virtio-net-pci," + ",".join(f"{f}=off" for f in (
    "csum gso host_tso4 host_tso6 host_ecn host_ufo guest_csum guest_tso4 guest_tso6 guest_ecn guest_ufo").split())

SERVERS = ("tcp-sink 5001", "tcp-source 5002", "tcp-echo 5003", "udp-echo 5004", "udp-ack 5005 32",
           "udp-count 5006", "httpd 8080 1024")
# Of each four, for as many connections at once.
STREAMS = 4
SERVERS_EACH = tuple(s for i in range(STREAMS)
                     for s in (f"tcp-sink {5100 + i}", f"tcp-source {5200 + i}", f"httpd {5300 + i} 1024"))


class Failed(Exception):
    """A measurement that gave no figure; the text says why."""


# ---- what is built ------------------------------------------------------------

def _stale(target, *sources):
    return not os.path.exists(target) or any(os.path.getmtime(s) > os.path.getmtime(target) for s in sources)


def _compile(target, source, *command):
    if _stale(target, source):
        subprocess.run([*command, "-O2", "-Wall", "-Wextra", "-Werror", "-o", target + ".new", source], check=True)
        os.rename(target + ".new", target)


def build(kernels):
    """The programs, the plugin and the initramfs, in build/bench; Linux is fetched if it is not there."""
    if "linux" in kernels and not os.path.exists(KERNELS["linux"]):
        subprocess.run([os.path.join(TOP, "tools", "setup"), "linux"], check=True)
    for k in kernels:
        if not os.path.exists(KERNELS[k]):
            raise Failed(f"{KERNELS[k]} is not there: " + ("run make" if k == "dunlin" else "run tools/setup linux"))
    os.makedirs(OUT, exist_ok=True)
    if "dunlin" in kernels:
        # A copy: a build that goes on meanwhile must not change what is measured.
        copy = os.path.join(OUT, "Image")
        shutil.copy(KERNELS["dunlin"], copy)
        KERNELS["dunlin"] = copy
    _compile(NBENCH, os.path.join(HERE, "nbench.c"), "gcc")
    for program in GUEST_PROGRAMS:
        _compile(os.path.join(OUT, program + ".arm64"), os.path.join(HERE, program + ".c"),
                 "aarch64-linux-musl-gcc", "-static", "-mno-outline-atomics", "-s", "-idirafter", os.path.join(BUILD, "uapi"))
    _compile(PLUGIN, os.path.join(HERE, "insncount.c"), "gcc", "-fPIC", "-shared")
    _initramfs()


def _initramfs():
    """One archive for both kernels; Linux's modules for the card are in it because its kernel has none built in."""
    a = cpio.Archive()
    for d in ("proc", "sys", "tmp", "etc"):
        a.dir(d)
    a.chardev("dev/console", 5, 1, 0o600)
    a.chardev("dev/null", 1, 3, 0o666)
    files = [("init", os.path.join(HERE, "guest-init")),
             *((f"bin/{p}", os.path.join(OUT, p + ".arm64")) for p in GUEST_PROGRAMS),
             ("bin/busybox", os.path.join(BUILD, "pkg", "busybox-static", "bin", "busybox"))]
    files += _modules(MODULES)
    size = 0
    for name, path in files:
        with open(path, "rb") as f:
            data = f.read()
        size += -(-len(data) // 4096) * 4096
        a.file(name, data, 0o755)
    data = a.bytes()
    for name, path in _modules(CARD_MODULES):
        with open(path, "rb") as f:
            a.file(name, f.read(), 0o755)
    contents = [(INITRD["cpio"], data), (INITRD["gzip"], gzip.compress(data, 9, mtime=0)), (INITRD["cards"], a.bytes())]
    if os.path.exists(DESKTOP):
        programs = [("bin/panes", PANES), ("bin/scroll", os.path.join(HERE, "guest-scroll"))]
        for name, path in programs + _modules(GPU_MODULES):
            with open(path, "rb") as f:
                a.file(name, f.read(), 0o755)
        with open(DESKTOP, "rb") as f:
            contents.append((INITRD["desktop"], cpio.join([a.bytes(), f.read()])))
    for path, content in contents:
        with open(path + ".new", "wb") as f:
            f.write(content)
        os.rename(path + ".new", path)
    with open(os.path.join(OUT, "initrd.size"), "w") as f:
        f.write(str(size))


def _modules(names):
    """[(name in the archive, file)] of those that are there."""
    tree = os.path.join(BUILD, "linux", "lib", "modules", "*", "kernel", "**")
    found = [(m, glob.glob(os.path.join(tree, m + ".ko"), recursive=True)) for m in names]
    return [(f"lib/modules/{m}.ko", paths[0]) for m, paths in found if paths]


def initramfs_bytes():
    """The memory that the unpacked files take, in whole pages."""
    with open(os.path.join(OUT, "initrd.size")) as f:
        return int(f.read())


# ---- one guest ----------------------------------------------------------------

class Counters:
    """The plugin's file; its layout is told in bench/insncount.c."""
    IO, BLOCKS, WORDS = 16, 16 + 2 * 4096, 16 + 2 * 4096 + 2 * (1 << 19)

    def __init__(self, path):
        self.path, self.mm = path, None

    def words(self, first, n):
        if self.mm is None:
            with open(self.path, "r+b") as f:
                self.mm = mmap.mmap(f.fileno(), 0)
        return struct.unpack_from(f"<{n}Q", self.mm, 8 * first)

    def instructions(self):
        """(kernel's, user programs')"""
        return self.words(1, 2)

    def first_user(self):
        return self.words(3, 1)[0]

    def io(self):
        """{physical address of a register: writes}"""
        w = self.words(self.IO, self.BLOCKS - self.IO)
        return {w[i]: w[i + 1] for i in range(0, len(w), 2) if w[i]}

    def blocks(self):
        """{(virtual address, number of instructions): executions}"""
        w = self.words(self.BLOCKS, self.WORDS - self.BLOCKS)
        return {(_canonical(w[i]), w[i] >> 49): w[i + 1] for i in range(0, len(w), 2) if w[i] and w[i + 1]}


def _canonical(key):
    return key & 0xffffffffffff | (0xffff << 48 if key >> 48 & 1 else 0)


class Events:
    """What QEMU's own trace tells of the devices that a person sees and feels: keys, and pictures that are shown."""
    FLUSH, KEY = "virtio_gpu_cmd_res_flush", "input_event_key_qcode"

    def __init__(self, path):
        self.path, self.file, self.part = path, None, ""

    def args(self):
        return ["-trace", f"enable={self.FLUSH}", "-trace", f"enable={self.KEY}", "-D", self.path,
                "-msg", "timestamp=on"]

    def read(self):
        """[(seconds, name, the rest)] of what came since the last call."""
        if self.file is None:
            self.file = open(self.path)
        lines = (self.part + self.file.read()).split("\n")
        self.part = lines.pop()     # QEMU may be writing it
        found = (re.match(r"\d+@(\d+\.\d+):(\w+) (.*)", line) for line in lines)
        return [(float(m[1]), m[2], m[3]) for m in found if m]

    def frames(self):
        """How many pictures were shown since the last call."""
        return sum(name == self.FLUSH for _, name, _ in self.read())


class Guest(Vm):
    """A kernel ("linux" or "dunlin") with a network of its own. plugin: "", "count", "io" or "blocks".
    queues: so many CPUs, and pairs of queues of a virtio card; it also runs SERVERS_EACH. smp: so many CPUs without
    them. QEMU runs several CPUs in turns: the plugin's counters are of one thread, and how long a CPU spins for one
    that this machine has put aside would be counted as the kernel's work."""

    def __init__(self, kernel, initrd="gzip", cpu="cortex-a76", nic="virtio-net-pci", plugin="", append="", queues=None,
                 smp=1, gpu="none"):
        self.name, self.counters, cpus = kernel, None, queues or smp
        self.net = Net(queues=queues or 1)
        self.servers = (*SERVERS, *(SERVERS_EACH if queues else ()))
        if queues and queues > 1:
            nic += f",mq=on,vectors={2 * queues + 2}"
        try:
            args = ["-accel", "tcg,thread=single"] if queues or cpus > 1 else []
            if plugin:
                self.counters = Counters(os.path.join(self.net.dir, "counters"))
                mode = {"count": "", "io": ",io=on", "blocks": ",blocks=on"}[plugin]
                ram = f"ram=0x40000000-{0x40000000 + MEMORY:#x}"
                args += ["-plugin", f"{PLUGIN},out={self.counters.path},{ram}{mode}"]
            if gpu != "none":
                self.events = Events(os.path.join(self.net.dir, "events"))
                args += self.events.args()
            self.began = time.monotonic()
            super().__init__(f"quiet ip=off BENCH_IP={self.net.guest_ip} {append}".strip(), initrd=[INITRD[initrd]],
                             ns=self.net, args=args, debug=False, kernel=KERNELS[kernel], cpu=cpu, nic=nic,
                             smp=cpus, mem=f"{MEMORY >> 20}M", gpu=gpu)
        except BaseException:
            self.net.close()
            raise

    def close(self):
        super().close()
        self.net.close()

    def userland(self, timeout=120):
        """Wait for the first program's word; seconds since QEMU was started."""
        self.wait("^BENCH-USERLAND$", timeout)
        return time.monotonic() - self.began

    def ready(self, timeout=120):
        self.wait("^BENCH-READY$", timeout)
        self.run("true")
        return self

    def serve(self):
        """The guest's servers and the web server for the guest; the address resolution done. A server that
        cannot be started fails the rows that want it, not this."""
        self.net.nginx()
        for s in self.servers:
            said, status = self.sh(f"nbench -d {s}")
            if status:
                print(f"    {self.name}: nbench {s}: {said.strip()}", file=sys.stderr)
        self.net.run("ping", "-c", "3", "-i", "0.2", "-q", self.net.guest_ip)
        return self

    # ---- programs ---------------------------------------------------------

    def peer(self, command, timeout=180):
        """Run nbench on this machine, as the guest's peer; IP stands for the guest."""
        return values(self.net.run(NBENCH, *command.replace("IP", self.net.guest_ip).split(), timeout=timeout))

    def nbench(self, command, timeout=180):
        """Run nbench in the guest; IP stands for this machine."""
        return values(self.run("nbench " + command.replace("IP", self.net.host_ip), timeout))

    # ---- counts -----------------------------------------------------------

    def settle(self, limit=3.0):
        """Until the guest rests: what the work left behind belongs to the work."""
        if not self.counters:
            time.sleep(0.1)
            return
        end, before = time.monotonic() + limit, sum(self.counters.instructions())
        while time.monotonic() < end:
            time.sleep(0.06)
            after = sum(self.counters.instructions())
            if after - before < 20000:
                return
            before = after

    def regions(self):
        """[(start, end, name)] of the devices' registers, as QEMU lays them out now."""
        text = self.qmp("human-monitor-command", **{"command-line": "info mtree -f"})
        for view in text.split("FlatView"):
            if 'AS "memory"' in view:
                return [(int(m[1], 16), int(m[2], 16), m[3]) for m in
                        re.finditer(r"([0-9a-f]{16})-([0-9a-f]{16}) \(prio [^)]*i/o\): (\S+)", view)]
        raise Failed("QEMU does not show its memory map")

    def nic_interrupts(self):
        """Interrupts of the card so far, by /proc/interrupts."""
        return sum(n for name, n in self.interrupts().items() if name.startswith(("virtio0", "eth0")))


class Window:
    """Counts between the two ends of a with block: instructions, seconds, frames."""

    def __init__(self, guest):
        self.g = guest

    def __enter__(self):
        self.g.settle()
        self.frames0 = self.g.net.link_stats()
        self.n0 = self.g.counters.instructions() if self.g.counters else (0, 0)
        self.t0 = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        self.wall = time.monotonic() - self.t0
        self.g.settle()
        n1 = self.g.counters.instructions() if self.g.counters else (0, 0)
        self.kernel, self.user = n1[0] - self.n0[0], n1[1] - self.n0[1]
        self.total = self.kernel + self.user
        self.frames = {k: v - self.frames0[k] for k, v in self.g.net.link_stats().items()}


def values(text):
    """The last "NBENCH key=value ..." line as {key: number or text}."""
    lines = re.findall(r"(?m)^NBENCH (.*)$", text)
    if not lines:
        raise Failed(f"nbench said: {text.strip()[-300:]}")
    out = {}
    for word in lines[-1].split():
        key, _, value = word.partition("=")
        out[key] = float(value) if re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", value) else value
    return out


def median(runs):
    return statistics.median(runs)


def spread(runs):
    """Largest less smallest, as a part of the median."""
    m = median(runs)
    return (max(runs) - min(runs)) / m if m else 0.0


def save(path, data):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    os.rename(path + ".new", path)
