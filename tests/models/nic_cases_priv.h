/* SPDX-License-Identifier: BSD-2-Clause */
/* What the cases of nic_cases*.c share. */
#ifndef TESTS_MODELS_NIC_CASES_PRIV_H
#define TESTS_MODELS_NIC_CASES_PRIV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/models/nic_cases.h"

#define FRAME_MOST 16384u /* no driver takes longer ones */

static inline void check_wire(u32 at, const u8 *want, u32 len)
{
	const struct nic_wire_frame f = nic_rig.sent(at);

	assert_non_null(f.data);
	assert_int_equal(f.len, MAX(len, 60u));
	assert_memory_equal(f.data, want, len);
	for (u32 i = len; i < f.len; i++)
		assert_int_equal(f.data[i], 0);
}

static inline u32 wire_count(void)
{
	u32 n = 0;

	while (nic_rig.sent(n).data)
		n++;
	return n;
}

static inline void frame_for_us(u8 *f, u32 len, u8 tag)
{
	memcpy(f, nic_rig.mac, 6);
	memset(f + 6, tag, len - 6);
}

/* --- the driver's calls, for queue 0 ------------------------------------------- */

static inline u32 burst_out(struct pkt **p, u32 n)
{
	return nic_rig.nic->ops->tx_burst(nic_rig.nic, 0, p, n);
}

static inline u32 burst_in(struct pkt **p, u32 n)
{
	return nic_rig.nic->ops->rx_burst(nic_rig.nic, 0, p, n);
}

static inline u32 reclaim(void)
{
	return nic_rig.nic->ops->tx_reclaim(nic_rig.nic, 0);
}

static inline u32 room_now(void)
{
	return nic_rig.nic->ops->tx_room(nic_rig.nic, 0);
}

static inline void rx_irq(bool on)
{
	nic_rig.nic->ops->rx_irq(nic_rig.nic, 0, on);
}

static inline void tx_irq(bool on)
{
	nic_rig.nic->ops->tx_irq(nic_rig.nic, 0, on);
}

static inline u32 irq_cause(void)
{
	return nic_rig.nic->ops->irq_cause(nic_rig.nic, 0);
}

static inline struct nic_link link_now(void)
{
	return nic_rig.nic->ops->link(nic_rig.nic);
}

static inline void tick(u64 now_ns)
{
	nic_rig.nic->ops->tick(nic_rig.nic, now_ns);
}

#endif
