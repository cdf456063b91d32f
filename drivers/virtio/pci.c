/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over PCI, modern interface (virtio 1.2 4.1). */
#include "drivers/virtio/pci.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"

static u16 vector_checked(const struct virtio_pci *vp, u16 vector)
{
	/* A vector that is not there reads back as none (4.1.5.1.2.1). */
	return vector < vp->pci.msix_count ? vector : VIRTIO_MSI_NO_VECTOR;
}

static struct virtio_pci_queue *selected(struct virtio_pci *vp)
{
	return vp->queue_select < vp->dev->nvq ? &vp->q[vp->queue_select] : NULL;
}

bool virtio_pci_reset(struct virtio_pci *vp)
{
	if (!virtio_dev_reset(vp->dev))
		return false;
	vp->device_feature_select = 0;
	vp->driver_feature_select = 0;
	vp->config_vector = VIRTIO_MSI_NO_VECTOR;
	vp->queue_select = 0;
	vp->isr = 0;
	for (u16 i = 0; i < vp->dev->nvq; i++)
		vp->q[i] = (struct virtio_pci_queue){
			.size = vp->dev->vq_max[i],
			.vector = VIRTIO_MSI_NO_VECTOR,
		};
	return true;
}

/* --- interrupts (4.1.5.3, 4.1.5.4, 4.1.4.5) -------------------------------- */

static void queue_irq(void *ctx, u16 queue)
{
	struct virtio_pci *vp = ctx;

	if (pci_msix_enabled(&vp->pci))
		pci_msix_notify(&vp->pci, __atomic_load_n(&vp->q[queue].vector, __ATOMIC_RELAXED));
	else
		__atomic_fetch_or(&vp->isr, VIRTIO_ISR_QUEUE, __ATOMIC_ACQ_REL);
}

static void config_irq(void *ctx)
{
	struct virtio_pci *vp = ctx;

	__atomic_fetch_or(&vp->isr, VIRTIO_ISR_CONFIG, __ATOMIC_ACQ_REL);
	if (pci_msix_enabled(&vp->pci))
		pci_msix_notify(&vp->pci, __atomic_load_n(&vp->config_vector, __ATOMIC_RELAXED));
}

static const struct virtio_transport transport = {
	.queue_irq = queue_irq,
	.config_irq = config_irq,
};

/* --- common configuration (4.1.4.3) ----------------------------------------- */

/* Width of the register at off, 0 where none starts. Drivers must access a
 * field with its own width, 64-bit ones by halves (4.1.3.1). */
static u8 common_width(u64 off)
{
	switch (off) {
	case VPCI_DEVICE_STATUS:
	case VPCI_CONFIG_GENERATION:
		return 1;
	case VPCI_CONFIG_MSIX_VECTOR:
	case VPCI_NUM_QUEUES:
	case VPCI_QUEUE_SELECT:
	case VPCI_QUEUE_SIZE:
	case VPCI_QUEUE_MSIX_VECTOR:
	case VPCI_QUEUE_ENABLE:
	case VPCI_QUEUE_NOTIFY_OFF:
		return 2;
	case VPCI_DEVICE_FEATURE_SELECT:
	case VPCI_DEVICE_FEATURE:
	case VPCI_DRIVER_FEATURE_SELECT:
	case VPCI_DRIVER_FEATURE:
	case VPCI_QUEUE_DESC:
	case VPCI_QUEUE_DESC_HI:
	case VPCI_QUEUE_DRIVER:
	case VPCI_QUEUE_DRIVER_HI:
	case VPCI_QUEUE_DEVICE:
	case VPCI_QUEUE_DEVICE_HI:
		return 4;
	default:
		return 0;
	}
}

static u32 feature_word(u64 features, u32 select)
{
	return select < 2 ? (u32)(features >> (32 * select)) : 0;
}

/* A register of the selected queue; a queue that does not exist reads 0. */
static u32 queue_read(struct virtio_pci *vp, u64 reg)
{
	const struct virtio_pci_queue *q = selected(vp);

	if (!q)
		return reg == VPCI_QUEUE_MSIX_VECTOR ? VIRTIO_MSI_NO_VECTOR : 0;
	switch (reg) {
	case VPCI_QUEUE_SIZE:
		return q->size;
	case VPCI_QUEUE_MSIX_VECTOR:
		return q->vector;
	case VPCI_QUEUE_ENABLE:
		return vp->dev->vq[vp->queue_select].enabled;
	case VPCI_QUEUE_NOTIFY_OFF:
		return vp->queue_select;
	case VPCI_QUEUE_DESC:
		return (u32)q->desc;
	case VPCI_QUEUE_DESC_HI:
		return (u32)(q->desc >> 32);
	case VPCI_QUEUE_DRIVER:
		return (u32)q->driver;
	case VPCI_QUEUE_DRIVER_HI:
		return (u32)(q->driver >> 32);
	case VPCI_QUEUE_DEVICE:
		return (u32)q->device;
	case VPCI_QUEUE_DEVICE_HI:
		return (u32)(q->device >> 32);
	default:
		return 0;
	}
}

