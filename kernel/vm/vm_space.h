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
#define VM_ANON		8192u	/* a private mapping of an object that has pages of its own by now */
#define VM_ACCOUNT	16384u	/* its pages are counted as committed */
#define VM_LOCKONFAULT	32768u	/* with VM_LOCKED: pages are not brought in ahead */
#define VM_NOEXEC	65536u	/* mprotect may not add VM_EXEC */
#define VM_DONTDUMP	131072u	/* not for core files */
#define VM_LOCK_BITS	(VM_LOCKED | VM_LOCKONFAULT)

struct vm_region {
	struct rb_node node;		/* [space lock] */
	u64 start, end;			/* page-aligned [space lock] */
	u32 flags;			/* VM_* [space lock] */
	u32 seen;			/* the last walk of the object that was here [object lock] */
	struct vm_object *object;	/* NULL: anonymous private; referenced */
	u64 offset;			/* of start in object, bytes */
	struct file *file;		/* what it maps, for /proc and exec; referenced; opaque here (fs/ above) */
	struct vm_space *space;		/* [set when it is put in] */
	union {
		struct list_node object_node;	/* in object->regions [object lock] */
		struct vm_region *next_doomed;	/* in space->doomed, when it is in no tree and no list [space lock] */
	};
};

struct vm_space {
	u32 refs;			/* [a] holders: threads, /proc readers */
	struct mutex lock;		/* regions, brk, page table structure */
	struct rb_root regions;		/* [lock] */
	u64 pgd_phys;			/* root table */
	struct page *tables;		/* all tables, linked by page.next and prev; the root is the last [lock] */
	u32 table_count;		/* [lock] */
	u64 asid;			/* generation and number [asid lock] */
	u64 brk_start, brk;		/* [lock] */
	u64 mmap_base;			/* top-down search starts here */
	u64 stack_top;
	u64 arg_start, arg_end, env_start, env_end; /* for /proc [lock] */
	u64 auxv[48]; u32 auxv_count;
	u64 pages_rss, pages_total, pages_locked, pages_data, pages_exec, pages_stack, pages_committed; /* [lock] */
	u64 rss_peak;
	struct vm_region *last;		/* found last; NULL: none [lock] */
	u32 region_count;		/* [lock] */
	struct vm_region *doomed;	/* regions to be freed when the lock is dropped [lock] */
	u32 pins;			/* CPUs that have it in TTBR0, truncations at work in it, and one for refs > 0 [a] */
	u64 stack_limit, data_limit, as_limit;	/* RLIMIT_STACK, _DATA, _AS in bytes; proc keeps them current */
	u64 lock_limit;			/* RLIMIT_MEMLOCK in bytes for who calls now; ~0: privileged */
	u32 lock_future;		/* VM_LOCK_BITS that new regions get: mlockall [a] */
	u32 membarriers;		/* commands it has registered for [a] */
	bool reaped;			/* vm_reap was here [lock] */
	u64 vdso;			/* where VM_VDSO was mapped; 0: nowhere */
	u64 minflt, majflt;		/* faults answered [lock] */
};

struct vm_space *vm_space_new(void);			/* refs 1; NULL: no memory */
struct vm_space *vm_space_fork(struct vm_space *from);	/* copy on write; NULL: no memory */
void vm_space_get(struct vm_space *s);
void vm_space_put(struct vm_space *s);			/* last: frees pages and tables at once. Process context */
/* Keep the structure alone: its sums and its lock, whatever ends meanwhile. Any context. */
static inline void vm_space_pin(struct vm_space *s) { ref_get(&s->pins); }
void vm_space_unpin(struct vm_space *s);
/* make it this CPU's user half; NULL: none. sched calls it, interrupts masked */
void vm_space_switch(struct vm_space *s);

/* address 0 and not fixed: the kernel chooses. Returns the address or -errno. Takes references of its own. */
s64 vm_map(struct vm_space *s, u64 address, u64 length, u32 flags, bool fixed, bool noreplace,
	   struct vm_object *object, u64 offset, struct file *file);
int vm_unmap(struct vm_space *s, u64 address, u64 length);
/* flags: VM_READ, VM_WRITE, VM_EXEC; VM_GROWSDOWN: from the start of the stack-like region on. */
int vm_protect(struct vm_space *s, u64 address, u64 length, u32 flags);
/* remap_flags: */
#define VM_REMAP_MOVE		1u	/* another place will do */
#define VM_REMAP_FIXED		2u	/* it is to be new_address */
#define VM_REMAP_KEEP		4u	/* the old place stays mapped, empty */
s64 vm_remap(struct vm_space *s, u64 address, u64 old_length, u64 new_length, u32 remap_flags, u64 new_address);
u64 vm_brk(struct vm_space *s, u64 brk);
struct vm_region *vm_region_find(struct vm_space *s, u64 address);	/* containing it, or NULL [lock] */
struct vm_region *vm_region_next(struct vm_space *s, u64 address);	/* containing or above [lock] */
/* Copy bytes of another space (ptrace-like, /proc/PID/cmdline); short counts at holes. May sleep. */
size_t vm_read_remote(struct vm_space *s, u64 address, void *dst, size_t n);
size_t vm_write_remote(struct vm_space *s, u64 address, const void *src, size_t n);	/* where s itself may write */

