/*
 * The names of local sockets (unix(7)): places in the file system, abstract names, and the numbers that autobind
 * gives. socket_unix.c calls it; it walks paths by fs/.
 */
#include "base/errno.h"
#include "base/string.h"
#include "fs/path.h"
#include "mm/slab.h"
#include "net/socket_unix.h"

#define S_IFMT_BITS	0170000
#define S_IFSOCK_BITS	0140000

/* Abstract names are compared whole. [X] held. */
static struct unix_socket *abstract_find(const u8 *name, u32 len)
{
	struct unix_socket *u;

	list_for_each(u, &unix_sockets, node)
		if (u->name && !u->vnode && !u->inherited && !u->closed && u->name_len == len &&
		    !memcmp(u->name, name, len))
			return u;
	return NULL;
}

static struct unix_socket *vnode_find(const struct vnode *v)
{
	struct unix_socket *u;

	list_for_each(u, &unix_sockets, node)
		if (u->vnode == v && !u->closed)
			return u;
	return NULL;
}

/* Take the name, checked to be free. [X] held inside. */
static int name_set(struct unix_socket *u, const u8 *name, u32 len, struct vnode *v)
{
	u8 *copy = kmalloc(len + 1);
	int err = 0;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	copy[len] = '\0';
	spin_lock(&unix_lock);
	if (u->name)
		err = -EINVAL;
	else if (!v && abstract_find(name, len))
		err = -EADDRINUSE;
	if (!err) {
		u->name = copy;
		u->name_len = len;
		u->vnode = v;
	}
	spin_unlock(&unix_lock);
	if (err)
		kfree(copy);
	return err;
}

/* A name that nobody has: five hex digits, abstract (unix(7), autobind). */
int unix_autobind(struct unix_socket *u)
{
	static u32 next;
	int err = -EADDRINUSE;

	if (u->name)
		return 0;
	for (u32 tries = 0; tries < 0x100000 && err == -EADDRINUSE; tries++) {
		u32 n = atomic_add_relaxed(&next, 1);
		u8 name[6] = { 0 };

		for (u32 i = 0; i < 5; i++)
			name[5 - i] = "0123456789abcdef"[n >> 4 * i & 15];
		err = name_set(u, name, sizeof(name), NULL);
	}
	return err;
}

/* The path in an address, terminated. */
static void path_of(const u8 *addr, u32 len, char path[sizeof(struct sockaddr_un)])
{
	u32 n = len - offsetof(struct sockaddr_un, sun_path);

	memcpy(path, addr + offsetof(struct sockaddr_un, sun_path), n);
	path[n] = '\0';
}

static int bind_path(struct unix_socket *u, const u8 *addr, u32 len)
{
	char name[sizeof(struct sockaddr_un)];
	struct path p;
	int err;

	path_of(addr, len, name);
	err = path_mknod(NULL, name, S_IFSOCK_BITS | 0777, 0);
	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	err = path_lookup(NULL, name, 0, &p);
	if (err)
		return err;
	vnode_get(p.dentry->vnode);
	err = name_set(u, (const u8 *)name, strlen(name) + 1, p.dentry->vnode);
	if (err) {
		vnode_put(p.dentry->vnode);
		path_unlink(NULL, name);
	}
	path_put(&p);
	return err;
}

static int address_check(const u8 *addr, u32 len)
{
	if (len < sizeof(u16) || len > sizeof(struct sockaddr_un))
		return -EINVAL;
	return ((const struct sockaddr_un *)addr)->sun_family == AF_UNIX ? 0 : -EINVAL;
}

int unix_bind(struct socket *s, const u8 *addr, u32 len)
{
	struct unix_socket *u = unix_of(s);
	int err = address_check(addr, len);

	if (err)
		return err;
	if (len == sizeof(u16))
		return unix_autobind(u);
	if (u->name)
		return -EINVAL;
	if (addr[sizeof(u16)])
		return bind_path(u, addr, len);
	return name_set(u, addr + sizeof(u16), len - sizeof(u16), NULL);
}

struct unix_socket *unix_target(const u8 *addr, u32 len)
{
	char name[sizeof(struct sockaddr_un)];
	struct unix_socket *u;
	struct path p;
	int err = address_check(addr, len);

	if (err)
		return err_ptr(err);
	if (len == sizeof(u16))
		return err_ptr(-ECONNREFUSED);
	if (!addr[sizeof(u16)]) {
		spin_lock(&unix_lock);
		u = abstract_find(addr + sizeof(u16), len - sizeof(u16));
		if (u)
			ref_get(&u->refs);
		spin_unlock(&unix_lock);
		return u ? u : err_ptr(-ECONNREFUSED);
	}
	path_of(addr, len, name);
	err = path_lookup(NULL, name, LOOKUP_FOLLOW, &p);
	if (err)
		return err_ptr(err);
	err = vnode_permission(p.dentry->vnode, 2);
	u = NULL;
	if (!err && (p.dentry->vnode->mode & S_IFMT_BITS) == S_IFSOCK_BITS) {
		spin_lock(&unix_lock);
		u = vnode_find(p.dentry->vnode);
		if (u)
			ref_get(&u->refs);
		spin_unlock(&unix_lock);
	}
	path_put(&p);
	return u ? u : err_ptr(err ? err : -ECONNREFUSED);
}

void unix_address_fill(const struct unix_socket *u, u8 *addr, u32 *len)
{
	((struct sockaddr_un *)addr)->sun_family = AF_UNIX;
	*len = sizeof(u16);
	if (u && u->name) {
		memcpy(addr + sizeof(u16), u->name, u->name_len);
		*len += u->name_len;
	}
}
