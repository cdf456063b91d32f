/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines with a level and a subject: log_warn("e1000", "link is down").
 * A line is formatted on the stack (at most LOG_LINE_MAX) and handed to
 * plat_log(). What a guest or a peer can trigger uses LOG_LIMITED.
 */
#ifndef HV_BASE_LOG_H
#define HV_BASE_LOG_H

#include "hv/base/plat.h"
#include "hv/base/types.h"

#define LOG_LINE_MAX 240

enum log_level {
	LOG_ERR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

void log_line(enum log_level level, const char *subject, const char *f, ...) PRINTF(3, 4);

#define log_err(subject, ...) log_line(LOG_ERR, subject, __VA_ARGS__)
#define log_warn(subject, ...) log_line(LOG_WARN, subject, __VA_ARGS__)
#define log_info(subject, ...) log_line(LOG_INFO, subject, __VA_ARGS__)
#define log_debug(subject, ...) log_line(LOG_DEBUG, subject, __VA_ARGS__)

/* At most `burst` lines a second from one place; the next line that passes
 * says how many were held back. */
struct log_limit {
	u64 window_start_ns;
	u32 in_window;
	u32 held_back;
};

/* True when a line may be written now; *held gets the number suppressed. */
bool log_limit_pass(struct log_limit *l, u32 burst, u32 *held);

#define LOG_LIMITED(level, subject, ...)                                               \
	do {                                                                           \
		static struct log_limit limit_;                                        \
		u32 held_;                                                             \
		if (log_limit_pass(&limit_, 5, &held_)) {                              \
			log_line(level, subject, __VA_ARGS__);                         \
			if (held_)                                                     \
				log_line(level, subject, "(%u such lines held back)",  \
					 held_);                                       \
		}                                                                      \
	} while (0)

#endif
