/*
 * Capabilities as programs see them: giving them up, keeping them over a change of ids, what they allow. Runs as root.
 */
#include "check.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define BIT(n) (1ull << (n))

struct caps { uint64_t effective, permitted, inheritable; };

static struct caps get(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	SAME(syscall(SYS_capget, &h, d), 0);
	return (struct caps){ d[0].effective | (uint64_t)d[1].effective << 32, d[0].permitted | (uint64_t)d[1].permitted << 32,
		d[0].inheritable | (uint64_t)d[1].inheritable << 32 };
}

static int set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	return syscall(SYS_capset, &h, d);
}

static int raw_socket(void)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

CHECK(what_is_given_up_is_gone)
{
	uint64_t raw = BIT(CAP_NET_RAW);
	struct caps all = get();

	EXPECT(all.effective == all.permitted && (all.effective & raw) && !all.inheritable);
	SAME(set(0, raw, 0), 0);
	SAME(get().effective, 0);
	SAME(get().permitted, raw);
	FAILS(raw_socket(), EPERM);
	SAME(set(raw, raw, 0), 0);
	SAME(raw_socket(), 0);
	FAILS(set(raw | BIT(CAP_KILL), raw | BIT(CAP_KILL), 0), EPERM);
	FAILS(set(raw, 0, 0), EPERM);
	FAILS(set(raw, raw, BIT(CAP_KILL)), EPERM);
	SAME(set(raw, raw, raw), 0);
	SAME(get().inheritable, raw);
	FAILS(setgid(5), EPERM);
	FAILS(sethostname("x", 1), EPERM);
	SAME(set(0, 0, 0), 0);
	FAILS(raw_socket(), EPERM);
}

CHECK(changes_of_ids)
{
	struct caps all = get();

	SAME(setresuid(-1, 1000, -1), 0);
	SAME(get().effective, 0);
	SAME(get().permitted, all.permitted);
	SAME(setresuid(-1, 0, -1), 0);
	SAME(get().effective, all.permitted);
	SAME(prctl(PR_GET_KEEPCAPS), 0);
	SAME(prctl(PR_SET_KEEPCAPS, 1), 0);
	SAME(prctl(PR_GET_KEEPCAPS), 1);
	FAILS(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
	SAME(setuid(1000), 0);
	SAME(get().effective, 0);
	SAME(get().permitted, all.permitted);
	FAILS(raw_socket(), EPERM);
	SAME(set(BIT(CAP_NET_RAW), BIT(CAP_NET_RAW) | BIT(CAP_SETUID), 0), 0);
	SAME(raw_socket(), 0);
	FAILS(setuid(0), EPERM);
	SAME(set(BIT(CAP_SETUID), BIT(CAP_SETUID), 0), 0);
	SAME(setuid(2000), 0);
	SAME(getuid(), 2000);
}

CHECK(without_keeping)
{
	SAME(setuid(1000), 0);
	SAME(get().effective, 0);
	SAME(get().permitted, 0);
	SAME(get().inheritable, 0);
	FAILS(set(BIT(CAP_NET_RAW), BIT(CAP_NET_RAW), 0), EPERM);
	FAILS(prctl(PR_CAPBSET_DROP, CAP_NET_RAW), EPERM);
}

/* argv[0] of the program that runs itself: its capabilities are those after an exec. */
CHECK(exec_gives_root_all_but_what_is_bounded)
{
	pid_t pid;

	SAME(prctl(PR_CAPBSET_READ, CAP_NET_RAW), 1);
	SAME(prctl(PR_CAPBSET_DROP, CAP_NET_RAW), 0);
	SAME(prctl(PR_CAPBSET_READ, CAP_NET_RAW), 0);
	FAILS(prctl(PR_CAPBSET_READ, 1000), EINVAL);
	FAILS(prctl(PR_CAPBSET_DROP, 1000), EINVAL);
	SAME(raw_socket(), 0);
	SAME(set(0, 0, 0), 0);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", "grep -q '^CapEff:.*[1-9a-f].*[1-9a-f]' /proc/self/status && "
		      "! ping -c 1 -W 1 127.0.0.1 2>/dev/null", NULL);
		_exit(1);
	}
	child_ok(pid);
}

