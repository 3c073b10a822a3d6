#!/usr/bin/env python3
# quick
"""tools/check-floors finds an include that climbs, crosses or leaves the plan."""
import os
import shutil
import sys
import subprocess
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
from vmtest import TOP, main  # noqa: E402


def check(files):
    """Run a copy of the checker on a house of these files; (status, what it said)."""
    with tempfile.TemporaryDirectory() as d:
        for part in ("tools/check-floors", "docs/floors.md"):
            os.makedirs(os.path.join(d, os.path.dirname(part)), exist_ok=True)
            shutil.copy(os.path.join(TOP, part), os.path.join(d, part))
        for name, text in files.items():
            path = os.path.join(d, "kernel", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(text)
        p = subprocess.run([os.path.join(d, "tools/check-floors")], capture_output=True, text=True)
        return p.returncode, p.stderr


HOUSE = {"base/defs.h": "", "mm/page.h": '#include "base/defs.h"\n', "net/pkt.h": '#include "mm/page.h"\n',
         "net/tcp/tcp.h": '#include "net/pkt.h"\n', "fs/file.h": "", "tty/tty.h": '#include "fs/file.h"\n',
         "drivers/pci/pci.h": "", "drivers/net/a.h": '#include "drivers/pci/pci.h"\n', "irq/irq.h": ""}


def test_a_sound_house_passes():
    assert check(HOUSE) == (0, "")


def wrong(name, text, word):
    status, said = check({**HOUSE, name: text})
    assert status != 0 and f"kernel/{name}:" in said and word in said, said


def test_wrong_edges():
    wrong("mm/slab.c", '#include "net/pkt.h"\n', "climbs")
    wrong("fs/vnode.c", '#include "tty/tty.h"\n', "crosses")
    wrong("drivers/uart/u.c", '#include "drivers/net/a.h"\n', "crosses")
    wrong("net/ip.c", '  # include "fs/file.h"\n', "socket")
    wrong("mm/slab.c", '#include "page.h"\n', "spelled from kernel/")
    wrong("attic/x.c", "", "no room")
    wrong("mm/slab.c", "#include <linux/mman.h>\n", "UAPI")
    wrong("net/ip.c", "#include <linux/in.h>\n", "UAPI")
    wrong("irq/irq.c", "#include <libfdt.h>\n", "platform")


def test_sound_edges():
    assert check({**HOUSE, "net/socket_a.c": '#include "fs/file.h"\n#include <linux/in.h>\n',
                  "sys/sys_a.c": '#include <asm/unistd.h>\n#include "net/pkt.h"\n'}) == (0, "")


main()
