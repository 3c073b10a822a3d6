/*
 * An xHC by its registers, its rings and its contexts, with a keyboard that can be plugged into its ports. It does
 * what the specification says of the parts that the driver uses, and can be told to lie or to fall silent; the
 * keyboard, too.
 */
#pragma once
#include "drivers/usb/gadgets.h"

#define REGS		0x7f0000100000ull
#define REGS_SIZE	0x4000u
#define OP_AT		0x40u
#define EXTENDED_AT	0x800u
#define RUNTIME_AT	0x1000u
#define DOORBELLS_AT	0x2000u
#define SLOTS		8u
#define PORTS		4u		/* 1 and 2 of USB 2, 3 and 4 of USB 3 */
#define IN_ID		3u		/* of the keyboard's interrupt endpoint */

struct place { u64 at; u32 cycle; };	/* where in a ring it is */

struct gadget {
	u8 device[18], config[34];
	const u8 *report;
	u32 report_size;
	u8 stall;			/* this request stalls; 0xff: none */
	u8 silent;			/* this request is never answered */
	u8 cut;				/* the answer to GET_DESCRIPTOR of this type ends after a byte */
	u32 code;			/* with which each interrupt transfer ends, 0: as it should */
	bool random;			/* as a hub it answers anything, mostly at the right length */
	bool eager;			/* a report whenever it is asked for one */
	u8 output;			/* the last byte of SET_REPORT */
	u32 halts_cleared;
};

static struct {
	u32 command, status, config, iman, portsc[PORTS + 1];
	u64 crcr, dcbaa, erst, erdp;
	bool reset_hangs, context64, gone, deaf, narrow, firmware, scratch;
	u32 erdp_half, dcbaa_half;
	struct place commands, events;
	u32 event_n;
	struct { bool used; struct place ep[32]; u64 td[32]; u8 *context; u32 port; } slots[SLOTS + 1];
	u32 give_slot;			/* the slot that it says it gives out, 0: a free one */
	u32 fail;			/* the type of command that fails, and the code */
	u32 fail_code;
	struct gadget *gadgets[PORTS + 1];
	u32 resets;
	bool rang;			/* there are events since the last interrupt */
} hc;
static u8 config_space[256];
static irq_handler handler;
static void *handler_arg;

static struct gadget keyboard(void)
{
	struct gadget g = {
		.device = { 18, 1, 0, 2, 0, 0, 0, 64, 0x27, 0x06, 1, 0, 0, 0, 1, 2, 0, 1 },
		.config = HID_CONFIG(sizeof(keyboard_report)),
		.report = keyboard_report, .report_size = sizeof(keyboard_report),
		.stall = 0xff, .silent = 0xff, .cut = 0xff,
	};

	return g;
}

/* ---- events ----------------------------------------------------------------------------------------- */

static void hc_interrupt(void *arg)
{
	if (handler)
		handler(handler_arg);
}

static void event(u64 parameter, u32 status, u32 control)
{
	struct xhci_trb *ring;

	if (!hc.erst)
		return;
	EXPECT_EQ(((u64 *)hc.erst)[1], (u64)XHCI_EVENTS);
	ring = (void *)*(u64 *)hc.erst;
	ring[hc.event_n].parameter = parameter;
	ring[hc.event_n].status = status;
	__atomic_store_n(&ring[hc.event_n].control, control | (hc.events.cycle & 1), __ATOMIC_RELEASE);
	if (++hc.event_n == XHCI_EVENTS) {
		hc.event_n = 0;
		hc.events.cycle ^= 1;
	}
	hc.status |= STATUS_EVENT;
	hc.iman |= IMAN_PENDING;
	if (hc.command & COMMAND_INTERRUPTS && !hc.rang) {
		hc.rang = true;
		host_interrupt(hc_interrupt, NULL);
	}
}

static void transfer_done(u32 slot, u32 id, u64 trb, u32 code, u32 left)
{
	event(trb, code << 24 | left, TRB_TYPE(TRB_TRANSFER_EVENT) | TRB_SLOT(slot) | TRB_ENDPOINT(id));
}

static void port_news(u32 port)
{
	event((u64)port << 24, CODE_SUCCESS << 24, TRB_TYPE(TRB_PORT_EVENT));
}

/* The next TRB of a ring, with links followed; NULL: none is ours. */
static struct xhci_trb *take(struct place *p)
{
	for (;;) {
		struct xhci_trb *t = (void *)p->at;

		if (!t || (t->control & 1) != p->cycle)
			return NULL;
		if (TRB_TYPE_OF(t->control) == TRB_LINK) {
			EXPECT(t->control & TRB_LINK_TOGGLE);
			p->at = t->parameter;
			p->cycle ^= 1;
			continue;
		}
		p->at += sizeof(*t);
		return t;
	}
}

