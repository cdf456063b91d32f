/* SPDX-License-Identifier: BSD-2-Clause */
/* The choice of the vCPU backend, and the words for exits. */
#include "hv/backend.h"

#include "hv/base/fmt.h"

static const struct vcpu_backend *const backends[] = {
	&svm_backend,
	&vmx_backend,
};

static const char *const kind_name[EXIT_KIND_COUNT] = {
	[EXIT_HOST_INTR] = "host-intr",
	[EXIT_IO] = "io",
	[EXIT_MMIO] = "mmio",
	[EXIT_CPUID] = "cpuid",
	[EXIT_RDMSR] = "rdmsr",
	[EXIT_WRMSR] = "wrmsr",
	[EXIT_CR_READ] = "cr-read",
	[EXIT_CR_WRITE] = "cr-write",
	[EXIT_HLT] = "hlt",
	[EXIT_PAUSE] = "pause",
	[EXIT_INVLPG] = "invlpg",
	[EXIT_WBINVD] = "wbinvd",
	[EXIT_RDPMC] = "rdpmc",
	[EXIT_XSETBV] = "xsetbv",
	[EXIT_HYPERCALL] = "hypercall",
	[EXIT_VIRT_INSN] = "virt-insn",
	[EXIT_EXCEPTION] = "exception",
	[EXIT_INTR_WINDOW] = "intr-window",
	[EXIT_TIMER] = "timer",
	[EXIT_EOI] = "eoi",
	[EXIT_APIC_WRITE] = "apic-write",
	[EXIT_SHUTDOWN] = "shutdown",
	[EXIT_INIT] = "init",
	[EXIT_BAD_STATE] = "bad-state",
	[EXIT_OTHER] = "other",
};

const char *exit_kind_name(enum exit_kind kind)
{
	if ((unsigned)kind >= EXIT_KIND_COUNT || !kind_name[kind])
		return "unknown";
	return kind_name[kind];
}

const struct vcpu_backend *backend_at(u32 i)
{
	return i < ARRAY_SIZE(backends) ? backends[i] : NULL;
}

const struct vcpu_backend *backend_probe(struct backend_caps *caps, char *why, size_t size)
{
	size_t len = 0;

	if (size)
		why[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		const char *reason = "no reason given";

		*caps = (struct backend_caps){ .name = backends[i]->name };
		if (backends[i]->probe(caps, &reason))
			return backends[i];
		fmt_append(why, size, &len, "%s%s: %s", i ? "; " : "", backends[i]->name, reason);
	}
	return NULL;
}
