/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of NIC drivers. A new one is declared and named here. */
#include "drivers/nic/drivers.h"

const struct nic_ops *const nic_drivers[] = {
	&e1000_ops,
	&igb_ops,
	&ixgbe_ops,
	&e1000e_ops,
	&vnic_ops,
	NULL,
};

const struct nic_ops *nic_driver_find(u16 vendor, u16 device)
{
	for (const struct nic_ops *const *d = nic_drivers; *d; d++) {
		if ((*d)->match(vendor, device))
			return *d;
	}
	return NULL;
}
