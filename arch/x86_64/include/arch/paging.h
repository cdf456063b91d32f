/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's page tables: virtual = physical. RAM is write-back, what is not
 * RAM is not mapped until mmio_map() asks for it (uncached). The image's text
 * is read-only, all else is not executable; page 0 and stacks' guard pages are
 * not mapped.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include "hv/base/err.h"
#include "hv/base/types.h"

struct paging_ram {
	u64 base, size;
};

/* A zero-filled page below 4 GiB for a table; 0 when there is none. */
typedef u64 (*paging_page_fn)(void);

/* Build the tables for these pieces of RAM and load them. Boot core, after
 * desc_load(). */
err_t paging_init(const struct paging_ram *ram, u32 count, paging_page_fn page);

/* Load the tables on another core, which came up on the early ones. */
void paging_load(void);

/* Take the guard pages of a stack away. Before any other core runs on the
 * tables with this memory in use. */
struct cpu_stack;
err_t paging_guard(const struct cpu_stack *stack);

/* Registers at phys: uncached, readable, writable. The pointer equals phys
 * and stays valid for ever. NULL when there is no memory for tables or the
 * address is beyond what the processor has. Boot core. */
void *mmio_map(u64 phys, u64 size);

/* As mmio_map(), but writes are combined: for a framebuffer. */
void *paging_map_screen(u64 phys, u64 size);

/* As mmio_map(), but cached, for firmware's tables in memory that the map
 * does not call RAM. What is mapped already stays as it is. */
void *paging_map_ram(u64 phys, u64 size);

#endif
