/*
 * The controller: registers, what lies in memory, and what its files share. usb.h has the story and the lock keys.
 *
 * Source: xHCI 1.2; sections and tables are named beside what they say.
 */
#pragma once
#include "base/bitmap.h"
#include "drivers/pci/pci.h"
#include "drivers/usb/usb.h"
#include "mm/dma.h"
#include "sched/wait.h"

/* Capability registers, 5.3 */
#define CAP_LENGTH		0x00
#define CAP_PARAMS1		0x04	/* slots [7:0], ports [31:24] */
#define CAP_PARAMS2		0x08	/* scratchpads: high [25:21], low [31:27] */
#define CAP_HCC			0x10	/* AC64 0, CSZ 2, extended capabilities [31:16] in words */
#define  HCC_AC64		0x1u
#define  HCC_CSZ		0x4u
#define CAP_DOORBELLS		0x14
#define CAP_RUNTIME		0x18

/* Operational registers, 5.4 */
#define OP_COMMAND		0x00
#define  COMMAND_RUN		0x1u
#define  COMMAND_RESET		0x2u
#define  COMMAND_INTERRUPTS	0x4u
#define OP_STATUS		0x04
#define  STATUS_HALTED		0x1u
#define  STATUS_HOST_ERROR	0x4u
#define  STATUS_EVENT		0x8u
#define  STATUS_NOT_READY	0x800u
#define  STATUS_INTERNAL_ERROR	0x1000u
#define OP_PAGE_SIZE		0x08
#define OP_COMMAND_RING		0x18
#define OP_DCBAA		0x30
#define OP_CONFIG		0x38
#define OP_PORTS		0x400	/* 16 bytes each */

/* A port's status and control, 5.4.8. What is written back as it was: the power, the indicator, who wakes. */
#define PORT_CONNECTED		BIT(0)
#define PORT_ENABLED		BIT(1)
#define PORT_OVERCURRENT	BIT(3)
#define PORT_RESET		BIT(4)
#define PORT_LINK(v)		((v) >> 5 & 0xf)
#define  LINK_INACTIVE		6u
#define  LINK_COMPLIANCE	10u
#define PORT_POWER		BIT(9)
#define PORT_SPEED(v)		((v) >> 10 & 0xf)
#define PORT_CONNECT_CHANGE	BIT(17)
#define PORT_CHANGES		0x00fe0000u
#define PORT_WARM_RESET		BIT(31)
#define PORT_KEEP		0x0e00c200u

/* The one interrupter's registers, 5.5.2, from the runtime registers on */
#define IR_MANAGEMENT		0x20
#define  IMAN_PENDING		0x1u
#define  IMAN_ENABLE		0x2u
#define IR_MODERATION		0x24
#define IR_TABLE_SIZE		0x28
#define IR_TABLE		0x30
#define IR_DEQUEUE		0x38
#define  DEQUEUE_BUSY		0x8u

/* TRBs, 6.4 */
struct xhci_trb { le64 parameter; le32 status, control; };
#define TRB_CYCLE		BIT(0)
#define TRB_LINK_TOGGLE		BIT(1)
#define TRB_ON_SHORT		BIT(2)
#define TRB_ON_COMPLETION	BIT(5)
#define TRB_IMMEDIATE		BIT(6)
#define TRB_DIRECTION_IN	BIT(16)
#define TRB_TYPE(t)		((u32)(t) << 10)
#define TRB_TYPE_OF(control)	((control) >> 10 & 0x3f)
#define TRB_SLOT(n)		((u32)(n) << 24)
#define TRB_ENDPOINT(n)		((u32)(n) << 16)
enum { TRB_NORMAL = 1, TRB_SETUP = 2, TRB_DATA = 3, TRB_STATUS = 4, TRB_LINK = 6, TRB_ENABLE_SLOT = 9,
       TRB_DISABLE_SLOT = 10, TRB_ADDRESS_DEVICE = 11, TRB_CONFIGURE = 12, TRB_EVALUATE = 13,
       TRB_RESET_ENDPOINT = 14, TRB_STOP_ENDPOINT = 15, TRB_SET_DEQUEUE = 16,
       TRB_TRANSFER_EVENT = 32, TRB_COMMAND_EVENT = 33, TRB_PORT_EVENT = 34 };

