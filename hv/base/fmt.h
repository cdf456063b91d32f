/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf-like formatting without a C library.
 *
 * Understands %d %i %u %x %X %o %c %s %p %% with the flags - 0 + space #,
 * width and precision (also *), and the lengths hh h l ll z. No floating
 * point. Unlike libc there is no locale and no %n.
 */
#ifndef HV_BASE_FMT_H
#define HV_BASE_FMT_H

#include <stdarg.h>

#include "hv/base/types.h"

/*
 * Format into buf (size bytes, always terminated when size > 0). Returns the
 * length the whole text has, which is >= size when it was cut.
 */
int fmt_vsnprintf(char *buf, size_t size, const char *f, va_list ap);
int fmt_snprintf(char *buf, size_t size, const char *f, ...) PRINTF(3, 4);

/* Bounded append: text grows from *len, never past size; *len stays < size. */
void fmt_append(char *buf, size_t size, size_t *len, const char *f, ...) PRINTF(4, 5);

#define FMT_MAC_LEN 18
#define FMT_IP4_LEN 16

/* "52:54:00:00:00:01" into out[FMT_MAC_LEN]; returns out. */
char *fmt_mac(char *out, const u8 mac[6]);
/* addr in host byte order, as "10.0.0.1" into out[FMT_IP4_LEN]; returns out. */
char *fmt_ip4(char *out, u32 addr);

#endif
