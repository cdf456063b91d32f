/* SPDX-License-Identifier: BSD-2-Clause */
/* The state machine of a link's path MTU, see pmtu.h. */
#include "vnet/pmtu.h"

void pmtu_init(struct pmtu *m)
{
	*m = (struct pmtu){ .found = PMTU_UNLIMITED };
}

static void end_round(struct pmtu *m, u64 due_ns)
{
	m->probe = 0;
	m->high = 0;
	m->due_ns = due_ns;
}

void pmtu_stop(struct pmtu *m)
{
	end_round(m, 0);
}

static void begin_round(struct pmtu *m, u32 limit)
{
	m->limit = limit;
	m->low = 0;
	m->high = limit + 1;
	m->probe = MIN(limit, PMTU_BASE);
	m->tries = 0;
}

/* The longest first, then in the middle; or the round is over. */
static void next_probe(struct pmtu *m, u64 now_ns)
{
	if (m->low + 1 >= m->high) {
		m->found = m->low;
		end_round(m, now_ns + PMTU_AGAIN_NS);
		return;
	}
	m->probe = m->high > m->limit ? m->limit : m->low + (m->high - m->low) / 2;
	m->tries = 0;
	m->due_ns = now_ns;
}

static void probe_lost(struct pmtu *m, u64 now_ns)
{
	if (!m->low) {
		end_round(m, now_ns + PMTU_RETRY_NS);
		return;
	}
	m->high = m->probe;
	next_probe(m, now_ns);
}

void pmtu_age(struct pmtu *m, u64 now_ns)
{
	if (m->told && now_ns >= m->told_until_ns)
		m->told = 0;
}

u32 pmtu_tick(struct pmtu *m, u32 limit, u64 now_ns)
{
	pmtu_age(m, now_ns);
	if (limit != m->limit) {
		/* Another uplink, another path. */
		m->found = PMTU_UNLIMITED;
		m->limit = limit;
		end_round(m, now_ns);
	}
	if (now_ns < m->due_ns)
		return 0;
	if (!m->probe)
		begin_round(m, limit);
	else if (m->tries == PMTU_TRIES)
		probe_lost(m, now_ns);
	if (!m->probe || now_ns < m->due_ns)
		return 0;
	m->tries++;
	m->sent++;
	m->due_ns = now_ns + PMTU_TRY_NS;
	return m->probe;
}

void pmtu_answered(struct pmtu *m, u32 size, u64 now_ns)
{
	if (!m->probe || size != m->probe)
		return;
	m->answered++;
	m->low = size;
	if (m->told < size)
		m->told = 0; /* and so it was wrong, or is no longer true */
	next_probe(m, now_ns);
}

bool pmtu_told(struct pmtu *m, u32 mtu, u32 in_use, u64 now_ns)
{
	if (mtu < PMTU_BASE || mtu >= in_use)
		return false;
	m->told = mtu;
	m->told_until_ns = now_ns + PMTU_TOLD_NS;
	end_round(m, now_ns);
	return true;
}
