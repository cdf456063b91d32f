/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot modules as what the configuration names: those that are there, and whole. */
#include "hv/base/fmt.h"
#include "hv/config.h"
#include "hv/node.h"

const struct boot_module *node_module(const char *name, char *why, size_t size)
{
	const struct boot_module *m = boot_module_find(node_boot_info, name);

	if (m && !m->wrong)
		return m;
	fmt_snprintf(why, size, m ? "the boot module \"%s\" is not the file: its size is wrong"
				  : "there is no boot module \"%s\"", name);
	return NULL;
}

void node_check_modules(void)
{
	const struct boot_info *bi = node_boot_info;

	for (u32 i = 0; i < bi->module_count; i++) {
		const struct boot_module *m = &bi->module[i];

		if (m->wrong)
			config_degraded("module %s has %lu bytes, not %s: what the server "
					"answered is not the file", m->name, m->size, m->bytes);
	}
}
