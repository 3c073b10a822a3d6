"""How rows are measured and told of: a table of rows, guests in pairs, and what makes a figure of repetitions.

The kernels take turns at every repetition, so that a busy machine disturbs both. A figure that cannot be one, or whose
repetitions disagree too much, is none: the row fails, whatever its ratio would have been.
"""
import fnmatch
import re
import time

from lab import Failed, Guest, NBENCH, Window, median, spread

QUARTER, THIRD, HALF = 1 / 4, 1 / 3, 1 / 2
EOIR = 0x10         # in the GIC's CPU interface: each interrupt that is taken is ended by one write of it

# ---- a table of rows ------------------------------------------------------------

class Bench:
    """Holds the choices and the rows. A row: key, title, unit, per kernel {value, spread, runs, ...} or {failed},
    need (the required Dunlin : Linux ratio, or an absolute bound with absolute=True), higher (more is better)."""

    def __init__(self, kernels, cpu, reps, scale, only):
        self.kernels, self.cpu, self.reps, self.scale, self.only = kernels, cpu, reps, scale, only
        self.rows = {}
        self.timer_polls = {}

    def wants(self, *keys):
        return not self.only or any(fnmatch.fnmatch(k, o) for k in keys for o in self.only)

    def add(self, key, title, unit, results, need=None, higher=False, absolute=False, note=""):
        row = dict(title=title, unit=unit, need=need, higher=higher, absolute=absolute, note=note, **results)
        ours, theirs = results.get("dunlin", {}), results.get("linux", {})
        row["ratio"] = row["verdict"] = None
        if "value" in ours and theirs.get("value"):
            row["ratio"] = ours["value"] / theirs["value"]
        figure = ours.get("value") if absolute else row["ratio"]
        if need is not None and not absolute and "value" in ours and theirs.get("value") == 0:
            theirs["failed"] = "could not be measured: nothing to compare with"
        if any("failed" in r for r in (ours, theirs)):
            row["verdict"] = "FAILED"
        elif need is not None and figure is not None:
            row["verdict"] = "met" if (figure >= need if higher else figure <= need) else "MISSED"
        self.rows[key] = row
        say(line(key, row))

    def n(self, n):
        return max(1, int(n * self.scale))


def say(text):
    print(text, flush=True)


def number(v):
    if v is None:
        return "-"
    if abs(v) >= 1e7:
        return f"{v / 1e6:,.1f} M"
    if abs(v) >= 1000:
        return f"{v:,.0f}"
    return f"{v:.4g}" if v else "0"


def cell(result):
    if not result:
        return "-"
    if "failed" in result:
        return "failed"
    s = result.get("spread")
    return number(result["value"]) + (f" ±{s * 50:.1f}%" if s else "")


def required(row):
    if row["need"] is None:
        return "-"
    sign = "≥" if row["higher"] else "≤"
    if row["absolute"]:
        return f"{sign} {row['need']:g} itself"
    if not row["higher"] and row["need"] < 1:
        return f"{sign} 1/{1 / row['need']:.3g}"
    return f"{sign} {row['need']:g}"


def ratio(row):
    r = row["ratio"]
    if r is None:
        return "-"
    return f"1/{1 / r:.1f}" if 0 < r < 0.1 else f"{r:.3f}"


def line(key, row):
    text = (f"{key:18s} {row['unit']:22s} linux {cell(row.get('linux')):>18s}  dunlin {cell(row.get('dunlin')):>18s}  "
            f"ratio {ratio(row):>7s}  required {required(row):>8s}  {row['verdict'] or ''}")
    for k in ("linux", "dunlin"):
        if "failed" in row.get(k, {}):
            text += f"\n    {k}: {row[k]['failed']}"
    return text


def reason(e):
    return re.sub(r"\s+", " ", f"{type(e).__name__}: {e}")[:400]


# ---- guests in pairs --------------------------------------------------------------

