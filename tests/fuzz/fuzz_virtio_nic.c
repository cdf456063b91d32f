/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-net NIC driver under a hostile device: registers read as the input says,
 * and the device writes what it likes into all memory that it was given. Input: a byte
 * of how the device is (FLAG_*), 64 bytes of registers, then operations of 4 bytes
 * {what, a, b, c}.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/nic/virtio_net.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"

#define PACKETS 64u
#define QUEUES 2u
#define BUF (PKT_HEADROOM + VNIC_RX_BUF)
#define REGS 64u
#define REGIONS 16u
#define MAX_OPS 512u
#define CFG_BYTES 256u
#define BAR 0u
#define BAR_BYTES 0x4000u
#define COMMON_AT 0x0000u
#define DEVICE_AT 0x1000u
#define ISR_AT 0x2000u
#define NOTIFY_AT 0x3000u
#define A_WHILE_NS 100000000ull

enum flag {
	FLAG_HONEST_STATUS = BIT(0), /* reads back as written */
	FLAG_OFFERS_ALL = BIT(1),
	FLAG_MSIX = BIT(2),
	FLAG_ANY_CAPS = BIT(3), /* the capabilities are the input's, too */
	FLAG_ANSWERS = BIT(4),	/* control commands are carried out */
	FLAG_QUEUES = BIT(5),	/* two pairs of queues, where it has them */
};

enum op {
	OP_POKE,
	OP_USE_RX,
	OP_USE_TX,
	OP_RX,
	OP_TX,
	OP_TICK,
	OP_IRQ,
	OP_IRQS,
	OP_PROMISC,
	OP_COUNT,
};

static struct {
	u8 flags, status;
	u32 vector;
	u8 regs[REGS];
	u32 half;
	u64 features[2];
	u8 cfg[CFG_BYTES];
	struct {
		u8 *mem;
		size_t bytes;
	} region[REGIONS];
	u32 regions;
	struct pkt_pool pool[QUEUES];
	struct nic nic;
} f;

static u8 bar[BAR_BYTES]; /* only its addresses are used */

/* --- the device's registers ---------------------------------------------------------- */

static u32 any(u64 offset, u32 size)
{
	u32 v = 0;

	for (u32 i = 0; i < size; i++)
		v |= (u32)f.regs[(offset + i) % REGS] << 8 * i;
	return v;
}

static u32 reg_read(void *ctx, u64 offset, u32 size)
{
	(void)ctx;
	if (offset == COMMON_AT + VPCI_DEVICE_STATUS && (f.flags & FLAG_HONEST_STATUS))
		return f.status;
	if (offset == COMMON_AT + VPCI_DEVICE_STATUS)
		host_now_ns += A_WHILE_NS; /* else the wait for it takes long */
	if (offset == COMMON_AT + VPCI_DEVICE_FEATURE && (f.flags & FLAG_OFFERS_ALL))
		return UINT32_MAX;
	if (offset == COMMON_AT + VPCI_CONFIG_MSIX_VECTOR ||
	    offset == COMMON_AT + VPCI_QUEUE_MSIX_VECTOR)
		return f.flags & FLAG_MSIX ? f.vector : any(offset, size);
	return any(offset, size);
}

static void use(struct vnic_ring *r, u8 id, u8 len, u8 high)
{
	struct vring_used *u = r->used;

	u->ring[u->idx & (r->size - 1)] = (struct vring_used_elem){ id, len | (u32)high << 8 };
	u->idx++;
}

static void answer(struct vnic *v)
{
	*(u8 *)v->ctrl_mem = VIRTIO_NET_OK; /* the first byte, see virtio_net_ctrl.c */
	use(&v->ctrl, (u8)v->ctrl.avail->ring[(v->ctrl.next - 1) & (v->ctrl.size - 1)], 1, 0);
}

