/* SPDX-License-Identifier: BSD-2-Clause */
/* show node, config, log. */
#include <arch/console.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "boot/start.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/config.h"
#include "hv/control.h"
#include "hv/ctl.h"
#include "hv/mem/pages.h"
#include "hv/netcore.h"
#include "hv/node.h"
#include "hv/stray.h"
#include "hv/uplink.h"
#include "hv/vm.h"
#include "vnet/dispatch_lang.h"
#include "vnet/link_lang.h"
#include "vnet/overlay_lang.h"
#include "vnet/route.h"

/* --- show node ------------------------------------------------------------------ */

static void stray_json(struct json *j)
{
	json_open(j, "nmis", '[');
	for (u32 i = 0; i < smp_core_count(); i++)
		json_num(j, NULL, stray_nmis(i));
	json_close(j, ']');
	json_open(j, "unknown_interrupts", '[');
	for (u32 i = 0; i < smp_core_count(); i++)
		json_num(j, NULL, stray_vectors(i));
	json_close(j, ']');
}

static void node_json(const struct out *out)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_text(&j, "node", node_state.name);
	json_text(&j, "version", boot_version);
	json_bool(&j, "degraded", node_state.errors != 0);
	json_num(&j, "errors", node_state.errors);
	json_text(&j, "first_error", node_state.error[0]);
	json_text(&j, "backend", backend ? backend->name : "none");
	ctl_cpu_json(&j);
	ctl_topology_json(&j);
	json_num(&j, "cores", smp_core_count());
	stray_json(&j);
	json_num(&j, "image_bytes", node_image_bytes());
	json_num(&j, "resident_bytes", node_resident_bytes());
	json_num(&j, "packet_bytes", netcore_pool_bytes());
	json_num(&j, "guest_bytes", vm_memory_total());
	json_num(&j, "free_bytes", host_pages.free_bytes);
	json_num(&j, "up_ns", plat_now_ns());
	json_close(&j, '}');
	out_printf(out, "\n");
}

err_t ctl_show_node(struct ctl *c)
{
	const struct out *out = c->out;

	if (lang_get(c->stmt, "json")) {
		node_json(out);
		return ERR_OK;
	}
	out_printf(out, "%s: %s", node_state.name, node_state.errors ? "DEGRADED" : "ok");
	if (node_state.errors)
		out_printf(out, ", %u errors; the first: %s", node_state.errors,
			   node_state.error[0]);
	out_printf(out, "\nCaisson %s, up %lu s, ready after %lu ms\n", boot_version,
		   plat_now_ns() / 1000000000, node_ready_ns / 1000000);
	out_printf(out, "%u cores, TSC %lu.%03lu MHz, guests run on %s\n", smp_core_count(),
		   tsc_khz() / 1000, tsc_khz() % 1000, backend ? backend->name : "nothing here");
	out_printf(out, "image %lu KiB, resident %lu KiB, packet buffers %lu KiB, guests %lu MiB, "
		   "free %lu MiB\n",
		   node_image_bytes() >> 10, node_resident_bytes() >> 10,
		   netcore_pool_bytes() >> 10, vm_memory_total() >> 20,
		   host_pages.free_bytes >> 20);
	for (u32 i = 0; i < smp_core_count(); i++)
		if (stray_nmis(i))
			out_printf(out, "core %u: NMIs that nobody here sent: %lu\n", i,
				   stray_nmis(i));
	ctl_topology_show(out);
	ctl_cpu_show(out);
	return ERR_OK;
}

/* --- show config ---------------------------------------------------------------- */

/* "uplink VERB N address ... gateway ..." */
static void config_address(const struct out *out, const struct uplink *up, const char *verb)
{
	char ip[FMT_IP4_LEN];

	out_printf(out, "uplink %s %u address ", verb, up->index);
	if (up->cfg.dhcp)
		out_printf(out, "dhcp");
	else
		out_printf(out, "%s/%u", fmt_ip4(ip, up->cfg.addr),
			   (u32)__builtin_popcount(up->cfg.mask));
	if (up->cfg.gateway)
		out_printf(out, " gateway %s", fmt_ip4(ip, up->cfg.gateway));
}

static void config_uplink(const struct out *out, const struct uplink *up)
{
	if (up->state != UPLINK_UP)
		return;
	out_printf(out, "  ");
	config_address(out, up, "add");
	out_printf(out, " mtu %u%s", up->netif.setup.mtu, up->cfg.poll ? " poll on" : "");
	if (up->cfg.queues > 1)
		out_printf(out, " queues %u", up->cfg.queues);
	out_printf(out, "\n");
}

static void config_overlays(const struct out *out)
{
	char text[OVERLAY_LANG_MAX];

	for (const struct overlay *o = overlay_next(NULL); o; o = overlay_next(o)) {
		if (overlay_lang_write(o, text)[0])
			out_printf(out, "  %s\n", text);
	}
}

static void config_link(const struct out *out, struct vnet_port *p)
{
	char text[LINK_LANG_MAX];

	out_printf(out, "  %s\n", link_lang_write(edge_of(p), text));
}

