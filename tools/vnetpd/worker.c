/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads as cores, see worker.h; eventfd(2), pthreads(7). */
#include "tools/vnetpd/worker.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/plat.h"
#include "tools/vnetpd/tap.h"
#include "vnet/xcore.h"

#define POOL_NAME_MAX 16

static struct worker {
	struct loop_fd lf; /* an eventfd: somebody wants it to look */
	pthread_t thread;
	struct worker_pools pools;
	char name[2][POOL_NAME_MAX];
	/* What the main thread wants done; NULL: nothing, or it is done. */
	void (*fn)(void *ctx);
	void *ctx;
	err_t started;
} workers[PLAT_MAX_CORES];

static u32 cores = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;

u32 worker_cores(void)
{
	return cores;
}

struct worker_pools *worker_pools(unsigned core)
{
	return &workers[core].pools;
}

void worker_kick(unsigned core)
{
	const u64 one = 1;

	/* Full: it has yet to look at the last two thousand million millions. */
	if (write(workers[core].lf.fd, &one, sizeof(one)) != sizeof(one))
		plat_relax();
}

/* --- the threads --------------------------------------------------------------------- */

static void woken(struct loop_fd *f, u32 events)
{
	u64 count;

	(void)events;
	loop_syscalls++;
	if (read(f->fd, &count, sizeof(count)) != sizeof(count))
		return;
	worker_drain();
}

void worker_drain(void)
{
	if (cores > 1)
		xcore_drain(plat_core());
}

static void run_call(struct worker *w)
{
	if (!__atomic_load_n(&w->fn, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&lock);
	w->fn(w->ctx);
	__atomic_store_n(&w->fn, NULL, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&done);
	pthread_mutex_unlock(&lock);
}

/* The end of each turn. */
static void settle(void)
{
	run_call(&workers[plat_core()]);
	tap_queue_read_all(tap_reads());
	worker_drain();
	tap_queue_settle();
}

static void *run(void *arg)
{
	struct worker *w = arg;

	plat_set_core((unsigned)(w - workers));
	w->started = loop_init();
	if (!w->started)
		w->started = loop_add(&w->lf, LOOP_IN);
	run_call(w);
	if (!w->started)
		loop_run(settle);
	return NULL;
}

/* --- the main thread ------------------------------------------------------------------ */

static void wait_for(struct worker *w)
{
	pthread_mutex_lock(&lock);
	while (__atomic_load_n(&w->fn, __ATOMIC_ACQUIRE))
		pthread_cond_wait(&done, &lock);
	pthread_mutex_unlock(&lock);
}

void worker_call(unsigned core, void (*fn)(void *ctx), void *ctx)
{
	struct worker *w = &workers[core];

	if (core == plat_core()) {
		fn(ctx);
		return;
	}
	w->ctx = ctx;
	__atomic_store_n(&w->fn, fn, __ATOMIC_RELEASE);
	worker_kick(core);
	wait_for(w);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static err_t make_pools(unsigned core)
{
	struct worker *w = &workers[core];
	err_t err;

	fmt_snprintf(w->name[0], POOL_NAME_MAX, "headers%u", core);
	fmt_snprintf(w->name[1], POOL_NAME_MAX, "frames%u", core);
	err = node_make_pool(&w->pools.headers, w->name[0], core, NODE_HEADERS, NODE_HEADER_BUFFER);
	if (!err)
		err = node_make_pool(&w->pools.frames, w->name[1], core, NODE_FRAMES, TAP_BUFFER);
	return err;
}

/* Its descriptor first: others may kick it from the start. */
static err_t start(unsigned core)
{
	struct worker *w = &workers[core];
	err_t err;

	w->lf = (struct loop_fd){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = woken };
	if (w->lf.fd < 0)
		return ERR_IO;
	if (!core)
		return loop_add(&w->lf, LOOP_IN);
	err = make_pools(core);
	if (err)
		return err;
	w->fn = nothing;
	if (pthread_create(&w->thread, NULL, run, w))
		return ERR_IO;
	wait_for(w);
	return w->started;
}

err_t worker_start(u32 ncores)
{
	err_t err = ERR_OK;

	for (unsigned core = 0; ncores > 1 && core < ncores && !err; core++)
		err = start(core);
	if (!err)
		cores = ncores;
	return err;
}