static u32 common_read(struct virtio_pci *vp, u64 reg)
{
	struct virtio_dev *d = vp->dev;

	switch (reg) {
	case VPCI_DEVICE_FEATURE_SELECT:
		return vp->device_feature_select;
	case VPCI_DEVICE_FEATURE:
		return feature_word(d->offered, vp->device_feature_select);
	case VPCI_DRIVER_FEATURE_SELECT:
		return vp->driver_feature_select;
	case VPCI_DRIVER_FEATURE:
		return feature_word(d->accepted, vp->driver_feature_select);
	case VPCI_CONFIG_MSIX_VECTOR:
		return vp->config_vector;
	case VPCI_NUM_QUEUES:
		return d->nvq;
	case VPCI_DEVICE_STATUS:
		/* Drivers read it until it is 0 (4.1.4.3.2): that ends a reset. */
		if (d->closing)
			(void)virtio_pci_reset(vp);
		return __atomic_load_n(&d->status, __ATOMIC_ACQUIRE);
	case VPCI_CONFIG_GENERATION:
		return __atomic_load_n(&d->config_gen, __ATOMIC_ACQUIRE);
	case VPCI_QUEUE_SELECT:
		return vp->queue_select;
	default:
		return queue_read(vp, reg);
	}
}

static void set_half(u64 *reg, bool high, u32 value)
{
	u32 shift = high ? 32 : 0;

	*reg = (*reg & ~((u64)UINT32_MAX << shift)) | (u64)value << shift;
}

static void queue_enable(struct virtio_pci *vp, const struct virtio_pci_queue *q)
{
	const struct virtq_layout l = {
		.size = q->size <= vp->dev->vq_max[vp->queue_select] ? q->size : 0,
		.desc = gpa(q->desc),
		.avail = gpa(q->driver),
		.used = gpa(q->device),
	};

	/* Too early or twice: no effect, and the register tells. A bad layout
	 * has broken the device by now. */
	(void)virtio_dev_enable_queue(vp->dev, vp->queue_select, &l);
}

static void queue_write(struct virtio_pci *vp, u64 reg, u32 value)
{
	struct virtio_pci_queue *q = selected(vp);

	if (!q)
		return;
	switch (reg) {
	case VPCI_QUEUE_SIZE:
		q->size = (u16)value;
		break;
	case VPCI_QUEUE_MSIX_VECTOR:
		__atomic_store_n(&q->vector, vector_checked(vp, (u16)value), __ATOMIC_RELAXED);
		break;
	case VPCI_QUEUE_ENABLE:
		/* Only 1 may be written (4.1.4.3.2). */
		if (value == 1)
			queue_enable(vp, q);
		break;
	case VPCI_QUEUE_DESC:
	case VPCI_QUEUE_DESC_HI:
		set_half(&q->desc, reg == VPCI_QUEUE_DESC_HI, value);
		break;
	case VPCI_QUEUE_DRIVER:
	case VPCI_QUEUE_DRIVER_HI:
		set_half(&q->driver, reg == VPCI_QUEUE_DRIVER_HI, value);
		break;
	case VPCI_QUEUE_DEVICE:
	case VPCI_QUEUE_DEVICE_HI:
		set_half(&q->device, reg == VPCI_QUEUE_DEVICE_HI, value);
		break;
	default:
		break;
	}
}

static void common_write(struct virtio_pci *vp, u64 reg, u32 value)
{
	switch (reg) {
	case VPCI_DEVICE_FEATURE_SELECT:
		vp->device_feature_select = value;
		break;
	case VPCI_DRIVER_FEATURE_SELECT:
		vp->driver_feature_select = value;
		break;
	case VPCI_DRIVER_FEATURE:
		virtio_dev_set_features(vp->dev, vp->driver_feature_select, value);
		break;
	case VPCI_CONFIG_MSIX_VECTOR:
		__atomic_store_n(&vp->config_vector, vector_checked(vp, (u16)value),
				 __ATOMIC_RELAXED);
		break;
	case VPCI_DEVICE_STATUS:
		if ((u8)value == 0 || vp->dev->closing)
			(void)virtio_pci_reset(vp);
		if ((u8)value != 0)
			virtio_dev_set_status(vp->dev, (u8)value);
		break;
	case VPCI_QUEUE_SELECT:
		vp->queue_select = (u16)value;
		break;
	default:
		queue_write(vp, reg, value);
		break;
	}
}

