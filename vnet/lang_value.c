/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of the control language: words to numbers, addresses and names. */
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "vnet/lang.h"

#define US_PER_MS 1000

static bool parse_digits(const char **s, u64 max, u64 *out)
{
	const char *p = *s;
	u64 v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		u64 digit = (u64)(*p - '0');

		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (p == *s)
		return false;
	*s = p;
	*out = v;
	return true;
}

static bool parse_uint(const char *s, u64 *out)
{
	return parse_digits(&s, UINT64_MAX, out) && !*s;
}

static bool parse_size(const char *s, u64 *out)
{
	static const char units[] = "KMG";
	const char *unit;
	u64 shift;

	if (!parse_digits(&s, UINT64_MAX, out))
		return false;
	if (!*s)
		return true;
	unit = strchr(units, *s);
	if (!unit || s[1])
		return false;
	shift = 10 * (u64)(unit - units + 1);
	if (*out > UINT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

/* In units of so many microseconds, which are also the smallest that may be said. */
static bool parse_time(const char *s, u64 unit_us, u64 *out)
{
	static const struct {
		const char *unit;
		u64 us;
	} units[] = { { "us", 1 },
		      { "ms", 1000 },
		      { "s", 1000 * 1000 },
		      { "m", 60 * 1000 * 1000 },
		      { "h", 3600ull * 1000 * 1000 } };

	if (!parse_digits(&s, UINT32_MAX, out))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].us >= unit_us && strcmp(s, units[i].unit) == 0) {
			*out *= units[i].us / unit_us;
			return true;
		}
	}
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool parse_mac_at(const char **s, u8 mac[6])
{
	for (int i = 0; i < 6; i++, *s += 2) {
		int high, low;

		if (i && *(*s)++ != ':')
			return false;
		high = hex_digit((*s)[0]);
		low = high < 0 ? -1 : hex_digit((*s)[1]);
		if (low < 0)
			return false;
		mac[i] = (u8)(high << 4 | low);
	}
	return true;
}

static bool parse_mac(const char *s, u8 mac[6])
{
	return parse_mac_at(&s, mac) && !*s;
}

static bool parse_macs(const char *s, struct lang_value *v)
{
	v->num = 0;
	do {
		if (v->num == LANG_MACS_MAX || !parse_mac_at(&s, v->macs[v->num++]))
			return false;
	} while (*s++ == ',');
	return !s[-1];
}

/* Numbers and ranges of them, as many as there is room for. */
static bool parse_uints(const char *s, u64 max, struct lang_value *v)
{
	v->num = 0;
	do {
		u64 first, last;

		if (!parse_digits(&s, MIN(max, (u64)UINT8_MAX), &first))
			return false;
		last = first;
		if (*s == '-' && (s++, !parse_digits(&s, MIN(max, (u64)UINT8_MAX), &last)))
			return false;
		for (u64 n = first; n <= last; n++) {
			if (v->num == LANG_UINTS_MAX)
				return false;
			v->uints[v->num++] = (u8)n;
		}
		if (last < first)
			return false;
	} while (*s++ == ',');
	return !s[-1];
}

static bool parse_ip4_at(const char **s, u32 *ip)
{
	*ip = 0;
	for (int i = 0; i < 4; i++) {
		u64 octet;

		if (i && *(*s)++ != '.')
			return false;
		if (!parse_digits(s, 255, &octet))
			return false;
		*ip = *ip << 8 | (u32)octet;
	}
	return true;
}

static bool parse_ip4(const char *s, u32 *ip)
{
	return parse_ip4_at(&s, ip) && !*s;
}

static bool parse_ip4_len(const char *s, struct lang_value *v)
{
	u64 len;

	if (!parse_ip4_at(&s, &v->ip) || *s++ != '/' || !parse_digits(&s, 32, &len) || *s)
		return false;
	v->prefix_len = (u8)len;
	return true;
}

static bool is_name(const char *s)
{
	size_t n = strnlen(s, LANG_NAME_MAX);

	if (!n || n >= LANG_NAME_MAX)
		return false;
	for (; *s; s++) {
		bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
		bool digit = *s >= '0' && *s <= '9';

		if (!letter && !digit && !strchr("._-", *s))
			return false;
	}
	return true;
}

