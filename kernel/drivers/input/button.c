/*
 * The machine's power button as an input device, as on Linux: KEY_POWER goes down and comes up. What then happens is
 * for programs to say (init turns the machine off).
 *
 * Two kinds: an interrupt of an ACPI generic event device, whose register, if it has one, says what it was about; and a
 * pin of a PL061 that the device tree calls a key. Both say that it was pressed, not how long.
 *
 * Source: ACPI 6.4, 5.6.9 (generic events; fw/acpi_devices.c knows what the method would do); Arm DDI 0190 (PL061),
 * 3.3.
 */
#include <linux/input.h>
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "base/string.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "input/input.h"
#include "irq/domain.h"
#include "irq/irq.h"
#include "mm/kmap.h"
#include "mm/slab.h"

#define GPIODIR		0x400
#define GPIOIS		0x404		/* level, else edge */
#define GPIOIBE		0x408		/* either edge */
#define GPIOIEV		0x40c		/* rising */
#define GPIOIE		0x410
#define GPIOMIS		0x418
#define GPIOIC		0x41c
#define PL061_SIZE	0x1000

struct button {
	struct input_device *input;
	u8 *regs;			/* NULL: the interrupt says it all */
	u32 size;			/* bytes of the event device's register */
	u64 mask;			/* of it, or the pin's bit */
	bool stuck;			/* the pin's interrupt did not go away [its handler's] */
};

static void pressed(struct button *b)
{
	for (s32 down = 1; down >= 0; down--) {
		input_event(b->input, EV_KEY, KEY_POWER, down);
		input_event(b->input, EV_SYN, SYN_REPORT, 0);
	}
}

/* Reading it takes what happened; a register of a width that cannot be read was not accepted by fw. */
static u64 event_read(const struct button *b)
{
	switch (b->size) {
	case 1:
		return mmio_read8(b->regs);
	case 2:
		return mmio_read16(b->regs);
	case 4:
		return mmio_read32(b->regs);
	}
	return mmio_read64(b->regs);
}

static enum irq_result event_irq(void *arg)
{
	struct button *b = arg;

	if (b->regs && !(event_read(b) & b->mask))
		return IRQ_NONE;
	pressed(b);
	return IRQ_HANDLED;
}

/* One that stays is nobody's, so that its line is put under guard like any that storms; it was pressed once. */
static enum irq_result pin_irq(void *arg)
{
	struct button *b = arg;
	bool again = b->stuck;

	if (!(mmio_read32(b->regs + GPIOMIS) & b->mask))
		return IRQ_NONE;
	mmio_write32(b->regs + GPIOIC, b->mask);
	b->stuck = mmio_read32(b->regs + GPIOMIS) & b->mask;
	if (!again)
		pressed(b);
	return b->stuck ? IRQ_NONE : IRQ_HANDLED;
}

static u32 bits_with(const struct button *b, u32 at, bool on)
{
	u32 v = mmio_read32(b->regs + at) & ~b->mask;

	return on ? v | b->mask : v;
}

static void pin_start(struct button *b, bool active_low)
{
	mmio_write32(b->regs + GPIODIR, bits_with(b, GPIODIR, false));
	mmio_write32(b->regs + GPIOIS, bits_with(b, GPIOIS, false));
	mmio_write32(b->regs + GPIOIBE, bits_with(b, GPIOIBE, false));
	mmio_write32(b->regs + GPIOIEV, bits_with(b, GPIOIEV, !active_low));
	mmio_write32(b->regs + GPIOIC, b->mask);
	mmio_write32(b->regs + GPIOIE, bits_with(b, GPIOIE, true));
}

static int button_start(struct button *b, const char *name, u32 intid, enum irq_trigger trigger, irq_handler handler)
{
	struct irq *irq;
	int err;

	b->input = input_new();
	if (!b->input)
		return -ENOMEM;
	b->input->id.bustype = BUS_HOST;
	b->input->name = kstrdup(name);
	input_can(b->input, EV_SYN, EV_KEY);
	input_can(b->input, EV_KEY, KEY_POWER);
	err = input_register(b->input);
	if (err) {
		input_free(b->input);
		return err;
	}
	irq = irq_from_firmware(intid, trigger);
	err = is_err(irq) ? (int)ptr_err(irq) : irq_attach(irq, handler, b, name);
	if (!err) {
		irq_unmask(irq);
		return 0;
	}
	if (!is_err(irq))
		irq_destroy(irq);
	input_unregister(b->input);
	return err;
}

static int event_button(void)
{
	static struct button b;
	const struct platform_range *reg = &platform.power_button.reg;
	enum irq_trigger trigger = platform.power_button.trigger;

	b.mask = platform.power_button.mask;
	b.size = reg->size;
	if (!b.mask && (trigger == IRQ_LEVEL_HIGH || trigger == IRQ_LEVEL_LOW))
		return -ENXIO;		/* a level, and nothing that would end it */
	if (!b.mask)
		b.regs = NULL;
	else if (b.size == sizeof(u32) && IS_ALIGNED(reg->base, sizeof(u32)))
		b.regs = mmio_map_found(reg->base, reg->size, 0, "Power Button");
	else				/* it may not answer when a word is asked for */
		b.regs = mmio_map(reg->base, reg->size);
	if (b.mask && !b.regs)
		return -ENXIO;
	return button_start(&b, "Power Button", platform.power_button.intid, trigger, event_irq);
}

static int pin_button(void)
{
	static struct button b;
	int err;

	b.mask = BIT(platform.power_key.pin);
	b.regs = mmio_map_found(platform.power_key.reg.base, PL061_SIZE, 0, "gpio-keys");
	if (!b.regs)
		return -ENXIO;
	mmio_write32(b.regs + GPIOIE, 0);	/* of no pin before somebody asks */
	err = button_start(&b, "gpio-keys", platform.power_key.intid, platform.power_key.trigger, pin_irq);
	if (!err)
		pin_start(&b, platform.power_key.active_low);
	return err;
}

static int button_probe(void)
{
	if (platform.power_button.present)
		return event_button();
	return platform.power_key.present ? pin_button() : -ENODEV;
}
PLATFORM_DRIVER(power_button, DRIVER_LATE, button_probe);
