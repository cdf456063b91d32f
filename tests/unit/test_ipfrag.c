/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments both ways, the way in against a naive twin. */
#include "tests/unit/net_harness.h"

#define BIG 28000u
#define PIECE 1480u

static u32 got, got_len, got_seg, got_tos;
static u8 got_data[65536];
static u8 datagram[65536]; /* UDP header and data */

static void take(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	(void)ctx;
	(void)run;
	for (u32 i = 0; i < n; i++) {
		got++;
		got_len = pkts[i]->len;
		got_seg = pkts[i]->nseg;
		got_tos = pkts[i]->tos;
		pkt_copy_out(pkts[i], 0, got_data, got_len);
		pkt_put(pkts[i]);
	}
}

static int setup(void **state)
{
	net_setup(state);
	got = got_len = 0;
	return udp_bind(&nif, 9000, take, NULL) == ERR_OK ? 0 : -1;
}

/* A datagram with len bytes of UDP data; returns its length with the header. */
static u32 make_datagram(u32 len)
{
	static u8 data[65536];

	for (u32 i = 0; i < len; i++)
		data[i] = (u8)(i * 13 + (i >> 8));
	return make_udp(datagram, PEER, OWN, 5, 9000, data, len, true);
}

static void feed_as(u32 src, u16 id, u32 off, u32 len, bool more, u8 tos)
{
	struct ip_spec s = { .src = src, .dst = OWN, .proto = 17, .id = id, .tos = tos,
			     .frag = (u16)(off / 8 | (more ? IP_FRAG_MF : 0)) };
	u8 f[2048];

	net_feed(f, make_ip(f, &s, datagram + off, len));
}

static void feed(u16 id, u32 off, u32 len, bool more)
{
	feed_as(PEER, id, off, len, more, 0);
}

static void check_got(u32 count, u32 len)
{
	assert_int_equal(got, count);
	assert_int_equal(got_len, len - 8);
	assert_memory_equal(got_data, datagram + 8, len - 8);
}

static void test_in_order_and_not(void **state)
{
	u32 len = make_datagram(4000);

	(void)state;
	feed(1, 0, PIECE, true);
	feed(1, PIECE, PIECE, true);
	assert_int_equal(got, 0);
	feed(1, 2 * PIECE, len - 2 * PIECE, false);
	check_got(1, len);
	assert_int_equal(got_seg, 2);
	/* Backwards; two at once; the same id from somebody else. */
	feed(2, 2 * PIECE, len - 2 * PIECE, false);
	feed(3, PIECE, PIECE, true);
	feed_as(PEER + 1, 2, 0, PIECE, true, 0);
	feed(2, PIECE, PIECE, true);
	feed(3, 2 * PIECE, len - 2 * PIECE, false);
	assert_int_equal(got, 1);
	feed(2, 0, PIECE, true);
	check_got(2, len);
	feed(3, 0, PIECE, true);
	check_got(3, len);
	assert_int_equal(nif.count.rx_joined, 6);
	assert_int_equal(drops_total(), 0);
}

static void test_odd_end_and_single(void **state)
{
	u32 len = make_datagram(1501);

	(void)state;
	feed(1, 1504, len - 1504, false);
	feed(1, 0, 1504 - 1400, true);
	feed(1, 1504 - 1400, 1400, true);
	check_got(1, len);
	assert_int_equal(drops_total(), 0);
}

static void test_congestion_mark(void **state)
{
	u32 len = make_datagram(2000);

	(void)state;
	feed_as(PEER, 1, 0, PIECE, true, 0x2a);
	feed_as(PEER, 1, PIECE, len - PIECE, false, 0x2b);
	assert_int_equal(got_tos, 0x2b);
}

