"""What the tests in the VM are written with.

A test file is a program: functions named test_*, and main() at the end. main() runs
them (or those named on its command line), prints a line for each and the sum as the
last line, `N passed, N failed`. tests/run runs the files.

    from vmtest import Vm, main

    def test_name():
        \"\"\"What a user relies on.\"\"\"
        with Vm() as vm:                    # boots the debug build
            vm.boot()                       # until the shell answers
            assert vm.run("cat /etc/hostname") == "dunlin\\n"

    main()

Nothing here sleeps and hopes: wait for a text, a status or an end, with a limit that
only a broken guest reaches. A guest that ends or panics fails the wait at once, with the
console's last lines. Every QEMU is killed with its test, however that ends.

DUNLIN_TEST_KERNEL names another kernel to run the tests against: build/linux/Image, which
`tools/setup linux` fetches, proves a test of what Linux has too; `make test-linux` does that with all of them.
only_ours() skips the others there, and tests/run counts them.
"""
import codecs
import fcntl
import json
import os
import pty
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
import cpio  # noqa: E402
import linux  # noqa: E402
import qemu  # noqa: E402

BUSYBOX = os.path.join(TOP, "build", "pkg", "busybox-static", "bin", "busybox")
LIMIT = 300         # seconds; a boot takes one or two on an idle machine


class Skip(Exception):
    """This machine cannot run the test; the text says what it lacks."""


class VmError(AssertionError):
    """The guest did not do what was waited for; the text has the console's end."""


def only_ours():
    """Skip a test of something that no other kernel has, when the tests run against another."""
    if os.environ.get("DUNLIN_TEST_KERNEL"):
        raise Skip("only our kernel has this")


class Console:
    """Text that comes from a descriptor, to wait for, and keys that go to another."""

    def __init__(self):
        self.console = ""           # everything so far
        self._at = 0                # what wait() has consumed
        self._news = threading.Condition()
        self._eof = False

    def _attach(self, read_fd, write_fd):
        self._keys = write_fd
        threading.Thread(target=self._read, args=(read_fd,), daemon=True).start()

    def _read(self, fd):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")      # a letter may come in two reads
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:         # a terminal whose other side is gone
                data = b""
            with self._news:
                if data:
                    self.console += decoder.decode(data).replace("\r", "")
                else:
                    self._eof = True
                self._news.notify_all()
            if not data:
                return

    def tail(self, lines=40):
        return "\n".join(self.console.rstrip().split("\n")[-lines:])

    def wait(self, pattern, timeout=LIMIT):
        """Wait for a regular expression in what the console has not shown to wait() yet; the match."""
        end = time.monotonic() + timeout
        regex = re.compile(pattern, re.M)
        with self._news:
            while True:
                m = regex.search(self.console, self._at)
                if m:
                    self._at = m.end()
                    return m
                left = end - time.monotonic()
                if self._eof:
                    raise VmError(f"the guest ended; never came: {pattern}\n{self.tail()}")
                if left <= 0:
                    raise VmError(f"not within {timeout} s: {pattern}\n{self.tail()}")
                self._news.wait(left)

    def send(self, text):
        """Type on the console; a key such as ctrl-c is its control character."""
        os.write(self._keys, text.encode())

    def prompt(self, timeout=LIMIT):
        """Wait for the interactive shell's prompt."""
        return self.wait(r"^\S* # (\x1b\[6n)?", timeout)


