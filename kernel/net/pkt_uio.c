/*
 * Packets to and from the memory of programs: one copy each way. The sockets' sendmsg and recvmsg call it;
 * it calls mm's uio, which calls ucopy.
 */
#include "base/errno.h"
#include "net/pkt_uio.h"

int pkt_copy_to_uio(const struct pkt *p, u32 offset, struct uio *u, u32 n)
{
	for (; p && n; p = p->frag) {
		u32 have = pkt_linear(p), take;
		int err;

		if (offset >= have) {
			offset -= have;
			continue;
		}
		take = MIN(have - offset, n);
		err = uio_put(u, p->data + offset, take);
		if (unlikely(err))
			return err;
		n -= take;
		offset = 0;
	}
	return 0;
}

int pkt_append_uio(struct pkt *p, struct uio *u, u32 n)
{
	struct pkt *last = p;
	int err;

	while (unlikely(last->frag))
		last = last->frag;
	for (;;) {
		u32 take = MIN(n, pkt_tailroom(last));

		err = uio_get(u, last->tail, take);
		if (unlikely(err))
			return err;
		last->tail += take;
		p->len += take;
		n -= take;
		if (likely(!n))
			return 0;
		last->frag = pkt_alloc(0);
		if (!last->frag)
			return -ENOMEM;
		last = last->frag;
	}
}
