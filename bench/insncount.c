/*
 * insncount: a QEMU TCG plugin (plugin API version 1) that keeps live counters of
 * what a guest executes in a file, which bench/lab.py and bench/profile.py map and read at will.
 *
 * The guest does not take part, so any kernel is measured the same way: read, let it do N units
 * of work, read again, divide. A halted CPU (WFI) executes nothing and costs nothing. For
 * one virtual CPU, or several that QEMU runs in turns. A translation block counts in full when it is
 * entered: what follows a page fault in the middle of a block is counted twice, which is under one per cent.
 *
 * Arguments
 *   out=PATH     the counter file, made anew
 *   ram=A-B      physical addresses of the RAM: low code there is a kernel's, running before its MMU is
 *                on or in an identity map; low code elsewhere is a user program's
 *   io=on        also count writes to device registers of 16 or 32 bits, such as doorbells and ends of
 *                interrupt: the kernel's stores of these sizes then go through a callback, which takes time
 *   blocks=on    also count the executions of every translation block
 *
 * Layout of the file, little-endian u64:
 *   [0] magic  [1] instructions of the kernel  [2] of user programs
 *   [3] of both when the first user instruction was about to run
 *   [4] io accesses that found no slot  [5] block slots in use
 *   [16 + 2k]  io entry, a hash table: physical address & ~3; 0 is free
 *   [17 + 2k]  its count
 *   [BLOCKS + 2k]  block: virtual address, of which bits 63..48 are all equal, so that bits 63..49
 *                  hold the number of instructions and bit 48 the half
 *   [BLOCKS + 2k + 1]  its executions
 *
 * The plugin interface is declared here because the distribution ships no header for it; it is
 * described in QEMU's docs/devel/tcg-plugins.rst.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t plugin_id;
typedef uint32_t plugin_meminfo;
struct plugin_info;
struct plugin_tb;
struct plugin_insn;
struct plugin_hwaddr;
enum { CB_NO_REGS = 0 };
enum { MEM_W = 2 };
enum { INLINE_ADD_U64 = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct plugin_tb *, void (*)(unsigned int, void *), int flags, void *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct plugin_tb *, int op, void *, uint64_t);
extern void qemu_plugin_register_vcpu_mem_cb(struct plugin_insn *,
		void (*)(unsigned int, plugin_meminfo, uint64_t, void *), int flags, int rw, void *);
extern size_t qemu_plugin_tb_n_insns(const struct plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct plugin_tb *);
extern struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_tb *, size_t);
extern struct plugin_hwaddr *qemu_plugin_get_hwaddr(plugin_meminfo, uint64_t);
extern bool qemu_plugin_hwaddr_is_io(const struct plugin_hwaddr *);
extern uint64_t qemu_plugin_hwaddr_phys_addr(const struct plugin_hwaddr *);
extern const void *qemu_plugin_insn_data(const struct plugin_insn *);

/* QEMU reads this to learn which version of the interface the plugin speaks. */
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define MAGIC		0x32544e554f434e49	/* "INCOUNT2" */
#define IO_BASE		16
#define IO_MAX		4096			/* a power of two */
#define BLOCK_BASE	(IO_BASE + 2 * IO_MAX)
#define BLOCK_MAX	(1 << 19)		/* a power of two */

enum { W_MAGIC, W_KERNEL, W_USER, W_FIRST_USER, W_IO_LOST, W_BLOCKS };

static volatile uint64_t *counters;
static uint64_t ram_start = 0x40000000, ram_end = 0x60000000;
static bool count_io, count_blocks;

static void user_begins(unsigned int vcpu, void *unused)
{
	(void)vcpu;
	(void)unused;
	if (!counters[W_FIRST_USER])
		counters[W_FIRST_USER] = counters[W_KERNEL];
}

