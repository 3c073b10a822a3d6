/*
 * Faults of a program: the signal, its code and its address. tests/vm/process_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

static sigjmp_buf back;
static siginfo_t info;

static void caught(int sig, siginfo_t *i, void *context)
{
	(void)context;
	info = *i;
	siglongjmp(back, sig);
}

static void fault(void (*fn)(void *), void *arg, int sig, int code, void *address)
{
	struct sigaction a = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER };
	static const int all[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		SAME(sigaction(all[i], &a, NULL), 0);
	memset(&info, 0, sizeof(info));
	if (sigsetjmp(back, 1) == 0) {
		fn(arg);
		EXPECT(!"a fault");
	}
	SAME(info.si_signo, sig);
	SAME(info.si_code, code);
	if (address)
		SAME((uintptr_t)info.si_addr, (uintptr_t)address);
}

static void load(void *p) { (void)*(volatile char *)p; }
static void store(void *p) { *(volatile char *)p = 1; }
static void jump(void *p) { ((void (*)(void))p)(); }

static char *pages(int prot)
{
	char *p = mmap(NULL, 3 * 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

CHECK(nothing_there)
{
	char *p = pages(PROT_READ | PROT_WRITE);

	SAME(munmap(p + 4096, 4096), 0);
	fault(load, p + 4096 + 5, SIGSEGV, SEGV_MAPERR, p + 4096 + 5);
	fault(store, p + 4096 + 7, SIGSEGV, SEGV_MAPERR, p + 4096 + 7);
	fault(jump, p + 4096, SIGSEGV, SEGV_MAPERR, p + 4096);
	fault(load, (void *)8, SIGSEGV, SEGV_MAPERR, (void *)8);
}

CHECK(not_allowed)
{
	static const char constant[] = "constant";
	char *p = pages(PROT_READ);

	fault(store, p + 1, SIGSEGV, SEGV_ACCERR, p + 1);
	load(p);
	fault(store, p + 1, SIGSEGV, SEGV_ACCERR, p + 1);
	fault(jump, p, SIGSEGV, SEGV_ACCERR, p);
	SAME(mprotect(p, 4096, PROT_NONE), 0);
	fault(load, p, SIGSEGV, SEGV_ACCERR, p);
	fault(store, (void *)constant, SIGSEGV, SEGV_ACCERR, (void *)constant);
	/* The data of a program is not code. */
	fault(jump, &info, SIGSEGV, SEGV_ACCERR, &info);
}

CHECK(protection_comes_and_goes)
{
	char *p = pages(PROT_READ | PROT_WRITE);

	p[0] = 'x';
	SAME(mprotect(p, 4096, PROT_READ), 0);
	fault(store, p, SIGSEGV, SEGV_ACCERR, p);
	SAME(p[0], 'x');
	SAME(mprotect(p, 4096, PROT_READ | PROT_WRITE), 0);
	p[0] = 'y';
	SAME(mprotect(p, 4096, PROT_NONE), 0);
	fault(load, p, SIGSEGV, SEGV_ACCERR, p);
	SAME(mprotect(p, 4096, PROT_READ), 0);
	SAME(p[0], 'y');
}

CHECK(kernel_memory)
{
	static const uintptr_t some[] = { 0xffff000000000000, 0xffff800000000000, 0xffffffc008000000, 0xfffffffffffff000 };

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		fault(load, (void *)some[i], SIGSEGV, SEGV_MAPERR, NULL);
		fault(store, (void *)some[i], SIGSEGV, SEGV_MAPERR, NULL);
	}
	/* Nor by way of a system call. */
	int fd = open("/dev/zero", O_RDWR);

	EXPECT(fd >= 0);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		FAILS(read(fd, (void *)some[i], 16), EFAULT);
		int p[2];

		EXPECT(pipe(p) == 0);
		FAILS(write(p[1], (void *)some[i], 16), EFAULT);
		close(p[0]);
		close(p[1]);
	}
}

CHECK(addresses_that_are_none)
{
	/* Neither half of the address space. */
	fault(load, (void *)0x00ff123456789000, SIGSEGV, SEGV_MAPERR, NULL);
}

