/* SPDX-License-Identifier: BSD-2-Clause */
/* Size classes with free lists in the free blocks; large sizes by the page. */
#include "hv/mem/heap.h"

#include "hv/base/str.h"

#define CLASS_BYTES(c) ((size_t)1 << ((c) + HEAP_MIN_SHIFT))

void heap_init(struct heap *h, struct pages *pages)
{
	*h = (struct heap){ .pages = pages };
}

/* The smallest class that holds bytes; HEAP_CLASSES: none does. */
static u32 class_of(size_t bytes)
{
	u32 c = 0;

	while (c < HEAP_CLASSES && CLASS_BYTES(c) < bytes)
		c++;
	return c;
}

static void *take_pages(struct heap *h, size_t bytes)
{
	u64 at = pages_alloc(h->pages, bytes, PAGE_SIZE, PAGES_ANYWHERE);

	if (!at)
		return NULL;
	h->held_bytes += ALIGN_UP((u64)bytes, PAGE_SIZE);
	return (void *)(uintptr_t)at;
}

/* Cut a fresh page into blocks. Pages of a class are never given back: the
 * control path's needs are steady. */
static bool refill(struct heap *h, u32 c)
{
	u8 *page = take_pages(h, PAGE_SIZE);

	if (!page)
		return false;
	for (size_t at = 0; at < PAGE_SIZE; at += CLASS_BYTES(c)) {
		struct heap_block *b = (struct heap_block *)(void *)(page + at);

		b->next = h->free[c];
		h->free[c] = b;
	}
	return true;
}

void *heap_alloc(struct heap *h, size_t bytes)
{
	u32 c = class_of(bytes);
	void *block;

	if (!bytes)
		return NULL;
	if (c == HEAP_CLASSES) {
		block = take_pages(h, bytes);
	} else if (h->free[c] || refill(h, c)) {
		block = h->free[c];
		h->free[c] = h->free[c]->next;
	} else {
		block = NULL;
	}
	if (!block) {
		h->failed++;
		return NULL;
	}
	h->used_bytes += bytes;
	return memset(block, 0, bytes);
}

void heap_free(struct heap *h, void *block, size_t bytes)
{
	u32 c = class_of(bytes);

	if (!block)
		return;
	h->used_bytes -= bytes;
	if (c == HEAP_CLASSES) {
		pages_free(h->pages, (u64)(uintptr_t)block, bytes);
		h->held_bytes -= ALIGN_UP((u64)bytes, PAGE_SIZE);
	} else {
		struct heap_block *b = block;

		b->next = h->free[c];
		h->free[c] = b;
	}
}
