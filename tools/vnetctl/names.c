/* SPDX-License-Identifier: BSD-2-Clause */
/* A chained hash table of texts (FNV-1a), see names.h. */
#include "tools/vnetctl/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

struct names_entry {
	struct names_entry *next;
	u32 number;
	char text[];
};

static u32 bucket_of(const char *text)
{
	u32 h = FNV_BASIS;

	while (*text)
		h = (h ^ (u8)*text++) * FNV_PRIME;
	return h % NAMES_BUCKETS;
}

bool names_add(struct names *n, const char *text, u32 number)
{
	struct names_entry **bucket = &n->bucket[bucket_of(text)], *e;

	if (names_find(n, text))
		return false;
	e = malloc(sizeof(*e) + strlen(text) + 1);
	if (!e) {
		fputs("vnetctl: no memory\n", stderr);
		exit(1);
	}
	strcpy(e->text, text);
	e->number = number;
	e->next = *bucket;
	*bucket = e;
	return true;
}

u32 names_find(const struct names *n, const char *text)
{
	const struct names_entry *e = n->bucket[bucket_of(text)];

	while (e && strcmp(e->text, text) != 0)
		e = e->next;
	return e ? e->number : 0;
}

void names_remove(struct names *n, const char *text)
{
	struct names_entry **at = &n->bucket[bucket_of(text)], *e;

	while (*at && strcmp((*at)->text, text) != 0)
		at = &(*at)->next;
	e = *at;
	if (e)
		*at = e->next;
	free(e);
}

void names_clear(struct names *n)
{
	for (u32 i = 0; i < NAMES_BUCKETS; i++) {
		while (n->bucket[i]) {
			struct names_entry *e = n->bucket[i];

			n->bucket[i] = e->next;
			free(e);
		}
	}
}
