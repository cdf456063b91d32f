/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu-feature, and what show node and show config say of the processor (hv/ctl_cpu.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/ctl_cpu.c"

enum { PLAIN, ALWAYS, UNTRIED, NEVER, MISSING, COUNT };

static struct backend_feature here[COUNT], there[1];
static char printed[4096], message[LANG_MESSAGE_MAX];
static size_t printed_len;

static void to_buffer(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	assert_true(printed_len + len < sizeof(printed));
	memcpy(printed + printed_len, text, len);
	printed_len += len;
	printed[printed_len] = '\0';
}

static const struct out out = { .write = to_buffer };

/* --- two backends, the first of them in use ---------------------------------- */

static const struct backend_feature *here_features(u32 *count)
{
	*count = COUNT;
	return here;
}

static err_t here_set(const char *name, bool on)
{
	return feature_choose(here, COUNT, name, on);
}

static const struct backend_feature *there_features(u32 *count)
{
	*count = 1;
	return there;
}

static const struct vcpu_backend first = {
	.name = "first", .features = here_features, .feature_set = here_set,
};
static const struct vcpu_backend second = { .name = "second", .features = there_features };

const struct vcpu_backend *backend;

const struct vcpu_backend *backend_at(u32 i)
{
	return i == 0 ? &first : i == 1 ? &second : NULL;
}

/* An EPYC of QEMU, and an Intel processor without a brand. */
static u32 version;
static const char *brand;

struct cpuid_regs hostcpu_cpuid(void *ctx, u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = { 0 };
	char text[BRAND_BYTES] = "";

	(void)ctx;
	(void)subleaf;
	if (brand)
		memcpy(text, brand, MIN(strlen(brand), sizeof(text)));
	if (leaf == 1)
		r.eax = version;
	else if (leaf == CPUID_EXT_MAX)
		r.eax = brand ? 0x8000001e : 0x80000001;
	else
		memcpy(&r, text + (leaf - CPUID_BRAND) * sizeof(r), sizeof(r));
	return r;
}

/* --- hv/ctl.c's part ----------------------------------------------------------- */

err_t ctl_fail(struct ctl *c, const char *key, err_t err, const char *f, ...)
{
	va_list ap;

	assert_null(key);
	va_start(ap, f);
	vsnprintf(c->message, LANG_MESSAGE_MAX, f, ap);
	va_end(ap);
	return err;
}

u64 ctl_num(const struct ctl *c, const char *key, u64 otherwise)
{
	const struct lang_value *v = lang_get(c->stmt, key);

	return v ? v->num : otherwise;
}

static err_t run(const char *line)
{
	static const struct lang_source src = { .file = "node.conf" };
	static struct lang_stmt stmt;
	struct ctl c = { .src = &src, .stmt = &stmt, .out = &out, .message = message };

	assert_int_equal(lang_parse(&src, line, strlen(line), &stmt, message), ERR_OK);
	assert_int_equal(stmt.cmd->id, LANG_CPU_FEATURE);
	return ctl_cpu_feature(&c);
}

static int setup(void **state)
{
	(void)state;
	here[PLAIN] = (struct backend_feature){ .name = "plain", .note = "by hand" };
	here[ALWAYS] = (struct backend_feature){ .name = "always", .always = true };
	here[UNTRIED] = (struct backend_feature){ .name = "untried", .untested = true };
	here[NEVER] = (struct backend_feature){ .name = "never", .always = true, .note = "no use" };
	here[MISSING] = (struct backend_feature){ .name = "missing", .note = "slow" };
	for (u32 i = 0; i < MISSING; i++)
		feature_detect(&here[i], true);
	here[NEVER].state = FEATURE_UNUSED;
	there[0] = (struct backend_feature){ .name = "foreign" };
	backend = &first;
	choice_count = 0;
	printed_len = 0;
	printed[0] = '\0';
	version = 0x00800f12;
	brand = "AMD EPYC Processor  ";
	return 0;
}

static void test_choices(void **state)
{
	(void)state;
	assert_int_equal(run("cpu-feature untried on"), ERR_OK);
	assert_int_equal(here[UNTRIED].state, FEATURE_USED);
	assert_int_equal(run("cpu-feature plain off"), ERR_OK);
	assert_int_equal(here[PLAIN].state, FEATURE_UNUSED);
	assert_int_equal(run("cpu-feature always on"), ERR_OK);
	assert_int_equal(run("cpu-feature missing off"), ERR_OK);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(run("cpu-feature missing on"), ERR_NOTSUP);
	assert_string_equal(message, "this processor has no \"missing\"");
	assert_int_equal(run("cpu-feature always off"), ERR_INVAL);
	assert_string_equal(message, "\"always\" is no choice: used wherever it is there");
	assert_int_equal(run("cpu-feature never on"), ERR_INVAL);
	assert_string_equal(message, "\"never\" is no choice: no use");
	assert_int_equal(run("cpu-feature plian on"), ERR_NOENT);
	assert_string_equal(message, "unknown ability \"plian\" (did you mean \"plain\"?); first "
				     "has: plain, always, untried, never, missing");
	ctl_cpu_config(&out);
	assert_string_equal(printed, "");
}

static void test_other_vendor(void **state)
{
	(void)state;
	assert_int_equal(run("cpu-feature foreign on"), ERR_OK);
	ctl_cpu_config(&out);
	assert_string_equal(printed, "  cpu-feature foreign on\n");
	backend = NULL; /* a processor that runs no guests */
	assert_int_equal(run("cpu-feature plain on"), ERR_OK);
	assert_int_equal(run("cpu-feature nothing on"), ERR_NOENT);
}

/* What show config prints, carried out elsewhere, is shown there the same. */
static void test_round_trip(void **state)
{
	char shown[sizeof(printed)], *line;

	(void)state;
	assert_int_equal(run("cpu-feature untried on"), ERR_OK);
	assert_int_equal(run("cpu-feature foreign off"), ERR_OK);
	assert_int_equal(run("cpu-feature plain off"), ERR_OK);
	assert_int_equal(run("cpu-feature untried off"), ERR_OK); /* the last word counts */
	ctl_cpu_config(&out);
	assert_string_equal(printed, "  cpu-feature untried off\n  cpu-feature foreign off\n"
				     "  cpu-feature plain off\n");
	strcpy(shown, printed);
	setup(NULL);
	for (line = strtok(shown, "\n"); line; line = strtok(NULL, "\n"))
		assert_int_equal(run(line), ERR_OK);
	ctl_cpu_config(&out);
	assert_string_equal(printed, "  cpu-feature untried off\n  cpu-feature foreign off\n"
				     "  cpu-feature plain off\n");
}

static void test_show(void **state)
{
	(void)state;
	here[PLAIN].state = FEATURE_UNUSED; /* as a backend may decide */
	ctl_cpu_show(&out);
	assert_string_equal(printed, "AMD EPYC Processor, family 23 model 1 stepping 2\n"
				     "  plain               unused  only on request: by hand\n"
				     "  always              used\n"
				     "  untried             unused  untested, so only on request\n"
				     "  never               unused  no use\n"
				     "  missing             absent  slow\n");
	assert_int_equal(run("cpu-feature untried on"), ERR_OK);
	assert_int_equal(run("cpu-feature plain off"), ERR_OK);
	printed_len = 0;
	version = 0x000306c3; /* 4th generation Core */
	brand = NULL;
	ctl_cpu_show(&out);
	assert_string_equal(printed, "a processor without a name, family 6 model 60 stepping 3\n"
				     "  plain               unused  switched off: by hand\n"
				     "  always              used\n"
				     "  untried             used    untested\n"
				     "  never               unused  no use\n"
				     "  missing             absent  slow\n");
	printed_len = 0;
	backend = NULL;
	ctl_cpu_show(&out);
	assert_string_equal(printed, "a processor without a name, family 6 model 60 stepping 3\n");
}

static void test_show_json(void **state)
{
	struct json j = { .out = &out };

	(void)state;
	/* All 48 characters, and blanks in front as old Intel processors have them. */
	brand = "      Intel(R) Xeon(R) CPU E5-2650 v4 @ 2.20 GHz!!";
	json_open(&j, NULL, '{');
	ctl_cpu_json(&j);
	json_close(&j, '}');
	assert_non_null(strstr(printed, "{\"cpu\":{\"brand\":\"Intel(R) Xeon(R) CPU E5-2650 v4 @ "
					"2.20 GHz\",\"family\":23,\"model\":1,\"stepping\":2},"
					"\"features\":[{\"name\":\"plain\",\"state\":\"used\","
					"\"choice\":true,\"untested\":false,\"note\":\"\"},"));
	assert_non_null(strstr(printed, "{\"name\":\"never\",\"state\":\"unused\",\"choice\":false,"
					"\"untested\":false,\"note\":\"no use\"}"));
	assert_non_null(strstr(printed, "\"note\":\"slow\"}]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_choices, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_other_vendor, setup),
		cmocka_unit_test_setup(test_round_trip, setup),
		cmocka_unit_test_setup(test_show, setup),
		cmocka_unit_test_setup(test_show_json, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
