/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Meshes: what a cluster file of 3, 64 and 256 nodes stands for on a node, as
 * text, and as routes that frames really take. And overlays in the language.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/link_lang.h"
#include "vnet/overlay_lang.h"
#include "vnet/overlay_mesh.h"

#define OUT_MAX (1u << 20)

static char out[OUT_MAX], errors[4096];
static size_t out_len, errors_len;
static u32 out_lines;
static char message[LANG_MESSAGE_MAX];

static void keep_line(void *ctx, const char *text)
{
	(void)ctx;
	out_len += (size_t)snprintf(out + out_len, OUT_MAX - out_len, "%s\n", text);
	assert_true(out_len < OUT_MAX);
	out_lines++;
}

static void keep_error(void *ctx, const char *text)
{
	(void)ctx;
	errors_len += (size_t)snprintf(errors + errors_len, sizeof(errors) - errors_len, "%s\n",
				       text);
}

static const struct mesh_sink sink = { .line = keep_line, .error = keep_error };

static u32 expand(const char *text, const char *node)
{
	struct mesh *m = mesh_read("c.conf", text, strlen(text), message);
	u32 n;

	assert_non_null(m);
	out[0] = '\0';
	errors[0] = '\0';
	out_len = 0;
	errors_len = 0;
	out_lines = 0;
	n = mesh_expand(m, node, &sink);
	assert_int_equal(n, out_lines);
	mesh_free(m);
	assert_int_equal(host_alloc_live, 0);
	return n;
}

static const char three[] = "caisson 1\n"
			    "overlay add hpc links mesh port 9000\n"
			    "overlay add quiet\n"
			    "node a\n"
			    "  uplink add 0 address 10.0.0.1/24\n"
			    "  interface add g1.eth0 mac 02:00:00:00:00:01 overlay hpc\n"
			    "  interface add g1.eth1 mac 02:00:00:00:00:02\n"
			    "  interface add g2.eth0 mac 02:00:00:00:00:03 overlay hpc\n"
			    "node b\n"
			    "  uplink add 1 address 10.0.7.2/24\n"
			    "  uplink add 0 address 10.0.0.2/24\n"
			    "  uplink add 2 address 10.0.8.2/24\n"
			    "  a line that is wrong\n"
			    "  interface add g1.eth0 mac 02:00:00:00:00:04 overlay hpc\n"
			    "  interface add g1.eth1 mac 02:00:00:00:00:05 overlay quiet\n"
			    "node c\n"
			    "  uplink add 0 address dhcp\n"
			    "  interface add g1.eth0 mac 02:00:00:00:00:06 overlay hpc\n";

static void three_nodes_as_text(void **state)
{
	(void)state;
	expand(three, "a");
	assert_string_equal(
		out,
		"link add hpc.b udp remote 10.0.0.2 port 9000 overlay hpc\n"
		"route add src any dst group to edge hpc.b\n"
		"route add src any dst 02:00:00:00:00:01 to interface g1.eth0 from edges\n"
		"route add src any dst group to interface g1.eth0 from edges\n"
		"route add src any dst 02:00:00:00:00:01 to interface g1.eth0\n"
		"route add src any dst group to interface g1.eth0\n"
		"route add src any dst 02:00:00:00:00:03 to interface g2.eth0 from edges\n"
		"route add src any dst group to interface g2.eth0 from edges\n"
		"route add src any dst 02:00:00:00:00:03 to interface g2.eth0\n"
		"route add src any dst group to interface g2.eth0\n"
		"route add src any dst 02:00:00:00:00:04 to edge hpc.b\n");
	assert_string_equal(errors, "c.conf:16: node \"c\" has no fixed address, and overlay "
				    "\"hpc\" is a mesh\n");
	expand(three, "b");
	assert_non_null(strstr(out, "link add hpc.a udp remote 10.0.0.1 port 9000 overlay hpc\n"));
	assert_null(strstr(out, "00:05"));
	/* Alone on its node: nothing from interface to interface. */
	assert_null(strstr(out, "to interface g1.eth0\n"));
	assert_int_equal(expand(three, "nobody"), 0);
}

static void further_addresses_have_routes(void **state)
{
	static const char text[] = "overlay add o links mesh\n"
				   "node a\n"
				   "  uplink add 0 address 10.0.0.1/24\n"
				   "  interface add g1.eth0 mac 02:00:00:00:00:01 overlay o"
				   " also 02:00:00:00:01:01,02:00:00:00:01:02\n"
				   "node b\n"
				   "  uplink add 0 address 10.0.0.2/24\n"
				   "  interface add g1.eth0 mac 02:00:00:00:00:02 overlay o\n";

	(void)state;
	expand(text, "a");
	assert_non_null(strstr(out, "dst 02:00:00:00:01:02 to interface g1.eth0 from edges\n"));
	expand(text, "b");
	assert_non_null(strstr(out, "dst 02:00:00:00:00:01 to edge o.a\n"
				    "route add src any dst 02:00:00:00:01:01 to edge o.a\n"
				    "route add src any dst 02:00:00:00:01:02 to edge o.a\n"));
}

