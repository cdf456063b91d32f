/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files from anywhere, into both loaders. Byte 0: memory in 2 MiB; the rest is the file. */
#include <stdlib.h>
#include <string.h>

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/emul/linux_load.h"
#include "hv/emul/machine.h"
#include "hv/emul/mb_load.h"

#define MEM (24u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static u8 *mem;
	static struct boot_state b;
	struct gmem gm = { 0 };
	struct boot_file kernel;
	struct guest_ram ram;

	if (size < 1)
		return 0;
	if (!mem)
		mem = malloc(MEM);
	ram = (struct guest_ram){ .low = MIN((data[0] + 1u) << 21, MEM) };
	kernel = (struct boot_file){ data + 1, size - 1 };
	gmem_add(&gm, gpa(0), ram.low, mem, (bus_t){ 0 }, true);

	const struct linux_boot lin = { .kernel = kernel, .initrd = kernel, .cmdline = "x",
					.ram = ram };
	const struct mb_module mod = { kernel, "m" };
	const struct mb_boot mb = { .kernel = kernel, .cmdline = "x", .module = &mod,
				    .module_count = 1, .ram = ram };

	if (linux_load(&gm, &lin, &b) == ERR_OK)
		ASSERT(b.regs.rip >= MACHINE_HIGH_RAM && b.regs.rip < ram.low);
	else
		ASSERT(b.why[0] && strlen(b.why) < BOOT_WHY_MAX - 1);
	if (mb_load(&gm, &mb, &b))
		ASSERT(b.why[0] && strlen(b.why) < BOOT_WHY_MAX - 1);
	return 0;
}
