/* SPDX-License-Identifier: BSD-2-Clause */
/* Cluster files: what their meshes stand for is made for a node of theirs, and is
 * all statements of the language. */
#include <stdint.h>

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/overlay_mesh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(void *ctx, const char *text)
{
	static struct lang_stmt s;
	static const struct lang_source file = { "expanded", 1, false };
	char message[LANG_MESSAGE_MAX];

	(void)ctx;
	if (lang_parse(&file, text, strlen(text), &s, message) != ERR_OK)
		die("%s: %s", text, message);
}

static void error(void *ctx, const char *message)
{
	(void)ctx;
	ASSERT(strnlen(message, LANG_MESSAGE_MAX) < LANG_MESSAGE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mesh_sink sink = { .line = line, .error = error };
	char message[LANG_MESSAGE_MAX];
	struct mesh *m = mesh_read("fuzz", (const char *)data, size, message);

	if (!m)
		return 0;
	mesh_expand(m, "a", &sink);
	mesh_free(m);
	return 0;
}
