/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carrying out statements of the control language, from a file, a terminal or a
 * client. What is here is the same on every kind of node; what a statement does
 * to a guest, a NIC or a socket is the program's own: it brings ctl_execute() and
 * the handlers. Boot core only.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "ctl/json.h"
#include "ctl/out.h"
#include "vnet/lang.h"
#include "vnet/vnet.h"

/* One statement on its way. */
struct ctl {
	const struct lang_source *src;
	const struct lang_stmt *stmt;
	const struct out *out;
	char *message; /* LANG_MESSAGE_MAX bytes, for the error */
	u32 made;      /* route add: the route's number */
};

/* Each handler is whole or not at all. On an error c->message says what. */
typedef err_t (*ctl_fn)(struct ctl *c);

/* The program's: carry out a statement that is parsed already. */
err_t ctl_execute(struct ctl *c);

/* The program's: write the statement that makes something of that name as it is now,
 * or sets it so; nothing when there is none. */
void ctl_config_of(enum lang_id made_by, const char *name, const struct out *out);

/* The program's: the device of the machine's that a port is, NULL for none. */
const char *ctl_port_device(struct vnet_port *port);

/* Parse a line and carry it out, unless it would change something while a batch goes on
 * (ERR_BUSY, see batch.h). On an error message (LANG_MESSAGE_MAX bytes)
 * holds one line that names the place. */
err_t ctl_line(const struct lang_source *src, const char *line, size_t len,
	       const struct out *out, char *message);

/* Write "file:line:column: ..." for a key (NULL: the name) to c->message and
 * return err. */
err_t ctl_fail(struct ctl *c, const char *key, err_t err, const char *f, ...) PRINTF(4, 5);

/* A key's number, or the default. */
u64 ctl_num(const struct ctl *c, const char *key, u64 otherwise);
/* A key's text, or "". */
const char *ctl_text(const struct ctl *c, const char *key);
/* The MACs of `also`; as text behind a statement, and as "also". */
err_t ctl_also(struct ctl *c, struct vnet_also *also);
void ctl_also_print(const struct out *out, const struct vnet_also *also);
void ctl_also_json(struct json *j, const struct vnet_also *also);
/* The overlay that the statement names, 0 (the default one) where it names none. */
err_t ctl_overlay(struct ctl *c, u32 *id);

/* The port that the statement is about; NULL: there is none of that kind, which is said. */
struct vnet_port *ctl_port(struct ctl *c, enum vnet_port_kind kind);
/* The end of a statement that deletes a port: ERR_BUSY names the routes that use it. */
err_t ctl_deleted(struct ctl *c, const struct vnet_port *port, err_t err);

/* The program's handlers, by id; NULL where ctl_handler() has one, or there is none. */
extern const ctl_fn ctl_own_handlers[LANG_ID_COUNT];

/* What carries a statement out here: one of those below that are the same everywhere, or
 * the program's own. NULL: there is none. */
ctl_fn ctl_handler(enum lang_id id);

/* Handlers that are the same everywhere. */
err_t ctl_help(struct ctl *c);
err_t ctl_overlay_add(struct ctl *c);
err_t ctl_overlay_set(struct ctl *c);
err_t ctl_overlay_del(struct ctl *c);
err_t ctl_overlay_flush(struct ctl *c);
err_t ctl_route_add(struct ctl *c);
err_t ctl_route_del(struct ctl *c);
err_t ctl_show_interface(struct ctl *c);
err_t ctl_show_link(struct ctl *c);
err_t ctl_show_overlay(struct ctl *c);
err_t ctl_show_learned(struct ctl *c);
err_t ctl_show_neighbour(struct ctl *c);
err_t ctl_show_route(struct ctl *c);
err_t ctl_trace(struct ctl *c);
err_t ctl_matrix(struct ctl *c);
err_t ctl_show_matrix(struct ctl *c);
err_t ctl_ledger(struct ctl *c);
err_t ctl_show_ledger(struct ctl *c);
err_t ctl_capture_start(struct ctl *c);
err_t ctl_capture_read(struct ctl *c);
err_t ctl_capture_stop(struct ctl *c);
/* show stats check; for the program's ctl_show_stats(). ERR_IO: not balanced. */
err_t ctl_stats_check(struct ctl *c);

/* Handlers that each program has its own of. */
err_t ctl_uplink_add(struct ctl *c);
err_t ctl_uplink_del(struct ctl *c);
err_t ctl_link_add(struct ctl *c);
err_t ctl_link_del(struct ctl *c);
err_t ctl_link_set(struct ctl *c);
err_t ctl_interface_add(struct ctl *c);
err_t ctl_interface_del(struct ctl *c);
err_t ctl_interface_set(struct ctl *c);
err_t ctl_show_node(struct ctl *c);
err_t ctl_show_stats(struct ctl *c);
err_t ctl_show_metrics(struct ctl *c);
err_t ctl_show_config(struct ctl *c);

#endif
