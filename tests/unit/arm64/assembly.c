/*
 * The arm64 assembly of the lowest floors against plain loops: copying and filling
 * (arch/arm64/memops.S), copying to and from programs (ucopy.S), the checksum's loop (base/cksum.c) and the CRC instruction (base/crc32.c). A user program:
 * the instructions are the same at EL0. tests/vm/assembly_test.py builds it and runs it in the guest, from the
 * top of the tree:
 *
 *	aarch64-linux-musl-gcc -fno-builtin -static -iquote kernel tests/unit/arm64/assembly.c
 *
 * Sources and destinations lie against the end of a mapping, so that an access past them is a fault. The
 * plain loops are volatile, or the compiler would make them calls of what they check.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "base/cksum.c"
#include "base/crc32.c"

/* These take the C library's place in the whole program. */
__asm__(".include \"kernel/arch/arm64/memops.S\"");
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);

/* Its table of fix-ups in a section of which the linker tells the ends; here user memory is always open. */
__asm__(".macro user_access_begin\n.endm\n.macro user_access_end\n.endm\n"
	".macro extable from, to\n.pushsection fixups, \"a\"\n.balign 4\n.long \\from - ., \\to - .\n.popsection\n.endm\n"
	".include \"kernel/arch/arm64/ucopy.S\"");
size_t ucopy_in(void *dst, const void *user, size_t n);
size_t ucopy_out(void *user, const void *src, size_t n);
extern const s32 __start_fixups[], __stop_fixups[];

#define ROOM	8192

static u8 work[ROOM], wanted[ROOM];
static u8 *edge;		/* ROOM bytes before it are mapped, none after */
static u64 random_state = 1;
static unsigned passed, failed;
static const char *current;
static unsigned wrong;		/* in the running test */

static u32 random_u32(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return random_state >> 33;
}

static void fill(volatile u8 *p, size_t n)
{
	while (n--)
		*p++ = random_u32();
}

static void copy(volatile u8 *to, const volatile u8 *from, size_t n)
{
	if (to < from)
		while (n--)
			*to++ = *from++;
	else
		while (n--)
			to[n] = from[n];
}

static void expect_same(const volatile u8 *a, const volatile u8 *b, size_t n, const char *what, size_t size, size_t at)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i]) {
			if (!wrong++)
				printf("FAIL %s: %s of %zu bytes at %zu: byte %zu\n", current, what, size, at, i);
			return;
		}
}

/* Copies of each small length at each alignment, from the edge and to the edge. */
static void test_copies(void)
{
	for (size_t n = 0; n < 520; n++)
		for (size_t align = 0; align < 17; align++) {
			u8 *to = work + 64 + align, *from = edge - n;

			fill(work, n + 160);
			fill(from, n);
			copy(wanted, work, n + 160);
			copy(wanted + 64 + align, from, n);
			wrong += memcpy(to, from, n) != to;
			expect_same(work, wanted, n + 160, "copy", n, align);
			fill(to, n);
			memcpy(from, to, n);
			expect_same(from, to, n, "copy to the edge", n, align);
		}
}

static void test_overlapping_moves(void)
{
	for (int i = 0; i < 60000; i++) {
		size_t n = random_u32() % (i & 7 ? 300 : 3000), from = random_u32() % 400, to = random_u32() % 400;

		if (i & 1)
			to = from + random_u32() % 40;
		if (i % 64 == 0)
			fill(work, ROOM);
		copy(wanted, work, n + 900);
		copy(wanted + to, wanted + from, n);
		wrong += memmove(work + to, work + from, n) != work + to;
		expect_same(work, wanted, n + 900, "move", n, to - from);
	}
}

/* With zero and without: zeros of some size go by the cache block. */
static void test_fills(void)
{
	for (int value = 0; value < 2; value++)
		for (size_t n = 0; n < 3000; n += n < 700 ? 1 : 37)
			for (size_t align = 0; align < 130; align += n < 300 ? 1 : 13) {
				u8 *to = work + 200 + align;
				int c = value ? 0x1a5 : 0x300;

				fill(work, n + 500);
				copy(wanted, work, n + 500);
				for (size_t i = 0; i < n; i++)
					((volatile u8 *)wanted)[200 + align + i] = c;
				wrong += memset(to, c, n) != to;
				expect_same(work, wanted, n + 500, "fill", n, align);
				memset(edge - n, c, n);
				expect_same(edge - n, wanted + 200 + align, n, "fill to the edge", n, align);
			}
}

