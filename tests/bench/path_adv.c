/* SPDX-License-Identifier: BSD-2-Clause */
/* NICs with advanced descriptors in memory, an 82599 (82599 10 GbE Controller Datasheet,
 * 7.1.6, 7.2.3, 8.2.3) and an 82576 (82576 Gigabit Ethernet Controller Datasheet, 8), see
 * path_nic.h. */
#include <string.h>

#include "drivers/nic/igb_regs.h"
#include "drivers/nic/ixgbe_regs.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/bench/path_nic.h"

#define LINKS_10G 3u

/* The one that there is: its rings' first registers. */
static struct {
	u32 rx, tx;
} at;

static void up(u32 ral, u32 rx, u32 tx)
{
	*path_reg(ral) = load_le32(path_mac);
	*path_reg(ral + 4) = load_le16(path_mac + sizeof(u32)) | IXGBE_RAH_AV;
	at.rx = rx;
	at.tx = tx;
}

static void ixgbe_up(struct nic_resources *res)
{
	(void)res;
	up(IXGBE_RAL0, IXGBE_RDBAL0, IXGBE_TDBAL0);
}

static void igb_up(struct nic_resources *res)
{
	(void)res;
	up(E1000_RAL0, IGB_RDBAL0, IGB_TDBAL0);
}

/* The word of the EEPROM that was asked for: all of it is zero but for the checksum. */
static u32 eeprom_read(u32 eerd)
{
	u32 word = *path_reg(eerd) >> ADV_EERD_ADDR_SHIFT & (ADV_EEPROM_WORDS - 1);

	return ADV_EERD_DONE |
	       (word == ADV_EEPROM_CHECKSUM ? ADV_EEPROM_SUM << ADV_EERD_DATA_SHIFT : 0);
}

static u32 ixgbe_read(u32 offset)
{
	switch (offset) {
	case IXGBE_CTRL:
		return *path_reg(offset) & ~IXGBE_CTRL_RST;
	case IXGBE_RDRXCTL:
		return *path_reg(offset) | IXGBE_RDRXCTL_DMAIDONE;
	case IXGBE_EEC:
		return IXGBE_EEC_AUTO_READ | IXGBE_EEC_PRESENT;
	case IXGBE_EERD:
		return eeprom_read(offset);
	case IXGBE_SECRXSTAT:
		return IXGBE_SECRX_READY;
	case IXGBE_LINKS:
		return IXGBE_LINKS_UP | LINKS_10G << IXGBE_LINKS_SPEED_SHIFT;
	default:
		return *path_reg(offset);
	}
}

static u32 igb_read(u32 offset)
{
	switch (offset) {
	case E1000_CTRL:
		return *path_reg(offset) & ~E1000_CTRL_RST;
	case E1000_STATUS:
		return E1000_STATUS_LU | E1000_STATUS_FD | 2u << E1000_STATUS_SPEED_SHIFT;
	case E1000_EECD:
		return E1000_EECD_AUTO_RD | IGB_EEC_PRESENT;
	case E1000_EERD:
		return eeprom_read(offset);
	case IGB_MDIC:
		return IGB_MDIC_READY | IGB_PHY_STATUS_UP | IGB_PHY_STATUS_NEGOTIATED;
	default:
		return *path_reg(offset);
	}
}

static union adv_tx_desc *tx_ring(u32 *size)
{
	*size = *path_reg(at.tx + ADV_RING_LEN) / (u32)sizeof(union adv_tx_desc);
	return path_ring(at.tx, at.tx + ADV_RING_BAH);
}

static bool is_data(const union adv_tx_desc *d)
{
	return (d->data.cmd & ADV_TXD_DTYP_MASK) == ADV_TXD_DTYP_DATA;
}

static u32 do_send(void)
{
	u32 size, i = *path_reg(at.tx + ADV_RING_HEAD), frames = 0;
	union adv_tx_desc *ring = tx_ring(&size);

	for (; i != *path_reg(at.tx + ADV_RING_TAIL); i = (i + 1) % size) {
		struct adv_tx_data *d = &ring[i].data;

		if (!is_data(&ring[i]))
			continue;
		if (d->cmd & ADV_TXD_EOP)
			frames++;
		if (d->cmd & ADV_TXD_RS)
			d->olinfo = ADV_TXD_DD;
	}
	*path_reg(at.tx + ADV_RING_HEAD) = i;
	return frames;
}

static u32 last(u8 *out, u32 size)
{
	u32 n, tail = *path_reg(at.tx + ADV_RING_TAIL), first, len = 0;
	const union adv_tx_desc *ring = tx_ring(&n);

	/* Back to behind the end of the frame before. */
	first = (tail - 1) & (n - 1);
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
	union adv_rx_desc *ring = path_ring(at.rx, at.rx + ADV_RING_BAH), *d;
	u32 size = *path_reg(at.rx + ADV_RING_LEN) / (u32)sizeof(*ring);
	u32 i = *path_reg(at.rx + ADV_RING_HEAD);

	if (i == *path_reg(at.rx + ADV_RING_TAIL))
		return false;
	d = &ring[i];
	memcpy((void *)(uintptr_t)d->read.addr, frame, len);
	d->done = (struct adv_rx_done){ .length = (u16)len, .status = ADV_RXD_DD | ADV_RXD_EOP };
	*path_reg(at.rx + ADV_RING_HEAD) = (i + 1) % size;
	return true;
}

#define DEVICE(its_name, id) \
	{ .name = #its_name, .vendor = ADV_VENDOR, .device = (id), .up = its_name##_up, \
	  .read = its_name##_read, .send = do_send, .last = last, .receive = receive }

const struct path_device path_ixgbe = DEVICE(ixgbe, 0x10f7);
const struct path_device path_igb = DEVICE(igb, 0x10c9);
