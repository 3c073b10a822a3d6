/*
 * /dev/input/eventN as programs know it: a keyboard, a mouse and a tablet of QEMU's. Events are written to the device by
 * the checks themselves: every reader gets them, as if the device had reported them.
 */
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include "check.h"
#include "evdev.h"

#define KEYBOARD "QEMU Virtio Keyboard"
#define MOUSE	 "QEMU Virtio Mouse"
#define TABLET	 "QEMU Virtio Tablet"

static int open_device(const char *name, int flags)
{
	int fd = evdev_open(name, O_RDWR | flags);

	EXPECT(fd >= 0);
	return fd;
}

static void put(int fd, int type, int code, int value)
{
	struct input_event e = { .type = type, .code = code, .value = value };

	SAME(write(fd, &e, sizeof(e)), sizeof(e));
}

static void put_packet(int fd, int type, int code, int value)
{
	struct input_event e[2] = { { .type = type, .code = code, .value = value }, { .type = EV_SYN } };

	SAME(write(fd, e, sizeof(e)), sizeof(e));
}

static struct input_event next(int fd)
{
	struct input_event e;

	SAME(read(fd, &e, sizeof(e)), sizeof(e));
	return e;
}

static void expect_event(int fd, int type, int code, int value)
{
	struct input_event e = next(fd);

	if (e.type != type || e.code != code || e.value != value)
		printf("  event %d %d %d, not %d %d %d\n", e.type, e.code, e.value, type, code, value);
	EXPECT(e.type == type && e.code == code && e.value == value);
}

static void expect_packet(int fd, int type, int code, int value)
{
	expect_event(fd, type, code, value);
	expect_event(fd, EV_SYN, SYN_REPORT, 0);
}

static short events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	EXPECT(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static void expect_nothing(int fd)
{
	struct input_event e;

	SAME(events_of(fd) & POLLIN, 0);
	FAILS(read(fd, &e, sizeof(e)), EAGAIN);
}

static int bit(const unsigned char *bits, int n) { return bits[n / 8] >> (n % 8) & 1; }

/* A key that is down longer than that repeats: where the host stands still, that may be any key. Before others open it. */
static void repeat_after(unsigned ms)
{
	unsigned rep[2] = { ms, 33 };
	int fd = open_device(KEYBOARD, 0);

	SAME(ioctl(fd, EVIOCSREP, rep), 0);
	put(fd, EV_SYN, SYN_REPORT, 0);		/* that is an event, too: of its own packet */
	close(fd);
}

#define NEVER	3600000u
#define USUAL	250u

CHECK(a_device_says_what_it_is)
{
	int fd = open_device(KEYBOARD, 0), version;
	char text[64] = "", part[5] = "????";
	struct input_id id;

	SAME(ioctl(fd, EVIOCGVERSION, &version), 0);
	SAME(version, EV_VERSION);
	SAME(ioctl(fd, EVIOCGID, &id), 0);
	SAME(id.bustype, BUS_VIRTUAL);
	SAME(id.vendor, 0x627);
	SAME(id.product, 1);
	SAME(ioctl(fd, EVIOCGNAME(sizeof(text)), text), sizeof(KEYBOARD));
	EXPECT(!strcmp(text, KEYBOARD));
	SAME(ioctl(fd, EVIOCGNAME(4), part), 4);
	EXPECT(!memcmp(part, "QEMU", 5 - 1) && !part[4]);
	EXPECT(ioctl(fd, EVIOCGPHYS(sizeof(text)), text) > 0);
	EXPECT(strstr(text, "/input0"));
	SAME(ioctl(fd, EVIOCGUNIQ(sizeof(text)), text), 1);
	SAME(text[0], 0);
	fd = open_device(TABLET, 0);
	SAME(ioctl(fd, EVIOCGUNIQ(sizeof(text)), text), 7);
	EXPECT(!strcmp(text, "tablet"));
}

CHECK(a_device_says_what_it_can)
{
	unsigned char bits[128];
	int fd = open_device(KEYBOARD, 0);

	memset(bits, 0xff, sizeof(bits));
	SAME(ioctl(fd, EVIOCGBIT(0, sizeof(bits)), bits), 8);
	EXPECT(bit(bits, EV_SYN) && bit(bits, EV_KEY) && bit(bits, EV_LED) && bit(bits, EV_REP));
	EXPECT(!bit(bits, EV_REL) && !bit(bits, EV_ABS));
	SAME(bits[8], 0xff);
	SAME(ioctl(fd, EVIOCGBIT(0, 2), bits), 2);
	SAME(ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(bits)), bits), 96);
	EXPECT(bit(bits, KEY_A) && bit(bits, KEY_F12) && !bit(bits, BTN_LEFT) && !bit(bits, KEY_RESERVED));
	SAME(ioctl(fd, EVIOCGBIT(EV_REL, sizeof(bits)), bits), 8);
	SAME(bits[0], 0);
	SAME(ioctl(fd, EVIOCGBIT(EV_FF, sizeof(bits)), bits), 16);
	SAME(ioctl(fd, EVIOCGPROP(sizeof(bits)), bits), 8);
	SAME(bits[0], 0);
	FAILS(ioctl(fd, EVIOCGBIT(EV_REP, sizeof(bits)), bits), EINVAL);
	FAILS(ioctl(fd, EVIOCGBIT(EV_PWR, sizeof(bits)), bits), EINVAL);
	fd = open_device(MOUSE, 0);
	SAME(ioctl(fd, EVIOCGBIT(EV_REL, 1), bits), 1);
	EXPECT(bit(bits, REL_X) && bit(bits, REL_Y));
	SAME(ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(bits)), bits), 96);
	EXPECT(bit(bits, BTN_LEFT) && bit(bits, BTN_RIGHT) && !bit(bits, KEY_A));
}

