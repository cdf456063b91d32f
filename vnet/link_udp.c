/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VNET/P's own wire format: the UDP payload is the inner Ethernet frame
 * without its FCS, and nothing else. There is no room for a version, a key or
 * an overlay id: such links are for trusted networks, and several overlays to
 * one host differ in their local port.
 */
#include "vnet/link.h"

#define VNETP_PORT 9000

static void udp_make_header(struct link_header *h, const struct link_id *id)
{
	(void)id;
	h->len = 0;
}

static enum link_verdict udp_decap(struct pkt *p, struct link_rx *rx)
{
	/* A reassembled datagram may have less than the header in its first piece. */
	link_pullup(p, 0);
	return link_frame(p, rx);
}

static const char *const keys[] = { LINK_KEYS_UDP, "header", "fragment", NULL };

const struct link_kind link_udp = {
	.name = "udp",
	.header = "none",
	.default_port = VNETP_PORT,
	.flags = LINK_MAY_FRAGMENT,
	.keys = keys,
	.make_header = udp_make_header,
	.decap = udp_decap,
};