static void a_mesh_of_some_nodes(void **state)
{
	static const char text[] = "node a\n"
				   "  uplink add 0 address 10.0.0.1/24\n"
				   "  overlay add m links mesh kind geneve\n"
				   "node b\n"
				   "  uplink add 0 address 10.0.0.2/24\n"
				   "node c\n"
				   "  uplink add 0 address 10.0.0.3/24\n"
				   "  overlay add m links mesh kind geneve\n";

	(void)state;
	assert_int_equal(expand(text, "a"), 2);
	assert_string_equal(out, "link add m.c geneve remote 10.0.0.3 overlay m\n"
				 "route add src any dst group to edge m.c\n");
	assert_int_equal(expand(text, "b"), 0);
}

static void limits_are_said(void **state)
{
	size_t len = 0;
	char *text = malloc(32 * (MESH_NODES_MAX + 2));

	(void)state;
	for (u32 i = 0; i <= MESH_NODES_MAX; i++)
		len += (size_t)sprintf(text + len, "node n%u\n", i);
	assert_null(mesh_read("c.conf", text, len, message));
	assert_string_equal(message, "c.conf:1025: too many nodes");
	host_alloc_fail = true;
	assert_null(mesh_read("c.conf", text, 1, message));
	host_alloc_fail = false;
	assert_int_equal(host_alloc_live, 0);
	free(text);
}

/* --- big ones, for real ------------------------------------------------------- */

#define VMS 2

/* Node i has interfaces v0 and v1 with the MAC 02:00:00:<i>:<vm>. */
static char *cluster(u32 nodes)
{
	char *text = malloc(64 + (size_t)nodes * 256);
	size_t len = (size_t)sprintf(text, "caisson 1\noverlay add hpc links mesh port 9000\n");

	for (u32 i = 0; i < nodes; i++) {
		len += (size_t)sprintf(text + len,
				       "node n%u\n  uplink add 0 address 10.1.%u.%u/16\n", i,
				       i >> 8, i & 255);
		for (u32 v = 0; v < VMS; v++)
			len += (size_t)sprintf(text + len,
					       "  interface add v%u.eth0 mac "
					       "02:00:00:%02x:%02x:%02x overlay hpc\n",
					       v, i >> 8, i & 255, v);
	}
	return text;
}

static struct fake_port *ports; /* VMS interfaces, then the edges in order of nodes */
static u32 self, edges, routes;

static struct fake_port *port_named(const char *name)
{
	struct vnet_port *p = vnet_port_find(name);

	assert_non_null(p);
	return container_of(p, struct fake_port, port);
}

static void do_link(const struct lang_stmt *s)
{
	struct edge_setup e;
	const char *key;
	char why[200] = "";

	assert_int_equal(link_lang_read(s, &e, &key, why, sizeof(why)), ERR_OK);
	fake_port_add_overlay(&ports[VMS + edges++], s->name, VNET_PORT_EDGE, 0, 0, e.overlay);
}

static void do_route(const struct lang_stmt *s)
{
	const struct lang_value *dst = lang_get(s, "dst"), *from = lang_get(s, "from");
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY },
		.dst = { .cls = dst->num == LANG_MATCH_GROUP ? ROUTE_GROUP : ROUTE_EXACT },
		.from = from ? ROUTE_FROM_EDGES : ROUTE_FROM_ANY,
		.to = port_named(lang_get(s, "to")->text)->port.id,
	};
	char why[128];
	u32 id;

	memcpy(spec.dst.mac, dst->mac, 6);
	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
	assert_string_equal(why, "");
	routes++;
}

static void do_line(void *ctx, const char *text)
{
	static struct lang_stmt s;
	const struct lang_source file = { "expanded", 1, false };

	(void)ctx;
	if (lang_parse(&file, text, strlen(text), &s, message) != ERR_OK)
		fail_msg("%s: %s", text, message);
	if (s.cmd->id == LANG_LINK_ADD)
		do_link(&s);
	else
		do_route(&s);
}

