#!/usr/bin/env python3
"""util-linux, less and vim: mounts, locks, sessions, limits, the kernel's log, and pages on the console."""
from programs import Vm, archive, main, programs, transcript

PLAIN = {"etc/inputrc": "set enable-bracketed-paste off\n"}
PACKAGES = ("util-linux", "util-linux-extra", "bsdutils", "bsdextrautils", "mount", "coreutils", "grep", "procps", "ncurses-base")


def test_mounts():
    with programs(*PACKAGES) as vm:
        transcript(vm, r"""
            $ cd /tmp; mkdir m n; mount -t tmpfs -o size=1M,mode=700 none m; findmnt -n -o FSTYPE,TARGET /tmp/m; stat -c %a m
            tmpfs  /tmp/m
            700
            $ touch m/f; mount --bind m n; ls n; umount n; mount -o remount,ro m; touch m/x
            f
            touch: cannot touch 'm/x': Read-only file system
            ? 1
            $ mount | grep -c 'none on /tmp/m type tmpfs (ro,'; mount -o remount,rw m; touch m/x; mountpoint m; mountpoint n
            1
            m is a mountpoint
            n is not a mountpoint
            ? 32
            $ umount m; umount m
            umount: m: not mounted.
            ? 32
            $ mount -t proc p m; ls -1d m/1 m/self; umount -l m; ls m
            m/1
            m/self
            """)


def test_system_v():
    with programs(*PACKAGES) as vm:
        transcript(vm, r"""
            $ ipcmk -M 8000 -p 640 >/dev/null; ipcmk -S 3 >/dev/null; ipcmk -Q >/dev/null; ipcs | grep -c root; ipcs -m | tail -2 | cut -c21-
            3
            root       640        8000       0
            $ ipcs -s -i 0 | grep -c '^[012] '; ipcs -q -u | grep -c 'allocated queues = 1'; ipcs -l | grep -c 'max'
            3
            1
            11
            $ ipcrm -m 0 -s 0 -q 0; ipcs | grep -c root; ipcrm -m 0
            0
            ipcrm: invalid id (0)
            ? 1
            """)


def test_locks_and_sessions():
    with programs(*PACKAGES) as vm:
        transcript(vm, r"""
            $ cd /tmp; exec 9>l; flock 9; flock -n l echo no; flock -w 0.1 l echo no
            ? 1
            $ flock -u 9; flock -s l flock -s l echo shared; flock -x l flock -n -s l echo no; flock -w 100 l echo yes
            shared
            yes
            $ setsid -w bash -c '[ $(ps -o sid= -p $$) = $$ ] && [ $(ps -o pgid= -p $$) = $$ ]; exit $((5 + $?))'
            ? 5
            $ script -q -e -c 'tty; stty size; exit 3' typescript </dev/null >/dev/null; echo $?; grep -c '^/dev/pts/' typescript
            3
            1
            $ taskset -c 0 nproc; taskset -p $$ | cut -d: -f2; chrt -f 10 chrt -p $BASHPID | wc -l; prlimit --nofile=100:200 bash -c 'ulimit -Sn; ulimit -Hn'
            1
            1
            2
            100
            200
            $ prlimit -p $$ --nofile=500; ulimit -n; ulimit -n 1024
            500
            $ renice -n 5 $BASHPID >/dev/null; nice; setpriv --reuid 1000 --clear-groups id -u; choom -n 500 -- cat /proc/self/oom_score_adj
            5
            1000
            500
            $ fallocate -l 1M fa; stat -c '%s %b' fa; fallocate -p -o 0 -l 512K fa; stat -c '%s %b' fa; getopt -o ab: -- -a -b c d; rev <<<abc
            1048576 2048
            1048576 1024
            -a -b 'c' -- 'd'
            cba
            """)


def test_the_log():
    with programs(*PACKAGES) as vm:
        transcript(vm, r"""
            $ echo '<4>said by a test' >/dev/kmsg; dmesg | grep 'said by' | cut -d']' -f2-
            /.*said by a test/
            $ [ $(dmesg -t | wc -l) -gt 5 ] && [ $(dmesg -l warn | grep -c 'said by') = 1 ] && dmesg -T | tail -n 1 | grep -c ' 20'
            1
            """)


def test_less_and_vim():
    """A page, a search and the end in less; text typed, changed and written in vim."""
    with Vm(net="none", archives=[archive("bash", "coreutils", "less", "vim-tiny", "ncurses-base", more=PLAIN)]) as vm:
        vm.prompt()
        vm.send("exec env TERM=linux PS1='bash> ' bash --norc --noprofile\n")
        vm.wait(r"^bash> ")
        vm.send("stty rows 24 cols 80; seq -f 'line-%g.' 500 >/tmp/text\r")
        vm.wait(r"^bash> ")
        vm.send("less /tmp/text\r")
        vm.wait(r"line-1\.(.|\n)*line-23\.")
        vm.send(" ")
        vm.wait(r"line-46\.")
        vm.send("/line-30.\\.\r")
        vm.wait(r"line-300")
        vm.send("G")
        vm.wait(r"line-500\.(.|\n)*END")
        vm.send("q")
        vm.wait(r"bash> ")
        vm.send("vim.tiny -u NONE /tmp/new\r")
        vm.wait(r'"/tmp/new" \[New')         # not the command's own echo
        vm.send("ihello\rworld\x1b")
        vm.wait(r"world")
        vm.send("yyp:2s/wor/lit/\rgg0iOh \x1b:wq\r")
        vm.wait(r"bash> ")
        vm.send("paste -sd, /tmp/new\r")
        vm.wait(r"^Oh hello,litld,world")


main()
