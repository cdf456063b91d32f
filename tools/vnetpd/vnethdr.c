/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio's header in front of frames, see vnethdr.h. */
#include "tools/vnetpd/vnethdr.h"

bool vnethdr_take(struct pkt *p, const struct virtio_net_hdr *h)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		p->flags |= PKT_F_NEEDS_CSUM;
		p->csum_start = h->csum_start;
		p->csum_offset = h->csum_offset;
	}
	/* That CWR stands in the header is for who cuts it to see. */
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		p->gso_type = PKT_GSO_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		p->gso_type = PKT_GSO_TCP6;
		break;
	default:
		return false;
	}
	p->gso_size = h->gso_size;
	return true;
}

struct virtio_net_hdr vnethdr_of(const struct pkt *p)
{
	struct virtio_net_hdr h = { 0 };

	if (p->flags & PKT_F_CSUM_GOOD)
		h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	if (p->flags & PKT_F_NEEDS_CSUM) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = p->csum_start;
		h.csum_offset = p->csum_offset;
	}
	if (p->gso_type == PKT_GSO_NONE)
		return h;
	h.gso_type = p->gso_type == PKT_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4
						 : VIRTIO_NET_HDR_GSO_TCPV6;
	h.gso_size = p->gso_size;
	h.hdr_len = p->payload_start;
	return h;
}
