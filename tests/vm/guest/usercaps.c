/*
 * What each privilege is for: every operation that wants a capability is refused without exactly that one, whatever
 * else the caller has, and done with that one alone. Runs as root.
 */
#include "users.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <linux/random.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>

#define HOME "/tmp/usercaps"		/* a folder for everybody */
#define BOBS HOME "/bobs"		/* a file of Bob's, for him alone */
#define STICKY HOME "/sticky"		/* Bob's, with the sticky bit; all may write */
#define INNER HOME "/inner"		/* Bob's, closed */

static pid_t victim;			/* a process of Bob's */

static int closed(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

/* ---- operations: 0, or -1 and errno ---------------------------------------------------- */

static int mount_it(void) { return mount("none", HOME, "tmpfs", 0, NULL) ? -1 : umount(HOME); }
static int unmount_it(void) { return umount(HOME) && errno == EINVAL ? 0 : -1; }
static int host_name(void) { return sethostname("dunlin", 6); }
static int domain_name(void) { return setdomainname("(none)", 6); }
static int trusted_attribute(void) { return setxattr(HOME "/own", "trusted.t", "x", 1, 0); }
static int entropy_given(void)
{
	int none[2] = { 0, 0 }, fd = open("/dev/urandom", O_RDWR), r = ioctl(fd, RNDADDENTROPY, none);

	close(fd);
	return r;
}
static int change_root(void) { return chroot("/"); }
static int end_machine(void) { return syscall(SYS_reboot, 0, 0, 0, 0) && errno == EINVAL ? 0 : -1; }
static int set_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return clock_settime(CLOCK_REALTIME, &t);
}
static int set_time_of_day(void)
{
	struct timeval t;

	gettimeofday(&t, NULL);
	return syscall(SYS_settimeofday, &t, NULL);
}
static int set_zone(void)
{
	struct timezone z = { 0, 0 };

	return syscall(SYS_settimeofday, NULL, &z);
}

static int low_port(int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1023), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, 0), r = bind(fd, (struct sockaddr *)&a, sizeof(a));

	close(fd);
	return r;
}
static int low_port_tcp(void) { return low_port(SOCK_STREAM); }
static int low_port_udp(void) { return low_port(SOCK_DGRAM); }
static int raw_socket(void) { return closed(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
static int packet_socket(void) { return closed(socket(AF_PACKET, SOCK_DGRAM, 0)); }

static int interface_call(unsigned long cmd, void *arg)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), r = ioctl(fd, cmd, arg);

	close(fd);
	return r;
}
static int interface_flags(void)
{
	struct ifreq i = { .ifr_name = "lo" };

	SAME(interface_call(SIOCGIFFLAGS, &i), 0);
	return interface_call(SIOCSIFFLAGS, &i);
}
static int interface_mtu(void)
{
	struct ifreq i = { .ifr_name = "lo" };

	SAME(interface_call(SIOCGIFMTU, &i), 0);
	return interface_call(SIOCSIFMTU, &i);
}
static int interface_address(void)
{
	struct ifreq i = { .ifr_name = "lo" };
	struct sockaddr_in *a = (struct sockaddr_in *)&i.ifr_addr;

	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return interface_call(SIOCSIFADDR, &i);
}
static int route_delete(void)
{
	struct rtentry r = { .rt_flags = RTF_UP };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a636300) };

	memcpy(&r.rt_dst, &a, sizeof(a));
	a.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&r.rt_genmask, &a, sizeof(a));
	return interface_call(SIOCDELRT, &r) && errno == ESRCH ? 0 : -1;
}

