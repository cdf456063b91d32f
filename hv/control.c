/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of vnetctl from the uplinks to ctl/remote.c, and answers back. */
#include "hv/control.h"

#include <arch/cpu.h>

#include "ctl/batch.h"
#include "ctl/remote.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/core.h"
#include "hv/uplink.h"

/* Between two turns of a batch: time for guests of this core. */
#define TURN_PAUSE_NS 100000ull

static struct {
	bool listens;
	u32 on; /* bits of uplinks where it listens */
	bool running; /* a statement that came this way */
	struct batch *batch; /* NULL: none goes on */
	struct out batch_out;
	struct timer batch_timer;
	u16 port;
	u8 prefix_len;
	struct remote remote;
} control;

/* The last line says how it ended, as on vnetpd's control socket. */
static void say_end(const struct out *out, err_t err, const char *message)
{
	if (err)
		out_printf(out, "= error %s\n", message);
	else
		out_printf(out, "= ok\n");
}

/* False: there is more to do. */
static bool one_turn(void)
{
	char message[LANG_MESSAGE_MAX];
	err_t err;

	control.running = true;
	if (batch_turn(control.batch, &err, message)) {
		control.batch = NULL;
		say_end(&control.batch_out, err, message);
	}
	control.running = false;
	return !control.batch;
}

static void batch_due(struct timer *t, u64 now_ns)
{
	if (one_turn())
		remote_done(&control.batch_out);
	else
		timer_set(&core_this()->timers, t, now_ns + TURN_PAUSE_NS);
}

/* Short ones are done at once. */
static bool run_batch(const char *text, size_t len, const struct out *out)
{
	char message[LANG_MESSAGE_MAX];
	struct batch *b = batch_begin(text, len, message);

	if (!b) {
		say_end(out, ERR_BUSY, message);
		return true;
	}
	control.batch = b;
	control.batch_out = *out;
	if (one_turn())
		return true;
	timer_init(&control.batch_timer, batch_due, NULL);
	timer_set(&core_this()->timers, &control.batch_timer, plat_now_ns() + TURN_PAUSE_NS);
	return false;
}

static bool run(void *ctx, bool batch, const char *text, size_t len, const struct out *out)
{
	static const struct lang_source src = { .file = "control", .terminal = true };
	char message[LANG_MESSAGE_MAX] = "";

	(void)ctx;
	if (batch)
		return run_batch(text, len, out);
	control.running = true;
	say_end(out, ctl_line(&src, text, len, out, message), message);
	control.running = false;
	return true;
}

/* The answer goes into the packet that the request came in. */
static void answer(struct uplink *up, struct pkt *p, u32 ip, u16 port)
{
	static u8 out[REMOTE_DATAGRAM_MAX];
	struct udp_dst dst = { .addr = ip, .sport = control.port, .dport = port,
			       .ttl = 64, .flags = UDP_DST_CSUM };
	u32 n = 0;

	if (pkt_pullup(p, p->len))
		n = remote_input(&control.remote, ip, port, p->data, p->len, plat_now_ns(), out);
	else
		control.remote.count.scattered++;
	if (!n || p->buf_size - pkt_headroom(p) < n) {
		pkt_put(p);
		return;
	}
	memcpy(p->data, out, n);
	p->head_len = n;
	p->len = n;
	p->flags = 0;
	p->ttl = 0;
	udp_send_burst(&up->netif, &dst, &p, 1);
}

static void received(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	for (u32 i = 0; i < n; i++)
		answer(ctx, pkts[i], run->src, run->sport[i]);
	uplink_flush(ctx);
}

static void leave(struct uplink *up)
{
	if (control.on & BIT(up->index))
		udp_unbind(&up->netif, control.port);
	control.on &= ~BIT(up->index);
}

static void leave_all(void)
{
	for (u32 i = 0; i < UPLINK_MAX; i++)
		leave(uplink_at(i));
}

static err_t listen_on(struct uplink *up)
{
	err_t err = udp_bind(&up->netif, control.port, received, up);

	if (!err)
		control.on |= BIT(up->index);
	return err;
}

err_t control_uplink_added(struct uplink *up)
{
	return control.listens ? listen_on(up) : ERR_OK;
}

err_t control_uplink_leaves(struct uplink *up)
{
	if (control.listens && control.on == BIT(up->index))
		return ERR_BUSY;
	leave(up);
	return ERR_OK;
}

void control_config(const struct out *out)
{
	char ip[FMT_IP4_LEN];

	if (control.listens)
		out_printf(out, "  control listen from %s/%u port %u\n",
			   fmt_ip4(ip, control.remote.net), control.prefix_len, control.port);
}

static const struct {
	const char *name;
	size_t at;
} counters[] = {
	{ "received", offsetof(struct remote_counters, received) },
	{ "answered", offsetof(struct remote_counters, answered) },
	{ "denied", offsetof(struct remote_counters, denied) },
	{ "limited", offsetof(struct remote_counters, limited) },
	{ "scattered", offsetof(struct remote_counters, scattered) },
	{ "faults", offsetof(struct remote_counters, faults) },
	{ "requests", offsetof(struct remote_counters, requests) },
};

static u64 counter(u32 i)
{
	return *(const u64 *)((const u8 *)&control.remote.count + counters[i].at);
}

void control_json(struct json *j)
{
	json_open(j, "control", '{');
	for (u32 i = 0; i < ARRAY_SIZE(counters); i++)
		json_num(j, counters[i].name, counter(i));
	json_close(j, '}');
}

void control_print(const struct out *out)
{
	if (!control.listens)
		return;
	out_printf(out, "control:");
	for (u32 i = 0; i < ARRAY_SIZE(counters); i++)
		out_printf(out, "%s %s %lu", i ? "," : "", counters[i].name, counter(i));
	out_printf(out, "\n");
}

err_t ctl_control_listen(struct ctl *c)
{
	const struct lang_value *from = lang_get(c->stmt, "from");
	u32 mask = from->prefix_len ? ~0u << (32 - from->prefix_len) : 0;
	u16 port = (u16)ctl_num(c, "port", REMOTE_PORT);
	err_t err;

	if (control.listens)
		return ctl_fail(c, NULL, ERR_EXIST, "it listens already; control close first");
	control.port = port;
	err = ERR_NOENT;
	for (u32 i = 0; i < UPLINK_MAX && (!err || err == ERR_NOENT); i++)
		if (uplink_at(i)->state == UPLINK_UP)
			err = listen_on(uplink_at(i));
	if (err == ERR_NOENT)
		return ctl_fail(c, NULL, err, "no uplink is in use; add one first");
	if (err) {
		leave_all();
		return ctl_fail(c, "port", err, "port %u is in use", port);
	}
	remote_init(&control.remote, from->ip, mask, rdtsc() ^ plat_now_ns() << 32, run, NULL);
	control.listens = true;
	control.prefix_len = from->prefix_len;
	return ERR_OK;
}

err_t ctl_control_close(struct ctl *c)
{
	if (!control.listens)
		return ctl_fail(c, NULL, ERR_NOENT, "it does not listen");
	if (control.running)
		return ctl_fail(c, NULL, ERR_BUSY,
				"not over the network: its answer would be lost");
	leave_all();
	remote_fini(&control.remote);
	control.listens = false;
	return ERR_OK;
}
