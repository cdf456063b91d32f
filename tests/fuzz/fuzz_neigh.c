/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of ARP and neighbour discovery from anybody, and answers to them. The
 * input is a list of records {u8 what, u8 length, bytes}: a frame as it is, or with
 * its checksum put right. What is answered must be an answer by the same reader.
 */
#include <stdlib.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/epoch.h"
#include "vnet/neigh.h"
#include "vnet/net/checksum.h"

#define RECORD_HEAD 2u
#define FIX 1u	  /* what: the checksum */
#define SECOND 2u /* what: time passes first */
#define ND (ETH_HLEN + IP6_HLEN)
#define PORTS 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix(struct pkt *p)
{
	u32 len = p->len - MIN(p->len, ND);
	u64 sum = csum_add(0, p->data + ETH_HLEN + IP6_SRC, IP6_ADDRS);

	if (len < ICMP_HLEN || load_be16(p->data + ETH_TYPE) != ETH_TYPE_IPV6)
		return;
	store_be16(p->data + ETH_HLEN + IP6_LEN, (u16)len);
	store_be16(p->data + ND + ICMP_CSUM, 0);
	sum = csum_add_pseudo(sum, 0, 0, NEXT_ICMP6, len);
	csum_store(p->data + ND + ICMP_CSUM, csum_finish(csum_add(sum, p->data + ND, len)));
}

static void one(struct neigh *n, struct pkt *p, u16 port)
{
	struct neigh_msg m, back;
	struct neigh_entry e;
	bool arp;

	if (p->len < ETH_HLEN || !neigh_maybe(p->data) || !neigh_read(p, &m))
		return;
	ASSERT(m.says || m.asks);
	if (m.says)
		neigh_note(n, &m, port, 3);
	if (!m.asks || !neigh_find(n, &m, &e) || !neigh_use(n, &m))
		return;
	arp = load_be16(p->data + ETH_TYPE) == ETH_TYPE_ARP;
	neigh_reply(p, &m, e.mac, e.router);
	ASSERT(neigh_read(p, &back) && back.says && !back.asks && back.weak == !arp);
	ASSERT(back.router == e.router && !memcmp(back.ip, m.target, NEIGH_IP_LEN));
	ASSERT(!memcmp(back.mac, e.mac, ETH_ALEN) && !memcmp(p->data, m.mac, ETH_ALEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neigh *n = neigh_new(1);
	struct neigh_stats s;
	struct pkt_pool pool;
	u64 now = 1;

	fake_pool_init(&pool, "pool", 0, 1);
	while (size >= RECORD_HEAD) {
		u32 len = MIN((u32)(size - RECORD_HEAD), (u32)data[1]);
		struct pkt *p = pkt_get(&pool);
		u8 what = data[0];

		memcpy(p->data, data + RECORD_HEAD, len);
		p->head_len = p->len = len;
		if (what & SECOND)
			neigh_tick(n, ++now);
		if (what & FIX)
			fix(p);
		one(n, p, (u16)(1 + (what >> 2) % PORTS));
		pkt_put(p);
		data += RECORD_HEAD + len;
		size -= RECORD_HEAD + len;
	}
	neigh_stats(n, &s);
	ASSERT(s.known <= 3 * PORTS && neigh_flush(n, VNET_PORT_NONE) == s.known);
	neigh_retire(n);
	epoch_reclaim();
	fake_pool_fini(&pool);
	return 0;
}
