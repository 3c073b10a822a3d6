"""Debian's own arm64 programs in the guest, dynamic, with Debian's ld.so and libraries.

    from programs import main, programs

    def test_name():
        with programs("coreutils") as vm:       # a booted Vm of tests/vm, whose run() is bash's
            assert vm.run("echo ${BASH_VERSINFO[0]}") == "5\\n"

    main()

`tools/setup programs` has put the packages into build/programs and build/programs-gpu, each in a folder of its own
with all it depends on beside it. archive() makes one part for an initramfs of the packages that are
named ("package:pattern": of those of its files alone whose place matches that regular expression), and of those
shared libraries of the others that the dynamic linker will ask for: it goes behind our own initramfs, so a program of Debian's takes the place of busybox's of that name, and busybox
stands in for the rest. Both names of a folder lead to the same files, as on Debian: all programs are in
/bin, which /sbin, /usr/bin and /usr/sbin are links to, and all libraries in /lib.

What a test needs of the network is tests/net's: programs("curl", ns=net).
"""
import contextlib
import glob
import hashlib
import os
import re
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "net"))
from netns import LIMIT, Net, Skip, Vm, VmError, main, only_ours, qemu  # noqa: E402,F401
from vmtest import cpio, _read  # noqa: E402

ROOTS = qemu.built("programs"), qemu.built("programs-gpu")
CACHE = qemu.built("programs-initramfs")
# What glibc opens by name when it is asked to: a thread that is cancelled unwinds by libgcc_s.
ALWAYS = ("ld-linux-aarch64.so.1", "libc.so.6", "libgcc_s.so.1")
UNUSED = re.compile(r"usr/share/(doc|man|info|locale|lintian|bash-completion|bug|doc-base|menu|polkit-1|zsh|perl.*)/"
                    r"|lib/(systemd|locale|perl.*|aarch64-linux-gnu/(perl|gconv|audit).*)/|etc/(init.d|cron.*)/|\.control$")
BASE = {"etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
                      "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nuser:x:1000:1000:A user:/home/user:/bin/bash\n"
                      "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "etc/group": "root:x:0:\ndaemon:x:1:\nadm:x:4:user\ntty:x:5:\nwww-data:x:33:\nuser:x:1000:\nnogroup:x:65534:\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
        "etc/shells": "/bin/sh\n/bin/bash\n"}


def _place(path):
    """Where a file of a package goes in the guest."""
    path = re.sub(r"^(usr/)?s?bin/", "bin/", path)
    return re.sub(r"^usr/lib(/|$)", r"lib\1", path)


def _files(name):
    """{place: source} of a package's files, links and folders that somebody could use."""
    package, _, pattern = name.partition(":")
    folder = next((at for at in (os.path.join(root, package) for root in ROOTS) if os.path.isdir(at)), None)
    if not folder:
        raise Skip(f"{package} is not in build/programs: run tools/setup programs")
    found = {}
    for at, dirs, files in os.walk(folder):
        for name in dirs + files:
            path = os.path.join(at, name)
            place = _place(os.path.relpath(path, folder))
            if not UNUSED.search(place + ("/" if os.path.isdir(path) else "")) and re.search(pattern, place):
                found[place] = path
    return found


def _libraries():
    """{name: (place, source)} of the shared libraries of all packages."""
    found = {}
    for package in (at for root in ROOTS for at in sorted(glob.glob(f"{root}/*"))):
        for folder in ("lib", "usr/lib", "lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu"):
            at = os.path.join(package, folder)
            for name in os.listdir(at) if os.path.isdir(at) else ():
                if ".so" in name:
                    place = _place(f"{folder}/{name}")
                    found.setdefault(name, []).append((place, os.path.join(at, name)))
    return found


def _is_elf(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def _needed(paths):
    """The names of the libraries that these programs and libraries want at their start."""
    if not paths:
        return set()
    out = subprocess.run(["aarch64-linux-gnu-readelf", "-d", *paths], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))


