#!/usr/bin/env python3
# quick
# ours: it starts no guest
"""The namespace and its peers work, and nothing of them is left behind."""
import os
import subprocess
import time

from netns import LIMIT, Net, main


def lives(pid):
    """And is not the rest of a process that its parent has still to hear of."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_peers_answer_and_everything_goes():
    with Net() as net:
        net.nginx()
        net.iperf3()
        name, folder = net.name, net.dir
        with net.connect(80, net.host_ip) as s:
            s.sendall(b"GET /1k HTTP/1.0\r\n\r\n")
            answer = b""
            while data := s.recv(65536):
                answer += data
        assert b" 200 " in answer.split(b"\r\n", 1)[0] and len(answer.split(b"\r\n\r\n", 1)[1]) == 1024
        pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
        assert len(pids) >= 3, pids
    assert not os.path.exists(f"/run/netns/{name}") and not os.path.exists(folder)
    end = time.monotonic() + LIMIT
    while any(map(lives, pids)):        # who was killed is gone a little later
        assert time.monotonic() < end, pids
        time.sleep(0.05)


main()
