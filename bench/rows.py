"""What is measured: the units of work, and the ways to measure them.

A unit of work is a function of a guest and a number n: it lets the guest do n units and returns
how many were done. Its cost is a slope, (instructions of 4n - instructions of n) / 3n, so that
what is fixed or goes on anyway cancels out. Rows of the desktop are in bench/desk.py.
"""
import concurrent.futures
import os
import re
import sys
import time

import desk
import lab
from lab import Failed, Guest, Window, median, values
from measure import EOIR, HALF, QUARTER, THIRD, Pair, number, reason, results, say, slope, writes


# ---- units of work --------------------------------------------------------------

def ping(g, n, *options):
    out = g.net.run("ping", "-q", *options, "-c", str(n), g.net.guest_ip, check=False, timeout=120)
    m = re.search(r"(\d+) received", out)
    if not m:
        raise Failed(f"ping said: {out.strip()[-200:]}")
    return int(m[1])


def icmp_2ms(g, n):
    return ping(g, n, "-i", "0.002")


def icmp_flood1(g, n):
    return ping(g, n, "-f", "-l", "1")


def icmp_flood32(g, n):
    return ping(g, n, "-f", "-l", "32")


def udp_rr(g, n):
    return g.peer(f"udp-pp IP 5004 1 {n}")["ok"]


def tcp_rr(g, n):
    return g.peer(f"tcp-rr IP 5003 1 {n}")["ok"]


def dns(g, n):
    return g.nbench(f"dns IP host.test {n}")["ok"]


def get_1k(g, n):
    return g.nbench(f"get IP 80 /1k {n}")["ok"]


def http_1(g, n):
    return g.peer(f"http-load IP 8080 1 {n}")["ok"]


def http_16(g, n):
    return g.peer(f"http-load IP 8080 16 {n}")["ok"]


def http_each(g, n):
    return g.peer(f"get IP 8080 / {n}")["ok"]