static void store(unsigned int vcpu, plugin_meminfo info, uint64_t vaddr, void *unused)
{
	struct plugin_hwaddr *hw = qemu_plugin_get_hwaddr(info, vaddr);
	volatile uint64_t *slots = counters + IO_BASE;
	uint64_t key, k;

	(void)vcpu;
	(void)unused;
	if (!hw || !qemu_plugin_hwaddr_is_io(hw))
		return;
	key = qemu_plugin_hwaddr_phys_addr(hw) & ~(uint64_t)3;
	k = (key ^ key >> 12) / 4 % IO_MAX;
	for (int tries = 0; slots[2 * k] != key; tries++) {
		if (!slots[2 * k]) {
			slots[2 * k] = key;
			break;
		}
		if (tries == 64) {
			counters[W_IO_LOST]++;
			return;
		}
		k = (k + 1) % IO_MAX;
	}
	slots[2 * k + 1]++;
}

/* A store of one general register of 16 or 32 bits: size in 31:30, then 111, and no SIMD. Arm ARM C4.1.88. */
static bool is_register_store(struct plugin_insn *insn)
{
	uint32_t opcode, size;

	memcpy(&opcode, qemu_plugin_insn_data(insn), sizeof opcode);
	size = opcode >> 30;
	return (opcode >> 26 & 15) == 14 && (size == 1 || size == 2);
}

/* The slot of a block; a block that is translated anew finds the one it had. NULL: the table is full. */
static volatile uint64_t *block_slot(uint64_t vaddr, uint64_t n)
{
	volatile uint64_t *slots = counters + BLOCK_BASE;
	uint64_t key = (vaddr & 0xffffffffffff) | (vaddr >> 63) << 48 | n << 49;
	uint64_t k = (vaddr >> 2 ^ vaddr >> 20 ^ vaddr >> 40 ^ n << 7) % BLOCK_MAX;

	for (int tries = 0; tries < 1024; tries++, k = (k + 1) % BLOCK_MAX) {
		if (!slots[2 * k]) {
			slots[2 * k] = key;
			counters[W_BLOCKS]++;
		}
		if (slots[2 * k] == key)
			return slots + 2 * k;
	}
	return NULL;
}

static void translated(plugin_id id, struct plugin_tb *tb)
{
	uint64_t n = qemu_plugin_tb_n_insns(tb), vaddr = qemu_plugin_tb_vaddr(tb);
	bool user = !(vaddr >> 63) && (vaddr < ram_start || vaddr >= ram_end);
	volatile uint64_t *slot;

	(void)id;
	if (user)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, user_begins, CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, (void *)(counters + (user ? W_USER : W_KERNEL)), n);
	if (count_blocks && (slot = block_slot(vaddr, n)))
		qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, (void *)(slot + 1), 1);
	for (size_t i = 0; count_io && !user && i < n; i++) {
		struct plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_register_store(insn))
			qemu_plugin_register_vcpu_mem_cb(insn, store, CB_NO_REGS, MEM_W, NULL);
	}
}

__attribute__((visibility("default")))
int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	const char *path = NULL;
	char *dash;
	size_t size;
	int fd;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (!strncmp(argv[i], "ram=", 4) && (dash = strchr(argv[i], '-'))) {
			ram_start = strtoull(argv[i] + 4, NULL, 0);
			ram_end = strtoull(dash + 1, NULL, 0);
		} else if (!strcmp(argv[i], "io=on")) {
			count_io = true;
		} else if (!strcmp(argv[i], "blocks=on")) {
			count_blocks = true;
		} else {
			fprintf(stderr, "insncount: unknown argument %s\n", argv[i]);
			return -1;
		}
	}
	if (!path) {
		fprintf(stderr, "insncount: out=PATH is required\n");
		return -1;
	}
	size = (BLOCK_BASE + (count_blocks ? 2 * BLOCK_MAX : 0)) * sizeof *counters;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || ftruncate(fd, size) < 0) {
		perror(path);
		return -1;
	}
	counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (counters == MAP_FAILED) {
		perror(path);
		return -1;
	}
	counters[W_MAGIC] = MAGIC;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
