/* SPDX-License-Identifier: BSD-2-Clause */
/* NIC drivers: a frame to be segmented, see probe.h. */
#include "drivers/nic/probe.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"

#define ETH_TYPE 12u /* offsets in the Ethernet header, ... */
#define ETH_HEADER 14u
#define ETH_TYPE_IP4 0x0800u
#define IP4_TTL 8u /* ... in the IPv4 header, ... */
#define IP4_PROTO 9u
#define IP4_HEADER_MIN 20u
#define IP4_VERSION_IHL 0x45u /* of a header without options */
#define TCP_DOFF 12u /* ... and in TCP's */
#define TCP_HEADER_MIN 20u
#define PROTO_TCP 6u

#define HEADERS (ETH_HEADER + IP4_HEADER_MIN + TCP_HEADER_MIN)
#define FRAME 60u /* of a segment: none is padded */
#define SIZE (FRAME - HEADERS) /* its payload */

struct pkt *nic_make_probe(const struct nic *nic, struct pkt_pool *pool)
{
	struct pkt *p = pkt_get(pool);
	u8 *ip, *tcp;

	if (!p)
		return NULL;
	p->len = p->head_len = HEADERS + NIC_PROBE_SEGMENTS * SIZE;
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = SIZE;
	p->gso_segs = NIC_PROBE_SEGMENTS;
	p->l3_start = ETH_HEADER;
	p->csum_start = ETH_HEADER + IP4_HEADER_MIN;
	p->payload_start = HEADERS;
	ip = p->data + p->l3_start;
	tcp = p->data + p->csum_start;
	memset(p->data, 0, p->len);
	memcpy(p->data, nic->mac, sizeof(nic->mac));
	memcpy(p->data + sizeof(nic->mac), nic->mac, sizeof(nic->mac));
	store_be16(p->data + ETH_TYPE, ETH_TYPE_IP4);
	ip[0] = IP4_VERSION_IHL;
	ip[IP4_TTL] = 1;
	ip[IP4_PROTO] = PROTO_TCP;
	tcp[TCP_DOFF] = TCP_HEADER_MIN / 4 << 4;
	return p;
}
