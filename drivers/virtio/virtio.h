/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of the Virtual I/O Device specification, version 1.2, that every
 * device type and transport shares.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_H
#define DRIVERS_VIRTIO_VIRTIO_H

#include "hv/base/types.h"

/* Device types (5). */
#define VIRTIO_ID_NET 1
#define VIRTIO_ID_BLOCK 2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_ENTROPY 4

/* Device status (2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE BIT(0)
#define VIRTIO_STATUS_DRIVER BIT(1)
#define VIRTIO_STATUS_DRIVER_OK BIT(2)
#define VIRTIO_STATUS_FEATURES_OK BIT(3)
#define VIRTIO_STATUS_NEEDS_RESET BIT(6)
#define VIRTIO_STATUS_FAILED BIT(7)

/* Features of the transport and the rings (6), as masks. */
#define VIRTIO_F_INDIRECT_DESC BIT64(28)
#define VIRTIO_F_EVENT_IDX BIT64(29)
#define VIRTIO_F_VERSION_1 BIT64(32)
#define VIRTIO_F_ACCESS_PLATFORM BIT64(33)
#define VIRTIO_F_ORDER_PLATFORM BIT64(36)

/* Descriptor of a split virtqueue (2.7.5). */
struct vring_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

/* Its halves, each by exactly one load: the driver may rewrite it at any time. Indirect
 * tables need not be aligned. */
typedef u64 __attribute__((aligned(1), may_alias)) vring_half;

static inline u64 vring_desc_addr(const struct vring_desc *d)
{
	return *(const volatile vring_half *)(const void *)d;
}

/* len in bits 31..0, flags in 47..32, next in 63..48. */
static inline u64 vring_desc_rest(const struct vring_desc *d)
{
	return *((const volatile vring_half *)(const void *)d + 1);
}

#define VRING_DESC_F_NEXT BIT(0)
#define VRING_DESC_F_WRITE BIT(1)
#define VRING_DESC_F_INDIRECT BIT(2)

/*
 * Available ring (2.7.6). After ring[size] comes used_event: the driver wants
 * an interrupt once the used index has passed it (2.7.7).
 */
struct vring_avail {
	u16 flags;
	u16 idx;
	u16 ring[];
};

#define VRING_AVAIL_F_NO_INTERRUPT BIT(0)

/* Used ring (2.7.8). After ring[size] comes avail_event: the device wants a
 * notification once the available index has passed it (2.7.10). */
struct vring_used_elem {
	u32 id;
	u32 len;
};

struct vring_used {
	u16 flags;
	u16 idx;
	struct vring_used_elem ring[];
};

#define VRING_USED_F_NO_NOTIFY BIT(0)

STATIC_ASSERT(sizeof(struct vring_desc) == 16, "virtio 1.2 2.7.5");
STATIC_ASSERT(offsetof(struct vring_desc, len) == 8, "virtio 1.2 2.7.5");
STATIC_ASSERT(offsetof(struct vring_desc, flags) == 12, "virtio 1.2 2.7.5");
STATIC_ASSERT(offsetof(struct vring_desc, next) == 14, "virtio 1.2 2.7.5");
STATIC_ASSERT(offsetof(struct vring_avail, ring) == 4, "virtio 1.2 2.7.6");
STATIC_ASSERT(sizeof(struct vring_used_elem) == 8, "virtio 1.2 2.7.8");
STATIC_ASSERT(offsetof(struct vring_used, ring) == 4, "virtio 1.2 2.7.8");

/* Areas of a queue of n entries and their alignment (2.7). */
#define VRING_DESC_BYTES(n) (16ull * (n))
#define VRING_AVAIL_BYTES(n) (6ull + 2ull * (n))
#define VRING_USED_BYTES(n) (6ull + 8ull * (n))
#define VRING_DESC_ALIGN 16
#define VRING_AVAIL_ALIGN 2
#define VRING_USED_ALIGN 4

/*
 * Does moving an index from `old` to `now` pass `event` (2.7.7.2, 2.7.10)?
 * All three count modulo 2^16.
 */
static inline bool vring_event_passed(u16 event, u16 now, u16 old)
{
	return (u16)(now - event - 1) < (u16)(now - old);
}

#endif
