#!/usr/bin/env python3
"""The console as a person has it: tools/run on a terminal, the line's keys, jobs and signals."""
import os

from vmtest import TOP, Terminal, Vm, main, only_ours


def start(*args, **kw):
    kernel = os.environ.get("DUNLIN_TEST_KERNEL")
    return Terminal(os.path.join(TOP, "tools", "run"), *(["--kernel", kernel] if kernel else ["--debug"]),
                    "--net", "none", *args, **kw)


def test_a_person_at_the_terminal():
    """make run: a shell that knows the terminal's size; ctrl-c is the guest's, ctrl-a x ends it."""
    with start(rows=33, columns=101) as t:
        t.prompt()
        t.send("stty size\n")
        t.wait(r"^33 101$")
        t.send("echo $((6 * 7))\n")
        t.wait(r"^42$")
        t.prompt()
        t.send("\x01x")
        assert t.wait_exit() == 0


def test_poweroff_gives_the_terminal_back():
    with start() as t:
        t.prompt()
        t.send("poweroff\n")
        assert t.wait_exit() == 0


def test_panic_is_told_to_the_person():
    only_ours()
    with start("--append", "rdinit=/none") as t:
        t.wait(r"[Kk]ernel panic: no first program: tried /none")
        assert t.wait_exit() == 125


# ---- the keys of the line discipline: seen by cat, which leaves them to the kernel -----------------------

def cat(vm, pipeline="cat"):
    """Start it. The shell has left its own line editing by the time that it runs the first command."""
    vm.send(f'echo on-""line; {pipeline}\n')
    vm.wait(r"^on-line\n")


def echoed(vm, keys, expected):
    """Type a line; cat gives back what was left of it."""
    vm.send(keys + "\n")
    vm.wait(r"^.*\n" + expected + r"\n")


def test_line_editing_by_the_kernel():
    with Vm(net="none") as vm:
        vm.prompt()
        cat(vm)
        echoed(vm, "plain", "plain")
        echoed(vm, "abc\x7fd", "abd")                       # erase
        echoed(vm, "wrong\x15right", "right")               # kill the line
        echoed(vm, "one two\x17three", "one three")         # erase the word
        echoed(vm, "\x7f\x7fedge", "edge")                  # nothing left to erase
        echoed(vm, "a\x16\x7fb", "a\x7fb")                  # the next key is literal
        vm.send("half\x04")                                 # ctrl-d sends what is there...
        vm.wait(r"halfhalf")
        vm.send("\n")
        vm.wait(r"\n\n")
        vm.send("\x04")                                     # ...and on an empty line it is the end
        vm.prompt()


def test_control_c_and_the_like():
    with Vm(net="none") as vm:
        vm.prompt()
        cat(vm)
        echoed(vm, "ready", "ready")
        vm.send("\x03")
        vm.wait(r"\^C")
        vm.prompt()
        vm.send("echo status-$?\n")
        vm.wait(r"^status-130$")
        cat(vm)
        echoed(vm, "ready", "ready")
        vm.send("\x1c")
        vm.prompt()
        vm.send("echo status-$?\n")
        vm.wait(r"^status-131$")


def test_control_c_reaches_the_whole_pipeline_and_not_the_shell():
    with Vm(net="none") as vm:
        vm.prompt()
        # Each speaks once it is in the foreground group: a key before that would not reach it, on any system.
        member = '{ echo on-""line >&2; sleep 1000; }'
        vm.send(f"{member} | {member} | {member}\n")
        vm.wait(r"(?s)(on-line\n.*){3}")
        vm.send("\x03")
        vm.prompt()
        vm.send("ps | grep -c '[s]leep'; echo done\n")
        vm.wait(r"^0\ndone$")


def test_stop_and_go_on():
    """ctrl-z stops a job; it is listed, goes on in the background and comes back to the foreground."""
    with Vm(net="none") as vm:
        vm.prompt()
        cat(vm)
        echoed(vm, "ready", "ready")
        vm.send("\x1a")
        vm.wait(r"Stopped")
        vm.prompt()
        vm.send("jobs\n")
        vm.wait(r"Stopped.*cat")
        vm.prompt()
        vm.send("fg\n")
        vm.wait(r"^cat\n")
        echoed(vm, "again", "again")
        vm.send("\x04")
        vm.prompt()
        vm.send("jobs; echo none-left\n")
        vm.wait(r"jobs; .*\nnone-left$")


def test_background_reader_is_stopped():
    """A job in the background that reads the terminal stops instead of taking the shell's keys."""
    with Vm(net="none") as vm:
        vm.prompt()
        vm.send("head -n 1 </dev/ttyAMA0 &\n")
        vm.prompt()
        vm.send("until jobs >/tmp/jobs; grep -q 'Stopped' /tmp/jobs; do :; done; cat /tmp/jobs\n")
        vm.wait(r"^\[1\].*Stopped \(tty input\)")


def test_editing_by_the_shell():
    """The shell turns the line discipline off: keys move, and history comes back.

    By control characters: what begins an arrow's sequence is a key of its own to the shell if the rest is late.
    """
    with Vm(net="none") as vm:
        vm.prompt()
        vm.send("echo -wrd\x02\x02o\n")                     # ctrl-b: left twice, then the missing letter
        vm.wait(r"^-word$")
        vm.prompt()
        vm.send("\x10\n")                                   # ctrl-p: the line before
        vm.wait(r"^-word$")
        vm.prompt()
        vm.send("echo x\x03")                               # the line is given up
        vm.prompt()
        vm.send("ech\t second\n")                           # completed... or as it is: a word of the shell's own
        vm.prompt()


def test_end_of_file_ends_the_shell_and_another_comes():
    with Vm(net="none") as vm:
        vm.prompt()
        vm.send("echo first-$$\n")
        first = vm.wait(r"^first-(\d+)\n")[1]
        vm.prompt()
        vm.send("\x04")
        vm.prompt()
        vm.send("echo second-$$\n")
        assert vm.wait(r"^second-(\d+)\n")[1] != first


def test_much_output_and_much_input():
    """A long output comes through whole; a line longer than the terminal takes is cut, not fatal."""
    with Vm(net="none") as vm:
        vm.boot()
        out = vm.run("i=0; while [ $i -lt 3000 ]; do echo 0123456789abcdef0123456789abcdef0123456789abcdef-$i; i=$((i+1)); done")
        assert out == "".join(f"0123456789abcdef0123456789abcdef0123456789abcdef-{i}\n" for i in range(3000))
        tag = vm.start("echo go; head -n 1 </dev/console | wc -c")
        vm.wait(r"^go\n")          # the shell's own lines have left the terminal's room
        vm.send("x" * 6000 + "\n")
        assert vm.finish(tag) == ("go\n4096\n", 0)


def test_raw_mode_passes_every_byte():
    with Vm(net="none") as vm:
        vm.boot()
        tag = vm.start("stty -F /dev/console raw -echo; echo go; head -c 20 </dev/console | od -An -tx1; "
                       "stty -F /dev/console -raw -echo -onlcr")
        vm.wait(r"^go")
        vm.send("\x00\x01\x03\x04\x0d\x0a\x11\x13\x15\x16\x1a\x1c\x7f\x1b" + "abcdef")
        out, status = vm.finish(tag)
        assert status == 0 and " ".join(out.split()).endswith("00 01 03 04 0d 0a 11 13 15 16 1a 1c 7f 1b 61 62 63 64 65 66"), out


main()
