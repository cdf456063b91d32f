/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as a NIC: its registers (virtio 1.2 4.1.4), found by the capabilities of
 * its PCI function (PCI 3.0 6.7). */
#include "drivers/nic/virtio_net.h"

#include "hv/base/plat.h"

#define CFG_COMMAND 0x04 /* and status in the upper half */
#define CFG_STATUS_CAPS BIT(20)
#define CFG_CAP_PTR 0x34
#define CAP_FIRST 0x40u
#define CAPS_MAX 48u /* (256 - 64) / 4: a longer chain is a loop */
#define PCI_BARS 6u
#define CAP_MSIX 0x11u /* PCI 3.0 6.8.2: entries less one in the control word */
#define MSIX_COUNT_SHIFT 16
#define MSIX_COUNT_MASK 0x7ffu

#define CAP_BAR offsetof(struct virtio_pci_cap, bar)
#define CAP_OFFSET offsetof(struct virtio_pci_cap, offset)
#define CAP_LENGTH offsetof(struct virtio_pci_cap, length)

#define RESET_WAIT_NS 1000000000ull
#define DOORBELL_BYTES 2u
#define ISR_BYTES 1u

/* A structure that a capability names, as it stands in the configuration space. */
struct cap {
	u8 at, type, bar;
	u32 offset, length;
};

/* The memory that it is in, NULL when that is none, or too small. */
static volatile u8 *map(const struct nic_resources *res, const struct cap *c, u32 least)
{
	volatile u8 *bar;
	size_t size;

	if (c->bar >= PCI_BARS || c->length < least)
		return NULL;
	bar = res->map_bar(res->pci, c->bar, &size);
	if (!bar || c->offset > size || c->length > size - c->offset)
		return NULL;
	return bar + c->offset;
}

/* 4.1.4: of several of one type, the first that can be used. */
static void use_cap(struct vnic_regs *r, const struct nic_resources *res, const struct cap *c)
{
	switch (c->type) {
	case VIRTIO_PCI_CAP_COMMON:
		if (!r->common)
			r->common = map(res, c, VPCI_COMMON_BYTES);
		break;
	case VIRTIO_PCI_CAP_ISR:
		if (!r->isr)
			r->isr = map(res, c, ISR_BYTES);
		break;
	case VIRTIO_PCI_CAP_DEVICE:
		if (r->device)
			break;
		r->device = map(res, c, 1);
		r->device_bytes = c->length;
		break;
	case VIRTIO_PCI_CAP_NOTIFY:
		if (r->notify)
			break;
		r->notify = map(res, c, DOORBELL_BYTES);
		r->notify_bytes = c->length;
		r->notify_multiplier = res->pci_read32(res->pci, c->at + VIRTIO_PCI_CAP_LEN);
		break;
	default:
		break;
	}
}

err_t vnic_regs_find(struct vnic_regs *r, const struct nic_resources *res)
{
	u32 at = 0;

	*r = (struct vnic_regs){ 0 };
	if (res->pci_read32(res->pci, CFG_COMMAND) & CFG_STATUS_CAPS)
		at = res->pci_read32(res->pci, CFG_CAP_PTR) & 0xfcu;
	for (u32 i = 0; i < CAPS_MAX && at >= CAP_FIRST; i++) {
		u32 head = res->pci_read32(res->pci, at);
		struct cap c = { .at = (u8)at, .type = (u8)(head >> 24) };

		if ((u8)head == VIRTIO_PCI_CAP_ID) {
			c.bar = (u8)res->pci_read32(res->pci, at + CAP_BAR);
			c.offset = res->pci_read32(res->pci, at + CAP_OFFSET);
			c.length = res->pci_read32(res->pci, at + CAP_LENGTH);
			use_cap(r, res, &c);
		} else if ((u8)head == CAP_MSIX) {
			r->msix_entries = (head >> MSIX_COUNT_SHIFT & MSIX_COUNT_MASK) + 1;
		}
		at = head >> 8 & 0xfcu;
	}
	return r->common && r->isr && r->device && r->notify ? ERR_OK : ERR_NOTSUP;
}

/* --- status and features ---------------------------------------------------------- */

u8 vnic_status(const struct vnic_regs *r)
{
	return mmio_read8(r->common + VPCI_DEVICE_STATUS);
}

void vnic_status_add(const struct vnic_regs *r, u8 bits)
{
	mmio_write8(r->common + VPCI_DEVICE_STATUS, vnic_status(r) | bits);
}

