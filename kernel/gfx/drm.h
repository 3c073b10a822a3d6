/*
 * Linux's DRM devices over a GPU, between their files.
 *
 *   drm_device.c   nodes, open files, which ioctl is whose; read and poll
 *   drm_core.c     version, capabilities, who is master
 *   drm_gem.c      handles of buffer objects, dumb buffers
 *   drm_prime.c    buffer objects as file descriptors
 *   drm_kms.c      what there is to show on: connectors, CRTCs, planes; their properties
 *   drm_mode.c     the modes of a monitor, from its EDID
 *   drm_fb.c       framebuffers
 *   drm_scanout.c  what is shown: modes set, pages flipped, damage, the pointer
 *   drm_virtgpu.c  virtio-gpu's own ioctls: contexts, resources, command streams
 *   drm_sync.c     fences as file descriptors
 *   sysfs.c        /sys/class/drm and /proc/gpu
 *
 * Lock keys: [F] a file's lock, [K] the device's, taken inside it; [D] gpu.h's; [e] a file's event lock; [S] set when
 * it is made. User memory is touched with none of them held: a fault on it may take a vnode's lock, and mmap comes here
 * with one.
 */
#pragma once
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include "fs/file.h"
#include "gfx/gpu.h"

#define DRM_MAJOR		226
#define DRM_RENDER_MINOR	128
#define DRM_SIZE_MIN		32u		/* of a framebuffer, and modes go as far; Linux's for this device */
#define DRM_SIZE_MAX		8192u
#define DRM_CURSOR_SIZE		64u
#define DRM_MODES_MAX		64u		/* of a monitor: more than an EDID can name */

/* Things by number, from 1 on. The owner's lock. */
struct drm_ids { void **slot; u32 size, from; };	/* none below `from` is free */
u32 drm_ids_add(struct drm_ids *ids, void *what);	/* the least number that is free; 0: no memory */
static inline void *drm_ids_get(const struct drm_ids *ids, u32 id)
{
	return id - 1 < ids->size ? ids->slot[id - 1] : NULL;
}
void *drm_ids_remove(struct drm_ids *ids, u32 id);	/* what it was, or NULL */
void drm_ids_free(struct drm_ids *ids);

struct drm_framebuffer {
	u32 id;				/* [S] */
	u32 width, height, pitch, offset, format;	/* DRM_FORMAT_* [S] */
	struct gpu_object *object;	/* referenced [S] */
	struct drm_file *file;		/* whose it is [S] */
};

/* A scanout: CRTC, primary plane, cursor plane, encoder and connector in one. */
struct drm_crtc {
	struct drm_framebuffer *fb;	/* what is shown, even while dpms has it dark; NULL: nothing is [K] */
	u32 x, y;			/* of what is shown in fb [K] */
	struct drm_mode_modeinfo mode;	/* [K] */
	u32 dpms;			/* DRM_MODE_DPMS_* [K] */
	u32 told;			/* the object that the host was told to show, told_rect of it; 0: none [K] */
	struct gpu_rect told_rect;	/* [K] */
	s32 cursor_x, cursor_y;		/* [K] */
	struct gpu_object *cursor;	/* the pointer's picture, referenced; NULL: none [K] */
	struct drm_file *cursor_file;	/* who set it [K] */
};

struct drm_device {
	struct gpu_device *gpu;		/* [S] */
	u32 number;			/* of card%u [S] */
	struct mutex lock;		/* "drm": [K] */
	struct drm_ids objects;		/* struct gpu_object, by the number that the host knows [K] */
	struct drm_ids framebuffers;	/* by id - DRM_FB_FIRST [K] */
	struct drm_ids contexts;	/* struct drm_file [K] */
	struct drm_ids magics;		/* struct drm_file [K] */
	struct drm_ids names;		/* struct gpu_object, by its name for all who may open one (GEM_FLINK) [K] */
	struct drm_file *master;	/* NULL: nobody is [K] */
	struct list_node files;		/* struct drm_file.node [K] */
	u32 changes;			/* of the display, for whoever asks [a] */
	struct drm_crtc crtcs[];	/* gpu->scanout_count */
};

/* An open of a node. */
struct drm_file {
	struct drm_device *dev;		/* its GPU is referenced [S] */
	struct list_node node;		/* [K] */
	bool render;			/* of renderD%u [S] */
	bool authenticated, was_master;	/* [K] */
	bool universal_planes;		/* sees primary and cursor planes [a] */
	u32 magic;			/* 0: it has none [K] */
	const struct process *opener;	/* only compared [S] */
	struct mutex lock;		/* "drm file": [F] */
	struct drm_ids handles;		/* struct gpu_object, referenced [F] */
	u32 context;			/* in the host; 0: none yet [F] */
	char name[16];			/* of the program that made the context; set before the context's number is [S] */
	u64 submits, transfers, bytes;	/* of the context, for /proc/gpu [a] */
	struct spinlock event_lock;	/* thread kind: [e] */
	struct list_node events;	/* struct drm_event_entry [e] */
	u32 event_space;		/* bytes that more events may have [e] */
	struct wait_queue wait;		/* for events */
};

