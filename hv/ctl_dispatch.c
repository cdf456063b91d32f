/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about dispatchers and the modes of interfaces, and show dispatch. */
#include "hv/base/fmt.h"
#include "hv/ctl.h"
#include "hv/vm.h"
#include "vnet/dispatch_lang.h"
#include "vnet/queues.h"

#define NS_PER_MS 1000000u

static const char *const dir_name[DISPATCH_DIRS] = { [DISPATCH_TX] = "tx", [DISPATCH_RX] = "rx" };
static const enum vnet_way way_of[DISPATCH_DIRS] = { [DISPATCH_TX] = VNET_IN,
						     [DISPATCH_RX] = VNET_OUT };
static const char *const why_name[] = { [DISPATCH_BY_RATE] = "rate",
					[DISPATCH_BY_SETTING] = "setting" };

/* --- dispatchers ----------------------------------------------------------------- */

static err_t dispatcher_number(struct ctl *c, u32 *i)
{
	const char *name = c->stmt->name;

	if (name[0] < '0' || name[0] >= '0' + DISPATCHER_MAX || name[1])
		return ctl_fail(c, NULL, ERR_INVAL, "a dispatcher is a number: 0 to %u",
				DISPATCHER_MAX - 1);
	*i = (u32)(name[0] - '0');
	return ERR_OK;
}

/* The number of one that there is. */
static err_t known_dispatcher(struct ctl *c, u32 *i)
{
	err_t err = dispatcher_number(c, i);

	if (!err && !dispatcher_at(*i))
		return ctl_fail(c, NULL, ERR_NOENT, "there is no dispatcher %u", *i);
	return err;
}

err_t ctl_dispatcher_add(struct ctl *c)
{
	struct dispatch_yielding y;
	char why[160];
	u32 i = 0;
	err_t err = dispatcher_number(c, &i);

	if (err)
		return err;
	dispatch_yield_read(c->stmt, &dispatch_yield_default, &y);
	err = dispatcher_add(i, (u32)ctl_num(c, "core", DISPATCHER_PLACED), &y, why, sizeof(why));
	if (err)
		return ctl_fail(c, err == ERR_EXIST ? NULL : "core", err, "%s", why);
	return ERR_OK;
}

err_t ctl_dispatcher_set(struct ctl *c)
{
	struct dispatch_yielding y;
	u32 i = 0;
	err_t err = known_dispatcher(c, &i);

	if (err)
		return err;
	dispatch_yield_read(c->stmt, &dispatcher_at(i)->yield, &y);
	return dispatcher_set(i, &y);
}

err_t ctl_dispatcher_del(struct ctl *c)
{
	u32 i = 0;
	err_t err = known_dispatcher(c, &i);

	return err ? err : dispatcher_del(i);
}

void ctl_dispatch_config(const struct out *out)
{
	char text[DISPATCH_LANG_MAX];

	for (u32 i = 0; i < DISPATCHER_MAX; i++) {
		const struct dispatcher *d = dispatcher_at(i);

		if (!d)
			continue;
		out_printf(out, "  dispatcher add %u", i);
		if (d->core_set)
			out_printf(out, " core %u", d->core);
		out_printf(out, "%s\n", dispatch_yield_write(&d->yield, false, text));
	}
}

void ctl_dispatch_config_of(const char *name, const struct out *out)
{
	u32 i = (u32)(name[0] - '0');
	const struct dispatcher *d = i < DISPATCHER_MAX && !name[1] ? dispatcher_at(i) : NULL;
	char text[DISPATCH_LANG_MAX];

	if (d)
		out_printf(out, "dispatcher set %u%s\n", i,
			   dispatch_yield_write(&d->yield, true, text));
}

/* --- show dispatch ----------------------------------------------------------------- */

static void dispatcher_text(const struct out *out, u32 i, const struct dispatcher *d)
{
	char text[DISPATCH_LANG_MAX];

	out_printf(out, "dispatcher %u: core %u,%s\n", i, d->core,
		   dispatch_yield_write(&d->yield, true, text));
	out_printf(out,
		   "  %lu turns, %lu of them empty, %lu sleeps; %lu frames from guests; %u ways "
		   "through queues\n",
		   d->turns, d->empty, d->sleeps, d->frames, d->queues);
}

static void dispatcher_json(struct json *j, u32 i, const struct dispatcher *d)
{
	json_open(j, NULL, '{');
	json_num(j, "dispatcher", i);
	json_num(j, "core", d->core);
	json_text(j, "yield", dispatch_yield_name(d->yield.strategy));
	json_num(j, "t_sleep_us", d->yield.t_sleep_us);
	json_num(j, "t_nowork_us", d->yield.t_nowork_us);
	json_num(j, "turns", d->turns);
	json_num(j, "empty", d->empty);
	json_num(j, "sleeps", d->sleeps);
	json_num(j, "frames", d->frames);
	json_num(j, "queues", d->queues);
	json_close(j, '}');
}

