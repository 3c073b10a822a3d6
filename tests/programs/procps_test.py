#!/usr/bin/env python3
"""procps and psmisc: what ps, top, free, vmstat, pmap, pgrep, sysctl and their like make of /proc."""
from programs import Vm, archive, main, programs, transcript


def procps(**vm):
    guest = programs("procps", "psmisc", "coreutils", "grep", "sed", "mawk", "ncurses-base", **vm)
    guest.run("(exec -a my-sleeper sleep 100000) & P=$!; until grep -q my-sleeper /proc/$P/cmdline && "
              "grep -q '^[0-9]* (sleep) S ' /proc/$P/stat; do sleep 0.01; done")
    return guest


def test_ps():
    with procps() as vm:
        transcript(vm, r"""
            $ ps aux | awk 'NR == 1 { print } NF < 11'; ps aux | grep -c . >/dev/null
            /USER +PID %CPU %MEM +VSZ +RSS TTY +STAT START +TIME COMMAND/
            $ ps -ef | sed -n 's/ \+/ /gp' | grep "[m]y-sleeper" | cut -d' ' -f1,3,6,8- | sed "s/ $$ / SHELL /"
            /root SHELL (\?|console|ttyAMA0) my-sleeper 100000/
            $ ps -o pid=,ppid=,pgid=,sid=,stat=,comm=,args= -p $P | awk -v p=$P -v s=$$ '{ print $1 == p, $2 == s, $3 == $4, $6, $7 }'
            1 1 1 sleep my-sleeper
            $ ps -C sleep -o args=,user=,ni=,cls=,nlwp=,psr=,stat=; ps -p 1 -o comm=,ppid=; ps -p 99999999
            /my-sleeper 100000 +root +0 +TS +1 +0 S\+?/
            /init +0/
            /PID TTY +TIME CMD/
            ? 1
            $ ps -T -p $$ | awk '{ print NF }'; ps axjf | grep -c '[\\]_ my-sleeper'; ps --ppid $$ -o comm= >l; sort l
            5
            5
            1
            ps
            sleep
            $ ps -eo pid,etimes,time,rss,vsz,pcpu,pmem,lstart,uname,group | awk '$1 == 1 { print ($2 >= 0), ($4 > 0), ($5 >= $4), NF, $NF }'
            1 1 1 14 root
            $ kill -STOP $P; until [ "$(ps -o stat= -p $P | cut -c1)" = T ]; do sleep 0.01; done; kill -CONT $P; ps s -p $P | head -n 1
            /UID +PID +PENDING +BLOCKED +IGNORED +CAUGHT STAT TTY +TIME COMMAND/
            """)


def test_top():
    with procps() as vm:
        transcript(vm, r"""
            $ top -b -n 2 -d 0.2 >t; grep -c '^top - ' t; grep -c 'my-sleeper\|sleep$' t; sed -n '2,5p' t
            2
            2
            /Tasks: +\d+ total, +\d+ running, +\d+ sleeping, +\d+ stopped, +\d+ zombie/
            /%Cpu\(s\): *[\d.]+ us, *[\d.]+ sy, *[\d.]+ ni, *[\d.]+ id, *[\d.]+ wa, .*/
            /MiB Mem : +[\d.]+ total, +[\d.]+ free, +[\d.]+ used, +[\d.]+ buff.cache */
            /MiB Swap: .*/
            $ top -b -n 1 -H -p $P | tail -n 1 | awk -v p=$P '{ print $1 == p, NF, $2, $NF }'
            1 12 root sleep
            """)


def test_top_at_the_console():
    """Drawn for the terminal's size, it obeys keys, is stopped and goes on, and leaves the terminal as it was."""
    with Vm(net="none", archives=[archive("bash", "procps", "coreutils", "ncurses-base",
                                          more={"etc/inputrc": "set enable-bracketed-paste off\n"})]) as vm:
        vm.prompt()
        vm.send("exec env TERM=linux PS1='bash> ' bash --norc --noprofile\n")
        vm.wait(r"^bash> ")
        vm.send("stty rows 24 cols 80; stty -g >/tmp/before\r")
        vm.wait(r"^bash> ")
        vm.send("top -d 1000 -p 1,$$\r")
        vm.wait(r"PID(.|\n)*COMMAND(.|\n)*init")
        vm.send("c")            # whole command lines: drawn again at once
        vm.wait(r"PID(.|\n)*COMMAND(.|\n)*bash --")
        vm.send("\x1a")
        vm.wait(r"\[1\]\+ +Stopped +top -d 1000 .*(.|\n)*bash> ")
        vm.send("fg\r")
        vm.wait(r"PID(.|\n)*COMMAND(.|\n)*bash --")
        vm.send("q")
        vm.wait(r"bash> ")
        vm.send("stty -g | cmp - /tmp/before && echo as it'' was\r")
        vm.wait(r"^as it was$")


