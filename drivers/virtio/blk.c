/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-blk (virtio 1.2 5.2). */
#include "drivers/virtio/blk.h"

#include "hv/base/str.h"

#define PCI_CLASS_STORAGE_OTHER 0x018000

#define HEADER_BYTES ((u32)sizeof(struct virtio_blk_header))
#define STATUS_BYTES 1u

static const u16 queue_size = VIRTIO_BLK_RING_SIZE;

const char *virtio_blk_refusal_name(enum virtio_blk_refusal why)
{
	static const char *const names[VIRTIO_BLK_REFUSALS] = {
		[VIRTIO_BLK_BAD_RANGE] = "beyond-end",
		[VIRTIO_BLK_BAD_LENGTH] = "bad-length",
		[VIRTIO_BLK_READ_ONLY] = "read-only",
		[VIRTIO_BLK_FULL] = "overlay-full",
		[VIRTIO_BLK_UNKNOWN] = "unknown-type",
	};

	return why < VIRTIO_BLK_REFUSALS ? names[why] : "unknown";
}

static struct virtio_blk *blk_of_dev(struct virtio_dev *d)
{
	return container_of(d, struct virtio_blk, dev);
}

/* The request ends here, with nothing more copied. */
static void refuse(struct virtio_blk *b, enum virtio_blk_refusal why)
{
	b->refused[why]++;
	b->status = why == VIRTIO_BLK_UNKNOWN ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	b->left = 0;
}

/* Reads and writes: whole sectors that the disk has (5.2.6.2). */
static void begin_transfer(struct virtio_blk *b, u64 sector, u32 len)
{
	u64 bytes = b->store->bytes;

	b->left = len;
	if (len % BLK_SECTOR)
		refuse(b, VIRTIO_BLK_BAD_LENGTH);
	else if (sector > bytes / BLK_SECTOR || len > bytes - sector * BLK_SECTOR)
		refuse(b, VIRTIO_BLK_BAD_RANGE);
	else if (b->type == VIRTIO_BLK_T_OUT && !b->store->map)
		refuse(b, VIRTIO_BLK_READ_ONLY);
	b->at = sector * BLK_SECTOR;
}

/* The disk's name, padded with zeros (5.2.6.1). */
static void give_id(struct virtio_blk *b)
{
	char id[VIRTIO_BLK_ID_BYTES] = { 0 };
	u32 n = MIN((u32)sizeof(id), b->chain.write_len - STATUS_BYTES);

	memcpy(id, b->dev.name, MIN(strlen(b->dev.name), sizeof(id)));
	if (n)
		(void)virtq_chain_write(&b->vq, &b->chain, 0, id, n);
	b->off = n;
}

/* Take the next request. False when there is none, or one that breaks the ring. */
static bool begin(struct virtio_blk *b)
{
	struct virtq_chain *c = &b->chain;
	struct virtio_blk_header h;

	if (virtio_dev_pop(&b->dev, 0, c))
		return false;
	if (c->read_len < HEADER_BYTES || c->write_len < STATUS_BYTES) {
		virtq_break(&b->vq, VIRTQ_BAD_CONTENT);
		return false;
	}
	if (virtq_chain_read(&b->vq, c, 0, &h, HEADER_BYTES))
		return false;
	b->busy = true;
	b->status = VIRTIO_BLK_S_OK;
	b->type = h.type;
	b->off = 0;
	b->left = 0;
	switch (h.type) {
	case VIRTIO_BLK_T_IN:
		b->reads++;
		begin_transfer(b, h.sector, c->write_len - STATUS_BYTES);
		break;
	case VIRTIO_BLK_T_OUT:
		b->writes++;
		begin_transfer(b, h.sector, c->read_len - HEADER_BYTES);
		break;
	case VIRTIO_BLK_T_GET_ID:
		give_id(b);
		break;
	default:
		refuse(b, VIRTIO_BLK_UNKNOWN);
		break;
	}
	return true;
}

/* Copy one run of bytes, at most `most`. Returns how many, 0 when the request has ended
 * or the ring is broken. */