err_t vnic_regs_reset(const struct vnic_regs *r)
{
	u64 end = plat_now_ns() + RESET_WAIT_NS;

	/* 4.1.4.3.2: the device may take its time. */
	mmio_write8(r->common + VPCI_DEVICE_STATUS, 0);
	while (vnic_status(r)) {
		if (plat_now_ns() > end)
			return ERR_TIMEOUT;
		plat_relax();
	}
	return ERR_OK;
}

u64 vnic_offered(const struct vnic_regs *r)
{
	u64 features = 0;

	for (u32 half = 0; half < 2; half++) {
		mmio_write32(r->common + VPCI_DEVICE_FEATURE_SELECT, half);
		features |= (u64)mmio_read32(r->common + VPCI_DEVICE_FEATURE) << 32 * half;
	}
	return features;
}

err_t vnic_negotiate(const struct vnic_regs *r, u64 features)
{
	for (u32 half = 0; half < 2; half++) {
		mmio_write32(r->common + VPCI_DRIVER_FEATURE_SELECT, half);
		mmio_write32(r->common + VPCI_DRIVER_FEATURE, (u32)(features >> 32 * half));
	}
	vnic_status_add(r, VIRTIO_STATUS_FEATURES_OK);
	return vnic_status(r) & VIRTIO_STATUS_FEATURES_OK ? ERR_OK : ERR_NOTSUP;
}

u32 vnic_config(const struct vnic_regs *r, u32 off, u32 size)
{
	if (off + size > r->device_bytes)
		return 0;
	switch (size) {
	case 1:
		return mmio_read8(r->device + off);
	case 2:
		return mmio_read16(r->device + off);
	default:
		return mmio_read32(r->device + off);
	}
}

u8 vnic_isr(const struct vnic_regs *r)
{
	return mmio_read8(r->isr);
}

/* --- queues ------------------------------------------------------------------------- */

static void select_queue(const struct vnic_regs *r, u16 index)
{
	mmio_write16(r->common + VPCI_QUEUE_SELECT, index);
}

u16 vnic_queue_size(const struct vnic_regs *r, u32 index)
{
	if (index >= mmio_read16(r->common + VPCI_NUM_QUEUES))
		return 0;
	select_queue(r, (u16)index);
	return mmio_read16(r->common + VPCI_QUEUE_SIZE);
}

static void write_address(const struct vnic_regs *r, u32 reg, u64 v)
{
	mmio_write32(r->common + reg, (u32)v);
	mmio_write32(r->common + reg + 4, (u32)(v >> 32));
}

static u64 bus_of(const struct vnic_ring *ring, const volatile void *p)
{
	return ring->bus.v + (u64)((const volatile u8 *)p - (const volatile u8 *)ring->desc);
}

/* 4.1.5.1.2.1: what it cannot do it reads back as none. */
static err_t set_vector(const struct vnic_regs *r, u32 reg, u16 vector)
{
	mmio_write16(r->common + reg, vector);
	return mmio_read16(r->common + reg) == vector ? ERR_OK : ERR_NOTSUP;
}

err_t vnic_config_msix(const struct vnic_regs *r)
{
	return set_vector(r, VPCI_CONFIG_MSIX_VECTOR, 0);
}

err_t vnic_queue_enable(const struct vnic_regs *r, struct vnic_ring *ring, u16 vector)
{
	u64 bell;

	select_queue(r, ring->index);
	bell = (u64)mmio_read16(r->common + VPCI_QUEUE_NOTIFY_OFF) * r->notify_multiplier;
	if (bell > r->notify_bytes - DOORBELL_BYTES)
		return ERR_IO;
	ring->doorbell = r->notify + bell;
	mmio_write16(r->common + VPCI_QUEUE_SIZE, ring->size);
	write_address(r, VPCI_QUEUE_DESC, bus_of(ring, ring->desc));
	write_address(r, VPCI_QUEUE_DRIVER, bus_of(ring, ring->avail));
	write_address(r, VPCI_QUEUE_DEVICE, bus_of(ring, ring->used));
	if (vector != VIRTIO_MSI_NO_VECTOR && set_vector(r, VPCI_QUEUE_MSIX_VECTOR, vector))
		return ERR_NOTSUP;
	mmio_write16(r->common + VPCI_QUEUE_ENABLE, 1);
	return ERR_OK;
}
