#!/usr/bin/env python3
"""GNU coreutils: files copied and changed, text sorted and cut, sizes, watched files, limits on other programs."""
from programs import main, programs, transcript


def test_files():
    with programs("coreutils", "findutils") as vm:
        transcript(vm, r"""
            $ cd /tmp; mkdir -p a/b; echo one >a/1; echo two >a/b/2; ln -s 1 a/l; ln a/1 a/h; mkfifo a/p; chmod 640 a/1
            $ chown 1000:33 a/b/2; touch -d '2001-02-03 04:05:06.789' a/b/2; cp -a a c; cat c/1 c/l c/b/2
            one
            one
            two
            $ stat -c '%n %A %h %U:%G %F' c c/*
            c drwxr-xr-x 3 root:root directory
            c/1 -rw-r----- 2 root:root regular file
            c/b drwxr-xr-x 2 root:root directory
            c/h -rw-r----- 2 root:root regular file
            c/l lrwxrwxrwx 1 root:root symbolic link
            c/p prw-r--r-- 1 root:root fifo
            $ stat -c '%U:%G %y' c/b/2; [ c/1 -ef c/h ] && [ ! c/1 -ef a/1 ]
            user:www-data 2001-02-03 04:05:06.789000000 +0000
            $ mv c d; mv -T d e; mv -n a/1 e/1; ls a e; mount -t tmpfs t /mnt; mv e/b /mnt/; stat -c '%U %y' /mnt/b/2; ls e
            a:
            1  b  h  l  p

            e:
            1  b  h  l  p
            user 2001-02-03 04:05:06.789000000 +0000
            1  h  l  p
            $ ls -ld --time-style=+ /dev/null /dev/tty /proc
            /crw-rw-rw- +1 root root 1, 3 +/dev/null/
            /crw-rw-rw- +1 root (root|tty) 5, 0 +/dev/tty/
            /dr-xr-xr-x +\d+ root root +0 +/proc/
            $ install -d -m 750 i/j; install -m 4755 -o 1000 a/h i/j/prog; stat -c '%a %u' i/j i/j/prog
            750 0
            4755 1000
            $ ln -sfn ../a i/link; readlink -f i/link/b/2; realpath --relative-to=/tmp/i a/b/2; readlink i/link
            /tmp/a/b/2
            ../a/b/2
            ../a
            $ rmdir a
            rmdir: failed to remove 'a': Directory not empty
            ? 1
            $ mkdir -m 1777 s; mknod n p; link a/1 l1; unlink l1; stat -c '%A %F' s n; touch -h -d @1000000000 a/l; stat -c %Y a/l
            drwxrwxrwt directory
            prw-r--r-- fifo
            1000000000
            $ umask 77; touch u; umask 22; stat -c %a u; chmod u+s,g=r,o-rwx u; stat -c %A u; chgrp user u; stat -c %G u
            600
            -rwSr-----
            user
            $ find . -newer a/b/2 -type f -links -3 | sort | head -n 2; find /tmp -mindepth 1 -delete; find /tmp
            ./a/1
            ./a/h
            /tmp
            """)


def test_text():
    with programs("coreutils", "grep", "sed", "mawk") as vm:
        transcript(vm, r"""
            $ cd /tmp; seq 200000 >n; shuf n | sort -n -S 1M -T /tmp | cmp - n; shuf n | sort -rn --parallel=4 | head -n 2
            200000
            199999
            $ sort -R n | sort -n -u | tail -n 1; split -l 70000 n part.; wc -l part.*; cat part.* | cmp - n
            200000
            70000 part.aa
            70000 part.ab
            60000 part.ac
            200000 total
            $ csplit -s -f x <(seq 20) 5 15; wc -l <x00; tac x01 | paste -sd,; comm -12 <(seq 5) <(seq 4 9); join <(echo 1 a) <(echo 1 b)
            4
            14,13,12,11,10,9,8,7,6,5
            4
            5
            1 a b
            $ head -c 50M /dev/zero | sha256sum; head -c 50000000 /dev/zero | tr '\0' x >big; sha256sum big; tail -c 3 big; rm big
            8565a714dca840f8652c5bae9249ab05f5fb5a4f9f13fbe23304b10f68252da2  -
            6e937662ccf4d140384f3153eb14d256794ed5091cbcea50931704bc7ed54f7f  big
            xxx
            $ echo abc | tee y z | md5sum; cmp y z; cksum y; base64 y | base64 -d; fold -w 2 <<<abc; nl <<<x | od -c | head -n 1
            0bee89b07a248e27c83fc3d5951213c1  -
            /\d+ 4 y/
            abc
            ab
            c
            0000000                       1  \t   x  \n
            $ expr 3 \* 4; factor 1234567; numfmt --to=iec 1000000; seq -w 8 10 | sed 's/^/>/' | grep -v 9; printf '%05.1f %q\n' 3.14 'a b'
            12
            1234567: 127 9721
            977K
            >08
            >10
            003.1 a\ b
            $ yes | head -n 1000000 | uniq -c | awk '{ print $1, $2 }'; grep -c . n >/dev/null; grep -rlx 123456 /tmp | sort
            1000000 y
            /tmp/n
            /tmp/part.ab
            """)