static int netlink_set(int type)
{
	struct { struct nlmsghdr h; union { struct ifinfomsg link; struct ifaddrmsg addr; struct rtmsg route; }; } m = {
		.h = { sizeof(m), type, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
	};
	struct { struct nlmsghdr h; struct nlmsgerr e; char more[256]; } answer;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	ssize_t n;

	if (type == RTM_SETLINK)
		m.link.ifi_index = 999;
	else if (type == RTM_NEWADDR)
		m.addr = (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_index = 999 };
	else
		m.route = (struct rtmsg){ .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN };
	SAME(send(fd, &m, sizeof(m), 0), sizeof(m));
	n = recv(fd, &answer, sizeof(answer), 0);
	EXPECT(n >= (ssize_t)(sizeof(answer.h) + sizeof(int)));
	SAME(answer.h.nlmsg_type, NLMSG_ERROR);
	close(fd);
	errno = -answer.e.error;
	/* Past the check of rights each is refused for what it says. */
	return errno == EPERM ? -1 : 0;
}
static int netlink_link(void) { return netlink_set(RTM_SETLINK); }
static int netlink_address(void) { return netlink_set(RTM_NEWADDR); }
static int netlink_route(void) { return netlink_set(RTM_DELROUTE); }

static int socket_option(int option, int value)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), r = setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));

	close(fd);
	return r;
}
static int buffer_forced(void) { return socket_option(SO_RCVBUFFORCE, 1 << 20); }
static int send_buffer_forced(void) { return socket_option(SO_SNDBUFFORCE, 1 << 20); }
static int mark(void) { return socket_option(SO_MARK, 7); }
static int high_priority(void) { return socket_option(SO_PRIORITY, 7); }
static int debug_option(void) { return socket_option(SO_DEBUG, 1); }

static int be_root(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(setresuid(-1, 0, -1) ? errno : 0);
	SAME(waitpid(pid, &status, 0), pid);
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}
static int be_roots_group(void) { return setresgid(-1, 0, -1); }
static int other_groups(void) { return setgroups(1, (gid_t[]){ 0 }); }
static int kill_others(void) { return kill(victim, 0); }
static int nicer(void) { return setpriority(PRIO_PROCESS, 0, -1); }
static int real_time(void)
{
	struct sched_param p = { .sched_priority = 1 };
	int r = syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p);

	p.sched_priority = 0;
	syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &p);
	return r;
}
static int nice_to_others(void) { return setpriority(PRIO_PROCESS, victim, 1); }
static int affinity_of_others(void)
{
	unsigned long set = 1;

	return syscall(SYS_sched_setaffinity, victim, sizeof(set), &set);
}
static int higher_limit(void)
{
	struct rlimit l;

	SAME(getrlimit(RLIMIT_CORE, &l), 0);
	SAME(getrlimit(RLIMIT_MEMLOCK, &l), 0);
	l.rlim_max++;
	return setrlimit(RLIMIT_MEMLOCK, &l);
}
static int limits_of_others(void) { return prlimit(victim, RLIMIT_CORE, NULL, &(struct rlimit){ 0, 0 }); }
static int large_pipe(void)
{
	int p[2], r;

	SAME(pipe(p), 0);
	r = fcntl(p[0], F_SETPIPE_SZ, 2 << 20);
	close(p[0]);
	close(p[1]);
	return r < 0 ? -1 : 0;
}
static int better_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR), r = write(fd, "-5", 2);

	close(fd);
	return r < 0 ? -1 : 0;
}
static int memory_of_others(void)
{
	char c;
	struct iovec ours = { &c, 1 }, theirs = { &c, 1 };

	return syscall(SYS_process_vm_readv, victim, &ours, 1, &theirs, 1, 0) == 1 ? 0 : -1;
}
static int descriptor_of_others(void)
{
	int fd = syscall(SYS_pidfd_open, victim, 0), got = syscall(SYS_pidfd_getfd, fd, 0, 0), error = errno;

	close(fd);
	errno = error;
	return closed(got);
}
static int link_of_others(void)
{
	char path[32], to[256];

	snprintf(path, sizeof(path), "/proc/%d/exe", victim);
	return readlink(path, to, sizeof(to)) < 0 ? -1 : 0;
}
static int device_node(void)
{
	return mknod(HOME "/node", S_IFCHR | 0600, makedev(1, 3)) ? -1 : unlink(HOME "/node");
}
static int block_node(void)
{
	return mknod(HOME "/node", S_IFBLK | 0600, makedev(7, 0)) ? -1 : unlink(HOME "/node");
}
static int give_away(void) { return chown(HOME "/own", BOB, -1) ? -1 : chown(HOME "/own", ALICE, -1); }
static int take_over(void) { return chown(BOBS, ALICE, -1) ? -1 : chown(BOBS, BOB, -1); }
static int foreign_group(void) { return chown(HOME "/own", -1, BOB) ? -1 : chown(HOME "/own", -1, ALICE); }
static int mode_of_others(void) { return chmod(BOBS, 0600); }
static int times_of_others(void)
{
	struct timespec t[2] = { { 1, 1 }, { 2, 2 } };

	return utimensat(AT_FDCWD, BOBS, t, 0);
}
static int no_access_time(void) { return closed(open(HOME "/public", O_RDONLY | O_NOATIME)); }
static int sticky_unlink(void) { return rename(STICKY "/name", STICKY "/other") ? -1 : rename(STICKY "/other", STICKY "/name"); }
static int foreign_link(void) { return link(HOME "/program", HOME "/link") ? -1 : unlink(HOME "/link"); }
static int write_others(void) { return closed(open(BOBS, O_WRONLY)); }
static int truncate_others(void) { return truncate(BOBS, 5); }
static int make_in_others(void)
{
	int fd = open(INNER "/made", O_WRONLY | O_CREAT, 0600);

	return closed(fd) ? -1 : unlink(INNER "/made");
}
static int read_others(void) { return closed(open(BOBS, O_RDONLY)); }
static int search_others(void) { return access(INNER "/file", F_OK) ? -1 : 0; }
static int search_really(void)
{
	struct stat st;

	return stat(INNER "/file", &st);
}
static int list_others(void) { return closed(open(INNER, O_RDONLY | O_DIRECTORY)); }
static int enter_others(void)
{
	int at = open("/", O_RDONLY), r = chdir(INNER), error = errno;

	SAME(fchdir(at), 0);
	close(at);
	errno = error;
	return r;
}
static int link_by_descriptor(void)
{
	int fd = open(HOME "/own", O_RDONLY), r = linkat(fd, "", AT_FDCWD, HOME "/by", AT_EMPTY_PATH), error = errno;

	close(fd);
	errno = error;
	return r ? -1 : unlink(HOME "/by");
}
static int drop_bounding(void) { return prctl(PR_CAPBSET_DROP, CAP_SYS_MODULE); }
static int log_read(void)
{
	char c[64];

	return klogctl(3, c, sizeof(c)) < 0 ? -1 : 0;
}
static int log_level(void) { return klogctl(10, NULL, 0) < 0 ? -1 : 0; }
static int log_device(void) { return closed(open("/dev/kmsg", O_RDONLY)); }

