/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: transmit path (8254x Software Developer's Manual, 3.3 to 3.6): plain
 * frames, frames whose checksum the device completes, and frames that it cuts
 * into TCP segments. The doorbell is the only register access for a frame.
 */
#include "drivers/nic/e1000.h"

#include "drivers/nic/probe.h"
#include "hv/base/bytes.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"

#define ETH_TYPE 12u /* offsets in the Ethernet header, ... */
#define ETH_HEADER 14u
#define ETH_TYPE_IP4 0x0800u
#define IP4_LEN 2u /* ... in the IPv4 header: total length, ... */
#define IP4_CSUM 10u
#define IP4_ADDRS 12u
#define IP4_ADDRS_SIZE 8u
#define IP4_HEADER_MIN 20u
#define IP6_LEN 4u /* ... and in IPv6's: payload length, ... */
#define IP6_ADDRS 8u
#define IP6_ADDRS_SIZE 32u
#define IP6_HEADER 40u
#define TCP_CSUM 16u
#define TCP_HEADER_MIN 20u
#define PROTO_TCP 6u

STATIC_ASSERT(PKT_MAX_SEGS + E1000_PLAIN_EXTRA <= E1000_FRAME_DESCS, "a plain frame has room");
STATIC_ASSERT(PKT_MAX_SEGS + E1000_TSO_EXTRA <= E1000_FRAME_DESCS, "a large frame has room");
STATIC_ASSERT((E1000_TX_RING - 1) % E1000_FRAME_DESCS == 0, "one descriptor in use shows");
STATIC_ASSERT(NIC_OFFLOAD_HEADER < 255, "HDRLEN and one more fit in 8 bits");

static inline u32 tx_after(u32 i)
{
	return (i + 1) & (E1000_TX_RING - 1);
}

static u32 tx_free(const struct e1000 *e)
{
	return (e->tx_clean - e->tx_tail - 1) & (E1000_TX_RING - 1);
}

/* --- sent -------------------------------------------------------------------- */

/* With the first frame done that tells, see how many frames the device says it
 * sent. Nothing is under way. */
static void learn_tso_end(struct e1000 *e, struct nic *nic)
{
	u64 sent = e1000_hw_sent(e) - e->wire_base;

	if (sent == e->count.tx_frames) {
		e->tso_end = E1000_TSO_END_CLEAN;
	} else if (sent > e->count.tx_frames) {
		e->tso_end = E1000_TSO_END_EMPTY;
		log_info(nic->name, "sends an empty segment behind full ones: worked around");
	} else {
		e->tso_end = E1000_TSO_END_WHOLE;
		nic->caps = 0;
		log_info(nic->name, "does not segment as its manual says: done in software");
	}
}

u32 e1000_tx_reclaim(struct nic *nic, u32 queue)
{
	struct e1000 *e = nic->priv;
	const struct nic_sent_group *g;
	u32 n = 0;

	(void)queue;
	for (; (g = nic_sent_first(&e->sent)) && e1000_tx_done(e, g); e->sent.first++) {
		n += g->frames;
		e->tx_clean = tx_after(g->last);
	}
	if (!n)
		return 0;
	nic_sent_put(&e->sent, n);
	if (e->tso_full && e->tso_end == E1000_TSO_END_UNKNOWN && e->tx_clean == e->tx_tail)
		learn_tso_end(e, nic);
	return n;
}

u32 e1000_tx_room(struct nic *nic, u32 queue)
{
	struct e1000 *e = nic->priv;

	(void)queue;
	if (!e->running)
		return 0;
	e1000_tx_reclaim(nic, 0);
	return tx_free(e) / E1000_FRAME_DESCS;
}

/* --- descriptors ------------------------------------------------------------- */

/* Where a frame's descriptors go, and what its data descriptors have in common. */
struct tx_build {
	struct e1000 *e;
	u32 at;
	u32 cmd;
	u8 popts;
};

static void put_data(struct tx_build *b, bus_t bus, u32 len)
{
	b->e->tx[b->at].data = (struct e1000_tx_data){
		.addr = bus.v,
		.cmd = b->cmd | len,
		.popts = b->popts,
	};
	b->at = tx_after(b->at);
}

static void put_piece(struct tx_build *b, bus_t bus, u32 len)
{
	/* 3.3.3: a descriptor of length 0 is legal but carries nothing. */
	while (len) {
		u32 n = MIN(len, E1000_TX_PIECE);

		put_data(b, bus, n);
		bus.v += n;
		len -= n;
	}
}

static void put_context(struct tx_build *b, const struct e1000_tx_context *c)
{
	b->e->tx[b->at].context = *c;
	b->at = tx_after(b->at);
}

/* --- checksums --------------------------------------------------------------- */

static bool csum_fits(const struct pkt *p)
{
	u32 end = p->csum_start + p->csum_offset + 2u;

	return end <= NIC_OFFLOAD_HEADER && end <= p->len;
}

/* 3.6. The device keeps the context, so that frames alike need one only. */
static void csum_begin(struct tx_build *b, const struct pkt *p)
{
	u8 at = (u8)(p->csum_start + p->csum_offset);
	u32 want = (u32)p->csum_start << 8 | at;

	b->popts = E1000_POPTS_TXSM;
	if (b->e->tx_csum == want)
		return;
	put_context(b, &(struct e1000_tx_context){
		.tucss = (u8)p->csum_start,
		.tucso = at,
		.cmd = E1000_TXD_DEXT | E1000_TXD_DTYP_CONTEXT |
		       (p->csum_offset == TCP_CSUM ? E1000_TXC_TCP : 0),
	});
	b->e->tx_csum = want;
}

/* --- segmentation ------------------------------------------------------------ */

/* Bytes of the IPv4 header at data + at. */
static u32 ip4_header(const struct pkt *p, u32 at)
{
	return (p->data[at] & 0xfu) * 4;
}

/*
 * The IPv4 header that the device updates. In an IPv6 header it gets the length
 * wrong: by 3.5.9 (and in QEMU) it counts the header itself. But when all
 * segments are full that length is the same in all, and nothing else in the
 * header changes; so the driver fills it in, and it is the outer IPv4 header
 * that the device may work on.
 */
static u32 tso_ip4(const struct pkt *p)
{
	return p->gso_type == PKT_GSO_TCP4 ? p->l3_start : ETH_HEADER;
}

static bool last_is_full(const struct pkt *p)
{
	return p->len == p->payload_start + (u32)p->gso_segs * p->gso_size;
}

/* TCP over IPv6, in an outer IPv4 packet. */
static bool tso6_fits(const struct pkt *p)
{
	u32 outer = ip4_header(p, ETH_HEADER);

	return p->gso_type == PKT_GSO_TCP6 && p->l3_start + IP6_HEADER == p->csum_start &&
	       p->l3_start >= ETH_HEADER + IP4_HEADER_MIN &&
	       load_be16(p->data + ETH_TYPE) == ETH_TYPE_IP4 && outer >= IP4_HEADER_MIN &&
	       ETH_HEADER + outer <= p->l3_start && last_is_full(p);
}

static bool tso_fits(const struct pkt *p)
{
	u32 payload = p->len - p->payload_start;
	u32 full = (u32)p->gso_segs * p->gso_size;

	if (p->l3_start + IP4_HEADER_MIN > p->csum_start ||
	    p->csum_start + TCP_HEADER_MIN > p->payload_start ||
	    p->payload_start > MIN(p->head_len, NIC_OFFLOAD_HEADER) ||
	    p->payload_start >= p->len || payload > E1000_MAX_PAYLOAD || payload > full ||
	    full - payload >= p->gso_size || p->payload_start + p->gso_size > E1000_MAX_FRAME)
		return false;
	if (p->gso_type == PKT_GSO_TCP4)
		return p->l3_start + ip4_header(p, p->l3_start) == p->csum_start;
	return tso6_fits(p);
}

/* 3.5.5: the IPv4 header's length and checksum are zero; TCP's checksum is the
 * pseudo header's sum without the length. */
static void tso_prepare(struct pkt *p)
{
	bool v4 = p->gso_type == PKT_GSO_TCP4;
	const u8 *addrs = p->data + p->l3_start + (v4 ? IP4_ADDRS : IP6_ADDRS);
	u32 size = v4 ? IP4_ADDRS_SIZE : IP6_ADDRS_SIZE;
	u8 *ip = p->data + tso_ip4(p);
	u32 sum = PROTO_TCP;

	for (u32 i = 0; i < size; i += 2)
		sum += load_be16(addrs + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(p->data + p->csum_start + TCP_CSUM, (u16)sum);
	store_be16(ip + IP4_LEN, 0);
	store_be16(ip + IP4_CSUM, 0);
	if (!v4)
		store_be16(p->data + p->l3_start + IP6_LEN,
			   (u16)(p->payload_start - p->csum_start + p->gso_size));
}

static struct e1000_tx_context tso_context(const struct pkt *p)
{
	u32 ip = tso_ip4(p);

	return (struct e1000_tx_context){
		.ipcss = (u8)ip,
		.ipcso = (u8)(ip + IP4_CSUM),
		.ipcse = (u16)(ip + ip4_header(p, ip) - 1),
		.tucss = (u8)p->csum_start,
		.tucso = (u8)(p->csum_start + TCP_CSUM),
		.cmd = E1000_TXD_DEXT | E1000_TXD_DTYP_CONTEXT | E1000_TXC_TSE | E1000_TXC_TCP |
		       E1000_TXC_IP | (p->len - p->payload_start),
		.hdrlen = (u8)p->payload_start,
		.mss = p->gso_size,
	};
}

/* The context, which is for this frame alone: it has the payload's length. */
static void tso_begin(struct tx_build *b, struct pkt *p)
{
	struct e1000_tx_context c = tso_context(p);

	tso_prepare(p);
	put_context(b, &c);
	/* 3.3.5 has two contexts, but not every emulated device does. */
	b->e->tx_csum = 0;
	b->cmd |= E1000_TXD_TSE;
	b->popts = E1000_POPTS_TXSM | E1000_POPTS_IXSM;
}

/*
 * QEMU's device sends a segment when it is full, and at the end of the frame
 * what has come together since: behind a full last segment a header without
 * payload, whose prefix has the wrong lengths. It does not send what is shorter
 * than HDRLEN, so a context with a larger one makes that nothing. Real devices
 * must not see a context inside a frame; they count what they send correctly.
 */
static void tso_close_full(struct tx_build *b, const struct pkt *p)
{
	struct e1000_tx_context c;

	b->e->tso_full = true;
	if (b->e->tso_end != E1000_TSO_END_EMPTY)
		return;
	c = tso_context(p);
	c.hdrlen++;
	put_context(b, &c);
	put_data(b, b->e->pad_bus, 0);
}

/* --- frames ------------------------------------------------------------------ */

/*
 * The descriptors of one frame, from tx_tail; room was checked. It is a group by
 * itself, so that no guest's buffers wait for another frame.
 */
static void tx_frame(struct e1000 *e, struct pkt *p)
{
	struct tx_build b = {
		.e = e,
		.at = e->tx_tail,
		.cmd = E1000_TXD_DEXT | E1000_TXD_DTYP_DATA | E1000_TXD_IFCS,
	};
	u32 last;

	e->count.tx_frames += pkt_wire_frames(p);
	e->count.tx_bytes += e1000_wire_bytes(p);
	if (p->gso_type)
		tso_begin(&b, p);
	else if (p->flags & PKT_F_NEEDS_CSUM)
		csum_begin(&b, p);
	put_piece(&b, pkt_data_bus(p), p->head_len);
	for (u32 i = 0; i < p->nseg; i++)
		put_piece(&b, p->seg[i].bus, p->seg[i].len);
	/* 3.3.3: before the device's own padding a frame must have 48 bytes. */
	if (!p->gso_type && p->len < E1000_MIN_FRAME)
		put_piece(&b, e->pad_bus, E1000_MIN_FRAME - p->len);
	else if (p->gso_type && last_is_full(p))
		tso_close_full(&b, p);

	last = (b.at - 1) & (E1000_TX_RING - 1);
	e->tx[last].data.cmd |= E1000_TXD_EOP | E1000_TXD_RS;
	nic_sent_add_one(&e->sent, p, last);
	e->tx_tail = b.at;
}

/*
 * The first frames of the burst, as long as each is nothing but bytes in one piece, and there
 * is room: one group, as they hold nothing that a guest could wait for. How many.
 */
static __attribute__((noinline)) u32 tx_whole(struct e1000 *e, struct pkt **pkts, u32 n)
{
	const u64 cmd = E1000_TXD_DEXT | E1000_TXD_DTYP_DATA | E1000_TXD_IFCS | E1000_TXD_EOP;
	union e1000_tx_desc *ring = e->tx;
	u32 at = e->tx_tail, slot = e->sent.pkt_tail, k = 0;
	u64 bytes = 0;

	for (n = MIN(n, tx_free(e)); k < n; k++) {
		struct pkt *p = pkts[k];
		u32 len = p->len;

		if (pkt_offloads(p) || p->nseg || p->ties ||
		    len - E1000_MIN_FRAME > E1000_TX_PIECE - E1000_MIN_FRAME)
			break;
		ring[at].word[0] = pkt_data_bus(p).v;
		ring[at].word[1] = cmd | len;
		*nic_sent_slot(&e->sent, slot + k) = p;
		at = tx_after(at);
		bytes += len;
	}
	if (!k)
		return 0;
	e->tx_tail = at;
	at = (at - 1) & (E1000_TX_RING - 1);
	ring[at].data.cmd |= E1000_TXD_RS;
	nic_sent_add(&e->sent, k, at);
	e->count.tx_frames += k;
	e->count.tx_bytes += bytes;
	return k;
}

/* Nothing but bytes, and a descriptor for each piece: none is long enough to be split. */
static inline bool is_simple(const struct pkt *p)
{
	return !pkt_offloads(p) && p->len >= E1000_MIN_FRAME && p->len <= E1000_TX_PIECE &&
	       p->head_len;
}

/* The first frames of the burst, as long as they are such and there is room. How many. */
static u32 tx_simple(struct e1000 *e, struct pkt **pkts, u32 n)
{
	const u32 cmd = E1000_TXD_DEXT | E1000_TXD_DTYP_DATA | E1000_TXD_IFCS;
	const u32 last = E1000_TXD_EOP | E1000_TXD_RS;
	u32 at = e->tx_tail, room = tx_free(e), k = 0;
	union e1000_tx_desc *ring = e->tx;
	u64 bytes = 0;

	for (; k < n && is_simple(pkts[k]) && room > pkts[k]->nseg; k++) {
		struct pkt *p = pkts[k];
		u32 nseg = p->nseg;

		ring[at].data = (struct e1000_tx_data){
			.addr = pkt_data_bus(p).v,
			.cmd = cmd | p->head_len | (nseg ? 0 : last),
		};
		for (u32 i = 0; i < nseg; i++) {
			at = tx_after(at);
			ring[at].data = (struct e1000_tx_data){
				.addr = p->seg[i].bus.v,
				.cmd = cmd | p->seg[i].len | (i + 1 < nseg ? 0 : last),
			};
		}
		nic_sent_add_one(&e->sent, p, at);
		at = tx_after(at);
		room -= 1 + nseg;
		bytes += p->len;
	}
	e->tx_tail = at;
	e->count.tx_frames += k;
	e->count.tx_bytes += bytes;
	return k;
}

static bool tx_fits(const struct pkt *p)
{
	if (p->gso_type)
		return tso_fits(p);
	return p->len > 0 && p->len <= E1000_MAX_FRAME &&
	       (!(p->flags & PKT_F_NEEDS_CSUM) || csum_fits(p));
}

u32 e1000_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n)
{
	struct e1000 *e = nic->priv;
	u32 old_tail = e->tx_tail;
	u32 taken;

	(void)queue;
	if (!e->running)
		return 0;
	if (tx_free(e) < n * E1000_FRAME_DESCS)
		e1000_tx_reclaim(nic, 0);
	taken = tx_whole(e, pkts, n);
	taken += tx_simple(e, pkts + taken, n - taken);
	for (; taken < n; taken++) {
		struct pkt *p = pkts[taken];

		if (!tx_fits(p)) {
			e->count.tx_bad++;
			pkt_put(p);
			continue;
		}
		if (tx_free(e) < p->nseg + (p->gso_type ? E1000_TSO_EXTRA : E1000_PLAIN_EXTRA)) {
			e->count.tx_full++;
			break;
		}
		tx_frame(e, p);
	}
	if (e->tx_tail != old_tail) {
		mmio_wmb();
		e1000_write(e, E1000_TDT, e->tx_tail);
		e->count.doorbells++;
	}
	return taken;
}

/* --- the probe --------------------------------------------------------------- */

void e1000_tx_probe(struct nic *nic)
{
	struct e1000 *e = nic->priv;
	struct pkt *p = nic_make_probe(nic, e->pool);
	u64 end = plat_now_ns() + NIC_PROBE_WAIT_NS;

	if (p && !e1000_tx_burst(nic, 0, &p, 1))
		pkt_put(p);
	while (e->tx_clean != e->tx_tail && !e1000_tx_reclaim(nic, 0) && plat_now_ns() < end)
		plat_relax();
}
