/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about the node that are settled once, at boot. */
#ifndef HV_NODE_H
#define HV_NODE_H

#include "boot/multiboot.h"
#include "hv/base/types.h"

extern const struct boot_info *node_boot_info;
extern u64 node_ready_ns; /* when the configuration was carried out */

/* Bytes of the image as it is loaded. */
u64 node_image_bytes(void);
/* Bytes that the hypervisor itself occupies: image, zeroed data, stacks,
 * tables, heap; neither guests' memory nor packet buffers nor boot modules. */
u64 node_resident_bytes(void);

/* The boot module of this name. NULL, and why, when the loader gave none, or a wrong one. */
const struct boot_module *node_module(const char *name, char *why, size_t size);
/* Say which modules are wrong, each once: the node is degraded. Boot core, at boot. */
void node_check_modules(void);

/* What `show boot` shows, on the console. Boot core. */
void node_show_boot(void);

#endif
