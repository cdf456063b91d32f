/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over PCI: what a driver finds, negotiation, interrupts, reset and the
 * configuration window, all by configuration space and BAR accesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/pci.h"
#include "tests/host/plat_host.h"
#include "tests/models/virtio_driver.h"

#define OFFERED (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | BIT64(5))
#define DEVNO 1
#define QUEUES 2

/* A device that only remembers what it was told. */
static struct {
	struct virtio_dev dev;
	struct virtq vq[QUEUES];
	u8 config[6];
	u32 ready, kicks[QUEUES], resets;
	bool refuse;
} d;

static struct virtio_pci vp;
static struct vdrv v;

static bool features_ok(const struct virtio_dev *dev, u64 features)
{
	(void)dev;
	(void)features;
	return !d.refuse;
}

static void driver_ok(struct virtio_dev *dev)
{
	(void)dev;
	d.ready++;
}

static void kick(struct virtio_dev *dev, u16 queue)
{
	(void)dev;
	d.kicks[queue]++;
}

static void reset(struct virtio_dev *dev)
{
	(void)dev;
	d.resets++;
}

static const struct virtio_dev_ops ops = {
	.name = "virtio-test",
	.id = VIRTIO_ID_CONSOLE,
	.class_code = 0x078000,
	.features_ok = features_ok,
	.driver_ok = driver_ok,
	.kick = kick,
	.reset = reset,
};

static int setup(void **state)
{
	static const u16 sizes[QUEUES] = { 64, 128 };

	(void)state;
	memset(&d, 0, sizeof(d));
	memcpy(d.config, "\x11\x22\x33\x44\x55\x66", 6);
	vdrv_init(&v);
	d.dev = (struct virtio_dev){
		.ops = &ops, .name = "t", .gm = &v.gm, .config = d.config, .config_len = 6,
		.vq = d.vq, .vq_max = sizes, .nvq = QUEUES, .offered = OFFERED,
	};
	assert_int_equal(virtio_pci_init(&vp, &d.dev, &v.bus), ERR_OK);
	assert_true(vdrv_find(&v, DEVNO));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vdrv_fini(&v);
	return 0;
}

static u32 common(u32 reg, u8 size)
{
	return (u32)vdrv_read(&v, VIRTIO_PCI_CAP_COMMON, reg, size);
}

static void set_common(u32 reg, u8 size, u32 value)
{
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, reg, size, value);
}

static void identity_and_capabilities(void **state)
{
	(void)state;
	assert_int_equal(vdrv_cfg_read(&v, 0, 4), 0x10431af4);
	assert_int_equal(vdrv_cfg_read(&v, 8, 4), 0x07800001); /* class, revision 1 */
	assert_int_equal(vdrv_cfg_read(&v, 0x2e, 2), 0x43);
	assert_int_equal(vdrv_cfg_read(&v, 0x3d, 1), 0); /* no INTx */
	for (u8 i = VIRTIO_PCI_CAP_COMMON; i <= VIRTIO_PCI_CAP_PCI; i++)
		assert_int_not_equal(v.cap[i].at, 0);
	assert_true(v.bar_io[v.cap[VIRTIO_PCI_CAP_NOTIFY].bar]);
	assert_false(v.bar_io[v.cap[VIRTIO_PCI_CAP_COMMON].bar]);
	assert_int_equal(v.cap[VIRTIO_PCI_CAP_DEVICE].length, 6);
	assert_int_equal(v.cap[VIRTIO_PCI_CAP_COMMON].length, 56);
	assert_int_equal(v.notify_multiplier, 4);
	assert_int_equal(v.nrings, QUEUES);
	assert_int_equal(vdrv_offered(&v), OFFERED);
	set_common(VPCI_DEVICE_FEATURE_SELECT, 4, 2);
	assert_int_equal(common(VPCI_DEVICE_FEATURE, 4), 0);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 0, 4), 0x44332211);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 5, 1), 0x66);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 4, 2), 0x6655);
	vdrv_write(&v, VIRTIO_PCI_CAP_DEVICE, 0, 4, 0);
	assert_int_equal(d.config[0], 0x11);
}

