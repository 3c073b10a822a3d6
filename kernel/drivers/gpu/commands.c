/*
 * What gfx/ asks of a virtio-gpu, as commands for its control queue, and the
 * pointer, which has a queue of its own. What the host has to be asked is
 * waited for (gpu_command_call), all else is sent and forgotten.
 *
 * Source: Virtio 1.2, 5.7.6.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/gpu/virtio_gpu.h"
#include "mm/dma.h"
#include "mm/slab.h"

#define CAPSET_SIZE_MAX	(64u * 1024)	/* forty times those that there are; more is a lie */
#define CAPSETS_MAX	32u
#define CURSOR_LIMIT	(5 * NSEC_PER_SEC)

#define command_new(type, context, field) \
	gpu_command_new(type, context, sizeof(((union gpu_request *)0)->field))

static struct gpu_le_rect le_rect(const struct gpu_rect *r)
{
	return (struct gpu_le_rect){ cpu_to_le32(r->x), cpu_to_le32(r->y), cpu_to_le32(r->width),
				     cpu_to_le32(r->height) };
}

/* A command once there is room for it: err_ptr -ENOMEM, and what gpu_room_wait gives. */
static struct gpu_command *client_command(struct virtio_gpu *g, u32 type, u32 context, u32 request_size)
{
	int err = gpu_room_wait(g);
	struct gpu_command *c = err ? NULL : gpu_command_new(type, context, request_size);

	return c ? c : err_ptr(err ? err : -ENOMEM);
}
#define client_command(g, type, context, field) \
	client_command(g, type, context, sizeof(((union gpu_request *)0)->field))

/* ---- objects ---------------------------------------------------------------------------------------- */

