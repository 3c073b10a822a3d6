/*
 * Paths and directory descriptors of system calls (user_path.h).
 */
#include <linux/fcntl.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "mm/slab.h"
#include "sys/user_path.h"

int user_path_get(struct user_path *p, u64 address)
{
	long n = copy_string_from_user(p->small, address, sizeof(p->small));
	char *big;

	p->name = p->small;
	if (likely(n != -ENAMETOOLONG))
		return n < 0 ? n : 0;
	big = kmalloc(PATH_MAX_LEN);
	if (!big)
		return -ENOMEM;
	n = copy_string_from_user(big, address, PATH_MAX_LEN);
	if (n < 0) {
		kfree(big);
		return n;
	}
	p->name = big;
	return 0;
}

void user_path_free(struct user_path *p)
{
	kfree((char *)p->name);
}

int at_dir_get(struct at_dir *at, u64 fd, const char *name)
{
	at->path = NULL;
	at->ref = (struct fd_ref){ NULL, false };
	if (name[0] == '/' || (s32)fd == AT_FDCWD)
		return 0;
	at->ref = fd_borrow(fd);
	if (!at->ref.file)
		return -EBADF;
	at->path = at->ref.file->path;
	if (!at->path) {
		fd_return(at->ref);
		return name[0] ? -ENOTDIR : -ENOENT;
	}
	return 0;
}

int user_lookup(u64 fd, u64 address, u32 flags, struct path *out)
{
	struct user_path name;
	struct at_dir at;
	int err = user_path_get(&name, address);

	if (err)
		return err;
	err = at_dir_get(&at, fd, name.name);
	if (!err) {
		err = path_lookup(at.path, name.name, flags, out);
		at_dir_end(&at);
	}
	user_path_end(&name);
	return err;
}
