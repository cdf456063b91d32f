/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that are carried out whole or not at all. */
#ifndef VNETPD_BATCH_H
#define VNETPD_BATCH_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define BATCH_MAX (4u * 1024 * 1024) /* bytes */

/*
 * Statements of a file, one a line, without abbreviations. All are parsed before
 * the first is carried out; when one fails later, those before it are undone.
 * On an error message (LANG_MESSAGE_MAX bytes) names the line.
 */
err_t batch_run(const char *text, size_t len, char *message);

#endif
