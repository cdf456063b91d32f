/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One vCPU's local APIC: an architectural register page plus a posted bitmap
 * through which other cores hand over interrupts (SDM vol. 3A ch. 11, APM
 * vol. 2 ch. 16). xAPIC by MMIO, x2APIC and TSC deadline by MSR.
 *
 * Everything runs on the core of the vCPU, between runs of the guest, but
 * lapic_post(), lapic_matches() and lapic_targets(): any core, any context.
 *
 * One turn of the run loop:
 *
 *     lapic_timer_poll(l, now)
 *     v = lapic_pending(l)            offer v to the backend, -1 withdraws
 *     lapic_pv_eoi_enter(l, v)
 *     ... the guest runs ...
 *     lapic_accept(l, taken)          when the backend says a vector was taken
 *     lapic_pv_eoi_exit(l)
 *     handle the exit                 (it may be the guest's EOI)
 *
 * While the processor delivers from the page by itself (SDM vol. 3C 29.2):
 *
 *     lapic_timer_poll(l, now)
 *     lapic_delivery(l, &state)       for the backend
 *     ... the guest runs ...
 *     lapic_eoi_done(), lapic_written() when the exit says so
 */
#ifndef HV_EMUL_LAPIC_H
#define HV_EMUL_LAPIC_H

#include "hv/backend.h"
#include "hv/base/types.h"
#include "hv/mem/iomap.h"

#define LAPIC_PAGE_BYTES 4096
#define LAPIC_MAX_TARGETS 64

/* The timer's input clock: one tick a nanosecond (KVM's guests expect it too). */
#define LAPIC_BUS_HZ 1000000000u

/* MSRs that lapic_msr_read() and lapic_msr_write() answer (SDM vol. 4). */
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff

#define APIC_BASE_BSP BIT64(8)
#define APIC_BASE_EXTD BIT64(10) /* x2APIC mode */
#define APIC_BASE_EN BIT64(11)

/* Delivery modes as ICR, LVT, I/O APIC and MSI data encode them. */
enum lapic_delivery {
	LAPIC_FIXED = 0,
	LAPIC_LOWEST = 1,
	LAPIC_SMI = 2,
	LAPIC_NMI = 4,
	LAPIC_INIT = 5,
	LAPIC_STARTUP = 6,
	LAPIC_EXTINT = 7,
};

enum lapic_shorthand {
	LAPIC_TO_DEST = 0,
	LAPIC_TO_SELF = 1,
	LAPIC_TO_ALL = 2,
	LAPIC_TO_OTHERS = 3,
};

/* An interrupt message on its way: an IPI, an MSI or one of the I/O APIC. */
struct lapic_ipi {
	u32 dest;
	u8 vector;    /* STARTUP: page number of the entry point */
	u8 mode;      /* enum lapic_delivery */
	u8 shorthand; /* enum lapic_shorthand; not LAPIC_TO_DEST: dest is void */
	bool logical; /* destination mode */
	bool level;   /* trigger mode */
	bool wide;    /* dest has 32 bits (x2APIC), else 8 with FFh for everybody */
};

struct lapic_ops {
	/* The guest sends an IPI. A fixed one to itself does not come by here. */
	void (*ipi)(void *ctx, const struct lapic_ipi *ipi);
	/* A level-triggered vector ended: tell the I/O APIC. */
	void (*eoi)(void *ctx, u8 vector);
	/* An LVT entry asks for an NMI on this vCPU. */
	void (*nmi)(void *ctx);
	/* plat_now_ns() at which the guest's TSC reaches tsc; anything not
	 * later than now when it has. */
	u64 (*tsc_to_ns)(void *ctx, u64 tsc);
};

struct lapic_setup {
	u32 id;		/* 0 .. 254 */
	bool bsp;
	bool x2apic;	/* CPUID offers x2APIC */
	u8 phys_bits;	/* the guest's MAXPHYADDR */
	void *page;	/* LAPIC_PAGE_BYTES, the caller's; page-aligned for hardware's use */
	const struct lapic_ops *ops;
	void *ctx;
};

/* Written by any core: atomics only. */
struct lapic_posted {
	struct posted_intr edge;
	u64 level[4];
	u32 for_us;   /* what a processor cannot take in was posted since the last look */
	u32 illegal;  /* a vector below 16 arrived */
};

/* What has to be done for a vCPU once something was posted. */
enum lapic_wake {
	LAPIC_WAKE_NONE,   /* somebody did it already and nobody has looked yet */
	LAPIC_WAKE_NOTIFY, /* wake it; a processor that takes in what is posted needs no more
			    * than a notification */
	LAPIC_WAKE_KICK,   /* wake it, or have it leave the guest: lapic_fold() must look */
};

struct lapic_timer {
	u64 expiry_ns;	   /* UINT64_MAX: not running */
	u64 not_before_ns; /* lower bound of the next periodic interrupt */
	u64 period_ns;	   /* initial count in time */
	u64 tsc_deadline;  /* 0: not armed */
};

struct lapic {
	struct lapic_posted posted ALIGNED(CACHE_LINE);
	u32 *regs ALIGNED(CACHE_LINE);
	u64 base;     /* IA32_APIC_BASE */
	u32 id;
	u32 esr_seen; /* errors since the guest last wrote ESR */
	u32 ppr_tpr;  /* the TPR that PPR was computed from */
	int requested; /* highest in IRR as lapic_pending() found it, -1: none */
	bool bsp, x2apic_ok, pv_eoi_armed;
	bool page_changed; /* by us, in IRR, ISR or TMR since lapic_delivery() */
	u8 irr_words; /* a bit for each of IRR's registers: a clear one says that it is 0 */
	u8 isr_words; /* ... of ISR's */
	u8 lint;      /* levels of LINT0 and LINT1 */
	u8 phys_bits;
	u8 *pv_eoi;
	struct lapic_timer timer;
	const struct lapic_ops *ops;
	void *ctx;
	u64 dropped_disabled; /* arrived while the APIC was disabled */
	u64 ticks_coalesced;  /* periodic interrupts that fell into one */
	u64 pv_eois;	      /* EOIs without an exit */
};

void lapic_init(struct lapic *l, const struct lapic_setup *setup);

/* Power-up or RESET; with init set the INIT signal, which keeps IA32_APIC_BASE
 * (SDM 11.4.7.1, 11.12.5.1). */
void lapic_reset(struct lapic *l, bool init);

/* What firmware leaves on the boot processor: enabled, LINT0 ExtINT, LINT1 NMI
 * (SDM 11.5.1; MultiProcessor Specification 3.6.2.1). */
void lapic_virtual_wire(struct lapic *l);

/* --- arrival ---------------------------------------------------------- */

/* Any core. Level-triggered vectors, and edges whose vector was level-triggered before,
 * are for us: what their EOI does has to change first. */
enum lapic_wake lapic_post(struct lapic *l, u8 vector, bool level);

/* Does the message address this APIC? Shorthands are not looked at. Any core. */
bool lapic_matches(const struct lapic *l, const struct lapic_ipi *ipi);

/* Bit mask over all[0 .. n-1] (n <= LAPIC_MAX_TARGETS) of those that get the
 * message: shorthands applied, one chosen for LAPIC_LOWEST. sender is the index
 * of the sending APIC, LAPIC_MAX_TARGETS for an I/O APIC or MSI. Any core. */
u64 lapic_targets(struct lapic *const *all, u32 n, u32 sender, const struct lapic_ipi *ipi);

/* Take an MSI apart (SDM 11.11). False: the address is not an interrupt's. */
bool lapic_from_msi(u64 addr, u32 data, struct lapic_ipi *ipi);

/* Level of LINT0 (pin 0) or LINT1; interrupts are raised on the rising edge. */
void lapic_lint(struct lapic *l, u8 pin, bool level);

/* LINT0 passes the 8259's interrupts on: ask pic_ack() for the vector. */
bool lapic_extint_open(const struct lapic *l);

/* --- delivery --------------------------------------------------------- */

/* Something is posted or requested, deliverable or not. */
bool lapic_has_work(struct lapic *l);

/* Take in what was posted; the highest vector above PPR, or -1. */
int lapic_pending(struct lapic *l);

/* Nothing is pending because of the task priority alone: the class (1 .. 15) that it
 * must fall below. 0: the task priority holds nothing back. After lapic_pending(). */
u8 lapic_tpr_threshold(struct lapic *l);

/* The guest took it: IRR to ISR. */
void lapic_accept(struct lapic *l, u8 vector);

/* End the highest vector in service. */
void lapic_eoi(struct lapic *l);

/* The same register as the guest sees in CR8: where hardware keeps a copy, load
 * it from lapic_cr8() before a run and give it back after. Where hardware keeps it
 * in the page itself, give it back as well: PPR follows. */
u8 lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, u8 cr8);

