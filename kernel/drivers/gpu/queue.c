/*
 * The control queue of virtio-gpu: commands go out in order, and come back
 * when the host is done with them; one that was given a fence, when all that
 * it asked for has been drawn. Called by commands.c to send, by virtio_gpu.c's
 * interrupt to take.
 *
 * Most commands are sent and forgotten: what comes back of them is taken with
 * the next one. The host interrupts only while somebody waits: for an answer
 * (urgent), a fence (fence_wanted), or for room in the ring (backlog).
 *
 * What the host answers is checked: its length, its kind, its fence. An error
 * is an answer; something that cannot be takes the device out of service.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/gpu/virtio_gpu.h"
#include "mm/dma.h"
#include "mm/slab.h"

#define ANSWER_LIMIT	(5 * NSEC_PER_SEC)	/* for an answer without drawing: more than a busy host takes */
#define ROOM_LIMIT	(15 * NSEC_PER_SEC)	/* drawing may lie before it */
#define PIECES		3u			/* of a command: what is read, data, what is written */
#define WARNINGS	16u			/* error answers that are worth a line in the log */

static struct slab_cache *commands;

void gpu_queue_init(void)
{
	if (!commands)
		commands = slab_cache_create("gpu_command", sizeof(struct gpu_command), 0);
}

struct gpu_command *gpu_command_new(u32 type, u32 context, u32 request_size)
{
	struct gpu_command *c = slab_zalloc(commands);

	if (!c)
		return NULL;
	c->h.type = cpu_to_le32(type);
	c->h.context = cpu_to_le32(context);
	c->request_size = sizeof(c->h) + request_size;
	c->refs = 1;
	return c;
}

