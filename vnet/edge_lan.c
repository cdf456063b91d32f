/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of the LAN behind the uplink, which the node's own stack and a direct
 * link share: a NIC that takes all addresses hands in what is for the stack,
 * for a guest, for everybody, and for others.
 */
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/edge_priv.h"
#include "vnet/hash.h"
#include "vnet/net/wire.h"
#include "vnet/port.h"

/* Interfaces that were found before, by their MAC. An entry says where to look
 * first; the port itself says whether that still holds. */
#define SEEN_BITS 6
static u16 seen[BIT(SEEN_BITS)];

static bool is_interface(const struct vnet_port *port, u32 overlay, const u8 *mac)
{
	return port && port->kind == VNET_PORT_INTERFACE && port->overlay == overlay &&
	       vnet_port_has_mac(port, mac_load(mac));
}

static bool is_guests(u32 overlay, const u8 *mac)
{
	u16 *first = &seen[hash_mix(mac_load(mac) ^ HASH_K0, HASH_K1) >> (64 - SEEN_BITS)];

	if (is_interface(vnet_port_by_id(*first), overlay, mac))
		return true;
	for (const struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		if (is_interface(p, overlay, mac)) {
			*first = p->id;
			return true;
		}
	}
	return false;
}

static bool is_broadcast(const u8 *mac)
{
	static const u8 ones[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return memcmp(mac, ones, ETH_ALEN) == 0;
}

u32 edge_lan_input(struct edge *e, const u8 own_mac[6], struct pkt **pkts, u32 n)
{
	struct pkt *in[PKT_BURST];
	u32 rest = 0, count = 0;

	ASSERT(n <= PKT_BURST);
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i], *copy;

		if (p->head_len < ETH_HLEN ||
		    (own_mac && memcmp(p->data, own_mac, ETH_ALEN) == 0)) {
			pkts[rest++] = p;
		} else if (own_mac && is_broadcast(p->data)) {
			/* For the stack as well. */
			copy = pkt_clone(e->setup.pool, p);
			if (copy)
				in[count++] = copy;
			else
				vnet_port_drop(&e->port, NULL, VNET_DROP_NO_PACKET);
			pkts[rest++] = p;
		} else if ((p->data[0] & 1) || is_guests(e->port.overlay, p->data)) {
			in[count++] = p;
		} else {
			pkts[rest++] = p; /* whose end the stack counts */
		}
	}
	edge_pass_on(e, in, count);
	return rest;
}
