/* SPDX-License-Identifier: BSD-2-Clause */
/* node.conf, see config.h. */
#include "hv/config.h"

#include <arch/die.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/ctl.h"
#include "vnet/lang_file.h"
#include "vnet/overlay_mesh.h"

struct node_state node_state = { .name = "node" };

/* What a node does that must give up: reset after this long, or hold. */
#define REBOOT_AFTER_S 10

struct reader {
	const struct config_self *self;
	const char *file;
	bool mesh; /* an overlay of this node's has `links mesh` */
};

static void note_error(const char *message)
{
	u32 at = node_state.errors++;

	if (at < NODE_ERRORS_KEPT)
		fmt_snprintf(node_state.error[at], sizeof(node_state.error[at]), "%s", message);
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
	char text[FMT_MAC_LEN];

	if (r->self->name[0])
		return !strcmp(r->self->name, s->name);
	if (!mac)
		return false;
	for (u32 i = 0; i < r->self->mac_count; i++)
		if (!memcmp(mac->mac, r->self->macs[i], sizeof(mac->mac)))
			return true;
	/* Perhaps a NIC that we have no driver for. */
	return !strcmp(fmt_mac(text, mac->mac), r->self->boot_mac);
}

static bool begin_section(void *ctx, const struct lang_source *src, const struct lang_stmt *s)
{
	const struct lang_value *panic = lang_get(s, "on-panic");

	(void)src;
	if (!section_is_mine(ctx, s))
		return false;
	fmt_snprintf(node_state.name, sizeof(node_state.name), "%s", s->name);
	if (panic)
		die_set_reboot(panic->num ? 0 : REBOOT_AFTER_S);
	return true;
}

static void carry_out(void *ctx, const struct lang_source *src, const struct lang_stmt *s,
		      const char *text, size_t len)
{
	struct reader *r = ctx;
	char message[LANG_MESSAGE_MAX];
	struct ctl c = { .src = src, .stmt = s, .out = &out_nowhere, .message = message };

	(void)text;
	(void)len;
	if (ctl_execute(&c))
		note_error(message);
	else if (s->cmd->id == LANG_OVERLAY_ADD && lang_get(s, "links"))
		r->mesh = true;
}

static void mesh_line(void *ctx, const char *text)
{
	const struct reader *r = ctx;
	const struct lang_source src = { .file = r->file };
	char message[LANG_MESSAGE_MAX];

	if (ctl_line(&src, text, strlen(text), &out_nowhere, message))
		config_degraded("%s (made of a mesh: %s)", message, text);
}

static void wrong(void *ctx, const char *message)
{
	(void)ctx;
	note_error(message);
}

/* Links and routes of the meshes, once the interfaces that they name are there. */
static void load_meshes(struct reader *r, const char *text, size_t len)
{
	const struct mesh_sink sink = { .line = mesh_line, .error = wrong, .ctx = r };
	char message[LANG_MESSAGE_MAX];
	struct mesh *m = mesh_read(r->file, text, len, message);
	u32 lines;

	if (!m) {
		note_error(message);
		return;
	}
	lines = mesh_expand(m, node_state.name, &sink);
	log_info("config", "%u statements for the links of meshes", lines);
	mesh_free(m);
}

static void none_is_mine(const char *file, const struct config_self *self, u32 sections)
{
	char mac[FMT_MAC_LEN] = "no NIC";

	if (self->mac_count)
		fmt_mac(mac, self->macs[0]);
	config_degraded("%s: none of its %u node sections has this node's name (%s) or its MAC "
			"address (%s)", file, sections,
			self->name[0] ? self->name : "not given",
			self->boot_mac[0] ? self->boot_mac : mac);
}

void config_load(const char *file, const char *text, size_t len, const struct config_self *self)
{
	struct reader r = { .self = self, .file = file };
	const struct lang_reader reader = {
		.error = wrong, .section = begin_section, .statement = carry_out, .ctx = &r,
	};
	struct lang_sections sections;

	if (self->name[0])
		fmt_snprintf(node_state.name, sizeof(node_state.name), "%s", self->name);
	sections = lang_file_read(file, text, len, &reader);
	if (r.mesh)
		load_meshes(&r, text, len);
	if (sections.all && !sections.taken)
		none_is_mine(file, self, sections.all);
	if (sections.taken > 1)
		config_degraded("%s: %u node sections are for this node", file, sections.taken);
}
