/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vCPU backend: the narrow waist between the neutral run loop and the
 * processor's virtualisation extension (SVM: APM vol. 2 ch. 15; VMX: SDM
 * vol. 3C). Nothing above this header looks at a vendor's codes.
 *
 * All calls that take a vCPU run on the core the vCPU is pinned to, with
 * interrupts disabled unless said otherwise.
 */
#ifndef HV_BACKEND_H
#define HV_BACKEND_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* General-purpose registers in the order of ModRM/REX encodings. */
enum gpr {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	GPR_COUNT,
};

enum sreg { SREG_ES, SREG_CS, SREG_SS, SREG_DS, SREG_FS, SREG_GS, SREG_TR, SREG_LDTR, SREG_COUNT };

/* Attributes as bytes 5 and 6 of a descriptor hold them, limit bits left out:
 * type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, DB 10, G 11. */
struct seg_reg {
	u64 base;
	u32 limit;
	u16 selector;
	u16 attr;
};

#define SEG_ATTR_P BIT(7)
#define SEG_ATTR_L BIT(9)
#define SEG_ATTR_DB BIT(10)
#define SEG_ATTR_G BIT(11)

/* What the guest's program sees and what sets its mode. */
struct vcpu_regs {
	u64 gpr[GPR_COUNT];
	u64 rip;
	u64 rflags;
};

struct vcpu_sregs {
	struct seg_reg seg[SREG_COUNT];
	u64 gdt_base, idt_base;
	u32 gdt_limit, idt_limit;
	u64 cr0, cr2, cr3, cr4, cr8;
	u64 efer;
	u64 dr6, dr7;
};

/* MSRs that the backend holds in hardware or in its control block. */
enum vcpu_msr {
	VCPU_MSR_STAR, VCPU_MSR_LSTAR, VCPU_MSR_CSTAR, VCPU_MSR_SFMASK,
	VCPU_MSR_FS_BASE, VCPU_MSR_GS_BASE, VCPU_MSR_KERNEL_GS_BASE,
	VCPU_MSR_SYSENTER_CS, VCPU_MSR_SYSENTER_ESP, VCPU_MSR_SYSENTER_EIP,
	VCPU_MSR_PAT, VCPU_MSR_DEBUGCTL, VCPU_MSR_TSC_AUX,
	VCPU_MSR_COUNT,
};

enum event_type {
	EVENT_NONE,
	EVENT_INTR,	 /* external interrupt */
	EVENT_NMI,
	EVENT_EXCEPTION, /* with its error code where the vector has one */
	EVENT_SOFT,	 /* INT n: executed again rather than injected */
};

struct vcpu_event {
	enum event_type type;
	u8 vector;
	bool has_error;
	u32 error;
};

enum exit_kind {
	EXIT_HOST_INTR,	  /* a physical interrupt, NMI or SMI: nothing to do for the guest */
	EXIT_IO,
	EXIT_MMIO,	  /* access to guest-physical memory that is not mapped */
	EXIT_CPUID,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_CR_READ,
	EXIT_CR_WRITE,
	EXIT_HLT,
	EXIT_PAUSE,
	EXIT_INVLPG,
	EXIT_WBINVD,	  /* WBINVD or INVD */
	EXIT_RDPMC,	  /* no counters for guests: #GP(0) */
	EXIT_XSETBV,
	EXIT_HYPERCALL,	  /* VMCALL, VMMCALL */
	EXIT_VIRT_INSN,	  /* a virtualisation instruction that the guest does not have: #UD */
	EXIT_EXCEPTION,	  /* an intercepted exception */
	EXIT_INTR_WINDOW, /* the guest can take an interrupt now */
	EXIT_TIMER,	  /* a stay that physical interrupts might not end */
	EXIT_EOI,	  /* the processor ended a vector of apic_delivery.eoi_exits */
	EXIT_APIC_WRITE,  /* it stored a register in the APIC page: the effect is ours */
	EXIT_SHUTDOWN,	  /* triple fault */
	EXIT_INIT,
	EXIT_BAD_STATE,	  /* the processor refused to enter the guest */
	EXIT_OTHER,	  /* none of these: name and raw values say what */
	EXIT_KIND_COUNT,
};

