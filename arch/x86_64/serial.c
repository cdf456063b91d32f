/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550 UART at COM1 (National Semiconductor PC16550D, tables I to III). */
#include <arch/serial.h>

#include <arch/io.h>
#include <arch/irq.h>
#include <arch/lock.h>

#define COM1 0x3f8
#define COM1_IRQ 4

#define UART_DATA 0
#define UART_IER 1
#define IER_RX BIT(0)
#define IER_THRE BIT(1)
#define UART_IIR 2
#define IIR_NONE BIT(0)
#define UART_FCR 2
#define FCR_ENABLE BIT(0)
#define FCR_CLEAR_RX BIT(1)
#define FCR_CLEAR_TX BIT(2)
/* Interrupt at the first byte: the FIFO then holds 1.3 ms of input, and a guest may keep
 * interrupts from a core for 1 ms (the preemption timer of arch/x86_64/vmx.c). */
#define FCR_TRIGGER_1 (0u << 6)
#define UART_LCR 3
#define LCR_8N1 3
#define LCR_DLAB BIT(7)
#define UART_MCR 4
#define MCR_DTR BIT(0)
#define MCR_RTS BIT(1)
#define MCR_OUT2 BIT(3) /* gates the interrupt line on PCs */
#define MCR_LOOP BIT(4)
#define UART_LSR 5
#define LSR_DR BIT(0)
#define LSR_OE BIT(1)
#define LSR_THRE BIT(5)
#define UART_SCR 7

#define DIVISOR_115200 1
#define FIFO_BYTES 16
/* A FIFO empties in 1.4 ms at 115200; an LSR read takes about 1 us. */
#define TX_SPINS 20000
#define RX_RING 1024
#define TX_RING (128u * 1024)
#define IRQ_ROUNDS 64

static struct spinlock tx_lock;
static bool present;
static bool tx_stuck; /* the last wait ran out: try only once until it moves */
static bool tx_irq;   /* the interrupt empties the ring; else writers wait for it */
static char tx_ring[TX_RING];
static u32 tx_head, tx_tail;
static u8 ier; /* what the register holds */
static struct serial_stats stats;
static char rx_ring[RX_RING];
static u32 rx_head, rx_tail;
static void (*rx_callback)(void);

static u8 reg_read(u16 reg)
{
	return in8((u16)(COM1 + reg));
}

static void reg_write(u16 reg, u8 v)
{
	out8((u16)(COM1 + reg), v);
}

/* A byte sent in loop-back mode comes back only where there is a UART. */
static bool uart_answers(void)
{
	const u8 probe = 0x5a;
	bool ok = false;

	reg_write(UART_SCR, probe);
	if (reg_read(UART_SCR) != probe)
		return false;
	reg_write(UART_MCR, MCR_LOOP | MCR_RTS);
	reg_write(UART_DATA, probe);
	for (u32 i = 0; i < TX_SPINS && !ok; i++)
		ok = (reg_read(UART_LSR) & LSR_DR) && reg_read(UART_DATA) == probe;
	return ok;
}

