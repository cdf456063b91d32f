/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When interrupts are held apart, see moderation.h. Frames and rates are compared by
 * products. What tells a stream from questions and answers is that interrupts find several
 * frames, or that there are more of them than hosts that wait for each other could cause.
 */
#include "hv/moderation.h"

/* Interrupts are too many: more than so many times those that the gap lets through ... */
#define MANY 1u
/* ... and beyond that no exchange of single frames is as fast. */
#define ONLY_A_STREAM 4u

/* Was the rate of n in a window of `ns` above so many times that of a thing a gap? */
static bool above(u64 n, u64 ns, u32 times)
{
	return n * MODERATION_GAP_NS > ns * times;
}

/* What a window of `ns` means. */
static bool judge(bool held, u64 frames, u64 irqs, u64 ns)
{
	/* Fewer frames than interrupts let through, or hardly more than one in each. */
	if (held)
		return above(frames, ns, 1) && 2 * frames >= 3 * irqs;
	return above(irqs, ns, ONLY_A_STREAM) || (above(irqs, ns, MANY) && frames >= 2 * irqs);
}

bool moderation_step(struct moderation *m, u64 frames, u64 irqs, u64 now_ns)
{
	u64 ns = now_ns - m->start_ns;
	bool was = m->held;

	if (ns < MODERATION_WINDOW_NS)
		return false;
	m->frames = frames - m->start_frames;
	m->irqs = irqs - m->start_irqs;
	m->held = judge(was, m->frames, m->irqs, ns);
	m->start_ns = now_ns;
	m->start_frames = frames;
	m->start_irqs = irqs;
	m->changes += m->held != was;
	return m->held != was;
}
