/*
 * The flattened device tree library, from its package. libfdt.h wants an
 * environment header that pulls in a hosted C library; this one takes its
 * place, by its own include guard, with what the read-only part needs.
 */
#pragma once
#include "base/endian.h"
#include "base/string.h"

#define LIBFDT_ENV_H
#define FDT_FORCE
#define FDT_BITWISE
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif
typedef be16 fdt16_t;
typedef be32 fdt32_t;
typedef be64 fdt64_t;

static inline u16 fdt16_to_cpu(fdt16_t v) { return be16_to_cpu(v); }
static inline u32 fdt32_to_cpu(fdt32_t v) { return be32_to_cpu(v); }
static inline u64 fdt64_to_cpu(fdt64_t v) { return be64_to_cpu(v); }
static inline fdt16_t cpu_to_fdt16(u16 v) { return cpu_to_be16(v); }
static inline fdt32_t cpu_to_fdt32(u32 v) { return cpu_to_be32(v); }
static inline fdt64_t cpu_to_fdt64(u64 v) { return cpu_to_be64(v); }

#include <libfdt.h>
