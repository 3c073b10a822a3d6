/*
 * The framebuffer that firmware left: UEFI's graphics output, or a simple-framebuffer of the device tree. It is a piece
 * of memory, and all that can be done is to write there: the console does (tty/screen.h), and programs by /dev/fb0.
 *
 * What firmware says of it is checked: nothing is written outside of it, and never into memory that is given out.
 */
#include "base/errno.h"
#include "core/log.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "gfx/fbdev.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "tty/screen.h"

#define SIDE_MAX	16384u		/* pixels */

/* Its last byte's place, from its first on; 0: it can't be. */
static u64 extent(const struct boot_framebuffer *f)
{
	u64 size = (u64)f->stride * 4 * f->height;

	if (!f->width || f->width > SIDE_MAX || !f->height || f->height > SIDE_MAX || f->stride < f->width ||
	    f->stride > 2 * SIDE_MAX || !IS_ALIGNED(f->base, 4) || f->base + size < f->base || size > f->size)
		return 0;
	return size;
}

/* Memory of programs? What firmware reserved was never given out. */
static bool taken(u64 base, u64 size)
{
	for (u64 pfn = base >> PAGE_SHIFT; pfn <= (base + size - 1) >> PAGE_SHIFT; pfn++)
		if (page_is_ram(pfn) && READ_ONCE(pfn_to_page(pfn)->state) != PAGE_RESERVED)
			return true;
	return false;
}

static int simplefb_probe(void)
{
	static struct screen screen;
	const struct boot_framebuffer *f = &platform.framebuffer;
	u64 size;
	int err;

	if (!f->size)
		return -ENODEV;
	size = extent(f);
	if (!size || taken(f->base, size)) {
		log_warn("framebuffer of %ux%u pixels at %llx cannot be used", f->width, f->height,
			(unsigned long long)f->base);
		return -ENODEV;
	}
	screen = (struct screen){
		.width = f->width, .height = f->height, .stride = f->stride * 4, .red = f->red, .green = f->green,
		.blue = f->blue, .pixels = memory_map_nc(f->base, size),
	};
	if (!screen.pixels)
		return -ENOMEM;
	err = screen_register(&screen);
	if (err && err != -EBUSY)
		log_warn("framebuffer: no console: error %d", -err);
	return fbdev_register(&screen, f->base, size);
}
PLATFORM_DRIVER(simplefb, DRIVER_LATE, simplefb_probe);
