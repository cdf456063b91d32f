/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor: the statement cpu-feature, and what show node and show config
 * say. One node.conf may serve nodes of both vendors: the names of a backend
 * that is not in use here are known, remembered for show config, and do nothing.
 */
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/ctl.h"
#include "hv/hostcpu.h"
#include "hv/vcpu.h"

#define CHOICES_MAX 64
#define CPUID_EXT_MAX 0x80000000u
#define CPUID_BRAND 0x80000002u /* to 80000004h, 16 characters each (APM vol. 3 E.4.3) */
#define BRAND_LEAVES 3
#define BRAND_BYTES (BRAND_LEAVES * sizeof(struct cpuid_regs))
#define FAMILY_EXTENDED 15u
#define FAMILY_P6 6u

/* What the configuration asked for, by the backend's own spelling. */
static struct {
	const char *name;
	bool on;
} choices[CHOICES_MAX];
static u32 choice_count;

/* --- cpu-feature ---------------------------------------------------------------- */

/* Where it stands, or choice_count. */
static u32 choice_of(const char *name)
{
	u32 i = 0;

	while (i < choice_count && strcmp(choices[i].name, name))
		i++;
	return i;
}

static err_t remember(const char *name, bool on)
{
	u32 i = choice_of(name);

	if (i == CHOICES_MAX)
		return ERR_NOMEM;
	choices[i].name = name;
	choices[i].on = on;
	choice_count = MAX(choice_count, i + 1);
	return ERR_OK;
}

static const struct backend_feature *feature_of(const struct vcpu_backend *b, const char *name)
{
	u32 count;
	const struct backend_feature *table = b->features(&count);

	return feature_find(table, count, name);
}

/* An ability of a processor that this one is not. */
static const struct backend_feature *feature_elsewhere(const char *name, const char **whose)
{
	const struct vcpu_backend *b;

	for (u32 i = 0; (b = backend_at(i)); i++) {
		const struct backend_feature *f = feature_of(b, name);

		*whose = b->name;
		if (f)
			return f;
	}
	return NULL;
}

static err_t fail_unknown(struct ctl *c)
{
	const char *names[CHOICES_MAX];
	char list[LANG_MESSAGE_MAX] = "";
	const struct vcpu_backend *b = backend ? backend : backend_at(0);
	size_t len = 0;
	u32 count;
	const struct backend_feature *table = b->features(&count);

	count = MIN(count, CHOICES_MAX);
	for (u32 i = 0; i < count; i++) {
		names[i] = table[i].name;
		fmt_append(list, sizeof(list), &len, "%s%s", i ? ", " : "", names[i]);
	}
	return ctl_fail(c, NULL, ERR_NOENT, "unknown ability \"%s\"%s; %s has: %s", c->stmt->name,
			lang_suggest(c->stmt->name, names, count), b->name, list);
}

static err_t fail_set(struct ctl *c, const struct backend_feature *f, err_t err)
{
	if (err == ERR_NOTSUP)
		return ctl_fail(c, NULL, err, "this processor has no \"%s\"", f->name);
	if (f->state == FEATURE_USED)
		return ctl_fail(c, NULL, err, "\"%s\" is no choice: used wherever it is there",
				f->name);
	return ctl_fail(c, NULL, err, "\"%s\" is no choice: %s", f->name,
			f->note ? f->note : "nothing here can use it");
}

err_t ctl_cpu_feature(struct ctl *c)
{
	bool on = ctl_num(c, "on|off", 0);
	const struct backend_feature *f = backend ? feature_of(backend, c->stmt->name) : NULL;
	const char *whose = NULL;
	err_t err;

	if (f) {
		err = backend->feature_set(f->name, on);
		if (err)
			return fail_set(c, f, err);
		log_info("cpu", "%s: %s for guests added from now on", f->name,
			 f->state == FEATURE_USED ? "used" : "not used");
	} else {
		f = feature_elsewhere(c->stmt->name, &whose);
		if (!f)
			return fail_unknown(c);
		log_info("cpu", "%s: an ability of %s; guests run on %s here", f->name, whose,
			 backend ? backend->name : "nothing");
	}
	if (remember(f->name, on))
		return ctl_fail(c, NULL, ERR_NOMEM, "more than %u choices", CHOICES_MAX);
	return ERR_OK;
}

