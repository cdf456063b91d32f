/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction execution against the processor that runs the test: random
 * instructions of the kinds we emulate, with random registers, flags and
 * memory, are executed by both, and everything must come out the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "hv/emul/alu.h"
#include "hv/emul/insn_exec.h"

#define AREA 8192u
#define MIDDLE (AREA / 2)

/* State of the native run; the assembly below knows the offsets. */
struct native {
	u64 gpr[GPR_COUNT];
	u64 flags;
	void *code;
	u64 rsp;
} native;

STATIC_ASSERT(offsetof(struct native, flags) == 128, "known to the assembly");
STATIC_ASSERT(offsetof(struct native, rsp) == 144, "known to the assembly");

static u8 *area; /* below 4 GiB, for 32-bit addresses */
static u8 *code;

#if defined(__x86_64__)
#define HAVE_NATIVE true

void native_run(void);
extern char native_back[];

#define EACH(x)                                                                            \
	x("0", "rax") x("8", "rcx") x("16", "rdx") x("24", "rbx") x("40", "rbp")           \
	x("48", "rsi") x("56", "rdi") x("64", "r8") x("72", "r9") x("80", "r10")           \
	x("88", "r11") x("96", "r12") x("104", "r13") x("112", "r14") x("120", "r15")
#define LOAD(off, reg) "mov native+" off "(%rip), %" reg "\n"
#define STORE(off, reg) "mov %" reg ", native+" off "(%rip)\n"

