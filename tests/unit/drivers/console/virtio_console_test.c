/*
 * The virtio-console driver, with a device of the test's own whose control messages are what they should be, or not: numbers
 * of ports that there are not, names of any length, ports that come twice and go while a program has them.
 *
 * sources: drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The files under test: their start is found through sections of the kernel's image, which a host program has not. */
#include "drivers/console/virtio_console.c"
#include "drivers/console/virtio_port.c"

#define NOTIFY 0x7f0000005000ull
#define RING 16
#define PORTS 4u
#define QUEUES (2 * PORTS + 2)

static struct model {
	u64 offered;
	u32 ports;			/* the configuration says */
	u32 queues;			/* so many there are */
	u16 ring;			/* their size */
	bool silent;			/* takes no messages */
	bool chatters;			/* a buffer of the control queue is a message at once */
	struct virtqueue *vq[QUEUES];
	u16 seen[QUEUES], used[QUEUES];
	irq_handler handler;
	void *arg;
	struct control said[64];	/* by the driver, last first at said_count - 1 */
	u32 said_count, chattered;	/* messages; of those that it chatters, how many */
	u8 sent[16384];			/* by programs on port 1 */
	u32 sent_count;
	u32 consoles, resizes;
	u16 columns, rows;
	char typed[256];
	u32 typed_count;
	char name[PORT_BUFFER];		/* shown last */
	u32 nodes, names;
} model;
static struct pci_device pci;
static struct virtio_device device;

/* ---- what stands around the driver ------------------------------------------------------------------ */

int devfs_node_add(const char *name, u32 mode, u64 rdev) { model.nodes++; return 0; }
void devfs_node_remove(const char *name, u64 rdev) { model.nodes--; }
int chardev_register(struct chardev *d) { return 0; }
void sysfs_unregister(const char *path) { }

int sysfs_register_text(const char *path, const char *text)
{
	EXPECT_LT(strlen(text), sizeof(model.name));
	strcpy(model.name, text);
	model.names++;
	return 0;
}

void console_register(struct console *c)
{
	c->tty = kmalloc(1);
	model.consoles++;
}

void console_unregister(struct console *c)
{
	model.consoles--;
	c->release(c);
}

size_t console_input(struct console *c, const char *s, size_t n)
{
	n = MIN(n, sizeof(model.typed) - model.typed_count);
	memcpy(model.typed + model.typed_count, s, n);
	model.typed_count += n;
	return n;
}

void console_tx_ready(struct console *c) { }

void tty_resize(struct tty *t, const struct winsize *size)
{
	model.resizes++;
	model.columns = size->ws_col;
	model.rows = size->ws_row;
}

void virtio_config_read(struct virtio_device *d, u32 at, void *to, u32 n)
{
	le32 ports = model.ports;

	memset(to, 0xff, n);
	if (at == CONFIG_PORTS)
		memcpy(to, &ports, sizeof(ports));
}

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
	d->features = wanted & model.offered;
	return 0;
}

void virtio_ready(struct virtio_device *d) { }
void virtio_stop(struct virtio_device *d) { memset(model.vq, 0, sizeof(model.vq)); }

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	EXPECT(!model.handler);		/* its queues are looked at only when they are there */
	if (index >= model.queues)
		return -ENOENT;
	model.vq[index] = vq;
	return virtqueue_create(vq, index, model.ring, 0, indirect_max, d->name) ?: (vq->notify = (void *)NOTIFY, 0);
}

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types)
{
	d->irq_type = PCI_IRQ_MSIX;
	return 1;
}

void pci_irq_free(struct pci_device *d) { }
void pci_irq_detach(struct pci_device *d, u32 i, void *arg) { model.handler = NULL; }
void pci_irq_enable(struct pci_device *d, u32 i) { }

static void interrupt(void *arg);

/* On a wire that others share the handler is called as soon as it is there. */
int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	model.handler = handler;
	model.arg = arg;
	host_interrupt(interrupt, NULL);
	return 0;
}

/* ---- the device ------------------------------------------------------------------------------------- */

static void interrupt(void *arg)
{
	if (model.handler)
		model.handler(model.arg);
}