def test_sizes():
    with programs("coreutils") as vm:
        transcript(vm, r"""
            $ cd /tmp; dd if=/dev/zero of=z bs=1M count=8 status=none; truncate -s 100M sparse; stat -c '%s %b' sparse
            104857600 0
            $ du -k z sparse; du -sb sparse; cp --sparse=always z holes; du -k holes; cmp z holes
            8192	z
            0	sparse
            104857600	sparse
            0	holes
            $ dd if=/dev/urandom bs=4k count=10 iflag=fullblock status=none | wc -c; dd if=z of=z bs=4k seek=4 count=5 conv=notrunc; stat -c %s z
            40960
            5+0 records in
            5+0 records out
            /20480 bytes .*copied.*/
            8388608
            $ shred -n 1 -u z; ls z
            ls: cannot access 'z': No such file or directory
            ? 2
            $ mkdir m; mount -t tmpfs -o size=1M t m; dd if=/dev/zero of=m/f bs=64k; df -k --output=fstype,size,avail,target m
            /dd: error writing 'm\/f': No space left on device/
            17+0 records in
            16+0 records out
            /1048576 bytes .*/
            Type  1K-blocks Avail Mounted on
            tmpfs      1024     0 /tmp/m
            $ rm m/f; df -k --output=avail m | tail -n 1; stat -f -c '%T %s' m; df /dev | tail -n 1; sync; sync m
            1024
            tmpfs 4096
            /devtmpfs .* \/dev/
            """)


def test_watched_files():
    """tail -f sees what comes, by inotify, and the file that takes the name of another."""
    with programs("coreutils", "grep") as vm:
        transcript(vm, r"""
            $ cd /tmp; >log; timeout 60 tail -f log 2>&1 | head -n 3 & for i in 1 2 3; do echo line $i >>log; sleep 0.1; done; wait; echo 4 >>log
            line 1
            line 2
            line 3
            $ tail -F log >out 2>/dev/null & until grep -qx 4 out; do sleep 0.01; done
            $ mv log log.1; echo new >log; until grep -qx new out; do sleep 0.01; done; echo end >>log
            $ until grep -qx end out; do sleep 0.01; done; kill %tail; cat out
            line 1
            line 2
            line 3
            4
            new
            end
            $ sleep 0.1 & timeout 60 tail --pid=$! -f log
            new
            end
            """)


def test_other_programs():
    with programs("coreutils", "grep") as vm:
        transcript(vm, r"""
            $ cd /tmp; timeout 0.1 sleep 1000
            ? 124
            $ timeout -s CONT -k 0.1 5 sleep 1000
            /.*Killed.*/
            ? 137
            $ timeout --preserve-status -s INT 0.1 sleep 1000; echo $?; timeout 100 false
            130
            ? 1
            $ nice; nice -n 5 nice; nice -n -5 nice; nohup bash -c 'kill -HUP $$; echo alive' 2>/dev/null | cat
            0
            5
            -5
            alive
            $ env -i A=1 env; env -u HOME printenv HOME || env -S 'A=2 printenv A'; stdbuf -oL echo buffered; chroot / /bin/echo root
            A=1
            2
            buffered
            root
            $ tty
            not a tty
            ? 1
            $ tty </dev/console; stty -F /dev/console size; stty -F /dev/console -a | grep -ow 'isig'; stty </dev/null
            /dev/console
            /\d+ \d+/
            isig
            /stty: 'standard input': .*/
            ? 1
            $ id; id user; whoami; groups user; id -u nobody; who; nproc; uname -m; arch; pwd -P; kill -l TERM
            uid=0(root) gid=0(root) groups=0(root)
            uid=1000(user) gid=1000(user) groups=1000(user),4(adm)
            root
            user : user adm
            65534
            1
            aarch64
            aarch64
            /tmp
            15
            $ date -u -d @86400 +%F; date -u -d '2024-02-29 +1 year' +%F; [ $(date +%Y) -ge 2024 ]; TZ=UTC-3 date -d @0 +%H
            1970-01-02
            2025-03-01
            03
            $ d=$(mktemp -d); stat -c '%a %U' $d; stat -c %a $(mktemp -p $d); basename /a/b.c .c; dirname /a/b; test -w /; echo $?
            700 root
            600
            b
            /a
            0
            """)


main()
