/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-console against the driver model: output, input, suppression, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/console.h"
#include "drivers/virtio/pci.h"
#include "tests/models/virtio_driver.h"

#define FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static struct vdrv v;
static struct virtio_console con;
static struct virtio_pci vp;
static struct {
	char text[200000];
	u32 len, ready, more;
	bool refill; /* add a chain from within tx(): a second vCPU, busy and hostile */
} seen;

static void add_output(const char *text)
{
	u32 len = (u32)strlen(text);
	struct vdrv_buf b = { vdrv_alloc(&v, len, 1), len };

	memcpy(vdrv_mem(&v, b.addr, len), text, len);
	assert_true(vdrv_add(&v, &v.ring[VIRTIO_CONSOLE_TX], &b, 1, 0) >= 0);
}

static void on_tx(void *ctx, const void *buf, u32 len)
{
	(void)ctx;
	assert_true(seen.len + len <= sizeof(seen.text));
	memcpy(seen.text + seen.len, buf, len);
	seen.len += len;
	/* The same descriptor again and again, given back or not. */
	if (seen.refill)
		vdrv_avail(&v, &v.ring[VIRTIO_CONSOLE_TX])[1]++;
}

static void on_ready(void *ctx)
{
	(void)ctx;
	seen.ready++;
}

static void on_more(void *ctx)
{
	(void)ctx;
	seen.more++;
}

static const struct virtio_console_hooks hooks = { .tx = on_tx, .rx_ready = on_ready,
						   .more = on_more };

static int setup(void **state)
{
	(void)state;
	memset(&con, 0, sizeof(con));
	memset(&seen, 0, sizeof(seen));
	vdrv_init(&v);
	virtio_console_init(&con, "g1.console", &v.gm, &hooks, NULL);
	assert_int_equal(virtio_pci_init(&vp, &con.dev, &v.bus), ERR_OK);
	assert_true(vdrv_find(&v, 1));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vdrv_fini(&v);
	return 0;
}

static void found_without_configuration(void **state)
{
	(void)state;
	assert_int_equal(vdrv_cfg_read(&v, 0, 4), 0x10431af4);
	assert_int_equal(v.cap[VIRTIO_PCI_CAP_DEVICE].at, 0);
	assert_true(vdrv_offered(&v) == FEATURES);
}

static void output(void **state)
{
	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	for (u32 i = 0; i < 300; i++) {
		add_output("hello, ");
		add_output("world\n");
		assert_true(vdrv_kick(&v, VIRTIO_CONSOLE_TX));
		while (vdrv_take(&v, &v.ring[VIRTIO_CONSOLE_TX], NULL) >= 0)
			continue;
	}
	assert_int_equal(seen.len, 300 * 13);
	assert_memory_equal(seen.text + 299 * 13, "hello, world\n", 13);
	assert_int_equal(seen.more, 0);
	assert_int_equal(con.tx_bytes, 300 * 13);
}

static void output_before_ready_is_printed_then(void **state)
{
	(void)state;
	assert_true(vdrv_negotiate(&v, FEATURES));
	vdrv_enable(&v, 0, 0);
	vdrv_enable(&v, 1, 0);
	add_output("early");
	vdrv_kick(&v, VIRTIO_CONSOLE_TX);
	virtio_console_poll(&con);
	assert_int_equal(seen.len, 0);
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, VPCI_DEVICE_STATUS, 1, 0xf);
	assert_memory_equal(seen.text, "early", 5);
}

static void output_is_bounded(void **state)
{
	struct vdrv_buf bufs[2] = { { 0x1000, VDRV_REGION1 - 0x1000 }, { 0x1000, 5 } };

	(void)state;
	/* One long chain. */
	assert_true(vdrv_start(&v, FEATURES));
	vdrv_add(&v, &v.ring[VIRTIO_CONSOLE_TX], bufs, 2, 0);
	vdrv_kick(&v, VIRTIO_CONSOLE_TX);
	assert_int_equal(seen.len, VIRTIO_CONSOLE_CHAIN_MAX);
	assert_int_equal(con.tx_cut, bufs[0].len + 5 - VIRTIO_CONSOLE_CHAIN_MAX);
	/* Chains without end. */
	assert_true(vdrv_start(&v, FEATURES));
	seen.len = 0;
	seen.refill = true;
	add_output("y");
	vdrv_show(&v, &v.ring[VIRTIO_CONSOLE_TX]);
	virtio_console_poll(&con);
	assert_int_equal(seen.len, VIRTIO_CONSOLE_RING_SIZE);
	assert_int_equal(seen.more, 1);
	seen.refill = false;
	virtio_console_poll(&con);
	assert_int_equal(seen.len, VIRTIO_CONSOLE_RING_SIZE + 1);
	assert_int_equal(seen.more, 1);
}

static void give(u32 n, u32 len)
{
	for (u32 i = 0; i < n; i++) {
		struct vdrv_buf b = { vdrv_alloc(&v, len, 1), len };

		assert_true(vdrv_add(&v, &v.ring[VIRTIO_CONSOLE_RX], &b, 0, 1) >= 0);
	}
}

static void input(void **state)
{
	u32 len;
	int head;

	(void)state;
	assert_int_equal(virtio_console_input(&con, "early", 5), 0);
	assert_true(vdrv_start(&v, FEATURES));
	assert_int_equal(seen.ready, 1);
	give(2, 4);
	vdrv_kick(&v, VIRTIO_CONSOLE_RX);
	assert_int_equal(virtio_console_input(&con, "abcdefghij", 10), 8);
	assert_int_equal(v.irqs[VIRTIO_CONSOLE_RX], 1);
	head = vdrv_take(&v, &v.ring[VIRTIO_CONSOLE_RX], &len);
	assert_int_equal(len, 4);
	assert_memory_equal(vdrv_mem(&v, vdrv_desc(&v, &v.ring[0], (u16)head)->addr, 4), "abcd", 4);
	vdrv_take(&v, &v.ring[VIRTIO_CONSOLE_RX], &len);
	/* New buffers are announced, since some input was left. */
	len = seen.ready;
	give(1, 4);
	assert_true(vdrv_kick(&v, VIRTIO_CONSOLE_RX));
	assert_int_equal(seen.ready, len + 1);
	assert_int_equal(virtio_console_input(&con, "ij", 2), 2);
	assert_true(vdrv_take(&v, &v.ring[VIRTIO_CONSOLE_RX], &len) >= 0);
	assert_int_equal(len, 2);
	assert_int_equal(con.rx_bytes, 10);
}

static void broken(void **state)
{
	struct vdrv_buf bad = { VDRV_END - 3, 8 };

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	vdrv_add(&v, &v.ring[VIRTIO_CONSOLE_TX], &bad, 1, 0);
	vdrv_kick(&v, VIRTIO_CONSOLE_TX);
	assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);

	for (u32 i = 0; i < 2; i++) {
		assert_true(vdrv_start(&v, FEATURES));
		/* Outside, and not writable. */
		vdrv_add(&v, &v.ring[VIRTIO_CONSOLE_RX], &bad, (u16)i, (u16)(1 - i));
		vdrv_show(&v, &v.ring[VIRTIO_CONSOLE_RX]);
		assert_int_equal(virtio_console_input(&con, "abcdefgh", 8), 0);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(virtio_console_input(&con, "abcdefgh", 8), 0);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(found_without_configuration),
		CASE(output),
		CASE(output_before_ready_is_printed_then),
		CASE(output_is_bounded),
		CASE(input),
		CASE(broken),
	};

	return cmocka_run_group_tests_name("virtio_console", tests, NULL, NULL);
}
