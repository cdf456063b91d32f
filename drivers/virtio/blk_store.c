/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's bytes: an image, and blocks written over it, see blk_store.h. */
#include "drivers/virtio/blk_store.h"

#include "hv/base/str.h"

/* What the last sector has behind the end of the image. */
static const u8 padding[BLK_SECTOR];

void blk_store_init(struct blk_store *s, const void *image, u64 image_bytes, u32 *map, void *pool,
		    u32 pool_blocks)
{
	*s = (struct blk_store){
		.image = image,
		.image_bytes = image_bytes,
		.bytes = ALIGN_UP(image_bytes, (u64)BLK_SECTOR),
		.map = map,
		.pool = pool,
		.pool_blocks = pool_blocks,
	};
}

void blk_store_discard(struct blk_store *s)
{
	if (s->map)
		memset(s->map, 0, blk_store_blocks(s->image_bytes) * sizeof(*s->map));
	s->used = 0;
}

static u8 *pool_block(const struct blk_store *s, u32 entry)
{
	return s->pool + ((u64)(entry - 1) << BLK_STORE_BLOCK_SHIFT);
}

static u64 left_in_block(u64 at, u64 len)
{
	return MIN(BLK_STORE_BLOCK - (at & (BLK_STORE_BLOCK - 1)), len);
}

/* How much of the image from `at` on nothing was written over. */
static u64 unwritten(const struct blk_store *s, u64 at, u64 len)
{
	u64 run = left_in_block(at, len);

	if (!s->map)
		return len;
	while (run < len && !s->map[(at + run) >> BLK_STORE_BLOCK_SHIFT])
		run += left_in_block(at + run, len - run);
	return run;
}

const u8 *blk_store_read(const struct blk_store *s, u64 at, u64 len, u64 *run)
{
	u32 entry = s->map ? s->map[at >> BLK_STORE_BLOCK_SHIFT] : 0;

	if (entry) {
		*run = left_in_block(at, len);
		return pool_block(s, entry) + (at & (BLK_STORE_BLOCK - 1));
	}
	if (at >= s->image_bytes) {
		*run = MIN(len, s->bytes - at);
		return padding;
	}
	*run = MIN(unwritten(s, at, len), s->image_bytes - at);
	return s->image + at;
}

/* The block's contents as they are, to be written over in part. */
static void copy_in(const struct blk_store *s, u64 block, u8 *to)
{
	u64 at = block << BLK_STORE_BLOCK_SHIFT;
	u64 n = MIN((u64)BLK_STORE_BLOCK, s->image_bytes - at);

	memcpy(to, s->image + at, n);
	memset(to + n, 0, BLK_STORE_BLOCK - n);
}

u8 *blk_store_write(struct blk_store *s, u64 at, u64 len, u64 *run)
{
	u64 block = at >> BLK_STORE_BLOCK_SHIFT;

	*run = left_in_block(at, len);
	if (!s->map[block]) {
		if (s->used == s->pool_blocks)
			return NULL;
		s->map[block] = ++s->used;
		/* Also what is written over as a whole: should the guest's memory turn out
		 * not to be there, it must not find what the block was before. */
		copy_in(s, block, pool_block(s, s->map[block]));
	}
	return pool_block(s, s->map[block]) + (at & (BLK_STORE_BLOCK - 1));
}
