#!/usr/bin/env python3
# ours: a model knows no kernel
"""The races that no test can be sure to meet, each as a model that spin searches through to its last state.

A file NAME.pml tells its story at its top. As it stands nothing may be wrong with it; with one of the mistakes that it
names (`#ifdef MUTANT_...`) the search must find where that leads, else the model would not see a real one either.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "vm"))
from vmtest import main  # noqa: E402

DEPTH, HASH_BITS = 2_000_000, 24        # of the longest way and of the table of states: more than any of them needs


def search(model, mutant):
    """How many errors an exhaustive search finds, which ends at the first."""
    with tempfile.TemporaryDirectory() as d:
        define = [f"-D{mutant}"] if mutant else []
        subprocess.run(["spin", "-a", *define, os.path.join(HERE, model)], cwd=d, check=True, capture_output=True)
        subprocess.run(["gcc", "-w", "-O1", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"], cwd=d, check=True)
        said = subprocess.run(["./pan", f"-m{DEPTH}", f"-w{HASH_BITS}"], cwd=d, capture_output=True, text=True).stdout
    assert "Full statespace search" in said and "max search depth too small" not in said, said
    return int(re.search(r"errors: (\d+)", said)[1])


def check(model):
    with open(os.path.join(HERE, model)) as f:
        mutants = sorted(set(re.findall(r"#ifn?def (MUTANT_\w+)", f.read())))
    assert len(mutants) >= 2, f"{model} names {len(mutants)} mistakes: too few to trust it"
    assert search(model, None) == 0, f"{model}: the race is lost in some order"
    for mutant in mutants:
        assert search(model, mutant), f"{model}: nothing is found wrong with {mutant}"


for path in sorted(glob.glob(os.path.join(HERE, "*.pml"))):
    name = os.path.basename(path)
    globals()[f"test_{name[:-4]}"] = lambda model=name: check(model)

if __name__ == "__main__":
    main(globals())
