/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page walk: named cases for each mode, then random tables against three
 * plain walkers written straight from the tables of SDM vol. 3A chapter 4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/emul/linear.h"
#include "hv/emul/walk.h"

#define FRAMES 16u
#define FRAME 4096u
#define MEM (FRAMES * FRAME)
#define PHYS_BITS 40

/* The twin below goes by the manual's numbers, not by the product's. */
STATIC_ASSERT(CR0_PG == 0x80000000ull && CR0_WP == 0x10000ull, "SDM vol. 3A 2.5");
STATIC_ASSERT(CR4_PSE == 0x10ull && CR4_PAE == 0x20ull, "SDM vol. 3A 2.5");
STATIC_ASSERT(CR4_SMEP == 0x100000ull && CR4_SMAP == 0x200000ull, "SDM vol. 3A 2.5");
STATIC_ASSERT(EFER_LMA == 0x400ull && EFER_NXE == 0x800ull, "SDM vol. 3A 2.2.1");

#define P 1ull
#define W 2ull
#define U 4ull
#define A 0x20ull
#define D 0x40ull
#define PS 0x80ull
#define NX (1ull << 63)

static u8 mem[MEM] ALIGNED(4096);
static struct gmem gm;

static void put64(u64 at, u64 v)
{
	memcpy(mem + at, &v, 8);
}

static u64 get64(u64 at)
{
	u64 v;

	memcpy(&v, mem + at, 8);
	return v;
}

static void put32(u64 at, u32 v)
{
	memcpy(mem + at, &v, 4);
}

static int setup(void **state)
{
	(void)state;
	memset(mem, 0, sizeof(mem));
	gm = (struct gmem){ 0 };
	return gmem_add(&gm, gpa(0), MEM, mem, (bus_t){ 0 }, true);
}

static void no_paging(void **state)
{
	struct walk_mode m = { .phys_bits = PHYS_BITS };
	struct walk_result r;

	(void)state;
	assert_int_equal(walk_linear(&gm, &m, 0x12345, WALK_WRITE, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x12345);
	assert_int_equal(r.page_left, 0x1000 - 0x345);
}

static void four_levels(void **state)
{
	struct walk_mode m = { .cr0 = CR0_PG | CR0_WP, .cr3 = 0x1000, .cr4 = CR4_PAE,
			       .efer = EFER_LMA | EFER_NXE, .phys_bits = PHYS_BITS };
	u64 linear = 0xffff800000000000 | 3ull << 30 | 5ull << 21 | 7ull << 12 | 0x123;
	struct walk_result r;

	(void)state;
	put64(0x1000 + 256 * 8, 0x2000 | P | W | U);
	put64(0x2000 + 3 * 8, 0x3000 | P | W | U);
	put64(0x3000 + 5 * 8, 0x4000 | P | W);
	put64(0x4000 + 7 * 8, 0x9000 | P | U | NX);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x9123);
	assert_int_equal(r.page_left, 0xedd);
	assert_int_equal(get64(0x4000 + 7 * 8), 0x9000 | P | U | NX | A);
	assert_int_equal(get64(0x3000 + 5 * 8), 0x4000 | P | W | A);

	assert_int_equal(walk_linear(&gm, &m, linear, WALK_WRITE, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_PRESENT | PF_WRITE);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_FETCH, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_PRESENT | PF_FETCH);
	m.user = true;
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_PRESENT | PF_USER);
	m.user = false;
	m.cr0 &= ~CR0_WP;
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_WRITE, &r), ERR_OK);
	assert_int_equal(get64(0x4000 + 7 * 8), 0x9000 | P | U | NX | A | D);

	/* 2 MiB and 1 GiB pages; a reserved bit in the first */
	put64(0x3000 + 5 * 8, 0x200000 | P | W | PS);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x200000 | (linear & 0x1fffff));
	put64(0x3000 + 5 * 8, 0x202000 | P | W | PS);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_PRESENT | PF_RESERVED);
	put64(0x2000 + 3 * 8, 0x40000000 | P | PS);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x40000000 | (linear & 0x3fffffff));
	put64(0x1000 + 256 * 8, 1ull << 39 | 0x2000 | P | PS);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_RANGE);

	put64(0x1000 + 256 * 8, MEM | P);
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_IO);
	m.cr4 |= 1 << 12;
	assert_int_equal(walk_linear(&gm, &m, linear, WALK_READ, &r), ERR_NOTSUP);
}

