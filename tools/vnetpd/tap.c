/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP interfaces: from and to the kernel, see tap.h. Opening them: tap_open.c. */
#include "tools/vnetpd/tap.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/tap_open.h"
#include "tools/vnetpd/vnethdr.h"
#include "vnet/gro.h"
#include "vnet/route.h"

/* Frames read in one turn: what a burst of 64 KiB segments leaves of a cache. */
#define BURST_MAX 8u
/* Of a long segment. */
#define LONG_BYTES 16384u
#define ETHERNET_HEADER 14u
#define VLAN_TAG 4u
#define IOVECS (2u + TAP_QUEUE)

STATIC_ASSERT(PKT_JOIN_SEGS + 2 <= IOVECS, "any packet, with virtio's header");
STATIC_ASSERT(IOVECS <= 1024, "UIO_MAXIOV");

static struct tap *taps;
static bool reading_all = true;

/* --- from the kernel ------------------------------------------------------------ */

static void device_gone(struct tap *t, int error)
{
	log_err("interface", "%s: %s is gone: %s", t->port.name, t->device, strerror(error));
	t->gone = true;
	t->port.up = false;
	loop_del(&t->lf);
}

/* NULL: nothing is there, or it was dropped. */
static struct pkt *read_frame(struct tap *t, bool *empty)
{
	struct pkt *p = pkt_get(&node.frames);
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { .iov_base = &h, .iov_len = sizeof(h) } };
	ssize_t got;

	*empty = !p;
	if (!p)
		return NULL;
	iov[1] = (struct iovec){ .iov_base = p->data, .iov_len = TAP_FRAME_MAX };
	loop_syscalls++;
	t->reads++;
	got = readv(t->lf.fd, iov, ARRAY_SIZE(iov));
	if (got <= (ssize_t)sizeof(h)) {
		*empty = true;
		if (got < 0 && errno == EBADFD)
			device_gone(t, errno);
		pkt_put(p);
		return NULL;
	}
	p->head_len = (u32)got - (u32)sizeof(h);
	p->len = p->head_len;
	t->port.count.rx_copies++;
	t->port.count.rx_copied_bytes += p->len;
	if (!t->port.up) {
		vnet_port_drop(&t->port, p, VNET_DROP_PORT_DOWN);
		return NULL;
	}
	if (vnethdr_take(p, &h))
		return p;
	vnet_port_drop(&t->port, p, VNET_DROP_BAD_OFFLOAD);
	return NULL;
}

/* A single frame goes on its way at once; where more wait, they go together. */
static void read_turn(struct tap *t)
{
	struct pkt *pkts[BURST_MAX];
	u32 n = 0, tries = 0, longs = 0;
	bool empty = false;

	while (tries < t->burst && !empty) {
		struct pkt *p = read_frame(t, &empty);

		tries++;
		if (!p)
			continue;
		longs += p->len >= LONG_BYTES;
		pkts[n++] = p;
	}
	t->burst = empty ? MAX(n, 1u) : MIN(2 * t->burst, BURST_MAX);
	if (n)
		vnet_input(&t->port, pkts, n);
	node_note_long(longs, NULL);
}

static void tap_ready(struct loop_fd *f, u32 events)
{
	(void)events;
	read_turn(container_of(f, struct tap, lf));
	node_settle();
}

void tap_answers(void)
{
	for (struct tap *t = taps; t; t = t->next) {
		if (!t->written || !reading_all || t->gone)
			continue;
		t->written = false;
		read_turn(t);
	}
}

/* --- to the kernel --------------------------------------------------------------- */

static bool write_iov(struct tap *t, const struct iovec *iov, u32 n)
{
	loop_syscalls++;
	t->writes++;
	return writev(t->lf.fd, iov, (int)n) > 0;
}

static bool write_frame(struct tap *t, struct pkt *p)
{
	struct virtio_net_hdr h = vnethdr_of(p);
	struct iovec iov[2 + PKT_JOIN_SEGS] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = p->data, .iov_len = p->head_len },
	};

	for (u32 i = 0; i < p->nseg; i++)
		iov[2 + i] = (struct iovec){ .iov_base = p->seg[i].addr, .iov_len = p->seg[i].len };
	return write_iov(t, iov, 2u + p->nseg);
}

static bool write_run(struct tap *t, struct pkt *const *pkts, struct gro_run *run)
{
	static struct iovec iov[IOVECS];
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = run->header_len,
		.gso_size = run->gso_size,
		.csum_start = run->csum_start,
		.csum_offset = run->csum_offset,
	};

	iov[0] = (struct iovec){ .iov_base = &h, .iov_len = sizeof(h) };
	iov[1] = (struct iovec){ .iov_base = run->header, .iov_len = run->header_len };
	for (u32 i = 0; i < run->count; i++)
		iov[2 + i] = (struct iovec){
			.iov_base = pkts[i]->data + run->header_len,
			.iov_len = pkts[i]->head_len - run->header_len,
		};
	return write_iov(t, iov, 2 + run->count);
}

static void count_written(struct vnet_counters *c, const struct pkt *p)
{
	c->tx_frames++;
	c->tx_bytes += p->len;
	c->tx_segments += pkt_wire_frames(p);
	c->tx_copies++;
	c->tx_copied_bytes += p->len;
}

/* n frames that went, or did not, as one. */
static void end_frames(struct tap *t, struct pkt **pkts, u32 n, bool written)
{
	for (u32 i = 0; i < n; i++) {
		if (!written) {
			vnet_port_drop(&t->port, pkts[i], VNET_DROP_NO_BUFFER);
			continue;
		}
		count_written(&t->port.count, pkts[i]);
		pkt_put(pkts[i]);
	}
	t->port.count.tx_joined += written ? n - 1 : 0;
}

