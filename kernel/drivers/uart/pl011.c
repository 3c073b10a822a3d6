/*
 * The PL011 UART: console of Arm machines, both ways by interrupt.
 *
 * Two callers write: the log (pl011_log_write) and the tty layer
 * (pl011_console_write). Both put bytes into the FIFO while it has room and
 * into a ring behind it, which the transmit interrupt drains. What arrives
 * goes to console_input. In a panic bytes are written by polling.
 *
 * Source: Arm DDI 0183G, chapter 3.
 */
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "irq/domain.h"
#include "mm/kmap.h"
#include "sched/softirq.h"
#include "tty/console.h"

#define UARTDR		0x000
#define UARTFR		0x018
#define UARTIBRD	0x024
#define UARTFBRD	0x028
#define UARTLCR_H	0x02c
#define UARTCR		0x030
#define UARTIFLS	0x034
#define UARTIMSC	0x038
#define UARTMIS		0x040
#define UARTICR		0x044
#define REGS_SIZE	0x1000

#define DR_ERRORS	0xf00	/* overrun, break, parity, framing */
#define FR_RXFE		0x10
#define FR_TXFF		0x20
#define LCR_8N1_FIFO	0x70
#define CR_ENABLE	0x301	/* UARTEN, TXE, RXE */
#define IFLS_LEVELS	0x10	/* transmit at 1/8, receive at 1/2 full */
#define INT_RX		0x50	/* receive level, receive timeout */
#define INT_TX		0x20
#define INT_ALL		0x7ff
#define BAUD		115200

#define RING_SIZE	4096	/* a power of two */
#define CHARACTER_NS	(NSEC_PER_SEC / 100)	/* a hundred times what one needs at our speed */

static struct pl011 {
	u8 *regs;
	struct spinlock lock;		/* irq kind */
	u32 head, tail;			/* ring positions, running freely [lock] */
	u32 enabled;			/* what UARTIMSC holds [lock] */
	bool tx_wanted;			/* a console write was cut short, or somebody waits for the end [lock] */
	u32 log_lost;			/* bytes of log that found no room [lock] */
	bool stuck;			/* it takes no more [a panic] */
	struct spinlock input;		/* irq kind, class pl011.input: one CPU reads, for the line may move to another */
	u32 held_count;			/* of held [input] */
	char held[32];			/* read from the FIFO, not yet taken by the terminal [input] */
	struct work resume;
	struct log_sink sink;
	struct console console;
	char ring[RING_SIZE];		/* [lock] */
} pl011;

/* Interrupts on and off. [lock] */
static void pl011_enable(struct pl011 *u, u32 on, u32 off)
{
	u32 want = (u->enabled | on) & ~off;

	if (want != u->enabled)
		mmio_write32(u->regs + UARTIMSC, u->enabled = want);
}

/* Ring into FIFO while there is room; the interrupt is on only while the ring holds something. [lock] */
static void pl011_fill_fifo(struct pl011 *u)
{
	bool was_empty = u->head == u->tail;

	while (u->tail != u->head && !(mmio_read32(u->regs + UARTFR) & FR_TXFF))
		mmio_write32(u->regs + UARTDR, (u8)u->ring[u->tail++ % RING_SIZE]);
	if (!was_empty && u->tail == u->head)
		pl011_enable(u, 0, INT_TX);
}

/* [lock] */
static size_t pl011_put(struct pl011 *u, const char *s, size_t n)
{
	size_t done = 0;

	if (u->head == u->tail)
		while (done < n && !(mmio_read32(u->regs + UARTFR) & FR_TXFF))
			mmio_write32(u->regs + UARTDR, (u8)s[done++]);
	if (done == n)
		return done;
	while (done < n && u->head - u->tail < RING_SIZE)
		u->ring[u->head++ % RING_SIZE] = s[done++];
	/* The FIFO is full, so the level that raises the interrupt will be passed. */
	pl011_enable(u, INT_TX, 0);
	return done;
}

