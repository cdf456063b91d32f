/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP client: the state machine of RFC 2131, section 4.4, without INIT-REBOOT.
 * Everything happens in dhcp_tick() or on a received answer; messages are
 * built and taken apart in dhcp_msg.c.
 */
#include "vnet/net/dhcp.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "vnet/net/dhcp_msg.h"
#include "vnet/net/net_priv.h"

#define NS_PER_S 1000000000ull
#define FIRST_PAUSE_S 4u   /* RFC 2131, 4.1: 4 s, doubled up to 64 s, +- 1 s */
#define LONGEST_PAUSE_S 64u
#define REQUEST_TRIES 4u
#define LEASE_FOREVER 0xffffffffu
#define LEASE_MIN_S 60u	   /* shorter ones are treated as this long */
#define RENEW_PAUSE_NS (60 * NS_PER_S) /* 4.4.5: not more often than this */

static void handle_burst(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n);

const char *dhcp_state_name(const struct netif *nif)
{
	static const char *const name[DHCP_STATES] = {
		[DHCP_OFF] = "off",
		[DHCP_SELECTING] = "asking",
		[DHCP_REQUESTING] = "requesting",
		[DHCP_BOUND] = "bound",
		[DHCP_RENEWING] = "renewing",
		[DHCP_REBINDING] = "rebinding",
	};

	return name[nif->dhcp.state];
}

