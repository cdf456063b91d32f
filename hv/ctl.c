/* SPDX-License-Identifier: BSD-2-Clause */
/* From a statement to its handler, see ctl.h. */
#include "hv/ctl.h"

#include <arch/power.h>

#include "hv/control.h"

/* A section begins where a file is read (hv/config.c), not on a terminal. */
static err_t ctl_node(struct ctl *c)
{
	return ctl_fail(c, NULL, ERR_NOTSUP,
			"\"node NAME\" starts a section of a file; on the console, use "
			"\"node reboot\" or \"node poweroff\"");
}

static err_t ctl_reboot(struct ctl *c)
{
	out_printf(c->out, "rebooting\n");
	arch_reset();
}

static err_t ctl_poweroff(struct ctl *c)
{
	out_printf(c->out, "switching off\n");
	arch_poweroff();
	return ctl_fail(c, NULL, ERR_NOTSUP, "this machine's ACPI tables do not say how");
}

const ctl_fn ctl_own_handlers[LANG_ID_COUNT] = {
	[LANG_NODE] = ctl_node,
	[LANG_NODE_REBOOT] = ctl_reboot,
	[LANG_NODE_POWEROFF] = ctl_poweroff,
	[LANG_CPU_FEATURE] = ctl_cpu_feature,
	[LANG_CORE_SET] = ctl_core_set,
	[LANG_UPLINK_ADD] = ctl_uplink_add,
	[LANG_UPLINK_SET] = ctl_uplink_set,
	[LANG_UPLINK_DEL] = ctl_uplink_del,
	[LANG_LINK_ADD] = ctl_link_add,
	[LANG_LINK_DEL] = ctl_link_del,
	[LANG_LINK_SET] = ctl_link_set,
	[LANG_VM_ADD] = ctl_vm_add,
	[LANG_VM_DEL] = ctl_vm_del,
	[LANG_VM_START] = ctl_vm_request,
	[LANG_VM_STOP] = ctl_vm_request,
	[LANG_VM_SHUTDOWN] = ctl_vm_shutdown,
	[LANG_VM_RESET] = ctl_vm_request,
	[LANG_INTERFACE_ADD] = ctl_interface_add,
	[LANG_INTERFACE_DEL] = ctl_interface_del,
	[LANG_INTERFACE_SET] = ctl_interface_set,
	[LANG_DISK_ADD] = ctl_disk_add,
	[LANG_DISK_DEL] = ctl_disk_del,
	[LANG_SHOW_DISK] = ctl_show_disk,
	[LANG_DISPATCHER_ADD] = ctl_dispatcher_add,
	[LANG_DISPATCHER_SET] = ctl_dispatcher_set,
	[LANG_DISPATCHER_DEL] = ctl_dispatcher_del,
	[LANG_SHOW_DISPATCH] = ctl_show_dispatch,
	[LANG_CONTROL_LISTEN] = ctl_control_listen,
	[LANG_CONTROL_CLOSE] = ctl_control_close,
	[LANG_SHOW_NOISE] = ctl_show_noise,
	[LANG_CONSOLE_ATTACH] = ctl_console_attach,
	[LANG_CONSOLE_LOG] = ctl_console_log,
	[LANG_CONSOLE_EXCHANGE] = ctl_console_exchange,
	[LANG_SHOW_NODE] = ctl_show_node,
	[LANG_SHOW_BOOT] = ctl_show_boot,
	[LANG_SHOW_HARDWARE] = ctl_show_hardware,
	[LANG_SHOW_REPORT] = ctl_show_report,
	[LANG_SHOW_VM] = ctl_show_vm,
	[LANG_SHOW_UPLINK] = ctl_show_uplink,
	[LANG_SHOW_STATS] = ctl_show_stats,
	[LANG_SHOW_METRICS] = ctl_show_metrics,
	[LANG_SHOW_CONFIG] = ctl_show_config,
	[LANG_SHOW_LOG] = ctl_show_log,
};

err_t ctl_execute(struct ctl *c)
{
	c->message[0] = '\0';
	if (!c->stmt->cmd)
		return ERR_OK;
	return ctl_handler(c->stmt->cmd->id)(c);
}