static size_t pl011_console_write(struct console *c, const char *s, size_t n)
{
	struct pl011 *u = container_of(c, struct pl011, console);
	u64 flags = spin_lock_irqsave(&u->lock);
	size_t done = pl011_put(u, s, n);

	if (done < n)
		u->tx_wanted = true;
	spin_unlock_irqrestore(&u->lock, flags);
	return done;
}

/* Lines for people: a newline also returns the carriage. The log itself keeps what the ring has no room for. */
static void pl011_log_write(struct log_sink *sink, const char *s, size_t n)
{
	struct pl011 *u = container_of(sink, struct pl011, sink);
	u64 flags = spin_lock_irqsave(&u->lock);

	while (n) {
		const char *nl = memchr(s, '\n', n);
		size_t part = nl ? (size_t)(nl - s) : n;

		u->log_lost += part - pl011_put(u, s, part);
		if (nl) {
			u->log_lost += 2 - pl011_put(u, "\r\n", 2);
			part++;
		}
		s += part;
		n -= part;
	}
	spin_unlock_irqrestore(&u->lock, flags);
}

/* A panic goes on without a console that takes nothing more: whoever is at its other end may hold it for ever. */
static void pl011_poll_out(struct pl011 *u, char c)
{
	u64 end = clock_ns() + CHARACTER_NS;

	while (!u->stuck && mmio_read32(u->regs + UARTFR) & FR_TXFF) {
		u->stuck = clock_ns() >= end;
		cpu_relax();
	}
	if (!u->stuck)
		mmio_write32(u->regs + UARTDR, (u8)c);
}

/* The machine is ending: other CPUs are stopped, the lock may be held by one of them. First what waits in the ring. */
static void pl011_log_panic(struct log_sink *sink, const char *s, size_t n)
{
	struct pl011 *u = container_of(sink, struct pl011, sink);

	while (u->tail != u->head)
		pl011_poll_out(u, u->ring[u->tail++ % RING_SIZE]);
	for (; n; n--, s++) {
		if (*s == '\n')
			pl011_poll_out(u, '\r');
		pl011_poll_out(u, *s);
	}
}

static void pl011_set(struct pl011 *u, u32 on, u32 off)
{
	u64 flags = spin_lock_irqsave(&u->lock);

	pl011_enable(u, on, off);
	spin_unlock_irqrestore(&u->lock, flags);
}

/* Held bytes to the terminal: false when it has no room. The rest stays, and the FIFO fills until it has. [input] */
static bool pl011_hand_over(struct pl011 *u)
{
	size_t taken = u->held_count ? console_input(&u->console, u->held, u->held_count) : 0;

	u->held_count -= taken;
	memmove(u->held, u->held + taken, u->held_count);
	return u->held_count == 0;
}

static void pl011_receive(struct pl011 *u)
{
	u64 flags = spin_lock_irqsave(&u->input);
	bool room = pl011_hand_over(u);

	while (room && !(mmio_read32(u->regs + UARTFR) & FR_RXFE)) {
		u32 c = mmio_read32(u->regs + UARTDR);

		if (!(c & DR_ERRORS))
			u->held[u->held_count++] = c;
		if (u->held_count == sizeof(u->held))
			room = pl011_hand_over(u);
	}
	if (room)
		room = pl011_hand_over(u);
	pl011_set(u, room ? INT_RX : 0, room ? 0 : INT_RX);
	/* Room that came before the interrupt was off had no one to tell; from here on input_resume is called. */
	if (!room && pl011_hand_over(u))
		work_queue(&u->resume);
	spin_unlock_irqrestore(&u->input, flags);
}

/* The terminal has room. What is held, or lies in the FIFO with its interrupt acknowledged, raises no new one: read
 * it. */
static void pl011_resume(struct work *w)
{
	pl011_receive(container_of(w, struct pl011, resume));
}

static void pl011_input_resume(struct console *c)
{
	work_queue(&container_of(c, struct pl011, console)->resume);
}

