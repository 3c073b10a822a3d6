/*
 * Loading ELF programs (System V gABI, chapters 4 and 5; arm64 psABI): static,
 * position independent, and with an interpreter. exec.c opens the file and
 * builds the stack; here its segments are mapped into the new space.
 *
 * The file is hostile: every header field that is used is checked before
 * anything is mapped, and the caller drops the space on any error.
 */
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include "proc/elf.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "vm/vm_space.h"

#define PHDRS_MAX	(65536 / sizeof(struct elf64_phdr))	/* Linux's bound: 64 KiB of them */
#define DYN_BASE	(USER_TOP / 3 * 2)	/* position-independent programs begin about here */
#define BRK_RANDOM	(1ull << 30)
#define ALIGN_MAX	(1ull << 30)

/* ---- the file ---- */

void binary_close(struct binary *b)
{
	if (b->object)
		vm_object_put(b->object);
	if (b->file) {
		vnode_run_end(b->file->vnode);
		file_put(b->file);
	}
	if (b->path.dentry)
		path_put(&b->path);
	memset(b, 0, offsetof(struct binary, head));
}

static s64 read_at(struct binary *b, void *dst, size_t n, u64 pos)
{
	struct uio u;

	uio_kernel(&u, dst, n);
	return file_read(b->file, &u, &pos);
}

int binary_open(struct binary *b, const struct path *at, const char *name, u32 lookup_flags)
{
	struct vnode *v;
	s64 n;
	int err;

	memset(b, 0, offsetof(struct binary, head));
	err = path_lookup(at, name, lookup_flags, &b->path);
	if (err) {
		b->path.dentry = NULL;
		return err;
	}
	v = b->path.dentry->vnode;
	if (S_ISLNK(v->mode))
		return -ELOOP;
	if (!S_ISREG(v->mode) || (b->path.mount->flags & MNT_NOEXEC))
		return -EACCES;
	err = vnode_permission(v, 1);
	if (err)
		return err;
	b->unreadable = vnode_permission(v, 4) != 0;
	err = vnode_run_begin(v);
	if (err)
		return err;
	err = path_open_exec(&b->path, &b->file);
	if (err) {
		vnode_run_end(v);
		return err;
	}
	b->size = v->size;
	n = read_at(b, b->head, sizeof(b->head), 0);
	if (n < 0)
		return n;
	memset(b->head + n, 0, sizeof(b->head) - n);
	b->head_len = n;
	return 0;
}

/* ---- headers ---- */

