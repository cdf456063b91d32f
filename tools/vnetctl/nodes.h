/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of nodes: "n[01-64,70],login" taken apart, and put together again. */
#ifndef VNETCTL_NODES_H
#define VNETCTL_NODES_H

#include "hv/base/types.h"

#define NODES_MAX 4096u
#define NODE_MAX 256u /* bytes of one, with its end */

struct nodes {
	u32 count;
	char **name; /* to be freed by nodes_free() */
};

/* Appends. NULL: all is well; else what is wrong with the list. */
const char *nodes_parse(const char *list, struct nodes *out);
void nodes_free(struct nodes *n);

/* Write the names as a short list: neighbours that differ in their last number
 * by one become a range. */
void nodes_fold(char *const *name, u32 count, char *buf, size_t size);

#endif
