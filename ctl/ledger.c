/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger on|off, show ledger: tables and JSON of what a frame's way takes. */
#include "ctl/ledger.h"

#include "ctl/ctl.h"
#include "hv/base/str.h"
#include "vnet/port.h"
#include "vnet/xcore.h"

#define BAR_MAX 40u
/* Figures a packet are printed in thousandths. */
#define MILLI 1000u

/* Of ledger_start() and ledger_stop(); what was counted before the one and after the other
 * is not shown. All zero: it was never on. */
static struct {
	bool ever;
	u64 begin_ns, end_ns;
	struct ledger_counts begin, end;
} period;

/* What is shown. */
struct view {
	u64 ns;
	struct ledger_counts n;
	struct ledger_sum sum;
};

STATIC_ASSERT(sizeof(struct ledger_counts) % sizeof(u64) == 0, "nothing but u64");

static const char *const dir_name[LEDGER_DIRS] = { "tx", "rx" };
static const enum ledger_stage dir_first[LEDGER_DIRS + 1] = {
	LEDGER_TX_FIRST, LEDGER_RX_FIRST, LEDGER_STAGES,
};

static const char *unit(enum ledger_stage stage)
{
	static const char *const units[LEDGER_STAGES] = {
		[LEDGER_TX_EXIT] = "exits",	   [LEDGER_TX_KICK] = "kicks",
		[LEDGER_TX_DOORBELL] = "doorbells", [LEDGER_RX_EXIT] = "exits",
		[LEDGER_RX_INTERRUPT] = "irqs",	   [LEDGER_RX_INJECT] = "irqs",
	};

	return units[stage] ? units[stage] : "packets";
}

/* --- counts ------------------------------------------------------------------------ */

static void count_interface(struct ledger_counts *n, const struct vnet_counters *c)
{
	n->packets[LEDGER_TX] += c->rx_segments;
	n->frames[LEDGER_TX] += c->rx_frames;
	n->packets[LEDGER_RX] += c->tx_segments;
	n->frames[LEDGER_RX] += c->tx_frames;
	n->stage[LEDGER_TX_DEQUEUE].copies += c->rx_copies;
	n->stage[LEDGER_TX_DEQUEUE].copied_bytes += c->rx_copied_bytes;
	n->stage[LEDGER_RX_COPY].copies += c->tx_copies;
	n->stage[LEDGER_RX_COPY].copied_bytes += c->tx_copied_bytes;
}

static void gather(struct ledger_counts *n)
{
	u64 sent = 0, received = 0;

	memset(n, 0, sizeof(*n));
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		struct vnet_counters c;

		vnet_port_count(p, &c);
		if (p->kind == VNET_PORT_INTERFACE) {
			count_interface(n, &c);
			continue;
		}
		sent += c.tx_segments;
		received += c.rx_segments;
	}
	n->stage[LEDGER_TX_DEQUEUE].count = n->packets[LEDGER_TX];
	n->stage[LEDGER_TX_ROUTE].count = n->packets[LEDGER_TX];
	n->stage[LEDGER_TX_ENCAP].count = sent;
	n->stage[LEDGER_TX_COMPLETION].count = sent;
	n->stage[LEDGER_RX_RECEIVE].count = received;
	n->stage[LEDGER_RX_DECAP].count = received;
	n->stage[LEDGER_RX_ROUTE].count = received;
	n->stage[LEDGER_RX_COPY].count = n->packets[LEDGER_RX];
	for (u32 i = 0; i < xcore_count(); i++) {
		n->stage[LEDGER_TX_EXIT].exits += ledger_exits[i].tx;
		n->stage[LEDGER_RX_EXIT].exits += ledger_exits[i].rx;
	}
	n->stage[LEDGER_TX_EXIT].count = n->stage[LEDGER_TX_EXIT].exits;
	n->stage[LEDGER_RX_EXIT].count = n->stage[LEDGER_RX_EXIT].exits;
	ctl_ledger_counts(n);
}

/* What came since; what guests and links had counted that are gone by now is left out. */
static void subtract(struct ledger_counts *n, const struct ledger_counts *since)
{
	u64 *at = (u64 *)n;
	const u64 *before = (const u64 *)since;

	for (size_t i = 0; i < sizeof(*n) / sizeof(u64); i++)
		at[i] = at[i] > before[i] ? at[i] - before[i] : 0;
}

