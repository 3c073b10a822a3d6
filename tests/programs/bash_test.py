#!/usr/bin/env python3
"""bash: scripts with jobs, traps, pipes and limits, and a person at the console."""
from programs import Vm, archive, main, programs, transcript

PROMPT = r"^bash> "
PLAIN = {"etc/inputrc": "set enable-bracketed-paste off\n"}


# A script's jobs, each in a process group of its own.
JOBS = r"""
set -m
until_() { until jobs $1 | grep -q $2; do sleep 0.01; done; }
sleep 1000 & sleep 2000 &
jobs
kill -STOP %1; until_ %1 Stopped; jobs %1
bg %1; until_ %1 Running; kill %1; wait %1; echo $?
kill -9 %2; wait %2; echo $?; jobs
bash -c 'kill -STOP $$; echo resumed; exit 7' & until_ %bash Stopped; fg %bash; echo $?
set +m
# bash forgets who ended before it waits for whoever is next.
(exit 3) & wait $!; echo $?; sleep 4000 & (until read -r _ _ state _ </proc/$$/stat; [ $state = S ]; do :; done; exit 4) &
wait -n; echo $?; kill $(jobs -p); wait; echo $?
for i in {1..60}; do (exit $((i % 7))) & done; wait; echo all
"""


def test_jobs():
    with programs("coreutils", "grep", files={"root/jobs": JOBS}) as vm:
        transcript(vm, r"""
            $ bash /root/jobs
            [1]-  Running                 sleep 1000 &
            [2]+  Running                 sleep 2000 &
            [1]+  Stopped                 sleep 1000
            [1]+ sleep 1000 &
            [1]-  Terminated              sleep 1000
            143
            /.*Killed +sleep 2000/
            137
            bash -c 'kill -STOP $$; echo resumed; exit 7'
            resumed
            7
            3
            4
            0
            all
            """)


def test_traps():
    with programs("coreutils") as vm:
        transcript(vm, r"""
            $ bash -c 'trap "echo usr1" USR1; trap "echo exit \$?" EXIT; kill -USR1 $$; exit 3'
            usr1
            exit 3
            ? 3
            $ bash -c 'trap "echo err" ERR; false; trap "echo child" CHLD; /bin/true'
            err
            child
            $ bash -c 'trap "echo term; exit 5" TERM; kill $$; sleep 1000'
            term
            ? 5
            $ bash -c 'trap "" INT; kill -INT $$; echo deaf; trap - INT; kill -INT $$; echo not reached'
            deaf
            ? 130
            $ mkfifo /tmp/p
            $ bash -c 'trap "echo woken" USR1; (until read -r _ _ s _ </proc/$$/stat; [ $s = S ]; do :; done; kill -USR1 $$; read -r </tmp/p; exit 9) & wait; echo $?; echo >/tmp/p; wait $!; echo $?'
            woken
            138
            9
            """)


def test_pipes():
    with programs("coreutils", "mawk") as vm:
        transcript(vm, r"""
            $ cd /tmp
            $ false | true | (exit 3) | true; echo "${PIPESTATUS[@]}"
            1 0 3 0
            $ seq 1000000 | head -n 1; echo "${PIPESTATUS[@]}"; set -o pipefail; false | true; echo $?; set +o pipefail
            1
            141 0
            1
            $ cmp <(seq 5) <(seq 6)
            /cmp: EOF on .*/
            ? 1
            $ paste -d- <(seq 3) <(seq 4 6); seq 4 > >(paste -sd+ >out); wait $!; cat out
            1-4
            2-5
            3-6
            1+2+3+4
            $ head -c 300000 /dev/zero | tr '\0' a >big; x=$(<big); echo ${#x}; wc -c <<<"$x"
            300000
            300001
            $ eval $'cat <<X\nhere $((1 + 2)) $(echo sub)\nX\ncat <<"X"\nraw $HOME\nX'
            here 3 sub
            raw $HOME
            $ coproc C { while read -r l; do echo "got $l"; done; exit 6; }; echo hello >&${C[1]}; read -r r <&${C[0]}; echo $r
            got hello
            $ p=$C_PID; eval "exec ${C[1]}>&-"; wait $p
            ? 6
            $ exec 5<>f; echo abc >&5; exec 5>&- 6<f; read -r -u 6 v; echo $v; { echo out; echo err >&2; } 2>&1 >/dev/null
            abc
            err
            $ read -t 0.05 -r x < <(sleep 1000); echo $?; echo x | { shopt -s lastpipe; cat; }; mkfifo p; echo via >p & cat p
            142
            x
            via
            """)