CHECK(an_axis_has_a_range)
{
	struct input_absinfo a, old;
	int fd = open_device(TABLET, 0);
	struct { unsigned code; int values[4]; } slots = { .code = ABS_MT_POSITION_X };

	SAME(ioctl(fd, EVIOCGABS(ABS_X), &a), 0);
	SAME(a.minimum, 0);
	SAME(a.maximum, 32767);
	old = a;
	a.maximum = 100;
	a.fuzz = 10;
	a.value = 50;
	SAME(ioctl(fd, EVIOCSABS(ABS_X), &a), 0);
	memset(&a, 0, sizeof(a));
	SAME(ioctl(fd, EVIOCGABS(ABS_X), &a), 0);
	SAME(a.maximum, 100);
	/* Within half of its fuzz it stays, within all of it it follows a quarter, beyond that half, then at once. */
	put_packet(fd, EV_ABS, ABS_X, 54);
	put_packet(fd, EV_ABS, ABS_X, 58);
	expect_packet(fd, EV_ABS, ABS_X, 52);
	put_packet(fd, EV_ABS, ABS_X, 64);
	expect_packet(fd, EV_ABS, ABS_X, 58);
	put_packet(fd, EV_ABS, ABS_X, 20);
	expect_packet(fd, EV_ABS, ABS_X, 20);
	SAME(ioctl(fd, EVIOCGABS(ABS_X), &a), 0);
	SAME(a.value, 20);
	SAME(ioctl(fd, EVIOCSABS(ABS_X), &old), 0);
	SAME(ioctl(fd, EVIOCGABS(ABS_Z), &a), 0);
	FAILS(ioctl(fd, EVIOCSABS(ABS_MT_SLOT), &a), EINVAL);
	FAILS(ioctl(fd, EVIOCGMTSLOTS(sizeof(slots)), &slots), EINVAL);
	FAILS(ioctl(fd, EVIOCGABS(ABS_X), nowhere), EFAULT);
	FAILS(ioctl(fd, EVIOCSABS(ABS_X), nowhere), EFAULT);
	fd = open_device(KEYBOARD, 0);
	FAILS(ioctl(fd, EVIOCGABS(ABS_X), &a), EINVAL);
	FAILS(ioctl(fd, EVIOCSABS(ABS_X), &a), EINVAL);
}

