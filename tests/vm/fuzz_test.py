#!/usr/bin/env python3
"""Any system call with any arguments, thousands of times: the machine goes on. DUNLIN_SEED chooses another run."""
import os

from vmtest import Vm, main

SEED = int(os.environ.get("DUNLIN_SEED") or 20261121)


def test_any_call():
    """With the locks checked; afterwards all that a user relies on is there."""
    print(f"DUNLIN_SEED={SEED}")
    with Vm(guest=True, mem="256M") as vm:
        vm.boot()
        out, status = vm.sh(f"SEED={SEED} COUNT=3000 /bin/fuzz", 1500)
        assert status == 0, f"DUNLIN_SEED={SEED}\n{out}\n{vm.tail()}"
        assert vm.run("echo $((6 * 7)) | cat; ls -d /bin; rm -rf /tmp/*; echo x >/tmp/x && cat /tmp/x") == "42\n/bin\nx\n"
        vm.ping("10.0.2.2")


main()