class Pair:
    """The kernels' guests of one kind, booted when first asked for, and again after they failed. begin(guest) is
    called for each that has booted."""

    def __init__(self, bench, serve=True, begin=None, **kind):
        self.bench, self.serve, self.begin, self.kind = bench, serve, begin, kind
        self.guests, self.broken = {}, {}

    def guest(self, kernel):
        if kernel not in self.guests:
            if self.broken.get(kernel, 0) >= 2:
                raise Failed("does not boot to where it can be measured")
            g = Guest(kernel, **{"cpu": self.bench.cpu, **self.kind})
            try:
                g.ready()
                if self.serve:
                    g.serve()
                    # Where the guest's own datagrams go; it tells nobody.
                    g.net.spawn(NBENCH, "udp-ack", "5007", "1000000000")
                if self.begin:
                    self.begin(g)
            except BaseException:
                self.broken[kernel] = self.broken.get(kernel, 0) + 1
                g.close()
                raise
            self.guests[kernel] = g
        return self.guests[kernel]

    def drop(self, kernel):
        g = self.guests.pop(kernel, None)
        if g:
            g.close()

    def each(self, measure, reps):
        """{kernel: [measure(guest), ...]} in turns; for a kernel that fails {kernel: Failed}."""
        out = {k: [] for k in self.bench.kernels}
        for _ in range(reps):
            for k in self.bench.kernels:
                if isinstance(out[k], list):
                    try:
                        out[k].append(measure(self.guest(k)))
                    except (KeyboardInterrupt, SystemExit):
                        raise
                    except Exception as e:
                        out[k] = e
                        self.drop(k)
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for k, g in list(self.guests.items()):
            try:
                stat = g.stat() if self.serve else {}
                if "net_rx_timer_polls" in stat:
                    polls = self.bench.timer_polls.setdefault(k, [0, 0, 0])
                    for i, word in enumerate(("net_rx_timer_polls", "net_msi_irqs", "net_rx_packets")):
                        polls[i] += stat.get(word, 0)
            except Exception as e:
                say(f"    {k}: no /proc/stat at the end: {reason(e)}")
            self.drop(k)


# The largest repetition may be so many times the smallest.
WILD = 3


def doubt(figures, rare=False):
    """Why the repetitions give no figure, or None. rare: a count of what may not happen at all."""
    told = ", ".join(number(f) for f in figures)
    if min(figures) < 0 or (min(figures) == 0 and not rare):
        return f"could not be measured: not a cost, in {told}"
    if not rare and max(figures) > WILD * min(figures):
        return f"could not be measured: the repetitions disagree, {told}"
    return None


def results(runs, pick=lambda r: r, rare=False, **more):
    """Rows' results of what each() gave; rare: as of doubt()."""
    out = {}
    for k, r in runs.items():
        if isinstance(r, Exception):
            out[k] = {"failed": reason(r)}
        elif r and doubt([pick(x) for x in r], rare):
            out[k] = {"failed": doubt([pick(x) for x in r], rare), "runs": [pick(x) for x in r]}
        elif r:
            figures = [pick(x) for x in r]
            out[k] = {"value": median(figures), "spread": spread(figures), "runs": figures}
            out[k].update({name: median([f(x) for x in r]) for name, f in more.items()})
    return out


def slope(work, n):
    """A measure for each(): (instructions a unit, the kernel's part of them)."""
    def measure(g):
        counts = []
        for units in (n, 4 * n):
            with Window(g) as w:
                done = work(g, units)
            if done < units * 0.98:
                raise Failed(f"only {done:.0f} of {units} units were done")
            counts.append((done, w.total, w.kernel))
        (a, ta, ka), (b, tb, kb) = counts
        return (tb - ta) / (b - a), (kb - ka) / (b - a)
    return measure


def writes(g, name, offset=None):
    """Writes so far to the registers of the regions whose name begins so."""
    ranges = [(start, end) for start, end, region in g.regions() if region.startswith(name)]
    return sum(n for address, n in g.counters.io().items() for start, end in ranges
               if start <= address <= end and (offset is None or address - start == offset))