static void common_access(struct virtio_pci *vp, struct io_access *a)
{
	u8 width = common_width(a->addr);

	if (a->size == 8 && width == 4 && common_width(a->addr + 4) == 4) {
		struct io_access low = { a->addr, (u32)a->value, 4, a->write };
		struct io_access high = { a->addr + 4, a->value >> 32, 4, a->write };

		common_access(vp, &low);
		common_access(vp, &high);
		a->value = (high.value << 32) | (u32)low.value;
	} else if (a->size != width) {
		return;
	} else if (a->write) {
		common_write(vp, a->addr, (u32)a->value);
	} else {
		a->value = common_read(vp, a->addr);
	}
}

/* --- the BARs ------------------------------------------------------------------ */

/* Reading ISR status clears it (4.1.4.5). */
static void isr_access(struct virtio_pci *vp, struct io_access *a)
{
	if (a->write)
		return;
	a->value = __atomic_exchange_n(&vp->isr, 0, __ATOMIC_ACQ_REL);
}

/* Device configuration is bytes, in any width. None of our devices has a field
 * that a driver may write. Past the end it reads 0. */
static void device_access(struct virtio_pci *vp, struct io_access *a)
{
	const struct virtio_dev *d = vp->dev;
	u64 at = a->addr - VIRTIO_PCI_DEVICE_AT;
	u64 value = 0;

	if (a->write)
		return;
	if (at < d->config_len)
		memcpy(&value, (const u8 *)d->config + at, MIN((u64)a->size, d->config_len - at));
	a->value = value;
}

static void config_bar(void *ctx, struct io_access *a)
{
	struct virtio_pci *vp = ctx;

	if (a->addr < VIRTIO_PCI_COMMON_AT + VPCI_COMMON_BYTES)
		common_access(vp, a);
	else if (a->addr == VIRTIO_PCI_ISR_AT)
		isr_access(vp, a);
	else if (a->addr >= VIRTIO_PCI_DEVICE_AT)
		device_access(vp, a);
}

/* The port tells the queue; the value written says the same (4.1.5.2). */
static void notify_bar(void *ctx, struct io_access *a)
{
	struct virtio_pci *vp = ctx;

	if (a->write && a->addr % VIRTIO_PCI_NOTIFY_STRIDE == 0)
		virtio_dev_kick(vp->dev, (u16)(a->addr / VIRTIO_PCI_NOTIFY_STRIDE));
}

/* --- PCI configuration access capability (4.1.4.9) ------------------------------- */

/* Carry out the access described in the capability; value is what to write and
 * what was read. False when the description is not a legal one. */
static bool window_access(struct virtio_pci *vp, bool write, u32 *value)
{
	const u8 *cap = vp->pci.cfg + vp->pci_cap;
	u8 bar = cap[offsetof(struct virtio_pci_cap, bar)];
	u32 offset = load_le32(cap + offsetof(struct virtio_pci_cap, offset));
	u32 length = load_le32(cap + offsetof(struct virtio_pci_cap, length));
	struct io_access a = { .addr = offset, .value = write ? *value : UINT32_MAX,
			       .size = (u8)length, .write = write };

	if (length != 1 && length != 2 && length != 4)
		return false;
	if (offset % length)
		return false;
	if (bar == VIRTIO_PCI_BAR_CONFIG && offset < VIRTIO_PCI_CONFIG_BAR_BYTES)
		config_bar(vp, &a);
	else if (bar == VIRTIO_PCI_BAR_NOTIFY && offset < vp->pci.bar[bar].size)
		notify_bar(vp, &a);
	else
		return false;
	*value = (u32)a.value;
	return true;
}

static u8 window_data(const struct virtio_pci *vp)
{
	return (u8)(vp->pci_cap + offsetof(struct virtio_pci_cap, more));
}

static void window_cfg_written(struct pci_dev *d, u8 off, u8 size)
{
	struct virtio_pci *vp = d->ctx;
	u32 value = load_le32(d->cfg + window_data(vp));

	(void)size;
	if (off == window_data(vp))
		(void)window_access(vp, true, &value);
}

static void window_cfg_read(struct pci_dev *d, u8 off, u8 size)
{
	struct virtio_pci *vp = d->ctx;
	u32 value;

	(void)size;
	if (off == window_data(vp) && window_access(vp, false, &value))
		store_le32(d->cfg + window_data(vp), value);
}

/* --- bring-up ---------------------------------------------------------------------- */

