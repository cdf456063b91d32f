/* SPDX-License-Identifier: BSD-2-Clause */
/* One case for each instruction that leaves the guest: what the guest sees of it. */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define CPUID_SVM BIT(2)
#define CPUID_XSAVE BIT(26)
#define CPUID_HV_LEAF 0x40000000u
#define CR4_UNDEFINED BIT64(30)
#define CR4_DE BIT64(3)
#define PORT_UNUSED 0x1f0
#define PORT_DELAY 0x80
#define PCI_CF8 0xcf8
#define PCI_CFC 0xcfc
#define PCI_ENABLE 0x80000000u
#define MSR_NOT_THERE 0x4badf00d
#define KVM_ENOSYS ((u64)-1000)

static enum outcome case_cpuid(const void *arg)
{
	struct cpuid_regs r = cpuid(0, 0);

	(void)arg;
	CHECK(r.eax >= 1);
	CHECK(r.ebx && r.ecx && r.edx);
	CHECK(cpuid(1, 0).edx & BIT(5)); /* RDMSR, WRMSR */
	return PASS;
}

static enum outcome case_cpuid_prefix(const void *arg)
{
	u32 a = 0, b, c = 0, d;

	(void)arg;
	__asm__ volatile(".byte 0x66, 0x66\n\tcpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	CHECK_EQ(b, cpuid(0, 0).ebx);
	return PASS;
}

static enum outcome case_cpuid_hypervisor(const void *arg)
{
	struct cpuid_regs r;

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	r = cpuid(CPUID_HV_LEAF, 0);
	CHECK(!memcmp(&r.ebx, "KVMK", 4) && !memcmp(&r.ecx, "VMKV", 4));
	CHECK(!(cpuid(0x80000001, 0).ecx & CPUID_SVM));
	return PASS;
}

static enum outcome case_io_unclaimed(const void *arg)
{
	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	CHECK_EQ(in8(PORT_UNUSED), 0xff);
	CHECK_EQ(in16(PORT_UNUSED), 0xffff);
	CHECK_EQ(in32(PORT_UNUSED), 0xffffffff);
	out8(PORT_DELAY, 0);
	return PASS;
}

/* Sizes merge into RAX as the architecture says: 8 and 16 bits keep the rest. */
static enum outcome case_io_sizes(const void *arg)
{
	u64 rax = 0x1122334455667788ull;

	(void)arg;
	out32(PCI_CF8, PCI_ENABLE);
	CHECK_EQ(in32(PCI_CF8), PCI_ENABLE);
	__asm__ volatile("inb %%dx, %%al" : "+a"(rax) : "d"(PCI_CFC));
	CHECK_EQ(rax >> 8, 0x11223344556677ull);
	__asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(PCI_CFC));
	CHECK_EQ(rax >> 16, 0x112233445566ull);
	__asm__ volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(PCI_CFC));
	CHECK_EQ(rax >> 32, 0);
	CHECK_EQ((u16)rax, in16(PCI_CFC));
	CHECK_EQ((u8)(rax >> 16), in8(PCI_CFC + 2));
	return PASS;
}

static enum outcome case_io_string(const void *arg)
{
	u32 id, buf[3] = { 0 }, out[2] = { PCI_ENABLE | 8, PCI_ENABLE };
	void *p = buf;
	u64 n = 3;

	(void)arg;
	out32(PCI_CF8, PCI_ENABLE);
	id = in32(PCI_CFC);
	__asm__ volatile("rep insl" : "+D"(p), "+c"(n) : "d"(PCI_CFC) : "memory");
	CHECK_EQ(n, 0);
	CHECK_EQ((u64)p, (u64)(buf + 3));
	CHECK_EQ(buf[0], id);
	CHECK_EQ(buf[2], id);
	p = out;
	n = 2;
	__asm__ volatile("rep outsl" : "+S"(p), "+c"(n) : "d"(PCI_CF8) : "memory");
	CHECK_EQ((u64)p, (u64)(out + 2));
	CHECK_EQ(in32(PCI_CF8), PCI_ENABLE);
	p = buf + 1;
	n = 2;
	memset(buf, 0, sizeof(buf));
	__asm__ volatile("std\n\trep insl\n\tcld" : "+D"(p), "+c"(n) : "d"(PCI_CFC) : "memory");
	CHECK_EQ((u64)p, (u64)buf - sizeof(u32));
	CHECK(buf[0] == id && buf[1] == id && !buf[2]);
	n = 0;
	__asm__ volatile("rep insl" : "+D"(p), "+c"(n) : "d"(PCI_CFC) : "memory");
	CHECK_EQ((u64)p, (u64)buf - sizeof(u32));
	return PASS;
}

