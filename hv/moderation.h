/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the receive interrupts of a NIC's queue come at once or are held apart: a
 * controller that knows no NIC and is told the time. A frame by itself, and a host that
 * answers each before the next one comes, never wait; a stream of frames shares interrupts.
 */
#ifndef HV_MODERATION_H
#define HV_MODERATION_H

#include "hv/base/types.h"

/* How far apart they are held: at most 20,000 a second. */
#define MODERATION_GAP_NS 50000u
/* What goes by in so long is judged. */
#define MODERATION_WINDOW_NS 5000000u

/* All zero: they come at once. Of the queue's core. */
struct moderation {
	bool held;
	u64 start_ns, start_frames, start_irqs; /* of the window that is open */
	u64 frames, irqs; /* in the one before */
	u64 changes;
};

/*
 * When the queue was looked at: frames and interrupts so far, in all, without those for
 * other things than received frames. Cheap until a window ends. True: `held` has changed.
 */
bool moderation_step(struct moderation *m, u64 frames, u64 irqs, u64 now_ns);

#endif
