#!/usr/bin/env python3
# ours: the ladder and its counters are our kernel's
"""Machines, cards and ways of interrupts, chosen so that each pair of choices is met (matrix.py; `make matrix` runs all)."""
import sys

import matrix


def main():
    chosen = matrix.all_pairs()
    results = matrix.run_all(chosen)
    failed = sum(error is not None for error in results.values())
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
