/*
 * Every system call that Linux has on arm64, by name, in the order of their
 * numbers. table.c turns each into an entry; the numbers are the UAPI header's.
 */
#pragma once

#define SYSCALL_NAMES(X) \
	X(io_setup) X(io_destroy) X(io_submit) X(io_cancel) X(io_getevents) X(setxattr) X(lsetxattr) \
	X(fsetxattr) X(getxattr) X(lgetxattr) X(fgetxattr) X(listxattr) X(llistxattr) X(flistxattr) \
	X(removexattr) X(lremovexattr) X(fremovexattr) X(getcwd) X(lookup_dcookie) X(eventfd2) \
	X(epoll_create1) X(epoll_ctl) X(epoll_pwait) X(dup) X(dup3) X(fcntl) X(inotify_init1) \
	X(inotify_add_watch) X(inotify_rm_watch) X(ioctl) X(ioprio_set) X(ioprio_get) X(flock) X(mknodat) \
	X(mkdirat) X(unlinkat) X(symlinkat) X(linkat) X(renameat) X(umount2) X(mount) X(pivot_root) \
	X(nfsservctl) X(statfs) X(fstatfs) X(truncate) X(ftruncate) X(fallocate) X(faccessat) X(chdir) \
	X(fchdir) X(chroot) X(fchmod) X(fchmodat) X(fchownat) X(fchown) X(openat) X(close) X(vhangup) X(pipe2) \
	X(quotactl) X(getdents64) X(lseek) X(read) X(write) X(readv) X(writev) X(pread64) X(pwrite64) \
	X(preadv) X(pwritev) X(sendfile) X(pselect6) X(ppoll) X(signalfd4) X(vmsplice) X(splice) X(tee) \
	X(readlinkat) X(newfstatat) X(fstat) X(sync) X(fsync) X(fdatasync) X(sync_file_range) \
	X(timerfd_create) X(timerfd_settime) X(timerfd_gettime) X(utimensat) X(acct) X(capget) X(capset) \
	X(personality) X(exit) X(exit_group) X(waitid) X(set_tid_address) X(unshare) X(futex) \
	X(set_robust_list) X(get_robust_list) X(nanosleep) X(getitimer) X(setitimer) X(kexec_load) \
	X(init_module) X(delete_module) X(timer_create) X(timer_gettime) X(timer_getoverrun) X(timer_settime) \
	X(timer_delete) X(clock_settime) X(clock_gettime) X(clock_getres) X(clock_nanosleep) X(syslog) \
	X(ptrace) X(sched_setparam) X(sched_setscheduler) X(sched_getscheduler) X(sched_getparam) \
	X(sched_setaffinity) X(sched_getaffinity) X(sched_yield) X(sched_get_priority_max) \
	X(sched_get_priority_min) X(sched_rr_get_interval) X(restart_syscall) X(kill) X(tkill) X(tgkill) \
	X(sigaltstack) X(rt_sigsuspend) X(rt_sigaction) X(rt_sigprocmask) X(rt_sigpending) X(rt_sigtimedwait) \
	X(rt_sigqueueinfo) X(rt_sigreturn) X(setpriority) X(getpriority) X(reboot) X(setregid) X(setgid) \
	X(setreuid) X(setuid) X(setresuid) X(getresuid) X(setresgid) X(getresgid) X(setfsuid) X(setfsgid) \
	X(times) X(setpgid) X(getpgid) X(getsid) X(setsid) X(getgroups) X(setgroups) X(uname) X(sethostname) \
	X(setdomainname) X(getrlimit) X(setrlimit) X(getrusage) X(umask) X(prctl) X(getcpu) X(gettimeofday) \
	X(settimeofday) X(adjtimex) X(getpid) X(getppid) X(getuid) X(geteuid) X(getgid) X(getegid) X(gettid) \
	X(sysinfo) X(mq_open) X(mq_unlink) X(mq_timedsend) X(mq_timedreceive) X(mq_notify) X(mq_getsetattr) \
	X(msgget) X(msgctl) X(msgrcv) X(msgsnd) X(semget) X(semctl) X(semtimedop) X(semop) X(shmget) X(shmctl) \
	X(shmat) X(shmdt) X(socket) X(socketpair) X(bind) X(listen) X(accept) X(connect) X(getsockname) \
	X(getpeername) X(sendto) X(recvfrom) X(setsockopt) X(getsockopt) X(shutdown) X(sendmsg) X(recvmsg) \
	X(readahead) X(brk) X(munmap) X(mremap) X(add_key) X(request_key) X(keyctl) X(clone) X(execve) X(mmap) \
	X(fadvise64) X(swapon) X(swapoff) X(mprotect) X(msync) X(mlock) X(munlock) X(mlockall) X(munlockall) \
	X(mincore) X(madvise) X(remap_file_pages) X(mbind) X(get_mempolicy) X(set_mempolicy) X(migrate_pages) \
	X(move_pages) X(rt_tgsigqueueinfo) X(perf_event_open) X(accept4) X(recvmmsg) X(wait4) X(prlimit64) \
	X(fanotify_init) X(fanotify_mark) X(name_to_handle_at) X(open_by_handle_at) X(clock_adjtime) X(syncfs) \
	X(setns) X(sendmmsg) X(process_vm_readv) X(process_vm_writev) X(kcmp) X(finit_module) X(sched_setattr) \
	X(sched_getattr) X(renameat2) X(seccomp) X(getrandom) X(memfd_create) X(bpf) X(execveat) \
	X(userfaultfd) X(membarrier) X(mlock2) X(copy_file_range) X(preadv2) X(pwritev2) X(pkey_mprotect) \
	X(pkey_alloc) X(pkey_free) X(statx) X(io_pgetevents) X(rseq) X(kexec_file_load) X(pidfd_send_signal) \
	X(io_uring_setup) X(io_uring_enter) X(io_uring_register) X(open_tree) X(move_mount) X(fsopen) \
	X(fsconfig) X(fsmount) X(fspick) X(pidfd_open) X(clone3) X(close_range) X(openat2) X(pidfd_getfd) \
	X(faccessat2) X(process_madvise) X(epoll_pwait2) X(mount_setattr) X(quotactl_fd) \
	X(landlock_create_ruleset) X(landlock_add_rule) X(landlock_restrict_self) X(memfd_secret) \
	X(process_mrelease) X(futex_waitv) X(set_mempolicy_home_node)