/* ---- slots and commands ----------------------------------------------------------------------------- */

static u32 context_size(void) { return hc.context64 ? 64 : 32; }
static u32 *context_at(void *base, u32 n) { return (u32 *)((u8 *)base + n * context_size()); }
static u32 *endpoint_state(u32 slot, u32 id) { return context_at(hc.slots[slot].context, id); }

/* From the input to the device's own: the state, and where the ring begins. */
static void endpoint_take(u32 slot, void *input, u32 id)
{
	u32 *from = context_at(input, id + 1), *to = endpoint_state(slot, id);

	memcpy(to, from, 32);
	to[0] |= 1;
	hc.slots[slot].ep[id] = (struct place){ (from[2] & ~15ull) | (u64)from[3] << 32, from[2] & 1 };
	hc.slots[slot].td[id] = 0;
}

static u32 command_do(const struct xhci_trb *t, u32 *slot)
{
	u32 type = TRB_TYPE_OF(t->control), id = t->control >> 16 & 0x1f, *state;
	void *input = (void *)t->parameter;

	*slot = t->control >> 24;
	if (type == TRB_ENABLE_SLOT) {
		for (*slot = 1; *slot <= SLOTS && hc.slots[*slot].used; ++*slot)
			;
		if (*slot > SLOTS)
			return CODE_NO_SLOTS;
		if (hc.give_slot)
			*slot = hc.give_slot;
		else
			hc.slots[*slot].used = true;
	}
	if (type == hc.fail)
		return hc.fail_code;
	if (type == TRB_ENABLE_SLOT)
		return CODE_SUCCESS;
	if (!*slot || *slot > SLOTS || !hc.slots[*slot].used)
		return 11;
	state = hc.slots[*slot].context ? endpoint_state(*slot, id) : NULL;
	switch (type) {
	case TRB_DISABLE_SLOT:
		memset(&hc.slots[*slot], 0, sizeof(hc.slots[*slot]));
		return CODE_SUCCESS;
	case TRB_ADDRESS_DEVICE:
		hc.slots[*slot].context = (void *)((u64 *)hc.dcbaa)[*slot];
		hc.slots[*slot].port = context_at(input, 1)[1] >> 16 & 0xff;
		EXPECT_EQ(context_at(input, 0)[1], 3u);
		endpoint_take(*slot, input, 1);
		return hc.gadgets[hc.slots[*slot].port] ? CODE_SUCCESS : 4;
	case TRB_CONFIGURE:
	case TRB_EVALUATE:
		for (u32 ep = 2; ep < 32; ep++)
			if (context_at(input, 0)[1] & BIT(ep))
				endpoint_take(*slot, input, ep);
		return CODE_SUCCESS;
	case TRB_RESET_ENDPOINT:
	case TRB_STOP_ENDPOINT:
		if ((*state & 7) != (type == TRB_RESET_ENDPOINT ? 2 : 1))
			return CODE_CONTEXT_STATE;
		*state = (*state & ~7u) | 3;
		return CODE_SUCCESS;
	case TRB_SET_DEQUEUE:
		EXPECT((*state & 7) == 3);
		hc.slots[*slot].ep[id] = (struct place){ t->parameter & ~15ull, t->parameter & 1 };
		hc.slots[*slot].td[id] = 0;
		return CODE_SUCCESS;
	}
	EXPECT(!"a command that is known");
	return 5;
}

static void commands_do(void)
{
	struct xhci_trb *t;

	while ((t = take(&hc.commands))) {
		u32 slot, code = command_do(t, &slot);

		event((u64)t, code << 24, TRB_TYPE(TRB_COMMAND_EVENT) | TRB_SLOT(slot));
	}
}

/* ---- the keyboard ----------------------------------------------------------------------------------- */

/* What it says to a request: bytes, or -1 for a stall. */
static int answer(struct gadget *g, const u8 *setup, u8 *data, u32 n)
{
	const u8 *from = NULL;
	u32 size = 0;

	if (setup[1] == g->stall || (g->random && unit_random_below(300) == 0))
		return -1;
	if (g->random && setup[0] & 0x80 && (setup[1] != GET_DESCRIPTOR || setup[3] == DT_HUB)) {
		unit_random_fill(data, n);
		if (n > 2 && setup[1] == GET_DESCRIPTOR) {
			data[1] = setup[3];
			data[2] %= 16;
		}
		return unit_random_below(50) ? n : unit_random_below(n + 1);
	}
	switch (setup[1]) {
	case GET_DESCRIPTOR:
		switch (setup[3]) {
		case DT_DEVICE: from = g->device; size = sizeof(g->device); break;
		case DT_CONFIG: from = g->config; size = sizeof(g->config); break;
		case DT_REPORT: from = g->report; size = g->report_size; break;
		case DT_STRING: from = (const u8 *)"\x08\x03H\0\n\0\1\2"; size = 8; break;
		default: return -1;
		}
		size = setup[3] == g->cut ? 1 : MIN(size, n);
		memcpy(data, from, size);
		return size;
	case SET_CONFIGURATION: return 0;
	case CLEAR_FEATURE: g->halts_cleared++; return 0;
	default: return setup[0] & 0x80 ? -1 : (int)n;
	}
}