static bool pl011_drained(struct console *c)
{
	struct pl011 *u = container_of(c, struct pl011, console);
	u64 flags = spin_lock_irqsave(&u->lock);
	bool empty = u->head == u->tail;

	if (!empty)
		u->tx_wanted = true;
	spin_unlock_irqrestore(&u->lock, flags);
	return empty;
}

static enum irq_result pl011_irq(void *arg)
{
	struct pl011 *u = arg;
	u32 cause = mmio_read32(u->regs + UARTMIS);
	bool ready = false;

	if (!cause)
		return IRQ_NONE;
	mmio_write32(u->regs + UARTICR, cause);
	if (cause & INT_RX)
		pl011_receive(u);
	if (cause & INT_TX) {
		u64 flags = spin_lock_irqsave(&u->lock);

		pl011_fill_fifo(u);
		if (u->log_lost && u->head - u->tail < RING_SIZE / 2) {
			char note[64];
			u32 lost = u->log_lost;

			u->log_lost = 0;
			pl011_put(u, note, scnprintf(note, sizeof(note), "(%u bytes of log not shown)\r\n", lost));
		}
		ready = u->tx_wanted && u->head - u->tail < RING_SIZE / 2;
		if (u->head == u->tail)
			u->tx_wanted = false;
		spin_unlock_irqrestore(&u->lock, flags);
	}
	if (ready)
		console_tx_ready(&u->console);
	return IRQ_HANDLED;
}

/* A line that firmware has already enabled keeps its speed; otherwise 115200 8N1 if the clock is known (3.3.6). */
static void pl011_setup(struct pl011 *u)
{
	u32 control = mmio_read32(u->regs + UARTCR);

	mmio_write32(u->regs + UARTIMSC, 0);
	mmio_write32(u->regs + UARTICR, INT_ALL);
	if (!(control & 1)) {
		if (platform.uart.clock_hz >= 16 * BAUD) {
			u32 divisor = (platform.uart.clock_hz * 4ull + BAUD / 2) / BAUD;

			mmio_write32(u->regs + UARTIBRD, divisor >> 6);
			mmio_write32(u->regs + UARTFBRD, divisor & 0x3f);
		}
		mmio_write32(u->regs + UARTLCR_H, LCR_8N1_FIFO);
	}
	mmio_write32(u->regs + UARTIFLS, IFLS_LEVELS);
	mmio_write32(u->regs + UARTCR, control | CR_ENABLE);
}

static int pl011_probe(void)
{
	struct pl011 *u = &pl011;
	struct irq *irq;
	int err;

	if (!platform.uart.present)
		return -ENODEV;
	u->regs = mmio_map_found(platform.uart.reg.base, REGS_SIZE, UARTFR, "uart-pl011");
	if (!u->regs)
		return -ENXIO;
	spin_init(&u->lock, "pl011");
	spin_init(&u->input, "pl011.input");
	pl011_setup(u);
	u->sink.write = pl011_log_write;
	u->sink.write_panic = pl011_log_panic;
	log_sink_add(&u->sink);

	/* Without its interrupt the line still shows the log. */
	irq = irq_from_firmware(platform.uart.intid, platform.uart.trigger);
	if (is_err(irq))
		return ptr_err(irq);
	err = irq_attach(irq, pl011_irq, u, "uart-pl011");
	if (err) {
		irq_destroy(irq);
		return err;
	}
	u->console.name = "ttyAMA0";
	u->resume.fn = pl011_resume;
	u->console.major = 204;
	u->console.minor = 64;
	u->console.write = pl011_console_write;
	u->console.input_resume = pl011_input_resume;
	u->console.drained = pl011_drained;
	console_register(&u->console);
	pl011_set(u, INT_RX, 0);
	irq_unmask(irq);
	return 0;
}
PLATFORM_DRIVER(pl011, DRIVER_CONSOLE, pl011_probe);
