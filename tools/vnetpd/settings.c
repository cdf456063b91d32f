/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of statements, see settings.h. */
#include "tools/vnetpd/settings.h"

#include <string.h>

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "vnet/lang_write.h"

#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

static u32 hash_of(const char *text)
{
	u32 h = FNV_BASIS;

	while (*text)
		h = (h ^ (u8)*text++) * FNV_PRIME;
	return h;
}

struct setting *settings_append_text(struct settings *list, enum lang_id id, const char *name,
				     const char *text)
{
	size_t bytes = sizeof(struct setting) + strlen(text) + 1;
	struct setting *s = plat_alloc(bytes), **bucket;

	if (!s)
		return NULL;
	if (!list->end)
		list->end = &list->first;
	s->bytes = bytes;
	s->id = id;
	fmt_snprintf(s->name, sizeof(s->name), "%s", name);
	memcpy(s->text, text, strlen(text) + 1);
	s->hash = hash_of(s->text);
	s->at = list->end;
	*list->end = s;
	list->end = &s->next;
	bucket = &list->bucket[s->hash % SETTINGS_BUCKETS];
	s->same_bucket = *bucket;
	*bucket = s;
	return s;
}

struct setting *settings_append(struct settings *list, const struct lang_stmt *stmt)
{
	char text[LANG_LINE_MAX];

	if (lang_write(stmt, text, sizeof(text)))
		return NULL;
	return settings_append_text(list, stmt->cmd->id, stmt->name ? stmt->name : "", text);
}

void settings_set_route(struct settings *list, struct setting *s, u32 route)
{
	struct setting **bucket = &list->route_bucket[route % SETTINGS_BUCKETS];

	s->route = route;
	s->same_route_bucket = *bucket;
	*bucket = s;
}

static void leave_buckets(struct settings *list, struct setting *s)
{
	struct setting **at = &list->bucket[s->hash % SETTINGS_BUCKETS];

	while (*at != s)
		at = &(*at)->same_bucket;
	*at = s->same_bucket;
	if (!s->route)
		return;
	at = &list->route_bucket[s->route % SETTINGS_BUCKETS];
	while (*at != s)
		at = &(*at)->same_route_bucket;
	*at = s->same_route_bucket;
}

void settings_remove(struct settings *list, struct setting *s)
{
	leave_buckets(list, s);
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	else
		list->end = s->at;
	plat_free(s, s->bytes);
}

void settings_free(struct settings *list)
{
	while (list->first)
		settings_remove(list, list->first);
}

struct setting *settings_find(const struct settings *list, const struct setting *like)
{
	struct setting *s = list->bucket[like->hash % SETTINGS_BUCKETS];

	while (s && (s->hash != like->hash || strcmp(s->text, like->text) != 0))
		s = s->same_bucket;
	return s;
}

struct setting *settings_find_route(const struct settings *list, u32 route)
{
	struct setting *s = list->route_bucket[route % SETTINGS_BUCKETS];

	while (s && s->route != route)
		s = s->same_route_bucket;
	return s;
}
