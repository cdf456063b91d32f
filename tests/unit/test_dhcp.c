/* SPDX-License-Identifier: BSD-2-Clause */
/* The DHCP client against a server made of a few lines. */
#include "tests/unit/net_harness.h"

#include "vnet/net/dhcp_msg.h"

#define LEASE 3600u
#define OPTIONS 240u

static u32 changes;

static void on_change(void *ctx, struct netif *n)
{
	(void)ctx;
	(void)n;
	changes++;
}

static int setup(void **state)
{
	struct netif_setup s = { .address_changed = on_change };

	(void)state;
	changes = 0;
	net_up_bare(&s);
	return dhcp_start(&nif, host_now_ns) == ERR_OK ? 0 : -1;
}

/* --- what the client sent -------------------------------------------------- */

static const u8 *last_msg(void)
{
	const struct sent *s = &sent[sent_count - 1];
	const u8 *ip = s->data + 14, *udp = ip + 20;

	assert_true(sent_count > 0);
	assert_int_equal(s->len, 342);
	assert_int_equal(load_be16(udp + UDP_SPORT), 68);
	assert_int_equal(load_be16(udp + UDP_DPORT), 67);
	assert_int_equal(csum_finish(csum_add(csum_add_pseudo(0, load_be32(ip + IP_SRC),
							      load_be32(ip + IP_DST), 17, 308),
					      udp, 308)),
			 0);
	assert_memory_equal(udp + 8 + 28, own_mac, 6);
	return udp + 8;
}

static const u8 *option(const u8 *msg, u8 code)
{
	for (const u8 *o = msg + OPTIONS; *o != 255; o += 2 + o[1]) {
		if (*o == code)
			return o + 2;
	}
	return NULL;
}

static void expect_sent(u8 type, u32 ip_dst)
{
	const u8 *m = last_msg();

	assert_int_equal(option(m, 53)[0], type);
	assert_int_equal(option(m, 61)[0], 1);
	assert_memory_equal(option(m, 61) + 1, m + 28, 6);
	assert_int_equal(load_be32(m - 28 + IP_DST), ip_dst);
}

static u32 last_xid(void)
{
	return load_be32(last_msg() + 4);
}

/* --- what the server answers ------------------------------------------------ */

struct answer {
	u8 type;
	u32 xid, yiaddr, server, mask, router, lease, t1, t2;
	u16 mtu;
};

static const struct answer good = { .type = DHCP_OFFER, .yiaddr = OWN, .server = GATEWAY,
				    .mask = MASK, .router = GATEWAY, .lease = LEASE };

static u8 *opt32(u8 *o, u8 code, u32 v)
{
	if (!v)
		return o;
	o[0] = code;
	o[1] = 4;
	store_be32(o + 2, v);
	return o + 6;
}

static u32 build_answer(u8 *m, const struct answer *a)
{
	u8 *o = m + OPTIONS;

	memset(m, 0, 400);
	m[0] = 2;
	m[1] = 1;
	m[2] = 6;
	store_be32(m + 4, a->xid);
	store_be32(m + 16, a->yiaddr);
	memcpy(m + 28, own_mac, 6);
	store_be32(m + 236, 0x63825363);
	*o++ = 53;
	*o++ = 1;
	*o++ = a->type;
	*o++ = 0; /* padding */
	o = opt32(o, 54, a->server);
	o = opt32(o, 1, a->mask);
	o = opt32(o, 3, a->router);
	o = opt32(o, 51, a->lease);
	o = opt32(o, 58, a->t1);
	o = opt32(o, 59, a->t2);
	if (a->mtu) {
		o[0] = 26;
		o[1] = 2;
		store_be16(o + 2, a->mtu);
		o += 4;
	}
	*o++ = 255;
	return (u32)(o - m);
}

static void feed_raw(const u8 *m, u32 len, u16 sport)
{
	struct ip_spec s = { .src = GATEWAY, .dst = nif.addr ? nif.addr : IP_BROADCAST,
			     .proto = 17 };
	u8 f[1024], d[600];

	net_feed(f, make_ip(f, &s, d, make_udp(d, GATEWAY, s.dst, sport, 68, m, len, true)));
}