/* The file that a region holds: fs/ registers how to keep it. docs/floors.md. */
struct vm_file_ops {
	void (*get)(struct file *);
	void (*put)(struct file *);
};
extern struct vm_file_ops vm_file_ops;

/* What a program's fault that no mapping answers becomes: proc/ registers it. Process context. docs/floors.md. */
enum vm_fault_kind { VM_FAULT_UNMAPPED, VM_FAULT_DENIED, VM_FAULT_BEYOND, VM_FAULT_NO_MEMORY };
struct trap_frame;
/* flags: FAULT_* (arch/arm64/trap.h) */
struct vm_fault_ops { void (*report)(struct trap_frame *frame, enum vm_fault_kind kind, u64 address, u32 flags); };
extern struct vm_fault_ops vm_fault_ops;

/* Writable pages of a space that does not run yet (exec building a stack): copies, faulting pages in. 0, -EFAULT,
 * -ENOMEM. */
int vm_write_new(struct vm_space *s, u64 address, const void *src, size_t n);
int vm_zero_new(struct vm_space *s, u64 address, size_t n);
/* Touch [address, address+length), page-aligned, as its use would (MAP_POPULATE, mlock), or for reading or writing:
 * 0, -ENOMEM (hole), -EINVAL (the region forbids it), or what the first failing page gave. */
enum vm_populate { VM_POPULATE_USE, VM_POPULATE_READ, VM_POPULATE_WRITE };
int vm_populate(struct vm_space *s, u64 address, u64 length, enum vm_populate how);
/* madvise(DONTNEED): drop pages; they come back as zeros or the object's. 0, -ENOMEM (hole), -EINVAL (locked). */
#define VM_DISCARD_LOCKED	1u	/* locked pages too */
#define VM_DISCARD_ANONYMOUS	2u	/* -EINVAL for mappings of objects */
int vm_discard(struct vm_space *s, u64 address, u64 length, u32 how);
/* madvise(REMOVE): make a hole in what is mapped there. 0, -EINVAL, -EACCES, -ENOMEM (hole in the mapping). */
int vm_punch(struct vm_space *s, u64 address, u64 length);
/* madvise: set and clear VM_DONTFORK, VM_WIPEONFORK, VM_DONTDUMP, VM_LOCK_BITS. 0, -EINVAL, -ENOMEM (hole). */
int vm_flags_change(struct vm_space *s, u64 address, u64 length, u32 set, u32 clear);
int vm_lock_all(struct vm_space *s, u32 set);	/* mlockall: every region's VM_LOCK_BITS become `set` */
/* Take what a dying program has to itself: nobody may touch it there any more. False: the space is busy now. */
bool vm_reap(struct vm_space *s);
/* What a region uses, in bytes; shares and locked shifted left by VM_PSS_SHIFT. [lock] held. */
#define VM_PSS_SHIFT	12
struct vm_usage {
	u64 rss, pss, pss_dirty, pss_anonymous, pss_file, pss_shared, shared_clean, shared_dirty, private_clean,
		private_dirty;
	u64 anonymous, locked;
};
void vm_usage_add(struct vm_space *s, struct vm_region *r, struct vm_usage *sum);
u64 vm_locked_in(struct vm_space *s, u64 address, u64 length);	/* pages there that are locked already */
/* mincore(2): one byte a page. 0, -ENOMEM. */
int vm_resident(struct vm_space *s, u64 address, u64 pages, u8 *vec);
/* What names a futex word for all who share it: (object, offset) for shared mappings, (space, address) for private
 * ones. The object is referenced. 0, -EFAULT. */
int vm_futex_key(struct vm_space *s, u64 address, struct vm_object **object, u64 *offset);
void vm_init(void);			/* boot: caches, the zero page */

extern u32 vm_overcommit_mode;		/* /proc/sys/vm/overcommit_memory */
extern u32 vm_overcommit_ratio;
extern u32 vm_overcommit_kib;		/* the limit, if the ratio is 0 */
extern u32 vm_mmap_min;			/* below it nothing is mapped: null pointers fault */
extern u32 vm_regions_max;		/* of one space: max_map_count */
u64 vm_committed_pages(void);
/* Promise pages, or take that back. 0, -ENOMEM: more than the overcommit mode allows. */
int vm_commit(u64 pages);
void vm_uncommit(u64 pages);
u64 vm_commit_limit(void);

struct vm_stats { u64 faults, faults_major, cow_faults, zero_faults; };
void vm_stats_get(struct vm_stats *st);
