/*
 * No /proc: files of it are registered and never read.
 */
#include "fs/procfs.h"

int proc_register_file(const char *path, void (*show)(struct text_out *))
{
	return 0;
}
