/*
 * Keyboards, mice, tablets: a USB interface whose report descriptor says what it has. Each application in it (a
 * keyboard with volume keys has two) becomes an input device; reports come in the interrupt and go there as events;
 * LEDs that programs set go the other way, by the controller's thread.
 *
 * Events are those that Linux makes of the same reports: in which order, with a key's usage before the key, with wheels
 * in clicks and in parts of them.
 *
 * Source: HID 1.11, 5.5-5.8 (reports), 7.2 (requests), 8.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/usb/hid.h"
#include "drivers/usb/xhci.h"
#include "mm/slab.h"

enum { SET_REPORT = 0x09, SET_IDLE = 0x0a };	/* 7.2 */
#define REPORT_OUTPUT		2u
#define SUBCLASS_BOOT		1
#define PROTOCOL_KEYBOARD	1
#define DESCRIPTION_MAX		4096u		/* Linux's limit, too */
#define WHEEL_CLICK		120		/* parts of one, input-event-codes.h */
#define DUE_LEDS		DUE_DRIVER

struct hid {
	struct hid_description d;	/* values [h], the rest [S] */
	struct hid_input *inputs;	/* [T] */
	bool short_told;		/* [h] */
};

/* One application's input device. */
struct hid_input {
	struct usb_function *function;
	struct hid_input *next;
	u32 application;
	struct input_device *dev;
	u32 leds;			/* that are to be on, a bit each by code [a] */
};

/* ---- reports: hard interrupt, [h] -------------------------------------------------------------------- */

static void key_report(struct input_device *dev, const struct hid_usage *u, bool down)
{
	if (u->type != EV_KEY)
		return;
	input_event(dev, EV_MSC, MSC_SCAN, u->usage);
	input_event(dev, EV_KEY, u->code, down);
}

static void variable_report(struct hid_field *f, u32 i, s32 value)
{
	const struct hid_usage *u = &f->usages[i];
	s32 old = f->values[i];

	if (f->min < f->max && (value < f->min || value > f->max)) {
		if (f->flags & FIELD_NULL)
			return;			/* it says that it has nothing to say */
		value = value < f->min ? f->min : f->max;
	}
	f->values[i] = value;
	if (u->type == EV_KEY) {
		if (!value != !old)
			key_report(f->input, u, value);
	} else if (u->type == EV_REL && (u->code == REL_WHEEL_HI_RES || u->code == REL_HWHEEL_HI_RES)) {
		input_event(f->input, EV_REL, u->code == REL_WHEEL_HI_RES ? REL_WHEEL : REL_HWHEEL, value);
		input_event(f->input, EV_REL, u->code, (s32)((u32)value * WHEEL_CLICK));
	} else if (u->type != EV_SYN) {
		input_event(f->input, u->type, u->code, value);
	}
}

/* The usage that an array's number stands for; NULL: none. */
static const struct hid_usage *array_usage(const struct hid_field *f, s32 value)
{
	s64 i = (s64)value - f->min;

	return value <= f->max && i >= 0 && i < f->usage_count ? &f->usages[i] : NULL;
}

static bool among(const s32 *values, u32 n, s32 value)
{
	for (u32 i = 0; i < n; i++)
		if (values[i] == value)
			return true;
	return false;
}

/* Which keys are down, in any order: who is new in the row went down, who is missing came up. */
static void array_report(struct hid_field *f, const s32 *values)
{
	for (u32 i = 0; i < f->count; i++) {
		const struct hid_usage *u = array_usage(f, values[i]);

		if (u && u->usage == USAGE_ROLLOVER)
			return;			/* more keys than it can tell */
	}
	for (u32 i = 0; i < f->count; i++) {
		const struct hid_usage *u = array_usage(f, f->values[i]);

		if (u && !among(values, f->count, f->values[i]))
			key_report(f->input, u, false);
		u = array_usage(f, values[i]);
		if (u && !among(f->values, f->count, values[i]))
			key_report(f->input, u, true);
	}
	memcpy(f->values, values, f->count * sizeof(*values));
}

static s32 value_at(const struct hid_field *f, const u8 *data, u32 n, u32 i)
{
	u32 v = hid_bits(data, n, f->offset + i * f->size, f->size), shift = 32 - f->size;

	return f->min < 0 ? (s32)(v << shift) >> shift : (s32)v;
}

static void field_report(struct hid_field *f, const u8 *data, u32 n)
{
	s32 values[64];

	if (f->flags & FIELD_VARIABLE) {
		for (u32 i = 0; i < f->count; i++)
			variable_report(f, i, value_at(f, data, n, i));
		return;
	}
	if (f->count > ARRAY_SIZE(values))
		return;			/* nobody has that many fingers */
	for (u32 i = 0; i < f->count; i++)
		values[i] = value_at(f, data, n, i);
	array_report(f, values);
}

