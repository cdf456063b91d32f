/* SPDX-License-Identifier: BSD-2-Clause */
/* What the processor refuses with an exception: a guest sees that, and nobody else. */
#include "tests/guest-bad/bad.h"

#define BITS 64
#define CR4_FIRST_RESERVED 25 /* no bit from here on is defined (SDM vol. 3A 2.5) */
#define CR4_PCIDE_BIT 17
#define EFER_UNKNOWN_FIRST 16
#define XCR_BAD_NUMBER 1
#define KVM_ENOSYS ((u64)-1000)

#define EXPECT(vector, insn, ...)                                                             \
	do {                                                                                  \
		u64 got_ = TRY(insn, __VA_ARGS__);                                            \
		if (got_ != (vector))                                                         \
			return bad_say("FAIL: line %d, %s gave vector %#llx", __LINE__, insn, \
				       (unsigned long long)got_);                             \
	} while (0)

static const char *virtualisation(u64 number)
{
	u64 rax = 1;

	(void)number;
	EXPECT(VECTOR_UD, "vmrun", ::"a"(0x200000) : "r11", "memory");
	EXPECT(VECTOR_UD, "vmload", ::"a"(0x200000) : "r11", "memory");
	EXPECT(VECTOR_UD, "vmsave", ::"a"(0x200000) : "r11", "memory");
	EXPECT(VECTOR_UD, "stgi", ::: "r11", "memory");
	EXPECT(VECTOR_UD, "clgi", ::: "r11", "memory");
	EXPECT(VECTOR_UD, "skinit", ::"a"(0x200000) : "r11", "memory");
	EXPECT(VECTOR_UD, "invlpga", ::"a"(0x200000), "c"(1) : "r11", "memory");
	EXPECT(VECTOR_UD, "rsm", ::: "r11", "memory");
	EXPECT(VECTOR_UD, "monitor", ::"a"(0x200000), "c"(0), "d"(0) : "r11", "memory");
	EXPECT(VECTOR_UD, "mwait", ::"a"(0), "c"(0) : "r11", "memory");
	if (hypercall(&rax) != VECTOR_NONE || rax != KVM_ENOSYS)
		return "FAIL: hypercall";
	return "PASS";
}

static const char *unknown_msrs(u64 number)
{
	static const u32 msrs[] = { 0x12345678, 0xffffffff, 0xc0002000, 0xc0012000, 0x2000,
				    0x480,	0xc0010114, 0xc0010117, 0x8ff };

	(void)number;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		u32 lo, hi;

		EXPECT(VECTOR_GP, "rdmsr", : "=a"(lo), "=d"(hi) : "c"(msrs[i]) : "r11");
		EXPECT(VECTOR_GP, "wrmsr", ::"c"(msrs[i]), "a"(0), "d"(0) : "r11");
	}
	for (u32 bit = EFER_UNKNOWN_FIRST; bit < BITS; bit++) {
		u64 efer = rdmsr(MSR_EFER) | BIT64(bit);

		EXPECT(VECTOR_GP, "wrmsr", ::"c"(MSR_EFER), "a"((u32)efer), "d"(efer >> 32)
		       : "r11");
	}
	EXPECT(VECTOR_GP, "wrmsr", ::"c"(MSR_EFER), "a"((u32)rdmsr(MSR_EFER) | (u32)EFER_SVME),
	       "d"(0)
	       : "r11");
	EXPECT(VECTOR_GP, "wrmsr", ::"c"(MSR_EFER), "a"(0), "d"(0) : "r11"); /* LME, while paging */
	EXPECT(VECTOR_GP, "wrmsr", ::"c"(MSR_APIC_BASE), "a"(0), "d"(~0u) : "r11");
	EXPECT(VECTOR_GP, "wrmsr", ::"c"(MSR_PAT), "a"(0x02020202), "d"(0) : "r11");
	EXPECT(VECTOR_GP, "rdpmc", ::"c"(0) : "r11", "rax", "rdx");
	return "PASS";
}

