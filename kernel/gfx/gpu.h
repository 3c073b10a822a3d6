/*
 * GPUs: what a driver (drivers/gpu) offers and what gfx/ makes of it, Linux's
 * DRM devices (drm.h). A driver fills a struct gpu_device and registers it;
 * gfx/ then calls its operations, each of which queues a command for the host.
 * Commands take effect in the order in which they were queued, and the host is
 * told of them by kick: a system call queues all that it needs, then kicks once.
 *
 * Fences are numbers: a command that is given one is done when fence_done has
 * reached it, and so is everything before it.
 *
 * Lock keys: [S] set before the device is registered, then fixed; [a] atomic;
 * [D] display_lock; [K] the DRM device's lock.
 */
#pragma once
#include "sched/mutex.h"
#include "vm/vm_object.h"

struct gpu_device; struct drm_device;

#define GPU_SCANOUTS_MAX	16u	/* Virtio 1.2, 5.7.4 */
#define GPU_EDID_SIZE		1024u

struct gpu_rect { u32 x, y, width, height; };
struct gpu_box { u32 x, y, z, w, h, d; };

/* A monitor, as the host has it now. */
struct gpu_display {
	u32 width, height;
	bool enabled;
	u32 edid_size;			/* 0: it has none */
	u8 edid[GPU_EDID_SIZE];
};

struct gpu_capset { u32 id, version, size; };

/* What a resource is in the host; a plane picture uses format, width and height alone. */
struct gpu_shape {
	bool is_3d;
	u32 target, format, bind, width, height, depth, array_size, last_level, nr_samples, flags;
};

/*
 * A buffer object: pages of ours, and a resource of the host's that has them for its backing. Its references are those
 * of vm (gpu_object_get, gpu_object_put): handles, framebuffers, exported files, mappings. The pages go when the host
 * has let go of them.
 */
struct gpu_object {
	struct vm_object vm;
	struct gpu_device *dev;		/* [S] */
	u32 id;				/* the resource's in the host, unique while the object lives [S] */
	bool dumb;			/* a plane picture: what is in the pages must be transferred to be seen [S] */
	u32 pitch;			/* of a dumb one, bytes a row [S] */
	u32 texel_bits;			/* what its program says that each texel takes [S] */
	u32 name;			/* GEM_FLINK's; 0: it has none [K] */
	u64 size;			/* bytes, whole pages [S] */
	u64 fence;			/* the last that a command on it was given; 0: none was [a] */
	struct page **pages;		/* size >> PAGE_SHIFT of them [S] */
	void *end;			/* the driver's, for object_end [S] */
	struct gpu_object *next_dead;	/* the driver's, once it was ended */
};

/* A piece of a resource and where its bytes lie in the object. */
struct gpu_transfer { struct gpu_box box; u64 offset; u32 level, stride, layer_stride; };

/* Counters of /proc/gpu [a] */
enum gpu_count {
	GPU_SUBMITS, GPU_FLUSHES, GPU_TRANSFERS, GPU_BYTES, GPU_SCANOUTS, GPU_CURSORS, GPU_FENCES_WAITED,
	GPU_INTERRUPTS, GPU_COMMANDS, GPU_KICKS, GPU_ERRORS, GPU_COUNTS,
};

/*
 * Process context; may sleep for room. 0 or -errno, then nothing was queued: -ENODEV: the device is gone; -EBUSY: it
 * took nothing for too long; -ENOMEM; -ERESTARTSYS.
 */
