/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ledger has of a hypervisor's guests and of its NIC (ctl/ledger.h). */
#include "ctl/ledger.h"
#include "hv/uplink.h"
#include "hv/vm.h"

static void add_interface(struct ledger_counts *n, struct vm_interface *nic)
{
	for (u32 i = 0; i < nic->net.pairs; i++) {
		const struct virtio_net_pair *pair = virtio_net_pair(&nic->net, i);

		n->stage[LEDGER_TX_COMPLETION].irqs += pair->tx->interrupts;
		n->stage[LEDGER_RX_INJECT].irqs += pair->rx->interrupts;
	}
	n->stage[LEDGER_RX_INJECT].irqs += nic->net.optimistic;
}

static void add_vm(struct ledger_counts *n, struct vm *vm)
{
	const struct vcpu_stats s = vm_stats(vm);

	n->exits += s.total;
	n->stage[LEDGER_TX_KICK].count += s.kicks;
	for (u32 i = 0; i < VM_MAX_INTERFACES; i++)
		if (vm->interface[i])
			add_interface(n, vm->interface[i]);
}

static void add_uplink(struct ledger_counts *n, struct uplink *up)
{
	struct nic_stats s;

	if (up->state == UPLINK_ABSENT)
		return;
	up->nic.ops->stats(&up->nic, &s);
	n->stage[LEDGER_TX_DOORBELL].count += s.doorbells;
	n->stage[LEDGER_TX_COMPLETION].count += s.tx_frames;
	n->stage[LEDGER_RX_INTERRUPT].count += s.irqs;
	n->stage[LEDGER_RX_INTERRUPT].irqs += s.irqs;
	n->stage[LEDGER_RX_RECEIVE].count += s.rx_frames;
}

void ctl_ledger_counts(struct ledger_counts *n)
{
	for (u32 i = 0; i < VM_MAX; i++)
		if (vm_at(i))
			add_vm(n, vm_at(i));
	n->stage[LEDGER_RX_INJECT].count = n->stage[LEDGER_RX_INJECT].irqs;
	for (u32 i = 0; i < UPLINK_MAX; i++)
		add_uplink(n, uplink_at(i));
}
