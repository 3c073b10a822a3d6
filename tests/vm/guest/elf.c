/*
 * Executing what is no program, or nearly one: each field of the headers broken in turn, then at random.
 */
#include "check.h"
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#define FILE_NAME "/tmp/elf"

/* The image is this very program: executed under that name it has nothing to do. */
__attribute__((constructor(101))) static void leave_if_executed_as_image(void)
{
	if (!strcmp((char *)getauxval(AT_EXECFN), FILE_NAME))
		_exit(0);
}

static unsigned char image[1 << 20];
static long image_size;

static void image_load(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	EXPECT(fd >= 0);
	image_size = read(fd, image, sizeof(image));
	EXPECT(image_size > 1000);
	close(fd);
}

static void image_store(long size)
{
	int fd;

	unlink(FILE_NAME);
	fd = open(FILE_NAME, O_WRONLY | O_CREAT, 0755);
	SAME(write(fd, image, size), size);
	close(fd);
}

/* Execute the image: execve's errno, or 0 if it started (whatever came of it). */
static int run(void)
{
	char *argv[] = { FILE_NAME, "no such check", NULL }, *envp[] = { NULL };
	int fds[2], error = 0, status;
	pid_t pid;

	EXPECT(pipe2(fds, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		alarm(20);
		dup2(null, 1);
		dup2(null, 2);
		execve(FILE_NAME, argv, envp);
		error = errno;
		if (write(fds[1], &error, sizeof(error)) < 0)
			_exit(2);
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(fds[0]);
	SAME(waitpid(pid, &status, 0), pid);
	return error;
}

CHECK(whole_it_runs)
{
	image_load();
	image_store(image_size);
	SAME(run(), 0);
	unlink(FILE_NAME);
}

#define BROKEN(field, value, expected) do { \
		__typeof__(field) saved_ = field; \
		int error_; \
		field = (value); \
		image_store(image_size); \
		error_ = run(); \
		if (error_ != (expected)) \
			printf("  " #field " = " #value "\n"); \
		SAME(error_, expected); \
		field = saved_; \
	} while (0)

CHECK(header_fields)
{
	Elf64_Ehdr *h = (Elf64_Ehdr *)image;

	image_load();
	BROKEN(h->e_ident[EI_MAG0], 0x7e, ENOEXEC);
	BROKEN(h->e_ident[EI_MAG3], 'G', ENOEXEC);
	BROKEN(h->e_machine, EM_X86_64, ENOEXEC);
	BROKEN(h->e_type, ET_REL, ENOEXEC);
	BROKEN(h->e_type, ET_CORE, ENOEXEC);
	BROKEN(h->e_phentsize, 32, ENOEXEC);
	BROKEN(h->e_phnum, 0, ENOEXEC);
	unlink(FILE_NAME);
}

CHECK(segment_fields)
{
	Elf64_Ehdr *h = (Elf64_Ehdr *)image;
	Elf64_Phdr *p;
	int status = 0;

	image_load();
	p = (Elf64_Phdr *)(image + h->e_phoff);
	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD) {
			p += i;
			break;
		}
	/* Some systems begin such a program and kill it: it must not get as far as running. */
#define REFUSED(field, value) do { \
		__typeof__(field) saved_ = field; \
		field = (value); \
		image_store(image_size); \
		status = run(); \
		EXPECT(status == ENOEXEC || status == EINVAL || status == ENOMEM || status == 0); \
		field = saved_; \
	} while (0)
	REFUSED(p->p_vaddr, 0xffff000000000000ul);
	REFUSED(p->p_vaddr, p->p_vaddr + 1);
	REFUSED(p->p_memsz, ~0ul);
	REFUSED(p->p_memsz, 1ul << 60);
	REFUSED(p->p_filesz, p->p_memsz + 1);
	REFUSED(p->p_offset, ~0ul - 4095);
	REFUSED(h->e_phoff, ~0ul - 55);
	REFUSED(h->e_phoff, 1ul << 40);
	REFUSED(h->e_entry, 0xffff800080000000ul);
	REFUSED(h->e_phnum, 0xffff);
	unlink(FILE_NAME);
}

CHECK(cut_off)
{
	image_load();
	for (long size = 0; size <= 600; size += 7) {
		image_store(size);
		EXPECT(run() == ENOEXEC || size > 64);
	}
	unlink(FILE_NAME);
}

CHECK(changed_at_random)
{
	unsigned seed = 12345;

	for (int round = 0; round < 600; round++) {
		int changes;

		image_load();
		changes = 1 + rand_r(&seed) % 6;
		for (int i = 0; i < changes; i++)
			image[rand_r(&seed) % 500] = rand_r(&seed) % 3 ? rand_r(&seed) : 0xff;
		image_store(image_size);
		run();
	}
	unlink(FILE_NAME);
}

CHECK(vector_tells_about_the_program)
{
	EXPECT(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100);
	EXPECT(getauxval(AT_PHENT) == sizeof(Elf64_Phdr) && getauxval(AT_PHNUM) > 0);
	EXPECT(getauxval(AT_PHDR) && getauxval(AT_ENTRY));
	EXPECT(getauxval(AT_RANDOM) && getauxval(AT_HWCAP) & 3);
	EXPECT(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid() && !getauxval(AT_SECURE));
	EXPECT(!strcmp((char *)getauxval(AT_EXECFN), "/bin/elf"));
	EXPECT(!strcmp((char *)getauxval(AT_PLATFORM), "aarch64"));
}
