/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as a NIC: its control queue (virtio 1.2 5.1.6.5), one command at a time. */
#include "drivers/nic/virtio_net.h"

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"

#define ANSWER_WAIT_NS 100000000ull

/* Of receive-side scaling (5.1.4.1: a device takes at least so much). */
#define RSS_KEY 40u
#define RSS_TABLE 128u
/* struct virtio_net_rss_config (5.1.6.5.7): what stands in front of the table, and, without the
 * key, behind it. */
#define RSS_HEAD 8u
#define RSS_TAIL 3u
#define RSS_BYTES (RSS_HEAD + 2 * RSS_TABLE + RSS_TAIL + RSS_KEY)

/* What stands in the queue's memory. */
struct vnic_ctrl_mem {
	u8 ack;
	u8 pad[5];
	struct virtio_net_ctrl_hdr hdr;
	u8 data[RSS_BYTES];
};

STATIC_ASSERT(offsetof(struct vnic_ctrl_mem, data) ==
	      offsetof(struct vnic_ctrl_mem, hdr) + sizeof(struct virtio_net_ctrl_hdr),
	      "what the device reads is in one piece");

err_t vnic_ctrl_alloc(struct vnic *v)
{
	v->ctrl_mem = v->res.dma_alloc(sizeof(*v->ctrl_mem), &v->ctrl_bus);
	return v->ctrl_mem ? ERR_OK : ERR_NOMEM;
}

void vnic_ctrl_free(struct vnic *v)
{
	if (v->ctrl_mem)
		v->res.dma_free(v->ctrl_mem, sizeof(*v->ctrl_mem));
}

static err_t answer(struct vnic *v)
{
	u64 end = plat_now_ns() + ANSWER_WAIT_NS;
	u32 slot, len;

	while (!vnic_ring_has_used(&v->ctrl)) {
		if (plat_now_ns() > end)
			return ERR_TIMEOUT;
		plat_relax();
	}
	return vnic_ring_take(&v->ctrl, &slot, &len);
}

/* With so many bytes of data, which are there. */
static err_t command(struct vnic *v, u8 class, u8 what, u32 bytes)
{
	struct vnic_chain c = vnic_chain_begin(&v->ctrl);
	struct vnic_ctrl_mem *m = v->ctrl_mem;
	err_t err;

	m->hdr = (struct virtio_net_ctrl_hdr){ class, what };
	m->ack = VIRTIO_NET_ERR;
	vnic_chain_add(&c, (bus_t){ v->ctrl_bus.v + offsetof(struct vnic_ctrl_mem, hdr) },
		       (u32)sizeof(m->hdr) + bytes, 0);
	vnic_chain_add(&c, (bus_t){ v->ctrl_bus.v + offsetof(struct vnic_ctrl_mem, ack) },
		       sizeof(m->ack), VRING_DESC_F_WRITE);
	vnic_ring_add(&v->ctrl, &c);
	(void)vnic_ring_irq(&v->ctrl, false);
	vnic_ring_show(&v->ctrl);
	err = answer(v);
	if (err)
		return err;
	return __atomic_load_n(&m->ack, __ATOMIC_ACQUIRE) == VIRTIO_NET_OK ? ERR_OK : ERR_IO;
}

err_t vnic_ctrl_promiscuous(struct vnic *v, bool on)
{
	if (!(v->features & VIRTIO_NET_F_CTRL_RX))
		return ERR_NOTSUP;
	v->ctrl_mem->data[0] = on;
	return command(v, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1);
}

/* --- several queues ------------------------------------------------------------------- */

/* The device can do what is wanted of it, by registers that are there with the feature. */
static bool has_rss(const struct vnic *v)
{
	const struct vnic_regs *r = &v->regs;

	return (v->features & VIRTIO_NET_F_RSS) &&
	       vnic_config(r, VIRTIO_NET_CONFIG_RSS_KEY, 1) >= RSS_KEY &&
	       vnic_config(r, VIRTIO_NET_CONFIG_RSS_TABLE, 2) >= RSS_TABLE &&
	       (vnic_config(r, VIRTIO_NET_CONFIG_HASH_TYPES, 4) & VIRTIO_NET_HASH_TYPE_UDP4);
}

/* Whole datagrams by their addresses and ports over all queues, all else to queue 0. */
static err_t spread(struct vnic *v)
{
	/* Any key but 0 spreads flows; these are the first digits of e. */
	static const u8 key[RSS_KEY] = {
		0xb7, 0xe1, 0x51, 0x62, 0x8a, 0xed, 0x2a, 0x6a, 0xbf, 0x71, 0x58, 0x80, 0x9c, 0xf4,
		0xf3, 0xc7, 0x62, 0xe7, 0x16, 0x0f, 0x38, 0xb4, 0xda, 0x56, 0xa7, 0x84, 0xd9, 0x04,
		0x51, 0x90, 0xcf, 0xef, 0x32, 0x4e, 0x77, 0x38, 0x92, 0x6c, 0xfb, 0xe5,
	};
	u8 *d = v->ctrl_mem->data;

	store_le32(d, VIRTIO_NET_HASH_TYPE_UDP4);
	store_le16(d + 4, RSS_TABLE - 1); /* mask */
	store_le16(d + 6, 0);		     /* queue of what has no such hash */
	d += RSS_HEAD;
	for (u32 i = 0; i < RSS_TABLE; i++, d += 2)
		store_le16(d, (u16)(i % v->queues));
	store_le16(d, (u16)v->queues); /* that are sent by */
	d[2] = RSS_KEY;
	memcpy(d + RSS_TAIL, key, RSS_KEY);
	return command(v, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
		       RSS_BYTES);
}

err_t vnic_ctrl_queues(struct vnic *v, bool *rss)
{
	err_t err;

	*rss = false;
	if (v->queues == 1)
		return ERR_OK;
	if (has_rss(v)) {
		err = spread(v);
		*rss = !err;
		/* QEMU refuses where its back end cannot do it. */
		if (err != ERR_IO || !(v->features & VIRTIO_NET_F_MQ))
			return err;
	}
	if (!(v->features & VIRTIO_NET_F_MQ))
		return ERR_NOTSUP;
	store_le16(v->ctrl_mem->data, (u16)v->queues);
	return command(v, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, sizeof(u16));
}
