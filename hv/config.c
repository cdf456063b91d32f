/* SPDX-License-Identifier: BSD-2-Clause */
/* node.conf, see config.h. */
#include "hv/config.h"

#include <arch/die.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/ctl.h"

struct node_state node_state = { .name = "node" };

/* What a node does that must give up: reset after this long, or hold. */
#define REBOOT_AFTER_S 10

struct reader {
	struct lang_source src;
	const struct config_self *self;
	const struct out *out;
	bool versioned; /* "caisson 1" was there */
	bool mine;	/* the current section is this node's */
	u32 sections, matched;
};

static void note_error(const char *message)
{
	if (!node_state.errors++)
		fmt_snprintf(node_state.first_error, sizeof(node_state.first_error), "%s",
			     message);
	log_err("config", "%s", message);
}

void config_degraded(const char *f, ...)
{
	char text[LANG_MESSAGE_MAX];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	note_error(text);
}

static bool section_is_mine(const struct reader *r, const struct lang_stmt *s)
{
	const struct lang_value *mac = lang_get(s, "mac");

	if (r->self->name[0])
		return !strcmp(r->self->name, s->name);
	for (u32 i = 0; mac && i < r->self->mac_count; i++)
		if (!memcmp(mac->mac, r->self->macs[i], sizeof(mac->mac)))
			return true;
	return false;
}

static void begin_section(struct reader *r, const struct lang_stmt *s)
{
	const struct lang_value *panic = lang_get(s, "on-panic");

	r->sections++;
	r->mine = section_is_mine(r, s);
	if (!r->mine)
		return;
	r->matched++;
	fmt_snprintf(node_state.name, sizeof(node_state.name), "%s", s->name);
	if (panic)
		die_set_reboot(panic->num ? 0 : REBOOT_AFTER_S);
}

static void one_line(struct reader *r, const char *line, size_t len)
{
	static struct lang_stmt stmt;
	char message[LANG_MESSAGE_MAX];
	struct ctl c = { .src = &r->src, .stmt = &stmt, .out = r->out, .message = message };

	/* Lines of other nodes' sections are read too: a file is right or not. */
	if (lang_parse(&r->src, line, len, &stmt, message)) {
		note_error(message);
		return;
	}
	if (!stmt.cmd)
		return;
	if (stmt.cmd->id == LANG_CAISSON) {
		r->versioned = true;
		return;
	}
	if (!r->versioned) {
		lang_error(&r->src, 1, message, "the file does not begin with \"caisson %d\"",
			   LANG_VERSION);
		note_error(message);
		r->versioned = true;
	}
	if (stmt.cmd->id == LANG_NODE)
		begin_section(r, &stmt);
	else if (r->mine && ctl_execute(&c))
		note_error(message);
}

static void discard(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	(void)text;
	(void)len;
}

void config_load(const char *file, const char *text, size_t len, const struct config_self *self)
{
	const struct out out = { .write = discard };
	struct reader r = {
		.src = { .file = file },
		.self = self,
		.out = &out,
		.mine = true, /* what stands before any section is for every node */
	};

	if (self->name[0])
		fmt_snprintf(node_state.name, sizeof(node_state.name), "%s", self->name);
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		r.src.line++;
		one_line(&r, text, n);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	if (r.sections && !r.matched)
		config_degraded("%s: none of its %u node sections has this node's name (%s) or "
				"the address of one of its NICs",
				file, r.sections, self->name[0] ? self->name : "not given");
	if (r.matched > 1)
		config_degraded("%s: %u node sections are for this node", file, r.matched);
}
