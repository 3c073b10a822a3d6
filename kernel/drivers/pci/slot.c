/*
 * Slots that take and give cards while the machine runs: the hot-plug side of a PCI Express root port or switch port.
 *
 * The port's interrupt says that something happened; a thread a slot does what is to be done, under the bus's lock. A
 * card that is put in is powered up, found and bound. The attention button asks for a change: the power indicator
 * blinks for five seconds, in which a second press takes it back; then drivers give the card up and the slot loses
 * power. A card that is pulled without asking takes its drivers with it, whose registers then read all ones.
 *
 * When presence or link changed, the card that is there may be another one, however short the time in between: it
 * loses its power under its drivers, as if it was pulled, and is found anew. What changes while the slot comes to
 * power is our own doing, up to the link; nothing is bound to the card by then.
 *
 * Source: PCI Express Base 5.0, 6.7.1 (hot plug), 6.6.1 (what a card may take after power-up), 7.5.3.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "base/printf.h"
#include "core/clock.h"
#include "core/log.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "sched/wait.h"

#define EXP_LINK_CAP	0x0c
#define  LINK_REPORTS	(1u << 20)	/* data link layer state is to be seen */
#define EXP_LINK_STATUS	0x12
#define  LINK_ACTIVE	0x2000
#define EXP_SLOT_CAP	0x14
#define  SLOT_BUTTON	0x01
#define  SLOT_POWER	0x02
#define  SLOT_HOTPLUG	0x40
#define  SLOT_NO_COMPLETED 0x40000
#define EXP_SLOT_CONTROL 0x18
#define  CONTROL_ON_BUTTON 0x0001
#define  CONTROL_ON_PRESENCE 0x0008
#define  CONTROL_ON_COMPLETED 0x0010
#define  CONTROL_INTERRUPT 0x0020
#define  CONTROL_INDICATOR 0x0300
#define   INDICATOR_ON	0x0100
#define   INDICATOR_BLINK 0x0200
#define   INDICATOR_OFF	0x0300
#define  CONTROL_POWER_OFF 0x0400
#define  CONTROL_ON_LINK 0x1000
#define EXP_SLOT_STATUS	0x1a
#define  EVENT_BUTTON	0x0001
#define  EVENT_PRESENCE	0x0008
#define  EVENT_COMPLETED 0x0010
#define  EVENT_LINK	0x0100
#define  EVENTS		(EVENT_BUTTON | EVENT_PRESENCE | EVENT_COMPLETED | EVENT_LINK | 0x0006)
#define  STATUS_PRESENT	0x0040
#define EVENT_TIME	0x10000		/* ours: five seconds are over */
#define EVENT_BEGIN	0x20000		/* ours: see what is there */

#define EVENTS_MAX	16		/* in a row: no person and no card is as quick as that */
#define BUTTON_NS	(5 * NSEC_PER_SEC)	/* 6.7.1.5 */
#define COMMAND_NS	(1 * NSEC_PER_SEC)	/* 6.7.3.2: a command is completed by then */
#define OFF_NS		(1 * NSEC_PER_SEC)	/* 6.7.1.8: from power off to the next step */
#define LINK_NS		(1 * NSEC_PER_SEC)
#define SETTLE_NS	(100 * NSEC_PER_MSEC)	/* 6.6.1: before the first access behind a link that came up */

enum slot_state { SLOT_OFF, SLOT_ON, SLOT_TURNING_ON, SLOT_TURNING_OFF };

struct slot {
	struct pci_device *port;	/* referenced */
	u8 cap;
	u32 caps;			/* Slot Capabilities */
	struct spinlock lock;		/* irq kind */
	u32 events;			/* EVENT_* not looked at yet [a] */
	bool completed;			/* the last command [a] */
	bool gone;			/* the port is given up: the thread ends, and frees this [P; read without] */
	enum slot_state state;		/* [the thread's] */
	struct timer timer;		/* while the button may be pressed again */
	struct wait_queue wait;
};

