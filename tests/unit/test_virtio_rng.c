/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rng against the driver model, and the generator behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/pci.h"
#include "drivers/virtio/rng.h"
#include "hv/base/entropy.h"
#include "tests/host/plat_host.h"
#include "tests/models/virtio_driver.h"

#define FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static struct vdrv v;
static struct virtio_rng rng;
static struct virtio_pci vp;
static struct {
	u8 next;
	u32 asked;
	u64 at_ns;
} seen;

/* Numbers that can be recognised. */
static void on_fill(void *ctx, void *to, u32 len)
{
	u8 *out = to;

	(void)ctx;
	for (u32 i = 0; i < len; i++)
		out[i] = ++seen.next;
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

/* RFC 8439 2.3.2. */
static void chacha20_as_the_rfc_has_it(void **state)
{
	static const u32 want[16] = {
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204,
		0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de,
		0xe883d0cb, 0x4e3c50a2,
	};
	const u32 input[4] = { 1, 0x09000000, 0x4a000000, 0 };
	u32 key[8], out[16];
	u8 bytes[32];

	(void)state;
	for (u8 i = 0; i < 32; i++)
		bytes[i] = i;
	memcpy(key, bytes, sizeof(key));
	entropy_chacha20(key, input, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void generator(void **state)
{
	struct entropy a = { 0 }, b = { 0 };
	u8 one[100], other[100];
	u32 bits = 0;

	(void)state;
	/* What was fed decides, all of it, and in its order. */
	entropy_stir(&a, "0123456789012345678901234567890123456789", 40);
	entropy_stir(&b, "0123456789012345678901234567890123456788", 40);
	entropy_read(&a, one, sizeof(one));
	entropy_read(&b, other, sizeof(other));
	for (u32 i = 0; i < sizeof(one); i++)
		bits += (u32)__builtin_popcount(one[i] ^ other[i]);
	assert_in_range(bits, 330, 470);
	/* Nothing comes twice, and what is left says nothing of what was given. */
	entropy_read(&a, other, sizeof(other));
	assert_memory_not_equal(one, other, sizeof(one));
	for (u32 i = 0; i + sizeof(a.key) <= sizeof(other); i++)
		assert_memory_not_equal(other + i, a.key, sizeof(a.key));
	/* Bad food takes nothing away. */
	b = a;
	entropy_stir(&b, "", 0);
	assert_memory_equal(&a, &b, sizeof(a));
	memset(one, 0, sizeof(one));
	entropy_stir(&b, one, sizeof(one));
	assert_memory_not_equal(&a, &b, sizeof(a));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fills_buffers),
		CASE(rate_is_kept),
		CASE(broken),
		cmocka_unit_test(chacha20_as_the_rfc_has_it),
		cmocka_unit_test(generator),
	};

	return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
