/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio driver and the machine it runs on (virtio 1.2 2.7, 3.1, 4.1). */
#include "tests/models/virtio_driver.h"

#include <stdlib.h>
#include <string.h>

#include "hv/base/plat.h"

#define CFG_BAR0 0x10
#define CFG_CAP_PTR 0x34
#define CAP_ID_VENDOR 0x09
#define CAP_ID_MSIX 0x11
#define MSIX_ENABLE 0x8000
#define PORT_CF8 0xcf8
#define PORT_CFC 0xcfc

static void count_msi(void *ctx, u64 addr, u32 data)
{
	struct vdrv *v = ctx;

	ASSERT(addr == 0xfee00000 && data < PCI_MSIX_MAX);
	v->irqs[data]++;
}

static void no_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	die("INTx %u raised to %d", gsi, level);
}

void vdrv_init(struct vdrv *v)
{
	const struct pci_windows w = { .ecam_base = 0xf0000000, .io_base = 0xc000,
				       .io_size = 0x1000, .mem_base = 0xe0000000,
				       .mem_size = 0x1000000 };

	memset(v, 0, sizeof(*v));
	for (u32 i = 0; i < 2; i++) {
		v->region[i] = aligned_alloc(4096, VDRV_REGION_BYTES);
		memset(v->region[i], 0, VDRV_REGION_BYTES);
		ASSERT(!gmem_add(&v->gm, gpa(i * (u64)VDRV_REGION_BYTES), VDRV_REGION_BYTES,
				 v->region[i], (bus_t){ (i + 1) * 0x100000000ull }, true));
	}
	v->rom = aligned_alloc(4096, VDRV_ROM_BYTES);
	memset(v->rom, 0, VDRV_ROM_BYTES);
	ASSERT(!gmem_add(&v->gm, gpa(VDRV_ROM), VDRV_ROM_BYTES, v->rom,
			 (bus_t){ 0x500000000ull }, false));
	v->sink = (struct irq_sink){ .set_line = no_line, .msi = count_msi, .ctx = v };
	ASSERT(!pci_bus_init(&v->bus, &v->io, &v->mmio, &v->sink, &w));
	v->next_alloc = 0x1000;
}

void vdrv_fini(struct vdrv *v)
{
	free(v->region[0]);
	free(v->region[1]);
	free(v->rom);
}

u64 vdrv_alloc(struct vdrv *v, u32 len, u32 align)
{
	u64 at = ALIGN_UP(v->next_alloc, align);

	v->next_alloc = at + len;
	ASSERT(v->next_alloc <= VDRV_REGION_BYTES);
	return at;
}

u8 *vdrv_mem(struct vdrv *v, u64 addr, u32 len)
{
	u32 i = addr >= VDRV_REGION1;
	u64 off = addr - i * (u64)VDRV_REGION_BYTES;

	if (addr >= VDRV_ROM) {
		ASSERT(addr + len <= VDRV_END);
		return v->rom + (addr - VDRV_ROM);
	}
	ASSERT(off + len <= VDRV_REGION_BYTES);
	return v->region[i] + off;
}

/* --- registers ------------------------------------------------------------ */

u32 vdrv_cfg_read(struct vdrv *v, u8 off, u8 size)
{
	struct io_access select = { PORT_CF8, 0x80000000u | (u32)v->devno << 11 | (off & 0xfcu), 4,
				    true };
	struct io_access a = { PORT_CFC + (off & 3u), 0, size, false };

	iomap_access(&v->io, &select);
	iomap_access(&v->io, &a);
	return (u32)a.value;
}

void vdrv_cfg_write(struct vdrv *v, u8 off, u8 size, u32 value)
{
	struct io_access select = { PORT_CF8, 0x80000000u | (u32)v->devno << 11 | (off & 0xfcu), 4,
				    true };
	struct io_access a = { PORT_CFC + (off & 3u), value, size, true };

	iomap_access(&v->io, &select);
	iomap_access(&v->io, &a);
}

static void bar_access(struct vdrv *v, u8 bar, struct io_access *a)
{
	a->addr += v->bar[bar];
	ASSERT(iomap_access(v->bar_io[bar] ? &v->io : &v->mmio, a));
}

u64 vdrv_read(struct vdrv *v, u8 cap, u32 off, u8 size)
{
	struct io_access a = { v->cap[cap].offset + off, 0, size, false };

	ASSERT(off + size <= v->cap[cap].length);
	bar_access(v, v->cap[cap].bar, &a);
	return a.value;
}

void vdrv_write(struct vdrv *v, u8 cap, u32 off, u8 size, u64 value)
{
	struct io_access a = { v->cap[cap].offset + off, value, size, true };

	ASSERT(off + size <= v->cap[cap].length);
	bar_access(v, v->cap[cap].bar, &a);
}

