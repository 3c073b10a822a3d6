/*
 * /dev/fb0 as Linux's efifb and simplefb have it: what the mode is, the memory to map, read or write. The mode is
 * firmware's; to set what it already is succeeds, anything else doesn't.
 *
 * Source: <linux/fb.h>, Documentation/fb/api.rst.
 */
#include <linux/fb.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/sysfs.h"
#include "gfx/fbdev.h"
#include "mm/slab.h"
#include "vm/vm_object.h"

#define FB_MAJOR	29		/* Linux, admin-guide/devices.txt */

static const struct screen *fb;		/* set once at boot */
static u64 fb_phys, fb_size;

static struct fb_bitfield field(u32 mask)
{
	return (struct fb_bitfield){ .offset = screen_shift(mask), .length = screen_bits(mask) };
}

static void variable(struct fb_var_screeninfo *v)
{
	*v = (struct fb_var_screeninfo){
		.xres = fb->width, .yres = fb->height, .xres_virtual = fb->width, .yres_virtual = fb->height,
		.bits_per_pixel = 32, .red = field(fb->red), .green = field(fb->green), .blue = field(fb->blue),
		.transp = field(~(fb->red | fb->green | fb->blue)), .height = ~0u, .width = ~0u,
		.vmode = FB_VMODE_NONINTERLACED,
	};
}

static void fixed(struct fb_fix_screeninfo *f)
{
	*f = (struct fb_fix_screeninfo){
		.id = "simple", .smem_start = fb_phys, .smem_len = fb_size, .type = FB_TYPE_PACKED_PIXELS,
		.visual = FB_VISUAL_TRUECOLOR, .line_length = fb->stride, .accel = FB_ACCEL_NONE,
	};
}

static long mode_set(u64 arg)
{
	struct fb_var_screeninfo want, is;

	variable(&is);
	if (copy_from_user(&want, arg, sizeof(want)))
		return -EFAULT;
	if (want.xres != is.xres || want.yres != is.yres || want.bits_per_pixel != is.bits_per_pixel)
		return -EINVAL;
	return copy_to_user(arg, &is, sizeof(is)) ? -EFAULT : 0;
}

static long fb_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct fb_var_screeninfo v;
	struct fb_fix_screeninfo x;

	switch (cmd) {
	case FBIOGET_VSCREENINFO:
		variable(&v);
		return copy_to_user(arg, &v, sizeof(v)) ? -EFAULT : 0;
	case FBIOGET_FSCREENINFO:
		fixed(&x);
		return copy_to_user(arg, &x, sizeof(x)) ? -EFAULT : 0;
	case FBIOPUT_VSCREENINFO:
		return mode_set(arg);
	case FBIOPAN_DISPLAY:
	case FBIOBLANK:
		return -EINVAL;
	}
	return -ENOTTY;
}

static s64 fb_read(struct file *f, struct uio *u, u64 *pos)
{
	size_t n = *pos < fb_size ? MIN(u->left, fb_size - *pos) : 0;

	if (n && uio_put(u, (u8 *)fb->pixels + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

static s64 fb_write(struct file *f, struct uio *u, u64 *pos)
{
	size_t n = *pos < fb_size ? MIN(u->left, fb_size - *pos) : 0;

	if (!n && u->left)
		return *pos > fb_size ? -EFBIG : -ENOSPC;
	if (n && uio_get(u, (u8 *)fb->pixels + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

static s64 fb_seek(struct file *f, s64 offset, int whence)
{
	s64 base = whence == 0 ? 0 : whence == 1 ? (s64)f->pos : (s64)fb_size;

	if (whence < 0 || whence > 2 || __builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	return f->pos = base;
}

static void object_release(struct vm_object *o)
{
	kfree(o);
}

static struct vm_object *fb_mmap(struct file *f, u64 offset, u64 len, u32 prot, bool shared)
{
	static const struct vm_object_ops ops = { .release = object_release };
	struct vm_object *o;

	if (offset > fb_size || len > ALIGN_UP(fb_size, PAGE_SIZE) - offset || !shared || !IS_ALIGNED(fb_phys, PAGE_SIZE))
		return err_ptr(-EINVAL);
	o = kzalloc(sizeof(*o));
	if (!o)
		return err_ptr(-ENOMEM);
	vm_object_init(o, &ops);
	o->refs = 1;
	o->device = o->combine = true;
	o->device_phys = fb_phys;
	return o;
}

static const struct file_ops fb_ops = {
	.read = fb_read, .write = fb_write, .seek = fb_seek, .ioctl = fb_ioctl, .mmap = fb_mmap,
};

static void size_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u,%u\n", fb->width, fb->height);
}

static void stride_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u\n", fb->stride);
}

int fbdev_register(const struct screen *s, u64 phys, u64 size)
{
	static struct chardev device = { .name = "fb0", .major = FB_MAJOR, .minor = 0, .mode = 0600, .ops = &fb_ops };
	int err;

	if (fb)
		return -EBUSY;
	fb = s;
	fb_phys = phys;
	fb_size = size;
	err = chardev_register(&device);
	if (!err)
		err = sysfs_register_text("class/graphics/fb0/name", "simple");
	if (!err)
		err = sysfs_register_text("class/graphics/fb0/bits_per_pixel", "32");
	if (!err)
		err = sysfs_register("class/graphics/fb0/virtual_size", size_show, NULL, NULL);
	return err ? err : sysfs_register("class/graphics/fb0/stride", stride_show, NULL, NULL);
}
