/* SPDX-License-Identifier: BSD-2-Clause */
/* Register model of the 82540EM and the 82574L; see e1000_model.h. Section numbers
 * are those of the 8254x Software Developer's Manual, with a D of the datasheet. */
#include "tests/models/e1000_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/bytes.h"

#define DESC_BYTES 16u
#define RX_BUF_BYTES 2048u
#define LONGEST_WITHOUT_LPE 1518u /* and 4 bytes of FCS */
#define LONGEST_WITH_LPE 16380u
#define SHORTEST_TX 48u		  /* 3.3.3 */
#define SHORTEST_ON_WIRE 60u
#define STATS_FIRST 0x4000u
#define STATS_LAST 0x40fcu
#define INT_KNOWN 0x1ffffu
#define INT_KNOWN_D 0x1f3ffffu /* and the queues', OTHER */
#define INT_ASSERTED BIT(31)
#define INT_OTHER_CAUSES (E1000_INT_LSC | E1000_INT_RXO)
#define RCTL_RESERVED 0xf8000001u

static void __attribute__((format(printf, 2, 3)))
violation(struct e1000_model *m, const char *f, ...)
{
	va_list ap;

	m->violations++;
	va_start(ap, f);
	vsnprintf(m->last_violation, sizeof(m->last_violation), f, ap);
	va_end(ap);
}

static void *dma(struct e1000_model *m, u64 addr, u64 len, const char *what)
{
	for (u32 i = 0; i < m->ram_count; i++) {
		if (addr >= m->ram[i].base && len <= m->ram[i].len &&
		    addr - m->ram[i].base <= m->ram[i].len - len)
			return (void *)(uintptr_t)addr;
	}
	violation(m, "%s: DMA to %#llx+%llu is not RAM", what, (unsigned long long)addr,
		  (unsigned long long)len);
	return NULL;
}

static bool is_82574(const struct e1000_model *m)
{
	return m->device == E1000_MODEL_82574L;
}

/* D 7.4.2: a cause that is there and unmasked sends the message of its entry, once
 * until it goes away. */
static void send_messages(struct e1000_model *m)
{
	static const struct {
		u32 cause, shift;
	} of[] = { { BIT(20), 0 }, { BIT(21), 4 }, { BIT(22), 8 }, { BIT(23), 12 },
		   { BIT(24), 16 } };

	for (u32 i = 0; i < ARRAY_SIZE(of); i++) {
		u32 entry = m->ivar >> of[i].shift & 15;

		if (!(m->icr & m->ims & of[i].cause)) {
			m->msix_pending &= ~of[i].cause;
		} else if (!(m->msix_pending & of[i].cause)) {
			m->msix_pending |= of[i].cause;
			if (!(entry & 8) || (entry & 7) >= E1000_MODEL_MSIX)
				violation(m, "cause %#x has no MSI-X entry", of[i].cause);
			else
				m->msix_sent[entry & 7]++;
		}
	}
}

static void update_line(struct e1000_model *m)
{
	bool line = (m->icr & m->ims) && !m->no_irq;

	if (m->msix) {
		if (!m->no_irq)
			send_messages(m);
		return;
	}

	if (line && !m->irq_line)
		m->irq_edges++;
	m->irq_line = line;
}

static void raise_cause(struct e1000_model *m, u32 bits)
{
	/* D 7.4.3: with MSI-X, the queues' causes and OTHER come beside the old ones. */
	if (m->msix)
		bits |= (bits & E1000_INT_RXT0 ? E1000_INT_RXQ0 : 0) |
			(bits & E1000_INT_TXDW ? E1000_INT_TXQ0 : 0) |
			(bits & INT_OTHER_CAUSES ? E1000_INT_OTHER : 0);
	m->icr |= bits;
	update_line(m);
}

static void bump(struct e1000_model *m, u32 reg)
{
	m->stats[(reg - STATS_FIRST) / 4]++;
}

