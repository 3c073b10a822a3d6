/*
 * virtio-console between its files: virtio_console.c speaks with the device, virtio_port.c with programs.
 *
 * Lock keys: [q] virtio_console.lock (irq kind), the queues and what they hold; [c] virtio_console.control (mutex),
 * which ports there are; [S] set before it is shared; [a] atomic.
 */
#pragma once
#include "base/list.h"
#include "drivers/virtio/virtio.h"
#include "mm/page.h"
#include "sched/mutex.h"
#include "sched/softirq.h"
#include "tty/console.h"

#define PORT_BUFFER	((u32)PAGE_SIZE - 24)	/* bytes: with what is before them, a page */
#define PORT_BUFFERS	16u		/* of each direction of a port: the host, when its turn comes, takes all of them */
#define CONTROL_BUFFERS	8u

struct virtio_console;

/* A piece of a port's bytes, with the device or on its way from or to a program. */
struct port_buffer {
	struct list_node node;		/* [q] */
	u32 used, taken;		/* bytes in it; of them, those that somebody has [q] */
	u8 data[PORT_BUFFER];
};
_Static_assert(sizeof(struct port_buffer) == PAGE_SIZE, "a port's buffer is a page");

/* The queues of a port's number, with their buffers: when the host takes a port away, they stay for the next. */
struct port_queues {
	struct virtqueue in, out;	/* [q] */
	bool ready;			/* [S] */
	struct port_buffer *buffers;	/* in and out; NULL: none yet [c] */
	struct list_node came;		/* in: filled, not read yet [q] */
	struct list_node free;		/* out: not with the device [q] */
	u32 free_count;			/* [q] */
};

/* What there is of a port while it is there; freed with its last reference. */
struct port {
	u32 refs;			/* the device's, and one for an open file [a] */
	struct virtio_console *v;	/* [S] */
	u32 id;				/* the device's number for it [S] */
	u32 minor;			/* [S] */
	char node_name[24];		/* "vport0p1" [S] */
	char *name;			/* as the host calls it; NULL [c] */
	struct port_queues *q;		/* [S] */
	bool gone;			/* the host took it away, or the device broke [q] */
	bool host_open;			/* [q] */
	bool in_use;			/* a program has it open [q] */
	struct mutex reader;		/* one reader at a time, of the node or for the terminal */
	struct wait_queue wait;
	struct console console;		/* of a console's port: hvcN [S] */
	bool is_console;		/* [c]; read without */
	struct work input;		/* passes on what came, to the terminal */
};

struct virtio_console {
	struct virtio_device *device;
	u32 refs;			/* the device's, and one for each port [a] */
	struct spinlock lock;
	struct mutex control;
	struct port_queues *queues;	/* of each port that there may be [q] */
	u32 port_count;			/* [S] */
	struct port **at;		/* by number; NULL: none [q] */
	struct virtqueue control_in, control_out;	/* with more than one port only [q] */
	struct port_buffer *control_buffers;
	struct list_node control_came;	/* [q] */
	bool control_done;		/* the device has taken what we said [q] */
	struct wait_queue control_wait;
	struct work control_work;
	bool multiport;			/* [S] */
};

/* ---- virtio_console.c ---- */
/* Bytes to the host, as many as there is room for. Any context, no lock of ours held. */
size_t port_send(struct port *p, const void *bytes, size_t n);
/* Some of what came, which stays: how many bytes. Then how many of them go; a buffer that is empty goes back to the
 * device. One reader at a time. Any context. */
size_t port_peek(struct port *p, void *bytes, size_t n);
void port_consume(struct port *p, size_t n);
/* Tell the host that a program opened or closed it. Process context. */
void port_tell_open(struct port *p, bool open);
void port_put(struct port *p);

/* ---- virtio_port.c ---- */
/* Its node and its name in sysfs. [c] */
int port_show(struct port *p);
void port_hide(struct port *p);
/* It is a console: hvcN. [c] */
void port_console_start(struct port *p);
void port_resize(struct port *p, u32 columns, u32 rows);
/* Bytes came, room came, or it is gone. Hard interrupt context; gone: process context. */
void port_news(struct port *p);
void port_gone(struct port *p);
