/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-net NIC driver on our own device model; see vnic_bench.h. */
#include "tests/models/vnic_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/plat.h"
#include "tests/host/plat_host.h"

#define BUF (PKT_HEADROOM + VNIC_RX_BUF)
#define DEV_BUF (PKT_HEADROOM + 16384u)
#define DEV_POOL 64u
#define DEVNO 1u
#define BAR_STRIDE 0x10000u
#define CF8 0xcf8
#define CFC 0xcfc
#define CAP_PTR 0x34
#define CAP_MSIX 0x11
#define MSIX_ENABLE 0x8000u

struct vnic_bench vbench;
const u8 vbench_mac[6] = { 0x02, 0, 0, 0, 0, 0x77 };

static struct mmio_model seam;
static u8 window[PCI_BARS * BAR_STRIDE]; /* only its addresses are used */

/* --- the machine ------------------------------------------------------------------ */

static u32 config_access(u32 off, u32 size, bool write, u32 value)
{
	struct io_access select = { CF8, 0x80000000u | DEVNO << 11 | (off & 0xfcu), 4, true };
	struct io_access a = { CFC + (off & 3u), value, (u8)size, write };

	iomap_access(&vbench.io, &select);
	iomap_access(&vbench.io, &a);
	return (u32)a.value;
}

static u32 pci_read(void *pci, u32 off)
{
	u32 v = config_access(off, 4, false, 0);

	(void)pci;
	/* A type that is none: the driver goes past it. */
	if (vbench.hide_cap && (v & 0xff) == VIRTIO_PCI_CAP_ID && v >> 24 == vbench.hide_cap)
		v |= 0x80000000u;
	return v;
}

static volatile void *map_bar(void *pci, u32 bar, size_t *size)
{
	(void)pci;
	*size = vbench.vp.pci.bar[bar].size;
	return *size ? window + bar * BAR_STRIDE : NULL;
}

static u32 bar_access(u64 offset, u32 size, bool write, u32 value)
{
	const struct pci_bar *bar = &vbench.vp.pci.bar[offset / BAR_STRIDE];
	struct io_access a = { bar->base + offset % BAR_STRIDE, value, (u8)size, write };

	assert_true(offset % BAR_STRIDE + size <= bar->size);
	assert_true(iomap_access(bar->io ? &vbench.io : &vbench.mmio, &a));
	return (u32)a.value;
}

static bool is_common(u64 offset, u32 reg)
{
	return offset == VIRTIO_PCI_BAR_CONFIG * BAR_STRIDE + VIRTIO_PCI_COMMON_AT + reg;
}

static u32 reg_read(void *ctx, u64 offset, u32 size)
{
	u32 v = bar_access(offset, size, false, 0);

	(void)ctx;
	vbench.reads++;
	if (is_common(offset, VPCI_DEVICE_FEATURE))
		v &= ~(u32)(vbench.hide >> 32 * vbench.feature_half);
	if (is_common(offset, VPCI_DEVICE_STATUS) && vbench.stuck_status)
		v |= VIRTIO_STATUS_DRIVER;
	return v;
}

static void reg_write(void *ctx, u64 offset, u32 size, u32 value)
{
	(void)ctx;
	if (is_common(offset, VPCI_DEVICE_FEATURE_SELECT))
		vbench.feature_half = value;
	if (offset / BAR_STRIDE == VIRTIO_PCI_BAR_NOTIFY)
		vbench.bells++;
	bar_access(offset, size, true, value);
}

static u32 reg_read32(void *ctx, u64 offset)
{
	return reg_read(ctx, offset, 4);
}

static void reg_write32(void *ctx, u64 offset, u32 value)
{
	reg_write(ctx, offset, 4, value);
}

static void count_message(void *ctx, u64 addr, u32 data)
{
	(void)ctx;
	assert_true(addr == 0xfee00000 && data == 0x55);
	vbench.messages++;
}

static void no_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	die("INTx %u raised to %d", gsi, level);
}

/* What a platform does that has MSI-X: entry 0 to the core, the others masked. */
static void msix_on(void)
{
	static const u32 entry[] = { 0xfee00000, 0, 0x55, 0 };
	u32 at = config_access(CAP_PTR, 1, false, 0);

	while (config_access(at, 1, false, 0) != CAP_MSIX)
		at = config_access(at + 1, 1, false, 0);
	for (u32 i = 0; i < 4; i++)
		bar_access(VIRTIO_PCI_BAR_MSIX * BAR_STRIDE + 4 * i, 4, true, entry[i]);
	config_access(at + 2, 2, true, MSIX_ENABLE);
}

/* --- memory ------------------------------------------------------------------------ */

void *vbench_alloc(size_t bytes, bus_t *bus)
{
	u64 at = ALIGN_UP(vbench.next, 4096);

	assert_true(at + bytes <= VBENCH_MEMORY);
	vbench.next = at + bytes;
	bus->v = VBENCH_BASE + at;
	return memset(vbench.memory + at, 0, bytes);
}

static void *dma_alloc(size_t bytes, bus_t *bus)
{
	vbench.dma_live++;
	return vbench_alloc(bytes, bus);
}

static void dma_free(void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
	vbench.dma_live--;
}

/* --- device ---------------------------------------------------------------------------- */

static void on_kick(void *ctx, u32 pair)
{
	(void)ctx;
	(void)pair;
	vbench.kicks++;
}

