/* SPDX-License-Identifier: BSD-2-Clause */
/* The state machine of a link's keep-alive, see health.h. */
#include "vnet/health.h"

#define NS_PER_US 1000ull
#define RTT_WEIGHT 8 /* a new sample counts for so much less */
/* A seq farther ahead is no gap, and one farther behind than the window is not
 * late: the peer began anew, or somebody forged. Go by the latest. */
#define GAP_MAX 10000u

STATIC_ASSERT(HEALTH_WINDOW == 64, "the window is a u64");

const char *health_state_name(enum health_state state)
{
	static const char *const name[HEALTH_STATE_COUNT] = {
		[HEALTH_UNREACHABLE] = "unreachable",
		[HEALTH_UP] = "up",
		[HEALTH_INCOMPATIBLE] = "incompatible",
	};

	return (u32)state < HEALTH_STATE_COUNT ? name[state] : "?";
}

static void become(struct health *h, enum health_state state)
{
	h->changes += h->state != state;
	h->state = state;
}

void health_init(struct health *h, u32 session)
{
	*h = (struct health){
		.us = {
			.version_min = HEALTH_VERSION,
			.version_max = HEALTH_VERSION,
			.session = session,
		},
		.silent = HEALTH_SILENT_TICKS,
	};
}

void health_tick(struct health *h, u64 now_ns, struct link_hello *out)
{
	u64 held_us = (now_ns - h->heard_ns) / NS_PER_US;

	if (h->heard_since)
		h->silent = 0;
	else if (h->silent < HEALTH_SILENT_TICKS && ++h->silent == HEALTH_SILENT_TICKS)
		become(h, HEALTH_UNREACHABLE);
	h->heard_since = false;

	/* 0 stands for none. */
	h->us.seq = h->us.seq == UINT32_MAX ? 1 : h->us.seq + 1;
	h->us.heard = h->silent < HEALTH_SILENT_TICKS ? h->peer.seq : 0;
	h->us.held_us = h->us.heard ? (u32)MIN(held_us, (u64)UINT32_MAX) : 0;
	h->sent_ns[h->us.seq % HEALTH_SENT] = now_ns;
	h->sent++;
	*out = h->us;
}

/* --- what came ------------------------------------------------------------ */

/* Make room for `steps` newer ones; those that leave unseen are lost. */
static void window_move(struct health *h, u32 steps)
{
	u64 leave = steps < HEALTH_WINDOW ? h->window >> (HEALTH_WINDOW - steps) : h->window;
	u32 had = h->expected, room = HEALTH_WINDOW - MIN(steps, HEALTH_WINDOW);
	u32 out = had > room ? had - room : 0;

	h->lost += out - (u32)__builtin_popcountll(leave);
	if (steps > HEALTH_WINDOW)
		h->lost += steps - HEALTH_WINDOW; /* never even in it */
	h->window = steps < HEALTH_WINDOW ? h->window << steps : 0;
	h->window |= 1;
	h->expected = MIN(had + steps, HEALTH_WINDOW);
}

static void begin_session(struct health *h, const struct link_hello *hello)
{
	h->peer.session = hello->session;
	h->window = 1;
	h->expected = 1;
}

/* Count it. True when it is newer than what we had. */
static bool in_order(struct health *h, const struct link_hello *hello)
{
	u32 ahead = hello->seq - h->peer.seq, behind = h->peer.seq - hello->seq;

	if (!h->peer.seq || hello->session != h->peer.session ||
	    (ahead > GAP_MAX && behind >= HEALTH_WINDOW)) {
		begin_session(h, hello);
		return true;
	}
	if (behind >= HEALTH_WINDOW) {
		window_move(h, ahead);
		return true;
	}
	/* Late, or again. */
	if (behind < h->expected)
		h->window |= BIT64(behind);
	return false;
}

/* It said that it hears us: at least one of those we sent lately. */
static bool hears_us(const struct health *h, const struct link_hello *hello)
{
	return hello->heard && h->us.seq - hello->heard < HEALTH_SENT;
}

/* The time from our hello to its answer, less what the peer held it back. */
static void take_rtt(struct health *h, const struct link_hello *hello, u64 now_ns)
{
	u64 passed_us, rtt_us;

	if (!hears_us(h, hello))
		return;
	passed_us = (now_ns - h->sent_ns[hello->heard % HEALTH_SENT]) / NS_PER_US;
	if (hello->held_us > passed_us)
		return;
	rtt_us = MAX(passed_us - hello->held_us, 1ull);
	if (!h->rtt_us)
		h->rtt_us = h->rtt_min_us = (u32)rtt_us;
	else
		h->rtt_us = (u32)(((u64)h->rtt_us * (RTT_WEIGHT - 1) + rtt_us) / RTT_WEIGHT);
	h->rtt_us = MAX(h->rtt_us, 1u);
	h->rtt_min_us = MIN(h->rtt_min_us, (u32)rtt_us);
}

void health_heard(struct health *h, const struct link_hello *hello, u64 now_ns)
{
	h->received++;
	if (hello->version_min > HEALTH_VERSION || hello->version_max < HEALTH_VERSION) {
		/* Keep for what is shown; nothing else of it has a meaning. */
		h->peer.version_min = hello->version_min;
		h->peer.version_max = hello->version_max;
		h->heard_since = true;
		h->silent = 0;
		h->peer.seq = 0;
		become(h, HEALTH_INCOMPATIBLE);
		return;
	}
	if (!hello->seq || !in_order(h, hello))
		return;
	h->peer = *hello;
	h->heard_ns = now_ns;
	h->heard_since = true;
	h->silent = 0;
	take_rtt(h, hello, now_ns);
	become(h, hears_us(h, hello) ? HEALTH_UP : HEALTH_UNREACHABLE);
}

u32 health_loss_permille(const struct health *h)
{
	u32 came = (u32)__builtin_popcountll(h->window);

	return h->expected ? (h->expected - came) * 1000 / h->expected : 0;
}