/* The object's pages, a piece for each run of neighbours. */
static int backing_list(struct gpu_command *c, struct gpu_object *o)
{
	u64 pages = o->size >> PAGE_SHIFT, n = 0;
	struct gpu_entry *list;

	for (u64 i = 0; i < pages; i++)
		n += !i || o->pages[i] != o->pages[i - 1] + 1;
	list = kmalloc(n * sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (u64 i = 0; i < pages; i++) {
		if (i && o->pages[i] == o->pages[i - 1] + 1) {
			list[n - 1].length += cpu_to_le32(PAGE_SIZE);
			continue;
		}
		list[n++] = (struct gpu_entry){ cpu_to_le64(page_to_phys(o->pages[i])), cpu_to_le32(PAGE_SIZE), 0 };
	}
	c->data = list;
	c->data_size = n * sizeof(*list);
	c->request.backing.resource = cpu_to_le32(o->id);
	c->request.backing.count = cpu_to_le32(n);
	return 0;
}

static struct gpu_command *create_command(const struct gpu_object *o, const struct gpu_shape *s)
{
	struct gpu_command *c;

	if (!s->is_3d) {
		c = command_new(CMD_RESOURCE_CREATE_2D, 0, create_2d);
		if (!c)
			return NULL;
		c->request.create_2d.resource = cpu_to_le32(o->id);
		c->request.create_2d.format = cpu_to_le32(s->format);
		c->request.create_2d.width = cpu_to_le32(s->width);
		c->request.create_2d.height = cpu_to_le32(s->height);
		return c;
	}
	c = command_new(CMD_RESOURCE_CREATE_3D, 0, create_3d);
	if (!c)
		return NULL;
	c->request.create_3d.resource = cpu_to_le32(o->id);
	c->request.create_3d.target = cpu_to_le32(s->target);
	c->request.create_3d.format = cpu_to_le32(s->format);
	c->request.create_3d.bind = cpu_to_le32(s->bind);
	c->request.create_3d.width = cpu_to_le32(s->width);
	c->request.create_3d.height = cpu_to_le32(s->height);
	c->request.create_3d.depth = cpu_to_le32(s->depth);
	c->request.create_3d.array_size = cpu_to_le32(s->array_size);
	c->request.create_3d.last_level = cpu_to_le32(s->last_level);
	c->request.create_3d.nr_samples = cpu_to_le32(s->nr_samples);
	c->request.create_3d.flags = cpu_to_le32(s->flags);
	return c;
}

/* The command that ends it is made along with it, so that the end cannot fail. */
static int object_start(struct gpu_object *o, const struct gpu_shape *shape)
{
	struct virtio_gpu *g = gpu_of(o->dev);
	struct gpu_command *create = NULL, *back = NULL, *end = NULL;
	int err = gpu_room_wait(g);

	if (err)
		return err;
	create = create_command(o, shape);
	back = command_new(CMD_RESOURCE_ATTACH_BACKING, 0, backing);
	end = command_new(CMD_RESOURCE_UNREF, 0, resource);
	err = create && back && end ? backing_list(back, o) : -ENOMEM;
	if (err) {
		for (u32 i = 0; i < 3; i++) {
			struct gpu_command *c = i == 0 ? create : i == 1 ? back : end;

			if (c)
				gpu_command_put(c);
		}
		return err;
	}
	end->request.resource.resource = cpu_to_le32(o->id);
	end->urgent = true;		/* the pages are waited for */
	end->ends = o;
	o->end = end;
	gpu_command_send(g, create, NULL);
	gpu_command_send(g, back, &o->fence);
	return 0;
}

static void object_end(struct gpu_object *o)
{
	struct gpu_device *dev = o->dev;

	gpu_command_send(gpu_of(dev), o->end, NULL);
	gpu_kick(dev);
}

/* ---- contexts --------------------------------------------------------------------------------------- */

static int context_create(struct gpu_device *dev, u32 context, const char *name)
{
	struct gpu_command *c = client_command(gpu_of(dev), CMD_CTX_CREATE, context, context);

	if (is_err(c))
		return ptr_err(c);
	c->request.context.name_length = cpu_to_le32(strlcpy(c->request.context.name, name,
							     sizeof(c->request.context.name)));
	gpu_command_send(gpu_of(dev), c, NULL);
	return 0;
}

/* What ends must not wait, and without memory stays in the host: its number is not given out again then. */
static void send_last(struct gpu_device *dev, struct gpu_command *c)
{
	if (c)
		gpu_command_send(gpu_of(dev), c, NULL);
	else
		log_warn("%s: no memory to end what the host holds", dev->name);
}

static void context_destroy(struct gpu_device *dev, u32 context)
{
	send_last(dev, gpu_command_new(CMD_CTX_DESTROY, context, 0));
}

static int context_attach(struct gpu_device *dev, u32 context, const struct gpu_object *o)
{
	struct gpu_command *c = client_command(gpu_of(dev), CMD_CTX_ATTACH_RESOURCE, context, resource);

	if (is_err(c))
		return ptr_err(c);
	c->request.resource.resource = cpu_to_le32(o->id);
	gpu_command_send(gpu_of(dev), c, NULL);
	return 0;
}

static void context_detach(struct gpu_device *dev, u32 context, const struct gpu_object *o)
{
	struct gpu_command *c = command_new(CMD_CTX_DETACH_RESOURCE, context, resource);

	if (c)
		c->request.resource.resource = cpu_to_le32(o->id);
	send_last(dev, c);
}

/* ---- pictures --------------------------------------------------------------------------------------- */

static int transfer(struct gpu_device *dev, u32 context, const struct gpu_object *o, const struct gpu_transfer *t,
		    bool to_host, u64 *fence)
{
	const struct gpu_box *b = &t->box;
	struct gpu_command *c;

	if (!context) {
		c = client_command(gpu_of(dev), CMD_TRANSFER_TO_HOST_2D, 0, transfer_2d);
		if (is_err(c))
			return ptr_err(c);
		c->request.transfer_2d.r = le_rect(&(struct gpu_rect){ b->x, b->y, b->w, b->h });
		c->request.transfer_2d.offset = cpu_to_le64(t->offset);
		c->request.transfer_2d.resource = cpu_to_le32(o->id);
	} else {
		c = client_command(gpu_of(dev), to_host ? CMD_TRANSFER_TO_HOST_3D : CMD_TRANSFER_FROM_HOST_3D, context,
				   transfer_3d);
		if (is_err(c))
			return ptr_err(c);
		c->request.transfer_3d.box = (struct gpu_le_box){ cpu_to_le32(b->x), cpu_to_le32(b->y),
			cpu_to_le32(b->z), cpu_to_le32(b->w), cpu_to_le32(b->h), cpu_to_le32(b->d) };
		c->request.transfer_3d.offset = cpu_to_le64(t->offset);
		c->request.transfer_3d.resource = cpu_to_le32(o->id);
		c->request.transfer_3d.level = cpu_to_le32(t->level);
		c->request.transfer_3d.stride = cpu_to_le32(t->stride);
		c->request.transfer_3d.layer_stride = cpu_to_le32(t->layer_stride);
	}
	gpu_command_send(gpu_of(dev), c, fence);
	gpu_count(dev, GPU_TRANSFERS, 1);
	return 0;
}

static int submit(struct gpu_device *dev, u32 context, void *stream, u32 size, u64 *fence)
{
	struct gpu_command *c = client_command(gpu_of(dev), CMD_SUBMIT_3D, context, submit);

	if (is_err(c)) {
		kfree(stream);
		return ptr_err(c);
	}
	c->data = stream;
	c->data_size = size;
	c->request.submit.size = cpu_to_le32(size);
	gpu_command_send(gpu_of(dev), c, fence);
	gpu_count(dev, GPU_SUBMITS, 1);
	return 0;
}

static int scanout(struct gpu_device *dev, u32 number, const struct gpu_object *o, const struct gpu_rect *r)
{
	struct gpu_command *c = client_command(gpu_of(dev), CMD_SET_SCANOUT, 0, scanout);

	if (is_err(c))
		return ptr_err(c);
	if (o)
		c->request.scanout.r = le_rect(r);
	c->request.scanout.scanout = cpu_to_le32(number);
	c->request.scanout.resource = cpu_to_le32(o ? o->id : 0);
	gpu_command_send(gpu_of(dev), c, NULL);
	gpu_count(dev, GPU_SCANOUTS, 1);
	return 0;
}

static int flush(struct gpu_device *dev, const struct gpu_object *o, const struct gpu_rect *r)
{
	struct gpu_command *c = client_command(gpu_of(dev), CMD_RESOURCE_FLUSH, 0, flush);

	if (is_err(c))
		return ptr_err(c);
	c->request.flush.r = le_rect(r);
	c->request.flush.resource = cpu_to_le32(o->id);
	gpu_command_send(gpu_of(dev), c, NULL);
	gpu_count(dev, GPU_FLUSHES, 1);
	return 0;
}

/* ---- the pointer ------------------------------------------------------------------------------------ */

void gpu_cursor_take(struct virtio_gpu *g)
{
	wait_wake_all(&g->room);
}

/* An entry of the cursor queue: one that the host is done with, or a fresh one; NULL: it holds all, and will interrupt
 * when it is done with one. [c] */
static struct gpu_cursor *cursor_entry(struct virtio_gpu *g)
{
	struct virtqueue *vq = &g->cursor;
	struct gpu_cursor *e;
	u32 n;

	for (;;) {
		e = virtqueue_get(vq, &n);
		if (!e && g->cursors_used < vq->size && !vq->broken)
			e = &g->cursors[g->cursors_used++];
		if (e)
			virtqueue_disable_cb(vq);
		if (e || vq->broken || !virtqueue_enable_cb(vq))
			return e;
	}
}

/* True: it is sent, or never will be. */
static bool cursor_send(struct virtio_gpu *g, const struct gpu_cursor *what)
{
	u64 flags = spin_lock_irqsave(&g->cursor_lock);
	struct gpu_cursor *e = g->dev.gone ? NULL : cursor_entry(g);

	if (e) {
		*e = *what;
		virtqueue_add_out(&g->cursor, dma_addr(e), sizeof(*e), e);
		virtqueue_kick(&g->cursor);
	}
	spin_unlock_irqrestore(&g->cursor_lock, flags);
	return e || READ_ONCE(g->dev.gone);
}

static int cursor(struct gpu_device *dev, u32 number, s32 x, s32 y, bool picture, const struct gpu_object *o, u32 hot_x,
		  u32 hot_y)
{
	struct virtio_gpu *g = gpu_of(dev);
	struct gpu_cursor what = {
		.h.type = cpu_to_le32(picture ? CMD_UPDATE_CURSOR : CMD_MOVE_CURSOR), .scanout = cpu_to_le32(number),
		.x = cpu_to_le32(x), .y = cpu_to_le32(y),
		.resource = cpu_to_le32(o ? o->id : 0), .hot_x = cpu_to_le32(hot_x), .hot_y = cpu_to_le32(hot_y),
	};
	int err = wait_event_deadline(&g->room, cursor_send(g, &what), clock_ns() + CURSOR_LIMIT);

	gpu_count(dev, GPU_CURSORS, 1);
	return READ_ONCE(dev->gone) ? -ENODEV : err == -ETIMEDOUT ? -EBUSY : err;
}

/* ---- questions -------------------------------------------------------------------------------------- */

/* Ask, with room for an answer of reply_size bytes: the command, to be put, or err_ptr. */
static struct gpu_command *ask(struct virtio_gpu *g, struct gpu_command *c, u32 reply_size)
{
	int status;

	if (!c)
		return err_ptr(-ENOMEM);
	c->reply_size = reply_size;
	c->reply = kzalloc(reply_size);
	status = c->reply ? gpu_command_call(g, c) : -ENOMEM;
	if (status > 0)
		return c;
	gpu_command_put(c);
	return err_ptr(status);
}

static int capset(struct gpu_device *dev, u32 i, u32 version, void *to, u32 n)
{
	struct gpu_command *c = command_new(CMD_GET_CAPSET, 0, capset);

	if (c) {
		c->request.capset.id = cpu_to_le32(dev->capsets[i].id);
		c->request.capset.version = cpu_to_le32(version);
	}
	c = ask(gpu_of(dev), c, sizeof(struct gpu_header) + dev->capsets[i].size);
	if (is_err(c))
		return ptr_err(c);
	memcpy(to, (u8 *)c->reply + sizeof(struct gpu_header), n);
	gpu_command_put(c);
	return 0;
}

int gpu_capsets_read(struct virtio_gpu *g, u32 count)
{
	count = MIN(count, CAPSETS_MAX);
	g->dev.capsets = kcalloc(count, sizeof(*g->dev.capsets));
	if (!g->dev.capsets)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++) {
		struct gpu_command *c = command_new(CMD_GET_CAPSET_INFO, 0, capset_info);
		const struct gpu_resp_capset_info *r;

		if (c)
			c->request.capset_info.index = cpu_to_le32(i);
		c = ask(g, c, sizeof(*r));
		if (is_err(c))
			return ptr_err(c);
		r = c->reply;
		if (r->id && le32_to_cpu(r->id) < 64 && le32_to_cpu(r->size) <= CAPSET_SIZE_MAX)
			g->dev.capsets[g->dev.capset_count++] = (struct gpu_capset){
				le32_to_cpu(r->id), le32_to_cpu(r->version), le32_to_cpu(r->size) };
		gpu_command_put(c);
	}
	return 0;
}

