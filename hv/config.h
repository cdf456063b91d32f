/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading node.conf at boot: finds the section that is this node's and carries
 * its statements out. A bad line is reported and skipped, and the node is
 * degraded.
 */
#ifndef HV_CONFIG_H
#define HV_CONFIG_H

#include "hv/base/types.h"
#include "vnet/lang.h"

struct config_self {
	const char *name; /* from the command line; "" when not said */
	const u8 (*macs)[6]; /* of the NICs found */
	u32 mac_count;
	const char *boot_mac; /* of the NIC that it was booted by, as text; "" */
};

/* Messages that are kept for `show boot`. */
#define NODE_ERRORS_KEPT 6

/* The outcome, for show node. */
struct node_state {
	char name[LANG_NAME_MAX];
	u32 errors;	    /* lines that were skipped */
	char error[NODE_ERRORS_KEPT][LANG_MESSAGE_MAX]; /* the first of them */
};

extern struct node_state node_state;

void config_load(const char *file, const char *text, size_t len,
		 const struct config_self *self);

/* Something else is wrong (a missing module, no NIC): say it, count it. */
void config_degraded(const char *f, ...) PRINTF(1, 2);

#endif
