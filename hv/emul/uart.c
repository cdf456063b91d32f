/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A UART (PC16550D datasheet, section 8: registers). */
#include "hv/emul/uart.h"

#include "hv/base/str.h"

#define UART_PORTS 8

/* Registers by offset; the first two are the divisor while LCR.DLAB is set. */
#define REG_DATA 0
#define REG_IER 1
#define REG_IIR_FCR 2
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5
#define REG_MSR 6
#define REG_SCRATCH 7

#define IER_RX BIT(0)
#define IER_THRE BIT(1)
#define IER_LINE BIT(2)
#define IER_MODEM BIT(3)
#define IER_MASK 0x0f

#define IIR_MODEM 0x00
#define IIR_NONE 0x01
#define IIR_THRE 0x02
#define IIR_RX 0x04
#define IIR_LINE 0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS 0xc0

#define FCR_ENABLE BIT(0)
#define FCR_CLEAR_RX BIT(1)
#define FCR_TRIGGER_SHIFT 6

#define LCR_DLAB BIT(7)

#define MCR_DTR BIT(0)
#define MCR_RTS BIT(1)
#define MCR_OUT1 BIT(2)
#define MCR_OUT2 BIT(3)
#define MCR_LOOP BIT(4)
#define MCR_MASK 0x1f

#define LSR_DATA BIT(0)
#define LSR_OVERRUN BIT(1)
#define LSR_THRE BIT(5)
#define LSR_TEMT BIT(6)

#define MSR_DELTA_CTS BIT(0)
#define MSR_DELTA_DSR BIT(1)
#define MSR_TRAILING_RI BIT(2)
#define MSR_DELTA_DCD BIT(3)
#define MSR_CTS BIT(4)
#define MSR_DSR BIT(5)
#define MSR_RI BIT(6)
#define MSR_DCD BIT(7)

#define FIFO_DEPTH 16

/* Reset divisor: 115200 baud. */
#define DIVISOR_RESET 1

static const u8 trigger_level[4] = { 1, 4, 8, 14 };

STATIC_ASSERT((UART_RING & (UART_RING - 1)) == 0, "indices wrap by mask");

static u32 queued(const struct uart *u)
{
	return u->head - u->tail;
}

static u8 modem_inputs(const struct uart *u)
{
	u8 in = 0;

	/* A cable with somebody at the other end. */
	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (u->mcr & MCR_RTS)
		in |= MSR_CTS;
	if (u->mcr & MCR_DTR)
		in |= MSR_DSR;
	if (u->mcr & MCR_OUT1)
		in |= MSR_RI;
	if (u->mcr & MCR_OUT2)
		in |= MSR_DCD;
	return in;
}

/* The highest-priority interrupt (PC16550D table IV). The character timeout of
 * a part-filled FIFO is immediate: nothing else will come to fill it. */
static u8 interrupt_id(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->lsr_errors)
		return IIR_LINE;
	if ((u->ier & IER_RX) && queued(u)) {
		if (!(u->fcr & FCR_ENABLE) ||
		    queued(u) >= trigger_level[u->fcr >> FCR_TRIGGER_SHIFT])
			return IIR_RX;
		return IIR_TIMEOUT;
	}
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC the OUT2 pin gates the interrupt; loopback takes the pin away. */
static void update_line(struct uart *u)
{
	bool gate = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
	bool level = gate && interrupt_id(u) != IIR_NONE;

	if (level == u->line)
		return;
	u->line = level;
	irq_line(u->irq, u->irq_no, level);
}

void uart_init(struct uart *u, uart_tx tx, void *tx_ctx, const struct irq_sink *irq, u32 irq_no)
{
	memset(u, 0, sizeof(*u));
	u->tx = tx;
	u->tx_ctx = tx_ctx;
	u->irq = irq;
	u->irq_no = irq_no;
	uart_reset(u);
}

void uart_reset(struct uart *u)
{
	u->ier = 0;
	u->fcr = 0;
	u->lcr = 0;
	u->mcr = 0;
	u->lsr_errors = 0;
	u->msr_delta = 0;
	u->scratch = 0;
	u->dll = DIVISOR_RESET;
	u->dlm = 0;
	u->thre_pending = false;
	u->tail = u->head;
	update_line(u);
}

err_t uart_attach(struct uart *u, struct iomap *io, u16 port)
{
	return iomap_add(io, port, UART_PORTS, "uart", uart_io, u);
}