static void no_error(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

/* Where a frame to that MAC goes. */
static u64 look(const struct fake_port *in, u32 node, u32 vm, bool group, struct port_set *many)
{
	u8 frame[14] = { 2, 0, 0, (u8)(node >> 8), (u8)node, (u8)vm, 6, 6, 6, 6, 6, 6 };
	struct route_key k;

	if (group)
		memset(frame, 0xff, 6);
	route_key_init(&k, &in->port, frame);
	route_key_hash(&k);
	return route_lookup(&k, many);
}

static u32 count(struct port_set *set)
{
	u32 n = 0;

	while (port_set_take(set) != VNET_PORT_NONE)
		n++;
	return n;
}

static void no_kick(unsigned core)
{
	(void)core;
}

static void frames_find_their_way(u32 nodes)
{
	struct port_set many;

	for (u32 node = 0; node < nodes; node++) {
		char name[LANG_NAME_MAX];
		u64 to;

		snprintf(name, sizeof(name), "hpc.n%u", node);
		to = node == self ? ports[1].port.id : port_named(name)->port.id;
		assert_int_equal(look(&ports[0], node, 1, false, &many), to);
		if (node == self)
			continue;
		/* In by a link: to a guest of this node, and never on to another node. */
		assert_int_equal(look(port_named(name), self, 1, false, &many), ports[1].port.id);
		assert_true(look(port_named(name), (node + 1) % nodes, 0, false, &many) &
			    (node + 1 == self ? 0 : VERDICT_DROP) || (node + 1) % nodes == self);
	}
	assert_int_equal(look(&ports[0], 0, 0, true, &many), VERDICT_MANY);
	assert_int_equal(count(&many), nodes - 1 + VMS - 1);
	assert_int_equal(look(&ports[VMS], 0, 0, true, &many),
			 (u64)ports[0].port.id | (u64)ports[1].port.id << VERDICT_PORT_BITS);
}

static void a_node_of(u32 nodes, u32 which)
{
	const struct mesh_sink doing = { .line = do_line, .error = no_error };
	char *text = cluster(nodes), name[16];
	struct mesh *m;
	u32 id = overlay_id_of("hpc");

	assert_int_equal(vnet_init(1, 3, no_kick), ERR_OK);
	assert_int_equal(overlay_add("hpc", id, &overlay_defaults), ERR_OK);
	ports = calloc(VMS + nodes, sizeof(*ports));
	self = which;
	edges = 0;
	routes = 0;
	fake_port_add_overlay(&ports[0], "v0.eth0", VNET_PORT_INTERFACE, 1, 0, id);
	fake_port_add_overlay(&ports[1], "v1.eth0", VNET_PORT_INTERFACE, 2, 0, id);
	m = mesh_read("c.conf", text, strlen(text), message);
	assert_non_null(m);
	snprintf(name, sizeof(name), "n%u", which);
	mesh_expand(m, name, &doing);
	mesh_free(m);
	assert_int_equal(edges, nodes - 1);
	assert_int_equal(routes, (nodes - 1) * (1 + VMS) + 4 * VMS);
	frames_find_their_way(nodes);
	vnet_fini();
	free(ports);
	free(text);
	assert_int_equal(host_alloc_live, 0);
}

static void meshes_of_64_and_256_nodes(void **state)
{
	(void)state;
	a_node_of(5, 1);
	a_node_of(64, 63);
	a_node_of(256, 100);
}

/* --- the language -------------------------------------------------------------- */

static void overlays_are_printed_as_they_are_read(void **state)
{
	static const char *const lines[] = {
		"overlay add hpc vni 42 learn on age 60s learn-limit 5",
		"overlay add b vni 16777215",
		"overlay set default learn on flood on",
	};
	static const struct lang_source file = { "node.conf", 7, false };
	static struct lang_stmt s;
	struct overlay_line line;
	char text[OVERLAY_LANG_MAX];

	(void)state;
	assert_int_equal(vnet_init(1, 3, no_kick), ERR_OK);
	assert_string_equal(overlay_lang_write(overlay_find("default"), text), "");
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(lang_parse(&file, lines[i], strlen(lines[i]), &s, message),
				 ERR_OK);
		overlay_lang_read(&s, &overlay_defaults, &line);
		if (s.cmd->id == LANG_OVERLAY_ADD)
			assert_int_equal(overlay_add(s.name, line.id, &line.setup), ERR_OK);
		else
			assert_int_equal(overlay_set(overlay_find(s.name), &line.setup), ERR_OK);
		assert_string_equal(overlay_lang_write(overlay_find(s.name), text), lines[i]);
	}
	vnet_fini();
}

static void mistakes_are_said(void **state)
{
	static const struct {
		const char *line, *what;
	} bad[] = {
		{ "overlay add a age 300", "\"300\" is no value for \"age\"; expected: a time such "
					   "as 300s (ms, s, m, h)" },
		{ "overlay add a age 5ms", "age 5ms is out of range; expected: 1000ms to "
					   "86400000ms" },
		{ "overlay add a links star",
		  "\"star\" is no value for \"links\"; expected: mesh" },
		{ "overlay add a learn-limit 0", "learn-limit 0 is out of range; expected: 1 to "
						 "65536" },
		{ "overlay set a vni 5",
		  "unknown word \"vni\"; expected: learn, age, learn-limit" },
	};
	static const struct lang_source file = { "f", 1, false };
	static struct lang_stmt s;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_not_equal(lang_parse(&file, bad[i].line, strlen(bad[i].line), &s,
						message), ERR_OK);
		if (!strstr(message, bad[i].what))
			fail_msg("%s", message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_nodes_as_text),
		cmocka_unit_test(further_addresses_have_routes),
		cmocka_unit_test(a_mesh_of_some_nodes),
		cmocka_unit_test(limits_are_said),
		cmocka_unit_test(meshes_of_64_and_256_nodes),
		cmocka_unit_test(overlays_are_printed_as_they_are_read),
		cmocka_unit_test(mistakes_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
