/* SPDX-License-Identifier: BSD-2-Clause */
/* A lock for short control-path sections; never on the packet path. */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <arch/cpu.h>

struct spinlock {
	u32 held;
};

/* Interrupts are off until the unlock, which takes the returned flags. Not
 * for NMI and machine-check context: those use spin_trylock(). */
static inline u64 spin_lock(struct spinlock *l)
{
	u64 flags = cpu_irq_save();

	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		cpu_pause();
	return flags;
}

static inline bool spin_trylock(struct spinlock *l)
{
	return !__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE);
}

static inline void spin_unlock(struct spinlock *l, u64 flags)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
	cpu_irq_restore(flags);
}

#endif
