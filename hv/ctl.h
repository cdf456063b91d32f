/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hypervisor node adds to the statements of ctl/ctl.h. Boot core only. */
#ifndef HV_CTL_H
#define HV_CTL_H

#include "ctl/ctl.h"
#include "ctl/metrics.h"

struct vm;
struct vm_disk;

err_t ctl_vm_add(struct ctl *c);
err_t ctl_vm_del(struct ctl *c);
err_t ctl_vm_request(struct ctl *c);
err_t ctl_vm_shutdown(struct ctl *c);
/* The VM's part of "g1.eth0"; NULL: there is no such VM, or no name behind it. */
struct vm *ctl_vm_of(const char *name);

/* Disks; their part of show config and show metrics (hv/ctl_disk.c). */
err_t ctl_disk_add(struct ctl *c);
err_t ctl_disk_del(struct ctl *c);
err_t ctl_show_disk(struct ctl *c);
void ctl_disk_config(const struct out *out, const struct vm_disk *disk);
/* Of a disk, or of a VM: its disks, the last one first, as a batch undoes them. */
void ctl_disk_config_of(const char *name, const struct out *out);
void ctl_disk_metrics(struct metrics *m);
err_t ctl_uplink_set(struct ctl *c);

/* Dispatchers; their part of show config and show metrics (hv/ctl_dispatch.c). */
err_t ctl_dispatcher_add(struct ctl *c);
err_t ctl_dispatcher_set(struct ctl *c);
err_t ctl_dispatcher_del(struct ctl *c);
err_t ctl_show_dispatch(struct ctl *c);
void ctl_dispatch_config(const struct out *out);
void ctl_dispatch_config_of(const char *name, const struct out *out);
void ctl_dispatch_metrics(struct metrics *m);

err_t ctl_cpu_feature(struct ctl *c);
/* What is claimed of cores (hv/show_noise.c), and of show config. */
err_t ctl_core_set(struct ctl *c);
void ctl_core_config(const struct out *out);
/* One of them as it is now, as a statement: for ctl_config_of(). */
void ctl_core_config_of(const char *name, const struct out *out);
err_t ctl_show_noise(struct ctl *c);
err_t ctl_show_boot(struct ctl *c);
err_t ctl_show_hardware(struct ctl *c);
err_t ctl_show_report(struct ctl *c);
/* Of show node and show config: the processor and its abilities, and what the
 * configuration said about them. */
void ctl_cpu_show(const struct out *out);
void ctl_cpu_json(struct json *j);
void ctl_cpu_config(const struct out *out);
/* Of show node: sockets, cores, threads, NUMA nodes (hv/show_topology.c). */
void ctl_topology_show(const struct out *out);
void ctl_topology_json(struct json *j);

err_t ctl_show_vm(struct ctl *c);
err_t ctl_show_uplink(struct ctl *c);
err_t ctl_show_log(struct ctl *c);

err_t ctl_console_attach(struct ctl *c);
err_t ctl_console_log(struct ctl *c);
err_t ctl_console_exchange(struct ctl *c);

#endif
