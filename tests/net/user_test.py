#!/usr/bin/env python3
# quick
"""The network of a machine without rights to taps: QEMU's own, with a port forwarded to the guest."""
import contextlib
import hashlib
import http.server
import os
import re
import socket
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
from vmtest import LIMIT, Vm, main, tool_run  # noqa: E402

BODY = bytes(i % 251 for i in range(2 << 20))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        answer = hashlib.sha256(data).hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def web_server():
    """On the loopback of this machine, which the guest knows as 10.0.2.2; its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def forwarded(vm):
    """The port of this machine that is the guest's: QEMU has taken one that was free."""
    shown = vm.qmp("human-monitor-command", **{"command-line": "info usernet"})
    return int(re.search(r"TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +(\d+) ", shown)[1])


def test_fetch_and_serve():
    with web_server() as web, Vm(net="user,hostfwd=tcp:127.0.0.1:0-:80", files={"www/page": BODY}) as vm:
        vm.boot()
        port = forwarded(vm)
        assert "inet 10.0.2.15/24" in vm.run("ip addr show dev eth0")
        assert "nameserver 10.0.2.3" in vm.run("cat /etc/resolv.conf")
        want = hashlib.sha256(BODY).hexdigest()
        assert vm.run(f"wget -q -O - http://10.0.2.2:{web}/ | sha256sum").split()[0] == want
        text = "".join(f"{i}\n" for i in range(1, 60001)).encode()
        vm.run("seq 60000 >/tmp/text")
        assert vm.run(f"wget -q -O - --post-file=/tmp/text http://10.0.2.2:{web}/") == hashlib.sha256(text).hexdigest()
        assert "1 packets received" in vm.run("ping -c 1 -W 60 10.0.2.2")
        vm.run("httpd -p 80 -h /www")
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
                s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
                answer = b""
                while data := s.recv(65536):
                    answer += data
            assert answer.endswith(BODY)


def test_exec_with_a_network():
    """tools/run --exec: the address is there before the command runs."""
    with web_server() as web:
        p = tool_run("--exec", f"wget -q -O - http://10.0.2.2:{web}/ | sha256sum")
        assert p.returncode == 0 and p.stdout.split()[0] == hashlib.sha256(BODY).hexdigest(), (p.stdout, p.stderr)


def test_no_network():
    p = tool_run("--net", "none", "--exec", "ls /sys/class/net; wget -q -O - http://10.0.2.2/ 2>/dev/null || echo none")
    assert p.stdout == "lo\nnone\n" and p.returncode == 0, (p.stdout, p.stderr)


def test_packets_on_file():
    """--pcap leaves a trace that others can read."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "x.pcap")
        p = tool_run("--pcap", path, "--exec", "for i in 1 2 3; do ping -c 1 -W 60 10.0.2.2 >/dev/null; done")
        assert p.returncode == 0, p.stderr
        data = open(path, "rb").read()
        assert data[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4") and data.count(b"\x0a\x00\x02\x0f\x0a\x00\x02\x02") >= 3


main()
