/*
 * Byte order: conversion of values, and access to fields at any address.
 * The machines we run on (arm64, and the host of the unit tests) are little endian.
 */
#pragma once
#include "base/defs.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a little-endian machine is expected"
#endif

static inline u16 be16_to_cpu(be16 v) { return __builtin_bswap16(v); }
static inline u32 be32_to_cpu(be32 v) { return __builtin_bswap32(v); }
static inline u64 be64_to_cpu(be64 v) { return __builtin_bswap64(v); }
static inline be16 cpu_to_be16(u16 v) { return __builtin_bswap16(v); }
static inline be32 cpu_to_be32(u32 v) { return __builtin_bswap32(v); }
static inline be64 cpu_to_be64(u64 v) { return __builtin_bswap64(v); }

static inline u16 le16_to_cpu(le16 v) { return v; }
static inline u32 le32_to_cpu(le32 v) { return v; }
static inline u64 le64_to_cpu(le64 v) { return v; }
static inline le16 cpu_to_le16(u16 v) { return v; }
static inline le32 cpu_to_le32(u32 v) { return v; }
static inline le64 cpu_to_le64(u64 v) { return v; }

/* The network's spelling. Macros, so that they also serve in static initialisers and case labels. */
#ifndef htons
#define htons(v)	((be16)__builtin_bswap16(v))
#define htonl(v)	((be32)__builtin_bswap32(v))
#define ntohs(v)	((u16)__builtin_bswap16(v))
#define ntohl(v)	((u32)__builtin_bswap32(v))
#endif

/* Fields at any address; the compiler makes one load or store of each. */
#define ENDIAN_ACCESS(bits)								\
static inline u##bits get_unaligned_be##bits(const void *p)				\
{											\
	u##bits v;									\
											\
	__builtin_memcpy(&v, p, sizeof(v));						\
	return __builtin_bswap##bits(v);						\
}											\
static inline u##bits get_unaligned_le##bits(const void *p)				\
{											\
	u##bits v;									\
											\
	__builtin_memcpy(&v, p, sizeof(v));						\
	return v;									\
}											\
static inline void put_unaligned_be##bits(u##bits v, void *p)				\
{											\
	v = __builtin_bswap##bits(v);							\
	__builtin_memcpy(p, &v, sizeof(v));						\
}											\
static inline void put_unaligned_le##bits(u##bits v, void *p)				\
{											\
	__builtin_memcpy(p, &v, sizeof(v));						\
}

ENDIAN_ACCESS(16)
ENDIAN_ACCESS(32)
ENDIAN_ACCESS(64)
#undef ENDIAN_ACCESS