bool serial_init(void)
{
	reg_write(UART_IER, 0);
	reg_write(UART_LCR, LCR_DLAB);
	reg_write(UART_DATA, DIVISOR_115200);
	reg_write(UART_IER, 0);
	reg_write(UART_LCR, LCR_8N1);
	reg_write(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX | FCR_TRIGGER_1);
	present = uart_answers();
	reg_write(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	return present;
}

bool serial_present(void)
{
	return present;
}

/* True when the transmit FIFO is empty. */
static bool tx_wait(void)
{
	u32 spins = tx_stuck ? 1 : TX_SPINS;

	while (spins--) {
		if (reg_read(UART_LSR) & LSR_THRE) {
			tx_stuck = false;
			return true;
		}
		cpu_pause();
	}
	tx_stuck = true;
	return false;
}

/* One FIFO's worth from the ring to an empty FIFO. */
static void tx_fill(void)
{
	for (u32 i = 0; i < FIFO_BYTES && tx_tail != tx_head; i++)
		reg_write(UART_DATA, (u8)tx_ring[tx_tail++ % TX_RING]);
}

/* What can go without waiting; the interrupt is asked for while there is more. */
static void tx_pump(void)
{
	u8 wanted;

	if (tx_tail != tx_head && (reg_read(UART_LSR) & LSR_THRE))
		tx_fill();
	wanted = tx_tail != tx_head ? IER_RX | IER_THRE : IER_RX;
	if (wanted != ier)
		reg_write(UART_IER, wanted);
	ier = wanted;
}

static void tx_empty_ring(void)
{
	while (tx_tail != tx_head && tx_wait())
		tx_fill();
	stats.tx_lost += tx_head - tx_tail;
	tx_tail = tx_head;
}

/* At most one FIFO's worth: a full ring is waited for, with a bound. */
static void tx_chunk(const char *buf, u32 n)
{
	if (n > TX_RING - (tx_head - tx_tail) && tx_wait())
		tx_fill();
	if (n > TX_RING - (tx_head - tx_tail)) {
		stats.tx_lost += n;
		return;
	}
	for (u32 i = 0; i < n; i++)
		tx_ring[tx_head++ % TX_RING] = buf[i];
	stats.tx_bytes += n;
	if (tx_irq)
		tx_pump();
	else
		tx_empty_ring();
}

/* The lock is let go between chunks: interrupts are off meanwhile. */
void serial_write(const char *buf, size_t len)
{
	if (!present)
		return;
	for (size_t at = 0; at < len; at += FIFO_BYTES) {
		u64 flags = spin_lock(&tx_lock);

		tx_chunk(buf + at, (u32)MIN(len - at, (size_t)FIFO_BYTES));
		spin_unlock(&tx_lock, flags);
	}
}

void serial_flush(void)
{
	u64 flags;

	if (!present)
		return;
	flags = spin_lock(&tx_lock);
	tx_empty_ring();
	tx_wait();
	spin_unlock(&tx_lock, flags);
}

void serial_break_lock(void)
{
	tx_lock.held = 0;
	tx_irq = false;
}

/* Move what the UART holds to the ring. Interrupts off. */
static u32 rx_drain(void)
{
	u32 got = 0;
	u8 lsr;

	/* Bounded by the ring: a line that never ends must not keep the core. */
	while (got < RX_RING && ((lsr = reg_read(UART_LSR)) & LSR_DR)) {
		char c = (char)reg_read(UART_DATA);

		if (lsr & LSR_OE)
			stats.rx_lost++;
		if (rx_head - rx_tail < RX_RING) {
			rx_ring[rx_head++ % RX_RING] = c;
			stats.rx_bytes++;
		} else {
			stats.rx_lost++;
		}
		got++;
	}
	return got;
}

size_t serial_read(char *buf, size_t max)
{
	size_t n = 0;
	u64 flags;

	if (!present)
		return 0;
	flags = cpu_irq_save();
	rx_drain();
	while (n < max && rx_tail != rx_head)
		buf[n++] = rx_ring[rx_tail++ % RX_RING];
	cpu_irq_restore(flags);
	return n;
}

/*
 * The line is edge-triggered: it goes on until the UART takes it back, or is
 * made to raise it again by its enable register.
 */
static void interrupt(void *ctx)
{
	u64 flags = spin_lock(&tx_lock);
	u32 got = 0, rounds = 0;

	(void)ctx;
	while (rounds++ < IRQ_ROUNDS && !(reg_read(UART_IIR) & IIR_NONE)) {
		got += rx_drain();
		tx_pump();
	}
	if (rounds > IRQ_ROUNDS) {
		reg_write(UART_IER, 0);
		reg_write(UART_IER, ier);
	}
	spin_unlock(&tx_lock, flags);
	if (got && rx_callback)
		rx_callback();
}

void serial_irq_enable(void (*cb)(void))
{
	u64 flags;

	if (!present)
		return;
	rx_callback = cb;
	if (irq_isa_enable(COM1_IRQ, interrupt, NULL))
		return;
	flags = spin_lock(&tx_lock);
	tx_irq = true;
	tx_pump();
	spin_unlock(&tx_lock, flags);
}

void serial_stats(struct serial_stats *s)
{
	*s = stats;
}
