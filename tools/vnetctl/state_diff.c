/* SPDX-License-Identifier: BSD-2-Clause */
/* What differs between two configurations, and what leads from one to the other, see state.h. */
#include "tools/vnetctl/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "... mtu N" cut out of an interface's or uplink's statement. */
static void without_mtu(const char *text, char *buf, size_t size)
{
	const char *mtu = strstr(text, " mtu "), *rest;

	rest = mtu ? mtu + strlen(" mtu ") + strcspn(mtu + strlen(" mtu "), " ") : "";
	snprintf(buf, size, "%.*s%s", mtu ? (int)(mtu - text) : (int)strlen(text), text, rest);
}

static bool same(const struct thing *have, const struct thing *want)
{
	char text[THING_TEXT_MAX];

	if (!strcmp(have->text, want->text))
		return true;
	if (want->id == LANG_OVERLAY_ADD)
		return have->vni == want->vni; /* the rest is changed where it stands */
	if ((want->id != LANG_INTERFACE_ADD && want->id != LANG_UPLINK_ADD) || !want->any_mtu)
		return false;
	without_mtu(have->text, text, sizeof(text));
	return !strcmp(text, want->text);
}

static int by_name_and_text(const void *a, const void *b)
{
	const struct thing *const *x = a, *const *y = b;
	int order = (int)(*x)->id - (int)(*y)->id;

	if (!order)
		order = strcmp((*x)->name, (*y)->name);
	/* Routes have no names. */
	return order || (*x)->name[0] ? order : strcmp((*x)->text, (*y)->text);
}

static struct thing **sorted(struct state *s)
{
	struct thing **order = calloc(s->count + 1, sizeof(*order));

	for (u32 i = 0; order && i < s->count; i++)
		order[i] = &s->thing[i];
	if (order)
		qsort(order, s->count, sizeof(*order), by_name_and_text);
	return order;
}

static void find_twins(struct state *have, struct state *want)
{
	struct thing **a = sorted(have), **b = sorted(want);
	u32 i = 0, k = 0;

	while (a && b && i < have->count && k < want->count) {
		int order = by_name_and_text(&a[i], &b[k]);

		if (!order && same(a[i], b[k])) {
			a[i]->twin = b[k];
			b[k]->twin = a[i];
		}
		i += order <= 0;
		k += order >= 0;
	}
	free(a);
	free(b);
}

static bool has_word(const char *text, const char *key, const char *name)
{
	char words[2 * LANG_NAME_MAX + 4];
	size_t len = (size_t)snprintf(words, sizeof(words), " %s %s", key, name);
	const char *at = text;

	while ((at = strstr(at, words)) && at[len] && at[len] != ' ')
		at++;
	return at != NULL;
}

/* It belongs to the guest whose name its own begins with. */
static bool is_part(const struct thing *t)
{
	return t->id == LANG_INTERFACE_ADD || t->id == LANG_DISK_ADD;
}

/* Does t go along when `gone` goes? */
static bool depends(const struct thing *t, const struct thing *gone)
{
	size_t len = strlen(gone->name);

	switch (gone->id) {
	case LANG_VM_ADD:
		return (is_part(t) && !strncmp(t->name, gone->name, len) && t->name[len] == '.') ||
		       (t->id == LANG_VM_START && !strcmp(t->name, gone->name));
	case LANG_OVERLAY_ADD:
		return (t->id == LANG_LINK_ADD || t->id == LANG_INTERFACE_ADD) &&
		       has_word(t->text, "overlay", gone->name);
	case LANG_LINK_ADD:
		return (t->id == LANG_LINK_SET && !strcmp(t->name, gone->name)) ||
		       (t->id == LANG_ROUTE_ADD && has_word(t->text, "edge", gone->name));
	case LANG_INTERFACE_ADD:
		return (t->id == LANG_INTERFACE_SET && !strcmp(t->name, gone->name)) ||
		       (t->id == LANG_ROUTE_ADD && has_word(t->text, "interface", gone->name));
	default:
		return false;
	}
}

