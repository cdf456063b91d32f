/* SPDX-License-Identifier: BSD-2-Clause */
/* Control over the network (ctl/remote.h) by the uplink's UDP. Boot core only. */
#ifndef HV_CONTROL_H
#define HV_CONTROL_H

#include "ctl/ctl.h"

/* Does it listen, so that the uplink is in use? */
bool control_listens(void);

/* Of show config and show stats. */
void control_config(const struct out *out);
void control_print(const struct out *out);
void control_json(struct json *j);

err_t ctl_control_listen(struct ctl *c);
err_t ctl_control_close(struct ctl *c);

#endif
