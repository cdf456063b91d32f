/* SPDX-License-Identifier: BSD-2-Clause */
/* vnetctl console: a guest's terminal on this one. */
#ifndef VNETCTL_CONSOLE_H
#define VNETCTL_CONSOLE_H

#include "hv/base/types.h"

/* Is it what the language says behind "console", and so a statement? */
bool console_is_statement(const char *word);

/*
 * Words: VM, then as in vnetctl(1). Standard input goes to the guest, and what it
 * prints to standard output, until Ctrl-] on a terminal; else until the text came that
 * is waited for, or the input's end and a second's silence. timeout_ms: how long to
 * wait for the node's answer, and for that text. Returns the exit status.
 */
int console_run(const char *node, char *const *words, u32 count, u32 timeout_ms);

#endif