static void hid_report(struct usb_function *function, const u8 *data, u32 n)
{
	struct hid *hid = function->data;
	u8 id = 0;

	if (hid->d.numbered) {
		if (!n)
			return;
		id = data[0];
		data++;
		n--;
	}
	for (u32 i = 0; i < hid->d.count; i++) {
		struct hid_field *f = &hid->d.fields[i];

		if (f->output || f->report != id || !f->input)
			continue;
		if (DIV_ROUND_UP(f->offset + f->size * f->count, 8) <= n) {
			field_report(f, data, n);
		} else if (!hid->short_told) {
			hid->short_told = true;
			log_warn("usb %s: a report %u ends after %u bytes: what it lacks stays as it was",
				 function->dev->name, id, n);
		}
	}
	for (struct hid_input *in = hid->inputs; in; in = in->next)
		input_event(in->dev, EV_SYN, SYN_REPORT, 0);
}

/* ---- LEDs ------------------------------------------------------------------------------------------- */

/* The input layer's; its lock is held. */
static void hid_event(struct input_device *dev, u32 type, u32 code, s32 value)
{
	struct hid_input *in = dev->driver_data;

	if (type != EV_LED)
		return;
	if (value)
		atomic_fetch_or(&in->leds, (u32)BIT(code));
	else
		atomic_fetch_and(&in->leds, ~(u32)BIT(code));
	usb_work(in->function, DUE_LEDS);
}

static struct hid_input *input_of(struct hid *hid, const struct input_device *dev)
{
	struct hid_input *in = hid->inputs;

	while (in && in->dev != dev)
		in = in->next;
	return in;
}

/* Send the output report of that number. */
static int output_send(struct usb_function *function, u8 id)
{
	struct hid *hid = function->data;
	u32 n = DIV_ROUND_UP(hid->d.out_bits[id], 8) + (id ? 1 : 0);
	u8 *data = kzalloc(n);
	int err;

	if (!data)
		return -ENOMEM;
	data[0] = id;
	for (u32 i = 0; i < hid->d.count; i++) {
		struct hid_field *f = &hid->d.fields[i];
		struct hid_input *in = f->output && f->report == id ? input_of(hid, f->input) : NULL;

		for (u32 u = 0; in && f->flags & FIELD_VARIABLE && u < f->count; u++)
			if (f->usages[u].type == EV_LED && atomic_load(&in->leds) & BIT(f->usages[u].code))
				hid_bits_set(data + (id ? 1 : 0), f->offset + u * f->size, f->size, 1);
	}
	err = usb_control(function->dev, USB_CLASS | USB_TO_INTERFACE, SET_REPORT, REPORT_OUTPUT << 8 | id,
			  function->interface.number, data, n);
	kfree(data);
	return MIN(err, 0);
}

static int hid_work(struct usb_function *function, u32 due)
{
	struct hid *hid = function->data;
	int err = 0;

	for (u32 i = 0; i < hid->d.count && err != -ENODEV; i++) {
		struct hid_field *f = &hid->d.fields[i];
		bool first = f->output && f->input;

		for (struct hid_field *g = hid->d.fields; g < f && first; g++)
			first = !g->output || !g->input || g->report != f->report;
		if (first)
			err = output_send(function, f->report);
	}
	return err == -ENODEV ? err : 0;	/* LEDs that stay dark are no reason to lose the keys */
}

/* ---- coming and going ------------------------------------------------------------------------------- */

static void inputs_free(struct hid *hid, bool registered)
{
	while (hid->inputs) {
		struct hid_input *in = hid->inputs;

		hid->inputs = in->next;
		if (registered)
			input_unregister(in->dev);
		else
			input_free(in->dev);
		kfree(in);
	}
}

/* Name, place, number and version as Linux gives them. */
static int identity(struct usb_function *function, struct hid_input *in, bool alone)
{
	struct usb_device *usb = function->dev;
	const char *suffix = alone ? "" : hid_application_name(in->application);
	char text[320];
	const char *way = strchr(usb->name, '-');

	if (usb->manufacturer && usb->product)
		snprintf(text, sizeof(text), "%s %s%s", usb->manufacturer, usb->product, suffix);
	else if (usb->manufacturer || usb->product)
		snprintf(text, sizeof(text), "%s%s", usb->product ?: usb->manufacturer, suffix);
	else
		snprintf(text, sizeof(text), "HID %04x:%04x%s", le16_to_cpu(usb->descriptor.vendor),
			 le16_to_cpu(usb->descriptor.product), suffix);
	in->dev->name = kstrdup(text);
	snprintf(text, sizeof(text), "usb-%s%s/input%u", usb->hc->pci->dev.name, way, function->interface.number);
	in->dev->phys = kstrdup(text);
	in->dev->uniq = kstrdup(usb->serial ?: "");
	in->dev->id = (struct input_id){ BUS_USB, le16_to_cpu(usb->descriptor.vendor),
					 le16_to_cpu(usb->descriptor.product), function->interface.hid_version };
	return in->dev->name && in->dev->phys && in->dev->uniq ? 0 : -ENOMEM;
}

