/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to nodes. A node is a vnetpd's control socket (a path, see vnetpd(8)),
 * or a Caisson node that listens (HOST or HOST:PORT, see ctl/remote.h). Many are
 * asked at the same time.
 */
#ifndef VNETCTL_ASK_H
#define VNETCTL_ASK_H

#include "hv/base/types.h"

enum ask_status {
	ASK_OK,
	ASK_REFUSED, /* the node said no: error says why */
	ASK_FAILED,  /* it cannot be reached, or stopped answering */
};

struct ask {
	const char *node; /* as the user has it */
	enum ask_status status;
	char *output; /* ends with a NUL; NULL: none */
	size_t len;
	char error[512];

	/* Over UDP: the next request goes the same way, until ask_free(). Zeroed but for
	 * this and the node before the first one. */
	bool stay;

	/* ask_all()'s own */
	int fd;
	bool open; /* fd is */
	size_t size, sent; /* sent over UDP: what the node has */
	bool done;
	bool udp, put_all;
	u8 token[8];
	bool has_token;
	u32 id;
	long sent_ms; /* when it was last asked over UDP */
};

/* Statements, each a whole line; one of them, or a batch (whole or not at all). */
struct request {
	const char *text; /* as for a control socket ... */
	size_t len;
	size_t head, tail; /* ... and how much of it only marks a batch */
};

/* A request of one statement, and of many. To be freed with request_free(); text NULL: no
 * memory. */
struct request request_statement(const char *statement);
struct request request_batch(const char *lines, size_t len);
void request_free(struct request *r);

/* Send it to all and wait for the answers. */
void ask_all(struct ask *a, u32 count, const struct request *r, u32 timeout_ms);
void ask_free(struct ask *a);

#endif
