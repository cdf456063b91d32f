/* SPDX-License-Identifier: BSD-2-Clause */
/* The ixgbe and igb drivers on their models; see ixgbe_bench.h. */
#include "tests/models/ixgbe_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/mmio.h>

#include "hv/base/plat.h"
#include "tests/host/plat_host.h"

#define BUF (PKT_HEADROOM + 2048u)
#define SLOW_QUEUES 3u

struct ixgbe_bench ixb;
u16 ixb_device = IXB_82599;
u32 ixb_msix_entries;
const u8 ixb_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static u8 bar[4]; /* only its address is used */
static void *pool_mem[NIC_QUEUES_MAX];

/* --- what the model is given ---------------------------------------------------------- */

static void *ram_at(void *ctx, u64 addr, u64 len)
{
	(void)ctx;
	for (u32 i = 0; i < ixb.ram_count; i++) {
		if (addr >= ixb.ram[i].base && len <= ixb.ram[i].len &&
		    addr - ixb.ram[i].base <= ixb.ram[i].len - len)
			return (void *)(uintptr_t)addr;
	}
	return NULL;
}

static void add_ram(void *base, u64 len)
{
	ASSERT(ixb.ram_count < IXB_RAM);
	ixb.ram[ixb.ram_count].base = (u64)(uintptr_t)base;
	ixb.ram[ixb.ram_count++].len = len;
}

static void sent(void *ctx, const void *frame, u32 len)
{
	(void)ctx;
	if (ixb.wire_count < IXB_WIRE) {
		struct ixb_frame *f = &ixb.wire[ixb.wire_count++];

		f->len = len;
		f->data = malloc(len);
		memcpy(f->data, frame, len);
	}
	if (ixb.loopback)
		ixb_receive(frame, len);
}

static void interrupted(void *ctx, u32 vector)
{
	(void)ctx;
	ixb.interrupts[vector]++;
}

static u64 now(void *ctx)
{
	(void)ctx;
	return host_now_ns;
}

/* --- what the driver is given --------------------------------------------------------- */

static bool is_igb(void)
{
	return ixb_device != IXB_82599;
}

static u32 reg_read(void *ctx, u64 offset)
{
	u32 v = is_igb() ? igb_model_read32(&ixb.igb, offset) : ixgbe_model_read32(ctx, offset);

	return ixb.on_read ? ixb.on_read(offset, v) : v;
}

static void reg_write(void *ctx, u64 offset, u32 value)
{
	if (ixb.on_write && !ixb.on_write(offset, &value))
		return;
	if (is_igb())
		igb_model_write32(&ixb.igb, offset, value);
	else
		ixgbe_model_write32(ctx, offset, value);
}

static struct mmio_model seam = { .read32 = reg_read, .write32 = reg_write, .ctx = &ixb.model,
				  .base = bar };

/* Capabilities: power management, then MSI-X. */
static u32 config_read(void *pci, u32 off)
{
	(void)pci;
	switch (off) {
	case 0x34:
		return 0x40;
	case 0x40:
		return 0x7001;
	case 0x70:
		return ixb_msix_entries ? (ixb_msix_entries - 1) << 16 | 0x11 : 0x05;
	default:
		return 0;
	}
}

bool ixb_receive(const void *frame, u32 len)
{
	return is_igb() ? igb_model_rx(&ixb.igb, frame, len) :
			  ixgbe_model_rx(&ixb.model, frame, len);
}

bool ixb_receive_bad(const void *frame, u32 len)
{
	return is_igb() ? igb_model_rx_bad(&ixb.igb, frame, len) :
			  ixgbe_model_rx_bad(&ixb.model, frame, len);
}

void ixb_run_tx(u32 max)
{
	if (is_igb())
		igb_model_run_tx(&ixb.igb, max);
	else
		ixgbe_model_run_tx(&ixb.model, max);
}

void ixb_set_link(bool up)
{
	if (is_igb())
		igb_model_set_link(&ixb.igb, up);
	else
		ixgbe_model_set_link(&ixb.model, up);
}

static void *dma_alloc(size_t bytes, bus_t *bus)
{
	size_t size = (bytes + 4095) & ~(size_t)4095;
	void *p;

	if (ixb.dma_fail)
		return NULL;
	p = aligned_alloc(4096, size);
	memset(p, 0, size);
	bus->v = (u64)(uintptr_t)p;
	add_ram(p, bytes);
	ixb.dma_live++;
	return p;
}

static void dma_free(void *p, size_t bytes)
{
	(void)bytes;
	for (u32 i = 0; i < ixb.ram_count; i++) {
		if (ixb.ram[i].base == (u64)(uintptr_t)p)
			ixb.ram[i] = ixb.ram[--ixb.ram_count];
	}
	ixb.dma_live--;
	free(p);
}

/* --- life ------------------------------------------------------------------------------- */

static struct pkt_pool *make_pool(u32 queue, u32 packets)
{
	struct pkt_pool *pool = queue ? &ixb.more[queue - 1] : &ixb.pool;
	size_t bytes = pkt_pool_bytes(packets, BUF);
	void *mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	pool_mem[queue] = mem;
	pkt_pool_init(pool, "rx", 0, packets, BUF, mem, (bus_t){ (u64)(uintptr_t)mem });
	add_ram(mem, bytes);
	return pool;
}