static void undefined(void *p) { (void)p; asm volatile("udf #7"); }
static void privileged(void *p) { asm volatile("msr vbar_el1, %0" : : "r"(p)); }
static void breakpoint(void *p) { (void)p; asm volatile("brk #5"); }

CHECK(instructions_that_are_none)
{
	fault(undefined, NULL, SIGILL, ILL_ILLOPC, NULL);
	fault(privileged, NULL, SIGILL, ILL_ILLOPC, NULL);
	fault(breakpoint, NULL, SIGTRAP, TRAP_BRKPT, NULL);
}

CHECK(a_program_counter_that_is_no_multiple_of_four)
{
	fault(jump, pages(PROT_READ | PROT_EXEC) + 2, SIGBUS, BUS_ADRALN, NULL);
}

static void exclusive(void *p) { unsigned v; asm volatile("ldxr %w0, [%1]" : "=r"(v) : "r"(p)); }
static void acquire(void *p) { unsigned v; asm volatile("ldar %w0, [%1]" : "=r"(v) : "r"(p)); }
static void compare(void *p)
{
	asm volatile(".arch armv8.1-a\n\tcasal %w0, %w1, [%2]" : : "r"(0), "r"(1), "r"(p) : "memory");
}

CHECK(atomics_that_are_not_aligned)
{
	char *p = pages(PROT_READ | PROT_WRITE);

	/* Over the end of sixteen bytes: what no processor does. */
	fault(exclusive, p + 14, SIGBUS, BUS_ADRALN, p + 14);
	fault(acquire, p + 14, SIGBUS, BUS_ADRALN, p + 14);
	fault(compare, p + 14, SIGBUS, BUS_ADRALN, p + 14);
	/* Others may be, of ordinary memory. */
	*(volatile unsigned *)(p + 1) = 0x12345678;
	SAME(*(volatile unsigned *)(p + 1), 0x12345678);
}

static int deep(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0];
	return nowhere ? deep(here) + here[0] : 0;
}

static void overflow(void *p)
{
	(void)deep(p);
}

static char other_stack[65536];

CHECK(stacks)
{
	stack_t alt = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };
	struct sigaction a = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int status;
	pid_t pid;
	char c = 0;

	/* A handler of its own, on a stack of its own. */
	SAME(sigaltstack(&alt, NULL), 0);
	SAME(sigaction(SIGSEGV, &a, NULL), 0);
	memset(&info, 0, sizeof(info));
	if (sigsetjmp(back, 1) == 0)
		overflow(&c);
	SAME(info.si_signo, SIGSEGV);
	SAME(info.si_code, SEGV_MAPERR);
	EXPECT((uintptr_t)info.si_addr < (uintptr_t)&c && (uintptr_t)info.si_addr > (uintptr_t)&c - (64 << 20));
	/* Without one there is no place for the signal. */
	alt.ss_flags = SS_DISABLE;
	SAME(sigaltstack(&alt, NULL), 0);
	pid = fork();
	if (pid == 0)
		overflow(&c);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status & 0x7f, SIGSEGV);
}

static void privileged_read(void *p) { unsigned long v; (void)p; asm volatile("mrs %0, sctlr_el1" : "=r"(v)); }
static void hypercall(void *p) { (void)p; asm volatile("hvc #0"); }
static void monitor_call(void *p) { (void)p; asm volatile("smc #0"); }
static void mask_interrupts(void *p) { (void)p; asm volatile("msr daifset, #15"); }
static void return_from_exception(void *p) { (void)p; asm volatile("eret"); }
static void clean_by_set(void *p) { asm volatile("dc isw, %0" : : "r"(p)); }
static void flush(void *p) { (void)p; asm volatile("tlbi vmalle1"); }
static void halt(void *p) { (void)p; asm volatile("hlt #1"); }

