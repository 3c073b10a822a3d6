/*
 * GPUs as text: /sys as Linux has it (the device with its drm/cardN and
 * drm/renderDN, a directory for each connector, links by class and by number,
 * from which libdrm finds out what a node is), and counters in /proc/gpu.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/procfs.h"
#include "fs/sysfs.h"
#include "gfx/drm.h"
#include "mm/slab.h"

#define PATH_SIZE	256u

/* What a connector's files are about: counted, and refers to the GPU. */
struct connector { struct drm_device *dev; u32 n, refs; };

/* Files are added one after the other; the first that fails is the last. */
struct writer { struct drm_device *dev; int err; char path[PATH_SIZE]; };

/* ---- /proc/gpu -------------------------------------------------------------------------------------- */

static struct mutex first_lock = MUTEX_INIT(first_lock, "drm first");
static struct gpu_device *first;	/* whose counters are shown; NULL: there is none [first_lock] */

static void counters_show(struct text_out *t)
{
	static const char *const names[GPU_COUNTS] = {
		[GPU_SUBMITS] = "submits", [GPU_FLUSHES] = "flushes", [GPU_TRANSFERS] = "transfers",
		[GPU_BYTES] = "bytes", [GPU_SCANOUTS] = "scanouts", [GPU_CURSORS] = "cursors",
		[GPU_FENCES_WAITED] = "fences_waited",
		[GPU_INTERRUPTS] = "interrupts", [GPU_COMMANDS] = "commands", [GPU_KICKS] = "kicks",
		[GPU_ERRORS] = "errors",
	};
	struct drm_device *dev = first->drm;
	u32 objects = 0, contexts = 0, framebuffers = 0;

	for (u32 i = 0; i < GPU_COUNTS; i++)
		text_printf(t, "%s %llu\n", names[i], (unsigned long long)atomic_load_relaxed(&first->counts[i]));
	mutex_lock(&dev->lock);
	for (u32 i = 1; i <= dev->objects.size; i++)
		objects += drm_ids_get(&dev->objects, i) != NULL;
	for (u32 i = 1; i <= dev->contexts.size; i++)
		contexts += drm_ids_get(&dev->contexts, i) != NULL;
	for (u32 i = 1; i <= dev->framebuffers.size; i++)
		framebuffers += drm_ids_get(&dev->framebuffers, i) != NULL;
	mutex_unlock(&dev->lock);
	text_printf(t, "objects %u\nobject_bytes %llu\ncontexts %u\nframebuffers %u\ndisplay_changes %u\n", objects,
		    (unsigned long long)gpu_object_bytes(), contexts, framebuffers, atomic_load(&dev->changes));
}

/* A line for each, its program's name at the end. */
static void contexts_show(struct text_out *t, struct drm_device *dev)
{
	mutex_lock(&dev->lock);
	for (u32 i = 1; i <= dev->contexts.size; i++) {
		const struct drm_file *f = drm_ids_get(&dev->contexts, i);

		if (!f)
			continue;
		text_printf(t, "context %u submits %llu transfers %llu bytes %llu ", i,
			    (unsigned long long)atomic_load_relaxed(&f->submits),
			    (unsigned long long)atomic_load_relaxed(&f->transfers),
			    (unsigned long long)atomic_load_relaxed(&f->bytes));
		text_escaped(t, f->name);
		text_printf(t, "\n");
	}
	mutex_unlock(&dev->lock);
}

static void gpu_show(struct text_out *t)
{
	mutex_lock(&first_lock);
	if (first) {
		counters_show(t);
		contexts_show(t, first->drm);
	}
	mutex_unlock(&first_lock);
}

/* ---- connectors ------------------------------------------------------------------------------------- */

static void connector_put(void *arg)
{
	struct connector *c = arg;

	if (!ref_put(&c->refs))
		return;
	gpu_put(c->dev->gpu);
	kfree(c);
}

static struct gpu_display *display_of(struct connector *c)
{
	struct gpu_display *d = kmalloc(sizeof(*d));

