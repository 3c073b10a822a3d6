#!/usr/bin/env python3
"""Where the instructions of a unit of work go: an exact histogram by function.

The plugin counts how often every translation block runs; the difference between 4n and n
units, divided by 3n, is what one unit costs at every address, boot and idling aside. Functions are
told by the symbols of build/dunlin.elf (for Linux by the guest's /proc/kallsyms).

    bench/profile.py icmp_flood1 udp_rr                top functions, by callee and with inlining undone
    bench/profile.py tcp_rx_plain --annotate tcp_input the function's instructions with their counts
    bench/profile.py udp_rr --kernel linux             the same of Linux

Works are the rows of bench/run --list that count instructions; a stream's unit is a full segment of 1448 bytes, and boot_gzip's
and boot_cpio's the way from reset to the first user program's first word.
"""
import argparse
import bisect
import collections
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import measure  # noqa: E402
import rows  # noqa: E402
from lab import Failed, Guest, Window  # noqa: E402

CROSS = "aarch64-linux-gnu-"
SEGMENT = 1448          # the unit of streams: the bytes of a full segment


class Symbols:
    """Function names by address."""

    def __init__(self, pairs):
        names = {}
        for address, name in pairs:
            names.setdefault(address, name)
        self.starts = sorted(names)
        self.names = names

    def start(self, address):
        i = bisect.bisect_right(self.starts, address)
        return self.starts[i - 1] if i else None

    @classmethod
    def of_elf(cls, path):
        text = subprocess.run([CROSS + "nm", "-n", path], capture_output=True, text=True, check=True).stdout
        return cls((int(a, 16), name) for a, kind, name in (x.split(None, 2) for x in text.splitlines() if x[0] != " ")
                   if kind in "tTwW" and not name.startswith("$"))

    @classmethod
    def of_guest(cls, g):
        """Over the network: the console would take minutes."""
        with g.net.inside():
            import socket
            listener = socket.create_server((g.net.host_ip, 5999))
        listener.settimeout(60)
        g.run("echo 0 >/proc/sys/kernel/kptr_restrict")
        g.run(f"(nc {g.net.host_ip} 5999 </proc/kallsyms) >/dev/null 2>&1 &")
        s, _ = listener.accept()
        with s, listener:
            data = b"".join(iter(lambda: s.recv(65536), b""))
        return cls((int(f[0], 16), f[2]) for f in (x.split() for x in data.decode().splitlines()) if f[1] in "tTwW")


def is_user(address):
    return address < 0x40000000 or 0x40000000 + lab.MEMORY <= address < 1 << 63


def per_instruction(blocks):
    """{address: executions} and {address of a block: executions}"""
    at, entries = collections.Counter(), collections.Counter()
    for (address, n), count in blocks.items():
        entries[address] += count
        for i in range(n):
            at[address + 4 * i] += count
    return at, entries


def difference(after, before, scale):
    return {k: (v - before.get(k, 0)) / scale for k, v in after.items() if v != before.get(k, 0)}


def blocks_of(g, work, n):
    work(g, n)
    work(g, n)                                  # twice: what is lazily made or translated is there
    snaps, done = [g.counters.blocks()], []
    for units in (n, 4 * n):
        with Window(g):
            done.append(work(g, units))
        g.settle()
        snaps.append(g.counters.blocks())
    first = difference(snaps[1], snaps[0], 1)
    second = difference(snaps[2], snaps[1], 1)
    out = {k: (second.get(k, 0) - first.get(k, 0)) / (done[1] - done[0]) for k in {*first, *second}}
    return out


def source_places(elf, addresses):
    """{address: (innermost function, its file)}, inlined functions told apart."""
    addresses = list(addresses)
    p = subprocess.run([CROSS + "addr2line", "-a", "-f", "-i", "-e", elf], capture_output=True, text=True, check=True,
                       input="".join(f"{a:x}\n" for a in addresses))
    out = {}
    lines = p.stdout.splitlines()
    i = 0
    while i + 2 < len(lines) + 1 and i < len(lines):
        if lines[i].startswith("0x"):
            where = lines[i + 2].split(" ")[0].rsplit(":", 1)[0] if i + 2 < len(lines) else "?"
            out[int(lines[i], 16)] = (lines[i + 1], where.split("/kernel/")[-1])
            i += 3
        else:
            i += 1
    return out


