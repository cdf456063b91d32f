/* SPDX-License-Identifier: BSD-2-Clause */
/* Page walk over guest memory; see walk.h. Formats: SDM vol. 3A 4.3 to 4.5. */
#include "hv/emul/walk.h"

#include "hv/base/x86.h"

#define PTE_P BIT64(0)
#define PTE_W BIT64(1)
#define PTE_U BIT64(2)
#define PTE_A BIT64(5)
#define PTE_D BIT64(6)
#define PTE_PS BIT64(7)
#define PTE_NX BIT64(63)
#define PTE_ADDR 0x000ffffffffff000ull
/* Bits 1, 2, 6 to 8 (SDM vol. 3A table 4-8). Bit 5 is, too, but QEMU marks these
 * entries accessed as it walks them. */
#define PDPTE_PAE_RESERVED 0x1c6ull

#define PAGE 4096ull
#define RETRIES 8

struct level_format {
	u8 levels;
	u8 index_bits;
	u8 entry_bytes;
};

/* One walk: what was granted on the way down. */
struct walk {
	struct gmem *gm;
	const struct walk_mode *m;
	enum walk_access access;
	struct level_format f;
	bool writable, user, nx;
	u32 pf_error;
};

struct walk_mode walk_mode_of(const struct vcpu_sregs *s, u64 rflags, u8 phys_bits)
{
	return (struct walk_mode){
		.cr0 = s->cr0,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.efer = s->efer,
		.user = (s->seg[SREG_SS].attr >> 5 & 3) == 3,
		.ac = rflags & RFLAGS_AC,
		.phys_bits = phys_bits,
	};
}

static err_t page_fault(struct walk *w, u32 why)
{
	w->pf_error = why;
	if (w->access == WALK_WRITE)
		w->pf_error |= PF_WRITE;
	if (w->m->user)
		w->pf_error |= PF_USER;
	/* The fetch bit is defined with NX or SMEP only (SDM vol. 3A 4.7). */
	if (w->access == WALK_FETCH &&
	    ((w->m->cr4 & CR4_PAE && w->m->efer & EFER_NXE) || w->m->cr4 & CR4_SMEP))
		w->pf_error |= PF_FETCH;
	return ERR_RANGE;
}

static err_t load_entry(struct walk *w, u64 at, u64 *entry)
{
	void *p = gmem_ptr(w->gm, gpa(at), w->f.entry_bytes, GMEM_READ);

	if (!p)
		return ERR_IO;
	*entry = w->f.entry_bytes == 8 ? __atomic_load_n((u64 *)p, __ATOMIC_RELAXED)
				       : __atomic_load_n((u32 *)p, __ATOMIC_RELAXED);
	return ERR_OK;
}