class Terminal(Console):
    """A program of this machine on a terminal of its own, as a person would start it."""

    def __init__(self, *command, env=None, rows=24, columns=80):
        super().__init__()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                        preexec_fn=self._own_terminal, env={**os.environ, **(env or {})})
        os.close(theirs)
        self._fd = ours
        self._attach(ours, ours)

    @staticmethod
    def _own_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        qemu.die_with_parent()

    def wait_exit(self, timeout=LIMIT):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise VmError(f"no end within {timeout} s\n{self.tail()}") from None

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()        # it takes its own QEMU along
            self.process.wait()
        os.close(self._fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Vm(Console):
    """One guest. Arguments not named here are those of qemu.Machine (nic, gic, cpu, mem, ...).

    append: words for the command line; files: {path: contents}, added to the initramfs;
    guest: also add the programs of tests/vm/guest; archives: paths of more to add;
    initrd: other archives instead of ours;
    modules: what Debian's kernel has in modules and the test needs, in the order in which boot() loads them there;
    ns: a tests/net Net, whose tap the guest gets and in whose namespace QEMU runs;
    netdev: the text of QEMU's -netdev (id=net0) instead of a tap or net; args: more for QEMU.
    """

    def __init__(self, append="", files=None, guest=False, archives=(), initrd=None, ns=None, netdev=None,
                 args=(), debug=True, kernel=None, net="user", modules=(), **machine):
        super().__init__()
        self.dir = tempfile.mkdtemp(prefix="dunlin-vm-")
        self._tags = 0
        self._qmp = None
        self.process = None
        try:
            kernel = kernel or os.environ.get("DUNLIN_TEST_KERNEL")
            m = qemu.Machine(kernel=kernel, debug=debug and not kernel, append=("panic=-1 " + append).strip(),
                             net=f"tap:{ns.tap}" if ns else net, extra=args, **machine)
            if ns and ns.queues > 1:
                netdev = f"{m.netdev()},queues={ns.queues}"
            if netdev:
                m.netdev = lambda: netdev
            qemu.check_kernel(m.kernel)
            more = []
            self._modules = ()
            if initrd is None and linux.takes_part(m.kernel, m.append):
                self._modules, found = modules, linux.modules(m.kernel, modules)
                files = {**(files or {}), **{f"linux-modules/{name}.ko": _read(path) for name, path in found.items()}}
                more, m.append = [linux.archive(m.kernel)], f"rdinit=/linux-init {m.append}"
            m.initrd = self._initrd(initrd, files, [*archives] + [qemu.built("guest.cpio")] * guest, more)
            cmd = m.command(["-chardev", "stdio,id=con,signal=off", "-serial", "chardev:con", "-monitor", "none",
                             "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off"])
            if ns:
                cmd = ns.prefix + cmd
            self.command = cmd
            self._stderr = open(os.path.join(self.dir, "stderr"), "w+")
            self.process = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr,
                                            bufsize=0, preexec_fn=qemu.die_with_parent)
            self._attach(self.process.stdout.fileno(), self.process.stdin.fileno())
        except BaseException:
            self.close()
            raise

    def _initrd(self, initrd, files, archives, more):
        parts = list(more)
        for path in [qemu.built("initramfs.cpio")] if initrd is None else initrd:
            parts.append(path if isinstance(path, bytes) else _read(path))
        parts += [_read(path) for path in archives]
        if files:
            a = cpio.Archive()
            for name, data in files.items():
                a.file(name, data, 0o755)
            parts.append(a.bytes())
        if not parts:
            return "none"
        path = os.path.join(self.dir, "initrd")
        with open(path, "wb") as f:
            # A single archive goes as it is: a test may have cut it off on purpose.
            f.write(cpio.join(parts) if len(parts) > 1 else parts[0])
        return path

    # ---- the console ------------------------------------------------------

    def qemu_said(self):
        """What QEMU wrote to its standard error."""
        self._stderr.seek(0)
        return self._stderr.read().strip()

    def tail(self, lines=40):
        said = self.qemu_said()
        return super().tail(lines) + (f"\nQEMU said: {said}" if said else "")

    def wait_exit(self, timeout=LIMIT):
        """Wait for QEMU to end; its status (0: powered off, else a panic)."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise VmError(f"the guest did not end within {timeout} s\n{self.tail()}") from None
        with self._news:
            while not self._eof:
                self._news.wait()
        return status

    # ---- the shell --------------------------------------------------------

    def boot(self, timeout=LIMIT, shell="sh"):
        """Wait for the shell and take it over for sh(): no echo, no line editing, no kernel messages."""
        self.prompt(timeout)
        self.send(f"exec {shell} -c 'stty -echo -onlcr; dmesg -n 1; echo shell-\"\"ready; "
                  "while IFS= read -r tag && IFS= read -r line; do "
                  "eval \"$line\" </dev/null; echo \"$tag:$?\"; done'\n")
        self.wait(r"^shell-ready\n", timeout)
        for name in self._modules:
            self.run(f"busybox insmod /linux-modules/{name}.ko")
        return self

    def sh(self, command, timeout=LIMIT):
        """Run one line in the shell that boot() left; (output, status)."""
        return self.finish(self.start(command), timeout)

    def start(self, command):
        """Begin a line as sh() does; finish() with what this gives."""
        assert "\n" not in command and len(command) < 4000, "one line, as a terminal takes it"
        self._tags += 1
        tag = f"@{os.getpid()}-{self._tags}@"
        self._started = self._at
        self.send(f"{tag}\n{command}\n")
        return tag

    def finish(self, tag, timeout=LIMIT):
        """(output, status) of the line that start() began."""
        m = self.wait(re.escape(tag) + r":(\d+)\n", timeout)
        return self.console[self._started:m.start()], int(m[1])

    def begin(self, command, pattern, timeout=LIMIT):
        """Run a line that leaves a program running (by &), and wait for what that says, be it before the shell goes on."""
        at = self._at
        self.run(command, timeout)
        shell, self._at = self._at, at
        m = self.wait(pattern, timeout)
        self._at = max(self._at, shell)
        return m

    def run(self, command, timeout=LIMIT):
        """As sh(), for a command that must succeed; its output."""
        out, status = self.sh(command, timeout)
        if status:
            raise VmError(f"status {status} from: {command}\n{out}")
        return out

    def ping(self, host, count=1):
        """Echoes, each sent when the last was answered, however slow the machine; all must be.

        (busybox's ping leaves a second after the last of several: it says lost of what is late.)
        """
        self.run(f"(for i in $(seq {count}); do ping -c 1 -W {LIMIT} -q {host} || exit 1; done)", LIMIT * (count + 1))

    # ---- the machine ------------------------------------------------------

    def connect(self, path):
        """A connection to a socket that QEMU is about to listen at."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT)
        end = time.monotonic() + LIMIT
        while s.connect_ex(path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise VmError(f"QEMU's socket {path} is not there\n{self.tail()}")
            time.sleep(0.01)
        return s

    def qmp(self, command, **arguments):
        """A command to QEMU itself: set_link, stop, cont, ... Its answer."""
        if self._qmp is None:
            self._qmp = self.connect(os.path.join(self.dir, "qmp")).makefile("rw")
            self._qmp.readline()
            self.qmp("qmp_capabilities")
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise VmError(f"QEMU refused {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def stat(self):
        """The one-number lines of the guest's /proc/stat."""
        return {k: int(v) for k, v in re.findall(r"(?m)^(\w+) (\d+)$", self.run("cat /proc/stat"))}

    def interrupts(self):
        """/proc/interrupts as {last word of the line: sum over the CPUs}."""
        sums = {}
        for m in re.finditer(r"(?m)^\s*\w+:((?:\s+\d+)+)\s+(.*)$", self.run("cat /proc/interrupts")):
            name = m[2].split()[-1] if m[2].split() else ""
            sums[name] = sums.get(name, 0) + sum(map(int, m[1].split()))
        return sums

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _read(path):
    with open(path, "rb") as f:
        return f.read()


# ---- what a person does: events for QMP's input-send-event ------------------------------------

def key(name, down):
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}


def button(name, down):
    return {"type": "btn", "data": {"down": down, "button": name}}


def move(kind, axis, value):
    return {"type": kind, "data": {"axis": axis, "value": value}}


class Person:
    """Somebody at a machine's keyboard and tablet, before a display of width x height pixels."""
    TABLET = 32767      # its width and height

    def __init__(self, vm, width, height):
        self.vm, self.size = vm, (width, height)

    def do(self, *events):
        self.vm.qmp("input-send-event", events=list(events))

    def press(self, *names):
        """These keys, all down and then up again the other way round: a chord, or one alone.

        At once: one that is held while this program waits for its turn would repeat.
        """
        self.do(*(key(name, True) for name in names), *(key(name, False) for name in reversed(names)))

    def key(self, name, down):
        self.do(key(name, bool(down)))

    def hold(self, name):
        self.key(name, True)

    def let_go(self, name):
        self.key(name, False)

    def point(self, x, y):
        """The middle of this pixel."""
        places = [round((n + 0.5) * self.TABLET / (side - 1)) for n, side in zip((x, y), self.size)]
        self.do(*(move("abs", axis, min(place, self.TABLET)) for axis, place in zip("xy", places)))

    def button(self, name, down):
        self.do(button(name, bool(down)))

    def click(self, x, y, name="left"):
        self.point(x, y)
        self.button(name, True)
        self.button(name, False)

    def drag(self, x0, y0, x1, y1, name="left", steps=4):
        self.point(x0, y0)
        self.button(name, True)
        for i in range(1, steps + 1):
            self.point(x0 + (x1 - x0) * i // steps, y0 + (y1 - y0) * i // steps)
        self.button(name, False)


# ---- what is done to the machine behind the guest's back ---------------------------------------

ECAM = 0x4010000000     # the configuration space of PCI, of QEMU's virt


class Bench:
    """QEMU's qtest: reads and writes of the machine's addresses, from outside. Its args are for QEMU."""
    LETTERS = {1: "b", 2: "w", 4: "l"}

    def __init__(self, folder):
        self.path = os.path.join(folder, "qtest")
        self.args = ["-qtest", f"unix:{self.path},server=on,wait=off", "-qtest-log", "/dev/null"]

    def reach(self, vm):
        self.file = vm.connect(self.path).makefile("rw")

    def ask(self, words):
        self.file.write(words + "\n")
        self.file.flush()
        answer = self.file.readline().split()
        assert answer[0] == "OK", (words, answer)
        return answer[1:]

    def read(self, address, size=4):
        return int(self.ask(f"read{self.LETTERS[size]} {address:#x}")[0], 16)

    def write(self, address, value, size=4):
        self.ask(f"write{self.LETTERS[size]} {address:#x} {value:#x}")


class Hand(Bench):
    """A hand at the slot: it takes the card out, and nobody in the guest has been asked.

    QEMU has no command for that. But a slot whose power and indicator are off gives its card up at once, and they can be
    switched off behind the guest's back. Between two instructions of the guest, wherever its CPUs are: QEMU does not
    outlive a card that goes while a CPU's access to it is under way.
    """
    EXPRESS, SLOT_CONTROL, POWER_OFF = 0x10, 0x18, 0x0700

    def __init__(self, folder, name, place):
        super().__init__(folder)
        self.port = ECAM + (place << 15)
        self.args += ["-device", f"pcie-root-port,id={name},chassis={place},slot={place},addr={place}"]

    def reach(self, vm):
        super().reach(vm)
        self.vm = vm

    def pull(self):
        at = self.read(self.port + 0x34, 1)
        while self.read(self.port + at, 1) != self.EXPRESS:
            at = self.read(self.port + at + 1, 1)
        control = self.port + at + self.SLOT_CONTROL
        runs = self.vm.qmp("query-status")["running"]
        self.vm.qmp("stop")
        self.write(control, self.read(control, 2) | self.POWER_OFF, 2)
        if runs:
            self.vm.qmp("cont")


def tool(name, *args, stdin="", timeout=LIMIT, env=None):
    """Run a program of tools/ on this machine; the finished process, output as text."""
    return subprocess.run([os.path.join(TOP, "tools", name), *args], input=stdin, capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, **(env or {})}, errors="replace")


def tool_run(*args, **kw):
    """tools/run on the debug build, or on the kernel that the tests were given."""
    kernel = os.environ.get("DUNLIN_TEST_KERNEL")
    return tool("run", *(["--kernel", kernel] if kernel else ["--debug"]), *args, **kw)


def main(scope=None):
    """Run the caller's test_* functions, or those named on the command line."""
    scope = scope or sys.modules["__main__"].__dict__
    tests = {k: v for k, v in scope.items() if k.startswith("test_") and callable(v)}
    for name in sys.argv[1:]:
        if name not in tests:
            sys.exit(f"no test {name}; there are: {', '.join(tests)}")
    passed = failed = 0
    for name in sys.argv[1:] or tests:
        began = time.monotonic()
        try:
            tests[name]()
        except Skip as e:
            print(f"skip {name}: {e}", flush=True)
        except Exception as e:
            failed += 1
            if not isinstance(e, (VmError, qemu.Wrong)):
                traceback.print_exc(file=sys.stdout)
            else:
                where = traceback.extract_tb(e.__traceback__)
                print("".join(f"  {os.path.basename(f.filename)}:{f.lineno}: {f.line}\n" for f in where), end="")
            print(f"FAIL {name}: {e}", flush=True)
        else:
            passed += 1
            print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)
