/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about guests' disks, and what is shown of them. */
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/ctl.h"
#include "hv/vm.h"
#include "vnet/lang.h"

static err_t read_config(struct ctl *c, struct vm_disk_config *cfg)
{
	*cfg = (struct vm_disk_config){
		.name = c->stmt->name,
		.module = ctl_text(c, "module"),
		.overlay = ctl_num(c, "overlay", 0),
	};
	if (strlen(cfg->module) >= VM_DISK_MODULE_MAX)
		return ctl_fail(c, "module", ERR_RANGE,
				"module is too long (at most %u characters)",
				VM_DISK_MODULE_MAX - 1);
	if (cfg->overlay % BLK_STORE_BLOCK)
		return ctl_fail(c, "overlay", ERR_INVAL,
				"overlay of %lu bytes is no multiple of 4K", cfg->overlay);
	return ERR_OK;
}

err_t ctl_disk_add(struct ctl *c)
{
	struct vm *vm = ctl_vm_of(c->stmt->name);
	struct vm_disk_config cfg;
	char why[160];
	err_t err;

	if (!vm)
		return ctl_fail(c, NULL, ERR_NOENT,
				"\"%s\" is not VM.NAME with a vm that there is", c->stmt->name);
	if (vm_disk_find(c->stmt->name))
		return ctl_fail(c, NULL, ERR_EXIST, "there is a disk \"%s\" already",
				c->stmt->name);
	err = read_config(c, &cfg);
	if (err)
		return err;
	err = vm_disk_add(vm, &cfg, why, sizeof(why));
	if (!err)
		return ERR_OK;
	return ctl_fail(c, err == ERR_NOENT || err == ERR_INVAL ? "module"
			   : err == ERR_NOMEM			? "overlay"
								: NULL,
			err, "%s", why);
}

err_t ctl_disk_del(struct ctl *c)
{
	struct vm_disk *disk = vm_disk_find(c->stmt->name);
	char why[160];
	err_t err;

	if (!disk)
		return ctl_fail(c, NULL, ERR_NOENT, "there is no disk \"%s\"", c->stmt->name);
	err = vm_disk_del(disk, why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why) : ERR_OK;
}

/* A size as the language has it. */
static const char *size_text(char *text, size_t size, u64 bytes)
{
	static const char units[] = "KMG";
	u32 unit = 0;

	bytes >>= 10;
	while (unit + 2 < sizeof(units) && bytes && !(bytes & 1023)) {
		bytes >>= 10;
		unit++;
	}
	fmt_snprintf(text, size, "%lu%c", bytes, units[unit]);
	return text;
}

void ctl_disk_config(const struct out *out, const struct vm_disk *disk)
{
	char text[LANG_LINE_MAX], size[24];
	size_t len = 0;

	fmt_append(text, sizeof(text), &len, "  disk add %s module ", disk->name);
	lang_quote(text, sizeof(text), &len, disk->module);
	if (disk->overlay)
		fmt_append(text, sizeof(text), &len, " overlay %s",
			   size_text(size, sizeof(size), disk->overlay));
	out_printf(out, "%s\n", text);
}

void ctl_disk_config_of(const char *name, const struct out *out)
{
	const struct vm_disk *disk = vm_disk_find(name);
	const struct vm *vm = vm_find(name);

	if (disk)
		ctl_disk_config(out, disk);
	for (u32 i = VM_MAX_DISKS; vm && i--;)
		if (vm->disk[i])
			ctl_disk_config(out, vm->disk[i]);
}

/* --- show disk ------------------------------------------------------------------- */

static u64 overlay_used(const struct vm_disk *disk)
{
	return (u64)disk->store.used << BLK_STORE_BLOCK_SHIFT;
}

static u64 refused(const struct vm_disk *disk)
{
	u64 sum = 0;

	for (u32 i = 0; i < VIRTIO_BLK_REFUSALS; i++)
		sum += disk->blk.refused[i];
	return sum;
}

static void row(const struct out *out, const struct vm_disk *disk)
{
	out_column(out, 16, "%s", disk->name);
	out_column(out, 12, "%lu KiB", disk->store.bytes >> 10);
	if (disk->overlay)
		out_column(out, 24, "%lu of %lu KiB", overlay_used(disk) >> 10,
			   disk->overlay >> 10);
	else
		out_column(out, 24, "read-only");
	out_column(out, 12, "%lu", disk->blk.reads);
	out_column(out, 12, "%lu", disk->blk.writes);
	out_column(out, 10, "%lu", refused(disk));
	out_printf(out, "%s\n", disk->module);
}

