/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorted lists of software timers; a handful per core, so a list will do. */
#include "hv/timer.h"

void timer_cancel(struct timer_list *list, struct timer *t)
{
	struct timer **at;

	if (t->deadline_ns == TIMER_NEVER)
		return;
	for (at = &list->first; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	t->deadline_ns = TIMER_NEVER;
	t->next = NULL;
}

void timer_set(struct timer_list *list, struct timer *t, u64 deadline_ns)
{
	struct timer **at = &list->first;

	timer_cancel(list, t);
	if (deadline_ns == TIMER_NEVER)
		return;
	while (*at && (*at)->deadline_ns <= deadline_ns)
		at = &(*at)->next;
	t->deadline_ns = deadline_ns;
	t->next = *at;
	*at = t;
}

void timer_run(struct timer_list *list, u64 now_ns)
{
	u32 due = 0;

	/* Counted first, so that timers which set themselves to the past
	 * again cannot hold the core here. */
	for (struct timer *t = list->first; t && t->deadline_ns <= now_ns; t = t->next)
		due++;
	while (due-- && list->first && list->first->deadline_ns <= now_ns) {
		struct timer *t = list->first;

		list->first = t->next;
		t->next = NULL;
		t->deadline_ns = TIMER_NEVER;
		t->fn(t, now_ns);
	}
}
