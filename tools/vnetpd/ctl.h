/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statements of the control language in this process. Handlers are those of
 * ctl/ctl.h; this adds the running configuration: the
 * statements that made the node what it is.
 */
#ifndef VNETPD_CTL_H
#define VNETPD_CTL_H

#include "ctl/ctl.h"
#include "tools/vnetpd/settings.h"

/* What holds now, in the order in which it came. */
extern struct settings running;

/*
 * Read the statements of this node's section in a file without carrying them
 * out. Every error is written to the log; returns how many there were.
 */
u32 config_read(const char *path, const char *node_name, struct settings *want);

/* Make the node what the file says, or leave it as it is: ERR_OK, or the errors are in the log. */
err_t config_load(const char *path, const char *node_name);

/* A statement was carried out: remember it, or forget what it undid. */
void config_note(const struct ctl *c);

/* Links or routes may have changed: MTUs and transit follow with the next ctl_settle(). */
void ctl_changed(void);
void ctl_settle(void);

#endif
