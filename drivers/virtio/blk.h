/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's disk (virtio 1.2 5.2): one queue; reads, writes where the disk has memory
 * for them (blk_store.h), its name. There is no volatile cache, so FLUSH is not
 * offered (5.2.6): what was written is there.
 *
 * Requests are carried out on the calling core, in turns of so many bytes, and a long
 * one goes on in the next turn. All calls and hooks by one core at a time.
 */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include "drivers/virtio/blk_store.h"
#include "drivers/virtio/dev.h"

#define VIRTIO_BLK_RING_SIZE 128
/* Data of one turn; some 30 us of copying. */
#define VIRTIO_BLK_TURN_BYTES (256u * 1024)
/* Segments that a driver is asked to keep to (5.2.4): the chain has two more. */
#define VIRTIO_BLK_SEG_MAX (VIRTIO_BLK_RING_SIZE - 2)

/* Features (5.2.3). */
#define VIRTIO_BLK_F_SEG_MAX BIT64(2)
#define VIRTIO_BLK_F_RO BIT64(5)
#define VIRTIO_BLK_F_BLK_SIZE BIT64(6)
#define VIRTIO_BLK_F_TOPOLOGY BIT64(10)

/* Device configuration (5.2.4), as far as a feature of ours shows it. */
struct virtio_blk_config {
	u64 capacity; /* sectors */
	u32 size_max;
	u32 seg_max;
	u8 geometry[4];
	u32 blk_size; /* bytes */
	u8 physical_block_exp;
	u8 alignment_offset;
	u16 min_io_size;
	u32 opt_io_size;
};

STATIC_ASSERT(offsetof(struct virtio_blk_config, seg_max) == 12, "virtio 1.2 5.2.4");
STATIC_ASSERT(offsetof(struct virtio_blk_config, blk_size) == 20, "virtio 1.2 5.2.4");
STATIC_ASSERT(offsetof(struct virtio_blk_config, physical_block_exp) == 24, "virtio 1.2 5.2.4");
STATIC_ASSERT(sizeof(struct virtio_blk_config) == 32, "virtio 1.2 5.2.4");

/* What a request begins with (5.2.6); data and one byte of status follow. */
struct virtio_blk_header {
	u32 type;
	u32 reserved;
	u64 sector;
};

STATIC_ASSERT(sizeof(struct virtio_blk_header) == 16, "virtio 1.2 5.2.6");

enum virtio_blk_type { VIRTIO_BLK_T_IN = 0, VIRTIO_BLK_T_OUT = 1, VIRTIO_BLK_T_GET_ID = 8 };

enum virtio_blk_status { VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP };

#define VIRTIO_BLK_ID_BYTES 20

/* Why a request was refused. */
enum virtio_blk_refusal {
	VIRTIO_BLK_BAD_RANGE,	/* beyond the end of the disk */
	VIRTIO_BLK_BAD_LENGTH,	/* no multiple of a sector */
	VIRTIO_BLK_READ_ONLY,
	VIRTIO_BLK_FULL,	/* no memory left for what is written */
	VIRTIO_BLK_UNKNOWN,	/* a type of request that was not offered */
	VIRTIO_BLK_REFUSALS,
};

const char *virtio_blk_refusal_name(enum virtio_blk_refusal why);

struct virtio_blk {
	struct virtio_dev dev; /* hand it to virtio_pci_init() */
	struct virtq vq;
	struct virtio_blk_config config;
	struct blk_store *store;
	/* More is to be done than one turn may: have virtio_blk_poll() called again
	 * soon, not from here. */
	void (*more)(void *ctx);
	void *ctx;
	/* the request under way: `left` bytes of data, `off` into its part of the chain */
	bool busy;
	u8 status;
	u32 type;
	u32 off, left;
	u64 at; /* on the disk, bytes */
	u64 reads, writes, read_bytes, written_bytes;
	u64 refused[VIRTIO_BLK_REFUSALS];
	struct virtq_chain chain; /* of the request under way */
};

/* Prepare the device. b: zeroed, of the caller, as is store; name is kept, not copied,
 * and its first 20 bytes are what the guest sees as the disk's serial number. */
void virtio_blk_init(struct virtio_blk *b, const char *name, struct gmem *gm,
		     struct blk_store *store, void (*more)(void *ctx), void *ctx);

/* Carry out what waits, up to a turn's worth. */
void virtio_blk_poll(struct virtio_blk *b);

#endif
