/*
 * Descriptor tables: shared by the threads of a process (CLONE_FILES), copied
 * at fork. Grows as needed up to RLIMIT_NOFILE.
 */
#pragma once
#include "fs/file.h"

struct fd_table;

struct fd_table *fd_table_new(void);			/* empty, refs 1; NULL: no memory */
struct fd_table *fd_table_copy(struct fd_table *t);	/* fork: same files, close-on-exec flags kept */
void fd_table_get(struct fd_table *t);
bool fd_table_is_shared(struct fd_table *t);		/* by another thread, or read in /proc. Any context */
u32 fd_table_used(const struct fd_table *t);	/* no descriptor has ever been above this. Any context */
void fd_table_put(struct fd_table *t);			/* last: closes all. Process context */
void fd_table_close_on_exec(struct fd_table *t);

/* The current thread's table. Referenced file, or NULL (EBADF). */
struct file *fd_get(u32 fd);
/* Cheaper pair for the length of a system call: no reference is taken when the table is not shared. */
struct fd_ref { struct file *file; bool referenced; };
struct fd_ref fd_borrow(u32 fd);
static inline void fd_return(struct fd_ref r) { if (r.referenced) file_put(r.file); }

/* Lowest free descriptor >= min; takes over the caller's reference on success. -EMFILE, -ENOMEM. */
int fd_install(struct file *f, u32 min, bool cloexec);
int fd_reserve(u32 min, bool cloexec);			/* a number without a file yet; then: */
void fd_fill(int fd, struct file *f);
void fd_unreserve(int fd);
int fd_close(u32 fd);					/* 0, -EBADF */
int fd_replace(u32 fd, struct file *f, bool cloexec);	/* dup2/dup3: closes what was there */
int fd_get_cloexec(u32 fd);				/* 0/1, -EBADF */
int fd_set_cloexec(u32 fd, bool on);
/* For /proc/PID/fd: next open descriptor >= from of any table, referenced file in *f; -1 when none. */
int fd_next(struct fd_table *t, u32 from, struct file **f);
bool fd_is_cloexec(struct fd_table *t, u32 fd);	/* of any table, for /proc/PID/fdinfo */
/* close_range(2) */
int fd_close_range(u32 first, u32 last, bool cloexec_only);
/* RLIMIT_NOFILE of a table: numbers from it on are not given out (setrlimit sets it). Any context. */
void fd_set_limit(struct fd_table *t, u32 limit);
u32 fd_limit(void);					/* the current thread's */
