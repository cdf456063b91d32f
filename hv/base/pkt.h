/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet buffers. A frame is a contiguous header fragment (with head room in
 * front for outer headers) followed by references to memory that somebody else
 * owns: up to PKT_MAX_SEGS to a guest's pages, or up to PKT_JOIN_SEGS to other
 * packets' buffers.
 *
 *     buf            data                          frame goes on here
 *      |--head room--|== header fragment ==|       |== seg[0] ==|  |== seg[1] ==| ...
 *                     <----- head_len ----->
 *
 * A received frame lies wholly in its own buffer (nseg 0). A frame that a
 * guest sends has its first bytes copied into the buffer and the rest behind
 * seg[]. Parsing, routing and sending use the copied header only.
 *
 * Ownership: whoever holds the pointer owns one reference and gives it away
 * with the pointer, or ends it with pkt_put(). Each packet belongs to a pool
 * and each pool to one core; a put on another core sends the packet home
 * through the foreign-put hook, so reference counts and free lists are touched
 * by the owner core alone.
 */
#ifndef HV_BASE_PKT_H
#define HV_BASE_PKT_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* What guests send and NICs take: a page each of 64 KiB, and the ends. */
#define PKT_MAX_SEGS 18
/* Of a datagram that was put together: the longest one over a path of 1,400
 * bytes, and one more for what a clone copies of the first piece. */
#define PKT_JOIN_SEGS 48
#define PKT_BURST 32

/* Room that pushed outer headers may take: 14 Ethernet + 4 VLAN + 20 IPv4 +
 * 8 UDP + 8 VXLAN/Geneve + options. */
#define PKT_HEADROOM 128
/* What of a guest's frame is copied into the header fragment at least ... */
#define PKT_HEADER_COPY 128
/* ... and frames up to this size are copied whole. */
#define PKT_COPY_WHOLE 256

struct pkt;
struct pkt_pool;

struct pkt_seg {
	void *addr;	   /* host pointer, for software that must look */
	bus_t bus;	   /* the same bytes as the NIC sees them */
	u32 len;
	u32 reserved;
	struct pkt *owner; /* holds one reference on it; NULL: covered by done or the parent */
};

enum pkt_flags {
	PKT_F_NEEDS_CSUM = BIT(0), /* L4 checksum to fill in: csum_start, csum_offset */
	PKT_F_CSUM_GOOD = BIT(1),  /* L4 checksum known to be right (or not needed) */
};

enum pkt_gso {
	PKT_GSO_NONE,
	PKT_GSO_TCP4,
	PKT_GSO_TCP6,
	PKT_GSO_UDP4, /* a datagram for each segment, with a header of its own */
	PKT_GSO_UDP6,
	PKT_GSO_COUNT,
};

/* What a taker of packets can do with these itself; others get them finished
 * or cut in software. */
enum pkt_cap {
	PKT_CAP_CSUM = BIT(0), /* PKT_F_NEEDS_CSUM */
	PKT_CAP_TSO4 = BIT(1), /* PKT_GSO_TCP4 ... */
	PKT_CAP_TSO6 = BIT(2), /* ... PKT_GSO_TCP6 ... */
	PKT_CAP_EVEN = BIT(3), /* ... but only in whole multiples of gso_size */
	PKT_CAP_USO4 = BIT(4), /* PKT_GSO_UDP4 */
	PKT_CAP_USO6 = BIT(5), /* PKT_GSO_UDP6 */
};

/*
 * done() runs once on the owner core when the last reference goes, before the
 * packet returns to its pool: this is where a guest's descriptor chain is
 * given back. It must not touch the packet's buffer afterwards.
 */
typedef void (*pkt_done_fn)(struct pkt *p);

/* What else is to be done when a packet ends. */
enum pkt_ties {
	PKT_TIE_DONE = BIT(0),	 /* done() */
	PKT_TIE_OWNERS = BIT(1), /* segments have owners */
	PKT_TIE_PARENT = BIT(2), /* it has a parent */
};

