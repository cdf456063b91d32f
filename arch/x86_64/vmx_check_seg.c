/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of VM entry for the guest's segments (SDM vol. 3C 26.3.1.2). */
#include "arch/x86_64/vmx_check.h"

#include "hv/base/x86.h"

#define SEL_RPL 3u
#define SEL_TI BIT(2)
#define V86_LIMIT 0xffff
#define V86_RIGHTS 0xf3 /* present, DPL 3, data, writable, accessed */
#define LIMIT_OFFSET 0xfffu
#define LIMIT_PAGES 0xfff00000u

/* Types (SDM vol. 3A tables 3-1, 3-2). */
#define TYPE_LDT 2
#define TYPE_BUSY_TSS16 3
#define TYPE_DATA_RW 3 /* accessed, as all that is loaded */
#define TYPE_DATA_DOWN 7
#define TYPE_CODE 9
#define TYPE_CODE_READ 11
#define TYPE_BUSY_TSS 11

enum { ES, CS, SS, DS, FS, GS, LDTR, TR, SEGMENTS };

struct seg {
	u64 sel, limit, rights, base;
	u32 type, dpl;
	bool usable;
};

/* The guest's mode and segments, read once. */
struct view {
	const struct vmx_cap *cap;
	bool ia32e, unrestricted, v86, real;
	struct seg seg[SEGMENTS];
};

/* What can be wrong with any of them. */
struct words {
	const char *v86_base, *v86_limit, *v86_rights;
	const char *base, *type, *kind, *absent, *dpl, *reserved, *granularity;
};

#define WORDS(s)                                                                    \
	{                                                                           \
		"guest " s ".base is not its selector times 16 in virtual-8086 mode", \
		"guest " s ".limit is not ffffh in virtual-8086 mode",              \
		"guest " s "'s access rights are not f3h in virtual-8086 mode",     \
		"guest " s ".base is out of range", "guest " s "'s type",           \
		"guest " s ".S has the wrong value", "guest " s " is not present",  \
		"guest " s ".DPL does not fit",                                     \
		"guest " s "'s access rights have reserved bits",                   \
		"guest " s ".G does not fit the limit",                             \
	}

static const struct words words[SEGMENTS] = {
	[ES] = WORDS("ES"), [CS] = WORDS("CS"), [SS] = WORDS("SS"), [DS] = WORDS("DS"),
	[FS] = WORDS("FS"), [GS] = WORDS("GS"), [LDTR] = WORDS("LDTR"), [TR] = WORDS("TR"),
};

static u64 field(enum vmcs_field of_es, u32 n)
{
	return vmcs_read((enum vmcs_field)(of_es + n * VMCS_SEG_STRIDE));
}

static void view_read(struct view *v, const struct vmx_cap *cap)
{
	v->cap = cap;
	v->ia32e = vmcs_read(VMCS_ENTRY) & VMX_ENTRY_IA32E;
	v->unrestricted = vmx_proc2_in_force() & VMX_PROC2_UNRESTRICTED;
	v->v86 = vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_VM;
	v->real = !(vmcs_read(VMCS_GUEST_CR0) & CR0_PE);
	for (u32 i = 0; i < SEGMENTS; i++) {
		u64 rights = field(VMCS_GUEST_ES_AR, i);

		v->seg[i] = (struct seg){
			.sel = field(VMCS_GUEST_ES_SEL, i),
			.limit = field(VMCS_GUEST_ES_LIMIT, i),
			.rights = rights,
			.base = field(VMCS_GUEST_ES_BASE, i),
			.type = rights & VMX_AR_TYPE,
			.dpl = rights >> VMX_AR_DPL_SHIFT & VMX_AR_DPL_MASK,
			.usable = !(rights & VMX_AR_UNUSABLE),
		};
	}
}