static void test_overlap(void **state)
{
	u32 len = make_datagram(4000);

	(void)state;
	feed(1, 0, PIECE, true);
	feed(1, PIECE - 8, PIECE, true); /* overlaps: both go */
	assert_int_equal(drops(NET_DROP_FRAG_OVERLAP), 2);
	/* ... and so does what else comes. */
	feed(1, 0, PIECE, true);
	feed(1, PIECE, PIECE, true);
	feed(1, 2 * PIECE, len - 2 * PIECE, false);
	assert_int_equal(drops(NET_DROP_FRAG_OVERLAP), 5);
	assert_int_equal(got, 0);
	/* Behind the end; an end before what is there; two ends. */
	feed(2, PIECE, 100, false);
	feed(2, 2 * PIECE, 80, true);
	assert_int_equal(drops(NET_DROP_FRAG_OVERLAP), 7);
	feed(3, 2 * PIECE, 80, true);
	feed(3, PIECE, 100, false);
	assert_int_equal(drops(NET_DROP_FRAG_OVERLAP), 9);
	feed(4, PIECE, 104, false);
	feed(4, PIECE, 104, true);
	assert_int_equal(drops(NET_DROP_FRAG_OVERLAP), 11);
	assert_int_equal(net_frags_held(), 0);
	/* Repeated exactly: only the repetition goes. */
	len = make_datagram(2000);
	feed(5, 0, PIECE, true);
	feed(5, 0, PIECE, true);
	feed(5, PIECE, len - PIECE, false);
	check_got(1, len);
	assert_int_equal(drops(NET_DROP_FRAG_REPEATED), 1);
}

static void test_impossible(void **state)
{
	(void)state;
	make_datagram(60000);
	feed(1, 0, 7, true);	     /* not a multiple of 8 */
	feed(1, 8, 0, false);	     /* nothing */
	feed(1, 65512, 8, false);    /* beyond what a datagram can be */
	assert_int_equal(drops(NET_DROP_FRAG_BAD), 3);
	assert_int_equal(net_frags_held(), 0);
	/* A first fragment without a whole UDP header. */
	feed(2, 8, 16, false);
	datagram[4] = 0;
	datagram[5] = 24;
	feed(2, 0, 8, true);
	assert_int_equal(got + drops(NET_DROP_UDP_CSUM), 1);
}

static void test_limits(void **state)
{
	u32 len = make_datagram(8 * 30);

	(void)state;
	/* Pieces of one datagram. */
	for (u32 i = 0; i < IPFRAG_PIECES_SHORT; i++)
		feed(1, i * 8, 8, true);
	assert_int_equal(net_frags_held(), IPFRAG_PIECES_SHORT);
	feed(1, IPFRAG_PIECES_SHORT * 8, len - IPFRAG_PIECES_SHORT * 8, false);
	assert_int_equal(drops(NET_DROP_FRAG_FULL), IPFRAG_PIECES_SHORT + 1);
	assert_int_equal(net_frags_held(), 0);
	/* Datagrams of one source. */
	for (u16 id = 2; id < 2 + IPFRAG_PER_SOURCE; id++)
		feed(id, 0, 80, true);
	assert_int_equal(drops(NET_DROP_FRAG_FULL), IPFRAG_PIECES_SHORT + 2);
	/* Others still find room ... until all slots are taken. */
	for (u32 i = 0; i < IPFRAG_SLOTS; i++)
		feed_as(PEER + 1 + i / 4, (u16)i, 0, 80, true, 0);
	assert_int_equal(net_frags_held(), IPFRAG_SLOTS - 1);
	/* Time frees them. */
	host_now_ns = netif_next_ns(&nif);
	netif_tick(&nif, host_now_ns);
	assert_int_equal(net_frags_held(), 0);
	assert_int_equal(drops(NET_DROP_FRAG_TIMEOUT), IPFRAG_SLOTS - 1);
	assert_int_equal(netif_next_ns(&nif), UINT64_MAX);
}

/* In IPFRAG_PIECES long pieces, backwards; kept for a look at it. */
static struct pkt *kept;

static void keep(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	(void)ctx;
	(void)run;
	assert_int_equal(n, 1);
	kept = pkts[0];
}

static u32 feed_in_pieces(u16 id, u32 pieces, u32 unit)
{
	u32 len = make_datagram(pieces * unit - unit / 2 - 8);

	for (u32 i = pieces; i-- > 0;)
		feed(id, i * unit, MIN(unit, len - i * unit), i + 1 < pieces);
	return len;
}

