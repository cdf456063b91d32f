/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration's statements as things, see state.h; state_diff.c compares them. */
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
	char text[THING_TEXT_MAX];

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
	char text[THING_TEXT_MAX];
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
	char text[THING_TEXT_MAX];
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
	char text[THING_TEXT_MAX];
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
