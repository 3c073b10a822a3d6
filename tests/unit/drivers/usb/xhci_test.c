/*
 * The xHCI driver, whole, with a keyboard behind it: what works, and what a controller or a device that lies, stalls or
 * vanishes comes to. After each test nothing of it is left.
 *
 * sources: drivers/usb/xhci_ring.c drivers/usb/xhci_slot.c drivers/usb/port.c drivers/usb/device.c drivers/usb/config.c
 * sources: drivers/usb/hub.c drivers/usb/hid.c drivers/usb/hid_report.c drivers/usb/hid_usage.c
 * sources: input/keyboard.c input/input.c input/evdev.c input/evdev_ioctl.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "fs/devfs.h"
#include "input/internal.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/usb/xhci.c"
#include "drivers/usb/xhci_model.h"

static u32 registered;

int devfs_node_add(const char *name, u32 mode, u64 rdev) { registered++; return 0; }
void devfs_node_remove(const char *name, u64 rdev) { registered--; }
int input_sysfs_add(struct input_device *dev) { return 0; }
void input_sysfs_remove(struct input_device *dev) { }
void vt_type(const char *s, size_t n) { }
bool vt_application_keys(void) { return false; }
int chardev_register(struct chardev *d) { return 0; }
void usb_sysfs_add(struct usb_device *dev) { }
void usb_sysfs_remove(struct usb_device *dev) { }
void usb_sysfs_host(struct xhci *h, bool there) { }

static bool enabled;

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types) { d->irq_type = PCI_IRQ_MSI; return 1; }
void pci_irq_free(struct pci_device *d) { }
void pci_irq_detach(struct pci_device *d, u32 i, void *arg) { handler = NULL; }
void pci_irq_enable(struct pci_device *d, u32 i) { enabled = true; }
void pci_irq_disable(struct pci_device *d, u32 i) { enabled = false; }
void pci_irq_describe(struct pci_device *d, char *buf, size_t size) { buf[0] = '\0'; }
void *pci_map(struct pci_device *d, u32 bar, u64 offset, u64 n) { return (void *)REGS; }
void pci_unmap(void *va, u64 n) { }
void pci_enable(struct pci_device *d) { config_space[PCI_COMMAND] = PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY; }
void pci_disable(struct pci_device *d) { config_space[PCI_COMMAND] = 0; }

static void first_call(void *arg) { handler(arg); }

/* On a wire that others share the handler is called as soon as it is there. */
int pci_irq_attach(struct pci_device *d, u32 i, irq_handler fn, void *arg, const char *name)
{
	handler = fn;
	handler_arg = arg;
	host_interrupt(first_call, arg);
	return 0;
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static struct pci_device pci;
static struct gadget board;

static struct xhci *driver(void) { return pci.driver_data; }

/* Time for whatever is under way. */
static void settle(void) { host_clock_advance(12 * NSEC_PER_SEC); }

static void fresh(void)
{
	memset(&hc, 0, sizeof(hc));
	hc_reset();
	board = keyboard();
	pci = (struct pci_device){ .dev.name = "0000:00:02.0", .config = config_space,
				   .ranges = { { .size = REGS_SIZE } } };
	host_mmio_add(&regs);
}

static void begin(void)
{
	EXPECT_EQ(xhci_probe(&pci), 0);
	settle();
}

static void begin_with_keyboard(void)
{
	fresh();
	plug(1, &board);
	begin();
	EXPECT_EQ(registered, 1u);
}

static void end(void)
{
	xhci_remove(&pci);
	EXPECT_EQ(registered, 0u);
	EXPECT(!(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	host_mmio_remove(&regs);
	host_run();
	EXPECT_EQ(host_alloc_live(), 0ull);
}

static struct usb_device *device(void) { return list_first(&driver()->devices, struct usb_device, node); }
static struct input_device *input(void) { return list_first(&input_devices, struct input_device, node); }
static bool down(u32 key) { return bitmap_test(input_bits(input()->on, EV_KEY), key); }

static bool press(u8 usage)
{
	u8 bytes[8] = { 0, 0, usage };
	bool taken = report(device()->slot, bytes, sizeof(bytes));

	host_run();
	return taken;
}

/* ---- what works ------------------------------------------------------------------------------------- */

TEST(a_keyboard_is_there_at_boot)
{
	begin_with_keyboard();
	EXPECT_STR(device()->name, "1-1");
	EXPECT_STR(device()->manufacturer, "H??");	/* no line of its own in what lists it */
	for (u32 i = 0; i < 1000; i++) {		/* around all the rings, many times */
		EXPECT(press(4));
		EXPECT(down(KEY_A));
		EXPECT(press(0));
		EXPECT(!down(KEY_A));
	}
	end();
}

TEST(all_kinds_of_controllers)
{
	for (u32 kind = 0; kind < 4; kind++) {
		fresh();
		hc.context64 = kind & 1;
		hc.scratch = kind & 2;
		hc.firmware = kind & 2;
		plug(kind + 1, &board);
		begin();
		EXPECT_EQ(registered, 1u);
		EXPECT_EQ(device()->speed, kind < 2 ? USB_HIGH : USB_SUPER);
		EXPECT(!hc.firmware);
		EXPECT(press(4) && down(KEY_A));
		end();
	}
}

TEST(one_that_reaches_little_memory)
{
	fresh();
	hc.narrow = true;	/* a host program's memory lies high */
	begin();
	EXPECT(host_log_has("no memory below 4 GiB"));
	end();
}

TEST(plugged_and_pulled_again_and_again)
{
	u64 live;

	fresh();
	begin();
	live = host_alloc_live();
	for (u32 i = 0; i < 200; i++) {
		plug(1 + i % 2, &board);
		settle();
		EXPECT_EQ(registered, 1u);
		EXPECT(press(4) && down(KEY_A));
		plug(1 + i % 2, NULL);
		settle();
		EXPECT_EQ(registered, 0u);
		EXPECT_EQ(host_alloc_live(), live);
	}
	end();
}

TEST(another_one_at_once)
{
	begin_with_keyboard();
	hc.gadgets[1] = NULL;
	plug(1, &board);		/* one event for out and in */
	settle();
	EXPECT_EQ(registered, 1u);
	EXPECT_EQ(hc.resets, 2u);
	EXPECT(press(4) && down(KEY_A));
	end();
}

TEST(leds_reach_the_keyboard)
{
	begin_with_keyboard();
	input_event(input(), EV_LED, LED_CAPSL, 1);
	settle();
	EXPECT_EQ(board.output, 2);
	end();
}

/* ---- devices that fail ------------------------------------------------------------------------------ */

TEST(pulled_in_the_middle)
{
	static const u8 requests[] = { GET_DESCRIPTOR, SET_CONFIGURATION, 0x0a };

	for (u32 i = 0; i < ARRAY_SIZE(requests); i++) {
		u64 began;

		fresh();
		board.silent = requests[i];
		begin();
		plug(1, &board);
		host_clock_advance(NSEC_PER_SEC);
		plug(1, NULL);
		began = host_clock;
		host_run();
		EXPECT_EQ(host_clock, began);
		EXPECT_EQ(registered, 0u);
		EXPECT(list_empty(&driver()->devices));
		board.silent = 0xff;
		plug(1, &board);
		settle();
		EXPECT_EQ(registered, 1u);
		end();
	}
}

TEST(a_device_that_stalls_or_is_silent_or_short)
{
	for (u32 i = 0; i < 8; i++) {
		fresh();
		*(i & 1 ? &board.stall : &board.silent) = i < 2 ? GET_DESCRIPTOR : i < 4 ? SET_CONFIGURATION : 0xff;
		board.cut = i == 4 ? DT_DEVICE : i == 5 ? DT_CONFIG : i == 6 ? DT_REPORT : 0xff;
		if (i == 7)
			board.config[2] = board.config[3] = 0xff;	/* 64 KiB of configuration */
		plug(1, &board);
		begin();
		host_clock_advance(60 * NSEC_PER_SEC);
		EXPECT_EQ(registered, 0u);
		EXPECT(host_log_has("cannot be used"));
		EXPECT_LE(hc.resets, 3u);	/* and then it is left alone */
		EXPECT(!driver()->dead);
		/* Nothing else is lost. */
		board = keyboard();
		plug(2, &board);
		settle();
		EXPECT_EQ(registered, 1u);
		EXPECT(press(4) || i == 6);
		end();
	}
}

TEST(an_endpoint_that_fails)
{
	static const struct { u32 code; const char *says; } kinds[] = {
		{ CODE_STALL, "it stalls" }, { CODE_BABBLE, "it babbles" }, { 4, "it fails" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		fresh();
		board.code = kinds[i].code;
		plug(1, &board);
		begin();
		EXPECT_EQ(registered, 0u);
		EXPECT(host_log_has(kinds[i].says));
		EXPECT_EQ(board.halts_cleared, i == 0 ? 3u : 0u);
		EXPECT(!driver()->dead);
		end();
	}
}

TEST(a_stall_is_mended)
{
	begin_with_keyboard();
	for (u32 i = 0; i < 10; i++) {
		u64 td = hc.slots[1].td[IN_ID];

		halt_endpoint(1, IN_ID);
		hc.slots[1].td[IN_ID] = 0;
		transfer_done(1, IN_ID, td, CODE_STALL, 0);
		host_run();
		EXPECT(press(4) && down(KEY_A));
		EXPECT(press(0) && !down(KEY_A));
	}
	EXPECT_EQ(board.halts_cleared, 10u);
	end();
}

/* Keyboards and hubs whose descriptors are spoilt and who answer anything. The controller outlives them all. */
TEST(whatever_a_device_says)
{
	u32 used = 0;

	for (u32 round = 0; round < 400; round++) {
		fresh();
		board.random = true;
		if (round % 2)
			board.config[14] = CLASS_HUB;
		for (u32 k = 0; k < round % 5; k++) {
			u8 *at = round % 3 ? board.config : board.device;

			at[unit_random_below(round % 3 ? sizeof(board.config) : sizeof(board.device))] = unit_random();
		}
		plug(1, &board);
		EXPECT_EQ(xhci_probe(&pci), 0);
		host_clock_advance(5 * NSEC_PER_SEC);
		for (u32 i = 0; i < 40; i++) {
			struct usb_device *dev;

			list_for_each(dev, &driver()->devices, node) {
				u8 bytes[8];

				unit_random_fill(bytes, sizeof(bytes));
				used += report(dev->slot, bytes, 1 + unit_random_below(8));
				break;
			}
			host_clock_advance(NSEC_PER_SEC / 2);
		}
		EXPECT(!driver()->dead);
		end();
	}
	EXPECT_GT(used, 400u);
}

/* ---- controllers that lie --------------------------------------------------------------------------- */

static void is_ended(const char *says)
{
	settle();
	EXPECT(host_log_has(says));
	EXPECT_EQ(registered, 0u);
	EXPECT(!enabled);
	EXPECT(!(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	end();
}

TEST(events_of_what_is_not_there)
{
	static const u32 places[] = { 0, 0x0203, 0x0900, 0xff1f, 0x0104, 0x0100 };

	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		begin_with_keyboard();
		transfer_done(places[i] >> 8, places[i] & 0xff, 0, CODE_SUCCESS, 0);
		is_ended("an endpoint that is not there");
	}
	for (u32 port = 0; port < 256; port += 255) {
		begin_with_keyboard();
		port_news(port);
		is_ended("news of a port that is not there");
	}
	begin_with_keyboard();
	event(0x1230, CODE_SUCCESS << 24, TRB_TYPE(TRB_COMMAND_EVENT));
	is_ended("an answer to no command");
}

TEST(events_of_no_transfer)
{
	u64 td;

	begin_with_keyboard();
	td = hc.slots[1].td[IN_ID];
	for (s64 off = -64; off <= 512; off += 8)
		if (off)
			transfer_done(1, IN_ID, td + off, CODE_SUCCESS, 0);
	transfer_done(1, IN_ID, ~0ull, CODE_STALL, 0);
	transfer_done(1, 1, 0, CODE_SUCCESS, 0);
	transfer_done(1, IN_ID, td, CODE_STOPPED, 0);
	host_run();
	EXPECT(host_log_has("speaks of no transfer"));
	EXPECT(press(4) && down(KEY_A));
	/* More left than was asked for is nothing that came. */
	td = hc.slots[1].td[IN_ID];
	hc.slots[1].td[IN_ID] = 0;
	transfer_done(1, IN_ID, td, CODE_SHORT, 0xffffff);
	host_run();
	EXPECT(down(KEY_A));
	EXPECT(press(0) && !down(KEY_A));
	end();
}

TEST(slots_that_cannot_be)
{
	static const u32 slots[] = { 9, 255, 1 };

	for (u32 i = 0; i < ARRAY_SIZE(slots); i++) {
		begin_with_keyboard();
		hc.give_slot = slots[i];
		plug(2, &board);
		is_ended("a slot that cannot be");
	}
}

TEST(commands_that_fail)
{
	static const u32 types[] = { TRB_ENABLE_SLOT, TRB_ADDRESS_DEVICE, TRB_CONFIGURE };

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		fresh();
		hc.fail = types[i];
		hc.fail_code = 4 + i * 4;
		plug(1, &board);
		begin();
		EXPECT(host_log_has("cannot be used"));
		hc.fail = 0;
		if (i == 0)		/* it gave the slots out and said that it didn't */
			memset(hc.slots, 0, sizeof(hc.slots));
		plug(2, &board);
		settle();
		EXPECT_EQ(registered, 1u);
		end();
	}
}

TEST(it_hears_nothing_more)
{
	begin_with_keyboard();
	plug(2, &board);
	hc.deaf = true;
	is_ended("no answer to a command");
}

TEST(it_fails_or_goes)
{
	begin_with_keyboard();
	hc.status |= STATUS_HOST_ERROR;
	host_interrupt(hc_interrupt, NULL);
	is_ended("it says that it failed");
	begin_with_keyboard();
	hc.gone = true;
	host_interrupt(hc_interrupt, NULL);
	is_ended("not there any more");
	fresh();
	hc.reset_hangs = true;
	begin();
	is_ended("cannot be started");
}

TEST(reports_without_end)
{
	fresh();
	board.eager = true;
	plug(1, &board);
	begin();
	is_ended("events without end");
}

TEST(memory_that_is_missing)
{
	for (u32 n = 1; n < 60; n++) {
		fresh();
		plug(1, &board);
		host_alloc_fail(n);
		if (xhci_probe(&pci) == 0) {
			settle();
			host_alloc_fail(0);
			end();
		} else {
			host_alloc_fail(0);
			host_mmio_remove(&regs);
			EXPECT_EQ(host_alloc_live(), 0ull);
		}
	}
}