static void test_many_long_pieces(void **state)
{
	const u32 wire = 9000 - 20;
	u32 len;

	(void)state;
	/* As many as there can be of 1,400 bytes; one more is too many. */
	len = feed_in_pieces(1, IPFRAG_PIECES, 1376);
	assert_int_equal(len, IPFRAG_PIECES * 1376 - 688);
	assert_true(len > 65000);
	check_got(1, len);
	assert_int_equal(got_seg, IPFRAG_PIECES - 1);
	feed_in_pieces(2, IPFRAG_PIECES + 1, IPFRAG_LONG);
	assert_int_equal(got, 1);
	assert_int_equal(drops(NET_DROP_FRAG_FULL), IPFRAG_PIECES + 1);
	/* Of the shortest, no frame of a NIC's is in more pieces than it takes, and a
	 * copy for one more destination has as many places as it needs. */
	udp_unbind(&nif, 9000);
	udp_bind(&nif, 9000, keep, NULL);
	len = feed_in_pieces(3, IPFRAG_PIECES, IPFRAG_LONG);
	assert_non_null(kept);
	assert_int_equal(kept->nseg, IPFRAG_PIECES - 1);
	for (u32 off = 0; off + 8 < len; off += 8) {
		struct pkt *p = pkt_slice(&rx_pool, kept, off, MIN(wire, len - 8 - off));

		assert_non_null(p);
		assert_true(p->nseg <= PKT_MAX_SEGS);
		pkt_put(p);
	}
	{
		struct pkt *p = pkt_clone(&hdr_pool, kept);

		assert_non_null(p);
		assert_int_equal(p->nseg, PKT_JOIN_SEGS);
		pkt_copy_out(p, 0, got_data, p->len);
		assert_memory_equal(got_data, datagram + 8, len - 8);
		pkt_put(p);
	}
	pkt_put(kept);
}

/* A frame of several buffers, as a NIC hands in what is long. */
static void feed_long(u16 id, u32 off, u32 len, bool more)
{
	struct ip_spec s = { .src = PEER, .dst = OWN, .proto = 17, .id = id,
			     .frag = (u16)(off / 8 | (more ? IP_FRAG_MF : 0)) };
	static u8 f[10000];
	u32 total = make_ip(f, &s, datagram + off, len);
	struct pkt *whole = NULL;

	for (u32 at = 0; at < total; at += 2048) {
		struct pkt *p = pkt_get(&rx_pool);

		p->head_len = p->len = MIN(2048u, total - at);
		memcpy(p->data, f + at, p->len);
		if (!whole)
			whole = p;
		else
			assert_int_equal(pkt_join(whole, p), ERR_OK);
	}
	netif_input(&nif, &whole, 1);
}

static void test_long_frames(void **state)
{
	const u32 piece = 8976, buffers = 5;
	u32 len = make_datagram(65014), i = 0;

	(void)state;
	for (; (i + 1) * piece < len; i++) {
		feed_long(1, i * piece, piece, true);
		assert_int_equal(nif.frag.held, (i + 1) * buffers);
	}
	feed_long(1, i * piece, len - i * piece, false);
	check_got(1, len);
	assert_int_equal(nif.frag.held, 0);
	/* One that is no fragment. */
	len = make_datagram(8000);
	feed_long(2, 0, len, false);
	check_got(2, len);
	/* More buffers than a packet has places. */
	make_datagram(65400);
	for (i = 0; i < 25; i++)
		feed_long(3, i * 2400, 2400, i < 24);
	assert_int_equal(drops(NET_DROP_FRAG_FULL), 25);
	assert_int_equal(nif.frag.held, 0);
	assert_int_equal(got, 2);
}

static void test_packets_held(void **state)
{
	u32 n = 0;

	(void)state;
	make_datagram(4000);
	for (u32 s = 0; s < 8; s++) {
		for (u32 i = 0; i < 17; i++, n++)
			feed_as(PEER + s, 1, i * 8, 8, true, 0);
	}
	assert_int_equal(net_frags_held(), NET_POOL / 4);
	assert_int_equal(drops(NET_DROP_FRAG_FULL), n - NET_POOL / 4);
}

