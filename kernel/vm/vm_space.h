/*
 * One address space: regions, page table, ASID. Regions are kept in an rbtree
 * by address and name a vm_object and an offset, or are anonymous.
 */
#pragma once
#include "base/rbtree.h"
#include "sched/mutex.h"
#include "vm/vm_object.h"

#define VM_READ		1u
#define VM_WRITE	2u
#define VM_EXEC		4u
#define VM_SHARED	8u
#define VM_GROWSDOWN	16u	/* the stack */
#define VM_NORESERVE	32u
#define VM_DONTFORK	64u
#define VM_WIPEONFORK	128u
#define VM_LOCKED	256u
#define VM_HEAP		512u	/* names for /proc/PID/maps */
#define VM_STACK	1024u
#define VM_VDSO		2048u
#define VM_MAYWRITE	4096u	/* mprotect may add it */

struct vm_region {
	struct rb_node node;		/* [space lock] */
	u64 start, end;			/* page-aligned [space lock] */
	u32 flags;			/* VM_* [space lock] */
	struct vm_object *object;	/* NULL: anonymous private; referenced */
	u64 offset;			/* of start in object, bytes */
	struct file *file;		/* what it maps, for /proc and exec; referenced; opaque here (fs/ above) */
};

struct vm_space {
	u32 refs;			/* [a] holders: threads, /proc readers */
	struct mutex lock;		/* regions, brk, page table structure */
	struct rb_root regions;		/* [lock] */
	u64 pgd_phys;			/* root table */
	u64 asid;			/* generation and number [asid lock] */
	u64 brk_start, brk;		/* [lock] */
	u64 mmap_base;			/* top-down search starts here */
	u64 stack_top;
	u64 arg_start, arg_end, env_start, env_end; /* for /proc [lock] */
	u64 auxv[48]; u32 auxv_count;
	u64 pages_rss, pages_total, pages_locked, pages_data, pages_exec, pages_stack, pages_committed; /* [lock] */
	u64 rss_peak;
	void (*file_put)(struct file *);	/* set by the creator: drops a region's file */
	void (*file_get)(struct file *);
};

struct vm_space *vm_space_new(void);			/* refs 1; NULL: no memory */
struct vm_space *vm_space_fork(struct vm_space *from);	/* copy on write; NULL: no memory */
void vm_space_get(struct vm_space *s);
void vm_space_put(struct vm_space *s);			/* last: frees pages and tables at once. Process context */
void vm_space_switch(struct vm_space *s);		/* make it this CPU's user half; NULL: none. sched calls it, interrupts masked */

/* address 0 and not fixed: the kernel chooses. Returns the address or -errno. Takes references of its own. */
s64 vm_map(struct vm_space *s, u64 address, u64 length, u32 flags, bool fixed, bool noreplace,
	   struct vm_object *object, u64 offset, struct file *file);
int vm_unmap(struct vm_space *s, u64 address, u64 length);
int vm_protect(struct vm_space *s, u64 address, u64 length, u32 flags);
s64 vm_remap(struct vm_space *s, u64 address, u64 old_length, u64 new_length, u32 remap_flags, u64 new_address);
u64 vm_brk(struct vm_space *s, u64 brk);
struct vm_region *vm_region_find(struct vm_space *s, u64 address);	/* containing it, or NULL [lock] */
struct vm_region *vm_region_next(struct vm_space *s, u64 address);	/* containing or above [lock] */
/* Copy bytes of another space (ptrace-like, /proc/PID/cmdline); short counts at holes. May sleep. */
size_t vm_read_remote(struct vm_space *s, u64 address, void *dst, size_t n);

struct vm_stats { u64 faults, faults_major, cow_faults, zero_faults; };
void vm_stats_get(struct vm_stats *st);
