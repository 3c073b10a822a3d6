/*
 * Files that send no signals: what file.c asks of fs/async.c.
 */
#include "fs/async.h"

void file_async_closed(struct file *f)
{
}
