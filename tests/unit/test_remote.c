/* SPDX-License-Identifier: BSD-2-Clause */
/* Control over the network: requests in pieces, answers pulled, and everything that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/remote.h"
#include "hv/base/bytes.h"

#define CLIENT 0x0a000005u
#define STRANGER 0x0a010005u
#define PORT 40000
#define MS 1000000ull

static struct remote r;
static u8 in[REMOTE_DATAGRAM_MAX], out[REMOTE_DATAGRAM_MAX + 1];
static const struct remote_header *reply = (const struct remote_header *)out;
static u8 token[8];
static u64 now;
static char ran[REMOTE_REQUEST_MAX + 1];
static u32 runs, answer_bytes;
static bool ran_batch, goes_on;
static struct out later;

static bool run(void *ctx, bool batch, const char *text, size_t len, const struct out *o)
{
	assert_ptr_equal(ctx, &r);
	memcpy(ran, text, len);
	ran[len] = '\0';
	ran_batch = batch;
	runs++;
	later = *o;
	if (goes_on)
		return false;
	for (u32 i = 0; i < answer_bytes; i++)
		o->write(o->ctx, "x", 1);
	out_printf(o, "= ok\n");
	return true;
}

static u32 send(u32 addr, u16 port, u8 type, u32 id, u32 offset, u32 total, const char *text,
		u32 len)
{
	struct remote_header h = { .version = REMOTE_VERSION, .type = type };

	store_be32(h.magic, REMOTE_MAGIC);
	store_be32(h.id, id);
	store_be32(h.offset, offset);
	store_be32(h.total, total);
	store_be16(h.len, (u16)len);
	memcpy(h.token, token, sizeof(token));
	memcpy(in, &h, sizeof(h));
	memcpy(in + sizeof(h), text, len);
	now += MS;
	return remote_input(&r, addr, port, in, (u32)sizeof(h) + len, now, out);
}

static u32 put(u32 id, u32 offset, u32 total, const char *text, u32 len)
{
	return send(CLIENT, PORT, REMOTE_PUT, id, offset, total, text, len);
}

static u32 get(u32 id, u32 offset)
{
	return send(CLIENT, PORT, REMOTE_GET, id, offset, 0, "", 0);
}

static void assert_fault(u32 n, const char *words)
{
	assert_true(n > sizeof(*reply) && n <= sizeof(*reply) + 96);
	assert_int_equal(reply->type, REMOTE_FAULT);
	out[n] = '\0';
	assert_non_null(strstr((const char *)(reply + 1), words));
}

static int begin(void **state)
{
	(void)state;
	now = 1000 * MS;
	runs = 0;
	answer_bytes = 10;
	remote_init(&r, CLIENT, 0xffffff00, 1234567, run, &r);
	assert_int_equal(send(CLIENT, PORT, REMOTE_HELLO, 1, 0, 0, "", 0), sizeof(*reply));
	assert_int_equal(reply->type, REMOTE_TOKEN);
	memcpy(token, reply->token, sizeof(token));
	return 0;
}

static int end(void **state)
{
	(void)state;
	remote_fini(&r);
	return 0;
}

static void one_request(void **state)
{
	(void)state;
	assert_int_equal(put(7, 0, 10, "show ", 5), sizeof(*reply));
	assert_int_equal(reply->type, REMOTE_ACK);
	assert_int_equal(load_be32(reply->offset), 5);
	/* Doubled, and one that comes too early. */
	put(7, 0, 10, "show ", 5);
	assert_int_equal(load_be32(reply->offset), 5);
	put(7, 8, 10, "de", 2);
	assert_int_equal(load_be32(reply->offset), 5);
	assert_fault(get(7, 0), "no such request");
	assert_int_equal(runs, 0);
	put(7, 5, 10, "node\n", 5);
	assert_int_equal(load_be32(reply->offset), 10);
	put(7, 5, 10, "node\n", 5);
	assert_int_equal(runs, 1);
	assert_string_equal(ran, "show node\n");
	assert_false(ran_batch);
	assert_int_equal(get(7, 0), sizeof(*reply) + 15);
	assert_int_equal(reply->type, REMOTE_DATA);
	assert_int_equal(load_be32(reply->total), 15);
	assert_memory_equal(reply + 1, "xxxxxxxxxx= ok\n", 15);
	assert_int_equal(get(7, 15), sizeof(*reply));
	assert_fault(get(7, 16), "shorter");
}

static void long_answers(void **state)
{
	u32 at = 0, n;

	(void)state;
	answer_bytes = 3000;
	put(1, 0, 2, "a\n", 2);
	while ((n = get(1, at)) > sizeof(*reply))
		at += n - (u32)sizeof(*reply);
	assert_int_equal(at, 3005);
	answer_bytes = REMOTE_ANSWER_MAX + 5;
	put(2, 0, 2, "a\n", 2);
	get(2, 0);
	n = load_be32(reply->total);
	assert_true(n <= REMOTE_ANSWER_MAX);
	out[get(2, n - 50)] = '\0';
	assert_non_null(strstr((const char *)(reply + 1), "\n= error the answer is longer"));
}