static int claim(struct ucred claimed)
{
	union { char buf[CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr align; } control = { { 0 } };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int s[2];
	ssize_t n;

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_CREDENTIALS;
	h->cmsg_len = CMSG_LEN(sizeof(claimed));
	memcpy(CMSG_DATA(h), &claimed, sizeof(claimed));
	SAME(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	n = sendmsg(s[0], &m, 0);
	close(s[0]);
	close(s[1]);
	return n == 1 ? 0 : -1;
}
static int claim_pid(void) { return claim((struct ucred){ 1, getuid(), getgid() }); }
static int claim_uid(void) { return claim((struct ucred){ getpid(), BOB, getgid() }); }
static int claim_gid(void) { return claim((struct ucred){ getpid(), getuid(), BOB }); }

static int exclusive_terminal(void)
{
	char name[32];
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), one, two, error;

	EXPECT(m >= 0 && unlockpt(m) == 0 && ptsname_r(m, name, sizeof(name)) == 0);
	EXPECT((one = open(name, O_RDWR | O_NOCTTY)) >= 0);
	SAME(ioctl(one, TIOCEXCL), 0);
	two = open(name, O_RDWR | O_NOCTTY);
	error = errno;
	close(one);
	close(m);
	errno = error;
	return closed(two);
}

/* ---- the list ------------------------------------------------------------------------------ */

#define OR(a, b) (BIT(a) | BIT(b))

static const struct operation {
	const char *name;
	int (*fn)(void);
	uint64_t caps;			/* each of them is enough */
	int error;			/* without any */
} operations[] = {
#define OP(fn, caps, error) { #fn, fn, caps, error }
	OP(mount_it, BIT(CAP_SYS_ADMIN), EPERM), OP(unmount_it, BIT(CAP_SYS_ADMIN), EPERM),
	OP(host_name, BIT(CAP_SYS_ADMIN), EPERM), OP(domain_name, BIT(CAP_SYS_ADMIN), EPERM),
	OP(trusted_attribute, BIT(CAP_SYS_ADMIN), EPERM), OP(entropy_given, BIT(CAP_SYS_ADMIN), EPERM),
	OP(exclusive_terminal, BIT(CAP_SYS_ADMIN), EBUSY), OP(claim_pid, BIT(CAP_SYS_ADMIN), EPERM),
	OP(change_root, BIT(CAP_SYS_CHROOT), EPERM), OP(end_machine, BIT(CAP_SYS_BOOT), EPERM),
	OP(set_time, BIT(CAP_SYS_TIME), EPERM), OP(set_time_of_day, BIT(CAP_SYS_TIME), EPERM), OP(set_zone, BIT(CAP_SYS_TIME), EPERM),
	OP(low_port_tcp, BIT(CAP_NET_BIND_SERVICE), EACCES), OP(low_port_udp, BIT(CAP_NET_BIND_SERVICE), EACCES),
	OP(raw_socket, BIT(CAP_NET_RAW), EPERM), OP(packet_socket, BIT(CAP_NET_RAW), EPERM),
	OP(interface_flags, BIT(CAP_NET_ADMIN), EPERM), OP(interface_mtu, BIT(CAP_NET_ADMIN), EPERM),
	OP(interface_address, BIT(CAP_NET_ADMIN), EPERM), OP(route_delete, BIT(CAP_NET_ADMIN), EPERM),
	OP(netlink_link, BIT(CAP_NET_ADMIN), EPERM), OP(netlink_address, BIT(CAP_NET_ADMIN), EPERM),
	OP(netlink_route, BIT(CAP_NET_ADMIN), EPERM),
	OP(buffer_forced, BIT(CAP_NET_ADMIN), EPERM), OP(send_buffer_forced, BIT(CAP_NET_ADMIN), EPERM),
	OP(mark, OR(CAP_NET_ADMIN, CAP_NET_RAW), EPERM), OP(high_priority, OR(CAP_NET_ADMIN, CAP_NET_RAW), EPERM),
	OP(debug_option, BIT(CAP_NET_ADMIN), EACCES),
	OP(be_root, BIT(CAP_SETUID), EPERM), OP(claim_uid, BIT(CAP_SETUID), EPERM),
	OP(be_roots_group, BIT(CAP_SETGID), EPERM), OP(other_groups, BIT(CAP_SETGID), EPERM), OP(claim_gid, BIT(CAP_SETGID), EPERM),
	OP(kill_others, BIT(CAP_KILL), EPERM),
	OP(nicer, BIT(CAP_SYS_NICE), EACCES), OP(real_time, BIT(CAP_SYS_NICE), EPERM),
	OP(nice_to_others, BIT(CAP_SYS_NICE), EPERM), OP(affinity_of_others, BIT(CAP_SYS_NICE), EPERM),
	OP(higher_limit, BIT(CAP_SYS_RESOURCE), EPERM), OP(limits_of_others, BIT(CAP_SYS_RESOURCE), EPERM),
	OP(large_pipe, BIT(CAP_SYS_RESOURCE), EPERM), OP(better_score, BIT(CAP_SYS_RESOURCE), EACCES),
	OP(memory_of_others, BIT(CAP_SYS_PTRACE), EPERM), OP(descriptor_of_others, BIT(CAP_SYS_PTRACE), EPERM),
	OP(link_of_others, BIT(CAP_SYS_PTRACE), EACCES),
	OP(device_node, BIT(CAP_MKNOD), EPERM), OP(block_node, BIT(CAP_MKNOD), EPERM),
	OP(give_away, BIT(CAP_CHOWN), EPERM), OP(take_over, BIT(CAP_CHOWN), EPERM), OP(foreign_group, BIT(CAP_CHOWN), EPERM),
	OP(mode_of_others, BIT(CAP_FOWNER), EPERM), OP(times_of_others, BIT(CAP_FOWNER), EPERM),
	OP(no_access_time, BIT(CAP_FOWNER), EPERM), OP(sticky_unlink, BIT(CAP_FOWNER), EPERM),
	OP(foreign_link, BIT(CAP_FOWNER), EPERM),
	OP(write_others, BIT(CAP_DAC_OVERRIDE), EACCES), OP(truncate_others, BIT(CAP_DAC_OVERRIDE), EACCES),
	OP(make_in_others, BIT(CAP_DAC_OVERRIDE), EACCES),
	OP(read_others, OR(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH), EACCES),
	OP(search_really, OR(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH), EACCES),
	OP(list_others, OR(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH), EACCES),
	OP(enter_others, OR(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH), EACCES),
	OP(link_by_descriptor, BIT(CAP_DAC_READ_SEARCH), ENOENT),
	OP(drop_bounding, BIT(CAP_SETPCAP), EPERM),
	OP(log_read, OR(CAP_SYSLOG, CAP_SYS_ADMIN), EPERM), OP(log_level, OR(CAP_SYSLOG, CAP_SYS_ADMIN), EPERM),
	OP(log_device, OR(CAP_SYSLOG, CAP_SYS_ADMIN), EPERM),
};

static void scene(void)
{
	folder(HOME, 0777);
	file_of(HOME "/own", ALICE, 0600);
	file_of(HOME "/public", BOB, 0644);
	file_of(HOME "/program", BOB, 04755);
	file_of(BOBS, BOB, 0600);
	folder(STICKY, 01777);
	file_of(STICKY "/name", BOB, 0644);
	SAME(chown(STICKY, BOB, BOB), 0);
	folder(INNER, 0700);
	file_of(INNER "/file", BOB, 0644);
	SAME(chown(INNER, BOB, BOB), 0);
	victim = waiter(BOB, NULL);
}

static void scene_end(void)
{
	end(victim);
	SAME(system("rm -r " HOME), 0);
}

/* Done in a process of its own, for what it changes is that one's: 0 or the error. */
static int with(uint64_t caps, const struct operation *o)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		become_with(ALICE, caps);
		status = o->fn() ? errno : 0;
		fflush(stdout);
		_exit(status);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

CHECK(each_operation_wants_its_capability)
{
	int wrong = 0;

	scene();
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct operation *o = &operations[i];
		int none = with(0, o), others = with(ALL_CAPS & ~o->caps, o), error;

		if (none != o->error || others != o->error) {
			printf("  %s: error %d with none, %d with the others, not %d\n", o->name, none, others, o->error);
			wrong++;
		}
		for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
			if ((o->caps & BIT(cap)) && (error = with(BIT(cap), o))) {
				printf("  %s: error %d with capability %d\n", o->name, error, cap);
				wrong++;
			}
	}
	scene_end();
	SAME(wrong, 0);
}

