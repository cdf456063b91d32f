/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispatch modes and dispatchers among the things compared, see state_dispatch.h. */
#include "tools/vnetctl/state_dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnet/dispatch_lang.h"

/* What can be changed where it stands: `more` leaves out what is by default. */
static void describe(struct thing *t, const char *object, const char *more, const char *all)
{
	char text[2 * DISPATCH_LANG_MAX];

	free(t->more);
	free(t->change);
	t->more = strdup(more);
	snprintf(text, sizeof(text), "%s set %s%s", object, t->name, all);
	t->change = strdup(text);
}

bool thing_modes(struct thing *t, const struct lang_stmt *s, const struct lang_source *src)
{
	char why[160] = "", message[LANG_MESSAGE_MAX];
	char more[DISPATCH_LANG_MAX], all[DISPATCH_LANG_MAX];
	struct dispatch_settings set;
	const char *key = NULL;

	if (dispatch_lang_read(s, &t->dispatch, &set, &key, why, sizeof(why))) {
		lang_error(src, 0, message, "interface \"%s\": %s", s->name, why);
		complain("%s", message);
		return false;
	}
	t->dispatch = set;
	describe(t, "interface", dispatch_lang_write(&set, false, more),
		 dispatch_lang_write(&set, true, all));
	return true;
}

void thing_yield(struct thing *t, const struct lang_stmt *s)
{
	char more[DISPATCH_LANG_MAX], all[DISPATCH_LANG_MAX];
	struct dispatch_yielding y;

	dispatch_yield_read(s, &t->yield, &y);
	t->yield = y;
	describe(t, "dispatcher", dispatch_yield_write(&y, false, more),
		 dispatch_yield_write(&y, true, all));
}