static u16 slot_status(struct slot *s) { return pci_read16(s->port, s->cap + EXP_SLOT_STATUS); }

/*
 * What has happened since the last time. A message comes when the first event is noted, and none while one is: until all
 * are taken, and each by one CPU, though the next message may go to another. [lock]
 */
static u32 slot_take(struct slot *s)
{
	u32 all = 0, status;

	for (u32 n = 0; (status = slot_status(s)) != 0xffff && (status &= EVENTS); n++) {
		if (n == EVENTS_MAX) {
			pci_write16(s->port, s->cap + EXP_SLOT_CONTROL,
				    pci_read16(s->port, s->cap + EXP_SLOT_CONTROL) & ~CONTROL_INTERRUPT);
			log_err("pcieport %s: events that cannot be cleared (%x): nothing is heard of the slot any more",
				s->port->dev.name, status);
			break;
		}
		pci_write16(s->port, s->cap + EXP_SLOT_STATUS, status);
		all |= status;
	}
	return all;
}

static enum irq_result slot_irq(void *arg)
{
	struct slot *s = arg;
	u64 flags = spin_lock_irqsave(&s->lock);
	u32 all = slot_take(s);

	if (all & EVENT_COMPLETED)
		atomic_store(&s->completed, true);
	atomic_fetch_or(&s->events, all & ~EVENT_COMPLETED);
	spin_unlock_irqrestore(&s->lock, flags);
	if (!all)
		return IRQ_NONE;
	wait_wake_all(&s->wait);
	return IRQ_HANDLED;
}

static void slot_time(struct timer *t)
{
	struct slot *s = container_of(t, struct slot, timer);

	atomic_fetch_or(&s->events, EVENT_TIME);
	wait_wake_all(&s->wait);
}

/* ---- what the slot is told ------------------------------------------------------------------------ */

/* Change these bits of Slot Control, and wait until the port has done so, if it says when. */
static void slot_control(struct slot *s, u16 bits, u16 value)
{
	u64 flags = spin_lock_irqsave(&s->lock);
	u16 control = pci_read16(s->port, s->cap + EXP_SLOT_CONTROL);

	atomic_store(&s->completed, false);
	pci_write16(s->port, s->cap + EXP_SLOT_CONTROL, (control & ~bits) | value);
	spin_unlock_irqrestore(&s->lock, flags);
	if (s->caps & SLOT_NO_COMPLETED)
		return;
	if (wait_event_uninterruptible(&s->wait, atomic_load(&s->completed) || READ_ONCE(s->gone), clock_ns() + COMMAND_NS))
		log_warn("pcieport %s: the slot has not completed a command", s->port->dev.name);
}

/* Without a power controller only the indicator says so. */
static void slot_power(struct slot *s, u16 indicator, bool on)
{
	u16 bits = CONTROL_INDICATOR | (s->caps & SLOT_POWER ? CONTROL_POWER_OFF : 0);

	slot_control(s, bits, (indicator | (on ? 0 : CONTROL_POWER_OFF)) & bits);
	if (!on && s->caps & SLOT_POWER)
		wait_until(clock_ns() + OFF_NS);
}

static bool slot_present(struct slot *s)
{
	u16 status = slot_status(s);

	return status != 0xffff && status & STATUS_PRESENT;
}

static bool slot_link_reports(struct slot *s)
{
	return pci_read32(s->port, s->cap + EXP_LINK_CAP) & LINK_REPORTS;
}

static bool slot_link(struct slot *s)
{
	u16 status = pci_read16(s->port, s->cap + EXP_LINK_STATUS);

	return !slot_link_reports(s) || (status != 0xffff && status & LINK_ACTIVE);
}

/* ---- cards come and go; all with [P] -------------------------------------------------------------- */

static void slot_empty(struct slot *s)
{
	struct pci_bus *b = s->port->below;

	while (b && !list_empty(&b->devices))
		pci_remove(list_last(&b->devices, struct pci_device, node));
}

