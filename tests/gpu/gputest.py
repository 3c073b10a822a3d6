"""What the tests of the GPU are written with: tests/vm's Vm with a GPU, and where to find errors of its host.

The host, virglrenderer, tells nobody but QEMU's standard error of a command stream that is wrong, and the context
reads as zeros from there on: host_errors() is to be looked at in each test.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "vm"))
from vmtest import LIMIT, TOP, Skip, Vm, VmError, _read, main, only_ours, qemu  # noqa: E402,F401

LINUX = os.path.join(TOP, "build", "linux", "Image")
# Debian's, in the order in which they need one another.
MODULES = ("drm", "drm_kms_helper", "drm_shmem_helper", "virtio_dma_buf", "virtio-gpu", "virtio_input", "evdev")
USB_MODULES = ("usb-common", "usbcore", "xhci-hcd", "xhci-pci", "hid", "usbhid", "hid-generic")


def linux_kernel():
    """Debian's kernel, fetched if it is not there yet."""
    if not os.path.exists(LINUX):
        subprocess.run([os.path.join(TOP, "tools", "setup"), "linux"], check=True, stdout=subprocess.DEVNULL)
    return LINUX


def machine(gpu="virgl", files=None, programs=(), **options):
    """A Vm with a GPU and no network; programs: paths of programs of this machine's build to put into its /bin."""
    files = {**(files or {}), **{f"bin/{os.path.basename(path)}": _read(path) for path in programs}}
    return Vm(net="none", gpu=gpu, files=files, modules=MODULES, **options)


def host_errors(vm):
    """The lines of QEMU's standard error that tell of a command that the host refused."""
    return [line for line in vm.qemu_said().splitlines() if re.search(r"(?i)error|illegal|invalid|vrend|virgl", line)]
