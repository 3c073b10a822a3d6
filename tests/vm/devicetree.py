"""The device tree of a QEMU machine, changed: what firmware might say."""
import os
import subprocess

from vmtest import Skip, qemu


def device_tree(folder, *edits, cpus=1, gic="2"):
    """The machine's own device tree, changed by fdtput."""
    path = os.path.join(folder, "dtb")
    subprocess.run([qemu.QEMU, "-M", f"virt,gic-version={gic},dumpdtb={path}", "-cpu", "cortex-a76", "-smp", str(cpus), "-m", "512M",
                    "-nodefaults", "-display", "none"], check=True, capture_output=True)
    for edit in edits:
        try:
            subprocess.run(["fdtput", *edit[0].split(), path, *edit[1:]], check=True, capture_output=True)
        except FileNotFoundError:
            raise Skip("fdtput (package device-tree-compiler) is not installed: run tools/setup test") from None
    return path
