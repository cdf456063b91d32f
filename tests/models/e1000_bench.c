/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver on its register model; see e1000_bench.h. */
#include "tests/models/e1000_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arch/mmio.h>

#include "tests/host/plat_host.h"

#define BUF (PKT_HEADROOM + 2048u)

struct e1000_bench bench;
const u8 bench_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static struct mmio_model seam;
static u8 bar[4]; /* only its address is used */
static void *pool_mem;
static struct nic_stats at_start;

static void *dma_alloc(size_t bytes, bus_t *bus)
{
	size_t size = (bytes + 4095) & ~(size_t)4095;
	void *p;

	if (bench.dma_fail)
		return NULL;
	p = aligned_alloc(4096, size);
	memset(p, 0, size);
	bus->v = (u64)(uintptr_t)p;
	e1000_model_add_ram(&bench.model, p, bytes);
	bench.dma_live++;
	return p;
}

static void dma_free(void *p, size_t bytes)
{
	(void)bytes;
	bench.dma_live--;
	free(p);
}

void bench_prepare(u32 packets)
{
	size_t bytes = pkt_pool_bytes(packets, BUF);
	u32 rnd = 1;

	if (!bench.device)
		bench.device = E1000_MODEL_82540EM;
	e1000_model_init(&bench.model, bench.device, bench_mac);
	bench.model.msix = bench.irq == NIC_IRQ_MSIX;
	seam = (struct mmio_model){ .read32 = e1000_model_read32,
				    .write32 = e1000_model_write32,
				    .ctx = &bench.model,
				    .base = bar };
	mmio_model_set(&seam);
	pool_mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	pkt_pool_init(&bench.pool, "rx", 0, packets, BUF, pool_mem,
		      (bus_t){ (u64)(uintptr_t)pool_mem });
	e1000_model_add_ram(&bench.model, pool_mem, bytes);
	e1000_model_add_ram(&bench.model, bench.guest, sizeof(bench.guest));
	for (u32 i = 0; i < sizeof(bench.guest); i++) {
		rnd = rnd * 1103515245u + 12345u;
		bench.guest[i] = (u8)(rnd >> 16);
	}
	bench.res = (struct nic_resources){
		.regs = bar,
		.regs_size = E1000_MODEL_BAR_SIZE,
		.device = bench.device,
		.irq = bench.irq,
		.queues = 1,
		.rx_pool = { &bench.pool },
		.dma_alloc = dma_alloc,
		.dma_free = dma_free,
	};
	bench.ops = nic_driver_find(E1000_VENDOR, bench.device);
	bench.nic = (struct nic){ .ops = bench.ops, .name = "nic0" };
	bench.done = 0;
	bench.dma_fail = false;
}

void bench_start(void)
{
	assert_int_equal(bench.ops->attach(&bench.nic, &bench.res), ERR_OK);
	bench.ops->stats(&bench.nic, &at_start);
	bench_drop_wire();
}

void bench_attach(u32 packets)
{
	bench_prepare(packets);
	bench_start();
}

void bench_finish(void)
{
	if (bench.nic.priv)
		bench.ops->detach(&bench.nic);
	assert_string_equal(bench.model.last_violation, "");
	assert_int_equal(bench.model.violations, 0);
	assert_int_equal(bench.pool.free_count, bench.pool.count);
	assert_int_equal(bench.dma_live, 0);
	assert_int_equal(host_alloc_live, 0);
	e1000_model_fini(&bench.model);
	mmio_model_set(NULL);
	free(pool_mem);
}

int bench_setup(void **state)
{
	(void)state;
	bench_attach(BENCH_POOL);
	return 0;
}

int bench_teardown(void **state)
{
	(void)state;
	bench_finish();
	return 0;
}

static void count_done(struct pkt *p)
{
	(void)p;
	bench.done++;
}

struct pkt *bench_frame(u32 head, const u32 *seg, u32 nseg)
{
	struct pkt *p = pkt_get(&bench.pool);
	u32 off = 0;

	assert_non_null(p);
	for (u32 i = 0; i < head; i++)
		p->data[i] = (u8)(0xa0 + i);
	p->head_len = head;
	p->len = head;
	for (u32 i = 0; i < nseg; i++) {
		bus_t bus = { (u64)(uintptr_t)bench.guest + off };

		assert_true(off + seg[i] <= sizeof(bench.guest));
		assert_int_equal(pkt_add_seg(p, bench.guest + off, bus, seg[i], NULL), ERR_OK);
		off += seg[i] + 3;
	}
	pkt_set_done(p, count_done, NULL, 0);
	return p;
}

u32 bench_send(struct pkt *p)
{
	return bench.ops->tx_burst(&bench.nic, 0, &p, 1);
}

struct nic_stats bench_stats(void)
{
	struct nic_stats s;

	bench.ops->stats(&bench.nic, &s);
	s.tx_frames -= at_start.tx_frames;
	s.tx_bytes -= at_start.tx_bytes;
	return s;
}

void bench_drop_wire(void)
{
	e1000_model_fini(&bench.model);
}
