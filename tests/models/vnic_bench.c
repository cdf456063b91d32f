/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-net NIC driver on our own device model; see vnic_bench.h. */
#include "tests/models/vnic_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
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
#define MSIX_COUNT_MASK 0x7ffu
#define MESSAGE_ADDR 0xfee00000u
#define MESSAGE_DATA 0x55u
#define RSS_KEY 40
#define RSS_TABLE 128

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
	if (vbench.msix_entries && (v & 0xff) == CAP_MSIX)
		v = (v & ~(MSIX_COUNT_MASK << 16)) | (vbench.msix_entries - 1) << 16;
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

/* Our device has no receive-side scaling, and refused this command: here it is obeyed. */
static void obey_rss(void)
{
	const struct vnic_ring *r = &vbench_driver()->ctrl;
	const struct vring_desc *d = &r->desc[r->avail->ring[(r->avail->idx - 1) & (r->size - 1)]];
	const struct virtio_net_ctrl_hdr *hdr;

	if (d->flags & VRING_DESC_F_INDIRECT)
		d = vbench_memory(d->addr);
	hdr = vbench_memory(d->addr);
	if (hdr->class != VIRTIO_NET_CTRL_MQ || hdr->command != VIRTIO_NET_CTRL_MQ_RSS_CONFIG)
		return;
	vbench.rss_commands++;
	vbench.rss_bytes = d->len - (u32)sizeof(*hdr);
	assert_true(vbench.rss_bytes <= sizeof(vbench.rss_config));
	memcpy(vbench.rss_config, hdr + 1, vbench.rss_bytes);
	if (!vbench.rss_refused)
		*(u8 *)vbench_memory(d[1].addr) = VIRTIO_NET_OK;
}

static void reg_write(void *ctx, u64 offset, u32 size, u32 value)
{
	bool bell = offset / BAR_STRIDE == VIRTIO_PCI_BAR_NOTIFY;

	(void)ctx;
	if (is_common(offset, VPCI_DEVICE_FEATURE_SELECT))
		vbench.feature_half = value;
	vbench.bells += bell;
	bar_access(offset, size, true, value);
	if (bell && vbench.rss && value == 2 * vbench.net.pairs)
		obey_rss();
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
	assert_true(addr == MESSAGE_ADDR && data - MESSAGE_DATA < NIC_QUEUES_MAX);
	vbench.by_vector[data - MESSAGE_DATA]++;
	vbench.messages += data == MESSAGE_DATA;
}

static void no_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	die("INTx %u raised to %d", gsi, level);
}

/* What a platform does that has MSI-X: entries in use to the core, the others masked. */
static void msix_on(void)
{
	u32 at = config_access(CAP_PTR, 1, false, 0);

	while (config_access(at, 1, false, 0) != CAP_MSIX)
		at = config_access(at + 1, 1, false, 0);
	for (u32 v = 0; v < vbench.res.queues; v++) {
		const u32 entry[] = { MESSAGE_ADDR, 0, MESSAGE_DATA + v, 0 };
		u64 table = VIRTIO_PCI_BAR_MSIX * BAR_STRIDE + v * sizeof(entry);

		for (u32 i = 0; i < ARRAY_SIZE(entry); i++)
			bar_access(table + sizeof(u32) * i, sizeof(u32), true, entry[i]);
	}
	config_access(at + 2, 2, true, MSIX_ENABLE);
}

/* --- memory ------------------------------------------------------------------------ */

void *vbench_memory(u64 bus)
{
	assert_true(bus >= VBENCH_BASE && bus < VBENCH_BASE + VBENCH_MEMORY);
	return vbench.memory + (bus - VBENCH_BASE);
}

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
	if (vbench.dma_fails && !--vbench.dma_fails)
		return NULL;
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

/* What our device has not got: see obey_rss(). */
static void offer_rss(void)
{
	struct virtio_dev *d = &vbench.net.dev;

	memcpy(vbench.config, &vbench.net.config, sizeof(vbench.net.config));
	vbench.config[VIRTIO_NET_CONFIG_RSS_KEY] = RSS_KEY;
	store_le16(vbench.config + VIRTIO_NET_CONFIG_RSS_TABLE, RSS_TABLE);
	store_le32(vbench.config + VIRTIO_NET_CONFIG_HASH_TYPES, VIRTIO_NET_HASH_TYPE_UDP4);
	d->config = vbench.config;
	d->config_len = sizeof(vbench.config);
	d->offered |= VIRTIO_NET_F_RSS;
}

