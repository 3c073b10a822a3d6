#!/usr/bin/env python3
# limit: 2400
"""Pages both ways: the guest fetches from nginx; a thousand and then two hundred at once fetch from the guest."""
import hashlib
import os
import selectors
import socket
import struct

from netns import LIMIT, Net, Vm, main


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def test_wget():
    with Net() as net, Vm(ns=net) as vm:
        net.nginx()
        vm.boot()
        assert vm.run("wget -q -O - http://host.test/1k | sha256sum").split()[0] == sha256(os.path.join(net.www, "1k"))
        assert vm.run("wget -q -O - http://host.test/10m | sha256sum").split()[0] == sha256(os.path.join(net.www, "10m"))
        assert "404" in vm.sh("wget -q -O - http://host.test/none 2>&1")[0]
        out = vm.run("for i in $(seq 20); do wget -q -O - http://host.test/10m | sha256sum & done; wait", 600)
        assert out.split()[::2] == [sha256(os.path.join(net.www, "10m"))] * 20


def test_a_thousand_one_after_the_other():
    body = bytes(i % 251 for i in range(3000))
    with Net() as net, Vm(ns=net, files={"www/page": body}) as vm:
        vm.boot()
        vm.run("httpd -p 80 -h /www")
        for i in range(1000):
            with net.connect(80) as s:
                s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
                answer = b""
                while data := s.recv(65536):
                    answer += data
            assert answer.startswith(b"HTTP/1.") and answer.endswith(body), f"request {i}: {len(answer)} bytes"
        vm.run("until [ $(ps | grep -c '[h]ttpd') = 1 ]; do :; done")


def test_two_hundred_at_once():
    """All connections are made before the first request is sent; none is lost."""
    body = bytes(i % 253 for i in range(20000))
    with Net() as net, Vm(ns=net, files={"www/page": body}) as vm:
        vm.boot()
        vm.run("httpd -p 80 -h /www")
        with net.inside():
            socks = [socket.socket() for _ in range(200)]
        sel = selectors.DefaultSelector()
        answers = {}
        for s in socks:
            s.setblocking(False)
            # A server that is slow to accept has the last of them ask for long.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 60)
            s.connect_ex((net.guest_ip, 80))
            sel.register(s, selectors.EVENT_WRITE)
        asked = 0
        while sel.get_map():
            ready = sel.select(3 * LIMIT)
            assert ready, f"{asked} asked, {len(answers)} answered, {len(sel.get_map())} wait"
            for key, events in ready:
                s = key.fileobj
                if events & selectors.EVENT_WRITE:
                    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    assert error == 0, os.strerror(error)
                    s.send(b"GET /page HTTP/1.0\r\n\r\n")
                    sel.modify(s, selectors.EVENT_READ)
                    answers[s] = b""
                    asked += 1
                else:
                    data = s.recv(65536)
                    answers[s] += data
                    if not data:
                        sel.unregister(s)
                        s.close()
        assert len(answers) == 200 and all(a.endswith(body) for a in answers.values())


def test_a_client_that_gives_up():
    """Connections that are reset half way leave the server as it was."""
    with Net() as net, Vm(ns=net, files={"www/page": bytes(500000)}) as vm:
        vm.boot()
        vm.run("httpd -p 80 -h /www")
        for i in range(50):
            s = net.connect(80)
            s.sendall(b"GET /page HTTP/1.0\r\n\r\n"[:5 + i])
            if i > 30:
                s.recv(1000)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        with net.connect(80) as s:
            s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
            total = 0
            while data := s.recv(65536):
                total += len(data)
        assert total > 500000
        vm.run("until [ $(ps | grep -c '[h]ttpd') = 1 ]; do :; done")


main()
