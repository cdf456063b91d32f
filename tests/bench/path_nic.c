/* SPDX-License-Identifier: BSD-2-Clause */
/* An 8254x in memory (8254x Software Developer's Manual, 3.2, 3.3, 13.4), see path_nic.h. */
#include "tests/bench/path_nic.h"

#include <stdlib.h>
#include <string.h>

#include <arch/mmio.h>

#include "drivers/nic/e1000_regs.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"

#define DEVICE 0x100e /* 82540EM */
#define PAGE 4096u

struct mmio_counts mmio_counts;
static u32 regs[E1000_REGS_SIZE / sizeof(u32)];

static u32 *reg(u32 offset)
{
	return &regs[offset / sizeof(u32)];
}

static void *ring_at(u32 low, u32 high)
{
	return (void *)(uintptr_t)(*reg(low) | (u64)*reg(high) << 32);
}

/* The EEPROM's words are zero: the driver takes the address in RAL0 and RAH0. */
u32 mmio_read32(const volatile void *addr)
{
	u32 offset = (u32)((uintptr_t)addr - (uintptr_t)regs);

	mmio_counts.reads++;
	switch (offset) {
	case E1000_CTRL:
		return *reg(offset) & ~E1000_CTRL_RST;
	case E1000_STATUS:
		return E1000_STATUS_LU | E1000_STATUS_FD | 2u << E1000_STATUS_SPEED_SHIFT;
	case E1000_EERD:
		return E1000_EERD_DONE;
	case E1000_RAL0:
	case E1000_RAH0:
	case E1000_GPTC:
		return *reg(offset);
	default:
		return 0;
	}
}

static void *dma_alloc(size_t bytes, bus_t *bus)
{
	size_t size = ALIGN_UP(bytes, (size_t)PAGE);
	void *p = aligned_alloc(PAGE, size);

	if (p)
		memset(p, 0, size);
	bus->v = (u64)(uintptr_t)p;
	return p;
}

static void dma_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

void path_nic_up(struct nic *nic, struct pkt_pool *rx_pool)
{
	static const u8 mac[] = { 0x52, 0x54, 0, 0, 0, 1 };
	const struct nic_resources res = {
		.regs = regs,
		.regs_size = sizeof(regs),
		.device = DEVICE,
		.queues = 1,
		.rx_pool = { rx_pool },
		.dma_alloc = dma_alloc,
		.dma_free = dma_free,
	};
	err_t err;

	memset(regs, 0, sizeof(regs));
	*reg(E1000_RAL0) = load_le32(mac);
	*reg(E1000_RAH0) = load_le16(mac + sizeof(u32));
	*nic = (struct nic){ .ops = nic_driver_find(E1000_VENDOR, DEVICE), .name = "nic" };
	err = nic->ops->attach(nic, &res);
	if (err != ERR_OK)
		die("the NIC does not come up: %s", err_str(err));
	path_nic_send(); /* the driver's probe */
	nic->ops->tx_reclaim(nic, 0);
}

void path_nic_down(struct nic *nic)
{
	nic->ops->detach(nic);
}

/* Frames on the wire that one of these is, by the last context. */
static u32 segments(const struct e1000_tx_data *d, const struct e1000_tx_context *c)
{
	return d->cmd & E1000_TXD_TSE ? ((c->cmd & E1000_TXD_LEN_MASK) + c->mss - 1) / c->mss : 1;
}

u32 path_nic_send(void)
{
	union e1000_tx_desc *ring = ring_at(E1000_TDBAL, E1000_TDBAH);
	u32 size = *reg(E1000_TDLEN) / (u32)sizeof(*ring), i = *reg(E1000_TDH), frames = 0;
	const struct e1000_tx_context *context = NULL;

	for (; i != *reg(E1000_TDT); i = (i + 1) % size) {
		struct e1000_tx_data *d = &ring[i].data;

		if (!(d->cmd & E1000_TXD_DTYP_DATA)) {
			context = &ring[i].context;
			continue;
		}
		if (d->cmd & E1000_TXD_EOP) {
			frames++;
			*reg(E1000_GPTC) += segments(d, context);
		}
		if (d->cmd & E1000_TXD_RS)
			d->status = E1000_TXD_DD;
	}
	*reg(E1000_TDH) = i;
	return frames;
}

u32 path_nic_last(u8 *out, u32 size)
{
	const union e1000_tx_desc *ring = ring_at(E1000_TDBAL, E1000_TDBAH);
	u32 n = *reg(E1000_TDLEN) / (u32)sizeof(*ring), tail = *reg(E1000_TDT), len = 0;
	u32 first = (tail - 1) & (n - 1);

	/* Back to behind the end of the frame before. */
	while (!(ring[(first - 1) & (n - 1)].data.cmd & E1000_TXD_EOP))
		first = (first - 1) & (n - 1);
	for (u32 i = first; i != tail; i = (i + 1) & (n - 1)) {
		u32 piece = ring[i].data.cmd & E1000_TXD_LEN_MASK;

		if (len + piece > size)
			die("a frame of more than %u bytes was sent", size);
		memcpy(out + len, (const void *)(uintptr_t)ring[i].data.addr, piece);
		len += piece;
	}
	return len;
}

bool path_nic_receive(const void *frame, u32 len)
{
	struct e1000_rx_desc *ring = ring_at(E1000_RDBAL, E1000_RDBAH), *d;
	u32 size = *reg(E1000_RDLEN) / (u32)sizeof(*ring), i = *reg(E1000_RDH);

	if (i == *reg(E1000_RDT))
		return false;
	d = &ring[i];
	memcpy((void *)(uintptr_t)d->addr, frame, len);
	d->length = (u16)len;
	d->errors = 0;
	d->status = E1000_RXD_DD | E1000_RXD_EOP;
	*reg(E1000_RDH) = (i + 1) % size;
	return true;
}