static void load_ra(struct e1000_model *m)
{
	memset(m->ra, 0, sizeof(m->ra));
	if (m->empty_ra)
		return;
	m->ra[0] = m->eeprom[0] | (u32)m->eeprom[1] << 16;
	m->ra[1] = m->eeprom[2] | E1000_RAH_AV;
}

static void reset(struct e1000_model *m)
{
	/* D 5.2: no request is under way when the reset comes. */
	if (is_82574(m) && m->started && !(m->ctrl & E1000_CTRL_GIO_DISABLE))
		violation(m, "reset without GIO master disable");
	m->started = true;
	m->resets++;
	m->ctrl = m->stuck_reset ? E1000_CTRL_RST : 0;
	m->eerd = m->icr = m->ims = m->rctl = m->tctl = m->itr = 0;
	m->tipg = m->rdtr = m->radv = 0;
	m->ctrl_ext = m->eiac = m->ivar = m->eitr = m->txdctl = m->msix_pending = 0;
	m->rd_base_lo = m->rd_base_hi = m->rd_len = m->rdh = m->rdt = 0;
	m->td_base_lo = m->td_base_hi = m->td_len = m->tdh = m->tdt = 0;
	m->csum = m->tso = (struct e1000_tx_context){ 0 };
	m->tx_len = m->tx_descs = 0;
	m->tx_closed = false;
	load_ra(m);
	memset(m->mta, 0xff, sizeof(m->mta)); /* undefined after reset, 13.5.1 */
	memset(m->stats, 0, sizeof(m->stats));
	update_line(m);
}

void e1000_model_init(struct e1000_model *m, u16 device, const u8 mac[6])
{
	u16 sum = 0;

	memset(m, 0, sizeof(*m));
	m->device = device;
	for (u32 i = 0; i < 3; i++)
		m->eeprom[i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
	for (u32 i = 3; i < 63; i++)
		m->eeprom[i] = (u16)(i * 0x0123);
	for (u32 i = 0; i < 63; i++)
		sum = (u16)(sum + m->eeprom[i]);
	m->eeprom[63] = (u16)(E1000_EEPROM_SUM - sum);
	reset(m);
	/* What firmware may have left behind. */
	m->ims = E1000_INT_LSC;
	m->resets = 0;
}

void e1000_model_fini(struct e1000_model *m)
{
	for (u32 i = 0; i < m->wire_count; i++)
		free(m->wire[i].data);
	m->wire_count = 0;
}

void e1000_model_add_ram(struct e1000_model *m, void *base, u64 len)
{
	m->ram[m->ram_count].base = (u64)(uintptr_t)base;
	m->ram[m->ram_count].len = len;
	m->ram_count++;
}

void e1000_model_set_link(struct e1000_model *m, bool up)
{
	if (m->link_down == up)
		raise_cause(m, E1000_INT_LSC);
	m->link_down = !up;
}

/* --- receive ------------------------------------------------------------- */

static struct e1000_rx_desc *rx_desc(struct e1000_model *m)
{
	u64 base = m->rd_base_lo | (u64)m->rd_base_hi << 32;
	struct e1000_rx_desc *d = dma(m, base + m->rdh * DESC_BYTES, DESC_BYTES, "rx descriptor");

	if (d && d->status)
		violation(m, "rx descriptor %u was given with status %#x", m->rdh, d->status);
	return d;
}

static u32 longest(const struct e1000_model *m)
{
	return m->rctl & E1000_RCTL_LPE ? LONGEST_WITH_LPE : LONGEST_WITHOUT_LPE;
}

static u32 rx_have(const struct e1000_model *m)
{
	u32 n = m->rd_len / DESC_BYTES;

	return n ? (m->rdt + n - m->rdh) % n : 0;
}

bool e1000_model_rx_raw(struct e1000_model *m, const void *frame, u32 len, u8 errors)
{
	const u8 *in = frame;
	u32 left = len;

	if (!(m->rctl & E1000_RCTL_EN))
		return false;
	if (rx_have(m) < (len + RX_BUF_BYTES - 1) / RX_BUF_BYTES) {
		bump(m, E1000_MPC);
		raise_cause(m, E1000_INT_RXO);
		return false;
	}
	while (left) {
		u32 n = left < RX_BUF_BYTES ? left : RX_BUF_BYTES;
		struct e1000_rx_desc *d = rx_desc(m);
		/* The device may write a whole buffer at each address. */
		void *buf = d ? dma(m, d->addr, RX_BUF_BYTES, "rx buffer") : NULL;

		if (!buf)
			return false;
		memcpy(buf, in, n);
		in += n;
		left -= n;
		d->length = (u16)n;
		d->errors = errors;
		d->status = (u8)(E1000_RXD_DD | (left ? 0 : E1000_RXD_EOP));
		m->rdh = (m->rdh + 1) % (m->rd_len / DESC_BYTES);
	}
	raise_cause(m, E1000_INT_RXT0);
	return true;
}

static bool rx_accepts(const struct e1000_model *m, const u8 *frame)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!memcmp(frame, broadcast, 6))
		return m->rctl & (E1000_RCTL_BAM | E1000_RCTL_MPE);
	if (m->rctl & (frame[0] & 1 ? E1000_RCTL_MPE : E1000_RCTL_UPE))
		return true;
	for (u32 i = 0; i < 16; i++) {
		u32 lo = m->ra[2 * i], hi = m->ra[2 * i + 1];
		u8 mac[6] = { (u8)lo, (u8)(lo >> 8), (u8)(lo >> 16), (u8)(lo >> 24),
			      (u8)hi, (u8)(hi >> 8) };

		if ((hi & E1000_RAH_AV) && !memcmp(frame, mac, 6))
			return true;
	}
	if (frame[0] & 1) {
		u32 bit = (u32)(frame[4] >> 4 | frame[5] << 4) & 0xfff; /* MO = 0 */

		return m->mta[bit >> 5] >> (bit & 31) & 1;
	}
	return false;
}

