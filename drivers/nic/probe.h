/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame that tells whether a device segments as its manual says, which not every emulated
 * one does: two segments to our own address, which nobody takes. */
#ifndef DRIVERS_NIC_PROBE_H
#define DRIVERS_NIC_PROBE_H

#include "drivers/nic/nic.h"

#define NIC_PROBE_SEGMENTS 2u
#define NIC_PROBE_WAIT_NS 10000000ull /* emulated devices send at once; others need a link */

/* Of the pool; NULL: that is empty. Two frames on the wire of 60 bytes each. */
struct pkt *nic_make_probe(const struct nic *nic, struct pkt_pool *pool);

#endif
