/*
 * Slots whose cards come and go, over a port's registers: cards put in and pulled, the button, events that come while
 * others are handled, and ports that do not do what they are told.
 *
 * sources: bus/bus.c drivers/pci/scan.c drivers/pci/bar.c
 */
#include "unit.h"
#include "host.h"
#include "drivers/pci/slot.c"

#define CONFIG		0x600000000000ull
#define CAP		0x40u
#define POWER_FAULT	0x0002u

/* ---- the port ---- */

static struct {
	u16 control, status;
	bool card, no_link;		/* in the slot; it never answers */
	bool deaf;			/* commands are not completed */
	bool stuck;			/* events are not cleared */
	bool gone;			/* the port itself was pulled */
	bool no_power, no_reports;	/* no power controller; the link's state is not told */
	bool in_band;			/* presence is seen by the link alone: not without power */
	irq_handler handler;
	void *arg;
} port;

static void port_raise(void *arg)
{
	if (port.handler)
		port.handler(port.arg);
}

static void port_event(u16 events)
{
	port.status |= events;
	if (port.control & CONTROL_INTERRUPT)
		host_interrupt(port_raise, NULL);
}

static bool port_present(void) { return port.card && !(port.in_band && port.control & CONTROL_POWER_OFF); }
static bool port_link(void) { return port.card && !port.no_link && !(port.control & CONTROL_POWER_OFF); }

static u64 port_read(void *arg, u64 at, unsigned width)
{
	if (port.gone)
		return ~0ull >> (64 - 8 * width);
	switch (at) {
	case PCI_STATUS: return PCI_STATUS_CAPS;
	case PCI_CAP_POINTER: return CAP;
	case CAP: return PCI_CAP_EXP;
	case CAP + 2: return PCI_EXP_SLOT;
	case CAP + EXP_LINK_CAP: return port.no_reports ? 0 : LINK_REPORTS;
	case CAP + EXP_LINK_STATUS: return port_link() && !port.no_reports ? LINK_ACTIVE : 0;
	case CAP + EXP_SLOT_CAP: return SLOT_BUTTON | (port.no_power ? 0 : SLOT_POWER) | SLOT_HOTPLUG;
	case CAP + EXP_SLOT_CONTROL: return port.control;
	case CAP + EXP_SLOT_STATUS: return port.status | (port_present() ? STATUS_PRESENT : 0);
	default: return 0;
	}
}

static u32 offs;			/* times that power was taken */

static void port_write(void *arg, u64 at, unsigned width, u64 v)
{
	bool present, link;

	if (at == CAP + EXP_SLOT_STATUS && !port.stuck)
		port.status &= ~v;			/* a bit that is written is cleared */
	if (at != CAP + EXP_SLOT_CONTROL)
		return;
	present = port_present();
	link = port_link();
	offs += v & ~port.control & CONTROL_POWER_OFF ? 1 : 0;
	port.control = v;
	if (!port.deaf)
		port_event(EVENT_COMPLETED);
	/* What power takes and gives is an event as any. */
	if (port_present() != present)
		port_event(EVENT_PRESENCE);
	if (port_link() != link && !port.no_reports)
		port_event(EVENT_LINK);
}

static struct host_mmio registers = { .base = CONFIG, .size = 4096, .read = port_read, .write = port_write };

/* ---- what the slot calls ---- */

static struct platform_pci fw;
static struct pci_host host = { .fw = &fw };
static struct pci_bus root = { .host = &host }, below = { .host = &host, .parent = &root };
static struct pci_device device, card;
static u32 found, removed, spoken_to, irqs_given;
static void (*while_removed)(void);
struct platform platform;

static void released(struct bus_device *d) { }
struct bus_type pci_bus_type = { BUS_INIT(pci_bus_type, "pci"), .release = released };

void pci_rescan(struct pci_bus *b)
{
	found++;
	if (port.card && list_empty(&b->devices))
		list_push_back(&b->devices, &card.node);
}

void pci_remove(struct pci_device *d)
{
	removed++;
	spoken_to += port_link();
	list_remove(&d->node);
	if (while_removed)
		while_removed();
}

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types) { irqs_given++; return 1; }
void pci_irq_free(struct pci_device *d) { irqs_given--; }
void pci_irq_enable(struct pci_device *d, u32 i) { }
void pci_irq_disable(struct pci_device *d, u32 i) { }

/* On a wire that others share the handler is called as soon as it is there. */
int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	port.handler = handler;
	port.arg = arg;
	host_interrupt(port_raise, NULL);
	return 0;
}

void pci_irq_detach(struct pci_device *d, u32 i, void *arg) { port.handler = NULL; }
struct pci_bus *pci_bus_create(struct pci_host *h, struct pci_bus *p, struct pci_device *b, u8 n) { return NULL; }

