/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical NICs: what the configuration says of them. */
#include "hv/uplink.h"

#include <arch/cpu.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/link_net.h"
#include "hv/netcore.h"
#include "hv/uplink_priv.h"
#include "hv/uplink_queue.h"

#define USUAL_MTU 1500u

static struct uplink uplinks[UPLINK_MAX];

struct uplink *uplink_at(u32 i)
{
	return i < UPLINK_MAX ? &uplinks[i] : NULL;
}

struct uplink *uplink_towards(u32 ip)
{
	for (u32 i = 0; ip && i < UPLINK_MAX; i++) {
		const struct netif *nif = &uplinks[i].netif;

		if (uplinks[i].state == UPLINK_UP && nif->addr &&
		    (nif->addr & nif->mask) == (ip & nif->mask))
			return &uplinks[i];
	}
	return &uplinks[0];
}

u32 uplink_guest_mtu(void)
{
	u32 mtu = UINT32_MAX;

	for (u32 i = 0; i < UPLINK_MAX; i++)
		if (uplinks[i].state == UPLINK_UP)
			mtu = MIN(mtu, uplinks[i].netif.mtu);
	return (mtu == UINT32_MAX ? USUAL_MTU : mtu) - LINK_IP_UDP_HEADER - LINK_ETH_HEADER;
}

const char *uplink_irq_name(const struct uplink *up)
{
	return up->polled ? "polled" : pci_irq_name(up->irq);
}

/* --- what the stack asks and says ------------------------------------------------- */

static void address_changed(void *ctx, struct netif *nif)
{
	struct uplink *up = ctx;
	char addr[FMT_IP4_LEN], gateway[FMT_IP4_LEN];

	uplink_queues_tell(up);
	if (nif->addr)
		log_info("uplink", "%u: address %s/%u, gateway %s", up->index,
			 fmt_ip4(addr, nif->addr), (u32)__builtin_popcount(nif->mask),
			 nif->gateway ? fmt_ip4(gateway, nif->gateway) : "none");
	else
		log_warn("uplink", "%u: no address", up->index);
}

static bool path_told(void *ctx, u32 dst, u16 sport, u16 dport, u16 mtu)
{
	struct uplink *up = ctx;
	bool believed = edge_path_told(up->index, dst, sport, dport, mtu);

	if (believed)
		link_net_refresh(up);
	return believed;
}

/* What the NIC does with offload fields, in the stack's words. */
static u32 stack_caps(const struct uplink *up)
{
	u32 caps = 0;

	if (up->nic.caps & NIC_CAP_TSO)
		caps |= PKT_CAP_TSO4 | PKT_CAP_TSO6 | PKT_CAP_EVEN;
	if (up->nic.caps & NIC_CAP_CSUM)
		caps |= PKT_CAP_CSUM;
	return caps;
}

/* --- statements --------------------------------------------------------------------- */

static err_t set_address(struct uplink *up, const struct uplink_config *cfg, char *why, size_t size)
{
	err_t err;

	dhcp_stop(&up->netif);
	if (cfg->dhcp)
		err = dhcp_start(&up->netif, plat_now_ns());
	else
		err = netif_set_address(&up->netif, cfg->addr, cfg->mask, cfg->gateway);
	if (err) {
		fmt_snprintf(why, size, "address, mask and gateway do not fit together");
		return err;
	}
	up->cfg = *cfg;
	return ERR_OK;
}

/* One whose NIC did not come up gets another chance. */
static struct uplink *present(u32 i, char *why, size_t size)
{
	struct uplink *up = uplink_at(i);

	if (!up) {
		fmt_snprintf(why, size, "a node uses up to %u uplinks: 0 to %u", UPLINK_MAX,
			     UPLINK_MAX - 1);
		return NULL;
	}
	if (up->state == UPLINK_ABSENT && up->func)
		uplink_attach(up);
	if (up->state == UPLINK_ABSENT) {
		fmt_snprintf(why, size, "%s", up->why);
		return NULL;
	}
	return up;
}

static struct uplink *in_use(u32 i, const char *hint, char *why, size_t size)
{
	struct uplink *up = present(i, why, size);

	if (up && up->state != UPLINK_UP) {
		fmt_snprintf(why, size, "uplink %u is not in use%s", i, hint);
		return NULL;
	}
	return up;
}