/* Set bits in an entry if it is still the one that was read. */
static err_t mark_entry(struct walk *w, u64 at, u64 entry, u64 bits)
{
	void *p;
	bool same;

	if ((entry & bits) == bits)
		return ERR_OK;
	p = gmem_ptr(w->gm, gpa(at), w->f.entry_bytes, GMEM_WRITE);
	if (!p)
		return ERR_OK; /* tables in ROM stay as they are */
	if (w->f.entry_bytes == 8) {
		same = __atomic_compare_exchange_n((u64 *)p, &entry, entry | bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	} else {
		u32 old = (u32)entry;

		same = __atomic_compare_exchange_n((u32 *)p, &old, old | (u32)bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	return same ? ERR_OK : ERR_BUSY;
}

/* Bits that must be 0 in an entry of this level (0 is the last). */
static u64 reserved_bits(const struct walk *w, u32 level, u64 entry)
{
	u64 above = PTE_ADDR & ~(BIT64(w->m->phys_bits) - 1);
	bool pae_top = w->f.levels == 3 && level == 2;
	bool large = level > 0 && entry & PTE_PS;

	if (w->f.entry_bytes == 4)
		/* PSE-36 keeps address bits 39:32 in 20:13; bit 21 is reserved */
		return large && w->m->cr4 & CR4_PSE ? BIT64(21) : 0;
	if (pae_top)
		return above | PDPTE_PAE_RESERVED | 0xfff0000000000000ull;
	if (!(w->m->efer & EFER_NXE))
		above |= PTE_NX;
	if (w->f.levels == 3)
		above |= 0x7ff0000000000000ull; /* bits 62:52 (SDM vol. 3A 4.4.2) */
	if (level == 3)
		return above | PTE_PS;
	if (large) /* bit 12 is PAT, those above up to the page size are reserved */
		above |= (BIT64(12 + level * w->f.index_bits) - 1) & ~0x1fffull;
	return above;
}

static bool is_leaf(const struct walk *w, u32 level, u64 entry)
{
	if (level == 0)
		return true;
	if (!(entry & PTE_PS))
		return false;
	if (w->f.entry_bytes == 4)
		return w->m->cr4 & CR4_PSE;
	return level == 1 || (level == 2 && w->f.levels == 4);
}

static u64 leaf_base(const struct walk *w, u32 level, u64 entry, u64 page)
{
	if (w->f.entry_bytes == 4 && level == 1)
		return (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32;
	return entry & PTE_ADDR & ~(page - 1);
}

/* SDM vol. 3A 4.6.1. */
static bool permitted(const struct walk *w)
{
	const struct walk_mode *m = w->m;

	if (m->user && !w->user)
		return false;
	if (w->access == WALK_FETCH)
		return !w->nx && (m->user || !w->user || !(m->cr4 & CR4_SMEP));
	if (!m->user && w->user && m->cr4 & CR4_SMAP && !m->ac)
		return false;
	if (w->access == WALK_WRITE && !w->writable)
		return !m->user && !(m->cr0 & CR0_WP);
	return true;
}

static err_t walk_once(struct walk *w, u64 linear, struct walk_result *res)
{
	u64 table = w->m->cr3 & (w->f.levels == 3 ? 0xffffffe0ull : PTE_ADDR);

	if (w->f.levels == 2)
		table &= 0xfffff000u;
	w->writable = w->user = true;
	w->nx = false;
	for (u32 level = w->f.levels - 1u;; level--) {
		u32 shift = 12 + level * w->f.index_bits;
		u64 index = linear >> shift & (BIT64(w->f.index_bits) - 1);
		bool pae_top = w->f.levels == 3 && level == 2;
		u64 at, entry, page = BIT64(shift);
		err_t err;

		if (pae_top)
			index &= 3;
		at = table + index * w->f.entry_bytes;
		err = load_entry(w, at, &entry);
		if (err)
			return err;
		if (!(entry & PTE_P))
			return page_fault(w, 0);
		if (entry & reserved_bits(w, level, entry))
			return page_fault(w, PF_PRESENT | PF_RESERVED);
		if (!pae_top) {
			w->writable = w->writable && entry & PTE_W;
			w->user = w->user && entry & PTE_U;
			w->nx = w->nx || entry & PTE_NX;
		}
		if (!is_leaf(w, level, entry)) {
			err = pae_top ? ERR_OK : mark_entry(w, at, entry, PTE_A);
			if (err)
				return err;
			table = entry & (w->f.entry_bytes == 4 ? 0xfffff000u : PTE_ADDR);
			continue;
		}
		if (!permitted(w))
			return page_fault(w, PF_PRESENT);
		res->gpa = gpa(leaf_base(w, level, entry, page) | (linear & (page - 1)));
		res->page_left = page - (linear & (page - 1));
		return mark_entry(w, at, entry,
				  w->access == WALK_WRITE ? PTE_A | PTE_D : PTE_A);
	}
}

err_t walk_linear(struct gmem *gm, const struct walk_mode *m, u64 linear,
		  enum walk_access access, struct walk_result *res)
{
	struct walk w = { .gm = gm, .m = m, .access = access };
	err_t err = ERR_BUSY;

	*res = (struct walk_result){ .gpa = gpa(linear), .page_left = PAGE - linear % PAGE };
	if (!(m->cr0 & CR0_PG))
		return ERR_OK;
	if (m->cr4 & CR4_LA57 && m->efer & EFER_LMA)
		return ERR_NOTSUP;
	if (m->efer & EFER_LMA)
		w.f = (struct level_format){ .levels = 4, .index_bits = 9, .entry_bytes = 8 };
	else if (m->cr4 & CR4_PAE)
		w.f = (struct level_format){ .levels = 3, .index_bits = 9, .entry_bytes = 8 };
	else
		w.f = (struct level_format){ .levels = 2, .index_bits = 10, .entry_bytes = 4 };
	for (u32 i = 0; i < RETRIES && err == ERR_BUSY; i++)
		err = walk_once(&w, linear, res);
	res->pf_error = w.pf_error;
	return err;
}