static int edid_read(struct virtio_gpu *g, u32 number, struct gpu_display *d)
{
	struct gpu_command *c = command_new(CMD_GET_EDID, 0, edid);
	const struct gpu_resp_edid *r;

	if (c)
		c->request.edid.scanout = cpu_to_le32(number);
	c = ask(g, c, sizeof(*r));
	if (is_err(c))
		return ptr_err(c);
	r = c->reply;
	d->edid_size = gpu_edid_length(r->edid, MIN(le32_to_cpu(r->size), GPU_EDID_SIZE));
	memcpy(d->edid, r->edid, d->edid_size);
	gpu_command_put(c);
	return 0;
}

int gpu_displays_read(struct virtio_gpu *g)
{
	struct gpu_command *c = ask(g, gpu_command_new(CMD_GET_DISPLAY_INFO, 0, 0), sizeof(struct gpu_resp_displays));
	const struct gpu_resp_displays *r;
	struct gpu_display *d = is_err(c) ? NULL : kcalloc(g->dev.scanout_count, sizeof(*d));

	if (is_err(c))
		return ptr_err(c);
	r = c->reply;
	for (u32 i = 0; d && i < g->dev.scanout_count; i++) {
		d[i].width = le32_to_cpu(r->modes[i].r.width);
		d[i].height = le32_to_cpu(r->modes[i].r.height);
		d[i].enabled = r->modes[i].enabled;
		/* Without one the picture's size above will do. */
		if (virtio_has(g->device, VIRTIO_GPU_F_EDID) && edid_read(g, i, &d[i]))
			d[i].edid_size = 0;
	}
	gpu_command_put(c);
	if (!d)
		return -ENOMEM;
	mutex_lock(&g->dev.display_lock);
	memcpy(g->dev.displays, d, g->dev.scanout_count * sizeof(*d));
	mutex_unlock(&g->dev.display_lock);
	kfree(d);
	return 0;
}

const struct gpu_ops virtio_gpu_ops = {
	.object_start = object_start,
	.object_end = object_end,
	.context_create = context_create,
	.context_destroy = context_destroy,
	.context_attach = context_attach,
	.context_detach = context_detach,
	.transfer = transfer,
	.submit = submit,
	.scanout = scanout,
	.flush = flush,
	.cursor = cursor,
	.capset = capset,
	.kick = gpu_kick,
	.fence_want = gpu_fence_want,
	.release = gpu_release,
};
