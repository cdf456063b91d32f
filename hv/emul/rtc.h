/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's real-time clock and CMOS memory (Motorola MC146818A datasheet):
 * time from the node's clock plus what the guest set, alarm, update-ended and
 * periodic interrupts, 114 bytes of memory. Callers serialise.
 */
#ifndef HV_EMUL_RTC_H
#define HV_EMUL_RTC_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/emul/irqchip.h"
#include "hv/mem/iomap.h"

#define RTC_BYTES 128
#define RTC_CENTURY 0x32 /* what the FADT names */

struct rtc {
	u8 cmos[RTC_BYTES];
	u8 index;
	bool line;
	u64 base_ns;	   /* when it was base_s */
	u64 base_s;	   /* seconds since 1970, UTC */
	u64 checked_s;	   /* seconds since base_s whose alarms were looked at */
	u64 periods;	   /* periodic ticks since period_ns that were flagged */
	u64 period_ns;	   /* start of the periodic counter */
	u64 not_before_ns; /* lower bound of the next periodic interrupt */
	const struct irq_sink *irq;
};

/* unix_s: the time now. */
void rtc_init(struct rtc *r, u64 unix_s, const struct irq_sink *irq);
/* Interrupts off; time, alarm and memory stay, as on a battery. */
void rtc_reset(struct rtc *r);
err_t rtc_attach(struct rtc *r, struct iomap *io);

/* What the guest's clock says now, in seconds since 1970. */
u64 rtc_unix_s(const struct rtc *r);

/* When rtc_poll() has something to do; UINT64_MAX: never. */
u64 rtc_next_ns(const struct rtc *r);
void rtc_poll(struct rtc *r, u64 now_ns);

#endif