CHECK(calls_that_fail)
{
	int fd = open_device(KEYBOARD, O_NONBLOCK), mouse = open_device(MOUSE, 0), n = 77;
	struct input_keymap_entry entry = { .len = 4 };
	struct input_event e = { 0 };
	unsigned pair[2] = { 0 };

	FAILS(read(fd, &e, sizeof(e) - 1), EINVAL);
	FAILS(write(fd, &e, 1), EINVAL);
	FAILS(read(fd, &e, sizeof(e)), EAGAIN);
	FAILS(write(fd, nowhere, sizeof(e)), EFAULT);
	FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
	FAILS(pread(fd, &e, sizeof(e), 0), ESPIPE);
	FAILS(ioctl(fd, EVIOCGKEYCODE, pair), EINVAL);
	FAILS(ioctl(fd, EVIOCSKEYCODE, pair), EINVAL);
	FAILS(ioctl(fd, EVIOCGKEYCODE_V2, &entry), EINVAL);
	FAILS(ioctl(fd, EVIOCSKEYCODE_V2, &entry), EINVAL);
	FAILS(ioctl(fd, EVIOCGKEYCODE, nowhere), EFAULT);
	FAILS(ioctl(fd, EVIOCRMFF, 0), ENOSYS);
	SAME(ioctl(fd, EVIOCGEFFECTS, &n), 0);
	SAME(n, 0);
	FAILS(ioctl(fd, _IO('E', 0x7f), 0), EINVAL);
	FAILS(ioctl(fd, _IO('X', 0x01), 0), EINVAL);
	FAILS(ioctl(fd, EVIOCGID, nowhere), EFAULT);
	FAILS(ioctl(fd, EVIOCGNAME(8), nowhere), EFAULT);
	FAILS(ioctl(fd, EVIOCGKEY(8), nowhere), EFAULT);
	/* The state that could not be given is lost: that is said with what happens next. */
	FAILS(read(fd, &e, sizeof(e)), EAGAIN);
	put(fd, EV_SYN, SYN_REPORT, 0);
	FAILS(read(fd, &e, sizeof(e)), EAGAIN);
	put_packet(fd, EV_LED, LED_SCROLLL, 1);
	expect_event(fd, EV_SYN, SYN_DROPPED, 0);
	expect_packet(fd, EV_LED, LED_SCROLLL, 1);
	put_packet(fd, EV_LED, LED_SCROLLL, 0);
	FAILS(ioctl(mouse, EVIOCGREP, pair), ENOSYS);
	FAILS(ioctl(mouse, EVIOCSREP, pair), ENOSYS);
	FAILS(ioctl(fd, EVIOCGREP, nowhere), EFAULT);
	FAILS(ioctl(fd, EVIOCREVOKE, 1), EINVAL);
	FAILS(ioctl(fd, EVIOCGRAB, 0), EINVAL);
	n = 77;
	FAILS(ioctl(fd, EVIOCSCLOCKID, &n), EINVAL);
	FAILS(ioctl(fd, EVIOCSCLOCKID, nowhere), EFAULT);
}

CHECK(readers_get_whole_packets)
{
	int fd = open_device(MOUSE, O_NONBLOCK), other = open_device(MOUSE, O_NONBLOCK);
	struct input_event e[8], f[8];

	SAME(events_of(fd), POLLOUT);
	put(fd, EV_REL, REL_X, 5);
	put(fd, EV_REL, REL_Y, -7);
	put(fd, EV_REL, REL_X, 0);		/* no movement, no event */
	put(fd, EV_REL, REL_MISC, 1);		/* the mouse has no such axis */
	put(fd, EV_ABS, ABS_X, 1);
	put(fd, 77, 1, 1);
	put(fd, EV_SYN, SYN_DROPPED, 0);
	expect_nothing(fd);
	expect_nothing(other);
	put(fd, EV_SYN, SYN_REPORT, 0);
	SAME(events_of(fd), POLLIN | POLLOUT);
	SAME(read(fd, e, sizeof(e) - 1), 3 * sizeof(e[0]));
	EXPECT(e[0].type == EV_REL && e[0].code == REL_X && e[0].value == 5);
	EXPECT(e[1].type == EV_REL && e[1].code == REL_Y && e[1].value == -7);
	EXPECT(e[2].type == EV_SYN && e[2].code == SYN_REPORT && e[2].value == 0);
	EXPECT(!memcmp(&e[0].time, &e[2].time, sizeof(e[0].time)));
	SAME(read(other, f, sizeof(f)), 3 * sizeof(e[0]));
	EXPECT(!memcmp(e, f, 3 * sizeof(e[0])));
	put(fd, EV_SYN, SYN_REPORT, 0);		/* the end of nothing */
	expect_nothing(fd);
	SAME(read(fd, e, 0), -1);
	SAME(errno, EAGAIN);
}