static void reg_write(void *ctx, u64 offset, u32 size, u32 value)
{
	(void)ctx;
	(void)size;
	ASSERT(offset < BAR_BYTES);
	if (offset == COMMON_AT + VPCI_DEVICE_STATUS)
		f.status = (u8)value;
	if (offset == COMMON_AT + VPCI_CONFIG_MSIX_VECTOR ||
	    offset == COMMON_AT + VPCI_QUEUE_MSIX_VECTOR)
		f.vector = value;
	if (offset >= NOTIFY_AT && (f.flags & FLAG_ANSWERS) &&
	    value == ((struct vnic *)f.nic.priv)->ctrl.index)
		answer(f.nic.priv);
}

static u32 reg_read32(void *ctx, u64 offset)
{
	return reg_read(ctx, offset, 4);
}

static void reg_write32(void *ctx, u64 offset, u32 value)
{
	reg_write(ctx, offset, 4, value);
}

static u32 pci_read(void *pci, u32 off)
{
	(void)pci;
	ASSERT(off % 4 == 0 && off < CFG_BYTES);
	return load_le32(f.cfg + off);
}

static volatile void *map_bar(void *pci, u32 i, size_t *size)
{
	(void)pci;
	*size = i == BAR ? BAR_BYTES : 0;
	return i == BAR ? bar : NULL;
}

static void put_cap(u8 at, u8 next, u8 type, u32 offset)
{
	f.cfg[at] = VIRTIO_PCI_CAP_ID;
	f.cfg[at + 1] = next;
	f.cfg[at + 2] = VIRTIO_PCI_CAP_LEN_MORE;
	f.cfg[at + 3] = type;
	f.cfg[at + 4] = BAR;
	store_le32(f.cfg + at + 8, offset);
	store_le32(f.cfg + at + 12, 0x1000);
	store_le32(f.cfg + at + 16, 4);
}

static void make_config(void)
{
	f.cfg[6] = 0x10; /* there are capabilities */
	f.cfg[0x34] = 0x40;
	put_cap(0x40, 0x58, VIRTIO_PCI_CAP_COMMON, COMMON_AT);
	put_cap(0x58, 0x70, VIRTIO_PCI_CAP_DEVICE, DEVICE_AT);
	put_cap(0x70, 0x88, VIRTIO_PCI_CAP_ISR, ISR_AT);
	put_cap(0x88, 0xa0, VIRTIO_PCI_CAP_NOTIFY, NOTIFY_AT);
	f.cfg[0xa0] = 0x11; /* MSI-X */
	f.cfg[0xa2] = 7;
	for (u32 i = 0; (f.flags & FLAG_ANY_CAPS) && i < REGS; i++)
		f.cfg[0x40 + i * 2] ^= f.regs[i];
}

/* --- memory ----------------------------------------------------------------------------- */

static void *dma_alloc(size_t bytes, bus_t *bus)
{
	u8 *mem;

	if (f.regions == REGIONS)
		return NULL;
	mem = aligned_alloc(4096, ALIGN_UP(bytes, 4096ul));
	memset(mem, 0, bytes);
	bus->v = (u64)(uintptr_t)mem;
	f.region[f.regions].mem = mem;
	f.region[f.regions++].bytes = bytes;
	return mem;
}

static void dma_free(void *p, size_t bytes)
{
	for (u32 i = 0; i < f.regions; i++) {
		if (f.region[i].mem != p)
			continue;
		ASSERT(f.region[i].bytes == bytes);
		f.region[i] = f.region[--f.regions];
		free(p);
		return;
	}
	die("freed what was not allocated");
}

/* The device writes a byte: into a ring, a table, or a receive buffer. */
static void poke(struct vnic_queue *q, u8 a, u8 b, u8 c)
{
	u32 i = a & 31;

	if (i < f.regions)
		f.region[i].mem[((u32)(a >> 5) << 8 | b) % f.region[i].bytes] = c;
	else if (q->rx_pkt[b])
		q->rx_pkt[b]->data[-(int)VNIC_HDR + (a >> 5) + (a & 1) * 8] = c;
}

/* --- operations --------------------------------------------------------------------------- */

static void receive(u32 queue)
{
	struct pkt *pkts[PKT_BURST];
	u32 n = f.nic.ops->rx_burst(&f.nic, queue, pkts, PKT_BURST);

	for (u32 i = 0; i < n; i++) {
		u8 out[VNIC_MAX_FRAME];

		ASSERT(pkts[i]->len && pkts[i]->len <= VNIC_MAX_FRAME);
		pkt_copy_out(pkts[i], 0, out, pkts[i]->len);
		pkt_put(pkts[i]);
	}
}

