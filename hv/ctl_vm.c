/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about guests and their NICs. */
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/ctl.h"
#include "hv/node.h"
#include "hv/seed.h"
#include "hv/uplink.h"
#include "hv/vm.h"
#include "vnet/dispatch_lang.h"

static err_t check_module(struct ctl *c, const char *key)
{
	const char *name = ctl_text(c, key);
	char why[VM_REASON_MAX];

	if (!name[0] || node_module(name, why, sizeof(why)))
		return ERR_OK;
	return ctl_fail(c, key, ERR_NOENT, "%s", why);
}

static err_t fill(char *field, size_t size, struct ctl *c, const char *key)
{
	const char *text = ctl_text(c, key);

	if (strlen(text) >= size)
		return ctl_fail(c, key, ERR_RANGE, "%s is too long (at most %zu characters)", key,
				size - 1);
	fmt_snprintf(field, size, "%s", text);
	return ERR_OK;
}

/* Loads it once, so that what cannot be started is told here, with its place. */
static err_t try_boot(struct ctl *c)
{
	struct vm *vm = vm_find(c->stmt->name);
	char why[VM_REASON_MAX], ignored[VM_REASON_MAX];
	err_t err = vm_boot(vm, why, sizeof(why));

	if (!err)
		return ERR_OK;
	vm_del(vm, true, ignored, sizeof(ignored));
	return ctl_fail(c, err == ERR_NOMEM ? "memory" : "kernel", err, "%s", why);
}

/* How many vCPUs, and where: said, or placed by vm_add(). */
static err_t fill_cores(struct ctl *c, struct vm_config *cfg)
{
	const struct lang_value *cpus = lang_get(c->stmt, "cpus");
	const struct lang_value *core = lang_get(c->stmt, "core");
	const struct lang_value *list = lang_get(c->stmt, "cores");

	if (core && list)
		return ctl_fail(c, "core", ERR_INVAL, "core and cores say the same thing twice");
	cfg->cpus = cpus ? (u32)cpus->num : list ? (u32)list->num : 1;
	cfg->core_set = core || list;
	if (core)
		cfg->core[0] = (u32)core->num;
	for (u32 i = 0; list && i < list->num; i++)
		cfg->core[i] = list->uints[i];
	if (cfg->core_set && cfg->cpus != (list ? list->num : 1))
		return ctl_fail(c, list ? "cores" : "core", ERR_INVAL,
				"%u virtual CPUs need as many cores", cfg->cpus);
	return ERR_OK;
}

err_t ctl_vm_add(struct ctl *c)
{
	struct vm_config cfg = {
		.memory = ctl_num(c, "memory", 0),
		.on_crash = (enum vm_crash_policy)ctl_num(c, "on-crash", VM_ON_CRASH_STOP),
		.testdev = ctl_num(c, "testdev", 0),
		.rng = ctl_num(c, "rng", seed_source() != NULL),
		.rng_set = lang_get(c->stmt, "rng") != NULL,
	};
	char why[160];
	err_t err;

	if (cfg.rng && !seed_source())
		return ctl_fail(c, "rng", ERR_NOTSUP,
				"this processor has neither RDSEED nor RDRAND");
	fmt_snprintf(cfg.name, sizeof(cfg.name), "%s", c->stmt->name);
	err = fill(cfg.kernel, sizeof(cfg.kernel), c, "kernel");
	if (!err)
		err = fill(cfg.initrd, sizeof(cfg.initrd), c, "initrd");
	if (!err)
		err = fill(cfg.cmdline, sizeof(cfg.cmdline), c, "cmdline");
	if (!err)
		err = check_module(c, "kernel");
	if (!err)
		err = check_module(c, "initrd");
	if (!err)
		err = fill_cores(c, &cfg);
	if (err)
		return err;
	err = vm_add(&cfg, why, sizeof(why));
	if (err)
		return ctl_fail(c, err == ERR_NOMEM || err == ERR_INVAL ? "memory"
				   : err == ERR_FULL			 ? "cpus"
				   : err != ERR_RANGE			 ? NULL
				   : lang_get(c->stmt, "core")		 ? "core"
									 : "cores",
				err, "%s", why);
	return try_boot(c);
}

static struct vm *named_vm(struct ctl *c)
{
	struct vm *vm = vm_find(c->stmt->name);

	if (!vm)
		ctl_fail(c, NULL, ERR_NOENT, "there is no vm \"%s\"", c->stmt->name);
	return vm;
}

err_t ctl_vm_del(struct ctl *c)
{
	struct vm *vm = named_vm(c);
	char why[160];
	err_t err;

	if (!vm)
		return ERR_NOENT;
	err = vm_del(vm, lang_get(c->stmt, "force") != NULL, why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why) : ERR_OK;
}