/* Returns the offset of the capability, 0 when there is no room. */
static u8 add_cap(struct virtio_pci *vp, u8 type, u8 bar, u32 offset, u32 length)
{
	bool more = type == VIRTIO_PCI_CAP_NOTIFY || type == VIRTIO_PCI_CAP_PCI;
	const struct virtio_pci_cap cap = {
		.cap_len = more ? VIRTIO_PCI_CAP_LEN_MORE : VIRTIO_PCI_CAP_LEN,
		.cfg_type = type,
		.bar = bar,
		.offset = offset,
		.length = length,
		.more = type == VIRTIO_PCI_CAP_NOTIFY ? VIRTIO_PCI_NOTIFY_STRIDE : 0,
	};

	return pci_dev_cap(&vp->pci, VIRTIO_PCI_CAP_ID, &cap.cap_len, cap.cap_len);
}

static err_t add_caps(struct virtio_pci *vp)
{
	u32 ports = vp->dev->nvq * VIRTIO_PCI_NOTIFY_STRIDE;
	u8 *wmask;

	if (!add_cap(vp, VIRTIO_PCI_CAP_COMMON, VIRTIO_PCI_BAR_CONFIG, VIRTIO_PCI_COMMON_AT,
		     VPCI_COMMON_BYTES) ||
	    !add_cap(vp, VIRTIO_PCI_CAP_NOTIFY, VIRTIO_PCI_BAR_NOTIFY, 0, ports) ||
	    !add_cap(vp, VIRTIO_PCI_CAP_ISR, VIRTIO_PCI_BAR_CONFIG, VIRTIO_PCI_ISR_AT,
		     VIRTIO_PCI_ISR_BYTES))
		return ERR_NOMEM;
	/* A device without configuration of its own shows no such structure. */
	if (vp->dev->config_len && !add_cap(vp, VIRTIO_PCI_CAP_DEVICE, VIRTIO_PCI_BAR_CONFIG,
					    VIRTIO_PCI_DEVICE_AT, vp->dev->config_len))
		return ERR_NOMEM;
	vp->pci_cap = add_cap(vp, VIRTIO_PCI_CAP_PCI, 0, 0, 0);
	if (!vp->pci_cap)
		return ERR_NOMEM;
	wmask = vp->pci.wmask + vp->pci_cap;
	wmask[offsetof(struct virtio_pci_cap, bar)] = 0xff;
	memset(wmask + offsetof(struct virtio_pci_cap, offset), 0xff, 3 * sizeof(u32));
	return ERR_OK;
}

/* Smallest power of two that holds n. */
static u32 pow2_at_least(u32 n)
{
	u32 size = VIRTIO_PCI_NOTIFY_STRIDE;

	while (size < n)
		size *= 2;
	return size;
}

err_t virtio_pci_init(struct virtio_pci *vp, struct virtio_dev *dev, struct pci_bus *bus)
{
	const struct pci_ids ids = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = (u16)(VIRTIO_PCI_DEVICE_BASE + dev->ops->id),
		.subvendor = VIRTIO_PCI_VENDOR,
		.subdevice = (u16)(VIRTIO_PCI_SUBDEVICE_MIN + dev->ops->id),
		.class_code = dev->ops->class_code,
		.revision = VIRTIO_PCI_REVISION,
	};
	u32 ports = dev->nvq * VIRTIO_PCI_NOTIFY_STRIDE;
	err_t err;

	if (dev->nvq == 0 || dev->nvq > VIRTIO_MAX_QUEUES)
		return ERR_INVAL;
	*vp = (struct virtio_pci){ .dev = dev };
	dev->transport = &transport;
	dev->transport_ctx = vp;
	pci_dev_init(&vp->pci, &ids, vp);
	vp->pci.at_end = dev->at_end;
	vp->pci.cfg_written = window_cfg_written;
	vp->pci.cfg_read = window_cfg_read;
	err = pci_dev_bar(&vp->pci, VIRTIO_PCI_BAR_NOTIFY, true, pow2_at_least(ports),
			  "virtio-notify", notify_bar);
	if (!err)
		err = pci_dev_msix(&vp->pci, VIRTIO_PCI_BAR_MSIX, (u16)(dev->nvq + 1));
	if (!err)
		err = pci_dev_bar(&vp->pci, VIRTIO_PCI_BAR_CONFIG, false,
				  VIRTIO_PCI_CONFIG_BAR_BYTES, "virtio-config", config_bar);
	if (!err)
		err = add_caps(vp);
	if (err)
		return err;
	(void)virtio_pci_reset(vp);
	return pci_bus_add(bus, &vp->pci);
}

STATIC_ASSERT(VIRTIO_MAX_QUEUES + 1 <= PCI_MSIX_MAX, "a vector per queue and one for config");
STATIC_ASSERT(VPCI_COMMON_BYTES <= VIRTIO_PCI_ISR_AT, "structures do not overlap");
