/* SPDX-License-Identifier: BSD-2-Clause */
/* An 82540EM and an 82574L in memory (8254x Software Developer's Manual, 3.2, 3.3, 13.4;
 * what the 82574 has beside it: its datasheet, 10.2), see path_nic.h. */
#include <string.h>

#include "drivers/nic/e1000_regs.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/bench/path_nic.h"

static void up(struct nic_resources *res)
{
	(void)res;
	*path_reg(E1000_RAL0) = load_le32(path_mac);
	*path_reg(E1000_RAH0) = load_le16(path_mac + sizeof(u32));
}

/* The EEPROM's words are zero: the driver takes the address in RAL0 and RAH0. */
static u32 reg_read(u32 offset)
{
	switch (offset) {
	case E1000_CTRL:
		return *path_reg(offset) & ~E1000_CTRL_RST;
	case E1000_STATUS:
		return E1000_STATUS_LU | E1000_STATUS_FD | 2u << E1000_STATUS_SPEED_SHIFT;
	case E1000_EERD:
		return E1000_EERD_DONE | E1000_EERD_DONE_D;
	case E1000_EECD:
		return E1000_EECD_AUTO_RD;
	case E1000_RAL0:
	case E1000_RAH0:
	case E1000_GPTC:
		return *path_reg(offset);
	default:
		return 0;
	}
}

/* Frames on the wire that one of these is, by the last context. */
static u32 segments(const struct e1000_tx_data *d, const struct e1000_tx_context *c)
{
	return d->cmd & E1000_TXD_TSE ? ((c->cmd & E1000_TXD_LEN_MASK) + c->mss - 1) / c->mss : 1;
}

static u32 do_send(void)
{
	union e1000_tx_desc *ring = path_ring(E1000_TDBAL, E1000_TDBAH);
	u32 size = *path_reg(E1000_TDLEN) / (u32)sizeof(*ring), i = *path_reg(E1000_TDH);
	const struct e1000_tx_context *context = NULL;
	u32 frames = 0;

	for (; i != *path_reg(E1000_TDT); i = (i + 1) % size) {
		struct e1000_tx_data *d = &ring[i].data;

		if (!(d->cmd & E1000_TXD_DTYP_DATA)) {
			context = &ring[i].context;
			continue;
		}
		if (d->cmd & E1000_TXD_EOP) {
			frames++;
			*path_reg(E1000_GPTC) += segments(d, context);
		}
		if (d->cmd & E1000_TXD_RS)
			d->status = E1000_TXD_DD;
	}
	*path_reg(E1000_TDH) = i;
	return frames;
}

static u32 last(u8 *out, u32 size)
{
	const union e1000_tx_desc *ring = path_ring(E1000_TDBAL, E1000_TDBAH);
	u32 n = *path_reg(E1000_TDLEN) / (u32)sizeof(*ring), tail = *path_reg(E1000_TDT), len = 0;
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

static bool receive(const void *frame, u32 len)
{
	struct e1000_rx_desc *ring = path_ring(E1000_RDBAL, E1000_RDBAH), *d;
	u32 size = *path_reg(E1000_RDLEN) / (u32)sizeof(*ring), i = *path_reg(E1000_RDH);

	if (i == *path_reg(E1000_RDT))
		return false;
	d = &ring[i];
	memcpy((void *)(uintptr_t)d->addr, frame, len);
	d->length = (u16)len;
	d->errors = 0;
	d->status = E1000_RXD_DD | E1000_RXD_EOP;
	*path_reg(E1000_RDH) = (i + 1) % size;
	return true;
}

#define DEVICE(text, id) \
	{ .name = (text), .vendor = E1000_VENDOR, .device = (id), .up = up, .read = reg_read, \
	  .send = do_send, .last = last, .receive = receive }

const struct path_device path_e1000 = DEVICE("e1000", 0x100e);
const struct path_device path_e1000e = DEVICE("e1000e", 0x10d3);