static u32 common_read(struct vdrv *v, u32 off, u8 size)
{
	return (u32)vdrv_read(v, VIRTIO_PCI_CAP_COMMON, off, size);
}

static void common_write(struct vdrv *v, u32 off, u8 size, u32 value)
{
	vdrv_write(v, VIRTIO_PCI_CAP_COMMON, off, size, value);
}

static void note_cap(struct vdrv *v, u8 at)
{
	u8 type = (u8)vdrv_cfg_read(v, (u8)(at + 3), 1);

	if (type < VIRTIO_PCI_CAP_COMMON || type > VIRTIO_PCI_CAP_PCI || v->cap[type].at)
		return;
	v->cap[type] = (struct vdrv_cap){
		.at = at,
		.bar = (u8)vdrv_cfg_read(v, (u8)(at + 4), 1),
		.offset = vdrv_cfg_read(v, (u8)(at + 8), 4),
		.length = vdrv_cfg_read(v, (u8)(at + 12), 4),
	};
	if (type == VIRTIO_PCI_CAP_NOTIFY)
		v->notify_multiplier = vdrv_cfg_read(v, (u8)(at + 16), 4);
}

bool vdrv_find(struct vdrv *v, u8 devno)
{
	u8 at;

	v->devno = devno;
	if (vdrv_cfg_read(v, 0, 2) != 0x1af4)
		return false;
	for (u8 i = 0; i < PCI_BARS; i++) {
		u32 bar = vdrv_cfg_read(v, (u8)(CFG_BAR0 + 4 * i), 4);

		v->bar_io[i] = bar & 1;
		v->bar[i] = bar & (v->bar_io[i] ? ~3u : ~15u);
	}
	memset(v->cap, 0, sizeof(v->cap));
	at = (u8)vdrv_cfg_read(v, CFG_CAP_PTR, 1);
	for (u32 n = 0; at && n < 48; n++) {
		if (vdrv_cfg_read(v, at, 1) == CAP_ID_VENDOR)
			note_cap(v, at);
		at = (u8)vdrv_cfg_read(v, (u8)(at + 1), 1);
	}
	v->nrings = 0;
	if (!v->cap[VIRTIO_PCI_CAP_COMMON].at)
		return false;
	v->nrings = (u16)common_read(v, VPCI_NUM_QUEUES, 2);
	return v->cap[VIRTIO_PCI_CAP_NOTIFY].at && v->cap[VIRTIO_PCI_CAP_ISR].at;
}

u8 vdrv_status(struct vdrv *v)
{
	return (u8)common_read(v, VPCI_DEVICE_STATUS, 1);
}

static void add_status(struct vdrv *v, u8 bits)
{
	common_write(v, VPCI_DEVICE_STATUS, 1, vdrv_status(v) | bits);
}

u64 vdrv_offered(struct vdrv *v)
{
	u64 offered;

	common_write(v, VPCI_DEVICE_FEATURE_SELECT, 4, 0);
	offered = common_read(v, VPCI_DEVICE_FEATURE, 4);
	common_write(v, VPCI_DEVICE_FEATURE_SELECT, 4, 1);
	return offered | (u64)common_read(v, VPCI_DEVICE_FEATURE, 4) << 32;
}

bool vdrv_negotiate(struct vdrv *v, u64 features)
{
	common_write(v, VPCI_DEVICE_STATUS, 1, 0);
	ASSERT(vdrv_status(v) == 0);
	add_status(v, VIRTIO_STATUS_ACKNOWLEDGE);
	add_status(v, VIRTIO_STATUS_DRIVER);
	common_write(v, VPCI_DRIVER_FEATURE_SELECT, 4, 0);
	common_write(v, VPCI_DRIVER_FEATURE, 4, (u32)features);
	common_write(v, VPCI_DRIVER_FEATURE_SELECT, 4, 1);
	common_write(v, VPCI_DRIVER_FEATURE, 4, (u32)(features >> 32));
	add_status(v, VIRTIO_STATUS_FEATURES_OK);
	v->features = features;
	return vdrv_status(v) & VIRTIO_STATUS_FEATURES_OK;
}

