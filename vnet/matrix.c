/* SPDX-License-Identifier: BSD-2-Clause */
/* The traffic matrix, see matrix.h: hash tables with a few places a pair may be
 * in. Nothing leaves them but by starting anew. */
#include "vnet/matrix.h"

#include "hv/base/plat.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/net/wire.h"
#include "vnet/xcore.h"

#define PLACES 8u /* that a pair may be in, one behind the other */

STATIC_ASSERT((MATRIX_PAIRS & (MATRIX_PAIRS - 1)) == 0, "a power of two");

struct table {
	u64 others;
	struct matrix_pair pair[MATRIX_PAIRS];
};

struct matrix {
	u64 seed; /* a pair's places are not to be guessed */
	u32 tables;
	struct table table[] ALIGNED(CACHE_LINE);
};

struct matrix *matrix_now;

static size_t matrix_bytes(u32 tables)
{
	return sizeof(struct matrix) + tables * sizeof(struct table);
}

err_t matrix_start(void)
{
	struct matrix *m;

	if (matrix_now)
		return ERR_BUSY;
	m = plat_alloc(matrix_bytes(xcore_count()));
	if (!m)
		return ERR_NOMEM;
	m->seed = hash_mix(plat_now_ns() ^ HASH_K0, HASH_K1);
	m->tables = xcore_count();
	__atomic_store_n(&matrix_now, m, __ATOMIC_RELEASE);
	return ERR_OK;
}

err_t matrix_stop(void)
{
	struct matrix *m = matrix_now;

	if (!m)
		return ERR_OK;
	if (!epoch_room(1))
		return ERR_BUSY;
	__atomic_store_n(&matrix_now, NULL, __ATOMIC_RELEASE);
	epoch_retire(m, matrix_bytes(m->tables));
	return ERR_OK;
}

static bool same(const struct matrix_pair *a, const struct matrix_pair *b)
{
	return a->src == b->src && a->dst == b->dst && a->overlay == b->overlay;
}

/* The pair in its table, or the free place that it may have; NULL: neither. */
static struct matrix_pair *place(const struct matrix *m, struct table *t,
				 const struct matrix_pair *key)
{
	u64 hash = hash_mix(key->src ^ m->seed, key->dst ^ (u64)key->overlay << 32 ^ HASH_K1);

	for (u32 i = 0; i < PLACES; i++) {
		struct matrix_pair *p = &t->pair[(hash + i) & (MATRIX_PAIRS - 1)];

		if (!__atomic_load_n(&p->used, __ATOMIC_ACQUIRE) || same(p, key))
			return p;
	}
	return NULL;
}

static void add(u64 *counter, u64 n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void matrix_count(const struct vnet_port *port, struct pkt *const *pkts, u32 n)
{
	struct matrix *m = __atomic_load_n(&matrix_now, __ATOMIC_ACQUIRE);
	struct matrix_pair key = { .overlay = port->overlay };
	struct table *t;

	if (!m)
		return;
	t = &m->table[plat_core()];
	for (u32 i = 0; i < n; i++) {
		struct matrix_pair *p;

		if (pkts[i]->head_len < ETH_HLEN)
			continue;
		key.dst = mac_load(pkts[i]->data + ETH_DST);
		key.src = mac_load(pkts[i]->data + ETH_SRC);
		p = place(m, t, &key);
		if (!p) {
			add(&t->others, 1);
			continue;
		}
		if (!p->used) {
			*p = key;
			__atomic_store_n(&p->used, true, __ATOMIC_RELEASE);
		}
		add(&p->frames, 1);
		add(&p->bytes, pkts[i]->len);
	}
}

/* --- reading ---------------------------------------------------------------------- */

u64 matrix_others(void)
{
	u64 others = 0;

	for (u32 i = 0; matrix_now && i < matrix_now->tables; i++)
		others += __atomic_load_n(&matrix_now->table[i].others, __ATOMIC_RELAXED);
	return others;
}

/* Add up what cores from `first` on have of the pair; false: one before has it,
 * and it was counted there. */
static bool add_up(struct matrix *m, u32 first, const struct matrix_pair *key,
		   struct matrix_pair *out)
{
	*out = (struct matrix_pair){ .src = key->src, .dst = key->dst, .overlay = key->overlay };
	for (u32 i = 0; i < m->tables; i++) {
		const struct matrix_pair *p = place(m, &m->table[i], key);

		if (!p || !__atomic_load_n(&p->used, __ATOMIC_ACQUIRE))
			continue;
		if (i < first)
			return false;
		out->frames += __atomic_load_n(&p->frames, __ATOMIC_RELAXED);
		out->bytes += __atomic_load_n(&p->bytes, __ATOMIC_RELAXED);
	}
	return true;
}

/* Into the list, which is in order; what does not fit drops off its end. */
static u32 rank(struct matrix_pair *list, u32 n, u32 max, const struct matrix_pair *p)
{
	u32 at = n;

	while (at && list[at - 1].bytes < p->bytes)
		at--;
	if (at == max)
		return n;
	n = MIN(n + 1, max);
	for (u32 i = n - 1; i > at; i--)
		list[i] = list[i - 1];
	list[at] = *p;
	return n;
}

u32 matrix_top(struct matrix_pair *out, u32 max)
{
	struct matrix *m = matrix_now;
	struct matrix_pair sum;
	u32 n = 0;

	for (u32 i = 0; m && i < m->tables; i++) {
		for (u32 k = 0; k < MATRIX_PAIRS; k++) {
			const struct matrix_pair *p = &m->table[i].pair[k];

			if (__atomic_load_n(&p->used, __ATOMIC_ACQUIRE) && add_up(m, i, p, &sum))
				n = rank(out, n, max, &sum);
		}
	}
	return n;
}
