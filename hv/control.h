/* SPDX-License-Identifier: BSD-2-Clause */
/* Control over the network (ctl/remote.h) by the uplinks' UDP. Boot core only. */
#ifndef HV_CONTROL_H
#define HV_CONTROL_H

#include "ctl/ctl.h"

struct uplink;

/* The uplink is in use from now on: where control listens, there as well. ERR_NOMEM,
 * ERR_BUSY: a link receives on the port. */
err_t control_uplink_added(struct uplink *up);

/* The uplink is to go: control leaves it. ERR_BUSY: it listens nowhere else. */
err_t control_uplink_leaves(struct uplink *up);

/* Of show config and show stats. */
void control_config(const struct out *out);
void control_print(const struct out *out);
void control_json(struct json *j);

err_t ctl_control_listen(struct ctl *c);
err_t ctl_control_close(struct ctl *c);

#endif
