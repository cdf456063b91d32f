/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture start, read, stop. What was kept is read as text, a line a frame:
 *
 *     TIME_NS in|out KIND PORT LENGTH HEX...
 *
 * and at the end "now TIME_NS lost COUNT". One answer is bounded, and says
 * nothing of whether there is more: who reads asks again.
 */
#include "vnet/capture.h"

#include "ctl/ctl.h"
#include "hv/base/plat.h"
#include "vnet/hash.h"

#define SNAP_DEFAULT 2048u
/* Captured bytes of one answer, so that a turn of the node's loop stays short. */
#define ANSWER_BYTES (64u * 1024)
#define HEX_CHUNK 64u

err_t ctl_capture_start(struct ctl *c)
{
	const struct lang_value *mac = lang_get(c->stmt, "mac");
	struct capture_filter filter = { .snap = (u32)ctl_num(c, "snap", SNAP_DEFAULT) };
	const struct vnet_port *port;
	err_t err;

	if (c->stmt->name) {
		port = vnet_port_find(c->stmt->name);
		if (!port)
			return ctl_fail(c, NULL, ERR_NOENT, "there is no interface or link \"%s\"",
					c->stmt->name);
		filter.port = port->id;
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
	static const char digits[] = "0123456789abcdef";
	const struct vnet_port *port = vnet_port_by_id(f->port);
	char hex[2 * HEX_CHUNK];
	u32 n = 0;

	/* Its port may be gone since. */
	out_printf(out, "%lu %s %s %s %u ", f->time_ns, f->dir == CAPTURE_IN ? "in" : "out",
		   port ? vnet_port_kind_name(port->kind) : "port", port ? port->name : "gone",
		   f->len);
	for (u32 i = 0; i < f->size; i++) {
		hex[n++] = digits[f->data[i] >> 4];
		hex[n++] = digits[f->data[i] & 15];
		if (n == sizeof(hex) || i + 1 == f->size) {
			out->write(out->ctx, hex, n);
			n = 0;
		}
	}
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
