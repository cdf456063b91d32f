/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's serial port: a 16550A (National PC16550D datasheet) whose
 * transmitter is infinitely fast. What comes from outside waits in a ring that
 * is longer than the chip's FIFO. Callers serialise.
 */
#ifndef HV_EMUL_UART_H
#define HV_EMUL_UART_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/emul/irqchip.h"
#include "hv/mem/iomap.h"

#define UART_RING 1024 /* power of two */

/* The guest sent a byte. */
typedef void (*uart_tx)(void *ctx, u8 byte);

struct uart {
	u8 ier, fcr, lcr, mcr, lsr_errors, msr_delta, scratch;
	u8 dll, dlm;
	bool thre_pending; /* transmitter-empty interrupt not yet acknowledged */
	bool line;
	u8 ring[UART_RING];
	u32 head, tail;    /* free running; head is written */
	uart_tx tx;
	void *tx_ctx;
	const struct irq_sink *irq;
	u32 irq_no;
	u64 tx_bytes, rx_bytes;
	u64 rx_dropped;    /* fed while the ring was full */
};

void uart_init(struct uart *u, uart_tx tx, void *tx_ctx, const struct irq_sink *irq, u32 irq_no);
void uart_reset(struct uart *u);

/* Register eight ports from `port` on. */
err_t uart_attach(struct uart *u, struct iomap *io, u16 port);

/* Bytes for the guest. Returns how many fitted; the others are dropped and
 * counted. */
u32 uart_feed(struct uart *u, const u8 *bytes, u32 n);

/* io_handler: dev is a struct uart. */
void uart_io(void *dev, struct io_access *a);

#endif
