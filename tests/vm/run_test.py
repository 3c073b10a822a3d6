#!/usr/bin/env python3
# quick
"""tools/run as other programs use it: a command, a script, a panic."""
from vmtest import main, tool_run


def test_exec_prints_the_output_alone():
    p = tool_run("--net", "none", "--exec", "echo one; printf 'two\\n\\tthree'")
    assert (p.returncode, p.stdout) == (0, "one\ntwo\n\tthree"), (p.returncode, p.stdout, p.stderr)


def test_exec_gives_the_status():
    p = tool_run("--net", "none", "--exec", "exit 7")
    assert (p.returncode, p.stdout) == (7, ""), (p.returncode, p.stdout, p.stderr)


def test_exec_gives_a_signal_as_the_shell_does():
    p = tool_run("--net", "none", "--exec", "kill -9 $$")
    assert p.returncode == 137, (p.returncode, p.stdout, p.stderr)


def test_exec_passes_many_bytes_unchanged():
    p = tool_run("--net", "none", "--exec", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done")
    assert p.returncode == 0, (p.returncode, p.stderr)
    assert p.stdout == "".join(f"line {i}\n" for i in range(2000))


def test_commands_from_standard_input():
    """Without a terminal, standard input is a script; its last status is ours."""
    p = tool_run("--net", "none", stdin="cd /etc\necho in $PWD\ncat hostname\nfalse\n")
    assert p.returncode == 1, (p.returncode, p.stderr)
    assert p.stdout.find("in /etc") < p.stdout.find("dunlin\n", p.stdout.find("in /etc")), p.stdout[-2000:]
    assert "dunlin-exec-" not in p.stdout


def test_empty_standard_input_powers_off():
    p = tool_run("--net", "none", stdin="")
    assert p.returncode == 0, (p.returncode, p.stderr)


def test_panic_gives_status_125():
    """No init: the kernel says what it looked for and ends; nothing hangs."""
    p = tool_run("--net", "none", "--append", "rdinit=/no/such/init", "--exec", "true")
    assert p.returncode == 125, (p.returncode, p.stderr)
    assert "/no/such/init" in p.stderr or "console's last lines" in p.stderr, p.stderr


def test_guest_that_powers_off_early_is_told():
    p = tool_run("--net", "none", "--exec", "poweroff -f; sleep 100")
    assert p.returncode == 125, (p.returncode, p.stderr)
    assert "before the command ended" in p.stderr, p.stderr


def test_timeout():
    p = tool_run("--net", "none", "--timeout", "5", "--exec", "echo begun; sleep 1000")
    assert p.returncode == 124, (p.returncode, p.stderr)


main()
