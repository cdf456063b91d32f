/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process may do once it is set up. */
#ifndef VNETPD_PRIV_H
#define VNETPD_PRIV_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/*
 * Become user, with CAP_NET_ADMIN (interfaces that come later) and CAP_NET_RAW (direct
 * links) or, when locked, with nothing. Not root: what it has stays, without more to
 * come. Errors go to the log.
 */
err_t priv_drop(const char *user, bool locked);

/* Tell systemd, when it waits for that (sd_notify(3)): "READY=1", "STOPPING=1" ... */
void priv_notify(const char *state);

#endif
