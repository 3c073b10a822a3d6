/*
 * Configurations that devices say they have: interfaces are found, and nothing is read that is not there.
 *
 * sources: drivers/usb/config.c
 */
#include "unit.h"
#include "drivers/usb/usb.h"
#include "drivers/usb/gadgets.h"

TEST(a_keyboards_interface)
{
	static const u8 config[] = HID_CONFIG(63);
	struct usb_interface i;
	u32 at = 0;

	REQUIRE(usb_config_next(config, sizeof(config), &at, &i));
	EXPECT_EQ(i.class, CLASS_HID);
	EXPECT_EQ(i.in, 0x81);
	EXPECT_EQ(i.packet_max, 8);
	EXPECT_EQ(i.interval, 7);
	EXPECT_EQ(i.report_size, 63);
	EXPECT_EQ(i.hid_version, 0x111);
	EXPECT(!usb_config_next(config, sizeof(config), &at, &i));
}

TEST(several_interfaces_and_other_settings)
{
	static const u8 config[] = {
		9, 2, 0, 0, 2, 1, 0, 0xa0, 50,
		9, 4, 0, 0, 2, 3, 0, 0, 0,
		7, 5, 0x02, 3, 8, 0, 7,			/* OUT */
		7, 5, 0x83, 3, 0, 0, 7,			/* packets of nothing */
		7, 5, 0x84, 3, 0x40, 0x08, 4,		/* two packets a service */
		9, 4, 0, 1, 1, 3, 0, 0, 0,		/* another setting */
		7, 5, 0x85, 3, 8, 0, 7,
		9, 4, 1, 0, 1, 9, 0, 0, 0,
		7, 5, 0x86, 3, 2, 0, 12,
		6, 0x30, 3, 0, 8, 0,
		7, 5, 0x87, 3, 8,			/* cut off */
	};
	struct usb_interface i;
	u32 at = 0;

	REQUIRE(usb_config_next(config, sizeof(config), &at, &i));
	EXPECT_EQ(i.in, 0x84);
	EXPECT_EQ(i.packet_max, 64);
	EXPECT_EQ(i.burst, 1);
	REQUIRE(usb_config_next(config, sizeof(config), &at, &i));
	EXPECT_EQ(i.number, 1);
	EXPECT_EQ(i.in, 0x86);
	EXPECT_EQ(i.burst, 3);
	EXPECT(!usb_config_next(config, sizeof(config), &at, &i));
}

/* Each in memory of its own length, so that a byte too far is seen. */
TEST(whatever_it_says)
{
	static const u8 config[] = HID_CONFIG(63);

	for (u32 round = 0; round < 20000; round++) {
		u32 n = unit_random_below(2 * sizeof(config)), at = 0, count = 0;
		u8 *text = malloc(n ?: 1);
		struct usb_interface i;

		unit_random_fill(text, n);
		if (round % 2) {
			memcpy(text, config, MIN(n, sizeof(config)));
			for (u32 k = 0; n && k < 3; k++)
				text[unit_random_below(n)] = unit_random();
		}
		while (usb_config_next(text, n, &at, &i)) {
			EXPECT_LE(++count, n / 9);
			EXPECT(!i.in || (i.in & 0xf && i.packet_max && i.packet_max <= 1024));
		}
		free(text);
	}
}