static void use(u32 q, u32 head, u32 len)
{
	struct virtqueue *vq = model.vq[q];

	vq->used->ring[model.used[q]++ % RING] = (struct virtq_used_elem){ head, len };
	__atomic_store_n(&vq->used->idx, model.used[q], __ATOMIC_SEQ_CST);
}

/* The next buffer of the queue, or -1. */
static int take(u32 q)
{
	struct virtqueue *vq = model.vq[q];

	return !vq || vq->avail->idx == model.seen[q] ? -1 : vq->avail->ring[model.seen[q]++ % RING];
}

/* Bytes to the driver; false: it has given no buffer for them. */
static bool give(u32 q, const void *bytes, u32 n, u32 said)
{
	int head = take(q);

	if (head < 0)
		return false;
	memcpy((void *)model.vq[q]->desc[head].addr, bytes, n);
	use(q, head, said);
	host_interrupt(interrupt, NULL);
	return true;
}

#define CHATTER_MAX 10000u

static void kicked(void *arg, u64 offset, unsigned width, u64 value)
{
	static const struct control c = { .id = 1, .event = PORT_OPEN, .value = 1 };

	while (value == 2 && model.chatters && model.chattered < CHATTER_MAX && give(2, &c, sizeof(c), sizeof(c)))
		model.chattered++;
}

static struct host_mmio notify = { .base = NOTIFY, .size = 4, .write = kicked };

/* What the driver sent is taken. */
static bool serve(void)
{
	bool any = false;
	int head;

	for (u32 q = 1; q < QUEUES; q += 2) {
		if (q == 3 && model.silent)
			continue;
		while ((head = take(q)) >= 0) {
			struct virtq_desc *d = &model.vq[q]->desc[head];

			EXPECT(!(d->flags & VIRTQ_DESC_WRITE));
			if (q == 3) {
				EXPECT_EQ(d->len, (u32)sizeof(struct control));
				memcpy(&model.said[model.said_count++ % ARRAY_SIZE(model.said)], (void *)d->addr, d->len);
			} else if (q == 5) {
				memcpy(model.sent + model.sent_count, (void *)d->addr, d->len);
				model.sent_count += d->len;
			}
			use(q, head, 0);
			any = true;
		}
	}
	if (any)
		host_interrupt(interrupt, NULL);
	return any;
}

/* A message, of so many bytes in all, with these behind its head. */
static void message(u32 id, u16 event, u16 value, const void *more, u32 n, u32 len)
{
	u8 bytes[PORT_BUFFER] = "";

	memcpy(bytes, &(struct control){ id, event, value }, sizeof(struct control));
	memcpy(bytes + sizeof(struct control), more, n);
	EXPECT(give(2, bytes, sizeof(bytes), len));
	host_run();
}

static void tell(u32 id, u16 event, u16 value)
{
	message(id, event, value, "", 0, sizeof(struct control));
}