	if (d) {
		mutex_lock(&c->dev->gpu->display_lock);
		*d = c->dev->gpu->displays[c->n];
		mutex_unlock(&c->dev->gpu->display_lock);
	}
	return d;
}

static void status_show(struct text_out *t, void *arg)
{
	struct connector *c = arg;

	text_printf(t, "%s\n", READ_ONCE(c->dev->gpu->displays[c->n].enabled) ? "connected" : "disconnected");
}

static void enabled_show(struct text_out *t, void *arg)
{
	struct connector *c = arg;

	text_printf(t, "%s\n", READ_ONCE(c->dev->crtcs[c->n].fb) ? "enabled" : "disabled");
}

static void dpms_show(struct text_out *t, void *arg)
{
	static const char *const names[] = { "On", "Standby", "Suspend", "Off" };
	struct connector *c = arg;

	text_printf(t, "%s\n", names[READ_ONCE(c->dev->crtcs[c->n].dpms) & 3]);
}

static void modes_show(struct text_out *t, void *arg)
{
	struct gpu_display *d = display_of(arg);
	struct drm_mode_modeinfo *modes = kmalloc(DRM_MODES_MAX * sizeof(*modes));

	if (d && modes && d->enabled)
		for (u32 i = 0, n = drm_modes(d, modes); i < n; i++)
			text_printf(t, "%s\n", modes[i].name);
	kfree(modes);
	kfree(d);
}

static s64 edid_read(void *arg, u64 offset, void *buf, size_t n)
{
	struct connector *c = arg;
	struct gpu_display *d = &c->dev->gpu->displays[c->n];

	mutex_lock(&c->dev->gpu->display_lock);
	n = offset < d->edid_size ? MIN(n, d->edid_size - offset) : 0;
	memcpy(buf, d->edid + offset, n);
	mutex_unlock(&c->dev->gpu->display_lock);
	return n;
}

/* ---- /sys ------------------------------------------------------------------------------------------- */

static const char *path_make(struct writer *w, const char *fmt, ...) printf_like(2, 3);
static const char *path_make(struct writer *w, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(w->path, sizeof(w->path), fmt, args);
	va_end(args);
	return w->path;
}

/* path is w->path */
static void text_add(struct writer *w, const char *path, const char *text)
{
	if (!w->err)
		w->err = sysfs_register_text(path, text);
}

/* A link at path, which is w->path, to what lies at target below /sys. */
static void link_add(struct writer *w, const char *path, const char *target)
{
	char to[2 * PATH_SIZE] = "";
	size_t n = 0;

	for (const char *s = path; *s; s++)
		if (*s == '/')
			n += scnprintf(to + n, sizeof(to) - n, "../");
	scnprintf(to + n, sizeof(to) - n, "%s", target);
	if (!w->err)
		w->err = sysfs_register_link(path, to);
}

/* The file that is added has one more reference to the connector. */
static void show_add(struct writer *w, const char *path, void (*show)(struct text_out *, void *), struct connector *c)
{
	if (w->err)
		return;
	ref_get(&c->refs);
	w->err = sysfs_register_owned(path, show, NULL, c, connector_put);
	if (w->err)
		connector_put(c);
}

static void connector_add(struct writer *w, u32 n)
{
	u32 card = w->dev->number;
	const char *sys = w->dev->gpu->sysfs;
	struct connector *c = kmalloc(sizeof(*c));
	char dir[PATH_SIZE];

	if (!c) {
		w->err = -ENOMEM;
		return;
	}
	*c = (struct connector){ w->dev, n, 1 };
	gpu_get(w->dev->gpu);
	snprintf(dir, sizeof(dir), "%s/drm/card%u/card%u-Virtual-%u", sys, card, card, n + 1);
	show_add(w, path_make(w, "%s/status", dir), status_show, c);
	show_add(w, path_make(w, "%s/enabled", dir), enabled_show, c);
	show_add(w, path_make(w, "%s/dpms", dir), dpms_show, c);
	show_add(w, path_make(w, "%s/modes", dir), modes_show, c);
	path_make(w, "%s/edid", dir);
	ref_get(&c->refs);
	if (!w->err)
		w->err = sysfs_register_binary(w->path, 0444, GPU_EDID_SIZE, edid_read, c, connector_put);
	if (w->err)
		connector_put(c);
	text_add(w, path_make(w, "%s/uevent", dir), "DEVTYPE=drm_connector");
	link_add(w, path_make(w, "%s/subsystem", dir), "class/drm");
	link_add(w, path_make(w, "class/drm/card%u-Virtual-%u", card, n + 1), dir);
	connector_put(c);
}

