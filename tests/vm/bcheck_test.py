#!/usr/bin/env python3
# quick
"""bcheck, the machine's check of itself: what it says to programs and to people, and that it sees what is wrong."""
import os
import re
import signal
import subprocess
import sys

from vmtest import TOP, Vm, main, tool

NAMES = """clock_gettime brk mmap syscall_enosys file_read lseek getdents access cwd devfs fs_write fs_directory
pipe pipe2 dup fcntl fork waitpid fork_memory signal_handler signal_return dns_resolve http_fetch""".split()
HEADINGS = ["Time, memory, unknown calls", "Files", "Descriptors", "Processes", "Signals", "Network"]
# In the guest's shell: until the check that sleeps does so, and bcheck, which waits for it.
SLEEPS = "until pidof sleep && p=$(pidof bcheck) && grep -q 'State:.S' /proc/$p/status; do :; done >/dev/null"
NO_SLEEP = "while ps -o comm | grep -q '^sleep'; do usleep 10000; done"
BAR = r"\[[#-]+\]"


def tap(text):
    """{name: (ok, directive)} of a stream of the Test Anything Protocol, which must be well-formed."""
    lines = text.splitlines()
    assert lines[0] == "TAP version 13", text
    plan = re.fullmatch(r"1\.\.(\d+)", lines[1])
    results, inside = {}, False
    for line in lines[2:]:
        if inside:
            assert line.startswith("  "), line
            inside = line != "  ..."
        elif line == "  ---":
            assert not results[name][0], "details of a check that passed"
            inside = True
        elif not line.startswith("# "):
            m = re.fullmatch(r"(not )?ok (\d+) - (\w+)(?: # (.*))?", line)
            assert m, line
            name = m[3]
            assert int(m[2]) == len(results) + 1 and name not in results, line
            results[name] = (not m[1], m[4] or "")
    assert not inside and len(results) == int(plan[1]), text
    return results


def programs(**texts):
    """Other programs in the place of checks."""
    return {f"checks/{name}": f"#!/bin/sh\n{text}\n" for name, text in texts.items()}


def test_every_check_passes():
    with PeerVm() as vm:
        out = vm.run(f"bcheck --plain --dns {vm.dns} --name {vm.name} --url {vm.url}", 300)
        results = tap(out)
        assert list(results) == NAMES, list(results)
        for name, (ok, directive) in results.items():
            assert ok and re.fullmatch(r"time=\d+\.\d{3}ms", directive), (name, directive, out)
        assert [line[2:] for line in out.splitlines() if line[2:] in HEADINGS] == HEADINGS, out
        assert re.search(rf"^# dns_resolve: {vm.name} is 10\.0\.2\.2, from 10\.0\.2\.2 in \d+\.\d+ ms$", out, re.M), out
        assert re.search(r"^# http_fetch: status 200 and \d+ bytes", out, re.M), out
        assert vm.run("bcheck --list").split() == NAMES
        assert vm.run("ls /tmp") == "", "checks leave nothing behind"


def test_without_a_network():
    """What needs somebody out there says what is missing; the rest is as ever."""
    with Vm(net="none") as vm:
        vm.boot()
        results = tap(vm.run("bcheck dns_resolve http_fetch fork"))
        assert list(results) == ["fork", "dns_resolve", "http_fetch"]
        assert results["fork"][1].startswith("time=")
        assert results["dns_resolve"] == (True, "SKIP no name server in /etc/resolv.conf"), results
        assert results["http_fetch"] == (True, "SKIP no default route"), results


def test_servers_that_were_chosen_must_answer():
    with PeerVm() as vm:
        out, status = vm.sh(f"bcheck --dns {vm.dns} --name no.such --url {vm.url}/missing dns_resolve http_fetch")
        results = tap(out)
        assert status == 1 and not results["dns_resolve"][0] and not results["http_fetch"][0], out
        assert "answers[0].rcode is 3, not 0" in out and "page.status is 404, not 200" in out, out
        assert tap(vm.run(f"BCHECK_DNS={vm.dns} BCHECK_NAME={vm.name} bcheck dns_resolve"))["dns_resolve"][0]


def test_a_broken_machine_is_seen():
    """Where /dev/null is a file and a directory is shut, the checks of these say so; the status is 1."""
    with Vm(net="none") as vm:
        vm.boot()
        vm.run("mount -t tmpfs tmpfs /dev && : >/dev/null")
        out, status = vm.sh("bcheck dup devfs")
        results = tap(out)
        assert status == 1 and results["dup"][0] and not results["devfs"][0], out
        assert re.search(r"^    devfs\.c:\d+: S_ISCHR\(st\.st_mode\)", out, re.M), out


def test_checks_that_die_hang_and_refuse():
    files = programs(brk="echo some words; exit 3", mmap="kill -SEGV $$", lseek="sleep 1000 & exec sleep 1000",
                     cwd="echo one; echo no such thing here; exit 77", dup="exit 0")
    with Vm(net="none", files=files) as vm:
        vm.boot()
        out, status = vm.sh("bcheck --checks /checks brk mmap cwd dup access")
        results = tap(out)
        assert status == 1, out
        assert {name: ok for name, (ok, _) in results.items()} == {
            "brk": False, "mmap": False, "access": False, "cwd": True, "dup": True}, out
        for text in ("exit status 3", "some words", "ended by signal 11 (Segmentation fault)",
                     "/checks/access: No such file or directory"):
            assert f"    {text}\n" in out, (text, out)
        assert results["cwd"][1] == "SKIP no such thing here" and "# cwd: one\n" in out, out
        # Alone: on a machine that stands still for a second the others would not end within that, either.
        out, status = vm.sh("bcheck --checks /checks --limit 1 lseek")
        assert status == 1 and not tap(out)["lseek"][0] and "    no end within 1 s\n" in out, out
        # What it had started goes as well: killed, and then init hears of its end.
        vm.run(NO_SLEEP)