/* Short lower-case name of each kind, for counters and messages. */
const char *exit_kind_name(enum exit_kind kind);

/* What they hold after reset (hv/reset.c). */
void vcpu_reset_regs(struct vcpu_regs *r, struct vcpu_sregs *s);
u64 vcpu_reset_msr(enum vcpu_msr msr);

#define INSN_MAX 15

/* The neutral exit record. */
struct vcpu_exit {
	enum exit_kind kind;
	u8 insn_len;	   /* 0: unknown, decode it */
	u8 insn_bytes_len; /* 0: not provided, fetch it */
	u8 insn_bytes[INSN_MAX];
	const char *name;  /* vendor's word for the exit, static */
	u64 raw_code, raw_info1, raw_info2; /* for messages only */
	struct vcpu_event interrupted;	    /* delivery that this exit interrupted */
	u8 host_vector;	   /* of a physical interrupt that the exit acknowledged and nobody
			    * has dispatched yet; 0: none */
	union {
		struct {
			u16 port;
			u8 size; /* 1, 2, 4 */
			bool in, string, rep;
			u64 next_rip; /* 0: unknown */
		} io;
		struct {
			gpa_t gpa;
			bool write, fetch;
			bool present;	 /* permission fault on a mapped page */
			bool table_walk; /* the guest's own page walk touched it */
		} mmio;
		struct {
			u8 cr;
			u8 gpr; /* enum gpr; GPR_COUNT: unknown, decode it */
		} cr;
		struct {
			u8 vector; /* EXIT_EOI */
			u16 reg;   /* EXIT_APIC_WRITE: offset in the page */
		} apic;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 addr; /* #PF */
		} exc;
	};
};

/* What becomes of an ability that not every processor has. */
enum feature_state {
	FEATURE_ABSENT,
	FEATURE_UNUSED, /* the processor has it */
	FEATURE_USED,
};

struct backend_feature {
	const char *name; /* as `cpu-feature` and `show node` spell it: "next-rip" */
	const char *note; /* why it is not used, or what goes instead; may be NULL */
	enum feature_state state;
	bool always;	  /* not the configuration's choice: used wherever it is there, or
			   * never where it is unused */
	bool untested;	  /* never ran: used only where the configuration asks for it */
};

/* For a backend's own table (hv/feature.c). What the processor has is used from the
 * start, unless it is untested or the backend says otherwise afterwards. */
void feature_detect(struct backend_feature *f, bool present);
/* By its name, or NULL. */
const struct backend_feature *feature_find(const struct backend_feature *table, u32 count,
					   const char *name);
/* What vcpu_backend.feature_set does, with its errors. Asking for what is so is no error. */
err_t feature_choose(struct backend_feature *table, u32 count, const char *name, bool on);

/* What a guest's local APIC is at the moment (SDM vol. 3A 11.4.3, 11.12.1). */
enum apic_mode {
	APIC_OFF, /* by its MSR, or by software (SVR) */
	APIC_XAPIC,
	APIC_X2APIC,
};

/* The state of an APIC page for a processor that delivers from it (SDM vol. 3C 29.1, 29.2). */
struct apic_delivery {
	u8 requested;	  /* highest vector in IRR, 0: none */
	u8 in_service;	  /* highest in ISR, 0: none */
	u64 eoi_exits[4]; /* one bit a vector: EXIT_EOI when the guest ends it */
};

/*
 * The posted-interrupt descriptor of a vCPU (SDM vol. 3C 29.6): where others leave edge-
 * triggered interrupts, which a processor that is notified takes in by itself while it runs
 * the vCPU. Any core; a bit is changed by locked instructions alone.
 */
