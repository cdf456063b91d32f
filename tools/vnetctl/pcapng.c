/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of pcapng, in this machine's byte order; see pcapng.h. */
#include "tools/vnetctl/pcapng.h"

#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u

#define OPT_END 0u
#define OPT_IF_NAME 2u
#define OPT_IF_TSRESOL 9u
#define OPT_EPB_FLAGS 2u
#define TSRESOL_NS 9u /* 10 to the minus 9th */

struct block_head {
	u32 type, total;
};

struct section {
	u32 magic;
	u16 major, minor;
	s64 length; /* -1: not known */
};

struct interface {
	u16 linktype, reserved;
	u32 snaplen; /* 0: no limit */
};

struct packet {
	u32 interface;
	u32 time_high, time_low;
	u32 size, len;
};
STATIC_ASSERT(sizeof(struct section) == 16 && sizeof(struct interface) == 8 &&
	      sizeof(struct packet) == 20, "as the format has them");

struct option {
	u16 code, length;
};

static bool put(FILE *f, const void *data, size_t size)
{
	return fwrite(data, 1, size, f) == size;
}

static bool put_padded(FILE *f, const void *data, size_t size)
{
	static const u8 zero[4];

	return put(f, data, size) && put(f, zero, ALIGN_UP(size, (size_t)4) - size);
}

static bool put_option(FILE *f, u32 code, const void *data, size_t size)
{
	const struct option o = { .code = (u16)code, .length = (u16)size };

	return put(f, &o, sizeof(o)) && (!size || put_padded(f, data, size));
}

static u32 option_bytes(size_t size)
{
	return (u32)(sizeof(struct option) + ALIGN_UP(size, (size_t)4));
}

/* body: what a block has beside its head and the repeated length. */
static u32 total(u32 body)
{
	return (u32)sizeof(struct block_head) + body + (u32)sizeof(u32);
}

static bool put_head(FILE *f, u32 type, u32 body)
{
	const struct block_head h = { .type = type, .total = total(body) };

	return put(f, &h, sizeof(h));
}

static bool put_tail(FILE *f, u32 body)
{
	u32 length = total(body);

	return put(f, &length, sizeof(length));
}

bool pcapng_begin(FILE *f)
{
	const struct section s = { .magic = BYTE_ORDER_MAGIC, .major = 1, .length = -1 };

	return put_head(f, BLOCK_SECTION, sizeof(s)) && put(f, &s, sizeof(s)) &&
	       put_tail(f, sizeof(s));
}

bool pcapng_interface(FILE *f, const char *name)
{
	const struct interface i = { .linktype = LINKTYPE_ETHERNET };
	const u8 resolution = TSRESOL_NS;
	u32 body = (u32)sizeof(i) + option_bytes(strlen(name)) + option_bytes(sizeof(resolution)) +
		   option_bytes(0);

	return put_head(f, BLOCK_INTERFACE, body) && put(f, &i, sizeof(i)) &&
	       put_option(f, OPT_IF_NAME, name, strlen(name)) &&
	       put_option(f, OPT_IF_TSRESOL, &resolution, sizeof(resolution)) &&
	       put_option(f, OPT_END, NULL, 0) && put_tail(f, body);
}

bool pcapng_write(FILE *f, const struct pcapng_frame *frame)
{
	const struct packet p = {
		.interface = frame->interface,
		.time_high = (u32)(frame->time_ns >> 32),
		.time_low = (u32)frame->time_ns,
		.size = frame->size,
		.len = frame->len,
	};
	u32 body = (u32)sizeof(p) + ALIGN_UP(frame->size, 4u) + option_bytes(sizeof(frame->flags)) +
		   option_bytes(0);

	return put_head(f, BLOCK_PACKET, body) && put(f, &p, sizeof(p)) &&
	       put_padded(f, frame->data, frame->size) &&
	       put_option(f, OPT_EPB_FLAGS, &frame->flags, sizeof(frame->flags)) &&
	       put_option(f, OPT_END, NULL, 0) && put_tail(f, body);
}