/* The input device of an application, made if there is none yet; NULL: none is driven, or no memory. */
static struct hid_input *input_for(struct usb_function *function, u32 application)
{
	struct hid *hid = function->data;
	struct hid_input *in, **end = &hid->inputs;

	if (!hid_application_name(application))
		return NULL;
	for (in = *end; in; end = &in->next, in = *end)
		if (in->application == application)
			return in;
	in = kzalloc(sizeof(*in));
	if (!in)
		return NULL;
	in->dev = input_new();
	if (!in->dev) {
		kfree(in);
		return NULL;
	}
	in->function = function;
	in->application = application;
	in->dev->event = hid_event;
	in->dev->driver_data = in;
	return *end = in;
}

/* Its input devices, as far as anybody could use them. */
static int inputs_make(struct usb_function *function)
{
	struct hid *hid = function->data;

	for (u32 i = 0; i < hid->d.count; i++) {
		struct hid_field *f = &hid->d.fields[i];
		struct hid_input *in = input_for(function, f->application);

		if (!in)
			continue;
		f->input = in->dev;
		hid_field_map(f);
	}
	for (struct hid_input *in = hid->inputs; in; in = in->next)
		if (identity(function, in, hid->d.applications == 1))
			return -ENOMEM;
	return hid->inputs ? 0 : -ENODEV;
}

static int inputs_register(struct hid *hid)
{
	struct hid_input *rest;
	int err = 0;

	for (struct hid_input **in = &hid->inputs; *in && !err; in = &(*in)->next) {
		err = input_register((*in)->dev);
		if (!err)
			continue;
		/* Those before it go the way of registered ones. */
		rest = *in;
		*in = NULL;
		inputs_free(hid, true);
		hid->inputs = rest;
		break;
	}
	return err;
}

static int description_read(struct usb_function *function)
{
	struct hid *hid = function->data;
	u32 size = function->interface.report_size;
	u8 *text;
	int n;

	if (!size || size > DESCRIPTION_MAX)
		return -EPROTO;
	text = kzalloc(size);
	if (!text)
		return -ENOMEM;
	n = usb_control(function->dev, USB_IN | USB_TO_INTERFACE, GET_DESCRIPTOR, DT_REPORT << 8,
			function->interface.number, text, size);
	if (n >= 0)
		n = hid_describe(text, n, &hid->d);
	kfree(text);
	return n;
}

/* Whole packets, so that a longer report than it says is no babble. */
static int listen(struct usb_function *function)
{
	struct hid *hid = function->data;
	u32 packet = function->interface.packet_max, bytes = DIV_ROUND_UP(MAX(hid->d.in_bytes, 1u), packet) * packet;

	return usb_listen(function, bytes);
}

static int hid_bind(struct usb_function *function)
{
	struct hid *hid = kzalloc(sizeof(*hid));
	bool registered = false;
	int err;

	if (!hid)
		return -ENOMEM;
	function->data = hid;
	err = description_read(function);
	if (!err)
		err = inputs_make(function);
	if (!err) {
		/* Reports when something changes, and not else; a device that cannot says so by a stall. 7.2.4 */
		err = usb_control(function->dev, USB_CLASS | USB_TO_INTERFACE, SET_IDLE, 0, function->interface.number,
				  NULL, 0);
		err = err == -EPIPE ? 0 : MIN(err, 0);
	}
	if (!err) {
		err = inputs_register(hid);
		registered = !err;
	}
	if (!err)
		err = listen(function);
	if (!err) {
		/* Firmware may have left some on. */
		if (function->interface.subclass == SUBCLASS_BOOT && function->interface.protocol == PROTOCOL_KEYBOARD)
			usb_work(function, DUE_LEDS);
		return 0;
	}
	inputs_free(hid, registered);
	hid_description_free(&hid->d);
	kfree(hid);
	return err;
}

static void hid_unbind(struct usb_function *function)
{
	struct hid *hid = function->data;

	inputs_free(hid, true);
	hid_description_free(&hid->d);
	kfree(hid);
}

const struct usb_driver usb_hid_driver = {
	.name = "usbhid", .class = CLASS_HID, .bind = hid_bind, .report = hid_report, .work = hid_work,
	.unbind = hid_unbind,
};