def test_memory_and_time():
    with procps() as vm:
        transcript(vm, r"""
            $ free | awk '{ print $1, NF } NR == 2 { print ($2 > $3), ($2 > 400000), ($7 <= $2) }'; free -s 0.1 -c 2 | grep -c Mem
            total 6
            Mem: 7
            1 1 1
            Swap: 4
            2
            $ uptime; uptime -p; [ $(date -d "$(uptime -s)" +%s) -le $(date +%s) ]; w | head -n 2 | tail -n 1
            /.*up +.*load average: [\d.]+, [\d.]+, [\d.]+/
            /up .*/
            /USER +TTY +FROM +LOGIN@ +IDLE +JCPU +PCPU WHAT/
            $ vmstat | awk '{ print NF }'; vmstat 1 2 | wc -l; vmstat -s | awk '/K total memory/ { print ($1 > 400000) } /forks/ { print ($1 > 9) }'
            /\d+/
            17
            17
            4
            1
            1
            $ pmap $P | sed -n '1s/^[0-9]*: *//p;$s/[0-9]\+/N/p'; pmap -x $P | grep -c sleep; pmap -X $P | awk '/ld-linux/ { n++ } END { print (n > 1) }'
            my-sleeper 100000
            /total +NK/
            /[345]/
            1
            $ pmap -d $P | tail -n 1; pwdx $$; slabtop -o | head -n 1 | cut -d: -f1 | sed 's/^ *//;s/ *$//'; watch -t -n 0.1 -g cat /proc/uptime >/dev/null
            /mapped: \d+K +writeable.private: \d+K +shared: \d+K/
            /\d+: \/root/
            Active / Total Objects (% used)
            """)


def test_finding_and_killing():
    with procps() as vm:
        transcript(vm, r"""
            $ [ $(pgrep -f my-sleeper) = $P ] && [ $(pgrep -n -x sleep) = $P ] && [ $(pidof sleep) = $P ]; pgrep -l -P $$ -u root sleep | cut -d' ' -f2
            sleep
            $ pgrep nothing
            ? 1
            $ snice +5 -p $P; ps -o ni= -p $P; ps -o pri= -p $P
            5
            14
            $ pkill -f my-sleeper; wait $P 2>/dev/null
            ? 143
            $ sleep 1000 & until pgrep -x sleep >/dev/null; do :; done; pkill -STOP -x sleep; until [ $(ps -o stat= -C sleep | cut -c1) = T ]; do sleep 0.01; done; pkill -CONT sleep
            $ exec 7>/tmp/held; fuser /tmp/held 2>/dev/null | grep -cw $$; fuser -v /dev/console 2>&1 | head -n 1; pstree | cut -c1-4 | head -n 1
            1
            /USER +PID ACCESS COMMAND/
            init
            $ killall -w sleep; pidof sleep
            ? 1
            """)


def test_sysctl():
    with procps() as vm:
        transcript(vm, r"""
            $ sysctl -a 2>/dev/null | awk 'END { print (NR > 20) }'; sysctl -n kernel.ostype kernel.hostname vm.overcommit_memory
            1
            Linux
            dunlin
            0
            $ sysctl -w kernel.hostname=other vm.overcommit_memory=1; hostname; cat /proc/sys/vm/overcommit_memory
            kernel.hostname = other
            vm.overcommit_memory = 1
            other
            1
            $ printf 'kernel.hostname = dunlin\nvm/overcommit_memory=0\n' >/tmp/c; sysctl -p /tmp/c; uname -n
            kernel.hostname = dunlin
            vm.overcommit_memory = 0
            dunlin
            $ sysctl kernel.nothing
            sysctl: cannot stat /proc/sys/kernel/nothing: No such file or directory
            ? 1
            $ sysctl -n fs.file-nr | awk '{ print NF }'; sysctl net.ipv4.ip_forward; sysctl -w net.ipv4.ip_forward=0
            3
            net.ipv4.ip_forward = 0
            net.ipv4.ip_forward = 0
            """)


main()
