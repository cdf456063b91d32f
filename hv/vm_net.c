/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's virtio NICs as ports of the overlay, with a pair of queues for each
 * vCPU. Guest-driven dispatch: pair i belongs to the core of vCPU i, and the
 * guest's notification carries its frames all the way to the link.
 */
#include "hv/vm.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/netcore.h"
#include "hv/uplink.h"
#include "vnet/epoch.h"
#include "vnet/ledger.h"
#include "vnet/route.h"

/* Frames of one port in one go; what is left waits for the loop's next turn. */
#define NET_POLL_BUDGET 256u
/* A place in the NIC's ring is for a frame in many pieces: of one that is cut into
 * fragments, it holds at least those of so many bytes. */
#define ROOM_BYTES 8192u
/* A full NIC is looked at again after so long: at 1 Gbit/s, 6 KB have gone. */
#define ROOM_WAIT_NS (50ull * 1000)
/* A driver that resets its NIC reads the status until it is 0. In the exit that asks
 * for it the other cores, which are in the middle of a burst at the most, are given so
 * long: drivers that do not read it get along, too. */
#define SETTLE_NS (100ull * 1000)

struct vm_interface *vm_interface_find(const char *name)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_MAX_INTERFACES; k++)
			if (vm->interface[k] && !strcmp(vm->interface[k]->name, name))
				return vm->interface[k];
	}
	return NULL;
}

/* Have whoever has the queue's way in look at it. */
static void poll_again(struct vm_interface *nic, u32 pair)
{
	__atomic_fetch_or(&nic->more, BIT(pair), __ATOMIC_SEQ_CST);
	core_raise(vnet_port_core(&virtio_net_pair(&nic->net, pair)->port, VNET_IN), CORE_EV_VM);
}

/* Frames of the port that the NIC has room for. */
static u32 room_for(const struct vnet_port *port)
{
	u32 room = uplink_room();

	return room ? MAX(room / (1 + port->mtu / ROOM_BYTES), 1u) : 0;
}

u32 vm_net_poll(struct vnet_port *port, u32 quota)
{
	u32 room = room_for(port);

	return vnet_poll(port, MIN(quota, room));
}

/*
 * Carry what waits; notifications stay off while more of it does. A full NIC
 * leaves frames in the guest's ring, also those that would not have gone there.
 * A dispatcher has its turns for that (hv/dispatch.c).
 */
static void drain(struct vm_interface *nic, u32 pair)
{
	struct vnet_port *port = &virtio_net_pair(&nic->net, pair)->port;
	u32 room = room_for(port), budget = MIN(NET_POLL_BUDGET, room);

	if (dispatch_has_core(plat_core())) {
		port->ops->notify(port, false);
	} else if (!budget) {
		port->ops->notify(port, false);
		__atomic_fetch_or(&nic->more, BIT(pair), __ATOMIC_RELAXED);
		core_defer(core_this(), CORE_EV_VM, ROOM_WAIT_NS);
	} else if (vnet_poll(port, budget) == budget) {
		poll_again(nic, pair);
	} else {
		port->ops->notify(port, true);
	}
}

/* The guest's kick, in the exit of any vCPU: the queue's core looks at it next. */
static void nic_kicked(void *ctx, u32 pair)
{
	core_this()->loaded->stats.kicks++;
	ledger_claim(plat_core(), LEDGER_TX_EXIT);
	ledger_enter(LEDGER_TX_KICK);
	poll_again(ctx, pair);
}

static void nic_more(void *ctx, u32 pair)
{
	poll_again(ctx, pair);
}

static struct pkt_pool *nic_pool(void *ctx, u32 core)
{
	(void)ctx;
	return netcore_pool(core);
}

static bool nic_settled(void *ctx, bool begin)
{
	struct vm_interface *nic = ctx;
	u64 end = plat_now_ns() + SETTLE_NS;

	if (begin)
		epoch_now(&nic->closing);
	while (begin && !epoch_passed(&nic->closing) && plat_now_ns() < end)
		plat_relax();
	return epoch_passed(&nic->closing);
}

/* Registers change: on the VM's core, under its lock. */
static void apply_link(struct vm_interface *nic)
{
	enum vm_link want = __atomic_exchange_n(&nic->want_link, VM_LINK_AS_IS, __ATOMIC_ACQ_REL);

	if (want == VM_LINK_AS_IS)
		return;
	vm_lock(nic->vm);
	virtio_net_set_link(&nic->net, want == VM_LINK_UP);
	vm_unlock(nic->vm);
}

