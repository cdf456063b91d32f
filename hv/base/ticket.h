/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fair lock between cores, for short work that no packet waits for: tickets,
 * so that nobody starves. The holder never waits for another core.
 */
#ifndef HV_BASE_TICKET_H
#define HV_BASE_TICKET_H

#include "hv/base/plat.h"
#include "hv/base/types.h"

struct ticketlock {
	u32 next;    /* ticket of whoever comes */
	u32 serving; /* ticket of whoever holds it */
};

/* Not from an interrupt handler; interrupts on or off. Not recursive. */
static inline void ticket_lock(struct ticketlock *l)
{
	u32 mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != mine)
		plat_relax();
}

static inline void ticket_unlock(struct ticketlock *l)
{
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

#endif