static void halt_endpoint(u32 slot, u32 id) { *endpoint_state(slot, id) = (*endpoint_state(slot, id) & ~7u) | 2; }

static void control_do(u32 slot)
{
	struct gadget *g = hc.gadgets[hc.slots[slot].port];
	struct place *p = &hc.slots[slot].ep[1];
	struct xhci_trb *setup, *data = NULL, *status;

	while ((setup = take(p))) {
		u8 request[8];
		int n;

		EXPECT_EQ(TRB_TYPE_OF(setup->control), TRB_SETUP);
		memcpy(request, &setup->parameter, 8);
		status = take(p);
		if (status && TRB_TYPE_OF(status->control) == TRB_DATA) {
			data = status;
			status = take(p);
		}
		EXPECT(status && TRB_TYPE_OF(status->control) == TRB_STATUS);
		if (!g || request[1] == g->silent)
			return;
		if (request[0] == 0x21 && request[1] == 0x09)
			g->output = *(u8 *)data->parameter;
		n = answer(g, request, data ? (void *)data->parameter : NULL, data ? data->status & 0x1ffff : 0);
		if (n < 0) {
			halt_endpoint(slot, 1);
			transfer_done(slot, 1, (u64)(data ?: status), CODE_STALL, 0);
			return;
		}
		if (data && (u32)n < (data->status & 0x1ffff))
			transfer_done(slot, 1, (u64)data, CODE_SHORT, (data->status & 0x1ffff) - n);
		transfer_done(slot, 1, (u64)status, CODE_SUCCESS, 0);
	}
}

/* A report, if the driver asked for one. */
static bool report(u32 slot, const u8 *bytes, u32 n)
{
	u64 *td = &hc.slots[slot].td[IN_ID];
	struct xhci_trb *t = (void *)*td;

	if (!t)
		return false;
	*td = 0;
	EXPECT_GE(t->status & 0x1ffff, n);
	memcpy((void *)t->parameter, bytes, n);
	transfer_done(slot, IN_ID, (u64)t, n < (t->status & 0x1ffff) ? CODE_SHORT : CODE_SUCCESS,
		      (t->status & 0x1ffff) - n);
	return true;
}

static void interrupt_do(u32 slot, u32 id)
{
	struct gadget *g = hc.gadgets[hc.slots[slot].port];
	struct xhci_trb *t = take(&hc.slots[slot].ep[id]);

	if (!t)
		return;
	hc.slots[slot].td[id] = (u64)t;
	if (!g)
		return;
	if (g->code) {
		hc.slots[slot].td[id] = 0;
		halt_endpoint(slot, id);
		transfer_done(slot, id, (u64)t, g->code, 0);
	} else if (g->eager) {
		report(slot, (const u8 *)"\0\0\4\0\0\0\0\0", 8);
	}
}

/* ---- ports ------------------------------------------------------------------------------------------ */

static void plug(u32 port, struct gadget *g)
{
	hc.gadgets[port] = g;
	hc.portsc[port] &= ~(u32)(PORT_CONNECTED | PORT_ENABLED);
	hc.portsc[port] |= (g ? PORT_CONNECTED : 0) | PORT_CONNECT_CHANGE;
	if (g && port > 2)
		hc.portsc[port] |= PORT_ENABLED | USB_SUPER << 10;
	port_news(port);
}

static void port_written(u32 port, u32 v)
{
	u32 *p = &hc.portsc[port];

	*p &= ~(v & PORT_CHANGES);
	EXPECT(!(v & PORT_ENABLED));		/* it would disable the port */
	*p = (*p & ~(u32)PORT_POWER) | (v & PORT_POWER);
	if (v & (PORT_RESET | PORT_WARM_RESET)) {
		hc.resets++;
		if (hc.gadgets[port])
			*p = (*p & ~0x3c00u) | PORT_ENABLED | USB_HIGH << 10;
		*p |= BIT(21);
		port_news(port);
	}
}

/* ---- registers -------------------------------------------------------------------------------------- */

static void hc_reset(void)
{
	hc.command = 0;
	hc.status = STATUS_HALTED | (hc.reset_hangs ? STATUS_NOT_READY : 0);
	hc.crcr = hc.dcbaa = hc.erst = 0;
	hc.commands = (struct place){ 0 };
	hc.events.cycle = 1;
	hc.event_n = 0;
	hc.rang = false;
	memset(hc.slots, 0, sizeof(hc.slots));
	for (u32 i = 1; i <= PORTS; i++)
		hc.portsc[i] |= PORT_POWER;
}

