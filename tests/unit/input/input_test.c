/*
 * The input layer over the open files of one device: packets, contacts, key repeat by the clock, overruns, and a device
 * that goes away.
 *
 * sources: input/keyboard.c input/input.c input/evdev_ioctl.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "fs/vnode.h"
/* The file under test: what it registers is found through a section of the kernel's image. */
#include "input/evdev.c"
#include "tty/vt.h"

/* The console on a screen: what it was typed. */
static char typed[64];
static size_t typed_count;
static bool application_keys;

void vt_type(const char *s, size_t n)
{
	memcpy(typed + typed_count, s, n);
	typed_count += n;
}

bool vt_application_keys(void) { return application_keys; }

static u32 nodes, names;

int devfs_node_add(const char *name, u32 mode, u64 rdev) { nodes++; return 0; }
void devfs_node_remove(const char *name, u64 rdev) { nodes--; }
int input_sysfs_add(struct input_device *dev) { names++; return 0; }
void input_sysfs_remove(struct input_device *dev) { names--; }
int chardev_register(struct chardev *d) { return 0; }

static struct input_device *dev;
static struct vnode node;
static struct file file;

static void begin(void)
{
	dev = input_new();
	dev->name = strcpy(kmalloc(8), "model");
	input_can(dev, EV_SYN, EV_KEY);
	input_can(dev, EV_KEY, KEY_A);
	input_can(dev, EV_KEY, KEY_B);
	input_can(dev, EV_SYN, EV_REL);
	input_can(dev, EV_REL, REL_X);
}

static void open_file(struct file *f)
{
	*f = (struct file){ .refs = 1, .flags = O_RDWR | O_NONBLOCK, .ops = &evdev_ops, .vnode = &node };
	node.rdev = evdev_number(dev->number);
	EXPECT_EQ(evdev_open(f, NULL), 0);
}

static void start(void)
{
	EXPECT_EQ(input_register(dev), 0);
	open_file(&file);
}