void vm_net_apply_links(struct vm *vm)
{
	for (u32 i = 0; i < VM_MAX_INTERFACES; i++)
		if (vm->interface[i])
			apply_link(vm->interface[i]);
}

/* Those of the queues that are asked for and this core's. Of one that changes hands
 * meanwhile, the new owner looks at the ring when it gets it. */
static void poll_nic(struct vm_interface *nic)
{
	u32 more = __atomic_load_n(&nic->more, __ATOMIC_ACQUIRE);

	for (; more; more &= more - 1) {
		u32 pair = (u32)__builtin_ctz(more);

		if (vnet_port_core(&virtio_net_pair(&nic->net, pair)->port, VNET_IN) != plat_core())
			continue;
		__atomic_fetch_and(&nic->more, ~BIT(pair), __ATOMIC_SEQ_CST);
		drain(nic, pair);
		ledger_rest();
	}
}

void vm_net_poll_more(struct vm *vm)
{
	for (u32 i = 0; i < VM_MAX_INTERFACES; i++) {
		struct vm_interface *nic = __atomic_load_n(&vm->interface[i], __ATOMIC_ACQUIRE);

		if (nic)
			poll_nic(nic);
	}
}

/* Interfaces without an MTU of their own get what the links leave: when their guest
 * starts, and until its driver has asked. */
static void follow_links(struct vm_interface *nic)
{
	u32 mtu = nic->mtu_fixed ? 0 : edge_guest_mtu(&nic->net.port);

	if (mtu && mtu != nic->net.port.mtu)
		virtio_net_set_mtu(&nic->net, mtu);
}

void vm_net_follow_links(void)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_MAX_INTERFACES; k++)
			if (vm->interface[k])
				follow_links(vm->interface[k]);
	}
}

void vm_net_rx_coming(void)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_MAX_INTERFACES; k++) {
			struct vm_interface *nic = vm->interface[k];

			if (nic && nic->dispatch.set.optimistic)
				virtio_net_rx_coming(&nic->net);
		}
	}
}

u32 vm_net_in_flight(struct vm *vm)
{
	u32 n = 0;

	for (u32 i = 0; i < VM_MAX_INTERFACES; i++) {
		struct vm_interface *nic = vm->interface[i];

		if (!nic)
			continue;
		n += virtio_net_in_flight(&nic->net) + virtio_net_mapped(&nic->net);
		/* A reset that waits for other cores. */
		if (nic->net.dev.closing && !virtio_pci_reset(&nic->pci))
			n++;
	}
	return n;
}

void vm_net_reset(struct vm *vm)
{
	for (u32 i = 0; i < VM_MAX_INTERFACES; i++) {
		if (vm->interface[i])
			(void)virtio_pci_reset(&vm->interface[i]->pci);
	}
}

void vm_interface_set_link(struct vm_interface *nic, bool up)
{
	nic->want_link = up ? VM_LINK_UP : VM_LINK_DOWN;
	vm_wake(nic->vm);
}

/* No core can reach the port any more. */
static void nic_gone(void *ctx)
{
	struct vm_interface *nic = ctx;

	plat_free(nic->net.more, nic->more_bytes);
	plat_free(nic, sizeof(*nic));
}

static const struct virtio_net_hooks hooks = {
	.kick = nic_kicked,
	.more = nic_more,
	.pool = nic_pool,
	.settled = nic_settled,
	.gone = nic_gone,
};

/* How many pairs of queues it gets, and memory for those behind the first. */
static err_t queues_for(struct vm_interface *nic, const struct vm_interface_config *cfg,
			struct virtio_net_cfg *net)
{
	u32 cpus = nic->vm->cfg.cpus;

	net->pairs = cfg->queues ? cfg->queues : MIN(cpus, (u32)VIRTIO_NET_PAIRS_MAX);
	nic->queues_fixed = cfg->queues != 0;
	if (net->pairs == 1)
		return ERR_OK;
	nic->more_bytes = (net->pairs - 1) * sizeof(struct virtio_net_pair);
	net->more = plat_alloc(nic->more_bytes);
	return net->more ? ERR_OK : ERR_NOMEM;
}

