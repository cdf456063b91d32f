/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration as things with properties, so that two can be compared. */
#ifndef VNETCTL_STATE_H
#define VNETCTL_STATE_H

#include "tools/vnetctl/conf.h"
#include "vnet/dispatch.h"

#define THING_TEXT_MAX (LANG_LINE_MAX / 2) /* a statement in one spelling */

struct thing {
	enum lang_id id;
	char name[LANG_NAME_MAX]; /* "": a route */
	char *text;		  /* the statement that makes it, defaults left out */
	bool any_mtu;		  /* an interface or uplink whose MTU is as it comes out */
	u32 route;		  /* a route that is there: its number */
	u32 vni;		  /* an overlay's number, which stays */
	char *change;		  /* ... and the statement that makes it so without a new one */
	char *more;		  /* what stands behind text of what can be changed later */
	struct dispatch_settings dispatch; /* an interface's */
	struct dispatch_yielding yield;	   /* a dispatcher's */

	/* The comparison's own. */
	struct thing *twin; /* the same in the other state */
	bool touched;	    /* goes, or goes and comes again */
};

struct state {
	u32 count;
	struct thing *thing;
};

/* Of statements in one spelling. Errors are said; false: there were. */
bool state_make(struct state *s, const struct flat *f);
void state_free(struct state *s);

/* The statements that lead from one to the other, in an order in which they work. */
void state_difference(struct state *have, struct state *want, struct flat *out);

#endif