/* The indicator is turned off last, not before power is gone for sure (6.7.1.8). */
static void slot_off(struct slot *s)
{
	slot_power(s, INDICATOR_BLINK, false);
	slot_control(s, CONTROL_INDICATOR, INDICATOR_OFF);
	s->state = SLOT_OFF;
}

static void slot_turn_off(struct slot *s)
{
	log_info("pcieport %s: the card is given up", s->port->dev.name);
	slot_empty(s);
	slot_off(s);
}

/* The power-up's own events are over. Whether there is still a card with a link. */
static bool slot_is_up(struct slot *s)
{
	slot_irq(s);
	atomic_fetch_and(&s->events, ~(EVENT_PRESENCE | EVENT_LINK));
	return slot_present(s) && slot_link(s);
}

static void slot_turn_on(struct slot *s)
{
	slot_power(s, INDICATOR_ON, true);
	wait_event_uninterruptible(&s->wait, slot_link(s) || READ_ONCE(s->gone), clock_ns() + LINK_NS);
	if (!slot_link_reports(s))
		wait_until(clock_ns() + SETTLE_NS);
	if (!slot_link(s) || !slot_is_up(s)) {
		log_err("pcieport %s: there is a card, and no link to it", s->port->dev.name);
		slot_off(s);
		return;
	}
	wait_until(clock_ns() + SETTLE_NS);
	log_info("pcieport %s: a card", s->port->dev.name);
	s->state = SLOT_ON;
	pci_rescan(s->port->below);
}

/* What the drivers are bound to is not there any more, or not what it was: no register of another card is touched. */
static void slot_pulled(struct slot *s)
{
	bool there = slot_present(s);		/* without power it may not be seen */

	log_info("pcieport %s: the card %s", s->port->dev.name, there ? "may be another one" : "was pulled");
	slot_power(s, INDICATOR_BLINK, false);
	slot_empty(s);
	s->state = SLOT_OFF;
	if (there || slot_present(s))
		slot_turn_on(s);
	else
		slot_control(s, CONTROL_INDICATOR, INDICATOR_OFF);
}

static void slot_button(struct slot *s)
{
	bool on = s->state == SLOT_ON || s->state == SLOT_TURNING_OFF;

	if (s->state == SLOT_TURNING_ON || s->state == SLOT_TURNING_OFF) {
		timer_cancel(&s->timer);
		atomic_fetch_and(&s->events, ~EVENT_TIME);
		s->state = on ? SLOT_ON : SLOT_OFF;
		slot_control(s, CONTROL_INDICATOR, on ? INDICATOR_ON : INDICATOR_OFF);
		return;
	}
	s->state = on ? SLOT_TURNING_OFF : SLOT_TURNING_ON;
	slot_control(s, CONTROL_INDICATOR, INDICATOR_BLINK);
	timer_set(&s->timer, clock_ns() + BUTTON_NS);
}

static void slot_look(struct slot *s, u32 events)
{
	u32 changed = events & (EVENT_PRESENCE | EVENT_LINK);
	bool on, there = slot_present(s);

	if (events & EVENT_BUTTON)
		slot_button(s);
	on = s->state == SLOT_ON || s->state == SLOT_TURNING_OFF;
	/* What is there says more than what was asked for: a card that came is taken at once. */
	if (on && (changed || (events & EVENT_BEGIN && (!there || !slot_link(s))))) {
		timer_cancel(&s->timer);
		slot_pulled(s);
	} else if (!on && there && (events & (EVENT_PRESENCE | EVENT_BEGIN) || (changed && slot_link(s)))) {
		timer_cancel(&s->timer);
		slot_turn_on(s);
	} else if (events & EVENT_TIME && s->state == SLOT_TURNING_OFF) {
		slot_turn_off(s);
	} else if (events & EVENT_TIME && s->state == SLOT_TURNING_ON && there) {
		slot_turn_on(s);
	}
}