static u32 copy_run(struct virtio_blk *b, u32 most)
{
	struct virtq_chain *c = &b->chain;
	u64 run;
	err_t err;

	if (b->type == VIRTIO_BLK_T_IN) {
		const u8 *from = blk_store_read(b->store, b->at, MIN(b->left, most), &run);

		err = virtq_chain_write(&b->vq, c, b->off, from, (u32)run);
		b->read_bytes += run;
	} else {
		u8 *to = blk_store_write(b->store, b->at, MIN(b->left, most), &run);

		if (!to) {
			refuse(b, VIRTIO_BLK_FULL);
			return 0;
		}
		err = virtq_chain_read(&b->vq, c, HEADER_BYTES + b->off, to, (u32)run);
		b->written_bytes += run;
	}
	if (err)
		return 0;
	b->at += run;
	b->off += (u32)run;
	b->left -= (u32)run;
	return (u32)run;
}

/* The status is the last byte of all that the device may write; what is reported as
 * written begins with the first (2.7.8.2). */
static void finish(struct virtio_blk *b)
{
	u32 written = b->type == VIRTIO_BLK_T_OUT ? 0 : b->off;
	u32 at = b->chain.write_len - STATUS_BYTES;

	b->busy = false;
	if (virtq_chain_write(&b->vq, &b->chain, at, &b->status, STATUS_BYTES))
		return;
	virtq_push(&b->vq, b->chain.head, written == at ? at + STATUS_BYTES : written);
}

void virtio_blk_poll(struct virtio_blk *b)
{
	u32 budget = VIRTIO_BLK_TURN_BYTES;
	bool over = false;

	if (!virtio_dev_live(&b->dev))
		return;
	virtq_notify_off(&b->vq);
	for (u32 i = 0; i < VIRTIO_BLK_RING_SIZE && !over; i++) {
		if (!b->busy && !begin(b))
			break;
		while (b->left && budget && !b->vq.fault)
			budget -= copy_run(b, budget);
		over = b->left != 0;
		if (!over && !b->vq.fault)
			finish(b);
	}
	virtio_dev_check(&b->dev, 0);
	virtio_dev_flush(&b->dev, 0);
	if (!virtio_dev_live(&b->dev))
		return;
	if (b->busy || virtio_dev_notify_on(&b->dev, 0))
		b->more(b->ctx);
}

static void blk_kick(struct virtio_dev *d, u16 queue)
{
	(void)queue;
	virtio_blk_poll(blk_of_dev(d));
}

/* Requests may have been added before the driver was allowed to notify. */
static void blk_driver_ok(struct virtio_dev *d)
{
	virtio_blk_poll(blk_of_dev(d));
}

static void blk_reset(struct virtio_dev *d)
{
	blk_of_dev(d)->busy = false;
	blk_of_dev(d)->left = 0;
}

static const struct virtio_dev_ops blk_ops = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.class_code = PCI_CLASS_STORAGE_OTHER,
	.driver_ok = blk_driver_ok,
	.kick = blk_kick,
	.reset = blk_reset,
};

void virtio_blk_init(struct virtio_blk *b, const char *name, struct gmem *gm,
		     struct blk_store *store, void (*more)(void *ctx), void *ctx)
{
	b->store = store;
	b->more = more;
	b->ctx = ctx;
	b->config = (struct virtio_blk_config){
		.capacity = store->bytes / BLK_SECTOR,
		.seg_max = VIRTIO_BLK_SEG_MAX,
		.blk_size = BLK_SECTOR,
		/* Writes of whole blocks of the overlay need no copying. */
		.physical_block_exp = BLK_STORE_BLOCK_SHIFT - 9,
		.min_io_size = BLK_STORE_BLOCK / BLK_SECTOR,
	};
	b->dev = (struct virtio_dev){
		.ops = &blk_ops,
		.name = name,
		.gm = gm,
		.config = &b->config,
		.config_len = sizeof(b->config),
		.vq = &b->vq,
		.vq_max = &queue_size,
		.nvq = 1,
		.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
			   VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY |
			   (store->map ? 0 : VIRTIO_BLK_F_RO),
		.broken_queue = VIRTIO_NO_QUEUE,
	};
}
