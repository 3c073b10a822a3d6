/*
 * virtio-gpu, between its files: what the host is told and answers (the
 * structures), and commands on their way.
 *
 *   virtio_gpu.c   the device's life: probe, interrupts, what the host shows
 *   queue.c        the control queue: commands in flight, answers, fences
 *   commands.c     what gfx/ asks for, as commands; the cursor queue
 *
 * Lock keys: [q] control; [c] cursor; [S] set before the device is live; [a] atomic.
 *
 * Source: Virtio 1.2, 5.7.
 */
#pragma once
#include "drivers/virtio/virtio.h"
#include "gfx/gpu.h"
#include "sched/softirq.h"

#define VIRTIO_GPU_F_VIRGL	BIT(0)
#define VIRTIO_GPU_F_EDID	BIT(1)

enum {
	CMD_GET_DISPLAY_INFO = 0x0100, CMD_RESOURCE_CREATE_2D, CMD_RESOURCE_UNREF, CMD_SET_SCANOUT, CMD_RESOURCE_FLUSH,
	CMD_TRANSFER_TO_HOST_2D, CMD_RESOURCE_ATTACH_BACKING, CMD_RESOURCE_DETACH_BACKING, CMD_GET_CAPSET_INFO,
	CMD_GET_CAPSET, CMD_GET_EDID,
	CMD_CTX_CREATE = 0x0200, CMD_CTX_DESTROY, CMD_CTX_ATTACH_RESOURCE, CMD_CTX_DETACH_RESOURCE,
	CMD_RESOURCE_CREATE_3D, CMD_TRANSFER_TO_HOST_3D, CMD_TRANSFER_FROM_HOST_3D, CMD_SUBMIT_3D,
	CMD_UPDATE_CURSOR = 0x0300, CMD_MOVE_CURSOR,
	RESP_OK_NODATA = 0x1100, RESP_OK_DISPLAY_INFO, RESP_OK_CAPSET_INFO, RESP_OK_CAPSET, RESP_OK_EDID,
	RESP_ERR_UNSPEC = 0x1200, RESP_ERR_OUT_OF_MEMORY, RESP_ERR_INVALID_SCANOUT_ID, RESP_ERR_INVALID_RESOURCE_ID,
	RESP_ERR_INVALID_CONTEXT_ID, RESP_ERR_INVALID_PARAMETER,
};

#define FLAG_FENCE	1u

enum { VECTOR_CONFIG, VECTOR_CONTROL, VECTOR_CURSOR, VECTORS };

struct gpu_header { le32 type, flags; le64 fence; le32 context; le32 padding; };
struct gpu_le_rect { le32 x, y, width, height; };
struct gpu_le_box { le32 x, y, z, w, h, d; };
struct gpu_entry { le64 address; le32 length, padding; };

/* What is asked: a header, then one of these. 96 bytes and less. */
union gpu_request {
	struct { le32 resource, format, width, height; } create_2d;
	struct { le32 resource, target, format, bind, width, height, depth, array_size, last_level, nr_samples, flags,
		 padding; } create_3d;
	struct { le32 resource, padding; } resource;	/* RESOURCE_UNREF, CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE */
	struct { le32 resource, count; } backing;	/* gpu_entry follow */
	struct { struct gpu_le_rect r; le32 scanout, resource; } scanout;
	struct { struct gpu_le_rect r; le32 resource, padding; } flush;
	struct { struct gpu_le_rect r; le64 offset; le32 resource, padding; } transfer_2d;
	struct { struct gpu_le_box box; le64 offset; le32 resource, level, stride, layer_stride; } transfer_3d;
	struct { le32 name_length, init; char name[64]; } context;
	struct { le32 size, padding; } submit;		/* the stream follows */
	struct { le32 index, padding; } capset_info;
	struct { le32 id, version; } capset;
	struct { le32 scanout, padding; } edid;
};

struct gpu_resp_displays {
	struct gpu_header h;
	struct { struct gpu_le_rect r; le32 enabled, flags; } modes[GPU_SCANOUTS_MAX];
};
struct gpu_resp_capset_info { struct gpu_header h; le32 id, version, size, padding; };
struct gpu_resp_edid { struct gpu_header h; le32 size, padding; u8 edid[GPU_EDID_SIZE]; };

