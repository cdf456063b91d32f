/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms of instructions that may touch a device's memory. Each is executed
 * twice from the same state, on RAM by the processor and on the test device by
 * the hypervisor's emulation: registers, flags and memory must come out alike.
 */
#include "tests/guest/guest.h"

#include "hv/base/str.h"
#include "hv/testdev.h"

#define ROUNDS 4
#define ECHO_WORDS 8

#define FLAGS_ARITH 0x8d5u /* OF SF ZF AF PF CF */
#define FLAGS_LOGIC 0x8c5u /* AF is undefined */
#define FLAGS_CF 0x001u	   /* bit tests: the others are undefined */
#define FLAGS_KEPT 0x8d5u  /* the instruction changes none */

/* Registers before and after. RDI points to the memory, RSI to other RAM. */
struct regs {
	u64 a, b, c, d, si, di, r8, flags;
};

struct form {
	void (*run)(struct regs *r);
	u32 flags; /* those that are defined afterwards */
	u64 count; /* RCX for string instructions, 0: a pattern */
};

#define BODY(text)                                                                            \
	register u64 r8 __asm__("r8") = r->r8;                                                \
	__asm__ volatile("pushq %[f]\n\tpopfq\n\t" text "\n\tpushfq\n\tpopq %[f]\n\tcld"      \
			 : "+a"(r->a), "+b"(r->b), "+c"(r->c), "+d"(r->d), "+S"(r->si),       \
			   "+D"(r->di), "+r"(r8), [f] "+r"(r->flags)                          \
			 :                                                                    \
			 : "memory", "cc");                                                   \
	r->r8 = r8

#define FORM(id, defined, rcx, text)              \
	static void run_##id(struct regs *r)      \
	{                                         \
		BODY(text);                       \
	}                                         \
	static const struct form form_##id = { run_##id, defined, rcx };