static void look(struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (period.ever && !ledger_is_on()) {
		v->n = period.end;
		v->ns = period.end_ns - period.begin_ns;
	} else {
		gather(&v->n);
		v->ns = plat_now_ns() - period.begin_ns;
	}
	subtract(&v->n, &period.begin);
	for (u32 i = 0; i < xcore_count(); i++)
		ledger_add(i, &v->sum);
}

err_t ctl_ledger(struct ctl *c)
{
	bool on = ctl_num(c, "on|off", 0) != 0;
	err_t err;

	if (!on && ledger_is_on()) {
		ledger_stop();
		gather(&period.end);
		period.end_ns = plat_now_ns();
	}
	if (!on)
		return ERR_OK;
	gather(&period.begin);
	period.begin_ns = plat_now_ns();
	err = ledger_start();
	if (err)
		return ctl_fail(c, "on|off", err, "no memory to keep it in");
	period.ever = true;
	return ERR_OK;
}

/* --- sums -------------------------------------------------------------------------- */

static u64 dir_cycles(const struct ledger_sum *sum, enum ledger_dir dir)
{
	u64 cycles = 0;

	for (u32 i = dir_first[dir]; i < dir_first[dir + 1]; i++)
		cycles += sum->cell[i].cycles;
	return cycles;
}

static u64 stamps(const struct ledger_sum *sum)
{
	u64 n = 0;

	for (u32 i = 0; i < LEDGER_STAGES; i++)
		n += sum->cell[i].laps;
	return n;
}

/* In all stages in which turns are spent: what they should come to. */
static u64 stage_cycles(const struct ledger_sum *sum)
{
	return dir_cycles(sum, LEDGER_TX) + dir_cycles(sum, LEDGER_RX) +
	       sum->cell[LEDGER_OTHER].cycles;
}

/* --- text -------------------------------------------------------------------------- */

/* n of `of`, with one digit behind the point; "-" of nothing. */
static void per(const struct out *out, int width, u64 n, u64 of)
{
	u64 milli = of ? n * MILLI / of : 0;

	if (!of)
		out_column(out, width, "-");
	else if (milli >= 100 * MILLI || !n)
		out_column(out, width, "%lu", milli / MILLI);
	else
		out_column(out, width, "%lu.%03lu", milli / MILLI, milli % MILLI);
}

static void row(const struct out *out, const struct view *v, enum ledger_dir dir,
		enum ledger_stage stage)
{
	u64 packets = v->n.packets[dir], all = dir_cycles(&v->sum, dir);
	u64 cycles = v->sum.cell[stage].cycles;

	out_column(out, 13, "%s", ledger_stage_name(stage));
	out_column(out, 12, "%lu", v->n.stage[stage].count);
	out_column(out, 11, "%s", unit(stage));
	per(out, 12, cycles, period.ever ? packets : 0);
	per(out, 8, 100 * cycles, all);
	per(out, 11, v->n.stage[stage].exits, packets);
	per(out, 10, v->n.stage[stage].irqs, packets);
	per(out, 12, v->n.stage[stage].copies, packets);
	per(out, 0, v->n.stage[stage].copied_bytes, packets);
	out_printf(out, "\n");
}

static void table(const struct out *out, const struct view *v, enum ledger_dir dir)
{
	u64 exits = 0, irqs = 0, copies = 0, bytes = 0, packets = v->n.packets[dir];
	u64 cycles = dir_cycles(&v->sum, dir);

	out_printf(out, "%s: %lu packets in %lu frames %s guests\n", dir_name[dir], packets,
		   v->n.frames[dir], dir == LEDGER_TX ? "from" : "to");
	out_printf(out, "%-13s%-12s%-11s%-12s%-8s%-11s%-10s%-12s%s\n", "STAGE", "COUNT", "OF",
		   "CYCLES/PKT", "%", "EXITS/PKT", "IRQS/PKT", "COPIES/PKT", "BYTES/PKT");
	for (u32 i = dir_first[dir]; i < dir_first[dir + 1]; i++) {
		row(out, v, dir, (enum ledger_stage)i);
		exits += v->n.stage[i].exits;
		irqs += v->n.stage[i].irqs;
		copies += v->n.stage[i].copies;
		bytes += v->n.stage[i].copied_bytes;
	}
	out_printf(out, "%-36s", "sum");
	per(out, 12, cycles, period.ever ? packets : 0);
	per(out, 8, 100 * cycles, cycles);
	per(out, 11, exits, packets);
	per(out, 10, irqs, packets);
	per(out, 12, copies, packets);
	per(out, 0, bytes, packets);
	out_printf(out, "\n");
}

