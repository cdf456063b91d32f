/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol between QEMU's x-pci-proxy-dev and the process that is the device: a
 * header of 16 bytes, then its payload; with the memory's description come its file
 * descriptors. Interrupts go by QEMU's qtest object, which can write to the bus.
 */
#include "tests/proxy/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum message {
	SYNC_SYSMEM,
	RET,
	PCI_CFGWRITE,
	PCI_CFGREAD,
	BAR_WRITE,
	BAR_READ,
	SET_IRQFD,
	DEVICE_RESET,
};

struct head {
	int cmd;
	u32 pad;
	u64 size;
};

struct sysmem {
	u64 gpas[PROXY_REGIONS];
	u64 sizes[PROXY_REGIONS];
	u64 offsets[PROXY_REGIONS];
};

struct config_access {
	u32 addr;
	u32 val;
	int len;
};

struct bar_access {
	u64 addr;
	u64 val;
	u32 size;
	u8 memory;
	u8 pad[3];
};

union payload {
	u64 ret;
	struct sysmem sysmem;
	struct config_access config;
	struct bar_access bar;
};

STATIC_ASSERT(sizeof(struct head) == 16, "header");
STATIC_ASSERT(sizeof(struct sysmem) == 192, "memory");
STATIC_ASSERT(sizeof(struct config_access) == 12, "configuration access");
STATIC_ASSERT(sizeof(struct bar_access) == 24, "BAR access");

/* --- memory -------------------------------------------------------------------------- */

static void unmap(struct proxy *p)
{
	for (u32 i = 0; i < p->regions; i++)
		munmap(p->region[i].map, p->region[i].mapped);
	p->regions = 0;
}

static void map_memory(struct proxy *p, const struct sysmem *s, const int *fds, u32 n)
{
	unmap(p);
	for (u32 i = 0; i < n; i++) {
		struct proxy_region *r = &p->region[p->regions];
		u64 skip = s->offsets[i] & 4095;

		r->mapped = s->sizes[i] + skip;
		r->map = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i],
			      (off_t)(s->offsets[i] - skip));
		if (r->map == MAP_FAILED) {
			proxy_say(p, "memory at %#llx cannot be mapped: %s",
				  (unsigned long long)s->gpas[i], strerror(errno));
			continue;
		}
		r->base = s->gpas[i];
		r->len = s->sizes[i];
		r->host = (u8 *)r->map + skip;
		p->regions++;
	}
}

void *proxy_dma(void *ctx, u64 addr, u64 len)
{
	struct proxy *p = ctx;

	for (u32 i = 0; i < p->regions; i++) {
		struct proxy_region *r = &p->region[i];

		if (addr >= r->base && len <= r->len && addr - r->base <= r->len - len)
			return (u8 *)r->host + (addr - r->base);
	}
	return NULL;
}

/* --- messages ------------------------------------------------------------------------ */

/* The header, with whatever descriptors come along. */
static bool receive_head(struct proxy *p, struct head *h, int *fds, u32 *nfds)
{
	union {
		struct cmsghdr align;
		u8 bytes[CMSG_SPACE(PROXY_REGIONS * sizeof(int))];
	} control;
	struct iovec iov = { h, sizeof(*h) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(p->qemu_fd, &msg, MSG_WAITALL);

	*nfds = 0;
	if (got != sizeof(*h))
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		*nfds = (u32)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *nfds * sizeof(int));
	}
	return true;
}

static void answer(struct proxy *p, u64 value)
{
	struct {
		struct head head;
		u64 value;
	} reply = { { RET, 0, sizeof(u64) }, value };

	if (send(p->qemu_fd, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
		proxy_say(p, "no answer to QEMU: %s", strerror(errno));
}

static void act(struct proxy *p, int cmd, const union payload *m, const int *fds, u32 nfds)
{
	p->accesses++;
	switch (cmd) {
	case SYNC_SYSMEM:
		map_memory(p, &m->sysmem, fds, nfds);
		break;
	case PCI_CFGWRITE:
		proxy_config_write(p, m->config.addr, (u32)m->config.len, m->config.val);
		answer(p, 0);
		break;
	case PCI_CFGREAD:
		answer(p, proxy_config_read(p, m->config.addr, (u32)m->config.len));
		break;
	case BAR_WRITE:
		proxy_bar_write(p, m->bar.addr, m->bar.size, m->bar.val);
		answer(p, 0);
		break;
	case BAR_READ:
		answer(p, proxy_bar_read(p, m->bar.addr, m->bar.size));
		break;
	case SET_IRQFD: /* works with KVM alone */
		break;
	case DEVICE_RESET:
		ixgbe_model_reset(&p->model);
		answer(p, 0);
		break;
	default:
		proxy_say(p, "QEMU sends command %d", cmd);
	}
}

bool proxy_qemu_serve(struct proxy *p)
{
	union payload m = { 0 };
	int fds[PROXY_REGIONS];
	struct head h;
	u32 nfds;

	if (!receive_head(p, &h, fds, &nfds))
		return false;
	if (h.size > sizeof(m) ||
	    (h.size && recv(p->qemu_fd, &m, h.size, MSG_WAITALL) != (ssize_t)h.size))
		return false;
	act(p, h.cmd, &m, fds, nfds);
	for (u32 i = 0; i < nfds; i++)
		close(fds[i]);
	return true;
}

/* --- interrupts ------------------------------------------------------------------------ */

void proxy_bus_write(struct proxy *p, u64 addr, u32 data)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "writel %#llx %#x\n", (unsigned long long)addr, data);

	p->messages++;
	if (send(p->qtest_fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		proxy_say(p, "no interrupt to QEMU: %s", strerror(errno));
}

void proxy_qtest_drain(struct proxy *p)
{
	char answers[4096];

	if (recv(p->qtest_fd, answers, sizeof(answers), MSG_DONTWAIT) == 0)
		p->qtest_fd = -1;
}
