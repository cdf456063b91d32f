/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of links there are. */
#include "vnet/link.h"

#include "hv/base/str.h"

static const struct link_ops *const kinds[] = {
	&link_udp,
};

const struct link_ops *link_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	return NULL;
}
