/*
 * Programs with one field of their headers changed, and with bytes changed by chance: tests/vm/elf_test.py. `fields` says
 * what became of each, a line a result: "static ph[TEXT].p_vaddr=1 exit 42". `chance` tries COUNT of them, by the numbers
 * that begin at SEED, and shows that all of it is given back.
 */
#include "counts.h"
#include <elf.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define PROGRAM "/tmp/elf-mutant"
#define INTERPRETER "/tmp/elf-interpreter"
#define BASE 0x400000ul
#define CODE 0x200		/* offsets in the file, and in the first segment */
#define NAME 0x280
#define NOTE 0x2c0
#define DATA 0x1000

enum { TEXT, DATA_SEGMENT, STACK, INTERP, PROPERTY, TLS, SEGMENTS };

struct image {
	union {
		struct { Elf64_Ehdr head; Elf64_Phdr ph[SEGMENTS]; };
		unsigned char bytes[DATA + 32];
	};
};

static void build(struct image *m, int type, bool interpreter, unsigned status)
{
	uint64_t base = type == ET_EXEC ? BASE : 0;
	uint32_t code[] = { 0xd2800000 | status << 5, 0xd2800ba8, 0xd4000001 };	/* mov x0, #status; mov x8, #93; svc #0 */

	memset(m, 0, sizeof(*m));
	memcpy(m->head.e_ident, ELFMAG "\2\1\1", 7);
	m->head.e_type = type;
	m->head.e_machine = EM_AARCH64;
	m->head.e_version = 1;
	m->head.e_entry = base + CODE;
	m->head.e_phoff = sizeof(Elf64_Ehdr);
	m->head.e_ehsize = sizeof(Elf64_Ehdr);
	m->head.e_phentsize = sizeof(Elf64_Phdr);
	m->head.e_phnum = SEGMENTS;
	m->ph[TEXT] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, base, base, 0x300, 0x300, 0x1000 };
	m->ph[DATA_SEGMENT] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, DATA, base + 0x11000, base + 0x11000, 32, 0x3000, 0x1000 };
	m->ph[STACK] = (Elf64_Phdr){ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 };
	if (interpreter)
		m->ph[INTERP] = (Elf64_Phdr){ PT_INTERP, PF_R, NAME, base + NAME, base + NAME, sizeof(INTERPRETER), sizeof(INTERPRETER), 1 };
	memcpy(m->bytes + NAME, INTERPRETER, sizeof(INTERPRETER));
	memcpy(m->bytes + CODE, code, sizeof(code));
}

static void store(const char *name, const void *bytes, size_t size)
{
	int fd;

	unlink(name);
	fd = open(name, O_WRONLY | O_CREAT, 0755);
	SAME(write(fd, bytes, size), size);
	close(fd);
}

/* What became of it: "error N", "exit N", "signal N". */
static const char *run(void)
{
	static char what[32];
	int p[2], error = 0, status;
	pid_t pid;

	SAME(pipe2(p, O_CLOEXEC), 0);
	pid = vfork();
	if (!pid) {
		char *argv[] = { "mutant", NULL }, *envp[] = { NULL };

		execve(PROGRAM, argv, envp);
		error = errno;
		if (write(p[1], &error, sizeof(error)) < 0)
			_exit(98);
		_exit(97);
	}
	close(p[1]);
	error = 0;
	read(p[0], &error, sizeof(error));
	close(p[0]);
	SAME(waitpid(pid, &status, 0), pid);
	if (error)
		snprintf(what, sizeof(what), "error %d", error);
	else
		snprintf(what, sizeof(what), WIFSIGNALED(status) ? "signal %d" : "exit %d", WIFSIGNALED(status) ? WTERMSIG(status) :
			 WEXITSTATUS(status));
	return what;
}

static struct image good, bad;
static const char *kind;

static void tried(const char *name, unsigned long long value, size_t size)
{
	store(PROGRAM, &bad, size);
	printf("%s %s=%llx %s\n", kind, name, value, run());
	bad = good;
}

#define CHANGE(field, ...) do { \
		static const unsigned long long values_[] = { __VA_ARGS__ }; \
		for (size_t i_ = 0; i_ < sizeof(values_) / sizeof(values_[0]); i_++) { \
			bad.field = values_[i_]; \
			tried(#field, values_[i_], sizeof(bad)); \
		} \
	} while (0)

static void header_fields(void)
{
	CHANGE(head.e_ident[EI_MAG0], 0, 0x7e);
	CHANGE(head.e_ident[EI_MAG3], 0, 'f');
	CHANGE(head.e_ident[EI_OSABI], 3, 0xff);
	CHANGE(head.e_type, ET_NONE, ET_REL, ET_CORE, 0xffff);
	CHANGE(head.e_machine, EM_NONE, EM_386, EM_ARM, EM_X86_64, 0xffff);
	CHANGE(head.e_entry, ~0ull, 1ull << 63, 0xffff000000000000, 0xffff800008000000, 1ull << 48);
	CHANGE(head.e_phoff, ~0ull, ~0ull - 55, 1ull << 63, 1ull << 40, sizeof(bad), 0);
	CHANGE(head.e_shoff, ~0ull, 1);
	CHANGE(head.e_flags, ~0u);
	CHANGE(head.e_ehsize, 0, 0xffff);
	CHANGE(head.e_phentsize, 0, 1, 55, 57, 32, 0xffff);
	CHANGE(head.e_phnum, 0, 1, 2, 1171, 0xffff);
	CHANGE(head.e_shnum, 0xffff);
}

