/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of ports by id, quick to walk when few are in it. One owner at a time. */
#ifndef VNET_PORTSET_H
#define VNET_PORTSET_H

#include "hv/base/types.h"
#include "vnet/vnet.h"

#define PORT_SET_WORDS (VNET_MAX_PORTS / 64)

/* All zero: the empty set. */
struct port_set {
	u32 used; /* bit per word that is not 0 */
	u64 word[PORT_SET_WORDS];
};
STATIC_ASSERT(VNET_MAX_PORTS % 64 == 0 && PORT_SET_WORDS <= 32, "a bit per word");

static inline void port_set_add(struct port_set *s, u16 id)
{
	s->word[id / 64] |= BIT64(id % 64);
	s->used |= BIT(id / 64);
}

static inline bool port_set_has(const struct port_set *s, u16 id)
{
	return s->word[id / 64] & BIT64(id % 64);
}

/* Takes the lowest id out; VNET_PORT_NONE when the set is empty. */
static inline u16 port_set_take(struct port_set *s)
{
	u32 w;
	u16 id;

	if (!s->used)
		return VNET_PORT_NONE;
	w = (u32)__builtin_ctz(s->used);
	id = (u16)(w * 64 + (u32)__builtin_ctzll(s->word[w]));
	s->word[w] &= s->word[w] - 1;
	if (!s->word[w])
		s->used &= s->used - 1;
	return id;
}

#endif
