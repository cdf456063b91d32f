/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches, whole or not at all: routes, overlays and states against what was before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/batch.h"
#include "hv/base/fmt.h"
#include "tests/host/vnet_fake.h"
#include "vnet/overlay_lang.h"

#define STATE_LINES 400
#define BATCHES 300
#define STATEMENTS 30u

static struct fake_port a, b, x, y;
static char message[LANG_MESSAGE_MAX], text[65536];
static size_t text_len;

/* --- the program around it ----------------------------------------------------- */

static err_t nothing(struct ctl *c)
{
	(void)c;
	return ERR_OK;
}

static err_t interface_set(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_INTERFACE);

	if (!port)
		return ERR_NOENT;
	port->up = ctl_num(c, "state", 0) == 0;
	return ERR_OK;
}

static err_t interface_del(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_INTERFACE);
	err_t err;

	if (!port)
		return ERR_NOENT;
	assert_ptr_equal(port, &b.port);
	err = ctl_deleted(c, port, vnet_port_del(port, lang_get(c->stmt, "force") != NULL));
	vnet_port_reap();
	return err;
}

static err_t interface_add(struct ctl *c)
{
	assert_string_equal(c->stmt->name, "b");
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	return ERR_OK;
}

err_t ctl_execute(struct ctl *c)
{
	static const ctl_fn handlers[LANG_ID_COUNT] = {
		[LANG_CAISSON] = nothing,
		[LANG_ROUTE_ADD] = ctl_route_add,     [LANG_ROUTE_DEL] = ctl_route_del,
		[LANG_OVERLAY_ADD] = ctl_overlay_add, [LANG_OVERLAY_SET] = ctl_overlay_set,
		[LANG_OVERLAY_DEL] = ctl_overlay_del, [LANG_INTERFACE_SET] = interface_set,
		[LANG_INTERFACE_DEL] = interface_del, [LANG_INTERFACE_ADD] = interface_add,
		[LANG_SHOW_OVERLAY] = ctl_show_overlay,
	};

	assert_non_null(handlers[c->stmt->cmd->id]);
	return handlers[c->stmt->cmd->id](c);
}

/* --- what there is ---------------------------------------------------------------- */

struct state {
	u32 lines;
	char line[STATE_LINES][ROUTE_TEXT_MAX];
};

static int by_text(const void *one, const void *other)
{
	return strcmp(one, other);
}

static void take_state(struct state *s)
{
	char line[OVERLAY_LANG_MAX];

	s->lines = 0;
	for (struct overlay *o = overlay_next(NULL); o; o = overlay_next(o))
		snprintf(s->line[s->lines++], ROUTE_TEXT_MAX, "%.100s",
			 overlay_lang_write(o, line));
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		snprintf(s->line[s->lines++], ROUTE_TEXT_MAX, "%.32s %u", p->name, p->up);
	for (const struct route *r = route_next(0); r; r = route_next(r->id)) {
		assert_true(s->lines < STATE_LINES);
		route_format(&r->spec, s->line[s->lines++], ROUTE_TEXT_MAX);
	}
	qsort(s->line, s->lines, ROUTE_TEXT_MAX, by_text);
}

static void assert_same_state(const struct state *before)
{
	static struct state now;

	take_state(&now);
	assert_int_equal(now.lines, before->lines);
	for (u32 i = 0; i < now.lines; i++)
		assert_string_equal(now.line[i], before->line[i]);
}

static PRINTF(1, 2) void line(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	text_len += (size_t)vsnprintf(text + text_len, sizeof(text) - text_len, f, ap);
	va_end(ap);
}

static u32 turns;

static err_t run(void)
{
	struct batch *batch = batch_begin(text, text_len, message);
	err_t err = ERR_OK;

	assert_non_null(batch);
	for (turns = 1; !batch_turn(batch, &err, message); turns++)
		assert_true(batch_is_going());
	assert_false(batch_is_going());
	text_len = 0;
	return err;
}

/* What the program says of an interface. */
void ctl_config_of(enum lang_id made_by, const char *name, const struct out *out)
{
	if (made_by != LANG_INTERFACE_ADD)
		return;
	out_printf(out, "  interface add %s mac 02:00:00:00:00:02\n", name);
}

/* --- tests -------------------------------------------------------------------------- */

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(vnet_init(1, 1, no_kick), ERR_OK);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_port_add(&x, "x", VNET_PORT_EDGE, 0, 0);
	fake_port_add(&y, "y", VNET_PORT_EDGE, 0, 0);
	text_len = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vnet_fini();
	return 0;
}

