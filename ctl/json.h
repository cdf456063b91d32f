/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON on one line, written as it comes. The caller opens and closes objects
 * and arrays in pairs; commas are put where they belong.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "ctl/out.h"

struct json {
	const struct out *out;
	bool comma; /* something stands before, on this level */
};

/* key NULL: inside an array, or the outermost value. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_text(struct json *j, const char *key, const char *text);
void json_num(struct json *j, const char *key, u64 value);
void json_bool(struct json *j, const char *key, bool value);

#endif