void vdrv_msix(struct vdrv *v)
{
	u8 at = (u8)vdrv_cfg_read(v, CFG_CAP_PTR, 1);
	u16 config = v->nrings;
	u8 bar;

	while (vdrv_cfg_read(v, at, 1) != CAP_ID_MSIX)
		at = (u8)vdrv_cfg_read(v, (u8)(at + 1), 1);
	bar = (u8)vdrv_cfg_read(v, (u8)(at + 4), 4) & 7;
	for (u32 i = 0; i <= config; i++) {
		const u32 entry[4] = { 0xfee00000, 0, i, 0 };

		for (u32 k = 0; k < 4; k++) {
			struct io_access a = { 16 * i + 4 * k, entry[k], 4, true };

			bar_access(v, bar, &a);
		}
	}
	vdrv_cfg_write(v, (u8)(at + 2), 2, MSIX_ENABLE);
	common_write(v, VPCI_CONFIG_MSIX_VECTOR, 2, config);
	for (u16 i = 0; i < v->nrings; i++) {
		common_write(v, VPCI_QUEUE_SELECT, 2, i);
		common_write(v, VPCI_QUEUE_MSIX_VECTOR, 2, i);
		ASSERT(common_read(v, VPCI_QUEUE_MSIX_VECTOR, 2) == i);
	}
}

void vdrv_enable(struct vdrv *v, u16 queue, u16 size)
{
	struct vdrv_ring *r = &v->ring[queue];

	common_write(v, VPCI_QUEUE_SELECT, 2, queue);
	if (size)
		common_write(v, VPCI_QUEUE_SIZE, 2, size);
	vdrv_ring_init(v, r, (u16)common_read(v, VPCI_QUEUE_SIZE, 2), v->features);
	common_write(v, VPCI_QUEUE_DESC, 4, (u32)r->desc);
	common_write(v, VPCI_QUEUE_DESC_HI, 4, (u32)(r->desc >> 32));
	common_write(v, VPCI_QUEUE_DRIVER, 4, (u32)r->avail);
	common_write(v, VPCI_QUEUE_DRIVER_HI, 4, (u32)(r->avail >> 32));
	common_write(v, VPCI_QUEUE_DEVICE, 4, (u32)r->used);
	common_write(v, VPCI_QUEUE_DEVICE_HI, 4, (u32)(r->used >> 32));
	common_write(v, VPCI_QUEUE_ENABLE, 2, 1);
}

bool vdrv_start(struct vdrv *v, u64 features)
{
	if (!vdrv_negotiate(v, features))
		return false;
	vdrv_msix(v);
	for (u16 i = 0; i < v->nrings; i++)
		vdrv_enable(v, i, 0);
	add_status(v, VIRTIO_STATUS_DRIVER_OK);
	return vdrv_status(v) & VIRTIO_STATUS_DRIVER_OK;
}

/* --- rings ---------------------------------------------------------------- */

void vdrv_ring_init(struct vdrv *v, struct vdrv_ring *r, u16 size, u64 features)
{
	u32 desc = (u32)VRING_DESC_BYTES(size), avail = (u32)VRING_AVAIL_BYTES(size);
	u32 used = (u32)VRING_USED_BYTES(size);

	memset(r, 0, sizeof(*r));
	r->size = size;
	r->desc = vdrv_alloc(v, desc, 16);
	r->avail = vdrv_alloc(v, avail, 2);
	r->used = vdrv_alloc(v, used, 4);
	r->event_idx = features & VIRTIO_F_EVENT_IDX;
	memset(vdrv_mem(v, r->desc, desc), 0, desc);
	memset(vdrv_mem(v, r->avail, avail), 0, avail);
	memset(vdrv_mem(v, r->used, used), 0, used);
}

struct vring_desc *vdrv_desc(struct vdrv *v, const struct vdrv_ring *r, u16 i)
{
	return (struct vring_desc *)(void *)vdrv_mem(v, r->desc + 16u * i, 16);
}

u16 *vdrv_avail(struct vdrv *v, const struct vdrv_ring *r)
{
	return (u16 *)(void *)vdrv_mem(v, r->avail, (u32)VRING_AVAIL_BYTES(r->size));
}

u16 *vdrv_used(struct vdrv *v, const struct vdrv_ring *r)
{
	return (u16 *)(void *)vdrv_mem(v, r->used, (u32)VRING_USED_BYTES(r->size));
}

u16 *vdrv_used_event(struct vdrv *v, const struct vdrv_ring *r)
{
	return vdrv_avail(v, r) + 2 + r->size;
}

u16 vdrv_avail_event(struct vdrv *v, const struct vdrv_ring *r)
{
	return vdrv_used(v, r)[2 + 4 * r->size];
}

static int free_desc(struct vdrv_ring *r)
{
	for (u16 i = 0; i < r->size; i++) {
		if (!r->busy[i]) {
			r->busy[i] = true;
			return i;
		}
	}
	return -1;
}

static u16 free_count(const struct vdrv_ring *r)
{
	u16 n = 0;

	for (u16 i = 0; i < r->size; i++)
		n += !r->busy[i];
	return n;
}

