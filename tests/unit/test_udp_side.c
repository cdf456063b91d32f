/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams taken beside the netif, and the netif as the naive twin: what is taken is what
 * that would have handed on, and what it would have dropped, answered or kept is left. */
#include "tests/unit/net_harness.h"
#include "vnet/net/udp_side.h"

#define PORT_A 4789
#define PORT_B 6081
#define PORT_OWN 7000 /* bound, and not for others */
#define ROUNDS 200000u
#define HEADERS 42u

static struct udp_side side;
static int ctx_a, ctx_b;
/* What the netif handed on. */
static struct udp_run handed_run;
static u8 handed_ttl, handed_tos;
static u8 handed[2048];
static u32 handed_len, handed_count;

static void handler(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	(void)ctx;
	for (u32 i = 0; i < n; i++) {
		handed_run = *run;
		handed_ttl = pkts[i]->ttl;
		handed_tos = pkts[i]->tos;
		handed_len = pkts[i]->len;
		pkt_copy_out(pkts[i], 0, handed, handed_len);
		handed_count++;
		pkt_put(pkts[i]);
	}
}

static int setup(void **state)
{
	(void)state;
	net_up();
	assert_int_equal(udp_bind(&nif, PORT_A, handler, &ctx_a), ERR_OK);
	assert_int_equal(udp_bind(&nif, PORT_B, handler, &ctx_b), ERR_OK);
	assert_int_equal(udp_bind(&nif, PORT_OWN, handler, NULL), ERR_OK);
	udp_side_init(&side, &nif);
	assert_int_equal(udp_side_add(&side, PORT_A, &ctx_a), ERR_OK);
	assert_int_equal(udp_side_add(&side, PORT_B, &ctx_b), ERR_OK);
	handed_count = 0;
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

static u32 datagram(u8 *f, u16 port, u32 len, bool csum, u16 frag)
{
	struct ip_spec ip = { .src = PEER, .dst = OWN, .proto = 17, .frag = frag, .tos = 3 };
	u8 data[1400], udp[1500];

	for (u32 i = 0; i < len; i++)
		data[i] = (u8)(i * 7 + port);
	return make_ip(f, &ip, udp, make_udp(udp, PEER, OWN, 50000, port, data, len, csum));
}

static struct pkt *packet(const u8 *f, u32 len)
{
	struct pkt *p = pkt_get(&rx_pool);

	memcpy(p->data, f, len);
	p->head_len = p->len = len;
	return p;
}

/* --- against the twin ------------------------------------------------------------------- */

/* True: it was taken. */
static bool compare(const u8 *f, u32 len)
{
	struct pkt *p = packet(f, len);
	struct udp_run run;
	void *ctx = NULL;
	u32 taken = udp_side_run(&side, &p, 1, &run, &ctx);

	handed_count = 0;
	net_feed(f, len);
	net_forget_sent();
	if (!taken) {
		assert_int_equal(p->len, len);
		assert_memory_equal(p->data, f, len);
		pkt_put(p);
		return false;
	}
	assert_int_equal(handed_count, 1);
	assert_int_equal(run.src, handed_run.src);
	assert_int_equal(run.dst, handed_run.dst);
	assert_int_equal(run.dport, handed_run.dport);
	assert_int_equal(run.sport[0], handed_run.sport[0]);
	assert_int_equal(p->ttl, handed_ttl);
	assert_int_equal(p->tos, handed_tos);
	assert_int_equal(p->len, handed_len);
	assert_memory_equal(p->data, handed, handed_len);
	assert_ptr_equal(ctx, run.dport == PORT_A ? &ctx_a : &ctx_b);
	/* And back: the frame as it was, without Ethernet's padding. */
	udp_side_undo(p);
	assert_int_equal(p->len, handed_len + HEADERS);
	assert_memory_equal(p->data, f, p->len);
	pkt_put(p);
	return true;
}

static void test_twin(void **state)
{
	static const u16 ports[] = { PORT_A, PORT_B, PORT_OWN, 9 };
	u32 taken = 0, left = 0, rnd = 1;

	(void)state;
	for (u32 i = 0; i < ROUNDS; i++) {
		u8 f[1600] = { 0 };
		u16 port = ports[i % ARRAY_SIZE(ports)];
		bool changed;
		u32 len;

		rnd = rnd * 1664525u + 1013904223u;
		len = datagram(f, port, (rnd >> 8) % 300, rnd & 1, 0);
		len = MAX(len, 60u); /* padded */
		changed = rnd & 2;
		for (u32 k = 0; changed && k <= (rnd >> 2 & 1); k++)
			f[(rnd >> (10 + k)) % 44] ^= (u8)(1u << (rnd >> 5 & 7));
		if (changed && (rnd & 8) && f[14] == 0x45)
			ip_fix_csum(f + 14);
		if (compare(f, len))
			taken++;
		else
			left++;
		if (!changed && port != PORT_OWN && port != 9)
			assert_int_equal(handed_count, 1);
		host_now_ns += 1000000;
		netif_tick(&nif, host_now_ns);
	}
	assert_in_range(taken, ROUNDS / 8, ROUNDS * 3 / 4);
	assert_in_range(left, ROUNDS / 8, ROUNDS);
}

/* --- runs ------------------------------------------------------------------------------------ */

static u32 run(struct pkt **p, u32 n, void **ctx)
{
	struct udp_run got;

	return udp_side_run(&side, p, n, &got, ctx);
}

static void test_runs(void **state)
{
	struct pkt *p[7];
	u8 f[300];
	void *ctx;

	(void)state;
	p[0] = packet(f, datagram(f, PORT_A, 100, false, 0));
	p[1] = packet(f, datagram(f, PORT_A, 0, true, 0));
	p[2] = packet(f, datagram(f, PORT_B, 100, false, 0));
	p[3] = packet(f, datagram(f, PORT_A, 100, false, IP_FRAG_MF));
	p[4] = packet(f, datagram(f, PORT_OWN, 100, false, 0));
	p[5] = packet(f, datagram(f, PORT_A, 100, false, IP_FRAG_DF));
	p[6] = packet(f, datagram(f, PORT_A, 100, false, 0));
	store_be32(p[6]->data + 26, PEER + 1);
	ip_fix_csum(p[6]->data + 14);
	assert_int_equal(run(p, 7, &ctx), 2);
	assert_ptr_equal(ctx, &ctx_a);
	assert_int_equal(run(p + 2, 5, &ctx), 1);
	assert_ptr_equal(ctx, &ctx_b);
	assert_int_equal(run(p + 3, 4, &ctx), 0);
	assert_int_equal(run(p + 4, 3, &ctx), 0);
	assert_int_equal(run(p + 5, 2, &ctx), 1);
	assert_int_equal(run(p + 6, 1, &ctx), 1);
	for (u32 i = 0; i < 7; i++)
		pkt_put(p[i]);
}

/* In several buffers, as a NIC makes of a long frame. */
static void test_long(void **state)
{
	struct pkt *p, *q;
	u8 f[1600];
	u32 len = datagram(f, PORT_A, 1400, true, 0);
	struct udp_run got;
	void *ctx;

	(void)state;
	for (u32 round = 0; round < 2; round++) {
		p = packet(f, 1000);
		q = packet(f + 1000, len - 1000);
		if (round)
			q->data[5] ^= 1; /* the checksum tells */
		assert_int_equal(pkt_join(p, q), ERR_OK);
		assert_int_equal(udp_side_run(&side, &p, 1, &got, &ctx), !round);
		assert_int_equal(p->len, round ? len : 1400);
		assert_int_equal(p->head_len, round ? 1000 : 1000 - HEADERS);
		pkt_put(p);
	}
}

/* Before there is an address nothing is for us; and what there is a place for. */
static void test_limits(void **state)
{
	struct udp_side none = side;
	struct udp_run got;
	struct pkt *p;
	u8 f[300];
	void *ctx;

	(void)state;
	none.addr = 0;
	p = packet(f, datagram(f, PORT_A, 100, false, 0));
	store_be32(p->data + 30, 0);
	ip_fix_csum(p->data + 14);
	assert_int_equal(udp_side_run(&none, &p, 1, &got, &ctx), 0);
	pkt_put(p);
	while (none.n < UDP_PORTS_MAX)
		assert_int_equal(udp_side_add(&none, (u16)(10 + none.n), NULL), ERR_OK);
	assert_int_equal(udp_side_add(&none, 9, NULL), ERR_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_twin),
		CASE(test_runs),
		CASE(test_long),
		CASE(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
