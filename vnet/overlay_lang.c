/* SPDX-License-Identifier: BSD-2-Clause */
/* Overlays in the control language, see overlay_lang.h. */
#include "vnet/overlay_lang.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"

#define MS_PER_S 1000u

void overlay_lang_read(const struct lang_stmt *stmt, const struct overlay_setup *otherwise,
		       struct overlay_line *out)
{
	const struct lang_value *vni = lang_get(stmt, "vni"), *learn = lang_get(stmt, "learn");
	const struct lang_value *age = lang_get(stmt, "age"), *port = lang_get(stmt, "port");
	const struct lang_value *limit = lang_get(stmt, "learn-limit");
	const struct lang_value *kind = lang_get(stmt, "kind");
	const struct lang_value *answers = lang_get(stmt, "answers");
	const struct lang_value *flood = lang_get(stmt, "flood");

	*out = (struct overlay_line){
		.id = vni ? (u32)vni->num : overlay_id_of(stmt->name),
		.setup = *otherwise,
		.mesh = lang_get(stmt, "links") != NULL,
		.kind = kind ? kind->text : "udp",
		.port = port ? (u32)port->num : 0,
	};
	if (flood)
		out->setup.flood = flood->num != 0;
	if (answers)
		out->setup.answers = answers->num != 0;
	if (learn)
		out->setup.learn = learn->num != 0;
	if (age)
		out->setup.age_s = (u32)(age->num / MS_PER_S);
	if (limit)
		out->setup.limit = (u32)limit->num;
}

const char *overlay_lang_write(const struct overlay *o, char *buf)
{
	const struct overlay_setup *s = &o->setup, *d = &overlay_defaults;
	size_t len = 0;

	buf[0] = '\0';
	if (!o->id && s->learn == d->learn && s->age_s == d->age_s && s->limit == d->limit &&
	    s->flood == d->flood && s->answers == d->answers)
		return buf;
	fmt_append(buf, OVERLAY_LANG_MAX, &len, "overlay %s %s", o->id ? "add" : "set", o->name);
	if (o->id)
		fmt_append(buf, OVERLAY_LANG_MAX, &len, " vni %u", o->id);
	if (s->learn)
		fmt_append(buf, OVERLAY_LANG_MAX, &len, " learn on");
	if (s->age_s != d->age_s)
		fmt_append(buf, OVERLAY_LANG_MAX, &len, " age %us", s->age_s);
	if (s->limit != d->limit)
		fmt_append(buf, OVERLAY_LANG_MAX, &len, " learn-limit %u", s->limit);
	if (s->flood)
		fmt_append(buf, OVERLAY_LANG_MAX, &len, " flood on");
	if (s->answers)
		fmt_append(buf, OVERLAY_LANG_MAX, &len, " answers on");
	return buf;
}
