/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer types, address types and the few macros everything else uses.
 * Addresses of different spaces are different C types, so that a guest's
 * number cannot become a pointer without passing through hv/mem/gmem.h.
 */
#ifndef HV_BASE_TYPES_H
#define HV_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Guest-physical address: only hv/mem/gmem.h turns one into a pointer. */
typedef struct {
	u64 v;
} gpa_t;

/* Address a device puts on the bus for DMA; without an IOMMU it equals the
 * host-physical address. */
typedef struct {
	u64 v;
} bus_t;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* One side is evaluated twice: nothing that takes time, or has an effect. */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a) ALIGN_DOWN((x) + (__typeof__(x))(a)-1, a)
#define BIT(n) (1u << (n))
#define BIT64(n) (1ull << (n))

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)

#define PACKED __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CACHE_LINE 64

#endif