static const char *check_selectors(const struct view *v)
{
	const u64 ss_rpl = v->seg[SS].sel & SEL_RPL, cs_rpl = v->seg[CS].sel & SEL_RPL;
	const struct vmx_rule rules[] = {
		{ v->seg[TR].sel & SEL_TI, "guest TR's selector has TI" },
		{ v->seg[LDTR].usable && (v->seg[LDTR].sel & SEL_TI),
		  "guest LDTR's selector has TI" },
		{ !v->v86 && !v->unrestricted && ss_rpl != cs_rpl,
		  "guest SS's RPL differs from CS's" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_v86(const struct view *v, u32 n)
{
	const struct seg *s = &v->seg[n];
	const struct vmx_rule rules[] = {
		{ s->base != s->sel << 4, words[n].v86_base },
		{ s->limit != V86_LIMIT, words[n].v86_limit },
		{ s->rights != V86_RIGHTS, words[n].v86_rights },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

/* FS, GS, TR and a usable LDTR have 64 bits of base, the others 32. */
static bool bad_base(const struct view *v, u32 n)
{
	const struct seg *s = &v->seg[n];

	switch (n) {
	case FS:
	case GS:
	case TR:
		return !vmx_is_canonical(v->cap, s->base);
	case LDTR:
		return s->usable && !vmx_is_canonical(v->cap, s->base);
	case CS:
		return s->base & VMX_UPPER_HALF;
	default:
		return s->usable && s->base & VMX_UPPER_HALF;
	}
}

static bool bad_type(const struct view *v, u32 n)
{
	u32 type = v->seg[n].type;

	switch (n) {
	case CS:
		return !(type & VMX_AR_ACCESSED) ||
		       (!(type & VMX_AR_CODE) && !(type == TYPE_DATA_RW && v->unrestricted));
	case SS:
		return type != TYPE_DATA_RW && type != TYPE_DATA_DOWN;
	case TR:
		return type != TYPE_BUSY_TSS && (v->ia32e || type != TYPE_BUSY_TSS16);
	case LDTR:
		return type != TYPE_LDT;
	default: /* code must be readable */
		if ((type & VMX_AR_CODE) && !(type & VMX_AR_WRITE))
			return true;
		return !(type & VMX_AR_ACCESSED);
	}
}

static bool bad_dpl(const struct view *v, u32 n)
{
	const struct seg *s = &v->seg[n], *ss = &v->seg[SS];

	switch (n) {
	case CS:
		if (s->type == TYPE_DATA_RW)
			return s->dpl;
		if (s->type == TYPE_CODE || s->type == TYPE_CODE_READ)
			return s->dpl != ss->dpl;
		return s->dpl > ss->dpl;
	case SS:
		return !v->unrestricted && s->dpl != (s->sel & SEL_RPL);
	case TR:
	case LDTR:
		return false;
	default:
		return !v->unrestricted && s->type <= TYPE_CODE_READ && s->dpl < (s->sel & SEL_RPL);
	}
}

static bool bad_granularity(const struct seg *s)
{
	if ((s->limit & LIMIT_OFFSET) != LIMIT_OFFSET && (s->rights & VMX_AR_G))
		return true;
	return (s->limit & LIMIT_PAGES) && !(s->rights & VMX_AR_G);
}

static const char *check_rights(const struct view *v, u32 n)
{
	const struct seg *s = &v->seg[n];
	const bool system = n == TR || n == LDTR;
	const struct vmx_rule rules[] = {
		{ bad_type(v, n), words[n].type },
		{ !(s->rights & VMX_AR_S) != system, words[n].kind },
		{ bad_dpl(v, n), words[n].dpl },
		{ !(s->rights & VMX_AR_P), words[n].absent },
		{ s->rights & VMX_AR_RESERVED, words[n].reserved },
		{ bad_granularity(s), words[n].granularity },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

/* Rules of single segments. SS.DPL is the privilege level. */
static const char *check_special(const struct view *v)
{
	const struct seg *cs = &v->seg[CS], *ss = &v->seg[SS];
	const struct vmx_rule rules[] = {
		{ !v->seg[TR].usable, "guest TR is unusable" },
		{ !v->v86 && ss->dpl && (cs->type == TYPE_DATA_RW || v->real),
		  "guest SS.DPL is not 0 in real mode" },
		{ !v->v86 && v->ia32e && (cs->rights & VMX_AR_L) && (cs->rights & VMX_AR_DB),
		  "guest CS.L and CS.D are both 1" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_one(const struct view *v, u32 n)
{
	if (v->v86 && n != TR && n != LDTR)
		return check_v86(v, n);
	if (bad_base(v, n))
		return words[n].base;
	return v->seg[n].usable || n == CS ? check_rights(v, n) : NULL;
}

const char *vmx_check_segments(const struct vmx_cap *cap)
{
	const char *what;
	struct view v;

	view_read(&v, cap);
	what = check_selectors(&v);
	if (!what)
		what = check_special(&v);
	for (u32 i = 0; i < SEGMENTS && !what; i++)
		what = check_one(&v, i);
	return what;
}
