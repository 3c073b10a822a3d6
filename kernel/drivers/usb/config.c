/*
 * A configuration's descriptors, which the device wrote: a row of pieces, each with its length and type first. Nothing
 * is believed of them that does not lie within the bytes at hand.
 *
 * Source: USB 2.0, 9.6; USB 3.2, 9.6.7 (companions); HID 1.11, 6.2.1.
 */
#include "base/string.h"
#include "drivers/usb/usb.h"

#define INTERFACE_SIZE	9u
#define ENDPOINT_SIZE	7u
#define HID_SIZE	9u
#define COMPANION_SIZE	6u
#define INTERRUPT	3u
#define PACKET_MAX	1024u

/* The piece at *at, which moves on; NULL: the rest is none. */
static const u8 *piece(const u8 *config, u32 length, u32 *at)
{
	const u8 *p = config + *at;

	if (length - *at < 2 || p[0] < 2 || p[0] > length - *at)
		return NULL;
	*at += p[0];
	return p;
}

/* An endpoint; the first interrupt IN one is the interface's. */
static void endpoint(struct usb_interface *out, const u8 *p)
{
	u32 packet = get_unaligned_le16(p + 4);

	if (out->in || !(p[2] & USB_IN) || !(p[2] & 0xf) || (p[3] & 3) != INTERRUPT)
		return;
	if (!(packet & 0x7ff) || (packet & 0x7ff) > PACKET_MAX || (packet >> 11 & 3) == 3)
		return;
	out->in = p[2];
	out->packet_max = packet & 0x7ff;
	out->burst = packet >> 11 & 3;
	out->interval = p[6];
}

bool usb_config_next(const u8 *config, u32 length, u32 *at, struct usb_interface *out)
{
	bool inside = false;
	u32 here = *at;
	const u8 *p;
	u8 last = 0;

	memset(out, 0, sizeof(*out));
	while ((p = piece(config, length, &here))) {
		if (p[1] == DT_INTERFACE) {
			if (inside)
				break;
			if (p[0] >= INTERFACE_SIZE && p[3] == 0) {
				*out = (struct usb_interface){ .number = p[2], .endpoints = p[4], .class = p[5],
							       .subclass = p[6], .protocol = p[7] };
				inside = true;
			}
		} else if (!inside) {
			continue;
		} else if (p[1] == DT_ENDPOINT && p[0] >= ENDPOINT_SIZE) {
			endpoint(out, p);
			last = p[2];
		} else if (p[1] == DT_COMPANION && p[0] >= COMPANION_SIZE && out->in && last == out->in) {
			out->burst = p[2] & 0xf;
		} else if (p[1] == DT_HID && p[0] >= HID_SIZE && p[6] == DT_REPORT) {
			out->hid_version = get_unaligned_le16(p + 2);
			out->report_size = get_unaligned_le16(p + 7);
		}
		*at = here;
	}
	*at = inside && p ? *at : here;
	return inside;
}
