/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DS field and ECN bits of inner frames, and how they go into and come out
 * of the outer header (RFC 2983, RFC 6040). Pure.
 */
#ifndef VNET_TOS_H
#define VNET_TOS_H

#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define TOS_ECN 0x03u
#define TOS_DSCP 0xfcu
#define TOS_DSCP_SHIFT 2

/* The TOS or traffic class of an Ethernet frame's IP header, behind up to two
 * VLAN tags, as far as it is in the first len bytes; 0 for other frames. */
u8 tos_of(const u8 *frame, u32 len);

/*
 * p is an inner frame that came in an outer header with these ECN bits: mark
 * it as RFC 6040 section 4.2 says. False: it must be dropped.
 */
bool tos_decap(struct pkt *p, u8 outer);

#endif
