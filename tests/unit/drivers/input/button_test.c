/*
 * The power button's two drivers, with an event device and a pin of the test's own: interrupts that say nothing, that never
 * go away, that firmware described as they cannot be.
 *
 * sources:
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/input/button.c"

#define REGS 0x7f0000006000ull
#define PIN 3

struct platform platform;
static u32 event_button_width;

static struct model {
	u32 raised;		/* the pin's interrupts; the event device's register */
	u32 enabled;
	bool stuck;		/* what is cleared stays */
	u32 reads;
	bool there;		/* the input device */
	bool down, line_open;
	u32 presses, syncs, lines;
	int irq_err, attach_err;
	irq_handler handler;
	void *arg;
} model;

/* ---- what stands around the driver ------------------------------------------------------------------ */

static struct input_device input;
static struct irq line;

struct input_device *input_new(void)
{
	memset(&input, 0, sizeof(input));
	return &input;
}

u64 *input_bits(u64 *table, u32 type) { return table + type; }
void input_free(struct input_device *dev) { kfree(dev->name); }
int input_register(struct input_device *dev) { model.there = true; return 0; }

void input_unregister(struct input_device *dev)
{
	model.there = false;
	kfree(dev->name);
}

void input_event(struct input_device *dev, u32 type, u32 code, s32 value)
{
	EXPECT(model.there);
	if (type == EV_SYN) {
		model.syncs++;
		return;
	}
	EXPECT_EQ(type, (u32)EV_KEY);
	EXPECT_EQ(code, (u32)KEY_POWER);
	EXPECT_EQ(model.down, !value);
	model.down = value;
	model.presses += value;
}

struct irq *irq_from_firmware(u32 intid, enum irq_trigger trigger)
{
	if (model.irq_err)
		return err_ptr(model.irq_err);
	model.lines++;
	return &line;
}

void irq_destroy(struct irq *irq) { model.lines--; }
void irq_unmask(struct irq *irq) { model.line_open = true; }

int irq_attach(struct irq *irq, irq_handler handler, void *arg, const char *name)
{
	if (model.attach_err)
		return model.attach_err;
	model.handler = handler;
	model.arg = arg;
	return 0;
}

/* ---- the devices ------------------------------------------------------------------------------------ */

static u64 pl061_read(void *arg, u64 at, unsigned width)
{
	EXPECT_EQ(width, 4u);
	return at == GPIOMIS ? model.raised & model.enabled : at == GPIOIE ? model.enabled : 0;
}

static void pl061_write(void *arg, u64 at, unsigned width, u64 value)
{
	EXPECT_EQ(width, 4u);
	if (at == GPIOIC && !model.stuck)
		model.raised &= ~value;
	if (at == GPIOIE)
		model.enabled = value;
}

static struct host_mmio pl061 = { .base = REGS, .size = PL061_SIZE, .read = pl061_read, .write = pl061_write };

/* Reading takes what is there. */
static u64 event_register_read(void *arg, u64 at, unsigned width)
{
	u32 v = model.raised;

	EXPECT_EQ(width, event_button_width);
	model.reads++;
	if (!model.stuck)
		model.raised = 0;
	return v;
}

static struct host_mmio event_register = { .base = REGS, .size = 8, .read = event_register_read };

/* The line is raised. */
static enum irq_result interrupt(void)
{
	EXPECT(model.line_open);
	return model.handler(model.arg);
}

static int begin_pin(void)
{
	platform = (struct platform){ .power_key = { .present = true, .pin = PIN, .reg = { REGS, PL061_SIZE } } };
	host_mmio_add(&pl061);
	return button_probe();
}

static int begin_event(u64 mask, u32 width, enum irq_trigger trigger)
{
	platform = (struct platform){
		.power_button = { .present = true, .trigger = trigger, .reg = { REGS, mask ? width : 0 }, .mask = mask },
	};
	event_button_width = width;
	host_mmio_add(&event_register);
	return button_probe();
}

