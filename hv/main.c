/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's start, as a list, once boot/start.c has the machine up. */
#include "boot/start.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/pci.h>
#include <arch/percpu.h>
#include <arch/smp.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/config.h"
#include "hv/console.h"
#include "hv/core.h"
#include "hv/hostcpu.h"
#include "hv/netcore.h"
#include "hv/node.h"
#include "hv/report.h"
#include "hv/seed.h"
#include "hv/stray.h"
#include "hv/topology.h"
#include "hv/uplink.h"
#include "hv/vm.h"

#define CONFIG_MODULE "node.conf"
#define HOUSE_NS (1000ull * 1000 * 1000)

extern char image_start[], image_load_end[], image_end[];

const struct boot_info *node_boot_info;
u64 node_ready_ns;

u64 node_image_bytes(void)
{
	return (u64)(image_load_end - image_start);
}

u64 node_resident_bytes(void)
{
	const struct pages *p = &host_pages;
	u64 taken = p->total - p->free_bytes;

	return (u64)(image_end - image_start) + taken - vm_memory_total() - netcore_pool_bytes();
}

static void log_backend(void)
{
	char used[160] = "";
	size_t len = 0;
	u32 count;
	const struct backend_feature *f = backend->features(&count);

	for (u32 i = 0; i < count; i++)
		if (f[i].state == FEATURE_USED)
			fmt_append(used, sizeof(used), &len, "%s%s", len ? ", " : "", f[i].name);
	log_info("cpu", "%s: %u address spaces; uses %s", backend_caps.name, backend_caps.asids,
		 len ? used : "none of its optional abilities");
}

static void find_backend(void)
{
	char why[200];

	backend = backend_probe(&backend_caps, why, sizeof(why));
	if (backend && backend->cpu_enable())
		backend = NULL;
	if (!backend) {
		config_degraded("this processor cannot run guests: %s", why);
		return;
	}
	log_backend();
}

static void find_topology(u32 online)
{
	u32 ids[PLAT_MAX_CORES];

	for (u32 i = 0; i < online; i++)
		ids[i] = cpus[i].apic_id;
	topology_init(&topology, ids, online, hostcpu_cpuid, boot_numa());
}

static void read_config(const struct boot_info *bi)
{
	char why[VM_REASON_MAX];
	const struct boot_module *m = node_module(CONFIG_MODULE, why, sizeof(why));
	u8 macs[UPLINK_MAX][6];
	struct config_self self = { .name = bi->node, .macs = macs, .boot_mac = bi->net_mac };

	for (u32 i = 0; i < UPLINK_MAX; i++)
		if (uplink_at(i)->state != UPLINK_ABSENT)
			memcpy(macs[self.mac_count++], uplink_at(i)->nic.mac, sizeof(macs[0]));
	if (m)
		config_load(CONFIG_MODULE, (const char *)m->start, m->size, &self);
	else
		config_degraded("%s: nothing is configured", why);
}

/* Once a second: what the overlay has to do when time goes by, and what to tell. */
static void keep_house(struct timer *t, u64 now_ns)
{
	vnet_tick(now_ns);
	vm_net_follow_links();
	stray_report();
	timer_set(&core_this()->timers, t, now_ns + HOUSE_NS);
}

static void secondary_core(unsigned core)
{
	if (backend && backend->cpu_enable())
		log_err("cpu", "core %u cannot run guests", core);
	core_loop();
}

void hv_main(const struct boot_info *bi)
{
	static struct timer house;
	u32 online = smp_core_count();

	node_boot_info = bi;
	hostcpu_clock_init();
	seed_init();
	node_check_modules();
	core_init(online);
	find_topology(online);
	core_on_event(CORE_EV_VM, vm_core_event);
	find_backend();
	if (netcore_init(online))
		die("no memory for packet pools");
	smp_start(secondary_core);
	cpu_irq_enable();
	uplink_detect();
	pci_quiesce_unclaimed();
	read_config(bi);
	vm_net_follow_links();
	node_ready_ns = plat_now_ns();
	log_info("node", "%s%s: ready in %lu ms; image %lu KiB, resident %lu KiB, packet buffers "
		 "%lu KiB, guests %lu MiB",
		 node_state.name, node_state.errors ? " (degraded)" : "",
		 node_ready_ns / 1000000, node_image_bytes() >> 10, node_resident_bytes() >> 10,
		 netcore_pool_bytes() >> 10, vm_memory_total() >> 20);
	timer_init(&house, keep_house, NULL);
	timer_set(&core_this()->timers, &house, node_ready_ns + HOUSE_NS);
	node_show_boot();
	console_start();
	if (bi->report[0])
		report_start(bi->report);
	core_loop();
}