/* Numbers of what KMS shows: fixed ones of each scanout, then framebuffers. */
enum drm_part { DRM_CRTC, DRM_PRIMARY, DRM_CURSOR, DRM_ENCODER, DRM_CONNECTOR, DRM_EDID, DRM_FORMATS, DRM_PARTS = 8 };
#define DRM_PART_FIRST		32u
#define DRM_FB_FIRST		256u
static inline u32 drm_part_id(u32 scanout, enum drm_part part) { return DRM_PART_FIRST + scanout * DRM_PARTS + part; }
/* Which scanout has the part of that number; -1: none. */
static inline int drm_part_find(const struct drm_device *dev, u32 id, enum drm_part part)
{
	u32 at = id - DRM_PART_FIRST;

	return at / DRM_PARTS < dev->gpu->scanout_count && at % DRM_PARTS == part ? (int)(at / DRM_PARTS) : -1;
}

/* ---- drm_device.c ---- */
/* arg: the caller's structure, copied in and, whatever is returned, out again. */
struct drm_ioctl { u8 nr, flags, size; long (*fn)(struct drm_file *f, void *arg); };
#define DRM_RENDER_ALLOW	1u	/* also on renderD%u */
#define DRM_MASTER		2u	/* the current master's */
#define DRM_AUTH		4u	/* who was authenticated */
#define DRM_IOCTL_DEF(name, flags_, fn_) \
	{ .nr = _IOC_NR(DRM_IOCTL_##name), .flags = (flags_), .size = _IOC_SIZE(DRM_IOCTL_##name), .fn = (fn_) }
/* Each file's own ioctls; an entry without function ends them. */
extern const struct drm_ioctl drm_core_ioctls[], drm_gem_ioctls[], drm_prime_ioctls[], drm_kms_ioctls[],
	drm_fb_ioctls[], drm_scanout_ioctls[], drm_virtgpu_ioctls[];
/* An event, with room for it among those that are unread: NULL: there is none. Then sent, or given back (NULL is
 * ignored). Process context. */
struct drm_event_entry;
struct drm_event_entry *drm_event_new(struct drm_file *f);
void drm_event_send(struct drm_file *f, struct drm_event_entry *e, u64 user_data, u32 crtc);	/* a page was flipped */
void drm_event_cancel(struct drm_file *f, struct drm_event_entry *e);
/* Elements into a user's array that has room for *room; *room becomes how many there are. 0, -EFAULT. */
int drm_put_list(u64 to, u32 *room, const void *from, u32 count, size_t size);

/* ---- drm_core.c ---- */
void drm_master_open(struct drm_file *f);
void drm_master_release(struct drm_file *f);	/* [K] */

/* ---- drm_gem.c ---- */
/* The object with that handle, referenced; NULL. Process context. */
struct gpu_object *drm_object_get(struct drm_file *f, u32 handle);
/* A handle for it, which takes over the caller's reference on success: 0, -errno. [F] */
int drm_handle_add(struct drm_file *f, struct gpu_object *o, u32 *handle);
/* Its handle in this file, 0: it has none. [F] */
u32 drm_handle_find(struct drm_file *f, const struct gpu_object *o);
/* A handle for an object that comes from elsewhere, the one that it has if there is one. Takes over the reference. */
int drm_object_import(struct drm_file *f, struct gpu_object *o, u32 *handle);
/* The file's context in the host, made if it has none: 0, -errno. [F] */
int drm_context_make(struct drm_file *f);
void drm_handles_release(struct drm_file *f);
struct vm_object *drm_mmap(struct drm_file *f, u64 offset, u64 len, bool shared);
static inline u64 drm_mmap_offset(const struct gpu_object *o) { return (u64)o->id << 32; }
/* object.c's: a number for the host; it is free again. */
int drm_object_number(struct gpu_object *o);
void drm_object_gone(struct gpu_object *o);

/* ---- drm_mode.c ---- */
/* The monitor's modes into modes[DRM_MODES_MAX], the preferred one first: how many. */
u32 drm_modes(const struct gpu_display *d, struct drm_mode_modeinfo *modes);
void drm_size_mm(const struct gpu_display *d, u32 *width, u32 *height);

/* ---- drm_fb.c ---- */
struct drm_framebuffer *drm_fb_find(struct drm_device *dev, u32 id);	/* [K] */
void drm_fb_release(struct drm_file *f);	/* all of a file that is closed. [K] */

/* ---- drm_scanout.c ---- */
/* The pointers of a file that is closed go. [K] */
void drm_cursor_release(struct drm_file *f);
/* Nothing shows the framebuffer any more. [K] */
void drm_scanout_forget(struct drm_device *dev, struct drm_framebuffer *fb);
/* Whatever is not on is off. [K] */
int drm_dpms_set(struct drm_device *dev, u32 scanout, u64 state);

/* ---- drm_sync.c ---- */
/* A descriptor number that stands for a fence: >= 0, -errno. */
int drm_sync_install(struct gpu_device *gpu, u64 fence);
/* Is it one of the device's? 0, -EINVAL. */
int drm_sync_check(struct gpu_device *gpu, s32 fd);
/* The fence that the descriptor stands for into *fence: 0, -EINVAL as above. */
int drm_sync_fence(struct gpu_device *gpu, s32 fd, u64 *fence);

/* ---- sysfs.c ---- */
int drm_sysfs_add(struct drm_device *dev);
void drm_sysfs_remove(struct drm_device *dev);	/* all that there is of it */
