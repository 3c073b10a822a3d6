#!/usr/bin/env python3
"""curl in the guest fetches from nginx, and sends to it: ranges, many at once, TLS, redirections, failures."""
import os
import socket

from programs import Net, main, programs
from web import FILES, Web, pattern, sha256


def test_get():
    with Net() as net, programs("curl", ns=net) as vm:
        Web(net).serve_host()
        assert vm.run("curl -sS http://host.test/1k | sha256sum").split()[0] == sha256(FILES["1k"])
        assert vm.run("curl -sS http://host.test/10m | sha256sum").split()[0] == sha256(FILES["10m"])
        assert vm.run("curl -sS -r 100-299 http://host.test/1k | sha256sum").split()[0] == sha256(FILES["1k"][100:300])
        # A download that was cut off goes on where it ended.
        vm.run("curl -sS -r 0-3999999 -o /tmp/10m http://host.test/10m; curl -sS -C - -o /tmp/10m http://host.test/10m")
        assert vm.run("sha256sum </tmp/10m").split()[0] == sha256(FILES["10m"])
        assert vm.run("curl -sS -o /dev/null -w '%{http_code}' http://host.test/none") == "404"
        assert vm.sh("curl -sSf -o /dev/null http://host.test/none 2>&1")[1] == 22
        led = vm.run("curl -sSL -w '%{num_redirects} %{url_effective}' -o /tmp/old http://host.test/old")
        assert led == "1 http://host.test/1k"
        assert vm.run("sha256sum </tmp/old").split()[0] == sha256(FILES["1k"])
        assert vm.run("curl -sS --limit-rate 6M http://host.test/10m | sha256sum").split()[0] == sha256(FILES["10m"])


def test_send():
    with Net() as net, programs("curl", ns=net, files={"up": pattern(10 << 20, b"up")}) as vm:
        Web(net).serve_host()
        for name in ("one", "two"):
            assert vm.run(f"curl -sS -T /up -w '%{{http_code}}' http://host.test/put/{name}") == "201"
            with open(os.path.join(net.www, "put", name), "rb") as f:
                assert sha256(f.read()) == sha256(pattern(10 << 20, b"up"))
        assert vm.run("curl -sS --data-binary @/up http://host.test/said") == f"POST {10 << 20}"
        assert vm.run("curl -sS -X DELETE -w '%{http_code}' http://host.test/put/one") == "204"


def test_many():
    """A hundred over one connection, and a hundred side by side."""
    with Net() as net, programs("curl", ns=net) as vm:
        Web(net).serve_host()
        kept = vm.run("curl -sS 'http://host.test/1k?[1-100]' -o '/tmp/kept.#1' -w '%{num_connects}\\n'").split()
        assert kept == ["1"] + ["0"] * 99, kept
        vm.run("curl -sSf -Z --parallel-max 30 --parallel-immediate 'http://host.test/1k?[1-100]' -o '/tmp/beside.#1'")
        sums = {line.split()[0] for line in vm.run("sha256sum /tmp/kept.* /tmp/beside.*").splitlines()}
        assert sums == {sha256(FILES["1k"])}
        assert vm.run("echo /tmp/kept.* /tmp/beside.* | wc -w").strip() == "200"


def test_tls():
    with Net() as net:
        web = Web(net)
        web.serve_host()
        with programs("curl", ns=net, files={"ca.pem": web.read("ca.pem")}) as vm:
            for how in ("--http1.1 --tlsv1.3", "--http1.1 --tls-max 1.2", "--http2"):
                said = "-o /tmp/10m -w '%{http_version} %{ssl_verify_result}'"
                out = vm.run(f"curl -sS --cacert /ca.pem {how} {said} https://host.test/10m")
                assert out == ("2 0" if "http2" in how else "1.1 0"), out
                assert vm.run("sha256sum </tmp/10m").split()[0] == sha256(FILES["10m"])
            vm.run("curl -sSf --cacert /ca.pem -Z --http2 'https://host.test/1k?[1-50]' -o '/tmp/tls.#1'")
            assert vm.run("cat /tmp/tls.* | wc -c").strip() == str(50 << 10)
            assert vm.sh("curl -sS https://host.test/1k 2>&1")[1] in (60, 77)           # nobody vouches for it
            assert vm.sh("curl -sS --cacert /ca.pem https://10.77.0.1/1k 2>&1")[1] == 60      # another's name


def test_failures():
    """Each with curl's status for it."""
    with Net() as net, programs("curl", ns=net) as vm:
        with net.inside():
            silent, rude = (socket.create_server((net.host_ip, port), backlog=1) for port in (81, 82))
        with silent, rude:
            assert vm.sh("curl -sS http://host.test/ 2>&1")[1] == 7                     # refused
            assert vm.sh("curl -sS http://nobody.test/ 2>&1")[1] == 6                   # no such name
            assert vm.sh("curl -sS -m 1 http://host.test:81/ 2>&1")[1] == 28            # no answer
            out, status = vm.sh("curl -sS --connect-timeout 60 http://10.77.0.99/ 2>&1")
            assert status == 7, out                                                     # nobody has that address
            reset = vm.start("curl -sS http://host.test:82/ 2>&1")
            gone, _ = rude.accept()
            gone.recv(4096)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.close()
            assert vm.finish(reset)[1] == 56                                            # reset in the middle


main()