static void way_text(const struct out *out, struct vm_interface *nic, enum dispatch_dir dir)
{
	const struct dispatch *d = &nic->dispatch.ctl[dir];
	const char *why_not = dispatch_why_not(nic, dir);
	struct dispatch_change log[DISPATCH_LOG];
	u32 n = dispatch_log_read(d, log);

	out_printf(out, "  %s: set %s, now %s%s%s, on core", dir_name[dir],
		   dispatch_mode_name(nic->dispatch.set.mode[dir]), dispatch_mode_name(d->now),
		   why_not ? ", done by the guest: " : "", why_not ? why_not : "");
	for (u32 i = 0; i < vnet_port_queues(&nic->net.port); i++)
		out_printf(out, " %u",
			   vnet_port_core(vnet_port_queue(&nic->net.port, i), way_of[dir]));
	out_printf(out, "; %lu packets/s, %lu windows, %lu changes, %lu moves\n", d->rate,
		   d->windows, d->changes, nic->dispatch.moves[dir]);
	for (u32 i = 0; i < n; i++)
		out_printf(out, "    %8lu.%03lu s  %s -> %s  by %s, %lu packets/s\n",
			   log[i].at_ns / (1000 * NS_PER_MS), log[i].at_ns / NS_PER_MS % 1000,
			   dispatch_mode_name(log[i].from), dispatch_mode_name(log[i].to),
			   why_name[log[i].why], log[i].rate);
}

static void nic_text(const struct out *out, struct vm_interface *nic)
{
	char text[DISPATCH_LANG_MAX];

	out_printf(out, "%s:%s\n", nic->name,
		   dispatch_lang_write(&nic->dispatch.set, true, text));
	way_text(out, nic, DISPATCH_TX);
	way_text(out, nic, DISPATCH_RX);
}

