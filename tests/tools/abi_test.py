#!/usr/bin/env python3
# quick
# ours: it starts no guest
"""docs/abi.md says what the sources say: tools/mkabi --check."""
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

done = subprocess.run([os.path.join(TOP, "tools", "mkabi"), "--check"], capture_output=True, text=True)
print(done.stdout + done.stderr, end="")
print("ok abi" if done.returncode == 0 else "FAIL abi: docs/abi.md is not what tools/mkabi writes")
sys.exit(done.returncode)
