/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carrying out statements of the control language, from node.conf or from the
 * console. Boot core only.
 */
#ifndef HV_CTL_H
#define HV_CTL_H

#include "hv/json.h"
#include "hv/out.h"
#include "vnet/lang.h"

/* One statement on its way. */
struct ctl {
	const struct lang_source *src;
	const struct lang_stmt *stmt;
	const struct out *out;
	char *message; /* LANG_MESSAGE_MAX bytes, for the error */
};

/* Each handler is whole or not at all. On an error c->message says what. */
typedef err_t (*ctl_fn)(struct ctl *c);

/* Parse a line and carry it out. On an error message (LANG_MESSAGE_MAX bytes)
 * holds one line that names the place. */
err_t ctl_line(const struct lang_source *src, const char *line, size_t len,
	       const struct out *out, char *message);

/* Carry out a statement that is parsed already. */
err_t ctl_execute(struct ctl *c);

/* Write "file:line:column: ..." for a key (NULL: the name) to c->message and
 * return err. */
err_t ctl_fail(struct ctl *c, const char *key, err_t err, const char *f, ...) PRINTF(4, 5);

/* A key's number, or the default. */
u64 ctl_num(const struct ctl *c, const char *key, u64 otherwise);
/* A key's text, or "". */
const char *ctl_text(const struct ctl *c, const char *key);

/* The handlers, by the file that holds them. */
err_t ctl_vm_add(struct ctl *c);
err_t ctl_vm_del(struct ctl *c);
err_t ctl_vm_request(struct ctl *c);
err_t ctl_interface_add(struct ctl *c);
err_t ctl_interface_del(struct ctl *c);
err_t ctl_interface_set(struct ctl *c);

err_t ctl_uplink_add(struct ctl *c);
err_t ctl_uplink_set(struct ctl *c);
err_t ctl_uplink_del(struct ctl *c);
err_t ctl_link_add(struct ctl *c);
err_t ctl_link_del(struct ctl *c);
err_t ctl_link_set(struct ctl *c);
err_t ctl_overlay_add(struct ctl *c);
err_t ctl_overlay_set(struct ctl *c);
err_t ctl_overlay_del(struct ctl *c);
err_t ctl_overlay_flush(struct ctl *c);
/* The id of the overlay that the key `overlay` names, else of the default one. */
err_t ctl_overlay(struct ctl *c, u32 *id);
err_t ctl_route_add(struct ctl *c);
err_t ctl_route_del(struct ctl *c);

err_t ctl_cpu_feature(struct ctl *c);
/* Of show node and show config: the processor and its abilities, and what the
 * configuration said about them. */
void ctl_cpu_show(const struct out *out);
void ctl_cpu_json(struct json *j);
void ctl_cpu_config(const struct out *out);

err_t ctl_show_node(struct ctl *c);
err_t ctl_show_vm(struct ctl *c);
err_t ctl_show_interface(struct ctl *c);
err_t ctl_show_link(struct ctl *c);
err_t ctl_show_route(struct ctl *c);
err_t ctl_show_overlay(struct ctl *c);
err_t ctl_show_learned(struct ctl *c);
err_t ctl_show_uplink(struct ctl *c);
err_t ctl_show_stats(struct ctl *c);
err_t ctl_show_config(struct ctl *c);
err_t ctl_show_log(struct ctl *c);

err_t ctl_console_attach(struct ctl *c);
err_t ctl_console_log(struct ctl *c);

#endif