static void end(void)
{
	host_mmio_remove(&pl061);
	host_mmio_remove(&event_register);
	if (model.there)
		input_unregister(&input);
	EXPECT_EQ(host_alloc_live(), 0ull);
	EXPECT_EQ(model.presses * 2, model.syncs);
	EXPECT(!model.down);
	model = (struct model){ 0 };
}

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(a_pin)
{
	model.enabled = 0xff;		/* left by firmware */
	EXPECT_EQ(begin_pin(), 0);
	EXPECT_EQ(model.enabled, BIT(PIN));
	EXPECT_EQ(interrupt(), IRQ_NONE);
	model.raised = 0xff & ~BIT(PIN);
	EXPECT_EQ(interrupt(), IRQ_NONE);
	for (u32 i = 1; i <= 100; i++) {
		model.raised |= BIT(PIN);
		EXPECT_EQ(interrupt(), IRQ_HANDLED);
		EXPECT_EQ(model.presses, i);
	}
	end();
}

/* It is pressed once, and nobody's from then on: the line's guard sees to it. */
TEST(a_pin_that_stays)
{
	model.stuck = true;
	EXPECT_EQ(begin_pin(), 0);
	model.raised = BIT(PIN);
	for (u32 i = 0; i < 1000; i++)
		EXPECT_EQ(interrupt(), IRQ_NONE);
	EXPECT_EQ(model.presses, 1u);
	model.stuck = false;
	EXPECT_EQ(interrupt(), IRQ_HANDLED);
	model.raised = BIT(PIN);
	EXPECT_EQ(interrupt(), IRQ_HANDLED);
	EXPECT_EQ(model.presses, 2u);
	end();
}

TEST(an_event_device)
{
	static const u32 widths[] = { 1, 2, 4, 8 };

	for (u32 i = 0; i < ARRAY_SIZE(widths); i++) {
		EXPECT_EQ(begin_event(2, widths[i], IRQ_EDGE_RISING), 0);
		for (u32 n = 0; n < 1000; n++)
			EXPECT_EQ(interrupt(), IRQ_NONE);	/* without a word of what it was */
		model.raised = 1;
		EXPECT_EQ(interrupt(), IRQ_NONE);		/* another's event */
		model.raised = 3;
		EXPECT_EQ(interrupt(), IRQ_HANDLED);
		EXPECT_EQ(model.presses, 1u);
		end();
	}
}

TEST(an_event_device_without_a_register)
{
	EXPECT_EQ(begin_event(0, 0, IRQ_EDGE_RISING), 0);
	EXPECT_EQ(interrupt(), IRQ_HANDLED);
	EXPECT_EQ(model.presses, 1u);
	EXPECT_EQ(model.reads, 0u);
	end();
	/* A level that nothing would end. */
	EXPECT_EQ(begin_event(0, 0, IRQ_LEVEL_HIGH), -ENXIO);
	EXPECT(!model.line_open);
	end();
}

TEST(nothing_is_there)
{
	host_hole = REGS;
	host_hole_size = PL061_SIZE;
	EXPECT_EQ(begin_pin(), -ENXIO);
	EXPECT(host_log_has("gpio-keys: there is nothing"));
	end();
	host_hole = REGS;
	host_hole_size = PL061_SIZE;
	EXPECT_EQ(begin_event(1, 4, IRQ_EDGE_RISING), -ENXIO);
	EXPECT(host_log_has("Power Button: there is nothing"));
	EXPECT_EQ(model.reads, 0u);
	host_hole_size = 0;
	end();
}

TEST(no_line_for_it)
{
	model.irq_err = -EINVAL;
	EXPECT_EQ(begin_pin(), -EINVAL);
	EXPECT_EQ(model.enabled, 0u);
	end();
	model.attach_err = -EBUSY;
	EXPECT_EQ(begin_event(1, 4, IRQ_EDGE_RISING), -EBUSY);
	EXPECT_EQ(model.lines, 0u);
	EXPECT(!model.there);
	end();
}