struct posted_intr {
	u64 requests[4]; /* PIR: one bit a vector */
	u32 control;	 /* 0 or POSTED_OUTSTANDING: VT-d's fields are 0, its unit posts nothing */
	u32 unused[7];
} ALIGNED(64);

#define POSTED_OUTSTANDING BIT(0) /* ON: posted since the last look */

STATIC_ASSERT(sizeof(struct posted_intr) == 64, "SDM vol. 3C table 29-1");
STATIC_ASSERT(offsetof(struct posted_intr, control) == 32, "SDM vol. 3C table 29-1");

/* How the second-level tables' entries are written (hv/mem/npt.h has the formats). */
enum nested_format { NESTED_NPT, NESTED_EPT };

/* What else differs between processors and counts above the backend. */
struct backend_caps {
	const char *name; /* "svm" or "vmx" */
	bool gib_pages;
	u32 asids;
	u64 xcr0_allowed;  /* 0: no XSAVE for guests */
	u32 xsave_bytes;
};

struct vcpu_hw; /* the backend's own part of a vCPU */

/* What a vCPU runs with, set before the first run. */
struct vcpu_hw_setup {
	u64 nested_root; /* host-physical root of the second-level tables */
	u32 asid;	 /* address space id of the VM, never 0 */
	bool own_hlt;	 /* HLT halts the core itself, without an exit */
	void *apic_page; /* its local APIC's registers, a page of 4 KiB */
	struct posted_intr *posted; /* identity-mapped, like the page; NULL: none */
};

