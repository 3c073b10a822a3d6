"""What Debian's arm64 kernel needs before it can stand in for ours: its modules.

Its network drivers are modules and it takes no ip=, so archive() makes one more part for
the initramfs: the modules and /linux-init, which loads them, does what ip= says and becomes
the real /init. tools/run and the tests use it whenever the kernel lies beside its modules,
as `tools/setup linux` leaves it.
"""
import glob
import os
import re

import cpio

# In the order in which they need one another.
MODULES = ("failover", "net_failover", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_net",
           "e1000", "e1000e", "vmxnet3")

INIT = """\
#!/bin/busybox sh
# Before init on Debian's kernel: the network card's modules, and what ip= asks for.
PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in %s; do
	[ ! -e /linux-modules/$module.ko ] || insmod /linux-modules/$module.ko
done
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
# A full backlog is to make clients wait, as without cookies, not to reset them.
echo 0 >/proc/sys/net/ipv4/tcp_syncookies
ip link set lo up
ip=
for word in $(cat /proc/cmdline); do
	case $word in ip=*) ip=${word#ip=} ;; esac
done
case $ip in
'' | off | none) ;;
dhcp | on | any)
	ip link set eth0 up
	udhcpc -i eth0 -n -q -t 8 -T 1 -s /etc/udhcpc/default.script >/dev/null 2>&1
	;;
*)
	IFS=:
	set -- $ip
	IFS=' '
	ifconfig eth0 "$1" netmask "$4" up
	[ -z "$3" ] || route add default gw "$3"
	if [ -n "$8" ]; then
		rm -f /etc/resolv.conf
		echo "nameserver $8" >/etc/resolv.conf
	fi
	;;
esac
umount /dev /sys /proc
exec /init
"""


def modules(kernel, names=MODULES):
    """{name: path} of those of these modules that belong to this kernel; empty if they are not beside it."""
    folder = os.path.dirname(os.path.abspath(kernel))
    found = {}
    for path in glob.glob(os.path.join(folder, "lib", "modules", "*", "kernel", "**", "*.ko"), recursive=True):
        name = os.path.basename(path)[:-3]
        if name in names:
            found[name] = path
    return found


def takes_part(kernel, append):
    """Whether this boot wants the archive: Debian's kernel, and nobody chose another first program."""
    return not re.search(r"(^|\s)rdinit=", append) and bool(modules(kernel))


def archive(kernel):
    found = modules(kernel)
    a = cpio.Archive()
    for name in MODULES:
        if name in found:
            with open(found[name], "rb") as f:
                a.file(f"linux-modules/{name}.ko", f.read())
    a.file("linux-init", INIT % " ".join(MODULES), 0o755)
    return a.bytes()
