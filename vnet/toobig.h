/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sender is told whose frame is longer than the way it goes: ICMP
 * "fragmentation needed" (RFC 792, RFC 1191) or ICMPv6 "packet too big"
 * (RFC 4443 section 3.2, RFC 8201), in the name of the packet's destination.
 *
 *     Ethernet, addresses exchanged | the same VLAN tags | IP | ICMP | quote
 *
 * An overlay cannot cut an inner packet as a router would, so senders that
 * left DF unset are told as well: it is they who have to cut.
 */
#ifndef VNET_TOOBIG_H
#define VNET_TOOBIG_H

#include "hv/base/pkt.h"
#include "hv/base/types.h"

/*
 * Make out, an empty packet, the answer to p, where frames of at most
 * frame_max bytes would have passed, Ethernet header and VLAN tags included.
 * It quotes as much of p as out's buffer and the RFCs leave room for; of a
 * long frame it quotes one segment. p is unchanged. False, with out as it
 * was: nobody may be told (a group address, an ICMP error, a fragment other
 * than the first, no IP), or no MTU that such an answer could say would help.
 */
bool toobig_answer(struct pkt *out, const struct pkt *p, u32 frame_max);

#endif