static void answer(struct answer a)
{
	u8 m[400];

	if (!a.xid)
		a.xid = last_xid();
	feed_raw(m, build_answer(m, &a), 67);
}

static void ack(struct answer a)
{
	a.type = DHCP_ACK;
	answer(a);
}

static void next_step(void)
{
	host_now_ns = netif_next_ns(&nif);
	netif_tick(&nif, host_now_ns);
}

static void bind_with(struct answer a)
{
	answer(a);
	expect_sent(DHCP_REQUEST, IP_BROADCAST);
	ack(a);
	assert_int_equal(nif.dhcp.state, DHCP_BOUND);
}

/* --- cases ------------------------------------------------------------------ */

static void test_lease(void **state)
{
	const u8 *m;

	(void)state;
	assert_int_equal(sent_count, 1);
	expect_sent(DHCP_DISCOVER, IP_BROADCAST);
	assert_int_equal(load_be32(last_msg() - 28 + IP_SRC), 0);
	assert_int_equal(load_be16(last_msg() + 10), 0x8000);
	answer(good);
	m = last_msg();
	expect_sent(DHCP_REQUEST, IP_BROADCAST);
	assert_int_equal(load_be32(option(m, 50)), OWN);
	assert_int_equal(load_be32(option(m, 54)), GATEWAY);
	assert_int_equal(nif.addr, 0);
	ack(good);
	assert_int_equal(nif.addr, OWN);
	assert_int_equal(nif.mask, MASK);
	assert_int_equal(nif.gateway, GATEWAY);
	assert_int_equal(nif.mtu, 1500);
	assert_int_equal(changes, 1);
	assert_string_equal(dhcp_state_name(&nif), "bound");
	assert_int_equal(nif.dhcp.next_ns, host_now_ns + LEASE / 2 * SEC);
}

static void test_pauses_grow(void **state)
{
	u64 last = host_now_ns;
	static const u32 want[] = { 4, 8, 16, 32, 64, 64, 64 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(want); i++) {
		u64 pause;

		next_step();
		pause = host_now_ns - last;
		last = host_now_ns;
		assert_true(pause >= (want[i] - 1) * SEC && pause <= (want[i] + 1) * SEC);
		assert_int_equal(sent_count, i + 2);
		expect_sent(DHCP_DISCOVER, IP_BROADCAST);
	}
	/* Late, but welcome. */
	bind_with(good);
}

static void test_request_unanswered(void **state)
{
	u32 xid = last_xid();

	(void)state;
	answer(good);
	for (u32 i = 0; i < 3; i++) {
		next_step();
		expect_sent(DHCP_REQUEST, IP_BROADCAST);
		assert_int_equal(last_xid(), xid);
	}
	next_step();
	expect_sent(DHCP_DISCOVER, IP_BROADCAST);
	assert_int_not_equal(last_xid(), xid);
	/* An acknowledgement of the old request is nothing now. */
	ack((struct answer){ .xid = xid, .yiaddr = OWN, .server = GATEWAY, .mask = MASK,
			     .lease = LEASE });
	assert_int_equal(nif.addr, 0);
}

static void test_renew(void **state)
{
	u64 bound_at = host_now_ns;

	(void)state;
	bind_with(good);
	net_know(GATEWAY, gw_mac);
	host_now_ns = bound_at + LEASE / 2 * SEC - 1;
	netif_tick(&nif, host_now_ns);
	host_now_ns++;
	net_know(GATEWAY, gw_mac);
	netif_tick(&nif, host_now_ns);
	expect_sent(DHCP_REQUEST, GATEWAY);
	assert_int_equal(load_be32(last_msg() + 12), OWN); /* ciaddr */
	assert_null(option(last_msg(), 50));
	assert_null(option(last_msg(), 54));
	assert_string_equal(dhcp_state_name(&nif), "renewing");
	ack(good);
	assert_int_equal(nif.dhcp.state, DHCP_BOUND);
	assert_int_equal(changes, 1); /* nothing changed, nothing flushed */
	assert_int_equal(nif.dhcp.next_ns, host_now_ns + LEASE / 2 * SEC);
}