static u64 try_rdmsr(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0;
	u64 vector = TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(msr) : "r11", "memory");

	*v = (u64)hi << 32 | lo;
	return vector;
}

static u64 try_wrmsr(u32 msr, u64 v)
{
	return TRY("wrmsr", ::"a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "r11", "memory");
}

static enum outcome case_msr(const void *arg)
{
	u64 base, pat, v;

	(void)arg;
	CHECK_EQ(try_rdmsr(MSR_APIC_BASE, &base), VECTOR_NONE);
	CHECK_EQ(base & APIC_BASE_ADDR, 0xfee00000);
	CHECK_EQ(try_wrmsr(MSR_APIC_BASE, base), VECTOR_NONE);
	CHECK_EQ(try_rdmsr(MSR_PAT, &pat), VECTOR_NONE);
	CHECK_EQ(try_wrmsr(MSR_PAT, 0x0007040600070406ull), VECTOR_NONE);
	CHECK_EQ(try_rdmsr(MSR_PAT, &v), VECTOR_NONE);
	CHECK_EQ(v, 0x0007040600070406ull);
	wrmsr(MSR_PAT, pat);
	return PASS;
}

static enum outcome case_msr_unknown(const void *arg)
{
	u64 v;

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	CHECK_EQ(try_rdmsr(MSR_NOT_THERE, &v), VECTOR_GP);
	CHECK_EQ(trap.error, 0);
	CHECK_EQ(try_wrmsr(MSR_NOT_THERE, 0), VECTOR_GP);
	CHECK_EQ(try_wrmsr(MSR_EFER, BIT64(40)), VECTOR_GP);
	return PASS;
}

/* SVME is the hypervisor's; LMA is not the guest's to write. */
static enum outcome case_msr_efer(const void *arg)
{
	u64 efer = rdmsr(MSR_EFER);

	(void)arg;
	CHECK((efer & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA));
	CHECK(!(efer & EFER_SVME));
	wrmsr(MSR_EFER, efer | EFER_SCE);
	CHECK_EQ(rdmsr(MSR_EFER), efer | EFER_SCE);
	wrmsr(MSR_EFER, efer);
	if (hypervisor_present()) /* natively under QEMU nobody checks */
		CHECK_EQ(try_wrmsr(MSR_EFER, efer & ~EFER_LME), VECTOR_GP);
	return PASS;
}

/* Registers that the processor switches, or the backend: exits between. */
static enum outcome case_msr_kept(const void *arg)
{
	static const u32 msrs[] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_FS_BASE,
				    MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS,
				    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP };

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		wrmsr(msrs[i], 0x1000 + i);
	cpuid(0, 0);
	out8(PORT_DELAY, 0);
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		u64 v = rdmsr(msrs[i]);

		wrmsr(msrs[i], 0);
		if (v != 0x1000 + i)
			return fail("MSR %#x reads %#llx", msrs[i], (unsigned long long)v);
	}
	return PASS;
}

static u64 try_cr0(u64 v)
{
	return TRY("movq %0, %%cr0", ::"r"(v) : "r11", "memory");
}

static u64 try_cr4(u64 v)
{
	return TRY("movq %0, %%cr4", ::"r"(v) : "r11", "memory");
}

static enum outcome case_cr0(const void *arg)
{
	u64 cr0 = read_cr0(), msw;

	(void)arg;
	write_cr0(cr0 ^ CR0_NE);
	CHECK_EQ(read_cr0(), cr0 ^ CR0_NE);
	write_cr0(cr0 | CR0_TS);
	CHECK(read_cr0() & CR0_TS);
	__asm__ volatile("clts");
	CHECK(!(read_cr0() & CR0_TS));
	__asm__ volatile("smsw %0" : "=r"(msw));
	__asm__ volatile("lmsw %w0" ::"r"((u16)(msw | CR0_MP | CR0_TS)));
	CHECK_EQ(read_cr0() & 0xf, (cr0 & 0xf) | CR0_MP | CR0_TS);
	__asm__ volatile("lmsw %w0" ::"r"((u16)0)); /* PE stays */
	CHECK_EQ(read_cr0() & 0xf, CR0_PE);
	write_cr0(cr0);
	if (!hypervisor_present()) /* natively QEMU does not check */
		return PASS;
	CHECK_EQ(try_cr0(cr0 & ~CR0_PE), VECTOR_GP);
	CHECK_EQ(try_cr0((cr0 & ~CR0_CD) | CR0_NW), VECTOR_GP);
	CHECK_EQ(try_cr0(cr0 & ~CR0_PG), VECTOR_GP); /* in 64-bit mode */
	CHECK_EQ(read_cr0(), cr0);
	return PASS;
}