static void test_timeout(void **state)
{
	u32 len = make_datagram(2000);
	u64 start = host_now_ns;

	(void)state;
	feed(1, 0, PIECE, true);
	assert_int_equal(netif_next_ns(&nif), start + IPFRAG_TIMEOUT_NS);
	host_now_ns = start + IPFRAG_TIMEOUT_NS - 1;
	netif_tick(&nif, host_now_ns);
	assert_int_equal(net_frags_held(), 1);
	/* Too late, even where nobody ticked. */
	host_now_ns = start + IPFRAG_TIMEOUT_NS;
	feed(1, PIECE, len - PIECE, false);
	assert_int_equal(got, 0);
	assert_int_equal(drops(NET_DROP_FRAG_TIMEOUT), 1);
	/* The rest of it begins anew and may be completed. */
	feed(1, 0, PIECE, true);
	check_got(1, len);
}

/* --- the naive twin: a byte map --------------------------------------------- */

struct twin {
	bool dead, done;
	u32 total, pieces;
	u16 off[64], len[64];
	bool more[64];
	u8 have[65536];
};

/* What the rules of ipfrag.h say of one more piece; true: complete now. */
static bool twin_add(struct twin *t, u32 off, u32 len, bool more)
{
	u32 n = 0, shortest = more ? len : UINT32_MAX;

	if (t->dead)
		return false;
	for (u32 i = 0; i < t->pieces; i++) {
		if (t->off[i] == off && t->len[i] == len && t->more[i] == more)
			return false;
	}
	for (u32 i = off; i < off + len; i++)
		t->dead |= t->have[i];
	for (u32 i = 0; i < t->pieces; i++) {
		if (!more && t->off[i] + t->len[i] > off)
			t->dead = true;
	}
	if (t->total && (!more || off + len >= t->total))
		t->dead = true;
	for (u32 i = 0; i < t->pieces; i++)
		shortest = t->more[i] ? MIN(shortest, t->len[i]) : shortest;
	if (t->dead || t->pieces == IPFRAG_PIECES ||
	    (t->pieces >= IPFRAG_PIECES_SHORT && shortest < IPFRAG_LONG)) {
		t->dead = true;
		return false;
	}
	t->off[t->pieces] = (u16)off;
	t->len[t->pieces] = (u16)len;
	t->more[t->pieces++] = more;
	memset(t->have + off, 1, len);
	if (!more)
		t->total = off + len;
	for (u32 i = 0; i < t->total; i++)
		n += t->have[i];
	return t->total && n == t->total;
}

static void test_against_twin(void **state)
{
	static struct twin t;
	u32 complete = 0, dead = 0;

	(void)state;
	srand(3);
	for (u32 round = 0; round < 3000; round++) {
		u32 unit = 8u * (1 + (u32)rand() % 12);
		u32 len = make_datagram(unit + (u32)rand() % 400);
		u32 pieces = (len + unit - 1) / unit;
		u32 feeds = pieces + (u32)rand() % 4;
		u32 order[64];

		memset(&t, 0, sizeof(t));
		got = 0;
		for (u32 i = 0; i < pieces; i++)
			order[i] = i;
		for (u32 i = pieces; i > 1; i--) {
			u32 j = (u32)rand() % i, k = order[i - 1];

			order[i - 1] = order[j];
			order[j] = k;
		}
		for (u32 i = 0; i < feeds && !t.done; i++) {
			u32 at = i < pieces ? order[i] : (u32)rand() % pieces;
			u32 off = at * unit;
			u32 n = MIN(unit, len - off);
			bool more = off + n < len;

			/* Sometimes wrong in place, length or flag. */
			if (rand() % 40 == 0)
				off += 8;
			if (rand() % 40 == 0 && n > 8 && more)
				n -= 8;
			/* (At 0 and without more it would be no fragment.) */
			if (rand() % 60 == 0 && n % 8 == 0 && off)
				more = !more;
			t.done = twin_add(&t, off, n, more);
			feed((u16)round, off, n, more);
			assert_int_equal(nif.count.rx_udp + drops(NET_DROP_UDP_CSUM) +
						 drops(NET_DROP_UDP_BAD),
					 complete + t.done);
		}
		complete += t.done;
		dead += t.dead;
		/* Whole and right when all its bytes came from one datagram. */
		if (got && got_len == len - 8)
			assert_memory_equal(got_data, datagram + 8, len - 8);
		host_now_ns += IPFRAG_TIMEOUT_NS;
		netif_tick(&nif, host_now_ns);
		assert_int_equal(net_frags_held(), 0);
	}
	assert_true(complete > 1000);
	assert_true(dead > 100);
}

/* --- the way out ------------------------------------------------------------ */

