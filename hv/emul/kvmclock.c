/* SPDX-License-Identifier: BSD-2-Clause */
/* kvm-clock; see kvmclock.h. */
#include "hv/emul/kvmclock.h"

#include "hv/base/str.h"

#define NS_PER_S 1000000000ull

void kvmclock_scale(u32 khz, u32 *mul, s8 *shift)
{
	u64 hz = (u64)khz * 1000;
	s8 s = 0;

	/* Bring the frequency into (1, 2] GHz by the shift, so that mul, a
	 * 32-bit fraction below one, keeps all its bits. */
	while (hz > 2 * NS_PER_S) {
		hz >>= 1;
		s--;
	}
	while (hz <= NS_PER_S) {
		hz <<= 1;
		s++;
	}
	*mul = (u32)((NS_PER_S << 32) / hz);
	*shift = s;
}

/* The guest retries while the version is odd or changed under it; it may read
 * on another core, so the stores are ordered. */
static u32 begin(u32 *version)
{
	u32 v = (__atomic_load_n(version, __ATOMIC_RELAXED) | 1u) + 2u;

	__atomic_store_n(version, v, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return v;
}

static void end(u32 *version, u32 v)
{
	__atomic_store_n(version, v + 1, __ATOMIC_RELEASE);
}

err_t kvmclock_publish(struct gmem *gm, gpa_t at, const struct kvmclock_time *t)
{
	struct kvmclock_vcpu_info fresh = {
		.tsc_timestamp = t->tsc,
		.system_time = t->ns,
		.flags = t->stable ? KVMCLOCK_STABLE : 0,
	};
	const size_t body = offsetof(struct kvmclock_vcpu_info, tsc_timestamp);
	u8 *info = at.v & 3 ? NULL : gmem_ptr(gm, at, sizeof(fresh), GMEM_WRITE);
	u32 *version = (u32 *)(void *)info;
	u32 v;

	if (!info)
		return ERR_RANGE;
	kvmclock_scale(t->tsc_khz, &fresh.tsc_to_system_mul, &fresh.tsc_shift);
	v = begin(version);
	memcpy(info + body, (const u8 *)&fresh + body, sizeof(fresh) - body);
	end(version, v);
	return ERR_OK;
}

err_t kvmclock_publish_wall(struct gmem *gm, gpa_t at, u64 unix_ns)
{
	struct kvmclock_wall *wall;
	u32 v;

	wall = at.v & 3 ? NULL : gmem_ptr(gm, at, sizeof(*wall), GMEM_WRITE);
	if (!wall)
		return ERR_RANGE;
	v = begin(&wall->version);
	wall->sec = (u32)(unix_ns / NS_PER_S);
	wall->nsec = (u32)(unix_ns % NS_PER_S);
	end(&wall->version, v);
	return ERR_OK;
}
