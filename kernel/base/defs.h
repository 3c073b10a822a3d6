/*
 * Words that every file uses: fixed-width types, attributes, small arithmetic.
 * Nothing here has state, and all of it compiles on the host for unit tests.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Fields of a wire or register format in that byte order; base/endian.h converts. */
typedef u16 be16, le16;
typedef u32 be32, le32;
typedef u64 be64, le64;

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define noreturn	__attribute__((noreturn))
#define packed		__attribute__((packed))
#define aligned(n)	__attribute__((aligned(n)))
#define section(s)	__attribute__((section(s)))
#define kept		__attribute__((used))
#define noinline	__attribute__((noinline))
#define always_inline	inline __attribute__((always_inline))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define must_check	__attribute__((warn_unused_result))

#define container_of(p, type, member) \
	((type *)((char *)(1 ? (p) : &((type *)0)->member) - offsetof(type, member)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b)	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define ALIGN_UP(x, a)	(((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BIT(n)		(1ull << (n))

/* One access, not torn, not repeated and not cached by the compiler; no ordering. */
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define barrier()	__asm__ volatile("" ::: "memory")

/* Pointer-or-errno returns: an errno is a pointer in the last page of the address space. */
static inline void *err_ptr(long err) { return (void *)err; }
static inline long ptr_err(const void *p) { return (long)p; }
static inline bool is_err(const void *p) { return (unsigned long)p >= (unsigned long)-4095; }
