#!/usr/bin/env python3
# quick
"""Archives that the kernel starts from: ours and other people's, whole and broken."""
import gzip
import hashlib
import os
import re
import stat
import zlib

from vmtest import BUSYBOX, Vm, cpio, main, only_ours, qemu

INIT = """#!/bin/busybox sh
echo "descriptors $(/bin/busybox printf one)" >&0
echo two
echo three >&2
%s
exec /bin/busybox poweroff -f
"""


def read(path):
    with open(path, "rb") as f:
        return f.read()


def ours(suffix=""):
    return read(qemu.built("initramfs.cpio" + suffix))


def foreign(body="", **more):
    """Somebody else's: a busybox and a script, no /dev, nothing else."""
    a = cpio.Archive()
    a.file("init", INIT % body, 0o755)
    a.file("bin/busybox", read(BUSYBOX), 0o755)
    for name, data in more.items():
        a.file(name, data)
    return a


def run_foreign(archives, *patterns):
    with Vm(net="none", initrd=archives) as vm:
        for p in patterns:
            vm.wait(p)
        assert vm.wait_exit() == 0, vm.tail()


def shell_with(archives, command, expected):
    with Vm(net="none", initrd=archives) as vm:
        vm.boot()
        assert vm.run(command) == expected


def test_gzip():
    shell_with([ours(".gz")], "cat /etc/hostname; readlink /bin/sh", "dunlin\nbusybox\n")


def second(**files):
    a = cpio.Archive()
    for name, data in files.items():
        a.file(name, data)
    return a.bytes()


def test_archives_one_after_the_other():
    """A later one's file takes the place of an earlier one's; plain and gzip in any order, zeros between them."""
    late = second(**{"etc/hostname": "second\n", "etc/late": "late\n"})
    for archives in ([ours(), late], [ours(".gz"), gzip.compress(late)], [ours(), bytes(4096), gzip.compress(late)],
                     [ours(".gz"), late, bytes(512)]):
        shell_with(archives, "hostname; cat /etc/late", "second\nlate\n")


def test_gzip_of_every_kind():
    """With a file name in the header, in stored, dynamic and fixed blocks."""
    late = second(**{"etc/hostname": "gzip\n", "etc/noise": bytes(i * i * 7 % 253 for i in range(100000))})
    for level, strategy in ((0, 0), (9, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_FIXED)):
        c = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
        packed = (b"\x1f\x8b\x08\x08" + bytes(4) + b"\x02\x03" + b"name.cpio\0" +
                  c.compress(late) + c.flush() + zlib.crc32(late).to_bytes(4, "little") + len(late).to_bytes(4, "little"))
        shell_with([ours(), packed], "hostname; wc -c </etc/noise", "gzip\n100000\n")


def test_somebody_elses_without_device_nodes():
    """Descriptors 0 to 2 are the console although the archive has no /dev."""
    run_foreign([foreign().bytes()], r"^descriptors one$", r"^two$", r"^three$")


