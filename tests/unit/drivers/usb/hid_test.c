/*
 * Keyboards, mice and tablets under the input layer: what their reports become, what LEDs become, and that no
 * description and no report does harm.
 *
 * sources: drivers/usb/hid_report.c drivers/usb/hid_usage.c
 * sources: input/keyboard.c input/input.c input/evdev.c input/evdev_ioctl.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "fs/devfs.h"
#include "input/internal.h"
#include "drivers/usb/gadgets.h"
/* The file under test, whose functions its driver's table shows. */
#include "drivers/usb/hid.c"

int devfs_node_add(const char *name, u32 mode, u64 rdev) { return 0; }
void devfs_node_remove(const char *name, u64 rdev) { }
int input_sysfs_add(struct input_device *dev) { return 0; }
void input_sysfs_remove(struct input_device *dev) { }
void vt_type(const char *s, size_t n) { }
bool vt_application_keys(void) { return false; }
int chardev_register(struct chardev *d) { return 0; }

/* ---- the device ------------------------------------------------------------------------------------- */

static const u8 *description;
static u32 description_size, listened, worked;
static u8 output[64];
static u32 output_size;
static int output_result;

int usb_control(struct usb_device *dev, u8 type, u8 request, u16 value, u16 index, void *data, u32 n)
{
	if (request == GET_DESCRIPTOR) {
		memcpy(data, description, MIN(n, description_size));
		return MIN(n, description_size);
	}
	if (request == SET_REPORT) {
		EXPECT_LE(n, sizeof(output));
		memcpy(output, data, MIN(n, sizeof(output)));
		output_size = n;
		return output_result;
	}
	return -EPIPE;			/* no SET_IDLE */
}

int usb_listen(struct usb_function *f, u32 n)
{
	listened = n;
	return n > 3840 ? -EMSGSIZE : 0;
}

void usb_work(struct usb_function *f, u32 bits) { worked |= bits; }

static struct pci_device pci = { .dev.name = "0000:00:02.0" };
static struct xhci controller = { .pci = &pci };
static char maker[] = "Maker", thing[] = "Thing";
static struct usb_device usb = { .hc = &controller, .name = "1-4.2", .manufacturer = maker, .product = thing };
static struct usb_function function;

static int bind(const u8 *text, u32 n)
{
	description = text;
	description_size = n;
	listened = worked = output_size = 0;
	function = (struct usb_function){ .dev = &usb, .interface = { .packet_max = 8, .report_size = n,
								      .hid_version = 0x111 } };
	return hid_bind(&function);
}

static struct input_device *device(u32 i)
{
	struct hid_input *in = ((struct hid *)function.data)->inputs;

	while (i--)
		in = in->next;
	return in->dev;
}