bool e1000_model_rx(struct e1000_model *m, const void *frame, u32 len)
{
	if (m->link_down || !(m->rctl & E1000_RCTL_EN) || len < 14)
		return false;
	if (len > longest(m)) {
		bump(m, E1000_ROC);
		return false;
	}
	return rx_accepts(m, frame) && e1000_model_rx_raw(m, frame, len, 0);
}

/* --- transmit ------------------------------------------------------------ */

static void wire_put(struct e1000_model *m, u8 *frame, u32 len)
{
	struct e1000_model_frame *f;

	if (len < SHORTEST_TX)
		violation(m, "frame of %u bytes, 3.3.3 wants %u", len, SHORTEST_TX);
	if (len < SHORTEST_ON_WIRE && (m->tctl & E1000_TCTL_PSP)) {
		memset(frame + len, 0, SHORTEST_ON_WIRE - len);
		len = SHORTEST_ON_WIRE;
	}
	if (m->wire_count < E1000_MODEL_WIRE) {
		f = &m->wire[m->wire_count++];
		f->len = len;
		f->data = malloc(len);
		memcpy(f->data, frame, len);
	}
	bump(m, E1000_GPTC);
	if (m->loopback)
		e1000_model_rx(m, frame, len);
}

/* 3.6: the one's complement sum of [start, end), the old checksum included. */
static void insert_csum(u8 *frame, u32 start, u32 end, u32 at)
{
	u64 sum = 0;

	for (u32 i = start; i < end; i++)
		sum += (i - start) % 2 ? frame[i] : (u32)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	/* 3.6: never zero, which says that there is none in UDP. */
	store_be16(frame + at, sum == 0xffff ? 0xffff : (u16)~sum);
}

static void insert_csums(struct e1000_model *m, const struct e1000_tx_context *c, u8 *frame,
			 u32 len)
{
	if (m->tx_popts & E1000_POPTS_IXSM)
		insert_csum(frame, c->ipcss, c->ipcse + 1u, c->ipcso);
	if (m->tx_popts & E1000_POPTS_TXSM)
		insert_csum(frame, c->tucss, len, c->tucso);
}

