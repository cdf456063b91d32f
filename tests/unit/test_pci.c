/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI bus as Linux enumerates it; MSI-X with its masks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "hv/emul/machine.h"
#include "hv/emul/pci.h"

#define ENABLE 0x80000000u
#define MSIX_ENABLE 0x8000
#define MSIX_FUNCTION_MASK 0x4000

static struct iomap io, mem;
static struct pci_bus bus;
static struct pci_dev dev, other;
static u32 msis, last_data;
static u64 last_addr;
static u32 work, served; /* what a sender has done, and what a message told of */
static bool torn;	 /* a message of half an entry */
static u32 bar_accesses, reset_value, cfg_writes;
static void *bar_ctx;

static void on_msi(void *ctx, u64 addr, u32 data)
{
	u32 now, was = __atomic_load_n(&served, __ATOMIC_RELAXED);

	(void)ctx;
	__atomic_fetch_add(&msis, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&last_addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&last_data, data, __ATOMIC_RELAXED);
	if ((addr - 0xfee00000) >> 12 != data)
		__atomic_store_n(&torn, true, __ATOMIC_RELAXED);
	now = __atomic_load_n(&work, __ATOMIC_ACQUIRE);
	while (was < now && !__atomic_compare_exchange_n(&served, &was, now, false,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static const struct irq_sink sink = { .msi = on_msi };

static void on_bar(void *ctx, struct io_access *a)
{
	bar_ctx = ctx;
	bar_accesses++;
	if (!a->write)
		a->value = 0xb0 + a->addr;
}

static void on_reset(void *ctx, struct io_access *a)
{
	(void)ctx;
	if (a->write)
		reset_value = (u32)a->value;
	else
		a->value = 0x5a;
}

static void on_cfg_written(struct pci_dev *d, u8 off, u8 size)
{
	(void)d;
	(void)off;
	(void)size;
	cfg_writes++;
}

static const struct pci_windows win = {
	MACHINE_ECAM_BASE, MACHINE_PCI_IO_BASE, MACHINE_PCI_IO_SIZE,
	MACHINE_PCI_MEM_BASE, MACHINE_PCI_MEM_SIZE,
};

static const struct pci_ids ids = {
	.vendor = 0x1af4, .device = 0x1041, .subvendor = 0x1af4, .subdevice = 0x41,
	.class_code = 0x020000, .revision = 1,
};

static int setup(void **state)
{
	const u8 cap[6] = { 8, 1, 2, 3, 4, 5 };

	(void)state;
	memset(&io, 0, sizeof(io));
	memset(&mem, 0, sizeof(mem));
	msis = bar_accesses = reset_value = cfg_writes = 0;
	assert_int_equal(pci_bus_init(&bus, &io, &mem, &sink, &win), ERR_OK);
	pci_dev_init(&dev, &ids, &cfg_writes);
	dev.cfg_written = on_cfg_written;
	assert_int_equal(pci_dev_bar(&dev, 0, true, 64, "notify", on_bar), ERR_OK);
	assert_int_equal(pci_dev_msix(&dev, 1, 3), ERR_OK);
	assert_int_equal(pci_dev_bar(&dev, 2, false, 0x4000, "config", on_bar), ERR_OK);
	assert_int_not_equal(pci_dev_cap(&dev, 9, cap, 8), 0);
	assert_int_equal(pci_bus_add(&bus, &dev), ERR_OK);
	pci_dev_init(&other, &ids, NULL);
	assert_int_equal(pci_dev_bar(&other, 0, true, 64, "notify", on_bar), ERR_OK);
	assert_int_equal(pci_bus_add(&bus, &other), ERR_OK);
	return 0;
}

static u64 access(struct iomap *m, u64 addr, u8 size, bool write, u64 value)
{
	struct io_access a = { .addr = addr, .value = value, .size = size, .write = write };

	iomap_access(m, &a);
	return a.value;
}

static u32 cfg_rd(u32 devno, u32 reg, u8 size)
{
	access(&io, 0xcf8, 4, true, ENABLE | devno << 11 | (reg & 0xfc));
	return (u32)access(&io, 0xcfc + (reg & 3), size, false, 0);
}

static void cfg_wr(u32 devno, u32 reg, u8 size, u32 value)
{
	access(&io, 0xcf8, 4, true, ENABLE | devno << 11 | (reg & 0xfc));
	access(&io, 0xcfc + (reg & 3), size, true, value);
}

static u32 ecam_rd(u32 devno, u32 reg, u8 size)
{
	return (u32)access(&mem, MACHINE_ECAM_BASE + (devno << 15) + reg, size, false, 0);
}

static void ecam_wr(u32 devno, u32 reg, u8 size, u32 value)
{
	access(&mem, MACHINE_ECAM_BASE + (devno << 15) + reg, size, true, value);
}

static void enumeration(void **state)
{
	(void)state;
	/* pci_check_type1() */
	access(&io, 0xcf8, 4, true, ENABLE);
	assert_int_equal(access(&io, 0xcf8, 4, false, 0), ENABLE);
	assert_int_equal(cfg_rd(0, 0x0a, 2), 0x0600);
	assert_int_equal(cfg_rd(0, 0, 4), 0x0d578086);
	assert_int_equal(cfg_rd(1, 0, 4), 0x10411af4);
	assert_int_equal(cfg_rd(1, 8, 4), 0x02000001);
	assert_int_equal(cfg_rd(1, 0x2c, 4), 0x00411af4);
	assert_int_equal(cfg_rd(1, 0x0e, 1), 0);
	assert_int_equal(cfg_rd(3, 0, 4), 0xffffffff);
	assert_int_equal(ecam_rd(1, 0, 4), 0x10411af4);
	assert_int_equal(ecam_rd(1, 2, 2), 0x1041);
	assert_int_equal(ecam_rd(31, 0, 2), 0xffff);
	/* Function 1, bus 1, or disabled: nobody. */
	access(&io, 0xcf8, 4, true, ENABLE | 1 << 11 | 1 << 8);
	assert_int_equal((u32)access(&io, 0xcfc, 4, false, 0), 0xffffffff);
	access(&io, 0xcf8, 4, true, ENABLE | 1 << 16);
	assert_int_equal((u32)access(&io, 0xcfc, 4, false, 0), 0xffffffff);
	access(&io, 0xcf8, 4, true, 1 << 11);
	assert_int_equal((u32)access(&io, 0xcfc, 4, false, 0), 0xffffffff);
	/* No extended configuration space: pci_cfg_space_size(). */
	assert_int_equal(ecam_rd(0, 0x100, 4), 0xffffffff);
	assert_int_equal(ecam_rd(1, 0xfe, 4), 0xffffffff);
	/* 64-bit ECAM reads are two of 32. */
	assert_int_equal(access(&mem, MACHINE_ECAM_BASE + (1 << 15), 8, false, 0),
			 (u64)ecam_rd(1, 4, 4) << 32 | 0x10411af4);
	/* Read-only registers are. */
	cfg_wr(1, 0, 4, 0);
	cfg_wr(1, 8, 4, 0);
	assert_int_equal(cfg_rd(1, 0, 4), 0x10411af4);
	assert_int_equal(cfg_rd(1, 8, 4), 0x02000001);
}

static void reset_port_inside_cf8(void **state)
{
	(void)state;
	assert_int_equal(access(&io, 0xcf9, 1, false, 0), 0xff);
	pci_bus_reset_port(&bus, on_reset, NULL);
	access(&io, 0xcf8, 4, true, ENABLE | 1 << 11);
	access(&io, 0xcf9, 1, true, 6);
	assert_int_equal(reset_value, 6);
	assert_int_equal(access(&io, 0xcf9, 1, false, 0), 0x5a);
	/* Byte and word accesses leave the address alone. */
	access(&io, 0xcf8, 1, true, 0x40);
	access(&io, 0xcf8, 2, true, 0x40);
	assert_int_equal(access(&io, 0xcf8, 4, false, 0), ENABLE | 1 << 11);
	assert_int_equal(access(&io, 0xcf8, 1, false, 0), 0xff);
}

static void capability_list(void **state)
{
	u32 at;

	(void)state;
	assert_true(cfg_rd(1, 6, 2) & 0x10);
	at = cfg_rd(1, 0x34, 1);
	assert_int_equal(at, 0x40);
	assert_int_equal(cfg_rd(1, at, 1), 0x11);
	assert_int_equal(cfg_rd(1, at + 2, 2), 2);
	assert_int_equal(cfg_rd(1, at + 4, 4), 1);
	assert_int_equal(cfg_rd(1, at + 8, 4), 0x801);
	at = cfg_rd(1, at + 1, 1);
	assert_int_equal(at, 0x4c);
	assert_int_equal(cfg_rd(1, at, 4), 0x01080009);
	assert_int_equal(cfg_rd(1, at + 1, 1), 0);
	assert_false(cfg_rd(2, 6, 2) & 0x10);
}

static void capability_room(void **state)
{
	struct pci_dev d;
	const u8 data[30] = { 0 };
	u32 n = 0;

	(void)state;
	pci_dev_init(&d, &ids, NULL);
	while (pci_dev_cap(&d, 9, data, 32))
		n++;
	assert_int_equal(n, 6);
	assert_int_equal(pci_dev_cap(&d, 9, data, 2), 0);
	assert_int_equal(pci_dev_msix(&d, 0, 1), ERR_NOMEM);
	assert_int_equal(d.bar[0].size, 0);
}

/* __pci_read_base(): decoding off, all ones, read, restore, decoding on. */
static void bar_sizing(void **state)
{
	u32 command, bar;

	(void)state;
	command = cfg_rd(1, 4, 2);
	assert_int_equal(command, 3);
	cfg_wr(1, 4, 2, command & ~3u);
	bar = cfg_rd(1, 0x10, 4);
	assert_int_equal(bar, MACHINE_PCI_IO_BASE | 1);
	cfg_wr(1, 0x10, 4, 0xffffffff);
	assert_int_equal(cfg_rd(1, 0x10, 4), 0xffffffc1);
	cfg_wr(1, 0x10, 4, bar);
	bar = cfg_rd(1, 0x18, 4);
	assert_int_equal(bar, MACHINE_PCI_MEM_BASE + 0x4000);
	cfg_wr(1, 0x18, 4, 0xffffffff);
	assert_int_equal(cfg_rd(1, 0x18, 4), 0xffffc000);
	cfg_wr(1, 0x18, 4, bar);
	cfg_wr(1, 0x1c, 4, 0xffffffff);
	assert_int_equal(cfg_rd(1, 0x1c, 4), 0);
	cfg_wr(1, 0x30, 4, 0xfffff800); /* no ROM */
	assert_int_equal(cfg_rd(1, 0x30, 4), 0);
	assert_int_equal((u32)access(&io, MACHINE_PCI_IO_BASE, 4, false, 0), 0xffffffff);
	cfg_wr(1, 4, 2, command);
	assert_int_equal(access(&io, MACHINE_PCI_IO_BASE + 2, 2, false, 0), 0xb2);
	assert_ptr_equal(bar_ctx, &cfg_writes);
	/* Sizing with decoding on: nowhere meanwhile, then back. */
	cfg_wr(1, 0x10, 4, 0xffffffff);
	assert_false(dev.bar[0].mapped);
	cfg_wr(1, 0x10, 4, MACHINE_PCI_IO_BASE);
	assert_true(dev.bar[0].mapped);
}

static void bars_move(void **state)
{
	u32 there = MACHINE_PCI_IO_BASE + 0x800;

	(void)state;
	cfg_wr(1, 0x10, 4, there | 1);
	assert_int_equal(access(&io, there + 4, 2, false, 0), 0xb4);
	assert_int_equal(access(&io, MACHINE_PCI_IO_BASE, 2, false, 0), 0xffff);
	/* Memory decoding is a switch of its own. */
	cfg_wr(1, 4, 2, 1);
	assert_int_equal((u32)access(&mem, MACHINE_PCI_MEM_BASE + 0x4000, 4, false, 0),
			 0xffffffff);
	assert_true(dev.bar[0].mapped);
	cfg_wr(1, 4, 2, 7);
	assert_true(dev.bar[2].mapped);
	/* Outside the windows nothing is decoded: no device over RAM. */
	cfg_wr(1, 0x18, 4, 0x100000);
	assert_false(dev.bar[2].mapped);
	cfg_wr(1, 0x18, 4, 0xfee00000);
	assert_false(dev.bar[2].mapped);
	/* Two at one place: the later one waits until the first has gone. */
	cfg_wr(2, 0x10, 4, there);
	assert_false(other.bar[0].mapped);
	cfg_wr(1, 0x10, 4, MACHINE_PCI_IO_BASE);
	assert_true(other.bar[0].mapped);
	assert_int_equal(other.bar[0].base, there);
	/* By bytes, as nobody does. */
	for (u32 i = 0; i < 4; i++)
		cfg_wr(2, 0x10 + i, 1, (MACHINE_PCI_IO_BASE + 0x400) >> i * 8 & 0xff);
	assert_int_equal(other.bar[0].base, MACHINE_PCI_IO_BASE + 0x400);
	assert_true(other.bar[0].mapped);
}

static void reset_brings_home(void **state)
{
	(void)state;
	ecam_wr(1, 0x10, 4, MACHINE_PCI_IO_BASE + 0x800);
	ecam_wr(1, 4, 2, 0);
	ecam_wr(1, 0x3c, 1, 11);
	ecam_wr(1, 0x42, 2, MSIX_ENABLE);
	assert_true(pci_msix_enabled(&dev));
	pci_bus_reset(&bus);
	assert_false(pci_msix_enabled(&dev));
	assert_int_equal(ecam_rd(1, 0x10, 4), MACHINE_PCI_IO_BASE | 1);
	assert_int_equal(ecam_rd(1, 0x18, 4), MACHINE_PCI_MEM_BASE + 0x4000);
	assert_int_equal(ecam_rd(1, 4, 2), 3);
	assert_int_equal(ecam_rd(1, 0x3c, 1), 0);
	assert_int_equal(access(&io, MACHINE_PCI_IO_BASE, 2, false, 0), 0xb0);
}

static u32 table(u32 off)
{
	return (u32)access(&mem, MACHINE_PCI_MEM_BASE + off, 4, false, 0);
}

static void table_wr(u32 off, u32 value)
{
	access(&mem, MACHINE_PCI_MEM_BASE + off, 4, true, value);
}

static void msix(void **state)
{
	(void)state;
	assert_false(pci_msix_notify(&dev, 0));
	assert_int_equal(table(0xc), 1);
	/* As msix_capability_init() does: enabled, function masked, then filled. */
	cfg_wr(1, 0x42, 2, MSIX_ENABLE | MSIX_FUNCTION_MASK);
	assert_int_equal(cfg_rd(1, 0x42, 2), MSIX_ENABLE | MSIX_FUNCTION_MASK | 2);
	table_wr(0x10, 0xfee01000);
	table_wr(0x14, 0);
	table_wr(0x18, 0x4051);
	assert_int_equal(table(0x10), 0xfee01000);
	assert_int_equal(table(0x18), 0x4051);
	table_wr(0x1c, 0);
	assert_true(pci_msix_notify(&dev, 1));
	assert_int_equal(msis, 0);
	assert_int_equal(table(0x800), 2);
	cfg_wr(1, 0x42, 2, MSIX_ENABLE);
	assert_int_equal(msis, 1);
	assert_int_equal(last_addr, 0xfee01000);
	assert_int_equal(last_data, 0x4051);
	assert_int_equal(table(0x800), 0);
	assert_true(pci_msix_notify(&dev, 1));
	assert_int_equal(msis, 2);
	/* Masked alone: pending, once. */
	table_wr(0x1c, 1);
	assert_true(pci_msix_notify(&dev, 1));
	assert_true(pci_msix_notify(&dev, 1));
	assert_int_equal(msis, 2);
	table_wr(0x800, 0); /* read only */
	assert_int_equal(table(0x800), 2);
	table_wr(0x1c, 0);
	assert_int_equal(msis, 3);
	assert_int_equal(bus.msi_sent, 3);
	/* No such vector. */
	assert_false(pci_msix_notify(&dev, 3));
	assert_false(pci_msix_notify(&dev, 0xffff));
	table_wr(0x30, 0xffffffff);
	assert_int_equal(table(0x30), 0);
	assert_int_equal(table(0xffc), 0);
	/* Quadwords are legal, bytes read. */
	access(&mem, MACHINE_PCI_MEM_BASE + 0x20, 8, true, 0x1fee02000ull);
	assert_int_equal(access(&mem, MACHINE_PCI_MEM_BASE + 0x20, 8, false, 0), 0x1fee02000ull);
	assert_int_equal(access(&mem, MACHINE_PCI_MEM_BASE + 0x21, 1, false, 0), 0x20);
}

#define WORK 200000u

static void *send_messages(void *arg)
{
	(void)arg;
	for (u32 i = 1; i <= WORK; i++) {
		__atomic_store_n(&work, i, __ATOMIC_RELEASE);
		pci_msix_notify(&dev, 1);
	}
	return NULL;
}

/* The guest moves an interrupt from one vCPU to the next, masked meanwhile, as Linux
 * does: no message is of both, and none is lost. */
static void msix_moves_while_others_send(void **state)
{
	pthread_t sender;

	(void)state;
	cfg_wr(1, 0x42, 2, MSIX_ENABLE);
	torn = false;
	work = served = 0;
	assert_int_equal(pthread_create(&sender, NULL, send_messages, NULL), 0);
	for (u32 i = 0; __atomic_load_n(&work, __ATOMIC_ACQUIRE) < WORK || i < 100; i++) {
		u32 cpu = i % 8;

		table_wr(0x1c, 1);
		table_wr(0x10, 0xfee00000 + (cpu << 12));
		table_wr(0x18, cpu);
		table_wr(0x1c, 0);
	}
	pthread_join(sender, NULL);
	assert_false(torn);
	assert_int_equal(served, WORK);
	assert_int_equal(table(0x800), 0);
}

static void bad_setups(void **state)
{
	struct pci_dev d;

	(void)state;
	pci_dev_init(&d, &ids, NULL);
	assert_int_equal(pci_dev_bar(&d, 6, true, 64, "", on_bar), ERR_INVAL);
	assert_int_equal(pci_dev_bar(&d, 0, true, 48, "", on_bar), ERR_INVAL);
	assert_int_equal(pci_dev_bar(&d, 0, true, 2, "", on_bar), ERR_INVAL);
	assert_int_equal(pci_dev_bar(&d, 0, false, 256, "", on_bar), ERR_INVAL);
	assert_int_equal(pci_dev_msix(&d, 1, PCI_MSIX_MAX + 1), ERR_INVAL);
	assert_int_equal(pci_dev_msix(&d, 1, 0), ERR_INVAL);
	assert_int_equal(pci_dev_bar(&d, 0, true, 64, "", on_bar), ERR_OK);
	assert_int_equal(pci_dev_bar(&d, 0, true, 64, "", on_bar), ERR_EXIST);
	assert_int_equal(pci_dev_bar(&d, 1, true, 0x2000, "", on_bar), ERR_OK);
	/* The I/O window is smaller than that; nothing is left behind. */
	assert_int_equal(pci_bus_add(&bus, &d), ERR_NOMEM);
	assert_null(bus.dev[3]);
	pci_dev_init(&d, &ids, NULL);
	assert_int_equal(pci_dev_bar(&d, 0, true, 64, "", on_bar), ERR_OK);
	assert_int_equal(pci_bus_add(&bus, &d), ERR_OK);
	assert_int_equal(d.bar[0].home, MACHINE_PCI_IO_BASE + 128);
}

/* Functions come and go while a guest is stopped; their place is used again. */
static void remove_and_add(void **state)
{
	(void)state;
	for (u32 i = 0; i < 1000; i++) {
		pci_bus_remove(&bus, &dev);
		assert_int_equal(ecam_rd(1, 0, 4), 0xffffffff);
		assert_int_equal((u32)access(&io, MACHINE_PCI_IO_BASE, 4, false, 0), 0xffffffff);
		assert_int_equal(pci_bus_add(&bus, &dev), ERR_OK);
		assert_int_equal(dev.bar[0].base, MACHINE_PCI_IO_BASE);
		assert_int_equal(dev.bar[2].base, MACHINE_PCI_MEM_BASE + 0x4000);
	}
	assert_int_equal(ecam_rd(1, 0, 4), 0x10411af4);
}

/* A full window is an error, not an overlap. */
static void window_full(void **state)
{
	static struct pci_dev many[5];
	u32 n = 0;

	(void)state;
	for (; n < ARRAY_SIZE(many); n++) {
		pci_dev_init(&many[n], &ids, NULL);
		assert_int_equal(pci_dev_bar(&many[n], 0, true, 0x400, "", on_bar), ERR_OK);
		if (pci_bus_add(&bus, &many[n]))
			break;
	}
	/* Of the four places of 400h one is in use by the small ones. */
	assert_int_equal(n, 3);
	pci_bus_remove(&bus, &many[1]);
	assert_int_equal(pci_bus_add(&bus, &many[3]), ERR_OK);
	assert_int_equal(many[3].bar[0].base, MACHINE_PCI_IO_BASE + 0x800);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(enumeration), T(reset_port_inside_cf8), T(capability_list), T(capability_room),
		T(bar_sizing), T(bars_move), T(reset_brings_home), T(msix), T(bad_setups),
		T(remove_and_add), T(window_full), T(msix_moves_while_others_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
