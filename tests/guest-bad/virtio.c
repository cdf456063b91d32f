/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio driver that lies to its device: rings, addresses and lengths that
 * cannot be right (virtio 1.2 2.7). The device may refuse (NEEDS_RESET) or
 * carry on; after a reset it has to work again.
 */
#include "tests/guest-bad/bad.h"

#include "drivers/virtio/net_defs.h"
#include "drivers/virtio/pci.h"
#include "drivers/virtio/virtio.h"
#include "hv/base/str.h"

#define DEVICE_NET 0x1041
#define DEVICE_DISK 0x1042
#define DEVICE_CONSOLE 0x1043
#define DEVICE_ENTROPY 0x1044
#define QUEUE_TX 1 /* of NIC and console */
#define QUEUE_ONLY 0
#define DISK_HEADER 16
#define QUEUE_NET_CONTROL 2
#define PCI_BAR(n) (0x10 + 4 * (n))
#define BAR_ADDR_MASK (~0xfu)
#define BAR_PORT_MASK (~0x3u)

#define SIZE 8
#define ANSWER (SIZE - 1)
#define FRAME_BYTES 72 /* virtio_net_hdr of 12 bytes and the smallest frame */
#define MAC_AT 12
#define MAC_BYTES 6

struct device {
	u32 pci;
	u16 id;
	u16 queue;
	u16 notify;
	volatile u8 *regs;
};

/* One area for everything that the device reads and writes. */
static struct {
	struct vring_desc desc[SIZE];
	u8 avail[4096];
	u8 used[4096];
	struct vring_desc table[SIZE];
	u8 frame[4096];
	u8 answer[1];
} rings ALIGNED(4096);

static volatile struct vring_avail *avail(void)
{
	return (volatile struct vring_avail *)(void *)rings.avail;
}

static u8 get8(const struct device *d, u32 reg)
{
	return d->regs[reg];
}

static void set16(const struct device *d, u32 reg, u16 value)
{
	*(volatile u16 *)(volatile void *)(d->regs + reg) = value;
}

static void set32(const struct device *d, u32 reg, u32 value)
{
	*(volatile u32 *)(volatile void *)(d->regs + reg) = value;
}

static void set64(const struct device *d, u32 reg, u64 value)
{
	set32(d, reg, (u32)value);
	set32(d, reg + 4, (u32)(value >> 32));
}

static void set_status(const struct device *d, u8 status)
{
	d->regs[VPCI_DEVICE_STATUS] = status;
}

/* A reset is done when the status says so (virtio 1.2 4.1.4.3.2). */
static void reset_device(const struct device *d)
{
	u64 start = rdtsc();

	set_status(d, 0);
	while (get8(d, VPCI_DEVICE_STATUS) && rdtsc() - start < tsc_hz())
		cpu_pause();
}

static bool open_device(struct device *d, u16 id, u16 queue)
{
	d->pci = pci_find(id, 1);
	if (!d->pci)
		return false;
	d->id = id;
	d->queue = queue;
	d->notify = (u16)(pci_read(d->pci, PCI_BAR(VIRTIO_PCI_BAR_NOTIFY)) & BAR_PORT_MASK);
	d->regs = (volatile u8 *)(uintptr_t)(pci_read(d->pci, PCI_BAR(VIRTIO_PCI_BAR_CONFIG)) &
					     BAR_ADDR_MASK);
	return true;
}

static void negotiate(const struct device *d)
{
	u64 features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC;

	if (d->queue == QUEUE_NET_CONTROL)
		features |= VIRTIO_NET_F_CTRL_VQ;
	else if (d->id == DEVICE_NET)
		features |= VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6;
	reset_device(d);
	set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	for (u32 half = 0; half < 2; half++) {
		set32(d, VPCI_DRIVER_FEATURE_SELECT, half);
		set32(d, VPCI_DRIVER_FEATURE, (u32)(features >> 32 * half));
	}
	set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
	set16(d, VPCI_QUEUE_SELECT, d->queue);
}

static void enable_queue(const struct device *d, u16 size, u64 desc, u64 driver, u64 device)
{
	set16(d, VPCI_QUEUE_SIZE, size);
	set64(d, VPCI_QUEUE_DESC, desc);
	set64(d, VPCI_QUEUE_DRIVER, driver);
	set64(d, VPCI_QUEUE_DEVICE, device);
	set16(d, VPCI_QUEUE_ENABLE, 1);
	set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
			      VIRTIO_STATUS_DRIVER_OK);
}