/* name, flags defined afterwards, RCX, text; %% for registers. */
#define FORMS(X)                                                                       \
	X(mov_store_8, FLAGS_KEPT, 0, "movb %%al, (%%rdi)")                            \
	X(mov_store_ah, FLAGS_KEPT, 0, "movb %%ah, 3(%%rdi)")                          \
	X(mov_store_r8b, FLAGS_KEPT, 0, "movb %%r8b, 5(%%rdi)")                        \
	X(mov_store_16, FLAGS_KEPT, 0, "movw %%ax, 2(%%rdi)")                          \
	X(mov_store_32, FLAGS_KEPT, 0, "movl %%eax, 4(%%rdi)")                         \
	X(mov_store_64, FLAGS_KEPT, 0, "movq %%rax, 8(%%rdi)")                         \
	X(mov_store_unaligned, FLAGS_KEPT, 0, "movl %%eax, 13(%%rdi)")                 \
	X(mov_load_8, FLAGS_KEPT, 0, "movb (%%rdi), %%al")                             \
	X(mov_load_dh, FLAGS_KEPT, 0, "movb 7(%%rdi), %%dh")                           \
	X(mov_load_16, FLAGS_KEPT, 0, "movw 2(%%rdi), %%ax")                           \
	X(mov_load_32, FLAGS_KEPT, 0, "movl 4(%%rdi), %%eax")                          \
	X(mov_load_64, FLAGS_KEPT, 0, "movq 8(%%rdi), %%rax")                          \
	X(mov_load_r8, FLAGS_KEPT, 0, "movq 16(%%rdi), %%r8")                          \
	X(mov_imm_8, FLAGS_KEPT, 0, "movb $0x5a, 1(%%rdi)")                            \
	X(mov_imm_16, FLAGS_KEPT, 0, "movw $0x1234, 2(%%rdi)")                         \
	X(mov_imm_32, FLAGS_KEPT, 0, "movl $0x12345678, 4(%%rdi)")                     \
	X(mov_imm_64, FLAGS_KEPT, 0, "movq $-2, 8(%%rdi)")                             \
	X(mov_sib, FLAGS_KEPT, 0, "movl %%eax, 4(%%rdi,%%r8,4)")                       \
	X(mov_sib_8, FLAGS_KEPT, 0, "movq (%%rdi,%%r8,8), %%rdx")                      \
	X(mov_index_only, FLAGS_KEPT, 0, "movl %%eax, (,%%rdi,1)")                     \
	X(mov_disp32, FLAGS_KEPT, 0, ".byte 0x89, 0x87, 16, 0, 0, 0")                  \
	X(mov_addr32, FLAGS_KEPT, 0, "movl %%eax, 8(%%edi)")                           \
	X(mov_rex_useless, FLAGS_KEPT, 0, ".byte 0x48, 0x40\n\tmovl %%eax, 8(%%rdi)")  \
	X(movzx_8_32, FLAGS_KEPT, 0, "movzbl 3(%%rdi), %%eax")                         \
	X(movzx_8_16, FLAGS_KEPT, 0, "movzbw 3(%%rdi), %%ax")                          \
	X(movzx_16_64, FLAGS_KEPT, 0, "movzwq 6(%%rdi), %%rax")                        \
	X(movsx_8_64, FLAGS_KEPT, 0, "movsbq 9(%%rdi), %%rax")                         \
	X(movsx_16_32, FLAGS_KEPT, 0, "movswl 10(%%rdi), %%eax")                       \
	X(movsxd, FLAGS_KEPT, 0, "movslq 12(%%rdi), %%rax")                            \
	X(movnti, FLAGS_KEPT, 0, "movnti %%eax, 16(%%rdi)")                            \
	X(add_store_32, FLAGS_ARITH, 0, "addl %%eax, (%%rdi)")                         \
	X(add_load_64, FLAGS_ARITH, 0, "addq 8(%%rdi), %%rax")                         \
	X(adc_store_8, FLAGS_ARITH, 0, "stc\n\tadcb %%al, 2(%%rdi)")                   \
	X(sub_imm8_16, FLAGS_ARITH, 0, "subw $-3, 4(%%rdi)")                           \
	X(sbb_load_32, FLAGS_ARITH, 0, "stc\n\tsbbl 4(%%rdi), %%eax")                  \
	X(or_imm32, FLAGS_LOGIC, 0, "orl $0x80000001, 8(%%rdi)")                       \
	X(or_lock, FLAGS_LOGIC, 0, "lock orl %%eax, 12(%%rdi)")                        \
	X(and_store_16, FLAGS_LOGIC, 0, "andw %%ax, 6(%%rdi)")                         \
	X(xor_load_8, FLAGS_LOGIC, 0, "xorb 1(%%rdi), %%al")                           \
	X(cmp_store_64, FLAGS_ARITH, 0, "cmpq %%rax, 16(%%rdi)")                       \
	X(cmp_imm_8, FLAGS_ARITH, 0, "cmpb $0x7f, 3(%%rdi)")                           \
	X(test_32, FLAGS_LOGIC, 0, "testl %%eax, 4(%%rdi)")                            \
	X(test_imm_8, FLAGS_LOGIC, 0, "testb $0x81, 2(%%rdi)")                         \
	X(inc_32, FLAGS_ARITH, 0, "incl (%%rdi)")                                      \
	X(dec_64, FLAGS_ARITH, 0, "decq 8(%%rdi)")                                     \
	X(not_16, FLAGS_KEPT, 0, "notw 4(%%rdi)")                                      \
	X(neg_32, FLAGS_ARITH, 0, "negl 4(%%rdi)")                                     \
	X(xchg_32, FLAGS_KEPT, 0, "xchgl %%eax, 4(%%rdi)")                             \
	X(xchg_8, FLAGS_KEPT, 0, "xchgb %%al, 4(%%rdi)")                               \
	X(cmpxchg_differs, FLAGS_ARITH, 0, "lock cmpxchgl %%edx, 8(%%rdi)")            \
	X(cmpxchg_equal, FLAGS_ARITH, 0,                                               \
	  "movl 8(%%rdi), %%eax\n\tlock cmpxchgl %%edx, 8(%%rdi)")                     \
	X(xadd_64, FLAGS_ARITH, 0, "lock xaddq %%rax, 16(%%rdi)")                      \
	X(bt_imm, FLAGS_CF, 0, "btl $17, 4(%%rdi)")                                    \
	X(bts_imm, FLAGS_CF, 0, "lock btsl $3, 4(%%rdi)")                              \
	X(btr_reg, FLAGS_CF, 0, "btrl %%r8d, 8(%%rdi)")                                \
	X(btc_reg, FLAGS_CF, 0, "btcq %%r8, 8(%%rdi)")                                 \
	X(stosb_rep, FLAGS_KEPT, 11, "rep stosb")                                      \
	X(stosq_rep, FLAGS_KEPT, 3, "rep stosq")                                       \
	X(stosl, FLAGS_KEPT, 0, "stosl")                                               \
	X(movsl_to, FLAGS_KEPT, 5, "rep movsl")                                        \
	X(movsb_from, FLAGS_KEPT, 9, "xchgq %%rsi, %%rdi\n\trep movsb\n\txchgq %%rsi, %%rdi") \
	X(movsw_down, FLAGS_KEPT, 4, "addq $16, %%rdi\n\taddq $16, %%rsi\n\tstd\n\trep movsw") \
	X(lodsl, FLAGS_KEPT, 0, "xchgq %%rsi, %%rdi\n\tlodsl\n\txchgq %%rsi, %%rdi")   \
	X(lodsb_rep, FLAGS_KEPT, 3, "xchgq %%rsi, %%rdi\n\trep lodsb\n\txchgq %%rsi, %%rdi")

