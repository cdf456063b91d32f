/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dispatchers: cores that were given to the frames of guests, and who does the
 * work on which queue. Each way through each queue of a guest's NIC belongs to
 * one core: the guest's own (guest-driven) or a dispatcher's (VMM-driven). The
 * controllers (vnet/dispatch.h) are asked on the core that has the way, and
 * what they say is carried out by vnet_port_move().
 *
 * A dispatcher takes turns over the queues that it owns: it polls what guests
 * send, a quota of each, while their notifications are off; what they get is
 * handed to it by other cores, which wake it.
 */
#ifndef HV_DISPATCH_H
#define HV_DISPATCH_H

#include "hv/core.h"
#include "vnet/dispatch.h"
#include "vnet/vnet.h"

struct vm_interface;

#define DISPATCHER_MAX 8
#define DISPATCHER_PLACED 0xffffffffu /* as core: whichever there is */

struct dispatcher {
	bool used;   /* false: no such dispatcher, though it may still be handing back */
	bool core_set; /* given, not placed by us */
	u32 core;
	struct dispatch_yielding yield;
	/* its core's own: */
	struct dispatch_idle idle;
	u64 turns, empty;   /* ... of them found nothing to do */
	u64 sleeps;
	u64 frames;	    /* that it took from guests' rings */
	u64 events;	    /* of its core, at the last turn */
	u32 queues;	    /* ways that it had at the last turn; atomic */
};

/* What a NIC has of all this. */
struct nic_dispatch {
	struct dispatch_settings set; /* boot core writes a field at a time */
	struct dispatch ctl[DISPATCH_DIRS];
	u64 moves[DISPATCH_DIRS]; /* of queues to other cores */
};

/* --- boot core ------------------------------------------------------------ */

/* The core (DISPATCHER_PLACED: one of placement_dispatcher()) runs no guests, and none are
 * placed on it until dispatcher_del(). On an error why says what is wrong; ERR_RANGE,
 * ERR_BUSY: with the core. */
err_t dispatcher_add(u32 i, u32 core, const struct dispatch_yielding *y, char *why, size_t size);
err_t dispatcher_set(u32 i, const struct dispatch_yielding *y);
/* Its queues go to other dispatchers, or back to their guests' cores. */
err_t dispatcher_del(u32 i);

/* The i-th, i < DISPATCHER_MAX; NULL: there is none. */
struct dispatcher *dispatcher_at(u32 i);

/* A NIC's settings have changed: those who have its queues look at them now. */
void dispatch_apply(struct vm_interface *nic, const struct dispatch_settings *set);

/* Why a way that should be VMM-driven is not; NULL: it is, or will be at once. */
const char *dispatch_why_not(const struct vm_interface *nic, enum dispatch_dir dir);

/* --- any core --------------------------------------------------------------- */

/* Is the core a dispatcher's? Then no guest runs there. */
bool dispatch_has_core(u32 core);
u32 dispatch_cores(void); /* how many are */

/* The core loop's: what is due here. True: come straight back instead of halting. */
bool dispatch_turn(struct core *c);

#endif