/* splitmix64: spreads transaction ids and pauses, no secret depends on it. */
static u64 next_random(struct dhcp *d)
{
	u64 z = d->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static u64 pause(struct dhcp *d)
{
	u32 s = MIN(FIRST_PAUSE_S << MIN(d->tries, 4u), LONGEST_PAUSE_S);

	return s * NS_PER_S - NS_PER_S + next_random(d) % (2 * NS_PER_S);
}

/* --- out ----------------------------------------------------------------- */

static void send(struct netif *nif, u8 type, u64 now)
{
	struct dhcp *d = &nif->dhcp;
	struct dhcp_msg m = { .type = type, .xid = d->xid };
	struct udp_dst dst = {
		.addr = IP_BROADCAST,
		.sport = DHCP_CLIENT_PORT,
		.dport = DHCP_SERVER_PORT,
		.ttl = IP_TTL_DEFAULT,
		.flags = UDP_DST_CSUM,
	};
	u64 secs = (now - d->started_ns) / NS_PER_S;
	struct pkt *p = pkt_get(nif->setup.pool);

	if (!p) {
		nif->count.drop[NET_DROP_NO_PACKET]++;
		return;
	}
	m.secs = (u16)MIN(secs, 0xffffull);
	if (d->state == DHCP_RENEWING || d->state == DHCP_REBINDING) {
		m.ciaddr = nif->addr;
		if (d->state == DHCP_RENEWING)
			dst.addr = d->server;
	} else if (type == DHCP_REQUEST) {
		m.requested = d->offered;
		m.server = d->server;
	}
	dhcp_msg_build(p, &m, nif->setup.mac);
	d->sent++;
	udp_send_burst(nif, &dst, &p, 1);
}

static void discover(struct netif *nif, u64 now)
{
	struct dhcp *d = &nif->dhcp;

	d->state = DHCP_SELECTING;
	send(nif, DHCP_DISCOVER, now);
	d->next_ns = now + pause(d);
	d->tries++;
}

/* From the beginning; keeps the count of tries, so that pauses grow on. */
static void begin(struct netif *nif, u64 now)
{
	struct dhcp *d = &nif->dhcp;

	d->xid = (u32)next_random(d);
	d->started_ns = now;
	discover(nif, now);
}

static void lose_address(struct netif *nif)
{
	nif->mtu = nif->setup.mtu;
	netif_set_address(nif, 0, 0, 0);
}

err_t dhcp_start(struct netif *nif, u64 now_ns)
{
	err_t err = udp_bind(nif, DHCP_CLIENT_PORT, handle_burst, nif);

	if (err)
		return err;
	if (nif->addr)
		lose_address(nif);
	nif->dhcp.tries = 0;
	begin(nif, now_ns);
	return ERR_OK;
}

void dhcp_stop(struct netif *nif)
{
	if (nif->dhcp.state == DHCP_OFF)
		return;
	udp_unbind(nif, DHCP_CLIENT_PORT);
	nif->dhcp.state = DHCP_OFF;
	if (nif->addr)
		lose_address(nif);
}

/* --- time ---------------------------------------------------------------- */

/* 4.4.5: half of what is left until the limit, but a minute at least. */
static u64 retry_before(u64 now, u64 limit)
{
	u64 left = limit > now ? limit - now : 0;
	u64 wait = MAX(left / 2, RENEW_PAUSE_NS);

	return MIN(now + wait, limit);
}

static void lease_due(struct netif *nif, u64 now)
{
	struct dhcp *d = &nif->dhcp;

	if (now >= d->expire_ns) {
		log_warn(nif->setup.name, "DHCP lease has run out");
		lose_address(nif);
		d->tries = 0;
		begin(nif, now);
		return;
	}
	if (d->state == DHCP_BOUND) {
		d->xid = (u32)next_random(d);
		d->started_ns = now;
	}
	d->state = now >= d->rebind_ns ? DHCP_REBINDING : DHCP_RENEWING;
	send(nif, DHCP_REQUEST, now);
	d->next_ns = retry_before(now, d->state == DHCP_RENEWING ? d->rebind_ns : d->expire_ns);
}

void dhcp_tick(struct netif *nif, u64 now_ns)
{
	struct dhcp *d = &nif->dhcp;

	if (d->state == DHCP_OFF || now_ns < d->next_ns)
		return;
	switch (d->state) {
	case DHCP_SELECTING:
		if (d->tries == 1)
			log_warn(nif->setup.name, "no DHCP server answers; asking on");
		discover(nif, now_ns);
		break;
	case DHCP_REQUESTING:
		if (d->tries >= REQUEST_TRIES) {
			log_warn(nif->setup.name, "the DHCP server does not confirm its offer");
			d->tries = 0;
			begin(nif, now_ns);
			break;
		}
		send(nif, DHCP_REQUEST, now_ns);
		d->next_ns = now_ns + pause(d);
		d->tries++;
		break;
	default:
		lease_due(nif, now_ns);
		break;
	}
}

u64 dhcp_next_ns(const struct netif *nif)
{
	return nif->dhcp.state == DHCP_OFF ? UINT64_MAX : nif->dhcp.next_ns;
}

/* --- in ------------------------------------------------------------------ */

static void take_offer(struct netif *nif, const struct dhcp_msg *m, u64 now)
{
	struct dhcp *d = &nif->dhcp;

	d->offered = m->yiaddr;
	d->server = m->server;
	d->state = DHCP_REQUESTING;
	d->tries = 0;
	send(nif, DHCP_REQUEST, now);
	d->next_ns = now + pause(d);
	d->tries++;
}

static void set_timers(struct dhcp *d, const struct dhcp_msg *m, u64 now)
{
	u64 lease = MAX(m->lease_s, LEASE_MIN_S);
	u64 t1 = m->renew_s, t2 = m->rebind_s;

	if (m->lease_s == LEASE_FOREVER) {
		d->renew_ns = d->rebind_ns = d->expire_ns = UINT64_MAX;
		d->next_ns = UINT64_MAX;
		return;
	}
	/* 4.4.5: the server's times where they make sense, else 1/2 and 7/8. */
	if (t2 == 0 || t2 >= lease)
		t2 = lease * 7 / 8;
	if (t1 == 0 || t1 >= t2)
		t1 = MIN(lease / 2, t2 - 1);
	d->renew_ns = now + t1 * NS_PER_S;
	d->rebind_ns = now + t2 * NS_PER_S;
	d->expire_ns = now + lease * NS_PER_S;
	d->next_ns = d->renew_ns;
}

static void take_ack(struct netif *nif, const struct dhcp_msg *m, u64 now)
{
	struct dhcp *d = &nif->dhcp;
	u32 gateway = ((m->router ^ m->yiaddr) & m->mask) == 0 ? m->router : 0;
	u16 mtu = m->mtu >= NETIF_MTU_MIN ? MIN(m->mtu, nif->setup.mtu) : nif->setup.mtu;
	char ip[FMT_IP4_LEN];

	if (m->yiaddr != nif->addr || m->mask != nif->mask || gateway != nif->gateway ||
	    mtu != nif->mtu) {
		nif->mtu = mtu;
		if (netif_set_address(nif, m->yiaddr, m->mask, gateway) != ERR_OK) {
			/* Not an address for a host: wait, then ask again. */
			LOG_LIMITED(LOG_WARN, nif->setup.name, "DHCP offers %s: no host's address",
				    fmt_ip4(ip, m->yiaddr));
			d->bad++;
			d->state = DHCP_SELECTING;
			d->next_ns = now + pause(d);
			return;
		}
		log_info(nif->setup.name, "DHCP gave %s", fmt_ip4(ip, m->yiaddr));
	}
	d->server = m->server ? m->server : d->server;
	d->state = DHCP_BOUND;
	d->tries = 0;
	set_timers(d, m, now);
}

static void take_nak(struct netif *nif, u64 now)
{
	struct dhcp *d = &nif->dhcp;

	log_warn(nif->setup.name, "DHCP server refused our address");
	if (nif->addr)
		lose_address(nif);
	d->state = DHCP_SELECTING;
	d->xid = (u32)next_random(d);
	d->started_ns = now;
	/* Not at once: a server that refuses always must not be flooded. */
	d->tries = 0;
	d->next_ns = now + pause(d);
}

static void handle(struct netif *nif, const struct pkt *p)
{
	struct dhcp *d = &nif->dhcp;
	u64 now = plat_now_ns();
	struct dhcp_msg m;

	if (dhcp_msg_for_other(p, nif->setup.mac)) {
		d->ignored++;
		return;
	}
	if (!dhcp_msg_parse(p, nif->setup.mac, &m)) {
		LOG_LIMITED(LOG_WARN, nif->setup.name, "malformed DHCP message ignored");
		d->bad++;
		return;
	}
	if (m.xid != d->xid) {
		d->ignored++;
		return;
	}
	if (d->state == DHCP_SELECTING && m.type == DHCP_OFFER)
		take_offer(nif, &m, now);
	else if (d->state == DHCP_REQUESTING && m.server != d->server)
		d->ignored++; /* another server's */
	else if (d->state != DHCP_REQUESTING && d->state != DHCP_RENEWING &&
		 d->state != DHCP_REBINDING)
		d->ignored++;
	else if (m.type == DHCP_ACK &&
		 m.yiaddr == (d->state == DHCP_REQUESTING ? d->offered : nif->addr))
		take_ack(nif, &m, now);
	else if (m.type == DHCP_NAK)
		take_nak(nif, now);
	else
		d->ignored++;
}

static void handle_burst(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	struct netif *nif = ctx;

	for (u32 i = 0; i < n; i++) {
		if (run->sport[i] == DHCP_SERVER_PORT)
			handle(nif, pkts[i]);
		else
			nif->dhcp.ignored++;
		pkt_put(pkts[i]);
	}
}
