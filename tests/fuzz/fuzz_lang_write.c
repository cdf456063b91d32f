/* SPDX-License-Identifier: BSD-2-Clause */
/* A statement written back is the same statement: parsed and written again, the same text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vnet/lang_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lang_stmt first, second;
	const struct lang_source src = { "fuzz", 1, true };
	char one[LANG_LINE_MAX / 2], two[LANG_LINE_MAX / 2], message[LANG_MESSAGE_MAX];

	if (lang_parse(&src, (const char *)data, size, &first, message) ||
	    lang_write(&first, one, sizeof(one)))
		return 0;
	if (lang_parse(&src, one, strlen(one), &second, message) || first.cmd != second.cmd ||
	    lang_write(&second, two, sizeof(two)) || strcmp(one, two))
		abort();
	return 0;
}
