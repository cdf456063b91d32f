/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level page tables: guest-physical to host-physical, four levels,
 * pages of 4 KiB, 2 MiB and 1 GiB (APM vol. 2 15.25; SDM vol. 3C 28.3).
 * The entry format is data, so one builder serves nested paging and EPT.
 *
 * A processor may walk the tables while they change. Every change is one
 * atomic store to one entry, and a new table is complete before it is linked,
 * so each guest page translates by its old or its new mapping at any moment.
 * A table that was linked once stays until npt_destroy(): no walk can meet
 * freed memory, and a range that was split stays split.
 */
#ifndef HV_MEM_NPT_H
#define HV_MEM_NPT_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define NPT_PAGE_4K (1ull << 12)
#define NPT_PAGE_2M (1ull << 21)
#define NPT_PAGE_1G (1ull << 30)
#define NPT_GPA_LIMIT (1ull << 48)

/* What a mapping allows beyond reading. */
enum npt_attr {
	NPT_WRITE = BIT(0),
	NPT_EXEC = BIT(1),
	NPT_UNCACHED = BIT(2),
};

/* How one vendor writes an entry. Each member is a mask of bits to set. */
struct npt_format {
	u64 present;	/* any of these: the entry is in use */
	u64 table;	/* in entries that point to a table */
	u64 leaf;	/* in every entry that maps a page */
	u64 write;	/* with NPT_WRITE */
	u64 exec;	/* with NPT_EXEC */
	u64 no_exec;	/* without NPT_EXEC */
	u64 cached;	/* without NPT_UNCACHED */
	u64 uncached;	/* with NPT_UNCACHED */
	u64 large;	/* in entries that map 2 MiB or 1 GiB */
	u64 accessed;
	u64 dirty;
	u64 addr;	/* the address field */
};

extern const struct npt_format npt_format_svm, npt_format_ept;

/* Where tables live. They are identity-mapped: the pointer is the
 * host-physical address. */
struct npt_mem {
	/* A zeroed, aligned 4 KiB page, or NULL. */
	void *(*alloc)(void *ctx);
	void (*free)(void *ctx, void *page);
	/* Called after each change that a processor can see; may be NULL. */
	void (*changed)(void *ctx);
	void *ctx;
};

struct npt {
	const struct npt_format *fmt;
	struct npt_mem mem;
	u64 *root;
	u64 tables;	  /* pages in use */
	unsigned max_level;
};

/* max_page is NPT_PAGE_4K, _2M or _1G: the largest page the processor knows.
 * ERR_NOMEM without memory for the root. */
err_t npt_init(struct npt *n, const struct npt_format *fmt, const struct npt_mem *mem,
	       u64 max_page);
/* Give every table back. No processor uses them any more. */
void npt_destroy(struct npt *n);

/* Host-physical address of the root table. */
u64 npt_root(const struct npt *n);

/*
 * Map [gpa, gpa + size) to [hpa, hpa + size) with the largest pages that fit,
 * replacing what was there; attr is a set of enum npt_attr. Addresses and size
 * are multiples of 4 KiB (ERR_INVAL), inside 48 and 52 bits (ERR_RANGE). On
 * ERR_NOMEM a first part of the range is mapped. Translations that were
 * replaced stay cached until the vCPUs' TLBs are flushed.
 */
err_t npt_map(struct npt *n, gpa_t gpa, u64 hpa, u64 size, u32 attr);

/* The same for taking a mapping away; what is not mapped is passed over.
 * ERR_NOMEM when a larger page could not be split. */
err_t npt_unmap(struct npt *n, gpa_t gpa, u64 size);

/* The page that maps gpa becomes no larger than page (NPT_PAGE_4K or _2M),
 * without a change of what it maps. ERR_NOENT when there is none. */
err_t npt_split(struct npt *n, gpa_t gpa, u64 page);

struct npt_leaf {
	u64 hpa;  /* of exactly the address asked for */
	u64 page; /* size of the page */
	u32 attr; /* enum npt_attr */
	bool accessed, dirty;
};

/* What maps gpa. ERR_NOENT when nothing does. */
err_t npt_query(const struct npt *n, gpa_t gpa, struct npt_leaf *leaf);

#endif
