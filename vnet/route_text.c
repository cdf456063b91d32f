/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes for people: the words of one, and which multicast one takes from another. */
#include "vnet/route.h"

#include "hv/base/fmt.h"
#include "vnet/hash.h"

/* --- hidden multicast ----------------------------------------------------- */

static bool sources_meet(const struct route_match *a, const struct route_match *b)
{
	bool same;

	if (a->cls == ROUTE_ANY || b->cls == ROUTE_ANY)
		return true;
	if (a->cls == ROUTE_NOT && b->cls == ROUTE_NOT)
		return true;
	same = mac_load(a->mac) == mac_load(b->mac);
	return a->cls == b->cls ? same : !same;
}

/* Do they share a multicast destination? low is exact or group. */
static bool groups_meet(const struct route_match *high, const struct route_match *low)
{
	u64 mac = mac_load(high->mac);

	switch (high->cls) {
	case ROUTE_EXACT:
		return low->cls == ROUTE_GROUP ? mac_is_group(mac) : mac == mac_load(low->mac);
	case ROUTE_NOT:
		return low->cls == ROUTE_GROUP || mac != mac_load(low->mac);
	case ROUTE_NONE:
		return false;
	default:
		return true;
	}
}

static bool from_takes(const struct route_spec *spec, const struct vnet_port *port)
{
	switch (spec->from) {
	case ROUTE_FROM_PORT:
		return port->id == spec->from_port;
	case ROUTE_FROM_EDGES:
		return port->kind == VNET_PORT_EDGE;
	default:
		return port->kind == VNET_PORT_INTERFACE;
	}
}

static bool froms_meet(const struct route_spec *a, const struct route_spec *b)
{
	const struct vnet_port *port = vnet_port_next(0);

	for (; port; port = vnet_port_next(port->id)) {
		if (from_takes(a, port) && from_takes(b, port))
			return true;
	}
	return false;
}

bool route_hides_group(const struct route_spec *high, const struct route_spec *low)
{
	const struct vnet_port *high_to = vnet_port_by_id(high->to);
	const struct vnet_port *low_to = vnet_port_by_id(low->to);

	if (low->dst.cls != ROUTE_GROUP &&
	    !(low->dst.cls == ROUTE_EXACT && mac_is_group(mac_load(low->dst.mac))))
		return false;
	return high->to != low->to && high_to && low_to && high_to->overlay == low_to->overlay &&
	       route_priority(high->src.cls, high->dst.cls) >
		       route_priority(low->src.cls, low->dst.cls) &&
	       sources_meet(&high->src, &low->src) && groups_meet(&high->dst, &low->dst) &&
	       froms_meet(high, low);
}

/* --- words ---------------------------------------------------------------- */

static void append_match(char *buf, size_t size, size_t *len, const struct route_match *m)
{
	static const char *const words[ROUTE_CLASS_COUNT] = {
		[ROUTE_ANY] = "any",
		[ROUTE_NONE] = "none",
		[ROUTE_GROUP] = "group",
	};
	char mac[FMT_MAC_LEN];

	if (m->cls == ROUTE_EXACT || m->cls == ROUTE_NOT)
		fmt_append(buf, size, len, "%s%s", m->cls == ROUTE_NOT ? "not-" : "",
			   fmt_mac(mac, m->mac));
	else
		fmt_append(buf, size, len, "%s", words[m->cls]);
}

static void append_port(char *buf, size_t size, size_t *len, u16 id)
{
	const struct vnet_port *port = vnet_port_by_id(id);

	if (port)
		fmt_append(buf, size, len, "%s %s", vnet_port_kind_name(port->kind), port->name);
	else
		fmt_append(buf, size, len, "port %u", id);
}

char *route_format(const struct route_spec *spec, char *buf, size_t size)
{
	size_t len = 0;

	fmt_append(buf, size, &len, "src ");
	append_match(buf, size, &len, &spec->src);
	fmt_append(buf, size, &len, " dst ");
	append_match(buf, size, &len, &spec->dst);
	fmt_append(buf, size, &len, " to ");
	append_port(buf, size, &len, spec->to);
	if (spec->backup != VNET_PORT_NONE) {
		fmt_append(buf, size, &len, " backup ");
		append_port(buf, size, &len, spec->backup);
	}
	switch (spec->from) {
	case ROUTE_FROM_ANY:
		break;
	case ROUTE_FROM_INTERFACES:
		fmt_append(buf, size, &len, " from interfaces");
		break;
	case ROUTE_FROM_EDGES:
		fmt_append(buf, size, &len, " from edges");
		break;
	case ROUTE_FROM_PORT:
		fmt_append(buf, size, &len, " from ");
		append_port(buf, size, &len, spec->from_port);
		break;
	}
	return buf;
}
