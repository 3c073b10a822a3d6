/*
 * What the ctl calls of System V IPC take and give: Linux's structures. shm's constants are in a header of Linux's that
 * wants a C library.
 */
#pragma once
#include <asm/msgbuf.h>
#include <asm/sembuf.h>
#include <asm/shmbuf.h>
#include <linux/msg.h>
#include <linux/sem.h>

#define SHM_DEST	01000		/* in the mode: removed, and mapped still */
#define SHM_LOCKED	02000
#define SHM_HUGETLB	04000
#define SHM_NORESERVE	010000
#define SHM_RDONLY	010000
#define SHM_RND		020000
#define SHM_REMAP	040000
#define SHM_EXEC	0100000
#define SHM_LOCK	11
#define SHM_UNLOCK	12
#define SHM_STAT	13
#define SHM_INFO	14
#define SHM_STAT_ANY	15

struct shm_info {
	s32 used_ids;
	u64 shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

union shm_ctl_buf { struct shmid64_ds ds; struct shminfo64 limits; struct shm_info use; };
union sem_ctl_buf { struct semid64_ds ds; struct seminfo limits; };
union msg_ctl_buf { struct msqid64_ds ds; struct msginfo limits; };