static int header_check(const struct binary *b, const struct elf64_hdr *h)
{
	if (b->head_len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
		h->e_ident[EI_VERSION] != EV_CURRENT)
		return -ENOEXEC;
	if (h->e_machine != EM_AARCH64 || (h->e_type != ET_EXEC && h->e_type != ET_DYN) || h->e_version != EV_CURRENT)
		return -ENOEXEC;
	if (h->e_phentsize != sizeof(struct elf64_phdr) || !h->e_phnum || h->e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	if (h->e_phoff > b->size || h->e_phnum * sizeof(struct elf64_phdr) > b->size - h->e_phoff)
		return -ENOEXEC;
	return 0;
}

/* One loadable segment. `above`: the end of the one before. */
static int segment_check(const struct binary *b, const struct elf64_phdr *p, u64 above)
{
	if (p->p_filesz > p->p_memsz || p->p_offset > b->size || p->p_filesz > b->size - p->p_offset)
		return -ENOEXEC;
	if (!user_range_ok(p->p_vaddr, p->p_memsz) || p->p_vaddr + p->p_memsz > USER_TOP - PAGE_SIZE)
		return -ENOEXEC;
	if ((p->p_vaddr ^ p->p_offset) & PAGE_MASK || p->p_vaddr < above)
		return -ENOEXEC;
	return 0;
}

struct layout { u64 low, high, align; };	/* addresses of all segments as linked: [low, high) */

static int phdrs_check(const struct binary *b, const struct elf64_hdr *h, const struct elf64_phdr *ph, struct layout *l)
{
	bool any = false;
	int err;

	*l = (struct layout){ .align = PAGE_SIZE };
	for (u32 i = 0; i < h->e_phnum; i++) {
		const struct elf64_phdr *p = &ph[i];

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		err = segment_check(b, p, l->high);
		if (err)
			return err;
		if (!any)
			l->low = ALIGN_DOWN(p->p_vaddr, PAGE_SIZE);
		any = true;
		l->high = p->p_vaddr + p->p_memsz;
		/* What is no alignment is none, as on Linux. */
		if (p->p_align <= ALIGN_MAX && !(p->p_align & (p->p_align - 1)))
			l->align = MAX(l->align, p->p_align);
	}
	return any ? 0 : -ENOEXEC;
}

static struct elf64_phdr *phdrs_read(struct binary *b, const struct elf64_hdr *h)
{
	size_t size = h->e_phnum * sizeof(struct elf64_phdr);
	struct elf64_phdr *ph = kmalloc(size);
	s64 n;

	if (!ph)
		return err_ptr(-ENOMEM);
	if (h->e_phoff + size <= b->head_len) {
		memcpy(ph, b->head + h->e_phoff, size);
		return ph;
	}
	n = read_at(b, ph, size, h->e_phoff);
	if (n == (s64)size)
		return ph;
	kfree(ph);
	return err_ptr(n < 0 ? n : -ENOEXEC);
}

#define PROPERTY_TYPE	5		/* NT_GNU_PROPERTY_TYPE_0 */
#define PROPERTIES_MAX	1024
#define AARCH64_FEATURES 0xc0000000	/* GNU_PROPERTY_AARCH64_FEATURE_1_AND */

/* The words of a note of type, size and content, each of eight bytes' alignment, types ascending: as Linux ABI
 * extensions say. */
static int property_note_check(const u32 *w, s64 n)
{
	u64 at = 16, end = at + w[1], size;

	if (n < 12)
		return -EIO;
	if (w[0] != 4 || w[2] != PROPERTY_TYPE || memcmp(&w[3], "GNU", 4) || (s64)end > n)
		return -ENOEXEC;
	for (const u32 *p = &w[4], *last = NULL; at < end; last = p, p += 2 + size / 4, at += 8 + size) {
		if (end - at < 8)
			return -ENOEXEC;
		size = ALIGN_UP((u64)p[1], 8);
		if (size > end - at - 8 || (last && p[0] <= last[0]) || (p[0] == AARCH64_FEATURES && p[1] != 4))
			return -ENOEXEC;
	}
	return 0;
}

/* PT_GNU_PROPERTY, the last one: nothing in it is used, but it must be what it says. */
static int property_check(struct binary *b, const struct elf64_hdr *h, const struct elf64_phdr *ph)
{
	const struct elf64_phdr *p = NULL;
	int err = -ENOMEM;
	u32 *w;

	for (u32 i = 0; i < h->e_phnum; i++)
		if (ph[i].p_type == PT_GNU_PROPERTY)
			p = &ph[i];
	if (!p)
		return 0;
	if (p->p_filesz > PROPERTIES_MAX)
		return -ENOEXEC;
	w = kzalloc(PROPERTIES_MAX);
	if (w)
		err = property_note_check(w, read_at(b, w, p->p_filesz, p->p_offset));
	kfree(w);
	return err;
}

/* ---- mapping ---- */

static u32 segment_flags(const struct elf64_phdr *p)
{
	return VM_MAYWRITE | (p->p_flags & PF_R ? VM_READ : 0) | (p->p_flags & PF_W ? VM_WRITE : 0) |
	       (p->p_flags & PF_X ? VM_EXEC : 0);
}

static int segment_map(struct vm_space *s, struct binary *b, const struct elf64_phdr *p, u64 bias)
{
	u64 start = ALIGN_DOWN(bias + p->p_vaddr, PAGE_SIZE), offset = ALIGN_DOWN(p->p_offset, PAGE_SIZE);
	u64 file_end = bias + p->p_vaddr + p->p_filesz, end = ALIGN_UP(bias + p->p_vaddr + p->p_memsz, PAGE_SIZE);
	u64 mapped_end = p->p_filesz ? ALIGN_UP(file_end, PAGE_SIZE) : start;
	u32 flags = segment_flags(p);
	s64 at;

	if (mapped_end > start) {
		at = vm_map(s, start, mapped_end - start, flags, true, false, b->object, offset, b->file);
		if (at < 0)
			return at;
	}
	/* The file's page goes on behind the segment's bytes: that part is to be zero. */
	if (p->p_memsz > p->p_filesz && (file_end & PAGE_MASK) && p->p_filesz && (flags & VM_WRITE)) {
		int err = vm_zero_new(s, file_end, mapped_end - file_end);

		if (err)
			return err;
	}
	if (end > mapped_end) {
		at = vm_map(s, mapped_end, end - mapped_end, flags, true, false, NULL, 0, NULL);
		if (at < 0)
			return at;
	}
	return 0;
}

/* A free place for an image of that layout: what to add to its addresses. */
static s64 place_find(struct vm_space *s, const struct layout *l, u64 wanted)
{
	u64 size = ALIGN_UP(l->high, PAGE_SIZE) - l->low, room = size + (l->align > PAGE_SIZE ? l->align : 0);
	s64 at;

	if (wanted)
		return ALIGN_DOWN(wanted, l->align) - ALIGN_DOWN(l->low, l->align);
	at = vm_map(s, 0, room, VM_NORESERVE, false, false, NULL, 0, NULL);
	if (at < 0)
		return at;
	vm_unmap(s, at, room);
	return ALIGN_UP((u64)at, l->align) - ALIGN_DOWN(l->low, l->align);
}

static int object_get(struct binary *b)
{
	struct vm_object *o;

	if (!b->file->ops->mmap)
		return -ENOEXEC;
	o = b->file->ops->mmap(b->file, 0, b->size, PROT_READ | PROT_EXEC, false);
	if (is_err(o))
		return ptr_err(o);
	b->object = o;
	return 0;
}

/* Map all segments of one file. wanted: where a position-independent one should begin, 0: anywhere. */
static int image_map(struct vm_space *s, struct binary *b, const struct elf64_hdr *h, const struct elf64_phdr *ph,
		     u64 wanted, u64 *bias, u64 *end)
{
	struct layout l;
	s64 place = 0;
	int err;

	err = phdrs_check(b, h, ph, &l);
	if (err)
		return err;
	err = object_get(b);
	if (err)
		return err;
	if (h->e_type == ET_DYN) {
		place = place_find(s, &l, wanted);
		if (place < 0)
			return place;
	}
	for (u32 i = 0; i < h->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		err = segment_map(s, b, &ph[i], place);
		if (err)
			return err;
	}
	*bias = place;
	*end = ALIGN_UP(l.high + place, PAGE_SIZE);
	return 0;
}

/* ---- the interpreter ---- */

static int interpreter_name(struct binary *b, const struct elf64_phdr *p, char **name)
{
	s64 n;

	*name = NULL;
	if (p->p_filesz < 2 || p->p_filesz > PATH_MAX_LEN)
		return -ENOEXEC;
	if ((s64)p->p_offset < 0)
		return -EINVAL;
	*name = kmalloc(p->p_filesz);
	if (!*name)
		return -ENOMEM;
	n = read_at(b, *name, p->p_filesz, p->p_offset);
	if (n < 0)
		return n;
	return n != (s64)p->p_filesz ? -EIO : !(*name)[n - 1] ? 0 : -ENOEXEC;
}

static int interpreter_load(struct vm_space *s, const char *name, struct elf_image *out)
{
	struct binary *b = kmalloc(sizeof(*b));
	const struct elf64_hdr *h;
	struct elf64_phdr *ph;
	u64 end;
	int err, property = 0;

	if (!b)
		return -ENOMEM;
	err = binary_open(b, NULL, name, LOOKUP_FOLLOW);
	if (err)
		goto out;
	h = (const struct elf64_hdr *)b->head;
	err = b->head_len < sizeof(*h) ? -EIO : header_check(b, h);
	if (err)
		goto out;
	ph = phdrs_read(b, h);
	err = is_err(ph) ? ptr_err(ph) : 0;
	if (err)
		goto out;
	err = image_map(s, b, h, ph, 0, &out->base, &end);
	out->entry = out->base + h->e_entry;
	property = property_check(b, h, ph);
	kfree(ph);
out:
	binary_close(b);
	kfree(b);
	return err == -ENOEXEC ? -ELIBBAD : err ? err : property;
}

/* ---- the program ---- */

static u64 phdr_address(const struct elf64_hdr *h, const struct elf64_phdr *ph, u64 bias)
{
	for (u32 i = 0; i < h->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && h->e_phoff >= ph[i].p_offset && h->e_phoff - ph[i].p_offset < ph[i].p_filesz)
			return bias + ph[i].p_vaddr + (h->e_phoff - ph[i].p_offset);
	return 0;
}

int elf_load(struct vm_space *s, struct binary *b, u64 random, struct elf_image *out)
{
	const struct elf64_hdr *h = (const struct elf64_hdr *)b->head;
	struct elf64_phdr *ph;
	u64 dyn_base = DYN_BASE + (random & 0xfffffff) * PAGE_SIZE, bias, end;
	char *interpreter = NULL;
	int err;

	memset(out, 0, sizeof(*out));
	err = header_check(b, h);
	if (err)
		return err;
	ph = phdrs_read(b, h);
	if (is_err(ph))
		return ptr_err(ph);
	for (u32 i = 0; i < h->e_phnum && !err; i++) {
		if (ph[i].p_type == PT_INTERP && !interpreter)
			err = interpreter_name(b, &ph[i], &interpreter);
		else if (ph[i].p_type == PT_GNU_STACK)
			out->stack_exec = ph[i].p_flags & PF_X;
	}
	if (err)
		goto out;
	/* Without an interpreter it may be one itself, run by hand: that goes where libraries go. */
	err = image_map(s, b, h, ph, interpreter ? dyn_base : 0, &bias, &end);
	if (err)
		goto out;
	out->program_entry = out->entry = bias + h->e_entry;
	out->phdr = phdr_address(h, ph, bias);
	out->phnum = h->e_phnum;
	if (h->e_type == ET_DYN && !interpreter)
		end = dyn_base;
	s->brk_start = s->brk = ALIGN_UP(end, PAGE_SIZE) +
		(random ? (random >> 28) % (BRK_RANDOM / PAGE_SIZE) * PAGE_SIZE : 0);
	err = interpreter ? interpreter_load(s, interpreter, out) : property_check(b, h, ph);
	if (!err && out->entry >= USER_TOP)
		err = -ENOEXEC;
out:
	kfree(interpreter);
	kfree(ph);
	return err;
}
