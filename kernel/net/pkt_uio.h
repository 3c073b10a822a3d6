/*
 * Packets and the bytes of a read or write: copied straight between the packet's buffers and the
 * user's memory. Process context; no spinlock held.
 */
#pragma once
#include "mm/uio.h"
#include "net/pkt.h"

/* n bytes of the chain from offset on, into u: 0 or -EFAULT. */
int pkt_copy_to_uio(const struct pkt *p, u32 offset, struct uio *u, u32 n);
/* Append n bytes of u, growing the chain: 0, -ENOMEM or -EFAULT (then the pkt is only good for freeing). */
int pkt_append_uio(struct pkt *p, struct uio *u, u32 n);
