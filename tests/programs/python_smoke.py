"""Runs in the guest, under Debian's python3: what a program expects of the system, through its library."""
import asyncio
import errno
import fcntl
import mmap
import multiprocessing
import os
import pty
import select
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor


class Files(unittest.TestCase):
    def test_reading_and_writing(self):
        with tempfile.TemporaryDirectory() as d:
            fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
            self.assertEqual(os.writev(fd, [b"hel", b"lo"]), 5)
            self.assertEqual(os.pread(fd, 3, 1), b"ell")
            os.ftruncate(fd, 3)
            os.posix_fallocate(fd, 0, 10000)
            self.assertEqual(os.fstat(fd).st_size, 10000)
            self.assertRaises(FileExistsError, os.open, f"{d}/f", os.O_CREAT | os.O_EXCL)
            os.setxattr(fd, "trusted.x", b"v")
            self.assertEqual(os.listxattr(fd), ["trusted.x"])
            os.utime(fd, ns=(1, 2))
            self.assertEqual(os.stat(f"{d}/f").st_mtime_ns, 2)
            os.close(fd)

    def test_locks(self):
        with tempfile.NamedTemporaryFile() as f, open(f.name, "rb") as g:
            fcntl.flock(f, fcntl.LOCK_EX)
            self.assertRaises(BlockingIOError, fcntl.flock, g, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.lockf(f, fcntl.LOCK_EX, 10)
            code = f"import fcntl; fcntl.lockf(open({f.name!r}, 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 10)"
            self.assertIn(b"BlockingIOError", subprocess.run(["python3", "-c", code], capture_output=True).stderr)

    def test_mapping(self):
        with tempfile.TemporaryFile() as f:
            f.write(bytes(8192))
            f.flush()
            with mmap.mmap(f.fileno(), 0) as m:
                m[4096] = 65
                self.assertEqual(os.pread(f.fileno(), 1, 4096), b"A")


class Processes(unittest.TestCase):
    def test_subprocess(self):
        self.assertEqual(subprocess.run(["cat"], input=b"x" * 200000, stdout=subprocess.PIPE).stdout, b"x" * 200000)
        self.assertEqual(subprocess.check_output(["id", "-u"], user=1000, cwd="/", text=True), "1000\n")
        self.assertRaises(FileNotFoundError, subprocess.Popen, ["/nonexistent"])
        self.assertRaises(subprocess.TimeoutExpired, subprocess.run, ["sleep", "1000"], timeout=0.1)

    def test_fork_spawn_wait(self):
        pid = os.fork()
        if pid == 0:
            os._exit(9)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 9)
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], os.environ)
        fd = os.pidfd_open(pid)
        self.assertEqual(os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status, 5)
        os.close(fd)
        self.assertEqual(os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "exit 4"), 4)

    def test_signals(self):
        got = []
        signal.signal(signal.SIGALRM, lambda number, frame: got.append(number))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        while len(got) < 3:
            signal.pause()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertEqual(signal.sigwaitinfo([signal.SIGUSR1]).si_pid, os.getpid())

    def test_terminal(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.execvp("sh", ["sh", "-c", "read x; echo got $x; exit 6"])
        os.write(fd, b"word\n")
        out = b""
        while True:
            try:
                out += os.read(fd, 99)
            except OSError as e:
                self.assertEqual(e.errno, errno.EIO)
                break
        self.assertIn(b"got word", out)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 6)

    def test_threads_and_pools(self):
        with ThreadPoolExecutor(20) as pool:
            self.assertEqual(sum(pool.map(lambda x: x * x, range(1000))), 332833500)
        self.assertFalse(threading.Event().wait(0.01))
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                self.assertEqual(pool.map(abs, range(-20, 0)), list(range(20, 0, -1)))


class Sockets(unittest.TestCase):
    def test_descriptors_over_unix(self):
        a, b = socket.socketpair()
        r, w = os.pipe()
        socket.send_fds(a, [b"f"], [w])
        os.write(socket.recv_fds(b, 9, 5)[1][0], b"z")
        self.assertEqual(os.read(r, 9), b"z")
        with select.epoll() as e:
            e.register(b, select.EPOLLIN | select.EPOLLET)
            self.assertEqual(e.poll(0), [])
            a.close()
            self.assertEqual(e.poll()[0][0], b.fileno())
        b.close()

    def test_asyncio(self):
        async def echo(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        async def ask(port, number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"%d\n" % number)
            answer = await reader.read()
            writer.close()
            return int(answer)

        async def everything():
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            self.assertEqual(await asyncio.gather(*(ask(port, n) for n in range(50))), list(range(50)))
            child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
            self.assertEqual(await child.communicate(b"sub"), (b"sub", None))
            server.close()

        asyncio.run(everything())

    def test_library(self):
        self.assertIn("OpenSSL", ssl.OPENSSL_VERSION)
        before = time.monotonic()
        time.sleep(0.01)
        self.assertGreaterEqual(time.monotonic() - before, 0.01)
        with tempfile.TemporaryDirectory() as d:
            db = sqlite3.connect(f"{d}/db")
            db.execute("create table t(a)")
            db.executemany("insert into t values(?)", ((n,) for n in range(1000)))
            db.commit()
            self.assertEqual(db.execute("select sum(a) from t").fetchone(), (499500,))
            db.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