static void whole(void **state)
{
	(void)state;
	line("caisson 1\n\nroute add src any dst any to interface a # comment\n");
	line("overlay add red learn on\ninterface set a state down");
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(route_count(), 1);
	assert_non_null(overlay_find("red"));
	assert_false(a.port.up);
	assert_int_equal(run(), ERR_OK);
}

static void refused_before_anything(void **state)
{
	static const char *const last[] = { "show node", "vm stop g1", "uplink del 0", "rou add",
					    "node x", "route add src any", "control close" };
	struct state before;

	(void)state;
	take_state(&before);
	for (u32 i = 0; i < ARRAY_SIZE(last); i++) {
		line("overlay add red\nroute add src any dst any to interface a\n%s\n", last[i]);
		assert_int_not_equal(run(), ERR_OK);
		assert_non_null(strstr(message, "batch:3:"));
		assert_same_state(&before);
	}
}

static void one_statement(void)
{
	u32 what = (u32)rand() % 9;
	const struct route *r = route_next((u32)rand() % 64);

	if (what < 4)
		line("route add src any dst 02:00:00:00:00:%02x to %s\n", (u32)rand() % 64,
		     rand() % 2 ? "interface a" : "interface b");
	else if (what < 6 && r)
		line("route del %u\n", r->id); /* which may be gone by then */
	else if (what == 6)
		line("overlay set default learn %s\n", rand() % 2 ? "on" : "off");
	else if (what == 7)
		line("overlay add o%u\noverlay set o%u age 60s\n", (u32)rand() % 40,
		     (u32)rand() % 40);
	else
		line("interface set a state %s\n", rand() % 2 ? "up" : "down");
}

static void undone(void **state)
{
	static struct state before;
	u32 failed = 0;

	(void)state;
	srand(1);
	for (u32 i = 0; i < 60; i++)
		fake_route((u8)(i + 1), rand() % 2 ? &a : &b, NULL);
	for (u32 i = 0; i < BATCHES; i++) {
		take_state(&before);
		for (u32 k = 1 + (u32)rand() % STATEMENTS; k; k--)
			one_statement();
		if (rand() % 2)
			line("route del 4000000000\n");
		if (!run())
			continue;
		failed++;
		assert_same_state(&before);
	}
	assert_true(failed > BATCHES / 4);
}

/* What goes with an interface comes back with it. */
static void interface_and_its_routes(void **state)
{
	static struct state before;

	(void)state;
	fake_route(1, &a, NULL);
	fake_route(2, &b, NULL);
	fake_route(3, &a, &b.port);
	take_state(&before);
	line("route del 1\ninterface del b\n");
	assert_int_equal(run(), ERR_BUSY);
	assert_non_null(strstr(message, "2 routes name it"));
	assert_same_state(&before);
	line("interface del b force\nroute del 4711\n");
	assert_int_equal(run(), ERR_NOENT);
	assert_same_state(&before);
	line("interface del b force\n");
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(route_count(), 1);
}

/* The batch's turns are counted: that is what holds up the loop that carries it. */
static void some_in_each_turn(void **state)
{
	static const struct lang_source src = { .file = "test", .terminal = true };
	const u32 lines = 1000;
	static struct state before;
	struct batch *batch;
	err_t err = ERR_OK;

	(void)state;
	take_state(&before);
	for (u32 i = 0; i < lines; i++)
		line("route add src any dst 02:00:00:01:%02x:%02x to interface a\n", i / 256,
		     i % 256);
	line("route del 4000000000\n");
	batch = batch_begin(text, text_len, message);
	for (turns = 1; !batch_turn(batch, &err, message); turns++) {
		assert_null(batch_begin("", 0, message));
		assert_int_equal(ctl_line(&src, "overlay add red", 15, &out_nowhere, message),
				 ERR_BUSY);
		assert_int_equal(ctl_line(&src, "show overlay", 12, &out_nowhere, message), ERR_OK);
	}
	assert_int_equal(err, ERR_NOENT);
	/* Each line is parsed, carried out, undone. */
	assert_in_range(turns, 3 * lines / BATCH_TURN, 3 * lines / BATCH_TURN + 3);
	text_len = 0;
	assert_same_state(&before);
	assert_int_equal(ctl_line(&src, "overlay add red", 15, &out_nowhere, message), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_before_anything, setup, teardown),
		cmocka_unit_test_setup_teardown(undone, setup, teardown),
		cmocka_unit_test_setup_teardown(interface_and_its_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(some_in_each_turn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