static void test_rebind_and_expire(void **state)
{
	u64 bound_at = host_now_ns;
	u32 renews = 0, rebinds = 0;

	(void)state;
	bind_with(good);
	while (nif.addr) {
		u64 at;

		host_now_ns = dhcp_next_ns(&nif);
		net_know(GATEWAY, gw_mac);
		netif_tick(&nif, host_now_ns);
		at = (host_now_ns - bound_at) / SEC;
		if (nif.dhcp.state == DHCP_RENEWING) {
			expect_sent(DHCP_REQUEST, GATEWAY);
			assert_true(at >= LEASE / 2 && at < LEASE * 7 / 8);
			renews++;
		} else if (nif.dhcp.state == DHCP_REBINDING) {
			expect_sent(DHCP_REQUEST, IP_BROADCAST);
			assert_true(at >= LEASE * 7 / 8 && at < LEASE);
			rebinds++;
		}
		assert_true(renews + rebinds < 40);
	}
	assert_int_equal(host_now_ns, bound_at + LEASE * SEC);
	assert_true(renews >= 3 && rebinds >= 2);
	assert_int_equal(changes, 2);
	expect_sent(DHCP_DISCOVER, IP_BROADCAST);
	bind_with(good);
	assert_int_equal(nif.addr, OWN);
}

static void test_server_times_and_forever(void **state)
{
	struct answer a = good;

	(void)state;
	a.t1 = 100;
	a.t2 = 200;
	bind_with(a);
	assert_int_equal(nif.dhcp.next_ns, host_now_ns + 100 * SEC);
	assert_int_equal(nif.dhcp.rebind_ns, host_now_ns + 200 * SEC);
	dhcp_stop(&nif);
	assert_int_equal(nif.addr, 0);

	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_OK);
	a.t1 = 5000; /* behind the end: nonsense */
	a.t2 = 4000;
	bind_with(a);
	assert_int_equal(nif.dhcp.next_ns, host_now_ns + LEASE / 2 * SEC);
	dhcp_stop(&nif);

	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_OK);
	a.lease = 0xffffffff;
	bind_with(a);
	assert_int_equal(dhcp_next_ns(&nif), UINT64_MAX);
	dhcp_stop(&nif);

	/* A lease of seconds does not make us shout. */
	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_OK);
	a.lease = 1;
	a.t1 = a.t2 = 0;
	bind_with(a);
	assert_int_equal(nif.dhcp.next_ns, host_now_ns + 30 * SEC);
}

static void test_mtu_and_gateway(void **state)
{
	struct answer a = good;

	(void)state;
	a.mtu = 1400;
	a.router = FAR; /* not on the subnet */
	bind_with(a);
	assert_int_equal(nif.mtu, 1400);
	assert_int_equal(nif.gateway, 0);
	dhcp_stop(&nif);
	assert_int_equal(nif.mtu, 1500);
	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_OK);
	a.mtu = 9000;
	bind_with(a);
	assert_int_equal(nif.mtu, 1500);
	dhcp_stop(&nif);
	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_OK);
	a.mtu = 68;
	bind_with(a);
	assert_int_equal(nif.mtu, 1500);
}

static void test_nak(void **state)
{
	struct answer nak = { .type = DHCP_NAK, .server = GATEWAY };

	(void)state;
	answer(good);
	answer(nak);
	assert_int_equal(nif.dhcp.state, DHCP_SELECTING);
	assert_true(dhcp_next_ns(&nif) >= host_now_ns + 3 * SEC);
	next_step();
	expect_sent(DHCP_DISCOVER, IP_BROADCAST);
	bind_with(good);
	net_know(GATEWAY, gw_mac);
	next_step(); /* ARP forgets */
	host_now_ns = dhcp_next_ns(&nif);
	net_know(GATEWAY, gw_mac);
	netif_tick(&nif, host_now_ns);
	assert_string_equal(dhcp_state_name(&nif), "renewing");
	answer(nak);
	assert_int_equal(nif.addr, 0);
}