FORMS(FORM)

static u64 ram[ECHO_WORDS] ALIGNED(64), scratch[ECHO_WORDS] ALIGNED(64);

static u64 mix(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed ^ *seed >> 29;
}

struct result {
	struct regs r;
	u64 memory[ECHO_WORDS], scratch[ECHO_WORDS];
};

/* base becomes offsets again, so that both results can be compared. */
static void run_on(const struct form *f, volatile u64 *base, u64 seed, struct result *out)
{
	struct regs r = { .r8 = 2, .flags = RFLAGS_FIXED };

	for (u32 i = 0; i < ECHO_WORDS; i++) {
		base[i] = mix(&seed);
		scratch[i] = mix(&seed);
	}
	r.a = mix(&seed);
	r.b = mix(&seed);
	r.d = mix(&seed);
	r.c = f->count ? f->count : mix(&seed);
	r.di = (u64)base;
	r.si = (u64)scratch;
	f->run(&r);
	r.di -= (u64)base;
	r.si -= (u64)scratch;
	r.flags &= f->flags;
	out->r = r;
	for (u32 i = 0; i < ECHO_WORDS; i++) {
		out->memory[i] = base[i];
		out->scratch[i] = scratch[i];
	}
}

static enum outcome compare(const struct result *cpu, const struct result *emu)
{
	if (memcmp(cpu->memory, emu->memory, sizeof(cpu->memory)))
		return fail("the device's memory differs from RAM");
	if (memcmp(cpu->scratch, emu->scratch, sizeof(cpu->scratch)))
		return fail("the other operand's memory differs");
	if (cpu->r.flags != emu->r.flags)
		return fail("flags %#llx, the processor has %#llx",
			    (unsigned long long)emu->r.flags, (unsigned long long)cpu->r.flags);
	if (memcmp(&cpu->r, &emu->r, sizeof(cpu->r)))
		return fail("registers differ: rax %#llx, the processor has %#llx",
			    (unsigned long long)emu->r.a, (unsigned long long)cpu->r.a);
	return PASS;
}

static enum outcome case_form(const void *arg)
{
	struct result cpu, emu;
	enum outcome o = PASS;

	if (!testdev_present())
		return skip("no test device");
	for (u64 seed = 1; seed <= ROUNDS && o == PASS; seed++) {
		run_on(arg, ram, seed, &cpu);
		run_on(arg, (volatile u64 *)TESTDEV, seed, &emu);
		o = compare(&cpu, &emu);
	}
	return o;
}