static void fill_desc(struct vring_desc *d, const struct vdrv_buf *b, bool write)
{
	*d = (struct vring_desc){
		.addr = b->addr,
		.len = b->len,
		.flags = write ? VRING_DESC_F_WRITE : 0,
	};
}

/* Of an indirect table, unless a chain is longer. */
#define TABLE_ENTRIES 32

static int add_indirect(struct vdrv *v, struct vdrv_ring *r, const struct vdrv_buf *bufs, u16 n,
			u16 nread)
{
	int head = free_desc(r);
	struct vring_desc *table;

	if (head < 0)
		return -1;
	r->next_of[head] = (u16)head;
	if (n > r->entries_of[head]) {
		r->entries_of[head] = MAX(n, TABLE_ENTRIES);
		r->table_of[head] = vdrv_alloc(v, 16u * r->entries_of[head], 16);
	}
	table = (struct vring_desc *)(void *)vdrv_mem(v, r->table_of[head], 16u * n);
	for (u16 i = 0; i < n; i++) {
		fill_desc(&table[i], &bufs[i], i >= nread);
		if (i + 1 < n) {
			table[i].flags |= VRING_DESC_F_NEXT;
			table[i].next = (u16)(i + 1);
		}
	}
	*vdrv_desc(v, r, (u16)head) = (struct vring_desc){ .addr = r->table_of[head],
							   .len = 16u * n,
							   .flags = VRING_DESC_F_INDIRECT };
	return head;
}

static int add_direct(struct vdrv *v, struct vdrv_ring *r, const struct vdrv_buf *bufs, u16 n,
		      u16 nread)
{
	int head = -1;
	u16 prev = 0;

	if (free_count(r) < n)
		return -1;
	for (u16 i = 0; i < n; i++) {
		u16 at = (u16)free_desc(r);

		fill_desc(vdrv_desc(v, r, at), &bufs[i], i >= nread);
		r->next_of[at] = at;
		if (head < 0) {
			head = at;
		} else {
			vdrv_desc(v, r, prev)->flags |= VRING_DESC_F_NEXT;
			vdrv_desc(v, r, prev)->next = at;
			r->next_of[prev] = at;
		}
		prev = at;
	}
	return head;
}

int vdrv_add(struct vdrv *v, struct vdrv_ring *r, const struct vdrv_buf *bufs, u16 nread,
	     u16 nwrite)
{
	u16 n = (u16)(nread + nwrite);
	int head = r->indirect ? add_indirect(v, r, bufs, n, nread)
			       : add_direct(v, r, bufs, n, nread);

	if (head < 0)
		return -1;
	vdrv_avail(v, r)[2 + (r->avail_idx & (r->size - 1))] = (u16)head;
	r->avail_idx++;
	return head;
}

bool vdrv_show(struct vdrv *v, struct vdrv_ring *r)
{
	u16 old = r->shown_idx;

	vdrv_avail(v, r)[1] = r->avail_idx;
	r->shown_idx = r->avail_idx;
	if (r->event_idx) {
		u16 event = vdrv_avail_event(v, r);

		/* The straightforward reading of 2.7.10: was event's entry among
		 * those just added? */
		for (u16 i = old; i != r->avail_idx; i++)
			if (i == event)
				return true;
		return false;
	}
	return !(vdrv_used(v, r)[0] & VRING_USED_F_NO_NOTIFY);
}

void vdrv_notify(struct vdrv *v, u16 queue)
{
	u32 off;

	common_write(v, VPCI_QUEUE_SELECT, 2, queue);
	off = common_read(v, VPCI_QUEUE_NOTIFY_OFF, 2) * v->notify_multiplier;
	vdrv_write(v, VIRTIO_PCI_CAP_NOTIFY, off, 2, queue);
}

bool vdrv_kick(struct vdrv *v, u16 queue)
{
	bool wanted = vdrv_show(v, &v->ring[queue]);

	if (wanted)
		vdrv_notify(v, queue);
	return wanted;
}

int vdrv_take(struct vdrv *v, struct vdrv_ring *r, u32 *len)
{
	const u16 *used = vdrv_used(v, r);
	struct vring_used_elem e;
	u16 i;

	if (used[1] == r->used_idx)
		return -1;
	memcpy(&e, used + 2 + 4 * (r->used_idx & (r->size - 1)), sizeof(e));
	r->used_idx++;
	ASSERT(e.id < r->size && r->busy[e.id]);
	for (i = (u16)e.id; r->next_of[i] != i; i = r->next_of[i])
		r->busy[i] = false;
	r->busy[i] = false;
	if (len)
		*len = e.len;
	return (int)e.id;
}