/* 3.5.9: one segment, of what follows the header at `from`. */
static void send_segment(struct e1000_model *m, const u8 *header, u32 from, u32 len, u32 n)
{
	const struct e1000_tx_context *c = &m->tso;
	u8 f[E1000_MODEL_FRAME_MAX];
	u8 *ip = f + c->ipcss, *tcp = f + c->tucss;
	u32 l4 = c->hdrlen + len - c->tucss;

	memcpy(f, header, c->hdrlen);
	memcpy(f + c->hdrlen, m->tx_frame + from, len);
	store_be16(ip + 2, (u16)(c->hdrlen + len - c->ipcss));
	store_be16(ip + 4, (u16)(load_be16(ip + 4) + n));
	store_be32(tcp + 4, load_be32(tcp + 4) + n * c->mss);
	if (from + len < m->tx_len)
		tcp[13] &= (u8)~(1 | 8); /* FIN, PSH */
	l4 += load_be16(f + c->tucso);
	store_be16(f + c->tucso, (u16)(l4 + (l4 >> 16)));
	insert_csums(m, c, f, c->hdrlen + len);
	wire_put(m, f, c->hdrlen + len);
}

static bool sums_to(const u8 *p, u32 len, u32 sum, u16 want)
{
	for (u32 i = 0; i < len; i += 2)
		sum += load_be16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == want;
}

/* 3.5.5: what software leaves in the header. The IP header behind which TCP
 * stands is the one that the device works on, or IPv6. */
static void check_prepared(struct e1000_model *m)
{
	const struct e1000_tx_context *c = &m->tso;
	const u8 *ip = m->tx_frame + c->ipcss, *tcp = m->tx_frame + c->tucss;
	bool v4 = c->ipcse + 1 == c->tucss;

	if (ip[0] >> 4 != 4 || c->ipcse != c->ipcss + (ip[0] & 15) * 4 - 1)
		violation(m, "IP header that starts with %#x at %u to %u", ip[0], c->ipcss,
			  c->ipcse);
	if (load_be16(ip + 2) || load_be16(ip + 10))
		violation(m, "IPv4 length and checksum are not zero");
	if (!v4 && tcp[-40] >> 4 != 6)
		violation(m, "no IP header in front of TCP");
	if (!sums_to(v4 ? ip + 12 : tcp - 32, v4 ? 8 : 32, 6, load_be16(tcp + 16)))
		violation(m, "TCP checksum is not the pseudo header's without length");
}

static void send_segments(struct e1000_model *m)
{
	struct e1000_tx_context *c = &m->tso;
	u32 payload = c->cmd & E1000_TXD_LEN_MASK;
	u32 at, n = 0;

	if (m->tx_len != c->hdrlen + payload) {
		violation(m, "%u bytes, HDRLEN %u + PAYLEN %u", m->tx_len, c->hdrlen, payload);
		return;
	}
	if (m->tx_popts != (E1000_POPTS_TXSM | E1000_POPTS_IXSM))
		violation(m, "segments with POPTS %#x", m->tx_popts);
	check_prepared(m);
	if (m->whole_segments) {
		wire_put(m, m->tx_frame, MIN(m->tx_len, E1000_MODEL_FRAME_MAX));
		return;
	}
	for (at = c->hdrlen; at < m->tx_len; at += c->mss) {
		u32 len = MIN(m->tx_len - at, c->mss);

		send_segment(m, m->tx_frame, at, len, n++);
	}
	if (m->empty_segment && at == m->tx_len && !m->tx_closed)
		send_segment(m, m->tx_frame, m->tx_len, 0, n);
}

static void send_plain(struct e1000_model *m)
{
	if (m->tx_popts & ~E1000_POPTS_TXSM)
		violation(m, "plain frame with POPTS %#x", m->tx_popts);
	if (m->tx_popts && !m->csum.cmd)
		violation(m, "checksum without a context");
	if (m->tx_popts && m->csum.tucso + 2u > m->tx_len)
		violation(m, "checksum at %u of %u bytes", m->csum.tucso, m->tx_len);
	else
		insert_csums(m, &m->csum, m->tx_frame, m->tx_len);
	wire_put(m, m->tx_frame, m->tx_len);
}