static struct pkt *payload(u32 len)
{
	static u8 page[65536];
	struct pkt *p = pkt_get(&hdr_pool);
	u32 head = MIN(len, 128u), at = head;

	for (u32 i = 0; i < len; i++)
		page[i] = (u8)(i * 11 + (i >> 8));
	memcpy(p->data, page, head);
	p->head_len = p->len = head;
	while (at < len) {
		u32 n = MIN(4096u, len - at);

		pkt_add_seg(p, page + at, (bus_t){ 0 }, n, NULL);
		at += n;
	}
	return p;
}

static void test_send_and_receive_again(void **state)
{
	static const u16 mtus[] = { 0, 1400, 577, 1496 };
	static u8 want[65536];
	u32 lens[] = { 1473, 1472 + 1480, 9000, 8986 + 14, BIG, 1600, 65014, 65507 };

	(void)state;
	net_know(PEER, peer_mac);
	for (u32 m = 0; m < ARRAY_SIZE(mtus); m++) {
		for (u32 l = 0; l < ARRAY_SIZE(lens); l++) {
			u32 len = lens[l];
			struct udp_dst d = { .addr = PEER, .sport = 5, .dport = 9000, .ttl = 64,
					     .mtu = mtus[m] };
			u32 mtu = mtus[m] ? mtus[m] : 1500;
			u32 room = (mtu - 20) & ~7u;
			u32 n = (len + 8 + room - 1) / room;
			struct pkt *p = payload(len);

			if (n > IPFRAG_PIECES || 8 + len <= mtu - 20) {
				pkt_put(p);
				continue;
			}
			pkt_copy_out(p, 0, want, len);
			net_forget_sent();
			assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 1);
			assert_int_equal(sent_count, n);
			/* Our checksum is over the whole datagram. */
			assert_int_not_equal(load_be16(sent[0].data + 34 + UDP_CSUM), 0);
			got = 0;
			for (u32 i = n; i-- > 0;) {
				u8 *ip = sent[i].data + 14;

				assert_true(sent[i].len <= mtu + 14);
				assert_int_equal(csum_finish(csum_add(0, ip, 20)), 0);
				/* As if the peer had sent it. */
				memcpy(sent[i].data, own_mac, 6);
				memcpy(sent[i].data + 6, peer_mac, 6);
				store_be32(ip + IP_SRC, PEER);
				store_be32(ip + IP_DST, OWN);
				ip_fix_csum(ip);
				assert_int_equal(got, 0);
				net_feed(sent[i].data, sent[i].len);
			}
			assert_int_equal(got, 1);
			assert_int_equal(got_len, len);
			assert_memory_equal(got_data, want, len);
		}
	}
	assert_int_equal(drops_total(), 0);
	assert_true(nif.count.tx_fragmented > 10);
}

static void test_send_failures(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 5, .dport = 9000, .ttl = 64 };
	struct pkt *held[NET_POOL], *p;
	u32 n = 0;

	(void)state;
	net_know(PEER, peer_mac);
	p = payload(65508);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 0);
	assert_int_equal(drops(NET_DROP_TOO_BIG), 1);
	/* Not enough packets for all fragments: none is sent. */
	p = payload(9000);
	while (hdr_pool.free_count > 6)
		held[n++] = pkt_get(&hdr_pool);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 0);
	assert_int_equal(drops(NET_DROP_NO_PACKET), 1);
	assert_int_equal(sent_count, 0);
	while (n)
		pkt_put(held[--n]);
	/* Fragments wait for ARP like others. */
	netif_set_address(&nif, OWN, MASK, GATEWAY);
	p = payload(9000);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 1);
	net_forget_sent();
	net_know(PEER, peer_mac);
	assert_int_equal(load_be16(sent[6].data + 14 + IP_FRAG) & IP_FRAG_OFFSET, 6 * PIECE / 8);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_in_order_and_not),
		CASE(test_odd_end_and_single),
		CASE(test_congestion_mark),
		CASE(test_overlap),
		CASE(test_impossible),
		CASE(test_limits),
		CASE(test_many_long_pieces),
		CASE(test_long_frames),
		CASE(test_packets_held),
		CASE(test_timeout),
		CASE(test_against_twin),
		CASE(test_send_and_receive_again),
		CASE(test_send_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
