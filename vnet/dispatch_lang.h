/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispatch modes in the control language: the keys of `interface add` and `set`,
 * and of `dispatcher add` and `set`. Pure. */
#ifndef VNET_DISPATCH_LANG_H
#define VNET_DISPATCH_LANG_H

#include "vnet/dispatch.h"
#include "vnet/lang.h"

/* Room for all the keys of either. */
#define DISPATCH_LANG_MAX 160

/* The first key of an interface's statement that is about dispatch; NULL: none. */
const char *dispatch_lang_key(const struct lang_stmt *stmt);

/* What the statement says; what it does not say is as in `otherwise`. On an error
 * *key is at fault, why (size bytes) says what is wrong. */
err_t dispatch_lang_read(const struct lang_stmt *stmt, const struct dispatch_settings *otherwise,
			 struct dispatch_settings *out, const char **key, char *why, size_t size);

/* The keys and values, each behind a blank; those that are as by default only if
 * `all`. Returns buf (DISPATCH_LANG_MAX bytes). */
const char *dispatch_lang_write(const struct dispatch_settings *s, bool all, char *buf);

/* The same for how a dispatcher idles. */
void dispatch_yield_read(const struct lang_stmt *stmt, const struct dispatch_yielding *otherwise,
			 struct dispatch_yielding *out);
const char *dispatch_yield_write(const struct dispatch_yielding *y, bool all, char *buf);

#endif
