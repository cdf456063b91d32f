/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The overlay core as its neighbours see it: ports that frames come from and
 * go to. A guest's NIC, an edge (a link to another node), a capture, a fault
 * injector and a test are all ports.
 *
 * Threads: each direction of a port belongs to one core at a time. collect and
 * notify are called on the core of the way in, deliver and flush on that of the
 * way out. An interface with several queues is a port and further ones behind
 * it (vnet/queues.h), each with cores of its own. The control calls run on the
 * boot core.
 */
#ifndef VNET_VNET_H
#define VNET_VNET_H

#include "hv/base/bucket.h"
#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/epoch.h"

#define VNET_MAX_PORTS 1024
#define VNET_NAME_MAX 32
#define VNET_PORT_NONE 0
#define VNET_ALSO_MAX 8

enum vnet_port_kind {
	VNET_PORT_INTERFACE, /* a guest's virtual NIC */
	VNET_PORT_EDGE,	     /* a link to another node */
};

/* Why a frame went no further. One reason per frame; names by vnet_drop_name(). */
enum vnet_drop {
	VNET_DROP_NO_ROUTE,	  /* nothing matched */
	VNET_DROP_HAIRPIN,	  /* its only way out is the port it came in by */
	VNET_DROP_EDGE_TO_EDGE,	  /* came from an edge, and no route says `from edge` */
	VNET_DROP_RUNT,		  /* shorter than an Ethernet header */
	VNET_DROP_TOO_BIG,	  /* longer than the port or link can carry */
	VNET_DROP_PORT_DOWN,	  /* port deleted, link or guest driver not up */
	VNET_DROP_NO_BUFFER,	  /* guest gave no receive buffer */
	VNET_DROP_NO_PACKET,	  /* packet pool empty */
	VNET_DROP_BAD_RING,	  /* guest's descriptor chain is malformed */
	VNET_DROP_LOOP,		  /* outer TTL used up */
	VNET_DROP_SOURCE,	  /* source MAC is not the interface's own; or from an
				   * edge: an interface's of ours, or a group */
	VNET_DROP_NO_NEIGHBOUR,	  /* next hop does not answer ARP */
	VNET_DROP_TX_FULL,	  /* uplink or ring to another core is full */
	VNET_DROP_RESET,	  /* device or VM was reset with the frame in its hands */
	VNET_DROP_BAD_OFFLOAD,	  /* its checksum or segmentation fields contradict it */
	VNET_DROP_LINK_HEADER,	  /* the link's header is malformed */
	VNET_DROP_LINK_PROTOCOL,  /* ... or says that no Ethernet frame follows */
	VNET_DROP_LINK_OPTION,	  /* a critical option that nobody here knows */
	VNET_DROP_LINK_CONTROL,	  /* a message of another system's nodes */
	VNET_DROP_LINK_TAG,	  /* the tag is not the link's */
	VNET_DROP_UNREACHABLE,	  /* the link's other end does not answer */
	VNET_DROP_ECN,		  /* congestion on the way, and the sender is not one
				   * to be told (RFC 6040 section 4.2) */
	VNET_DROP_STORM,	  /* more broadcast and multicast than the interface may send */
	VNET_DROP_COUNT,
};

const char *vnet_drop_name(enum vnet_drop reason);

/* Seen from the port: rx = frames it handed to the core, tx = frames the core
 * handed to it. received + cloned + cut = delivered + dropped + in flight holds
 * over all, with answers as received. A long frame (gso_type) is one frame and
 * all its bytes, up to where software cuts it; its segments are frames from
 * there on. */
struct vnet_counters {
	/* written by the core of the way in ... */
	u64 rx_frames, rx_bytes;
	u64 rx_segments; /* frames on a wire that these stand for */
	u64 rx_copies, rx_copied_bytes; /* payload copied on the way in */
	u64 drop[VNET_DROP_COUNT];
	/* ... and by that of the way out, which has drops of its own when it is
	 * another one (vnet_port_drop()) */
	u64 tx_frames ALIGNED(CACHE_LINE);
	u64 tx_bytes, tx_segments;
	u64 tx_joined; /* of tx_frames: handed on as part of the frame before */
	u64 tx_copies, tx_copied_bytes; /* payload copied on the way out to the guest */
	u64 answers; /* frames that the port itself sent to the guests: "too big" */
	u64 tx_held; /* a gauge: taken by deliver(), neither carried on nor dropped yet */
};

/* Ways through a port, as the core sees them. */
enum vnet_way {
	VNET_IN,  /* from the port's other side into the core: collect() */
	VNET_OUT, /* out of the core: deliver() */
	VNET_WAYS,
};

struct vnet_port;
struct dispatch_settings;

/* MACs that an interface may send from beside its own. */
struct vnet_also {
	u32 count;
	u8 mac[VNET_ALSO_MAX][6];
};

struct vnet_port_ops {
	/*
	 * Take n (1 .. PKT_BURST) frames. Each is consumed: carried on or dropped with a
	 * reason (vnet_port_drop()). The port counts tx_frames, tx_bytes and
	 * tx_segments of what it carried on. Offload fields only as caps say.
	 */
	void (*deliver)(struct vnet_port *port, struct pkt **pkts, u32 n);
	/* Frames the port has to send, at most max; NULL for push-only ports.
	 * Offload fields are checked by who calls, see gso_check(). */
	u32 (*collect)(struct vnet_port *port, struct pkt **pkts, u32 max);
	/* Let the port's other side kick us (true) or be polled (false). */
	void (*notify)(struct vnet_port *port, bool on);
	/* Of an edge's lane (vnet/edge_lane.h), before each deliver(): may it send these,
	 * which come from its core? Else they go to the edge's own core. */
	bool (*takes)(struct vnet_port *port, struct pkt *const *pkts, u32 n);
	/* End of a burst of deliver() calls: one doorbell, one interrupt decision. */
	void (*flush)(struct vnet_port *port);
	/* A frame too long for the port is about to be dropped: its sender may be
	 * told. NULL: nobody is. */
	void (*too_big)(struct vnet_port *port, const struct pkt *p);
	/* After vnet_port_del(), on the boot core: no core can hold the port
	 * any more (nor those of its further queues), its memory may go. NULL:
	 * never freed. */
	void (*gone)(struct vnet_port *port);
	/* Frames collected whose end the collecting core must still see: until
	 * it is 0 the way in stays with that core. NULL: none. */
	u32 (*unfinished)(const struct vnet_port *port);
	/* The calling core owns this way of the port from now on; of VNET_IN:
	 * look once for frames, whose notice may have gone to the core before.
	 * NULL: the port stays where it is (vnet_port_move()). */
	void (*moved)(struct vnet_port *port, enum vnet_way way);
};

/* A way through a port on its way to another core, see vnet/move.c. */
struct vnet_move {
	u32 to;	  /* core + 1; 0: it stays. Atomic: whoever sets it asks, 0 ends it */
	u32 step; /* enum move_step; written by the old owner, then the new one */
	struct epoch_mark mark; /* what has to be over first */
};

/* Frames that came to a new owner too early, in order; that core's own. */
struct vnet_waiting {
	struct pkt *first, *last;
	u64 count;
	u64 dropped; /* found no place; counted as VNET_DROP_TX_FULL */
};

struct vnet_port {
	/* set by the owner before vnet_port_add() */
	struct dispatch_settings *dispatch; /* interfaces that have modes (vnet/dispatch.h) */
	const struct vnet_port_ops *ops;
	char name[VNET_NAME_MAX];
	enum vnet_port_kind kind;
	u8 mac[6];	/* interfaces only */
	u32 overlay;
	u32 core;	/* owner core of both ways; later in_core and out_core say */
	u32 mtu;	/* largest frame without the Ethernet header */
	bool up;	/* false: what is routed to it is dropped */
	bool lost;	/* edges: nobody at the other end is known to hear */
	bool any_source; /* interfaces: also accept frames from other MACs ... */
	struct vnet_also also; /* ... or from these alone, which others may have as well */
	u32 storm;	/* ... and so many to group addresses a second; 0: any number */
	/* What deliver() can do with offload fields: enum pkt_cap, for frames
	 * that are up to caps_max bytes long on a wire. May change any time. */
	u32 caps;
	u32 caps_max;
	/* Of the owner core: packets for what is cut for this port. NULL: long
	 * frames that it does not take are dropped. */
	struct pkt_pool *pool;
	void *ctx;
	/* set by vnet_port_add() */
	u16 id;		/* 1 .. VNET_MAX_PORTS-1; not reused while frames name it */
	u16 queue;	/* 0, and of an interface's further queues 1, 2 ... */
	u32 in_core;	/* who collects; written by the owner */
	u32 out_core;	/* to whom others send; atomic */
	u32 out_owner;	/* who delivers; atomic */
	struct vnet_steer *steer; /* several queues: which flow has which; else NULL */
	struct vnet_port *face; /* whom routes name: itself, of a further queue the first */
	struct vnet_move move[VNET_WAYS];
	struct vnet_waiting waiting;
	u64 joined_bursts; /* whose flush() came with a later one's (vnet_batch_end()) */
	u64 out_drop[VNET_DROP_COUNT]; /* the way out's, where it has another core */
	struct learned *learned; /* of its overlay; NULL: that does not learn */
	struct neigh *neigh;	 /* ... and: that does not answer */
	struct token_bucket told;   /* the way out's: see vnet_port_too_big() */
	struct token_bucket groups; /* its owner core's: see storm */
	struct vnet_counters count;
};

/*
 * Boot core, once, before anything else here: cores 0 .. ncores-1 may call in.
 * seed: random. kick(core) makes that core call xcore_drain() soon, from
 * whatever it is doing (a guest, a halt); callable on any core. ERR_NOMEM.
 * vnet_fini() undoes it; all ports must be gone.
 */
err_t vnet_init(u32 ncores, u64 seed, void (*kick)(unsigned core));
void vnet_fini(void);

/* Boot core. ERR_EXIST when name, or MAC within the overlay, is taken;
 * ERR_INVAL, ERR_RANGE (core, overlay), ERR_NOMEM (VNET_MAX_PORTS) and ERR_BUSY
 * (as route_add()). */
err_t vnet_port_add(struct vnet_port *port);
/*
 * Refused (ERR_BUSY) while routes name it unless force, which deletes them.
 * Its owner no longer calls in with it. It stays in memory, and drops what
 * other cores had on the way to it, until ops->gone().
 */
err_t vnet_port_del(struct vnet_port *port, bool force);
/* Boot core, now and then: finish deletions; how many ports wait still. */
u32 vnet_port_reap(void);
/* Boot core, about once a second: that, and whatever else time asks for: old
 * learned addresses go, caches get the size that the routes need. */
void vnet_tick(u64 now_ns);
/* NULL when there is none (or it is being deleted). */
struct vnet_port *vnet_port_find(const char *name);
struct vnet_port *vnet_port_by_id(u16 id);
/* Ports in order of id: the first after `after`, 0 to start; NULL at the end. */
struct vnet_port *vnet_port_next(u16 after);
const char *vnet_port_kind_name(enum vnet_port_kind kind);

/*
 * The routing step for a burst that came in by `port` (p->ingress is set here,
 * rx_frames and rx_bytes are counted here): look each up, hand each to its
 * destinations' deliver(), then call flush() of each port that got some.
 * Frames for several ports are cloned from their own pool, which must belong
 * to this core. Consumes all frames. Port's core, interrupts on; not
 * re-entrant on one core.
 */
void vnet_input(struct vnet_port *port, struct pkt **pkts, u32 n);

/* Collect from a port and route until it is empty or `budget` frames went.
 * Returns how many. */
u32 vnet_poll(struct vnet_port *port, u32 budget);

/* p, about to be dropped, is too long for the port: the guest of this node that sent it
 * is told what would pass, at a bounded rate. The core of the way out, which is also
 * the pool's. */
void vnet_port_too_big(struct vnet_port *port, const struct pkt *p);

/*
 * Count reason against the port and end the frame. A core of the port. A frame that
 * has not been through vnet_input() yet (p->ingress is not set, or p is NULL:
 * there was not even a packet) is counted as received as well, so that the
 * sum holds.
 */
void vnet_port_drop(struct vnet_port *port, struct pkt *p, enum vnet_drop reason);

/* Any core: what the interface or edge counted, of all its queues and both ways. */
void vnet_port_count(const struct vnet_port *port, struct vnet_counters *sum);

/* The sums over all ports there are and were, and over all cores. */
struct vnet_audit {
	u64 received;
	u64 cloned;    /* further copies, for the 2nd, 3rd ... destination */
	u64 cut;       /* further frames, from cutting long ones in software */
	u64 delivered;
	u64 dropped;
	u64 in_flight; /* between cores, or held by ports */
	bool balanced; /* received + cloned + cut = delivered + dropped + in_flight */
};

/* Boot core. Exact when the other cores are quiet; else a frame that moves
 * meanwhile may be counted on one side only. */
void vnet_audit(struct vnet_audit *out);

#endif
