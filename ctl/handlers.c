/* SPDX-License-Identifier: BSD-2-Clause */
/* From a statement to its handler, and the list of what there is one for. */
#include "ctl/ctl.h"
#include "hv/base/fmt.h"
#include "vnet/lang_write.h"

#define HELP_COLUMN 44

static err_t nothing(struct ctl *c)
{
	(void)c;
	return ERR_OK;
}

static const ctl_fn shared[LANG_ID_COUNT] = {
	[LANG_CAISSON] = nothing,
	[LANG_HELP] = ctl_help,
	[LANG_OVERLAY_ADD] = ctl_overlay_add,
	[LANG_OVERLAY_SET] = ctl_overlay_set,
	[LANG_OVERLAY_DEL] = ctl_overlay_del,
	[LANG_OVERLAY_FLUSH] = ctl_overlay_flush,
	[LANG_ROUTE_ADD] = ctl_route_add,
	[LANG_ROUTE_DEL] = ctl_route_del,
	[LANG_TRACE] = ctl_trace,
	[LANG_MATRIX] = ctl_matrix,
	[LANG_LEDGER] = ctl_ledger,
	[LANG_CAPTURE_START] = ctl_capture_start,
	[LANG_CAPTURE_READ] = ctl_capture_read,
	[LANG_CAPTURE_STOP] = ctl_capture_stop,
	[LANG_SHOW_INTERFACE] = ctl_show_interface,
	[LANG_SHOW_LINK] = ctl_show_link,
	[LANG_SHOW_ROUTE] = ctl_show_route,
	[LANG_SHOW_OVERLAY] = ctl_show_overlay,
	[LANG_SHOW_LEARNED] = ctl_show_learned,
	[LANG_SHOW_NEIGHBOUR] = ctl_show_neighbour,
	[LANG_SHOW_MATRIX] = ctl_show_matrix,
	[LANG_SHOW_LEDGER] = ctl_show_ledger,
};

ctl_fn ctl_handler(enum lang_id id)
{
	return shared[id] ? shared[id] : ctl_own_handlers[id];
}

err_t ctl_help(struct ctl *c)
{
	for (const struct lang_command *cmd = lang_commands; cmd->object; cmd++) {
		char usage[LANG_MESSAGE_MAX];

		if (!ctl_handler(cmd->id))
			continue;
		out_column(c->out, HELP_COLUMN, "  %s",
			   lang_write_usage(cmd, usage, sizeof(usage)));
		out_printf(c->out, "  %s\n", cmd->help);
	}
	return ERR_OK;
}
