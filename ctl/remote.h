/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control over the network: statements and answers in UDP datagrams. Pure.
 *
 * The client asks for a token (HELLO, TOKEN), which shows that it receives what
 * is sent to its address; puts its request piece by piece (PUT, ACK); and pulls
 * the answer piece by piece (GET, DATA). The server answers each datagram with
 * one that is hardly longer, keeps one request and one answer a client, never
 * sends on its own and waits for nobody. A request is carried out once, however
 * often its last piece comes. What is no such datagram is answered with FAULT.
 *
 * Nothing here is secret or signed: whoever can send from the permitted
 * addresses and see the answers controls the node.
 */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include "ctl/out.h"
#include "hv/base/err.h"

#define REMOTE_PORT 9901 /* unless the configuration says another */
#define REMOTE_MAGIC 0x43534e43u
#define REMOTE_VERSION 1
#define REMOTE_CHUNK 1024u /* bytes of text in a datagram */
#define REMOTE_CLIENTS 4u
#define REMOTE_REQUEST_MAX (4u * 1024 * 1024)
#define REMOTE_ANSWER_MAX (1024u * 1024)
#define REMOTE_IDLE_NS (10 * 1000000000ull) /* then another client may have its place */
#define REMOTE_LATE_NS 2000000000ull /* copies of earlier requests may come so late */
#define REMOTE_RATE 4000u /* datagrams a second that are looked at */
#define REMOTE_BURST 256u

enum remote_type {
	REMOTE_HELLO = 1,
	REMOTE_TOKEN,
	REMOTE_PUT,
	REMOTE_ACK,   /* offset: how much of the request is there */
	REMOTE_GET,
	REMOTE_DATA,
	REMOTE_FAULT, /* the text says what is wrong */
};

#define REMOTE_F_BATCH BIT(0) /* in PUT: statements, whole or not at all */

/* In front of each datagram; all big-endian. */
struct remote_header {
	u8 magic[4];
	u8 version;
	u8 type;
	u8 flags;
	u8 reserved;
	u8 token[8];
	u8 id[4];     /* the client's: any, then one more for each request */
	u8 offset[4]; /* of this piece */
	u8 total[4];  /* of the whole request or answer */
	u8 len[2];    /* bytes that follow, at most REMOTE_CHUNK */
	u8 reserved2[2];
};

#define REMOTE_DATAGRAM_MAX (sizeof(struct remote_header) + REMOTE_CHUNK)

struct remote_counters {
	u64 received, answered;
	u64 denied; /* not from a permitted address: no answer */
	u64 limited; /* too many a second: no answer */
	u64 scattered; /* in pieces that do not fit into one buffer: no answer */
	u64 faults;
	u64 requests; /* carried out */
};

/*
 * Carry out one statement, or a batch of them. The answer, its last line
 * included, goes to out: the same as on vnetpd's control socket. False: it goes
 * on, and ends with remote_done(); the text and what *out says are good until then.
 */
typedef bool (*remote_run_fn)(void *ctx, bool batch, const char *text, size_t len,
			      const struct out *out);

struct remote_client {
	bool used, done;
	bool going; /* being carried out: the place is nobody else's */
	bool drained; /* all of the answer was sent once: another client may have the place */
	bool batch;
	u32 addr;
	u16 port;
	u32 id;
	u64 seen_ns;
	char *request, *answer; /* answer: REMOTE_ANSWER_MAX bytes; both kept for the next */
	u32 request_size;
	u32 have, total, answer_len;
	bool cut; /* the answer did not fit */
};

struct remote {
	u32 net, mask; /* who is permitted */
	u64 seed;
	remote_run_fn run;
	void *ctx;
	u64 credit_ns; /* of the rate limit: spent up to this time */
	struct remote_counters count;
	struct remote_client client[REMOTE_CLIENTS];
};

/* seed: random. net, mask in host order. */
void remote_init(struct remote *r, u32 net, u32 mask, u64 seed, remote_run_fn run, void *ctx);
void remote_fini(struct remote *r);

/* What run() said false to is over, and its answer can be fetched. out: a copy of run()'s. */
void remote_done(const struct out *out);

/*
 * A datagram came. Returns the length of the answer in out (REMOTE_DATAGRAM_MAX
 * bytes, not the same as in), 0: none. Boot core only.
 */
u32 remote_input(struct remote *r, u32 addr, u16 port, const u8 *in, u32 len, u64 now_ns, u8 *out);

#endif
