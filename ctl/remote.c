/* SPDX-License-Identifier: BSD-2-Clause */
/* The server's side of control over the network, see remote.h. */
#include "ctl/remote.h"

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/hash.h"

#define NS_PER_S 1000000000ull
#define FAULT_MAX 96
#define REQUEST_UNIT 65536u
#define TOO_LONG "= error the answer is longer than 1 MiB\n"

STATIC_ASSERT(sizeof(struct remote_header) == 32, "remote header");

/* A datagram on its way through. */
struct datagram {
	struct remote *r;
	const struct remote_header *h;
	const u8 *text;
	u32 addr;
	u16 port;
	u32 id, offset, total, len;
	u64 now_ns;
	u8 *out;
};

static u64 token_of(const struct remote *r, u32 addr, u16 port)
{
	u64 who = (u64)addr << 16 | port;

	return hash_mix(hash_mix(who ^ r->seed, HASH_K0) ^ r->seed, HASH_K1);
}

/* --- answers ---------------------------------------------------------------- */

static u32 answer(const struct datagram *d, enum remote_type type, u32 offset, u32 total,
		  const void *text, u32 len)
{
	struct remote_header *h = (struct remote_header *)d->out;

	*h = (struct remote_header){ .version = REMOTE_VERSION, .type = (u8)type };
	store_be32(h->magic, REMOTE_MAGIC);
	store_be32(h->id, d->id);
	store_be32(h->offset, offset);
	store_be32(h->total, total);
	store_be16(h->len, (u16)len);
	memcpy(h + 1, text, len);
	d->r->count.answered++;
	return (u32)sizeof(*h) + len;
}

static PRINTF(2, 3) u32 fault(const struct datagram *d, const char *f, ...)
{
	char text[FAULT_MAX];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	d->r->count.faults++;
	return answer(d, REMOTE_FAULT, 0, 0, text, (u32)strlen(text));
}

static u32 hello(const struct datagram *d)
{
	u64 token = token_of(d->r, d->addr, d->port);
	u32 n = answer(d, REMOTE_TOKEN, 0, 0, "", 0);

	memcpy(((struct remote_header *)d->out)->token, &token, sizeof(token));
	return n;
}

/* --- clients ----------------------------------------------------------------- */

static struct remote_client *find(const struct datagram *d)
{
	for (u32 i = 0; i < REMOTE_CLIENTS; i++) {
		struct remote_client *c = &d->r->client[i];

		if (c->used && c->addr == d->addr && c->port == d->port && c->id == d->id)
			return c;
	}
	return NULL;
}

/* A place for a new request: the client's own, a free one, one that is done with or idles. */
static struct remote_client *place(const struct datagram *d)
{
	struct remote_client *best = NULL;

	for (u32 i = 0; i < REMOTE_CLIENTS; i++) {
		struct remote_client *c = &d->r->client[i];

		if (c->used && c->addr == d->addr && c->port == d->port)
			return c;
		if (!c->used || ((!best || best->used) && !c->going &&
				 (c->drained || d->now_ns - c->seen_ns > REMOTE_IDLE_NS)))
			best = c;
	}
	return best;
}

/* Memory for a request of so many bytes, the client's old one if that is enough. */
static char *request_room(struct remote_client *c, u32 bytes)
{
	if (c->request && bytes <= c->request_size)
		return c->request;
	plat_free(c->request, c->request_size);
	c->request_size = ALIGN_UP(bytes, REQUEST_UNIT);
	c->request = plat_alloc(c->request_size);
	return c->request;
}

static u32 begin(const struct datagram *d, struct remote_client **made)
{
	struct remote_client *c = place(d);
	char *request, *text;

	*made = NULL;
	if (!c)
		return fault(d, "busy: more than %u clients at a time", REMOTE_CLIENTS);
	if (c->going)
		return fault(d, "busy: its batch is being carried out");
	/* Not once more what was done: a copy that took its time. */
	if (c->used && c->addr == d->addr && c->port == d->port && (s32)(d->id - c->id) < 0 &&
	    d->now_ns - c->seen_ns < REMOTE_LATE_NS)
		return fault(d, "an earlier request");
	request = request_room(c, d->total);
	text = c->answer ? c->answer : plat_alloc(REMOTE_ANSWER_MAX);
	*c = (struct remote_client){
		.used = request && text,
		.batch = d->h->flags & REMOTE_F_BATCH,
		.addr = d->addr,
		.port = d->port,
		.id = d->id,
		.total = d->total,
		.request = request,
		.request_size = c->request_size,
		.answer = text,
	};
	if (!c->used)
		return fault(d, "no memory for a request");
	*made = c;
	return 0;
}

/* --- requests ----------------------------------------------------------------- */

static void write_answer(void *ctx, const char *text, size_t len)
{
	struct remote_client *c = ctx;

	if (c->cut || len > REMOTE_ANSWER_MAX - strlen(TOO_LONG) - c->answer_len) {
		c->cut = true;
		return;
	}
	memcpy(c->answer + c->answer_len, text, len);
	c->answer_len += (u32)len;
}

