/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures of a node's ports, to standard output as pcapng. */
#ifndef VNETCTL_CAPTURE_H
#define VNETCTL_CAPTURE_H

#include "hv/base/types.h"

/*
 * Start a capture on the node (words: as behind "capture start"), write what comes
 * until `frames` were written (0: no end), a signal, or nobody reads any more; then
 * stop it. Returns an exit status as in main.c.
 */
int capture_run(const char *node, char *const *words, u32 count, u32 frames, u32 timeout_ms);

/* Is this word one of the statements behind "capture"? */
bool capture_is_statement(const char *word);

#endif
