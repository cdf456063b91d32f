/* SPDX-License-Identifier: BSD-2-Clause */
/* Line editing, the prompt, and attaching to guests, see console.h. */
#include "hv/console.h"

#include <arch/console.h>
#include <arch/serial.h>

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/config.h"
#include "hv/core.h"
#include "hv/ctl.h"
#include "hv/vm.h"

#define KEY_CTRL_C 0x03
#define KEY_BACKSPACE 0x08
#define KEY_CTRL_U 0x15
#define KEY_DETACH 0x1d /* Ctrl-] */
#define KEY_ESCAPE 0x1b
#define KEY_DELETE 0x7f

#define INPUT_CHUNK 64

static struct {
	char line[LANG_LINE_MAX];
	size_t len;
	bool escape;	     /* inside a cursor key's sequence: ignored */
	bool after_cr;	     /* the LF of a CR LF is not a second line */
	struct vm *attached; /* NULL: the prompt has the line */
	struct vm_console *terminal; /* of that guest */
} con;

static void terminal_write(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	console_write(text, len);
}

static const struct out terminal = { .write = terminal_write };

static void prompt(void)
{
	out_printf(&terminal, "caisson:%s> ", node_state.name);
}

static void run_line(void)
{
	const struct lang_source src = { .file = "console", .terminal = true };
	char message[LANG_MESSAGE_MAX];

	if (ctl_line(&src, con.line, con.len, &terminal, message))
		out_printf(&terminal, "%s\n", message);
	con.len = 0;
	if (!con.attached)
		prompt();
}

static void rub_out(void)
{
	if (!con.len)
		return;
	con.len--;
	out_printf(&terminal, "\b \b");
}

/* One key at the prompt. */
static void edit_key(char key)
{
	bool lf_of_crlf = key == '\n' && con.after_cr;

	con.after_cr = key == '\r';
	if (con.escape) {
		con.escape = key == '[' || key == 'O' || (key >= '0' && key <= '9') || key == ';';
		return;
	}
	switch (key) {
	case '\r':
	case '\n':
		if (lf_of_crlf)
			return;
		out_printf(&terminal, "\n");
		run_line();
		return;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		rub_out();
		return;
	case KEY_CTRL_U:
		while (con.len)
			rub_out();
		return;
	case KEY_CTRL_C:
		con.len = 0;
		out_printf(&terminal, "\n");
		prompt();
		return;
	case KEY_ESCAPE:
		con.escape = true;
		return;
	default:
		if (key < ' ' || con.len == sizeof(con.line) - 1)
			return;
		con.line[con.len++] = key;
		console_write(&key, 1);
	}
}

static void detach(void)
{
	con.attached = NULL;
	con.terminal = NULL;
	out_printf(&terminal, "\n[detached]\n");
	prompt();
}

static void take_input(const char *keys, size_t n)
{
	bool fed = false;

	for (size_t i = 0; i < n; i++) {
		if (!con.attached) {
			edit_key(keys[i]);
		} else if (keys[i] == KEY_DETACH) {
			detach();
		} else {
			textring_put(&con.terminal->in, (u8)keys[i]);
			fed = true;
		}
	}
	if (fed && con.attached)
		vm_wake(con.attached);
}

static void guest_bytes(const u8 *bytes, u32 n)
{
	serial_write((const char *)bytes, n);
}

/* Nobody listens: the bytes stay in the scroll-back. */
static void guest_bytes_unheard(const u8 *bytes, u32 n)
{
	(void)bytes;
	(void)n;
}

/* Serial input arrived, or a guest printed something (CORE_EV_CONSOLE). */
static void console_event(struct core *c)
{
	char keys[INPUT_CHUNK];
	size_t n;

	(void)c;
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_CONSOLES; k++)
			vm_console_drain(&vm->console[k], con.terminal == &vm->console[k]
								  ? guest_bytes
								  : guest_bytes_unheard);
	}
	while ((n = serial_read(keys, sizeof(keys))))
		take_input(keys, n);
}

static void input_arrived(void)
{
	core_raise(0, CORE_EV_CONSOLE);
}

void console_start(void)
{
	core_on_event(CORE_EV_CONSOLE, console_event);
	serial_irq_enable(input_arrived);
	prompt();
	core_raise(0, CORE_EV_CONSOLE);
}

void console_forget(const struct vm *vm)
{
	if (con.attached == vm)
		detach();
}

err_t ctl_console_attach(struct ctl *c)
{
	struct vm *vm = vm_find(c->stmt->name);

	if (!vm)
		return ctl_fail(c, NULL, ERR_NOENT, "there is no vm \"%s\"", c->stmt->name);
	if (c->out != &terminal)
		return ctl_fail(c, NULL, ERR_NOTSUP, "only the console itself can be attached; "
				"over the network: vnetctl console %s", vm->cfg.name);
	con.attached = vm;
	con.terminal = &vm->console[ctl_num(c, "port", VM_CONSOLE_SERIAL)];
	out_printf(c->out, "[attached to %s; Ctrl-] detaches]\n", vm->cfg.name);
	return ERR_OK;
}
