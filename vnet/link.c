/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of links there are. */
#include "vnet/link.h"

#include "hv/base/str.h"

static const struct link_kind *const kinds[] = {
	&link_udp, /* before link_vnetu: it is what `udp` alone means */
	&link_vnetu,
	&link_vxlan,
	&link_geneve,
	&link_direct,
};

const struct link_kind *link_find_header(const char *name, const char *header)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i]->name, name) == 0 &&
		    (!header || (kinds[i]->header && strcmp(kinds[i]->header, header) == 0)))
			return kinds[i];
	}
	return NULL;
}

const struct link_kind *link_find(const char *name)
{
	return link_find_header(name, NULL);
}

bool link_has_key(const struct link_kind *kind, const char *key)
{
	for (const char *const *k = kind->keys; *k; k++) {
		if (strcmp(*k, key) == 0)
			return true;
	}
	return false;
}

bool link_gather(struct pkt *p, u32 len)
{
	return p->len >= len && pkt_pullup(p, MIN(p->len, len + PKT_HEADER_COPY));
}
