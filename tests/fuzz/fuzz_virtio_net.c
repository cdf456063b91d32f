/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole virtio-net device with two pairs of queues under a hostile driver:
 * registers, rings and buffers are what the input says. Input: 4-byte operations {what, a, b, c}
 * up to and including one with `what` OP_END, then the guest's memory.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/net.h"
#include "drivers/virtio/pci.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"

#define MEMORY 0x8000u
#define PACKETS 16
#define BUF_SIZE 1024
#define MAX_OPS 256
#define HELD PACKETS
#define PAIRS 2u
#define QUEUES (2 * PAIRS + 1)
#define OFFLOADS                                                                   \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |     \
	 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |   \
	 VIRTIO_NET_F_HOST_USO | VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)
/* The longest frame: an IPv6 packet of 64 KiB and two VLAN tags. */
#define LONG_MAX (65535 + 40 + 18)

enum op {
	OP_REGISTER, /* write c to common configuration at a, b: width */
	OP_READ,
	OP_WINDOW,   /* configuration space write */
	OP_NOTIFY,
	OP_START,    /* a sane set-up: rings at fixed places, features b */
	OP_COLLECT,
	OP_LET_GO,
	OP_DELIVER,
	OP_POKE,     /* the guest writes a 16-bit word */
	OP_ADD,      /* the guest moves an available index */
	OP_POLLING,
	OP_LINK,
	OP_RESET,
	OP_SETTLE,   /* the owners of the queues have let go, or not */
	OP_END,
};

static u8 memory[MEMORY] ALIGNED(4096);
static struct gmem gm;
static struct iomap io, mmio;
static struct pci_bus bus;
static struct virtio_net net;
static struct virtio_net_pair more[PAIRS - 1];
static bool settled;
static struct virtio_pci vp;
static struct pkt_pool pool;
static void *pool_mem;
static u8 payload[2048]; /* of frames for the guest */
static struct pkt *held[HELD];
static u32 nheld;

static void ignore_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	(void)gsi;
	(void)level;
}

static void ignore_msi(void *ctx, u64 addr, u32 data)
{
	(void)ctx;
	(void)addr;
	(void)data;
}

static void ignore_hook(void *ctx, u32 pair)
{
	(void)ctx;
	(void)pair;
}

static bool is_settled(void *ctx, bool begin)
{
	(void)ctx;
	(void)begin;
	return settled;
}

static const struct irq_sink sink = { .set_line = ignore_line, .msi = ignore_msi };
static const struct virtio_net_hooks hooks = {
	.kick = ignore_hook, .more = ignore_hook, .settled = is_settled,
};

static void build(void)
{
	const struct pci_windows w = { .ecam_base = 0xf0000000, .io_base = 0xc000,
				       .io_size = 0x1000, .mem_base = 0xe0000000,
				       .mem_size = 0x1000000 };
	static const u32 core[PAIRS - 1];
	const struct virtio_net_cfg cfg = { .name = "f", .mtu = 1500, .gm = &gm, .pool = &pool,
					    .hooks = &hooks, .pairs = PAIRS, .more = more,
					    .more_core = core };

	memset(&gm, 0, sizeof(gm));
	memset(&io, 0, sizeof(io));
	memset(&mmio, 0, sizeof(mmio));
	memset(&net, 0, sizeof(net));
	memset(more, 0, sizeof(more));
	settled = true;
	if (!pool_mem)
		pool_mem = aligned_alloc(64, ALIGN_UP(pkt_pool_bytes(PACKETS, BUF_SIZE), 64));
	pkt_pool_init(&pool, "fuzz", 0, PACKETS, BUF_SIZE, pool_mem, (bus_t){ 0 });
	gmem_add(&gm, gpa(0), MEMORY / 2, memory, (bus_t){ 0 }, true);
	gmem_add(&gm, gpa(MEMORY / 2), MEMORY / 2, memory + MEMORY / 2, (bus_t){ 0 }, true);
	ASSERT(!pci_bus_init(&bus, &io, &mmio, &sink, &w));
	ASSERT(!virtio_net_init(&net, &cfg));
	ASSERT(!virtio_pci_init(&vp, &net.dev, &bus));
	nheld = 0;
}

static void common_access(bool write, u32 off, u8 size, u64 value)
{
	struct io_access a = { vp.pci.bar[VIRTIO_PCI_BAR_CONFIG].base + off, value, size, write };

	iomap_access(&mmio, &a);
}

