/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a virtio device: negotiation, breaking, reset (virtio 1.2 2.1, 2.2, 3.1). */
#include "drivers/virtio/dev.h"

#include "hv/base/log.h"

/* What a driver may set in device_status; NEEDS_RESET is the device's own. */
#define STATUS_DRIVER_BITS                                                               \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |    \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

bool virtio_dev_reset(struct virtio_dev *d)
{
	if ((d->status & VIRTIO_STATUS_DRIVER_OK) && d->ops->settled) {
		bool begin = !d->closing;

		__atomic_store_n(&d->closing, true, __ATOMIC_SEQ_CST);
		if (!d->ops->settled(d, begin))
			return false;
	}
	d->ops->reset(d);
	for (u16 i = 0; i < d->nvq; i++)
		virtq_reset(&d->vq[i]);
	d->accepted = 0;
	d->fault = VIRTQ_OK;
	d->broken_queue = VIRTIO_NO_QUEUE;
	d->resets++;
	__atomic_store_n(&d->status, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&d->closing, false, __ATOMIC_RELEASE);
	return true;
}

/* VERSION_1 is mandatory: there is no legacy interface (6.1, 2.2.3). */
static bool features_acceptable(const struct virtio_dev *d)
{
	if (d->accepted & ~d->offered)
		return false;
	if (!(d->accepted & VIRTIO_F_VERSION_1))
		return false;
	return !d->ops->features_ok || d->ops->features_ok(d, d->accepted);
}

void virtio_dev_set_status(struct virtio_dev *d, u8 status)
{
	u8 set;

	if (d->closing)
		return;
	/* A driver must not clear bits (2.1.1); those it forgets stay. */
	set = status & STATUS_DRIVER_BITS & (u8)~d->status;
	if ((set & VIRTIO_STATUS_FEATURES_OK) && !features_acceptable(d)) {
		/* Refused by reading back as 0 (3.1.1 step 6). */
		LOG_LIMITED(LOG_WARN, d->name, "%s: features %llx refused, offered %llx",
			    d->ops->name, (unsigned long long)d->accepted,
			    (unsigned long long)d->offered);
		set &= (u8)~VIRTIO_STATUS_FEATURES_OK;
	}
	if (!((d->status | set) & VIRTIO_STATUS_FEATURES_OK))
		set &= (u8)~VIRTIO_STATUS_DRIVER_OK;
	/* Release: owners that see DRIVER_OK see the queues, too. */
	__atomic_fetch_or(&d->status, set, __ATOMIC_ACQ_REL);
	if (set & VIRTIO_STATUS_FAILED)
		LOG_LIMITED(LOG_WARN, d->name, "%s: the driver gave up", d->ops->name);
	if ((set & VIRTIO_STATUS_DRIVER_OK) && virtio_dev_live(d))
		d->ops->driver_ok(d);
}

void virtio_dev_set_features(struct virtio_dev *d, u32 half, u32 features)
{
	u32 shift = 32 * half;

	if (half > 1 || (d->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	d->accepted &= ~((u64)UINT32_MAX << shift);
	d->accepted |= (u64)features << shift;
}

err_t virtio_dev_enable_queue(struct virtio_dev *d, u16 queue, const struct virtq_layout *l)
{
	struct virtq *q = &d->vq[queue];
	err_t err;

	if (!(d->status & VIRTIO_STATUS_FEATURES_OK) || q->enabled || q->fault)
		return ERR_BUSY;
	err = virtq_enable(q, d->gm, l, d->accepted);
	if (err)
		virtio_dev_break(d, queue, q->fault);
	return err;
}

void virtio_dev_kick(struct virtio_dev *d, u16 queue)
{
	if (queue >= d->nvq)
		return;
	d->vq[queue].kicks++;
	if (virtio_dev_live(d) && d->vq[queue].enabled)
		d->ops->kick(d, queue);
}

void virtio_dev_break(struct virtio_dev *d, u16 queue, enum virtq_fault fault)
{
	if (__atomic_fetch_or(&d->status, VIRTIO_STATUS_NEEDS_RESET, __ATOMIC_ACQ_REL) &
	    VIRTIO_STATUS_NEEDS_RESET)
		return;
	d->fault = (u8)fault;
	d->broken_queue = queue;
	d->breaks++;
	LOG_LIMITED(LOG_WARN, d->name, "%s: queue %u is broken: %s; its driver must reset it",
		    d->ops->name, queue, virtq_fault_name(fault));
	if (d->status & VIRTIO_STATUS_DRIVER_OK)
		virtio_dev_config_changed(d);
}

void virtio_dev_check(struct virtio_dev *d, u16 queue)
{
	if (d->vq[queue].fault)
		virtio_dev_break(d, queue, d->vq[queue].fault);
}

u16 virtio_dev_available(struct virtio_dev *d, u16 queue)
{
	u16 n = virtq_available(&d->vq[queue]);

	virtio_dev_check(d, queue);
	return n;
}

err_t virtio_dev_pop(struct virtio_dev *d, u16 queue, struct virtq_chain *c)
{
	err_t err = virtq_pop(&d->vq[queue], c);

	if (err == ERR_INVAL)
		virtio_dev_check(d, queue);
	return err;
}

bool virtio_dev_notify_on(struct virtio_dev *d, u16 queue)
{
	bool more = virtq_notify_on(&d->vq[queue]);

	virtio_dev_check(d, queue);
	return more;
}

void virtio_dev_flush(struct virtio_dev *d, u16 queue)
{
	struct virtq *q = &d->vq[queue];

	virtq_publish(q);
	if (virtq_should_notify(q))
		d->transport->queue_irq(d->transport_ctx, queue);
}

void virtio_dev_config_changed(struct virtio_dev *d)
{
	__atomic_fetch_add(&d->config_gen, 1, __ATOMIC_ACQ_REL);
	if (d->status & VIRTIO_STATUS_DRIVER_OK)
		d->transport->config_irq(d->transport_ctx);
}
