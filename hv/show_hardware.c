/* SPDX-License-Identifier: BSD-2-Clause */
/* show hardware: the machine as we found it, and what of it we use. */
#include <arch/apic.h>
#include <arch/cpu.h>
#include <arch/iommu.h>
#include <arch/pci.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "boot/memmap.h"
#include "boot/start.h"
#include "drivers/nic/drivers.h"
#include "hv/base/fmt.h"
#include "hv/ctl.h"
#include "hv/hostcpu.h"
#include "hv/mem/pages.h"
#include "hv/node.h"
#include "hv/vcpu.h"

#define CPUID_ADDRESS_BITS 0x80000008u
#define PCI_CAP_MSI 0x05
#define PCI_CAP_MSIX 0x11

static void processor(const struct out *out)
{
	out_printf(out, "processor\n");
	ctl_cpu_show(out);
	ctl_topology_show(out);
	out_printf(out, "guests run on %s; %u cores in use; local APIC in %s mode\n",
		   backend ? backend->name : "nothing here (see the log)", smp_core_count(),
		   apic_is_x2() ? "x2APIC" : "xAPIC");
	out_printf(out, "TSC %lu.%03lu MHz, %s\n", tsc_khz() / 1000, tsc_khz() % 1000,
		   time_tsc_is_invariant() ? "invariant" : "not invariant: its rate may change");
}

static void odd(void *ctx, const char *line)
{
	out_printf(ctx, "  odd: %s\n", line);
}

static void memory(const struct out *out)
{
	const struct boot_info *bi = node_boot_info;
	u64 phys_end = BIT64(hostcpu_cpuid(NULL, CPUID_ADDRESS_BITS, 0).eax & 0xff);
	struct memmap_sums sums;
	struct out o = *out;

	out_printf(out, "memory map\n");
	for (u32 i = 0; i < bi->range_count; i++)
		out_printf(out, "  %016lxh %12lu KiB  %s\n", bi->range[i].base,
			   bi->range[i].size >> 10, boot_mem_type_name(bi->range[i].type));
	if (!memmap_check(bi, phys_end, &sums, odd, &o))
		out_printf(out, "  nothing odd\n");
	out_printf(out, "  RAM %lu MiB, up to %lxh, largest piece %lu MiB; free now %lu MiB\n",
		   sums.ram >> 20, sums.ram_end, sums.largest >> 20,
		   host_pages.free_bytes >> 20);
}

static void iommus(const struct out *out)
{
	u32 count = boot_iommu_count();

	out_printf(out, "IOMMU (not used so far)\n");
	if (!count)
		out_printf(out, "  firmware tells of none\n");
	for (u32 i = 0; i < count; i++) {
		bool amd;
		u64 base = boot_iommu(i, &amd);

		out_printf(out, "  %s at %lxh: %s\n", amd ? "AMD IOMMU" : "VT-d", base,
			   iommu_is_on(base, amd) ? "ON, as firmware left it: DMA may fail"
						  : "off");
	}
}

static void nic(const struct out *out, const struct pci_func *f)
{
	const struct nic_ops *ops = nic_driver_find(f->vendor, f->device);

	out_printf(out, "  %02x:%02x.%x %04x:%04x (%04x:%04x) %s%s; MSI-X %s, MSI %s, INTx %s\n",
		   f->bus, f->dev, f->fn, f->vendor, f->device, f->subvendor, f->subdevice,
		   ops ? ops->name : "no driver here", ops && !f->claimed ? ", not in use" : "",
		   pci_find_cap(f, PCI_CAP_MSIX) ? "yes" : "no",
		   pci_find_cap(f, PCI_CAP_MSI) ? "yes" : "no", f->irq_pin ? "yes" : "no");
	for (u32 i = 0; i < HOST_PCI_BARS; i++)
		if (f->bar[i].size)
			out_printf(out, "          BAR %u: %s %lxh, %lu bytes%s\n", i,
				   f->bar[i].io ? "ports" : "memory", f->bar[i].base,
				   f->bar[i].size, f->bar[i].is64 ? ", 64 bits" : "");
}

static void devices(const struct out *out)
{
	u32 nics = 0;

	out_printf(out, "NICs, of %u PCI functions\n", pci_count());
	for (u32 i = 0; i < pci_count(); i++) {
		if (pci_func_at(i)->class_code >> 16 != PCI_CLASS_NETWORK)
			continue;
		nic(out, pci_func_at(i));
		nics++;
	}
	if (!nics)
		out_printf(out, "  none\n");
}

static void firmware(const struct out *out)
{
	const struct boot_info *bi = node_boot_info;

	out_printf(out, "firmware\n  %s, Multiboot %u, \"%s\"\n", bi->efi ? "UEFI" : "BIOS",
		   bi->protocol, bi->cmdline);
	out_printf(out, "  screen: ");
	if (bi->fb.type == BOOT_FB_RGB)
		out_printf(out, "framebuffer of %u by %u, %u bits a pixel\n", bi->fb.width,
			   bi->fb.height, bi->fb.bpp);
	else
		out_printf(out, "VGA text, if any\n");
}

err_t ctl_show_hardware(struct ctl *c)
{
	firmware(c->out);
	processor(c->out);
	memory(c->out);
	iommus(c->out);
	devices(c->out);
	return ERR_OK;
}
