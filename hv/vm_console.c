/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's terminals between its core and the boot core: output goes to a
 * scroll-back there, input waits here until the guest takes it.
 */
#include "hv/vm.h"

#include "hv/base/str.h"

#define CHUNK 128

void vm_console_drain(struct vm_console *c, void (*out)(const u8 *bytes, u32 n))
{
	u8 bytes[CHUNK];
	u32 n;

	while ((n = textring_get(&c->out, bytes, CHUNK))) {
		for (u32 i = 0; i < n; i++)
			c->scrollback[c->written++ % VM_SCROLLBACK] = bytes[i];
		out(bytes, n);
	}
}

void vm_console_feed(struct vm *vm)
{
	u8 bytes[CHUNK];
	u32 n;

	while ((n = textring_get(&vm->console[VM_CONSOLE_SERIAL].in, bytes, CHUNK)))
		uart_feed(&vm->uart, bytes, n);
	/* What the guest has no buffer for now is lost, as on a line without
	 * flow control. */
	while ((n = textring_get(&vm->console[VM_CONSOLE_VIRTIO].in, bytes, CHUNK)))
		virtio_console_input(&vm->vcon, bytes, n);
}
