/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine control block as the processor reads it (APM vol. 2
 * appendix B) and the codes of #VMEXIT (appendix C).
 */
#ifndef ARCH_X86_64_SVM_VMCB_H
#define ARCH_X86_64_SVM_VMCB_H

#include "hv/base/types.h"

/* Control registers' intercepts: reads in bits 15:0, writes in 31:16. */
#define VMCB_CR_READ(n) BIT(n)
#define VMCB_CR_WRITE(n) BIT(16 + (n))

/* First word of instruction intercepts (00Ch). */
enum vmcb_misc1 {
	VMCB_I_INTR = BIT(0),
	VMCB_I_NMI = BIT(1),
	VMCB_I_INIT = BIT(3),
	VMCB_I_CR0_SEL_WRITE = BIT(5), /* writes that change more than TS and MP */
	VMCB_I_RDPMC = BIT(15),
	VMCB_I_CPUID = BIT(18),
	VMCB_I_RSM = BIT(19),
	VMCB_I_IRET = BIT(20),
	VMCB_I_INVD = BIT(22),
	VMCB_I_HLT = BIT(24),
	VMCB_I_INVLPGA = BIT(26),
	VMCB_I_IOIO = BIT(27),
	VMCB_I_MSR = BIT(28),
	VMCB_I_SHUTDOWN = BIT(31),
};

/* Second word (010h). */
enum vmcb_misc2 {
	VMCB_I_VMRUN = BIT(0), /* must be set */
	VMCB_I_VMMCALL = BIT(1),
	VMCB_I_VMLOAD = BIT(2),
	VMCB_I_VMSAVE = BIT(3),
	VMCB_I_STGI = BIT(4),
	VMCB_I_CLGI = BIT(5),
	VMCB_I_SKINIT = BIT(6),
	VMCB_I_WBINVD = BIT(9),
	VMCB_I_MONITOR = BIT(10),
	VMCB_I_MWAIT = BIT(11),
};

/* TLB_CONTROL (05Ch). */
enum vmcb_tlb {
	VMCB_TLB_KEEP = 0,
	VMCB_TLB_FLUSH_ALL = 1,
	VMCB_TLB_FLUSH_ASID = 3, /* only with flush-by-ASID */
};

/* Virtual interrupt control (060h) and the shadow beside it (068h). */
#define VMCB_V_TPR_MASK 0xffu
#define VMCB_V_IRQ BIT(8)
#define VMCB_V_INTR_PRIO_MAX (15u << 16)
#define VMCB_V_IGN_TPR BIT(20)
#define VMCB_V_INTR_MASKING BIT(24)
#define VMCB_X2AVIC_ENABLE BIT(30)
#define VMCB_AVIC_ENABLE BIT(31)
#define VMCB_SHADOW BIT64(0)

#define VMCB_NP_ENABLE BIT64(0)

/* EVENTINJ and EXITINTINFO (15.20, 15.7.2): vector in bits 7:0, error code in
 * the upper half. */
#define VMCB_EV_VECTOR 0xffu
#define VMCB_EV_TYPE_SHIFT 8
#define VMCB_EV_TYPE_MASK 7u
#define VMCB_EV_HAS_ERROR BIT64(11)
#define VMCB_EV_VALID BIT64(31)
#define VMCB_EV_ERROR_SHIFT 32

enum vmcb_event_type {
	VMCB_EV_INTR = 0,
	VMCB_EV_NMI = 2,
	VMCB_EV_EXCEPTION = 3,
	VMCB_EV_SOFT = 4,
};

/* Clean bits (0C0h; 15.15): a set bit says that the fields did not change. */
enum vmcb_clean {
	VMCB_CLEAN_INTERCEPTS = BIT(0), /* and the TSC offset */
	VMCB_CLEAN_MAPS = BIT(1),
	VMCB_CLEAN_ASID = BIT(2),
	VMCB_CLEAN_TPR = BIT(3), /* 060h to 067h: V_TPR, V_IRQ, the vector */
	VMCB_CLEAN_NP = BIT(4),	 /* N_CR3, NP_ENABLE, G_PAT */
	VMCB_CLEAN_CR = BIT(5),	 /* CR0, CR3, CR4, EFER */
	VMCB_CLEAN_DR = BIT(6),
	VMCB_CLEAN_DT = BIT(7),	 /* GDT, IDT */
	VMCB_CLEAN_SEG = BIT(8), /* CS, DS, SS, ES, CPL */
	VMCB_CLEAN_CR2 = BIT(9),
	VMCB_CLEAN_LBR = BIT(10),
	VMCB_CLEAN_AVIC = BIT(11),
	VMCB_CLEAN_ALL = 0xfff,
};

struct vmcb_seg {
	u16 selector;
	u16 attr; /* struct seg_reg's format */
	u32 limit;
	u64 base;
};