static void way_json(struct json *j, struct vm_interface *nic, enum dispatch_dir dir)
{
	const struct dispatch *d = &nic->dispatch.ctl[dir];
	struct dispatch_change log[DISPATCH_LOG];
	u32 n = dispatch_log_read(d, log);

	json_open(j, dir_name[dir], '{');
	json_text(j, "set", dispatch_mode_name(nic->dispatch.set.mode[dir]));
	json_text(j, "now", dispatch_mode_name(d->now));
	json_bool(j, "fallback", dispatch_why_not(nic, dir) != NULL);
	json_open(j, "cores", '[');
	for (u32 i = 0; i < vnet_port_queues(&nic->net.port); i++)
		json_num(j, NULL, vnet_port_core(vnet_port_queue(&nic->net.port, i), way_of[dir]));
	json_close(j, ']');
	json_num(j, "rate", d->rate);
	json_num(j, "windows", d->windows);
	json_num(j, "changes", d->changes);
	json_num(j, "moves", nic->dispatch.moves[dir]);
	json_open(j, "log", '[');
	for (u32 i = 0; i < n; i++) {
		json_open(j, NULL, '{');
		json_num(j, "at_ns", log[i].at_ns);
		json_text(j, "from", dispatch_mode_name(log[i].from));
		json_text(j, "to", dispatch_mode_name(log[i].to));
		json_text(j, "by", why_name[log[i].why]);
		json_num(j, "rate", log[i].rate);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

/* Of all its pairs of queues. */
static void notices_json(struct json *j, struct vm_interface *nic)
{
	u64 kicks = 0, tx_irqs = 0, rx_irqs = 0, joined = 0;

	for (u32 i = 0; i < nic->net.pairs; i++) {
		const struct virtio_net_pair *pair = virtio_net_pair(&nic->net, i);

		kicks += pair->tx->kicks;
		tx_irqs += pair->tx->interrupts;
		rx_irqs += pair->rx->interrupts;
		joined += pair->port.joined_bursts;
	}
	json_num(j, "kicks", kicks);
	json_num(j, "tx_irqs", tx_irqs);
	json_num(j, "rx_irqs", rx_irqs);
	json_num(j, "optimistic_irqs", nic->net.optimistic);
	json_num(j, "joined_bursts", joined);
}

static void nic_json(struct json *j, struct vm_interface *nic)
{
	const struct dispatch_settings *s = &nic->dispatch.set;

	json_open(j, NULL, '{');
	json_text(j, "interface", nic->name);
	json_num(j, "alpha_l", s->alpha_l);
	json_num(j, "alpha_u", s->alpha_u);
	json_num(j, "omega_us", s->omega_us);
	json_num(j, "quota", s->quota);
	notices_json(j, nic);
	way_json(j, nic, DISPATCH_TX);
	way_json(j, nic, DISPATCH_RX);
	json_close(j, '}');
}

/* Each NIC of each guest, or the one of that name. */
static struct vm_interface *next_nic(u32 *at, const char *only)
{
	while (*at < VM_MAX * VM_MAX_INTERFACES) {
		struct vm *vm = vm_at(*at / VM_MAX_INTERFACES);
		struct vm_interface *nic = vm ? vm->interface[*at % VM_MAX_INTERFACES] : NULL;

		++*at;
		if (nic && (!only || nic == vm_interface_find(only)))
			return nic;
	}
	return NULL;
}

static void show_json(struct ctl *c)
{
	struct json j = { .out = c->out };
	struct vm_interface *nic;
	u32 at = 0;

	json_open(&j, NULL, '{');
	json_open(&j, "dispatchers", '[');
	for (u32 i = 0; i < DISPATCHER_MAX; i++)
		if (dispatcher_at(i))
			dispatcher_json(&j, i, dispatcher_at(i));
	json_close(&j, ']');
	json_open(&j, "interfaces", '[');
	while ((nic = next_nic(&at, c->stmt->name)))
		nic_json(&j, nic);
	json_close(&j, ']');
	json_close(&j, '}');
	out_printf(c->out, "\n");
}

err_t ctl_show_dispatch(struct ctl *c)
{
	struct vm_interface *nic;
	u32 at = 0, n = 0;

	if (c->stmt->name && !vm_interface_find(c->stmt->name))
		return ctl_fail(c, NULL, ERR_NOENT, "there is no interface \"%s\"", c->stmt->name);
	if (lang_get(c->stmt, "json")) {
		show_json(c);
		return ERR_OK;
	}
	for (u32 i = 0; i < DISPATCHER_MAX; i++) {
		n += dispatcher_at(i) != NULL;
		if (dispatcher_at(i))
			dispatcher_text(c->out, i, dispatcher_at(i));
	}
	if (!n)
		out_printf(c->out, "no dispatcher: guests do all the work\n");
	while ((nic = next_nic(&at, c->stmt->name)))
		nic_text(c->out, nic);
	return ERR_OK;
}

/* --- show metrics ---------------------------------------------------------------------- */

static void nic_metrics(struct metrics *m, u64 (*value)(const struct dispatch *d))
{
	struct vm_interface *nic;
	u32 at = 0;

	while ((nic = next_nic(&at, NULL)))
		for (u32 dir = 0; dir < DISPATCH_DIRS; dir++)
			metrics_sample(m, value(&nic->dispatch.ctl[dir]), "interface", nic->name,
				       "direction", dir_name[dir], NULL);
}

static u64 is_vmm_driven(const struct dispatch *d)
{
	return d->now == DISPATCH_VMM;
}

static u64 changes(const struct dispatch *d)
{
	return d->changes;
}

static u64 rate(const struct dispatch *d)
{
	return d->rate;
}

static void dispatcher_metrics(struct metrics *m, u64 (*value)(const struct dispatcher *d))
{
	for (u32 i = 0; i < DISPATCHER_MAX; i++) {
		char name[12];

		fmt_snprintf(name, sizeof(name), "%u", i);
		if (dispatcher_at(i))
			metrics_sample(m, value(dispatcher_at(i)), "dispatcher", name, NULL);
	}
}

static u64 turns(const struct dispatcher *d)
{
	return d->turns;
}

static u64 sleeps(const struct dispatcher *d)
{
	return d->sleeps;
}

static u64 frames(const struct dispatcher *d)
{
	return d->frames;
}

void ctl_dispatch_metrics(struct metrics *m)
{
	metrics_family(m, "dispatch_vmm_driven", METRICS_GAUGE, NULL,
		       "The mode that holds: 1 is VMM-driven, 0 guest-driven.");
	nic_metrics(m, is_vmm_driven);
	metrics_family(m, "dispatch_rate", METRICS_GAUGE, NULL,
		       "Packets a second in the last window.");
	nic_metrics(m, rate);
	metrics_family(m, "dispatch_changes", METRICS_COUNTER, NULL,
		       "How often the mode changed.");
	nic_metrics(m, changes);
	metrics_family(m, "dispatcher_turns", METRICS_COUNTER, NULL, "Turns over its queues.");
	dispatcher_metrics(m, turns);
	metrics_family(m, "dispatcher_sleeps", METRICS_COUNTER, NULL,
		       "How often it went to sleep.");
	dispatcher_metrics(m, sleeps);
	metrics_family(m, "dispatcher_frames", METRICS_COUNTER, "frames",
		       "Frames that it took from guests.");
	dispatcher_metrics(m, frames);
}
