/* SPDX-License-Identifier: BSD-2-Clause */
/* What of an interface and of a dispatcher can be changed where it stands. */
#ifndef VNETCTL_STATE_DISPATCH_H
#define VNETCTL_STATE_DISPATCH_H

#include "tools/vnetctl/state.h"

/* The modes that the interface's statement says; those that it does not say stay. An
 * error is said; false: there was one. */
bool thing_modes(struct thing *t, const struct lang_stmt *s, const struct lang_source *src);
/* The same for how a dispatcher idles. */
void thing_yield(struct thing *t, const struct lang_stmt *s);

#endif
