/* SPDX-License-Identifier: BSD-2-Clause */
/* Configurations compared, see state.h. */
#include "tools/vnetctl/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/fmt.h"
#include "tools/vnetctl/state_dispatch.h"
#include "vnet/dispatch_lang.h"
#include "vnet/lang_write.h"
#include "vnet/link_lang.h"
#include "vnet/overlay_lang.h"

#define LINE_MAX_BYTES (LANG_LINE_MAX / 2)

/* What is so without a word, and what no statement can change later. */
static const struct {
	enum lang_id id;
	const char *key;
	const char *value;
} unsaid[] = {
	{ LANG_UPLINK_ADD, "poll", "off" },	  { LANG_VM_ADD, "cpus", "1" },
	{ LANG_VM_ADD, "on-crash", "stop" },	  { LANG_VM_ADD, "testdev", "off" },
	{ LANG_VM_ADD, "rng", "on" },
	{ LANG_INTERFACE_ADD, "check-source", "on" },
	{ LANG_INTERFACE_ADD, "overlay", "default" }, { LANG_CONTROL_LISTEN, "port", "9901" },
};

static void drop_unsaid(struct lang_stmt *s)
{
	for (u32 k = 0; s->cmd->keys[k].word; k++) {
		for (u32 i = 0; i < ARRAY_SIZE(unsaid); i++) {
			char value[LANG_NAME_MAX] = "";
			size_t len = 0;

			if (!s->value[k].set || unsaid[i].id != s->cmd->id ||
			    strcmp(unsaid[i].key, s->cmd->keys[k].word) != 0)
				continue;
			lang_write_value(&s->cmd->keys[k], &s->value[k], value, sizeof(value),
					 &len);
			if (!strcmp(value, unsaid[i].value))
				s->value[k].set = false;
		}
	}
}

/* Takes a key out of the statement; was it there? */
static bool take_key(struct lang_stmt *s, const char *word)
{
	for (u32 k = 0; s->cmd->keys[k].word; k++) {
		if (strcmp(s->cmd->keys[k].word, word) == 0 && s->value[k].set) {
			s->value[k].set = false;
			return true;
		}
	}
	return false;
}

static struct thing *add(struct state *to, const struct lang_stmt *s, const char *text)
{
	struct thing *more = realloc(to->thing, (to->count + 1) * sizeof(*more));
	struct thing *t;

	if (!more) {
		complain("vnetctl: no memory");
		exit(1);
	}
	to->thing = more;
	t = &more[to->count++];
	*t = (struct thing){ .id = s->cmd->id, .text = strdup(text) };
	snprintf(t->name, sizeof(t->name), "%s", s->name ? s->name : "");
	return t;
}

/* Down is a thing of its own, as it can be changed without the link. */
static void add_down(struct state *to, const struct lang_stmt *s, enum lang_id id)
{
	char text[LINE_MAX_BYTES];

	snprintf(text, sizeof(text), "%s set %s state down", s->cmd->object, s->name);
	add(to, s, text)->id = id;
}

static bool add_link(struct state *to, struct lang_stmt *s, const struct lang_source *src)
{
	static struct edge edge; /* no live one: only what writing it looks at */
	const struct lang_value *state = lang_get(s, "state");
	bool down = state && state->num;
	char why[200] = "", text[LINK_LANG_MAX], message[LANG_MESSAGE_MAX];
	const char *key = NULL;

	take_key(s, "state");
	if (link_lang_read(s, &edge.setup, &key, why, sizeof(why))) {
		lang_error(src, 0, message, "link \"%s\": %s", s->name, why);
		complain("%s", message);
		return false;
	}
	snprintf(edge.port.name, sizeof(edge.port.name), "%s", s->name);
	edge.port.up = true;
	add(to, s, link_lang_write(&edge, text));
	if (down)
		add_down(to, s, LANG_LINK_SET);
	return true;
}

/* The place of what has that name; to->count: there is none. */
static u32 place_of(const struct state *to, enum lang_id id, const char *name)
{
	u32 i = 0;

	while (i < to->count && (to->thing[i].id != id || strcmp(to->thing[i].name, name) != 0))
		i++;
	return i;
}

/* What the thing says of the overlay as it is now. */
static void describe_overlay(struct thing *t, const struct overlay *o)
{
	char text[OVERLAY_LANG_MAX];

	free(t->text);
	free(t->change);
	t->text = strdup(overlay_lang_write(o, text));
	snprintf(text, sizeof(text),
		 "overlay set %s learn %s age %us learn-limit %u flood %s answers %s", o->name,
		 o->setup.learn ? "on" : "off", o->setup.age_s, o->setup.limit,
		 o->setup.flood ? "on" : "off", o->setup.answers ? "on" : "off");
	t->change = strdup(text);
	t->vni = o->id;
}

static bool add_overlay(struct state *to, const struct lang_stmt *s)
{
	struct overlay *o = overlay_find(s->name);
	struct overlay_line line;
	u32 i;

	overlay_lang_read(s, o ? &o->setup : &overlay_defaults, &line);
	if (o ? overlay_set(o, &line.setup) : overlay_add(s->name, line.id, &line.setup))
		return false;
	o = overlay_find(s->name);
	i = place_of(to, LANG_OVERLAY_ADD, s->name);
	if (i == to->count)
		add(to, s, "")->id = LANG_OVERLAY_ADD;
	describe_overlay(&to->thing[i], o);
	return true;
}