static bool parse_choice(const char *s, const char *const *choices, u64 *out)
{
	for (u64 i = 0; choices[i]; i++) {
		if (!strcmp(s, choices[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_mac_match(const char *s, struct lang_value *v)
{
	static const char *const words[] = { [LANG_MATCH_ANY] = "any",
					     [LANG_MATCH_EXACT] = "",
					     [LANG_MATCH_NOT] = "",
					     [LANG_MATCH_NONE] = "none",
					     [LANG_MATCH_GROUP] = "group",
					     NULL };

	if (*s && parse_choice(s, words, &v->num))
		return true;
	v->num = LANG_MATCH_EXACT;
	if (!strncmp(s, "not-", 4)) {
		v->num = LANG_MATCH_NOT;
		s += 4;
	}
	return parse_mac(s, v->mac);
}

/* "interface NAME" and "edge NAME" take a second word; an interface has its MAC as well. */
static bool parse_port(char *const *words, u32 count, bool from, u32 *used, struct lang_value *v)
{
	static const char *const kinds[] = { [LANG_FROM_ANY] = "any",
					     [LANG_FROM_INTERFACES] = "interfaces",
					     [LANG_FROM_EDGES] = "edges",
					     [LANG_FROM_INTERFACE] = "interface",
					     [LANG_FROM_EDGE] = "edge",
					     NULL };

	if (!parse_choice(words[0], kinds, &v->num))
		return false;
	if (v->num < LANG_FROM_INTERFACE)
		return from;
	if (count < 2 || (!is_name(words[1]) &&
			  (v->num != LANG_FROM_INTERFACE || !parse_mac(words[1], v->mac))))
		return false;
	v->text = words[1];
	*used = 2;
	return true;
}

static bool parse_by_type(const struct lang_key *key, char *const *words, u32 count, u32 *used,
			  struct lang_value *v)
{
	static const char *const off_on[] = { "off", "on", NULL };
	const char *s = words[0];

	v->text = s;
	switch (key->type) {
	case LANG_NAME:
		return is_name(s);
	case LANG_STRING:
		return *s != '\0';
	case LANG_UINT:
		return parse_uint(s, &v->num);
	case LANG_SIZE:
		return parse_size(s, &v->num);
	case LANG_TIME:
		return parse_time(s, US_PER_MS, &v->num);
	case LANG_TIME_US:
		return parse_time(s, 1, &v->num);
	case LANG_BOOL:
		return parse_choice(s, off_on, &v->num);
	case LANG_CHOICE:
		return parse_choice(s, key->choices, &v->num);
	case LANG_MAC:
		return parse_mac(s, v->mac);
	case LANG_UINTS:
		return parse_uints(s, key->max, v);
	case LANG_MACS:
		return parse_macs(s, v);
	case LANG_IP4:
		return parse_ip4(s, &v->ip);
	case LANG_IP4_LEN:
		return parse_ip4_len(s, v);
	case LANG_IP4_LEN_OR_DHCP:
		v->dhcp = !strcmp(s, "dhcp");
		return v->dhcp || parse_ip4_len(s, v);
	case LANG_MAC_MATCH:
		return parse_mac_match(s, v);
	case LANG_PORT:
		return parse_port(words, count, false, used, v);
	case LANG_PORT_FROM:
		return parse_port(words, count, true, used, v);
	case LANG_FLAG:
		break;
	}
	return false;
}

STATIC_ASSERT(LANG_MACS_MAX == 8 && LANG_UINTS_MAX == 16, "as describe() says");

/* What a value of the key's type looks like. */
static void describe(const struct lang_key *key, char *buf, size_t size)
{
	static const char *const shape[] = {
		[LANG_NAME] = "a name (letters, digits, . _ -)",
		[LANG_STRING] = "some text",
		[LANG_UINT] = "a number",
		[LANG_SIZE] = "a size such as 512M",
		[LANG_TIME] = "a time such as 300s (ms, s, m, h)",
		[LANG_TIME_US] = "a time such as 500us (us, ms, s)",
		[LANG_BOOL] = "on or off",
		[LANG_MAC] = "a MAC address such as 52:54:00:00:00:01",
		[LANG_UINTS] = "up to 16 numbers such as 1,4-7",
		[LANG_MACS] = "up to 8 MAC addresses with commas between",
		[LANG_IP4] = "an IPv4 address such as 10.0.0.1",
		[LANG_IP4_LEN] = "addresses such as 10.0.0.0/24",
		[LANG_IP4_LEN_OR_DHCP] = "dhcp, or an address such as 10.0.0.1/24",
		[LANG_MAC_MATCH] = "any, none, group, a MAC address, or not-MAC",
		[LANG_PORT] = "interface NAME or edge NAME",
		[LANG_PORT_FROM] = "any, interfaces, edges, interface NAME or edge NAME",
	};
	size_t len = 0;

	if (key->type != LANG_CHOICE)
		fmt_append(buf, size, &len, "%s", shape[key->type]);
	for (u32 i = 0; key->choices && key->choices[i]; i++)
		fmt_append(buf, size, &len, "%s%s", len ? ", " : "", key->choices[i]);
}

err_t lang_value_parse(const struct lang_key *key, char *const *words, u32 count, u32 *used,
		       struct lang_value *out, char *why, size_t size)
{
	char expected[120] = "";
	bool ranged = key->type == LANG_UINT || key->type == LANG_SIZE ||
		      key->type == LANG_TIME || key->type == LANG_TIME_US;
	u64 index = 0;

	*used = 1;
	if (count && key->type != LANG_CHOICE && key->choices &&
	    parse_choice(words[0], key->choices, &index)) {
		out->word = (u32)index + 1;
		out->set = true;
		return ERR_OK;
	}
	if (!count || !parse_by_type(key, words, count, used, out)) {
		describe(key, expected, sizeof(expected));
		if (count)
			fmt_snprintf(why, size, "\"%.60s\" is no value for \"%s\"; expected: %s",
				     words[0], key->word, expected);
		else
			fmt_snprintf(why, size, "\"%s\" needs a value; expected: %s", key->word,
				     expected);
		return ERR_INVAL;
	}
	if (ranged && (out->num < key->min || out->num > key->max)) {
		const char *unit = key->type == LANG_TIME	 ? "ms"
				   : key->type == LANG_TIME_US ? "us"
								 : "";

		fmt_snprintf(why, size, "%s %s is out of range; expected: %lu%s to %lu%s",
			     key->word, words[0], key->min, unit, key->max, unit);
		return ERR_RANGE;
	}
	out->set = true;
	return ERR_OK;
}