static void slot_thread(void *arg)
{
	struct slot *s = arg;
	bool gone = false;

	while (!gone) {
		u32 events;

		wait_event(&s->wait, atomic_load(&s->events) || READ_ONCE(s->gone));
		mutex_lock(&pci_bus_type.lock);
		events = atomic_xchg(&s->events, 0);
		gone = s->gone;
		if (!gone)
			slot_look(s, events);
		mutex_unlock(&pci_bus_type.lock);
	}
	timer_cancel_sync(&s->timer);
	bus_device_put(&s->port->dev);
	kfree(s);
}

/* ---- the port ------------------------------------------------------------------------------------- */

bool pci_takes_cards(struct pci_device *d)
{
	u8 cap = d->bus->host->fw->slots_kept ? 0 : pci_find_cap(d, PCI_CAP_EXP, 0);

	return cap && pci_read16(d, cap + 2u) & PCI_EXP_SLOT && pci_read32(d, cap + EXP_SLOT_CAP) & SLOT_HOTPLUG;
}

/* All events are wanted from here on; what is in the slot already is looked at, and was not put in just now. */
static void slot_begin(struct slot *s)
{
	u16 control;

	s->state = list_empty(&s->port->below->devices) ? SLOT_OFF : SLOT_ON;
	slot_irq(s);
	atomic_store(&s->events, EVENT_BEGIN);
	control = pci_read16(s->port, s->cap + EXP_SLOT_CONTROL);
	control |= CONTROL_ON_PRESENCE | CONTROL_ON_LINK | CONTROL_INTERRUPT;
	control |= s->caps & SLOT_BUTTON ? CONTROL_ON_BUTTON : 0;
	control |= s->caps & SLOT_NO_COMPLETED ? 0 : CONTROL_ON_COMPLETED;
	pci_irq_enable(s->port, 0);
	pci_write16(s->port, s->cap + EXP_SLOT_CONTROL, control);
	wait_wake_all(&s->wait);
}

static int slot_probe(struct pci_device *port)
{
	struct slot *s;
	int err;

	if (!port->below || !pci_takes_cards(port))
		return -ENODEV;
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->port = port;
	s->cap = pci_find_cap(port, PCI_CAP_EXP, 0);
	s->caps = pci_read32(port, s->cap + EXP_SLOT_CAP);
	spin_init(&s->lock, "pci slot");
	wait_queue_init(&s->wait, "pci slot.wait");
	timer_init(&s->timer, slot_time);
	err = pci_irq_alloc(port, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (err < 0)
		goto no_irq;
	err = pci_irq_attach(port, 0, slot_irq, s, "pciehp");
	if (err)
		goto no_attach;
	err = -ENOMEM;
	bus_device_get(&port->dev);
	if (!thread_create("pciehp", slot_thread, s))
		goto no_thread;
	port->driver_data = s;
	slot_begin(s);
	return 0;

no_thread:
	bus_device_put(&port->dev);
	pci_irq_detach(port, 0, s);
no_attach:
	pci_irq_free(port);
no_irq:
	kfree(s);
	return err;
}

/* The cards stay; nobody looks after the slot any more. */
static void slot_remove(struct pci_device *port)
{
	struct slot *s = port->driver_data;
	u16 control = pci_read16(port, s->cap + EXP_SLOT_CONTROL);

	pci_write16(port, s->cap + EXP_SLOT_CONTROL, control & ~CONTROL_INTERRUPT);
	pci_irq_disable(port, 0);
	pci_irq_detach(port, 0, s);
	pci_irq_free(port);
	WRITE_ONCE(s->gone, true);
	wait_wake_all(&s->wait);	/* frees s when it gets the lock that is held here */
}

static const struct pci_id slot_ids[] = { PCI_CLASS(0x060400, 0xffffff), { 0 } };
PCI_DRIVER(slot, .name = "pcieport", .ids = slot_ids, .probe = slot_probe, .remove = slot_remove);
