/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow hash of an Ethernet frame, for spreading flows over outer UDP source
 * ports (RFC 8926 section 3.3, RFC 7348 section 5: 49152-65535) and over the
 * queues of an interface.
 */
#ifndef VNET_FLOW_H
#define VNET_FLOW_H

#include "hv/base/types.h"

/*
 * Over the MACs, and where they lie within len bytes the IP addresses and the
 * TCP, UDP or SCTP ports; behind up to two VLAN tags. All frames of a flow, in
 * both directions, give the same value, the fragments of a datagram too. Never 0. Shorter than
 * an Ethernet header: 1.
 */
u32 flow_hash(const u8 *frame, u32 len);

#endif
