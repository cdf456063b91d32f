/* SPDX-License-Identifier: BSD-2-Clause */
/* What statements about interfaces have in common on every kind of node. */
#include "ctl/ctl.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "vnet/hash.h"

STATIC_ASSERT(LANG_MACS_MAX <= VNET_ALSO_MAX, "all of a list have room");

err_t ctl_also(struct ctl *c, struct vnet_also *also)
{
	const struct lang_value *v = lang_get(c->stmt, "also");

	also->count = v ? (u32)v->num : 0;
	for (u32 i = 0; i < also->count; i++) {
		memcpy(also->mac[i], v->macs[i], sizeof(also->mac[i]));
		if (mac_is_group(mac_load(also->mac[i])) || !mac_load(also->mac[i]))
			return ctl_fail(c, "also", ERR_INVAL, "nobody sends from a group address, "
					"or from 0");
	}
	return ERR_OK;
}

void ctl_also_print(const struct out *out, const struct vnet_also *also)
{
	char mac[FMT_MAC_LEN];

	for (u32 i = 0; i < also->count; i++)
		out_printf(out, "%s%s", i ? "," : " also ", fmt_mac(mac, also->mac[i]));
}

void ctl_also_json(struct json *j, const struct vnet_also *also)
{
	char mac[FMT_MAC_LEN];

	json_open(j, "also", '[');
	for (u32 i = 0; i < also->count; i++)
		json_text(j, NULL, fmt_mac(mac, also->mac[i]));
	json_close(j, ']');
}