static void end(void)
{
	evdev_release(&file);
	input_unregister(dev);
	EXPECT_EQ(nodes, 0u);
	EXPECT_EQ(names, 0u);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

static s64 read_file(struct file *f, struct input_event *e, u32 n)
{
	struct uio u;

	uio_user(&u, (u64)e, n * sizeof(*e));
	return evdev_read(f, &u, NULL);
}

static void expect(u32 type, u32 code, s32 value)
{
	struct input_event e = { 0 };

	EXPECT_EQ(read_file(&file, &e, 1), (s64)sizeof(e));
	EXPECT_EQ(e.type, type);
	EXPECT_EQ(e.code, code);
	EXPECT_EQ(e.value, value);
}

static void expect_nothing(void)
{
	struct input_event e;

	EXPECT_EQ(read_file(&file, &e, 1), -EAGAIN);
}

static void sync(void) { input_event(dev, EV_SYN, SYN_REPORT, 0); }

TEST(what_a_device_has_not_is_ignored)
{
	begin();
	start();
	input_event(dev, EV_KEY, KEY_C, 1);
	input_event(dev, EV_KEY, 0xffff, 1);
	input_event(dev, EV_ABS, ABS_X, 1);
	input_event(dev, 0xffff, 0xffff, 1);
	input_event(dev, EV_KEY, KEY_A, 0);
	sync();
	expect_nothing();
	input_event(dev, EV_KEY, KEY_A, 1);
	sync();
	expect(EV_KEY, KEY_A, 1);
	expect(EV_SYN, SYN_REPORT, 0);
	end();
}

TEST(a_key_repeats_until_it_comes_up)
{
	begin();
	input_can(dev, EV_SYN, EV_REP);
	start();
	input_event(dev, EV_KEY, KEY_A, 1);
	sync();
	expect(EV_KEY, KEY_A, 1);
	expect(EV_SYN, SYN_REPORT, 0);
	host_clock_advance(249 * NSEC_PER_MSEC);
	expect_nothing();
	host_clock_advance(NSEC_PER_MSEC);
	for (int i = 0; i < 3; i++) {
		expect(EV_KEY, KEY_A, 2);
		expect(EV_SYN, SYN_REPORT, 1);
		expect_nothing();
		host_clock_advance(33 * NSEC_PER_MSEC);
	}
	input_event(dev, EV_KEY, KEY_B, 1);
	sync();
	input_event(dev, EV_KEY, KEY_B, 0);
	sync();
	EXPECT_EQ(host_timer_next(), ~0ull);
	input_event(dev, EV_KEY, KEY_A, 0);
	sync();
	end();
}

/* The packet that does not fit and all before it are gone, and the reader sees whole packets again behind that. */
TEST(an_overrun_is_told)
{
	struct input_event e[256];
	s64 n;

	begin();
	start();
	for (int i = 1; i <= 1000; i++) {
		input_event(dev, EV_REL, REL_X, i);
		sync();
	}
	n = read_file(&file, e, 256) / (s64)sizeof(e[0]);
	EXPECT(n > 2 && n < 256);
	EXPECT_EQ(e[0].type, EV_SYN);
	EXPECT_EQ(e[0].code, SYN_DROPPED);
	EXPECT_EQ(e[n - 2].value, 1000);
	EXPECT_EQ(e[n - 1].code, SYN_REPORT);
	expect_nothing();
	/* A packet longer than the ring: nothing of it is seen before its end. */
	for (int i = 1; i <= 1000; i++)
		input_event(dev, EV_REL, REL_X, i);
	expect_nothing();
	sync();
	expect(EV_SYN, SYN_DROPPED, 0);
	end();
}

static void contacts(s32 last)
{
	begin();
	input_can(dev, EV_SYN, EV_ABS);
	input_can(dev, EV_ABS, ABS_MT_SLOT);
	input_can(dev, EV_ABS, ABS_MT_POSITION_X);
	dev->abs[ABS_MT_SLOT].maximum = last;
}

TEST(contacts_are_told_apart)
{
	struct { u32 code; s32 value[4]; } slots = { .code = ABS_MT_TRACKING_ID, .value = { 9, 9, 9, 9 } };

	contacts(2);
	start();
	input_event(dev, EV_ABS, ABS_MT_SLOT, 1);
	input_event(dev, EV_ABS, ABS_MT_TRACKING_ID, 7);
	input_event(dev, EV_ABS, ABS_MT_POSITION_X, 100);
	input_event(dev, EV_ABS, ABS_MT_SLOT, 3);	/* there is none */
	input_event(dev, EV_ABS, ABS_MT_SLOT, -1);
	input_event(dev, EV_ABS, ABS_MT_POSITION_X, 100);
	input_event(dev, EV_ABS, ABS_MT_SLOT, 0);
	input_event(dev, EV_ABS, ABS_MT_POSITION_X, 100);
	sync();
	expect(EV_ABS, ABS_MT_SLOT, 1);
	expect(EV_ABS, ABS_MT_TRACKING_ID, 7);
	expect(EV_ABS, ABS_MT_POSITION_X, 100);
	expect(EV_ABS, ABS_MT_SLOT, 0);
	expect(EV_ABS, ABS_MT_POSITION_X, 100);
	expect(EV_SYN, SYN_REPORT, 0);
	EXPECT_EQ(evdev_ioctl(&file, EVIOCGMTSLOTS(sizeof(slots)), (u64)&slots), 0);
	EXPECT_EQ(slots.value[0], -1);
	EXPECT_EQ(slots.value[1], 7);
	EXPECT_EQ(slots.value[2], -1);
	EXPECT_EQ(slots.value[3], 9);
	EXPECT_EQ(evdev_ioctl(&file, EVIOCGMTSLOTS(8), (u64)&slots), 0);
	EXPECT_EQ(evdev_ioctl(&file, EVIOCGMTSLOTS(0), (u64)&slots), 0);
	end();
}

TEST(a_device_with_too_many_contacts_is_refused)
{
	static const s32 wrong[] = { -1, 1024, 0x7fffffff };

	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		contacts(wrong[i]);
		EXPECT_EQ(input_register(dev), -EINVAL);
		input_free(dev);
	}
	EXPECT_EQ(host_alloc_live(), 0ull);
	EXPECT(host_log_has("cannot be"));
}