static void negotiation(void **state)
{
	(void)state;
	assert_false(vdrv_negotiate(&v, 0)); /* VERSION_1 is needed */
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | BIT64(6))); /* not offered */
	d.refuse = true;
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1));
	/* Not ready without FEATURES_OK, and no queue either. */
	vdrv_enable(&v, 0, 0);
	assert_int_equal(common(VPCI_QUEUE_ENABLE, 2), 0);
	set_common(VPCI_DEVICE_STATUS, 1, 0xf);
	assert_false(vdrv_status(&v) & VIRTIO_STATUS_DRIVER_OK);
	d.refuse = false;
	assert_true(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX));
	assert_int_equal(d.dev.accepted, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	/* Fixed from now on. */
	set_common(VPCI_DRIVER_FEATURE_SELECT, 4, 0);
	set_common(VPCI_DRIVER_FEATURE, 4, 0xffffffff);
	assert_int_equal(common(VPCI_DRIVER_FEATURE, 4), (u32)VIRTIO_F_EVENT_IDX);
	assert_int_equal(d.ready, 0);
	/* NEEDS_RESET is not the driver's to set; bits are not cleared. */
	set_common(VPCI_DEVICE_STATUS, 1, VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(vdrv_status(&v), 0xf);
	assert_int_equal(d.ready, 1);
}

static void queue_registers(void **state)
{
	(void)state;
	assert_true(vdrv_negotiate(&v, VIRTIO_F_VERSION_1));
	set_common(VPCI_QUEUE_SELECT, 2, 1);
	assert_int_equal(common(VPCI_QUEUE_SIZE, 2), 128);
	assert_int_equal(common(VPCI_QUEUE_NOTIFY_OFF, 2), 1);
	assert_int_equal(common(VPCI_QUEUE_MSIX_VECTOR, 2), VIRTIO_MSI_NO_VECTOR);
	set_common(VPCI_QUEUE_MSIX_VECTOR, 2, QUEUES + 1); /* there are 0 .. QUEUES */
	assert_int_equal(common(VPCI_QUEUE_MSIX_VECTOR, 2), VIRTIO_MSI_NO_VECTOR);
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, VPCI_QUEUE_DESC, 8, 0x1122334455667788);
	assert_int_equal(common(VPCI_QUEUE_DESC, 4), 0x55667788);
	assert_int_equal(common(VPCI_QUEUE_DESC_HI, 4), 0x11223344);
	assert_true(vdrv_read(&v, VIRTIO_PCI_CAP_COMMON, VPCI_QUEUE_DESC, 8) ==
		    0x1122334455667788);
	vdrv_enable(&v, 1, 32);
	assert_int_equal(common(VPCI_QUEUE_ENABLE, 2), 1);
	assert_int_equal(d.vq[1].size, 32);
	set_common(VPCI_QUEUE_ENABLE, 2, 1); /* again: nothing happens */
	assert_false(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
	/* No such queue. */
	set_common(VPCI_QUEUE_SELECT, 2, QUEUES);
	set_common(VPCI_QUEUE_SIZE, 2, 16);
	set_common(VPCI_QUEUE_ENABLE, 2, 1);
	assert_int_equal(common(VPCI_QUEUE_SIZE, 2), 0);
	/* Accesses of the wrong width do nothing. */
	set_common(VPCI_QUEUE_SELECT, 1, 0);
	assert_int_equal(common(VPCI_QUEUE_SELECT, 2), QUEUES);
	assert_int_equal(common(VPCI_QUEUE_SELECT, 1), 0xff);
}

static void bad_queue_breaks_the_device(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		assert_true(vdrv_negotiate(&v, VIRTIO_F_VERSION_1));
		set_common(VPCI_QUEUE_SELECT, 2, 0);
		if (i == 0)
			set_common(VPCI_QUEUE_SIZE, 2, 128); /* above the limit of 64 */
		else
			set_common(VPCI_QUEUE_DESC_HI, 4, 1); /* outside memory */
		set_common(VPCI_QUEUE_ENABLE, 2, 1);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(d.dev.fault, i ? VIRTQ_BAD_AREA : VIRTQ_BAD_SIZE);
		assert_int_equal(d.dev.broken_queue, 0);
		set_common(VPCI_DEVICE_STATUS, 1, 0xf);
		assert_int_equal(d.ready, 0);
		vdrv_notify(&v, 0);
		assert_int_equal(d.kicks[0], 0);
	}
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
}

