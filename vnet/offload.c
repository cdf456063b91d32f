/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames with offload fields on their way to a port. The order of the burst is
 * kept: what is ready gathers in a batch, and a frame that is cut fills as many
 * batches as it takes, each delivered before the next is made, so that a port
 * with little room and a small pool see it piece by piece.
 */
#include "vnet/offload.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/gso.h"
#include "vnet/net/wire.h"
#include "vnet/port.h"

/* What the Ethernet header and one VLAN tag may have beyond a port's MTU. */
#define L2_BYTES (ETH_HLEN + VLAN_HLEN)

static struct {
	struct offload_stats n ALIGNED(CACHE_LINE);
} cores[PLAT_MAX_CORES];

struct batch {
	struct vnet_port *port;
	struct offload_stats *stats;
	u32 n;
	struct pkt *pkt[PKT_BURST];
};

static void batch_end(struct batch *b)
{
	if (b->n)
		b->port->ops->deliver(b->port, b->pkt, b->n);
	b->n = 0;
}

static void batch_add(struct batch *b, struct pkt *p)
{
	if (b->n == PKT_BURST)
		batch_end(b);
	b->pkt[b->n++] = p;
}

static bool port_takes(const struct vnet_port *port, const struct pkt *p)
{
	u32 need = p->gso_type == PKT_GSO_NONE ? PKT_CAP_CSUM : gso_cap(p->gso_type);

	return (port->caps & need) && pkt_wire_len(p) <= port->caps_max;
}

/* A packet to take references to in place of p, or NULL and p is dropped. */
static struct pkt *ours(struct batch *b, struct pkt *p)
{
	struct pkt *q = b->port->pool ? pkt_adopt(b->port->pool, p) : NULL;

	if (!q)
		vnet_port_drop(b->port, p, VNET_DROP_NO_PACKET);
	return q;
}

/* All of p in plain frames. Those for which there is no packet are dropped. */
static void add_cut(struct batch *b, struct pkt *p)
{
	struct gso_cut cut;

	p = ours(b, p);
	if (!p)
		return;
	gso_cut_begin(&cut, p);
	b->stats->long_cut++;
	b->stats->segments += cut.count;
	b->stats->extra += cut.count - 1;
	while (cut.next < cut.count) {
		u32 made;

		if (b->n == PKT_BURST)
			batch_end(b);
		made = gso_cut_next(&cut, b->port->pool, b->pkt + b->n, PKT_BURST - b->n);
		b->n += made;
		if (made)
			continue;
		/* What is in the batch has packets that may come back. */
		if (b->n) {
			batch_end(b);
			continue;
		}
		vnet_port_drop_count(b->port, VNET_DROP_NO_PACKET, cut.count - cut.next);
		break;
	}
	pkt_put(p);
}

/* p whole, for a port that wants whole multiples of the segment size. */
static void add_even(struct batch *b, struct pkt *p)
{
	struct pkt *tail;

	p = ours(b, p);
	if (!p)
		return;
	if (gso_split_tail(b->port->pool, p, &tail)) {
		vnet_port_drop(b->port, p, VNET_DROP_NO_PACKET);
		return;
	}
	b->stats->long_whole++;
	batch_add(b, p);
	if (!tail)
		return;
	b->stats->long_cut++;
	b->stats->segments += 2;
	b->stats->extra++;
	batch_add(b, tail);
}

void offload_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct batch b = { .port = port, .stats = &cores[plat_core()].n };

	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i];
		bool is_long = p->gso_type != PKT_GSO_NONE;

		if (!pkt_is_offloaded(p)) {
			batch_add(&b, p);
		} else if (is_long && pkt_wire_len(p) > port->mtu + L2_BYTES) {
			if (port->ops->too_big)
				port->ops->too_big(port, p);
			vnet_port_drop(port, p, VNET_DROP_TOO_BIG);
		} else if (!port_takes(port, p)) {
			if (is_long) {
				add_cut(&b, p);
				continue;
			}
			gso_checksum(p);
			b.stats->checksums++;
			batch_add(&b, p);
		} else if (is_long && (port->caps & PKT_CAP_EVEN)) {
			add_even(&b, p);
		} else {
			b.stats->long_whole += is_long;
			batch_add(&b, p);
		}
	}
	batch_end(&b);
}

bool offload_accept(struct pkt *p)
{
	cores[plat_core()].n.long_in += p->gso_type != PKT_GSO_NONE;
	return gso_check(p) == ERR_OK;
}

void offload_stats(unsigned core, struct offload_stats *out)
{
	if (core < PLAT_MAX_CORES)
		*out = cores[core].n;
	else
		memset(out, 0, sizeof(*out));
}

void offload_fini(void)
{
	memset(cores, 0, sizeof(cores));
}
