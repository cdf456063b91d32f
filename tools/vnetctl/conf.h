/* SPDX-License-Identifier: BSD-2-Clause */
/* A node.conf or a cluster file, taken apart by the nodes' own parser. */
#ifndef VNETCTL_CONF_H
#define VNETCTL_CONF_H

#include "vnet/lang.h"

#define CONF_EVERY UINT32_MAX /* what stands before the first section */

struct conf_line {
	const char *text;
	u32 len;
	u32 line;
	u32 node; /* index of node[], or CONF_EVERY */
};

struct conf_node {
	char name[LANG_NAME_MAX];
	u32 line;
};

struct conf {
	const char *file;
	char *text; /* the whole file */
	size_t len;
	struct conf_line *line; /* statements, without comments and sections' heads */
	u32 lines;
	struct conf_node *node;
	u32 nodes;
	u32 errors; /* said on standard error */
};

/* The text alone, not taken apart. file "-": standard input. false: it cannot be read, which is
 * said. */
bool conf_slurp(struct conf *c, const char *file);
bool conf_read(struct conf *c, const char *file);
/* The same for text of len bytes, to be freed by conf_free(). */
void conf_take(struct conf *c, const char *file, char *text, size_t len);
void conf_free(struct conf *c);

/* The node's index; CONF_EVERY with the reason said when there is none of that name. A file
 * without sections is everybody's. */
bool conf_find(const struct conf *c, const char *name, u32 *node);

/* Each statement of that node in order, those before the sections first. */
typedef void (*conf_each_fn)(void *ctx, const struct lang_source *src,
			     const struct lang_stmt *s);
void conf_each(const struct conf *c, u32 node, conf_each_fn each, void *ctx);

/* Statements in one spelling, without what a mesh line says beside the overlay. */
struct flat {
	u32 count;
	char **line;
};

/* What the node's section comes to, meshes expanded. Errors are said; false: there were. */
bool flat_make(struct flat *f, const struct conf *c, u32 node);
bool flat_add(struct flat *f, const char *line);
void flat_free(struct flat *f);

/* One line on standard error. */
void complain(const char *f, ...) PRINTF(1, 2);

#endif
