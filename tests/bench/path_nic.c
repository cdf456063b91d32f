/* SPDX-License-Identifier: BSD-2-Clause */
/* A NIC in memory and its driver, see path_nic.h. */
#include "tests/bench/path_nic.h"

#include <stdlib.h>
#include <string.h>

#include <arch/mmio.h>

#include "drivers/nic/ixgbe_regs.h"
#include "hv/base/plat.h"

#define PAGE 4096u

struct mmio_counts mmio_counts;
const u8 path_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };

/* The first is the one that figures without a NIC's name are of. */
static const struct path_device *const devices[] = { &path_e1000, &path_e1000e, &path_igb,
						     &path_ixgbe, &path_vnic };
static const struct path_device *device = &path_e1000;
static u32 regs[IXGBE_REGS_SIZE / sizeof(u32)]; /* the largest block of theirs */

u32 *path_reg(u32 offset)
{
	return &regs[offset / sizeof(u32)];
}

void *path_ring(u32 low, u32 high)
{
	return (void *)(uintptr_t)(*path_reg(low) | (u64)*path_reg(high) << 32);
}

u32 mmio_read32(const volatile void *addr)
{
	mmio_counts.reads++;
	return device->read((u32)((uintptr_t)addr - (uintptr_t)regs));
}

static void *dma_alloc(size_t bytes, bus_t *bus)
{
	size_t size = ALIGN_UP(bytes, (size_t)PAGE);
	void *p = aligned_alloc(PAGE, size);

	if (p)
		memset(p, 0, size);
	bus->v = (u64)(uintptr_t)p;
	return p;
}

static void dma_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

const char *path_nic_name(u32 i)
{
	return i < ARRAY_SIZE(devices) ? devices[i]->name : NULL;
}

bool path_nic_use(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(devices); i++) {
		if (!strcmp(name, devices[i]->name)) {
			device = devices[i];
			return true;
		}
	}
	return false;
}

void path_nic_up(struct nic *nic, struct pkt_pool *rx_pool)
{
	struct nic_resources res = {
		.regs = regs,
		.regs_size = sizeof(regs),
		.device = device->device,
		.queues = 1,
		.rx_pool = { rx_pool },
		.dma_alloc = dma_alloc,
		.dma_free = dma_free,
	};
	err_t err;

	memset(regs, 0, sizeof(regs));
	device->up(&res);
	*nic = (struct nic){ .ops = nic_driver_find(device->vendor, device->device),
			     .name = "nic" };
	err = nic->ops->attach(nic, &res);
	if (err != ERR_OK)
		die("the NIC does not come up: %s", err_str(err));
	path_nic_send(); /* what a driver tries at first */
	nic->ops->tx_reclaim(nic, 0);
}

void path_nic_down(struct nic *nic)
{
	nic->ops->detach(nic);
}

u32 path_nic_send(void)
{
	return device->send();
}

u32 path_nic_last(u8 *out, u32 size)
{
	return device->last(out, size);
}

bool path_nic_receive(const void *frame, u32 len)
{
	return device->receive(frame, len);
}
