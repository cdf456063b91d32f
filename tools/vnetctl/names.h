/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of texts, each with a number. */
#ifndef VNETCTL_NAMES_H
#define VNETCTL_NAMES_H

#include "hv/base/types.h"

#define NAMES_BUCKETS 4096u

struct names {
	struct names_entry *bucket[NAMES_BUCKETS];
};

/* false: it is there already, and stays as it is. Ends the process where memory ends. */
bool names_add(struct names *n, const char *text, u32 number);
/* Its number, 0: it is not there. */
u32 names_find(const struct names *n, const char *text);
void names_remove(struct names *n, const char *text);
void names_clear(struct names *n);

#endif
