/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical NICs: finding them, attaching their drivers, the interrupts that work. */
#include "hv/uplink_priv.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/netcore.h"
#include "hv/uplink_queue.h"

/* An interrupt that was asked for arrives within this time, or never ... */
#define IRQ_TEST_NS (100ull * 1000 * 1000)
/* ... counted from when the frame is sent that some NICs need for it. */
#define IRQ_FRAME_NS (1000ull * 1000 * 1000)
/* One that stays in its reset gets so many chances, with growing pauses between them. */
#define ATTEMPTS 4u
#define FIRST_PAUSE_NS (10ull * 1000 * 1000)
#define PAUSE_GROWS 4u

static u32 found; /* NICs with a driver */

/* --- what a driver is given ------------------------------------------------------ */

static u32 read_config(void *pci, u32 off)
{
	return pci_read32(pci, off);
}

static volatile void *map_bar(void *pci, u32 bar, size_t *size)
{
	const struct pci_func *f = pci;
	volatile void *regs = pci_map_bar(f, bar);

	*size = regs ? f->bar[bar].size : 0;
	return regs;
}

static err_t make_rx_pool(struct uplink *up)
{
	static const char *const names[UPLINK_MAX] = { "receive", "receive1", "receive2",
						       "receive3" };

	if (up->rx_pool.count)
		return ERR_OK; /* of an attempt before */
	return netcore_make_pool(&up->rx_pool, names[up->index], 0, UPLINK_RX_PACKETS,
				 PKT_HEADROOM + UPLINK_RX_BUFFER);
}

static void pause(u64 ns)
{
	u64 end = plat_now_ns() + ns;

	while (plat_now_ns() < end)
		plat_relax();
}

static err_t attach_driver(struct uplink *up, enum nic_irq irq, u32 queues)
{
	struct nic_resources res = {
		.device = up->func->device,
		.irq = irq,
		.pci = up->func,
		.pci_read32 = read_config,
		.map_bar = map_bar,
		.queues = queues,
		.rx_pool = { &up->rx_pool },
		.dma_alloc = netcore_dma_alloc,
		.dma_free = netcore_dma_free,
		.may_reset = uplink_may_reset,
		.ctx = up,
	};
	u64 wait = FIRST_PAUSE_NS;
	err_t err;

	for (u32 i = 1; i < queues; i++)
		res.rx_pool[i] = &up->queue[i]->rx_pool;
	res.regs = map_bar(up->func, 0, &res.regs_size);
	/* Its buffers are with other cores after a failure, where there are several queues. */
	for (u32 i = 0; i < (queues > 1 ? 1 : ATTEMPTS); i++) {
		if (i)
			pause(wait);
		err = up->nic.ops->attach(&up->nic, &res);
		if (err != ERR_TIMEOUT)
			break;
		wait *= PAUSE_GROWS;
	}
	__atomic_store_n(&up->attached, !err, __ATOMIC_RELEASE);
	return err;
}

/* --- interrupts --------------------------------------------------------------------- */

/* Ask the NIC for an interrupt and see whether it comes. */
static bool irq_works(struct uplink *up, enum pci_irq_kind kind)
{
	u32 idle = up->nic.ops->tx_room(&up->nic, 0);
	u64 now = plat_now_ns(), last = now + IRQ_FRAME_NS, end = now + IRQ_TEST_NS;

	if (pci_irq_enable(up->func, kind, uplink_irq, up))
		return false;
	up->irq_seen = 0;
	up->nic.ops->irq_test(&up->nic);
	while (!__atomic_load_n(&up->irq_seen, __ATOMIC_ACQUIRE) && now < end) {
		plat_relax();
		now = plat_now_ns();
		if (now < last && up->nic.ops->tx_room(&up->nic, 0) < idle)
			end = now + IRQ_TEST_NS;
	}
	return __atomic_load_n(&up->irq_seen, __ATOMIC_ACQUIRE);
}

static void detach_driver(struct uplink *up)
{
	__atomic_store_n(&up->attached, false, __ATOMIC_RELEASE);
	up->nic.ops->detach(&up->nic);
}

/* Attached with the best interrupts that arrive, else to be polled. */
static err_t attach_best(struct uplink *up)
{
	for (u32 k = 0; k < PCI_IRQ_KINDS; k++) {
		enum pci_irq_kind kind = (enum pci_irq_kind)k;
		err_t err = pci_irq_prepare(up->func, kind);

		if (!err)
			err = attach_driver(up, kind == PCI_IRQ_MSIX ? NIC_IRQ_MSIX : NIC_IRQ_LINE,
					    1);
		if (!err && irq_works(up, kind)) {
			up->irq = kind;
			return ERR_OK;
		}
		if (!err) {
			log_info("uplink", "%u: no %s from it", up->index, pci_irq_name(kind));
			detach_driver(up);
		} else if (err != ERR_NOENT && err != ERR_NOTSUP) {
			return err;
		}
		pci_irq_disable(up->func, kind);
	}
	up->polled = true;
	return attach_driver(up, NIC_IRQ_LINE, 1);
}