struct pkt {
	/* first cache line: all that a plain frame's way looks at */
	u8 *data;	    /* start of the header fragment */
	u32 head_len;	    /* bytes of the frame in the header fragment */
	u32 len;	    /* whole frame: head_len + all segments */
	u16 ingress;	    /* vnet port id it came in by */
	u16 nseg;
	u32 overlay;	    /* overlay id (VNI); 0 is the default overlay */
	u32 hash;	    /* flow hash of the inner frame; 0: not computed */
	u16 refs;	    /* owner core only */
	u16 ties;	    /* enum pkt_ties; owner core only */
	u8 flags;	    /* enum pkt_flags */
	u8 gso_type;	    /* enum pkt_gso */
	/* Offload fields; the three offsets count from data and move with
	 * pkt_push() and pkt_pull(). */
	u16 gso_size;	    /* payload bytes per segment */
	u16 l3_start;	    /* inner IP header; with gso_type only */
	u16 csum_start;	    /* inner L4 header; with gso_type or NEEDS_CSUM */
	u16 payload_start;  /* first byte behind the inner L4 header; with gso_type only */
	u16 csum_offset;    /* from csum_start */
	u8 ttl;		    /* outer TTL it arrived with; 0: originated here */
	u8 tos;		    /* outer TOS it arrived with */
	u16 gso_segs;	    /* how many it will be; with gso_type only */
	struct pkt_pool *pool;
	u8 *buf;
	/* second cache line: ... and that of one which refers to a guest's buffer. Good
	 * with PKT_TIE_DONE only, see pkt_set_done(). */
	pkt_done_fn done;
	void *done_ctx;
	u64 done_cookie;    /* e.g. the head of a descriptor chain */
	u32 buf_size;
	u16 egress;	    /* vnet port id that another core hands it to */
	struct pkt_seg seg[PKT_JOIN_SEGS];
	struct pkt *parent; /* of a clone, with PKT_TIE_PARENT: whose segments it shares */
	struct pkt *next;   /* in a list of the current owner */
} ALIGNED(CACHE_LINE);

/*
 * A pool of `count` packets with one buffer of buf_size bytes each.
 * foreign_put is called instead of touching the pool when pkt_put() runs on a
 * core other than `owner`; it takes over the reference.
 */
struct pkt_pool {
	const char *name;
	u32 owner; /* core index */
	u32 count;
	u32 buf_size;
	u32 free_count;
	u64 bus_off; /* bus address of what lies in the buffers, minus its address */
	struct pkt **free; /* a stack of free_count packets: the last used goes first */
	u64 exhausted; /* pkt_get() found nothing */
	void (*foreign_put)(struct pkt *p);
};

/* Bytes of memory a pool of count packets needs. */
size_t pkt_pool_bytes(u32 count, u32 buf_size);

/* mem: pkt_pool_bytes() bytes, 64-byte aligned, DMA-able; mem_bus is its bus
 * address. It belongs to the pool until the end. */
void pkt_pool_init(struct pkt_pool *pool, const char *name, u32 owner, u32 count, u32 buf_size,
		   void *mem, bus_t mem_bus);

/* One reference, data at PKT_HEADROOM, empty. As the fields lie, so that it is a few
 * wide stores. */
static inline void pkt_init(struct pkt *p)
{
	p->data = p->buf + PKT_HEADROOM;
	p->head_len = 0;
	p->len = 0;
	p->ingress = 0;
	p->nseg = 0;
	p->overlay = 0;
	p->hash = 0;
	p->refs = 1;
	p->ties = 0;
	p->flags = 0;
	p->gso_type = PKT_GSO_NONE;
	p->gso_size = 0;
	p->l3_start = 0;
	p->csum_start = 0;
	p->payload_start = 0;
	p->csum_offset = 0;
	p->ttl = 0;
	p->tos = 0;
	p->gso_segs = 0;
}

/* Have done() run at its end. A packet that has none so far; owner core. */
static inline void pkt_set_done(struct pkt *p, pkt_done_fn done, void *ctx, u64 cookie)
{
	p->ties |= PKT_TIE_DONE;
	p->done = done;
	p->done_ctx = ctx;
	p->done_cookie = cookie;
}

/* One packet as pkt_init() makes it. NULL when there is none (counted). Owner core only. */
static inline struct pkt *pkt_get(struct pkt_pool *pool)
{
	struct pkt *p;

	if (!pool->free_count) {
		pool->exhausted++;
		return NULL;
	}
	p = pool->free[--pool->free_count];
	pkt_init(p);
	return p;
}

/* n of them, all of which are there: pool->free_count says so. */
void pkt_get_burst(struct pkt_pool *pool, struct pkt **pkts, u32 n);

/* End one reference. Any core. NULL is ignored. */
void pkt_put(struct pkt *p);

/* ... of each of them. None is NULL. */
void pkt_put_burst(struct pkt *const *pkts, u32 n);

/* One more reference; owner core only. */
void pkt_ref(struct pkt *p);

/* Have at least n bytes of the frame in the header fragment, copying from the
 * segments what is missing. false when the frame or the buffer is too short. */
bool pkt_pullup_more(struct pkt *p, u32 n);
static inline bool pkt_pullup(struct pkt *p, u32 n)
{
	return n <= p->head_len || pkt_pullup_more(p, n);
}

/* The longest frame that p will be on a wire, from data on. */
static inline u32 pkt_wire_len(const struct pkt *p)
{
	return p->gso_type == PKT_GSO_NONE ? p->len : (u32)p->payload_start + p->gso_size;
}