/* A frame of our own NIC to everybody; to a console it is just text. */
static void fill_frame(const struct device *d)
{
	memset(rings.frame, 0, sizeof(rings.frame));
	if (d->id != DEVICE_NET)
		return;
	memset(rings.frame + MAC_AT, 0xff, MAC_BYTES);
	for (u32 i = 0; i < MAC_BYTES; i++)
		rings.frame[MAC_AT + MAC_BYTES + i] = d->regs[VIRTIO_PCI_DEVICE_AT + i];
}

/* Everything right: one chain of one buffer; on the control queue a command of
 * class 0 and a byte for the answer (5.1.6.5), on a disk's a read of nothing and one
 * for the status (5.2.6); for entropy it is the device that writes. */
static void prepare(const struct device *d)
{
	memset(&rings, 0, sizeof(rings));
	fill_frame(d);
	rings.desc[0] = (struct vring_desc){ .addr = (u64)rings.frame, .len = FRAME_BYTES };
	if (d->id == DEVICE_DISK)
		rings.desc[0].len = DISK_HEADER;
	if (d->id == DEVICE_ENTROPY)
		rings.desc[0].flags = VRING_DESC_F_WRITE;
	if (d->id == DEVICE_DISK || d->queue == QUEUE_NET_CONTROL) {
		rings.desc[0].flags = VRING_DESC_F_NEXT;
		rings.desc[0].next = ANSWER;
		rings.desc[ANSWER] = (struct vring_desc){ (u64)rings.answer, sizeof(rings.answer),
							  VRING_DESC_F_WRITE, 0 };
	}
	avail()->idx = 1;
}

static void kick(const struct device *d)
{
	__asm__ volatile("" ::: "memory");
	out16((u16)(d->notify + VIRTIO_PCI_NOTIFY_STRIDE * d->queue), d->queue);
}

static u16 used_index(void)
{
	return ((volatile struct vring_used *)(void *)rings.used)->idx;
}

/* The device has an opinion: it broke, or gave something back. */
static bool settled(const struct device *d)
{
	u64 start = rdtsc();

	while (rdtsc() - start < tsc_hz())
		if ((get8(d, VPCI_DEVICE_STATUS) & VIRTIO_STATUS_NEEDS_RESET) || used_index())
			return true;
	return false;
}