CHECK(keys_have_a_state)
{
	unsigned char bits[96];
	int fd;

	repeat_after(NEVER);
	fd = open_device(KEYBOARD, O_NONBLOCK);
	put_packet(fd, EV_KEY, KEY_Q, 1);
	put_packet(fd, EV_KEY, KEY_Q, 1);	/* it is down already */
	expect_packet(fd, EV_KEY, KEY_Q, 1);
	expect_nothing(fd);
	put_packet(fd, EV_KEY, KEY_W, 1);
	put(fd, EV_LED, LED_NUML, 1);
	put_packet(fd, EV_KEY, KEY_W, 0);
	put_packet(fd, EV_KEY, KEY_W, 1);
	/* Who asks for the state knows it: what led to it need not be read any more. */
	SAME(ioctl(fd, EVIOCGKEY(sizeof(bits)), bits), sizeof(bits));
	EXPECT(bit(bits, KEY_Q) && bit(bits, KEY_W) && !bit(bits, KEY_E));
	expect_event(fd, EV_SYN, SYN_REPORT, 0);
	expect_event(fd, EV_LED, LED_NUML, 1);
	expect_event(fd, EV_SYN, SYN_REPORT, 0);
	expect_nothing(fd);
	put_packet(fd, EV_KEY, KEY_Q, 0);
	put_packet(fd, EV_KEY, KEY_W, 0);
	put_packet(fd, EV_LED, LED_NUML, 0);
	repeat_after(USUAL);
}

CHECK(leds_are_switched)
{
	int fd = open_device(KEYBOARD, O_NONBLOCK), other = open_device(KEYBOARD, O_NONBLOCK);
	unsigned char leds[8] = { 0 };

	/* More than the device's queue holds at a time. */
	for (int i = 0; i < 300; i++) {
		put_packet(fd, EV_LED, LED_CAPSL, 1);
		expect_packet(other, EV_LED, LED_CAPSL, 1);
		SAME(ioctl(fd, EVIOCGLED(sizeof(leds)), leds), 8);
		EXPECT(bit(leds, LED_CAPSL) && !bit(leds, LED_NUML));
		put_packet(fd, EV_LED, LED_CAPSL, 0);
		expect_packet(other, EV_LED, LED_CAPSL, 0);
	}
	put_packet(fd, EV_LED, LED_MAIL, 1);
	expect_nothing(other);
	SAME(ioctl(fd, EVIOCGLED(1), leds), 1);
	SAME(leds[0], 0);
	SAME(ioctl(fd, EVIOCGSW(sizeof(leds)), leds), 8);
	SAME(ioctl(fd, EVIOCGSND(sizeof(leds)), leds), 8);
}

CHECK(a_slow_reader_is_told_what_it_missed)
{
	int fd = open_device(MOUSE, O_NONBLOCK), slow = open_device(MOUSE, O_NONBLOCK);
	struct input_event e[64];
	int n = 0;

	for (int i = 1; i <= 500; i++) {
		put_packet(fd, EV_REL, REL_X, i);
		expect_packet(fd, EV_REL, REL_X, i);
	}
	expect_event(slow, EV_SYN, SYN_DROPPED, 0);
	/* What follows are the newest, to the last. */
	for (;;) {
		ssize_t got = read(slow, e, sizeof(e));

		if (got < 0)
			break;
		n = got / sizeof(e[0]);
	}
	SAME(errno, EAGAIN);
	EXPECT(n >= 2);
	EXPECT(e[n - 1].type == EV_SYN && e[n - 1].code == SYN_REPORT);
	EXPECT(e[n - 2].type == EV_REL && e[n - 2].value == 500);
}

CHECK(a_reader_waits)
{
	pid_t pid;
	int fd;

	repeat_after(NEVER);
	fd = open_device(KEYBOARD, 0);
	pid = fork();
	if (pid == 0) {
		expect_packet(fd, EV_KEY, KEY_Z, 1);
		expect_packet(fd, EV_KEY, KEY_Z, 0);
		_exit(0);
	}
	put_packet(fd, EV_KEY, KEY_Z, 1);
	put_packet(fd, EV_KEY, KEY_Z, 0);
	child_ok(pid);
	repeat_after(USUAL);
}