static const struct control *said(void)
{
	return &model.said[(model.said_count - 1) % ARRAY_SIZE(model.said)];
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static int probe(void)
{
	device = (struct virtio_device){ .transport = NULL, .pci = &pci, .name = "virtio0", .modern = true };
	model.ring = model.ring ?: RING;
	hvc_count = 0;
	host_idle_hook = serve;
	host_mmio_add(&notify);
	return console_probe(&device);
}

static struct virtio_console *begin(void)
{
	model = (struct model){ .offered = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT, .ports = PORTS, .queues = QUEUES };
	EXPECT_EQ(probe(), 0);
	host_run();
	EXPECT_EQ(said()->event, (u16)DEVICE_READY);
	return device.driver_data;
}

/* With port 1, which the host has open. */
static struct virtio_console *begin_port(void)
{
	struct virtio_console *v = begin();

	tell(1, PORT_ADD, 1);
	EXPECT_EQ(said()->event, (u16)PORT_READY);
	EXPECT_EQ(said()->value, 1u);
	tell(1, PORT_OPEN, 1);
	EXPECT(v->at[1] && v->at[1]->host_open);
	return v;
}

static void end_all(void)
{
	host_run();
	host_mmio_remove(&notify);
	host_idle_hook = NULL;
	EXPECT_EQ(host_alloc_live(), 0ull);
	EXPECT_EQ(model.consoles, 0u);
	EXPECT(list_empty(&vports));
}

static void end(void)
{
	console_remove(&device);
	end_all();
}

/* A program's end of the port. */
struct program { struct file file; struct vnode vnode; };

static int port_open(struct program *f, u32 minor)
{
	*f = (struct program){ .vnode.rdev = dev_make(VPORT_MAJOR, minor) };
	f->file.vnode = &f->vnode;
	f->file.flags = O_NONBLOCK;
	return vport_open(&f->file, NULL);
}

static s64 port_read(struct program *f, void *to, size_t n)
{
	struct uio u;

	uio_kernel(&u, to, n);
	return vport_read(&f->file, &u, NULL);
}

static s64 port_write(struct program *f, void *from, size_t n)
{
	struct uio u;

	uio_kernel(&u, from, n);
	return vport_write(&f->file, &u, NULL);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(bytes_go_both_ways)
{
	struct program f;
	char got[64];

	begin_port();
	EXPECT_EQ(port_open(&f, 0), 0);
	EXPECT_EQ(said()->event, (u16)PORT_OPEN);
	EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-EAGAIN);
	for (u32 i = 0; i < 100; i++) {
		EXPECT(give(4, "hello", 5, 5));
		EXPECT_EQ(port_read(&f, got, 3), 3ll);
		EXPECT_EQ(port_read(&f, got + 3, 60), 2ll);
		EXPECT_MEM(got, "hello", 5);
		EXPECT_EQ(port_write(&f, "world", 5), 5ll);
		host_run();
	}
	EXPECT_EQ(model.sent_count, 500u);
	vport_release(&f.file);
	end();
}

TEST(messages_that_mean_nothing)
{
	struct virtio_console *v = begin_port();
	static const u32 ids[] = { PORTS, PORTS + 1, 511, 512, 0x7fffffff, 0x80000000, ~0u - 1, ~0u, 0, 2 };
	u32 answers = model.said_count;

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		for (u32 event = 0; event < 12; event++)
			if (event != PORT_ADD || ids[i] >= PORTS)
				tell(ids[i], event, i % 3);
	tell(~0u, 0xffff, 0xffff);
	tell(1, 0xffff, 0xffff);
	for (u32 len = 1; len < sizeof(struct control); len++)
		message(1, PORT_REMOVE, 1, "", 0, len);
	EXPECT_EQ(model.said_count, answers);
	EXPECT(v->at[1]);
	/* Empty ones: the device has their buffers again. */
	for (u32 i = 0; i < 3 * PORT_BUFFERS; i++)
		message(1, PORT_REMOVE, 1, "", 0, 0);
	EXPECT(v->at[1]);
	tell(1, PORT_REMOVE, 0);
	EXPECT(!v->at[1]);
	end();
}

TEST(a_port_that_is_told_of_twice)
{
	struct virtio_console *v = begin_port();
	struct port *p = v->at[1];

	tell(1, PORT_ADD, 1);
	EXPECT_EQ(said()->event, (u16)PORT_READY);
	EXPECT_EQ(said()->value, 1u);
	EXPECT_EQ(v->at[1], p);
	EXPECT_EQ(model.nodes, 1u);
	end();
}

TEST(names_of_any_length)
{
	static char text[PORT_BUFFER];
	u32 most = PORT_BUFFER - sizeof(struct control);

	memset(text, 'n', sizeof(text));
	for (u32 n = 0; n <= most; n += most / 2) {
		begin_port();
		message(1, PORT_NAME, 1, text, most, sizeof(struct control) + n);
		EXPECT_EQ(model.names, 1u);
		EXPECT_EQ(strlen(model.name), (size_t)n);
		message(1, PORT_NAME, 1, "other", 5, sizeof(struct control) + 5);	/* it has one */
		EXPECT_EQ(model.names, 1u);
		end();
	}
	begin_port();
	message(1, PORT_NAME, 1, "with\0two ends\0", 14, sizeof(struct control) + 14);
	EXPECT_STR(model.name, "with");
	end();
}

TEST(sizes_without_end)
{
	struct virtio_console *v = begin_port();
	u16 size[2] = { 0xffff, 0 };

	tell(1, RESIZE, 0);			/* not of a console, and with no size in it */
	tell(1, CONSOLE_PORT, 1);
	tell(1, CONSOLE_PORT, 1);
	EXPECT_EQ(model.consoles, 1u);
	for (u32 n = 0; n < 4; n++)
		message(1, RESIZE, 0, size, 4, sizeof(struct control) + n);
	EXPECT_EQ(model.resizes, 0u);
	for (u32 i = 0; i < 1000; i++)
		message(1, RESIZE, 0, size, 4, sizeof(struct control) + 4);
	EXPECT_EQ(model.resizes, 1000u);
	EXPECT_EQ(model.columns, 0xffffu);
	EXPECT_EQ(model.rows, 0u);
	EXPECT(v->at[1]->is_console);
	end();
}

/* Two readers of the same bytes: each byte goes to one of them, and what is opened as a console is not opened as a port. */
TEST(a_console_made_of_an_open_port)
{
	struct program f, other;
	char got[64];

	begin_port();
	EXPECT_EQ(port_open(&f, 0), 0);
	EXPECT_EQ(port_open(&other, 0), -EBUSY);
	tell(1, CONSOLE_PORT, 1);
	EXPECT(give(4, "hello", 5, 5));
	EXPECT_EQ(port_read(&f, got, sizeof(got)), 5ll);
	host_run();
	EXPECT_EQ(model.typed_count, 0u);
	EXPECT(give(4, "world", 5, 5));
	host_run();
	EXPECT_EQ(model.typed_count, 5u);
	EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-EAGAIN);
	vport_release(&f.file);
	EXPECT_EQ(port_open(&f, 0), -ENXIO);
	end();
}

