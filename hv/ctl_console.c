/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests' terminals by statements: what was printed, and input, for whoever asks
 * again and again (vnetctl console). Nothing is kept of who asked, so that any
 * number may: all see all, and their input is mixed.
 */
#include "ctl/scrollback.h"
#include "hv/base/bytes.h"
#include "hv/ctl.h"
#include "hv/vm.h"

/* Bytes of one answer, so that a turn of the node's loop stays short. */
#define ANSWER_BYTES (16u * 1024)

static struct vm_console *named_console(struct ctl *c, struct vm **vm)
{
	*vm = vm_find(c->stmt->name);
	if (*vm)
		return &(*vm)->console[ctl_num(c, "port", VM_CONSOLE_SERIAL)];
	ctl_fail(c, NULL, ERR_NOENT, "there is no vm \"%s\"", c->stmt->name);
	return NULL;
}

static struct scrollback view(const struct vm_console *vc)
{
	return (struct scrollback){ vc->scrollback, VM_SCROLLBACK, vc->written };
}

err_t ctl_console_log(struct ctl *c)
{
	struct vm *vm;
	const struct vm_console *vc = named_console(c, &vm);
	struct scrollback s;
	const u8 *piece;
	u32 n;

	if (!vc)
		return ERR_NOENT;
	s = view(vc);
	for (u64 at = scrollback_oldest(&s); (n = scrollback_piece(&s, at, &piece)); at += n)
		c->out->write(c->out->ctx, (const char *)piece, n);
	out_printf(c->out, "\n");
	return ERR_OK;
}

static bool is_hex(const char *text)
{
	while (*text && hex_byte(text) >= 0)
		text += 2;
	return !*text;
}

/* As many bytes as there is room for; how many those are. */
static u32 feed(struct vm *vm, struct vm_console *vc, const char *hex)
{
	u32 n = 0;

	for (; *hex && textring_room(&vc->in); hex += 2, n++)
		textring_put(&vc->in, (u8)hex_byte(hex));
	if (n)
		vm_wake(vm);
	return n;
}

static void print(const struct out *out, const struct scrollback *s, u64 at, u64 end)
{
	const u8 *piece;

	while (at < end) {
		u32 n = (u32)MIN(scrollback_piece(s, at, &piece), end - at);

		out_hex(out, piece, n);
		at += n;
	}
}

/* "at N end N taken N", and the bytes from `at` to `end` as a line of hexadecimal.
 * `at` is not what was asked for where that is gone already. */
err_t ctl_console_exchange(struct ctl *c)
{
	struct vm *vm;
	struct vm_console *vc = named_console(c, &vm);
	const struct lang_value *from = lang_get(c->stmt, "from");
	struct scrollback s;
	u32 taken;
	u64 at, end;

	if (!vc)
		return ERR_NOENT;
	if (!is_hex(ctl_text(c, "input")))
		return ctl_fail(c, "input", ERR_INVAL, "input is bytes in hexadecimal");
	taken = feed(vm, vc, ctl_text(c, "input"));
	s = view(vc);
	if (from)
		at = MIN(MAX(from->num, scrollback_oldest(&s)), s.written);
	else
		at = scrollback_lines(&s, (u32)ctl_num(c, "lines", 0));
	end = MIN(s.written, at + ANSWER_BYTES);
	out_printf(c->out, "at %lu end %lu taken %u\n", at, end, taken);
	print(c->out, &s, at, end);
	out_printf(c->out, "\n");
	return ERR_OK;
}
