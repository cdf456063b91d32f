/* SPDX-License-Identifier: BSD-2-Clause */
/* The drivers themselves; everybody but drivers.c goes through nic.h. */
#ifndef DRIVERS_NIC_DRIVERS_H
#define DRIVERS_NIC_DRIVERS_H

#include "drivers/nic/nic.h"

extern const struct nic_ops e1000_ops;
extern const struct nic_ops igb_ops;
extern const struct nic_ops ixgbe_ops;
extern const struct nic_ops e1000e_ops;
extern const struct nic_ops vnic_ops; /* virtio_net.c */

#endif
