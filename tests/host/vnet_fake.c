/* SPDX-License-Identifier: BSD-2-Clause */
/* A port that keeps what it is given, and small frames, for tests of vnet/. */
#include "tests/host/vnet_fake.h"

#include <stdlib.h>

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"

static void keep(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct fake_port *f = container_of(port, struct fake_port, port);

	ASSERT(plat_core() == port->out_owner && n > 0 && n <= PKT_BURST);
	f->delivers++;
	for (u32 i = 0; i < n; i++) {
		port->count.tx_frames++;
		port->count.tx_bytes += pkts[i]->len;
		port->count.tx_segments += pkt_wire_frames(pkts[i]);
		ASSERT(f->n < FAKE_KEEP);
		f->got[f->n++] = pkts[i];
	}
}

static u32 collect(struct vnet_port *port, struct pkt **pkts, u32 max)
{
	struct fake_port *f = container_of(port, struct fake_port, port);
	u32 n = MIN(max, f->nsend);

	memcpy(pkts, f->to_send, n * sizeof(pkts[0]));
	f->nsend -= n;
	memmove(f->to_send, f->to_send + n, f->nsend * sizeof(pkts[0]));
	return n;
}

static void flush(struct vnet_port *port)
{
	container_of(port, struct fake_port, port)->flushes++;
}

static void told_gone(struct vnet_port *port)
{
	container_of(port, struct fake_port, port)->was_told_gone = true;
}

static const struct vnet_port_ops fake_ops = {
	.deliver = keep,
	.collect = collect,
	.flush = flush,
	.gone = told_gone,
};

void fake_port_add(struct fake_port *f, const char *name, enum vnet_port_kind kind, u8 tag,
		   u32 core)
{
	fake_port_add_overlay(f, name, kind, tag, core, 0);
}

void fake_port_add_overlay(struct fake_port *f, const char *name, enum vnet_port_kind kind, u8 tag,
			   u32 core, u32 overlay)
{
	err_t err;

	memset(f, 0, sizeof(*f));
	f->port.ops = &fake_ops;
	f->port.kind = kind;
	f->port.core = core;
	f->port.overlay = overlay;
	f->port.up = true;
	memcpy(f->port.mac, fake_mac(tag), sizeof(f->port.mac));
	fmt_snprintf(f->port.name, sizeof(f->port.name), "%s", name);
	err = vnet_port_add(&f->port);
	if (err != ERR_OK)
		die("port %s: %s", name, err_str(err));
}

u32 fake_port_clear(struct fake_port *f)
{
	u32 n = f->n;

	while (f->n)
		pkt_put(f->got[--f->n]);
	return n;
}

const u8 *fake_mac(u8 tag)
{
	static _Thread_local u8 macs[256][6];
	u8 *mac = macs[tag];

	if (tag == 0xff) {
		memset(mac, 0xff, 6);
	} else {
		mac[0] = tag >= 0xf0 ? 0x33 : 0x02;
		mac[1] = tag >= 0xf0 ? 0x33 : 0;
		mac[5] = tag;
	}
	return mac;
}

struct pkt *fake_frame(struct pkt_pool *pool, u8 dst, u8 src, u32 len)
{
	struct pkt *p = pkt_get(pool);

	if (!p)
		die("pool %s is empty", pool->name);
	for (u32 i = 0; i < len; i++)
		p->data[i] = (u8)(dst + src + i);
	memcpy(p->data, fake_mac(dst), 6);
	memcpy(p->data + 6, fake_mac(src), 6);
	p->head_len = len;
	p->len = len;
	return p;
}

void fake_pool_init(struct pkt_pool *pool, const char *name, u32 core, u32 count)
{
	size_t bytes = ALIGN_UP(pkt_pool_bytes(count, FAKE_BUF), (size_t)CACHE_LINE);
	void *mem = aligned_alloc(CACHE_LINE, bytes);

	if (!mem)
		die("no memory");
	pkt_pool_init(pool, name, core, count, FAKE_BUF, mem, (bus_t){ 0 });
}

void fake_pool_fini(struct pkt_pool *pool)
{
	struct pkt *lowest = NULL;

	/* All packets are on the free list; the first in memory is the memory. */
	ASSERT(pool->free_count == pool->count);
	for (u32 i = 0; i < pool->count; i++) {
		if (!lowest || pool->free[i] < lowest)
			lowest = pool->free[i];
	}
	free(lowest);
}

u32 fake_route(u8 dst, const struct fake_port *to, const struct vnet_port *from)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY },
		.dst = { .cls = dst ? ROUTE_EXACT : ROUTE_ANY },
		.from = from ? ROUTE_FROM_PORT : ROUTE_FROM_ANY,
		.from_port = from ? from->id : VNET_PORT_NONE,
		.to = to->port.id,
	};
	char why[80];
	u32 id;

	if (dst)
		memcpy(spec.dst.mac, fake_mac(dst), 6);
	if (route_add(&spec, &id, why, sizeof(why)) != ERR_OK)
		die("route: %s", why);
	return id;
}

u64 fake_ports(u64 verdict)
{
	u64 ports = 0;

	if (verdict & VERDICT_DROP)
		return verdict;
	ASSERT(verdict && !(verdict & VERDICT_MANY));
	for (u16 last = 0; verdict; verdict >>= VERDICT_PORT_BITS) {
		ASSERT(verdict_port(verdict) > last && verdict_port(verdict) < 63);
		last = verdict_port(verdict);
		ports |= BIT64(last);
	}
	return ports;
}

u64 fake_lookup(const struct route_key *k)
{
	struct port_set many = { 0 };
	u64 verdict = route_lookup(k, &many), ports = 0;
	u32 n = 0;

	if (!(verdict & VERDICT_MANY))
		return fake_ports(verdict);
	for (u16 id; (id = port_set_take(&many)) != VNET_PORT_NONE; n++) {
		ASSERT(id < 63);
		ports |= BIT64(id);
	}
	ASSERT(n > VERDICT_PORTS);
	return ports;
}