def test_somebody_elses_by_find_and_cpio():
    """The names of `find . | cpio -o -H newc`: ".", "./init"; a directory after its file; owners and times."""
    class Raw(cpio.Archive):
        def add(self, name, mode, data=b"", **kw):
            self._ino += 1
            self._emit(name, self._ino, mode, kw.pop("nlink", 1), data, **kw)

    a = Raw()
    a.add(".", stat.S_IFDIR | 0o755)
    a.add("./bin", stat.S_IFDIR | 0o755)
    a.add("./bin/busybox", stat.S_IFREG | 0o755, read(BUSYBOX))
    a.add("./bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    a.add("./dev", stat.S_IFDIR | 0o755)
    a.add("./dev/zero", stat.S_IFCHR | 0o666, rdev=(1, 5))
    a.add("./fifo", stat.S_IFIFO | 0o600)
    a.add("./sticky", stat.S_IFDIR | 0o1777)
    a.add("./set", stat.S_IFREG | 0o4711, b"x")
    a.add("/absolute", stat.S_IFREG | 0o640, b"absolute\n")
    a.add("./init", stat.S_IFREG | 0o755, (INIT % (
        "cd /; set -- $(/bin/busybox stat -c %a:%F fifo sticky set bin/sh absolute | /bin/busybox tr ' ' _); echo kinds $*; "
        "/bin/busybox head -c 3 /dev/zero | /bin/busybox wc -c; /bin/busybox cat /absolute")).encode())
    run_foreign([a.bytes()], r"^kinds 600:fifo 1777:directory 4711:regular_file 777:symbolic_link 640:regular_file$",
                r"^3$", r"^absolute$")


def test_hard_links():
    """Names of one inode share their data, which is in the last of them."""
    a = cpio.Archive()
    a.file("init", INIT % "/bin/busybox cat /a /b; set -- $(/bin/busybox stat -c %h:%i /a /b); echo links $1 $2", 0o755)
    a.file("bin/busybox", read(BUSYBOX), 0o755)
    for name, data in (("a", b""), ("b", b"shared\n")):
        a._emit(name, 999, stat.S_IFREG | 0o644, 2, data)
    run_foreign([a.bytes()], r"^shared\nshared$", r"^links 2:(\d+) 2:\1$")


def test_a_link_where_a_directory_is():
    """A directory with files in it stays; the link or file of its name is passed over, and all that follows comes out."""
    a = foreign("/bin/busybox cat /dir/in /dir2/in; /bin/busybox test ! -L /dir && echo directory; /bin/busybox cat /after",
                **{"dir/in": "inside\n", "dir2/in": "inside2\n"})
    b = cpio.Archive()
    b._emit("dir", 901, stat.S_IFLNK | 0o777, 1, b"elsewhere")
    b._emit("dir2", 902, stat.S_IFREG | 0o644, 1, b"data that goes nowhere")
    b.file("after", "after\n")
    run_foreign([a.bytes(), b.bytes()], r"^inside\ninside2\ndirectory\nafter$")


def test_large_files_and_long_names():
    big = bytes(range(256)) * 4096 * 20
    name = "/".join(["n" * 200] * 10) + "/end"
    with Vm(net="none", files={"big": big, name: b"found\n"}) as vm:
        vm.boot()
        assert vm.run("wc -c </big") == f"{len(big)}\n"
        assert vm.run(f"cat /{name}") == "found\n"
        assert vm.run("sha256sum </big").split()[0] == hashlib.sha256(big).hexdigest()


# ---- broken ones: a message that says what is wrong, and no hang ---------------------------------------

def broken(archive, *messages, boots=False, **machine):
    """Boot it: each message is said; then a panic with a status (or, with boots, the shell)."""
    with Vm(net="none", initrd=[archive], **machine) as vm:
        for m in messages:
            vm.wait(m)
        if boots:
            vm.prompt()
        else:
            vm.wait(r"[Kk]ernel panic: no first program: tried /init")
            assert vm.wait_exit() != 0


def test_cut_off():
    """Whether the end is missing from a plain or a gzip archive: what came out until then is said."""
    only_ours()
    whole = ours()
    init = whole.index(b"\x7fELF")
    for data in (whole[:init + 5000], whole[:700], whole[:50], ours(".gz")[:5000], ours(".gz")[:100]):
        broken(data, r"initramfs: .*(cut off|ends|end of)")


def test_cut_off_behind_what_init_needs():
    """The first program may still be whole: then it is started, with the warning."""
    only_ours()
    late = second(**{"etc/hostname": "late\n", "etc/more": bytes(5000)})
    broken(cpio.join([ours(), late[:-3000]]), r"initramfs: ", boots=True)


def test_nonsense():
    only_ours()
    broken(bytes(i * 7 % 256 for i in range(100000)), r"initramfs: .*(cpio|gzip)")
    broken(b"BZh9" + bytes(range(256)) * 40, r"initramfs: ")


def test_wrong_checksum_of_gzip():
    only_ours()
    data = bytearray(ours(".gz"))
    data[-8] ^= 1
    with Vm(net="none", initrd=[bytes(data)]) as vm:
        vm.wait(r"initramfs: .*(checksum|CRC|crc)")


def header(**fields):
    """A cpio header with these fields spoilt, in front of a good archive's end."""
    names = ("ino", "mode", "uid", "gid", "nlink", "mtime", "filesize", "devmajor", "devminor", "rdevmajor", "rdevminor",
             "namesize", "check")
    values = dict(zip(names, ("00000001", "000081a4", "0" * 8, "0" * 8, "00000001", "0" * 8, "00000004", "0" * 8, "0" * 8,
                              "0" * 8, "0" * 8, "00000002", "0" * 8)))
    values.update(fields)
    return b"070701" + "".join(values[n] for n in names).encode() + b"x\0" + b"data"


def test_headers_that_lie():
    only_ours()
    for spoilt in (header(namesize="ffffffff"), header(namesize="00000000"), header(namesize="00001001"),
                   header(filesize="ffffffff"), header(filesize="7fffffff"), header(mode="zzzzzzzz"), header(ino="0000000g")):
        broken(cpio.join([ours(), spoilt]), r"initramfs: ", boots=True)
    # Names that climb, a file where a directory should be, a link to nowhere: passed over or refused, nothing else.
    a = cpio.Archive()
    a._emit("../../escape", 1, stat.S_IFREG | 0o644, 1, b"x")
    a._emit("init/below", 2, stat.S_IFREG | 0o644, 1, b"x")
    a._emit("no/such/parent", 3, stat.S_IFREG | 0o644, 1, b"x")
    a._emit("loop", 4, stat.S_IFLNK | 0o777, 1, b"loop")
    a._emit("loop/x", 5, stat.S_IFREG | 0o644, 1, b"x")
    broken(cpio.join([ours(), a.bytes()]), boots=True)


def test_more_than_fits_into_memory():
    """Unpacked it is larger than the machine: the kernel says so and ends, or starts what came out before."""
    only_ours()
    a = cpio.Archive()
    a.file("bulk", bytes(100 << 20))
    packed = gzip.compress(a.bytes(), 1)
    with Vm(net="none", initrd=[packed], mem="64M") as vm:
        vm.wait(r"initramfs: .*memory")
        vm.wait(r"[Kk]ernel panic")
        assert vm.wait_exit() != 0


def test_no_initramfs():
    only_ours()
    with Vm(net="none", initrd=[]) as vm:
        vm.wait(r"no initramfs")
        vm.wait(r"[Kk]ernel panic: no first program: tried /init")
        assert vm.wait_exit() != 0


def test_our_archive_is_found_sound_by_cpio():
    """What tools/mkinitramfs writes is an archive for others too: this checks it byte by byte."""
    data, at, names = ours(), 0, []
    while True:
        assert data[at:at + 6] == b"070701", at
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11] - 1].decode()
        at += -(-(110 + fields[11]) // 4) * 4
        at += -(-fields[6] // 4) * 4
        if name == "TRAILER!!!":
            break
        assert not re.match(r"/|\./", name) and name not in names, name
        assert os.path.dirname(name) in ["", *names], name
        names.append(name)
    assert {"init", "bin/busybox", "bin/sh", "dev/console"} <= set(names)


main()