void ixb_prepare_queues(u32 packets, u32 queues)
{
	static const struct ixm_host host = { .dma = ram_at, .send = sent, .now = now,
					      .interrupt = interrupted };
	u32 rnd = 1;

	if (is_igb())
		igb_model_init(&ixb.igb, &ixb.model, ixb_mac, &host);
	else
		ixgbe_model_init(&ixb.model, ixb_mac, &host);
	ixb.igb.ivar_pairs = is_igb() && ixb_device != IXB_82576;
	ixb_msix_entries = IXB_MSIX_ENTRIES;
	ixb.model.slow_queues = SLOW_QUEUES;
	mmio_model_set(&seam);
	ixb.ram_count = 0;
	add_ram(ixb.guest, sizeof(ixb.guest));
	/* Nobody writes there. */
	for (u32 i = 0; !ixb.guest[1] && i < sizeof(ixb.guest); i++) {
		rnd = rnd * 1103515245u + 12345u;
		ixb.guest[i] = (u8)(rnd >> 16);
	}
	ixb.res = (struct nic_resources){
		.regs = bar,
		.regs_size = IXM_BAR_SIZE,
		.device = ixb_device,
		.pci_read32 = config_read,
		.irq = queues > 1 ? NIC_IRQ_MSIX : NIC_IRQ_LINE,
		.queues = queues,
		.dma_alloc = dma_alloc,
		.dma_free = dma_free,
	};
	for (u32 i = 0; i < queues; i++)
		ixb.res.rx_pool[i] = make_pool(i, packets);
	ixb.ops = nic_driver_find(0x8086, ixb_device);
	ixb.nic = (struct nic){ .ops = ixb.ops, .name = "nic0" };
	memset(ixb.interrupts, 0, sizeof(ixb.interrupts));
	ixb.done = 0;
	ixb.dma_fail = false;
	ixb.loopback = false;
	ixb.on_write = NULL;
	ixb.on_read = NULL;
}

void ixb_prepare(u32 packets)
{
	ixb_prepare_queues(packets, 1);
}

void ixb_attach(u32 packets)
{
	err_t err;

	ixb_prepare(packets);
	err = ixb.ops->attach(&ixb.nic, &ixb.res);
	if (err)
		fprintf(stderr, "%s\n%s\n", ixb.model.last_violation, host_log_last);
	ASSERT(!err);
	ixb_begin();
}

void ixb_begin(void)
{
	/* That the link came up is no news. */
	ixb.ops->irq_cause(&ixb.nic, 0);
	ixb_drop_wire();
	ixb.model.sent = ixb.igb.sent = 0;
	ixb.model.contexts = 0;
}

void ixb_end(void)
{
	if (ixb.nic.priv)
		ixb.ops->detach(&ixb.nic);
	ixb_drop_wire();
	mmio_model_set(NULL);
	for (u32 i = 0; i < NIC_QUEUES_MAX; i++) {
		free(pool_mem[i]);
		pool_mem[i] = NULL;
	}
}

void ixb_finish(void)
{
	if (ixb.nic.priv)
		ixb.ops->detach(&ixb.nic);
	if (ixb.model.violations)
		fprintf(stderr, "%u violations, the last: %s\n", ixb.model.violations,
			ixb.model.last_violation);
	ASSERT(ixb.model.violations == 0);
	for (u32 i = 0; i < ixb.res.queues; i++)
		ASSERT(ixb.res.rx_pool[i]->free_count == ixb.res.rx_pool[i]->count);
	ASSERT(ixb.dma_live == 0);
	ASSERT(host_alloc_live == 0);
	ixb_end();
}

int ixb_setup(void **state)
{
	(void)state;
	ixb_attach(IXB_POOL);
	return 0;
}

int ixb_teardown(void **state)
{
	(void)state;
	ixb_finish();
	return 0;
}

/* --- frames ------------------------------------------------------------------------------ */

static void count_done(struct pkt *p)
{
	(void)p;
	ixb.done++;
}

struct pkt *ixb_frame(u32 head, const u32 *seg, u32 nseg)
{
	struct pkt *p = pkt_get(&ixb.pool);
	u32 off = 0;

	ASSERT(p);
	for (u32 i = 0; i < head; i++)
		p->data[i] = (u8)(0xa0 + i);
	p->head_len = head;
	p->len = head;
	for (u32 i = 0; i < nseg; i++) {
		bus_t bus = { (u64)(uintptr_t)ixb.guest + off };

		ASSERT(off + seg[i] <= sizeof(ixb.guest));
		ASSERT(!pkt_add_seg(p, ixb.guest + off, bus, seg[i], NULL));
		off += seg[i] + 3;
	}
	pkt_set_done(p, count_done, NULL, 0);
	return p;
}

u32 ixb_send(struct pkt *p)
{
	return ixb.ops->tx_burst(&ixb.nic, 0, &p, 1);
}

struct nic_stats ixb_stats(void)
{
	struct nic_stats s;

	ixb.ops->stats(&ixb.nic, &s);
	return s;
}

void ixb_drop_wire(void)
{
	for (u32 i = 0; i < ixb.wire_count; i++)
		free(ixb.wire[i].data);
	ixb.wire_count = 0;
}
