#!/usr/bin/env python3
# quick
"""./quick-test.sh: the table and the figures when all is well, and a status when something is not."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
from vmtest import TOP, main  # noqa: E402


def quick_test(*args):
    """On the debug build, or the kernel that the tests were given."""
    kernel = os.environ.get("DUNLIN_TEST_KERNEL")
    return subprocess.run([os.path.join(TOP, "quick-test.sh"), *(["--kernel", kernel] if kernel else ["--debug"]), *args],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)


def test_all_is_well():
    p = quick_test()
    assert p.returncode == 0, (p.stdout, p.stderr)
    assert len(re.findall(r"(?m)^  PASS  \w+ +\d+\.\d{3} ms$", p.stdout)) == 23, p.stdout
    assert re.search(r"(?m)^DNS    host\.test is 10\.0\.2\.2, from 10\.0\.2\.2 in \d+\.\d+ ms$", p.stdout), p.stdout
    assert re.search(r"(?m)^HTTP   status 200 and \d+ bytes from 10\.0\.2\.2 in \d+\.\d+ ms$", p.stdout), p.stdout
    assert int(re.search(r"(?m)^MSI-X  (\d+) interrupts$", p.stdout)[1]) > 0, p.stdout
    assert p.stdout.splitlines()[-1].startswith("23 checks: 23 passed, 0 failed, 0 skipped in "), p.stdout


def test_no_network():
    """The checks of the network are skipped or fail, and no interrupt comes: that is no pass."""
    p = quick_test("--net", "none")
    assert p.returncode == 1, (p.stdout, p.stderr)
    assert re.search(r"(?m)^  FAIL  http_fetch", p.stdout) and "MSI-X  0 interrupts" in p.stdout, p.stdout


def test_wrong_option():
    p = quick_test("--nic", "no-such-card")
    assert p.returncode == 2 and "no such network card" in p.stderr, (p.stdout, p.stderr)


def test_help():
    p = subprocess.run([os.path.join(TOP, "quick-test.sh"), "--help"], capture_output=True, text=True, timeout=60)
    assert p.returncode == 0 and p.stdout.startswith("usage: ./quick-test.sh"), p.stdout


main()