def test_options():
    with Vm(net="none") as vm:
        vm.boot()
        assert "usage: bcheck" in vm.run("bcheck --help")
        for words, said in (("--color", "there is no option --color"), ("forks", "there is no check forks"),
                            ("--limit", "a word is missing after --limit"), ("--limit 0", "1 to 86400, not 0")):
            out, status = vm.sh(f"bcheck {words} 2>&1")
            assert status == 2 and out.count("\n") == 1 and said in out, (words, out)
        assert tap(vm.run("/bin/bcheck dup fork"))["dup"][0]
        # A check is a program of its own.
        assert vm.run("/lib/bcheck/dup") == ""
        assert vm.run("ls -1 /lib/bcheck").split() == sorted(NAMES)


# ---- on a terminal ----------------------------------------------------------------------------------------

def test_progress_on_a_terminal():
    """Headings, a line for each check, a bar that is drawn once for each, and the sum."""
    files = programs(brk="exit 0", mmap="echo a remark; exit 0", fork="echo wrong; exit 1")
    with Vm(net="none", files=files) as vm:
        vm.prompt()
        vm.send("bcheck --checks /checks brk mmap fork\n")
        vm.wait(r"Time, memory, unknown calls")
        vm.wait(r"PASS\S*  brk +\d+\.\d{3} ms")
        vm.wait(r"PASS\S*  mmap +\d+\.\d{3} ms\n +a remark\n")
        vm.wait(r"Processes")
        vm.wait(r"FAIL\S*  fork +\d+\.\d{3} ms\n +exit status 1\n +wrong\n")
        vm.wait(r"3 checks: 2 passed, 1 failed, 0 skipped in \d+\.\d+ ms\n")
        assert re.findall(BAR + r" +(\d+/\d+  \w+)", vm.console) == ["0/3  brk", "1/3  mmap", "2/3  fork"], vm.console
        vm.prompt()
        vm.send("echo status-$?\n")
        vm.wait(r"^status-1\n")


def test_it_draws_only_on_change_or_input():
    """While a check runs, bcheck sleeps: nothing is drawn until a key or another size of the window asks for it."""
    files = programs(brk="exec sleep 1000")
    with Vm(net="none", files=files) as vm:
        vm.prompt()
        vm.send(f"({SLEEPS}; "
                "grep ^voluntary /proc/$p/status >/tmp/one; sleep 1; grep ^voluntary /proc/$p/status >/tmp/two; "
                "cmp /tmp/one /tmp/two && echo as-before >/tmp/same; echo slept >/dev/console) & "
                "bcheck --checks /checks brk\n")
        vm.wait(BAR + r" +0/1  brk")
        vm.wait(r"slept")
        before = len(re.findall(BAR, vm.console))
        assert before == 1, vm.console
        vm.send("x")                    # no key of bcheck's
        vm.send("\x0c")                 # ctrl-l
        vm.wait(BAR + r" +0/1  brk")
        vm.send("q")
        vm.wait(r"interrupted; 0 checks: ")
        vm.prompt()
        vm.send("echo status-$?; cat /tmp/same; ls /tmp | grep bcheck; echo that-is-all\n")
        vm.wait(r"^status-130\nas-before\nthat-is-all\n")
        assert len(re.findall(BAR, vm.console)) == 2, vm.console


def test_ctrl_c_gives_the_terminal_back():
    files = programs(brk="sleep 1000")
    with Vm(net="none", files=files) as vm:
        vm.prompt()
        vm.send("stty -g >/tmp/before; bcheck --checks /checks brk; echo status-$?; "
                "stty -g | cmp - /tmp/before && echo same\n")
        vm.wait(BAR + r" +0/1  brk")
        vm.send("\x03")
        vm.wait(r"interrupted; 0 checks: ")
        vm.wait(r"^status-130\nsame\n")
        vm.prompt()
        vm.send(f"{NO_SLEEP}; echo none-$?\n")
        vm.wait(r"^none-0\n")


def test_another_size_of_the_window():
    """The bar follows the window's width, and is left away where there is no room."""
    files = programs(brk="exec sleep 1000")
    with Vm(net="none", files=files) as vm:
        vm.prompt()
        vm.send("stty cols 80; bcheck --checks /checks brk\n")
        vm.wait(r"\[-{40}\] +0/1  brk")
        vm.send("q")
        vm.prompt()
        vm.send("stty cols 50; bcheck --checks /checks brk\n")
        vm.wait(r"\[-{17}\] +0/1  brk")
        vm.send("q")
        vm.prompt()
        for columns, drawn in ((60, r"\[-{27}\] +0/1  brk"), (22, r"\x1b\[J0/1 brk")):
            vm.send(f"stty cols 50; ({SLEEPS}; stty cols {columns} </dev/console) & bcheck --checks /checks brk\n")
            vm.wait(r"\[-{17}\] +0/1  brk")
            vm.wait(drawn)
            vm.send("q")
            vm.wait(r"interrupted")
            vm.prompt()


# ---- with somebody on the network ----------------------------------------------------------------------------

class PeerVm(Vm):
    """A guest beside the servers of tools/peer, which it reaches as url and dns; dns knows name."""

    def __init__(self, **kw):
        self.peer = subprocess.Popen(
            [os.path.join(TOP, "tools", "peer"), "sh", "-c", "echo $PEER_DNS $PEER_NAME $PEER_URL; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.dns, self.name, self.url = self.peer.stdout.readline().split()
        super().__init__(**kw)
        self.boot()

    def close(self):
        super().close()
        self.peer.stdin.close()
        self.peer.wait()
        self.peer.stdout.close()


main()