/* A bit that the processor lacks is #GP and not the end of the VM. */
static enum outcome case_cr4(const void *arg)
{
	u64 cr4 = read_cr4();

	(void)arg;
	write_cr4(cr4 ^ CR4_DE);
	CHECK_EQ(read_cr4(), cr4 ^ CR4_DE);
	write_cr4(cr4);
	if (!hypervisor_present()) /* natively QEMU does not check, and hangs */
		return PASS;
	CHECK_EQ(try_cr4(cr4 | CR4_UNDEFINED), VECTOR_GP);
	CHECK_EQ(try_cr4(cr4 | BIT64(40)), VECTOR_GP);
	CHECK_EQ(try_cr4(cr4 & ~CR4_PAE), VECTOR_GP);
	CHECK_EQ(read_cr4(), cr4);
	return PASS;
}

static enum outcome case_cr3(const void *arg)
{
	u64 cr3 = read_cr3();

	(void)arg;
	write_cr3(cr3);
	CHECK_EQ(read_cr3(), cr3);
	write_cr2(0x123456789000ull);
	cpuid(0, 0);
	CHECK_EQ(read_cr2(), 0x123456789000ull);
	return PASS;
}

static enum outcome case_cr8(const void *arg)
{
	u32 tpr;

	(void)arg;
	write_cr8(5);
	tpr = apic_read(APIC_TPR);
	CHECK_EQ(read_cr8(), 5);
	apic_write(APIC_TPR, 0x30);
	CHECK_EQ(read_cr8(), 3);
	write_cr8(0);
	CHECK_EQ(tpr, 0x50);
	CHECK_EQ(apic_read(APIC_TPR), 0);
	return PASS;
}

static enum outcome case_wbinvd(const void *arg)
{
	volatile u64 before = 0x600df00d;

	(void)arg;
	__asm__ volatile("wbinvd" ::: "memory");
	if (hypervisor_present())
		__asm__ volatile("invd" ::: "memory");
	CHECK_EQ(before, 0x600df00d);
	return PASS;
}

static enum outcome case_rdpmc(const void *arg)
{
	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	CHECK_EQ(TRY("rdpmc", ::"c"(0) : "rax", "rdx", "r11", "memory"), VECTOR_GP);
	return PASS;
}

static u64 try_xsetbv(u64 v)
{
	return TRY("xsetbv", ::"a"((u32)v), "d"((u32)(v >> 32)), "c"(0) : "r11", "memory");
}

static enum outcome case_xsetbv(const void *arg)
{
	u64 cr4 = read_cr4();
	enum outcome o = PASS;

	(void)arg;
	if (!(cpuid(1, 0).ecx & CPUID_XSAVE))
		return skip("no XSAVE");
	CHECK_EQ(try_xsetbv(1), VECTOR_UD); /* CR4.OSXSAVE is 0 */
	write_cr4(cr4 | CR4_OSXSAVE);
	if (try_xsetbv(3) != VECTOR_NONE || xgetbv(0) != 3)
		o = fail("XCR0 = 3 was not accepted");
	else if (try_xsetbv(2) != VECTOR_GP || try_xsetbv(BIT64(62)) != VECTOR_GP)
		o = fail("a wrong XCR0 was accepted");
	else if (xgetbv(0) != 3)
		o = fail("XCR0 changed");
	/* AVX without SSE: QEMU takes it. Where the hypervisor sets it, it must not fall. */
	else if (try_xsetbv(5) != VECTOR_GP && trap.vector != VECTOR_NONE)
		o = fail("XCR0 = 5 raised %llu", (unsigned long long)trap.vector);
	xsetbv(0, 1);
	write_cr4(cr4);
	return o;
}

static enum outcome case_hypercall(const void *arg)
{
	u64 rax = 12345;

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	CHECK_EQ(hypercall(&rax), VECTOR_NONE);
	CHECK_EQ(rax, KVM_ENOSYS);
	return PASS;
}

