/*
 * Kernel mappings outside the linear map (kmap.h). Address space is handed
 * out from the bottom and, once given back, reused by size from a list: device
 * windows are few and long-lived, stacks are recycled through their own list.
 */
#include "mm/kmap.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/pgtable.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "mm/page.h"
#include "mm/slab.h"

struct hole { struct hole *next; u64 va, size; };

static struct spinlock kmap_lock = SPINLOCK_INIT("kmap");	/* irq kind: stacks are freed by dying threads */
static u64 kmap_next = KMAP_BASE;	/* [kmap_lock] */
static struct hole *kmap_holes;		/* [kmap_lock] */

#define STACK_PAGES	(KSTACK_SIZE / PAGE_SIZE)
#define STACKS_KEEP	16u
/* Free stacks, still mapped, linked through their lowest word. */
static void *stacks_free;		/* [kmap_lock] */
static u32 stacks_free_count;		/* [kmap_lock] */

static u64 table_take(void)
{
	struct page *p = page_alloc(0, PA_ZERO);

	return p ? page_to_phys(p) : 0;
}

/* Address space, aligned to its alignment; 0: used up. [kmap_lock] */
static u64 space_take(u64 size, u64 align)
{
	u64 va;

	for (struct hole **h = &kmap_holes; *h; h = &(*h)->next)
		if ((*h)->size == size && IS_ALIGNED((*h)->va, align)) {
			struct hole *found = *h;

			*h = found->next;
			va = found->va;
			kfree(found);
			return va;
		}
	va = ALIGN_UP(kmap_next, align);
	if (va + size > KMAP_BASE + KMAP_SIZE)
		return 0;
	kmap_next = va + size;
	return va;
}

/* Without memory for the record the space stays unused: there are 4 TiB of it. [kmap_lock] */
static void space_give(u64 va, u64 size)
{
	struct hole *h = kmalloc(sizeof *h);

	if (!h)
		return;
	*h = (struct hole){ kmap_holes, va, size };
	kmap_holes = h;
}

static void *map(u64 phys, u64 size, u32 prot)
{
	u64 base = ALIGN_DOWN(phys, PAGE_SIZE), span = ALIGN_UP(phys + size, PAGE_SIZE) - base;
	u64 flags = spin_lock_irqsave(&kmap_lock);
	/* Alike alignment on both sides lets large windows use blocks. */
	u64 align = span >= 0x200000 ? 0x200000 : PAGE_SIZE;
	u64 va = space_take(span + (base & (align - 1)), align);
	int r = -1;

	if (va) {
		va += base & (align - 1);
		r = pgtable_map_range(kernel_root, va, base, span, prot, table_take);
	}
	spin_unlock_irqrestore(&kmap_lock, flags);
	return r ? NULL : (void *)(va + (phys - base));
}

void *mmio_map(u64 phys, u64 size)
{
	return map(phys, size, PTE_READ | PTE_WRITE | PTE_DEVICE);
}

void *mmio_map_found(u64 phys, u64 size, u32 at, const char *name)
{
	u8 *p = mmio_map(phys, size);
	u32 word;

	if (!p || mmio_probe32(p + at, &word))
		return p;
	log_err("%s: there is nothing at %#llx", name, (unsigned long long)phys);
	mmio_unmap(p, size);
	return NULL;
}

const void *memory_map_ro(u64 phys, u64 size)
{
	return map(phys, size, PTE_READ);
}

void *memory_map_nc(u64 phys, u64 size)
{
	return map(phys, size, PTE_READ | PTE_WRITE | PTE_NC);
}

static int unmap_one(u64 va, u64 *pte, u64 size, void *arg)
{
	pte_set_quick(pte, 0);
	return 0;
}

void mmio_unmap(void *p, u64 size)
{
	u64 va = ALIGN_DOWN((u64)p, PAGE_SIZE), span = ALIGN_UP((u64)p + size, PAGE_SIZE) - va;
	u64 flags = spin_lock_irqsave(&kmap_lock);

	pgtable_visit(kernel_root, va, va + span, unmap_one, NULL);
	tlb_flush_all();
	if (span < 0x200000)
		space_give(va, span);
	spin_unlock_irqrestore(&kmap_lock, flags);
}

/* ---- stacks ---- */

static int stack_page_free(u64 va, u64 *pte, u64 size, void *arg)
{
	u64 pa = pte_pa(*pte);

	pte_set_quick(pte, 0);
	tlb_flush_kernel_page(va);
	page_free(phys_to_page(pa), 0);
	return 0;
}

static void *stack_make(void)
{
	u64 slot = space_take(KSTACK_SLOT, KSTACK_SLOT), va = slot + KSTACK_SLOT - KSTACK_SIZE;

	if (!slot)
		return NULL;
	for (u32 i = 0; i < STACK_PAGES; i++) {
		u64 *pte = pgtable_walk(kernel_root, va + i * PAGE_SIZE, table_take);
		struct page *p = pte ? page_alloc(0, PA_NOWAIT) : NULL;

		if (!p) {
			pgtable_visit(kernel_root, va, va + KSTACK_SIZE, stack_page_free, NULL);
			space_give(slot, KSTACK_SLOT);
			return NULL;
		}
		pte_set_quick(pte, pte_make(page_to_phys(p), PTE_READ | PTE_WRITE));
	}
	pte_sync();
	return (void *)va;
}

void *kstack_alloc(void)
{
	u64 flags = spin_lock_irqsave(&kmap_lock);
	void *stack = stacks_free;

	if (stack) {
		stacks_free = *(void **)stack;
		stacks_free_count--;
	} else {
		stack = stack_make();
	}
	spin_unlock_irqrestore(&kmap_lock, flags);
	return stack;
}

static void stack_unmake(void *stack)
{
	u64 va = (u64)stack;

	pgtable_visit(kernel_root, va, va + KSTACK_SIZE, stack_page_free, NULL);
	space_give(va - (KSTACK_SLOT - KSTACK_SIZE), KSTACK_SLOT);
}

void kstack_free(void *stack)
{
	u64 flags = spin_lock_irqsave(&kmap_lock);

	if (stacks_free_count < STACKS_KEEP) {
		*(void **)stack = stacks_free;
		stacks_free = stack;
		stacks_free_count++;
	} else {
		stack_unmake(stack);
	}
	spin_unlock_irqrestore(&kmap_lock, flags);
}

void kstack_drain(void)
{
	u64 flags = spin_lock_irqsave(&kmap_lock);

	while (stacks_free) {
		void *stack = stacks_free;

		stacks_free = *(void **)stack;
		stack_unmake(stack);
	}
	stacks_free_count = 0;
	spin_unlock_irqrestore(&kmap_lock, flags);
}