/* Bits that this processor has are set and taken back; all others are refused. */
static const char *cr4_bits(u64 number)
{
	u64 cr4 = read_cr4();
	u32 refused = 0;

	(void)number;
	for (u32 bit = 0; bit < BITS; bit++) {
		u64 got;

		if (cr4 & BIT64(bit))
			continue;
		got = TRY("mov %0, %%cr4", ::"r"(cr4 | BIT64(bit)) : "r11", "memory");
		if (got == VECTOR_NONE)
			write_cr4(cr4);
		refused += got == VECTOR_GP;
		if ((got != VECTOR_NONE && got != VECTOR_GP) ||
		    (bit >= CR4_FIRST_RESERVED && got != VECTOR_GP))
			return bad_say("FAIL: CR4 bit %u gave vector %#llx", bit,
				       (unsigned long long)got);
	}
	EXPECT(VECTOR_GP, "mov %0, %%cr4", ::"r"(cr4 & ~CR4_PAE) : "r11", "memory");
	return refused ? "PASS" : "FAIL: no bit is refused";
}

static const char *cr0_bits(u64 number)
{
	u64 cr0 = read_cr0();

	(void)number;
	/* Bits 32 and up the processor refuses itself; an emulator may forget to. */
	for (u32 bit = 32; bit < BITS; bit++)
		(void)TRY("mov %0, %%cr0", ::"r"(cr0 | BIT64(bit)) : "r11", "memory");
	EXPECT(VECTOR_GP, "mov %0, %%cr0", ::"r"(cr0 & ~CR0_PE) : "r11", "memory");
	EXPECT(VECTOR_GP, "mov %0, %%cr0", ::"r"((cr0 | CR0_NW) & ~CR0_CD) : "r11", "memory");
	/* Leaving paging in 64-bit mode (SDM vol. 3A 4.1.2 with CS.L): refused. */
	EXPECT(VECTOR_GP, "mov %0, %%cr0", ::"r"(cr0 & ~CR0_PG) : "r11", "memory");
	EXPECT(VECTOR_NONE, "mov %0, %%cr0", ::"r"(cr0 | CR0_CD) : "r11", "memory");
	EXPECT(VECTOR_NONE, "mov %0, %%cr0", ::"r"(cr0) : "r11", "memory");
	return "PASS";
}

static const char *other_registers(u64 number)
{
	u64 cr4 = read_cr4();

	(void)number;
	(void)TRY("mov %0, %%cr8", ::"r"(~0ull) : "r11", "memory"); /* as above */
	write_cr8(0);
	EXPECT(VECTOR_GP, "ltr %w0", ::"r"(0xfff8) : "r11", "memory");
	EXPECT(VECTOR_GP, "lldt %w0", ::"r"(SEL_DATA) : "r11", "memory");
	if (TRY("mov %0, %%cr4", ::"r"(cr4 | CR4_OSXSAVE) : "r11", "memory") != VECTOR_NONE)
		return "PASS"; /* no XSAVE here */
	EXPECT(VECTOR_GP, "xsetbv", ::"c"(0), "a"(0), "d"(0) : "r11", "memory");
	EXPECT(VECTOR_GP, "xsetbv", ::"c"(0), "a"(1), "d"(~0u) : "r11", "memory");
	EXPECT(VECTOR_GP, "xsetbv", ::"c"(XCR_BAD_NUMBER), "a"(1), "d"(0) : "r11", "memory");
	write_cr4(cr4);
	return "PASS";
}

const struct bad_case refuse_cases[] = {
	{ "virtualisation", virtualisation },
	{ "unknown-msrs", unknown_msrs },
	{ "cr4-bits", cr4_bits },
	{ "cr0-bits", cr0_bits },
	{ "other-registers", other_registers },
	{ NULL, NULL },
};