def udp_rx(g, n):
    n = -(-n // 32) * 32
    r = g.peer(f"udp-win IP 5005 64 {n} 32")
    if r["lost"] > n / 100:
        raise Failed(f"{r['lost']:.0f} of {n} datagrams were lost")
    return n


def udp_tx(g, n):
    r = g.nbench(f"udp-blast IP 5007 64 {n}")
    if r["failed"]:
        raise Failed(f"{r['failed']:.0f} of {n} sends failed")
    return n


def tcp_rx(g, n):
    return g.peer(f"tcp-send IP 5001 {n}")["bytes"]


def tcp_tx(g, n):
    return g.peer(f"tcp-recv IP 5002 {n}")["bytes"]


def each(command, port, done):
    """lab.STREAMS peers at once, a server of the guest's each: together n units."""
    def work(g, n):
        with concurrent.futures.ThreadPoolExecutor(lab.STREAMS) as pool:
            jobs = [pool.submit(g.peer, f"{command.replace('PORT', str(port + i))} {-(-n // lab.STREAMS)}")
                    for i in range(lab.STREAMS)]
            return sum(job.result()[done] for job in jobs)
    return work


def asked(work):
    """A unit of what a program asks of its kernel: bench/sbench.c."""
    return lambda g, n: values(g.run(f"sbench {work} {n}", 180))["ok"]


# key: (function, title, unit, n, required ratio)
WORKS = {
    "icmp_2ms": (icmp_2ms, "ICMP echo, 2 ms apart", "echo", 300, QUARTER),
    "icmp_flood1": (icmp_flood1, "ICMP echo, flood, 1 in flight", "echo", 2000, QUARTER),
    "icmp_flood32": (icmp_flood32, "ICMP echo, flood, 32 in flight", "echo", 5000, QUARTER),
    "udp_rr": (udp_rr, "UDP round trip, 1 byte", "round trip", 2500, THIRD),
    "tcp_rr": (tcp_rr, "TCP round trip, 1 byte", "round trip", 2500, THIRD),
    "dns": (dns, "DNS lookup by the guest", "lookup", 500, THIRD),
    "http_1": (http_1, "HTTP request served, keep-alive, 1 connection", "request", 1000, THIRD),
    "http_16": (http_16, "HTTP request served, keep-alive, 16 connections", "request", 2000, THIRD),
    "http_each": (http_each, "HTTP request served, a connection each, after 10,000", "request", 300, THIRD),
    "udp_rx": (udp_rx, "UDP datagram of 64 bytes received, window 32", "datagram", 6400, THIRD),
    "udp_tx": (udp_tx, "UDP datagram of 64 bytes sent", "datagram", 6000, THIRD),
    "get_1k": (get_1k, "GET of 1 KiB by the guest", "GET", 100, THIRD),
}
CALLS = {
    "sys_null": (asked("null"), "Null system call (getppid)", "call", 20000, HALF),
    "sys_getpid": (asked("getpid"), "getpid", "call", 20000, HALF),
    "fork_exit": (asked("fork-exit"), "fork, exit and wait", "process", 200, HALF),
    "fork_exec": (asked("fork-exec"), "fork, exec of a static program, exit and wait", "process", 100, HALF),
    "pipe_rr": (asked("pipe"), "Pipe round trip of a byte between processes", "round trip", 2000, HALF),
    "switch": (asked("switch"), "Switch between processes that yield", "switch", 4000, HALF),
    "page_fault": (asked("fault"), "Page fault, anonymous memory, with the page's way back", "page", 5000, HALF),
    "cow_fault": (asked("cow"), "Copy-on-write fault after fork", "page", 5000, HALF),
    "mmap": (asked("mmap"), "mmap and munmap of 64 KiB untouched", "pair", 4000, HALF),
    "file_read": (asked("read"), "pread of 4 KiB from the page cache", "call", 4000, HALF),
    "signal": (asked("signal"), "Signal to oneself, handled", "signal", 3000, HALF),
    "thread": (asked("thread"), "pthread_create and join", "thread", 500, HALF),
    "futex_rr": (asked("futex"), "Futex round trip between threads", "round trip", 2000, HALF),
}
# On several CPUs; the last word: how many.
PARALLEL = {
    "ipi_rr": (asked("wake"), "Futex round trip between threads on two CPUs, each woken by an interrupt", "round trip", 2000, 1, 2),
    "protect_1": (asked("protect1"), "mprotect of a page that was written, there and back, 1 thread", "pair", 4000, 1, 4),
    "protect_2": (asked("protect2"), "The same with another thread on another CPU", "pair", 4000, 1, 4),
    "protect_4": (asked("protect4"), "The same with three others", "pair", 4000, 1, 4),
    "unmap_2": (asked("unmap2"), "mmap, write and munmap of a page, with another thread on another CPU", "page", 4000, 1, 4),
    "unmap_4": (asked("unmap4"), "The same with three others", "page", 4000, 1, 4),
}
STREAMS = {"tcp_rx": (tcp_rx, "received", 8 << 20), "tcp_tx": (tcp_tx, "sent", 8 << 20)}
# With 1, 2 and 4 pairs of queues and CPUs.
EACH = {
    "tcp_rx": (each("tcp-send IP PORT", 5100, "bytes"), "TCP byte received, 4 streams", "byte", 8 << 20, HALF),
    "tcp_tx": (each("tcp-recv IP PORT", 5200, "bytes"), "TCP byte sent, 4 streams", "byte", 8 << 20, HALF),
    "http": (each("http-load IP PORT 4", 5300, "ok"), "HTTP request served, 4 servers, 16 connections", "request", 2000,
             THIRD),
}
CARDS = ("e1000", "e1000e", "vmxnet3")
QUEUES = (1, 2, 4)
OTHER = ["boot_gzip", "boot_cpio", "memory", "image", "http_steady",
         "tcp_rx_plain", "tcp_tx_plain", "tcp_rx_offload", "tcp_tx_offload", "rate_rx_a76", "rate_tx_a76",
         "rate_rx_a72", "rate_tx_a72", "dns_p50", "get_p50", "idle_irqs", "idle_insns", "timer_polls",
         "livelock", "livelock_wall", "livelock_all", "livelock_all_wall",
         "userland_ms", *desk.NAMES, *(f"tcp_{way}_{card}" for card in CARDS for way in ("rx", "tx")),
         *(f"{kind}{work}_q{q}" for q in QUEUES for kind in ("", "irq_", "bell_", "mmio_") for work in EACH)]


LIVELOCK = [k for k in OTHER if k.startswith("livelock")]

# ---- groups of rows ---------------------------------------------------------------

def boot_rows(b):
    for archive in ("gzip", "cpio"):
        key = f"boot_{archive}"
        if not b.wants(key):
            continue

        def measure(g):
            return g.counters.first_user()
        runs = {k: [] for k in b.kernels}
        for _ in range(b.reps):
            with Pair(b, serve=False, initrd=archive, plugin="count") as p:
                for k, r in p.each(measure, 1).items():
                    runs[k] = r if isinstance(r, Exception) or isinstance(runs[k], Exception) else runs[k] + r
        name = "gzip initramfs" if archive == "gzip" else "plain cpio"
        b.add(key, f"Reset to the first user instruction, {name}", "instructions", results(runs),
              1 / 15 if archive == "gzip" else 1 / 100)
    if b.wants("memory"):
        def measure(g):
            kb = dict(re.findall(r"(\w+):\s+(\d+) kB", g.run("cat /proc/meminfo")))
            said = lab.MEMORY - int(kb["MemAvailable"]) * 1024 - lab.initramfs_bytes()
            # What the kernel says is one thing; what a program gets before it is killed is the figure.
            return (lab.MEMORY - g.nbench("memory")["bytes"] - lab.initramfs_bytes()) / 1e6, said / 1e6
        with Pair(b, serve=False) as p:
            runs = p.each(measure, 1)
        note = ", ".join(f"{number(r[0][1])} MB on {k.capitalize()}" for k, r in runs.items() if isinstance(r, list))
        b.add("memory", "Memory of 512 MiB that no program gets, less the initramfs's files", "MB",
              results(runs, lambda r: r[0], meminfo=lambda r: r[1]), 1 / 8,
              note=note and f"by MemAvailable it is {note}")
    if b.wants("image"):
        b.add("image", "Kernel image", "MB",
              {k: {"value": os.path.getsize(lab.KERNELS[k]) / 1e6} for k in b.kernels}, 1 / 50)


def cost_rows(b):
    if not b.wants(*WORKS, "http_steady", "idle_insns", *LIVELOCK):
        return
    with Pair(b, plugin="count") as p:
        if b.wants("idle_insns"):
            def idle(g):
                time.sleep(5)
                with Window(g) as w:
                    time.sleep(10)
                return w.total / w.wall
            b.add("idle_insns", "Idle machine", "instructions/s", results(p.each(idle, 1)), 1)
        for key, (work, title, unit, n, need) in WORKS.items():
            if key == "http_each":
                each_rows(b, p, work, title, n, need)
            elif b.wants(key):
                n = b.n(n)
                p.each(lambda g: work(g, n), 1)         # addresses resolved, code translated
                b.add(key, title, f"instructions/{unit}",
                      results(p.each(slope(work, n), b.reps), lambda r: r[0], kernel=lambda r: r[1]), need)
        livelock_rows(b, p)


def call_rows(b):
    """What programs ask of the kernel, without the network."""
    if not b.wants(*CALLS):
        return
    with Pair(b, plugin="count", serve=False) as p:
        for key, (work, title, unit, n, need) in CALLS.items():
            if b.wants(key):
                p.each(lambda g: work(g, n), 1)
                b.add(key, title, f"instructions/{unit}",
                      results(p.each(slope(work, n), b.reps), lambda r: r[0], kernel=lambda r: r[1]), need)


def parallel_rows(b):
    """What one CPU costs another. They run in turns (see lab.Guest): a wake is an interrupt all the same."""
    for cpus in (2, 4):
        works = {k: w for k, w in PARALLEL.items() if w[5] == cpus and b.wants(k)}
        if not works:
            continue
        with Pair(b, plugin="count", serve=False, smp=cpus) as p:
            for key, (work, title, unit, n, need, _) in works.items():
                p.each(lambda g: work(g, n), 1)
                b.add(key, title, f"instructions/{unit}",
                      results(p.each(slope(work, n), b.reps), lambda r: r[0], kernel=lambda r: r[1]), need)


def each_rows(b, p, work, title, n, need):
    """A connection a request: at the start, and when 10,000 have come and gone."""
    if not b.wants("http_each", "http_steady"):
        return
    n = b.n(n)
    p.each(lambda g: work(g, n), 1)
    before = p.each(slope(work, n), 1 if b.reps < 3 else 2)
    p.each(lambda g: work(g, max(10000, n)), 1)
    after = p.each(slope(work, n), b.reps)
    b.add("http_each", title, "instructions/request", results(after, lambda r: r[0], kernel=lambda r: r[1]), need)
    steady = {}
    ends = [results(runs, lambda r: r[0]) for runs in (before, after)]
    for k in b.kernels:
        failed = next((end[k] for end in ends if "failed" in end[k]), None)
        steady[k] = failed or {"value": ends[1][k]["value"] / ends[0][k]["value"]}
    b.add("http_steady", "The same, after 10,000 connections : at the start", "ratio", steady, 1.1, absolute=True)


def stream_rows(b):
    for kind, nic in (("plain", lab.PLAIN), ("offload", "virtio-net-pci")):
        keys = [f"{s}_{kind}" for s in STREAMS]
        if not b.wants(*keys):
            continue
        with Pair(b, plugin="count", nic=nic) as p:
            for s, (work, what, n) in STREAMS.items():
                if not b.wants(f"{s}_{kind}"):
                    continue
                n = b.n(n)
                p.each(lambda g: work(g, n), 1)
                name = "no offloads" if kind == "plain" else "offloads offered"
                b.add(f"{s}_{kind}", f"TCP byte {what}, {name}", "instructions/byte",
                      results(p.each(slope(work, n), b.reps), lambda r: r[0], kernel=lambda r: r[1]),
                      HALF if kind == "plain" else None)


def card_rows(b):
    """The cards that are no virtio, with what they offload."""
    for card in CARDS:
        if not b.wants(*(f"{s}_{card}" for s in STREAMS)):
            continue
        with Pair(b, plugin="count", nic=card, initrd="cards") as p:
            for s, (work, what, n) in STREAMS.items():
                if b.wants(f"{s}_{card}"):
                    n = b.n(n)
                    p.each(lambda g: work(g, n), 1)
                    b.add(f"{s}_{card}", f"TCP byte {what}, {card}", "instructions/byte",
                          results(p.each(slope(work, n), b.reps), lambda r: r[0], kernel=lambda r: r[1]),
                          HALF if s == "tcp_rx" else None)


def queue_rows(b):
    """Several CPUs, each with a pair of queues: instructions, and interrupts, doorbells and writes to any device's
    registers a frame."""
    counts = {"irq": ("Interrupts", "", lambda g: g.nic_interrupts()),
              "bell": ("Doorbells", "io", lambda g: writes(g, "virtio-pci-notify")),
              "mmio": ("Writes to registers", "io", lambda g: sum(g.counters.io().values()))}
    for q in QUEUES:
        on = f"{q} queue{'s' * (q > 1)}"
        kind = {"nic": lab.PLAIN, "queues": q}
        if b.wants(*(f"{w}_q{q}" for w in EACH)):
            with Pair(b, plugin="count", **kind) as p:
                for w, (work, title, unit, n, need) in EACH.items():
                    if b.wants(f"{w}_q{q}"):
                        n = b.n(n)
                        p.each(lambda g: work(g, n), 1)
                        b.add(f"{w}_q{q}", f"{title}, {on}", f"instructions/{unit}",
                              results(p.each(slope(work, n), b.reps), lambda r: r[0], kernel=lambda r: r[1]), need)
        for c, (name, plugin, count) in counts.items():
            if b.wants(*(f"{c}_{w}_q{q}" for w in EACH)):
                with Pair(b, plugin=plugin, **kind) as p:
                    for w, (work, title, _, n, _) in EACH.items():
                        if b.wants(f"{c}_{w}_q{q}"):
                            b.add(f"{c}_{w}_q{q}", f"{name} a frame: {title}, {on}", f"{name.lower()}/frame",
                                  results(p.each(a_frame(work, count, b.n(n)), b.reps), rare=True), 1.05)


def a_frame(work, count, n):
    """A measure for each(): how much of what is counted a frame on the wire costs."""
    def measure(g):
        work(g, max(1, n // 10))
        before = count(g)
        with Window(g) as w:
            work(g, n)
        return (count(g) - before) / (w.frames["received"] + w.frames["sent"])
    return measure


def wall_rows(b):
    for cpu in ("cortex-a76", "cortex-a72"):
        if b.wants(f"rate_rx_{cpu[-3:]}", f"rate_tx_{cpu[-3:]}"):
            with Pair(b, nic=lab.PLAIN, cpu=cpu) as p:
                for key, command, what in (("rate_rx", "tcp-send IP 5001", "received"),
                                           ("rate_tx", "tcp-recv IP 5002", "sent")):
                    if not b.wants(f"{key}_{cpu[-3:]}"):
                        continue
                    n = b.n(64 << 20)
                    p.each(lambda g: g.peer(f"{command} {n // 4}"), 1)
                    runs = p.each(lambda g: g.peer(f"{command} {n}")["MBps"], max(3, b.reps))
                    b.add(f"{key}_{cpu[-3:]}", f"TCP {what}, no offloads, {cpu}", "MB/s", results(runs),
                          1 if cpu == "cortex-a76" else None, higher=True)
    if b.wants("dns_p50", "get_p50", "userland_ms"):
        with Pair(b) as p:
            for key, command, title in (("dns_p50", "dns IP host.test 500", "DNS lookup, median"),
                                        ("get_p50", "get IP 80 /1k 200", "GET of 1 KiB, median")):
                if b.wants(key):
                    p.each(lambda g: g.nbench(command), 1)
                    b.add(key, title, "µs", results(p.each(lambda g: g.nbench(command)["p50_us"], max(3, b.reps))), 1)
        if b.wants("userland_ms"):
            runs = {k: [] for k in b.kernels}
            for _ in range(b.reps):
                for k in b.kernels:
                    try:
                        with Guest(k, cpu=b.cpu) as g:
                            runs[k].append(g.userland() * 1000)
                    except Exception as e:
                        runs[k] = e
                        break
            b.add("userland_ms", "QEMU started to the first program's first word", "ms", results(runs))


def io_rows(b):
    """Interrupts a frame, in guests at full speed, and doorbells a frame, in guests whose stores are watched."""
    works = {k: (w[0], w[1], w[3]) for k, w in WORKS.items()}
    works.update({k: (w[0], f"TCP stream {w[1]}, no offloads", w[2]) for k, w in STREAMS.items()})

    def interrupts(g):
        return g.nic_interrupts()

    def bells(g):
        return writes(g, "virtio-pci-notify")

    for kind, name, plugin, count in (("irq", "interrupts", "", interrupts), ("bell", "doorbells", "io", bells)):
        keys = [k for k in works if b.wants(f"{kind}_{k}")]
        with Pair(b, plugin=plugin) as default, Pair(b, plugin=plugin, nic=lab.PLAIN) as plain:
            if kind == "bell" and b.wants("idle_irqs"):
                def idle(g):
                    time.sleep(5)
                    before = writes(g, "gic_cpu", EOIR)
                    time.sleep(10)
                    return (writes(g, "gic_cpu", EOIR) - before) / 10
                b.add("idle_irqs", "Idle machine", "interrupts/s", results(default.each(idle, 1), rare=True), 0.2, absolute=True)
            for key in keys:
                work, title, n = works[key]
                n = b.n(n)

                runs = (plain if key in STREAMS else default).each(a_frame(work, count, n), b.reps)
                b.add(f"{kind}_{key}", f"{name.capitalize()} a frame: {title}", f"{name}/frame", results(runs, rare=True), 1.05)


def livelock_rows(b, p):
    """Open-loop datagrams: the best rate without loss, then ten times that, then all that the peer can send."""
    if not b.wants(*LIVELOCK):
        return
    seconds = 1.0 if b.scale < 1 else 2.0

    def offer(g, rate, count):
        before = g.peer("udp-query IP 5006")["packets"]
        with Window(g) as w:
            sent = g.peer(f"udp-blast IP 5006 64 {int(count)} {rate}")
        got = g.peer("udp-query IP 5006")["packets"] - before
        if not got:
            raise Failed(f"of {sent['sent']:.0f} datagrams at {sent['rate']:.0f}/s none was delivered")
        return {"got": got, "lost": 1 - got / sent["sent"], "per_insn": got / w.total,
                "goodput": got / sent["elapsed_s"], "offered": sent["rate"]}

    def measure(g):
        rate, best = 1000, None
        while rate < 300000:
            # A pause of this machine loses datagrams too; only a rate that fails three times is too high.
            tries = (offer(g, rate, rate * seconds) for _ in range(3))
            good = next((r for r in tries if r["lost"] <= 0.002 and r["offered"] > 0.95 * rate), None)
            if not good:
                break
            best, rate = dict(good, rate=rate), int(rate * 1.25)
        if not best:
            raise Failed("datagrams are lost at 1,000 a second already")
        floods = {"ten": offer(g, 10 * best["rate"], 10 * best["rate"] * seconds),
                  "all": offer(g, 0, 300000 * seconds)}
        return {"best": best, **floods}

    runs = p.each(measure, 1 if b.reps < 3 else 2)

    def figure(flood, of):
        return results(runs, lambda r: r[flood][of] / r["best"][of])

    def told(name, flood):
        v = runs[name]
        return f"{number(median([r[flood]['goodput'] for r in v]))} of {number(median([r[flood]['offered'] for r in v]))}"

    note = "; ".join(
        f"{k.capitalize()} is without loss at {number(median([r['best']['rate'] for r in runs[k]]))} a second, delivers "
        f"{told(k, 'ten')} offered at ten times that, and {told(k, 'all')} when the peer sends all it can"
        for k in runs if not isinstance(runs[k], Exception) and runs[k])
    for key, flood, what in (("livelock", "ten", "ten times the best rate without loss"),
                             ("livelock_all", "all", "all that the peer can send")):
        b.add(key, f"Datagrams delivered an instruction, at {what} : at the best rate without loss", "ratio",
              figure(flood, "per_insn"), 0.8, higher=True, absolute=True)
        b.add(key + "_wall", "The same, delivered a second", "ratio", figure(flood, "goodput"), higher=True,
              note=note if flood == "all" else "")
    if note:
        say("    " + note)


def names():
    """The rows' keys, as --only takes them."""
    return [*WORKS, *CALLS, *PARALLEL, *OTHER, *(f"{kind}_{k}" for kind in ("irq", "bell") for k in (*WORKS, *STREAMS))]


def polls_row(b):
    if "dunlin" in b.timer_polls and b.wants("timer_polls"):
        polls, irqs, packets = b.timer_polls["dunlin"]
        b.add("timer_polls", "Receive polls that a timer drove, in all guests above", "polls",
              {"dunlin": {"value": polls, "msi_irqs": irqs, "packets": packets}}, 0, absolute=True,
              note=f"beside {irqs} message interrupts and {packets} received frames")


GROUPS = (boot_rows, cost_rows, call_rows, parallel_rows, stream_rows, card_rows, *desk.GROUPS, queue_rows, wall_rows, io_rows,
          polls_row)


def measure_all(b):
    """Every group; one that breaks is told of and the others go on."""
    for group in GROUPS:
        try:
            group(b)
        except (KeyboardInterrupt, SystemExit):
            raise
        except Exception as e:
            say(f"{group.__name__} ended early: {reason(e)}")
            print(f"{group.__name__}: {e!r}", file=sys.stderr)
            b.rows[group.__name__] = dict(title=f"{group.__name__} ended early", unit="", need=None, higher=False,
                                          absolute=False, note=reason(e), ratio=None, verdict="FAILED")
