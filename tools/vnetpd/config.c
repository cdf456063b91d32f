/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running configuration, and bringing the node to what a file says. Both
 * are lists of statements; what one has and the other has not is undone or
 * carried out. When that fails on the way, the same brings the old list back.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/node.h"
#include "vnet/lang_file.h"
#include "vnet/overlay_mesh.h"
#include "vnet/route.h"

#define FILE_MAX (16u * 1024 * 1024)

struct settings running;

/* --- what holds ------------------------------------------------------------------- */

static bool route_there(u32 id)
{
	const struct route *r = route_next(id - 1);

	return r && r->id == id;
}

/* A thing of that name went, and with it perhaps routes; or (set) its state is said anew. */
static void forget(enum lang_id add, enum lang_id set, const char *name)
{
	struct setting *s = running.first, *next;

	for (; s; s = next) {
		next = s->next;
		if (((s->id == add || s->id == set) && !strcmp(s->name, name)) ||
		    (s->id == LANG_ROUTE_ADD && !route_there(s->route)))
			settings_remove(&running, s);
	}
}

void config_note(const struct ctl *c)
{
	const char *name = c->stmt->name ? c->stmt->name : "";
	struct setting *s;

	switch (c->stmt->cmd->id) {
	case LANG_LINK_DEL:
		forget(LANG_LINK_ADD, LANG_LINK_SET, name);
		return;
	case LANG_INTERFACE_DEL:
		forget(LANG_INTERFACE_ADD, LANG_INTERFACE_SET, name);
		return;
	case LANG_OVERLAY_DEL:
		forget(LANG_OVERLAY_ADD, LANG_OVERLAY_SET, name);
		return;
	case LANG_UPLINK_DEL:
		forget(LANG_UPLINK_ADD, LANG_ID_COUNT, name);
		return;
	case LANG_ROUTE_DEL:
		s = settings_find_route(&running, (u32)ctl_num(c, "id", 0));
		if (s)
			settings_remove(&running, s);
		return;
	case LANG_LINK_SET:
	case LANG_INTERFACE_SET:
		forget(LANG_ID_COUNT, c->stmt->cmd->id, name);
		/* Up is what they are without a word. */
		if (!ctl_num(c, "state", 0))
			return;
		break;
	case LANG_OVERLAY_SET:
		forget(LANG_ID_COUNT, LANG_OVERLAY_SET, name);
		break;
	case LANG_UPLINK_ADD:
	case LANG_OVERLAY_ADD:
	case LANG_LINK_ADD:
	case LANG_INTERFACE_ADD:
	case LANG_ROUTE_ADD:
		break;
	default:
		return;
	}
	s = settings_append(&running, c->stmt);
	if (s && s->id == LANG_ROUTE_ADD)
		settings_set_route(&running, s, c->made);
}

/* --- reading a file --------------------------------------------------------------- */

struct reader {
	const char *file, *node_name;
	struct settings *want;
	bool mesh; /* an overlay of this node's has `links mesh` */
	u32 errors;
};

static void error(void *ctx, const char *message)
{
	struct reader *r = ctx;

	r->errors++;
	log_err("config", "%s", message);
}

static void want(struct reader *r, const struct lang_stmt *stmt, u32 line)
{
	struct setting *s = settings_append(r->want, stmt);

	if (s)
		s->line = line;
	else
		error(r, "no memory, or a statement that is too long");
}

static void mesh_line(void *ctx, const char *text)
{
	static struct lang_stmt stmt;
	struct reader *r = ctx;
	const struct lang_source src = { .file = r->file };
	char message[LANG_MESSAGE_MAX];

	if (lang_parse(&src, text, strlen(text), &stmt, message))
		error(r, message);
	else
		want(r, &stmt, 0);
}

/* Links and routes of the meshes, behind the interfaces that they name. */
static void read_meshes(struct reader *r, const char *text, size_t len)
{
	const struct mesh_sink sink = { .line = mesh_line, .error = error, .ctx = r };
	char message[LANG_MESSAGE_MAX];
	struct mesh *m = mesh_read(r->file, text, len, message);

	if (!m) {
		error(r, message);
		return;
	}
	mesh_expand(m, r->node_name, &sink);
	mesh_free(m);
}

static bool is_mine(void *ctx, const struct lang_source *src, const struct lang_stmt *s)
{
	const struct reader *r = ctx;

	(void)src;
	return !strcmp(s->name, r->node_name);
}

static void take(void *ctx, const struct lang_source *src, const struct lang_stmt *parsed,
		 const char *text, size_t len)
{
	static struct lang_stmt s;
	struct reader *r = ctx;

	(void)text;
	(void)len;
	s = *parsed; /* its texts stay in `parsed` */
	if (s.cmd->id == LANG_OVERLAY_ADD && mesh_take_out(&s))
		r->mesh = true;
	want(r, &s, src->line);
}

