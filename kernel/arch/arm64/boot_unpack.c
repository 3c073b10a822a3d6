/*
 * Unpacks the image. In the file only .boot is as it will be; behind it all the rest is one LZ4 block (tools/mkimage).
 * start.S calls boot_unpack with the MMU and the caches on, in the upper half, where boot_map.c made the rest
 * writable: with the caches off, every byte would be an access to memory, and unaligned ones would fault.
 *
 * The block is moved up until it ends UNPACK_MARGIN behind its place in memory, in .bss, which nothing uses yet;
 * from there it is unpacked downwards of itself, into place. So the image needs no memory but its own.
 * Then the PAN instructions are removed on a CPU that has none, and each kind of section gets its own rights.
 *
 * A block that was cut off or altered on its way is noticed before it is moved. There is no console yet, nor anything
 * that could find one: the machine stops, in boot_damaged.
 */
#include "arch/arm64/boot.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/pgtable.h"
#include "base/lz4.h"
#include "base/string.h"

extern char _boot_end[], _text_start[], _text_end[], _rodata_end[], _file_end[], _bss_start[], _boot_bss_start[];
extern const s32 _pan_sites_start[], _pan_sites_end[];

/* The image is damaged, and nobody can be told. The name is for who looks with a debugger. */
static noinline noreturn void boot_damaged(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

/* Of 64-bit words, each one's place counting (tools/mkimage makes the same). */
static u64 payload_sum(const void *block, size_t size)
{
	const u64 *word = block, *end = word + size / 8;
	u64 plain = 1, sum = 0;

	while (word < end) {
		plain += *word++;
		sum += plain;
	}
	return sum ^ plain << 32 ^ plain >> 32;
}

bool payload_whole(const struct payload *p, size_t room)
{
	return p->magic == PAYLOAD_MAGIC && p->size <= room && ALIGN_UP((size_t)p->size, 16ul) <= room &&
	       payload_sum(p->block, ALIGN_UP((size_t)p->size, 16ul)) == p->sum;
}

static void pan_remove(void)
{
	if (sysreg_read(id_aa64mmfr1_el1) >> 20 & 0xf)
		return;
	for (const s32 *s = _pan_sites_start; s < _pan_sites_end; s++)
		*(u32 *)((u64)s + *s) = 0xd503201f;	/* nop */
}

/* Give pages of the image their rights. The tables are boot_map.c's, reached by the linear map. */
static void rights_set(const char *start, const char *end, u32 prot)
{
	for (u64 va = (u64)start; va < (u64)end; va += PAGE_SIZE) {
		u64 *table = phys_to_virt(kernel_root);

		for (int shift = 39; shift > 12; shift -= 9)
			table = phys_to_virt(pte_pa(table[va >> shift & 511]));
		pte_set_quick(&table[va >> 12 & 511], pte_make(va - KIMAGE_BASE + image_phys, prot));
	}
}

/* What was written as data is to be executed, by every CPU. */
static void text_publish(void)
{
	u64 line = 4ul << (sysreg_read(ctr_el0) >> 16 & 15);

	for (u64 va = (u64)_text_start; va < (u64)_text_end; va += line)
		__asm__ volatile("dc cvau, %0" :: "r"(va) : "memory");
	__asm__ volatile("dsb ish; ic ialluis; dsb ish; isb" ::: "memory");
}

void boot_unpack(void)
{
	const struct payload *p = (const struct payload *)_boot_end;
	char *end = _bss_start + UNPACK_MARGIN, *block;
	size_t size;

	if (!payload_whole(p, end - (const char *)p->block))
		boot_damaged();
	size = p->size;			/* the move may overwrite the head */
	block = end - ALIGN_UP(size, 16ul);
	memmove(block, p->block, ALIGN_UP(size, 16ul));
	if (lz4_unpack(_text_start, _file_end - _text_start, block, size))
		boot_damaged();
	memset(_bss_start, 0, _boot_bss_start - _bss_start);
	pan_remove();
	text_publish();
	rights_set(_text_start, _text_end, PTE_READ | PTE_EXEC);
	rights_set(_text_end, _rodata_end, PTE_READ);
	tlb_flush_all();
}