static void percent(const struct out *out, const char *what, u64 n, u64 of)
{
	u64 tenths = of ? n * MILLI / of : 0;

	out_printf(out, "%s %lu.%lu %%", what, tenths / 10, tenths % 10);
}

/* Where each core's time went. */
static void core_line(const struct out *out, unsigned core)
{
	struct ledger_sum sum = { 0 };
	u64 all;

	ledger_add(core, &sum);
	all = stage_cycles(&sum) + sum.cell[LEDGER_GUEST].cycles +
	      sum.cell[LEDGER_HALTED].cycles;
	out_printf(out, "core %u:", core);
	percent(out, " tx", dir_cycles(&sum, LEDGER_TX), all);
	percent(out, ", rx", dir_cycles(&sum, LEDGER_RX), all);
	percent(out, ", other", sum.cell[LEDGER_OTHER].cycles, all);
	percent(out, ", guests", sum.cell[LEDGER_GUEST].cycles, all);
	percent(out, ", halted", sum.cell[LEDGER_HALTED].cycles, all);
	out_printf(out, "\n");
}

static void summary(const struct out *out, const struct view *v)
{
	u64 tx = v->n.stage[LEDGER_TX_EXIT].exits, rx = v->n.stage[LEDGER_RX_EXIT].exits;
	u64 exits = MAX(v->n.exits, tx + rx), cost = ledger_stamp_cycles();
	u64 found = stage_cycles(&v->sum);

	out_printf(out, "exits from guests %lu: tx %lu, rx %lu, for other reasons %lu\n", exits, tx,
		   rx, exits - tx - rx);
	if (!period.ever)
		return;
	out_printf(out, "turns %lu of %lu cycles from begin to end; in all stages and other %lu",
		   v->sum.turns, v->sum.turn_cycles, found);
	percent(out, ",", found, v->sum.turn_cycles);
	out_printf(out, "\na stamp takes %lu cycles, %lu of them", cost, stamps(&v->sum));
	percent(out, ":", cost * stamps(&v->sum), found);
	out_printf(out, " of these\n");
	for (u32 i = 0; i < xcore_count(); i++)
		core_line(out, i);
}

static void histogram(const struct out *out, const char *dir, enum ledger_stage stage,
		      const struct ledger_cell *cell)
{
	u64 most = 1;

	if (!cell->laps)
		return;
	out_printf(out, "%s%s: %lu laps\n", dir, ledger_stage_name(stage), cell->laps);
	for (u32 i = 0; i < LEDGER_BUCKETS; i++)
		most = MAX(most, cell->histogram[i]);
	for (u32 i = 0; i < LEDGER_BUCKETS; i++) {
		char bar[BAR_MAX + 1];
		u32 len = (u32)(cell->histogram[i] * BAR_MAX / most);

		if (!cell->histogram[i])
			continue;
		memset(bar, '#', len);
		bar[len] = '\0';
		out_printf(out, "  from %11lu cycles %12lu  %s\n", (u64)(i ? BIT64(i) : 0),
			   cell->histogram[i], bar);
	}
}

static void histograms(const struct out *out, const struct ledger_sum *sum)
{
	histogram(out, "", LEDGER_OTHER, &sum->cell[LEDGER_OTHER]);
	for (u32 i = LEDGER_TX_FIRST; i < LEDGER_STAGES; i++)
		histogram(out, i < LEDGER_RX_FIRST ? "tx " : "rx ", (enum ledger_stage)i,
			  &sum->cell[i]);
}

/* --- JSON, metrics ------------------------------------------------------------------ */

static void stage_json(struct json *j, const struct view *v, enum ledger_stage stage)
{
	const struct ledger_cell *cell = &v->sum.cell[stage];

	json_open(j, NULL, '{');
	json_text(j, "name", ledger_stage_name(stage));
	json_num(j, "count", v->n.stage[stage].count);
	json_text(j, "unit", unit(stage));
	json_num(j, "cycles", cell->cycles);
	json_num(j, "laps", cell->laps);
	json_num(j, "exits", v->n.stage[stage].exits);
	json_num(j, "irqs", v->n.stage[stage].irqs);
	json_num(j, "copies", v->n.stage[stage].copies);
	json_num(j, "copied_bytes", v->n.stage[stage].copied_bytes);
	json_open(j, "histogram", '[');
	for (u32 i = 0; i < LEDGER_BUCKETS; i++)
		json_num(j, NULL, cell->histogram[i]);
	json_close(j, ']');
	json_close(j, '}');
}