#define EXPECT_UD(insn)                                                              \
	do {                                                                         \
		if (TRY(insn, ::"a"(0), "c"(0), "d"(0) : "r11", "memory") != VECTOR_UD) \
			return fail("%s raised %llu", insn,                          \
				    (unsigned long long)trap.vector);                \
	} while (0)

static enum outcome case_virt_insns(const void *arg)
{
	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	EXPECT_UD("vmrun");
	EXPECT_UD("vmload");
	EXPECT_UD("vmsave");
	EXPECT_UD("stgi");
	EXPECT_UD("clgi");
	EXPECT_UD("skinit %%eax");
	EXPECT_UD("invlpga %%rax, %%ecx");
	EXPECT_UD("monitor");
	EXPECT_UD("mwait");
	EXPECT_UD("rsm");
	return PASS;
}

/* Nothing of these should exit; they must work all the same. */
static enum outcome case_no_exit(const void *arg)
{
	u64 a = rdtsc();

	(void)arg;
	cpu_pause();
	cpu_invlpg(&a);
	CHECK(rdtsc() >= a);
	return PASS;
}

static enum outcome case_rdtscp(const void *arg)
{
	u32 lo, hi, aux;

	(void)arg;
	wrmsr(MSR_TSC_AUX, 0x1234);
	cpuid(0, 0);
	__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	CHECK_EQ(aux, 0x1234);
	CHECK_EQ(rdmsr(MSR_TSC_AUX), 0x1234);
	return PASS;
}

static enum outcome case_fpu_kept(const void *arg)
{
	u64 in[2] = { 0x0123456789abcdefull, 0xfedcba9876543210ull }, out[2] = { 0 };
	u64 cr4 = read_cr4(), cr0 = read_cr0();

	(void)arg;
	write_cr0((cr0 | CR0_MP) & ~(CR0_EM | CR0_TS));
	write_cr4(cr4 | CR4_OSFXSR);
	__asm__ volatile("movups %0, %%xmm7\n\tfninit\n\tfldpi" ::"m"(in));
	cpuid(0, 0);
	out8(PORT_DELAY, 0);
	__asm__ volatile("movups %%xmm7, %0" : "=m"(out));
	write_cr4(cr4);
	write_cr0(cr0);
	CHECK(out[0] == in[0] && out[1] == in[1]);
	return PASS;
}

static enum outcome case_debug_registers(const void *arg)
{
	(void)arg;
	write_dr0(0x1000);
	write_dr3(0x4000);
	cpuid(0, 0);
	CHECK_EQ(read_dr0(), 0x1000);
	CHECK_EQ(read_dr3(), 0x4000);
	CHECK_EQ(read_dr7(), 0x400);
	return PASS;
}

const struct guest_case exit_cases[] = {
	{ "exit/cpuid", case_cpuid, NULL },
	{ "exit/cpuid-prefix", case_cpuid_prefix, NULL },
	{ "exit/cpuid-hypervisor", case_cpuid_hypervisor, NULL },
	{ "exit/io-unclaimed", case_io_unclaimed, NULL },
	{ "exit/io-sizes", case_io_sizes, NULL },
	{ "exit/io-string", case_io_string, NULL },
	{ "exit/msr", case_msr, NULL },
	{ "exit/msr-unknown", case_msr_unknown, NULL },
	{ "exit/msr-efer", case_msr_efer, NULL },
	{ "exit/msr-kept", case_msr_kept, NULL },
	{ "exit/cr0", case_cr0, NULL },
	{ "exit/cr2-cr3", case_cr3, NULL },
	{ "exit/cr4", case_cr4, NULL },
	{ "exit/cr8", case_cr8, NULL },
	{ "exit/wbinvd", case_wbinvd, NULL },
	{ "exit/rdpmc", case_rdpmc, NULL },
	{ "exit/xsetbv", case_xsetbv, NULL },
	{ "exit/hypercall", case_hypercall, NULL },
	{ "exit/virt-insns", case_virt_insns, NULL },
	{ "exit/rdtscp", case_rdtscp, NULL },
	{ "exit/fpu-kept", case_fpu_kept, NULL },
	{ "exit/debug-registers", case_debug_registers, NULL },
	{ "exit/none", case_no_exit, NULL },
	{ NULL, NULL, NULL },
};