static void test_not_for_us(void **state)
{
	struct answer a = good;
	u8 m[400];
	u32 len;

	(void)state;
	a.xid = last_xid() + 1;
	answer(a);
	a.xid = last_xid();
	feed_raw(m, build_answer(m, &a), 1067); /* not a server's port */
	ack(good); /* nothing was requested */
	assert_int_equal(nif.dhcp.ignored, 3);
	answer(good);
	a.server = PEER; /* another server */
	ack(a);
	a = good;
	a.yiaddr = OWN + 7; /* another address than was offered */
	ack(a);
	assert_int_equal(nif.dhcp.ignored, 5);
	assert_int_equal(nif.addr, 0);
	a = good;
	a.xid = last_xid();
	len = build_answer(m, &a);
	m[28 + 5]++; /* somebody else's hardware address */
	feed_raw(m, len, 67);
	assert_int_equal(nif.dhcp.ignored, 6);
	assert_int_equal(nif.dhcp.bad, 0);
}

static void test_malformed(void **state)
{
	struct answer a = good;
	u8 m[400];
	u32 len, bad = 0;

	(void)state;
	a.xid = last_xid();
	a.t1 = 5;
	a.t2 = 6;
	a.mtu = 1400;
	len = build_answer(m, &a);
	for (u32 n = 0; n < len; n++) {
		feed_raw(m, n, 67);
		assert_int_equal(nif.dhcp.bad, ++bad);
	}
	/* Each option with a wrong length. */
	for (u32 at = OPTIONS; m[at] != 255;) {
		u8 keep = m[at + 1];

		if (m[at] == 0) {
			at++;
			continue;
		}
		m[at + 1] = 200;
		feed_raw(m, len, 67);
		m[at + 1] = (u8)(keep - 1);
		feed_raw(m, len, 67);
		m[at + 1] = keep;
		bad += 2;
		at += 2u + keep;
		assert_int_equal(nif.dhcp.bad, bad);
	}
	/* Fields that make no sense. */
	static const struct {
		u32 at;
		u8 value;
	} wrong[] = { { 0, 1 }, { 1, 6 }, { 2, 8 }, { 236, 0 }, { 16, 127 }, { 16, 239 } };

	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		u8 keep = m[wrong[i].at];

		m[wrong[i].at] = wrong[i].value;
		feed_raw(m, len, 67);
		m[wrong[i].at] = keep;
		assert_int_equal(nif.dhcp.bad, ++bad);
	}
	a.mask = 0;
	answer(a);
	a.mask = MASK;
	a.lease = 0;
	answer(a);
	a.lease = LEASE;
	a.server = 0;
	answer(a);
	assert_int_equal(nif.dhcp.bad, bad + 3);
	assert_int_equal(sent_count, 1);
	/* The untouched one is fine. */
	feed_raw(m, len, 67);
	expect_sent(DHCP_REQUEST, IP_BROADCAST);
}

static void test_address_of_no_host(void **state)
{
	struct answer a = good;

	(void)state;
	a.yiaddr = IP4(10, 0, 0, 255);
	answer(a);
	ack(a);
	assert_int_equal(nif.addr, 0);
	assert_int_equal(nif.dhcp.state, DHCP_SELECTING);
	next_step();
	bind_with(good);
}

static void test_start_and_stop(void **state)
{
	(void)state;
	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_EXIST);
	dhcp_stop(&nif);
	dhcp_stop(&nif);
	assert_int_equal(netif_next_ns(&nif), UINT64_MAX);
	assert_string_equal(dhcp_state_name(&nif), "off");
	assert_int_equal(netif_set_address(&nif, PEER, MASK, 0), ERR_OK);
	assert_int_equal(dhcp_start(&nif, host_now_ns), ERR_OK);
	assert_int_equal(nif.addr, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lease),
		CASE(test_pauses_grow),
		CASE(test_request_unanswered),
		CASE(test_renew),
		CASE(test_rebind_and_expire),
		CASE(test_server_times_and_forever),
		CASE(test_mtu_and_gateway),
		CASE(test_nak),
		CASE(test_not_for_us),
		CASE(test_malformed),
		CASE(test_address_of_no_host),
		CASE(test_start_and_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