def report(title, blocks, symbols, elf, top, out):
    at, entries = per_instruction(blocks)
    total = sum(at.values())
    functions, user = collections.Counter(), 0.0
    for address, n in at.items():
        if is_user(address):
            user += n
        else:
            functions[symbols.start(address)] += n
    print(f"== {title}: {total:,.1f} instructions a unit, {user:,.1f} of them in user programs\n", file=out)
    places = source_places(elf, [a for a in at if not is_user(a)]) if elf else {}
    print(f"   {'insns':>9s} {'share':>6s} {'calls':>8s}  function", file=out)
    for start, n in functions.most_common(top):
        name = symbols.names.get(start, f"{start or 0:#x}")
        where = places.get(start, ("", ""))[1]
        print(f"   {n:9.1f} {100 * n / total:5.1f}% {entries.get(start, 0):8.2f}  {name}  {where}", file=out)
    if not elf:
        return
    inner, folders, files = collections.Counter(), collections.Counter(), collections.Counter()
    for address, n in at.items():
        if not is_user(address):
            name, path = places.get(address, ("?", "?"))
            inner[name, path] += n
            files[path] += n
            folders[os.path.dirname(path) or path] += n
    print(f"\n   with inlining undone\n   {'insns':>9s} {'share':>6s}  function", file=out)
    for (name, path), n in inner.most_common(top):
        print(f"   {n:9.1f} {100 * n / total:5.1f}%  {name}  {path}", file=out)
    for what, counter, limit in (("folder", folders, 30), ("file", files, top)):
        print(f"\n   by {what}", file=out)
        for path, n in counter.most_common(limit):
            if n / total > 0.001:
                print(f"   {n:9.1f} {100 * n / total:5.1f}%  {path}", file=out)
    print(file=out)


def annotate(names, blocks, elf, out):
    at, _ = per_instruction(blocks)
    for name in names:
        text = subprocess.run([CROSS + "objdump", "-d", "-l", "--no-show-raw-insn", f"--disassemble={name}", elf],
                              capture_output=True, text=True, check=True).stdout
        print(f"== {name}, executions a unit", file=out)
        place = None
        for x in text.splitlines():
            m = re.match(r"\s*([0-9a-f]+):\t(.*)", x)
            if m:
                n = at.get(int(m[1], 16), 0)
                print(f"{n:10.3f}  {m[1][-6:]}  {m[2]:58s} {place or ''}" if n else f"{'':10s}  {m[1][-6:]}  {m[2]}", file=out)
                place = None
            elif re.match(r"/.*:\d+", x):
                place = x.split("/kernel/")[-1].split(" (")[0]
        print(file=out)


def works():
    all_works = {k: (w[0], w[3], "virtio-net-pci") for k, w in rows.WORKS.items()}
    for kind, nic in (("plain", lab.PLAIN), ("offload", "virtio-net-pci")):
        all_works.update({f"{k}_{kind}": (w[0], w[2], nic) for k, w in rows.STREAMS.items()})
    all_works.update({f"{k}_{card}": (w[0], w[2], card) for k, w in rows.STREAMS.items() for card in rows.CARDS})
    return all_works


def profile(name, a, elf):
    """(executions a unit of every block, the kernel's symbols)"""
    boot = name in ("boot_gzip", "boot_cpio")
    if not boot and name not in works():
        raise Failed(f"there is no such work; there are: boot_gzip, boot_cpio, {', '.join(works())}")
    work, n, nic = (None, 0, "virtio-net-pci") if boot else works()[name]
    initrd = name[5:] if boot else "cards" if nic in rows.CARDS else "gzip"
    with Guest(a.kernel, initrd=initrd, cpu=a.cpu, nic=nic, plugin="blocks") as g:
        if boot:
            g.userland()
            blocks = g.counters.blocks()
        g.ready()
        symbols = Symbols.of_elf(elf) if elf else Symbols.of_guest(g)
        if not boot:
            g.serve()
            g.net.spawn(lab.NBENCH, "udp-ack", "5007", "1000000000")
            blocks = blocks_of(g, work, a.n or n)
            if name.startswith(tuple(rows.STREAMS)):
                blocks = {k: v * SEGMENT for k, v in blocks.items()}
    return blocks, symbols


def main():
    p = argparse.ArgumentParser(prog="bench/profile.py", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("works", nargs="+", metavar="WORK", help=", ".join(["boot_gzip", "boot_cpio", *works()]))
    p.add_argument("--kernel", choices=sorted(lab.KERNELS), default="dunlin")
    p.add_argument("--elf", help="symbols of another build (build/dunlin.elf)")
    p.add_argument("--image", help="another build's Image")
    p.add_argument("--cpu", default="cortex-a76")
    p.add_argument("--top", type=int, default=20, help="functions to show (20)")
    p.add_argument("--annotate", default="", metavar="FUNCTION,...", help="show these functions' instructions too")
    p.add_argument("--out", metavar="FOLDER", help="write profile-WORK.txt there instead of to standard output")
    p.add_argument("-n", type=int, help="units of work")
    a = p.parse_args()
    if a.image:
        lab.KERNELS[a.kernel] = a.image
    lab.build([a.kernel])
    elf = None
    if a.kernel == "dunlin":
        elf = shutil.copy(a.elf or os.path.join(lab.BUILD, "dunlin.elf"), lab.OUT)  # as lab copies the image
    status = 0
    for name in a.works:
        try:
            blocks, symbols = profile(name, a, elf)
        except Exception as e:
            print(f"bench/profile.py: {name}: {measure.reason(e)}", file=sys.stderr)
            status = 1
            continue
        out = open(os.path.join(a.out, f"profile-{name}.txt"), "w") if a.out else sys.stdout
        report(f"{a.kernel}, {name}", blocks, symbols, elf, a.top, out)
        if a.annotate and elf:
            annotate(a.annotate.split(","), blocks, elf, out)
        if a.out:
            out.close()
            print(out.name)
    return status


if __name__ == "__main__":
    sys.exit(main())