static void details(const struct out *out, const struct vm_disk *disk)
{
	const struct virtio_blk *b = &disk->blk;

	out_printf(out, "  read     %12lu bytes\n  written  %12lu bytes\n", b->read_bytes,
		   b->written_bytes);
	out_printf(out, "  kicks    %12lu\n  interrupts %10lu, not wanted %lu\n", b->vq.kicks,
		   b->vq.interrupts, b->vq.suppressed);
	for (u32 i = 0; i < VIRTIO_BLK_REFUSALS; i++)
		if (b->refused[i])
			out_printf(out, "  refused %-16s %12lu\n",
				   virtio_blk_refusal_name((enum virtio_blk_refusal)i),
				   b->refused[i]);
	if (b->dev.breaks)
		out_printf(out, "  broken by its driver %lu times\n", b->dev.breaks);
}

static void disk_json(struct json *j, const struct vm_disk *disk)
{
	const struct virtio_blk *b = &disk->blk;

	json_open(j, NULL, '{');
	json_text(j, "name", disk->name);
	json_text(j, "module", disk->module);
	json_num(j, "bytes", disk->store.bytes);
	json_num(j, "overlay_bytes", disk->overlay);
	json_num(j, "overlay_used_bytes", overlay_used(disk));
	json_num(j, "reads", b->reads);
	json_num(j, "read_bytes", b->read_bytes);
	json_num(j, "writes", b->writes);
	json_num(j, "written_bytes", b->written_bytes);
	json_open(j, "refused", '{');
	for (u32 i = 0; i < VIRTIO_BLK_REFUSALS; i++)
		json_num(j, virtio_blk_refusal_name((enum virtio_blk_refusal)i), b->refused[i]);
	json_close(j, '}');
	json_num(j, "breaks", b->dev.breaks);
	json_close(j, '}');
}

/* The next one behind `at` of all disks of all VMs; NULL: no more. */
static const struct vm_disk *next_disk(u32 *at)
{
	for (; *at < VM_MAX * VM_MAX_DISKS; (*at)++) {
		const struct vm *vm = vm_at(*at / VM_MAX_DISKS);
		const struct vm_disk *disk = vm ? vm->disk[*at % VM_MAX_DISKS] : NULL;

		if (disk) {
			(*at)++;
			return disk;
		}
	}
	return NULL;
}

err_t ctl_show_disk(struct ctl *c)
{
	const char *name = c->stmt->name;
	bool json = lang_get(c->stmt, "json") != NULL;
	struct json j = { .out = c->out };
	u32 at = 0;

	if (name && !vm_disk_find(name))
		return ctl_fail(c, NULL, ERR_NOENT, "there is no disk \"%s\"", name);
	if (json)
		json_open(&j, NULL, '[');
	else
		out_printf(c->out, "%-16s%-12s%-24s%-12s%-12s%-10s%s\n", "NAME", "SIZE", "OVERLAY",
			   "READS", "WRITES", "REFUSED", "MODULE");
	for (const struct vm_disk *disk; (disk = next_disk(&at));) {
		if (name && strcmp(disk->name, name) != 0)
			continue;
		if (json)
			disk_json(&j, disk);
		else
			row(c->out, disk);
		if (name && !json)
			details(c->out, disk);
	}
	if (json) {
		json_close(&j, ']');
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}

void ctl_disk_metrics(struct metrics *m)
{
	static const char *const names[] = { "disk_read_bytes", "disk_written_bytes",
					     "disk_overlay_used_bytes" };
	u32 at;

	for (u32 k = 0; k < ARRAY_SIZE(names); k++) {
		metrics_family(m, names[k], k < 2 ? METRICS_COUNTER : METRICS_GAUGE, "bytes",
			       k == 0	? "Read from a guest's disk."
			       : k == 1 ? "Written to it."
					: "Memory that what was written takes.");
		at = 0;
		for (const struct vm_disk *disk; (disk = next_disk(&at));)
			metrics_sample(m, k == 0   ? disk->blk.read_bytes
					  : k == 1 ? disk->blk.written_bytes
						   : overlay_used(disk), "disk", disk->name, NULL);
	}
	metrics_family(m, "disk_refused_requests", METRICS_COUNTER, "requests",
		       "Requests that a guest's disk refused, by reason.");
	at = 0;
	for (const struct vm_disk *disk; (disk = next_disk(&at));)
		for (u32 i = 0; i < VIRTIO_BLK_REFUSALS; i++)
			metrics_sample(m, disk->blk.refused[i], "disk", disk->name, "reason",
				       virtio_blk_refusal_name((enum virtio_blk_refusal)i), NULL);
}
