/*
 * The file systems' start: caches first, then the root, then those that
 * others register in. Runs at INIT_CORE, before any program and any driver
 * that wants a name in /dev, /proc or /sys.
 */
#include "dev/device.h"
#include "fs/dentry.h"
#include "fs/file_internal.h"
#include "fs/init.h"
#include "fs/path.h"
#include "fs/tmpfs.h"

static int start(void)
{
	static int (*const steps[])(void) = { fs_init, sysfs_init, procfs_init, devfs_init, memdev_init };
	int err = 0;

	dentry_init();
	file_init();
	fd_table_init();
	pipe_init();
	epoll_init();
	tmpfs_init();
	for (u32 i = 0; i < ARRAY_SIZE(steps) && !err; i++)
		err = steps[i]();
	return err;
}
INIT(fs, INIT_CORE, start);
