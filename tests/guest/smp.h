/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest tests' other processors: started, told what to do, and parked again. */
#ifndef TESTS_GUEST_SMP_H
#define TESTS_GUEST_SMP_H

#include "tests/guest/guest.h"

#define SMP_MAX 4 /* processors that take part; APIC ids from 0 on */

/* What a processor does between interrupts. */
enum ap_mode {
	AP_SPIN,	 /* interrupts on */
	AP_HALT,	 /* HLT, interrupts on */
	AP_DEAF,	 /* HLT, interrupts off */
	AP_CALL,	 /* once: call(), then AP_SPIN */
};

struct ap {
	u32 up;		 /* starts so far */
	u32 mode;	 /* enum ap_mode */
	u64 beats;	 /* turns of its loop */
	u32 seen[256];	 /* events that it took, by vector; also the first processor's */
	void (*call)(volatile struct ap *ap);
	void (*hook)(volatile struct ap *ap, u8 vector); /* in its handler, before the EOI */
	u64 value[4];	 /* the case's own */
};

extern volatile struct ap aps[SMP_MAX];

/* What the last one to start found: IP, CS, CR0, CR4. */
extern volatile u32 ap_found[4];

/* How many take part: 1 where there is no other one. */
u32 smp_count(void);

/* INIT and two start-up IPIs; it is in AP_SPIN. False: it does not come. */
bool ap_start(u32 id);
/* INIT: it waits for a start-up IPI. */
void ap_park(u32 id);
void ap_set(u32 id, enum ap_mode mode);
/* Have it execute this, and wait for the end. */
bool ap_run(u32 id, void (*call)(volatile struct ap *ap));

/* An IPI by the low half of ICR; shorthands ignore id. */
void ipi_send(u32 id, u32 icr_low);
void ipi_send_logical(u32 dest, u32 icr_low);

/* Until *word is at least value; false after long enough. Interrupts stay as they are. */
bool wait_for(const volatile u32 *word, u32 value);

/* Spins so long. */
void pause_us(u32 us);

#endif
