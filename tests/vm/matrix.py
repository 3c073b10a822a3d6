#!/usr/bin/env python3
"""Every machine with every card: interrupt controllers, firmware, cards, CPUs and the steps of the interrupt ladder.

    tests/vm/matrix.py              the whole product (an hour); its last line is `N passed, N failed`
    tests/vm/matrix.py --write      and its table into README.md
    tests/vm/matrix.py WORD...      only the machines that have all of these, such as `gicv3 e1000e msi`

Each boots, fetches a megabyte, compares its checksum, and asks /proc/interrupts and /proc/stat whether the card's
events came by the way that was asked for. What cannot be is named with its reason. matrix_test.py takes from here
a set of machines in which each pair of choices is met once.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import http.server
import itertools
import os
import random
import re
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from vmtest import TOP, Vm, VmError, qemu  # noqa: E402

README, BEGIN, END = os.path.join(TOP, "README.md"), "<!-- matrix -->\n", "<!-- end of matrix -->\n"

AXES = {
    "gic": ("gicv2", "gicv3-its", "gicv3"),
    "firmware": ("dtb", "acpi"),
    "card": ("virtio", "virtio-legacy", "virtio-packed", "e1000", "e1000e", "vmxnet3"),
    "cpus": (1, 2, 4),
    "step": ("msix", "msi", "intx", "poll"),
}
Point = collections.namedtuple("Point", AXES)

CARDS = {       # QEMU's name, ours in the log, and in /proc/interrupts
    "virtio": ("virtio-net-pci,disable-legacy=on", "virtio-net-pci", "virtio0"),
    "virtio-legacy": ("virtio-net-pci,disable-modern=on", "virtio-net-pci", "virtio0"),
    "virtio-packed": ("virtio-net-pci,disable-legacy=on,packed=on", "virtio-net-pci", "virtio0"),
    "e1000": ("e1000", "e1000", "eth0"),
    "e1000e": ("e1000e", "e1000e", "eth0"),
    "vmxnet3": ("vmxnet3", "vmxnet3", "eth0"),
}
WORDS = {"msix": "", "msi": "pci=nomsix", "intx": "pci=nomsi", "poll": "pci=noirq"}
SAYS = {"msix": "MSI-X, ", "msi": "MSI, ", "intx": "INTx, ", "poll": "polling at 100 Hz"}


def impossible(p):
    """Why there is no such machine, or None."""
    messages = p.step in ("msix", "msi")
    if messages and p.gic == "gicv3":
        return "without an ITS QEMU's GICv3 has nothing that takes messages"
    if messages and p.card == "e1000":
        return "the card has a wire and no messages"
    if p.step == "msi" and p.card.startswith("virtio"):
        return "QEMU's virtio cards have MSI-X and no plain MSI"
    return None


def points():
    return [Point(*values) for values in itertools.product(*AXES.values())]


def pairs(p):
    return set(itertools.combinations(enumerate(p), 2))


def all_pairs():
    """A few machines in which each pair of choices that can be is met: always the same ones."""
    left = [p for p in points() if not impossible(p)]
    random.Random(1).shuffle(left)
    wanted, chosen = set().union(*map(pairs, left)), []
    while wanted:
        best = max(left, key=lambda p: len(pairs(p) & wanted))
        chosen.append(best)
        wanted -= pairs(best)
    return chosen


class Server:
    """A megabyte behind HTTP, where QEMU's user network shows the host to the guest."""

    def __init__(self):
        data = random.Random(2).randbytes(1 << 20)
        self.sum = hashlib.sha256(data).hexdigest()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://10.0.2.2:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def lines_of(card, interrupts):
    """The lines of /proc/interrupts that are the card's: [(controller and trigger, count over the CPUs)]."""
    found = []
    for m in re.finditer(r"(?m)^\s*\d+:((?:\s+\d+)+)\s+(\S+)\s+\d+\s+(\S+)\s+(.*)$", interrupts):
        if any(re.match(rf"{CARDS[card][2]}\b", name) for name in m[4].split(", ")):
            found.append((f"{m[2]} {m[3]}", sum(map(int, m[1].split()))))
    return found


