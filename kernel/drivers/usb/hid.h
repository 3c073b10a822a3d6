/*
 * HID: what a device's reports consist of (hid_report.c reads its description), what that means to the input layer
 * (hid_usage.c), and the devices themselves (hid.c).
 *
 * Source: Device Class Definition for HID 1.11; HID Usage Tables 1.3.
 */
#pragma once
#include "base/defs.h"
#include "input/input.h"

#define HID_PAGE(usage)		((usage) >> 16)
enum { PAGE_DESKTOP = 0x01, PAGE_KEYBOARD = 0x07, PAGE_LED = 0x08, PAGE_BUTTON = 0x09, PAGE_CONSUMER = 0x0c };
enum { USAGE_POINTER = 0x10001, USAGE_MOUSE = 0x10002, USAGE_KEYBOARD = 0x10006, USAGE_KEYPAD = 0x10007,
       USAGE_SYSTEM_CONTROL = 0x10080, USAGE_ROLLOVER = 0x70001, USAGE_CONSUMER_CONTROL = 0xc0001 };

/* Main items' data, 6.2.2.5 */
#define FIELD_CONSTANT	0x01u
#define FIELD_VARIABLE	0x02u
#define FIELD_RELATIVE	0x04u
#define FIELD_NULL	0x40u

struct hid_usage {
	u32 usage;		/* page above bit 16 */
	u16 type, code;		/* of the event that it is; EV_SYN: none */
};

/* A row of values of one kind. All are of the description and fixed, but values: the last report's. */
struct hid_field {
	u8 report;		/* of which report, 0: there is only one, without a number */
	bool output;
	u32 flags;
	u32 offset, size, count;/* bits from the report's first, of a value; values */
	s32 min, max, physical_min, physical_max;
	u32 unit;
	s32 exponent;
	u32 application;	/* usage of the collection around it */
	u32 usage_count;
	struct hid_usage *usages;	/* a variable has one for each value; an array, for each number from min on */
	s32 *values;
	struct input_device *input;	/* that it speaks of; NULL: nobody cares */
};

struct hid_description {
	struct hid_field *fields;
	u32 count;
	u32 applications;	/* collections of that kind */
	bool numbered;		/* reports begin with their number */
	u32 in_bytes;		/* the longest input report, its number included */
	u32 out_bits[256];	/* of each output report, without */
};

/* Read a description of n bytes. 0; -EINVAL: it cannot be; -ENOMEM. hid_description_free in any case. Any context. */
must_check int hid_describe(const u8 *text, u32 n, struct hid_description *d);
void hid_description_free(struct hid_description *d);
/* `size` bits, at most 32, from there on; those beyond the n bytes are zeros. Any context. */
u32 hid_bits(const u8 *data, u32 n, u32 offset, u32 size);
void hid_bits_set(u8 *data, u32 offset, u32 size, u32 value);

/* What the field's usages are to its input device, which learns that it has them. Before that is registered. */
void hid_field_map(struct hid_field *f);
/* What a device of that application is called behind its name; NULL: none that is driven here. */
const char *hid_application_name(u32 application);
