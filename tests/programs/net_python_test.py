#!/usr/bin/env python3
"""Python serves from the guest, by threads and by asyncio, and openssl talks to itself and to the host."""
import re
import selectors
import socket

from programs import LIMIT, Net, main, programs
from web import authority, pattern, sha256

PYTHON = ("python3-minimal", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "media-types",
          "procps")
PAGE = pattern(20000, b"page")
HTTP = """
import http.server, os
os.chdir("/srv")
http.server.ThreadingHTTPServer.request_queue_size = 200
http.server.ThreadingHTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
ASYNC = """
import asyncio, signal
count = 0
async def serve(reader, writer):
    global count
    try:
        while line := await reader.readline():
            count += 1
            await asyncio.sleep(0.01)
            writer.write(line.upper())
            await writer.drain()
    finally:
        writer.close()
async def run():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tcp = await asyncio.start_server(serve, "0.0.0.0", 7000, backlog=500)
    unix = await asyncio.start_unix_server(serve, "/tmp/socket")
    await stop.wait()
    print(count)
asyncio.run(run())
"""


def exchange(net, port, count, request, whole):
    """[answer] of so many connections, all of them made before the first asks."""
    with net.inside():
        socks = [socket.socket() for _ in range(count)]
    answers = {s: b"" for s in socks}
    sel = selectors.DefaultSelector()
    for s in socks:
        s.setblocking(False)
        s.connect_ex((net.guest_ip, port))
        sel.register(s, selectors.EVENT_WRITE)
    made = 0
    while made < count:
        ready = sel.select(LIMIT)
        assert ready, f"{made} of {count} connections are made"
        for key, _ in ready:
            assert key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            sel.unregister(key.fileobj)
            made += 1
    for n, s in enumerate(socks):
        s.sendall(request(n))
        sel.register(s, selectors.EVENT_READ)
    while sel.get_map():
        ready = sel.select(LIMIT)
        assert ready, f"{len(sel.get_map())} of {count} wait for their answers"
        for key, _ in ready:
            data = key.fileobj.recv(65536)
            answers[key.fileobj] += data
            if not data or whole(answers[key.fileobj]):
                sel.unregister(key.fileobj)
                key.fileobj.close()
    return [answers[s] for s in socks]


def test_http_server():
    with Net() as net, programs(*PYTHON, ns=net, files={"srv/page": PAGE, "server.py": HTTP.encode()}) as vm:
        vm.run("python3 /server.py >/tmp/log 2>&1 & "
               "until netstat -ltn 2>&1 | grep -q :8000; do kill -0 $!; sleep 0.1; done")
        for _ in range(5):
            for answer in exchange(net, 8000, 20, lambda n: b"GET /page?%d HTTP/1.0\r\n\r\n" % n, lambda a: False):
                assert answer.startswith(b"HTTP/1.0 200 OK\r\n") and answer.endswith(b"\r\n\r\n" + PAGE)
        assert vm.run("grep -c 'GET /page.* 200' /tmp/log") == "100\n"
        vm.run("kill %1; while pgrep -f server.py; do sleep 0.1; done")


def test_asyncio():
    with Net() as net, programs(*PYTHON, ns=net, files={"server.py": ASYNC.encode()}) as vm:
        vm.run("python3 /server.py >/tmp/said 2>&1 & until [ -e /tmp/socket ]; do kill -0 $!; sleep 0.1; done")
        answers = exchange(net, 7000, 300, lambda n: b"line %d\n" % n, lambda a: a.endswith(b"\n"))
        assert answers == [b"LINE %d\n" % n for n in range(300)]
        assert vm.run("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.connect('/tmp/socket'); "
                      "s.sendall(b'hello\\n'); print(s.recv(99).decode().strip())\"") == "HELLO\n"
        vm.run("kill %1; wait %1")
        assert vm.run("cat /tmp/said") == "301\n"


def test_openssl():
    with Net() as net:
        net.need("openssl")
        authority(net.dir, "guest.test", "host.test")
        keys = {}
        for name in ("ca.pem", "site.pem", "site.key"):
            with open(f"{net.dir}/{name}", "rb") as f:
                keys[name] = f.read()
        with programs("openssl", ns=net, files={"data": PAGE, **keys}) as vm:
            assert vm.run("openssl dgst -sha256 -r /data").split()[0] == sha256(PAGE)
            assert re.fullmatch(r"[0-9a-f]{64}\n", vm.run("openssl rand -hex 32"))
            vm.run("openssl enc -aes-256-cbc -pbkdf2 -k secret -in /data -out /tmp/secret; "
                   "openssl enc -d -aes-256-cbc -pbkdf2 -k secret -in /tmp/secret | cmp - /data")
            client = "openssl s_client -connect 127.0.0.1:4433 -verify_return_error -quiet"
            vm.run("cd /; openssl s_server -accept 4433 -cert /site.pem -key /site.key -WWW >/dev/null 2>&1 & "
                   "until netstat -ltn | grep -q :4433; do sleep 0.1; done")
            for version in ("-tls1_2", "-tls1_3"):
                out = vm.run(f"printf 'GET /data HTTP/1.0\\r\\n\\r\\n' | {client} {version} -ign_eof -CAfile /ca.pem "
                             "-verify_hostname guest.test 2>/dev/null | tail -c 20000 | sha256sum")
                assert out.split()[0] == sha256(PAGE)
            assert vm.sh(f"{client} </dev/null >/dev/null 2>&1")[1] != 0
            net.run("curl", "-sSf", "--cacert", f"{net.dir}/ca.pem", "--resolve", f"guest.test:4433:{net.guest_ip}",
                    "-o", f"{net.dir}/got", "https://guest.test:4433/data")
            with open(f"{net.dir}/got", "rb") as f:
                assert f.read() == PAGE


main()