static void finish(struct remote_client *c)
{
	c->going = false;
	c->done = true;
	if (!c->cut)
		return;
	/* What was said so far may end within a line. */
	if (c->answer_len && c->answer[c->answer_len - 1] != '\n')
		c->answer[c->answer_len - 1] = '\n';
	memcpy(c->answer + c->answer_len, TOO_LONG, strlen(TOO_LONG));
	c->answer_len += (u32)strlen(TOO_LONG);
}

void remote_done(const struct out *out)
{
	finish(out->ctx);
}

static void carry_out(struct remote *r, struct remote_client *c)
{
	const struct out out = { .write = write_answer, .ctx = c };

	r->count.requests++;
	c->going = true;
	if (r->run(r->ctx, c->batch, c->request, c->total, &out))
		finish(c);
}

static u32 put(const struct datagram *d)
{
	struct remote_client *c = find(d);
	u32 n;

	if (!d->len || !d->total || d->total > REMOTE_REQUEST_MAX)
		return fault(d, "a request has 1 to %u bytes", REMOTE_REQUEST_MAX);
	if (d->offset > d->total || d->len > d->total - d->offset)
		return fault(d, "a piece beyond the end of its request");
	if (!c && d->offset)
		return fault(d, "the request is forgotten");
	if (!c && (n = begin(d, &c)))
		return n;
	if (c->total != d->total)
		return fault(d, "the request has changed its length");
	c->seen_ns = d->now_ns;
	/* Another piece than the next one is a late or a doubled one. */
	if (!c->done && !c->going && d->offset == c->have) {
		memcpy(c->request + c->have, d->text, d->len);
		c->have += d->len;
		if (c->have == c->total)
			carry_out(d->r, c);
	}
	return answer(d, REMOTE_ACK, c->have, c->total, "", 0);
}

static u32 get(const struct datagram *d)
{
	struct remote_client *c = find(d);

	if (c && c->going) {
		c->seen_ns = d->now_ns;
		return answer(d, REMOTE_DATA, d->offset, 0, "", 0); /* not yet */
	}
	if (!c || !c->done)
		return fault(d, "there is no such request");
	if (d->offset > c->answer_len)
		return fault(d, "the answer is shorter");
	c->seen_ns = d->now_ns;
	c->drained = c->answer_len - d->offset <= REMOTE_CHUNK;
	return answer(d, REMOTE_DATA, d->offset, c->answer_len, c->answer + d->offset,
		      MIN(c->answer_len - d->offset, REMOTE_CHUNK));
}

/* --- datagrams ----------------------------------------------------------------- */

/* REMOTE_RATE a second, REMOTE_BURST at once. */
static bool within_rate(struct remote *r, u64 now_ns)
{
	u64 cost = NS_PER_S / REMOTE_RATE, depth = REMOTE_BURST * cost;

	if (r->credit_ns + depth < now_ns)
		r->credit_ns = now_ns - depth;
	if (r->credit_ns + cost > now_ns)
		return false;
	r->credit_ns += cost;
	return true;
}

static u32 dispatch(struct datagram *d, u32 len)
{
	const struct remote_header *h = d->h;
	u64 token = token_of(d->r, d->addr, d->port); /* opaque to clients */

	if (len < sizeof(*h) || load_be32(h->magic) != REMOTE_MAGIC)
		return fault(d, "no request of vnetctl");
	d->id = load_be32(h->id);
	d->offset = load_be32(h->offset);
	d->total = load_be32(h->total);
	d->len = load_be16(h->len);
	if (h->version != REMOTE_VERSION)
		return fault(d, "this node speaks version %u", REMOTE_VERSION);
	if (d->len > REMOTE_CHUNK || d->len != len - sizeof(*h))
		return fault(d, "a wrong length");
	if (h->type == REMOTE_HELLO)
		return hello(d);
	if (memcmp(h->token, &token, sizeof(token)))
		return fault(d, "a wrong token");
	if (h->type == REMOTE_PUT)
		return put(d);
	if (h->type == REMOTE_GET)
		return get(d);
	return fault(d, "type %u is no request", h->type);
}

u32 remote_input(struct remote *r, u32 addr, u16 port, const u8 *in, u32 len, u64 now_ns, u8 *out)
{
	struct datagram d = {
		.r = r,
		.h = (const struct remote_header *)in,
		.text = in + sizeof(struct remote_header),
		.addr = addr,
		.port = port,
		.now_ns = now_ns,
		.out = out,
	};

	r->count.received++;
	if ((addr & r->mask) != r->net) {
		r->count.denied++;
		return 0;
	}
	if (!within_rate(r, now_ns)) {
		r->count.limited++;
		return 0;
	}
	return dispatch(&d, len);
}

void remote_init(struct remote *r, u32 net, u32 mask, u64 seed, remote_run_fn run, void *ctx)
{
	*r = (struct remote){ .net = net & mask, .mask = mask, .seed = seed, .run = run,
			      .ctx = ctx };
}

void remote_fini(struct remote *r)
{
	for (u32 i = 0; i < REMOTE_CLIENTS; i++) {
		plat_free(r->client[i].request, r->client[i].request_size);
		plat_free(r->client[i].answer, REMOTE_ANSWER_MAX);
		r->client[i] = (struct remote_client){ 0 };
	}
}