static void start(u8 features)
{
	common_access(true, VPCI_DEVICE_STATUS, 1, 0);
	common_access(true, VPCI_DRIVER_FEATURE_SELECT, 4, 0);
	common_access(true, VPCI_DRIVER_FEATURE, 4,
		      (features & 1 ? VIRTIO_F_EVENT_IDX : 0) |
			      (features & 2 ? VIRTIO_F_INDIRECT_DESC : 0) |
			      (features & 4 ? VIRTIO_NET_F_MRG_RXBUF : 0) |
			      (features & 8 ? OFFLOADS : 0) |
			      (features & 16 ? VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ : 0));
	common_access(true, VPCI_DRIVER_FEATURE_SELECT, 4, 1);
	common_access(true, VPCI_DRIVER_FEATURE, 4, VIRTIO_F_VERSION_1 >> 32);
	common_access(true, VPCI_DEVICE_STATUS, 1, 0xb);
	for (u16 i = 0; i < QUEUES; i++) {
		common_access(true, VPCI_QUEUE_SELECT, 2, i);
		common_access(true, VPCI_QUEUE_SIZE, 2, 16);
		common_access(true, VPCI_QUEUE_DESC, 8, 0x400u * i);
		common_access(true, VPCI_QUEUE_DRIVER, 8, 0x400u * i + 0x100);
		common_access(true, VPCI_QUEUE_DEVICE, 8, 0x400u * i + 0x200);
		common_access(true, VPCI_QUEUE_ENABLE, 2, 1);
	}
	common_access(true, VPCI_DEVICE_STATUS, 1, 0xf);
}

static void deliver(struct vnet_port *port, u32 len)
{
	struct pkt *p = pkt_get(&pool);

	if (!p)
		return;
	p->head_len = MIN(len, 256u);
	p->len = p->head_len;
	if (len > 256)
		pkt_add_seg(p, payload, (bus_t){ 0 }, MIN(len - 256, 2000u), NULL);
	port->ops->deliver(port, &p, 1);
	port->ops->flush(port);
}

static void look_at(const struct pkt *p)
{
	static u8 frame[LONG_MAX];
	u32 bytes = p->head_len;

	for (u32 i = 0; i < p->nseg; i++)
		bytes += p->seg[i].len;
	ASSERT(bytes == p->len && p->len <= (p->gso_type ? LONG_MAX : 1518));
	pkt_copy_out(p, 0, frame, p->len);
}

static void one_op(const u8 *op)
{
	u16 word = load_le16(op + 2);
	struct io_access a = { 0xc000u + op[1] % 16u, op[2], 2, true };
	struct vnet_port *port = &virtio_net_pair(&net, op[3] >> 7)->port;

	switch (op[0] % OP_END) {
	case OP_REGISTER:
		common_access(true, op[1], (u8)(1 << (op[2] & 3)), op[3]);
		break;
	case OP_READ:
		common_access(false, op[1] * 2u, (u8)(1 << (op[2] & 3)), 0);
		break;
	case OP_WINDOW:
		a = (struct io_access){ 0xf0008000u + (op[1] & 0xfcu), word, 4, op[2] & 1 };
		iomap_access(&mmio, &a);
		break;
	case OP_NOTIFY:
		iomap_access(&io, &a);
		break;
	case OP_START:
		start(op[1]);
		break;
	case OP_COLLECT: {
		u32 max = MIN(op[1] % 8u, HELD - nheld);
		u32 n = port->ops->collect(port, held + nheld, max);

		for (u32 i = 0; i < n; i++)
			look_at(held[nheld++]);
		break;
	}
	case OP_LET_GO:
		if (nheld) {
			u32 i = op[1] % nheld;

			pkt_put(held[i]);
			held[i] = held[--nheld];
		}
		break;
	case OP_DELIVER:
		deliver(port, word % 2300u);
		break;
	case OP_POKE:
		store_le16(memory + op[1] * 12u, word);
		break;
	case OP_ADD:
		memory[0x400u * (op[1] % QUEUES) + 0x102]++;
		break;
	case OP_POLLING:
		port->ops->notify(port, op[1] & 1);
		break;
	case OP_LINK:
		virtio_net_set_link(&net, op[1] & 1);
		(void)virtio_net_announce(&net);
		break;
	case OP_RESET:
		(void)virtio_pci_reset(&vp);
		break;
	default: /* OP_SETTLE */
		settled = op[1] & 1;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const u8 *end = data + size;
	const u8 *ops = data;
	u32 n = 0;

	while (end - data >= 4 && data[0] != OP_END && n < MAX_OPS) {
		data += 4;
		n++;
	}
	if (end - data >= 4)
		data += 4;
	memset(memory, 0, sizeof(memory));
	memcpy(memory, data, MIN((size_t)(end - data), sizeof(memory)));
	build();
	for (u32 i = 0; i < n; i++)
		one_op(ops + 4 * i);
	while (nheld)
		pkt_put(held[--nheld]);
	ASSERT(virtio_net_in_flight(&net) == 0);
	ASSERT(virtio_net_mapped(&net) == 0);
	ASSERT(pool.free_count == PACKETS);
	return 0;
}
