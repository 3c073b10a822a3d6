#!/usr/bin/env python3
# quick
"""What the benchmarks say of figures that are none: never that a requirement is met."""
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(TOP, "tests", "vm"), os.path.join(TOP, "bench")]
from vmtest import main  # noqa: E402
import measure  # noqa: E402


def row(ours, theirs, rare=False, need=1, **more):
    b = measure.Bench(["linux", "dunlin"], "any", 3, 1, [])
    b.add("row", "A row", "things", measure.results({"dunlin": ours, "linux": theirs}, rare=rare), need, **more)
    return b.rows["row"]


def test_figures():
    assert row([10, 11, 12], [30, 31, 32])["verdict"] == "met"
    assert row([40, 41, 42], [30, 31, 32])["verdict"] == "MISSED"
    assert row([10], [30])["verdict"] == "met"


def test_a_slope_that_is_not_positive():
    for ours, theirs, who in (([10, 11, 12], [-90104, -90000, -91000], "linux"), ([-5, 10, 11], [30, 31, 32], "dunlin"),
                              ([10, 11, 12], [0, 30, 31], "linux"), ([10], [-1], "linux")):
        r = row(ours, theirs)
        assert r["verdict"] == "FAILED" and "could not be measured" in r[who]["failed"], r


def test_repetitions_that_disagree():
    r = row([10, 11, 12], [4000, 900000, 20000])
    assert r["verdict"] == "FAILED" and "disagree" in r["linux"]["failed"], r
    assert "disagree" in row([10, 31, 12], [30, 31, 32])["dunlin"]["failed"]


def test_counts_of_what_may_not_happen():
    assert row([0, 0, 0.1], [1, 1.1, 1.2], rare=True)["verdict"] == "met"
    assert row([0, 0, 0.1], [0, 0, 0.1], rare=True)["verdict"] == "FAILED"
    assert row([-1, 0, 0], [1, 1, 1], rare=True)["verdict"] == "FAILED"
    assert row([0, 0, 0], [1, 1, 1], rare=True, absolute=True)["verdict"] == "met"


def test_the_end_says_so():
    run = {"command": "", "date": "", "machine": "", "qemu": "", "linux": "", "cpu": ""}
    for theirs, status in (([30, 31, 32], 0), ([-90104, 30, 31], 1)):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({"run": run, "rows": {"row": row([10, 11, 12], theirs)}}, f)
            f.flush()
            p = subprocess.run([os.path.join(TOP, "bench", "run"), "--from", f.name], capture_output=True, text=True)
        assert p.returncode == status, p
        assert ("1 without a figure" in p.stdout) == bool(status), p.stdout


if __name__ == "__main__":
    main()
