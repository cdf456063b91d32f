/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ledger's stages counted (vnet/ledger.h has what they took). Boot core. */
#ifndef CTL_LEDGER_H
#define CTL_LEDGER_H

#include "ctl/metrics.h"
#include "vnet/ledger.h"

enum ledger_dir {
	LEDGER_TX, /* frames from guests */
	LEDGER_RX, /* frames to guests */
	LEDGER_DIRS,
};

/* Since the start. Nothing but u64: whoever takes differences relies on that. */
struct ledger_counts {
	u64 packets[LEDGER_DIRS]; /* as a wire would carry them */
	u64 frames[LEDGER_DIRS];  /* as guests gave and got them */
	u64 exits;		  /* of all guests, whatever for */
	struct {
		u64 count; /* of what ledger_unit() says */
		u64 exits, irqs, copies, copied_bytes;
	} stage[LEDGER_STAGES];
};

/* Add what only the program knows: exits of all guests, kicks, doorbells, interrupts. It
 * may say better than the packets of links and interfaces what the wire's stages had. */
void ctl_ledger_counts(struct ledger_counts *n);

/* Samples for show metrics. */
void ctl_ledger_metrics(struct metrics *m);

#endif