def _collect(packages):
    files = {}
    for package in packages:
        files.update(_files(package))
    libraries, looked = _libraries(), set()
    wanted = set(ALWAYS) | _needed([path for path in files.values() if _is_elf(path)])
    while wanted - looked:
        name = (wanted - looked).pop()
        looked.add(name)
        for place, path in libraries.get(name, ()):
            files.setdefault(place, path)
            if os.path.islink(path):
                wanted.add(os.path.basename(os.readlink(path)))
            else:
                wanted |= _needed([path])
    return files


def _add(a, place, path):
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        target = os.readlink(path)
        if "/" in target and not target.startswith("/"):
            root = next(root for root in ROOTS if path.startswith(root + os.sep))
            package = os.path.relpath(path, root).split(os.sep, 1)[0]
            inside = os.path.relpath(os.path.dirname(path), os.path.join(root, package))
            target = os.path.normpath(os.path.join("/", inside, target))
        a.symlink(place, target)
    elif stat.S_ISDIR(mode):
        if place not in ("usr/bin", "usr/sbin", "sbin", "tmp", "root", "run", "var/run"):
            a.dir(place, stat.S_IMODE(mode))
    else:
        a.file(place, _read(path), stat.S_IMODE(mode))


def archive(*packages, more=None):
    """The path of a cpio archive with these packages and their libraries; more: {path: contents} to replace or add.

    Made once for the same packages and contents.
    """
    name = hashlib.sha256(repr((packages, sorted((more or {}).items()))).encode()).hexdigest()[:16]
    key = hashlib.sha256()
    for part in (__file__, cpio.__file__, *(at for root in ROOTS for at in sorted(glob.glob(f"{root}/*/.control")))):
        key.update(_read(part))
    path = os.path.join(CACHE, f"{name}-{key.hexdigest()[:16]}.cpio")
    if os.path.exists(path):
        return path
    for old in glob.glob(f"{CACHE}/{name}-*"):
        if old != path:         # another test may have made it by now
            with contextlib.suppress(FileNotFoundError):
                os.remove(old)
    files = _collect(packages)
    more = {**BASE, **(more or {})}
    a = cpio.Archive()
    a.dir("lib")
    a.symlink("usr/lib", "../lib")
    a.dir("home/user")
    for place in sorted(files):
        if place not in more and place not in a:
            _add(a, place, files[place])
    for place in sorted(more):
        a.file(place, more[place], 0o755)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, f".{name}.{os.getpid()}"), "wb") as f:        # which nobody takes for an old one
        f.write(a.bytes())
    os.rename(f.name, path)
    return path


def programs(*packages, more=None, parts=(), net="none", **vm):
    """A booted Vm that has these packages, with bash for the shell of its run(); other arguments are Vm's.

    No network unless ns or net says so. parts: more archives, which come before the packages.
    """
    guest = Vm(archives=[*parts, archive("bash", *packages, more=more)], net=net, **vm)
    try:
        guest.boot(shell="env PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 bash")
        # Debian's own init makes that link; our kernel has it.
        guest.run("[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd")
        return guest
    except BaseException:
        guest.close()
        raise


def transcript(vm, text, timeout=LIMIT):
    """Run what stands behind "$ " and compare what each of these lines prints with the lines below it.

    A line in slashes is a regular expression for one line; "? 3" says a status that is not 0.
    All that differs is told at once.
    """
    wrong = []
    for part in re.split(r"(?m)^\s*\$ ", text)[1:]:
        command, *expected = [line.strip() for line in part.rstrip().split("\n")]
        out, status = vm.sh(command, timeout)
        lines = [line.strip() for line in out.rstrip("\n").split("\n")] if out.strip() else []
        if status:
            lines.append(f"? {status}")
        if len(lines) != len(expected) or not all(map(_line_is, lines, expected)):
            wrong.append("\n    ".join([f"$ {command}", *lines, "instead of:", *expected]))
    assert not wrong, "not as expected:\n" + "\n".join(wrong)


def _line_is(line, expected):
    if len(expected) > 2 and expected[0] == expected[-1] == "/":
        return re.fullmatch(expected[1:-1], line)
    return line == expected