static void check_tso_context(struct e1000_model *m, const struct e1000_tx_context *c)
{
	/* 3.5.9.1 has a wrong length for IPv6. */
	if (!(c->cmd & E1000_TXC_IP))
		violation(m, "IPv6 context");
	if (c->ipcse < c->ipcss + 19 || c->ipcse >= c->tucss || c->ipcso != c->ipcss + 10)
		violation(m, "IP header at %u to %u, checksum at %u, TCP at %u", c->ipcss,
			  c->ipcse, c->ipcso, c->tucss);
	if (!(c->cmd & E1000_TXC_TCP) || c->tucso != c->tucss + 16)
		violation(m, "TCP checksum at %u, header at %u", c->tucso, c->tucss);
	if (c->hdrlen < c->tucss + 20)
		violation(m, "HDRLEN %u, TCP at %u", c->hdrlen, c->tucss);
	if (!c->mss || c->hdrlen + c->mss > longest(m))
		violation(m, "HDRLEN %u + MSS %u", c->hdrlen, c->mss);
	if (!(c->cmd & E1000_TXD_LEN_MASK))
		violation(m, "PAYLEN 0");
}

static void tx_context(struct e1000_model *m, const struct e1000_tx_context *c)
{
	u32 known = E1000_TXD_LEN_MASK | E1000_TXD_DEXT | E1000_TXC_TCP | E1000_TXC_IP |
		    E1000_TXC_TSE;

	m->contexts++;
	if ((c->cmd & ~known) || c->status || c->tucse)
		violation(m, "context with cmd %#x, status %#x, TUCSE %u", c->cmd, c->status,
			  c->tucse);
	if (m->tx_descs) {
		if (!m->empty_segment || !m->tx_tse || c->hdrlen <= m->tso.hdrlen ||
		    m->tx_len != m->tso.hdrlen + (c->cmd & E1000_TXD_LEN_MASK))
			violation(m, "context inside a frame");
		m->tx_closed = true;
		return;
	}
	if (c->cmd & E1000_TXC_TSE) {
		check_tso_context(m, c);
		m->tso = *c;
		/* Only real devices have two contexts. */
		if (m->empty_segment)
			m->csum = (struct e1000_tx_context){ 0 };
		return;
	}
	if (c->tucso < c->tucss + 6 || (c->cmd & E1000_TXD_LEN_MASK) || c->hdrlen || c->mss)
		violation(m, "checksum context from %u at %u", c->tucss, c->tucso);
	m->csum = *c;
}

/* First data descriptor of a frame. */
static void tx_begin(struct e1000_model *m, const struct e1000_tx_data *d, u32 len)
{
	m->tx_tse = d->cmd & E1000_TXD_TSE;
	m->tx_popts = d->popts;
	m->tx_closed = false;
	if (!m->tx_tse)
		return;
	if (!m->tso.cmd)
		violation(m, "segmentation without a context");
	/* 3.5.6 wants whole headers in each; ours are all in the first. */
	if (len < m->tso.hdrlen)
		violation(m, "first descriptor has %u bytes, HDRLEN is %u", len, m->tso.hdrlen);
	if (!(d->cmd & E1000_TXD_IFCS))
		violation(m, "segments without FCS");
}

static void tx_data(struct e1000_model *m, const struct e1000_tx_data *d)
{
	u32 len = d->cmd & E1000_TXD_LEN_MASK;
	void *buf;

	if (!m->tx_descs++)
		tx_begin(m, d, len);
	if (len > UINT16_MAX)
		violation(m, "descriptor of %u bytes: QEMU takes 16 bits", len);
	if (m->tx_tse != !!(d->cmd & E1000_TXD_TSE))
		violation(m, "TSE differs inside a frame");
	if (len && d->addr) {
		buf = dma(m, d->addr, len, "tx buffer");
		if (m->tx_len + len > (m->tx_tse ? E1000_MODEL_TSO_MAX : E1000_MODEL_FRAME_MAX)) {
			violation(m, "frame too long");
		} else if (buf) {
			memcpy(m->tx_frame + m->tx_len, buf, len);
			m->tx_len += len;
		}
	}
	if (!(d->cmd & E1000_TXD_EOP))
		return;
	if (!(d->cmd & E1000_TXD_IFCS))
		violation(m, "frame without FCS");
	if (m->tx_tse)
		send_segments(m);
	else
		send_plain(m);
	m->tx_len = 0;
	m->tx_descs = 0;
}