CHECK(one_reader_may_grab_it)
{
	int fd = open_device(MOUSE, O_NONBLOCK), other = open_device(MOUSE, O_NONBLOCK);

	SAME(ioctl(fd, EVIOCGRAB, 1), 0);
	FAILS(ioctl(other, EVIOCGRAB, 1), EBUSY);
	FAILS(ioctl(fd, EVIOCGRAB, 1), EBUSY);
	FAILS(ioctl(other, EVIOCGRAB, 0), EINVAL);
	put_packet(fd, EV_REL, REL_X, 3);
	expect_packet(fd, EV_REL, REL_X, 3);
	expect_nothing(other);
	put_packet(other, EV_REL, REL_X, 4);	/* it may still write, what only the other one reads */
	expect_packet(fd, EV_REL, REL_X, 4);
	expect_nothing(other);
	SAME(ioctl(fd, EVIOCGRAB, 0), 0);
	put_packet(fd, EV_REL, REL_X, 5);
	expect_packet(other, EV_REL, REL_X, 5);
	SAME(ioctl(fd, EVIOCGRAB, 1), 0);
	close(fd);
	SAME(ioctl(other, EVIOCGRAB, 1), 0);
}

CHECK(a_revoked_descriptor_is_dead)
{
	int fd = open_device(MOUSE, 0), other = open_device(MOUSE, O_NONBLOCK), version;
	struct input_event e = { 0 };

	SAME(ioctl(fd, EVIOCGRAB, 1), 0);
	SAME(ioctl(fd, EVIOCREVOKE, 0), 0);
	FAILS(read(fd, &e, sizeof(e)), ENODEV);
	FAILS(write(fd, &e, sizeof(e)), ENODEV);
	FAILS(ioctl(fd, EVIOCGVERSION, &version), ENODEV);
	SAME(events_of(fd), POLLERR | POLLHUP);
	put_packet(other, EV_REL, REL_X, 5);	/* the grab went with it */
	expect_packet(other, EV_REL, REL_X, 5);
}

CHECK(a_reader_masks_events)
{
	unsigned char keys[96], got[128];
	struct input_mask m = { EV_KEY, sizeof(got), (unsigned long)got };
	int fd;

	repeat_after(NEVER);
	fd = open_device(KEYBOARD, O_NONBLOCK);
	SAME(ioctl(fd, EVIOCGMASK, &m), 0);
	SAME(got[95], 0xff);
	SAME(got[96], 0);
	memset(keys, 0, sizeof(keys));
	keys[KEY_A / 8] = 1 << KEY_A % 8;
	m = (struct input_mask){ EV_KEY, sizeof(keys), (unsigned long)keys };
	SAME(ioctl(fd, EVIOCSMASK, &m), 0);
	put_packet(fd, EV_KEY, KEY_S, 1);
	put_packet(fd, EV_KEY, KEY_A, 1);
	put_packet(fd, EV_KEY, KEY_A, 0);
	put_packet(fd, EV_KEY, KEY_S, 0);
	expect_packet(fd, EV_KEY, KEY_A, 1);
	expect_packet(fd, EV_KEY, KEY_A, 0);
	expect_nothing(fd);
	m.codes_ptr = (unsigned long)got;
	SAME(ioctl(fd, EVIOCGMASK, &m), 0);
	EXPECT(!memcmp(got, keys, sizeof(keys)));
	/* The types themselves. */
	memset(keys, 0, 8);
	m = (struct input_mask){ EV_SYN, 8, (unsigned long)keys };
	SAME(ioctl(fd, EVIOCSMASK, &m), 0);
	put_packet(fd, EV_KEY, KEY_A, 1);
	put_packet(fd, EV_KEY, KEY_A, 0);
	expect_nothing(fd);
	m.codes_size = 7;
	FAILS(ioctl(fd, EVIOCSMASK, &m), EINVAL);
	m = (struct input_mask){ EV_KEY, 8, (unsigned long)nowhere };
	FAILS(ioctl(fd, EVIOCSMASK, &m), EFAULT);
	FAILS(ioctl(fd, EVIOCGMASK, &m), EFAULT);
	FAILS(ioctl(fd, EVIOCSMASK, nowhere), EFAULT);
	m = (struct input_mask){ 500, 8, (unsigned long)got };
	SAME(ioctl(fd, EVIOCSMASK, &m), 0);
	SAME(ioctl(fd, EVIOCGMASK, &m), 0);
	SAME(got[0], 0);
	repeat_after(USUAL);
}