static void end(void)
{
	hid_unbind(&function);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

#define REPORT(...) hid_report(&function, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
static bool down(struct input_device *dev, u32 key) { return bitmap_test(input_bits(dev->on, EV_KEY), key); }

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(a_keyboards_keys)
{
	struct input_device *dev;

	REQUIRE(!bind(keyboard_report, sizeof(keyboard_report)));
	dev = device(0);
	EXPECT_STR(dev->name, "Maker Thing");
	EXPECT_STR(dev->phys, "usb-0000:00:02.0-4.2/input0");
	EXPECT_EQ(dev->id.version, 0x111);
	EXPECT_EQ(listened, 8u);
	EXPECT(bitmap_test(dev->can, EV_REP) && input_has(dev, EV_MSC, MSC_SCAN) && input_has(dev, EV_LED, LED_KANA));
	REPORT(0x02, 0, 4, 0, 0, 0, 0, 0);
	EXPECT(down(dev, KEY_LEFTSHIFT) && down(dev, KEY_A));
	REPORT(0, 0, 5, 4, 0, 0, 0, 0);		/* another place in the row is the same key */
	EXPECT(!down(dev, KEY_LEFTSHIFT) && down(dev, KEY_A) && down(dev, KEY_B));
	REPORT(0, 0, 1, 1, 1, 1, 1, 1);		/* too many to tell: nothing changes */
	EXPECT(down(dev, KEY_A) && down(dev, KEY_B));
	REPORT(0, 0, 0x65, 0xff, 0, 0, 0, 0);
	EXPECT(!down(dev, KEY_A) && down(dev, KEY_COMPOSE));
	REPORT(0, 0, 0);			/* too short: as it was */
	EXPECT(down(dev, KEY_COMPOSE));
	EXPECT(host_log_has("ends after 3 bytes"));
	end();
}

TEST(leds_go_out)
{
	struct input_device *dev;

	REQUIRE(!bind(keyboard_report, sizeof(keyboard_report)));
	dev = device(0);
	input_event(dev, EV_LED, LED_CAPSL, 1);
	input_event(dev, EV_LED, LED_KANA, 1);
	EXPECT(worked & DUE_LEDS);
	EXPECT_EQ(hid_work(&function, DUE_LEDS), 0);
	EXPECT_EQ(output_size, 1u);
	EXPECT_EQ(output[0], 0x12);
	input_event(dev, EV_LED, LED_KANA, 0);
	hid_work(&function, DUE_LEDS);
	EXPECT_EQ(output[0], 0x02);
	output_result = -EPIPE;			/* it has none after all: the keys stay */
	EXPECT_EQ(hid_work(&function, DUE_LEDS), 0);
	output_result = -ENODEV;
	EXPECT_EQ(hid_work(&function, DUE_LEDS), -ENODEV);
	output_result = 0;
	end();
}

TEST(two_applications_are_two_devices)
{
	REQUIRE(!bind(combined_report, sizeof(combined_report)));
	EXPECT_STR(device(0)->name, "Maker Thing Mouse");
	EXPECT_STR(device(1)->name, "Maker Thing Consumer Control");
	EXPECT_EQ(listened, 8u);
	EXPECT(input_has(device(0), EV_REL, REL_WHEEL) && input_has(device(0), EV_REL, REL_WHEEL_HI_RES));
	REPORT(1, 0x04, 0xff, 0x80, 1);
	EXPECT(down(device(0), BTN_MIDDLE));
	REPORT(2, 0xe9, 0);
	EXPECT(down(device(1), KEY_VOLUMEUP) && down(device(0), BTN_MIDDLE));
	REPORT(2, 0, 0);
	EXPECT(!down(device(1), KEY_VOLUMEUP));
	REPORT(9, 1, 2, 3, 4);
	end();
}

TEST(a_tablets_place_and_size)
{
	struct input_device *dev;

	REQUIRE(!bind(tablet_report, sizeof(tablet_report)));
	dev = device(0);
	EXPECT_EQ(dev->abs[ABS_X].maximum, 0x7fff);
	EXPECT_EQ(dev->abs[ABS_X].resolution, 129);	/* 32767 in 254 mm */
	REPORT(0, 0x34, 0x12, 0xff, 0x7f);
	EXPECT_EQ(dev->abs[ABS_X].value, 0x1234);
	EXPECT_EQ(dev->abs[ABS_Y].value, 0x7fff);
	REPORT(0, 0x00, 0x80, 0xff, 0x7f);	/* beyond its range: it has nothing to say */
	EXPECT_EQ(dev->abs[ABS_X].value, 0x1234);
	end();
}

TEST(what_is_no_description)
{
	static const u8 pop[] = { 0xb4 }, push[] = { 0xa4, 0xa4, 0xa4, 0xa4, 0xa4, 0xa4, 0xa4, 0xa4, 0xa4 };
	static const u8 cut[] = { 0x27, 1, 2 };
	static const u8 huge[] = { 0x09, 1, 0x77, 0xff, 0xff, 0xff, 0xff, 0x97, 0xff, 0xff, 0xff, 0xff, 0x81, 2 };
	static const u8 wide[] = { 0x1b, 0, 0, 0, 0, 0x2b, 0xff, 0xff, 0xff, 0xff };

	EXPECT_EQ(bind(pop, sizeof(pop)), -EINVAL);
	EXPECT_EQ(bind(push, sizeof(push)), -EINVAL);
	EXPECT_EQ(bind(cut, sizeof(cut)), -EINVAL);
	EXPECT_EQ(bind(huge, sizeof(huge)), -EINVAL);
	EXPECT_EQ(bind(wide, sizeof(wide)), -EINVAL);
	EXPECT_EQ(bind((const u8 *)"\x85\x00", 2), -EINVAL);
	EXPECT_EQ(bind((const u8 *)"\xc0", 1), -EINVAL);
	EXPECT_EQ(bind((const u8 *)"\x05\x01", 2), -ENODEV);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

TEST(memory_that_is_missing)
{
	int err = -ENOMEM;

	for (u32 n = 1; err; n++) {
		host_alloc_fail(n);
		err = bind(combined_report, sizeof(combined_report));
		host_alloc_fail(0);
		if (err)
			EXPECT_EQ(host_alloc_live(), 0ull);
		REQUIRE(n < 100);
	}
	end();
}

/* Spoilt descriptions and reports of any bytes and lengths, each in memory of its own length. */
TEST(whatever_it_says)
{
	static const struct { const u8 *text; u32 n; } good[] = {
		{ keyboard_report, sizeof(keyboard_report) }, { combined_report, sizeof(combined_report) },
		{ tablet_report, sizeof(tablet_report) },
	};
	u32 bound = 0;

	for (u32 round = 0; round < 3000; round++) {
		u32 from = round % 4, n = from < 3 ? good[from].n : 1 + unit_random_below(200);
		u8 *text = malloc(n);

		unit_random_fill(text, n);
		if (from < 3)
			memcpy(text, good[from].text, n);
		for (u32 k = 0; k < round % 7; k++)
			text[unit_random_below(n)] = unit_random();
		if (bind(text, n) == 0) {
			struct hid *hid = function.data;

			bound++;
			for (u32 i = 0; i < 20; i++) {
				u32 size = unit_random_below(hid->d.in_bytes + 3);
				u8 *report = malloc(size ?: 1);

				unit_random_fill(report, size);
				if (size && i % 2)
					report[0] = i % 5;
				hid_report(&function, report, size);
				free(report);
			}
			for (u32 led = 0; led < LED_CNT; led++)
				input_event(device(0), EV_LED, led, 1);
			output_result = 0;
			if (hid->d.out_bits[0] <= 8 * sizeof(output))
				hid_work(&function, DUE_LEDS);
			hid_unbind(&function);
		}
		free(text);
	}
	EXPECT_GT(bound, 300u);
	EXPECT_EQ(host_alloc_live(), 0ull);
}
