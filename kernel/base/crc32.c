/*
 * CRC-32: by the arm64 instruction where the CPU has it (ID_AA64ISAR0_EL1.CRC32), else eight
 * tables that take eight bytes a step. inflate calls it.
 */
#include "base/crc32.h"
#include "base/endian.h"

#define POLYNOMIAL 0xedb88320u

#ifdef __aarch64__
static bool cpu_has_crc32(void)
{
	u64 isar0;

	__asm__("mrs %0, id_aa64isar0_el1" : "=r" (isar0));
	return (isar0 >> 16 & 15) != 0;
}

/* len / 16 units of 16 bytes, then the rest; two instructions a unit beside its load. */
static u32 crc32_instruction(u32 crc, const u8 *p, size_t len)
{
	const u8 *end = p + (len & ~(size_t)63);
	u64 a, b;

	if (p < end)
		__asm__ volatile(
			"	.arch_extension crc\n"
			"1:\n"
			"	.rept	4\n"
			"	ldp	%[a], %[b], [%[p]], #16\n"
			"	crc32x	%w[crc], %w[crc], %[a]\n"
			"	crc32x	%w[crc], %w[crc], %[b]\n"
			"	.endr\n"
			"	cmp	%[p], %[end]\n"
			"	b.lo	1b\n"
			: [crc] "+&r" (crc), [p] "+&r" (p), [a] "=&r" (a), [b] "=&r" (b)
			: [end] "r" (end) : "cc", "memory");
	for (len &= 63; len; len--)
		__asm__(".arch_extension crc\n crc32b %w0, %w0, %w1" : "+r" (crc) : "r" (*p++));
	return crc;
}
#else
static bool cpu_has_crc32(void)
{
	return false;
}

static u32 crc32_instruction(u32 crc, const u8 *p, size_t len)
{
	(void)p, (void)len;
	return crc;
}
#endif

void crc32_init(struct crc32_tables *tables)
{
	tables->needed = !cpu_has_crc32();
	if (!tables->needed)
		return;
	for (unsigned i = 0; i < 256; i++) {
		u32 c = i;

		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
		tables->t[0][i] = c;
	}
	for (unsigned i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++) {
			u32 c = tables->t[k - 1][i];

			tables->t[k][i] = c >> 8 ^ tables->t[0][c & 0xff];
		}
}

u32 crc32_update(const struct crc32_tables *tables, u32 crc, const void *data, size_t len)
{
	const u32 (*t)[256] = tables->t;
	const u8 *p = data;

	crc = ~crc;
	if (!tables->needed)
		return ~crc32_instruction(crc, p, len);
	for (; len >= 8; len -= 8, p += 8) {
		u64 v = get_unaligned_le64(p) ^ crc;

		crc = t[7][v & 0xff] ^ t[6][v >> 8 & 0xff] ^ t[5][v >> 16 & 0xff] ^ t[4][v >> 24 & 0xff] ^
		      t[3][v >> 32 & 0xff] ^ t[2][v >> 40 & 0xff] ^ t[1][v >> 48 & 0xff] ^ t[0][v >> 56];
	}
	for (; len; len--)
		crc = crc >> 8 ^ t[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