struct vmcb {
	/* control area */
	u32 intercept_cr;
	u32 intercept_dr;
	u32 intercept_exceptions;
	u32 intercept_misc1;
	u32 intercept_misc2;
	u32 intercept_misc3;
	u8 reserved_018[0x3c - 0x18];
	u16 pause_threshold;
	u16 pause_count;
	u64 iopm_base;
	u64 msrpm_base;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 reserved_05d[3];
	u32 int_ctl;
	u32 int_vector;
	u64 int_shadow;
	u64 exit_code;
	u64 exit_info1;
	u64 exit_info2;
	u64 exit_int_info;
	u64 np_control;
	u64 avic_bar;
	u8 reserved_0a0[0xa8 - 0xa0];
	u64 event_inj;
	u64 n_cr3;
	u64 lbr_control;
	u32 clean;
	u32 reserved_0c4;
	u64 next_rip;
	u8 insn_len;
	u8 insn_bytes[15];
	u64 avic_page; /* of the APIC's registers */
	u64 reserved_0e8;
	u64 avic_logical;
	u64 avic_physical; /* and the last valid index in bits 8:0 */
	u8 reserved_100[0x400 - 0x100];
	/* state save area */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_4a0[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved_4cc;
	u64 efer;
	u8 reserved_4d8[0x548 - 0x4d8];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_580[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved_5e0[0x5f8 - 0x5e0];
	u64 rax;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2;
	u8 reserved_648[0x668 - 0x648];
	u64 g_pat;
	u64 debugctl;
	u8 reserved_678[0x1000 - 0x678];
};

#define VMCB_AT(field, offset) \
	STATIC_ASSERT(offsetof(struct vmcb, field) == (offset), "APM vol. 2 appendix B")

VMCB_AT(intercept_exceptions, 0x008);
VMCB_AT(intercept_misc1, 0x00c);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(iopm_base, 0x040);
VMCB_AT(tsc_offset, 0x050);
VMCB_AT(asid, 0x058);
VMCB_AT(tlb_control, 0x05c);
VMCB_AT(int_ctl, 0x060);
VMCB_AT(int_vector, 0x064);
VMCB_AT(int_shadow, 0x068);
VMCB_AT(exit_code, 0x070);
VMCB_AT(exit_int_info, 0x088);
VMCB_AT(np_control, 0x090);
VMCB_AT(avic_bar, 0x098);
VMCB_AT(event_inj, 0x0a8);
VMCB_AT(n_cr3, 0x0b0);
VMCB_AT(clean, 0x0c0);
VMCB_AT(next_rip, 0x0c8);
VMCB_AT(insn_bytes, 0x0d1);
VMCB_AT(avic_page, 0x0e0);
VMCB_AT(avic_physical, 0x0f8);
VMCB_AT(es, 0x400);
VMCB_AT(cs, 0x410);
VMCB_AT(fs, 0x440);
VMCB_AT(gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(star, 0x600);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
VMCB_AT(debugctl, 0x670);
STATIC_ASSERT(sizeof(struct vmcb) == 4096, "one page");

/* Exit codes (appendix C). */
enum svm_exit_code {
	SVM_EXIT_CR4_READ = 0x004,
	SVM_EXIT_CR0_WRITE = 0x010, /* + number */
	SVM_EXIT_CR4_WRITE = 0x014,
	SVM_EXIT_CR8_WRITE = 0x018,
	SVM_EXIT_EXCEPTION = 0x040, /* + vector */
	SVM_EXIT_INTR = 0x060,
	SVM_EXIT_NMI = 0x061,
	SVM_EXIT_INIT = 0x063,
	SVM_EXIT_CR0_SEL_WRITE = 0x065,
	SVM_EXIT_RDPMC = 0x06f,
	SVM_EXIT_CPUID = 0x072,
	SVM_EXIT_RSM = 0x073,
	SVM_EXIT_IRET = 0x074,
	SVM_EXIT_INVD = 0x076,
	SVM_EXIT_HLT = 0x078,
	SVM_EXIT_INVLPGA = 0x07a,
	SVM_EXIT_IOIO = 0x07b,
	SVM_EXIT_MSR = 0x07c,
	SVM_EXIT_SHUTDOWN = 0x07f,
	SVM_EXIT_VMRUN = 0x080,
	SVM_EXIT_VMMCALL = 0x081,
	SVM_EXIT_VMLOAD = 0x082,
	SVM_EXIT_VMSAVE = 0x083,
	SVM_EXIT_STGI = 0x084,
	SVM_EXIT_CLGI = 0x085,
	SVM_EXIT_SKINIT = 0x086,
	SVM_EXIT_WBINVD = 0x089,
	SVM_EXIT_MONITOR = 0x08a,
	SVM_EXIT_MWAIT = 0x08b,
	SVM_EXIT_LOW_COUNT = 0x090, /* codes below it are in one table */
	SVM_EXIT_NPF = 0x400,
	SVM_EXIT_AVIC_INCOMPLETE_IPI = 0x401,
	SVM_EXIT_AVIC_NOACCEL = 0x402,
};

/* VMEXIT_INVALID is -1; QEMU writes the lower half only. */
#define SVM_EXIT_INVALID 0xffffffffu

/* EXITINFO1 of an I/O exit (15.10.2). */
#define SVM_IO_IN BIT64(0)
#define SVM_IO_STRING BIT64(2)
#define SVM_IO_REP BIT64(3)
#define SVM_IO_SIZE_SHIFT 4 /* one bit each for 1, 2 and 4 bytes: the number itself */
#define SVM_IO_SIZE_MASK 7u
#define SVM_IO_PORT_SHIFT 16

/* EXITINFO1 of a nested page fault (15.25.6). */
#define SVM_NPF_PRESENT BIT64(0)
#define SVM_NPF_WRITE BIT64(1)
#define SVM_NPF_FETCH BIT64(4)
#define SVM_NPF_TABLE_WALK BIT64(33)

/* EXITINFO1 of a CR access with decode assists (15.8.1). */
#define SVM_CR_MOV BIT64(63)
#define SVM_CR_GPR_MASK 15u

/* EXITINFO1 of an MSR exit. */
#define SVM_MSR_WRITE 1u

#endif
