/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the edge of a received packet: one hash table for all keys, and the
 * local ports. Open addressing, changed in place by the boot core while others
 * read. A reader that finds an edge compares the key that the edge itself has,
 * so a slot that changes under it leads to a wrong key at worst, which is a
 * miss: and who is being changed has no claim to the packet.
 */
#include "hv/base/str.h"
#include "vnet/edge_priv.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/net/udp.h"

#define SLOTS_BITS 12
#define SLOTS BIT(SLOTS_BITS)

STATIC_ASSERT(SLOTS >= 4 * VNET_MAX_PORTS, "two keys an edge, and probes stay short");

/* Where a packet came in, in edge_key.where ... */
#define WHERE_LOCAL_SHIFT 56
#define WHERE_VNI_SHIFT 32
/* ... and what tells the link, in edge_key.who. */
#define WHO_ADDRESS 0ull	  /* where has the address */
#define WHO_NAT (1ull << 32)	  /* ... and this the port */
#define WHO_TAG (2ull << 32)	  /* this has the tag */

struct slot {
	u64 hash; /* 0: never used, ends a probe */
	struct edge *edge;
};

static struct slot slots[SLOTS];

/* Local ports of all networks. */
#define LOCALS (EDGE_NETS_MAX * UDP_PORTS_MAX)

/* How many edges have a peer whose address falls here. */
#define PEERS_BITS 10
static u16 peers[BIT(PEERS_BITS)];
static struct edge_local locals[LOCALS];

STATIC_ASSERT(LOCALS <= 256 && LINK_VNI_MAX < BIT(24), "both fit into edge_key.where");

/* --- local ports ---------------------------------------------------------- */

const struct edge_local *edge_local_find(u32 net, u16 port)
{
	for (u32 i = 0; i < LOCALS; i++) {
		if (locals[i].users && locals[i].net == net && locals[i].port == port)
			return &locals[i];
	}
	return NULL;
}

struct edge_local *edge_local_get(u32 net, u16 port, const struct link_kind *kind, err_t *err)
{
	struct edge_local *free = NULL;

	for (u32 i = 0; i < LOCALS; i++) {
		struct edge_local *l = &locals[i];

		if (!l->users) {
			if (!free && (!l->was_used || epoch_passed(&l->left)))
				free = l;
		} else if (l->net == net && l->port == port) {
			*err = l->kind == kind ? ERR_OK : ERR_BUSY;
			__atomic_store_n(&l->users, l->users + (l->kind == kind),
					 __ATOMIC_RELAXED);
			return *err ? NULL : l;
		}
	}
	*err = free ? ERR_OK : ERR_NOMEM;
	if (free)
		*free = (struct edge_local){
			.kind = kind, .net = net, .port = port, .index = (u16)(free - locals),
			.users = 1,
		};
	return free;
}

void edge_local_put(struct edge_local *local)
{
	__atomic_store_n(&local->users, local->users - 1, __ATOMIC_RELAXED);
	local->was_used = true;
	epoch_now(&local->left);
}

/* --- keys ----------------------------------------------------------------- */

static u64 where(const struct edge_local *local, u32 vni)
{
	return (u64)local->index << WHERE_LOCAL_SHIFT | (u64)vni << WHERE_VNI_SHIFT;
}

struct edge_key edge_key_address(const struct edge_local *local, u32 vni, u32 ip)
{
	return (struct edge_key){ where(local, vni) | ip, WHO_ADDRESS };
}

struct edge_key edge_key_nat(const struct edge_local *local, u32 vni, u32 ip, u16 port)
{
	return (struct edge_key){ where(local, vni) | ip, WHO_NAT | port };
}

struct edge_key edge_key_tag(const struct edge_local *local, u32 vni, u32 tag)
{
	return (struct edge_key){ where(local, vni), WHO_TAG | tag };
}

static bool same(const struct edge_key *a, const struct edge_key *b)
{
	return a->where == b->where && a->who == b->who;
}

/* --- table ---------------------------------------------------------------- */

static u64 key_hash(const struct edge_key *key)
{
	return hash_mix(key->where ^ HASH_K0, key->who ^ HASH_K1) | 1;
}

static u32 first_slot(u64 hash)
{
	return (u32)(hash >> (64 - SLOTS_BITS));
}

struct edge *edge_table_find(const struct edge_key *key)
{
	u64 hash = key_hash(key);
	u32 at = first_slot(hash);

	for (u32 i = 0; i < SLOTS; i++, at = (at + 1) % SLOTS) {
		u64 have = __atomic_load_n(&slots[at].hash, __ATOMIC_ACQUIRE);
		struct edge *e;

		if (!have)
			break;
		if (have != hash)
			continue;
		e = __atomic_load_n(&slots[at].edge, __ATOMIC_ACQUIRE);
		if (e && (same(&e->key, key) || same(&e->nat_key, key)))
			return e;
	}
	return NULL;
}

void edge_table_add(struct edge *e, const struct edge_key *key)
{
	u64 hash = key_hash(key);
	u32 at = first_slot(hash);

	/* There is a place: at most VNET_MAX_PORTS edges have two each. */
	while (slots[at].edge)
		at = (at + 1) % SLOTS;
	__atomic_store_n(&slots[at].hash, hash, __ATOMIC_RELEASE);
	__atomic_store_n(&slots[at].edge, e, __ATOMIC_RELEASE);
}

/* Slots that no probe needs to pass end probes again. */
static void clean_before(u32 at)
{
	while (!slots[(at + 1) % SLOTS].hash && !slots[at].edge && slots[at].hash) {
		__atomic_store_n(&slots[at].hash, 0, __ATOMIC_RELEASE);
		at = (at + SLOTS - 1) % SLOTS;
	}
}

void edge_table_del(struct edge *e, const struct edge_key *key)
{
	u64 hash = key_hash(key);
	u32 at = first_slot(hash);

	for (u32 i = 0; i < SLOTS && slots[at].hash; i++, at = (at + 1) % SLOTS) {
		if (slots[at].hash != hash || slots[at].edge != e)
			continue;
		__atomic_store_n(&slots[at].edge, NULL, __ATOMIC_RELEASE);
		clean_before(at);
		return;
	}
}

static u16 *peers_at(const struct edge_local *local, u32 ip)
{
	u64 hash = hash_mix(((u64)local->index << 32 | ip) ^ HASH_K1, HASH_K0);

	return &peers[hash >> (64 - PEERS_BITS)];
}

void edge_peer_count(const struct edge_local *local, u32 ip, int more)
{
	u16 *at = peers_at(local, ip);

	__atomic_store_n(at, (u16)(*at + more), __ATOMIC_RELAXED);
}

bool edge_peer_maybe(const struct edge_local *local, u32 ip)
{
	return __atomic_load_n(peers_at(local, ip), __ATOMIC_RELAXED) != 0;
}
