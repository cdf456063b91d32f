/* SPDX-License-Identifier: BSD-2-Clause */
/* From a statement to its handler, see ctl.h. */
#include "hv/ctl.h"

#include <arch/power.h>

#include "hv/base/fmt.h"
#include "hv/base/str.h"

static err_t ctl_nothing(struct ctl *c)
{
	(void)c;
	return ERR_OK;
}

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

static err_t ctl_help(struct ctl *c)
{
	for (const struct lang_command *cmd = lang_commands; cmd->object; cmd++) {
		char usage[LANG_MESSAGE_MAX] = "";
		size_t len = 0;

		fmt_append(usage, sizeof(usage), &len, "%s", cmd->object);
		if (cmd->verb)
			fmt_append(usage, sizeof(usage), &len, " %s", cmd->verb);
		if (cmd->name)
			fmt_append(usage, sizeof(usage), &len,
				   cmd->name == LANG_NAME_OPTIONAL ? " [NAME]" : " NAME");
		for (const struct lang_key *k = cmd->keys; k->word; k++)
			fmt_append(usage, sizeof(usage), &len, k->required ? " %s%s" : " [%s%s]",
				   k->word, k->type == LANG_FLAG || k->bare ? "" : " ..");
		out_column(c->out, 44, "  %s", usage);
		out_printf(c->out, "  %s\n", cmd->help);
	}
	return ERR_OK;
}

static const ctl_fn handlers[LANG_ID_COUNT] = {
	[LANG_CAISSON] = ctl_nothing,
	[LANG_NODE] = ctl_node,
	[LANG_NODE_REBOOT] = ctl_reboot,
	[LANG_NODE_POWEROFF] = ctl_poweroff,
	[LANG_CPU_FEATURE] = ctl_cpu_feature,
	[LANG_HELP] = ctl_help,
	[LANG_UPLINK_ADD] = ctl_uplink_add,
	[LANG_UPLINK_SET] = ctl_uplink_set,
	[LANG_UPLINK_DEL] = ctl_uplink_del,
	[LANG_OVERLAY_ADD] = ctl_overlay_add,
	[LANG_OVERLAY_SET] = ctl_overlay_set,
	[LANG_OVERLAY_DEL] = ctl_overlay_del,
	[LANG_OVERLAY_FLUSH] = ctl_overlay_flush,
	[LANG_LINK_ADD] = ctl_link_add,
	[LANG_LINK_DEL] = ctl_link_del,
	[LANG_LINK_SET] = ctl_link_set,
	[LANG_VM_ADD] = ctl_vm_add,
	[LANG_VM_DEL] = ctl_vm_del,
	[LANG_VM_START] = ctl_vm_request,
	[LANG_VM_STOP] = ctl_vm_request,
	[LANG_VM_RESET] = ctl_vm_request,
	[LANG_INTERFACE_ADD] = ctl_interface_add,
	[LANG_INTERFACE_DEL] = ctl_interface_del,
	[LANG_INTERFACE_SET] = ctl_interface_set,
	[LANG_ROUTE_ADD] = ctl_route_add,
	[LANG_ROUTE_DEL] = ctl_route_del,
	[LANG_CONSOLE_ATTACH] = ctl_console_attach,
	[LANG_CONSOLE_LOG] = ctl_console_log,
	[LANG_SHOW_NODE] = ctl_show_node,
	[LANG_SHOW_VM] = ctl_show_vm,
	[LANG_SHOW_INTERFACE] = ctl_show_interface,
	[LANG_SHOW_LINK] = ctl_show_link,
	[LANG_SHOW_ROUTE] = ctl_show_route,
	[LANG_SHOW_OVERLAY] = ctl_show_overlay,
	[LANG_SHOW_LEARNED] = ctl_show_learned,
	[LANG_SHOW_UPLINK] = ctl_show_uplink,
	[LANG_SHOW_STATS] = ctl_show_stats,
	[LANG_SHOW_CONFIG] = ctl_show_config,
	[LANG_SHOW_LOG] = ctl_show_log,
};

err_t ctl_execute(struct ctl *c)
{
	c->message[0] = '\0';
	if (!c->stmt->cmd)
		return ERR_OK;
	return handlers[c->stmt->cmd->id](c);
}

err_t ctl_line(const struct lang_source *src, const char *line, size_t len,
	       const struct out *out, char *message)
{
	static struct lang_stmt stmt;
	struct ctl c = { .src = src, .stmt = &stmt, .out = out, .message = message };
	err_t err = lang_parse(src, line, len, &stmt, message);

	return err ? err : ctl_execute(&c);
}

err_t ctl_fail(struct ctl *c, const char *key, err_t err, const char *f, ...)
{
	const struct lang_value *v = key ? lang_get(c->stmt, key) : NULL;
	char text[LANG_MESSAGE_MAX];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	lang_error(c->src, v ? v->column : c->stmt->name_column, c->message, "%s", text);
	return err;
}

u64 ctl_num(const struct ctl *c, const char *key, u64 otherwise)
{
	const struct lang_value *v = lang_get(c->stmt, key);

	return v ? v->num : otherwise;
}

const char *ctl_text(const struct ctl *c, const char *key)
{
	const struct lang_value *v = lang_get(c->stmt, key);

	return v ? v->text : "";
}
