/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispatchers and the modes of guests' NICs, see dispatch.h. */
#include "hv/dispatch.h"

#include <arch/smp.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/vm.h"
#include "vnet/epoch.h"
#include "vnet/queues.h"

/* The controllers of a core are asked at most so often; a fifth of the shortest omega. */
#define WATCH_NS (200ull * 1000)

static struct dispatcher dispatchers[DISPATCHER_MAX];
static u32 dispatcher_cores; /* a bit each; atomic */
/* Whose core it is, also while it hands back; written by the boot core. */
static struct dispatcher *of_core[PLAT_MAX_CORES];
/* What each core has of its own. */
static struct {
	u64 watch_ns ALIGNED(CACHE_LINE); /* when controllers are asked next; atomic */
	struct timer wake;		  /* ends a dispatcher's sleep */
} local[PLAT_MAX_CORES];

STATIC_ASSERT(PLAT_MAX_CORES <= 32, "dispatcher_cores has a bit for each core");

static const enum vnet_way way_of[DISPATCH_DIRS] = {
	[DISPATCH_TX] = VNET_IN,
	[DISPATCH_RX] = VNET_OUT,
};

/* --- who has what --------------------------------------------------------------- */

bool dispatch_has_core(u32 core)
{
	return __atomic_load_n(&of_core[core], __ATOMIC_ACQUIRE) != NULL;
}

u32 dispatch_cores(void)
{
	u32 n = 0;

	for (u32 i = 0; i < PLAT_MAX_CORES; i++)
		n += dispatch_has_core(i);
	return n;
}

/* The dispatcher core for a queue: they are dealt out in order of their ports. */
static u32 dealt_core(u32 mask, u32 number)
{
	for (number %= (u32)__builtin_popcount(mask); number; number--)
		mask &= mask - 1;
	return (u32)__builtin_ctz(mask);
}

/* Where the way of queue i belongs by its mode. */
static u32 core_wanted(const struct vm_interface *nic, u32 i, enum dispatch_dir dir)
{
	u32 mask = __atomic_load_n(&dispatcher_cores, __ATOMIC_ACQUIRE);

	if (nic->dispatch.ctl[dir].now == DISPATCH_VMM && mask)
		return dealt_core(mask, nic->net.port.id + i);
	return nic->vm->cfg.core[i % nic->vm->cfg.cpus];
}

static struct vm_interface *nic_at(const struct vm *vm, u32 i)
{
	return __atomic_load_n(&vm->interface[i], __ATOMIC_ACQUIRE);
}

/* Whoever has the way of the first queue looks after those of all. */
static void watch_way(struct vm_interface *nic, enum dispatch_dir dir, u64 now_ns)
{
	struct vnet_port *port = &nic->net.port;
	struct vnet_counters sum;

	vnet_port_count(port, &sum);
	/* A long frame is as many packets as a wire would carry. */
	dispatch_step(&nic->dispatch.ctl[dir], dir, &nic->dispatch.set,
		      dir == DISPATCH_TX ? sum.rx_segments : sum.tx_segments, now_ns);
	for (u32 i = 0; i < vnet_port_queues(port); i++) {
		struct vnet_port *q = vnet_port_queue(port, i);
		u32 core = core_wanted(nic, i, dir);

		/* One that is on its way is looked at again when it is there. */
		if (!vnet_port_moving(q, way_of[dir]) && vnet_port_core(q, way_of[dir]) != core &&
		    !vnet_port_move(q, way_of[dir], core))
			nic->dispatch.moves[dir]++;
	}
}

static void watch_core(u32 core, u64 now_ns)
{
	if (now_ns < __atomic_load_n(&local[core].watch_ns, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&local[core].watch_ns, now_ns + WATCH_NS, __ATOMIC_RELAXED);
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_MAX_INTERFACES; k++) {
			struct vm_interface *nic = nic_at(vm, k);

			for (u32 dir = 0; nic && dir < DISPATCH_DIRS; dir++)
				if (vnet_port_core(&nic->net.port, way_of[dir]) == core)
					watch_way(nic, (enum dispatch_dir)dir, now_ns);
		}
	}
}

