#!/usr/bin/env python3
# quick
"""From reset to a shell, and back to nothing."""
import os

from vmtest import Vm, main


def test_shell_answers():
    """The machine boots to a login shell on the console, as root, under the name in /etc/hostname."""
    with Vm() as vm:
        vm.boot()
        assert vm.run("id -u") == "0\n"
        assert vm.run("hostname") == "dunlin\n"
        assert vm.run("uname -m") == "aarch64\n"
        assert "busybox" in vm.run("ls /bin").split()


def test_file_systems_are_mounted():
    with Vm(net="none") as vm:
        vm.boot()
        mounts = {line.split()[1]: line.split()[2] for line in vm.run("cat /proc/mounts").splitlines()}
        for where, kind in (("/proc", "proc"), ("/sys", "sysfs"), ("/dev", "devtmpfs"), ("/tmp", "tmpfs")):
            assert mounts.get(where) == kind, f"{where}: {mounts.get(where)}"
        vm.run("echo kept > /tmp/a && mv /tmp/a /tmp/b")
        assert vm.run("cat /tmp/b") == "kept\n"


def test_control_c_ends_the_foreground_program():
    with Vm(net="none") as vm:
        vm.prompt()
        vm.send("sleep 1000; echo status-$?\n")
        vm.wait(r"sleep 1000.*\n")
        # The shell may not have started the program yet: ctrl-c at its prompt does no harm, so press until it works.
        for _ in range(100):
            vm.send("\x03")
            try:
                vm.wait(r"status-130|\^C[\s\S]*# ", 2)
                break
            except AssertionError:
                continue
        vm.send("echo alive-$((6 * 7))\n")
        vm.wait(r"alive-42\n")


def test_shell_comes_back():
    """When the shell ends, another one starts; programs that it leaves are collected."""
    with Vm(net="none") as vm:
        vm.prompt()
        vm.send("exit\n")
        vm.wait(r"built-in shell")
        vm.prompt()


def test_poweroff_ends_with_status_0():
    with Vm(net="none") as vm:
        vm.boot()
        vm.send("tag\npoweroff\n")
        assert vm.wait_exit() == 0


def test_reboot_ends_with_status_0():
    """tools/run starts QEMU so that a reboot ends it."""
    with Vm(net="none") as vm:
        vm.boot()
        vm.send("tag\nreboot\n")
        assert vm.wait_exit() == 0


def test_gzip_initramfs():
    from vmtest import qemu
    with Vm(net="none", initrd=[qemu.built("initramfs.cpio.gz")]) as vm:
        vm.boot()
        assert vm.run("cat /etc/hostname") == "dunlin\n"


def test_archives_one_after_the_other():
    """A later archive's file takes the place of an earlier one's."""
    with Vm(net="none", files={"etc/hostname": "second\n"}) as vm:
        vm.boot()
        assert vm.run("hostname") == "second\n"
        assert os.path.basename(vm.run("readlink /bin/sh").strip()) == "busybox"


main()