static void tx_one(struct e1000_model *m)
{
	u64 base = m->td_base_lo | (u64)m->td_base_hi << 32;
	union e1000_tx_desc *d = dma(m, base + m->tdh * DESC_BYTES, DESC_BYTES, "tx descriptor");

	m->tdh = (m->tdh + 1) % (m->td_len / DESC_BYTES);
	if (!d)
		return;
	if (!(d->data.cmd & E1000_TXD_DEXT)) {
		violation(m, "legacy descriptor: not in this model");
		return;
	}
	if (d->data.status & E1000_TXD_DD)
		violation(m, "tx descriptor was given with DD set");
	if ((d->data.cmd & E1000_TXD_DTYP_MASK) == E1000_TXD_DTYP_CONTEXT)
		tx_context(m, &d->context);
	else if ((d->data.cmd & E1000_TXD_DTYP_MASK) == E1000_TXD_DTYP_DATA)
		tx_data(m, &d->data);
	else
		violation(m, "descriptor type %#x", d->data.cmd);
	if (d->data.cmd & E1000_TXD_RS) {
		d->data.status |= E1000_TXD_DD;
		raise_cause(m, E1000_INT_TXDW);
	}
}

void e1000_model_run_tx(struct e1000_model *m, u32 max)
{
	if (!(m->tctl & E1000_TCTL_EN))
		return;
	while (max-- && m->tdh != m->tdt) {
		tx_one(m);
		if (m->tdh == m->tdt)
			raise_cause(m, E1000_INT_TXQE);
	}
}

/* --- registers ----------------------------------------------------------- */

static u32 read_status(const struct e1000_model *m)
{
	u32 gio = is_82574(m) && (m->stuck_gio || !(m->ctrl & E1000_CTRL_GIO_DISABLE)) ?
			  E1000_STATUS_GIO : 0;

	if (m->link_down || !(m->ctrl & E1000_CTRL_SLU))
		return gio;
	return gio | E1000_STATUS_LU | E1000_STATUS_FD | 2u << E1000_STATUS_SPEED_SHIFT;
}

/* D 7.4.5: the 82574 clears on a read only while everything is masked; the 8254x
 * always. */
static u32 read_icr(struct e1000_model *m)
{
	u32 v = m->icr;

	if (!is_82574(m) || !m->ims)
		m->icr = 0;
	else if (m->icr & m->ims)
		v |= INT_ASSERTED;
	update_line(m);
	return v;
}

/* What only the 82574 has. */
static u32 *own_register(struct e1000_model *m, u64 offset)
{
	if (!is_82574(m))
		return NULL;
	switch (offset) {
	case E1000_CTRL_EXT:
		return &m->ctrl_ext;
	case E1000_EIAC:
		return &m->eiac;
	case E1000_IVAR:
		return &m->ivar;
	case E1000_EITR0:
		return &m->eitr;
	case E1000_TXDCTL:
		return &m->txdctl;
	default:
		return NULL;
	}
}