/* A fault goes on where the table says, as the kernel's handler has it. */
static void fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	for (const s32 *f = __start_fixups; f < __stop_fixups; f += 2)
		if ((u64)f + f[0] == c->uc_mcontext.pc) {
			c->uc_mcontext.pc = (u64)(f + 1) + f[1];
			return;
		}
	printf("FAIL %s: a fault at %p without a fix-up\n", current, info->si_addr);
	_Exit(1);
}

/* All of it, or up to the very byte that is not there, on either side; nothing beside it is touched. */
static void user_copy(size_t (*fn)(void *, const void *, size_t), const char *what, size_t n, size_t align, size_t beyond)
{
	u8 *to = work + 64 + align, *from = edge - n + beyond;
	size_t there = n - beyond;

	fill(work, n + 160);
	fill(from, there);
	copy(wanted, work, n + 160);
	copy(wanted + 64 + align, from, there);
	wrong += fn(to, from, n) != beyond;
	expect_same(work, wanted, n + 160, what, n, align);
	fill(to, n);
	copy(wanted, from - 64, 64);
	wrong += fn(from, to, n) != beyond;
	expect_same(from, to, there, what, n, align);
	expect_same(from - 64, wanted, 64, what, n, align);
}

static void test_user_copies(void)
{
	struct sigaction a = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &a, NULL);
	for (size_t n = 0; n < 520; n++)
		for (size_t align = 0; align < 17; align++) {
			user_copy(ucopy_in, "copy in", n, align, 0);
			user_copy(ucopy_out, "copy out", n, align, 0);
		}
	for (size_t n = 1; n < 400; n += n < 140 ? 1 : 7)
		for (size_t beyond = 1; beyond <= n; beyond += n < 40 ? 1 : 1 + random_u32() % 16) {
			user_copy(ucopy_in, "copy in with a fault", n, n % 17, beyond);
			user_copy(ucopy_out, "copy out with a fault", n, n % 17, beyond);
		}
	signal(SIGSEGV, SIG_DFL);
}

static u16 one_zero(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0 : sum;
}

static void test_checksum(void)
{
	static const u64 seeds[] = { 0, ~0ull, ~0ull - 5, 0x123456789abcdef0 };

	for (size_t n = 0; n < 2200; n++) {
		u8 *p = edge - n;
		u32 sum = 0;

		fill(p, n);
		for (size_t i = 0; i < n && n % 3 == 0; i++)
			((volatile u8 *)p)[i] = 0xff;		/* carries everywhere */
		for (size_t i = 0; i < n; i++)
			sum = one_zero(sum + (p[i] << (i & 1 ? 8 : 0)));
		for (size_t s = 0; s < ARRAY_SIZE(seeds); s++)
			if (one_zero(cksum_fold_raw(cksum_add(seeds[s], p, n))) != one_zero(sum + cksum_fold_raw(seeds[s])) &&
			    !wrong++)
				printf("FAIL %s: %zu bytes\n", current, n);
	}
}

static void test_crc32(void)
{
	for (size_t n = 0; n < 600; n++) {
		u8 *p = edge - n;
		u32 crc = ~0u;

		fill(p, n);
		for (size_t i = 0; i < n; i++) {
			crc ^= p[i];
			for (int k = 0; k < 8; k++)
				crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		}
		if (crc32_instruction(~0u, p, n) != crc && !wrong++)
			printf("FAIL %s: %zu bytes\n", current, n);
	}
}

static void run(const char *name, void (*test)(void))
{
	current = name;
	wrong = 0;
	test();
	if (wrong)
		failed++;
	else
		printf("ok %s\n", name), passed++;
}

int main(void)
{
	u8 *p = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + ROOM, 4096, PROT_NONE)) {
		perror("mapping the edge");
		return 1;
	}
	edge = p + ROOM;
	run("copies", test_copies);
	run("overlapping_moves", test_overlapping_moves);
	run("fills", test_fills);
	run("user_copies", test_user_copies);
	run("checksum", test_checksum);
	run("crc32", test_crc32);
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
