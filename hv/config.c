/* SPDX-License-Identifier: BSD-2-Clause */
/* node.conf, see config.h. */
#include "hv/config.h"

#include <arch/die.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/ctl.h"
#include "vnet/overlay_mesh.h"

struct node_state node_state = { .name = "node" };

/* What a node does that must give up: reset after this long, or hold. */
#define REBOOT_AFTER_S 10

struct reader {
	struct lang_source src;
	const struct config_self *self;
	const struct out *out;
	bool versioned; /* "caisson 1" was there */
	bool mine;	/* the current section is this node's */
	bool mesh;	/* an overlay of this node's has `links mesh` */
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
	if (stmt.cmd->id == LANG_NODE) {
		begin_section(r, &stmt);
		return;
	}
	if (!r->mine)
		return;
	if (ctl_execute(&c))
		note_error(message);
	else if (stmt.cmd->id == LANG_OVERLAY_ADD && lang_get(&stmt, "links"))
		r->mesh = true;
}

static void mesh_line(void *ctx, const char *text)
{
	const struct reader *r = ctx;
	char message[LANG_MESSAGE_MAX];

	if (ctl_line(&r->src, text, strlen(text), r->out, message))
		config_degraded("%s (made of a mesh: %s)", message, text);
}

static void mesh_error(void *ctx, const char *message)
{
	(void)ctx;
	note_error(message);
}

/* Links and routes of the meshes, once the interfaces that they name are there. */
static void load_meshes(struct reader *r, const char *text, size_t len)
{
	const struct mesh_sink sink = { .line = mesh_line, .error = mesh_error, .ctx = r };
	char message[LANG_MESSAGE_MAX];
	struct mesh *m = mesh_read(r->src.file, text, len, message);
	u32 lines;

	if (!m) {
		note_error(message);
		return;
	}
	r->src.line = 0;
	lines = mesh_expand(m, node_state.name, &sink);
	log_info("config", "%u statements for the links of meshes", lines);
	mesh_free(m);
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

	const char *begin = text;
	size_t whole = len;

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
	if (r.mesh)
		load_meshes(&r, begin, whole);
	if (r.sections && !r.matched)
		config_degraded("%s: none of its %u node sections has this node's name (%s) or "
				"the address of one of its NICs",
				file, r.sections, self->name[0] ? self->name : "not given");
	if (r.matched > 1)
		config_degraded("%s: %u node sections are for this node", file, r.matched);
}