void ctl_cpu_config(const struct out *out)
{
	for (u32 i = 0; i < choice_count; i++)
		out_printf(out, "  cpu-feature %s %s\n", choices[i].name,
			   choices[i].on ? "on" : "off");
}

/* --- show node ------------------------------------------------------------------ */

struct cpu_identity {
	char brand[BRAND_BYTES + 1]; /* without the blanks around it */
	u32 family, model, stepping;
};

/* A sentence about a feature that is not simply used, or "". */
static const char *feature_remark(const struct backend_feature *f, char *buf, size_t size)
{
	const char *note = f->note ? f->note : "";
	const char *why = "";

	if (f->state == FEATURE_USED)
		return f->untested ? "untested" : "";
	if (f->state == FEATURE_UNUSED && !f->always)
		why = f->untested			   ? "untested, so only on request"
		      : choice_of(f->name) < choice_count ? "switched off"
							  : "only on request";
	fmt_snprintf(buf, size, "%s%s%s", why, *why && *note ? ": " : "", note);
	return buf;
}

static void cpu_identify(struct cpu_identity *id)
{
	u32 version = hostcpu_cpuid(NULL, 1, 0).eax;
	struct cpuid_regs leaf[BRAND_LEAVES] = { 0 };
	const char *text = (const char *)leaf;
	size_t len;

	id->family = version >> 8 & 15;
	id->model = version >> 4 & 15;
	id->stepping = version & 15;
	if (id->family == FAMILY_EXTENDED || id->family == FAMILY_P6)
		id->model |= version >> 12 & 0xf0;
	if (id->family == FAMILY_EXTENDED)
		id->family += version >> 20 & 0xff;
	if (hostcpu_cpuid(NULL, CPUID_EXT_MAX, 0).eax >= CPUID_BRAND + BRAND_LEAVES - 1)
		for (u32 i = 0; i < BRAND_LEAVES; i++)
			leaf[i] = hostcpu_cpuid(NULL, CPUID_BRAND + i, 0);
	len = strnlen(text, BRAND_BYTES);
	for (; len && text[len - 1] == ' '; len--)
		;
	for (; len && *text == ' '; len--)
		text++;
	memcpy(id->brand, text, len);
	id->brand[len] = '\0';
}

static const char *const state_word[] = {
	[FEATURE_ABSENT] = "absent", [FEATURE_UNUSED] = "unused", [FEATURE_USED] = "used",
};

void ctl_cpu_show(const struct out *out)
{
	const struct backend_feature *f;
	struct cpu_identity id;
	char remark[160];
	u32 count;

	cpu_identify(&id);
	out_printf(out, "%s, family %u model %u stepping %u\n",
		   id.brand[0] ? id.brand : "a processor without a name", id.family, id.model,
		   id.stepping);
	if (!backend)
		return;
	f = backend->features(&count);
	for (u32 i = 0; i < count; i++) {
		const char *words = feature_remark(&f[i], remark, sizeof(remark));

		out_column(out, 22, "  %s", f[i].name);
		out_printf(out, *words ? "%-8s%s\n" : "%s\n", state_word[f[i].state], words);
	}
}

void ctl_cpu_json(struct json *j)
{
	const struct backend_feature *f;
	struct cpu_identity id;
	char remark[160];
	u32 count = 0;

	cpu_identify(&id);
	json_open(j, "cpu", '{');
	json_text(j, "brand", id.brand);
	json_num(j, "family", id.family);
	json_num(j, "model", id.model);
	json_num(j, "stepping", id.stepping);
	json_close(j, '}');
	json_open(j, "features", '[');
	f = backend ? backend->features(&count) : NULL;
	for (u32 i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_text(j, "name", f[i].name);
		json_text(j, "state", state_word[f[i].state]);
		json_bool(j, "choice", !f[i].always);
		json_bool(j, "untested", f[i].untested);
		json_text(j, "note", feature_remark(&f[i], remark, sizeof(remark)));
		json_close(j, '}');
	}
	json_close(j, ']');
}
