/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of NIC drivers. A new one is declared and named here. And what they share. */
#include "drivers/nic/drivers.h"

const struct nic_ops *const nic_drivers[] = {
	&e1000_ops,
	&igb_ops,
	&ixgbe_ops,
	&e1000e_ops,
	&vnic_ops,
	NULL,
};

const struct nic_ops *nic_driver_find(u16 vendor, u16 device)
{
	for (const struct nic_ops *const *d = nic_drivers; *d; d++) {
		if ((*d)->match(vendor, device))
			return *d;
	}
	return NULL;
}

void nic_stats_add(struct nic_stats *sum, const struct nic_stats *c)
{
	sum->rx_frames += c->rx_frames;
	sum->rx_bytes += c->rx_bytes;
	sum->tx_frames += c->tx_frames;
	sum->tx_bytes += c->tx_bytes;
	sum->rx_errors += c->rx_errors;
	sum->rx_no_packet += c->rx_no_packet;
	sum->tx_full += c->tx_full;
	sum->tx_bad += c->tx_bad;
	sum->tx_lost += c->tx_lost;
	sum->irqs += c->irqs;
	sum->doorbells += c->doorbells;
}
