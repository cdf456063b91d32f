/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: what a wire format is (struct link_kind, header work only), and what
 * carries the datagrams (struct link_tx: the host stack of the hypervisor,
 * sockets, a test). What all formats share is the edge's: sizes, hop count,
 * flow hash, TOS, counters, finding the link of what comes in.
 *
 *     guest's frame   [Ethernet | ...                    one link_encap() a frame,
 *     payload         [link header][Ethernet | ...       the same bytes each time
 *     on the wire     [Ethernet, IPv4, UDP][link header][Ethernet | ...
 *
 * The link header of a link is made once, when the link is added, and is the
 * same in all its frames (VNET/U's has their length in it), so that a NIC
 * which cuts long frames can copy it.
 */
#ifndef VNET_LINK_H
#define VNET_LINK_H

#include "hv/base/bytes.h"
#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/net/wire.h"
#include "vnet/vnet.h"

/* What the inner Ethernet header and the outer headers take of the path's MTU. */
#define LINK_ETH_HEADER ETH_HLEN
#define LINK_IP_UDP_HEADER (IP_HLEN + UDP_HLEN)
/* The largest UDP payload in an IPv4 packet: 65507. */
#define LINK_PAYLOAD_MAX (IP_TOTAL_MAX - LINK_IP_UDP_HEADER)
/* The originator's outer TTL: transit nodes count it down, so that a loop ends. */
#define LINK_TTL IP_TTL_DEFAULT
/* Source ports that carry a flow hash: from here on. */
#define LINK_SPORT_MIN 49152u

/* VNIs are 24 bits (RFC 7348 section 5, RFC 8926 section 3.4). */
#define LINK_VNI_MAX 0xffffffu
#define LINK_VNI_NONE UINT32_MAX

#define LINK_HEADER_MAX 16u

/* What a link's header is made of; what its kind has no room for is 0. */
struct link_id {
	u32 vni;
	u32 tag; /* 0: none */
};

struct link_header {
	u32 len; /* bytes between the UDP header and the inner frame */
	u8 bytes[LINK_HEADER_MAX];
};

/* What two of our nodes tell each other, see health.h. Host byte order. */
struct link_hello {
	u8 version_min, version_max; /* of the protocol, that the sender speaks */
	u16 caps;		     /* none yet: 0 */
	u32 session; /* another one after each start of the sender */
	u32 seq;     /* from 1, one more in each */
	u32 heard;   /* the last seq that came from us; 0: none lately */
	u32 held_us; /* how long ago that was */
	u16 probed;  /* the size of a probe that came from us just now; 0: none */
};

/* What a received payload turned out to be. */
enum link_verdict {
	LINK_FRAME,   /* p is the inner frame, Ethernet header in the header fragment */
	LINK_CONTROL, /* not for guests: rx->hello when rx->has_hello */
	LINK_BAD,     /* rx->why; rx->vni LINK_VNI_NONE: it does not even say which link */
};

struct link_rx {
	enum vnet_drop why; /* of LINK_BAD */
	/* The rest is left alone by kinds that have none of it. */
	u32 vni;
	u32 tag; /* 0: none */
	bool has_hello;
	struct link_hello hello;
};

enum link_flags {
	LINK_HAS_VNI = BIT(0),	   /* several links to one address and port */
	LINK_HAS_TAG = BIT(1),	   /* ... and peers whose address is not known before */
	LINK_HAS_HELLO = BIT(2),   /* control packets */
	LINK_MAY_FRAGMENT = BIT(3),
	LINK_COPIES_ECN = BIT(4),  /* by default: the other end takes it back in (RFC 6040) */
	LINK_IS_LAN = BIT(5),	   /* no IPv4, no UDP, no single peer: frames as they are */
	LINK_IS_STREAM = BIT(6),   /* no datagrams: a connection of the kernel's */
};

struct link_kind {
	const char *name;   /* in the control language */
	const char *header; /* ... and the value of `header`, where a name has several */
	u16 default_port;
	u32 flags; /* enum link_flags */
	/* The keys of `link add` that it takes beside mtu and state; NULL-terminated. */
	const char *const *keys;
	void (*make_header)(struct link_header *h, const struct link_id *id);
	/* Put a header in front that is not the same in all frames. ERR_FULL: no
	 * head room; p is unchanged. NULL: all have the one that was made. */
	err_t (*encap)(struct pkt *p, const struct link_header *h);
	/* p->data is the UDP payload, perhaps in several pieces: check and remove
	 * the link's header. p stays the caller's. */
	enum link_verdict (*decap)(struct pkt *p, struct link_rx *rx);
	/* Would that be LINK_CONTROL, or bad? NULL: never. The header fragment is as long as
	 * a NIC makes it (NETIF_HEAD_MIN). */
	bool (*is_control)(const struct pkt *p);
	/* With LINK_HAS_HELLO: make the empty packet p one that carries the hello. */
	void (*make_hello)(struct pkt *p, const struct link_id *id, const struct link_hello *hello);
};

extern const struct link_kind link_udp;	   /* VNET/P's own: the bare inner frame */
extern const struct link_kind link_vnetu;  /* with VNET/U's header */
extern const struct link_kind link_vxlan;  /* RFC 7348 */
extern const struct link_kind link_geneve; /* RFC 8926: the native one */
extern const struct link_kind link_direct; /* raw frames on the uplink's LAN */

/* The first kind of that name; NULL when there is none. */
const struct link_kind *link_find(const char *name);
/* ... with that header word, NULL for the first. */
const struct link_kind *link_find_header(const char *name, const char *header);

/* The keys of all kinds that travel in UDP, for struct link_kind. */
#define LINK_KEYS_UDP "remote", "port", "sport", "ttl", "dscp", "ecn", "checksum"

/* Is it among the kind's keys? */
bool link_has_key(const struct link_kind *kind, const char *key);

/* Put a header that is the same in all frames in front: 0, 8 or 16 bytes. ERR_FULL:
 * no head room; p is unchanged. */
static inline err_t link_encap_fixed(struct pkt *p, const struct link_header *h)
{
	u32 len = h->len;
	u8 *at = pkt_push(p, len);

	if (!at)
		return ERR_FULL;
	if (len)
		store_le64(at, load_le64(h->bytes));
	if (len > sizeof(u64))
		store_le64(at + sizeof(u64), load_le64(h->bytes + sizeof(u64)));
	return ERR_OK;
}

/* Put the link's header in front; the same errors. */
static inline err_t link_encap(const struct link_kind *kind, struct pkt *p,
			       const struct link_header *h)
{
	return kind->encap ? kind->encap(p, h) : link_encap_fixed(p, h);
}

/* For link_pullup(): a payload in several pieces. */
bool link_gather(struct pkt *p, u32 len);

/*
 * For decap(): have len bytes of header and the inner frame's first bytes in the
 * header fragment, as far as there are so many. False: not even len are there.
 */
static inline bool link_pullup(struct pkt *p, u32 len)
{
	return p->nseg ? link_gather(p, len) : p->len >= len;
}

/* The end of a decap(): LINK_FRAME, or LINK_BAD for what is no Ethernet frame. */
static inline enum link_verdict link_frame(const struct pkt *p, struct link_rx *rx)
{
	if (p->head_len >= LINK_ETH_HEADER)
		return LINK_FRAME;
	rx->why = VNET_DROP_RUNT;
	return LINK_BAD;
}

/* The other end of a link, as the sender needs it. Addresses and ports in host
 * byte order. */
struct link_dst {
	u32 remote_ip;
	u16 sport; /* when not sport_hash */
	u16 dport;
	u8 ttl; /* of frames that start here; frames with p->ttl go on with one less */
	u8 tos;
	bool df;	 /* do not fragment; may be another one in each send() */
	bool checksum;	 /* UDP checksum; else only where it is fragmented */
	bool tos_by_pkt; /* p->tos in place of tos */
	bool sport_hash; /* source port 49152-65535 by p->hash */
	u32 mtu;	 /* of the path, IPv4 header included: as path_mtu() said last */
	void *priv;	 /* the sender's own */
};

struct link_tx {
	/* Enum pkt_cap: what send() takes with offload fields, as long as it is at
	 * most dst->mtu on the wire. */
	u32 caps;
	/* Pieces that the other end puts together of one datagram, at most; 0: all. */
	u32 fragments_max;
	/* Boot core: start and stop using dst. open may set dst->priv; ERR_NOMEM. */
	err_t (*open)(void *ctx, struct link_dst *dst);
	void (*close)(void *ctx, struct link_dst *dst);
	/* The sender's core: remote_ip or dport is another one now. May be NULL
	 * where no link waits for its peer. */
	void (*moved)(void *ctx, struct link_dst *dst);
	/*
	 * Send the packets as UDP payloads. Consumes all n; returns how many were
	 * handed on, the others had no next hop. p->hash is set.
	 */
	u32 (*send)(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n);
	/* End of a burst of send() calls; may be NULL. */
	void (*flush)(void *ctx);
	/* Is there a cable? NULL: always. */
	bool (*carrier)(void *ctx);
	/* Packets that send() would take now. */
	u32 (*room)(void *ctx);
	/* Largest IPv4 packet towards dst; for LINK_IS_LAN the largest frame. */
	u32 (*path_mtu)(void *ctx, const struct link_dst *dst);
};

#endif
