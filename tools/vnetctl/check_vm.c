/* SPDX-License-Identifier: BSD-2-Clause */
/* `vm add` and `disk add` as far as they can be judged from outside, see check_vm.h. */
#include "tools/vnetctl/check_vm.h"

#include <stdio.h>
#include <string.h>

/* A node's own limits (hv/vm.h). */
#define MODULE_MAX 63u
#define CMDLINE_MAX 511u
#define MEMORY_UNIT (2u * 1024 * 1024)
#define OVERLAY_UNIT 4096u

u32 check_vm_cores(const struct lang_stmt *s, u32 cores[CHECK_VM_CORES])
{
	const struct lang_value *core = lang_get(s, "core"), *list = lang_get(s, "cores");
	u32 n = 0;

	if (core)
		cores[n++] = (u32)core->num;
	for (u32 i = 0; list && i < list->num && n < CHECK_VM_CORES; i++)
		cores[n++] = list->uints[i];
	return n;
}

static const char *cores_wrong(const struct lang_stmt *s, char *why, size_t size)
{
	const struct lang_value *cpus = lang_get(s, "cpus");
	const char *key = lang_get(s, "cores") ? "cores" : "core";
	u32 cores[CHECK_VM_CORES], n = check_vm_cores(s, cores);

	if (lang_get(s, "core") && lang_get(s, "cores")) {
		snprintf(why, size, "core and cores say the same thing twice");
		return "core";
	}
	if (n && cpus && cpus->num != n) {
		snprintf(why, size, "%u virtual CPUs need as many cores", (u32)cpus->num);
		return key;
	}
	for (u32 i = 0; i < n; i++) {
		for (u32 k = 0; k < i; k++) {
			if (cores[i] != cores[k])
				continue;
			snprintf(why, size, "core %u is named twice", cores[i]);
			return key;
		}
	}
	return NULL;
}

static bool too_long(const struct lang_stmt *s, const char *key, size_t most, char *why,
		     size_t size)
{
	const struct lang_value *v = lang_get(s, key);

	if (!v || strlen(v->text) <= most)
		return false;
	snprintf(why, size, "%s is too long (at most %zu characters)", key, most);
	return true;
}

const char *check_disk(const struct lang_stmt *s, char *why, size_t size)
{
	const struct lang_value *overlay = lang_get(s, "overlay");

	if (too_long(s, "module", MODULE_MAX, why, size))
		return "module";
	if (!overlay || overlay->num % OVERLAY_UNIT == 0)
		return NULL;
	snprintf(why, size, "overlay of %llu bytes is no multiple of 4K",
		 (unsigned long long)overlay->num);
	return "overlay";
}

const char *check_vm(const struct lang_stmt *s, char *why, size_t size)
{
	u64 memory = lang_get(s, "memory")->num;

	if (memory % MEMORY_UNIT) {
		snprintf(why, size, "memory of %llu bytes is no multiple of 2M",
			 (unsigned long long)memory);
		return "memory";
	}
	if (too_long(s, "kernel", MODULE_MAX, why, size))
		return "kernel";
	if (too_long(s, "initrd", MODULE_MAX, why, size))
		return "initrd";
	if (too_long(s, "cmdline", CMDLINE_MAX, why, size))
		return "cmdline";
	return cores_wrong(s, why, size);
}