TEST(a_port_goes_while_it_is_open)
{
	struct program f;
	char got[64];

	for (u32 turn = 0; turn < 3; turn++) {
		struct virtio_console *v = begin_port();

		EXPECT_EQ(port_open(&f, 0), 0);
		EXPECT(give(4, "hello", 5, 5));
		tell(1, PORT_REMOVE, 0);
		EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-ENODEV);
		EXPECT_EQ(port_write(&f, "x", 1), (s64)-ENODEV);
		EXPECT_EQ(vport_poll(&f.file, NULL), (u32)EPOLLHUP);
		if (turn == 1) {	/* another takes its place, and has nothing of it */
			tell(1, PORT_ADD, 1);
			EXPECT(v->at[1] && v->at[1]->q->free_count == PORT_BUFFERS);
			EXPECT(!input_there(v->at[1]));
			EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-ENODEV);
		}
		if (turn == 2) {	/* the device goes first */
			console_remove(&device);
			EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-ENODEV);
			vport_release(&f.file);
			end_all();
			break;
		}
		vport_release(&f.file);
		end();
	}
}

/* What the device had of a port when that went is the next one's to use. */
TEST(buffers_outlive_a_port)
{
	static u8 bytes[PORT_BUFFERS * PORT_BUFFER];	/* a write's pieces have a buffer each */
	struct virtio_console *v = begin_port();
	struct program f;
	int head;

	EXPECT_EQ(port_open(&f, 0), 0);
	host_idle_hook = NULL;
	EXPECT_EQ(port_write(&f, bytes, sizeof(bytes)), (s64)sizeof(bytes));
	EXPECT_EQ(port_write(&f, bytes, 1), (s64)-EAGAIN);
	EXPECT(give(2, &(struct control){ 1, PORT_REMOVE, 0 }, sizeof(struct control), sizeof(struct control)));
	host_run();
	EXPECT(!v->at[1]);
	vport_release(&f.file);
	while ((head = take(5)) >= 0)
		use(5, head, 0);
	host_idle_hook = serve;
	tell(1, PORT_ADD, 1);
	EXPECT_EQ(v->at[1]->q->free_count, PORT_BUFFERS);
	end();
}