/* What a program has that was executed, by its /proc/self/status. */
static void executed_has(const char *caps)
{
	char script[200];
	pid_t pid = fork();

	if (!pid) {
		snprintf(script, sizeof(script), "test $(grep CapEff /proc/self/status | cut -f2) = %s", caps);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(1);
	}
	child_ok(pid);
}

static long ambient(int op, unsigned long cap)
{
	return prctl(PR_CAP_AMBIENT, op, cap, 0, 0);
}

CHECK(what_is_ambient_goes_through_an_exec)
{
	uint64_t raw = BIT(CAP_NET_RAW);

	SAME(prctl(PR_SET_KEEPCAPS, 1), 0);
	SAME(setuid(1000), 0);
	SAME(set(raw, raw, 0), 0);
	executed_has("0000000000000000");
	FAILS(ambient(PR_CAP_AMBIENT_RAISE, CAP_NET_RAW), EPERM);
	SAME(set(raw, raw, raw), 0);
	FAILS(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), EPERM);
	SAME(ambient(PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW), 0);
	SAME(ambient(PR_CAP_AMBIENT_RAISE, CAP_NET_RAW), 0);
	SAME(ambient(PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW), 1);
	executed_has("0000000000002000");
	SAME(ambient(PR_CAP_AMBIENT_LOWER, CAP_NET_RAW), 0);
	executed_has("0000000000000000");
	SAME(ambient(PR_CAP_AMBIENT_RAISE, CAP_NET_RAW), 0);
	SAME(ambient(PR_CAP_AMBIENT_CLEAR_ALL, 0), 0);
	SAME(ambient(PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW), 0);
	SAME(ambient(PR_CAP_AMBIENT_RAISE, CAP_NET_RAW), 0);
	/* Without one of the others it is not. */
	SAME(set(raw, raw, 0), 0);
	SAME(ambient(PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW), 0);
	FAILS(ambient(PR_CAP_AMBIENT_CLEAR_ALL, 1), EINVAL);
	FAILS(ambient(PR_CAP_AMBIENT_IS_SET, 1000), EINVAL);
	FAILS(ambient(9, 0), EINVAL);
	FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 1, 0), EINVAL);
}

CHECK(root_without_its_rights)
{
	struct caps all = get();

	SAME(prctl(PR_GET_SECUREBITS), 0);
	FAILS(prctl(PR_SET_SECUREBITS, 1 << 20), EPERM);
	SAME(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), 0);
	SAME(setresuid(1000, 1000, 0), 0);
	SAME(get().effective, all.effective);
	SAME(setresuid(0, 0, 0), 0);
	SAME(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS), 0);
	SAME(prctl(PR_GET_KEEPCAPS), 1);
	FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM);
	FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED), EPERM);
	executed_has("0000000000000000");
	SAME(set(0, 0, 0), 0);
	FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED), EPERM);
}

CHECK(bad_arguments)
{
	struct __user_cap_header_struct h = { 0x12345678, 0 };
	struct __user_cap_data_struct d[2];

	FAILS(syscall(SYS_capget, &h, d), EINVAL);
	SAME(h.version, _LINUX_CAPABILITY_VERSION_3);
	FAILS(syscall(SYS_capget, nowhere, d), EFAULT);
	FAILS(syscall(SYS_capset, &h, nowhere), EFAULT);
	h.pid = 1;
	FAILS(syscall(SYS_capset, &h, d), EPERM);
	h.pid = 4000000;
	FAILS(syscall(SYS_capget, &h, d), ESRCH);
	h.pid = -1;
	FAILS(syscall(SYS_capget, &h, d), EINVAL);
}
