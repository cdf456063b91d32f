/* SPDX-License-Identifier: BSD-2-Clause */
/* System Resource Affinity Table: which processors and memory are near each other (ACPI 6.4
 * 5.2.16). */
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/acpi_priv.h"

#include "hv/base/bytes.h"

#define SRAT_ENTRIES 48
#define SRAT_LAPIC 0
#define SRAT_LAPIC_LEN 16
#define SRAT_MEMORY 1
#define SRAT_MEMORY_LEN 40
#define SRAT_X2APIC 2
#define SRAT_X2APIC_LEN 24
#define SRAT_ENABLED BIT(0)

/* A domain's number is any 32 bits; ours count from 0 in the order of the table. */
static bool node_of(struct acpi_numa *n, u32 domain, u32 *node)
{
	for (*node = 0; *node < n->node_count; (*node)++) {
		if (n->domain[*node] == domain)
			return true;
	}
	if (n->node_count == ACPI_MAX_NODES)
		return false;
	n->domain[n->node_count++] = domain;
	return true;
}

static bool add_cpu(struct acpi_numa *n, u32 apic_id, u32 domain, u32 flags)
{
	u32 node;

	if (!(flags & SRAT_ENABLED))
		return true;
	if (n->cpu_count == ACPI_MAX_CPUS || !node_of(n, domain, &node))
		return false;
	n->cpu[n->cpu_count++] = (struct acpi_near_cpu){ apic_id, node };
	return true;
}

static bool add_memory(struct acpi_numa *n, const u8 *e)
{
	u64 base = load_le64(e + 8), size = load_le64(e + 16);
	u32 node;

	if (!(load_le32(e + 28) & SRAT_ENABLED) || !size)
		return true;
	if (size > UINT64_MAX - base || n->memory_count == ACPI_MAX_NEAR_MEMORY ||
	    !node_of(n, load_le32(e + 2), &node))
		return false;
	n->memory[n->memory_count++] = (struct acpi_near_memory){ base, size, node };
	return true;
}

/* False: it is left out. */
static bool entry(struct acpi_numa *n, const u8 *e, u8 len)
{
	if (e[0] == SRAT_LAPIC && len >= SRAT_LAPIC_LEN)
		return add_cpu(n, e[3], e[2] | (load_le32(e + 8) & 0xffffff00u),
			       load_le32(e + 4));
	if (e[0] == SRAT_X2APIC && len >= SRAT_X2APIC_LEN)
		return add_cpu(n, load_le32(e + 8), load_le32(e + 4), load_le32(e + 12));
	if (e[0] == SRAT_MEMORY && len >= SRAT_MEMORY_LEN)
		return add_memory(n, e);
	return true;
}

void acpi_parse_srat(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v)
{
	(void)v;
	for (u32 at = SRAT_ENTRIES; at <= len && len - at >= 2; at += t[at + 1]) {
		if (t[at + 1] < 2 || t[at + 1] > len - at) {
			info->bad++;
			return;
		}
		if (!entry(&info->numa, t + at, t[at + 1]))
			info->bad++;
	}
}
