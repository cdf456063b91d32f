/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's memory and string functions, by their standard names and
 * semantics. The hypervisor links hv/base/str.c; host tests link libc.
 */
#ifndef HV_BASE_STR_H
#define HV_BASE_STR_H

#include "hv/base/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);

#endif