u32 e1000_model_read32(void *ctx, u64 offset)
{
	struct e1000_model *m = ctx;
	u32 v;

	m->reads++;
	if (offset % 4 || offset >= E1000_MODEL_BAR_SIZE) {
		violation(m, "read at %#llx", (unsigned long long)offset);
		return 0;
	}
	if (offset >= STATS_FIRST && offset <= STATS_LAST) {
		v = m->stats[(offset - STATS_FIRST) / 4];
		if (!m->sticky_stats)
			m->stats[(offset - STATS_FIRST) / 4] = 0;
		return v;
	}
	if (offset >= E1000_RAL0 && offset < E1000_RAL0 + sizeof(m->ra))
		return m->ra[(offset - E1000_RAL0) / 4];
	if (own_register(m, offset))
		return *own_register(m, offset);
	if (is_82574(m) && offset == E1000_EECD)
		return m->no_auto_read ? 0 : E1000_EECD_AUTO_RD;
	switch (offset) {
	case E1000_CTRL:
		return m->ctrl;
	case E1000_STATUS:
		return read_status(m);
	case E1000_EERD:
		return m->eerd;
	case E1000_ICR:
		return read_icr(m);
	case E1000_IMS:
		return m->ims;
	case E1000_RCTL:
		return m->rctl;
	case E1000_TCTL:
		return m->tctl;
	case E1000_RDH:
		return m->rdh;
	case E1000_RDT:
		return m->rdt;
	case E1000_TDH:
		return m->tdh;
	case E1000_TDT:
		return m->tdt;
	default:
		violation(m, "read of unknown register %#llx", (unsigned long long)offset);
		return 0;
	}
}

static void write_eerd(struct e1000_model *m, u32 v)
{
	u32 done = is_82574(m) ? E1000_EERD_DONE_D : E1000_EERD_DONE;
	u32 word = is_82574(m) ? v >> E1000_EERD_ADDR_SHIFT_D & 0x3fff :
				 v >> E1000_EERD_ADDR_SHIFT & 0xff;

	if (!(v & E1000_EERD_START) || word >= ARRAY_SIZE(m->eeprom)) {
		violation(m, "EERD = %#x", v);
		return;
	}
	m->eerd = v & ~done;
	if (!m->no_eeprom)
		m->eerd = done | (u32)m->eeprom[word] << E1000_EERD_DATA_SHIFT;
}

static void check_ring(struct e1000_model *m, const char *which, u32 lo, u32 hi, u32 len)
{
	if (!len)
		violation(m, "%s enabled without a ring", which);
	else
		dma(m, lo | (u64)hi << 32, len, which);
}

/* Base, length and head may change only while the direction is off. */
static void write_ring(struct e1000_model *m, u32 *reg, u32 v, u32 align_mask, bool enabled,
		       const char *name)
{
	if (enabled)
		violation(m, "%s written while enabled", name);
	if (v & align_mask)
		violation(m, "%s = %#x is misaligned", name, v);
	*reg = v;
}

/* Gives descriptors [old tail, new tail); all of them must have been the
 * driver's, and one stays unused. */
static void check_tail(struct e1000_model *m, const char *name, u32 head, u32 tail, u32 v,
		       u32 len)
{
	u32 n = len / DESC_BYTES;

	if (v == 0 && n == 0)
		return;
	if (v >= n)
		violation(m, "%s = %u past the ring's %u", name, v, n);
	else if ((v + n - tail) % n > (head + n - tail - 1) % n)
		violation(m, "%s = %u passes the head %u", name, v, head);
}

static void write_rctl(struct e1000_model *m, u32 v)
{
	if (v & RCTL_RESERVED)
		violation(m, "RCTL = %#x sets reserved bits", v);
	if ((v & E1000_RCTL_EN) && !(m->rctl & E1000_RCTL_EN)) {
		check_ring(m, "receiver", m->rd_base_lo, m->rd_base_hi, m->rd_len);
		if (!(m->ra[1] & E1000_RAH_AV))
			violation(m, "receiver enabled without an address");
	}
	m->rctl = v;
}

static void write_tctl(struct e1000_model *m, u32 v)
{
	if ((v & E1000_TCTL_EN) && !(m->tctl & E1000_TCTL_EN)) {
		check_ring(m, "transmitter", m->td_base_lo, m->td_base_hi, m->td_len);
		if (!m->tipg)
			violation(m, "transmitter enabled without TIPG");
		if (is_82574(m) && !(m->txdctl & E1000_TXDCTL_COUNT_DESC))
			violation(m, "transmitter enabled with TXDCTL = %#x", m->txdctl);
	}
	m->tctl = v;
}

