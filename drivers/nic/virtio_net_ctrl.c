/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as a NIC: its control queue (virtio 1.2 5.1.6.5), one command at a time. */
#include "drivers/nic/virtio_net.h"

#include "hv/base/plat.h"

#define ANSWER_WAIT_NS 100000000ull

/* What stands in the queue's memory. */
struct command {
	struct virtio_net_ctrl_hdr hdr;
	u8 data;
	u8 ack;
};

STATIC_ASSERT(offsetof(struct command, data) == 2 && offsetof(struct command, ack) == 3,
	      "what the device reads is in one piece");

static err_t answer(struct vnic *v)
{
	u64 end = plat_now_ns() + ANSWER_WAIT_NS;
	err_t err;
	u16 slot;
	u32 len;

	while ((err = vnic_ring_take(&v->ctrl, &slot, &len)) == ERR_NOENT) {
		if (plat_now_ns() > end)
			return ERR_TIMEOUT;
		plat_relax();
	}
	return err;
}

err_t vnic_ctrl_promiscuous(struct vnic *v, bool on)
{
	struct command *c = (struct command *)(void *)v->ctrl_mem;
	struct vnic_piece piece[] = {
		{ v->ctrl_bus, offsetof(struct command, ack) },
		{ { v->ctrl_bus.v + offsetof(struct command, ack) }, sizeof(c->ack) },
	};
	err_t err;

	if (!(v->features & VIRTIO_NET_F_CTRL_RX))
		return ERR_NOTSUP;
	*c = (struct command){
		.hdr = { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC },
		.data = on,
		.ack = VIRTIO_NET_ERR,
	};
	(void)vnic_ring_irq(&v->ctrl, false);
	vnic_ring_add(&v->ctrl, piece, 1, 1);
	vnic_ring_show(&v->ctrl);
	err = answer(v);
	if (err)
		return err;
	return __atomic_load_n(&c->ack, __ATOMIC_ACQUIRE) == VIRTIO_NET_OK ? ERR_OK : ERR_IO;
}
