/*
 * The life of connections: making and freeing them, their state, their route, and their end. table.c finds them;
 * the other files of TCP call in here.
 *
 * References: the program's file holds one, the table one, an accept queue one, an armed timer one, a
 * queued end-of-batch call one. tcp_done makes table and timer let go; the last one out frees.
 */
#include "base/errno.h"
#include "base/hash.h"
#include "base/string.h"
#include "core/random.h"
#include "fs/poll_events.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ip_internal.h"
#include "net/neigh.h"
#include "net/tcp/tcp.h"
