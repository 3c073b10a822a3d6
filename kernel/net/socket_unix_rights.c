/*
 * What travels beside the data of local sockets: descriptors (SCM_RIGHTS) and the sender's identity
 * (SCM_CREDENTIALS). The files are held by the message from sendmsg until a recvmsg makes descriptors of them, or the
 * message is dropped.
 */
#include "base/errno.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "mm/slab.h"
#include "net/socket_unix.h"
#include "sched/cred.h"
#include "sched/pid.h"

#define FILES_MAX 253			/* SCM_MAX_FD */

static int files_take(struct unix_message *x, const u8 *data, u32 len)
{
	u32 count = len / 4;

	if (!count)
		return 0;
	if (x->file_count || count > FILES_MAX)
		return -EINVAL;
	x->files = kmalloc(count * sizeof(*x->files));
	if (!x->files)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++) {
		u32 fd;

		memcpy(&fd, data + 4 * i, 4);
		x->files[i] = fd_get(fd);
		if (!x->files[i])
			return -EBADF;		/* the caller drops what was taken */
		x->file_count++;
	}
	return 0;
}

/* Another's identity may be claimed by root only. */
static int cred_take(struct unix_message *x, const u8 *data, u32 len)
{
	const struct cred *own = current()->cred;
	struct abi_ucred c;

	if (len != sizeof(c))
		return -EINVAL;
	memcpy(&c, data, sizeof(c));
	if (!cred_privileged(own) &&
	    (c.pid != pid_current() || (c.uid != own->uid && c.uid != own->euid && c.uid != own->suid) ||
	     (c.gid != own->gid && c.gid != own->egid && c.gid != own->sgid)))
		return -EPERM;
	x->cred = (struct unix_cred){ c.pid, c.uid, c.gid };
	return 0;
}

int unix_rights_take(struct unix_message *x, const struct socket_msg *m)
{
	u32 at = 0;
	int err = 0;

	while (!err && m->control_len - at >= sizeof(struct abi_cmsghdr)) {
		struct abi_cmsghdr h;
		const u8 *data = m->control + at + sizeof(h);

		memcpy(&h, m->control + at, sizeof(h));
		if (h.len < sizeof(h) || h.len > m->control_len - at)
			return -EINVAL;
		if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS)
			err = files_take(x, data, h.len - sizeof(h));
		else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS)
			err = cred_take(x, data, h.len - sizeof(h));
		else if (h.level == SOL_SOCKET)
			err = -EINVAL;
		if (CMSG_ALIGN8(h.len) >= m->control_len - at)
			break;
		at += CMSG_ALIGN8(h.len);
	}
	return err;
}

/* Descriptors for as many files as there is room for; the rest is closed. */
static void files_give(struct unix_message *x, struct socket_msg *m, u32 room, bool peek)
{
	u32 space = m->control && room > m->control_len + sizeof(struct abi_cmsghdr) ?
		(room - m->control_len - sizeof(struct abi_cmsghdr)) / 4 : 0;
	s32 fds[FILES_MAX];
	u32 n = 0;

	for (; n < x->file_count && n < space; n++) {
		file_get(x->files[n]);
		fds[n] = fd_install(x->files[n], 0, m->flags & MSG_CMSG_CLOEXEC);
		if (fds[n] < 0) {
			file_put(x->files[n]);
			break;
		}
	}
	if (n)
		socket_control_put(m, room, SOL_SOCKET, SCM_RIGHTS, fds, 4 * n);
	if (n < x->file_count)
		m->out_flags |= MSG_CTRUNC;
	if (!peek)
		unix_rights_drop(x);
}

void unix_rights_give(struct unix_socket *u, struct unix_message *x, struct socket_msg *m, u32 room, bool peek)
{
	if (u->s.passcred && m->control) {
		struct abi_ucred c = { x->cred.pid, x->cred.uid, x->cred.gid };

		socket_control_put(m, room, SOL_SOCKET, SCM_CREDENTIALS, &c, sizeof(c));
	}
	if (x->file_count)
		files_give(x, m, room, peek);
}

void unix_rights_drop(struct unix_message *x)
{
	for (u32 i = 0; i < x->file_count; i++)
		file_put(x->files[i]);
	kfree(x->files);
	x->files = NULL;
	x->file_count = 0;
}
