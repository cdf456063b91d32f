/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk holds: an image that is never written, so that any number of disks
 * share it, and, where the disk may be written, blocks in memory that stand in
 * place of those of the image (copy on write). What was written is forgotten as a
 * whole.
 *
 *     map[block]   0: as in the image    n: pool block n - 1
 *
 * Memory is bounded by what the caller gave; nothing is allocated later. One core at
 * a time.
 */
#ifndef DRIVERS_VIRTIO_BLK_STORE_H
#define DRIVERS_VIRTIO_BLK_STORE_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define BLK_SECTOR 512u
#define BLK_STORE_BLOCK_SHIFT 12
#define BLK_STORE_BLOCK (1u << BLK_STORE_BLOCK_SHIFT)

struct blk_store {
	const u8 *image;
	u64 image_bytes;
	u64 bytes; /* of the disk: image_bytes rounded up to whole sectors; 0 behind the image */
	u32 *map;  /* NULL: read-only */
	u8 *pool;
	u32 pool_blocks, used;
};

/* Entries of the map for an image of so many bytes. */
static inline u64 blk_store_blocks(u64 image_bytes)
{
	return (image_bytes + BLK_STORE_BLOCK - 1) >> BLK_STORE_BLOCK_SHIFT;
}

/*
 * A disk of this image. map: blk_store_blocks() zeros, pool: pool_blocks blocks; both
 * NULL for a disk that is read-only. All stay the caller's, and valid.
 */
void blk_store_init(struct blk_store *s, const void *image, u64 image_bytes, u32 *map, void *pool,
		    u32 pool_blocks);

/* As it was at first. Takes as long as the map is large. */
void blk_store_discard(struct blk_store *s);

/*
 * The disk's bytes from `at` on: *run of them, at least one and at most len, are where
 * the result points. at + len <= bytes, len > 0.
 */
const u8 *blk_store_read(const struct blk_store *s, u64 at, u64 len, u64 *run);

/*
 * Where bytes from `at` on are to be written: *run of them, within one block. NULL when
 * that takes a block and there is none left. Not for a read-only disk; else as above.
 */
u8 *blk_store_write(struct blk_store *s, u64 at, u64 len, u64 *run);

#endif