static void make_device(void)
{
	static const u32 cores[VIRTIO_NET_PAIRS_MAX - 1];
	struct virtio_net_cfg cfg = { .name = "dev", .mtu = VBENCH_MTU, .gm = &vbench.gm,
				      .pool = &vbench.dev_pool, .hooks = &hooks,
				      .pairs = vbench.pairs, .more = vbench.more,
				      .more_core = cores };

	memcpy(cfg.mac, vbench_mac, sizeof(cfg.mac));
	assert_int_equal(virtio_net_init(&vbench.net, &cfg), ERR_OK);
	if (vbench.rss)
		offer_rss();
	assert_int_equal(virtio_pci_init(&vbench.vp, &vbench.net.dev, &vbench.bus), ERR_OK);
}

void vbench_prepare(void)
{
	static const char *const names[NIC_QUEUES_MAX] = { "rx", "rx1", "rx2", "rx3",
							   "rx4", "rx5", "rx6", "rx7" };
	const struct pci_windows w = { .ecam_base = 0xf0000000, .io_base = 0xc000,
				       .io_size = 0x1000, .mem_base = 0xe0000000,
				       .mem_size = 0x1000000 };
	u32 queues = MAX(vbench.queues, 1u);

	vbench.memory = aligned_alloc(4096, VBENCH_MEMORY);
	assert_int_equal(gmem_add(&vbench.gm, gpa(VBENCH_BASE), VBENCH_MEMORY, vbench.memory,
				  (bus_t){ VBENCH_BASE }, true), ERR_OK);
	for (u32 i = 0; i < queues; i++)
		make_pool(&vbench.pools[i], names[i], VBENCH_POOL, BUF);
	make_pool(&vbench.dev_pool, "dev", DEV_POOL, DEV_BUF);
	vbench.sink = (struct irq_sink){ .set_line = no_line, .msi = count_message };
	assert_int_equal(pci_bus_init(&vbench.bus, &vbench.io, &vbench.mmio, &vbench.sink, &w),
			 ERR_OK);
	make_device();
	seam = (struct mmio_model){ .read32 = reg_read32, .write32 = reg_write32,
				    .read = reg_read, .write = reg_write, .base = window };
	mmio_model_set(&seam);
	vbench.res = (struct nic_resources){
		.device = VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET,
		.irq = vbench.irq,
		.pci_read32 = pci_read,
		.map_bar = map_bar,
		.queues = queues,
		.dma_alloc = dma_alloc,
		.dma_free = dma_free,
	};
	for (u32 i = 0; i < queues; i++)
		vbench.res.rx_pool[i] = &vbench.pools[i];
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
	for (u32 i = 0; i < vbench.res.queues; i++)
		assert_int_equal(vbench.pools[i].free_count, vbench.pools[i].count);
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

static struct vnet_port *port_of(u32 pair)
{
	return &virtio_net_pair(&vbench.net, pair)->port;
}

struct pkt *vbench_sent_by(u32 pair)
{
	struct vnet_port *port = port_of(pair);
	struct pkt *p;

	return port->ops->collect(port, &p, 1) ? p : NULL;
}

struct pkt *vbench_sent(void)
{
	return vbench_sent_by(0);
}

void vbench_done(u32 pair)
{
	port_of(pair)->ops->notify(port_of(pair), true);
}

u8 vbench_byte(u32 seed, u32 i)
{
	return (u8)(seed * 31 + i * 7 + (i >> 8));
}

void vbench_deliver(u32 len, u32 seed)
{
	vbench_deliver_by(0, len, seed);
}

void vbench_deliver_by(u32 pair, u32 len, u32 seed)
{
	struct vnet_port *port = port_of(pair);
	struct pkt *p = pkt_get(&vbench.dev_pool);

	assert_non_null(p);
	for (u32 i = 0; i < len; i++)
		p->data[i] = vbench_byte(seed, i);
	p->head_len = p->len = len;
	port->ops->deliver(port, &p, 1);
	port->ops->flush(port);
}