static void any_child_ok(void)
{
	int status;

	EXPECT(wait(&status) > 0);
	SAME(status, 0);
}

/* access(2) asks for the real ids, which have no capabilities unless they are root's. */
CHECK(access_goes_by_the_real_ids)
{
	scene();
	if (!fork()) {
		become_with(ALICE, BIT(CAP_DAC_OVERRIDE));
		SAME(search_really(), 0);
		FAILS(search_others(), EACCES);
		FAILS(access(BOBS, R_OK), EACCES);
		SAME(faccessat(AT_FDCWD, BOBS, R_OK | W_OK, AT_EACCESS), 0);
		_exit(0);
	}
	any_child_ok();
	scene_end();
}

/* The super-user without its capabilities is nobody special. */
CHECK(root_without_capabilities)
{
	scene();
	if (!fork()) {
		caps_set(0, 0);
		FAILS(read_others(), EACCES);
		FAILS(write_others(), EACCES);
		FAILS(search_really(), EACCES);
		FAILS(make_in_others(), EACCES);
		FAILS(mode_of_others(), EPERM);
		FAILS(take_over(), EPERM);
		FAILS(kill_others(), EPERM);
		FAILS(mount_it(), EPERM);
		FAILS(device_node(), EPERM);
		FAILS(memory_of_others(), EPERM);
		FAILS(sticky_unlink(), EPERM);
		/* What is root's own by its mode stays. */
		SAME(closed(open("/proc/sys/kernel/hostname", O_RDWR)), 0);
		_exit(0);
	}
	any_child_ok();
	scene_end();
}