/* One access of the stated size, not several smaller ones. */
static enum outcome case_access_size(const void *arg)
{
	volatile u32 *count = (volatile u32 *)(TESTDEV + TESTDEV_COUNT);
	volatile u32 *last = (volatile u32 *)(TESTDEV + TESTDEV_LAST);
	u32 before;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	before = *count;
	*(volatile u16 *)(TESTDEV + 6) = 1;
	CHECK_EQ(*last, 6u | 2u << TESTDEV_LAST_SIZE_SHIFT | TESTDEV_LAST_WRITE);
	__asm__ volatile("movq (%0), %%rax" ::"r"(TESTDEV + 8) : "rax", "memory");
	CHECK_EQ(*last, 8u | 8u << TESTDEV_LAST_SIZE_SHIFT);
	CHECK_EQ(*count, before + 2);
	return PASS;
}

static enum outcome case_moffs(const void *arg)
{
	u64 v;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	__asm__ volatile("movabsq $0x1122334455667788, %%rax\n\tmovabsq %%rax, 0xfeb00008\n\t"
			 "xorl %%eax, %%eax\n\tmovabsl 0xfeb0000a, %%eax"
			 : "=a"(v)::"memory");
	CHECK_EQ(v, 0x33445566);
	return PASS;
}

static enum outcome case_segment_base(const void *arg)
{
	u64 v = 0x77;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	wrmsr(MSR_GS_BASE, (u64)TESTDEV - 0x1000);
	__asm__ volatile("movq %0, %%gs:0x1010" ::"r"(v) : "memory");
	wrmsr(MSR_GS_BASE, 0);
	CHECK_EQ(*(volatile u64 *)(TESTDEV + 0x10), 0x77);
	return PASS;
}

#define CODE_PA 0x820000ull
#define RET 0xc3

/* Relative to the next instruction, so the code must lie near the device. */
static enum outcome case_rip_relative(const void *arg)
{
	u8 code[] = { 0xc7, 0x05, 0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11, /* mov dword [rip+x], imm */
		      0x8b, 0x05, 0, 0, 0, 0, RET };		      /* mov eax, [rip+y] */
	const s32 store = 0x1000 + 8 - 10, load = 0x1000 + 9 - 16;
	u64 v;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	memcpy(code + 2, &store, sizeof(store));
	memcpy(code + 12, &load, sizeof(load));
	memcpy((void *)CODE_PA, code, sizeof(code));
	page_map(WINDOW, CODE_PA, 0, PTE_P);
	page_map(WINDOW + 0x1000, (u64)TESTDEV, 0, PTE_P | PTE_W);
	__asm__ volatile("call *%1" : "=a"(v) : "r"(WINDOW) : "memory");
	CHECK_EQ(v & 0xffffff, 0x112233);
	return PASS;
}

/* A fault that the emulation finds: the source of MOVS is not mapped. */
static enum outcome case_fault_in_string(const void *arg)
{
	u64 n = 2;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	page_map(WINDOW + 0x2000, 0, 0, 0);
	CHECK_EQ(TRY("rep movsl", : "+c"(n) : "D"(TESTDEV), "S"(WINDOW + 0x2000) : "r11", "memory"),
		 VECTOR_PF);
	CHECK_EQ(trap.cr2, WINDOW + 0x2000);
	CHECK_EQ(n, 2);
	return PASS;
}

#define CASE(id, defined, rcx, text) { "insn/" #id, case_form, &form_##id },

const struct guest_case insn_cases[] = {
	FORMS(CASE)
	{ "insn/access_size", case_access_size, NULL },
	{ "insn/moffs", case_moffs, NULL },
	{ "insn/segment_base", case_segment_base, NULL },
	{ "insn/rip_relative", case_rip_relative, NULL },
	{ "insn/fault_in_string", case_fault_in_string, NULL },
	{ NULL, NULL, NULL },
};