static bool write_rings(struct e1000_model *m, u64 offset, u32 v)
{
	bool rx = m->rctl & E1000_RCTL_EN, tx = m->tctl & E1000_TCTL_EN;

	switch (offset) {
	case E1000_RDBAL:
		write_ring(m, &m->rd_base_lo, v, 15, rx, "RDBAL");
		return true;
	case E1000_RDBAH:
		write_ring(m, &m->rd_base_hi, v, 0, rx, "RDBAH");
		return true;
	case E1000_RDLEN:
		write_ring(m, &m->rd_len, v, ~0xfff80u, rx, "RDLEN");
		return true;
	case E1000_RDH:
		write_ring(m, &m->rdh, v, 0xffff0000u, rx, "RDH");
		return true;
	case E1000_RDT:
		check_tail(m, "RDT", m->rdh, m->rdt, v, m->rd_len);
		m->rdt = v;
		m->rdt_writes++;
		return true;
	case E1000_TDBAL:
		write_ring(m, &m->td_base_lo, v, 15, tx, "TDBAL");
		return true;
	case E1000_TDBAH:
		write_ring(m, &m->td_base_hi, v, 0, tx, "TDBAH");
		return true;
	case E1000_TDLEN:
		write_ring(m, &m->td_len, v, ~0xfff80u, tx, "TDLEN");
		return true;
	case E1000_TDH:
		write_ring(m, &m->tdh, v, 0xffff0000u, tx, "TDH");
		return true;
	case E1000_TDT:
		check_tail(m, "TDT", m->tdh, m->tdt, v, m->td_len);
		m->tdt = v;
		m->tdt_writes++;
		if (!m->hang_tx)
			e1000_model_run_tx(m, UINT32_MAX);
		return true;
	default:
		return false;
	}
}

static void write_causes(struct e1000_model *m, u64 offset, u32 v)
{
	if (offset == E1000_ICR) {
		m->icr &= ~v;
	} else if (offset == E1000_IMC) {
		m->ims &= ~v;
	} else {
		if (v & ~(is_82574(m) ? INT_KNOWN_D : INT_KNOWN))
			violation(m, "reserved interrupt bits %#x", v);
		if (offset == E1000_ICS)
			m->icr |= v;
		else
			m->ims |= v;
	}
	update_line(m);
}

void e1000_model_write32(void *ctx, u64 offset, u32 v)
{
	struct e1000_model *m = ctx;

	if (offset % 4 || offset >= E1000_MODEL_BAR_SIZE) {
		violation(m, "write at %#llx", (unsigned long long)offset);
		return;
	}
	if (offset >= E1000_MTA && offset < E1000_MTA + sizeof(m->mta)) {
		m->mta[(offset - E1000_MTA) / 4] = v;
		return;
	}
	if (offset >= E1000_RAL0 && offset < E1000_RAL0 + sizeof(m->ra)) {
		m->ra[(offset - E1000_RAL0) / 4] = v;
		return;
	}
	if (write_rings(m, offset, v))
		return;
	if (own_register(m, offset)) {
		*own_register(m, offset) = v;
		return;
	}
	switch (offset) {
	case E1000_CTRL:
		if (v & E1000_CTRL_RST)
			reset(m);
		else
			m->ctrl = v;
		break;
	case E1000_EERD:
		write_eerd(m, v);
		break;
	case E1000_ICR:
	case E1000_ICS:
	case E1000_IMS:
	case E1000_IMC:
		write_causes(m, offset, v);
		break;
	case E1000_RCTL:
		write_rctl(m, v);
		break;
	case E1000_TCTL:
		write_tctl(m, v);
		break;
	case E1000_ITR:
		m->itr = v;
		break;
	case E1000_TIPG:
		m->tipg = v;
		break;
	case E1000_RDTR:
		m->rdtr = v;
		break;
	case E1000_RADV:
		m->radv = v;
		break;
	default:
		violation(m, "write of %#x to register %#llx: unknown or read only", v,
			  (unsigned long long)offset);
	}
}