/* --- attaching ------------------------------------------------------------------------ */

static const char *reason(err_t err)
{
	switch (err) {
	case ERR_TIMEOUT:
		return "it does not come out of its reset";
	case ERR_IO:
		return "it has no MAC address, or registers that cannot be reached";
	case ERR_NOMEM:
		return "no memory for its packets";
	default:
		return err_str(err);
	}
}

void uplink_attach(struct uplink *up)
{
	const struct pci_func *f = up->func;
	const struct nic_ops *ops = nic_driver_find(f->vendor, f->device);
	char mac[FMT_MAC_LEN];
	err_t err;

	pci_claim(up->func);
	up->nic.ops = ops;
	fmt_snprintf(up->nic.name, sizeof(up->nic.name), "uplink%u", up->index);
	up->polled = false;
	err = make_rx_pool(up);
	if (!err)
		err = attach_best(up);
	if (err) {
		fmt_snprintf(up->why, sizeof(up->why), "the %s NIC does not come up: %s", ops->name,
			     reason(err));
		log_err("uplink", "%u: %s", up->index, up->why);
		pci_release(up->func);
		return;
	}
	up->state = UPLINK_FOUND;
	log_info("uplink", "%u: %s %04x:%04x, MAC %s, %s", up->index, ops->name, f->vendor,
		 f->device, fmt_mac(mac, up->nic.mac), uplink_irq_name(up));
	uplink_run_attached(up);
}

/* With several queues there is no other way than MSI-X. */
static err_t attach_queues(struct uplink *up, u32 n, char *why, size_t size)
{
	err_t err = uplink_queues_prepare(up, n, why, size);

	if (err)
		return err;
	fmt_snprintf(why, size, "the NIC does not come up with %u queues", n);
	err = pci_irq_prepare(up->func, PCI_IRQ_MSIX);
	if (!err)
		err = attach_driver(up, NIC_IRQ_MSIX, n);
	if (!err && irq_works(up, PCI_IRQ_MSIX) && !uplink_queues_enable(up))
		return ERR_OK;
	if (!err)
		detach_driver(up);
	pci_irq_disable(up->func, PCI_IRQ_MSIX);
	return err ? err : ERR_IO;
}

err_t uplink_use_queues(struct uplink *up, u32 n, char *why, size_t size)
{
	err_t err = ERR_OK;
	u32 max = up->nic.queues_max;

	if (n == up->nic.queues)
		return ERR_OK;
	if (n > max) {
		fmt_snprintf(why, size, "this NIC (%s, %s) has %u queue%s here", up->nic.ops->name,
			     uplink_irq_name(up), max, max == 1 ? "" : "s");
		return ERR_FULL;
	}
	detach_driver(up);
	pci_irq_disable(up->func, up->irq);
	if (n > 1)
		err = attach_queues(up, n, why, size);
	if (n == 1 || err) {
		err_t back = attach_best(up);

		if (back) {
			up->state = UPLINK_ABSENT;
			fmt_snprintf(up->why, sizeof(up->why), "the %s NIC does not come up again: "
				     "%s", up->nic.ops->name, reason(back));
			fmt_snprintf(why, size, "%s", up->why);
			err = back;
		}
	}
	if (up->state != UPLINK_ABSENT)
		uplink_run_again(up);
	return err;
}

/* --- finding ---------------------------------------------------------------------------- */

/* What there is instead of a NIC with a driver, the last one. */
static void find_all(char *why, size_t size)
{
	fmt_snprintf(why, size, "this machine has no NIC");
	for (u32 i = 0; i < pci_count(); i++) {
		struct pci_func *f = pci_func_at(i);

		if (nic_driver_find(f->vendor, f->device)) {
			if (found < UPLINK_MAX)
				uplink_at(found)->func = f;
			found++;
		} else if (f->class_code >> 16 == PCI_CLASS_NETWORK) {
			fmt_snprintf(why, size, "no driver for the NIC %04x:%04x at %02x:%02x.%x",
				     f->vendor, f->device, f->bus, f->dev, f->fn);
		}
	}
}

void uplink_detect(void)
{
	char why[sizeof(((struct uplink *)NULL)->why)];

	find_all(why, sizeof(why));
	if (!found)
		log_warn("uplink", "%s", why);
	if (found > UPLINK_MAX)
		log_warn("uplink", "of %u NICs the first %u are used", found, UPLINK_MAX);
	if (found)
		fmt_snprintf(why, sizeof(why), "this machine has %u NIC%s with a driver", found,
			     found == 1 ? "" : "s");
	for (u32 i = 0; i < UPLINK_MAX; i++) {
		struct uplink *up = uplink_at(i);

		up->index = i;
		up->room_seen = UINT32_MAX;
		if (up->func)
			uplink_attach(up);
		else
			fmt_snprintf(up->why, sizeof(up->why), "%s", why);
	}
}
