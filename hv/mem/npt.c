/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level page tables (APM vol. 2 5.3 for the entries, 15.25 for their
 * use as nested tables; SDM vol. 3C 28.3.2 for EPT's).
 */
#include "hv/mem/npt.h"

#define LEVELS 4u
#define TOP (LEVELS - 1)
#define ENTRIES 512u
#define HPA_LIMIT (1ull << 52)

/* A nested walk counts as a user access, so U is set at each level. A and D
 * are managed by the processor. */
enum svm_entry {
	SVM_P = BIT(0),
	SVM_RW = BIT(1),
	SVM_US = BIT(2),
	SVM_PWT = BIT(3),
	SVM_PCD = BIT(4),
	SVM_A = BIT(5),
	SVM_D = BIT(6),
	SVM_PS = BIT(7),
};
#define SVM_NX BIT64(63)
#define ENTRY_ADDR 0x000ffffffffff000ull

const struct npt_format npt_format_svm = {
	.present = SVM_P,
	.table = SVM_P | SVM_RW | SVM_US,
	.leaf = SVM_P | SVM_US,
	.write = SVM_RW,
	.no_exec = SVM_NX,
	.uncached = SVM_PCD | SVM_PWT,
	.large = SVM_PS,
	.accessed = SVM_A,
	.dirty = SVM_D,
	.addr = ENTRY_ADDR,
};

/* EPT's entries (SDM vol. 3C tables 28-1 to 28-6). The memory type of a leaf is
 * its own: write-back, or uncached, which is 0. */
enum ept_entry {
	EPT_R = BIT(0),
	EPT_W = BIT(1),
	EPT_X = BIT(2),
	EPT_WB = 6 << 3,
	EPT_LARGE = BIT(7),
	EPT_A = BIT(8),
	EPT_D = BIT(9),
};

const struct npt_format npt_format_ept = {
	.present = EPT_R | EPT_W | EPT_X,
	.table = EPT_R | EPT_W | EPT_X,
	.leaf = EPT_R,
	.write = EPT_W,
	.exec = EPT_X,
	.cached = EPT_WB,
	.large = EPT_LARGE,
	.accessed = EPT_A,
	.dirty = EPT_D,
	.addr = ENTRY_ADDR,
};

static u64 level_page(unsigned level)
{
	return NPT_PAGE_4K << (9 * level);
}

static unsigned level_index(u64 gpa, unsigned level)
{
	return (unsigned)(gpa >> (12 + 9 * level)) % ENTRIES;
}

static u64 entry_load(const u64 *e)
{
	return __atomic_load_n(e, __ATOMIC_ACQUIRE);
}

static void changed(struct npt *n)
{
	if (n->mem.changed)
		n->mem.changed(n->mem.ctx);
}

static bool is_present(const struct npt *n, u64 e)
{
	return e & n->fmt->present;
}

static bool is_table(const struct npt *n, u64 e, unsigned level)
{
	return level > 0 && is_present(n, e) && !(e & n->fmt->large);
}

static u64 *entry_table(const struct npt *n, u64 e)
{
	return (u64 *)(uintptr_t)(e & n->fmt->addr);
}

static u64 *table_alloc(struct npt *n)
{
	u64 *t = n->mem.alloc(n->mem.ctx);

	if (t)
		n->tables++;
	return t;
}

static void table_free(struct npt *n, u64 *t)
{
	n->tables--;
	n->mem.free(n->mem.ctx, t);
}

static u64 leaf_entry(const struct npt *n, u64 hpa, unsigned level, u32 attr)
{
	const struct npt_format *f = n->fmt;
	u64 e = f->leaf | (hpa & f->addr);

	e |= attr & NPT_WRITE ? f->write : 0;
	e |= attr & NPT_EXEC ? f->exec : f->no_exec;
	e |= attr & NPT_UNCACHED ? f->uncached : f->cached;
	return level ? e | f->large : e;
}

/* Fill t with what entry e of the given level says, one level down. */
static void table_fill(const struct npt *n, u64 *t, u64 e, unsigned level)
{
	u64 step = level_page(level - 1);

	if (!is_present(n, e)) {
		for (unsigned i = 0; i < ENTRIES; i++)
			t[i] = 0;
		return;
	}
	if (level == 1)
		e &= ~n->fmt->large;
	for (unsigned i = 0; i < ENTRIES; i++)
		t[i] = e + i * step;
}

/*
 * Put a table in place of a leaf or of nothing. The processor may set A and D
 * in the leaf while the table is being filled; the exchange fails then and
 * the table is filled again, so no dirty bit is lost.
 */
static err_t entry_split(struct npt *n, u64 *e, unsigned level)
{
	u64 old = entry_load(e);
	u64 *t = table_alloc(n);
	u64 link;

	if (!t)
		return ERR_NOMEM;
	link = (u64)(uintptr_t)t | n->fmt->table;
	do {
		table_fill(n, t, old, level);
	} while (!__atomic_compare_exchange_n(e, &old, link, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	changed(n);
	return ERR_OK;
}

static void entry_store(struct npt *n, u64 *e, u64 value)
{
	__atomic_store_n(e, value, __ATOMIC_RELEASE);
	changed(n);
}

err_t npt_init(struct npt *n, const struct npt_format *fmt, const struct npt_mem *mem, u64 max_page)
{
	*n = (struct npt){ .fmt = fmt, .mem = *mem };
	while (level_page(n->max_level) < max_page)
		n->max_level++;
	n->root = table_alloc(n);
	return n->root ? ERR_OK : ERR_NOMEM;
}

static void tree_free(struct npt *n, u64 *t, unsigned level)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (is_table(n, t[i], level))
			tree_free(n, entry_table(n, t[i]), level - 1);
	table_free(n, t);
}

void npt_destroy(struct npt *n)
{
	if (n->root)
		tree_free(n, n->root, TOP);
	n->root = NULL;
}

u64 npt_root(const struct npt *n)
{
	return (u64)(uintptr_t)n->root;
}

static err_t range_check(u64 gpa, u64 hpa, u64 size)
{
	if (!size || (gpa | hpa | size) % NPT_PAGE_4K)
		return ERR_INVAL;
	if (gpa >= NPT_GPA_LIMIT || size > NPT_GPA_LIMIT - gpa)
		return ERR_RANGE;
	if (hpa >= HPA_LIMIT || size > HPA_LIMIT - hpa)
		return ERR_RANGE;
	return ERR_OK;
}

/* A page of this level can start at an address with these low bits and be
 * wholly inside size bytes. */
static bool page_fits(const struct npt *n, unsigned level, u64 addr_bits, u64 size)
{
	u64 page = level_page(level);

	return level <= n->max_level && addr_bits % page == 0 && size >= page;
}

err_t npt_map(struct npt *n, gpa_t gpa, u64 hpa, u64 size, u32 attr)
{
	u64 at = gpa.v;
	err_t err = range_check(at, hpa, size);

	while (!err && size) {
		u64 *t = n->root;

		for (unsigned level = TOP;; level--) {
			u64 *e = &t[level_index(at, level)];
			bool table = is_table(n, entry_load(e), level);

			if (!table && page_fits(n, level, at | hpa, size)) {
				entry_store(n, e, leaf_entry(n, hpa, level, attr));
				at += level_page(level);
				hpa += level_page(level);
				size -= level_page(level);
				break;
			}
			if (!table)
				err = entry_split(n, e, level);
			if (err)
				break;
			t = entry_table(n, entry_load(e));
		}
	}
	return err;
}

err_t npt_unmap(struct npt *n, gpa_t gpa, u64 size)
{
	u64 at = gpa.v;
	err_t err = range_check(at, 0, size);

	while (!err && size) {
		u64 *t = n->root;

		for (unsigned level = TOP;; level--) {
			u64 *e = &t[level_index(at, level)];
			u64 old = entry_load(e);
			u64 rest = level_page(level) - at % level_page(level);
			bool whole = rest == level_page(level) && size >= rest;

			if (!is_present(n, old) || (whole && !is_table(n, old, level))) {
				if (is_present(n, old))
					entry_store(n, e, 0);
				at += MIN(rest, size);
				size -= MIN(rest, size);
				break;
			}
			if (!is_table(n, old, level))
				err = entry_split(n, e, level);
			if (err)
				break;
			t = entry_table(n, entry_load(e));
		}
	}
	return err;
}

/* The entry that maps gpa and its level; NULL when nothing maps it. */
static u64 *leaf_find(const struct npt *n, u64 gpa, unsigned *level)
{
	u64 *t = n->root;

	for (*level = TOP;; --*level) {
		u64 *e = &t[level_index(gpa, *level)];
		u64 v = entry_load(e);

		if (!is_present(n, v))
			return NULL;
		if (!is_table(n, v, *level))
			return e;
		t = entry_table(n, v);
	}
}

err_t npt_split(struct npt *n, gpa_t gpa, u64 page)
{
	unsigned level;
	err_t err = ERR_OK;

	if (gpa.v >= NPT_GPA_LIMIT)
		return ERR_RANGE;
	while (!err) {
		u64 *e = leaf_find(n, gpa.v, &level);

		if (!e)
			return ERR_NOENT;
		if (level == 0 || level_page(level) <= page)
			return ERR_OK;
		err = entry_split(n, e, level);
	}
	return err;
}

err_t npt_query(const struct npt *n, gpa_t gpa, struct npt_leaf *leaf)
{
	const struct npt_format *f = n->fmt;
	unsigned level;
	u64 *e, v;

	if (gpa.v >= NPT_GPA_LIMIT)
		return ERR_RANGE;
	e = leaf_find(n, gpa.v, &level);
	if (!e)
		return ERR_NOENT;
	v = entry_load(e);
	*leaf = (struct npt_leaf){
		.hpa = (v & f->addr) + gpa.v % level_page(level),
		.page = level_page(level),
		.accessed = v & f->accessed,
		.dirty = v & f->dirty,
	};
	if (v & f->write)
		leaf->attr |= NPT_WRITE;
	if ((v & (f->exec | f->no_exec)) == f->exec)
		leaf->attr |= NPT_EXEC;
	if ((v & (f->cached | f->uncached)) == f->uncached)
		leaf->attr |= NPT_UNCACHED;
	return ERR_OK;
}