__asm__(".text\n"
	".globl native_run, native_back\n"
	"native_run:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, native+144(%rip)\n"
	"pushq native+128(%rip)\n"
	"popfq\n"
	EACH(LOAD)
	"jmp *native+136(%rip)\n"
	"native_back:\n"
	EACH(STORE)
	"pushfq\n"
	"popq native+128(%rip)\n"
	"cld\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

static void run_natively(const u8 *insn, u8 len)
{
	static const u8 jmp[] = { 0xff, 0x25, 0, 0, 0, 0 }; /* jmp *0(%rip) */
	void *back = native_back;

	memcpy(code, insn, len);
	memcpy(code + len, jmp, sizeof(jmp));
	memcpy(code + len + sizeof(jmp), &back, sizeof(back));
	native.code = code;
	native_run();
}
#else
#define HAVE_NATIVE false
static void run_natively(const u8 *insn, u8 len)
{
	(void)insn;
	(void)len;
}
#endif

static u64 rnd(void)
{
	u64 v = 0;

	for (int i = 0; i < 5; i++)
		v = v << 15 ^ (u64)rand();
	return rand() % 4 ? v : v & 0xff; /* small ones too */
}

/* The emulated side's memory is the process's own. */
static err_t host_mem(void *ctx, u64 linear, u64 *val, u8 size, enum insn_access how,
		      struct insn_fault *fault)
{
	u64 off = linear - (u64)(uintptr_t)area;

	(void)ctx;
	(void)fault;
	if (off >= AREA || off + size > AREA)
		return ERR_IO;
	if (how == INSN_WRITE) {
		memcpy(area + off, val, size);
	} else if (how != INSN_PROBE) {
		*val = 0;
		memcpy(val, area + off, size);
	}
	return ERR_OK;
}

static u64 defined_flags(const struct insn *in)
{
	switch (in->op) {
	case INSN_AND:
	case INSN_OR:
	case INSN_XOR:
	case INSN_TEST:
		return FLAGS_STATUS & ~FLAG_AF;
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		return FLAG_CF;
	default:
		return FLAGS_STATUS;
	}
}

/* Something our decoder takes, in 64-bit mode, that a program may do. */
static bool random_insn(u8 *b, struct insn *in)
{
	size_t n = 0;

	if (rand() % 4 == 0)
		b[n++] = 0x66;
	if (rand() % 8 == 0)
		b[n++] = 0x67;
	if (rand() % 4 == 0)
		b[n++] = (u8)(0xf2 + rand() % 2);
	else if (rand() % 8 == 0)
		b[n++] = 0xf0;
	if (rand() % 2)
		b[n++] = (u8)(0x40 | rand() % 16);
	if (rand() % 2)
		b[n++] = 0x0f;
	while (n < INSN_MAX)
		b[n++] = (u8)rand();
	if (insn_decode(b, n, INSN_64, in))
		return false;
	if (in->op > INSN_LODS)
		return false;
	return in->op >= INSN_MOVS || in->is_mem;
}

/* Registers such that the instruction's memory lies around the middle of the
 * area. False when that is not possible. */
static bool aim(const struct insn *in, struct vcpu_regs *r)
{
	const struct insn_mem *m = &in->mem;
	u64 target = (u64)(uintptr_t)area + MIDDLE + (u64)rand() % 64, rest;
	bool bit = in->op >= INSN_BT && in->op <= INSN_BTC && in->form == INSN_RM_REG;

	for (int i = 0; i < GPR_COUNT; i++)
		r->gpr[i] = rnd();
	r->rflags = 2 | (rnd() & FLAGS_STATUS);
	if (in->op >= INSN_MOVS) {
		r->rflags |= rand() % 2 ? FLAG_DF : 0;
		r->gpr[GPR_RSI] = target;
		r->gpr[GPR_RDI] = target + (u64)rand() % 256;
		r->gpr[GPR_RCX] = (u64)rand() % 40;
		return in->seg < SREG_FS;
	}
	if (m->base == GPR_COUNT || m->base == GPR_RSP || m->base == m->index ||
	    in->reg == GPR_RSP || m->seg >= SREG_FS)
		return false;
	if (rand() % 2)
		memcpy(&r->gpr[GPR_RAX], area + MIDDLE, 8); /* CMPXCHG succeeds at times */
	if (bit) {
		if (in->reg == m->base || in->reg == m->index)
			return false;
		r->gpr[in->reg] = (u64)(rand() % 16384 - 8192);
	}
	rest = (u64)m->disp;
	if (m->index != GPR_COUNT)
		rest += r->gpr[m->index] * m->scale;
	r->gpr[m->base] = target - rest;
	return true;
}

static void one(const u8 *bytes, const struct insn *in, struct vcpu_regs *r, u8 *before, u8 *ours)
{
	struct vcpu_sregs s = { 0 };
	struct insn_env env = { .regs = r, .sregs = &s, .mem = host_mem };
	struct insn_fault fault;
	u64 mask = defined_flags(in);
	enum insn_result res;

	memcpy(before, area, AREA);
	memcpy(native.gpr, r->gpr, sizeof(native.gpr));
	native.flags = r->rflags;
	res = insn_exec(in, &env, &fault);
	assert_int_equal(res, INSN_DONE);
	memcpy(ours, area, AREA);
	memcpy(area, before, AREA);
	run_natively(bytes, in->len);
	r->gpr[GPR_RSP] = native.gpr[GPR_RSP];
	if (memcmp(r->gpr, native.gpr, sizeof(native.gpr)) || memcmp(ours, area, AREA) ||
	    (r->rflags ^ native.flags) & mask) {
		fprintf(stderr, "%s size %u, flags %llx, native %llx:", insn_op_name(in->op),
			in->opsize, (unsigned long long)r->rflags,
			(unsigned long long)native.flags);
		for (u8 i = 0; i < in->len; i++)
			fprintf(stderr, " %02x", bytes[i]);
		fputc('\n', stderr);
	}
	assert_memory_equal(r->gpr, native.gpr, sizeof(native.gpr));
	assert_memory_equal(ours, area, AREA);
	assert_int_equal((r->rflags ^ native.flags) & mask, 0);
}

static void same_as_the_processor(void **state)
{
	static u8 before[AREA], ours[AREA];
	u32 done[INSN_OP_COUNT] = { 0 };

	(void)state;
	if (!HAVE_NATIVE)
		skip();
	srand(4);
	for (u32 i = 0; i < 1500000; i++) {
		u8 bytes[INSN_MAX];
		struct insn in;
		struct vcpu_regs r = { 0 };

		if (!random_insn(bytes, &in))
			continue;
		for (u32 n = 0; n < 96; n++)
			area[MIDDLE - 16 + n] = (u8)rand();
		if (!aim(&in, &r))
			continue;
		one(bytes, &in, &r, before, ours);
		done[in.op]++;
	}
	for (u32 op = 0; op <= INSN_LODS; op++)
		assert_true(done[op] > 20);
}

/* --- what user mode cannot run: ports, other modes, faults --- */

struct world {
	u8 mem[256];
	u64 base;	/* linear address of mem[0] */
	u64 fault_at;
	u32 port_reads;
	u64 port_sum;
	u16 port;
	u8 port_size;
};

static err_t world_mem(void *ctx, u64 linear, u64 *val, u8 size, enum insn_access how,
		       struct insn_fault *fault)
{
	struct world *w = ctx;
	u64 off = linear - w->base;

	if (w->fault_at && linear >= w->fault_at) {
		*fault = (struct insn_fault){ .vector = VECTOR_PF, .has_error = true,
					      .error = how == INSN_READ ? 0 : 2,
					      .addr = linear };
		return ERR_RANGE;
	}
	assert_true(off + size <= sizeof(w->mem));
	if (how == INSN_WRITE)
		memcpy(w->mem + off, val, size);
	else if (how != INSN_PROBE)
		memcpy(val, w->mem + off, size);
	return ERR_OK;
}

static void world_io(void *ctx, u16 port, u64 *val, u8 size, bool write)
{
	struct world *w = ctx;

	w->port = port;
	w->port_size = size;
	if (write)
		w->port_sum = w->port_sum * 31 + *val;
	else
		*val = 0x40 + w->port_reads++;
}

static enum insn_result run(struct world *w, enum insn_mode mode, const char *bytes, size_t n,
			    struct vcpu_regs *r, struct vcpu_sregs *s, struct insn_fault *f)
{
	struct insn_env env = { .regs = r, .sregs = s, .mem = world_mem, .io = world_io, .ctx = w };
	u8 buf[INSN_MAX];
	struct insn in;

	memcpy(buf, bytes, n);
	assert_int_equal(insn_decode(buf, n, mode, &in), ERR_OK);
	assert_int_equal(in.len, n);
	return insn_exec(&in, &env, f);
}

#define RUN(w, mode, bytes, r, s, f) run(w, mode, bytes, sizeof(bytes) - 1, r, s, f)

static void real_mode_addresses(void **state)
{
	struct world w = { .base = 0x12340 };
	struct vcpu_sregs s = { .seg[SREG_DS].base = 0x12300, .seg[SREG_SS].base = 0x12310,
				.seg[SREG_ES].base = 0x12320 };
	struct vcpu_regs r = { 0 };
	struct insn_fault f;

	(void)state;
	r.gpr[GPR_RBX] = 0xffff0030; /* upper half is not used */
	r.gpr[GPR_RSI] = 0x20;
	r.gpr[GPR_RBP] = 0x30;
	r.gpr[GPR_RAX] = 0x1122;
	assert_int_equal(RUN(&w, INSN_16, "\x89\x00", &r, &s, &f), INSN_DONE); /* mov [bx+si],ax */
	assert_int_equal(w.mem[0x10], 0x22);
	assert_int_equal(w.mem[0x11], 0x11);
	/* mov [bp+2],al: stack segment */
	assert_int_equal(RUN(&w, INSN_16, "\x88\x46\x02", &r, &s, &f), INSN_DONE);
	assert_int_equal(w.mem[2], 0x22);
	/* mov [es:0x28],ax; offsets wrap at 64 KiB */
	assert_int_equal(RUN(&w, INSN_16, "\x26\xa3\x28\x00", &r, &s, &f), INSN_DONE);
	assert_int_equal(w.mem[8], 0x22);
	r.gpr[GPR_RBX] = 0xffff;
	r.gpr[GPR_RSI] = 0x51;
	assert_int_equal(RUN(&w, INSN_16, "\x8a\x20", &r, &s, &f), INSN_DONE); /* mov ah,[bx+si] */
	assert_int_equal(r.gpr[GPR_RAX], 0x2222);
	/* a32 mov eax,[ebx*4+esi]: 66 67 8b 04 9e */
	r.gpr[GPR_RBX] = 4;
	r.gpr[GPR_RSI] = 0x40;
	assert_int_equal(RUN(&w, INSN_16, "\x66\x67\x8b\x04\x9e", &r, &s, &f), INSN_DONE);
	assert_int_equal(r.gpr[GPR_RAX], 0x1122);
}

static void flat_32_bit(void **state)
{
	struct world w = { .base = 0xfee00000, .mem[4] = 0x80 };
	struct vcpu_sregs s = { .seg[SREG_GS].base = 0xfffffff0 };
	struct vcpu_regs r = { .gpr[GPR_RAX] = ~0ull };
	struct insn_fault f;

	(void)state;
	/* mov eax,[0xfee00004] */
	assert_int_equal(RUN(&w, INSN_32, "\xa1\x04\x00\xe0\xfe", &r, &s, &f), INSN_DONE);
	assert_int_equal(r.gpr[GPR_RAX], 0x80);
	/* movsx ecx,byte [0xfee00004] */
	assert_int_equal(RUN(&w, INSN_32, "\x0f\xbe\x0d\x04\x00\xe0\xfe", &r, &s, &f), INSN_DONE);
	assert_int_equal(r.gpr[GPR_RCX], 0xffffff80);
	/* gs: base + offset wraps at 4 GiB */
	assert_int_equal(RUN(&w, INSN_32, "\x65\x8a\x15\x14\x00\xe0\xfe", &r, &s, &f), INSN_DONE);
	assert_int_equal(r.gpr[GPR_RDX], 0x80);
}

static void rip_relative_and_canonical(void **state)
{
	struct world w = { .base = 0xffff800000001000, .mem[0x17] = 7 };
	struct vcpu_sregs s = { .seg[SREG_DS].base = 0x9999 };
	struct vcpu_regs r = { .rip = 0xffff800000001000 };
	struct insn_fault f = { 0 };

	(void)state;
	/* mov eax,[rip+0x11], six bytes */
	assert_int_equal(RUN(&w, INSN_64, "\x8b\x05\x11\x00\x00\x00", &r, &s, &f), INSN_DONE);
	assert_int_equal(r.gpr[GPR_RAX], 7);
	/* the immediate behind the displacement counts: cmp byte [rip+0x10],7 is 7 bytes */
	assert_int_equal(RUN(&w, INSN_64, "\x80\x3d\x10\x00\x00\x00\x07", &r, &s, &f), INSN_DONE);
	assert_true(r.rflags & FLAG_ZF);
	r.gpr[GPR_RBX] = 0x0000800000000000;
	assert_int_equal(RUN(&w, INSN_64, "\x88\x03", &r, &s, &f), INSN_FAULTED);
	assert_int_equal(f.vector, VECTOR_GP);
	r.gpr[GPR_RBP] = 0x0000800000000000;
	assert_int_equal(RUN(&w, INSN_64, "\x88\x45\x00", &r, &s, &f), INSN_FAULTED);
	assert_int_equal(f.vector, VECTOR_SS);
}

static void ports(void **state)
{
	struct world w = { .base = 0x1000 };
	struct vcpu_sregs s = { 0 };
	struct vcpu_regs r = { .gpr[GPR_RAX] = ~0ull, .gpr[GPR_RDX] = 0xabcd03f8 };
	struct insn_fault f;

	(void)state;
	assert_int_equal(RUN(&w, INSN_64, "\xe4\xfe", &r, &s, &f), INSN_DONE); /* in al,0xfe */
	assert_int_equal(w.port, 0xfe);
	assert_true(r.gpr[GPR_RAX] == 0xffffffffffffff40);
	assert_int_equal(RUN(&w, INSN_64, "\x48\xed", &r, &s, &f), INSN_DONE); /* in eax,dx */
	assert_int_equal(w.port, 0x3f8);
	assert_int_equal(w.port_size, 4);
	assert_int_equal(r.gpr[GPR_RAX], 0x41);
	/* rep insw */
	r.gpr[GPR_RCX] = 3;
	r.gpr[GPR_RDI] = 0x1010;
	assert_int_equal(RUN(&w, INSN_32, "\xf3\x66\x6d", &r, &s, &f), INSN_DONE);
	assert_int_equal(w.port_size, 2);
	assert_int_equal(r.gpr[GPR_RDI], 0x1016);
	assert_int_equal(r.gpr[GPR_RCX], 0);
	assert_memory_equal(w.mem + 0x10, "\x42\0\x43\0\x44\0", 6);
	/* fs outsb, backwards, 32-bit addresses */
	s.seg[SREG_FS].base = 0x1000;
	r.gpr[GPR_RSI] = 0x10;
	r.rflags = FLAG_DF;
	assert_int_equal(RUN(&w, INSN_64, "\x67\x64\x6e", &r, &s, &f), INSN_DONE);
	assert_int_equal(w.port_sum, 0x42);
	assert_int_equal(r.gpr[GPR_RSI], 0x0f);
	/* a fault at the third element leaves two done, and no port read in vain */
	w.port_reads = 0;
	w.fault_at = 0x1008;
	r = (struct vcpu_regs){ .gpr[GPR_RCX] = 5, .gpr[GPR_RDI] = 0x1000 };
	assert_int_equal(RUN(&w, INSN_32, "\xf3\x6d", &r, &s, &f), INSN_FAULTED);
	assert_int_equal(f.addr, 0x1008);
	assert_int_equal(f.error, 2);
	assert_int_equal(r.gpr[GPR_RCX], 3);
	assert_int_equal(w.port_reads, 2);
}

static err_t any_mem(void *ctx, u64 linear, u64 *val, u8 size, enum insn_access how,
		     struct insn_fault *fault)
{
	(void)ctx;
	(void)linear;
	(void)size;
	(void)fault;
	if (how == INSN_READ)
		*val = 1;
	return ERR_OK;
}

static void long_rep_comes_back(void **state)
{
	const u8 rep_movsb[] = { 0xf3, 0xa4 };
	struct vcpu_sregs s = { 0 };
	struct vcpu_regs r = { .gpr[GPR_RCX] = INSN_REP_CHUNK * 2 };
	struct insn_env env = { .regs = &r, .sregs = &s, .mem = any_mem };
	struct insn_fault f;
	struct insn in;

	(void)state;
	assert_int_equal(insn_decode(rep_movsb, 2, INSN_64, &in), ERR_OK);
	assert_int_equal(insn_exec(&in, &env, &f), INSN_AGAIN);
	assert_int_equal(r.gpr[GPR_RCX], INSN_REP_CHUNK);
	assert_int_equal(insn_exec(&in, &env, &f), INSN_DONE);
	assert_int_equal(r.gpr[GPR_RDI], INSN_REP_CHUNK * 2);
	assert_int_equal(insn_exec(&in, &env, &f), INSN_DONE); /* RCX = 0: nothing */
	assert_int_equal(r.gpr[GPR_RDI], INSN_REP_CHUNK * 2);
}

static void refused(void **state)
{
	struct world w = { 0 };
	struct vcpu_sregs s = { 0 };
	struct vcpu_regs r = { 0 };
	struct insn_fault f;

	(void)state;
	assert_int_equal(RUN(&w, INSN_64, "\x89\xc8", &r, &s, &f), INSN_REFUSED); /* mov eax,ecx */
	assert_int_equal(RUN(&w, INSN_64, "\x0f\xa2", &r, &s, &f), INSN_REFUSED); /* cpuid */
	assert_int_equal(RUN(&w, INSN_64, "\x0f\x01\x38", &r, &s, &f), INSN_REFUSED); /* invlpg */
}

static int setup(void **state)
{
	(void)state;
	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		    0);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	return area == MAP_FAILED || code == MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_processor),
		cmocka_unit_test(real_mode_addresses),
		cmocka_unit_test(flat_32_bit),
		cmocka_unit_test(rip_relative_and_canonical),
		cmocka_unit_test(ports),
		cmocka_unit_test(long_rep_comes_back),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
