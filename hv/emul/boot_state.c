/* SPDX-License-Identifier: BSD-2-Clause */
/* Initial register state common to the guest loaders (SDM vol. 3A table 10-1). */
#include "hv/emul/boot_state.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"

#define RFLAGS_ONE 2
#define DR6_INIT 0xffff0ff0u
#define DR7_INIT 0x400u
#define ATTR_CODE 0x9b /* present, execute/read, accessed */
#define ATTR_DATA 0x93 /* present, read/write, accessed */
#define ATTR_TSS 0x8b  /* present, busy 32-bit or 64-bit TSS */
#define ATTR_LDT 0x82

static struct seg_reg flat(u16 selector, u16 attr)
{
	return (struct seg_reg){
		.limit = 0xffffffff,
		.selector = selector,
		.attr = attr | SEG_ATTR_G,
	};
}

void boot_state_flat(struct boot_state *b, u16 cs, u16 ds, bool code64)
{
	memset(b, 0, sizeof(*b));
	b->regs.rflags = RFLAGS_ONE;
	for (u32 i = 0; i <= SREG_GS; i++)
		b->sregs.seg[i] = flat(ds, ATTR_DATA | SEG_ATTR_DB);
	b->sregs.seg[SREG_CS] = flat(cs, ATTR_CODE | (code64 ? SEG_ATTR_L : SEG_ATTR_DB));
	b->sregs.seg[SREG_TR] = (struct seg_reg){ .limit = 0xffff, .attr = ATTR_TSS };
	b->sregs.seg[SREG_LDTR] = (struct seg_reg){ .limit = 0xffff, .attr = ATTR_LDT };
	b->sregs.dr6 = DR6_INIT;
	b->sregs.dr7 = DR7_INIT;
}

err_t boot_state_fail(struct boot_state *b, err_t err, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(b->why, sizeof(b->why), f, ap);
	va_end(ap);
	return err;
}
