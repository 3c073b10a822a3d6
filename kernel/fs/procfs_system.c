/*
 * What /proc says of the system as a whole, proc(5): formats are Linux's, so
 * that its programs read them. Numbers come from the floors below; those of
 * the floors above are registered there.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/param.h"
#include "core/percpu.h"
#include "core/random.h"
#include "core/uts.h"
#include "fs/attrfs.h"
#include "fs/devfs.h"
#include "fs/epoll.h"
#include "fs/inotify.h"
#include "fs/pipe.h"
#include "fs/procfs_internal.h"
#include "fs/tmpfs.h"
#include "irq/irq.h"
#include "mm/drain.h"
#include "mm/kmap.h"
#include "mm/slab.h"
#include "sched/pid.h"
#include "vm/vm_space.h"

#define TICK_NS		10000000ull	/* USER_HZ is 100 */
#define KIB(pages)	((unsigned long long)(pages) * (PAGE_SIZE / 1024))
#define LL(x)		((unsigned long long)(x))
#define TAINT_CLEAN	0
#define INT_MOST	0x7fffffffu

static void version_show(struct text_out *t)
{
	struct uts u;

	uts_get(&u);
	text_printf(t, "%s version %s (dunlin@dunlin) (gcc) %s\n", u.sysname, u.release, u.version);
}

static void cmdline_show(struct text_out *t)
{
	text_printf(t, "%s\n", param_cmdline());
}

static u64 idle_ns_all(void)
{
	u64 sum = 0, idle;

	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		sched_cpu_idle_ns(cpu, &idle);
		sum += idle;
	}
	return sum;
}

static void uptime_show(struct text_out *t)
{
	u64 up = clock_ns() / TICK_NS, idle = idle_ns_all() / TICK_NS;

	text_printf(t, "%llu.%02llu %llu.%02llu\n", LL(up / 100), LL(up % 100), LL(idle / 100), LL(idle % 100));
}

static void loadavg_show(struct text_out *t)
{
	struct sched_stats s;
	u64 avg[3];

	sched_loadavg(avg);
	sched_stats_get(&s);
	for (u32 i = 0; i < 3; i++)
		text_printf(t, "%llu.%02llu ", LL(avg[i] >> 11), LL((avg[i] & 2047) * 100 >> 11));
	text_printf(t, "%llu/%u %d\n", LL(s.runnable), pid_count_threads(), pid_current());
}

static void meminfo_show(struct text_out *t)
{
	struct page_counts c;
	u64 shmem = tmpfs_pages(), stacks = (u64)pid_count_threads() * (KSTACK_SIZE / PAGE_SIZE);

	page_counts_get(&c);
#define LINE(name, pages) text_printf(t, "%-16s%8llu kB\n", name ":", KIB(pages))
	LINE("MemTotal", c.managed);
	LINE("MemFree", c.free);
	LINE("MemAvailable", c.free);
	LINE("Buffers", 0);
	LINE("Cached", shmem);
	LINE("SwapCached", 0);
	LINE("Active", 0);
	LINE("Inactive", 0);
	LINE("SwapTotal", 0);
	LINE("SwapFree", 0);
	LINE("Dirty", 0);
	LINE("Writeback", 0);
	LINE("Shmem", shmem);
	LINE("Slab", c.slab);
	LINE("SReclaimable", 0);
	LINE("SUnreclaim", c.slab);
	LINE("KernelStack", stacks);
	LINE("CommitLimit", vm_commit_limit());
	LINE("Committed_AS", vm_committed_pages());
#undef LINE
}

struct cpu_feature { const char *name; u8 reg, shift, least; };