static void notifications_and_interrupts(void **state)
{
	u32 gen;

	(void)state;
	vdrv_notify(&v, 0); /* too early */
	assert_int_equal(d.kicks[0], 0);
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	gen = common(VPCI_CONFIG_GENERATION, 1);
	vdrv_notify(&v, 0);
	vdrv_notify(&v, 1);
	vdrv_notify(&v, 1);
	assert_int_equal(d.kicks[0], 1);
	assert_int_equal(d.kicks[1], 2);

	virtio_dev_flush(&d.dev, 1); /* nothing published */
	assert_int_equal(v.irqs[1], 0);
	for (u32 i = 0; i < 2; i++) {
		struct vdrv_buf b = { 0x1000, 1 };
		struct virtq_chain c;

		vdrv_add(&v, &v.ring[1], &b, 1, 0);
		vdrv_show(&v, &v.ring[1]);
		assert_int_equal(virtio_dev_pop(&d.dev, 1, &c), ERR_OK);
		virtq_push(&d.vq[1], c.head, 0);
		if (i)
			*vdrv_avail(&v, &v.ring[1]) = VRING_AVAIL_F_NO_INTERRUPT;
		virtio_dev_flush(&d.dev, 1);
	}
	assert_int_equal(v.irqs[1], 1);
	assert_int_equal(v.irqs[0], 0);

	virtio_dev_config_changed(&d.dev);
	assert_int_equal(v.irqs[QUEUES], 1);
	assert_int_not_equal(common(VPCI_CONFIG_GENERATION, 1), gen);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_ISR, 0, 1), VIRTIO_ISR_CONFIG);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_ISR, 0, 1), 0);
}

static void broken_ring_at_run_time(void **state)
{
	struct virtq_chain c;
	u32 logged;

	(void)state;
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	logged = host_log_count;
	host_now_ns += 2000000000;
	vdrv_avail(&v, &v.ring[0])[1] = 1000;
	assert_int_equal(virtio_dev_pop(&d.dev, 0, &c), ERR_INVAL);
	assert_int_equal(virtio_dev_pop(&d.dev, 0, &c), ERR_INVAL);
	assert_int_equal(host_log_count, logged + 1);
	assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(v.irqs[QUEUES], 1); /* the driver is told */
	assert_int_equal(d.dev.breaks, 1);
	vdrv_notify(&v, 1);
	assert_int_equal(d.kicks[1], 0);
	/* A reset heals it. */
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	assert_int_equal(vdrv_status(&v), 0xf);
	assert_int_equal(virtio_dev_pop(&d.dev, 0, &c), ERR_NOENT);
}

static void reset_forgets(void **state)
{
	u32 resets = d.resets;

	(void)state;
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	set_common(VPCI_DEVICE_STATUS, 1, 0);
	assert_int_equal(d.resets, resets + 2);
	assert_int_equal(vdrv_status(&v), 0);
	assert_int_equal(common(VPCI_CONFIG_MSIX_VECTOR, 2), VIRTIO_MSI_NO_VECTOR);
	for (u16 i = 0; i < QUEUES; i++) {
		set_common(VPCI_QUEUE_SELECT, 2, i);
		assert_int_equal(common(VPCI_QUEUE_ENABLE, 2), 0);
		assert_int_equal(common(VPCI_QUEUE_SIZE, 2), i ? 128 : 64);
		assert_int_equal(common(VPCI_QUEUE_MSIX_VECTOR, 2), VIRTIO_MSI_NO_VECTOR);
		assert_int_equal(common(VPCI_QUEUE_DESC, 4), 0);
		assert_null(d.vq[i].desc);
	}
	assert_int_equal(d.dev.accepted, 0);
}

