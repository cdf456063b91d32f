/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control by a Unix socket. A client writes statements, one a line; each is
 * answered by its output and a last line that begins with "= ": "= ok", or
 * "= error" and what is wrong. What stands between a line "= batch" and a line
 * "= end" is carried out whole or not at all (ctl/batch.h), and answered once. A client that
 * does not read is cut off.
 */
#ifndef VNETPD_SERVER_H
#define VNETPD_SERVER_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define SERVER_CLIENTS 8
#define SERVER_ANSWER_MAX (4u * 1024 * 1024) /* bytes that wait for a client */

/* group: who may use it beside the owner (0600, else 0660); NULL: nobody. Errors go to the log. */
err_t server_open(const char *path, const char *group);
void server_close(void);

#endif
