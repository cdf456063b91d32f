/* SPDX-License-Identifier: BSD-2-Clause */
/* Making TAP devices and setting their properties. */
#ifndef VNETPD_TAP_OPEN_H
#define VNETPD_TAP_OPEN_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/*
 * A queue of the device, which is made when it is not there, with virtio's header and all
 * offloads. *fd does not block. Errors as tap_add(), with the reason in why.
 */
err_t tap_open(const char *device, bool one_of_several, int *fd, char *why, size_t size);

/* Give it its address and MTU, and bring it up. ERR_IO, with the reason in why. */
err_t tap_device_set(const char *device, const u8 mac[6], u32 mtu, char *why, size_t size);

/* Before privileges are dropped: where only root may open the device, have some open for
 * interfaces that come later. */
void tap_open_spares(void);

void tap_carrier(int fd, bool on);
err_t tap_device_mtu(const char *device, u32 mtu);
/* A long segment stands for at most so many. */
err_t tap_device_segments(const char *device, u32 segments);

#endif
