/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's disks, see vm_disk.h. */
#include "hv/vm_disk.h"

#include "boot/start.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/mem/pages.h"
#include "hv/node.h"
#include "hv/vm.h"

struct vm_disk *vm_disk_find(const char *name)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		for (u32 k = 0; vm && k < VM_MAX_DISKS; k++)
			if (vm->disk[k] && !strcmp(vm->disk[k]->name, name))
				return vm->disk[k];
	}
	return NULL;
}

/* From an exit of any vCPU: the rest is the VM's core's, between two entries. */
static void more(void *ctx)
{
	struct vm_disk *disk = ctx;

	__atomic_store_n(&disk->more, true, __ATOMIC_RELEASE);
	vm_wake(disk->vm);
}

void vm_disk_poll_more(struct vm *vm)
{
	for (u32 i = 0; i < VM_MAX_DISKS; i++)
		if (vm->disk[i] && __atomic_exchange_n(&vm->disk[i]->more, false, __ATOMIC_ACQ_REL))
			virtio_blk_poll(&vm->disk[i]->blk);
}

void vm_disk_reset(struct vm *vm)
{
	for (u32 i = 0; i < VM_MAX_DISKS; i++) {
		struct vm_disk *disk = vm->disk[i];

		if (!disk)
			continue;
		(void)virtio_pci_reset(&disk->pci);
		blk_store_discard(&disk->store);
		disk->more = false;
	}
}

/* What the guest wrote must not be found by the memory's next owner. */
static void give_back(struct vm_disk *disk)
{
	if (disk->pool_at) {
		memset((void *)disk->pool_at, 0, disk->overlay);
		pages_free(&host_pages, disk->pool_at, disk->overlay);
	}
	if (disk->map_at)
		pages_free(&host_pages, disk->map_at, disk->map_bytes);
	plat_free(disk, sizeof(*disk));
}

static err_t take_memory(struct vm_disk *disk, u64 image_bytes, char *why, size_t size)
{
	if (!disk->overlay)
		return ERR_OK;
	disk->map_bytes = ALIGN_UP(blk_store_blocks(image_bytes) * sizeof(u32), PAGE_SIZE);
	disk->map_at = pages_alloc(&host_pages, disk->map_bytes, PAGE_SIZE, PAGES_ANYWHERE);
	disk->pool_at = pages_alloc(&host_pages, disk->overlay, PAGE_SIZE, PAGES_ANYWHERE);
	if (!disk->map_at || !disk->pool_at) {
		fmt_snprintf(why, size, "%lu KiB of memory are not there: the largest free piece "
			     "has %lu MiB", (disk->overlay + disk->map_bytes) >> 10,
			     pages_largest(&host_pages, PAGE_SIZE) >> 20);
		return ERR_NOMEM;
	}
	memset((void *)disk->map_at, 0, disk->map_bytes);
	return ERR_OK;
}

static err_t create(struct vm_disk *disk, char *why, size_t size)
{
	const struct boot_module *m = node_module(disk->module, why, size);
	err_t err;

	if (!m)
		return ERR_NOENT;
	if (!m->size) {
		fmt_snprintf(why, size, "the boot module \"%s\" is empty", disk->module);
		return ERR_INVAL;
	}
	err = take_memory(disk, m->size, why, size);
	if (err)
		return err;
	blk_store_init(&disk->store, (const void *)m->start, m->size, (u32 *)disk->map_at,
		       (void *)disk->pool_at, (u32)(disk->overlay >> BLK_STORE_BLOCK_SHIFT));
	virtio_blk_init(&disk->blk, disk->name, &disk->vm->gmem, &disk->store, more, disk);
	if (virtio_pci_init(&disk->pci, &disk->blk.dev, &disk->vm->pci)) {
		fmt_snprintf(why, size, "no room on the guest's PCI bus");
		return ERR_FULL;
	}
	return ERR_OK;
}

err_t vm_disk_add(struct vm *vm, const struct vm_disk_config *cfg, char *why, size_t size)
{
	struct vm_disk *disk;
	u32 slot;
	err_t err;

	if (vm_in_state(vm, VM_STOPPED, why, size))
		return ERR_BUSY;
	for (slot = 0; slot < VM_MAX_DISKS && vm->disk[slot]; slot++)
		;
	disk = slot < VM_MAX_DISKS ? plat_alloc(sizeof(*disk)) : NULL;
	if (!disk) {
		fmt_snprintf(why, size, "no room for another disk (at most %u a vm)", VM_MAX_DISKS);
		return ERR_FULL;
	}
	disk->vm = vm;
	disk->overlay = cfg->overlay;
	fmt_snprintf(disk->name, sizeof(disk->name), "%s", cfg->name);
	fmt_snprintf(disk->module, sizeof(disk->module), "%s", cfg->module);
	err = create(disk, why, size);
	if (err)
		give_back(disk);
	else
		vm->disk[slot] = disk;
	return err;
}

err_t vm_disk_del(struct vm_disk *disk, char *why, size_t size)
{
	struct vm *vm = disk->vm;
	u32 slot = 0;

	if (vm_in_state(vm, VM_STOPPED, why, size))
		return ERR_BUSY;
	while (vm->disk[slot] != disk)
		slot++;
	vm->disk[slot] = NULL;
	pci_bus_remove(&vm->pci, &disk->pci.pci);
	give_back(disk);
	return ERR_OK;
}