/* Names of <asm/hwcap.h>, by the field of the ID register that shows each (Arm ARM D19.2). */
static void cpu_features_show(struct text_out *t)
{
	static const struct cpu_feature features[] = {
		{ "aes", 0, 4, 1 }, { "pmull", 0, 4, 2 }, { "sha1", 0, 8, 1 }, { "sha2", 0, 12, 1 },
		{ "crc32", 0, 16, 1 }, { "atomics", 0, 20, 2 }, { "sha512", 0, 12, 2 }, { "asimdrdm", 0, 28, 1 },
		{ "sha3", 0, 32, 1 }, { "sm3", 0, 36, 1 }, { "sm4", 0, 40, 1 }, { "asimddp", 0, 44, 1 },
		{ "jscvt", 1, 12, 1 }, { "fcma", 1, 16, 1 }, { "lrcpc", 1, 20, 1 }, { "dcpop", 1, 0, 1 },
	};
	u64 regs[2] = { sysreg_read(id_aa64isar0_el1), sysreg_read(id_aa64isar1_el1) };
	u64 pfr0 = sysreg_read(id_aa64pfr0_el1);

	/* The floating-point fields are 15 for "not there", 1 for half precision too. */
	if ((pfr0 >> 16 & 15) != 15)
		text_printf(t, " fp%s", (pfr0 >> 16 & 15) == 1 ? " fphp" : "");
	if ((pfr0 >> 20 & 15) != 15)
		text_printf(t, " asimd%s", (pfr0 >> 20 & 15) == 1 ? " asimdhp" : "");
	for (u32 i = 0; i < ARRAY_SIZE(features); i++)
		if ((regs[features[i].reg] >> features[i].shift & 15) >= features[i].least)
			text_printf(t, " %s", features[i].name);
}

static void cpuinfo_show(struct text_out *t)
{
	u64 midr = sysreg_read(midr_el1);
	u64 mips = counter_frequency() * 2 / 10000;	/* as Linux: from the timer, in hundredths */

	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		text_printf(t, "processor\t: %u\nBogoMIPS\t: %llu.%02llu\nFeatures\t:", cpu,
			    LL(mips / 100), LL(mips % 100));
		cpu_features_show(t);
		text_printf(t, "\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\n"
			    "CPU part\t: 0x%03x\nCPU revision\t: %u\n\n", (u32)(midr >> 24 & 255), (u32)(midr >> 20 & 15),
			    (u32)(midr >> 4 & 0xfff), (u32)(midr & 15));
	}
}

/* One line of CPU time: user, nice, system, idle, iowait, irq, softirq and three more. */
static void cpu_time_show(struct text_out *t, const char *name, const struct cpu_busy *busy, u64 idle_ns)
{
	text_printf(t, "%s %llu %llu %llu %llu 0 0 %llu 0 0 0\n", name, LL(busy->user.user_ns / TICK_NS),
		    LL(busy->user.system_ns / TICK_NS), LL(busy->system.system_ns / TICK_NS), LL(idle_ns / TICK_NS),
		    LL(busy->system.user_ns / TICK_NS));
}

static void cpu_split_add(struct cpu_split *sum, const struct cpu_split *s)
{
	sum->user_ns += s->user_ns;
	sum->system_ns += s->system_ns;
}

static void cpu_times_show(struct text_out *t)
{
	struct cpu_busy busy, all = { 0 };
	char name[16];
	u64 idle;

	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		sched_cpu_busy(cpu, &busy);
		cpu_split_add(&all.user, &busy.user);
		cpu_split_add(&all.system, &busy.system);
	}
	cpu_time_show(t, "cpu ", &all, idle_ns_all());
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		sched_cpu_busy(cpu, &busy);
		sched_cpu_idle_ns(cpu, &idle);
		snprintf(name, sizeof(name), "cpu%u", cpu);
		cpu_time_show(t, name, &busy, idle);
	}
}

static void stat_show(struct text_out *t)
{
	u64 now = clock_ns();
	struct sched_stats s;
	struct vm_stats v;

	sched_stats_get(&s);
	vm_stats_get(&v);
	cpu_times_show(t);
	text_printf(t, "intr %llu\nctxt %llu\nbtime %llu\n", LL(irq_total()), LL(s.context_switches),
		    LL((clock_realtime_ns() - now) / NSEC_PER_SEC));
	text_printf(t, "procs_running %llu\nprocs_blocked 0\n", LL(s.runnable));
	text_printf(t, "context_switches %llu\ncow_faults %llu\nnet_msi_irqs %llu\n", LL(s.context_switches),
		    LL(v.cow_faults), LL(irq_msi_net_total()));
	proc_stat_sources_show(t);
}

