/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk with an overlay and a source of entropy under a hostile driver: registers,
 * rings and buffers are what the input says. Input: 4-byte operations {what, a, b, c} up
 * to and including one with `what` OP_END, then the guest's memory.
 */
#include <string.h>

#include "drivers/virtio/blk.h"
#include "drivers/virtio/pci.h"
#include "drivers/virtio/rng.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"

#define MEMORY 0x8000u
#define MAX_OPS 256
#define IMAGE_BYTES (5 * BLK_STORE_BLOCK + 700)
#define BLOCKS 6u
#define POOL_BLOCKS 3u
#define QUEUE_ENTRIES 16
#define DEVICES 2u

enum op {
	OP_REGISTER, /* write c to common configuration at a, b: width; both devices */
	OP_READ,
	OP_NOTIFY,
	OP_START,    /* a sane set-up: rings at fixed places, features b */
	OP_POKE,     /* the guest writes a 16-bit word */
	OP_ADD,      /* the guest moves an available index */
	OP_POLL,
	OP_TIME,
	OP_RESET,
	OP_DISCARD,  /* the VM is reset */
	OP_END,
};

static u8 memory[MEMORY] ALIGNED(4096);
static u8 image[IMAGE_BYTES], pool[POOL_BLOCKS * BLK_STORE_BLOCK];
static u32 map[BLOCKS];
static struct gmem gm;
static struct iomap io, mmio;
static struct pci_bus bus;
static struct blk_store store;
static struct virtio_blk blk;
static struct virtio_rng rng;
static struct virtio_pci vp[DEVICES];

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

static void ignore_more(void *ctx)
{
	(void)ctx;
}

static u32 fill(void *ctx, void *to, u32 len)
{
	(void)ctx;
	ASSERT(len && len <= VIRTIO_RNG_PIECE);
	/* Now and then there is nothing, or less than was asked for. */
	len = (u32)(host_now_ns / 64 % (len + 1));
	memset(to, 0x5a, len);
	return len;
}

static void poll_at(void *ctx, u64 when_ns)
{
	(void)ctx;
	ASSERT(when_ns >= host_now_ns);
}

static const struct irq_sink sink = { .set_line = ignore_line, .msi = ignore_msi };
static const struct virtio_rng_hooks hooks = { .fill = fill, .poll_at = poll_at };

static void build(bool writable)
{
	const struct pci_windows w = { .ecam_base = 0xf0000000, .io_base = 0xc000,
				       .io_size = 0x1000, .mem_base = 0xe0000000,
				       .mem_size = 0x1000000 };

	memset(&gm, 0, sizeof(gm));
	memset(&io, 0, sizeof(io));
	memset(&mmio, 0, sizeof(mmio));
	memset(&blk, 0, sizeof(blk));
	memset(&rng, 0, sizeof(rng));
	memset(map, 0, sizeof(map));
	for (u32 i = 0; i < IMAGE_BYTES; i++)
		image[i] = (u8)(i / 7);
	gmem_add(&gm, gpa(0), MEMORY / 2, memory, (bus_t){ 0 }, true);
	gmem_add(&gm, gpa(MEMORY / 2), MEMORY / 2, memory + MEMORY / 2, (bus_t){ 0 }, true);
	ASSERT(!pci_bus_init(&bus, &io, &mmio, &sink, &w));
	blk_store_init(&store, image, IMAGE_BYTES, writable ? map : NULL, writable ? pool : NULL,
		       POOL_BLOCKS);
	virtio_blk_init(&blk, "f", &gm, &store, ignore_more, NULL);
	virtio_rng_init(&rng, "f", &gm, &hooks, NULL);
	ASSERT(!virtio_pci_init(&vp[0], &blk.dev, &bus));
	ASSERT(!virtio_pci_init(&vp[1], &rng.dev, &bus));
}

static void common_access(u32 dev, bool write, u32 off, u8 size, u64 value)
{
	struct io_access a = { vp[dev].pci.bar[VIRTIO_PCI_BAR_CONFIG].base + off, value, size,
			       write };

	iomap_access(&mmio, &a);
}

