/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every virtio device model shares: status and feature negotiation
 * (virtio 1.2 2.1, 2.2, 3.1), its queues, and the device side of breaking.
 * A device type brings a struct virtio_dev_ops; a transport (pci.h) brings
 * the registers and the interrupts.
 *
 * A broken ring or a false step of the driver breaks the device, never more:
 * DEVICE_NEEDS_RESET is set, the reason is kept and logged once, and nothing
 * moves until the driver resets it (2.1.2).
 *
 * Threads: what the driver does to registers comes from one core at a time. Each
 * queue has an owner core, which works on it at any time while the device is
 * live; it may break the device and raise interrupts. A reset takes the queues
 * from their owners: the device is no longer live, and is not reset before they
 * have all noticed (settled()).
 */
#ifndef DRIVERS_VIRTIO_DEV_H
#define DRIVERS_VIRTIO_DEV_H

#include "drivers/virtio/queue.h"

#define VIRTIO_MAX_QUEUES 17 /* eight pairs and a control queue */
#define VIRTIO_NO_QUEUE 0xffff /* in virtio_dev.broken_queue: not a queue's fault */

struct virtio_dev;

struct virtio_dev_ops {
	const char *name;    /* of the type: "virtio-net" */
	u16 id;		     /* VIRTIO_ID_* */
	u32 class_code;	     /* PCI class, subclass, interface */
	/* Do these features, a subset of what was offered, go together? NULL: all do. */
	bool (*features_ok)(const struct virtio_dev *d, u64 features);
	/* The driver set DRIVER_OK: rings may be used from now on. */
	void (*driver_ok)(struct virtio_dev *d);
	/* Chains were made available in `queue`; only while the device is live. */
	void (*kick)(struct virtio_dev *d, u16 queue);
	/* Forget everything that came from the driver. The queues are still
	 * enabled and are reset right after. */
	void (*reset)(struct virtio_dev *d);
	/* The device is not live any more: has every owner seen that, since the
	 * call with `begin`? NULL: the queues belong to the calling core. */
	bool (*settled)(struct virtio_dev *d, bool begin);
};

/* How a device reaches its driver; any core. */
struct virtio_transport {
	void (*queue_irq)(void *ctx, u16 queue);
	void (*config_irq)(void *ctx);
};

struct virtio_dev {
	/* set by the device model */
	const struct virtio_dev_ops *ops;
	const char *name;   /* this instance, for the log; not copied */
	struct gmem *gm;
	const void *config; /* device configuration (2.5), little-endian */
	u32 config_len;
	struct virtq *vq;
	const u16 *vq_max;  /* largest size of each queue */
	u16 nvq;
	u64 offered;
	bool at_end; /* of the bus: the places of others do not depend on it */
	/* set by the transport */
	const struct virtio_transport *transport;
	void *transport_ctx;
	/* state of the negotiation */
	u64 accepted;	    /* the driver's features; binding once FEATURES_OK is set */
	u8 status;	    /* atomic: owners of queues set NEEDS_RESET */
	bool closing;	    /* a reset waits for the owners; atomic */
	u8 config_gen;	    /* changes whenever config does (2.5.1); atomic */
	u8 fault;	    /* enum virtq_fault, while NEEDS_RESET is set */
	u16 broken_queue;
	u64 resets, breaks; /* counters */
};

/* The driver writes device_status; 0 is a reset (2.1), which the transport does. */
void virtio_dev_set_status(struct virtio_dev *d, u8 status);

/* The driver writes features [32 * half, 32 * half + 31]; ignored after FEATURES_OK. */
void virtio_dev_set_features(struct virtio_dev *d, u32 half, u32 features);

/* The driver enables a queue. ERR_BUSY before FEATURES_OK or twice; ERR_INVAL
 * breaks the device. */
err_t virtio_dev_enable_queue(struct virtio_dev *d, u16 queue, const struct virtq_layout *l);

/* The driver notifies a queue. */
void virtio_dev_kick(struct virtio_dev *d, u16 queue);

/* As after power-on; also when the VM is reset. False: owners of queues have yet
 * to notice; call it again until it is true. */
bool virtio_dev_reset(struct virtio_dev *d);

/* The driver is ready, the device is not broken and not about to be reset. Any
 * core; what the driver did before is seen. */
static inline bool virtio_dev_live(const struct virtio_dev *d)
{
	u8 status = __atomic_load_n(&d->status, __ATOMIC_ACQUIRE);

	return (status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
		       VIRTIO_STATUS_DRIVER_OK &&
	       !__atomic_load_n(&d->closing, __ATOMIC_RELAXED);
}

static inline bool virtio_dev_has(const struct virtio_dev *d, u64 feature)
{
	return (d->accepted & feature) != 0;
}

/* Break the device: `queue` (or VIRTIO_NO_QUEUE) did `fault`. */
void virtio_dev_break(struct virtio_dev *d, u16 queue, enum virtq_fault fault);

/* virtq_available(), virtq_pop() and virtq_notify_on() that break the device
 * with the ring. */
u16 virtio_dev_available(struct virtio_dev *d, u16 queue);
err_t virtio_dev_pop(struct virtio_dev *d, u16 queue, struct virtq_chain *c);
bool virtio_dev_notify_on(struct virtio_dev *d, u16 queue);

/* Break the device when its ring is broken by now. */
void virtio_dev_check(struct virtio_dev *d, u16 queue);

/* End of a burst: publish what was pushed, one interrupt decision. */
void virtio_dev_flush(struct virtio_dev *d, u16 queue);

/* config was changed: next generation, tell the driver. */
void virtio_dev_config_changed(struct virtio_dev *d);

#endif