void gpu_command_put(struct gpu_command *c)
{
	if (!ref_put(&c->refs))
		return;
	kfree(c->data);
	kfree(c->reply);
	slab_free(commands, c);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static int errno_of(u32 type)
{
	return type == RESP_ERR_UNSPEC ? -EIO : type == RESP_ERR_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

/* The kind of answer that a command gets. */
static u32 answer_wanted(const struct gpu_command *c)
{
	switch (le32_to_cpu(c->h.type)) {
	case CMD_GET_DISPLAY_INFO: return RESP_OK_DISPLAY_INFO;
	case CMD_GET_CAPSET_INFO: return RESP_OK_CAPSET_INFO;
	case CMD_GET_CAPSET: return RESP_OK_CAPSET;
	case CMD_GET_EDID: return RESP_OK_EDID;
	default: return RESP_OK_NODATA;
	}
}

/* What the host wrote of its n bytes: 1, -errno, or 0: it cannot be, and the queue is broken now. [q] */
static int answer_check(struct virtio_gpu *g, struct gpu_command *c, u32 n)
{
	const struct gpu_header *a = c->reply ? c->reply : &c->answer;
	u32 type = le32_to_cpu(READ_ONCE(a->type)), flags = le32_to_cpu(c->h.flags);

	if (n < sizeof(*a)) {
		virtqueue_break(&g->control, "an answer's length", n);
		return 0;
	}
	if ((flags & FLAG_FENCE) && (!(le32_to_cpu(a->flags) & FLAG_FENCE) || a->fence != c->h.fence)) {
		virtqueue_break(&g->control, "another fence, type", type);
		return 0;
	}
	if (type >= RESP_ERR_UNSPEC && type <= RESP_ERR_INVALID_PARAMETER) {
		gpu_count(&g->dev, GPU_ERRORS, 1);
		if (g->warned++ < WARNINGS)
			log_warn("%s: command %#x: error %#x", g->dev.name, le32_to_cpu(c->h.type), type);
		return errno_of(type);
	}
	if (type != answer_wanted(c)) {
		virtqueue_break(&g->control, "an answer's type", type);
		return 0;
	}
	if (c->reply && n < c->reply_size) {
		virtqueue_break(&g->control, "a short answer, bytes", n);
		return 0;
	}
	return 1;
}

/* Its memory is ours again. Waiters are woken by the caller. [q] */
static void command_done(struct virtio_gpu *g, struct gpu_command *c, int status)
{
	u64 fence = le64_to_cpu(c->h.fence);

	atomic_store(&c->status, status);
	if (fence > g->dev.fence_done)
		atomic_store(&g->dev.fence_done, fence);
	g->urgent -= c->urgent;
	if (c->ends) {
		c->ends->next_dead = g->dead;
		g->dead = c->ends;
		work_queue(&g->reap);
	}
	gpu_command_put(c);
}

/* An object that goes may be large: not in an interrupt. */
void gpu_reap(struct work *w)
{
	struct virtio_gpu *g = container_of(w, struct virtio_gpu, reap);
	struct gpu_object *o, *next;
	u64 flags = spin_lock_irqsave(&g->control_lock);

	o = g->dead;
	g->dead = NULL;
	spin_unlock_irqrestore(&g->control_lock, flags);
	for (; o; o = next) {
		next = o->next_dead;
		gpu_object_free(o);
	}
}

/* ---- the ring --------------------------------------------------------------------------------------- */

/* Into the ring, where it finds room. [q] */
static int ring_add(struct virtio_gpu *g, struct gpu_command *c)
{
	struct virtq_seg segs[PIECES] = { { dma_addr(c), c->request_size } };
	u32 n = 1;

	if (c->data)
		segs[n++] = (struct virtq_seg){ dma_addr(c->data), c->data_size };
	segs[n] = c->reply ? (struct virtq_seg){ dma_addr(c->reply), c->reply_size } :
			     (struct virtq_seg){ dma_addr(&c->answer), sizeof(c->answer) };
	return virtqueue_add(&g->control, segs, n, 1, c);
}

/* All that is done; true if anything was. [q] */
static bool ring_take(struct virtio_gpu *g)
{
	struct gpu_command *c;
	bool any = false;
	u32 n;

	while ((c = virtqueue_get(&g->control, &n))) {
		int status = answer_check(g, c, n);

		any = true;
		command_done(g, c, status ? status : -EIO);
	}
	return any;
}

/* What waits goes into the ring, as far as it fits. [q] */
static void backlog_send(struct virtio_gpu *g)
{
	struct gpu_command *c;

	while ((c = g->backlog) && !ring_add(g, c)) {
		g->backlog = c->next;
		if (!g->backlog)
			g->backlog_end = &g->backlog;
	}
}

/* Interrupts as they are wanted; what slipped in is taken. True if anything was. [q] */
static bool ring_arm(struct virtio_gpu *g)
{
	bool any = false;

	while (g->urgent || g->backlog || g->fence_wanted > g->dev.fence_done) {
		if (!virtqueue_enable_cb(&g->control))
			return any;
		any |= ring_take(g);
		backlog_send(g);
		if (g->control.broken)
			return any;
	}
	virtqueue_disable_cb(&g->control);
	return any;
}

/* Something is done: tell who waits, if anybody does. */
static void waiters_wake(struct virtio_gpu *g)
{
	atomic_fence();		/* done, then look; pairs with the lock that a waiter takes before it looks */
	if (wait_queue_active(&g->dev.fence_wait))
		wait_wake_all(&g->dev.fence_wait);
	if (wait_queue_active(&g->room))
		wait_wake_all(&g->room);
}

void gpu_control_take(struct virtio_gpu *g)
{
	u64 flags = spin_lock_irqsave(&g->control_lock);
	bool any = ring_take(g);

	backlog_send(g);
	any |= ring_arm(g);
	virtqueue_kick(&g->control);
	spin_unlock_irqrestore(&g->control_lock, flags);
	if (any)
		waiters_wake(g);
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static bool room(struct virtio_gpu *g)
{
	return !READ_ONCE(g->backlog) || READ_ONCE(g->dev.gone);
}

int gpu_room_wait(struct virtio_gpu *g)
{
	int err = 0;

	if (unlikely(!room(g))) {
		gpu_kick(&g->dev);
		err = wait_event_deadline(&g->room, room(g), clock_ns() + ROOM_LIMIT);
	}
	if (unlikely(READ_ONCE(g->dev.gone)))
		return -ENODEV;
	return err == -ETIMEDOUT ? -EBUSY : err;
}

void gpu_command_send(struct virtio_gpu *g, struct gpu_command *c, u64 *fence)
{
	u64 flags = spin_lock_irqsave(&g->control_lock);
	bool any = !g->reset && virtqueue_has_used(&g->control) && ring_take(g);

	if (fence) {
		*fence = ++g->fence_last;
		c->h.fence = cpu_to_le64(*fence);
		c->h.flags = cpu_to_le32(FLAG_FENCE);
	}
	g->urgent += c->urgent;
	/* One that lied keeps what it has until it was reset: what comes meanwhile waits in the backlog for that. */
	if (g->reset) {
		command_done(g, c, -ENODEV);
		any = true;
	} else if (g->backlog || ring_add(g, c)) {
		c->next = NULL;
		*g->backlog_end = c;
		g->backlog_end = &c->next;
		backlog_send(g);
		any |= ring_arm(g);
	} else if (c->urgent) {
		any |= ring_arm(g);
	}
	spin_unlock_irqrestore(&g->control_lock, flags);
	gpu_count(&g->dev, GPU_COMMANDS, 1);
	if (any)
		waiters_wake(g);
}

void gpu_kick(struct gpu_device *dev)
{
	struct virtio_gpu *g = gpu_of(dev);
	u64 flags = spin_lock_irqsave(&g->control_lock);
	bool kicked = !g->reset && virtqueue_kick(&g->control);

	spin_unlock_irqrestore(&g->control_lock, flags);
	gpu_count(dev, GPU_KICKS, kicked);
}

int gpu_command_call(struct virtio_gpu *g, struct gpu_command *c)
{
	c->urgent = true;
	ref_get(&c->refs);
	gpu_command_send(g, c, NULL);
	gpu_kick(&g->dev);
	wait_event_uninterruptible(&g->dev.fence_wait, atomic_load(&c->status), clock_ns() + ANSWER_LIMIT);
	return atomic_load(&c->status) ? atomic_load(&c->status) : -ETIMEDOUT;
}

void gpu_fence_want(struct gpu_device *dev, u64 fence)
{
	struct virtio_gpu *g = gpu_of(dev);
	u64 flags = spin_lock_irqsave(&g->control_lock);
	bool any = false;

	if (!g->reset) {
		any = ring_take(g);
		g->fence_wanted = MAX(g->fence_wanted, fence);
		any |= ring_arm(g);
	}
	spin_unlock_irqrestore(&g->control_lock, flags);
	if (any)
		waiters_wake(g);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

void gpu_queue_fail(struct virtio_gpu *g)
{
	u64 flags = spin_lock_irqsave(&g->control_lock);
	struct gpu_command *c;

	while ((c = virtqueue_take_back(&g->control)))
		command_done(g, c, -ENODEV);
	while ((c = g->backlog)) {
		g->backlog = c->next;
		command_done(g, c, -ENODEV);
	}
	g->backlog_end = &g->backlog;
	g->reset = true;
	atomic_store(&g->dev.fence_done, ~0ull);
	spin_unlock_irqrestore(&g->control_lock, flags);
	waiters_wake(g);
}