static void start(u32 dev, u8 features)
{
	u32 at = 0x400u * dev;

	common_access(dev, true, VPCI_DEVICE_STATUS, 1, 0);
	common_access(dev, true, VPCI_DRIVER_FEATURE_SELECT, 4, 0);
	common_access(dev, true, VPCI_DRIVER_FEATURE, 4,
		      (features & 1 ? VIRTIO_F_EVENT_IDX : 0) |
			      (features & 2 ? VIRTIO_F_INDIRECT_DESC : 0));
	common_access(dev, true, VPCI_DRIVER_FEATURE_SELECT, 4, 1);
	common_access(dev, true, VPCI_DRIVER_FEATURE, 4, VIRTIO_F_VERSION_1 >> 32);
	common_access(dev, true, VPCI_DEVICE_STATUS, 1, 0xb);
	common_access(dev, true, VPCI_QUEUE_SELECT, 2, 0);
	common_access(dev, true, VPCI_QUEUE_SIZE, 2, dev ? VIRTIO_RNG_RING_SIZE : QUEUE_ENTRIES);
	common_access(dev, true, VPCI_QUEUE_DESC, 8, at);
	common_access(dev, true, VPCI_QUEUE_DRIVER, 8, at + 0x100);
	common_access(dev, true, VPCI_QUEUE_DEVICE, 8, at + 0x200);
	common_access(dev, true, VPCI_QUEUE_ENABLE, 2, 1);
	common_access(dev, true, VPCI_DEVICE_STATUS, 1, 0xf);
}

static void poll(u32 dev)
{
	u64 before = blk.read_bytes + blk.written_bytes;

	if (dev)
		virtio_rng_poll(&rng);
	else
		virtio_blk_poll(&blk);
	ASSERT(blk.read_bytes + blk.written_bytes - before <= VIRTIO_BLK_TURN_BYTES);
}

static void one_op(const u8 *op)
{
	u32 dev = op[1] >> 7;
	struct io_access a = { vp[dev].pci.bar[VIRTIO_PCI_BAR_NOTIFY].base + (op[1] & 3u), op[2],
			       2, true };

	switch (op[0] % OP_END) {
	case OP_REGISTER:
		common_access(dev, true, op[1] & 0x7fu, (u8)(1 << (op[2] & 3)), op[3]);
		break;
	case OP_READ:
		common_access(dev, false, (op[1] & 0x7fu) * 8u, (u8)(1 << (op[2] & 3)), 0);
		break;
	case OP_NOTIFY:
		iomap_access(&io, &a);
		break;
	case OP_START:
		start(dev, op[2]);
		break;
	case OP_POKE:
		store_le16(memory + op[1] * 12u, load_le16(op + 2));
		break;
	case OP_ADD:
		memory[0x400u * dev + 0x102]++;
		break;
	case OP_POLL:
		poll(dev);
		break;
	case OP_TIME:
		host_now_ns += 1000ull * load_le16(op + 2);
		break;
	case OP_RESET:
		(void)virtio_pci_reset(&vp[dev]);
		break;
	default: /* OP_DISCARD */
		(void)virtio_pci_reset(&vp[0]);
		blk_store_discard(&store);
		break;
	}
}

/* Each block of the pool stands for at most one of the disk; the image is as it was. */
static void check_store(void)
{
	u32 seen = 0;

	ASSERT(store.used <= POOL_BLOCKS);
	for (u32 i = 0; i < BLOCKS; i++) {
		ASSERT(map[i] <= store.used);
		ASSERT(!map[i] || !(seen & BIT(map[i])));
		seen |= map[i] ? BIT(map[i]) : 0;
	}
	for (u32 i = 0; i < IMAGE_BYTES; i++)
		ASSERT(image[i] == (u8)(i / 7));
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
	/* What ends the operations says whether the disk may be written. */
	build(end - data < 4 || !(data[1] & 1));
	if (end - data >= 4)
		data += 4;
	memset(memory, 0, sizeof(memory));
	memcpy(memory, data, MIN((size_t)(end - data), sizeof(memory)));
	for (u32 i = 0; i < n; i++)
		one_op(ops + 4 * i);
	check_store();
	ASSERT(rng.bytes <= VIRTIO_RNG_BYTES_A_S + host_now_ns / 10000);
	return 0;
}
