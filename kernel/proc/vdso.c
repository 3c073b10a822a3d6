/*
 * The vDSO in every program: a page of data that core/clock keeps, and behind
 * it the image built from vdso/, with the clocks and the return from signal
 * handlers. exec maps it and tells its place by AT_SYSINFO_EHDR.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/panic.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "core/vdso_data.h"
#include "vm/vm_space.h"

extern const char vdso_image[], vdso_image_end[];	/* vdso_image.S */

static struct page **pages;		/* the data page, then the image's; set at boot */
static u32 page_count;

static struct page *get_page(struct vm_object *o, u64 index, bool write, int *err)
{
	if (index >= page_count) {
		*err = -EFAULT;
		return NULL;
	}
	page_get(pages[index]);
	return pages[index];
}

static void release(struct vm_object *o)
{
}

static const struct vm_object_ops ops = { .get_page = get_page, .release = release };
static struct vm_object object;

void vdso_init(void)
{
	size_t size = vdso_image_end - vdso_image;

	vm_object_init(&object, &ops);
	object.refs = 1;
	page_count = 1 + DIV_ROUND_UP(size, PAGE_SIZE);
	pages = kcalloc(page_count, sizeof(*pages));
	for (u32 i = 0; i < page_count; i++) {
		if (pages)
			pages[i] = page_alloc(0, PA_ZERO);
		if (!pages || !pages[i])
			panic("no memory for the vDSO");
	}
	for (u32 i = 1; i < page_count; i++)
		memcpy(page_to_virt(pages[i]), vdso_image + (i - 1) * PAGE_SIZE, MIN(size - (i - 1) * PAGE_SIZE, PAGE_SIZE));
	clock_publish(page_to_virt(pages[0]));
}

int vdso_map(struct vm_space *s)
{
	u64 size = page_count * PAGE_SIZE;
	s64 at = vm_map(s, 0, size, VM_READ | VM_VDSO, false, false, &object, 0, NULL), image;

	if (at < 0)
		return at;
	image = vm_map(s, at + PAGE_SIZE, size - PAGE_SIZE, VM_READ | VM_EXEC | VM_VDSO, true, false, &object, PAGE_SIZE,
		NULL);
	if (image < 0)
		return image;
	s->vdso = image;
	return 0;
}
