/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP (RFC 826). Entries in use are checked before they are given up, so that
 * a neighbour that stays is never without an address. */
#include "vnet/net/arp.h"

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/net/net_priv.h"

/* Where an address is first looked for: those of one subnet have places of their own. */
static struct arp_entry *home_of(struct netif *nif, u32 ip)
{
	return &nif->arp.entry[ip % ARP_ENTRIES];
}

static bool is_for(const struct arp_entry *e, u32 ip)
{
	return e->state != ARP_FREE && e->ip == ip;
}

static struct arp_entry *find(struct netif *nif, u32 ip)
{
	if (is_for(home_of(nif, ip), ip))
		return home_of(nif, ip);
	for (u32 i = 0; i < ARP_ENTRIES; i++) {
		struct arp_entry *e = &nif->arp.entry[i];

		if (is_for(e, ip))
			return e;
	}
	return NULL;
}

void arp_init(struct netif *nif)
{
	nif->arp.next_ns = UINT64_MAX;
}

static void find_next(struct netif *nif)
{
	nif->arp.next_ns = UINT64_MAX;
	for (u32 i = 0; i < ARP_ENTRIES; i++) {
		const struct arp_entry *e = &nif->arp.entry[i];

		if (e->state != ARP_FREE)
			nif->arp.next_ns = MIN(nif->arp.next_ns, e->next_ns);
	}
}

static void set_next(struct netif *nif, struct arp_entry *e, u64 next_ns)
{
	bool was_next = e->next_ns == nif->arp.next_ns;

	e->next_ns = next_ns;
	if (next_ns <= nif->arp.next_ns)
		nif->arp.next_ns = next_ns;
	else if (was_next)
		find_next(nif);
}

static void entry_free(struct netif *nif, struct arp_entry *e)
{
	/* Headers built with its MAC must not be used on. */
	if (e->state != ARP_ASKING)
		net_gen_next(nif);
	for (u32 i = 0; i < e->waiting; i++)
		net_drop(nif, e->wait[i], NET_DROP_NO_NEIGHBOUR);
	*e = (struct arp_entry){ .state = ARP_FREE };
	find_next(nif);
}

/* Its first place, if that is free. */
static struct arp_entry *entry_at_home(struct netif *nif, u32 ip)
{
	struct arp_entry *e = home_of(nif, ip);

	if (e->state != ARP_FREE)
		return NULL;
	e->ip = ip;
	return e;
}

/* A free entry; else the one with an address that was not used lately or is
 * the next to be checked. NULL when all are being asked for. */
static struct arp_entry *entry_new(struct netif *nif, u32 ip)
{
	struct arp_entry *best = entry_at_home(nif, ip);

	for (u32 i = 0; i < ARP_ENTRIES && !(best && best->state == ARP_FREE); i++) {
		struct arp_entry *e = &nif->arp.entry[i];

		if (e->state == ARP_ASKING)
			continue;
		if (!best || e->state == ARP_FREE || e->used < best->used ||
		    (e->used == best->used && e->next_ns < best->next_ns))
			best = e;
	}
	if (!best)
		return NULL;
	if (best->state != ARP_FREE)
		entry_free(nif, best);
	best->ip = ip;
	return best;
}

static void send(struct netif *nif, u16 op, const u8 *eth_dst, const u8 *tha, u32 tpa)
{
	struct pkt *p = pkt_get(nif->setup.pool);
	u8 *a;

	if (!p) {
		nif->count.drop[NET_DROP_NO_PACKET]++;
		return;
	}
	a = p->data;
	store_be16(a + ARP_HTYPE, ARP_HTYPE_ETHERNET);
	store_be16(a + ARP_PTYPE, ETH_TYPE_IPV4);
	a[ARP_HLEN] = ETH_ALEN;
	a[ARP_PLEN] = 4;
	store_be16(a + ARP_OP, op);
	memcpy(a + ARP_SHA, nif->setup.mac, ETH_ALEN);
	store_be32(a + ARP_SPA, nif->addr);
	memcpy(a + ARP_THA, tha, ETH_ALEN);
	store_be32(a + ARP_TPA, tpa);
	p->head_len = ARP_LEN;
	p->len = ARP_LEN;
	eth_output(nif, p, eth_dst, ETH_TYPE_ARP);
}

static void ask(struct netif *nif, struct arp_entry *e, u64 now)
{
	static const u8 nobody[ETH_ALEN];

	e->tries++;
	set_next(nif, e, now + ARP_RETRY_NS);
	send(nif, ARP_OP_REQUEST, e->state == ARP_CHECKING ? e->mac : eth_broadcast, nobody,
	     e->ip);
}

void arp_announce(struct netif *nif)
{
	static const u8 nobody[ETH_ALEN];

	send(nif, ARP_OP_REQUEST, eth_broadcast, nobody, nif->addr);
}

struct arp_entry *arp_lookup(struct netif *nif, u32 ip)
{
	struct arp_entry *e = find(nif, ip);

	if (!e || e->state == ARP_ASKING)
		return NULL;
	e->used = true;
	return e;
}

