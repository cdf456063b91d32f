/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own page tables: guest-linear to guest-physical, with the checks
 * the processor makes (SDM vol. 3A chapter 4; APM vol. 2 chapter 5). No
 * paging, 32-bit, PAE and 4-level; 5-level and protection keys are not offered
 * to guests and refused here.
 */
#ifndef HV_EMUL_WALK_H
#define HV_EMUL_WALK_H

#include "hv/backend.h"
#include "hv/mem/gmem.h"

enum walk_access { WALK_READ, WALK_WRITE, WALK_FETCH };

/* What of the vCPU's state decides about a translation. */
struct walk_mode {
	u64 cr0, cr3, cr4, efer;
	bool user;	/* CPL 3 */
	bool ac;	/* RFLAGS.AC: lifts SMAP */
	u8 phys_bits;	/* guest's physical address width, 32 .. 52 */
};

struct walk_result {
	gpa_t gpa;
	u64 page_left;	/* bytes from gpa to the end of its page */
	u32 pf_error;	/* on ERR_RANGE: error code of the #PF */
};

/* From the registers; CPL is SS.DPL. */
struct walk_mode walk_mode_of(const struct vcpu_sregs *s, u64 rflags, u8 phys_bits);

/*
 * Translate one address. Accessed and dirty bits are set as the processor
 * does. ERR_RANGE: #PF with res->pf_error. ERR_IO: a table lies outside guest
 * memory. ERR_NOTSUP: 5-level paging. ERR_BUSY: another core kept changing an
 * entry. Canonical form is the caller's to check.
 */
err_t walk_linear(struct gmem *gm, const struct walk_mode *m, u64 linear,
		  enum walk_access access, struct walk_result *res);

#define PF_PRESENT BIT(0)
#define PF_WRITE BIT(1)
#define PF_USER BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH BIT(4)

#endif
