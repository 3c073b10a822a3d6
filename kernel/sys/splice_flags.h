/*
 * SPLICE_F_*, which no UAPI header has: splice(2).
 */
#pragma once

#define SPLICE_NONBLOCK	2u
#define SPLICE_FLAGS	15u	/* MOVE, NONBLOCK, MORE, GIFT */
