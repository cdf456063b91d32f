/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build/tools/ixgbe-proxy: the model of the 82599 as a PCI device of a QEMU machine, by
 * QEMU's x-pci-proxy-dev. main.c has the command line and the loop, qemu.c the protocol
 * and the machine's memory, pci.c configuration space, BARs and MSI, wire.c the datagram
 * socket that stands for the cable, and what is captured of it.
 */
#ifndef TESTS_PROXY_PROXY_H
#define TESTS_PROXY_PROXY_H

#include "tests/models/ixgbe_model.h"

#define PROXY_CONFIG 256u
#define PROXY_BARS 6u
#define PROXY_VECTORS IXM_VECTORS
#define PROXY_REGIONS 8u /* of memory, in one message */
#define PROXY_QUEUE 1024u /* frames that wait for the cable */

struct proxy_vector {
	u32 addr, addr_high, data, masked;
};

struct proxy_region {
	u64 base, len;
	void *host;
	size_t mapped;
	void *map;
};

struct proxy_frame {
	u32 len;
	u8 *data;
};

struct proxy {
	struct ixgbe_model model;
	/* command line */
	int qemu_fd;  /* ours of the pair whose other end QEMU has */
	int qtest_fd; /* alike: by it, interrupts are raised */
	const char *local, *remote; /* datagram sockets */
	const char *capture, *log;
	u32 snap;
	u8 mac[6];
	/* pci.c */
	u8 config[PROXY_CONFIG];
	u32 bar[PROXY_BARS]; /* base as the guest wrote it */
	struct proxy_vector msix[PROXY_VECTORS];
	u64 msix_pending;
	/* qemu.c */
	struct proxy_region region[PROXY_REGIONS];
	u32 regions;
	/* wire.c */
	int wire_fd, capture_fd;
	struct proxy_frame queue[PROXY_QUEUE];
	u32 queue_first, queue_count;
	/* counted */
	u64 sent, received, dropped, messages, accesses;
};

/* --- qemu.c --- */

/* One message of QEMU's; false: it is gone. */
bool proxy_qemu_serve(struct proxy *p);
/* For struct ixm_host. */
void *proxy_dma(void *ctx, u64 addr, u64 len);
/* A 32-bit write on the machine's bus: an interrupt message. */
void proxy_bus_write(struct proxy *p, u64 addr, u32 data);
/* What QEMU answered to such writes is read and forgotten. */
void proxy_qtest_drain(struct proxy *p);

/* --- pci.c --- */

void proxy_pci_init(struct proxy *p, u16 device);
u32 proxy_config_read(struct proxy *p, u32 off, u32 size);
void proxy_config_write(struct proxy *p, u32 off, u32 size, u32 v);
/* By address on the bus; accesses to none of the BARs read ones. */
u64 proxy_bar_read(struct proxy *p, u64 addr, u32 size);
void proxy_bar_write(struct proxy *p, u64 addr, u32 size, u64 v);
/* For struct ixm_host. */
void proxy_interrupt(void *ctx, u32 vector);

/* --- wire.c --- */

/* Opens the socket (removing what a former one left) and the capture. False: said why. */
bool proxy_wire_open(struct proxy *p);
/* For struct ixm_host. */
void proxy_wire_send(void *ctx, const void *frame, u32 len);
/* Frames that wait, and frames that have come as long as the device has room. */
void proxy_wire_serve(struct proxy *p);

void proxy_say(struct proxy *p, const char *f, ...) PRINTF(2, 3);

#endif
