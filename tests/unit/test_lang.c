/* SPDX-License-Identifier: BSD-2-Clause */
/* The control language: what it accepts, and what it says about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "vnet/lang.h"

static struct lang_stmt s;
static char msg[LANG_MESSAGE_MAX];
static const struct lang_source file = { "node.conf", 7, false };
static const struct lang_source term = { "console", 0, true };

static err_t parse(const struct lang_source *src, const char *line)
{
	return lang_parse(src, line, strlen(line), &s, msg);
}

#define OK(line) assert_int_equal(parse(&file, line), ERR_OK)
#define BAD(line, text)                                           \
	do {                                                      \
		assert_int_not_equal(parse(&file, line), ERR_OK); \
		assert_string_equal(msg, "node.conf:7:" text);    \
	} while (0)

static void statements(void **state)
{
	(void)state;
	OK("");
	assert_null(s.cmd);
	OK("   # only a comment");
	assert_null(s.cmd);
	OK("caisson 1");
	assert_int_equal(s.cmd->id, LANG_CAISSON);
	OK("node alpha mac 52:54:00:00:00:01 # trailing");
	assert_int_equal(s.cmd->id, LANG_NODE);
	assert_string_equal(s.name, "alpha");
	assert_int_equal(lang_get(&s, "mac")->mac[5], 1);
	OK("cpu-feature clean-bits on");
	assert_int_equal(s.cmd->id, LANG_CPU_FEATURE);
	assert_string_equal(s.name, "clean-bits");
	assert_int_equal(lang_get(&s, "on|off")->num, 1);
	OK("  uplink add 0 address 10.0.0.1/24 gateway 10.0.0.254 mtu 1500");
	assert_int_equal(lang_get(&s, "address")->ip, 0x0a000001);
	assert_int_equal(lang_get(&s, "address")->prefix_len, 24);
	assert_int_equal(lang_get(&s, "mtu")->num, 1500);
	OK("uplink add 0 address dhcp");
	assert_true(lang_get(&s, "address")->dhcp);
	OK("link add beta udp remote 10.0.0.2 port 9000");
	assert_int_equal(lang_get(&s, "port")->num, 9000);
	assert_int_equal(lang_get(&s, "remote")->word, 0);
	OK("link add gamma geneve remote any tag 77 dscp copy ecn off keepalive off");
	assert_int_equal(lang_get(&s, "remote")->word, 1);
	assert_int_equal(lang_get(&s, "dscp")->word, 1);
	assert_int_equal(lang_get(&s, "tag")->num, 77);
	OK("link add beta udp remote 10.0.0.2 port 9000 dscp 63");
	assert_int_equal(lang_get(&s, "dscp")->num, 63);
	assert_null(lang_get(&s, "mtu"));
	OK("vm add g1 memory 512M cpus 2 kernel vmlinuz cmdline \"a=\\\"b c\\\" d\\\\\"");
	assert_int_equal(lang_get(&s, "memory")->num, 512 << 20);
	assert_string_equal(lang_get(&s, "cmdline")->text, "a=\"b c\" d\\");
	OK("vm add g1 memory 512M cores 3,1,5-7 kernel vmlinuz");
	assert_int_equal(lang_get(&s, "cores")->num, 5);
	assert_memory_equal(lang_get(&s, "cores")->uints, "\3\1\5\6\7", 5);
}

static void routes(void **state)
{
	(void)state;
	OK("route add src any dst not-02:00:00:00:00:0a to edge beta from interface g1.eth0");
	assert_int_equal(lang_get(&s, "src")->num, LANG_MATCH_ANY);
	assert_int_equal(lang_get(&s, "dst")->num, LANG_MATCH_NOT);
	assert_int_equal(lang_get(&s, "dst")->mac[5], 10);
	assert_int_equal(lang_get(&s, "to")->num, LANG_FROM_EDGE);
	assert_string_equal(lang_get(&s, "to")->text, "beta");
	assert_string_equal(lang_get(&s, "from")->text, "g1.eth0");
	OK("route add src 02:00:00:00:00:01 dst group to edge b from edges");
	assert_int_equal(lang_get(&s, "from")->num, LANG_FROM_EDGES);
	BAD("route add src any dst any to edges", "30: \"edges\" is no value for \"to\"; expected: "
						 "interface NAME or edge NAME");
	BAD("route add src any dst any to edge",
	    "30: \"edge\" is no value for \"to\"; expected: interface NAME or edge NAME");
}

static void mistakes(void **state)
{
	(void)state;
	BAD("uplink add 0 adress 10.0.0.1/24",
	    "14: unknown word \"adress\" (did you mean \"address\"?); expected: address, gateway, "
	    "mtu, poll, queues");
	BAD("uplnik add 0", "1: unknown word \"uplnik\" (did you mean \"uplink\"?); expected: "
			    "caisson, node, cpu-feature, core, uplink, overlay, link, vm, "
			    "interface, disk, dispatcher, route, control");
	BAD("uplink", "1: \"uplink\" needs a verb; expected: add, set, del");
	BAD("vm start", "4: \"vm start\" needs a name");
	BAD("vm start g1 now", "13: unexpected word \"now\"; nothing may follow here");
	BAD("vm add g1 kernel k", "1: \"vm add\" needs \"memory\" (bytes, a multiple of 2M)");
	BAD("vm add g1 memory 1M kernel k",
	    "18: memory 1M is out of range; expected: 2097152 to 1099511627776");
	BAD("vm add g1 memory 5T kernel k",
	    "18: \"5T\" is no value for \"memory\"; expected: a size such as 512M");
	BAD("vm add g1 memory", "11: \"memory\" needs a value; expected: a size such as 512M");
	BAD("vm add g1 memory 4M memory 8M kernel k", "21: \"memory\" stands twice");
	BAD("vm add g/1 memory 4M kernel k",
	    "8: \"g/1\" is no value for \"name\"; expected: a name (letters, digits, . _ -)");
	BAD("vm add \"g1", "8: a quote is not closed");
	BAD("show vm", "1: unknown word \"show\"; expected: caisson, node, cpu-feature, core, "
		       "uplink, overlay, link, vm, interface, disk, dispatcher, route, control");
	BAD("cpu-feature", "1: \"cpu-feature\" needs a name");
	BAD("cpu-feature avic", "13: \"on|off\" needs a value; expected: on or off");
	BAD("cpu-feature avic maybe",
	    "18: \"maybe\" is no value for \"on|off\"; expected: on or off");
	BAD("cpu-feature avic on off", "21: unexpected word \"off\"; nothing may follow here");
	BAD("link add b gre remote 10.0.0.2",
	    "12: \"gre\" is no value for \"kind\"; expected: udp, vxlan, geneve, direct, tcp");
	BAD("link add b udp remote 10.0.0.256",
	    "23: \"10.0.0.256\" is no value for \"remote\"; expected: an IPv4 address such as "
	    "10.0.0.1, any");
	BAD("link add b geneve remote any dscp 64",
	    "35: dscp 64 is out of range; expected: 0 to 63");
	BAD("link add b geneve remote any dscp no",
	    "35: \"no\" is no value for \"dscp\"; expected: a number, copy");
	BAD("caisson 2", "9: version 2 is out of range; expected: 1 to 1");
	BAD("vm\x01", "3: control character \\x01");
}

static void terminal(void **state)
{
	(void)state;
	assert_int_equal(parse(&term, "sh v"), ERR_OK);
	assert_int_equal(s.cmd->id, LANG_SHOW_VM);
	assert_int_equal(parse(&term, "show vm json"), ERR_OK);
	assert_null(s.name);
	assert_non_null(lang_get(&s, "json"));
	assert_int_equal(parse(&term, "node reboot"), ERR_OK);
	assert_int_equal(s.cmd->id, LANG_NODE_REBOOT);
	assert_int_not_equal(parse(&term, "vm st g1"), ERR_OK);
	assert_string_equal(msg, "console:4: ambiguous word \"st\"; expected: add, start, stop, "
				 "shutdown, reset, del");
}

static void quoting(void **state)
{
	static const char *const texts[] = { "plain", "two words", "a\"b", "back\\slash", "#x" };
	char buf[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		strcpy(buf, "vm add g memory 4M kernel ");
		len = strlen(buf);
		lang_quote(buf, sizeof(buf), &len, texts[i]);
		OK(buf);
		assert_string_equal(lang_get(&s, "kernel")->text, texts[i]);
	}
}

static void limits(void **state)
{
	char line[LANG_LINE_MAX];

	(void)state;
	memset(line, 'a', sizeof(line));
	assert_int_not_equal(lang_parse(&file, line, sizeof(line), &s, msg), ERR_OK);
	for (size_t i = 0; i < 400; i += 2)
		memcpy(line + i, "a ", 2);
	assert_int_not_equal(lang_parse(&file, line, 400, &s, msg), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements), cmocka_unit_test(routes),
		cmocka_unit_test(mistakes),   cmocka_unit_test(terminal),
		cmocka_unit_test(quoting),    cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