static err_t create(struct vm *vm, struct vm_interface *nic, const struct vm_interface_config *cfg,
		    char *why, size_t size)
{
	struct virtio_net_cfg net = {
		.name = nic->name,
		.mtu = cfg->mtu ? cfg->mtu : uplink_guest_mtu(),
		.overlay = cfg->overlay,
		.core = vm_core(vm),
		.gm = &vm->gmem,
		.pool = netcore_pool(vm_core(vm)),
		.hooks = &hooks,
		.hook_ctx = nic,
	};
	u32 core[VIRTIO_NET_PAIRS_MAX];
	err_t err = queues_for(nic, cfg, &net);

	if (err) {
		fmt_snprintf(why, size, "no memory for %u pairs of queues", net.pairs);
		return err;
	}
	for (u32 i = 0; i + 1 < net.pairs; i++)
		core[i] = vm->cfg.core[(i + 1) % vm->cfg.cpus];
	net.more_core = core;
	memcpy(net.mac, cfg->mac, sizeof(net.mac));
	err = virtio_net_init(&nic->net, &net);
	nic->net.more = net.more;
	if (err) {
		fmt_snprintf(why, size, "mtu %u: %s", net.mtu, err_str(err));
		return err;
	}
	nic->net.port.any_source = !cfg->check_source;
	nic->net.port.also = cfg->also;
	nic->net.port.storm = cfg->storm;
	nic->dispatch.set = cfg->dispatch;
	nic->net.port.dispatch = &nic->dispatch.set;
	err = vnet_port_add(&nic->net.port);
	if (err == ERR_EXIST && !vnet_port_find(nic->name)) {
		fmt_snprintf(why, size, "another interface has this MAC address");
		return ERR_INVAL;
	}
	if (err) {
		fmt_snprintf(why, size, "%s",
			     err == ERR_EXIST ? "its name is in use" : err_str(err));
		return err;
	}
	err = virtio_net_add_queues(&nic->net);
	if (!err)
		err = virtio_pci_init(&nic->pci, &nic->net.dev, &vm->pci);
	if (err) {
		fmt_snprintf(why, size, "no room on the guest's PCI bus, or for more ports");
		vnet_port_del(&nic->net.port, true);
	}
	return err;
}

err_t vm_interface_add(struct vm *vm, const struct vm_interface_config *cfg, char *why, size_t size)
{
	struct vm_interface *nic;
	u32 slot;
	err_t err;

	if (vm_in_state(vm, VM_STOPPED, why, size))
		return ERR_BUSY;
	for (slot = 0; slot < VM_MAX_INTERFACES && vm->interface[slot]; slot++)
		;
	nic = slot < VM_MAX_INTERFACES ? plat_alloc(sizeof(*nic)) : NULL;
	if (!nic) {
		fmt_snprintf(why, size, "no room for another interface (at most %u a vm)",
			     VM_MAX_INTERFACES);
		return ERR_NOMEM;
	}
	nic->vm = vm;
	nic->check_source = cfg->check_source;
	nic->mtu_fixed = cfg->mtu != 0;
	fmt_snprintf(nic->name, sizeof(nic->name), "%s", cfg->name);
	err = create(vm, nic, cfg, why, size);
	if (err) {
		/* A port that was added is freed when it is gone. */
		if (!nic->net.port.id)
			nic_gone(nic);
		return err;
	}
	__atomic_store_n(&vm->interface[slot], nic, __ATOMIC_RELEASE);
	return ERR_OK;
}

err_t vm_interface_del(struct vm_interface *nic, bool force, char *why, size_t size)
{
	struct vm *vm = nic->vm;
	u32 slot = 0;
	err_t err;

	if (vm_in_state(vm, VM_STOPPED, why, size))
		return ERR_BUSY;
	while (vm->interface[slot] != nic)
		slot++;
	/* First of all, so that no core finds it any more when the port goes. */
	__atomic_store_n(&vm->interface[slot], NULL, __ATOMIC_RELEASE);
	err = vnet_port_del(&nic->net.port, force);
	if (err) {
		__atomic_store_n(&vm->interface[slot], nic, __ATOMIC_RELEASE);
		fmt_snprintf(why, size, "%u routes name it; delete them, or force",
			     route_port_uses(nic->net.port.id));
		return err;
	}
	pci_bus_remove(&vm->pci, &nic->pci.pci);
	return ERR_OK;
}
