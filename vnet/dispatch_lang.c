/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispatch modes in the control language, see dispatch_lang.h. */
#include "vnet/dispatch_lang.h"

#include "hv/base/fmt.h"

static u32 num(const struct lang_stmt *stmt, const char *key, u32 otherwise)
{
	const struct lang_value *v = lang_get(stmt, key);

	return v ? (u32)v->num : otherwise;
}

const char *dispatch_lang_key(const struct lang_stmt *stmt)
{
	static const char *const keys[] = { "mode",    "tx-mode", "rx-mode", "alpha-l",
					    "alpha-u", "omega",	  "quota",
					    "optimistic", "batch-end" };

	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		if (lang_get(stmt, keys[i]))
			return keys[i];
	}
	return NULL;
}

err_t dispatch_lang_read(const struct lang_stmt *stmt, const struct dispatch_settings *otherwise,
			 struct dispatch_settings *out, const char **key, char *why, size_t size)
{
	const u32 *mode = otherwise->mode;

	*out = (struct dispatch_settings){
		.mode = {
			[DISPATCH_TX] = num(stmt, "tx-mode", num(stmt, "mode", mode[DISPATCH_TX])),
			[DISPATCH_RX] = num(stmt, "rx-mode", num(stmt, "mode", mode[DISPATCH_RX])),
		},
		.alpha_l = num(stmt, "alpha-l", otherwise->alpha_l),
		.alpha_u = num(stmt, "alpha-u", otherwise->alpha_u),
		.omega_us = num(stmt, "omega", otherwise->omega_us),
		.quota = num(stmt, "quota", otherwise->quota),
		.optimistic = num(stmt, "optimistic", otherwise->optimistic),
		.batch_end = num(stmt, "batch-end", otherwise->batch_end),
	};
	if (out->alpha_l <= out->alpha_u)
		return ERR_OK;
	*key = lang_get(stmt, "alpha-l") ? "alpha-l" : "alpha-u";
	fmt_snprintf(why, size, "alpha-l (%u) is above alpha-u (%u)", out->alpha_l, out->alpha_u);
	return ERR_INVAL;
}

const char *dispatch_lang_write(const struct dispatch_settings *s, bool all, char *buf)
{
	const char *tx = dispatch_mode_name(s->mode[DISPATCH_TX]);
	const char *rx = dispatch_mode_name(s->mode[DISPATCH_RX]);
	struct dispatch_settings d;
	size_t len = 0;

	dispatch_defaults(&d);
	buf[0] = '\0';
	if (s->mode[DISPATCH_TX] != s->mode[DISPATCH_RX])
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " tx-mode %s rx-mode %s", tx, rx);
	else if (all || s->mode[DISPATCH_TX] != d.mode[DISPATCH_TX])
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " mode %s", tx);
	if (all || s->alpha_l != d.alpha_l)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " alpha-l %u", s->alpha_l);
	if (all || s->alpha_u != d.alpha_u)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " alpha-u %u", s->alpha_u);
	if (all || s->omega_us != d.omega_us)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " omega %uus", s->omega_us);
	if (all || s->quota != d.quota)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " quota %u", s->quota);
	if (s->optimistic != d.optimistic)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " optimistic on");
	if (s->batch_end != d.batch_end)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " batch-end on");
	return buf;
}

void dispatch_yield_read(const struct lang_stmt *stmt, const struct dispatch_yielding *otherwise,
			 struct dispatch_yielding *out)
{
	*out = (struct dispatch_yielding){
		.strategy = num(stmt, "yield", otherwise->strategy),
		.t_sleep_us = num(stmt, "t-sleep", otherwise->t_sleep_us),
		.t_nowork_us = num(stmt, "t-nowork", otherwise->t_nowork_us),
	};
}

const char *dispatch_yield_write(const struct dispatch_yielding *y, bool all, char *buf)
{
	const struct dispatch_yielding *d = &dispatch_yield_default;
	size_t len = 0;

	buf[0] = '\0';
	if (all || y->strategy != d->strategy)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " yield %s",
			   dispatch_yield_name(y->strategy));
	if (all || y->t_sleep_us != d->t_sleep_us)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " t-sleep %uus", y->t_sleep_us);
	if (all || y->t_nowork_us != d->t_nowork_us)
		fmt_append(buf, DISPATCH_LANG_MAX, &len, " t-nowork %uus", y->t_nowork_us);
	return buf;
}
