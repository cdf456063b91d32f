/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules for optional abilities that each backend's table follows, see backend.h. */
#include "hv/backend.h"

#include "hv/base/str.h"

void feature_detect(struct backend_feature *f, bool present)
{
	if (!present)
		f->state = FEATURE_ABSENT;
	else
		f->state = f->untested ? FEATURE_UNUSED : FEATURE_USED;
}

/* Its place in the table, or count. */
static u32 index_of(const struct backend_feature *table, u32 count, const char *name)
{
	u32 i = 0;

	while (i < count && strcmp(table[i].name, name))
		i++;
	return i;
}

const struct backend_feature *feature_find(const struct backend_feature *table, u32 count,
					   const char *name)
{
	u32 i = index_of(table, count, name);

	return i < count ? &table[i] : NULL;
}

err_t feature_choose(struct backend_feature *table, u32 count, const char *name, bool on)
{
	u32 i = index_of(table, count, name);
	struct backend_feature *f = &table[i];

	if (i == count)
		return ERR_NOENT;
	if (on == (f->state == FEATURE_USED))
		return ERR_OK;
	if (f->state == FEATURE_ABSENT)
		return ERR_NOTSUP;
	if (f->always)
		return ERR_INVAL;
	f->state = on ? FEATURE_USED : FEATURE_UNUSED;
	return ERR_OK;
}