/* Have every core look again, now. */
static void watch_again(void)
{
	for (u32 i = 0; i < PLAT_MAX_CORES && cores[i].online; i++) {
		__atomic_store_n(&local[i].watch_ns, 0, __ATOMIC_RELEASE);
		core_raise(i, CORE_EV_VM);
	}
}

/* --- a dispatcher's turn ------------------------------------------------------------ */

/* Frames of the NIC's queues that are this core's; *ways: how many ways are. */
static u32 poll_nic(u32 core, struct vm_interface *nic, u32 *ways)
{
	struct vnet_port *port = &nic->net.port;
	u32 quota = __atomic_load_n(&nic->dispatch.set.quota, __ATOMIC_RELAXED), frames = 0;

	for (u32 i = 0; i < vnet_port_queues(port); i++) {
		struct vnet_port *q = vnet_port_queue(port, i);

		*ways += vnet_port_core(q, VNET_OUT) == core;
		if (vnet_port_core(q, VNET_IN) != core)
			continue;
		++*ways;
		frames += vm_net_poll(q, quota);
	}
	return frames;
}

/* Over all queues; true when there was something to do. */
static bool poll_all(struct dispatcher *d)
{
	u32 frames = 0, ways = 0;

	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_MAX_INTERFACES; k++)
			if (nic_at(vm, k))
				frames += poll_nic(d->core, nic_at(vm, k), &ways);
	}
	__atomic_store_n(&d->queues, ways, __ATOMIC_RELEASE);
	d->frames += frames;
	return frames != 0;
}

static void wake(struct timer *t, u64 now_ns)
{
	(void)t;
	(void)now_ns;
}

static bool dispatcher_turn(struct core *c, struct dispatcher *d, u64 now_ns)
{
	u64 events = c->stats.events[CORE_EV_XCORE], sleep_ns;
	bool worked;

	if (!local[c->index].wake.fn)
		timer_init(&local[c->index].wake, wake, NULL);
	worked = poll_all(d);
	/* What other cores sent was delivered by the loop before. */
	worked |= events != d->events;
	d->events = events;
	d->turns++;
	d->empty += !worked;
	/* Without a queue nothing comes but by an event. */
	if (!d->queues)
		return false;
	sleep_ns = dispatch_idle_ns(&d->idle, &d->yield, worked, now_ns);
	if (!sleep_ns)
		return true;
	d->sleeps++;
	timer_set(&c->timers, &local[c->index].wake, now_ns + sleep_ns);
	return false;
}

bool dispatch_turn(struct core *c)
{
	struct dispatcher *d = __atomic_load_n(&of_core[c->index], __ATOMIC_ACQUIRE);
	u64 now = plat_now_ns();

	if (d) /* one that never halts has to say now and then that it holds nothing */
		vnet_core_quiet_enter(c->index);
	vnet_core_quiet_leave(c->index);
	watch_core(c->index, now);
	return d && dispatcher_turn(c, d, now);
}

/* --- control ---------------------------------------------------------------------- */

struct dispatcher *dispatcher_at(u32 i)
{
	return dispatchers[i].used ? &dispatchers[i] : NULL;
}

/* A guest that has the core, NULL: none. */
static const struct vm *guest_on(u32 core)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		const struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < vm->cfg.cpus; k++)
			if (vm->cfg.core[k] == core)
				return vm;
	}
	return NULL;
}

static err_t check_core(u32 core, char *why, size_t size)
{
	u32 n = smp_core_count();

	if (core >= n) {
		fmt_snprintf(why, size, "there is no core %u; this node has cores 0 to %u", core,
			     n - 1);
		return ERR_RANGE;
	}
	if (n == 1) {
		fmt_snprintf(why, size, "core 0 is the only one, and the guests need it");
		return ERR_RANGE;
	}
	if (dispatch_has_core(core)) {
		fmt_snprintf(why, size, "core %u is a dispatcher's already%s", core,
			     of_core[core]->used ? "" : "; it hands its queues back");
		return ERR_BUSY;
	}
	if (guest_on(core)) {
		fmt_snprintf(why, size,
			     "core %u runs vm \"%s\"; a dispatcher has a core of its own", core,
			     guest_on(core)->cfg.name);
		return ERR_BUSY;
	}
	if (dispatch_cores() + 1 == n) {
		fmt_snprintf(why, size, "core %u is the last one that can run guests", core);
		return ERR_BUSY;
	}
	return ERR_OK;
}

