/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel and initrd from boot modules into a guest, by the kernel's kind. */
#include "hv/vm.h"

#include "boot/start.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/emul/acpi.h"
#include "hv/emul/linux_load.h"
#include "hv/emul/mb_load.h"
#include "hv/node.h"

/* A boot module as a file. ERR_NOENT (and why) when there is none of this name; "" is no
 * file. */
static err_t module_file(const char *what, const char *name, struct boot_file *file, char *why,
			 size_t size)
{
	char fault[VM_REASON_MAX];
	const struct boot_module *m;

	*file = (struct boot_file){ 0 };
	if (!name[0])
		return ERR_OK;
	m = node_module(name, fault, sizeof(fault));
	if (!m) {
		fmt_snprintf(why, size, "%s: %s", what, fault);
		return ERR_NOENT;
	}
	*file = (struct boot_file){ .data = (const void *)m->start, .size = m->size };
	return ERR_OK;
}

static err_t load_linux(struct vm *vm, const struct boot_file *kernel,
			const struct boot_file *initrd, struct boot_state *state)
{
	struct linux_boot boot = {
		.kernel = *kernel,
		.initrd = *initrd,
		.cmdline = vm->cfg.cmdline,
		.ram = guest_ram_split(vm->cfg.memory),
	};
	u8 node[VM_CPUS_MAX];
	const struct acpi_guest guest = vm_acpi(vm, node);
	gpa_t rsdp;
	err_t err = acpi_build(&vm->gmem, &guest, &rsdp);

	if (err)
		return boot_state_fail(state, err, "ACPI tables: %s", err_str(err));
	boot.rsdp = rsdp.v;
	return linux_load(&vm->gmem, &boot, state);
}

static err_t load_multiboot(struct vm *vm, const struct boot_file *kernel,
			    const struct boot_file *initrd, struct boot_state *state)
{
	const struct mb_module module = { .file = *initrd, .cmdline = vm->cfg.initrd };
	const struct mb_boot boot = {
		.kernel = *kernel,
		.cmdline = vm->cfg.cmdline,
		.module = &module,
		.module_count = initrd->size ? 1 : 0,
		.ram = guest_ram_split(vm->cfg.memory),
	};
	u8 node[VM_CPUS_MAX];
	const struct acpi_guest guest = vm_acpi(vm, node);
	gpa_t rsdp;
	err_t err = acpi_build(&vm->gmem, &guest, &rsdp);

	if (err)
		return boot_state_fail(state, err, "ACPI tables: %s", err_str(err));
	return mb_load(&vm->gmem, &boot, state);
}

err_t vm_boot(struct vm *vm, char *why, size_t size)
{
	struct boot_file kernel, initrd;
	struct boot_state state;
	err_t err;

	err = module_file("kernel", vm->cfg.kernel, &kernel, why, size);
	if (!err)
		err = module_file("initrd", vm->cfg.initrd, &initrd, why, size);
	if (err)
		return err;
	err = mb_is_image(&kernel) ? load_multiboot(vm, &kernel, &initrd, &state)
				   : load_linux(vm, &kernel, &initrd, &state);
	if (err) {
		fmt_snprintf(why, size, "%s: %s", vm->cfg.kernel, state.why);
		return err;
	}
	backend->set_sregs(vm->vcpu[0].hw, &state.sregs);
	*backend->regs(vm->vcpu[0].hw) = state.regs;
	return ERR_OK;
}
