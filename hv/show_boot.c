/* SPDX-License-Identifier: BSD-2-Clause */
/* show boot: in one screen, who this node is, what it found, and what failed. */
#include <arch/console.h>
#include <arch/pci.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "boot/start.h"
#include "drivers/nic/drivers.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/config.h"
#include "hv/ctl.h"
#include "hv/mem/pages.h"
#include "hv/node.h"
#include "hv/uplink.h"
#include "hv/vm.h"

#define TITLE 10
#define LINKS_MAX 4 /* so that all fits on a screen of 25 lines */
#define NICS_MAX 3

static void title(const struct out *out, const char *text)
{
	out_printf(out, "  ");
	out_column(out, TITLE, "%s", text);
}

static void booted(const struct out *out)
{
	const struct boot_info *bi = node_boot_info;
	u64 bytes = 0;

	for (u32 i = 0; i < bi->module_count; i++)
		bytes += bi->module[i].size;
	if (bi->net_mac[0]) {
		title(out, "booted");
		out_printf(out, "over the network by %s (%s)\n", bi->net_mac,
			   bi->net_ip[0] ? bi->net_ip : "no address");
	}
	title(out, "loader");
	out_printf(out, "%s, Multiboot %u, %u modules of %lu KiB\n",
		   bi->efi ? "UEFI" : "BIOS", bi->protocol, bi->module_count, bytes >> 10);
}

static void machine(const struct out *out)
{
	title(out, "machine");
	out_printf(out, "%u cores at %lu MHz, %lu MiB free, guests run on %s\n", smp_core_count(),
		   tsc_khz() / 1000, host_pages.free_bytes >> 20,
		   backend ? backend->name : "nothing here");
}

static void uplink(const struct out *out, struct uplink *up)
{
	const struct netif *nif = &up->netif;
	char text[FMT_MAC_LEN];
	struct nic_link link;

	fmt_snprintf(text, sizeof(text), "uplink %u", up->index);
	title(out, text);
	if (up->state == UPLINK_ABSENT) {
		out_printf(out, "%s\n", up->why[0] ? up->why : "none");
		return;
	}
	link = up->nic.ops->link(&up->nic);
	out_printf(out, "%s %s, link %s", up->nic.ops->name, fmt_mac(text, up->nic.mac),
		   link.up ? "up" : "DOWN");
	if (link.up && link.mbps)
		out_printf(out, " %u Mbit/s", link.mbps);
	if (up->state != UPLINK_UP)
		out_printf(out, ", not configured\n");
	else if (!nif->addr)
		out_printf(out, ", asks for an address by DHCP\n");
	else
		out_printf(out, ", %s/%u\n", fmt_ip4(text, nif->addr),
			   (u32)__builtin_popcount(nif->mask));
}

/* Network functions that nobody drives. */
static void other_nics(const struct out *out)
{
	u32 shown = 0;

	for (u32 i = 0; i < pci_count(); i++) {
		const struct pci_func *f = pci_func_at(i);

		if (f->class_code >> 16 != PCI_CLASS_NETWORK || f->claimed || shown == NICS_MAX)
			continue;
		shown++;
		title(out, "NIC");
		out_printf(out, "%04x:%04x at %02x:%02x.%x, %s\n", f->vendor, f->device, f->bus,
			   f->dev, f->fn, nic_driver_find(f->vendor, f->device)
			   ? "not in use" : "no driver");
	}
}

static void links(const struct out *out)
{
	char ip[FMT_IP4_LEN];
	u32 count = 0;

	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		const struct edge *e = edge_of(p);

		if (p->kind != VNET_PORT_EDGE || count++ >= LINKS_MAX)
			continue;
		title(out, "link");
		out_printf(out, "%s: %s to %s, %s\n", p->name, e->link->name,
			   e->dst.remote_ip ? fmt_ip4(ip, e->dst.remote_ip) : "whoever comes",
			   edge_state_name(edge_state(e)));
	}
	if (count > LINKS_MAX) {
		title(out, "");
		out_printf(out, "and %u links more\n", count - LINKS_MAX);
	}
}

static void guests(const struct out *out)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		const struct vm *vm = vm_at(i);

		if (!vm)
			continue;
		title(out, "guest");
		out_printf(out, "%s: %s, %u cpus, %lu MiB%s%s\n", vm->cfg.name,
			   vm_state_text(vm), vm->cfg.cpus, vm->cfg.memory >> 20,
			   vm->reason[0] ? ": " : "", vm->reason);
	}
}

static void failures(const struct out *out)
{
	u32 kept = MIN(node_state.errors, (u32)NODE_ERRORS_KEPT);

	for (u32 i = 0; i < kept; i++) {
		title(out, "FAILED");
		out_printf(out, "%s\n", node_state.error[i]);
	}
	if (node_state.errors > kept) {
		title(out, "");
		out_printf(out, "and %u errors more: show log\n", node_state.errors - kept);
	}
}

static void show(const struct out *out)
{
	out_printf(out, "Caisson %s, node %s: %s\n", boot_version, node_state.name,
		   node_state.errors ? "DEGRADED" : "ok");
	booted(out);
	machine(out);
	/* Of those that are not there, the first says why. */
	for (u32 i = 0; i < UPLINK_MAX; i++)
		if (!i || uplink_at(i)->func)
			uplink(out, uplink_at(i));
	other_nics(out);
	links(out);
	guests(out);
	failures(out);
}

err_t ctl_show_boot(struct ctl *c)
{
	show(c->out);
	return ERR_OK;
}

static void console_out(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	console_write(text, len);
}

void node_show_boot(void)
{
	const struct out out = { .write = console_out };

	show(&out);
}