static void write_all(struct tap *t)
{
	u32 n = t->queued, count;
	struct gro_run run;

	t->queued = 0;
	t->written = true;
	for (u32 i = 0; i < n; i += count) {
		bool written;

		count = gro_begin(t->queue + i, n - i, &run);
		written = count > 1 ? write_run(t, t->queue + i, &run)
				    : write_frame(t, t->queue[i]);
		end_frames(t, t->queue + i, count, written);
	}
	t->port.count.tx_held = 0;
}

static void tap_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct tap *t = tap_of(port);

	if (t->queued + n > TAP_QUEUE)
		write_all(t);
	for (u32 i = 0; i < n; i++) {
		if (pkt_wire_len(pkts[i]) > port->mtu + ETHERNET_HEADER + VLAN_TAG)
			vnet_port_drop(port, pkts[i], VNET_DROP_TOO_BIG);
		else
			t->queue[t->queued++] = pkts[i];
	}
	port->count.tx_held = t->queued;
}

void tap_settle(void)
{
	for (struct tap *t = taps; t; t = t->next)
		if (t->queued)
			write_all(t);
}

void tap_read_all(bool on)
{
	if (on == reading_all)
		return;
	reading_all = on;
	for (struct tap *t = taps; t; t = t->next)
		if (!t->gone)
			loop_change(&t->lf, on ? LOOP_IN : 0);
}

/* --- life ------------------------------------------------------------------------ */

static void tap_gone(struct vnet_port *port)
{
	plat_free(tap_of(port), sizeof(struct tap));
}

static const struct vnet_port_ops tap_ops = {
	.deliver = tap_deliver,
	.gone = tap_gone,
};

static void set_mtu(struct tap *t, u32 mtu)
{
	t->port.mtu = mtu;
	t->port.caps_max = mtu + ETHERNET_HEADER + VLAN_TAG;
}

static void fill(struct tap *t, const struct tap_setup *setup)
{
	*t = (struct tap){
		.port = {
			.ops = &tap_ops,
			.kind = VNET_PORT_INTERFACE,
			.overlay = setup->overlay,
			.any_source = setup->any_source,
			.also = setup->also,
			.storm = setup->storm,
			.caps = PKT_CAP_CSUM | PKT_CAP_TSO4 | PKT_CAP_TSO6,
			.pool = &node.headers,
			.up = true,
		},
		.lf = { .fd = -1, .ready = tap_ready },
		.mtu_fixed = setup->mtu != 0,
		.burst = 1,
	};
	memcpy(t->port.mac, setup->mac, sizeof(t->port.mac));
	fmt_snprintf(t->port.name, sizeof(t->port.name), "%s", setup->name);
	fmt_snprintf(t->device, sizeof(t->device), "%s", setup->device);
	set_mtu(t, setup->mtu ? setup->mtu : link_sock_guest_mtu(&t->port));
}

err_t tap_add(const struct tap_setup *setup, char *why, size_t size)
{
	struct tap *t = plat_alloc(sizeof(*t));
	err_t err;

	if (!t)
		return ERR_NOMEM;
	fill(t, setup);
	err = tap_open(t->device, setup->mac, t->port.mtu, &t->lf.fd, why, size);
	if (err)
		goto free;
	err = vnet_port_add(&t->port);
	if (err) {
		fmt_snprintf(why, size, "%s",
			     err == ERR_EXIST ? "its name or MAC address is taken" : err_str(err));
		goto close;
	}
	err = loop_add(&t->lf, reading_all ? LOOP_IN : 0);
	if (err) {
		close(t->lf.fd);
		vnet_port_del(&t->port, true);
		return err;
	}
	t->next = taps;
	taps = t;
	return ERR_OK;
close:
	close(t->lf.fd);
free:
	plat_free(t, sizeof(*t));
	return err;
}

err_t tap_del(struct tap *t, bool force)
{
	struct tap **at = &taps;

	if (!force && route_port_uses(t->port.id))
		return ERR_BUSY;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	write_all(t);
	if (!t->gone)
		loop_del(&t->lf);
	close(t->lf.fd);
	return vnet_port_del(&t->port, force);
}

void tap_set_up(struct tap *t, bool up)
{
	t->port.up = up && !t->gone;
	tap_carrier(t->lf.fd, up);
}

bool tap_on_device(const char *device)
{
	const struct tap *t = taps;

	while (t && strcmp(t->device, device) != 0)
		t = t->next;
	return t != NULL;
}

static void follow_mtu(struct tap *t)
{
	u32 mtu = t->mtu_fixed ? t->port.mtu : link_sock_guest_mtu(&t->port);

	if (t->port.mtu == mtu)
		return;
	if (tap_device_mtu(t->device, mtu)) {
		log_warn("interface", "%s: %s does not take an MTU of %u", t->port.name, t->device,
			 mtu);
		return;
	}
	set_mtu(t, mtu);
	log_info("interface", "%s: MTU %u, as the links leave it", t->port.name, mtu);
}

void tap_follow_links(u32 segments)
{
	for (struct tap *t = taps; t; t = t->next) {
		if (t->gone)
			continue;
		follow_mtu(t);
		/* It is faster so; nothing depends on it. */
		if (t->segments != segments && !tap_device_segments(t->device, segments))
			t->segments = segments;
	}
}
