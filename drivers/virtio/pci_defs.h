/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of virtio over PCI (virtio 1.2 4.1), for either side of it. */
#ifndef DRIVERS_VIRTIO_PCI_DEFS_H
#define DRIVERS_VIRTIO_PCI_DEFS_H

#include "hv/base/types.h"

#define VIRTIO_PCI_VENDOR 0x1af4
#define VIRTIO_PCI_DEVICE_BASE 0x1040 /* + device type (4.1.2.1) */
#define VIRTIO_PCI_DEVICE_OLD_NET 0x1000 /* transitional (4.1.2.3) */
#define VIRTIO_PCI_SUBDEVICE_MIN 0x40 /* not transitional (4.1.2.1) */
#define VIRTIO_PCI_REVISION 1

#define VIRTIO_PCI_CAP_ID 0x09 /* vendor-specific */

/* cfg_type of a capability (4.1.4). */
enum virtio_pci_cap_type {
	VIRTIO_PCI_CAP_COMMON = 1,
	VIRTIO_PCI_CAP_NOTIFY = 2,
	VIRTIO_PCI_CAP_ISR = 3,
	VIRTIO_PCI_CAP_DEVICE = 4,
	VIRTIO_PCI_CAP_PCI = 5,
};

/* A capability that points to a structure (4.1.4). */
struct virtio_pci_cap {
	u8 cap_vndr;
	u8 cap_next;
	u8 cap_len;
	u8 cfg_type;
	u8 bar;
	u8 id;
	u8 padding[2];
	u32 offset;
	u32 length;
	u32 more; /* notify: notify_off_multiplier; PCI: pci_cfg_data; else not there */
};

#define VIRTIO_PCI_CAP_LEN 16	     /* without .more */
#define VIRTIO_PCI_CAP_LEN_MORE 20

STATIC_ASSERT(sizeof(struct virtio_pci_cap) == VIRTIO_PCI_CAP_LEN_MORE, "virtio 1.2 4.1.4");
STATIC_ASSERT(offsetof(struct virtio_pci_cap, offset) == 8, "virtio 1.2 4.1.4");
STATIC_ASSERT(offsetof(struct virtio_pci_cap, more) == VIRTIO_PCI_CAP_LEN, "virtio 1.2 4.1.4.4");

/* Registers of the common configuration (4.1.4.3); 64-bit ones as two halves. */
enum virtio_pci_common {
	VPCI_DEVICE_FEATURE_SELECT = 0x00,
	VPCI_DEVICE_FEATURE = 0x04,
	VPCI_DRIVER_FEATURE_SELECT = 0x08,
	VPCI_DRIVER_FEATURE = 0x0c,
	VPCI_CONFIG_MSIX_VECTOR = 0x10,
	VPCI_NUM_QUEUES = 0x12,
	VPCI_DEVICE_STATUS = 0x14,
	VPCI_CONFIG_GENERATION = 0x15,
	VPCI_QUEUE_SELECT = 0x16,
	VPCI_QUEUE_SIZE = 0x18,
	VPCI_QUEUE_MSIX_VECTOR = 0x1a,
	VPCI_QUEUE_ENABLE = 0x1c,
	VPCI_QUEUE_NOTIFY_OFF = 0x1e,
	VPCI_QUEUE_DESC = 0x20,
	VPCI_QUEUE_DESC_HI = 0x24,
	VPCI_QUEUE_DRIVER = 0x28,
	VPCI_QUEUE_DRIVER_HI = 0x2c,
	VPCI_QUEUE_DEVICE = 0x30,
	VPCI_QUEUE_DEVICE_HI = 0x34,
	VPCI_COMMON_BYTES = 0x38,
};

#define VIRTIO_MSI_NO_VECTOR 0xffff

#define VIRTIO_ISR_QUEUE BIT(0)
#define VIRTIO_ISR_CONFIG BIT(1)

#endif
