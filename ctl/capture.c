/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture start, read, stop. What was kept is read as text, a line a frame:
 *
 *     TIME_NS in|out inner|outer KIND PORT LENGTH HEX...
 *
 * and at the end "now TIME_NS lost COUNT". One answer is bounded, and says
 * nothing of whether there is more: who reads asks again.
 */
#include "vnet/capture.h"

#include "ctl/ctl.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "vnet/edge.h"
#include "vnet/hash.h"

#define SNAP_DEFAULT 2048u
/* Captured bytes of one answer, so that a turn of the node's loop stays short. */
#define ANSWER_BYTES (64u * 1024)

/* Does the port have an outer side that can be seen from here? */
static err_t check_outer(struct ctl *c, struct vnet_port *port)
{
	const struct edge *e;
	char ip[FMT_IP4_LEN];

	if (port->kind != VNET_PORT_EDGE)
		return ctl_fail(c, "side", ERR_INVAL, "an interface has no outer side: links do");
	e = edge_of(port);
	if (e->link->flags & LINK_IS_LAN)
		return ctl_fail(c, "side", ERR_INVAL, "a %s link adds nothing to frames: what is "
				"inside is what is on the wire", e->link->name);
	if (e->link->flags & LINK_IS_STREAM)
		return ctl_fail(c, "side", ERR_NOTSUP, "the kernel has that side of a %s link: "
				"tcpdump -i any -w FILE tcp port %u%s%s", e->link->name,
				e->setup.local_port, e->dst.remote_ip ? " and host " : "",
				e->dst.remote_ip ? fmt_ip4(ip, e->dst.remote_ip) : "");
	return ERR_OK;
}

err_t ctl_capture_start(struct ctl *c)
{
	/* By the schema's order. */
	static const u16 sides[] = { CAPTURE_INNER, CAPTURE_OUTER, CAPTURE_INNER | CAPTURE_OUTER };
	const struct lang_value *mac = lang_get(c->stmt, "mac");
	struct capture_filter filter = { .snap = (u32)ctl_num(c, "snap", SNAP_DEFAULT),
					 .sides = sides[ctl_num(c, "side", 0)] };
	struct vnet_port *port;
	err_t err;

	if (c->stmt->name) {
		port = vnet_port_find(c->stmt->name);
		if (!port)
			return ctl_fail(c, NULL, ERR_NOENT, "there is no interface or link \"%s\"",
					c->stmt->name);
		filter.port = port->id;
		err = filter.sides & CAPTURE_OUTER ? check_outer(c, port) : ERR_OK;
		if (err)
			return err;
	}
	if (mac)
		filter.mac = mac_load(mac->mac);
	err = capture_start(&filter);
	if (err == ERR_BUSY)
		return ctl_fail(c, NULL, err, "there is a capture already (capture stop)");
	return err ? ctl_fail(c, NULL, err, "%s", err_str(err)) : ERR_OK;
}

err_t ctl_capture_stop(struct ctl *c)
{
	(void)c;
	capture_stop();
	return ERR_OK;
}

static void frame_line(const struct out *out, const struct capture_frame *f)
{
	const struct vnet_port *port = vnet_port_by_id(f->port);
	const char *kind = f->port == VNET_PORT_NONE ? "uplink" : "port";
	const char *name = f->port == VNET_PORT_NONE ? "0" : "gone"; /* since it came by */

	out_printf(out, "%lu %s %s %s %s %u ", f->time_ns, f->dir == CAPTURE_IN ? "in" : "out",
		   f->side == CAPTURE_INNER ? "inner" : "outer",
		   port ? vnet_port_kind_name(port->kind) : kind, port ? port->name : name,
		   f->len);
	out_hex(out, f->data, f->size);
	out_printf(out, "\n");
}

err_t ctl_capture_read(struct ctl *c)
{
	struct capture_frame f;
	u32 bytes = 0;

	if (!capture_now)
		return ctl_fail(c, NULL, ERR_NOENT, "no capture is going on (capture start)");
	while (bytes < ANSWER_BYTES && capture_read(&f)) {
		frame_line(c->out, &f);
		bytes += f.size;
	}
	out_printf(c->out, "now %lu lost %lu\n", plat_now_ns(), capture_lost());
	return ERR_OK;
}