/* For root all directories are open, whatever their modes. */
CHECK(directories_closed_to_all)
{
	folder("/tmp/none", 0);
	SAME(closed(open("/tmp/none/file", O_WRONLY | O_CREAT, 0)), 0);
	SAME(closed(open("/tmp/none/file", O_RDWR)), 0);
	SAME(mkdir("/tmp/none/inner", 0), 0);
	SAME(rename("/tmp/none/inner", "/tmp/none/other"), 0);
	SAME(chdir("/tmp/none/other"), 0);
	SAME(rmdir("/tmp/none/other"), 0);
	SAME(unlink("/tmp/none/file"), 0);
	SAME(rmdir("/tmp/none"), 0);
}

/* Only what somebody may execute is executed, by whomever. */
CHECK(executing_takes_a_bit)
{
	file_of("/tmp/no-program", BOB, 0666);
	FAILS(access("/tmp/no-program", X_OK), EACCES);
	FAILS(execl("/tmp/no-program", "x", NULL), EACCES);
	SAME(chmod("/tmp/no-program", 0666 | S_IXGRP), 0);
	SAME(access("/tmp/no-program", X_OK), 0);
	FAILS(execl("/tmp/no-program", "x", NULL), ENOEXEC);
	unlink("/tmp/no-program");
}

