/* SPDX-License-Identifier: BSD-2-Clause */
/* A NIC's bursts with the ledger's stamps around them (vnet/ledger.h). The queue's core. */
#ifndef HV_NIC_TIMED_H
#define HV_NIC_TIMED_H

#include "drivers/nic/nic.h"
#include "vnet/ledger.h"
#include "vnet/net/net.h"

static inline u32 nic_timed_rx(struct nic *nic, u32 queue, struct pkt **pkts, u32 max)
{
	u32 before = ledger_enter(LEDGER_RX_RECEIVE);
	u32 n = nic->ops->rx_burst(nic, queue, pkts, max);

	ledger_leave(before);
	return n;
}

static inline u32 nic_timed_tx(struct nic *nic, u32 queue, struct pkt **pkts, u32 n)
{
	u32 before = ledger_enter(LEDGER_TX_DOORBELL);
	u32 taken = nic->ops->tx_burst(nic, queue, pkts, n);

	ledger_leave(before);
	return taken;
}

/* Both give back what was sent. */
static inline u32 nic_timed_room(struct nic *nic, u32 queue)
{
	u32 before = ledger_enter(LEDGER_TX_COMPLETION);
	u32 room = nic->ops->tx_room(nic, queue);

	ledger_leave(before);
	return room;
}

static inline void nic_timed_reclaim(struct nic *nic, u32 queue)
{
	u32 before = ledger_enter(LEDGER_TX_COMPLETION);

	nic->ops->tx_reclaim(nic, queue);
	ledger_leave(before);
}

/* What was received, to the stack. */
static inline void nic_timed_input(struct netif *nif, struct pkt **pkts, u32 n)
{
	u32 before = ledger_enter(LEDGER_RX_DECAP);

	netif_input(nif, pkts, n);
	ledger_leave(before);
}

#endif
