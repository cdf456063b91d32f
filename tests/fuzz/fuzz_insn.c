/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest at an MMIO exit. Input: byte 0 the mode and flags, byte 1 how
 * many instruction bytes follow, then these; the rest is page tables and memory.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/base/plat.h"
#include "hv/emul/linear.h"

#define MEM 0x8000u
#define MODE 0x03u
#define PAGING 0x04u
#define USER 0x08u
#define PAE 0x10u
#define BACKWARDS 0x20u

static u8 mem[MEM] ALIGNED(4096);

static void device(void *dev, struct io_access *a)
{
	(void)dev;
	ASSERT(a->size >= 1 && a->size <= 8);
	if (!a->write)
		a->value = a->addr * 3;
}

/* Nobody is at any port. */
static void access_maps(void *ctx, bool port, struct io_access *a)
{
	static struct iomap ports;

	iomap_access(port ? &ports : ctx, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct iomap mmio;
	struct vcpu_sregs s = { .cr3 = 0x1000 };
	struct vcpu_regs regs = { .rip = 0x2ff8, .rflags = 2 };
	struct gmem gm = { 0 };
	struct linear l = { .gm = &gm, .device = access_maps, .ctx = &mmio, .regs = &regs,
			    .sregs = &s, .phys_bits = 40 };
	struct insn_fault f;
	struct insn in;
	u8 bytes[INSN_MAX], n, flags, give;

	if (size < 2)
		return 0;
	flags = data[0];
	give = (u8)MIN((size_t)data[1] % (INSN_MAX + 1), size - 2);
	memcpy(bytes, data + 2, give);
	data += 2 + give;
	size -= 2u + give;
	memset(mem, 0, MEM);
	memcpy(mem, data, MIN(size, MEM));
	memcpy(regs.gpr, mem, sizeof(regs.gpr));
	gmem_add(&gm, gpa(0), MEM, mem, (bus_t){ 0 }, true);
	if (!mmio.count)
		iomap_add(&mmio, 0xfee00000, 0x1000, "dev", device, NULL);

	s.cr0 = flags & PAGING ? 0x80010000u : 0;
	s.cr4 = flags & PAE ? 0x20 : 0x10;
	if ((flags & MODE) == INSN_64) {
		s.efer = 0xd00;
		s.seg[SREG_CS].attr = SEG_ATTR_L;
	} else if ((flags & MODE) == INSN_32) {
		s.seg[SREG_CS].attr = SEG_ATTR_DB;
	}
	s.seg[SREG_SS].attr = flags & USER ? 0x60 : 0;
	regs.rflags |= flags & BACKWARDS ? 0x400 : 0;

	n = give;
	if (linear_emulate(&l, bytes, &n, &in, &f) == INSN_DONE)
		ASSERT(in.len >= 1 && in.len <= n && n <= INSN_MAX);
	return 0;
}
