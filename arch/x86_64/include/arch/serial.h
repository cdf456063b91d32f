/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550 at COM1, 115200 8N1. Used for the log, the node's console and
 * guests' output. Without a UART all calls are harmless.
 */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include "hv/base/types.h"

/* Set the UART up, polled. False when there is none. Boot core, once. */
bool serial_init(void);
bool serial_present(void);

/* Write all len bytes. Once interrupts are used they go to a ring that the UART
 * empties at its pace; before that, and where the ring is full, this waits for
 * the FIFO, with a bound: a stuck line loses bytes (counted) and never stops
 * the node. Any core, any context but NMI. Texts of different cores may mix in
 * pieces of 16 bytes. */
void serial_write(const char *buf, size_t len);

/* Wait, with a bound, until all of it is out: the machine is going down. */
void serial_flush(void);

/* A dying core goes on where another one was stopped in the middle, and waits
 * for each byte from then on. */
void serial_break_lock(void);

/* Take up to max received bytes, without waiting; how many there were. Polls
 * the UART too, so it works with and without the interrupt. Boot core. */
size_t serial_read(char *buf, size_t max);

/* Receive and send by interrupt (ISA IRQ 4) on the boot core from now on. cb runs
 * in interrupt context after bytes arrived; NULL: they are only buffered. */
void serial_irq_enable(void (*cb)(void));

struct serial_stats {
	u64 tx_bytes, tx_lost, rx_bytes, rx_lost;
};

void serial_stats(struct serial_stats *s);

#endif