static bool add_interface(struct state *to, struct lang_stmt *s, const struct lang_source *src)
{
	struct lang_stmt bare = *s;
	char text[LINE_MAX_BYTES];
	struct thing *t;

	for (const char *key; (key = dispatch_lang_key(&bare));)
		take_key(&bare, key);
	drop_unsaid(&bare);
	if (lang_write(&bare, text, sizeof(text)))
		return false;
	t = add(to, s, text);
	t->any_mtu = !lang_get(s, "mtu");
	dispatch_defaults(&t->dispatch);
	return thing_modes(t, s, src);
}

static void add_dispatcher(struct state *to, const struct lang_stmt *s)
{
	const struct lang_value *core = lang_get(s, "core");
	char text[LINE_MAX_BYTES];
	struct thing *t;

	snprintf(text, sizeof(text), core ? "dispatcher add %s core %u" : "dispatcher add %s",
		 s->name, core ? (u32)core->num : 0);
	t = add(to, s, text);
	t->yield = dispatch_yield_default;
	thing_yield(t, s);
}

static void add_state(struct state *to, const struct lang_stmt *s)
{
	u32 i = place_of(to, s->cmd->id, s->name);

	if (lang_get(s, "state")->num && i == to->count) {
		add_down(to, s, s->cmd->id);
	} else if (!lang_get(s, "state")->num && i < to->count) {
		free(to->thing[i].text);
		to->thing[i] = to->thing[--to->count];
	}
}

/* Of "10.0.0.7/24" only the network counts. */
static void take_network(struct lang_stmt *s)
{
	for (u32 k = 0; s->cmd->keys[k].word; k++) {
		struct lang_value *v = &s->value[k];

		if (s->cmd->keys[k].type == LANG_IP4_LEN && v->set)
			v->ip &= v->prefix_len ? ~0u << (32 - v->prefix_len) : 0;
	}
}

/* A statement that changes what others have made. */
static bool change_line(struct state *to, const struct lang_source *src,
			const struct lang_stmt *s)
{
	u32 i;

	if (lang_get(s, "state"))
		add_state(to, s);
	if (s->cmd->id == LANG_LINK_SET)
		return true;
	i = place_of(to, s->cmd->id == LANG_INTERFACE_SET ? LANG_INTERFACE_ADD
							  : LANG_DISPATCHER_ADD, s->name);
	if (i == to->count)
		return true;
	if (s->cmd->id == LANG_INTERFACE_SET)
		return thing_modes(&to->thing[i], s, src);
	thing_yield(&to->thing[i], s);
	return true;
}

static bool add_line(struct state *to, const struct lang_source *src, struct lang_stmt *s)
{
	char text[LINE_MAX_BYTES];
	bool any_mtu;

	switch (s->cmd->id) {
	case LANG_LINK_ADD:
		return add_link(to, s, src);
	case LANG_OVERLAY_ADD:
	case LANG_OVERLAY_SET:
		return add_overlay(to, s);
	case LANG_INTERFACE_ADD:
		return add_interface(to, s, src);
	case LANG_DISPATCHER_ADD:
		add_dispatcher(to, s);
		return true;
	case LANG_DISPATCHER_SET:
	case LANG_INTERFACE_SET:
	case LANG_LINK_SET:
		return change_line(to, src, s);
	case LANG_CONTROL_LISTEN:
		take_network(s);
		/* fallthrough */
	case LANG_UPLINK_ADD:
	case LANG_VM_ADD:
	case LANG_VM_START:
	case LANG_DISK_ADD:
	case LANG_ROUTE_ADD:
	case LANG_CPU_FEATURE:
	case LANG_CORE_SET:
		drop_unsaid(s);
		any_mtu = !lang_get(s, "mtu");
		if (lang_write(s, text, sizeof(text)))
			return false;
		add(to, s, text)->any_mtu = any_mtu;
		return true;
	default:
		complain("%s: \"%s %s\" is no state that could be compared", src->file,
			 s->cmd->object, s->cmd->verb ? s->cmd->verb : "");
		return false;
	}
}

bool state_make(struct state *to, const struct flat *f)
{
	/* The default one is always there, and always said. */
	static const char always[] = "overlay set " OVERLAY_DEFAULT_NAME;
	const struct lang_source src = { .file = "vnetctl" };
	static struct lang_stmt s;
	char message[LANG_MESSAGE_MAX];
	bool good = !overlay_init(0) &&
		    !lang_parse(&src, always, strlen(always), &s, message) && add_overlay(to, &s);

	for (u32 i = 0; i < f->count && good; i++)
		good = !lang_parse(&src, f->line[i], strlen(f->line[i]), &s, message) &&
		       add_line(to, &src, &s);
	overlay_fini();
	return good;
}

void state_free(struct state *s)
{
	for (u32 i = 0; i < s->count; i++) {
		free(s->thing[i].text);
		free(s->thing[i].change);
		free(s->thing[i].more);
	}
	free(s->thing);
	*s = (struct state){ 0 };
}

/* --- what differs -------------------------------------------------------------------- */

/* "... mtu N" cut out of an interface's or uplink's statement. */
static void without_mtu(const char *text, char *buf, size_t size)
{
	const char *mtu = strstr(text, " mtu "), *rest;

	rest = mtu ? mtu + strlen(" mtu ") + strcspn(mtu + strlen(" mtu "), " ") : "";
	snprintf(buf, size, "%.*s%s", mtu ? (int)(mtu - text) : (int)strlen(text), text, rest);
}

static bool same(const struct thing *have, const struct thing *want)
{
	char text[LINE_MAX_BYTES];

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
	char text[LINE_MAX_BYTES];
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
	char text[2 * LINE_MAX_BYTES];

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