def came_by(p, interrupts, moved):
    """Did the card's events come by this step? Fails with what was seen instead."""
    lines = lines_of(p.card, interrupts)
    gic = {"gicv2": "GICv2", "gicv3-its": "GICv3", "gicv3": "GICv3"}[p.gic]
    frame = "GICv2m" if p.gic == "gicv2" else "ITS"
    want = {"msix": rf"{frame}-MSIX? Edge", "msi": rf"{frame}-MSI Edge", "intx": f"{gic} Level"}.get(p.step)
    seen = f"{moved}\n{interrupts}"
    if p.step == "poll":
        assert not lines and moved["net_rx_timer_polls"] > 0, seen
        return
    assert lines and all(re.fullmatch(want, kind) for kind, _ in lines), seen
    assert len(lines) > 1 if p.step == "msix" else len(lines) == 1, seen
    assert sum(count for _, count in lines) > 0 and moved["net_rx_timer_polls"] == 0, seen
    assert (moved["net_msi_irqs"] > 0) == (p.step != "intx"), seen


def run(p, server):
    """Boot this machine and fetch; VmError or AssertionError if that fails."""
    nic, driver, _ = CARDS[p.card]
    words = " ".join(filter(None, (WORDS[p.step], f"maxcpus={p.cpus}")))
    with Vm(nic=nic, gic=p.gic[4], smp=p.cpus, machine="its=off" if p.gic == "gicv3" else "", append=words,
            uefi="acpi" if p.firmware == "acpi" else None) as vm:
        vm.boot()
        assert vm.run("nproc") == f"{p.cpus}\n"
        log = vm.run("dmesg")
        assert f"{driver}: {SAYS[p.step]}" in log, log
        assert ("packed rings" in log) == (p.card == "virtio-packed"), log
        told = vm.run("cat /sys/firmware/platform")
        assert ("model linux,dummy-virt" in told) == (p.firmware == "dtb"), told
        before = vm.stat()
        got = vm.run(f"wget -q -O - {server.url} | sha256sum").split()[0]
        after = vm.stat()
        assert got == server.sum, f"the checksum is {got}"
        came_by(p, vm.run("cat /proc/interrupts"), {k: v - before.get(k, 0) for k, v in after.items()})


def name(p):
    return " ".join(map(str, p))


def run_all(chosen):
    """{point: None, or what went wrong}; two at a time, each said when it is known."""
    server, results = Server(), {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = {pool.submit(run, p, server): p for p in chosen}
        for future in concurrent.futures.as_completed(running):
            p, error = running[future], future.exception()
            if error and not isinstance(error, (VmError, AssertionError, qemu.Wrong)):
                raise error
            results[p] = error
            print(f"FAIL {name(p)}: {error}" if error else f"ok {name(p)}", flush=True)
    return results


def table(results):
    """Rows: card and step. Columns: controller and firmware. A cell: the numbers of CPUs that it served with."""
    columns = list(itertools.product(AXES["gic"], AXES["firmware"]))
    out = ["| card, step | " + " | ".join(f"{g}, {f}" for g, f in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    reasons = []
    for card, step in itertools.product(AXES["card"], AXES["step"]):
        cells = []
        for gic, firmware in columns:
            these = [Point(gic, firmware, card, cpus, step) for cpus in AXES["cpus"]]
            why = impossible(these[0])
            if why and why not in reasons:
                reasons.append(why)
            cells.append(f"({reasons.index(why) + 1})" if why else
                         " ".join(str(p.cpus) for p in these if results.get(p, "") is None) or "fails")
        if not all(c.startswith("(") for c in cells):
            out.append(f"| {card}, {step} | " + " | ".join(cells) + " |")
    notes = [f"({i + 1}) {why}." for i, why in enumerate(reasons)]
    return "\n".join(out) + "\n\n" + "\n".join(notes) + "\n"


def write_readme(text):
    with open(README) as f:
        old = f.read()
    head, rest = old.split(BEGIN)
    with open(README, "w") as f:
        f.write(head + BEGIN + text + END + rest.split(END)[1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true", help="write the table into README.md")
    p.add_argument("words", nargs="*", metavar="WORD")
    args = p.parse_args()
    known = {str(v) for values in AXES.values() for v in values}
    for word in args.words:
        if word not in known:
            sys.exit(f"matrix.py: {word} is none of: {', '.join(sorted(known))}")
    if args.write and args.words:
        sys.exit("matrix.py: the table is of the whole product: leave the words away")
    chosen = [p for p in points() if set(args.words) <= set(map(str, p))]
    for p in chosen:
        if impossible(p):
            print(f"cannot be: {name(p)}: {impossible(p)}")
    results = run_all([p for p in chosen if not impossible(p)])
    if args.write:
        write_readme(table(results))
    failed = sum(error is not None for error in results.values())
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
