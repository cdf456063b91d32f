/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON output (RFC 8259), see json.h. */
#include "ctl/json.h"

#include "hv/base/str.h"

static void quoted(struct json *j, const char *text)
{
	out_printf(j->out, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			out_printf(j->out, "\\%c", *text);
		else if ((u8)*text < ' ')
			out_printf(j->out, "\\u%04x", (u8)*text);
		else
			out_printf(j->out, "%c", *text);
	}
	out_printf(j->out, "\"");
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		out_printf(j->out, ",");
	j->comma = true;
	if (!key)
		return;
	quoted(j, key);
	out_printf(j->out, ":");
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	out_printf(j->out, "%c", bracket);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	out_printf(j->out, "%c", bracket);
	j->comma = true;
}

void json_text(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	quoted(j, text);
}

void json_num(struct json *j, const char *key, u64 value)
{
	begin(j, key);
	out_printf(j->out, "%lu", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	out_printf(j->out, "%s", value ? "true" : "false");
}