static void segment_fields(void)
{
	CHANGE(ph[TEXT].p_type, PT_NULL, PT_SHLIB, 0x70000000, ~0u);
	CHANGE(ph[TEXT].p_flags, 0, PF_R, PF_X, PF_R | PF_W | PF_X);
	CHANGE(ph[TEXT].p_filesz, 0x1000, 0x301, ~0ull, 1ull << 63);
	CHANGE(ph[TEXT].p_memsz, ~0ull, 1ull << 63, 1ull << 48, 1ull << 47);
	CHANGE(ph[TEXT].p_align, 0, 1, 3, 0x2000, 0x10000, 0x123456, 1ull << 63, ~0ull);
	CHANGE(ph[TEXT].p_vaddr, ~0ull, 0xffff000000000000, 1ull << 48, (1ull << 48) - 0x1000);
	CHANGE(ph[TEXT].p_paddr, ~0ull);
	CHANGE(ph[DATA_SEGMENT].p_type, PT_NULL);
	CHANGE(ph[DATA_SEGMENT].p_flags, 0, PF_R, PF_X);
	CHANGE(ph[DATA_SEGMENT].p_filesz, 0, 0x3001, ~0ull);
	CHANGE(ph[DATA_SEGMENT].p_memsz, 31, ~0ull, 1ull << 63, 1ull << 48);
	CHANGE(ph[DATA_SEGMENT].p_vaddr, ~0ull, 0xffff000000000000, 1ull << 48);
	CHANGE(ph[DATA_SEGMENT].p_align, 0, 3, 0x10000, ~0ull);
	CHANGE(ph[STACK].p_flags, 0, PF_X, PF_R | PF_W | PF_X, ~0u);
	CHANGE(ph[STACK].p_memsz, ~0ull);
	CHANGE(ph[STACK].p_offset, ~0ull);
	CHANGE(ph[TLS].p_type, PT_TLS, PT_DYNAMIC, PT_NOTE, PT_PHDR);
	bad.ph[TLS] = (Elf64_Phdr){ PT_TLS, PF_R, ~0ull, ~0ull, 0, ~0ull, 1, 3 };
	tried("tls", 0, sizeof(bad));
}

/* The note of what the program's code keeps to (.note.gnu.property). */
static void properties(void)
{
	static const struct { uint32_t namesz, descsz, type; char name[4]; uint32_t pr[4]; } notes[] = {
		{ 4, 16, 5, "GNU", { 0xc0000000, 4, 0, 0 } },
		{ 4, 16, 5, "GNU", { 0xc0000000, 4, 3, 0 } },
		{ 4, 16, 5, "GNU", { 0xc0000000, 0xffffffff, 0, 0 } },
		{ 4, 0xffffffff, 5, "GNU", { 0 } },
		{ 0xffffffff, 16, 5, "GNU", { 0 } },
		{ 4, 15, 5, "GNU", { 0xc0000000, 4, 0, 0 } },
		{ 4, 0, 5, "GNU", { 0 } },
		{ 4, 16, 1, "GNU", { 0 } },
		{ 4, 16, 5, "XXX", { 0 } },
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		memcpy(bad.bytes + NOTE, &notes[i], sizeof(notes[i]));
		bad.ph[PROPERTY] = (Elf64_Phdr){ PT_GNU_PROPERTY, PF_R, NOTE, NOTE, NOTE, sizeof(notes[i]), sizeof(notes[i]), 8 };
		tried("property", i, sizeof(bad));
	}
	bad.ph[PROPERTY] = (Elf64_Phdr){ PT_GNU_PROPERTY, PF_R, ~0ull, 0, 0, ~0ull, ~0ull, 8 };
	tried("property-outside", 0, sizeof(bad));
	bad.ph[PROPERTY] = (Elf64_Phdr){ PT_GNU_PROPERTY, PF_R, NOTE, NOTE, NOTE, 2, 2, 8 };
	tried("property-short", 0, sizeof(bad));
}