static void begin_slot(bool card_is_there, bool no_power, bool no_reports)
{
	static bool ready;

	if (!ready)
		host_mmio_add(&registers);
	ready = true;
	memset(&port, 0, sizeof(port));
	port.control = card_is_there ? INDICATOR_ON : INDICATOR_OFF | CONTROL_POWER_OFF;
	port.card = card_is_there;
	port.no_power = no_power;
	port.no_reports = no_reports;
	port.status = card_is_there ? EVENT_PRESENCE | EVENT_LINK : 0;	/* since the machine was switched on */
	if (no_power)
		port.control &= ~CONTROL_POWER_OFF;
	found = removed = spoken_to = offs = 0;
	while_removed = NULL;
	list_init(&below.devices);
	below.bridge = &device;
	if (card_is_there)
		list_push_back(&below.devices, &card.node);
	device = (struct pci_device){ .bus = &root, .below = &below, .config = (u8 *)CONFIG, .dev = { .bus = &pci_bus_type, .refs = 1 } };
	mutex_lock(&pci_bus_type.lock);
	EXPECT_EQ(slot_probe(&device), 0);
	mutex_unlock(&pci_bus_type.lock);
	host_run();
}

static void begin(bool card_is_there) { begin_slot(card_is_there, false, false); }

static void end(void)
{
	mutex_lock(&pci_bus_type.lock);
	slot_remove(&device);
	mutex_unlock(&pci_bus_type.lock);
	host_run();
	host_clock_advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(device.dev.refs, 1u);		/* the thread let go of the port */
	EXPECT_EQ(irqs_given, 0u);
}

static bool powered(void) { return !(port.control & CONTROL_POWER_OFF); }
static u32 indicator(void) { return port.control & CONTROL_INDICATOR; }

static void put_in(void)
{
	port.card = true;
	port_event(EVENT_PRESENCE);
	host_clock_advance(8 * NSEC_PER_SEC);
}

static void pull_out(void)
{
	port.card = false;
	port_event(EVENT_PRESENCE | EVENT_LINK);
	host_clock_advance(8 * NSEC_PER_SEC);
}

/* ---- cards ---- */

TEST(a_card_is_put_in_and_pulled)
{
	begin(false);
	EXPECT(!powered());
	for (u32 i = 1; i <= 3; i++) {
		put_in();
		EXPECT(powered());
		EXPECT_EQ(indicator(), INDICATOR_ON);
		EXPECT_EQ(found, i);
		pull_out();
		EXPECT_EQ(removed, i);
		EXPECT(!powered());
		EXPECT_EQ(indicator(), INDICATOR_OFF);
	}
	EXPECT(host_log_has("the card was pulled"));
	end();
}

TEST(what_is_there_at_boot_stays)
{
	begin(true);
	host_clock_advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(found + removed, 0u);
	EXPECT(powered());
	end();
	EXPECT(!list_empty(&below.devices));
}

TEST(the_button_asks_and_takes_back)
{
	begin(true);
	port_event(EVENT_BUTTON);
	host_clock_advance(NSEC_PER_SEC);
	EXPECT_EQ(indicator(), INDICATOR_BLINK);
	EXPECT_EQ(removed, 0u);
	port_event(EVENT_BUTTON);
	host_clock_advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(indicator(), INDICATOR_ON);
	EXPECT_EQ(removed, 0u);
	port_event(EVENT_BUTTON);
	host_clock_advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_EQ(found, 0u);			/* the link that went with the power was no other card's */
	EXPECT(!powered());
	EXPECT_EQ(indicator(), INDICATOR_OFF);
	/* And on again: the card is still in the slot. */
	port_event(EVENT_BUTTON);
	host_clock_advance(6 * NSEC_PER_SEC);
	EXPECT_EQ(found, 1u);
	EXPECT(powered());
	end();
}

TEST(a_card_that_is_pulled_while_the_button_waits)
{
	begin(true);
	port_event(EVENT_BUTTON);
	host_clock_advance(NSEC_PER_SEC);
	pull_out();
	EXPECT_EQ(removed, 1u);
	host_clock_advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_EQ(indicator(), INDICATOR_OFF);
	end();
}

/* ---- another card at once: presence and link are as they were when the slot looks ---- */

static void swapped(u16 events)
{
	port_event(events);
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_EQ(found, 1u);
	EXPECT(powered());
	EXPECT_EQ(indicator(), INDICATOR_ON);
	end();
}