def test_limits_and_scripts():
    with programs("coreutils") as vm:
        transcript(vm, r"""
            $ cd /tmp; ulimit -n; ulimit -Ss; ulimit -a | wc -l
            1024
            8192
            17
            $ (ulimit -n 10; exec 20</dev/null)
            /.*20: Bad file descriptor/
            ? 1
            $ (ulimit -v 100000; bash -c 'x=$(head -c 200000000 /dev/zero | tr "\0" a); echo ${#x}')
            /bash: xrealloc: cannot allocate \d+ bytes/
            ? 2
            $ printf '#!/bin/bash -e\necho $0 $1\nfalse\necho no\n' >s; chmod +x s; ./s 1
            ./s 1
            ? 1
            $ echo 'echo plain' >s; ./s; chmod -x s; ./s
            plain
            /.*.\/s: Permission denied/
            ? 126
            $ printf '\x7fELF' >bad; chmod +x bad; ./bad
            /.*cannot execute binary file: Exec format error/
            ? 126
            $ printf '#!/nonexist\n' >s3; chmod +x s3; ./s3
            /.*.\/s3: cannot execute: required file not found/
            ? 127
            $ for ((i = 0; i < 200; i++)); do /bin/true || echo $?; done; f() { (($1)) && f $(($1 - 1)); }; f 500; echo deep
            deep
            $ (exec -a other bash -c 'echo $0'); echo $BASHPID >a; (echo $BASHPID) >b; cmp -s a b; echo $?
            other
            1
            $ : >/dev/tcp/127.0.0.1/1
            /.*Connection refused/
            /.*Connection refused/
            ? 1
            """)


def test_at_the_console():
    """Line editing, history, completion; ctrl-z, fg, bg, ctrl-c, ctrl-\\ and ctrl-d reach whom they should."""
    with Vm(net="none", archives=[archive("bash", "coreutils", "ncurses-base", more=PLAIN)]) as vm:
        vm.prompt()
        vm.send("exec env TERM=linux PS1='bash> ' bash --norc --noprofile\n")
        vm.wait(PROMPT)
        vm.send("echo one two\x1b[D\x1b[D\x1b[D\x1b[D, and\x01\x04\x04\x04\x04printf '%s-' \x05\r")
        vm.wait(r"^one,-and-two-bash> ")
        vm.send("\x1b[A\x7f\r")
        vm.wait(r"^one,-and-tw-bash> ")
        vm.send("ls /etc/hostn\t\r")
        vm.wait(r"^/etc/hostname\n" + PROMPT[1:])
        running = "bash -c 'trap \"echo again\" CONT; echo run\"\"ning; sleep 1000 & wait; wait'\r"
        vm.send(running)
        vm.wait(r"^running\n")
        vm.send("\x1a")
        vm.wait(r"^\[1\]\+  Stopped .*\n" + PROMPT[1:])
        vm.send("fg\r")
        vm.wait(r"^again\n")
        vm.send("\x03")
        vm.wait(r"^\^C\n" + PROMPT[1:])
        vm.send("echo $?\r")
        vm.wait(r"^130\n" + PROMPT[1:])
        vm.send(running)
        vm.wait(r"^running\n")
        vm.send("\x1a")
        vm.wait(r"^\[1\]\+  Stopped .*\n" + PROMPT[1:])
        vm.send("bg %1; wait %1\r")
        vm.wait(r"^again\n")
        vm.send("\x03")
        vm.wait(r"^\^C\n" + PROMPT[1:])
        vm.send("jobs; kill -9 %1; wait; jobs; echo none\r")
        vm.wait(r"^\[1\]\+  Running [^\n]*\n(.*Killed.*\n)?none\n" + PROMPT[1:])
        vm.send("tail -f /etc/hostname\r")
        vm.wait(r"^dunlin\n")
        vm.send("\x1c")
        vm.wait(r"^\^\\Quit.*\n" + PROMPT[1:])
        vm.send("cat /etc/hostname - | cat\r")
        vm.wait(r"^dunlin\n")
        vm.send("typed\r")
        vm.wait(r"^typed\ntyped\n")
        vm.send("\x04")
        vm.wait(PROMPT)
        vm.send("bash --norc -c 'read -r -n 1 -s -p key: k; echo \"<$k>\"'\r")
        vm.wait(r"^key:")
        vm.send("q")
        vm.wait(r"<q>\n" + PROMPT[1:])
        vm.send("tty; stty -a | head -n 1; exit 3\r")
        vm.wait(r"^/dev/(console|ttyAMA0)\nspeed \d+ baud; rows \d+; columns \d+;.*\n")


main()
