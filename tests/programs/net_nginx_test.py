#!/usr/bin/env python3
"""nginx serves from the guest: master and workers, sendfile, TLS, a new configuration, a quit that lets clients end."""
import contextlib
import os
import re
import time

from programs import LIMIT, Net, main, programs
from web import FILES, Web, sha256

# A worker that serves, and no longer is root, is called so.
COUNT = "until [ $(pgrep -cfx 'nginx: worker process') = %d ]; do sleep 0.1; done"
START = "nginx -c /etc/nginx/web.conf -e /run/web/error.log"


@contextlib.contextmanager
def serving():
    with Net() as net:
        web = Web(net)
        with programs("nginx", "curl", "procps", ns=net, files=web.guest()) as vm:
            vm.run("mkdir -p /srv/put /run/web; chown www-data /srv/put; chmod 755 /srv; " + START)
            vm.run(COUNT % 2)
            yield net, web, vm


def workers(vm):
    return set(vm.sh("pgrep -P $(cat /run/web/nginx.pid)")[0].split())


def get(net, *args):
    """The sum of what curl in the namespace fetches."""
    path = os.path.join(net.dir, "got")
    net.run("curl", "-sSf", "-o", path, *args)
    with open(path, "rb") as f:
        return sha256(f.read())


def test_serves():
    with serving() as (net, web, vm):
        assert len(workers(vm)) == 2
        # The workers have given the privileges up that the master keeps.
        assert vm.run("ps -o user= -C nginx").split() == ["root", "www-data", "www-data"]
        for name, data in FILES.items():
            assert get(net, f"http://{net.guest_ip}/{name}") == sha256(data)
        resolve = ["--resolve", f"guest.test:443:{net.guest_ip}", "--cacert", web.ca]
        for how in ("--http1.1", "--http2"):
            assert get(net, *resolve, how, "https://guest.test/10m") == sha256(FILES["10m"])
        assert get(net, "-r", "1000-5000999", f"http://{net.guest_ip}/10m") == sha256(FILES["10m"][1000:5001000])
        with open(os.path.join(net.dir, "up"), "wb") as f:
            f.write(FILES["10m"][::-1])
        net.run("curl", "-sSf", "-T", f.name, f"http://{net.guest_ip}/put/up")
        assert vm.run("sha256sum </srv/put/up").split()[0] == sha256(FILES["10m"][::-1])
        # The guest's own clients, by a name in the file system and by the loopback interface.
        for way in ("--unix-socket /run/web.sock http://guest.test/10m", "http://127.0.0.1/10m"):
            assert vm.run(f"curl -sSf {way} | sha256sum").split()[0] == sha256(FILES["10m"])
        assert vm.run("cat /run/web/error.log") == ""


def test_many():
    with serving() as (net, _, vm):
        folder = os.path.join(net.dir, "many")
        net.run("curl", "-sSf", "-Z", "--parallel-immediate", "--parallel-max", "100", "--create-dirs",
                f"http://{net.guest_ip}/1k?[1-500]", "-o", f"{folder}/#1")
        for n in range(1, 501):
            with open(f"{folder}/{n}", "rb") as f:
                assert f.read() == FILES["1k"], f"request {n} of 500"
        # What is sent is logged afterwards.
        vm.run("until [ $(wc -l </run/web/access.log) -ge 500 ]; do sleep 0.1; done")
        assert vm.run("wc -l </run/web/access.log").strip() == "500"
        net.need("wrk")
        for path in ("1k", "10m"):
            many(net, path)
        vm.run("nginx -c /etc/nginx/web.conf -s quit; while pgrep nginx; do sleep 0.1; done")
        # Those whom wrk left at its end apart, each was answered in full.
        log = vm.run("awk '{ print $9 }' /run/web/access.log | sort | uniq -c")
        assert re.fullmatch(r"\s*\d+ 200\n", log), log
        assert vm.run("cat /run/web/error.log") == ""


def many(net, path):
    """Forty at a time for two seconds; and again, if the machine stood still for so long."""
    end = time.monotonic() + LIMIT
    while True:
        out = net.run("wrk", "-t2", "-c40", "-d2", "--timeout", "100", f"http://{net.guest_ip}/{path}")
        assert "Non-2xx" not in out and "Socket errors" not in out, out
        # On a slow machine none of forty large ones may be complete at the end.
        if re.search(r"\d+ requests in .*, [1-9]\S* read", out):
            break
        assert time.monotonic() < end, out


def slow(net):
    """A download that is under way: a worker has accepted it, and has sent something."""
    path = f"{net.dir}/slow"
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
    p = net.spawn("curl", "-sSf", "--limit-rate", "2M", "-o", path, f"http://{net.guest_ip}/10m")
    end = time.monotonic() + LIMIT
    while not os.path.exists(path) or not os.path.getsize(path):
        assert p.poll() is None and time.monotonic() < end, "the download does not begin"
        time.sleep(0.05)
    return p


def finished(net, p):
    assert p.wait(LIMIT) == 0
    with open(f"{net.dir}/slow", "rb") as f:
        assert sha256(f.read()) == sha256(FILES["10m"])


def test_signals():
    with serving() as (net, _, vm):
        old = workers(vm)
        under_way = slow(net)
        vm.run("sed -i 's/worker_processes 2/worker_processes 3/; s,/1k;,/10m;,' /etc/nginx/web.conf")
        vm.run("kill -HUP $(cat /run/web/nginx.pid)")
        for pid in old:     # it ends, or has another name
            vm.run(f"while pgrep -fx 'nginx: worker process' | grep -qx {pid}; do sleep 0.1; done")
        vm.run(COUNT % 3)
        new = workers(vm) - old
        assert len(new) == 3
        led = net.run("curl", "-sSf", "-w", "%{redirect_url}", "-o", "/dev/null", f"http://{net.guest_ip}/old")
        assert led.endswith("/10m")
        finished(net, under_way)
        vm.run("while pgrep -f 'nginx: worker process is shutting down'; do sleep 0.1; done")
        assert workers(vm) == new
        # Its logs are moved away and opened anew.
        vm.run("mv /run/web/access.log /run/web/old.log; kill -USR1 $(cat /run/web/nginx.pid); "
               "until [ -e /run/web/access.log ]; do sleep 0.1; done")
        # A worker that dies is replaced.
        vm.run(f"kill -9 {min(new)}; while [ -e /proc/{min(new)} ]; do sleep 0.1; done")
        vm.run(COUNT % 3)
        assert min(new) not in workers(vm)
        # A quit waits for those who are served.
        under_way = slow(net)
        vm.run("nginx -c /etc/nginx/web.conf -s quit; while netstat -ltn | grep -q ':80 '; do sleep 0.1; done")
        assert net.run("curl", "-sS", "-w", "%{exitcode}", f"http://{net.guest_ip}/1k", check=False).endswith("7")
        finished(net, under_way)
        vm.run("while pgrep nginx; do sleep 0.1; done; [ ! -e /run/web/nginx.pid ]")


main()