static void clients(void **state)
{
	(void)state;
	for (u32 i = 0; i < REMOTE_CLIENTS; i++) {
		send(CLIENT + i, PORT, REMOTE_HELLO, 1, 0, 0, "", 0);
		memcpy(token, reply->token, sizeof(token));
		send(CLIENT + i, PORT, REMOTE_PUT, 1, 0, 2, "a", 1);
		assert_int_equal(reply->type, REMOTE_ACK);
	}
	send(CLIENT + 9, PORT, REMOTE_HELLO, 1, 0, 0, "", 0);
	memcpy(token, reply->token, sizeof(token));
	assert_fault(send(CLIENT + 9, PORT, REMOTE_PUT, 1, 0, 2, "a", 1), "busy");
	now += REMOTE_IDLE_NS + 1;
	send(CLIENT + 9, PORT, REMOTE_PUT, 1, 0, 2, "a", 1);
	assert_int_equal(reply->type, REMOTE_ACK);
	assert_int_equal(runs, 0);
	/* A place whose answer was fetched is another's at once. */
	send(CLIENT + 9, PORT, REMOTE_PUT, 1, 1, 2, "b", 1);
	send(CLIENT + 9, PORT, REMOTE_GET, 1, 0, 0, "", 0);
	assert_int_equal(reply->type, REMOTE_DATA);
	send(CLIENT + 1, PORT, REMOTE_HELLO, 1, 0, 0, "", 0);
	memcpy(token, reply->token, sizeof(token));
	assert_int_equal(runs, 1);
	send(CLIENT + 1, PORT, REMOTE_PUT, 2, 0, 2, "a", 1);
	assert_int_equal(reply->type, REMOTE_ACK);
}

static void what_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(send(STRANGER, PORT, REMOTE_HELLO, 1, 0, 0, "", 0), 0);
	assert_int_equal(r.count.denied, 1);
	assert_fault(send(CLIENT, PORT + 1, REMOTE_PUT, 1, 0, 1, "a", 1), "token");
	assert_fault(put(1, 0, 0, "", 0), "bytes");
	assert_fault(put(1, 0, REMOTE_REQUEST_MAX + 1, "a", 1), "bytes");
	assert_fault(put(1, 2, 2, "a", 1), "beyond");
	assert_fault(put(1, 5, 2, "a", 1), "beyond");
	assert_fault(put(1, 1, 2, "a", 1), "forgotten");
	put(1, 0, 2, "a", 1);
	assert_fault(put(1, 1, 3, "a", 1), "length");
	assert_fault(send(CLIENT, PORT, 99, 1, 0, 0, "", 0), "no request");
	assert_fault(remote_input(&r, CLIENT, PORT, in, 31, now += MS, out), "vnetctl");
	send(CLIENT, PORT, REMOTE_HELLO, 1, 0, 0, "", 0);
	in[4] = 9;
	assert_fault(remote_input(&r, CLIENT, PORT, in, 32, now += MS, out), "version 1");
	in[4] = REMOTE_VERSION;
	assert_fault(remote_input(&r, CLIENT, PORT, in, 40, now += MS, out), "length");
	assert_int_equal(runs, 0);
}

static void rate(void **state)
{
	u32 answered = 0;

	(void)state;
	for (u32 i = 0; i < 10000; i++)
		answered += remote_input(&r, CLIENT, PORT, in, 32, now, out) != 0;
	assert_true(answered <= REMOTE_BURST);
	assert_int_equal(r.count.limited, 10000 - answered);
	assert_true(remote_input(&r, CLIENT, PORT, in, 32, now + 1000 * MS, out) != 0);
}

/* A request that takes its time: nothing is lost, carried out twice, or in its way. */
static void what_goes_on(void **state)
{
	struct out first;
	u32 n;

	(void)state;
	goes_on = true;
	put(7, 0, 4, "long", 4);
	first = later;
	goes_on = false;
	put(7, 0, 4, "long", 4);
	assert_int_equal(runs, 1);
	n = get(7, 0);
	assert_int_equal(reply->type, REMOTE_DATA);
	assert_int_equal(n, sizeof(*reply));
	assert_fault(put(8, 0, 4, "next", 4), "its batch is being carried out");
	now += 2 * REMOTE_IDLE_NS;
	for (u16 i = 1; i <= 2 * REMOTE_CLIENTS; i++) {
		send(CLIENT, PORT + i, REMOTE_HELLO, 1, 0, 0, "", 0);
		memcpy(token, reply->token, sizeof(token));
		send(CLIENT, PORT + i, REMOTE_PUT, 1, 0, 4, "show", 4);
		now += 2 * REMOTE_IDLE_NS;
	}
	assert_int_equal(runs, 1 + 2 * REMOTE_CLIENTS);
	send(CLIENT, PORT, REMOTE_HELLO, 7, 0, 0, "", 0);
	memcpy(token, reply->token, sizeof(token));
	get(7, 0);
	assert_int_equal(reply->type, REMOTE_DATA);
	out_printf(&first, "= ok\n");
	remote_done(&first);
	assert_int_equal(get(7, 0), sizeof(*reply) + 5);
}

/* A copy that took its time is not carried out once more. */
static void late_copies(void **state)
{
	(void)state;
	put(7, 0, 3, "one", 3);
	put(8, 0, 3, "two", 3);
	assert_fault(put(7, 0, 3, "one", 3), "an earlier request");
	assert_int_equal(runs, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_request, begin, end),
		cmocka_unit_test_setup_teardown(long_answers, begin, end),
		cmocka_unit_test_setup_teardown(clients, begin, end),
		cmocka_unit_test_setup_teardown(what_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(rate, begin, end),
		cmocka_unit_test_setup_teardown(what_goes_on, begin, end),
		cmocka_unit_test_setup_teardown(late_copies, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