/* cardN or renderDN */
static void node_add(struct writer *w, const char *kind, u32 minor)
{
	const char *sys = w->dev->gpu->sysfs;
	char dir[PATH_SIZE], text[96];

	snprintf(dir, sizeof(dir), "%s/drm/%s%u", sys, kind, minor);
	snprintf(text, sizeof(text), "%u:%u", DRM_MAJOR, minor);
	text_add(w, path_make(w, "%s/dev", dir), text);
	snprintf(text, sizeof(text), "MAJOR=%u\nMINOR=%u\nDEVNAME=dri/%s%u\nDEVTYPE=drm_minor", DRM_MAJOR, minor, kind,
		 minor);
	text_add(w, path_make(w, "%s/uevent", dir), text);
	link_add(w, path_make(w, "%s/subsystem", dir), "class/drm");
	link_add(w, path_make(w, "%s/device", dir), sys);
	link_add(w, path_make(w, "class/drm/%s%u", kind, minor), dir);
	link_add(w, path_make(w, "dev/char/%u:%u", DRM_MAJOR, minor), dir);
}

/* What is there once: the first GPU that comes is shown. */
static int first_add(struct gpu_device *gpu)
{
	static bool there;		/* /proc/gpu, class/drm/version [first_lock] */
	int err = 0;

	mutex_lock(&first_lock);
	if (!there) {
		err = sysfs_register_text("class/drm/version", "drm 1.1.0 20060810");
		if (!err)
			err = proc_register_file("gpu", gpu_show);
		there = !err;
	}
	if (!first && !err)
		first = gpu;
	mutex_unlock(&first_lock);
	return err;
}

int drm_sysfs_add(struct drm_device *dev)
{
	struct writer *w = kzalloc(sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->dev = dev;
	text_add(w, path_make(w, "%s/uevent", dev->gpu->sysfs),
		 "DRIVER=virtio_gpu\nMODALIAS=virtio:d00000010v00001AF4");
	link_add(w, path_make(w, "%s/subsystem", dev->gpu->sysfs), "bus/virtio");
	node_add(w, "card", dev->number);
	node_add(w, "renderD", DRM_RENDER_MINOR + dev->number);
	for (u32 n = 0; n < dev->gpu->scanout_count; n++)
		connector_add(w, n);
	err = w->err;
	kfree(w);
	return err ? err : first_add(dev->gpu);
}

/* cardN or renderDN, as node_add has linked it. */
static void node_remove(struct drm_device *dev, const char *kind, u32 minor)
{
	char path[48];

	snprintf(path, sizeof(path), "class/drm/%s%u", kind, minor);
	sysfs_unregister(path);
	snprintf(path, sizeof(path), "dev/char/%u:%u", DRM_MAJOR, minor);
	sysfs_unregister(path);
}

void drm_sysfs_remove(struct drm_device *dev)
{
	char path[48];

	mutex_lock(&first_lock);
	if (first == dev->gpu)
		first = NULL;
	mutex_unlock(&first_lock);
	node_remove(dev, "card", dev->number);
	node_remove(dev, "renderD", DRM_RENDER_MINOR + dev->number);
	for (u32 n = 0; n < dev->gpu->scanout_count; n++) {
		snprintf(path, sizeof(path), "class/drm/card%u-Virtual-%u", dev->number, n + 1);
		sysfs_unregister(path);
	}
	sysfs_unregister(dev->gpu->sysfs);
}