/* Completion codes, table 6-90 */
enum { CODE_SUCCESS = 1, CODE_BABBLE = 3, CODE_STALL = 6, CODE_NO_RESOURCES = 7, CODE_NO_BANDWIDTH = 8,
       CODE_NO_SLOTS = 9, CODE_SHORT = 13, CODE_CONTEXT_STATE = 19, CODE_STOPPED = 26, CODE_STOPPED_SHORT = 28 };

#define XHCI_RING		16u	/* TRBs of a ring of ours, the last a link */
#define XHCI_EVENTS		(PAGE_SIZE / sizeof(struct xhci_trb))
#define XHCI_COMMAND_NS		(5 * NSEC_PER_SEC)

/* A ring that we fill. [h] */
struct xhci_ring { struct xhci_trb *trbs; u32 at, cycle; };

/*
 * An endpoint. One transfer at a time is under way; its bytes and the ring, the device's to see, have pages of their
 * own.
 */
#define PIPE_BUFFER_AT	(XHCI_RING * sizeof(struct xhci_trb))	/* in the one page of an interrupt endpoint */
struct usb_pipe {
	u8 id;				/* xHCI's endpoint number, 4.5.1 [S] */
	struct usb_function *function;	/* whose interrupt endpoint it is; NULL: the default one [S] */
	struct xhci_ring ring;		/* [h] */
	void *memory;			/* of memory_size: the ring and the buffer [S] */
	u32 memory_size;
	u8 *buffer;			/* the transfer's while busy, then whoever waited for it */
	u32 room;			/* bytes of it [S] */
	bool busy;			/* a transfer is under way [h] */
	u32 first, last;		/* places of its TRBs in the ring [h] */
	u32 length, actual;		/* asked for, moved [h] */
	int status;			/* 0 or -errno [h] */
	u32 listen;			/* bytes to ask for again and again, 0: nobody wants any [h] */
};

struct xhci_port {
	u8 major;			/* of the USB version that it speaks: 2 or 3 [S] */
	u8 number;			/* from 1, among those of that version [S] */
	bool changed;			/* an event says that there is news [a] */
	bool given_up;			/* what is plugged in cannot be used [T] */
};

struct xhci {
	struct pci_device *pci;
	u8 *regs, *op, *runtime;	/* mapped: from the start, operational, runtime [S] */
	u32 regs_size;
	u32 *doorbells;			/* [S] */
	u32 slots_max, ports_max;	/* [S] */
	u32 context_size;		/* 32 or 64 [S] */
	bool wide;			/* it takes addresses of 64 bits [S] */
	struct spinlock lock;		/* irq kind, class xhci */
	struct wait_queue wait;		/* for the thread: anything happened */
	bool todo;			/* news for the thread [a] */
	bool stopping, stopped;		/* xhci_remove wants the thread's end; it has come [a] */
	bool dead;			/* it lied or is gone; said once [a] */
	bool strayed;			/* an event of nothing that is under way was told of [h] */

	le64 *dcbaa;			/* the slots' contexts; [0] the scratchpads [T] */
	le64 *scratchpads;		/* [T] */
	u32 scratchpad_count, page_size;
	void *input;			/* an input context for the command at hand [T] */
	struct xhci_ring commands;	/* [h] */
	struct {
		u64 trb;		/* the one under way, 0: none [h] */
		u32 code, slot;		/* its answer [h] */
	} command;
	struct xhci_trb *events;	/* [h] */
	le64 *event_table;
	u32 event_at, event_cycle;	/* [h] */
	struct usb_device **slots;	/* by number, 0 unused [h] */
	struct xhci_port *ports;	/* by number, 0 unused */
	struct list_node devices;	/* struct usb_device.node [T] */
	char irq_name[24];		/* for /proc/interrupts [S] */
	u32 bus[2];			/* Linux's numbers of its USB 2 and its USB 3 bus [S] */
	BITMAP_DECLARE(numbers[2], 128); /* of devices in use on each [T] */
};