static void cores_json(struct json *j)
{
	json_open(j, "cores", '[');
	for (u32 i = 0; i < xcore_count(); i++) {
		struct ledger_sum sum = { 0 };

		ledger_add(i, &sum);
		json_open(j, NULL, '{');
		json_num(j, "core", i);
		json_num(j, "tx_cycles", dir_cycles(&sum, LEDGER_TX));
		json_num(j, "rx_cycles", dir_cycles(&sum, LEDGER_RX));
		json_num(j, "other_cycles", sum.cell[LEDGER_OTHER].cycles);
		json_num(j, "guest_cycles", sum.cell[LEDGER_GUEST].cycles);
		json_num(j, "halted_cycles", sum.cell[LEDGER_HALTED].cycles);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void view_json(const struct out *out, const struct view *v)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_bool(&j, "on", ledger_is_on());
	json_num(&j, "for_ns", v->ns);
	json_open(&j, "directions", '{');
	for (u32 dir = 0; dir < LEDGER_DIRS; dir++) {
		json_open(&j, dir_name[dir], '{');
		json_num(&j, "packets", v->n.packets[dir]);
		json_num(&j, "frames", v->n.frames[dir]);
		json_open(&j, "stages", '[');
		for (u32 i = dir_first[dir]; i < dir_first[dir + 1]; i++)
			stage_json(&j, v, (enum ledger_stage)i);
		json_close(&j, ']');
		json_num(&j, "total_cycles", dir_cycles(&v->sum, (enum ledger_dir)dir));
		json_close(&j, '}');
	}
	json_close(&j, '}');
	json_num(&j, "exits", v->n.exits);
	json_num(&j, "other_cycles", v->sum.cell[LEDGER_OTHER].cycles);
	json_num(&j, "guest_cycles", v->sum.cell[LEDGER_GUEST].cycles);
	json_num(&j, "halted_cycles", v->sum.cell[LEDGER_HALTED].cycles);
	json_num(&j, "turns", v->sum.turns);
	json_num(&j, "turn_cycles", v->sum.turn_cycles);
	json_num(&j, "stamp_cycles", ledger_stamp_cycles());
	json_num(&j, "stamps", stamps(&v->sum));
	cores_json(&j);
	json_close(&j, '}');
	out_printf(out, "\n");
}

err_t ctl_show_ledger(struct ctl *c)
{
	static struct view v;

	look(&v);
	if (lang_get(c->stmt, "json")) {
		view_json(c->out, &v);
		return ERR_OK;
	}
	if (period.ever)
		out_printf(c->out, "ledger: %s, for %lu.%lu s\n", ledger_is_on() ? "on" : "off",
			   v.ns / 1000000000, v.ns / 100000000 % 10);
	else
		out_printf(c->out, "ledger: never on (ledger on); counts since the start\n");
	for (u32 dir = 0; dir < LEDGER_DIRS; dir++)
		table(c->out, &v, (enum ledger_dir)dir);
	summary(c->out, &v);
	if (lang_get(c->stmt, "histogram"))
		histograms(c->out, &v.sum);
	return ERR_OK;
}

void ctl_ledger_metrics(struct metrics *m)
{
	struct ledger_sum sum = { 0 };

	for (u32 i = 0; i < xcore_count(); i++)
		ledger_add(i, &sum);
	metrics_one(m, "ledger_on", METRICS_GAUGE, NULL, "Whether frames' ways are timed.",
		    ledger_is_on());
	metrics_family(m, "ledger_cycles", METRICS_COUNTER, "cycles",
		       "Cycles of each stage of a frame's way since that was switched on last.");
	for (u32 i = 0; i < LEDGER_STAGES; i++)
		metrics_sample(m, sum.cell[i].cycles, "direction",
			       i < LEDGER_TX_FIRST ? "none" : i < LEDGER_RX_FIRST ? "tx" : "rx",
			       "stage", ledger_stage_name((enum ledger_stage)i), NULL);
}
