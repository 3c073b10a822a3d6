#!/usr/bin/env python3
"""dropbear in the guest: log in from the host by OpenSSH with a key, run commands, use a terminal, copy, forward."""
import contextlib
import fcntl
import struct
import subprocess
import termios

from programs import LIMIT, Net, main, programs
from vmtest import Terminal
from web import pattern, sha256


class Login:
    """A guest that serves, and a key that it lets in."""

    def __init__(self, net, vm):
        self.net, self.vm = net, vm
        with open(f"{net.dir}/known", "w") as f:
            key = vm.run("dropbearkey -t ed25519 -f /etc/dropbear/key 2>/dev/null | grep ^ssh-").split()
            f.write(f"{net.guest_ip} {key[0]} {key[1]}\n")
        vm.run("chmod 700 /root /root/.ssh; chmod 600 /root/.ssh/authorized_keys; "
               "dropbear -s -r /etc/dropbear/key -E -P /run/dropbear.pid 2>/tmp/dropbear.log")
        self.options = ["-F", "none", "-i", f"{net.dir}/id", "-o", f"UserKnownHostsFile={net.dir}/known", "-o",
                        "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]

    def command(self, *more, user="root"):
        return [*self.net.prefix, "ssh", *self.options, *more[:-1], f"{user}@{self.net.guest_ip}", *more[-1:]]

    def run(self, *more, data=b"", **kw):
        return subprocess.run(self.command(*more, **kw), input=data, capture_output=True, timeout=LIMIT)


@contextlib.contextmanager
def logins():
    with Net() as net:
        net.need("ssh", "openssh-client")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{net.dir}/id"], check=True)
        with open(f"{net.dir}/id.pub") as f:
            keys = f.read()
        files = {"root/.ssh/authorized_keys": keys.encode(), "etc/dropbear/none": b""}
        with programs("dropbear-bin", "procps", ns=net, files=files) as vm:
            yield Login(net, vm)


def test_commands():
    with logins() as login:
        p = login.run("echo out; echo err >&2; id -un; exit 7")
        assert (p.returncode, p.stdout, p.stderr) == (7, b"out\nroot\n", b"err\n"), p
        assert login.run("kill -TERM $$").returncode != 0
        # What goes in comes out, whole and in order.
        data = pattern(5 << 20, b"ssh")
        assert login.run("cat >/tmp/copy", data=data).returncode == 0
        assert login.vm.run("sha256sum </tmp/copy").split()[0] == sha256(data)
        p = login.run("cat /tmp/copy")
        assert p.returncode == 0 and p.stdout == data
        many = [subprocess.Popen(login.command(f"echo {n}; exit {n}"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                for n in range(4)]      # more strangers from one address it does not take
        for n, p in enumerate(many):
            assert p.communicate(timeout=LIMIT)[0] == b"%d\n" % n and p.returncode == n
        # Nobody else gets in: another user, or another key.
        assert b"Permission denied" in login.run("true", user="daemon").stderr
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{login.net.dir}/other"], check=True)
        login.options[3] = f"{login.net.dir}/other"
        assert b"Permission denied" in login.run("true").stderr
        login.vm.run("kill $(cat /run/dropbear.pid); while pgrep dropbear; do sleep 0.1; done")


def test_terminal():
    with logins() as login:
        bash = login.command("-tt", "exec bash --norc --noprofile")
        with Terminal(*bash, env={"TERM": "vt100"}, rows=33, columns=99) as t:
            t.wait(r"bash-5\.2# ")
            t.send("tty; stty size; echo $TERM\n")
            t.wait(r"^/dev/pts/\d+\n33 99\nvt100\n")
            # ^C ends the command and not the shell; ^Z stops it.
            t.send("sleep 1000\n")
            t.wait("sleep 1000\n")
            login.vm.run("until pgrep -x sleep; do sleep 0.1; done")
            t.send("\x03")
            t.wait(r"\^C\n")
            t.send("echo status $?; sleep 1000\n")
            t.wait(r"^status 130\n")
            login.vm.run("until pgrep -x sleep; do sleep 0.1; done")
            t.send("\x1a")
            t.wait(r"Stopped +sleep 1000\n")
            t.send("kill %1; wait; echo over\n")
            t.wait(r"^over\n")
            # A script's trap: one of the shell at the prompt may run while it parses the next line, and spoils that.
            t.send("bash -c 'trap \"stty size; exit\" WINCH; echo ready; while :; do sleep 0.1; done'\n")
            t.wait(r"^ready\n")
            fcntl.ioctl(t._fd, termios.TIOCSWINSZ, struct.pack("4H", 44, 111, 0, 0))
            t.wait(r"^44 111\n")
            t.send("sleep 2000 & exit 3\n")
            assert t.wait_exit() == 3
        login.vm.run("while pgrep -x bash >/tmp/bashes && [ $(wc -l </tmp/bashes) -gt 1 ]; do sleep 0.1; done")
        # A line that breaks hangs the terminal up: what runs on it ends.
        with Terminal(*login.command("-tt", "echo here; sleep 3000")) as t:
            t.wait(r"^here\n")
            t.process.kill()
            login.vm.run("while pgrep -f 'sleep 3000'; do sleep 0.1; done")


def test_forwarding():
    with logins() as login:
        login.vm.run("mkdir /srv; echo from the guest >/srv/page; httpd -p 127.0.0.1:8000 -h /srv")
        net = login.net
        with open(f"{net.www}/page", "w") as f:
            f.write("from the host\n")
        net.nginx()
        there = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{net.host_ip}:8080:127.0.0.1:8000",
                 "-R", f"127.0.0.1:8081:{net.host_ip}:80"]
        p = net.spawn(*login.command(*there, "")[len(net.prefix):-1])
        net.ready(p, "ssh", 8080)
        for _ in range(20):
            assert net.run("curl", "-sS", f"http://{net.host_ip}:8080/page") == "from the guest\n"
        login.vm.run("until netstat -ltn | grep -q 127.0.0.1:8081; do sleep 0.1; done")
        for _ in range(5):
            assert login.vm.run("wget -q -O - http://127.0.0.1:8081/page") == "from the host\n"
        with open(f"{net.www}/10m", "rb") as f:
            assert login.vm.run("wget -q -O - http://127.0.0.1:8081/10m | sha256sum").split()[0] == sha256(f.read())


def test_client_in_the_guest():
    with logins() as login:
        vm = login.vm
        vm.run("dropbearkey -t ed25519 -f /root/id")
        vm.run("dropbearkey -y -f /root/id | grep ^ssh- >>/root/.ssh/authorized_keys")
        out, status = vm.sh("dbclient -y -i /root/id root@127.0.0.1 'id -un; exit 9' 2>/dev/null")
        assert (out, status) == ("root\n", 9)
        vm.run("head -c 3000000 /dev/urandom >/tmp/a")
        vm.run("dbclient -y -i /root/id root@127.0.0.1 cat </tmp/a 2>/dev/null >/tmp/b; cmp /tmp/a /tmp/b")


main()
