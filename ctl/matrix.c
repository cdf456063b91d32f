/* SPDX-License-Identifier: BSD-2-Clause */
/* matrix on|off, show matrix. */
#include "vnet/matrix.h"

#include "ctl/ctl.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "vnet/overlay.h"

#define TOP_DEFAULT 16u

err_t ctl_matrix(struct ctl *c)
{
	bool on = ctl_num(c, "on|off", 0) != 0;
	err_t err = on ? matrix_start() : matrix_stop();

	if (err == ERR_BUSY && on)
		return ctl_fail(c, "on|off", err, "it is on already (off forgets what it counted)");
	return err ? ctl_fail(c, "on|off", err, "%s", err_str(err)) : ERR_OK;
}

static const char *mac_text(u64 mac, char text[FMT_MAC_LEN])
{
	u8 bytes[sizeof(mac)];

	memcpy(bytes, &mac, sizeof(bytes));
	return fmt_mac(text, bytes);
}

static void pair_row(const struct out *out, const struct matrix_pair *p)
{
	char src[FMT_MAC_LEN], dst[FMT_MAC_LEN];
	const struct overlay *o = overlay_by_id(p->overlay);

	out_printf(out, "%s %s %12lu %16lu  %s\n", mac_text(p->src, src), mac_text(p->dst, dst),
		   p->frames, p->bytes, o ? o->name : "default");
}

static void pair_json(struct json *j, const struct matrix_pair *p)
{
	char text[FMT_MAC_LEN];

	json_open(j, NULL, '{');
	json_text(j, "src", mac_text(p->src, text));
	json_text(j, "dst", mac_text(p->dst, text));
	json_num(j, "overlay", p->overlay);
	json_num(j, "frames", p->frames);
	json_num(j, "bytes", p->bytes);
	json_close(j, '}');
}

err_t ctl_show_matrix(struct ctl *c)
{
	bool json = lang_get(c->stmt, "json") != NULL;
	struct json j = { .out = c->out };
	static struct matrix_pair top[MATRIX_TOP_MAX];
	u32 n;

	if (!matrix_now)
		return ctl_fail(c, NULL, ERR_NOENT, "nothing is counted (matrix on)");
	n = matrix_top(top, (u32)ctl_num(c, "top", TOP_DEFAULT));
	if (json) {
		json_open(&j, NULL, '{');
		json_open(&j, "pairs", '[');
	} else {
		out_printf(c->out, "SOURCE            DESTINATION             FRAMES"
				   "            BYTES  OVERLAY\n");
	}
	for (u32 i = 0; i < n; i++) {
		if (json)
			pair_json(&j, &top[i]);
		else
			pair_row(c->out, &top[i]);
	}
	if (!json) {
		out_printf(c->out, "frames of pairs that found no room: %lu\n", matrix_others());
		return ERR_OK;
	}
	json_close(&j, ']');
	json_num(&j, "other_frames", matrix_others());
	json_close(&j, '}');
	out_printf(c->out, "\n");
	return ERR_OK;
}
