/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-console with a single port (virtio 1.2 5.3). */
#include "drivers/virtio/console.h"

#include "hv/base/str.h"

#define PCI_CLASS_COMMUNICATION_OTHER 0x078000

/* Output passes through the stack in pieces of this size. */
#define TX_PIECE 256u

static const u16 queue_sizes[VIRTIO_CONSOLE_QUEUES] = {
	[VIRTIO_CONSOLE_RX] = VIRTIO_CONSOLE_RING_SIZE,
	[VIRTIO_CONSOLE_TX] = VIRTIO_CONSOLE_RING_SIZE,
};

static struct virtio_console *console_of_dev(struct virtio_dev *d)
{
	return container_of(d, struct virtio_console, dev);
}

/* Print one chain. False when its memory is not the guest's. */
static bool print_chain(struct virtio_console *con)
{
	struct virtq *q = &con->vq[VIRTIO_CONSOLE_TX];
	const struct virtq_chain *c = &con->chain;
	u32 len = MIN(c->read_len, VIRTIO_CONSOLE_CHAIN_MAX);
	u8 piece[TX_PIECE];

	con->tx_cut += c->read_len - len;
	for (u32 off = 0; off < len;) {
		u32 part = MIN(len - off, TX_PIECE);

		if (virtq_chain_read(q, c, off, piece, part))
			return false;
		con->hooks->tx(con->hook_ctx, piece, part);
		con->tx_bytes += part;
		off += part;
	}
	return true;
}

void virtio_console_poll(struct virtio_console *con)
{
	struct virtio_dev *d = &con->dev;

	if (!virtio_dev_live(d))
		return;
	virtq_notify_off(&con->vq[VIRTIO_CONSOLE_TX]);
	for (u16 i = 0; i < VIRTIO_CONSOLE_RING_SIZE; i++) {
		if (virtio_dev_pop(d, VIRTIO_CONSOLE_TX, &con->chain))
			break;
		if (!print_chain(con)) {
			virtio_dev_check(d, VIRTIO_CONSOLE_TX);
			return;
		}
		virtq_push(&con->vq[VIRTIO_CONSOLE_TX], con->chain.head, 0);
	}
	virtio_dev_flush(d, VIRTIO_CONSOLE_TX);
	if (virtio_dev_notify_on(d, VIRTIO_CONSOLE_TX))
		con->hooks->more(con->hook_ctx);
}

/* Put bytes into one receive buffer. Returns how many, 0 when there is none. */
static u32 fill_buffer(struct virtio_console *con, const u8 *from, u32 len)
{
	struct virtq *q = &con->vq[VIRTIO_CONSOLE_RX];
	struct virtq_chain *c = &con->chain;
	u32 part;

	if (virtio_dev_pop(&con->dev, VIRTIO_CONSOLE_RX, c))
		return 0;
	part = MIN(len, c->write_len);
	if (part == 0)
		virtq_break(q, VIRTQ_BAD_CONTENT);
	else if (virtq_chain_write(q, c, 0, from, part))
		part = 0;
	if (part)
		virtq_push(q, c->head, part);
	else
		virtio_dev_check(&con->dev, VIRTIO_CONSOLE_RX);
	return part;
}

u32 virtio_console_input(struct virtio_console *con, const void *buf, u32 len)
{
	struct virtio_dev *d = &con->dev;
	const u8 *from = buf;
	u32 done = 0;
	u32 part;

	if (!virtio_dev_live(d))
		return 0;
	do {
		part = done < len ? fill_buffer(con, from + done, len - done) : 0;
		done += part;
		/* Ring empty: be told of new buffers, unless they are here already. */
	} while (part || (done < len && virtio_dev_notify_on(d, VIRTIO_CONSOLE_RX)));
	con->rx_bytes += done;
	virtio_dev_flush(d, VIRTIO_CONSOLE_RX);
	return done;
}

static void console_driver_ok(struct virtio_dev *d)
{
	struct virtio_console *con = console_of_dev(d);

	/* Chains may have been added before the driver was allowed to notify. */
	virtio_console_poll(con);
	con->hooks->rx_ready(con->hook_ctx);
}

static void console_kick(struct virtio_dev *d, u16 queue)
{
	struct virtio_console *con = console_of_dev(d);

	if (queue == VIRTIO_CONSOLE_TX)
		virtio_console_poll(con);
	else
		con->hooks->rx_ready(con->hook_ctx);
}

static void console_reset(struct virtio_dev *d)
{
	/* Nothing of the driver's is kept outside the queues. */
	(void)d;
}

static const struct virtio_dev_ops console_ops = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.class_code = PCI_CLASS_COMMUNICATION_OTHER,
	.driver_ok = console_driver_ok,
	.kick = console_kick,
	.reset = console_reset,
};

void virtio_console_init(struct virtio_console *con, const char *name, struct gmem *gm,
			 const struct virtio_console_hooks *hooks, void *hook_ctx)
{
	con->hooks = hooks;
	con->hook_ctx = hook_ctx;
	con->dev = (struct virtio_dev){
		.ops = &console_ops,
		.name = name,
		.gm = gm,
		.vq = con->vq,
		.vq_max = queue_sizes,
		.nvq = VIRTIO_CONSOLE_QUEUES,
		.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
		.broken_queue = VIRTIO_NO_QUEUE,
	};
}