static bool works(const struct device *d)
{
	prepare(d);
	negotiate(d);
	enable_queue(d, SIZE, (u64)rings.desc, (u64)rings.avail, (u64)rings.used);
	kick(d);
	return settled(d) && used_index() == 1 &&
	       !(get8(d, VPCI_DEVICE_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
}

/* --- lies in the rings ---------------------------------------------------------------- */

static void indirect(u64 addr, u32 len)
{
	rings.desc[0] = (struct vring_desc){ addr, len, VRING_DESC_F_INDIRECT, 0 };
}

static void lie_loop(void)
{
	rings.desc[0].flags = VRING_DESC_F_NEXT;
}

static void lie_long_loop(void)
{
	for (u16 i = 0; i < SIZE; i++)
		rings.desc[i] = (struct vring_desc){ (u64)rings.frame, 1, VRING_DESC_F_NEXT,
						     (u16)((i + 1) % SIZE) };
}

static void lie_next(void)
{
	rings.desc[0].flags = VRING_DESC_F_NEXT;
	rings.desc[0].next = SIZE;
}

static void lie_head(void)
{
	avail()->ring[0] = 0xffff;
}

static void lie_index(void)
{
	avail()->idx = SIZE + 1;
}

static void lie_address(void)
{
	rings.desc[0].addr = NOWHERE;
}

static void lie_address_wraps(void)
{
	rings.desc[0].addr = ~0ull - 15;
}

static void lie_address_device(void)
{
	rings.desc[0].addr = 0xfec00000u;
}

static void lie_length(void)
{
	rings.desc[0].len = ~0u;
}

static void lie_length_sum(void)
{
	rings.desc[0].len = ~0u;
	rings.desc[0].flags = VRING_DESC_F_NEXT;
	rings.desc[0].next = 1;
	rings.desc[1] = (struct vring_desc){ (u64)rings.frame, ~0u, 0, 0 };
}

static void lie_empty(void)
{
	rings.desc[0].len = 0;
}

static void lie_short(void)
{
	rings.desc[0].len = 3;
}

static void lie_write_only(void)
{
	rings.desc[0].flags = VRING_DESC_F_WRITE;
}

static void lie_order(void)
{
	rings.desc[0].flags = VRING_DESC_F_WRITE | VRING_DESC_F_NEXT;
	rings.desc[0].next = 1;
	rings.desc[1] = (struct vring_desc){ (u64)rings.frame, FRAME_BYTES, 0, 0 };
}

static void lie_indirect_length(void)
{
	indirect((u64)rings.table, 17);
}

static void lie_indirect_address(void)
{
	indirect(NOWHERE, sizeof(rings.table));
}

static void lie_indirect_huge(void)
{
	indirect(0, 0xfffffff0u);
}

static void lie_indirect_nested(void)
{
	indirect((u64)rings.table, sizeof(rings.table));
	rings.table[0] = (struct vring_desc){ (u64)rings.table, sizeof(rings.table),
					      VRING_DESC_F_INDIRECT, 0 };
}

static void lie_indirect_loop(void)
{
	indirect((u64)rings.table, sizeof(rings.table));
	rings.table[0] = (struct vring_desc){ (u64)rings.frame, 64, VRING_DESC_F_NEXT, 0 };
}

static void (*const lies[])(void) = {
	lie_loop,
	lie_long_loop,
	lie_next,
	lie_head,
	lie_index,
	lie_address,
	lie_address_wraps,
	lie_address_device,
	lie_length,
	lie_length_sum,
	lie_empty,
	lie_short,
	lie_write_only,
	lie_order,
	lie_indirect_length,
	lie_indirect_address,
	lie_indirect_huge,
	lie_indirect_nested,
	lie_indirect_loop,
};

static const char *lie_in_rings(const struct device *d)
{
	u32 broken = 0;

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		prepare(d);
		negotiate(d);
		lies[i]();
		enable_queue(d, SIZE, (u64)rings.desc, (u64)rings.avail, (u64)rings.used);
		kick(d);
		if (!settled(d))
			return bad_say("FAIL: lie %u has no answer", i);
		broken += !!(get8(d, VPCI_DEVICE_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
		kick(d); /* a broken device is deaf */
		if (!works(d))
			return bad_say("FAIL: no work after lie %u", i);
	}
	return bad_say("PASS, %u of %u lies broke it", broken, (u32)ARRAY_SIZE(lies));
}

/* --- lies about frames ------------------------------------------------------------------ */

#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TCPV4 VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6 VIRTIO_NET_HDR_GSO_TCPV6
#define UFO 3 /* of earlier versions */
#define ECN 0x80
#define PAYLOAD_DESCS 4u
#define PLAIN_BYTES 1000u
#define IP_AT (MAC_AT + 14u)
#define TCP_START 34u /* in the frame */
#define TCP_CSUM_AT 16u

static const struct virtio_net_hdr frame_lies[] = {
	{ NEEDS_CSUM, 0, 0, 0, 0xffff, 0xffff, 0 },
	{ NEEDS_CSUM, 0, 0, 0, 0xffff, 0, 0 },
	{ NEEDS_CSUM, 0, 0, 0, TCP_START, 0xffff, 0 },
	{ NEEDS_CSUM, 0, 0, 0, 0x8000, 0x8000, 0 },
	{ 0, TCPV4, 54, 1400, TCP_START, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, TCPV4, 54, 0, TCP_START, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, TCPV4, 54, 1, TCP_START, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, TCPV4, 0xffff, 1400, TCP_START, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, TCPV4, 54, 1400, TCP_START + 1, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, TCPV4, 54, 1400, TCP_START, TCP_CSUM_AT + 1, 0 },
	{ NEEDS_CSUM, TCPV4, 54, 1400, 0xffff, 0xffff, 0 },
	{ NEEDS_CSUM, TCPV4 | ECN, 54, 0, TCP_START, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, TCPV6, 54, 1400, TCP_START, TCP_CSUM_AT, 0 },
	{ NEEDS_CSUM, UFO, 42, 1400, TCP_START, 6, 0 },
	{ NEEDS_CSUM, 0x7f, 54, 1400, TCP_START, TCP_CSUM_AT, 0 },
};

/* A TCP segment over IPv4, all right but for the header in front of it: a long one, or as
 * long as a wire carries where it is not to be cut. */
static void fill_segment(const struct virtio_net_hdr *h)
{
	u8 *ip = rings.frame + IP_AT, *tcp = rings.frame + MAC_AT + TCP_START;
	u16 more = h->gso_type ? PAYLOAD_DESCS : 0;
	u32 piece = more ? sizeof(rings.frame) : PLAIN_BYTES, len = piece * (1u + more) - IP_AT;

	memcpy(rings.frame, h, sizeof(*h));
	ip[-2] = 0x08;
	ip[0] = 0x45;
	ip[2] = (u8)(len >> 8);
	ip[3] = (u8)len;
	ip[8] = 64;
	ip[9] = 6;
	tcp[12] = 0x50;
	for (u16 i = 0; i <= more; i++)
		rings.desc[i] = (struct vring_desc){
			.addr = (u64)rings.frame,
			.len = piece,
			.flags = i < more ? VRING_DESC_F_NEXT : 0,
			.next = (u16)(i + 1),
		};
}

/* Frames whose headers contradict them are dropped and counted, no more. */
static const char *lie_about_frames(const struct device *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(frame_lies); i++) {
		prepare(d);
		fill_segment(&frame_lies[i]);
		negotiate(d);
		enable_queue(d, SIZE, (u64)rings.desc, (u64)rings.avail, (u64)rings.used);
		kick(d);
		if (!settled(d) || used_index() != 1)
			return bad_say("FAIL: the frame of lie %u does not come back", i);
		if (!works(d))
			return bad_say("FAIL: no work after lie %u", i);
	}
	return bad_say("PASS, %u lies", (u32)ARRAY_SIZE(frame_lies));
}

/* --- lies in the registers --------------------------------------------------------------- */

static const struct lie_setup {
	u16 size;
	u64 desc, driver, device; /* 0: the right one */
} setups[] = {
	{ 0, 0, 0, 0 },
	{ 3, 0, 0, 0 },
	{ 0x8000, 0, 0, 0 },
	{ 0xffff, 0, 0, 0 },
	{ SIZE, 8, 0, 0 },
	{ SIZE, 0, 1, 0 },
	{ SIZE, 0, 0, 2 },
	{ SIZE, NOWHERE, 0, 0 },
	{ SIZE, 0, NOWHERE, 0 },
	{ SIZE, 0, 0, NOWHERE },
	{ SIZE, 0xfee00000u, 0xfec00000u, 0xe0000000u },
	{ SIZE, ~15ull, ~1ull, ~3ull },
};

static const char *lie_in_setup(const struct device *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(setups); i++) {
		const struct lie_setup *s = &setups[i];

		prepare(d);
		negotiate(d);
		enable_queue(d, s->size, s->desc ? s->desc : (u64)rings.desc,
			     s->driver ? s->driver : (u64)rings.avail,
			     s->device ? s->device : (u64)rings.used);
		if (!(get8(d, VPCI_DEVICE_STATUS) & VIRTIO_STATUS_NEEDS_RESET))
			return bad_say("FAIL: setup %u was taken", i);
		kick(d);
		if (!works(d))
			return bad_say("FAIL: no work after setup %u", i);
	}
	return "PASS";
}

/* Every register in every width, while the queue is in use; then what drivers
 * do in the wrong order. */
static const char *scribble(const struct device *d)
{
	if (!works(d))
		return "FAIL: it does not work to begin with";
	for (u32 at = 0; at < VIRTIO_PCI_CONFIG_BAR_BYTES; at += at < 0x240 ? 1 : 61) {
		u64 a = (u64)d->regs + at;

		*(volatile u8 *)a = *(volatile u8 *)a ^ 0xa5;
		*(volatile u16 *)a = 0xffff;
		*(volatile u32 *)a = 0x80000001;
		*(volatile u64 *)a = ~*(volatile u64 *)a;
	}
	for (u16 q = 0; q < 64; q++) {
		set16(d, VPCI_QUEUE_SELECT, (u16)(q * 1031));
		set16(d, VPCI_QUEUE_ENABLE, 1);
		out16((u16)(d->notify + q % 16), q);
	}
	for (u32 status = 0; status < 256; status++) {
		set_status(d, (u8)status);
		kick(d);
	}
	return works(d) ? "PASS" : "FAIL: no work after it";
}

/* Interrupt messages to anywhere, and a device that is switched off meanwhile. */
static const char *misdirect(const struct device *d)
{
	volatile u32 *table =
		(volatile u32 *)(uintptr_t)(pci_read(d->pci, PCI_BAR(VIRTIO_PCI_BAR_MSIX)) &
					    BAR_ADDR_MASK);
	static const u32 targets[] = { 0, 0xfee00000, 0xfee00004, 0xfeeff00c, NOWHERE, ~3u };
	u32 command = pci_read(d->pci, 4);

	for (u32 i = 0; i < ARRAY_SIZE(targets); i++) {
		for (u32 vector = 0; vector < 4; vector++) {
			table[4 * vector] = targets[i];
			table[4 * vector + 1] = i & 1 ? ~0u : 0;
			table[4 * vector + 2] = 0x700 * i + vector; /* NMI, INIT, ... as well */
			table[4 * vector + 3] = 0;
		}
		prepare(d);
		negotiate(d);
		set16(d, VPCI_QUEUE_MSIX_VECTOR, (u16)(i * 3));
		enable_queue(d, SIZE, (u64)rings.desc, (u64)rings.avail, (u64)rings.used);
		pci_write(d->pci, 4, 0);
		kick(d);
		pci_write(d->pci, 4, command | ~0u);
		kick(d);
	}
	pci_write(d->pci, 4, command);
	for (u32 bar = 0; bar < 6; bar++) {
		u32 was = pci_read(d->pci, PCI_BAR(bar));

		pci_write(d->pci, PCI_BAR(bar), ~0u);
		pci_write(d->pci, PCI_BAR(bar), 0xfec00000u);
		pci_write(d->pci, PCI_BAR(bar), 0);
		pci_write(d->pci, PCI_BAR(bar), was);
	}
	return works(d) ? "PASS" : "FAIL: no work after it";
}

/* --- the cases --------------------------------------------------------------------------- */

static void ignore(struct trap_frame *f)
{
	(void)f;
}

static const char *on_device(u16 id, u16 queue, const char *(*run)(const struct device *))
{
	struct device d;

	irq_hook[VECTOR_NMI] = ignore;
	return open_device(&d, id, queue) ? run(&d) : "FAIL: there is no such device";
}

static const char *net_rings(u64 number)
{
	(void)number;
	return on_device(DEVICE_NET, QUEUE_TX, lie_in_rings);
}

static const char *net_frames(u64 number)
{
	(void)number;
	return on_device(DEVICE_NET, QUEUE_TX, lie_about_frames);
}

static const char *net_control(u64 number)
{
	(void)number;
	return on_device(DEVICE_NET, QUEUE_NET_CONTROL, lie_in_rings);
}

static const char *net_setup(u64 number)
{
	(void)number;
	return on_device(DEVICE_NET, QUEUE_TX, lie_in_setup);
}

static const char *net_scribble(u64 number)
{
	(void)number;
	return on_device(DEVICE_NET, QUEUE_TX, scribble);
}

static const char *net_misdirect(u64 number)
{
	(void)number;
	return on_device(DEVICE_NET, QUEUE_TX, misdirect);
}

static const char *console_rings(u64 number)
{
	(void)number;
	return on_device(DEVICE_CONSOLE, QUEUE_TX, lie_in_rings);
}

static const char *disk_rings(u64 number)
{
	(void)number;
	return on_device(DEVICE_DISK, QUEUE_ONLY, lie_in_rings);
}

static const char *disk_scribble(u64 number)
{
	(void)number;
	return on_device(DEVICE_DISK, QUEUE_ONLY, scribble);
}

static const char *entropy_rings(u64 number)
{
	(void)number;
	return on_device(DEVICE_ENTROPY, QUEUE_ONLY, lie_in_rings);
}

static const char *console_setup(u64 number)
{
	(void)number;
	return on_device(DEVICE_CONSOLE, QUEUE_TX, lie_in_setup);
}

static const char *console_scribble(u64 number)
{
	(void)number;
	return on_device(DEVICE_CONSOLE, QUEUE_TX, scribble);
}

const struct bad_case virtio_cases[] = {
	{ "net-rings", net_rings },
	{ "net-frames", net_frames },
	{ "net-control", net_control },
	{ "net-setup", net_setup },
	{ "net-scribble", net_scribble },
	{ "net-misdirect", net_misdirect },
	{ "console-rings", console_rings },
	{ "console-setup", console_setup },
	{ "console-scribble", console_scribble },
	{ "disk-rings", disk_rings },
	{ "disk-scribble", disk_scribble },
	{ "entropy-rings", entropy_rings },
	{ NULL, NULL },
};
