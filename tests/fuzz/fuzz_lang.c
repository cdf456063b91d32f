/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the control language, as a file and as a terminal would give them. */
#include <stdint.h>

#include "vnet/lang.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lang_stmt s;
	char message[LANG_MESSAGE_MAX];
	struct lang_source src = { "fuzz", 1, false };

	lang_parse(&src, (const char *)data, size, &s, message);
	src.terminal = true;
	lang_parse(&src, (const char *)data, size, &s, message);
	return 0;
}