static inline u32 op_read(struct xhci *h, u32 at) { return mmio_read32(h->op + at); }
static inline void op_write(struct xhci *h, u32 at, u32 v) { mmio_write32(h->op + at, v); }
static inline u32 port_read(struct xhci *h, u32 port) { return op_read(h, OP_PORTS + (port - 1) * 16); }
static inline void port_write(struct xhci *h, u32 port, u32 v) { op_write(h, OP_PORTS + (port - 1) * 16, v); }

/* Sleep until cond; -ENODEV: the controller is gone, -ETIMEDOUT. [T] */
#define xhci_wait(h, cond, ns) ({ \
	int err_ = wait_event_uninterruptible(&(h)->wait, (cond) || atomic_load(&(h)->dead), clock_ns() + (ns)); \
	(cond) ? 0 : atomic_load(&(h)->dead) ? -ENODEV : err_; })

/* ---- xhci.c ------------------------------------------------------------------------------------------- */

/* Zeroed pages that the controller can reach; NULL: none. Process context. */
void *xhci_alloc(struct xhci *h, size_t size);
/* The controller lied, does not answer or is not there: out of service, with one message. Any context. */
void xhci_die(struct xhci *h, const char *what, u64 value);
/* There is news for the thread. Any context. */
void xhci_wake(struct xhci *h);
/* A pause that the specification wants between two steps. [T] */
void xhci_pause(u64 ns);

/* ---- xhci_ring.c -------------------------------------------------------------------------------------- */

void xhci_ring_init(struct xhci_ring *r, struct xhci_trb *trbs);
/* A command and its answer: the completion code, its slot in *slot unless NULL; -ENODEV: the controller is gone. [T] */
int xhci_command(struct xhci *h, u64 parameter, u32 control, u32 *slot);
/* The same, for which all but success is an error: 0, -EIO, -ENODEV ... [T] */
int xhci_command_ok(struct xhci *h, u64 parameter, u32 control);
/* Handle all events. Hard interrupt. */
void xhci_events(struct xhci *h);

/* A control transfer in the default pipe, its bytes in the buffer. [T] */
void xhci_control_start(struct usb_device *dev, const u8 setup[8], u32 length);
/* Ask for the next piece of what an interrupt endpoint sends. [h] */
void xhci_listen_start(struct usb_device *dev, struct usb_pipe *p);

/* ---- xhci_slot.c: [T] --------------------------------------------------------------------------------- */

/* A slot, a context and the default pipe; then an address. 0 or -errno. */
int xhci_slot_enable(struct usb_device *dev);
int xhci_slot_address(struct usb_device *dev);
/* All of it back; what the controller may still write to is never used again. */
void xhci_slot_disable(struct usb_device *dev);
/* The default endpoint's packets are of this size. */
int xhci_slot_packet_max0(struct usb_device *dev, u32 packet_max);
/* Have pipes for the interrupt endpoints of all functions. */
int xhci_slot_configure(struct usb_device *dev);
/* It is a hub of so many ports; think: its translator's time, USB 2.0 11.23.2.1. */
int xhci_slot_hub(struct usb_device *dev, u32 ports, u32 think);
/* Nothing is under way in the pipe, and it can begin anew, whatever state the endpoint is in. */
int xhci_pipe_reset(struct usb_device *dev, struct usb_pipe *p);

/* ---- port.c: [T] -------------------------------------------------------------------------------------- */

void xhci_ports_work(struct xhci *h);
/* Was the device's way cut at the controller's port, or is the controller to go? */
bool xhci_port_lost(struct usb_device *dev);