static void thirty_two_bits(void **state)
{
	struct walk_mode m = { .cr0 = CR0_PG, .cr3 = 0x1fff, .cr4 = CR4_PSE,
			       .phys_bits = PHYS_BITS };
	struct walk_result r;

	(void)state;
	put32(0x1000 + 768 * 4, 0x2000 | P | W);
	put32(0x2000 + 1 * 4, 0x5000 | P);
	put32(0x1000 + 769 * 4, 0x00c02000 | P | W | PS); /* PSE-36: bit 32 of the address */
	assert_int_equal(walk_linear(&gm, &m, 0xc0001004, WALK_WRITE, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x5004);
	assert_int_equal(walk_linear(&gm, &m, 0xc0401234, WALK_READ, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x100c01234);
	assert_int_equal(walk_linear(&gm, &m, 0xc0002000, WALK_WRITE, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_WRITE);
}

static void pae(void **state)
{
	struct walk_mode m = { .cr0 = CR0_PG, .cr3 = 0x1020, .cr4 = CR4_PAE,
			       .phys_bits = PHYS_BITS };
	struct walk_result r;

	(void)state;
	put64(0x1020 + 3 * 8, 0x2000 | P);
	put64(0x2000 + 2 * 8, 0x3000 | P | W | U);
	put64(0x3000 + 1 * 8, 0x8000 | P | W | U);
	assert_int_equal(walk_linear(&gm, &m, 0xc0401010, WALK_WRITE, &r), ERR_OK);
	assert_int_equal(r.gpa.v, 0x8010);
	assert_int_equal(get64(0x1020 + 3 * 8), 0x2000 | P); /* no accessed bit up there */
	put64(0x1020 + 3 * 8, 0x2000 | P | A); /* QEMU's */
	assert_int_equal(walk_linear(&gm, &m, 0xc0401010, WALK_READ, &r), ERR_OK);
	put64(0x1020 + 3 * 8, 0x2000 | P | W);
	assert_int_equal(walk_linear(&gm, &m, 0xc0401010, WALK_READ, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_PRESENT | PF_RESERVED);
}

static void smep_and_smap(void **state)
{
	struct walk_mode m = { .cr0 = CR0_PG, .cr3 = 0x1000, .cr4 = CR4_SMEP | CR4_SMAP,
			       .phys_bits = PHYS_BITS };
	struct walk_result r;

	(void)state;
	put32(0x1000, 0x2000 | P | W | U);
	put32(0x2000, 0x5000 | P | W | U);
	assert_int_equal(walk_linear(&gm, &m, 0, WALK_READ, &r), ERR_RANGE);
	assert_int_equal(walk_linear(&gm, &m, 0, WALK_FETCH, &r), ERR_RANGE);
	assert_int_equal(r.pf_error, PF_PRESENT | PF_FETCH);
	m.ac = true;
	assert_int_equal(walk_linear(&gm, &m, 0, WALK_READ, &r), ERR_OK);
	m.user = true;
	assert_int_equal(walk_linear(&gm, &m, 0, WALK_FETCH, &r), ERR_OK);
}

/* --- the plain walkers: the error code, or -1 and the address, or -2 when a
 * table is outside memory --- */

static s64 fault(const struct walk_mode *m, enum walk_access a, u32 base)
{
	bool nxe = m->cr4 & CR4_PAE && m->efer & EFER_NXE;

	return base | (a == WALK_WRITE ? 2 : 0) | (m->user ? 4 : 0) |
	       (a == WALK_FETCH && (nxe || m->cr4 & CR4_SMEP) ? 16 : 0);
}

static bool allowed(const struct walk_mode *m, enum walk_access a, bool w, bool u, bool nx)
{
	if (m->user) {
		if (!u)
			return false;
		if (a == WALK_WRITE)
			return w;
		return a == WALK_READ || !nx;
	}
	if (a == WALK_FETCH)
		return !nx && !(u && m->cr4 & CR4_SMEP);
	if (u && m->cr4 & CR4_SMAP && !m->ac)
		return false;
	return a == WALK_READ || w || !(m->cr0 & CR0_WP);
}

static s64 plain_32(const struct walk_mode *m, u32 la, enum walk_access a, u64 *out)
{
	u32 pde, pte;

	memcpy(&pde, mem + (m->cr3 & 0xfffff000) + (la >> 22) * 4, 4);
	if (!(pde & P))
		return fault(m, a, 0);
	if (pde & PS && m->cr4 & CR4_PSE) {
		if (pde & 1u << 21)
			return fault(m, a, 9);
		if (!allowed(m, a, pde & W, pde & U, false))
			return fault(m, a, 1);
		*out = (u64)(pde >> 13 & 0xff) << 32 | (pde & 0xffc00000) | (la & 0x3fffff);
		return -1;
	}
	if ((pde & 0xfffff000) >= MEM)
		return -2;
	memcpy(&pte, mem + (pde & 0xfffff000) + (la >> 12 & 1023) * 4, 4);
	if (!(pte & P))
		return fault(m, a, 0);
	if (!allowed(m, a, pde & pte & W, pde & pte & U, false))
		return fault(m, a, 1);
	*out = (pte & 0xfffff000) | (la & 0xfff);
	return -1;
}

static s64 plain_64(const struct walk_mode *m, u64 la, enum walk_access a, u64 *out, bool four)
{
	u64 table = four ? m->cr3 & 0xffffffffff000 : m->cr3 & 0xffffffe0;
	bool w = true, u = true, nx = false;

	for (int level = four ? 4 : 3; level >= 1; level--) {
		bool pdpte = !four && level == 3;
		u32 shift = 12 + 9 * (u32)(level - 1);
		u64 e, bad;

		if (table >= MEM)
			return -2;
		e = get64(table + (la >> shift & (pdpte ? 3 : 511)) * 8);
		if (!(e & P))
			return fault(m, a, 0);
		bad = 0x000fff0000000000; /* 51:40 */
		if (pdpte)
			bad |= 0xfff00000000001c6;
		else if (!four)
			bad |= 0x7ff0000000000000;
		if (!(m->efer & EFER_NXE))
			bad |= NX;
		if (level == 4)
			bad |= PS;
		if (level == 3 && four && e & PS)
			bad |= 0x3fffe000;
		if (level == 2 && e & PS)
			bad |= 0x1fe000;
		if (e & bad)
			return fault(m, a, 9);
		if (!pdpte) {
			w = w && e & W;
			u = u && e & U;
			nx = nx || e & NX;
		}
		if (level == 1 || (e & PS && !pdpte)) {
			if (!allowed(m, a, w, u, nx))
				return fault(m, a, 1);
			*out = (e & 0xffffffffff000 & ~((1ull << shift) - 1)) |
			       (la & ((1ull << shift) - 1));
			return -1;
		}
		table = e & 0xffffffffff000;
	}
	return 0;
}

static u64 random_entry(void)
{
	static const u64 rare[] = { NX, 1ull << 45, 1ull << 55, PS, PS, 1ull << 13, 1ull << 21, 8 };
	u64 e = ((u64)rand() % FRAMES) << 12 | W | U | A | ((u64)rand() % 32 ? P : 0);

	if (rand() % 4 == 0)
		e &= ~W;
	if (rand() % 4 == 0)
		e &= ~U;
	if (rand() % 4 == 0)
		e |= rare[(size_t)rand() % ARRAY_SIZE(rare)];
	return e;
}

static u64 pick(u64 bits)
{
	return rand() % 2 ? bits : 0;
}

static void random_tables_match_plain_walkers(void **state)
{
	u32 good = 0, bad = 0;

	(void)state;
	srand(7);
	for (u32 i = 0; i < 200000; i++) {
		u32 kind = (u32)rand() % 3;
		struct walk_mode m = {
			.cr0 = CR0_PG | pick(CR0_WP),
			.cr3 = (u64)(rand() % FRAMES) << 12,
			.cr4 = pick(CR4_SMEP) | pick(CR4_SMAP) | (kind ? CR4_PAE : pick(CR4_PSE)),
			.efer = pick(EFER_NXE) | (kind == 2 ? EFER_LMA : 0),
			.user = rand() % 2, .ac = rand() % 2, .phys_bits = PHYS_BITS,
		};
		enum walk_access a = (enum walk_access)(rand() % 3);
		u64 la = (u64)rand() << 31 ^ (u64)rand() << 15 ^ (u64)rand(), want = 0;
		struct walk_result r;
		s64 pf;
		err_t err;

		if (i % 50 == 0)
			for (u64 at = 0; at < MEM; at += kind ? 8 : 4)
				kind ? put64(at, random_entry()) : put32(at, (u32)random_entry());
		if (kind == 0)
			pf = plain_32(&m, (u32)la, a, &want);
		else
			pf = plain_64(&m, kind == 1 ? (u32)la : la, a, &want, kind == 2);
		err = walk_linear(&gm, &m, kind == 2 ? la : (u32)la, a, &r);
		if (pf == -2) {
			assert_int_equal(err, ERR_IO);
		} else if (pf == -1) {
			assert_int_equal(err, ERR_OK);
			assert_true(r.gpa.v == want);
			good++;
		} else {
			assert_int_equal(err, ERR_RANGE);
			assert_int_equal(r.pf_error, pf);
			bad++;
		}
	}
	assert_true(good > 10000 && bad > 10000);
}

/* --- linear.h on top of it --- */

static u64 device_value;

static void device(void *dev, struct io_access *a)
{
	(void)dev;
	if (a->write)
		device_value = a->value;
	else
		a->value = 0xa0 + a->addr;
}

/* Identity map of the first 2 MiB in 4 KiB pages; page 9 is missing, page 10
 * goes to the device. */
static void build_identity(struct vcpu_sregs *s)
{
	s->cr0 = CR0_PG;
	s->cr3 = 0x1000;
	put32(0x1000, 0x2000 | P | W);
	for (u32 i = 0; i < 512; i++)
		put32(0x2000 + i * 4, i << 12 | (u32)(P | W));
	put32(0x2000 + 9 * 4, 0);
	put32(0x2000 + 10 * 4, 0xfee00000 | (u32)(P | W));
	s->seg[SREG_CS].attr = SEG_ATTR_DB;
}

static void access_map(void *ctx, bool port, struct io_access *a)
{
	assert_false(port);
	iomap_access(ctx, a);
}

static void emulated_access(void **state)
{
	static struct iomap mmio;
	struct vcpu_sregs s = { 0 };
	struct vcpu_regs regs = { .rip = 0x8ffe };
	struct linear l = { .gm = &gm, .device = access_map, .ctx = &mmio, .regs = &regs,
			    .sregs = &s, .phys_bits = PHYS_BITS };
	struct insn_fault f = { 0 };
	u8 bytes[INSN_MAX], n = 0;
	struct insn in;
	u64 val = 0x1122334455667788;

	(void)state;
	build_identity(&s);
	iomap_add(&mmio, 0xfee00000, 0x1000, "dev", device, NULL);

	/* crossing into a page that is not there: #PF at its start, nothing written */
	assert_int_equal(linear_access(&l, 0x8ffe, &val, 4, INSN_WRITE, &f), ERR_RANGE);
	assert_int_equal(f.vector, VECTOR_PF);
	assert_int_equal(f.addr, 0x9000);
	assert_int_equal(f.error, PF_WRITE);
	assert_int_equal(mem[0x8ffe], 0);
	/* RAM to RAM across a page */
	assert_int_equal(linear_access(&l, 0x7ffd, &val, 8, INSN_WRITE, &f), ERR_OK);
	assert_int_equal(mem[0x7ffd], 0x88);
	assert_int_equal(mem[0x8004], 0x11);

	/* an instruction at the end of a page whose successor is missing decodes */
	memcpy(mem + 0x8ffe, "\x89\x01", 2); /* mov [ecx],eax */
	regs.gpr[GPR_RCX] = 0xa030;
	regs.gpr[GPR_RAX] = 0xcafe;
	assert_int_equal(linear_emulate(&l, bytes, &n, &in, &f), INSN_DONE);
	assert_int_equal(n, 2);
	assert_int_equal(device_value, 0xcafe);
	/* a longer one does not */
	n = 0;
	memcpy(mem + 0x8ffe, "\x81\x01", 2);
	assert_int_equal(linear_emulate(&l, bytes, &n, &in, &f), INSN_REFUSED);
	assert_int_equal(in.len, 0);
	n = 0;
	regs.rip = 0x9000;
	assert_int_equal(linear_emulate(&l, bytes, &n, &in, &f), INSN_FAULTED);
	assert_int_equal(f.addr, 0x9000);
	assert_int_equal(f.error, 0);
	/* bytes that the processor gave are taken as they are */
	n = 2;
	memcpy(bytes, "\x8a\x11", 2); /* mov dl,[ecx] */
	assert_int_equal(linear_emulate(&l, bytes, &n, &in, &f), INSN_DONE);
	assert_int_equal(regs.gpr[GPR_RDX], 0xd0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_paging, setup),
		cmocka_unit_test_setup(four_levels, setup),
		cmocka_unit_test_setup(thirty_two_bits, setup),
		cmocka_unit_test_setup(pae, setup),
		cmocka_unit_test_setup(smep_and_smap, setup),
		cmocka_unit_test_setup(random_tables_match_plain_walkers, setup),
		cmocka_unit_test_setup(emulated_access, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
