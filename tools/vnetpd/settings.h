/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of statements: what holds, or is to hold. Found by text, and by the number of a route. */
#ifndef VNETPD_SETTINGS_H
#define VNETPD_SETTINGS_H

#include "vnet/lang.h"

#define SETTINGS_BUCKETS 4096u

struct setting {
	struct setting *next, **at; /* in the order in which they came; *at leads here */
	struct setting *same_bucket, *same_route_bucket;
	enum lang_id id;
	char name[LANG_NAME_MAX];
	u32 line;  /* in its file */
	u32 route; /* of a route add that was carried out: its number */
	u32 hash;  /* of text */
	size_t bytes; /* of memory */
	char text[];
};

/* Zeroed: empty. */
struct settings {
	struct setting *first, **end;
	struct setting *bucket[SETTINGS_BUCKETS];
	struct setting *route_bucket[SETTINGS_BUCKETS];
};

/* NULL: no memory, or (of a statement) longer than a line. */
struct setting *settings_append(struct settings *list, const struct lang_stmt *stmt);
struct setting *settings_append_text(struct settings *list, enum lang_id id, const char *name,
				     const char *text);
/* The number of the route that it made, once. */
void settings_set_route(struct settings *list, struct setting *s, u32 route);

void settings_remove(struct settings *list, struct setting *s);
void settings_free(struct settings *list);

/* NULL: there is none. */
struct setting *settings_find(const struct settings *list, const struct setting *like);
struct setting *settings_find_route(const struct settings *list, u32 route);

#endif