struct vcpu_backend {
	const char *name;
	enum nested_format nested;
	/* Can this processor do it? On false *why says the reason (static text). */
	bool (*probe)(struct backend_caps *caps, const char **why);
	/* The optional abilities: names at any time, states once probe() said yes; any core. */
	const struct backend_feature *(*features)(u32 *count);
	/* Use one, or do without: for vCPUs created from now on. ERR_NOENT: no such
	 * name. ERR_NOTSUP: absent. ERR_INVAL: not a choice. Boot core. */
	err_t (*feature_set)(const char *name, bool on);
	/* Each core before its first vCPU, and after its last. */
	err_t (*cpu_enable)(void);
	void (*cpu_disable)(void);
	/* Memory comes from plat_alloc(); boot core. NULL when there is none. */
	struct vcpu_hw *(*create)(const struct vcpu_hw_setup *setup);
	void (*destroy)(struct vcpu_hw *hw);
	/* Back to the architectural reset state (SDM vol. 3A table 10-1). */
	void (*reset)(struct vcpu_hw *hw);
	/* The INIT signal: the same, but the FPU's state, XCR0, the MSRs, and CR0.CD
	 * and NW stay as they are. */
	void (*init)(struct vcpu_hw *hw);
	/* Make hw the one whose extended state (FPU/XSAVE, debug registers, ...)
	 * is in the core; called when another vCPU ran here before. */
	void (*load)(struct vcpu_hw *hw);
	void (*put)(struct vcpu_hw *hw);
	/* Run until the next exit. Interrupts off before and after; a pending
	 * physical interrupt is taken once the caller enables them, but the one of
	 * exit->host_vector, which is the caller's to dispatch before. */
	void (*run)(struct vcpu_hw *hw, struct vcpu_exit *exit);
	/* Register sets. regs() points into the backend's copy, valid between
	 * runs; sregs are copied. */
	struct vcpu_regs *(*regs)(struct vcpu_hw *hw);
	void (*get_sregs)(struct vcpu_hw *hw, struct vcpu_sregs *s);
	void (*set_sregs)(struct vcpu_hw *hw, const struct vcpu_sregs *s);
	/* The task priority alone (CR8, 0 .. 15): the guest changes it without an exit. */
	u8 (*get_cr8)(struct vcpu_hw *hw);
	void (*set_cr8)(struct vcpu_hw *hw, u8 cr8);
	u64 (*get_msr)(struct vcpu_hw *hw, enum vcpu_msr msr);
	void (*set_msr)(struct vcpu_hw *hw, enum vcpu_msr msr, u64 value);
	u64 (*get_xcr0)(struct vcpu_hw *hw);
	/* For EXIT_XSETBV, which not every backend gives: some let the processor
	 * check and set it. Bits that xcr0_allowed lacks were refused; ERR_INVAL:
	 * the processor does not take these together. ERR_NOTSUP without XSAVE. */
	err_t (*set_xcr0)(struct vcpu_hw *hw, u64 value);
	/* Exceptions and NMI, delivered at the next entry; while apic_mode() is
	 * true an external interrupt, too, that an exit interrupted. ERR_BUSY
	 * when one is waiting already. */
	err_t (*inject)(struct vcpu_hw *hw, const struct vcpu_event *ev);
	/* Offer an external interrupt: delivered as soon as the guest's IF and
	 * shadow allow it, without an exit. One at a time; offering replaces.
	 * vector -1 withdraws. */
	void (*offer_intr)(struct vcpu_hw *hw, int vector);
	/* An interrupt waits for the task priority: exit when the guest's CR8
	 * gets below this (1 .. 15); 0: it does not matter. The exit comes with
	 * the write (EXIT_CR_WRITE) or after it (EXIT_INTR_WINDOW). */
	void (*set_tpr_threshold)(struct vcpu_hw *hw, u8 threshold);
	/* The vector whose delivery completed since the offer, else -1. Asked
	 * after each run(). */
	int (*intr_taken)(struct vcpu_hw *hw);
	/* True when RFLAGS.IF is 1 and no shadow blocks. */
	bool (*intr_enabled)(struct vcpu_hw *hw);
	/* The guest's APIC is in this mode from now on; after reset() it is off.
	 * True: the processor delivers from the APIC page by itself, and
	 * apic_enter() precedes the first run and each whose page we changed.
	 * Then CR8, PPR, ISR and EOI are the processor's, and offer_intr() is
	 * for vectors of the 8259 alone. NULL: never. */
	bool (*apic_mode)(struct vcpu_hw *hw, enum apic_mode mode);
	void (*apic_enter)(struct vcpu_hw *hw, const struct apic_delivery *state);
	/* After apic_mode() said true: does the processor take in what stands in the
	 * posted-interrupt descriptor, when it is notified while it runs the vCPU? NULL: no. */
	bool (*takes_posted)(const struct vcpu_hw *hw);
	/* Notify another core, which runs such a vCPU, or did a moment ago: then its own
	 * IRQ_VECTOR_POSTED comes. Any core, any context. */
	void (*notify)(u32 core);
	/* Advance RIP past the instruction that exited; ends the shadow. */
	void (*skip_insn)(struct vcpu_hw *hw, u8 len);
	/* Guest TSC = host TSC + offset. */
	void (*set_tsc_offset)(struct vcpu_hw *hw, u64 offset);
	/* The VM's second-level tables changed: forget cached translations. */
	void (*flush_tlb)(struct vcpu_hw *hw);
	/* Registers that only the vendor has, for a crash report; one line each. */
	void (*dump)(struct vcpu_hw *hw, void (*line)(void *ctx, const char *text), void *ctx);
};

extern const struct vcpu_backend svm_backend, vmx_backend;

/* Each backend of this image, whatever the processor is; NULL behind the last. */
const struct vcpu_backend *backend_at(u32 i);

/*
 * The first backend that this processor can run, with its abilities in *caps;
 * NULL when there is none, and then why (size bytes) holds each backend's
 * reason. Boot core.
 */
const struct vcpu_backend *backend_probe(struct backend_caps *caps, char *why, size_t size);

#endif
