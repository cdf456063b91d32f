/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches, see batch.h. */
#include "tools/vnetpd/batch.h"

#include <string.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "tools/vnetpd/ctl.h"

typedef err_t (*line_fn)(const struct lang_source *src, const char *line, size_t len,
			 char *message);

static err_t parse(const struct lang_source *src, const char *line, size_t len, char *message)
{
	static struct lang_stmt stmt;

	return lang_parse(src, line, len, &stmt, message);
}

static void discard(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	(void)text;
	(void)len;
}

static err_t carry_out(const struct lang_source *src, const char *line, size_t len, char *message)
{
	const struct out out = { .write = discard };

	return ctl_line(src, line, len, &out, message);
}

static err_t each_line(const char *text, size_t len, bool terminal, line_fn fn, char *message)
{
	struct lang_source src = { .file = "batch", .terminal = terminal };
	err_t err = ERR_OK;

	while (len && !err) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		src.line++;
		err = fn(&src, text, n, message);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	return err;
}

err_t batch_run(const char *text, size_t len, char *message)
{
	struct settings before = { 0 };
	err_t err = each_line(text, len, false, parse, message);

	if (err)
		return err;
	err = config_save(&before);
	if (err) {
		fmt_snprintf(message, LANG_MESSAGE_MAX, "batch: %s", err_str(err));
	} else {
		/* No file: what needs one (a mesh) is refused as on a terminal. */
		err = each_line(text, len, true, carry_out, message);
		if (err && config_return(&before))
			log_err("config", "what held before the batch does not hold again");
	}
	settings_free(&before);
	return err;
}