/* A guest's interfaces and disks change only while it stands still. */
static void touch_guests(struct state *have)
{
	for (u32 i = 0; i < have->count; i++) {
		const struct thing *part = &have->thing[i];
		const char *dot = strchr(part->name, '.');

		for (u32 k = 0; part->touched && is_part(part) && dot && k < have->count; k++) {
			struct thing *start = &have->thing[k];

			if (start->id == LANG_VM_START &&
			    strlen(start->name) == (size_t)(dot - part->name) &&
			    !strncmp(start->name, part->name, (size_t)(dot - part->name)))
				start->touched = true;
		}
	}
}

static void touch(struct state *have)
{
	bool more = true;

	for (u32 i = 0; i < have->count; i++)
		have->thing[i].touched = !have->thing[i].twin;
	while (more) {
		more = false;
		for (u32 i = 0; i < have->count; i++) {
			for (u32 k = 0; have->thing[i].touched && have->thing[i].id !=
					LANG_ROUTE_ADD && k < have->count; k++) {
				struct thing *t = &have->thing[k];

				if (t->touched || !depends(t, &have->thing[i]))
					continue;
				t->touched = true;
				more = true;
			}
		}
	}
	touch_guests(have);
}

static void write_removal(const struct thing *t, struct flat *out)
{
	char text[THING_TEXT_MAX];
	const char *object = t->id == LANG_INTERFACE_ADD ? "interface"
			     : t->id == LANG_DISK_ADD	 ? "disk"
			     : t->id == LANG_LINK_ADD	 ? "link"
			     : t->id == LANG_OVERLAY_ADD ? "overlay"
			     : t->id == LANG_UPLINK_ADD	 ? "uplink"
			     : t->id == LANG_DISPATCHER_ADD ? "dispatcher"
							 : "vm";

	if (t->id == LANG_ROUTE_ADD)
		snprintf(text, sizeof(text), "route del %u", t->route);
	else if (t->id == LANG_CONTROL_LISTEN)
		snprintf(text, sizeof(text), "control close");
	else if (t->id == LANG_CORE_SET)
		snprintf(text, sizeof(text), "core set %s assert nothing", t->name);
	else if (t->id == LANG_VM_START)
		snprintf(text, sizeof(text), "vm stop %s", t->name);
	else if (t->id == LANG_LINK_SET || t->id == LANG_INTERFACE_SET)
		snprintf(text, sizeof(text), "%s set %s state up",
			 t->id == LANG_LINK_SET ? "link" : "interface", t->name);
	else
		snprintf(text, sizeof(text), "%s del %s", object, t->name);
	flat_add(out, text);
}

static void write_addition(const struct thing *t, struct flat *out)
{
	char text[2 * THING_TEXT_MAX];

	snprintf(text, sizeof(text), "%s%s", t->text, t->more ? t->more : "");
	flat_add(out, text);
}

void state_difference(struct state *have, struct state *want, struct flat *out)
{
	/* What goes last stands on nothing that goes before it. */
	static const enum lang_id removal[] = {
		LANG_ROUTE_ADD, LANG_CORE_SET, LANG_LINK_SET, LANG_INTERFACE_SET, LANG_VM_START,
		LANG_INTERFACE_ADD, LANG_DISK_ADD, LANG_VM_ADD, LANG_DISPATCHER_ADD, LANG_LINK_ADD,
		LANG_OVERLAY_ADD,
		LANG_CONTROL_LISTEN, LANG_UPLINK_ADD,
	};

	find_twins(have, want);
	touch(have);
	for (u32 i = 0; i < ARRAY_SIZE(removal); i++)
		for (u32 k = 0; k < have->count; k++)
			if (have->thing[k].touched && have->thing[k].id == removal[i])
				write_removal(&have->thing[k], out);
	for (u32 k = 0; k < want->count; k++) {
		const struct thing *t = &want->thing[k];

		if (!t->twin || t->twin->touched)
			write_addition(t, out);
		else if (t->change && strcmp(t->change, t->twin->change) != 0)
			flat_add(out, t->change);
	}
}