static void interpreters(void)
{
	static const char *const names[] = { "/no/such", "", "/", "/tmp", "/etc/passwd", PROGRAM, "tmp/relative", "/dev/null" };
	static const struct { unsigned long long offset, size; } places[] = {
		{ NAME, 0 }, { NAME, 1 }, { NAME, sizeof(INTERPRETER) - 1 }, { NAME, 4096 }, { NAME, 4097 }, { NAME, ~0ull }, { NAME, 1ull << 32 },
		{ ~0ull, sizeof(INTERPRETER) }, { 1ull << 63, sizeof(INTERPRETER) }, { sizeof(bad), sizeof(INTERPRETER) },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcpy((char *)bad.bytes + NAME, names[i]);
		bad.ph[INTERP].p_filesz = strlen(names[i]) + 1;
		tried("interpreter-name", i, sizeof(bad));
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bad.ph[INTERP].p_offset = places[i].offset;
		bad.ph[INTERP].p_filesz = places[i].size;
		tried("interpreter-place", i, sizeof(bad));
	}
	bad.ph[PROPERTY] = bad.ph[INTERP];
	tried("interpreter-twice", 0, sizeof(bad));
}

/* The program is good, its interpreter is not. */
static void broken_interpreters(void)
{
	struct image of, kept;

	build(&of, ET_DYN, false, 43);
	kept = of;
#define OF(field, value) do { \
		of.field = (value); \
		store(INTERPRETER, &of, sizeof(of)); \
		printf("interpreter %s=%llx %s\n", #field, (unsigned long long)of.field, run()); \
		of = kept; \
	} while (0)
	store(PROGRAM, &good, sizeof(good));
	OF(head.e_type, ET_DYN);
	OF(head.e_type, ET_REL);
	OF(head.e_machine, EM_386);
	OF(head.e_ident[0], 0);
	OF(head.e_phnum, 0);
	OF(head.e_phnum, 0xffff);
	OF(head.e_phentsize, 1);
	OF(head.e_phoff, ~0ull);
	OF(head.e_phoff, 1ull << 40);
	OF(head.e_entry, ~0ull);
	OF(head.e_entry, 0xffff800008000000);
	OF(ph[TEXT].p_memsz, ~0ull);
	OF(ph[TEXT].p_memsz, 1ull << 48);
	OF(ph[TEXT].p_filesz, 0x301);
	OF(ph[TEXT].p_type, PT_NULL);
	OF(ph[DATA_SEGMENT].p_vaddr, ~0ull);
	OF(ph[DATA_SEGMENT].p_memsz, 1ull << 48);
	OF(ph[STACK].p_type, PT_INTERP);
	store(INTERPRETER, "#!/bin/sh\nexit 0\n", 17);
	printf("interpreter script %s\n", run());
	store(INTERPRETER, "", 0);
	printf("interpreter empty %s\n", run());
	store(INTERPRETER, &of, 63);
	printf("interpreter short %s\n", run());
	store(INTERPRETER, &of, 100);
	printf("interpreter cut %s\n", run());
	SAME(chmod(INTERPRETER, 0644), 0);
	printf("interpreter mode %s\n", run());
	store(INTERPRETER, &of, sizeof(of));
}

static void kind_choose(int which)
{
	static const char *const names[] = { "static", "pie", "dynamic" };

	kind = names[which];
	build(&good, which == 0 ? ET_EXEC : ET_DYN, which == 2, 42);
	bad = good;
}

static void scene(void)
{
	struct rlimit none = { 0, 0 };

	SAME(setrlimit(RLIMIT_CORE, &none), 0);
	build(&good, ET_DYN, false, 43);
	store(INTERPRETER, &good, sizeof(good));
}

static void at_random(int count, unsigned *seed)
{
	for (int i = 0; i < count; i++) {
		size_t size = sizeof(bad);

		kind_choose(rand_r(seed) % 3);
		for (int changes = 1 + rand_r(seed) % 5; changes; changes--) {
			size_t at = rand_r(seed) % 4 ? (size_t)rand_r(seed) % (64 + 56 * SEGMENTS) : (size_t)rand_r(seed) % sizeof(bad);

			bad.bytes[at] = rand_r(seed) % 3 ? 1 << rand_r(seed) % 8 ^ bad.bytes[at] : rand_r(seed) % 2 ? 0xff : rand_r(seed);
		}
		if (rand_r(seed) % 16 == 0)
			size = rand_r(seed) % sizeof(bad);
		store(PROGRAM, &bad, size);
		run();
	}
}

CHECK(fields)
{
	scene();
	for (int which = 0; which < 3; which++) {
		kind_choose(which);
		printf("%s whole %s\n", kind, (store(PROGRAM, &good, sizeof(good)), run()));
		header_fields();
		segment_fields();
		properties();
	}
	interpreters();
	broken_interpreters();
}

CHECK(chance)
{
	unsigned first = getenv("SEED") ? atoi(getenv("SEED")) : 1, seed = first;
	int count = getenv("COUNT") ? atoi(getenv("COUNT")) : 100;

	alarm(0);
	scene();
	crowd(8);
	/* The kernel keeps the addresses of what was large: the same once before. */
	at_random(count, &seed);
	unlink(PROGRAM);
	counts_begin();
	seed = first;
	at_random(count, &seed);
	unlink(PROGRAM);
	counts_same(counts_differ);
}
