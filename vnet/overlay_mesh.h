/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `overlay add NAME links mesh`: what it stands for on one node of a cluster
 * file. Every node that has the overlay gets a link OVERLAY.NODE to every other
 * one, routes to the interfaces that stand there, and for what comes by the
 * links routes to its own interfaces only: frames make one hop, and never go
 * from link to link (split horizon). Pure.
 */
#ifndef VNET_OVERLAY_MESH_H
#define VNET_OVERLAY_MESH_H

#include "hv/base/err.h"
#include "vnet/lang.h"

#define MESH_NODES_MAX 1024u
#define MESH_INTERFACES_MAX 16384u

struct mesh;

/*
 * Boot core (it allocates). Reads the whole file; lines that are wrong, or have
 * nothing to do with it, are passed over. NULL: no memory, or more than the
 * limits above; message says which.
 */
struct mesh *mesh_read(const char *file, const char *text, size_t len, char *message);
void mesh_free(struct mesh *m);

struct mesh_sink {
	/* A statement of the language, without a newline. */
	void (*line)(void *ctx, const char *text);
	/* Something that kept a statement from being made: one line, a whole message. */
	void (*error)(void *ctx, const char *message);
	void *ctx;
};

/* What the meshes stand for on that node; how many statements. */
u32 mesh_expand(const struct mesh *m, const char *node, const struct mesh_sink *sink);

/* `overlay add` without `links mesh` and its keys, for where the mesh is written out:
 * true when it had them. */
bool mesh_take_out(struct lang_stmt *overlay_add);

#endif
