/* SPDX-License-Identifier: BSD-2-Clause */
/* adv: registers that all of these devices have alike (82599 datasheet, 8.2.3). */
#include "drivers/nic/adv.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

void adv_set_bits(const struct adv *x, u32 reg, u32 bits)
{
	adv_write(x, reg, adv_read(x, reg) | bits);
}

void adv_clear_bits(const struct adv *x, u32 reg, u32 bits)
{
	adv_write(x, reg, adv_read(x, reg) & ~bits);
}

void adv_clear_table(const struct adv *x, u32 first, u32 count)
{
	for (u32 i = 0; i < count; i++)
		adv_write(x, first + 4 * i, 0);
}

void adv_pause(u64 ns)
{
	u64 end = plat_now_ns() + ns;

	while (plat_now_ns() < end)
		plat_relax();
}

bool adv_wait(const struct adv *x, u32 reg, u32 mask, u32 want, u64 limit_ns)
{
	u64 end = plat_now_ns() + limit_ns;

	while ((adv_read(x, reg) & mask) != want) {
		if (plat_now_ns() > end)
			return false;
		plat_relax();
	}
	return true;
}

err_t adv_read_mac(const struct adv *x, u8 mac[6])
{
	static const u8 zero[6];
	u32 lo = adv_read(x, x->kind->ral0), hi = adv_read(x, x->kind->ral0 + 4);

	for (u32 i = 0; i < 4; i++)
		mac[i] = (u8)(lo >> (8 * i));
	mac[4] = (u8)hi;
	mac[5] = (u8)(hi >> 8);
	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero)) != 0 ? ERR_OK : ERR_IO;
}

void adv_start_ring(const struct adv *x, u32 base, bus_t bus, u32 bytes)
{
	adv_write(x, base + ADV_RING_BAL, (u32)bus.v);
	adv_write(x, base + ADV_RING_BAH, (u32)(bus.v >> 32));
	adv_write(x, base + ADV_RING_LEN, bytes);
	adv_write(x, base + ADV_RING_HEAD, 0);
	adv_write(x, base + ADV_RING_TAIL, 0);
}

/* Any key but 0 spreads flows; these are the first digits of pi. */
static const u32 rss_key[ADV_RSSRK_COUNT] = {
	0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822,
	0x299f31d0, 0x082efa98, 0xec4e6c89, 0x452821e6, 0x38d01377,
};

/*
 * 7.1.2.8: datagrams of UDP over IPv4 are spread by addresses and ports, of which the
 * sender's is its inner flow's. All else has no hash and comes to queue 0, as do the
 * fragments of a datagram, all of them. The table's first entry is queue 0, too.
 */
void adv_start_rss(const struct adv *x, u32 mrqc)
{
	if (x->queues == 1) {
		adv_write(x, ADV_MRQC, 0);
		return;
	}
	for (u32 i = 0; i < ADV_RSSRK_COUNT; i++)
		adv_write(x, ADV_RSSRK0 + 4 * i, rss_key[i]);
	for (u32 i = 0; i < ADV_RETA_COUNT; i++) {
		u32 four = 0;

		for (u32 k = 0; k < 4; k++)
			four |= (4 * i + k) % x->queues << 8 * k;
		adv_write(x, ADV_RETA0 + 4 * i, four);
	}
	adv_set_bits(x, ADV_RXCSUM, ADV_RXCSUM_PCSD);
	adv_write(x, ADV_MRQC, mrqc | ADV_MRQC_UDP4);
}