TEST(a_device_goes_away)
{
	struct input_event e;
	int version;

	begin();
	input_can(dev, EV_SYN, EV_REP);
	start();
	input_event(dev, EV_KEY, KEY_A, 1);	/* it would repeat */
	sync();
	input_unregister(dev);
	EXPECT_EQ(host_timer_next(), ~0ull);
	EXPECT_EQ(read_file(&file, &e, 1), -ENODEV);
	EXPECT_EQ(evdev_ioctl(&file, EVIOCGVERSION, (u64)&version), -ENODEV);
	EXPECT((evdev_poll(&file, NULL) & (EPOLLHUP | EPOLLERR)) == (EPOLLHUP | EPOLLERR));
	EXPECT_EQ(evdev_open(&(struct file){ .vnode = &node }, NULL), -ENXIO);
	EXPECT(host_alloc_live() > 0);
	evdev_release(&file);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

TEST(numbers_are_used_again)
{
	struct input_device *all[40];

	for (u32 i = 0; i < 40; i++) {
		begin();
		EXPECT_EQ(input_register(dev), 0);
		all[i] = dev;
		EXPECT_EQ(dev->number, i);
	}
	EXPECT_EQ(dev_minor(evdev_number(31)), 95u);
	EXPECT_EQ(dev_minor(evdev_number(32)), 256u);
	input_unregister(all[5]);
	begin();
	EXPECT_EQ(input_register(dev), 0);
	EXPECT_EQ(dev->number, 5u);
	EXPECT_EQ(dev->serial, all[39]->serial + 1);
	all[5] = dev;
	dev = all[39];
	open_file(&file);
	evdev_release(&file);
	for (u32 i = 0; i < 40; i++)
		input_unregister(all[i]);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

/* ---- the screen's console ---- */

static void press(u32 code)
{
	keyboard_key(code, 1);
	keyboard_key(code, 0);
}

static const char *typed_take(void)
{
	static char text[sizeof(typed)];

	memcpy(text, typed, typed_count);
	text[typed_count] = '\0';
	typed_count = 0;
	return text;
}

TEST(keys_as_a_terminal_sends_them)
{
	press(KEY_A);
	press(KEY_1);
	keyboard_key(KEY_RIGHTSHIFT, 1);
	press(KEY_A);
	press(KEY_1);
	keyboard_key(KEY_RIGHTSHIFT, 0);
	press(KEY_ENTER);
	press(KEY_BACKSPACE);
	press(KEY_KP5);
	EXPECT_STR(typed_take(), "a1A!\r\1775");
	keyboard_key(KEY_LEFTCTRL, 1);
	press(KEY_C);
	keyboard_key(KEY_LEFTCTRL, 0);
	keyboard_key(KEY_LEFTALT, 1);
	press(KEY_X);
	keyboard_key(KEY_LEFTALT, 0);
	EXPECT_STR(typed_take(), "\003\033x");
	EXPECT(keyboard_key(KEY_CAPSLOCK, 1));
	press(KEY_Q);
	press(KEY_2);
	EXPECT(!keyboard_key(KEY_CAPSLOCK, 1));
	EXPECT_STR(typed_take(), "Q2");
	press(KEY_UP);
	application_keys = true;
	press(KEY_LEFT);
	press(KEY_DELETE);
	press(KEY_F12);
	press(KEY_MUTE);
	press(KEY_MAX);
	EXPECT_STR(typed_take(), "\033[A\033OD\033[3~\033[24~");
}