TEST(another_card_at_once)
{
	static const u16 events[] = { EVENT_PRESENCE, EVENT_LINK, EVENT_PRESENCE | EVENT_LINK, EVENT_PRESENCE | EVENT_BUTTON };

	for (u32 i = 0; i < ARRAY_SIZE(events); i++) {
		begin(true);
		swapped(events[i]);
		EXPECT_EQ(offs, 1u);
		EXPECT_EQ(spoken_to, 0u);	/* the old one's drivers did not reach the new one */
	}
}

TEST(another_card_while_the_button_waits)
{
	begin(true);
	port_event(EVENT_BUTTON);
	host_clock_advance(NSEC_PER_SEC);
	swapped(EVENT_PRESENCE);
}

TEST(another_card_whose_presence_goes_with_the_power)
{
	begin(true);
	port.in_band = true;
	/* Without power nobody sees it: its link comes up again with the next one who asks. */
	port_event(EVENT_PRESENCE | EVENT_LINK);
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_EQ(found, 1u);
	EXPECT(powered());
	end();
}

TEST(another_card_without_power_controller_or_link_reports)
{
	begin_slot(true, true, false);
	swapped(EVENT_PRESENCE);
	begin_slot(true, false, true);
	swapped(EVENT_PRESENCE);
	begin_slot(true, true, true);
	swapped(EVENT_PRESENCE);
}

TEST(another_card_after_power_was_up)
{
	begin(false);
	put_in();
	EXPECT_EQ(found, 1u);
	port_event(EVENT_PRESENCE);
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_EQ(found, 2u);
	end();
}

/* ---- events while others are handled ---- */

static void back_again(void)
{
	while_removed = NULL;
	port.card = true;
	port_event(EVENT_PRESENCE);
}

TEST(another_card_comes_while_the_first_is_given_up)
{
	begin(true);
	while_removed = back_again;
	pull_out();
	host_clock_advance(2 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_GE(found, 1u);
	EXPECT(powered());
	EXPECT(!list_empty(&below.devices));
	end();
}

TEST(a_card_that_goes_before_its_link_is_there)
{
	begin(false);
	port.no_link = true;
	port.card = true;
	port_event(EVENT_PRESENCE);
	host_run();
	port.card = false;
	port_event(EVENT_PRESENCE);
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT_EQ(found, 0u);
	EXPECT(!powered());
	port.no_link = false;
	put_in();
	EXPECT_EQ(found, 1u);
	end();
}

TEST(the_port_goes_while_its_slot_waits)
{
	begin(false);
	port.no_link = true;
	port.card = true;
	port_event(EVENT_PRESENCE);
	host_run();
	port.gone = true;
	host_clock_advance(8 * NSEC_PER_SEC);
	end();
	EXPECT_EQ(found, 0u);
}

/* ---- ports that do not do what they are told ---- */

TEST(a_card_without_a_link)
{
	begin(false);
	port.no_link = true;
	put_in();
	host_clock_advance(2 * NSEC_PER_SEC);
	EXPECT(host_log_has("there is a card, and no link to it"));
	EXPECT_EQ(found, 0u);
	EXPECT(!powered());
	end();
}

TEST(a_port_that_never_completes_a_command)
{
	begin(false);
	port.deaf = true;
	put_in();
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT(host_log_has("the slot has not completed a command"));
	EXPECT_EQ(found, 1u);				/* the card is there all the same */
	pull_out();
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	end();
}

/* The port took the power itself: the link goes, the card is in the slot. */
TEST(a_power_fault)
{
	begin(true);
	port.no_link = true;
	port_event(POWER_FAULT | EVENT_LINK);
	host_clock_advance(8 * NSEC_PER_SEC);
	EXPECT_EQ(removed, 1u);
	EXPECT_EQ(found, 0u);
	EXPECT(!powered());
	EXPECT_EQ(port.status & EVENTS, 0u);		/* it is heard of the next one */
	pull_out();
	port.no_link = false;
	put_in();
	EXPECT_EQ(found, 1u);
	end();
}

TEST(events_that_cannot_be_cleared)
{
	begin(true);
	port.stuck = true;
	port_event(EVENT_BUTTON);
	EXPECT(host_log_has("events that cannot be cleared"));
	EXPECT(!(port.control & CONTROL_INTERRUPT));
	host_clock_advance(10 * NSEC_PER_SEC);
	end();
}

TEST(ports_that_have_no_such_slot)
{
	begin(true);
	end();
	fw.slots_kept = true;				/* firmware's */
	mutex_lock(&pci_bus_type.lock);
	EXPECT_EQ(slot_probe(&device), -ENODEV);
	fw.slots_kept = false;
	device.below = NULL;
	EXPECT_EQ(slot_probe(&device), -ENODEV);
	mutex_unlock(&pci_bus_type.lock);
}
