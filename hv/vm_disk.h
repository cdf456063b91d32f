/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's disks: each a boot module, which all disks of it share, and, where it has an
 * overlay, memory for what the guest writes. That is taken when the disk is added, and
 * what is in it is forgotten whenever the VM starts.
 */
#ifndef HV_VM_DISK_H
#define HV_VM_DISK_H

#include "drivers/virtio/blk.h"
#include "drivers/virtio/pci.h"
#include "hv/base/err.h"

#define VM_MAX_DISKS 4
#define VM_DISK_NAME_MAX 32
#define VM_DISK_MODULE_MAX 64

struct vm;

struct vm_disk {
	struct virtio_blk blk;
	struct virtio_pci pci;
	struct blk_store store;
	struct vm *vm;
	char name[VM_DISK_NAME_MAX]; /* "g1.disk0" */
	char module[VM_DISK_MODULE_MAX];
	u64 overlay;  /* bytes; 0: read-only */
	u64 map_at, map_bytes, pool_at; /* host-physical; 0: none */
	bool more;    /* it has more to do; atomic */
};

struct vm_disk_config {
	const char *name;
	const char *module;
	u64 overlay; /* bytes, a multiple of BLK_STORE_BLOCK; 0: read-only */
};

/* --- boot core ------------------------------------------------------------------ */

/* Add or remove a disk; the VM is stopped. On an error why (size bytes) says what is
 * wrong: ERR_NOENT the module, ERR_INVAL its contents, ERR_NOMEM the overlay, ERR_FULL
 * that there is no room for another disk, ERR_BUSY that the VM is not stopped. */
err_t vm_disk_add(struct vm *vm, const struct vm_disk_config *cfg, char *why, size_t size);
err_t vm_disk_del(struct vm_disk *disk, char *why, size_t size);
struct vm_disk *vm_disk_find(const char *name);

/* --- the VM's core ----------------------------------------------------------------- */

/* The VM is reset: devices as after power-on, overlays empty. */
void vm_disk_reset(struct vm *vm);
/* Those that had more to do than one turn may. With the VM's lock. */
void vm_disk_poll_more(struct vm *vm);

#endif