struct gpu_ops {
	/* Make the resource and back it. */
	int (*object_start)(struct gpu_object *o, const struct gpu_shape *shape);
	/* The last reference is gone: end the resource, then gpu_object_free. Does not sleep; mappings' locks are held. */
	void (*object_end)(struct gpu_object *o);
	int (*context_create)(struct gpu_device *dev, u32 context, const char *name);
	void (*context_destroy)(struct gpu_device *dev, u32 context);
	int (*context_attach)(struct gpu_device *dev, u32 context, const struct gpu_object *o);
	void (*context_detach)(struct gpu_device *dev, u32 context, const struct gpu_object *o);
	/* Between pages and resource. context 0: a plane picture, to the host. *fence, if not NULL, gets its fence. */
	int (*transfer)(struct gpu_device *dev, u32 context, const struct gpu_object *o, const struct gpu_transfer *t,
			bool to_host, u64 *fence);
	/* Commands for the context, kmalloc'ed: the driver's in any case. */
	int (*submit)(struct gpu_device *dev, u32 context, void *commands, u32 size, u64 *fence);
	/* Show a part of the resource; o NULL: nothing. */
	int (*scanout)(struct gpu_device *dev, u32 scanout, const struct gpu_object *o, const struct gpu_rect *r);
	int (*flush)(struct gpu_device *dev, const struct gpu_object *o, const struct gpu_rect *r);
	/* Place the pointer; picture: also change it to that of o (NULL: none) with its hot spot. Needs no kick. */
	int (*cursor)(struct gpu_device *dev, u32 scanout, s32 x, s32 y, bool picture, const struct gpu_object *o,
		      u32 hot_x, u32 hot_y);
	/* n bytes of capset i, waited for. -ETIMEDOUT, -EIO. */
	int (*capset)(struct gpu_device *dev, u32 i, u32 version, void *to, u32 n);
	void (*kick)(struct gpu_device *dev);
	/* Let fence_wait be woken when that fence is done. Any context. */
	void (*fence_want)(struct gpu_device *dev, u64 fence);
	/* Nobody refers to the device any more: gpu_free, then its memory. Any context; the caller is not done with dev. */
	void (*release)(struct gpu_device *dev);
};

struct gpu_device {
	const struct gpu_ops *ops;	/* [S] */
	const char *name;		/* for messages; lives as long as this [S] */
	u32 refs;			/* the driver's, of open files, objects, files below /sys [a] */
	char sysfs[160];			/* the device's directory below /sys; empty: it has none [S] */
	bool virgl;			/* it takes 3D commands [S] */
	u32 scanout_count;		/* [S] */
	u32 capset_count;		/* [S] */
	struct gpu_capset *capsets;	/* [S] */
	struct gpu_display *displays;	/* scanout_count of them [D] */
	struct mutex display_lock;	/* "gpu displays" */
	bool gone;			/* it lied, or was taken away: every operation gives -ENODEV [a] */
	u64 fence_done;			/* [a] */
	struct wait_queue fence_wait;
	u64 counts[GPU_COUNTS];		/* [a] */
	struct drm_device *drm;		/* gfx/'s */
};

static inline void gpu_count(struct gpu_device *dev, enum gpu_count what, u64 n)
{
	atomic_add_relaxed(&dev->counts[what], n);
}

static inline void gpu_get(struct gpu_device *dev) { ref_get(&dev->refs); }
/* Any context. */
static inline void gpu_put(struct gpu_device *dev)
{
	if (ref_put(&dev->refs))
		dev->ops->release(dev);
}

/* Before anything else is done with it: locks, counters, the driver's reference. */
void gpu_init(struct gpu_device *dev);
/* Programs may open it. -ENOMEM, and what registering names fails with. Process context. */
must_check int gpu_register(struct gpu_device *dev);
/*
 * Its nodes go; files that are open live on, with ENODEV. gone is set, and no operation waits for the device any more.
 * Also if it never was registered. Process context.
 */
void gpu_unregister(struct gpu_device *dev);
/* What gfx/ has of it, at its release. Process context. */
void gpu_free(struct gpu_device *dev);
/* What the host shows has changed: displays has been written, without [D] now. Process context. */
void gpu_displays_changed(struct gpu_device *dev);

/* How much of what a device gave as an EDID is one. Any context. */
u32 gpu_edid_length(const u8 *edid, u32 size);

static inline bool gpu_fence_is_done(const struct gpu_device *dev, u64 fence)
{
	return atomic_load(&dev->fence_done) >= fence;
}

/* 0; -ETIMEDOUT at the deadline (clock_ns); -ERESTARTSYS; -ENODEV: the device is gone. Process context. */
int gpu_fence_wait(struct gpu_device *dev, u64 fence, u64 deadline);

/* ---- object.c ---- */
/* Zeroed memory with a resource; reference 1. size: bytes, rounded up to pages. err_ptr: -EINVAL, -ENOMEM, what
 * object_start gave. Process context. */
struct gpu_object *gpu_object_new(struct gpu_device *dev, u64 size, const struct gpu_shape *shape);
static inline void gpu_object_get(struct gpu_object *o) { vm_object_get(&o->vm); }
static inline void gpu_object_put(struct gpu_object *o) { vm_object_put(&o->vm); }
/* A command on it was given that fence. Any context. */
void gpu_object_fence(struct gpu_object *o, u64 fence);
/* The host has let go of it. Process context. */
void gpu_object_free(struct gpu_object *o);
u64 gpu_object_bytes(void);		/* in all objects. Any context */
