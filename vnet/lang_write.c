/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements to text, see lang_write.h. */
#include "vnet/lang_write.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"

struct text {
	char *buf;
	size_t size, len;
};

static void write_size(u64 bytes, struct text *t)
{
	static const char units[] = "KMG";
	u32 unit = 0;

	while (bytes && !(bytes & 1023) && unit < sizeof(units) - 1) {
		bytes >>= 10;
		unit++;
	}
	fmt_append(t->buf, t->size, &t->len, "%lu", bytes);
	if (unit)
		fmt_append(t->buf, t->size, &t->len, "%c", units[unit - 1]);
}

static void write_macs(const struct lang_value *v, struct text *t)
{
	char mac[FMT_MAC_LEN];

	for (u64 i = 0; i < v->num; i++)
		fmt_append(t->buf, t->size, &t->len, "%s%s", i ? "," : "",
			   fmt_mac(mac, v->macs[i]));
}

static void write_mac_match(const struct lang_value *v, struct text *t)
{
	static const char *const words[] = { [LANG_MATCH_ANY] = "any", [LANG_MATCH_NONE] = "none",
					     [LANG_MATCH_GROUP] = "group" };
	char mac[FMT_MAC_LEN];

	if (v->num == LANG_MATCH_EXACT || v->num == LANG_MATCH_NOT)
		fmt_append(t->buf, t->size, &t->len, "%s%s",
			   v->num == LANG_MATCH_NOT ? "not-" : "", fmt_mac(mac, v->mac));
	else
		fmt_append(t->buf, t->size, &t->len, "%s", words[v->num]);
}

static void write_port(const struct lang_value *v, struct text *t)
{
	static const char *const words[] = {
		[LANG_FROM_ANY] = "any",	     [LANG_FROM_INTERFACES] = "interfaces",
		[LANG_FROM_EDGES] = "edges",	     [LANG_FROM_INTERFACE] = "interface ",
		[LANG_FROM_EDGE] = "edge ",
	};

	char mac[FMT_MAC_LEN];
	const char *name = v->num >= LANG_FROM_INTERFACE ? v->text : "";

	/* An interface by its MAC. */
	if (strchr(name, ':'))
		name = fmt_mac(mac, v->mac);
	fmt_append(t->buf, t->size, &t->len, "%s%s", words[v->num], name);
}

static void write_address(const struct lang_value *v, struct text *t)
{
	char ip[FMT_IP4_LEN];

	if (v->dhcp)
		fmt_append(t->buf, t->size, &t->len, "dhcp");
	else
		fmt_append(t->buf, t->size, &t->len, "%s/%u", fmt_ip4(ip, v->ip), v->prefix_len);
}

static void write_by_type(const struct lang_key *key, const struct lang_value *v, struct text *t)
{
	char text[FMT_MAC_LEN];

	switch (key->type) {
	case LANG_UINT:
		fmt_append(t->buf, t->size, &t->len, "%lu", v->num);
		break;
	case LANG_SIZE:
		write_size(v->num, t);
		break;
	case LANG_BOOL:
		fmt_append(t->buf, t->size, &t->len, "%s", v->num ? "on" : "off");
		break;
	case LANG_CHOICE:
		fmt_append(t->buf, t->size, &t->len, "%s", key->choices[v->num]);
		break;
	case LANG_MAC:
		fmt_append(t->buf, t->size, &t->len, "%s", fmt_mac(text, v->mac));
		break;
	case LANG_MACS:
		write_macs(v, t);
		break;
	case LANG_IP4:
		fmt_append(t->buf, t->size, &t->len, "%s", fmt_ip4(text, v->ip));
		break;
	case LANG_IP4_LEN:
	case LANG_IP4_LEN_OR_DHCP:
		write_address(v, t);
		break;
	case LANG_MAC_MATCH:
		write_mac_match(v, t);
		break;
	case LANG_PORT:
	case LANG_PORT_FROM:
		write_port(v, t);
		break;
	default: /* words that stand for themselves */
		lang_quote(t->buf, t->size, &t->len, v->text);
		break;
	}
}

void lang_write_value(const struct lang_key *key, const struct lang_value *v, char *buf,
		      size_t size, size_t *len)
{
	struct text t = { buf, size, *len };

	if (v->word)
		fmt_append(buf, size, &t.len, "%s", key->choices[v->word - 1]);
	else
		write_by_type(key, v, &t);
	*len = t.len;
}

err_t lang_write(const struct lang_stmt *s, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	if (!s->cmd)
		return ERR_OK;
	fmt_append(buf, size, &len, "%s", s->cmd->object);
	if (s->cmd->verb)
		fmt_append(buf, size, &len, " %s", s->cmd->verb);
	if (s->name)
		fmt_append(buf, size, &len, " %s", s->name);
	for (u32 i = 0; s->cmd->keys[i].word; i++) {
		const struct lang_key *key = &s->cmd->keys[i];

		if (!s->value[i].set)
			continue;
		if (!key->bare)
			fmt_append(buf, size, &len, " %s", key->word);
		if (key->type == LANG_FLAG)
			continue;
		fmt_append(buf, size, &len, " ");
		lang_write_value(key, &s->value[i], buf, size, &len);
	}
	/* A full buffer may be a cut one. */
	return len + 1 < size ? ERR_OK : ERR_RANGE;
}

char *lang_write_usage(const struct lang_command *cmd, char *buf, size_t size)
{
	size_t len = 0;

	fmt_append(buf, size, &len, "%s", cmd->object);
	if (cmd->verb)
		fmt_append(buf, size, &len, " %s", cmd->verb);
	if (cmd->name)
		fmt_append(buf, size, &len, cmd->name == LANG_NAME_OPTIONAL ? " [NAME]" : " NAME");
	for (const struct lang_key *k = cmd->keys; k->word; k++)
		fmt_append(buf, size, &len, k->required ? " %s%s" : " [%s%s]", k->word,
			   k->type == LANG_FLAG || k->bare ? "" : " ..");
	return buf;
}