void arp_send_to(struct netif *nif, u32 ip, struct pkt *p)
{
	struct arp_entry *e = find(nif, ip);

	if (!e) {
		e = entry_new(nif, ip);
		if (!e) {
			net_drop(nif, p, NET_DROP_NO_NEIGHBOUR);
			return;
		}
		e->state = ARP_ASKING;
		ask(nif, e, plat_now_ns());
	}
	if (e->state != ARP_ASKING) {
		e->used = true;
		eth_output(nif, p, e->mac, ETH_TYPE_IPV4);
	} else if (e->waiting == ARP_WAIT_MAX) {
		net_drop(nif, p, NET_DROP_NO_NEIGHBOUR);
	} else {
		e->wait[e->waiting++] = p;
	}
}

/* The neighbour said where it is. */
static void learn(struct netif *nif, struct arp_entry *e, const u8 *mac)
{
	if (e->state != ARP_ASKING && memcmp(e->mac, mac, ETH_ALEN) != 0)
		net_gen_next(nif);
	memcpy(e->mac, mac, ETH_ALEN);
	e->state = ARP_KNOWN;
	e->tries = 0;
	e->used = false;
	set_next(nif, e, plat_now_ns() + ARP_CHECK_NS);
	for (u32 i = 0; i < e->waiting; i++)
		eth_output(nif, e->wait[i], e->mac, ETH_TYPE_IPV4);
	if (e->waiting)
		e->used = true;
	e->waiting = 0;
}

static bool well_formed(const struct netif *nif, const struct pkt *p)
{
	static const u8 nobody[ETH_ALEN];
	const u8 *a = p->data + ETH_HLEN;
	u32 spa;
	u16 op;

	if (p->len < ETH_HLEN + ARP_LEN)
		return false;
	op = load_be16(a + ARP_OP);
	spa = load_be32(a + ARP_SPA);
	return load_be16(a + ARP_HTYPE) == ARP_HTYPE_ETHERNET &&
	       load_be16(a + ARP_PTYPE) == ETH_TYPE_IPV4 && a[ARP_HLEN] == ETH_ALEN &&
	       a[ARP_PLEN] == 4 && (op == ARP_OP_REQUEST || op == ARP_OP_REPLY) &&
	       !(a[ARP_SHA] & 1) && memcmp(a + ARP_SHA, nobody, ETH_ALEN) != 0 &&
	       memcmp(a + ARP_SHA, nif->setup.mac, ETH_ALEN) != 0 &&
	       (spa == 0 || ip4_is_unicast(spa));
}

static void report_conflict(const struct netif *nif, const u8 *mac)
{
	char ip[FMT_IP4_LEN], who[FMT_MAC_LEN];

	LOG_LIMITED(LOG_WARN, nif->setup.name, "address %s is also used by %s",
		    fmt_ip4(ip, nif->addr), fmt_mac(who, mac));
}

void arp_input(struct netif *nif, struct pkt *p)
{
	const u8 *a = p->data + ETH_HLEN;
	struct arp_entry *e;
	u32 spa, tpa;
	bool request;

	if (!well_formed(nif, p)) {
		net_drop(nif, p, NET_DROP_ARP_BAD);
		return;
	}
	spa = load_be32(a + ARP_SPA);
	tpa = load_be32(a + ARP_TPA);
	if (nif->addr && spa == nif->addr) {
		report_conflict(nif, a + ARP_SHA);
		net_drop(nif, p, NET_DROP_ARP_CONFLICT);
		return;
	}
	request = nif->addr && tpa == nif->addr && load_be16(a + ARP_OP) == ARP_OP_REQUEST;
	e = spa ? find(nif, spa) : NULL;
	/* Who asks for us will be answered next: remember it, where that is no work.
	 * Nothing else from nowhere makes an entry. */
	if (!e && request && spa && ((spa ^ nif->addr) & nif->mask) == 0)
		e = entry_at_home(nif, spa);
	if (e)
		learn(nif, e, a + ARP_SHA);
	if (request)
		send(nif, ARP_OP_REPLY, a + ARP_SHA, a + ARP_SHA, spa);
	nif->count.rx_control++;
	pkt_put(p);
}

void arp_flush(struct netif *nif)
{
	for (u32 i = 0; i < ARP_ENTRIES; i++) {
		if (nif->arp.entry[i].state != ARP_FREE)
			entry_free(nif, &nif->arp.entry[i]);
	}
}

static void entry_due(struct netif *nif, struct arp_entry *e, u64 now)
{
	if (e->state == ARP_KNOWN) {
		if (!e->used) {
			entry_free(nif, e);
			return;
		}
		e->state = ARP_CHECKING;
		e->used = false;
	}
	if (e->tries == ARP_TRIES)
		entry_free(nif, e);
	else
		ask(nif, e, now);
}

void arp_tick(struct netif *nif, u64 now_ns)
{
	for (u32 i = 0; i < ARP_ENTRIES && now_ns >= nif->arp.next_ns; i++) {
		struct arp_entry *e = &nif->arp.entry[i];

		if (e->state != ARP_FREE && now_ns >= e->next_ns)
			entry_due(nif, e, now_ns);
	}
}

u64 arp_next_ns(const struct netif *nif)
{
	return nif->arp.next_ns;
}
