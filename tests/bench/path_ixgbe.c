/* SPDX-License-Identifier: BSD-2-Clause */
/* An 82599 in memory (82599 10 GbE Controller Datasheet, 7.1.6, 7.2.3, 8.2.3), see
 * path_nic.h. */
#include <string.h>

#include "drivers/nic/ixgbe_regs.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/bench/path_nic.h"

#define LINKS_10G 3u

static void up(struct nic_resources *res)
{
	(void)res;
	*path_reg(IXGBE_RAL0) = load_le32(path_mac);
	*path_reg(IXGBE_RAH0) = load_le16(path_mac + sizeof(u32)) | IXGBE_RAH_AV;
}

/* The word of the EEPROM that was asked for: all of it is zero but for the checksum. */
static u32 eeprom_read(void)
{
	u32 word = *path_reg(IXGBE_EERD) >> ADV_EERD_ADDR_SHIFT & (ADV_EEPROM_WORDS - 1);

	return ADV_EERD_DONE |
	       (word == ADV_EEPROM_CHECKSUM ? ADV_EEPROM_SUM << ADV_EERD_DATA_SHIFT : 0);
}

static u32 reg_read(u32 offset)
{
	switch (offset) {
	case IXGBE_CTRL:
		return *path_reg(offset) & ~IXGBE_CTRL_RST;
	case IXGBE_RDRXCTL:
		return *path_reg(offset) | IXGBE_RDRXCTL_DMAIDONE;
	case IXGBE_EEC:
		return IXGBE_EEC_AUTO_READ | IXGBE_EEC_PRESENT;
	case IXGBE_EERD:
		return eeprom_read();
	case IXGBE_SECRXSTAT:
		return IXGBE_SECRX_READY;
	case IXGBE_LINKS:
		return IXGBE_LINKS_UP | LINKS_10G << IXGBE_LINKS_SPEED_SHIFT;
	default:
		return *path_reg(offset);
	}
}

static bool is_data(const union adv_tx_desc *d)
{
	return (d->data.cmd & ADV_TXD_DTYP_MASK) == ADV_TXD_DTYP_DATA;
}

static u32 do_send(void)
{
	union adv_tx_desc *ring = path_ring(IXGBE_TDBAL0, IXGBE_TDBAH0);
	u32 size = *path_reg(IXGBE_TDLEN0) / (u32)sizeof(*ring), i = *path_reg(IXGBE_TDH0);
	u32 frames = 0;

	for (; i != *path_reg(IXGBE_TDT0); i = (i + 1) % size) {
		struct adv_tx_data *d = &ring[i].data;

		if (!is_data(&ring[i]))
			continue;
		if (d->cmd & ADV_TXD_EOP)
			frames++;
		if (d->cmd & ADV_TXD_RS)
			d->olinfo = ADV_TXD_DD;
	}
	*path_reg(IXGBE_TDH0) = i;
	return frames;
}

static u32 last(u8 *out, u32 size)
{
	const union adv_tx_desc *ring = path_ring(IXGBE_TDBAL0, IXGBE_TDBAH0);
	u32 n = *path_reg(IXGBE_TDLEN0) / (u32)sizeof(*ring), tail = *path_reg(IXGBE_TDT0);
	u32 first = (tail - 1) & (n - 1), len = 0;

	/* Back to behind the end of the frame before. */
	while (!(ring[(first - 1) & (n - 1)].data.cmd & ADV_TXD_EOP))
		first = (first - 1) & (n - 1);
	for (u32 i = first; i != tail; i = (i + 1) & (n - 1)) {
		u32 piece = is_data(&ring[i]) ? ring[i].data.cmd & ADV_TXD_LEN_MASK : 0;

		if (len + piece > size)
			die("a frame of more than %u bytes was sent", size);
		memcpy(out + len, (const void *)(uintptr_t)ring[i].data.addr, piece);
		len += piece;
	}
	return len;
}

static bool receive(const void *frame, u32 len)
{
	union adv_rx_desc *ring = path_ring(IXGBE_RDBAL0, IXGBE_RDBAH0), *d;
	u32 size = *path_reg(IXGBE_RDLEN0) / (u32)sizeof(*ring), i = *path_reg(IXGBE_RDH0);

	if (i == *path_reg(IXGBE_RDT0))
		return false;
	d = &ring[i];
	memcpy((void *)(uintptr_t)d->read.addr, frame, len);
	d->done = (struct adv_rx_done){ .length = (u16)len,
					  .status = ADV_RXD_DD | ADV_RXD_EOP };
	*path_reg(IXGBE_RDH0) = (i + 1) % size;
	return true;
}

const struct path_device path_ixgbe = {
	.name = "ixgbe",
	.vendor = ADV_VENDOR,
	.device = 0x10f7,
	.up = up,
	.read = reg_read,
	.send = do_send,
	.last = last,
	.receive = receive,
};