/* Settings of the kernel are written by root alone, and only by those whom their modes name. */
CHECK(settings_are_roots)
{
	static const char *const settings[] = {
		"/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/drop_caches", "/proc/sys/vm/max_map_count",
		"/proc/sys/fs/pipe-max-size", "/proc/sys/fs/inotify/max_user_watches", "/proc/sys/kernel/printk",
		"/proc/sys/fs/protected_hardlinks", "/proc/sys/fs/protected_symlinks", "/proc/sys/kernel/dmesg_restrict",
	};
	static const char *const devices[] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx",
	};
	static const char *const memory[] = { "/dev/kmsg", "/proc/slabinfo", "/proc/1/environ", "/proc/1/maps" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		AS(ALICE, FAILS(open(settings[i], O_WRONLY), EACCES); FAILS(open(settings[i], O_RDWR), EACCES));
		SAME(closed(open(settings[i], O_WRONLY)), 0);
	}
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
		AS(ALICE, SAME(open(memory[i], O_RDONLY), -1); EXPECT(errno == EACCES || errno == EPERM));
	AS(ALICE, FAILS(open("/dev/kmsg", O_WRONLY), EACCES));
	/* These are for everybody. */
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		AS(ALICE, SAME(closed(open(devices[i], O_RDWR | O_NOCTTY)), 0));
	/* The console is root's. */
	AS(ALICE, FAILS(open("/dev/console", O_RDWR | O_NOCTTY), EACCES));
}

/* A terminal of one user's is not another's. */
CHECK(terminals_of_others)
{
	char name[32];
	struct stat st;
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	EXPECT(m >= 0 && unlockpt(m) == 0 && ptsname_r(m, name, sizeof(name)) == 0);
	SAME(stat(name, &st), 0);
	SAME(st.st_uid, 0);
	SAME(st.st_mode & 07, 0);
	AS(ALICE, {
		int slave;

		FAILS(open(name, O_RDWR | O_NOCTTY), EACCES);
		FAILS(chown(name, ALICE, ALICE), EPERM);
		EXPECT((m = open("/dev/ptmx", O_RDWR | O_NOCTTY)) >= 0 && unlockpt(m) == 0 && ptsname_r(m, name, sizeof(name)) == 0);
		SAME(stat(name, &st), 0);
		SAME(st.st_uid, ALICE);
		EXPECT((slave = open(name, O_RDWR | O_NOCTTY)) >= 0);
		/* Nobody types for another. */
		SAME(ioctl(slave, TIOCSTI, "x"), -1);
		EXPECT(errno == EPERM || errno == EIO);
	});
}
