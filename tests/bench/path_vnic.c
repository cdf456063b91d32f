/* SPDX-License-Identifier: BSD-2-Clause */
/* The device side of virtio-net in memory, as an uplink (virtio 1.2 2.7, 4.1.4, 5.1), see
 * path_nic.h. It notifies nobody, and wants to be notified of each burst. */
#include <string.h>

#include <arch/mmio.h>

#include "drivers/virtio/net_defs.h"
#include "drivers/virtio/pci_defs.h"
#include "drivers/virtio/virtio.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/bench/path_nic.h"

#define RING 256u
#define HDR ((u32)sizeof(struct virtio_net_hdr))
#define OFFERED                                                                                 \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_NET_F_MAC |  \
	 VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CSUM)

/* PCI configuration space, and BAR 0 with a page for each structure; all doorbells are
 * one. */
#define CFG_COMMAND 0x04u
#define CFG_STATUS_CAPS BIT(20)
#define CFG_CAP_PTR 0x34u
#define CFG_CAPS 0x40u
#define STRUCTURE 0x1000u
#define BAR_BYTES (5 * STRUCTURE)
#define PCI_CONFIG_BYTES 256u

enum { QUEUE_RX, QUEUE_TX, QUEUES };

struct queue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 seen; /* available index up to which it was dealt with */
};

static struct queue queues[QUEUES];
static u8 pci[PCI_CONFIG_BYTES];
volatile void *mmio_watched; /* the register that starts a queue */

static u8 *at(u32 type, u32 offset)
{
	return (u8 *)path_reg(type * STRUCTURE) + offset;
}

static u32 common(u32 reg)
{
	return *path_reg(VIRTIO_PCI_CAP_COMMON * STRUCTURE + reg);
}

static void *area(u32 reg)
{
	return path_ring(VIRTIO_PCI_CAP_COMMON * STRUCTURE + reg,
			 VIRTIO_PCI_CAP_COMMON * STRUCTURE + reg + sizeof(u32));
}

/* A queue is enabled: its addresses stand in registers that the next one uses, too. */
void mmio_written(void)
{
	u16 index = load_le16(at(VIRTIO_PCI_CAP_COMMON, VPCI_QUEUE_SELECT));

	if (index >= QUEUES)
		die("there is no queue %u", index);
	queues[index] = (struct queue){ area(VPCI_QUEUE_DESC), area(VPCI_QUEUE_DRIVER),
					area(VPCI_QUEUE_DEVICE), 0 };
}

static u32 pci_read32(void *ctx, u32 off)
{
	(void)ctx;
	return load_le32(pci + off);
}

static volatile void *map_bar(void *ctx, u32 bar, size_t *size)
{
	(void)ctx;
	*size = bar ? 0 : BAR_BYTES;
	return bar ? NULL : path_reg(0);
}

static void up(struct nic_resources *res)
{
	u16 where = CFG_CAPS;

	memset(pci, 0, sizeof(pci));
	store_le32(pci + CFG_COMMAND, CFG_STATUS_CAPS);
	pci[CFG_CAP_PTR] = CFG_CAPS;
	for (u32 type = VIRTIO_PCI_CAP_COMMON; type <= VIRTIO_PCI_CAP_DEVICE; type++) {
		const struct virtio_pci_cap cap = {
			.cap_vndr = VIRTIO_PCI_CAP_ID,
			.cap_next = (u8)(type < VIRTIO_PCI_CAP_DEVICE ? where + sizeof(cap) : 0),
			.cap_len = sizeof(cap),
			.cfg_type = (u8)type,
			.offset = type * STRUCTURE,
			.length = STRUCTURE,
		};

		memcpy(pci + where, &cap, sizeof(cap));
		where += sizeof(cap);
	}
	store_le16(at(VIRTIO_PCI_CAP_COMMON, VPCI_NUM_QUEUES), QUEUES);
	store_le16(at(VIRTIO_PCI_CAP_COMMON, VPCI_QUEUE_SIZE), RING);
	memcpy(at(VIRTIO_PCI_CAP_DEVICE, 0), path_mac, sizeof(path_mac));
	mmio_watched = at(VIRTIO_PCI_CAP_COMMON, VPCI_QUEUE_ENABLE);
	res->regs_size = 0;
	res->pci_read32 = pci_read32;
	res->map_bar = map_bar;
}

static u32 reg_read(u32 offset)
{
	if (offset == VIRTIO_PCI_CAP_COMMON * STRUCTURE + VPCI_DEVICE_FEATURE)
		return (u32)(OFFERED >> 32 * common(VPCI_DEVICE_FEATURE_SELECT));
	return *path_reg(offset);
}

/* --- rings ---------------------------------------------------------------------------- */

/* The chain that is the n-th available one: its descriptors, one behind the other. */
static const struct vring_desc *chain(const struct queue *q, u16 n, u32 *count)
{
	const struct vring_desc *d = &q->desc[q->avail->ring[n & (RING - 1)]];

	*count = 1;
	if (d->flags & VRING_DESC_F_INDIRECT) {
		*count = d->len / (u32)sizeof(*d);
		d = (const void *)(uintptr_t)d->addr;
	}
	return d;
}

/* The next available chain is done with, `len` bytes of it written. */
static void use(struct queue *q, u32 len)
{
	struct vring_used *used = q->used;

	used->ring[used->idx & (RING - 1)] =
		(struct vring_used_elem){ q->avail->ring[q->seen & (RING - 1)], len };
	__atomic_store_n(&used->idx, (u16)(used->idx + 1), __ATOMIC_RELEASE);
	q->seen++;
}

/* Notify of what comes next: avail_event, behind the used ring. */
static void wait_for_more(struct queue *q)
{
	store_le16(&q->used->ring[RING], q->seen);
}

static u32 do_send(void)
{
	struct queue *q = &queues[QUEUE_TX];
	u32 frames = 0;

	for (; q->seen != q->avail->idx; frames++)
		use(q, 0);
	wait_for_more(q);
	return frames;
}

static u32 last(u8 *out, u32 size)
{
	const struct queue *q = &queues[QUEUE_TX];
	u32 count, skip = HDR, len = 0;
	const struct vring_desc *d = chain(q, (u16)(q->avail->idx - 1), &count);

	for (; count; count--, d++) {
		u32 piece = d->len - skip;

		if (len + piece > size)
			die("a frame of more than %u bytes was sent", size);
		memcpy(out + len, (const u8 *)(uintptr_t)d->addr + skip, piece);
		len += piece;
		skip = 0;
	}
	return len;
}

static bool receive(const void *frame, u32 len)
{
	static const struct virtio_net_hdr hdr = { .num_buffers = 1 };
	struct queue *q = &queues[QUEUE_RX];
	u32 count;
	u8 *buf;

	if (q->seen == q->avail->idx)
		return false;
	buf = (u8 *)(uintptr_t)chain(q, q->seen, &count)->addr;
	memcpy(buf, &hdr, HDR);
	memcpy(buf + HDR, frame, len);
	use(q, HDR + len);
	wait_for_more(q);
	return true;
}

const struct path_device path_vnic = {
	.name = "virtio-net",
	.vendor = VIRTIO_PCI_VENDOR,
	.device = VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET,
	.up = up,
	.read = reg_read,
	.send = do_send,
	.last = last,
	.receive = receive,
};
