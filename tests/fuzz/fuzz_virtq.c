/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue over memory full of nonsense that changes while it is used. Input:
 * struct setup, then OPS bytes of operations, then the memory's contents.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/queue.h"
#include "hv/base/plat.h"

#define MEMORY 0x4000u
#define ROM_BYTES 0x400u
#define OPS 64

struct setup {
	u8 size_log2;
	u8 features;
	u16 desc, avail, used;
} PACKED;

static u8 memory[MEMORY] ALIGNED(64);
static u8 rom[ROM_BYTES] ALIGNED(64);

/* Chains in our hands, as a device would hold them. */
static u16 held[VIRTQ_MAX_SIZE];
static u32 nheld;

static void use_chain(struct virtq *q, const struct virtq_chain *c, u8 how)
{
	u8 buf[64];
	u32 bytes = 0;

	ASSERT(c->nread + c->nwrite <= q->size && c->head < q->size);
	for (u32 i = 0; i < c->nread; i++)
		bytes += c->buf[i].len;
	ASSERT(bytes == c->read_len);
	if (c->read_len)
		virtq_chain_read(q, c, c->read_len - MIN(c->read_len, how % 80u),
				 buf, MIN(MIN(c->read_len, how % 80u), 64u));
	memset(buf, how, sizeof(buf));
	if (c->write_len)
		virtq_chain_write(q, c, 0, buf, MIN(c->write_len, 64u));
}

static void one_op(struct virtq *q, u16 avail, u8 op)
{
	static struct virtq_chain c;

	switch (op & 7) {
	case 0:
	case 1:
		if (virtq_pop(q, &c) == ERR_OK) {
			use_chain(q, &c, op);
			ASSERT(nheld < q->size);
			held[nheld++] = c.head;
		}
		break;
	case 2:
		if (nheld) {
			u32 i = op % nheld;

			virtq_push(q, held[i], op);
			held[i] = held[--nheld];
		}
		break;
	case 3:
		virtq_publish(q);
		break;
	case 4:
		virtq_publish(q);
		(void)virtq_should_notify(q);
		break;
	case 5:
		virtq_notify_off(q);
		(void)virtq_notify_on(q);
		break;
	case 6:
		if (virtq_pop(q, &c) == ERR_OK)
			virtq_unpop(q, 1);
		break;
	default: /* the guest writes */
		memory[(op * 0x9e5u) % MEMORY] ^= op;
		if (avail + 2u < MEMORY)
			memory[avail + 2]++;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gmem gm = { 0 };
	struct virtq q = { 0 };
	struct setup s;
	struct virtq_layout l;

	if (size < sizeof(s) + OPS)
		return 0;
	memcpy(&s, data, sizeof(s));
	data += sizeof(s);
	size -= sizeof(s) + OPS;
	memset(memory, 0, sizeof(memory));
	memcpy(memory, data + OPS, MIN(size, sizeof(memory)));
	nheld = 0;
	gmem_add(&gm, gpa(0), MEMORY, memory, (bus_t){ 0 }, true);
	gmem_add(&gm, gpa(MEMORY), ROM_BYTES, rom, (bus_t){ 0 }, false);
	l = (struct virtq_layout){ (u16)(1u << (s.size_log2 % 12)), gpa(s.desc), gpa(s.avail),
				   gpa(s.used) };
	(void)virtq_enable(&q, &gm, &l,
			   (s.features & 1 ? VIRTIO_F_EVENT_IDX : 0) |
				   (s.features & 2 ? VIRTIO_F_INDIRECT_DESC : 0));
	for (u32 i = 0; i < OPS; i++)
		one_op(&q, s.avail, data[i]);
	return 0;
}