static u64 regs_read(void *arg, u64 at, unsigned width)
{
	EXPECT_EQ(width, 4u);
	if (hc.gone)
		return ~0u;
	if (at >= OP_AT + OP_PORTS && at < OP_AT + OP_PORTS + PORTS * 16)
		return at % 16 ? 0 : hc.portsc[(at - OP_AT - OP_PORTS) / 16 + 1];
	switch (at) {
	case CAP_LENGTH: return OP_AT | 0x0100 << 16;
	case CAP_PARAMS1: return SLOTS | 1 << 8 | PORTS << 24;
	case CAP_PARAMS2: return hc.scratch ? 3u << 27 : 0;
	case CAP_HCC: return (hc.narrow ? 0 : HCC_AC64) | (hc.context64 ? HCC_CSZ : 0) | EXTENDED_AT / 4 << 16;
	case CAP_DOORBELLS: return DOORBELLS_AT;
	case CAP_RUNTIME: return RUNTIME_AT;
	case EXTENDED_AT: return 1 | 4 << 8 | (hc.firmware ? 1 << 16 : 0);
	case EXTENDED_AT + 0x10: return 2 | 4 << 8 | 2u << 24;
	case EXTENDED_AT + 0x18: return 1 | 2 << 8;
	case EXTENDED_AT + 0x20: return 2 | 3u << 24;
	case EXTENDED_AT + 0x28: return 3 | 2 << 8;
	case OP_AT + OP_COMMAND: return hc.command;
	case OP_AT + OP_STATUS: return hc.status;
	case OP_AT + OP_PAGE_SIZE: return 1;
	case RUNTIME_AT + IR_MANAGEMENT: return hc.iman;
	}
	return 0;
}

static void half(u64 *reg, bool high, u32 v)
{
	*reg = high ? (u32)*reg | (u64)v << 32 : (*reg & ~0xffffffffull) | v;
}

static void command_written(u32 v)
{
	if (v & COMMAND_RESET) {
		EXPECT(hc.status & STATUS_HALTED && !(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
		hc_reset();
		return;
	}
	hc.command = v;
	hc.status = v & COMMAND_RUN ? hc.status & ~STATUS_HALTED : hc.status | STATUS_HALTED;
	if (v & COMMAND_RUN) {
		EXPECT(!(hc.status & STATUS_NOT_READY) && hc.dcbaa && hc.crcr && hc.erst);
		EXPECT(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER);
		hc.commands = (struct place){ hc.crcr & ~63ull, hc.crcr & 1 };
		EXPECT(!hc.scratch || ((u64 **)hc.dcbaa)[0][2]);
	}
}

static void doorbell(u32 slot, u32 target)
{
	if (hc.deaf)
		return;
	if (!slot)
		commands_do();
	else if (slot <= SLOTS && target == 1)
		control_do(slot);
	else if (slot <= SLOTS)
		interrupt_do(slot, target);
}

static void regs_write(void *arg, u64 at, unsigned width, u64 v)
{
	EXPECT_EQ(width, 4u);
	if (hc.gone)
		return;
	if (at >= OP_AT + OP_PORTS && at < OP_AT + OP_PORTS + PORTS * 16)
		port_written((at - OP_AT - OP_PORTS) / 16 + 1, v);
	else if (at >= DOORBELLS_AT)
		doorbell((at - DOORBELLS_AT) / 4, v);
	switch (at) {
	case EXTENDED_AT: hc.firmware = hc.firmware && !(v & BIT(24)); break;
	case OP_AT + OP_COMMAND: command_written(v); break;
	case OP_AT + OP_STATUS: hc.status &= ~(v & (STATUS_EVENT | STATUS_HOST_ERROR)); break;
	case OP_AT + OP_COMMAND_RING: half(&hc.crcr, false, v); break;
	case OP_AT + OP_COMMAND_RING + 4: half(&hc.crcr, true, v); break;
	case OP_AT + OP_DCBAA: half(&hc.dcbaa, false, v); break;
	case OP_AT + OP_DCBAA + 4: half(&hc.dcbaa, true, v); break;
	case RUNTIME_AT + IR_TABLE: half(&hc.erst, false, v); break;
	case RUNTIME_AT + IR_TABLE + 4: half(&hc.erst, true, v); break;
	case RUNTIME_AT + IR_DEQUEUE: hc.rang = false; break;
	case RUNTIME_AT + IR_MANAGEMENT: hc.iman = (v & IMAN_ENABLE) | (hc.iman & ~v & IMAN_PENDING); break;
	}
}

static struct host_mmio regs = { .base = REGS, .size = REGS_SIZE, .read = regs_read, .write = regs_write };