static void read_text(struct reader *r, const char *text, size_t len)
{
	const struct lang_reader reader = {
		.error = error, .section = is_mine, .statement = take, .ctx = r,
	};
	struct lang_sections sections = lang_file_read(r->file, text, len, &reader);
	char message[LANG_MESSAGE_MAX];

	if (r->mesh)
		read_meshes(r, text, len);
	if (!sections.all || sections.taken == 1)
		return;
	if (sections.taken)
		fmt_snprintf(message, sizeof(message), "%s: %u of its node sections are named %s",
			     r->file, sections.taken, r->node_name);
	else
		fmt_snprintf(message, sizeof(message),
			     "%s: none of its %u node sections is named %s (--node NAME says "
			     "another name)",
			     r->file, sections.all, r->node_name);
	error(r, message);
}

/* The whole file in memory of *size bytes, to be freed; NULL, and why in the log. */
static char *slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		log_err("config", "%s: %s", path, strerror(errno));
		goto close;
	}
	if (st.st_size > FILE_MAX) {
		log_err("config", "%s: more than %u bytes", path, FILE_MAX);
		goto close;
	}
	*size = (size_t)st.st_size;
	text = plat_alloc(MAX(*size, 1));
	if (text && read(fd, text, *size) != st.st_size) {
		log_err("config", "%s: cannot be read", path);
		plat_free(text, MAX(*size, 1));
		text = NULL;
	}
close:
	if (fd >= 0)
		close(fd);
	return text;
}

u32 config_read(const char *path, const char *node_name, struct settings *want)
{
	struct reader r = {
		.file = path,
		.node_name = node_name,
		.want = want,
	};
	size_t size = 0;
	char *text = slurp(path, &size);

	if (!text)
		return 1;
	read_text(&r, text, size);
	plat_free(text, MAX(size, 1));
	return r.errors;
}

/* --- from one configuration to another ---------------------------------------------- */

static err_t carry_out(const struct lang_source *src, const char *line)
{
	char message[LANG_MESSAGE_MAX];
	err_t err = ctl_line(src, line, strlen(line), &out_nowhere, message);

	if (err)
		log_err("config", "%s", message);
	return err;
}

static err_t undo(const struct setting *s)
{
	static const struct lang_source src = { .file = "undo" };
	char line[LANG_NAME_MAX + 40];

	switch (s->id) {
	case LANG_ROUTE_ADD:
		fmt_snprintf(line, sizeof(line), "route del %u", s->route);
		break;
	case LANG_LINK_ADD:
		fmt_snprintf(line, sizeof(line), "link del %s force", s->name);
		break;
	case LANG_INTERFACE_ADD:
		fmt_snprintf(line, sizeof(line), "interface del %s force", s->name);
		break;
	case LANG_OVERLAY_ADD:
		fmt_snprintf(line, sizeof(line), "overlay del %s", s->name);
		break;
	case LANG_UPLINK_ADD:
		fmt_snprintf(line, sizeof(line), "uplink del %s", s->name);
		break;
	case LANG_LINK_SET:
		fmt_snprintf(line, sizeof(line), "link set %s state up", s->name);
		break;
	default:
		fmt_snprintf(line, sizeof(line), "interface set %s state up", s->name);
		break;
	}
	return carry_out(&src, line);
}

/* The order of undoing: nothing goes before what stands on it. */
static u32 turn_of(enum lang_id id)
{
	if (id == LANG_ROUTE_ADD)
		return 0;
	return id == LANG_OVERLAY_ADD ? 2 : 1;
}

/* Undo what is not wanted. All but routes take others along, so that the list is read
 * from the start again. */
static err_t undo_rest(const struct settings *wanted)
{
	for (u32 turn = 0; turn < 3; turn++) {
		struct setting *s = running.first, *next;

		for (; s; s = next) {
			next = s->next;
			if (turn_of(s->id) != turn || settings_find(wanted, s))
				continue;
			if (undo(s))
				return ERR_BUSY;
			next = turn ? running.first : next;
		}
	}
	return ERR_OK;
}

static err_t converge(const char *file, const struct settings *want)
{
	struct lang_source src = { .file = file };
	err_t err = undo_rest(want);

	for (const struct setting *s = want->first; s && !err; s = s->next) {
		src.line = s->line;
		if (!settings_find(&running, s))
			err = carry_out(&src, s->text);
	}
	return err;
}

void ctl_config_of(enum lang_id made_by, const char *name, const struct out *out)
{
	for (const struct setting *s = running.first; s; s = s->next) {
		if (s->id != made_by || strcmp(s->name, name) != 0)
			continue;
		out->write(out->ctx, s->text, strlen(s->text));
		return;
	}
}

/* What holds now, to be kept; and the way back to it. */
static err_t config_save(struct settings *copy)
{
	for (const struct setting *s = running.first; s; s = s->next)
		if (!settings_append_text(copy, s->id, s->name, s->text))
			return ERR_NOMEM;
	return ERR_OK;
}

static err_t config_return(const struct settings *before)
{
	return converge("before", before);
}

err_t config_load(const char *path, const char *node_name)
{
	struct settings want = { 0 }, before = { 0 };
	err_t err = config_read(path, node_name, &want) ? ERR_INVAL : config_save(&before);

	if (!err) {
		err = converge(path, &want);
		if (err && config_return(&before))
			log_err("config", "what held before does not hold again");
	}
	settings_free(&before);
	settings_free(&want);
	return err;
}