/* On the cursor queue; the host answers nothing. */
struct gpu_cursor { struct gpu_header h; le32 scanout, x, y, padding, resource, hot_x, hot_y, padding2; };

/*
 * A command and the place for its answer. Counted: the queue holds one until it is done, who waits another. The host
 * reads and writes it for as long as it is in flight, so it lives until then, however long that is.
 */
struct gpu_command {
	struct gpu_header h;		/* with request: what the host reads */
	union gpu_request request;
	struct gpu_header answer;	/* what it writes, unless there is a reply */
	struct gpu_command *next;	/* in the backlog [q] */
	u32 refs;			/* [a] */
	s32 status;			/* 0: under way; 1: done; -errno [a] */
	u32 request_size;		/* of h and request [S] */
	u32 data_size, reply_size;	/* [S] */
	void *data, *reply;		/* kmalloc'ed, its own; NULL: none [S] */
	struct gpu_object *ends;	/* goes when this is done; NULL: none does [S] */
	bool urgent;			/* counted in gpu->urgent [S] */
};

struct virtio_gpu {
	struct gpu_device dev;		/* what gfx/ sees */
	char name[16];			/* the device's, which may go sooner [S] */
	char irq_name[VECTORS][24];	/* [S] */
	struct virtio_device *device;	/* not there any more once this is ended */
	struct spinlock control_lock;	/* irq kind: [q] */
	struct spinlock cursor_lock;	/* irq kind: [c] */
	struct virtqueue control;	/* [q] */
	struct virtqueue cursor;	/* [c] */
	struct gpu_command *backlog, **backlog_end;	/* found no room in the ring; in order [q] */
	u32 urgent;			/* commands whose answer somebody waits for [q] */
	u64 fence_last;			/* given out [q] */
	u64 fence_wanted;		/* somebody waits for this one or a sooner one [q] */
	struct gpu_object *dead;	/* the host has let go of them [q] */
	struct gpu_cursor *cursors;	/* an entry for each place of the queue: the host's while it holds it [c] */
	u32 cursors_used;		/* that were ever given to it [c] */
	struct wait_queue room;		/* for room in either ring */
	struct work reap, change, fail, over;
	bool failing;			/* fail was queued, or needs not be [a] */
	bool reset;			/* the host touches nothing any more [q] */
	u32 warned;			/* error answers that were logged [q] */
};

/* ---- queue.c ---- */
void gpu_queue_init(void);
/* A command with request_size bytes behind its header; NULL: no memory. Any context. */
struct gpu_command *gpu_command_new(u32 type, u32 context, u32 request_size);
void gpu_command_put(struct gpu_command *c);
/* Sleep until there is room for a client's command: 0, -EBUSY, -ERESTARTSYS, -ENODEV. Process context. */
int gpu_room_wait(struct virtio_gpu *g);
/* Send it: the queue takes over the caller's reference. fence not NULL: with a fence, whose number that gets. The host
 * sees it with the next kick. Never fails: a device that is gone does it at once with -ENODEV. Any context. */
void gpu_command_send(struct virtio_gpu *g, struct gpu_command *c, u64 *fence);
/* Send, kick and wait; the caller keeps a reference: 1, or -errno, -ETIMEDOUT. Process context. */
int gpu_command_call(struct virtio_gpu *g, struct gpu_command *c);
void gpu_kick(struct gpu_device *dev);
void gpu_fence_want(struct gpu_device *dev, u64 fence);
/* An interrupt: take what is done. */
void gpu_control_take(struct virtio_gpu *g);
/* Nothing is the host's any more: all that was in flight is done, with an error. Process context. */
void gpu_queue_fail(struct virtio_gpu *g);
void gpu_reap(struct work *w);

/* ---- virtio_gpu.c ---- */
void gpu_release(struct gpu_device *dev);

/* ---- commands.c ---- */
extern const struct gpu_ops virtio_gpu_ops;
/* What monitors there are, into dev.displays. -errno. Process context. */
int gpu_displays_read(struct virtio_gpu *g);
/* Which capsets there are, into dev.capsets. Probe. */
int gpu_capsets_read(struct virtio_gpu *g, u32 count);
/* An interrupt of the cursor queue. */
void gpu_cursor_take(struct virtio_gpu *g);

static inline struct virtio_gpu *gpu_of(struct gpu_device *dev) { return container_of(dev, struct virtio_gpu, dev); }