err_t ctl_vm_request(struct ctl *c)
{
	static const enum vm_request requests[LANG_ID_COUNT] = {
		[LANG_VM_START] = VM_REQ_START,
		[LANG_VM_STOP] = VM_REQ_STOP,
		[LANG_VM_RESET] = VM_REQ_RESET,
	};
	struct vm *vm = named_vm(c);
	char why[160];
	err_t err;

	if (!vm)
		return ERR_NOENT;
	err = vm_request(vm, requests[c->stmt->cmd->id], why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why) : ERR_OK;
}

err_t ctl_vm_shutdown(struct ctl *c)
{
	struct vm *vm = named_vm(c);
	char why[160];
	err_t err;

	if (!vm)
		return ERR_NOENT;
	err = vm_shutdown(vm, ctl_num(c, "within", 0) * 1000000, why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why) : ERR_OK;
}

struct vm *ctl_vm_of(const char *name)
{
	const char *dot = strchr(name, '.');
	char vm[VM_NAME_MAX];

	if (!dot || !dot[1] || dot == name)
		return NULL;
	fmt_snprintf(vm, sizeof(vm), "%.*s", (int)(dot - name), name);
	return vm_find(vm);
}

/* The dispatch modes that the statement says; the others as they are. */
static err_t read_modes(struct ctl *c, const struct dispatch_settings *as_is,
			struct dispatch_settings *set)
{
	char why[160];
	const char *key;
	err_t err = dispatch_lang_read(c->stmt, as_is, set, &key, why, sizeof(why));

	return err ? ctl_fail(c, key, err, "%s", why) : ERR_OK;
}

err_t ctl_interface_add(struct ctl *c)
{
	struct vm_interface_config cfg = {
		.name = c->stmt->name,
		.mtu = (u32)ctl_num(c, "mtu", 0),
		.check_source = ctl_num(c, "check-source", 1),
		.storm = (u32)ctl_num(c, "storm", 0),
		.queues = (u32)ctl_num(c, "queues", 0),
	};
	struct vm *vm = ctl_vm_of(c->stmt->name);
	struct dispatch_settings modes;
	char why[160];
	err_t err = ctl_overlay(c, &cfg.overlay);

	if (!err && lang_get(c->stmt, "device"))
		err = ctl_fail(c, "device", ERR_NOTSUP, "devices of Linux are for vnetpd");
	if (!err)
		err = ctl_also(c, &cfg.also);
	dispatch_defaults(&modes);
	if (!err)
		err = read_modes(c, &modes, &cfg.dispatch);
	if (err)
		return err;
	if (!vm)
		return ctl_fail(c, NULL, ERR_NOENT,
				"\"%s\" is not VM.NAME with a vm that there is", c->stmt->name);
	memcpy(cfg.mac, lang_get(c->stmt, "mac")->mac, sizeof(cfg.mac));
	if (cfg.mac[0] & 1)
		return ctl_fail(c, "mac", ERR_INVAL, "a group address cannot be a NIC's own");
	err = vm_interface_add(vm, &cfg, why, sizeof(why));
	if (err)
		return ctl_fail(c, err == ERR_RANGE   ? "mtu"
				   : err == ERR_INVAL ? "mac"
						      : NULL,
				err, "%s", why);
	return ERR_OK;
}

static struct vm_interface *named_interface(struct ctl *c)
{
	struct vm_interface *nic = vm_interface_find(c->stmt->name);

	if (!nic)
		ctl_fail(c, NULL, ERR_NOENT, "there is no interface \"%s\"", c->stmt->name);
	return nic;
}

err_t ctl_interface_del(struct ctl *c)
{
	struct vm_interface *nic = named_interface(c);
	char why[160];
	err_t err;

	if (!nic)
		return ERR_NOENT;
	err = vm_interface_del(nic, lang_get(c->stmt, "force") != NULL, why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why) : ERR_OK;
}

err_t ctl_interface_set(struct ctl *c)
{
	struct vm_interface *nic = named_interface(c);
	struct dispatch_settings modes;
	err_t err;

	if (!nic)
		return ERR_NOENT;
	err = read_modes(c, &nic->dispatch.set, &modes);
	if (err)
		return err;
	if (!dispatch_lang_key(c->stmt) && !lang_get(c->stmt, "state"))
		return ctl_fail(c, NULL, ERR_INVAL, "nothing to set; expected: state, mode, "
				"tx-mode, rx-mode, alpha-l, alpha-u, omega, quota, optimistic, "
				"batch-end");
	if (dispatch_lang_key(c->stmt))
		dispatch_apply(nic, &modes);
	if (lang_get(c->stmt, "state"))
		vm_interface_set_link(nic, ctl_num(c, "state", 0) == 0);
	return ERR_OK;
}
