"""The QEMU command line for a guest: what tools/run, the tests and the benches share.

A Machine holds the choices, checked one by one as they are set in check(); command()
turns them into an argument list. A wrong choice raises Wrong, whose text names the
mistake and what would be right.
"""
import ctypes
import difflib
import gzip
import os
import re
import signal
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
QEMU = "qemu-system-aarch64"
FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"

# Known good without asking QEMU, which takes a tenth of a second.
NICS = ("virtio-net-pci", "virtio-net-pci-transitional", "virtio-net-pci-non-transitional",
        "e1000", "e1000e", "vmxnet3")
CPUS = ("cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "max")
GPUS = {"none": None, "2d": "virtio-gpu-pci", "virgl": "virtio-gpu-gl-pci"}
# Without a window: SDL draws to memory and Mesa on the CPU. It gets no threads, for QEMU would see that they are done
# only when it looks, each 10 ms.
HEADLESS_GL = ["env", "-u", "DISPLAY", "-u", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER=offscreen", "LIBGL_ALWAYS_SOFTWARE=1",
               "LP_NUM_THREADS=0"]
WITH_ROM = re.compile(r"-pci|^e1000|^vmxnet3|^rtl8139|^i8255|^ne2k_pci|^pcnet|^tulip|^igb")


class Wrong(Exception):
    """A choice that cannot work; the text is for the user."""


def built(*path):
    return os.path.join(BUILD, *path)


def near(word, known):
    """The words that one may have been meant; all of them if none is close."""
    near = difflib.get_close_matches(word, known, 4, 0.5)
    return f"; did you mean {', '.join(near)}?" if near else f"; there are: {', '.join(sorted(known))}"


def _ask(*args):
    try:
        return subprocess.run([QEMU, *args], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise Wrong(f"{QEMU} is not installed: run tools/setup") from None


def _network_devices():
    text = _ask("-M", "virt", "-device", "help")
    part = text.split("Network devices:", 1)[1].split("\n\n", 1)[0]
    return re.findall(r'name "([^"]+)"', part)


def _cpus():
    return re.findall(r"^\s+([\w.-]+)$", _ask("-M", "virt", "-cpu", "help"), re.M)


def check_file(path, what, make=None):
    """path, if it can be read; else Wrong, with the command that makes it."""
    if os.path.isdir(path):
        raise Wrong(f"{what} {path} is a folder")
    if not os.access(path, os.R_OK):
        ours = make and os.path.abspath(path).startswith(BUILD + os.sep)
        hint = f"build it with `{make}`" if ours else "check the path"
        raise Wrong(f"{what} {path} cannot be read: {hint}")
    return path


def check_kernel(path):
    """path, if it looks like something that the arm64 boot protocol can start."""
    check_file(path, "kernel", "make debug" if "debug" in path else "make")
    with open(path, "rb") as f:
        head = f.read(64)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(path) as f:
            head = f.read(64)
    if head[:4] != b"\x7fELF" and head[56:60] != b"ARM\x64":
        raise Wrong(f"kernel {path} is no arm64 kernel: no 'ARM\\x64' at byte 56 of it "
                    "(arch/arm64/boot/Image or a Debian vmlinuz would do)")
    return path


class Machine:
    def __init__(self, kernel=None, initrd=None, append="", net="user", nic="virtio-net-pci",
                 gic="2", cpu="cortex-a76", smp="1", mem="512M", pcap=None, gdb=None,
                 debug=False, extra=(), machine="", buses=(), uefi=None, disk=None,
                 gpu="none", window=False):
        self.kernel = kernel or built("debug" if debug else "", "Image")
        self.initrd = initrd or built("initramfs.cpio")     # one file, or "none"
        self.append, self.net, self.nic = append, net, nic
        self.gic, self.cpu, self.smp, self.mem = str(gic), cpu, str(smp), mem
        self.pcap, self.gdb, self.extra = pcap, gdb, list(extra)
        # Which GPU, one of GPUS, and whether it is shown in a window here.
        self.gpu, self.window = gpu, window
        # How UEFI, when it starts the machine, tells of devices: "dtb" or "acpi". disk: an image that has it all instead.
        self.uefi, self.disk = uefi, disk
        # For the tests: more properties of -M virt, and devices that the network card is behind.
        self.machine, self.buses = machine, list(buses)

    def check(self):
        if self.uefi not in (None, "dtb", "acpi"):
            raise Wrong(f"--uefi {self.uefi}: dtb or acpi, how it tells of the devices")
        if self.uefi and not os.path.exists(FIRMWARE):
            raise Wrong(f"--uefi: there is no {FIRMWARE}: tools/setup test installs it")
        if self.gic not in ("2", "3"):
            raise Wrong(f"--gic {self.gic}: 2 (GICv2 with a v2m frame) or 3 (GICv3 with an ITS)")
        if not self.smp.isdigit() or not 1 <= int(self.smp) <= 512:
            raise Wrong(f"--smp {self.smp}: a number of CPUs from 1 up")
        if self.gic == "2" and int(self.smp) > 8:
            raise Wrong(f"--smp {self.smp}: a GICv2 serves 8 CPUs at most; add --gic 3")
        if not re.fullmatch(r"[1-9]\d*[MGmg]", self.mem):
            raise Wrong(f"--mem {self.mem}: a size such as 512M or 2G")
        cpu = self.cpu.split(",")[0]
        if cpu not in CPUS:
            known = _cpus()
            if cpu not in known:
                raise Wrong(f"--cpu {cpu}: no such model{near(cpu, known)}")
        nic = self.nic.split(",")[0]
        if nic not in NICS:
            known = _network_devices()
            if nic not in known:
                raise Wrong(f"--nic {nic}: no such network card{near(nic, known)}")
        if self.gpu not in GPUS:
            raise Wrong(f"--gpu {self.gpu}: {', '.join(GPUS)}")
        if self.gpu == "virgl" and f'name "{GPUS["virgl"]}"' not in _ask("-M", "virt", "-device", "help"):
            raise Wrong("--gpu virgl: QEMU's part for it is not installed: run tools/setup desktop")
        kind, _, rest = self.net.partition(":")
        if kind == "tap":
            if not rest:
                raise Wrong("--net tap:IF needs the name of a tap interface, such as tap:tap0")
            if not os.path.exists("/sys/class/net/" + rest):
                raise Wrong(f"--net tap:{rest}: there is no interface {rest} here; "
                            f"make it with `ip tuntap add {rest} mode tap`")
        elif self.net.split(",")[0] not in ("user", "none"):
            raise Wrong(f"--net {self.net}: user, tap:IF or none")
        if self.net == "none" and self.pcap:
            raise Wrong("--pcap needs a network: leave --net none away")
        if self.pcap:
            folder = os.path.dirname(os.path.abspath(self.pcap))
            if not os.access(folder, os.W_OK):
                raise Wrong(f"--pcap {self.pcap}: the folder {folder} cannot be written to")
        check_kernel(self.kernel)
        if self.initrd != "none":
            check_file(self.initrd, "initrd", "make")
        return self

    def netdev(self):
        kind, _, rest = self.net.partition(":")
        if kind == "tap":
            return f"tap,id=net0,ifname={rest},script=no,downscript=no"
        return "user,id=net0" + self.net[len("user"):]

    def display(self):
        """What shows the guest's picture, and lets a person act on it."""
        if self.gpu == "none":
            return ["-display", "none"]
        shown = "sdl,gl=on" if self.gpu == "virgl" else "sdl" if self.window else "none"
        return ["-display", shown, "-device", GPUS[self.gpu], "-device", "virtio-keyboard-pci",
                "-device", "virtio-tablet-pci"]

    def command(self, console):
        """The argument list; console is the list of arguments for the serial port."""
        append = ["console=ttyAMA0", self.append]
        if self.net != "none" and not re.search(r"(^|\s)ip=", self.append):
            append.insert(1, "ip=dhcp")
        machine = ",".join(filter(None, (f"virt,gic-version={self.gic}", "acpi=off" if self.uefi == "dtb" else "",
                                         self.machine)))
        cmd = HEADLESS_GL if self.gpu == "virgl" and not self.window else []
        cmd = [*cmd, QEMU, "-M", machine, "-cpu", self.cpu, "-smp", self.smp,
               "-m", self.mem, "-nodefaults", *self.display(), "-no-reboot",
               "-device", "pvpanic-pci", "-action", "panic=exit-failure", *console]
        if self.uefi:
            cmd += ["-bios", FIRMWARE]
        if self.disk:
            cd = self.disk.endswith(".iso")
            cmd += ["-drive", f"if=none,id=disk0,format=raw,readonly=on,file={self.disk}" + ",media=cdrom" * cd,
                    *(["-device", "virtio-scsi-pci"] if cd else []),
                    "-device", ("scsi-cd" if cd else "virtio-blk-pci") + ",drive=disk0,bootindex=0"]
        else:
            cmd += ["-kernel", self.kernel, "-append", " ".join(filter(None, append))]
        if self.initrd != "none" and not self.disk:
            cmd += ["-initrd", self.initrd]
        if self.net != "none":
            # No option ROM: the guest does not boot from the network.
            rom = ",romfile=" if WITH_ROM.search(self.nic.split(",")[0]) and "romfile" not in self.nic else ""
            cmd += [*self.buses, "-netdev", self.netdev(), "-device", f"{self.nic},netdev=net0{rom}"]
            if self.pcap:
                cmd += ["-object", f"filter-dump,id=pcap0,netdev=net0,file={self.pcap}"]
        if self.gdb:
            cmd += ["-gdb", f"tcp:127.0.0.1:{self.gdb}", "-S"]
        return cmd + self.extra


_libc = ctypes.CDLL(None)


def die_with_parent():
    """In the child, before exec: let QEMU end when its starter does, however that ends."""
    _libc.prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG
