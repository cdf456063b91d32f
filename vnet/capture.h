/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of frames for people: what a port hands to the core and gets from it,
 * and what links send and receive outside: Ethernet, IPv4, UDP around the frame.
 * Kept in a ring of each core until it is read, from the boot core. A ring that
 * is full loses frames, which is counted; frames on their way never wait. There
 * is one capture at a time, and one that nobody reads ends.
 */
#ifndef VNET_CAPTURE_H
#define VNET_CAPTURE_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "vnet/vnet.h"

#define CAPTURE_RING_BYTES (256u * 1024) /* of each core */
#define CAPTURE_SNAP_MAX 65535u
#define CAPTURE_IDLE_NS 10000000000ull /* not read for so long: it ends */

enum capture_dir {
	CAPTURE_IN,  /* from the port to the core */
	CAPTURE_OUT, /* from the core to the port */
};

/* Of a link: the guests' frames, or the packets that carry them. */
enum capture_side {
	CAPTURE_INNER = BIT(0),
	CAPTURE_OUTER = BIT(1),
};

struct capture_filter {
	u16 port;  /* id; VNET_PORT_NONE: all */
	u16 sides; /* enum capture_side */
	u64 mac;   /* source or destination, mac_load(); outside, also that of the frame
		    * that is carried; 0: all */
	u32 snap; /* bytes of a frame that are kept, 1 .. CAPTURE_SNAP_MAX */
};

struct capture_frame {
	u64 time_ns; /* plat_now_ns() */
	u32 len;     /* of the whole frame; a long one is one frame */
	u32 size;    /* bytes of it that are here */
	u16 port;    /* VNET_PORT_NONE: a packet at the uplink that is no link's */
	enum capture_dir dir;
	enum capture_side side;
	const u8 *data; /* good until the next capture_read() */
};

/* What is to be kept; NULL: nothing, and that is all the packet path asks. */
struct capture;
struct edge;
extern struct capture *capture_now;

/* Boot core. ERR_RANGE (snap), ERR_NOMEM, ERR_BUSY: one is going on. */
err_t capture_start(const struct capture_filter *filter);
void capture_stop(void);
/* Boot core, now and then: ends a capture that nobody reads. */
void capture_tick(u64 now_ns);

/* Boot core. The next frame of some core; false: there is none, now. */
bool capture_read(struct capture_frame *out);
/* Boot core. Frames that found no room, since the capture began. */
u64 capture_lost(void);

/* The port's core, where capture_now is set, between epoch_read_begin() and
 * epoch_read_end(): keep what the filter takes. */
void capture_frames(const struct vnet_port *port, enum capture_dir dir, struct pkt *const *pkts,
		    u32 n);

/*
 * The uplink's core, where capture_now is set, outside of such a section: a burst
 * of whole Ethernet frames that the uplink of that network received or is to send. e: the link that
 * sends them; NULL: of what is received it is found out.
 */
void capture_uplink(u32 net, const struct edge *e, enum capture_dir dir, struct pkt *const *pkts,
		    u32 n);

/* What a socket tells of a datagram; host byte order. */
struct capture_datagram {
	u32 src, dst;
	u16 sport, dport;
	u8 ttl, tos;
};

/*
 * The same for a datagram that a socket sends or received: p is its payload, and
 * headers are made up for it, with no Ethernet addresses.
 */
void capture_datagram(const struct edge *e, enum capture_dir dir,
		      const struct capture_datagram *d, const struct pkt *p);

static inline bool capture_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&capture_now, __ATOMIC_RELAXED) != NULL, 0);
}

#endif