TEST(lengths_that_cannot_be)
{
	struct virtio_console *v = begin_port();
	struct program f;
	char got[64];

	EXPECT_EQ(port_open(&f, 0), 0);
	for (u32 i = 0; i < 3 * PORT_BUFFERS; i++)	/* none at all: it has its buffers again */
		EXPECT(give(4, "", 0, 0));
	EXPECT(give(4, "hello", 5, 5));
	EXPECT_EQ(port_read(&f, got, sizeof(got)), 5ll);
	EXPECT(give(4, "hello", 5, PORT_BUFFER + 1));
	EXPECT(v->queues[1].in.broken);
	EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-ENODEV);
	EXPECT_EQ(port_write(&f, "x", 1), (s64)-ENODEV);
	vport_release(&f.file);
	tell(1, PORT_REMOVE, 0);
	tell(1, PORT_ADD, 1);				/* that queue stays out of service */
	EXPECT_EQ(port_open(&f, 0), 0);
	EXPECT_EQ(port_read(&f, got, sizeof(got)), (s64)-ENODEV);
	vport_release(&f.file);
	message(1, PORT_REMOVE, 0, "", 0, PORT_BUFFER + 1);
	EXPECT(v->control_in.broken);
	end();
}

TEST(more_ports_than_there_are_queues)
{
	model = (struct model){ .offered = VIRTIO_CONSOLE_F_MULTIPORT, .ports = ~0u, .queues = QUEUES };
	EXPECT_EQ(probe(), -ENOENT);
	end_all();
	model = (struct model){ .offered = VIRTIO_CONSOLE_F_MULTIPORT, .ports = 0, .queues = QUEUES };
	EXPECT_EQ(probe(), 0);
	tell(1, PORT_ADD, 1);			/* one, then */
	EXPECT_EQ(model.nodes, 0u);
	tell(0, PORT_ADD, 1);
	EXPECT_EQ(model.nodes, 1u);
	end();
	/* Queues too small for the buffers. */
	model = (struct model){ .offered = VIRTIO_CONSOLE_F_MULTIPORT, .ports = PORTS, .queues = QUEUES, .ring = 4 };
	EXPECT_EQ(probe(), 0);
	end();
}

TEST(a_device_that_takes_no_messages)
{
	model = (struct model){ .offered = VIRTIO_CONSOLE_F_MULTIPORT, .ports = PORTS, .queues = QUEUES, .silent = true };
	EXPECT_EQ(probe(), 0);
	EXPECT(((struct virtio_console *)device.driver_data)->control_out.broken);
	EXPECT(host_log_has("no answer to control message"));
	end();
}

/* One that never ends speaking keeps nobody waiting: neither the start of the machine, nor a program that opens a port. */
TEST(a_device_that_never_stops)
{
	model = (struct model){ .offered = VIRTIO_CONSOLE_F_MULTIPORT, .ports = PORTS, .queues = QUEUES, .chatters = true };
	EXPECT_EQ(probe(), 0);
	EXPECT_GT(model.chattered, 0u);
	EXPECT_LT(model.chattered, CHATTER_MAX);
	host_run();			/* the work goes on as long as it does */
	EXPECT_EQ(model.chattered, CHATTER_MAX);
	end();
}

TEST(ports_come_and_go)
{
	struct virtio_console *v = begin();

	for (u32 i = 0; i < 200; i++) {
		u32 id = unit_random_below(PORTS);

		tell(id, v->at[id] ? PORT_REMOVE : PORT_ADD, 1);
		if (i % 3 == 0)
			tell(id, CONSOLE_PORT, 1);
	}
	end();
}

TEST(no_memory)
{
	int err = -ENOMEM;

	for (u32 nth = 1; err; nth++) {
		model = (struct model){ .offered = VIRTIO_CONSOLE_F_MULTIPORT, .ports = PORTS, .queues = QUEUES };
		host_alloc_fail(nth);
		err = probe();
		host_alloc_fail(0);
		EXPECT(!err || err == -ENOMEM);
		if (err)
			end_all();
	}
	end();
}
