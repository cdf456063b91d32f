/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of statements, see lang_file.h. */
#include "vnet/lang_file.h"

#include "hv/base/str.h"

struct file {
	const struct lang_reader *reader;
	struct lang_source src;
	struct lang_sections sections;
	bool versioned; /* "caisson 1" was there, or missed already */
	bool taken;	/* what comes is of interest */
};

static void read_line(struct file *f, const char *line, size_t len)
{
	static struct lang_stmt s;
	const struct lang_reader *r = f->reader;
	char message[LANG_MESSAGE_MAX];

	if (lang_parse(&f->src, line, len, &s, message)) {
		r->error(r->ctx, message);
		return;
	}
	if (!s.cmd)
		return;
	if (!f->versioned && s.cmd->id != LANG_CAISSON) {
		lang_error(&f->src, 1, message, "the file does not begin with \"caisson %d\"",
			   LANG_VERSION);
		r->error(r->ctx, message);
	}
	f->versioned = true;
	if (s.cmd->id == LANG_CAISSON)
		return;
	if (s.cmd->id == LANG_NODE) {
		f->taken = r->section(r->ctx, &f->src, &s);
		f->sections.all++;
		f->sections.taken += f->taken;
	} else if (f->taken) {
		r->statement(r->ctx, &f->src, &s, line, len);
	}
}

struct lang_sections lang_file_read(const char *file, const char *text, size_t len,
				    const struct lang_reader *reader)
{
	struct file f = { .reader = reader, .src = { .file = file }, .taken = true };

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		f.src.line++;
		read_line(&f, text, n);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	return f.sections;
}