static void ignore_gone(void *ctx)
{
	(void)ctx;
}

static const struct virtio_net_hooks hooks = { .kick = on_kick, .more = on_kick,
					       .gone = ignore_gone };

static void make_pool(struct pkt_pool *pool, const char *name, u32 count, u32 buf)
{
	bus_t bus;
	void *mem = vbench_alloc(pkt_pool_bytes(count, buf), &bus);

	pkt_pool_init(pool, name, 0, count, buf, mem, bus);
}

void vbench_prepare(void)
{
	const struct pci_windows w = { .ecam_base = 0xf0000000, .io_base = 0xc000,
				       .io_size = 0x1000, .mem_base = 0xe0000000,
				       .mem_size = 0x1000000 };
	struct virtio_net_cfg cfg = { .name = "dev", .mtu = VBENCH_MTU, .gm = &vbench.gm,
				      .pool = &vbench.dev_pool, .hooks = &hooks };

	vbench.memory = aligned_alloc(4096, VBENCH_MEMORY);
	assert_int_equal(gmem_add(&vbench.gm, gpa(VBENCH_BASE), VBENCH_MEMORY, vbench.memory,
				  (bus_t){ VBENCH_BASE }, true), ERR_OK);
	make_pool(&vbench.pool, "rx", VBENCH_POOL, BUF);
	make_pool(&vbench.dev_pool, "dev", DEV_POOL, DEV_BUF);
	vbench.sink = (struct irq_sink){ .set_line = no_line, .msi = count_message };
	assert_int_equal(pci_bus_init(&vbench.bus, &vbench.io, &vbench.mmio, &vbench.sink, &w),
			 ERR_OK);
	memcpy(cfg.mac, vbench_mac, sizeof(cfg.mac));
	assert_int_equal(virtio_net_init(&vbench.net, &cfg), ERR_OK);
	assert_int_equal(virtio_pci_init(&vbench.vp, &vbench.net.dev, &vbench.bus), ERR_OK);
	seam = (struct mmio_model){ .read32 = reg_read32, .write32 = reg_write32,
				    .read = reg_read, .write = reg_write, .base = window };
	mmio_model_set(&seam);
	vbench.res = (struct nic_resources){
		.device = VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET,
		.irq = vbench.irq,
		.pci_read32 = pci_read,
		.map_bar = map_bar,
		.queues = 1,
		.rx_pool = { &vbench.pool },
		.dma_alloc = dma_alloc,
		.dma_free = dma_free,
	};
	vbench.nic = (struct nic){
		.ops = nic_driver_find(VIRTIO_PCI_VENDOR, vbench.res.device), .name = "nic0",
	};
	if (vbench.irq == NIC_IRQ_MSIX)
		msix_on();
}

err_t vbench_attach(void)
{
	return vbench.nic.ops->attach(&vbench.nic, &vbench.res);
}

void vbench_finish(void)
{
	if (vbench.nic.priv)
		vbench.nic.ops->detach(&vbench.nic);
	assert_int_equal(vbench.pool.free_count, vbench.pool.count);
	assert_int_equal(vbench.dev_pool.free_count, vbench.dev_pool.count);
	assert_int_equal(virtio_net_in_flight(&vbench.net), 0);
	assert_int_equal(vbench.dma_live, 0);
	assert_int_equal(host_alloc_live, 0);
	mmio_model_set(NULL);
	free(vbench.memory);
	memset(&vbench, 0, sizeof(vbench));
}

struct vnic *vbench_driver(void)
{
	return vbench.nic.priv;
}

/* --- frames ------------------------------------------------------------------------------- */

static void count_done(struct pkt *p)
{
	(void)p;
	vbench.done++;
}

struct pkt *vbench_frame(u32 head, const u32 *seg, u32 nseg)
{
	struct pkt *p = pkt_get(&vbench.pool);

	assert_non_null(p);
	for (u32 i = 0; i < head; i++)
		p->data[i] = (u8)(0xa0 + i);
	p->head_len = p->len = head;
	for (u32 i = 0; i < nseg; i++) {
		bus_t bus;
		u8 *mem = vbench_alloc(MAX(seg[i], 1u), &bus);

		for (u32 k = 0; k < seg[i]; k++)
			mem[k] = vbench_byte(i, k);
		assert_int_equal(pkt_add_seg(p, mem, bus, seg[i], NULL), ERR_OK);
	}
	pkt_set_done(p, count_done, NULL, 0);
	return p;
}

u32 vbench_send(struct pkt *p)
{
	return vbench.nic.ops->tx_burst(&vbench.nic, 0, &p, 1);
}

struct pkt *vbench_sent(void)
{
	struct pkt *p;

	return vbench.net.port.ops->collect(&vbench.net.port, &p, 1) ? p : NULL;
}

u8 vbench_byte(u32 seed, u32 i)
{
	return (u8)(seed * 31 + i * 7 + (i >> 8));
}

void vbench_deliver(u32 len, u32 seed)
{
	struct pkt *p = pkt_get(&vbench.dev_pool);

	assert_non_null(p);
	for (u32 i = 0; i < len; i++)
		p->data[i] = vbench_byte(seed, i);
	p->head_len = p->len = len;
	vbench.net.port.ops->deliver(&vbench.net.port, &p, 1);
	vbench.net.port.ops->flush(&vbench.net.port);
}
