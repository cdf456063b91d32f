/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's memory: a piece from each NUMA node that its vCPUs run on, mapped one after
 * the other as RAM below the PCI hole and, what does not fit there, above 4 GiB.
 */
#include "hv/vm.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/emul/cpuid_topo.h"
#include "hv/emul/machine.h"
#include "hv/mem/pages.h"
#include "hv/topology.h"

void *vm_table_alloc(void *ctx)
{
	u64 page = pages_alloc(&host_pages, PAGE_SIZE, PAGE_SIZE, PAGES_ANYWHERE);

	(void)ctx;
	return page ? memset((void *)page, 0, PAGE_SIZE) : NULL;
}

void vm_table_free(void *ctx, void *page)
{
	(void)ctx;
	pages_free(&host_pages, (u64)page, PAGE_SIZE);
}

/* The nodes of its vCPUs in the order in which they come; how many. */
static u32 nodes_of(const struct vm *vm, u32 nodes[VM_RAM_PIECES])
{
	u32 n = 0;

	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		u32 node = topology.core[vm->cfg.core[i]].node, k = 0;

		while (k < n && nodes[k] != node)
			k++;
		if (k == VM_RAM_PIECES)
			return 1; /* too many: all from the first */
		if (k == n)
			nodes[n++] = node;
	}
	return n;
}

static bool take(struct vm *vm, u32 node, u64 size)
{
	struct vm_ram *r = &vm->ram[vm->ram_pieces];

	*r = (struct vm_ram){ .size = size, .node = node };
	if (size >= PAGE_1G)
		r->at = topology_alloc(&topology, &host_pages, node, size, PAGE_1G, &r->near);
	if (!r->at)
		r->at = topology_alloc(&topology, &host_pages, node, size, PAGE_2M, &r->near);
	if (!r->at)
		return false;
	vm->ram_pieces++;
	return true;
}

static void give_back(struct vm *vm)
{
	for (; vm->ram_pieces; vm->ram_pieces--) {
		struct vm_ram *r = &vm->ram[vm->ram_pieces - 1];

		pages_free(&host_pages, r->at, r->size);
	}
}

/* Equal pieces of whole large pages; the last one has the rest. */
static bool take_all(struct vm *vm, const u32 *nodes, u32 n)
{
	u64 piece = ALIGN_DOWN(vm->cfg.memory / n, PAGE_2M), left = vm->cfg.memory;

	for (u32 i = 0; piece && i < n; i++) {
		u64 size = i + 1 < n ? piece : left;

		if (!take(vm, nodes[i], size)) {
			give_back(vm);
			return false;
		}
		left -= size;
	}
	return piece != 0;
}

err_t vm_memory_alloc(struct vm *vm, char *why, size_t size)
{
	u32 nodes[VM_RAM_PIECES], n = nodes_of(vm, nodes);

	if (!take_all(vm, nodes, n) && !take_all(vm, nodes, 1)) {
		fmt_snprintf(why, size,
			     "%lu MiB of memory are not there: the largest free piece has %lu MiB",
			     vm->cfg.memory >> 20, pages_largest(&host_pages, PAGE_2M) >> 20);
		return ERR_NOMEM;
	}
	for (u32 i = 0; i < vm->ram_pieces; i++)
		if (!vm->ram[i].near)
			log_warn(vm->cfg.name, "%lu MiB are not from NUMA node %u: no such piece "
				 "is free there", vm->ram[i].size >> 20, vm->ram[i].node);
	return ERR_OK;
}

void vm_memory_free(struct vm *vm)
{
	/* The next owner must not find what this guest had in memory. */
	for (u32 i = 0; i < vm->ram_pieces; i++)
		memset((void *)vm->ram[i].at, 0, vm->ram[i].size);
	give_back(vm);
}

/* size bytes of a piece at guest-physical address `at`. Each piece is a node for the guest. */
static err_t map(struct vm *vm, u64 at, u64 host, u64 size, u32 piece)
{
	err_t err = npt_map(&vm->npt, gpa(at), host, size, NPT_WRITE | NPT_EXEC);

	if (!err)
		err = gmem_add(&vm->gmem, gpa(at), size, (void *)host, (bus_t){ host }, true);
	if (!err)
		vm->range[vm->ranges++] = (struct acpi_guest_memory){ gpa(at), size, piece };
	return err;
}

err_t vm_memory_map(struct vm *vm)
{
	static const struct npt_format *const formats[] = {
		[NESTED_NPT] = &npt_format_svm,
		[NESTED_EPT] = &npt_format_ept,
	};
	const struct npt_mem mem = { .alloc = vm_table_alloc, .free = vm_table_free };
	err_t err = npt_init(&vm->npt, formats[backend->nested], &mem,
			     backend_caps.gib_pages ? NPT_PAGE_1G : NPT_PAGE_2M);
	u64 at = 0; /* as if there were no hole */

	for (u32 i = 0; i < vm->ram_pieces && !err; i++) {
		const struct vm_ram *r = &vm->ram[i];
		u64 low = at < MACHINE_PCI_HOLE ? MIN(r->size, MACHINE_PCI_HOLE - at) : 0;

		if (low)
			err = map(vm, at, r->at, low, i);
		if (low < r->size && !err)
			err = map(vm, at + low - MACHINE_PCI_HOLE + MACHINE_PCI_HOLE_END,
				  r->at + low, r->size - low, i);
		at += r->size;
	}
	return err;
}

/* Two vCPUs that the guest takes for neighbours, in one package, must be on one node. */
static bool nodes_fit(const struct vm *vm, const u8 *node)
{
	u32 package = cpuid_package_ids(&vm->cpuid);

	for (u32 i = 1; i < vm->cfg.cpus; i++)
		if (i / package == (i - 1) / package && node[i] != node[i - 1])
			return false;
	return true;
}

struct acpi_guest vm_acpi(const struct vm *vm, u8 node[VM_CPUS_MAX])
{
	struct acpi_guest g = { .vcpus = vm->cfg.cpus };

	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		u32 near = topology.core[vm->cfg.core[i]].node;

		node[i] = 0;
		while (node[i] + 1u < vm->ram_pieces && vm->ram[node[i]].node != near)
			node[i]++;
	}
	if (vm->ram_pieces > 1 && nodes_fit(vm, node)) {
		g.node = node;
		g.memory = vm->range;
		g.memory_count = vm->ranges;
	}
	return g;
}
