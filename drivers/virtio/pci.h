/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over PCI, modern interface only (virtio 1.2 4.1).
 *
 *   BAR 0  I/O     notifications: one port per queue, so that a kick is one
 *                  exit that needs no instruction decoding
 *   BAR 1  memory  MSI-X table and pending bits
 *   BAR 2  memory  common configuration, ISR status, device configuration
 *
 * Interrupts are MSI-X: one vector per queue and one for configuration
 * changes. There is no INTx (interrupt pin 0): a driver without MSI-X sees
 * used buffers and the ISR status only by polling.
 * VIRTIO_F_RING_RESET and VIRTIO_F_NOTIFICATION_DATA are not offered.
 *
 * Registers are for one core at a time; interrupts may come from any.
 */
#ifndef DRIVERS_VIRTIO_PCI_H
#define DRIVERS_VIRTIO_PCI_H

#include "drivers/virtio/dev.h"
#include "drivers/virtio/pci_defs.h"
#include "hv/emul/pci.h"

/* What lies where in the BARs. */
#define VIRTIO_PCI_BAR_NOTIFY 0
#define VIRTIO_PCI_BAR_MSIX 1
#define VIRTIO_PCI_BAR_CONFIG 2
#define VIRTIO_PCI_NOTIFY_STRIDE 4 /* notify_off_multiplier */
#define VIRTIO_PCI_COMMON_AT 0x000
#define VIRTIO_PCI_ISR_AT 0x100
#define VIRTIO_PCI_ISR_BYTES 1
#define VIRTIO_PCI_DEVICE_AT 0x200
#define VIRTIO_PCI_CONFIG_BAR_BYTES 0x1000

/* Registers of one queue; what they say is used when it is enabled. */
struct virtio_pci_queue {
	u16 size;
	u16 vector;
	u64 desc, driver, device;
};

struct virtio_pci {
	struct pci_dev pci;
	struct virtio_dev *dev;
	u32 device_feature_select;
	u32 driver_feature_select;
	u16 config_vector; /* atomic, as the queues' */
	u16 queue_select;
	u8 isr; /* atomic */
	u8 pci_cap; /* offset of the PCI configuration access capability */
	struct virtio_pci_queue q[VIRTIO_MAX_QUEUES];
};

/*
 * Make dev a function on the bus. vp and dev belong to the caller and stay
 * valid as long as the bus; dev was prepared by its model and has at least
 * one queue. Errors as from pci_dev_bar(), pci_dev_msix(), pci_bus_add().
 */
err_t virtio_pci_init(struct virtio_pci *vp, struct virtio_dev *dev, struct pci_bus *bus);

/* The VM is reset: device and registers as after power-on (pci_bus_reset()
 * does the configuration space). False: see virtio_dev_reset(). */
bool virtio_pci_reset(struct virtio_pci *vp);

#endif
