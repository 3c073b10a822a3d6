/*
 * The page that handlers return to when the program brought no restorer of
 * its own (glibc does not): rt_sigreturn, in a page that every program finds
 * mapped as [vdso].
 */
#include <asm/unistd.h>
#include "arch/arm64/pgtable.h"
#include "base/errno.h"
#include "core/panic.h"
#include "mm/page.h"
#include "proc/internal.h"
#include "vm/vm_space.h"

static struct page *page;

static struct page *get_page(struct vm_object *o, u64 index, bool write, int *err)
{
	if (index) {
		*err = -EFAULT;
		return NULL;
	}
	page_get(page);
	return page;
}

static void release(struct vm_object *o)
{
}

static const struct vm_object_ops ops = { .get_page = get_page, .release = release };
static struct vm_object object = { .refs = 1, .ops = &ops };

void sigpage_init(void)
{
	u32 *code;

	page = page_alloc(0, PA_ZERO);
	if (!page)
		panic("no memory for the signal return page");
	code = page_to_virt(page);
	/* Unwinders know the frame by these two words. */
	code[0] = 0xd2800008u | __NR_rt_sigreturn << 5;	/* mov x8, #rt_sigreturn */
	code[1] = 0xd4000001u;				/* svc #0 */
}

int sigpage_map(struct vm_space *s)
{
	s64 at = vm_map(s, 0, PAGE_SIZE, VM_READ | VM_EXEC | VM_VDSO, false, false, &object, 0, NULL);

	if (at < 0)
		return at;
	s->vdso = at;
	return 0;
}