static void transmit(u32 queue, u8 len, u8 nseg, u8 burst)
{
	static u8 payload[4096];

	for (u32 i = 0; i <= burst % 8u; i++) {
		struct pkt *p = pkt_get(&f.pool[queue]);

		if (!p)
			return;
		p->head_len = p->len = len;
		for (u32 k = 0; k < nseg % PKT_MAX_SEGS; k++)
			pkt_add_seg(p, payload, (bus_t){ (u64)(uintptr_t)payload }, 100, NULL);
		if (!f.nic.ops->tx_burst(&f.nic, queue, &p, 1))
			pkt_put(p);
	}
}

static void operate(const u8 *op)
{
	const struct nic_ops *ops = f.nic.ops;
	u32 queue = op[0] / OP_COUNT % f.nic.queues;
	struct vnic_queue *q = vnic_queue_of(&f.nic, queue);

	switch (op[0] % OP_COUNT) {
	case OP_POKE:
		poke(q, op[1], op[2], op[3]);
		break;
	case OP_USE_RX:
		use(&q->rx, op[1], op[2], op[3]);
		break;
	case OP_USE_TX:
		use(&q->tx, op[1], op[2], op[3]);
		break;
	case OP_RX:
		receive(queue);
		break;
	case OP_TX:
		transmit(queue, op[1], op[2], op[3]);
		break;
	case OP_TICK:
		ops->tick(&f.nic, 0);
		break;
	case OP_IRQ:
		ops->irq_cause(&f.nic, queue);
		break;
	case OP_IRQS:
		ops->rx_irq(&f.nic, queue, op[1] & 1);
		ops->tx_irq(&f.nic, queue, op[1] & 2);
		break;
	default:
		ops->promiscuous(&f.nic, op[1] & 1);
		break;
	}
	ASSERT(ops->tx_room(&f.nic, queue) <= VNIC_RING_MAX);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct mmio_model seam = { .read32 = reg_read32, .write32 = reg_write32,
					  .read = reg_read, .write = reg_write, .base = bar };
	size_t pool_bytes = pkt_pool_bytes(PACKETS, BUF);
	struct nic_resources res = { .pci_read32 = pci_read, .map_bar = map_bar,
				     .rx_pool = { &f.pool[0], &f.pool[1] }, .dma_alloc = dma_alloc,
				     .dma_free = dma_free };
	void *mem[QUEUES];

	if (size < 1 + REGS)
		return 0;
	memset(&f, 0, sizeof(f));
	f.flags = data[0];
	memcpy(f.regs, data + 1, REGS);
	data += 1 + REGS;
	size -= 1 + REGS;
	make_config();
	mmio_model_set(&seam);
	for (u32 i = 0; i < QUEUES; i++) {
		mem[i] = aligned_alloc(64, ALIGN_UP(pool_bytes, 64ul));
		pkt_pool_init(&f.pool[i], "rx", 0, PACKETS, BUF, mem[i],
			      (bus_t){ (u64)(uintptr_t)mem[i] });
	}
	f.nic = (struct nic){ .ops = nic_driver_find(VIRTIO_PCI_VENDOR, VIRTIO_PCI_DEVICE_OLD_NET),
			      .name = "nic0" };
	res.irq = f.flags & FLAG_MSIX ? NIC_IRQ_MSIX : NIC_IRQ_LINE;
	res.queues = f.flags & FLAG_QUEUES ? QUEUES : 1;
	if (!f.nic.ops->attach(&f.nic, &res)) {
		for (u32 i = 0; i < MAX_OPS && size >= 4; i++, data += 4, size -= 4)
			operate(data);
		f.nic.ops->detach(&f.nic);
	}
	ASSERT(f.regions == 0);
	mmio_model_set(NULL);
	for (u32 i = 0; i < QUEUES; i++) {
		ASSERT(f.pool[i].free_count == PACKETS);
		free(mem[i]);
	}
	return 0;
}