static void interrupts_show(struct text_out *t)
{
	size_t size = 256 + 16 * cpus_present;
	char *line = kmalloc(size);
	bool more = line;

	t->failed |= !line;
	if (line)
		text_write(t, line, irq_format_header(line, size));
	for (u32 nr = 0; more; nr++)
		text_write(t, line, irq_format(nr, line, size, &more));
	kfree(line);
}

static void slabinfo_show(struct text_out *t, void *arg)
{
	struct slab_info s;

	text_printf(t, "slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		    " : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (u32 i = 0; slab_info_get(i, &s); i++)
		text_printf(t, "%-17s %6llu %6llu %6llu %4llu %4u : tunables 0 0 0 : slabdata %6llu %6llu 0\n",
			    s.name, LL(s.objects_used), LL(s.objects_total), LL(s.object_size),
			    LL(s.object_size ? PAGE_SIZE / s.object_size : 0), 1u, LL(s.pages), LL(s.pages));
}

static void vmstat_show(struct text_out *t)
{
	struct page_counts c;
	struct vm_stats v;

	page_counts_get(&c);
	vm_stats_get(&v);
	text_printf(t, "nr_free_pages %llu\nnr_slab_unreclaimable %llu\nnr_shmem %llu\nnr_file_pages %llu\nnr_dirty 0\n"
		    "nr_writeback 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault %llu\npgmajfault %llu\n", LL(c.free),
		    LL(c.slab), LL(tmpfs_pages()), LL(tmpfs_pages()), LL(v.faults), LL(v.faults_major));
}

/* There are no disks, and nothing is swapped or loaded. */
static void swaps_show(struct text_out *t)
{
	text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static void nothing_show(struct text_out *t)
{
}

static void filesystems_show(struct text_out *t)
{
	struct fs_type *f = NULL;

	while ((f = fs_type_next(f)))
		if (strcmp(f->name, "rootfs"))
			text_printf(t, "%s\t%s\n", f->nodev ? "nodev" : "", f->name);
}

static void devices_show(struct text_out *t)
{
	text_printf(t, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n204 ttyAMA\n\n"
		"Block devices:\n");
}

/* ---- sys ---- */

static void field_show(struct text_out *t, void *which)
{
	struct uts u;

	uts_get(&u);
	text_printf(t, "%s\n", (char *)&u + (u64)which);
}

static int hostname_store(const char *text, size_t len, void *arg)
{
	return uts_set_nodename(text, len);
}

static int domainname_store(const char *text, size_t len, void *arg)
{
	return uts_set_domainname(text, len);
}

static void number_show(struct text_out *t, void *number)
{
	text_printf(t, "%llu\n", LL((u64)number));
}

static void uuid_print(struct text_out *t, u8 b[16])
{
	b[6] = (b[6] & 0x0f) | 0x40;	/* RFC 9562: version 4, variant 10 */
	b[8] = (b[8] & 0x3f) | 0x80;
	for (u32 i = 0; i < 16; i++)
		text_printf(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	text_char(t, '\n');
}

static void uuid_show(struct text_out *t, void *arg)
{
	u8 b[16];

	random_bytes(b, sizeof(b));
	uuid_print(t, b);
}

static void boot_id_show(struct text_out *t, void *arg)
{
	static u8 id[16];
	static bool made;	/* two first readers at once may see different ids, once */

	if (!made) {
		random_bytes(id, sizeof(id));
		made = true;
	}
	uuid_print(t, id);
}

static void entropy_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u\n", random_seeded() ? 256 : 0);
}

static void printk_show(struct text_out *t, void *arg)
{
	text_printf(t, "%d\t4\t1\t7\n", log_console_level);
}

static int printk_store(const char *text, size_t len, void *arg)
{
	const char *end;
	u64 level;

	if (parse_u64(text, &end, 10, &level) || level > 15)
		return -EINVAL;
	log_console_level = level;
	return 0;
}

/* A number that may be set, within bounds. */
struct setting { u32 *value, max, min; };
#define SETTING(v, m) SETTING_FROM(v, 0, m)
#define SETTING_FROM(v, least, m) (void *)&(const struct setting){ &(v), m, least }

static void setting_show(struct text_out *t, void *setting)
{
	text_printf(t, "%u\n", READ_ONCE(*((const struct setting *)setting)->value));
}

static int setting_store(const char *text, size_t len, void *setting)
{
	const struct setting *s = setting;
	u64 n;

	if (parse_u64(text, NULL, 10, &n) || n > s->max || n < s->min)
		return -EINVAL;
	WRITE_ONCE(*s->value, n);
	return 0;
}

/* The limit is told by one of two numbers: setting one clears the other. */
static int commit_limit_store(const char *text, size_t len, void *setting)
{
	bool kib = ((const struct setting *)setting)->value == &vm_overcommit_kib;
	int err = setting_store(text, len, setting);

	if (!err)
		WRITE_ONCE(*(kib ? &vm_overcommit_ratio : &vm_overcommit_kib), 0);
	return err;
}

/* drop_caches: what the kernel keeps only to be quick goes back to the free pages. */
static int drop_caches_store(const char *text, size_t len, void *arg)
{
	u64 n;

	if (parse_u64(text, NULL, 10, &n) || n < 1 || n > 4)
		return -EINVAL;
	memory_drain();
	return 0;
}

static void pipe_size_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u\n", READ_ONCE(pipe_max_size));
}

/* As F_SETPIPE_SZ: up to the next power of two, and a page at least. */
static int pipe_size_store(const char *text, size_t len, void *arg)
{
	u64 size = PAGE_SIZE, n;

	if (parse_u64(text, NULL, 10, &n) || n > 1u << 31)
		return -EINVAL;
	while (size < n)
		size *= 2;
	WRITE_ONCE(pipe_max_size, size);
	return 0;
}

/* Open files, those that are free (none is kept), and how many there may be. */
static void file_nr_show(struct text_out *t, void *arg)
{
	struct slab_info s = { 0 };

	for (u32 i = 0; slab_info_get(i, &s) && strcmp(s.name, "file"); i++)
		;
	text_printf(t, "%llu\t0\t%u\n", LL(s.objects_used), READ_ONCE(file_max));
}

static void constant_show(struct text_out *t, void *text)
{
	text_printf(t, "%s\n", (const char *)text);
}

struct entry {
	const char *path;
	struct proc_entry_ops ops;
	void *arg;
};

#define SETTABLE .show = setting_show, .store = setting_store
static const struct entry entries[] = {
	{ "slabinfo", { .mode = 0400, .show = slabinfo_show }, NULL },
	{ "sys/kernel/ostype", { .show = field_show }, (void *)offsetof(struct uts, sysname) },
	{ "sys/kernel/osrelease", { .show = field_show }, (void *)offsetof(struct uts, release) },
	{ "sys/kernel/version", { .show = field_show }, (void *)offsetof(struct uts, version) },
	{ "sys/kernel/hostname", { .show = field_show, .store = hostname_store }, (void *)offsetof(struct uts, nodename) },
	{ "sys/kernel/domainname", { .show = field_show, .store = domainname_store },
		(void *)offsetof(struct uts, domainname) },
	{ "sys/kernel/pid_max", { SETTABLE }, SETTING_FROM(pid_max, PID_MAX_LEAST, PID_MAX) },
	{ "sys/kernel/threads-max", { .show = number_show }, (void *)PID_MAX },
	{ "sys/kernel/ngroups_max", { .show = number_show }, (void *)65536 },
	{ "sys/kernel/cap_last_cap", { .show = number_show }, (void *)40 },
	{ "sys/kernel/arch", { .show = constant_show }, "aarch64" },
	{ "sys/kernel/overflowuid", { .show = number_show }, (void *)65534 },
	{ "sys/kernel/overflowgid", { .show = number_show }, (void *)65534 },
	{ "sys/kernel/randomize_va_space", { .show = number_show }, (void *)2 },
	{ "sys/kernel/tainted", { .show = number_show }, (void *)TAINT_CLEAN },
	{ "sys/kernel/printk", { .show = printk_show, .store = printk_store }, NULL },
	{ "sys/kernel/random/uuid", { .show = uuid_show }, NULL },
	{ "sys/kernel/random/boot_id", { .show = boot_id_show }, NULL },
	{ "sys/kernel/random/entropy_avail", { .show = entropy_show }, NULL },
	{ "sys/kernel/random/poolsize", { .show = number_show }, (void *)256 },
	{ "sys/fs/file-max", { SETTABLE }, SETTING(file_max, INT_MOST) },
	{ "sys/fs/file-nr", { .show = file_nr_show }, NULL },
	{ "sys/fs/suid_dumpable", { .show = number_show }, (void *)0 },
	{ "sys/fs/protected_hardlinks", { SETTABLE }, SETTING(vnode_protected_hardlinks, 1) },
	{ "sys/fs/protected_symlinks", { SETTABLE }, SETTING(vnode_protected_symlinks, 1) },
	{ "sys/kernel/dmesg_restrict", { SETTABLE }, SETTING(log_restricted, 1) },
	{ "sys/fs/overflowuid", { .show = number_show }, (void *)65534 },
	{ "sys/fs/overflowgid", { .show = number_show }, (void *)65534 },
	{ "sys/fs/nr_open", { .show = number_show }, (void *)(1 << 18) },
	{ "sys/fs/pipe-max-size", { .show = pipe_size_show, .store = pipe_size_store }, NULL },
	{ "sys/fs/pipe-user-pages-soft", { SETTABLE }, SETTING(pipe_user_pages, INT_MOST) },
	{ "sys/fs/epoll/max_user_watches", { SETTABLE }, SETTING(epoll_user_watches, INT_MOST) },
	{ "sys/fs/pipe-user-pages-hard", { .show = number_show }, (void *)0 },
	{ "sys/fs/inotify/max_queued_events", { SETTABLE }, SETTING(inotify_max_events, INT_MOST) },
	{ "sys/fs/inotify/max_user_instances", { SETTABLE }, SETTING(inotify_max_instances, INT_MOST) },
	{ "sys/fs/inotify/max_user_watches", { SETTABLE }, SETTING(inotify_max_watches, INT_MOST) },
	{ "sys/vm/overcommit_memory", { SETTABLE }, SETTING(vm_overcommit_mode, 2) },
	{ "sys/vm/overcommit_ratio", { .show = setting_show, .store = commit_limit_store },
		SETTING(vm_overcommit_ratio, 10000) },
	{ "sys/vm/overcommit_kbytes", { .show = setting_show, .store = commit_limit_store },
		SETTING(vm_overcommit_kib, INT_MOST) },
	{ "sys/vm/drop_caches", { .mode = 0200, .store = drop_caches_store }, NULL },
	{ "sys/vm/max_map_count", { SETTABLE }, SETTING(vm_regions_max, INT_MOST) },
	{ "sys/vm/mmap_min_addr", { SETTABLE }, SETTING(vm_mmap_min, INT_MOST) },
};

static const struct { const char *path; void (*show)(struct text_out *); } files[] = {
	{ "version", version_show }, { "cmdline", cmdline_show }, { "uptime", uptime_show },
	{ "loadavg", loadavg_show }, { "meminfo", meminfo_show }, { "cpuinfo", cpuinfo_show },
	{ "stat", stat_show }, { "interrupts", interrupts_show },
	{ "vmstat", vmstat_show }, { "partitions", nothing_show }, { "swaps", swaps_show },
	{ "diskstats", nothing_show }, { "modules", nothing_show },
	{ "filesystems", filesystems_show }, { "devices", devices_show },
};

int procfs_system_init(struct superblock *procfs)
{
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(files) && !err; i++)
		err = proc_register_file(files[i].path, files[i].show);
	for (u32 i = 0; i < ARRAY_SIZE(entries) && !err; i++)
		err = proc_register(entries[i].path, &entries[i].ops, entries[i].arg);
	if (!err)
		err = proc_register_link("mounts", "self/mounts");
	if (!err)
		err = proc_register_dir("net");
	return err ? err : procfs_irq_init(procfs);
}