CHECK(instructions_of_the_kernel)
{
	static void (*const each[])(void *) = { privileged_read, hypercall, monitor_call, mask_interrupts, return_from_exception,
						clean_by_set, flush, halt };

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		fault(each[i], NULL, SIGILL, ILL_ILLOPC, NULL);
	/* No instruction at all. */
	for (unsigned word = 0; word < 3; word++) {
		unsigned *p = (unsigned *)pages(PROT_READ | PROT_WRITE);

		p[0] = word == 0 ? 0 : word == 1 ? 0xffffffff : 0x00dead00;
		SAME(mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
		fault(jump, p, SIGILL, ILL_ILLOPC, p);
	}
}

#define ID_REGISTER(name) ({ uint64_t v_; asm("mrs %0, " name : "=r" (v_)); v_; })
#define FIELD(v, shift) ((v) >> (shift) & 0xf)

static void read_32_bit_id(void *p) { (void)p; asm volatile("mrs x0, S3_0_C0_C1_0" : : : "x0"); }
static void read_far(void *p) { (void)p; asm volatile("mrs x0, S3_0_C0_C0_1" : : : "x0"); }

CHECK(id_registers_can_be_read)
{
	unsigned long caps = getauxval(AT_HWCAP);
	uint64_t isar0 = ID_REGISTER("S3_0_C0_C6_0"), pfr0 = ID_REGISTER("S3_0_C0_C4_0");

	EXPECT(caps & HWCAP_CPUID);
	EXPECT(ID_REGISTER("S3_0_C0_C0_0") >> 24 != 0);		/* MIDR_EL1: an implementer */
	SAME(ID_REGISTER("S3_0_C0_C0_5"), 1ul << 31);		/* MPIDR_EL1 */
	SAME(FIELD(isar0, 4) > 0, !!(caps & HWCAP_AES));
	SAME(FIELD(isar0, 16) > 0, !!(caps & HWCAP_CRC32));
	SAME(FIELD(isar0, 20) > 1, !!(caps & HWCAP_ATOMICS));
	SAME(FIELD(isar0, 44) > 0, !!(caps & HWCAP_ASIMDDP));
	SAME(FIELD(isar0, 24), 0);				/* hidden */
	SAME(pfr0 & 0xff, 0x11);
	SAME(FIELD(pfr0, 16), caps & HWCAP_FPHP ? 1 : 0);
	SAME(FIELD(ID_REGISTER("S3_0_C0_C6_1"), 20) > 0, !!(caps & HWCAP_LRCPC));
	SAME(FIELD(ID_REGISTER("S3_0_C0_C7_2"), 32) > 0, !!(caps & HWCAP_USCAT));
	SAME(ID_REGISTER("S3_0_C0_C5_0"), 6);
	SAME(ID_REGISTER("S3_0_C0_C7_7"), 0);			/* not used yet */
	asm volatile("mrs xzr, S3_0_C0_C6_0");
	fault(read_32_bit_id, NULL, SIGILL, ILL_ILLOPC, NULL);
	fault(read_far, NULL, SIGILL, ILL_ILLOPC, NULL);
}

CHECK(jumps_into_the_wild)
{
	static const uintptr_t some[] = { 0, 4, 0x10000, 0x0000f00000000000, 0x00ff123456789000, 0xffff000000000000, 0xffff800008000000,
					  0xfffffffffffffffc };

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		fault(jump, (void *)some[i], SIGSEGV, SEGV_MAPERR, NULL);
}

CHECK(past_the_end_of_a_mapped_file)
{
	int fd = open("/tmp/short", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p;

	EXPECT(fd >= 0);
	SAME(write(fd, "abc", 3), 3);
	p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(p != MAP_FAILED);
	EXPECT(p[0] == 'a' && p[2] == 'c' && p[3] == 0 && p[4095] == 0);
	fault(load, p + 4096, SIGBUS, BUS_ADRERR, p + 4096);
	unlink("/tmp/short");
}

CHECK(unhandled_faults_kill)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		store(nowhere);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status & 0x7f, SIGSEGV);
	/* A fault that is blocked or ignored kills all the same. */
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_IGN);
		store(nowhere);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status & 0x7f, SIGSEGV);
}
