/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rng against the driver model. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/pci.h"
#include "drivers/virtio/rng.h"
#include "tests/host/plat_host.h"
#include "tests/models/virtio_driver.h"

#define FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static struct vdrv v;
static struct virtio_rng rng;
static struct virtio_pci vp;
static struct {
	u8 next;
	u32 left; /* bytes that the generator has */
	u32 asked;
	u64 at_ns;
} seen;

/* Numbers that can be recognised. */
static u32 on_fill(void *ctx, void *to, u32 len)
{
	u8 *out = to;

	(void)ctx;
	len = MIN(len, seen.left);
	for (u32 i = 0; i < len; i++)
		out[i] = ++seen.next;
	seen.left -= len;
	return len;
}

static void on_poll_at(void *ctx, u64 when_ns)
{
	(void)ctx;
	seen.asked++;
	seen.at_ns = when_ns;
}

static const struct virtio_rng_hooks hooks = { .fill = on_fill, .poll_at = on_poll_at };

static int setup(void **state)
{
	(void)state;
	memset(&rng, 0, sizeof(rng));
	memset(&seen, 0, sizeof(seen));
	seen.left = UINT32_MAX;
	host_now_ns = 1000;
	vdrv_init(&v);
	virtio_rng_init(&rng, "g1.rng", &v.gm, &hooks, NULL);
	assert_int_equal(virtio_pci_init(&vp, &rng.dev, &v.bus), ERR_OK);
	assert_true(vdrv_find(&v, PCI_MAX_DEVS - 1));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vdrv_fini(&v);
	return 0;
}

static u64 give(u32 len)
{
	struct vdrv_buf b = { vdrv_alloc(&v, len, 1), len };

	assert_true(vdrv_add(&v, &v.ring[0], &b, 0, 1) >= 0);
	return b.addr;
}

static void fills_buffers(void **state)
{
	u64 small, large;
	u32 len;

	(void)state;
	assert_int_equal(vdrv_cfg_read(&v, 0, 4), 0x10441af4);
	assert_true(vdrv_start(&v, FEATURES));
	small = give(10);
	large = give(1000);
	vdrv_kick(&v, 0);
	assert_true(vdrv_take(&v, &v.ring[0], &len) >= 0);
	assert_int_equal(len, 10);
	assert_memory_equal(vdrv_mem(&v, small, 10), "\1\2\3\4\5\6\7\10\11\12", 10);
	assert_true(vdrv_take(&v, &v.ring[0], &len) >= 0);
	assert_int_equal(len, VIRTIO_RNG_PIECE);
	assert_int_equal(*vdrv_mem(&v, large, 1), 11);
	assert_int_equal(v.irqs[0], 1);
	assert_int_equal(seen.asked, 0);
	assert_int_equal(rng.bytes, 10 + VIRTIO_RNG_PIECE);
}

/* A guest that never has enough gets a second's worth, and then the rate. */
static void rate_is_kept(void **state)
{
	u64 until;
	u32 len, total = 0;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	until = host_now_ns + 2000000000ull;
	while (host_now_ns < until) {
		seen.asked = 0;
		give(100);
		vdrv_kick(&v, 0);
		if (seen.asked) {
			assert_true(seen.at_ns >= host_now_ns);
			host_now_ns = seen.at_ns;
			virtio_rng_poll(&rng);
		}
		while (vdrv_take(&v, &v.ring[0], &len) >= 0)
			total += len;
		v.next_alloc = 0x10000;
	}
	assert_true(total >= 3 * VIRTIO_RNG_BYTES_A_S - 2 * VIRTIO_RNG_PIECE);
	assert_true(total <= 3 * VIRTIO_RNG_BYTES_A_S + VIRTIO_RNG_PIECE);
	assert_true(rng.waits > 0);
	/* In whole buffers, also when there is not enough. */
	assert_int_equal(total % 100, 0);
	/* A reset is no way round it. */
	assert_true(vdrv_start(&v, FEATURES));
	for (u32 i = 0; i < 4; i++)
		give(256);
	vdrv_kick(&v, 0);
	assert_true(rng.bytes <= 3 * VIRTIO_RNG_BYTES_A_S + VIRTIO_RNG_PIECE);
}

static void broken(void **state)
{
	static const struct {
		struct vdrv_buf buf[2];
		u16 nread, nwrite;
	} cases[] = {
		{ { { 0x1000, 8 } }, 1, 0 },
		{ { { 0x1000, 8 }, { 0x2000, 8 } }, 1, 1 },
		{ { { VDRV_END, 8 } }, 0, 1 },
		{ { { VDRV_ROM, 8 } }, 0, 1 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		v.next_alloc = 0x10000;
		assert_true(vdrv_start(&v, FEATURES));
		assert_true(vdrv_add(&v, &v.ring[0], cases[i].buf, cases[i].nread,
				     cases[i].nwrite) >= 0);
		vdrv_kick(&v, 0);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		virtio_rng_poll(&rng);
	}
}

/* A generator that has nothing keeps the guest waiting, and its buffers. */
static void waits_for_the_generator(void **state)
{
	u32 len;
	u64 at;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	at = give(200);
	seen.left = 0;
	vdrv_kick(&v, 0);
	assert_true(vdrv_take(&v, &v.ring[0], &len) < 0);
	assert_int_equal(seen.asked, 1);
	assert_int_equal(seen.at_ns, host_now_ns + VIRTIO_RNG_DRY_NS);
	assert_int_equal(rng.waits, 1);
	host_now_ns = seen.at_ns;
	seen.left = 30;
	virtio_rng_poll(&rng);
	assert_true(vdrv_take(&v, &v.ring[0], &len) >= 0);
	assert_int_equal(len, 30);
	assert_int_equal(*vdrv_mem(&v, at + 29, 1), 30);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fills_buffers),
		CASE(rate_is_kept),
		CASE(broken),
		CASE(waits_for_the_generator),
	};

	return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