/* The same registers by configuration space alone (4.1.4.9). */
static void configuration_window(void **state)
{
	u8 at = v.cap[VIRTIO_PCI_CAP_PCI].at;
	u8 bar = v.cap[VIRTIO_PCI_CAP_COMMON].bar;

	(void)state;
	vdrv_cfg_write(&v, (u8)(at + 4), 1, bar);
	vdrv_cfg_write(&v, (u8)(at + 8), 4, VPCI_NUM_QUEUES);
	vdrv_cfg_write(&v, (u8)(at + 12), 4, 2);
	assert_int_equal(vdrv_cfg_read(&v, (u8)(at + 16), 2), QUEUES);
	vdrv_cfg_write(&v, (u8)(at + 8), 4, VPCI_DEVICE_STATUS);
	vdrv_cfg_write(&v, (u8)(at + 12), 4, 1);
	vdrv_cfg_write(&v, (u8)(at + 16), 1, VIRTIO_STATUS_ACKNOWLEDGE);
	assert_int_equal(vdrv_status(&v), VIRTIO_STATUS_ACKNOWLEDGE);
	assert_int_equal(vdrv_cfg_read(&v, (u8)(at + 16), 1), VIRTIO_STATUS_ACKNOWLEDGE);
	/* Places that are none. */
	for (u32 i = 0; i < 4; i++) {
		static const struct {
			u8 bar;
			u32 off, len;
		} bad[] = { { 5, 0, 4 }, { 2, 0x1000, 4 }, { 2, 1, 4 }, { 0, 64, 2 } };

		vdrv_cfg_write(&v, (u8)(at + 4), 1, bad[i].bar);
		vdrv_cfg_write(&v, (u8)(at + 8), 4, bad[i].off);
		vdrv_cfg_write(&v, (u8)(at + 12), 4, bad[i].len);
		vdrv_cfg_write(&v, (u8)(at + 16), 4, 0x12345678);
		assert_int_equal(vdrv_cfg_read(&v, (u8)(at + 16), 4), 0x12345678);
	}
	/* A notification by the window. */
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	vdrv_cfg_write(&v, (u8)(at + 4), 1, v.cap[VIRTIO_PCI_CAP_NOTIFY].bar);
	vdrv_cfg_write(&v, (u8)(at + 8), 4, 4);
	vdrv_cfg_write(&v, (u8)(at + 12), 4, 2);
	vdrv_cfg_write(&v, (u8)(at + 16), 2, 1);
	assert_int_equal(d.kicks[1], 1);
}

/* BARs may be moved by the guest; the device goes with them. */
static void bars_move(void **state)
{
	u8 io = v.cap[VIRTIO_PCI_CAP_NOTIFY].bar, mem = v.cap[VIRTIO_PCI_CAP_COMMON].bar;

	(void)state;
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	vdrv_cfg_write(&v, (u8)(0x10 + 4 * io), 4, 0xc800);
	vdrv_cfg_write(&v, (u8)(0x10 + 4 * mem), 4, 0xe0800000);
	v.bar[io] = 0xc800;
	v.bar[mem] = 0xe0800000;
	assert_int_equal(vdrv_status(&v), 0xf);
	vdrv_notify(&v, 1);
	assert_int_equal(d.kicks[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(identity_and_capabilities, setup, teardown),
		cmocka_unit_test_setup_teardown(negotiation, setup, teardown),
		cmocka_unit_test_setup_teardown(queue_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_queue_breaks_the_device, setup, teardown),
		cmocka_unit_test_setup_teardown(notifications_and_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_ring_at_run_time, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(configuration_window, setup, teardown),
		cmocka_unit_test_setup_teardown(bars_move, setup, teardown),
	};

	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