/* Another uplink on the same subnet would be ambiguous to links that name none. */
static const struct uplink *same_subnet(u32 i, const struct uplink_config *cfg)
{
	for (u32 k = 0; !cfg->dhcp && k < UPLINK_MAX; k++) {
		const struct uplink *up = &uplinks[k];
		u32 mask = cfg->mask & up->netif.mask;

		if (k != i && up->state == UPLINK_UP && up->netif.addr &&
		    (up->netif.addr & mask) == (cfg->addr & mask))
			return up;
	}
	return NULL;
}

static void say_same_subnet(u32 i, const struct uplink_config *cfg)
{
	const struct uplink *other = same_subnet(i, cfg);

	if (other)
		log_warn("uplink", "%u: its subnet is uplink %u's, too: links that name no uplink "
			 "take the lower one", i, other->index);
}

static err_t start_stack(struct uplink *up, const struct uplink_config *cfg, char *why, size_t size)
{
	struct netif_setup setup = {
		.name = up->nic.name,
		.mtu = (u16)MIN(cfg->mtu, up->nic.max_frame - LINK_ETH_HEADER),
		.caps = stack_caps(up),
		.tx = uplink_tx,
		.tx_room = uplink_tx_room,
		.tx_ctx = up,
		.pool = netcore_pool(0),
		.frag_packets = UPLINK_RX_PACKETS / 4,
		.seed = rdtsc() ^ up->index,
		.address_changed = address_changed,
		.path_mtu = path_told,
		.ctx = up,
	};
	err_t err;

	if (setup.mtu < cfg->mtu) {
		fmt_snprintf(why, size, "this NIC carries at most %u bytes", setup.mtu);
		return ERR_RANGE;
	}
	memcpy(setup.mac, up->nic.mac, sizeof(setup.mac));
	err = netif_init(&up->netif, &setup);
	if (err) {
		fmt_snprintf(why, size, "%s", err_str(err));
		return err;
	}
	uplink_queues_netif(up);
	err = set_address(up, cfg, why, size);
	if (err)
		netif_fini(&up->netif);
	return err;
}

err_t uplink_add(u32 i, const struct uplink_config *cfg, char *why, size_t size)
{
	struct uplink *up = present(i, why, size);
	err_t err;

	if (!up)
		return i < UPLINK_MAX ? ERR_NOENT : ERR_NOTSUP;
	if (up->state == UPLINK_UP) {
		fmt_snprintf(why, size, "uplink %u is there already", i);
		return ERR_EXIST;
	}
	if (cfg->queues > 1 && cfg->poll) {
		fmt_snprintf(why, size, "several queues interrupt; they are not polled");
		return ERR_FULL;
	}
	err = uplink_use_queues(up, cfg->queues, why, size);
	if (!err)
		err = start_stack(up, cfg, why, size);
	if (err)
		return err;
	say_same_subnet(i, cfg);
	up->state = UPLINK_UP;
	uplink_run_use(up, true);
	return ERR_OK;
}

err_t uplink_set(u32 i, const struct uplink_config *cfg, char *why, size_t size)
{
	struct uplink *up = in_use(i, "; add it first", why, size);
	struct uplink_config now = *cfg;
	err_t err;

	if (!up)
		return i < UPLINK_MAX ? ERR_NOENT : ERR_NOTSUP;
	/* The rest stays as it is. */
	now.mtu = up->cfg.mtu;
	now.poll = up->cfg.poll;
	now.queues = up->cfg.queues;
	err = set_address(up, &now, why, size);
	if (err)
		return err;
	say_same_subnet(i, cfg);
	uplink_flush(up);
	return ERR_OK;
}

err_t uplink_may_go(u32 i, char *why, size_t size)
{
	struct uplink *up = in_use(i, "", why, size);

	if (!up)
		return i < UPLINK_MAX ? ERR_NOENT : ERR_NOTSUP;
	if (up->links) {
		fmt_snprintf(why, size, "%u links use it; delete them first", up->links);
		return ERR_BUSY;
	}
	return ERR_OK;
}

err_t uplink_del(u32 i, char *why, size_t size)
{
	struct uplink *up = uplink_at(i);
	err_t err = uplink_may_go(i, why, size);

	if (err)
		return err;
	err = uplink_queues_stop(up);
	if (err) {
		uplink_queues_go(up);
		fmt_snprintf(why, size, "a core does not leave its queue");
		return err;
	}
	netif_fini(&up->netif);
	up->state = UPLINK_FOUND;
	while (uplink_queues_relayed(up))
		;
	uplink_run_use(up, false);
	return ERR_OK;
}
