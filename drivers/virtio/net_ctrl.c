/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net: the control queue (virtio 1.2 5.1.6.5). Drivers take an error
 * here badly, so every command that asks for what is so anyway is
 * acknowledged; only what would really be different is refused.
 */
#include "drivers/virtio/net_priv.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"

/* The longest data a command is looked into for; MAC tables are not. */
#define CTRL_DATA_MAX 8

/*
 * Rounds a single notification may last: a second vCPU that keeps adding
 * commands meanwhile must not hold this core. Drivers wait for each answer.
 */
#define CTRL_ROUNDS 2

struct command {
	struct virtio_net_ctrl_hdr hdr;
	u8 data[CTRL_DATA_MAX]; /* zero behind len */
	u32 len;		/* of data, at most CTRL_DATA_MAX */
};

static bool ctrl_mac(struct virtio_net *net, const struct command *c)
{
	if (c->hdr.command == VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return true;
	/* The interface's address is the overlay's to give (CTRL_MAC_ADDR is
	 * not offered). */
	return c->hdr.command == VIRTIO_NET_CTRL_MAC_ADDR_SET && c->len >= 6 &&
	       memcmp(c->data, net->config.mac, 6) == 0;
}

static bool ctrl_announce(struct virtio_net *net, const struct command *c)
{
	if (c->hdr.command != VIRTIO_NET_CTRL_ANNOUNCE_ACK)
		return false;
	net->config.status &= (u16)~VIRTIO_NET_S_ANNOUNCE;
	return true;
}

/* How many pairs the driver receives by (5.1.6.5.5). */
static bool ctrl_pairs(struct virtio_net *net, const struct command *c)
{
	u16 n = load_le16(c->data);

	if (c->hdr.command != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || c->len < sizeof(n) || !n)
		return false;
	if (n > (virtio_dev_has(&net->dev, VIRTIO_NET_F_MQ) ? net->pairs : 1))
		return false;
	net_use_pairs(net, n);
	return true;
}

static bool ctrl_command(struct virtio_net *net, const struct command *c)
{
	switch (c->hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		return c->hdr.command <= VIRTIO_NET_CTRL_RX_NOBCAST;
	case VIRTIO_NET_CTRL_MAC:
		return ctrl_mac(net, c);
	case VIRTIO_NET_CTRL_VLAN:
		return c->hdr.command == VIRTIO_NET_CTRL_VLAN_ADD ||
		       c->hdr.command == VIRTIO_NET_CTRL_VLAN_DEL;
	case VIRTIO_NET_CTRL_ANNOUNCE:
		return ctrl_announce(net, c);
	case VIRTIO_NET_CTRL_MQ:
		return ctrl_pairs(net, c);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return c->hdr.command == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET &&
		       load_le64(c->data) == 0;
	default:
		return false;
	}
}

/* One chain: header and data to read, one status byte to write. */
static enum virtq_fault ctrl_one(struct virtio_net *net, const struct virtq_chain *chain)
{
	struct virtq *q = &net->vq[net_ctrl_queue(net)];
	struct command c = { .len = 0 };
	u8 ack;

	if (chain->read_len < sizeof(c.hdr) || chain->write_len < sizeof(ack))
		return VIRTQ_BAD_CONTENT;
	c.len = MIN(chain->read_len - (u32)sizeof(c.hdr), (u32)CTRL_DATA_MAX);
	if (virtq_chain_read(q, chain, 0, &c.hdr, sizeof(c.hdr)) ||
	    virtq_chain_read(q, chain, sizeof(c.hdr), c.data, c.len))
		return VIRTQ_BAD_BUFFER;
	ack = ctrl_command(net, &c) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	if (virtq_chain_write(q, chain, 0, &ack, sizeof(ack)))
		return VIRTQ_BAD_BUFFER;
	net->ctrl_commands++;
	if (ack != VIRTIO_NET_OK)
		net->ctrl_refused++;
	virtq_push(q, chain->head, sizeof(ack));
	return VIRTQ_OK;
}

void net_ctrl_run(struct virtio_net *net)
{
	struct virtio_dev *d = &net->dev;
	struct virtq_chain *chain = &net->ctrl_chain;
	u16 queue = net_ctrl_queue(net);
	u32 round = 0;

	do {
		for (u16 i = 0; i < VIRTIO_NET_CTRL_SIZE; i++) {
			enum virtq_fault fault;

			if (virtio_dev_pop(d, queue, chain))
				break;
			fault = ctrl_one(net, chain);
			if (fault) {
				virtq_break(&net->vq[queue], fault);
				virtio_dev_check(d, queue);
				return;
			}
		}
		virtio_dev_flush(d, queue);
	} while (virtio_dev_notify_on(d, queue) && ++round < CTRL_ROUNDS);
}
