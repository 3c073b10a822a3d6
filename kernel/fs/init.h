/*
 * The parts of fs/ that start at boot, in the order of init.c.
 */
#pragma once

void pipe_init(void);
void fd_table_init(void);
void epoll_init(void);
int sysfs_init(void);
int procfs_init(void);
int devfs_init(void);
int memdev_init(void);
