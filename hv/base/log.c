/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats log lines and limits those that a guest or a peer can provoke. */
#include "hv/base/log.h"

#include "hv/base/fmt.h"

#define LOG_WINDOW_NS 1000000000ull

void log_line(enum log_level level, const char *subject, const char *f, ...)
{
	char line[LOG_LINE_MAX];
	size_t len = 0;
	va_list ap;

	fmt_append(line, sizeof(line), &len, "%s: ", subject);
	va_start(ap, f);
	fmt_vsnprintf(line + len, sizeof(line) - len, f, ap);
	va_end(ap);
	plat_log(level, line);
}

bool log_limit_pass(struct log_limit *l, u32 burst, u32 *held)
{
	u64 now = plat_now_ns();

	if (now - l->window_start_ns >= LOG_WINDOW_NS || !l->window_start_ns) {
		l->window_start_ns = now | 1;
		l->in_window = 0;
	}
	if (l->in_window >= burst) {
		l->held_back++;
		return false;
	}
	l->in_window++;
	*held = l->held_back;
	l->held_back = 0;
	return true;
}