u32 uart_feed(struct uart *u, const u8 *bytes, u32 n)
{
	u32 taken = 0;

	/* In loopback the receiver is not connected to the outside. */
	if (!(u->mcr & MCR_LOOP)) {
		for (; taken < n && queued(u) < UART_RING; taken++)
			u->ring[u->head++ % UART_RING] = bytes[taken];
	}
	u->rx_bytes += taken;
	u->rx_dropped += n - taken;
	update_line(u);
	return taken;
}

/* The chip's own receiver has 16 bytes, or one; programs measure that. */
static void loop_back(struct uart *u, u8 byte)
{
	u32 depth = u->fcr & FCR_ENABLE ? FIFO_DEPTH : 1;

	if (queued(u) >= depth) {
		u->lsr_errors |= LSR_OVERRUN;
		return;
	}
	u->ring[u->head++ % UART_RING] = byte;
}

static void write_data(struct uart *u, u8 byte)
{
	/* Full for an instant: the edge that an edge-triggered input waits for. */
	u->thre_pending = false;
	update_line(u);
	if (u->mcr & MCR_LOOP) {
		loop_back(u, byte);
	} else {
		u->tx_bytes++;
		u->tx(u->tx_ctx, byte);
	}
	u->thre_pending = true;
}

static u8 read_data(struct uart *u)
{
	if (!queued(u))
		return 0;
	return u->ring[u->tail++ % UART_RING];
}

static void write_ier(struct uart *u, u8 value)
{
	value &= IER_MASK;
	/* Enabling it while the transmitter is empty interrupts at once; drivers
	 * test for that. */
	if ((value & IER_THRE) && !(u->ier & IER_THRE))
		u->thre_pending = true;
	u->ier = value;
}

static void write_fcr(struct uart *u, u8 value)
{
	/* Changing the enable bit clears the FIFOs. */
	if (((value ^ u->fcr) & FCR_ENABLE) || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX)))
		u->tail = u->head;
	/* Without the enable bit the others are not programmed (8.4). */
	if (value & FCR_ENABLE)
		u->fcr = (u8)(value & (FCR_ENABLE | 3 << FCR_TRIGGER_SHIFT));
	else
		u->fcr = 0;
}

static void write_mcr(struct uart *u, u8 value)
{
	u8 before = modem_inputs(u), changed, fallen;

	u->mcr = value & MCR_MASK;
	changed = before ^ modem_inputs(u);
	fallen = before & changed;
	if (changed & MSR_CTS)
		u->msr_delta |= MSR_DELTA_CTS;
	if (changed & MSR_DSR)
		u->msr_delta |= MSR_DELTA_DSR;
	if (fallen & MSR_RI)
		u->msr_delta |= MSR_TRAILING_RI;
	if (changed & MSR_DCD)
		u->msr_delta |= MSR_DELTA_DCD;
}

static void reg_write(struct uart *u, u32 reg, u8 value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			u->dll = value;
		else
			write_data(u, value);
		break;
	case REG_IER:
		if (dlab)
			u->dlm = value;
		else
			write_ier(u, value);
		break;
	case REG_IIR_FCR:
		write_fcr(u, value);
		break;
	case REG_LCR:
		u->lcr = value;
		break;
	case REG_MCR:
		write_mcr(u, value);
		break;
	case REG_SCRATCH:
		u->scratch = value;
		break;
	default: /* LSR and MSR are read only */
		break;
	}
}

static u8 read_iir(struct uart *u)
{
	u8 id = interrupt_id(u);

	/* Reading it as the source acknowledges the transmitter's interrupt. */
	if (id == IIR_THRE)
		u->thre_pending = false;
	return (u8)(id | (u->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static u8 read_lsr(struct uart *u)
{
	u8 value = (u8)(LSR_THRE | LSR_TEMT | u->lsr_errors | (queued(u) ? LSR_DATA : 0));

	u->lsr_errors = 0;
	return value;
}

static u8 reg_read(struct uart *u, u32 reg)
{
	bool dlab = u->lcr & LCR_DLAB;
	u8 value;

	switch (reg) {
	case REG_DATA:
		return dlab ? u->dll : read_data(u);
	case REG_IER:
		return dlab ? u->dlm : u->ier;
	case REG_IIR_FCR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return read_lsr(u);
	case REG_MSR:
		value = (u8)(modem_inputs(u) | u->msr_delta);
		u->msr_delta = 0;
		return value;
	default:
		return u->scratch;
	}
}

/* Eight-bit registers; of a wider access the low byte counts. */
void uart_io(void *dev, struct io_access *a)
{
	struct uart *u = dev;
	u32 reg = (u32)a->addr % UART_PORTS;

	if (a->write)
		reg_write(u, reg, (u8)a->value);
	else
		a->value = reg_read(u, reg);
	update_line(u);
}
