"""Writes cpio archives in the "newc" format that Linux's initramfs has.

Made here and not by cpio(1), so that no root is needed for device nodes and the
same input gives the same bytes. Used by tools/mkinitramfs, tools/run and the
tests. Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""
import stat


class Archive:
    """Entries in the order they were added; parents are added by themselves."""

    def __init__(self):
        self._parts = []
        self._names = set()
        self._ino = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        name = name.strip("/")
        if name in self._names:
            raise ValueError(f"{name} is in the archive already")
        self._parents(name)
        self._names.add(name)
        self._ino += 1
        self._emit(name, self._ino, mode, 2 if stat.S_ISDIR(mode) else 1, data, rdev)

    def _emit(self, name, ino, mode, nlink, data=b"", rdev=(0, 0)):
        raw = name.encode() + b"\0"
        fields = (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self._parts.append(_pad(head, 4) + _pad(data, 4))

    def _parents(self, name):
        if "/" in name:
            parent = name.rsplit("/", 1)[0]
            if parent not in self._names:
                self.dir(parent)

    def dir(self, name, mode=0o755):
        if name.strip("/") not in self._names:
            self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data)

    def symlink(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def chardev(self, name, major, minor, mode=0o600):
        self._entry(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def __contains__(self, name):
        return name.strip("/") in self._names

    def bytes(self):
        """The whole archive. Its length is a multiple of 512, so that another may follow."""
        kept = list(self._parts)
        self._emit("TRAILER!!!", 0, 0, 1)
        out = _pad(b"".join(self._parts), 512)
        self._parts = kept
        return out


def _pad(data, to):
    return data + bytes(-len(data) % to)


def join(archives):
    """Several archives (plain or compressed) as one initrd, each on a 4-byte boundary."""
    return b"".join(_pad(a, 4) for a in archives)