/* Frames on a wire that p stands for. */
static inline u32 pkt_wire_frames(const struct pkt *p)
{
	return p->gso_type == PKT_GSO_NONE ? 1 : p->gso_segs;
}

/* gso_type and flags at once: not 0 where somebody has to work on it before it is
 * an ordinary frame. */
STATIC_ASSERT(offsetof(struct pkt, gso_type) == offsetof(struct pkt, flags) + 1, "one load");
static inline u32 pkt_offloads(const struct pkt *p)
{
	u16 both;

	__builtin_memcpy(&both, &p->flags, sizeof(both));
	return both & (UINT8_MAX << 8 | PKT_F_NEEDS_CSUM);
}

static inline bool pkt_is_offloaded(const struct pkt *p)
{
	return pkt_offloads(p) != 0;
}

/* Bytes of head room left. */
static inline u32 pkt_headroom(const struct pkt *p)
{
	return (u32)(p->data - p->buf);
}

/* n bytes more (or, negative, fewer) are in front of what the offsets name. */
void pkt_move_offsets(struct pkt *p, s32 n);

/* Move the start of the frame: push makes room for n more bytes in front
 * (NULL when the head room is too small), pull removes n from the header
 * fragment (NULL when it is shorter). Both return the new data pointer. The
 * offload offsets move along. */
static inline u8 *pkt_push(struct pkt *p, u32 n)
{
	if (n > pkt_headroom(p))
		return NULL;
	p->data -= n;
	p->head_len += n;
	p->len += n;
	if (pkt_is_offloaded(p))
		pkt_move_offsets(p, (s32)n);
	return p->data;
}

static inline u8 *pkt_pull(struct pkt *p, u32 n)
{
	if (n > p->head_len)
		return NULL;
	p->data += n;
	p->head_len -= n;
	p->len -= n;
	if (pkt_is_offloaded(p))
		pkt_move_offsets(p, -(s32)n);
	return p->data;
}

/* Bus address of a place in the packet's buffer, and of the header fragment. */
static inline bus_t pkt_bus(const struct pkt *p, const u8 *at)
{
	return (bus_t){ (u64)(uintptr_t)at + p->pool->bus_off };
}

static inline bus_t pkt_data_bus(const struct pkt *p)
{
	return pkt_bus(p, p->data);
}

/* Start fetching what sending needs in front of the frame's own headers. */
static inline void pkt_prefetch_room(const struct pkt *p)
{
	__builtin_prefetch(p->data - CACHE_LINE, 1);
}

/* Append a segment. owner may be NULL, else its reference moves to p.
 * ERR_FULL when PKT_MAX_SEGS are in use. */
err_t pkt_add_seg(struct pkt *p, void *addr, bus_t bus, u32 len, struct pkt *owner);

/*
 * Append q's frame; takes over the caller's reference on q. ERR_FULL when it would take
 * more than PKT_JOIN_SEGS; then nothing changed and q stays the caller's. Who makes more
 * segments than PKT_MAX_SEGS sees to it that no part of the frame that a NIC may get has
 * more: see pkt_slice().
 */
err_t pkt_join(struct pkt *p, struct pkt *q);

/*
 * Another packet with the same frame: a private copy of the header fragment
 * (up to PKT_COPY_WHOLE bytes; the rest of a longer fragment becomes a
 * reference), shared segments, and a reference on the original. From pool,
 * which must belong to the calling core; p may belong to another pool of that
 * core. NULL when the pool is empty, there are too many segments, or p is
 * another core's (see pkt_adopt()).
 */
struct pkt *pkt_clone(struct pkt_pool *pool, struct pkt *p);

/*
 * p, or when p belongs to another core a packet of the caller's pool that
 * stands for it: for a core that must take references to a frame handed over
 * to it (pkt_clone, pkt_slice). Takes over the caller's reference. NULL when
 * the pool is empty; then p stays the caller's.
 */
struct pkt *pkt_adopt(struct pkt_pool *pool, struct pkt *p);

/*
 * A packet that stands for bytes [off, off+len) of p's frame, all of it by
 * reference, with an empty header fragment to push headers into: one IP
 * fragment. No offload fields. NULL as pkt_clone().
 */
struct pkt *pkt_slice(struct pkt_pool *pool, struct pkt *p, u32 off, u32 len);

/* Copy bytes [off, off+len) of the frame to dst; the caller checked the range. */
void pkt_copy_out(const struct pkt *p, u32 off, void *dst, u32 len);

STATIC_ASSERT(offsetof(struct pkt, done) == CACHE_LINE, "the first line ...");
STATIC_ASSERT(offsetof(struct pkt, seg[1]) == 2 * CACHE_LINE, "... and the second");

#endif