/* An event's time lies between two readings of the clock. */
static void check_clock(int fd, int clock)
{
	struct timespec before, after;
	struct input_event e;
	long long at;

	if (clock != CLOCK_REALTIME)
		SAME(ioctl(fd, EVIOCSCLOCKID, &clock), 0);
	clock_gettime(clock, &before);
	put_packet(fd, EV_REL, REL_X, 1);
	clock_gettime(clock, &after);
	e = next(fd);
	at = e.time.tv_sec * 1000000ll + e.time.tv_usec;
	EXPECT(before.tv_sec * 1000000ll + before.tv_nsec / 1000 <= at);
	EXPECT(at <= after.tv_sec * 1000000ll + after.tv_nsec / 1000);
	next(fd);
}

CHECK(a_reader_chooses_the_clock)
{
	int fd = open_device(MOUSE, O_NONBLOCK), clock = CLOCK_REALTIME;

	check_clock(fd, CLOCK_REALTIME);
	check_clock(fd, CLOCK_MONOTONIC);
	check_clock(fd, CLOCK_BOOTTIME);
	put_packet(fd, EV_REL, REL_X, 1);
	SAME(ioctl(fd, EVIOCSCLOCKID, &clock), 0);
	put_packet(fd, EV_REL, REL_X, 2);
	expect_event(fd, EV_SYN, SYN_DROPPED, 0);
	expect_packet(fd, EV_REL, REL_X, 2);
}

CHECK(a_key_that_is_held_repeats)
{
	int fd = open_device(KEYBOARD, 0);
	unsigned old[2], fast[2] = { 20, 10 }, now[2];
	struct input_event e;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	SAME(ioctl(fd, EVIOCGREP, old), 0);
	SAME(old[REP_DELAY], 250);
	SAME(old[REP_PERIOD], 33);
	SAME(ioctl(fd, EVIOCSREP, fast), 0);
	SAME(ioctl(fd, EVIOCGREP, now), 0);
	SAME(now[REP_DELAY], 20);
	SAME(now[REP_PERIOD], 10);
	put_packet(fd, EV_KEY, KEY_B, 1);
	expect_event(fd, EV_REP, REP_DELAY, 20);
	expect_event(fd, EV_REP, REP_PERIOD, 10);
	expect_packet(fd, EV_KEY, KEY_B, 1);
	for (int i = 0; i < 5; i++) {
		expect_event(fd, EV_KEY, KEY_B, 2);
		expect_event(fd, EV_SYN, SYN_REPORT, 1);
	}
	/* Another key: that one repeats now. */
	put_packet(fd, EV_KEY, KEY_C, 1);
	do
		e = next(fd);
	while (e.code != KEY_C || e.value != 2);
	expect_event(fd, EV_SYN, SYN_REPORT, 1);
	put_packet(fd, EV_KEY, KEY_C, 0);
	do
		e = next(fd);
	while (e.type != EV_KEY || e.value);
	expect_event(fd, EV_SYN, SYN_REPORT, 0);
	SAME(poll(&p, 1, 100), 0);
	put_packet(fd, EV_KEY, KEY_B, 0);
	SAME(ioctl(fd, EVIOCSREP, old), 0);
}

CHECK(a_signal_says_that_there_is_something)
{
	int fd = open_device(MOUSE, O_NONBLOCK), signo;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	SAME(fcntl(fd, F_SETOWN, getpid()), 0);
	SAME(fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC), 0);
	put(fd, EV_REL, REL_X, 1);
	sigpending(&set);
	EXPECT(!sigismember(&set, SIGIO));
	put(fd, EV_SYN, SYN_REPORT, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	SAME(sigwait(&set, &signo), 0);
	SAME(signo, SIGIO);
	expect_packet(fd, EV_REL, REL_X, 1);
}
