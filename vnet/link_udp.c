/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VNET/P's own wire format: the UDP payload is the inner Ethernet frame
 * without its FCS, and nothing else. There is no room for a version, a key or
 * an overlay id: such links are for trusted networks, and several overlays to
 * one host differ in their local port.
 */
#include "vnet/link.h"

#define VNETP_PORT 9000

static err_t udp_encap(struct pkt *p, u32 overlay)
{
	(void)p;
	(void)overlay;
	return ERR_OK;
}

static err_t udp_decap(struct pkt *p)
{
	/* A reassembled datagram may have less than that in its first piece. */
	if (p->len < LINK_ETH_HEADER || !pkt_pullup(p, MIN(p->len, (u32)PKT_HEADER_COPY)))
		return ERR_RANGE;
	return ERR_OK;
}

const struct link_ops link_udp = {
	.name = "udp",
	.default_port = VNETP_PORT,
	.overhead = 0,
	.encap = udp_encap,
	.decap = udp_decap,
};