/* For show vm, any core: the highest vector requested, posted ones among them, and the
 * highest in service; -1: none. A moment later it may be another. */
struct lapic_view {
	int requested, in_service;
};
struct lapic_view lapic_view(const struct lapic *l);

/* --- delivery by the processor ------------------------------------------ */

/* What the APIC is, as far as a processor that may deliver for it has to know. */
enum apic_mode lapic_mode(const struct lapic *l);

/* Take in what was posted; what the processor is told before it runs the guest. False:
 * nothing to tell, all is as the processor left it. Every level-triggered vector's EOI
 * is to exit. */
bool lapic_delivery(struct lapic *l, struct apic_delivery *state);

/* The processor ended this vector in the page and said so (EXIT_EOI). */
void lapic_eoi_done(struct lapic *l, u8 vector);

/* The guest's value of the register at this offset stands in the page, written by the
 * processor (EXIT_APIC_WRITE): what it brings about. ICR: the low half. */
void lapic_written(struct lapic *l, u32 off);

/* --- PV EOI (KVM_FEATURE_PV_EOI) --------------------------------------- */

/* byte: the low byte of the guest's word, mapped by the caller, or NULL for off. */
void lapic_pv_eoi_set(struct lapic *l, u8 *byte);
/* Before each run with what lapic_pending() gave and was offered: permits the
 * guest to end that vector (or the one in service) by clearing the byte, when
 * its EOI has no further effect. */
void lapic_pv_eoi_enter(struct lapic *l, int offered);
/* After each run and after lapic_accept(): do the EOI when the guest did. */
void lapic_pv_eoi_exit(struct lapic *l);

/* --- registers --------------------------------------------------------- */

/* io_handler: dev is a struct lapic, addr the offset in the page. Answers in
 * xAPIC mode only. */
void lapic_mmio(void *dev, struct io_access *a);

/* Is this guest-physical address in the page, and the page there (xAPIC mode)? */
bool lapic_claims(const struct lapic *l, u64 gpa);

/* MSR_APIC_BASE, MSR_TSC_DEADLINE, x2APIC. False: #GP. */
bool lapic_msr_read(struct lapic *l, u32 msr, u64 *value);
bool lapic_msr_write(struct lapic *l, u32 msr, u64 value);

/* --- timer ------------------------------------------------------------- */

/* When lapic_timer_poll() has something to do; UINT64_MAX: never. */
u64 lapic_timer_deadline_ns(const struct lapic *l);
/* Raise what is due. Missed periods become one interrupt. */
void lapic_timer_poll(struct lapic *l, u64 now_ns);
/* The guest's TSC was moved: convert an armed deadline anew. */
void lapic_timer_retime(struct lapic *l);

#endif