/* Where one goes that names no core. */
static err_t find_core(u32 *core, char *why, size_t size)
{
	struct placement p;

	vm_placement(&p);
	*core = placement_dispatcher(&p);
	if (*core == p.cores && p.cores > 1) {
		fmt_snprintf(why, size, "each core runs guests or is a dispatcher's; a dispatcher "
			     "has a core of its own");
		return ERR_BUSY;
	}
	*core %= p.cores; /* of one: refused with the reason */
	return check_core(*core, why, size);
}

/* What is over with: no queue is left to hand back. */
static void reap(void)
{
	for (u32 i = 0; i < PLAT_MAX_CORES; i++)
		if (of_core[i] && !of_core[i]->used &&
		    !__atomic_load_n(&of_core[i]->queues, __ATOMIC_ACQUIRE))
			__atomic_store_n(&of_core[i], NULL, __ATOMIC_RELEASE);
}

err_t dispatcher_add(u32 i, u32 core, const struct dispatch_yielding *y, char *why, size_t size)
{
	struct dispatcher *d = &dispatchers[i];
	bool core_set = core != DISPATCHER_PLACED;
	err_t err;

	reap();
	if (d->used) {
		fmt_snprintf(why, size, "dispatcher %u is there already", i);
		return ERR_EXIST;
	}
	err = core_set ? check_core(core, why, size) : find_core(&core, why, size);
	if (err)
		return err;
	if (of_core[d->core] == d) {
		fmt_snprintf(why, size, "the former dispatcher %u hands its queues back still", i);
		return ERR_EXIST;
	}
	*d = (struct dispatcher){ .used = true, .core_set = core_set, .core = core, .yield = *y };
	__atomic_store_n(&of_core[core], d, __ATOMIC_RELEASE);
	__atomic_fetch_or(&dispatcher_cores, BIT(core), __ATOMIC_ACQ_REL);
	log_info("dispatch", "dispatcher %u has core %u", i, core);
	watch_again();
	return ERR_OK;
}

err_t dispatcher_set(u32 i, const struct dispatch_yielding *y)
{
	struct dispatch_yielding *at = &dispatchers[i].yield;

	if (!dispatchers[i].used)
		return ERR_NOENT;
	__atomic_store_n(&at->strategy, y->strategy, __ATOMIC_RELAXED);
	__atomic_store_n(&at->t_sleep_us, y->t_sleep_us, __ATOMIC_RELAXED);
	__atomic_store_n(&at->t_nowork_us, y->t_nowork_us, __ATOMIC_RELAXED);
	watch_again();
	return ERR_OK;
}

err_t dispatcher_del(u32 i)
{
	struct dispatcher *d = &dispatchers[i];

	if (!d->used)
		return ERR_NOENT;
	d->used = false;
	__atomic_fetch_and(&dispatcher_cores, ~BIT(d->core), __ATOMIC_ACQ_REL);
	log_info("dispatch", "dispatcher %u gives core %u back", i, d->core);
	watch_again();
	return ERR_OK;
}

void dispatch_apply(struct vm_interface *nic, const struct dispatch_settings *set)
{
	struct dispatch_settings *at = &nic->dispatch.set;

	for (u32 dir = 0; dir < DISPATCH_DIRS; dir++)
		__atomic_store_n(&at->mode[dir], set->mode[dir], __ATOMIC_RELAXED);
	__atomic_store_n(&at->alpha_l, set->alpha_l, __ATOMIC_RELAXED);
	__atomic_store_n(&at->alpha_u, set->alpha_u, __ATOMIC_RELAXED);
	__atomic_store_n(&at->omega_us, set->omega_us, __ATOMIC_RELAXED);
	__atomic_store_n(&at->quota, set->quota, __ATOMIC_RELAXED);
	__atomic_store_n(&at->optimistic, set->optimistic, __ATOMIC_RELAXED);
	__atomic_store_n(&at->batch_end, set->batch_end, __ATOMIC_RELAXED);
	watch_again();
}

const char *dispatch_why_not(const struct vm_interface *nic, enum dispatch_dir dir)
{
	if (nic->dispatch.ctl[dir].now != DISPATCH_VMM || dispatcher_cores)
		return NULL;
	return "there is no dispatcher";
}