static void config_vm(const struct out *out, const struct vm *vm)
{
	static const char *const policies[] = { [VM_ON_CRASH_STOP] = "",
						[VM_ON_CRASH_RESET] = " on-crash reset",
						[VM_ON_CRASH_HOLD] = " on-crash hold" };
	char text[2 * VM_CMDLINE_MAX];
	size_t len = 0;

	fmt_append(text, sizeof(text), &len, "  vm add %s memory %luM", vm->cfg.name,
		   vm->cfg.memory >> 20);
	if (vm->cfg.cpus > 1)
		fmt_append(text, sizeof(text), &len, " cpus %u", vm->cfg.cpus);
	for (u32 i = 0; vm->cfg.core_set && i < vm->cfg.cpus; i++)
		fmt_append(text, sizeof(text), &len, "%s%u",
			   i ? "," : vm->cfg.cpus > 1 ? " cores " : " core ", vm->cfg.core[i]);
	fmt_append(text, sizeof(text), &len, " kernel ");
	lang_quote(text, sizeof(text), &len, vm->cfg.kernel);
	if (vm->cfg.initrd[0]) {
		fmt_append(text, sizeof(text), &len, " initrd ");
		lang_quote(text, sizeof(text), &len, vm->cfg.initrd);
	}
	if (vm->cfg.cmdline[0]) {
		fmt_append(text, sizeof(text), &len, " cmdline ");
		lang_quote(text, sizeof(text), &len, vm->cfg.cmdline);
	}
	fmt_append(text, sizeof(text), &len, "%s%s%s\n", policies[vm->cfg.on_crash],
		   vm->cfg.testdev ? " testdev on" : "",
		   !vm->cfg.rng_set ? "" : vm->cfg.rng ? " rng on" : " rng off");
	out->write(out->ctx, text, len);
}

static void config_interface(const struct out *out, const struct vm_interface *nic)
{
	char mac[FMT_MAC_LEN], modes[DISPATCH_LANG_MAX];

	const struct overlay *o = overlay_by_id(nic->net.port.overlay);

	out_printf(out, "  interface add %s mac %s", nic->name, fmt_mac(mac, nic->net.port.mac));
	if (nic->mtu_fixed)
		out_printf(out, " mtu %u", nic->net.port.mtu);
	if (!nic->check_source)
		out_printf(out, " check-source off");
	ctl_also_print(out, &nic->net.port.also);
	if (nic->net.port.storm)
		out_printf(out, " storm %u", nic->net.port.storm);
	if (nic->queues_fixed)
		out_printf(out, " queues %u", nic->net.pairs);
	if (o && o->id)
		out_printf(out, " overlay %s", o->name);
	out_printf(out, "%s\n", dispatch_lang_write(&nic->dispatch.set, false, modes));
}

err_t ctl_show_config(struct ctl *c)
{
	const struct out *out = c->out;
	char text[ROUTE_TEXT_MAX];

	out_printf(out, "caisson %d\nnode %s\n", LANG_VERSION, node_state.name);
	ctl_cpu_config(out);
	ctl_core_config(out);
	for (u32 i = 0; i < UPLINK_MAX; i++)
		config_uplink(out, uplink_at(i));
	control_config(out);
	config_overlays(out);
	ctl_dispatch_config(out);
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		if (p->kind == VNET_PORT_EDGE)
			config_link(out, p);
	for (u32 i = 0; i < VM_MAX; i++) {
		const struct vm *vm = vm_at(i);

		if (!vm)
			continue;
		config_vm(out, vm);
		for (u32 k = 0; k < VM_MAX_INTERFACES; k++)
			if (vm->interface[k])
				config_interface(out, vm->interface[k]);
		for (u32 k = 0; k < VM_MAX_DISKS; k++)
			if (vm->disk[k])
				ctl_disk_config(out, vm->disk[k]);
	}
	for (const struct route *r = route_next(0); r; r = route_next(r->id))
		out_printf(out, "  route add %s\n", route_format(&r->spec, text, sizeof(text)));
	for (u32 i = 0; i < VM_MAX; i++)
		if (vm_at(i) && vm_at(i)->state == VM_RUNNING)
			out_printf(out, "  vm start %s\n", vm_at(i)->cfg.name);
	return ERR_OK;
}

void ctl_config_of(enum lang_id made_by, const char *name, const struct out *out)
{
	const struct vm_interface *nic = vm_interface_find(name);
	const struct uplink *up = made_by == LANG_UPLINK_SET ? uplink_at((u32)(name[0] - '0')) :
								NULL;
	const struct vm *vm = vm_find(name);

	if (made_by == LANG_INTERFACE_ADD && nic)
		config_interface(out, nic);
	if (made_by == LANG_VM_ADD && vm)
		config_vm(out, vm);
	if (made_by == LANG_DISK_ADD)
		ctl_disk_config_of(name, out);
	if (made_by == LANG_DISPATCHER_SET)
		ctl_dispatch_config_of(name, out);
	if (made_by == LANG_CORE_SET)
		ctl_core_config_of(name, out);
	if (!up || up->state != UPLINK_UP)
		return;
	config_address(out, up, "set");
	out_printf(out, "\n");
}

/* --- show log -------------------------------------------------------------------- */

err_t ctl_show_log(struct ctl *c)
{
	static char text[CONSOLE_LOG_BYTES];
	size_t n = console_log_read(text, sizeof(text));

	c->out->write(c->out->ctx, text, n);
	return ERR_OK;
}
