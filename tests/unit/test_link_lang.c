/* SPDX-License-Identifier: BSD-2-Clause */
/* `link add`: what it means for an edge, what it refuses, and that what is
 * printed can be fed back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "tests/unit/edge_wire.h"
#include "vnet/link_lang.h"

static struct edge_setup out;
static const char *key;
static char why[200];

static err_t read_line(const char *line)
{
	static struct lang_stmt stmt;
	static const struct lang_source file = { "node.conf", 7, false };
	char message[LANG_MESSAGE_MAX];

	why[0] = '\0';
	if (lang_parse(&file, line, strlen(line), &stmt, message) != ERR_OK)
		fail_msg("%s", message);
	return link_lang_read(&stmt, &out, &key, why, sizeof(why));
}

static void defaults_are_each_kinds_own(void **state)
{
	(void)state;
	assert_int_equal(read_line("link add b udp remote 10.0.0.2"), ERR_OK);
	assert_ptr_equal(out.link, &link_udp);
	assert_int_equal(out.local_port, 9000);
	assert_int_equal(out.remote_port, 9000);
	assert_true(out.fragment);
	assert_int_equal(out.mtu, 0);
	assert_int_equal(read_line("link add b vxlan remote 10.0.0.2 vni 42"), ERR_OK);
	assert_int_equal(out.local_port, 4789);
	assert_int_equal(out.id.vni, 42);
	assert_false(out.fragment);
	assert_int_equal(read_line("link add b geneve remote any tag 7 ttl 5 dscp copy"), ERR_OK);
	assert_int_equal(out.local_port, 6081);
	assert_int_equal(out.remote_ip, 0);
	assert_int_equal(out.id.tag, 7);
	assert_int_equal(out.ttl, 5);
	assert_int_equal(out.dscp, EDGE_DSCP_COPY);
	assert_false(out.no_keepalive);
	assert_false(out.net_told);
	assert_int_equal(read_line("link add b udp remote 10.0.0.2 uplink 3"), ERR_OK);
	assert_true(out.net_told && out.net == 3);
	assert_int_equal(read_line("link add b udp remote 10.0.0.2 header vnetu"), ERR_OK);
	assert_ptr_equal(out.link, &link_vnetu);
}

static void refused(const char *line, const char *at, const char *text)
{
	assert_int_not_equal(read_line(line), ERR_OK);
	assert_string_equal(why, text);
	if (at)
		assert_string_equal(key, at);
	else
		assert_null(key);
}

static void what_makes_no_sense_is_refused_with_its_reason(void **state)
{
	(void)state;
	refused("link add b tcp remote 10.0.0.2", "kind",
		"this node has no tcp links (vnetpd has); expected: udp, vxlan, geneve, direct");
	refused("link add b vxlan remote 10.0.0.2 tag 5", "tag",
		"a vxlan link has no \"tag\"; expected: remote, port, sport, ttl, dscp, ecn, "
		"checksum, vni, uplink, mtu, state");
	refused("link add b vxlan remote 10.0.0.2 header vnetu", "header",
		"a vxlan link has no \"header\"; expected: remote, port, sport, ttl, dscp, ecn, "
		"checksum, vni, uplink, mtu, state");
	refused("link add b vxlan remote 10.0.0.2 fragment on", "fragment",
		"a vxlan link has no \"fragment\"; expected: remote, port, sport, ttl, dscp, ecn, "
		"checksum, vni, uplink, mtu, state");
	refused("link add b udp remote 10.0.0.2 vni 5", "vni",
		"a udp link has no \"vni\"; expected: remote, port, sport, ttl, dscp, ecn, "
		"checksum, header, fragment, uplink, mtu, state");
	refused("link add b direct remote 10.0.0.2", "remote",
		"a direct link has no \"remote\"; expected: device, uplink, mtu, state");
	refused("link add b udp", NULL, "a udp link needs \"remote\" (the peer's address)");
	refused("link add b geneve remote any", "remote",
		"a peer anywhere is known by its tag; add \"tag\"");
	refused("link add b udp remote any", "remote",
		"a peer anywhere is known by its tag, and a udp link has none; geneve has");
	refused("link add b udp remote 224.0.0.1", "remote",
		"that is no single machine's address");
}

static void no_kick(unsigned core)
{
	(void)core;
}

static void what_is_printed_can_be_fed_back(void **state)
{
	static const char *const lines[] = {
		"link add b udp remote 10.0.0.2 port 9000",
		"link add b udp remote 10.0.0.2 port 9000 header vnetu",
		"link add b udp remote 10.0.0.2 port 9000 uplink 0",
		"link add b udp remote 10.0.0.2 port 1 sport fixed ttl 1 dscp 63 ecn copy "
		"checksum on mtu 1400 fragment off",
		"link add b vxlan remote 10.0.0.2 port 4789 vni 16777215 ecn off",
		"link add b geneve remote 10.0.0.2 port 6081 vni 5 tag 4294967295 keepalive off "
		"dscp copy fragment off state down",
		"link add b geneve remote any port 65535 vni 0 tag 9",
		"link add b geneve remote 10.0.0.2 port 6081 vni 0 tag 9",
		"link add b geneve remote 10.0.0.2 port 6081 vni 0 tag 9 sport hash",
		"link add b direct",
		"link add b direct mtu 1000 state down",
		"link add b direct device enp1s0.7",
	};
	char text[LINK_LANG_MAX];

	(void)state;
	memset(&wire, 0, sizeof(wire));
	wire.mtu = 1500;
	assert_int_equal(vnet_init(1, 42, no_kick), ERR_OK);
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		struct edge *e;

		assert_int_equal(read_line(lines[i]), ERR_OK);
		out.tx = &wire_tx;
		out.tx_ctx = &wire;
		assert_int_equal(edge_create(&out, &e), ERR_OK);
		edge_set_up(e, !strstr(lines[i], "state down"));
		assert_string_equal(link_lang_write(e, text), lines[i]);
		assert_int_equal(edge_destroy(e, true), ERR_OK);
		vnet_port_reap();
	}
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_each_kinds_own),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_its_reason),
		cmocka_unit_test(what_is_printed_can_be_fed_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
