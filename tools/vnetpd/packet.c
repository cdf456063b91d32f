/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet sockets, packet(7), netdevice(7); see packet.h. */
#include "tools/vnetpd/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/vnethdr.h"
#include "vnet/ledger.h"

#define BUFFER_BYTES (4 * 1024 * 1024)
#define CONTROL_BYTES 64u
#define MAC_LEN 6u
#define VLAN_TAG 4u

/* --- the device --------------------------------------------------------------------- */

static bool ask_device(const struct packet_sock *s, unsigned long request, struct ifreq *r)
{
	memset(r, 0, sizeof(*r));
	fmt_snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", s->device);
	return !ioctl(s->fd, request, r);
}

static bool attach(struct packet_sock *s, int index)
{
	struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = index,
	};
	/* Groups that guests listen to are not known here. */
	struct packet_mreq groups = { .mr_ifindex = index, .mr_type = PACKET_MR_ALLMULTI };

	s->index = 0;
	s->macs = 0; /* what the old device knew went with it */
	if (bind(s->fd, (struct sockaddr *)&here, sizeof(here)) ||
	    setsockopt(s->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof(groups)))
		return false;
	s->index = index;
	return true;
}

bool packet_follow(struct packet_sock *s)
{
	struct ifreq r;

	if (!ask_device(s, SIOCGIFINDEX, &r))
		s->index = 0;
	else if (r.ifr_ifindex != s->index)
		attach(s, r.ifr_ifindex);
	if (s->index && ask_device(s, SIOCGIFMTU, &r))
		s->mtu = (u32)r.ifr_mtu;
	return s->index != 0;
}

bool packet_carrier(const struct packet_sock *s)
{
	struct ifreq r;

	return s->index && ask_device(s, SIOCGIFFLAGS, &r) && (r.ifr_flags & IFF_UP) &&
	       (r.ifr_flags & IFF_RUNNING);
}

/* --- whose frames ------------------------------------------------------------------- */

#define FILTER_HEAD 3u /* instructions: groups pass */
#define FILTER_EACH 5u /* ... for each address */
#define GROUP_BIT 0x01000000u
#define ALL_BYTES 0xffffffffu

/* Classic BPF (filter.rst): the destination is a group, or one of ours. */
static void set_filter(const struct packet_sock *s)
{
	static struct sock_filter f[FILTER_HEAD + PACKET_MACS_MAX * FILTER_EACH + 1];
	struct sock_fprog prog = { .filter = f };
	u32 n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, GROUP_BIT, 0, 1);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ALL_BYTES);
	for (u32 i = 0; i < s->macs; i++) {
		u32 high = load_be32(s->mac[i]), low = load_be16(s->mac[i] + 4);

		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ALL_BYTES);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	prog.len = (unsigned short)n;
	setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

/* The NIC is to let that address in; where it cannot, the kernel makes it promiscuous. */
static void membership(const struct packet_sock *s, int option, const u8 *mac)
{
	struct packet_mreq r = {
		.mr_ifindex = s->index,
		.mr_type = PACKET_MR_UNICAST,
		.mr_alen = MAC_LEN,
	};

	memcpy(r.mr_address, mac, MAC_LEN);
	setsockopt(s->fd, SOL_PACKET, option, &r, sizeof(r));
}

void packet_take(struct packet_sock *s, const u8 (*macs)[6], u32 n)
{
	if (!s->index || (n == s->macs && !memcmp(s->mac, macs, n * MAC_LEN)))
		return;
	for (u32 i = 0; i < s->macs; i++)
		membership(s, PACKET_DROP_MEMBERSHIP, s->mac[i]);
	s->macs = n;
	memcpy(s->mac, macs, n * MAC_LEN);
	for (u32 i = 0; i < n; i++)
		membership(s, PACKET_ADD_MEMBERSHIP, s->mac[i]);
	set_filter(s);
}

/* --- out ------------------------------------------------------------------------------ */

/* Messages for one call of the kernel. */
static struct {
	struct mmsghdr msg[PACKET_BATCH];
	struct virtio_net_hdr header[PACKET_BATCH];
	struct iovec iov[PACKET_BATCH][2 + PKT_JOIN_SEGS];
} out;

static void fill_message(u32 i, const struct pkt *p)
{
	struct iovec *v = out.iov[i];

	out.header[i] = vnethdr_of(p);
	*v++ = (struct iovec){ .iov_base = &out.header[i], .iov_len = sizeof(out.header[i]) };
	*v++ = (struct iovec){ .iov_base = p->data, .iov_len = p->head_len };
	for (u32 k = 0; k < p->nseg; k++)
		*v++ = (struct iovec){ .iov_base = p->seg[k].addr, .iov_len = p->seg[k].len };
	out.msg[i].msg_hdr = (struct msghdr){
		.msg_iov = out.iov[i],
		.msg_iovlen = (size_t)(v - out.iov[i]),
	};
}

u32 packet_send(struct packet_sock *s, struct pkt **pkts, u32 n)
{
	u32 done = 0, before = ledger_enter(LEDGER_TX_DOORBELL);

	while (done < n) {
		u32 some = MIN(n - done, PACKET_BATCH), ended;
		int sent;

		for (u32 i = 0; i < some; i++)
			fill_message(i, pkts[done + i]);
		loop_syscalls++;
		sock_counters.tx_calls++;
		sent = sendmmsg(s->fd, out.msg, some, MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			sock_count_drop(errno, 1);
		ended = sent < 0 ? 1 : (u32)sent;
		sock_counters.tx_messages += sent < 0 ? 0 : ended;
		sock_counters.tx_datagrams += sent < 0 ? 0 : ended;
		for (u32 i = 0; i < ended; i++)
			pkt_put(pkts[done + i]);
		done += ended;
	}
	ledger_leave(before);
	return done;
}

/* --- in ------------------------------------------------------------------------------- */

static struct {
	struct mmsghdr msg[PACKET_BATCH];
	struct virtio_net_hdr header[PACKET_BATCH];
	struct iovec iov[PACKET_BATCH][2];
	struct pkt *pkt[PACKET_BATCH];
	char control[PACKET_BATCH][CONTROL_BYTES] ALIGNED(8);
} in;

/* Packets to receive into; they stay here until they are used. */
static u32 prepare(struct pkt_pool *pool)
{
	for (u32 i = 0; i < PACKET_BATCH; i++) {
		if (!in.pkt[i])
			in.pkt[i] = pkt_get(pool);
		if (!in.pkt[i])
			return i;
		in.iov[i][0] = (struct iovec){
			.iov_base = &in.header[i],
			.iov_len = sizeof(in.header[i]),
		};
		in.iov[i][1] = (struct iovec){
			.iov_base = in.pkt[i]->data,
			.iov_len = in.pkt[i]->buf_size - PKT_HEADROOM,
		};
		in.msg[i].msg_hdr = (struct msghdr){
			.msg_iov = in.iov[i],
			.msg_iovlen = ARRAY_SIZE(in.iov[i]),
			.msg_control = in.control[i],
			.msg_controllen = CONTROL_BYTES,
		};
	}
	return PACKET_BATCH;
}

/* The kernel takes the VLAN tag out of the frame (packet(7), PACKET_AUXDATA): back with it. */
static void put_tag_back(struct pkt *p, struct msghdr *m)
{
	struct tpacket_auxdata aux = { 0 };
	u8 *to;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	to = pkt_push(p, VLAN_TAG);
	memmove(to, to + VLAN_TAG, 2 * MAC_LEN);
	store_be16(to + 2 * MAC_LEN, aux.tp_status & TP_STATUS_VLAN_TPID_VALID
					     ? aux.tp_vlan_tpid : (u16)ETHERTYPE_VLAN);
	store_be16(to + 2 * MAC_LEN + 2, aux.tp_vlan_tci);
}

/* The frame of message i; NULL: it was dropped. */
static struct pkt *take_message(u32 i)
{
	struct msghdr *m = &in.msg[i].msg_hdr;
	u32 len = in.msg[i].msg_len, header = sizeof(in.header[i]);
	struct pkt *p = in.pkt[i];

	in.pkt[i] = NULL;
	sock_counters.rx_messages++;
	sock_counters.rx_datagrams++;
	p->head_len = len - MIN(len, header);
	p->len = p->head_len;
	if (p->len >= ETH_HLEN && !(m->msg_flags & MSG_TRUNC) &&
	    vnethdr_take(p, &in.header[i])) {
		put_tag_back(p, m);
		return p;
	}
	sock_counters.rx_bad++;
	pkt_put(p);
	return NULL;
}

u32 packet_recv(struct packet_sock *s, struct pkt_pool *pool, struct pkt **pkts, u32 *n)
{
	u32 room = prepare(pool), before;
	int got;

	*n = 0;
	if (!room)
		return 0;
	ledger_claim(plat_core(), LEDGER_RX_EXIT);
	before = ledger_enter(LEDGER_RX_RECEIVE);
	loop_syscalls++;
	sock_counters.rx_calls++;
	got = recvmmsg(s->fd, in.msg, room, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		pkts[*n] = take_message((u32)i);
		*n += pkts[*n] != NULL;
	}
	ledger_leave(before);
	return got > 0 ? (u32)got : 0;
}

/* --- life ----------------------------------------------------------------------------- */

static void set_option(const struct packet_sock *s, int level, int option, int value)
{
	setsockopt(s->fd, level, option, &value, sizeof(value));
}

static err_t check_device(const struct packet_sock *s, char *why, size_t size)
{
	struct ifreq r;

	if (!ask_device(s, SIOCGIFHWADDR, &r)) {
		fmt_snprintf(why, size, "device %s: %s", s->device, strerror(errno));
		return ERR_NOENT;
	}
	if (r.ifr_hwaddr.sa_family == ARPHRD_ETHER)
		return ERR_OK;
	fmt_snprintf(why, size, "device %s is no Ethernet", s->device);
	return ERR_INVAL;
}

static err_t set_up(struct packet_sock *s, char *why, size_t size)
{
	int header = 1;
	err_t err = check_device(s, why, size);

	if (err)
		return err;
	set_option(s, SOL_PACKET, PACKET_AUXDATA, 1);
	/* What we send, others of this machine may see; we are not to. */
	set_option(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	set_option(s, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES);
	set_option(s, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES);
	set_filter(s);
	if (!setsockopt(s->fd, SOL_PACKET, PACKET_VNET_HDR, &header, sizeof(header)) &&
	    packet_follow(s))
		return ERR_OK;
	fmt_snprintf(why, size, "device %s: %s", s->device, strerror(errno));
	return ERR_IO;
}

err_t packet_open(struct packet_sock *s, const char *device, char *why, size_t size)
{
	err_t err;

	memset(s, 0, sizeof(*s));
	fmt_snprintf(s->device, sizeof(s->device), "%s", device);
	/* Protocol 0: nothing comes before it is bound. */
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		fmt_snprintf(why, size, "no packet socket: %s%s", strerror(errno),
			     errno == EPERM ? " (it takes CAP_NET_RAW: vnetpd starts as root)"
					    : "");
		return ERR_IO;
	}
	err = set_up(s, why, size);
	if (err)
		packet_close(s);
	return err;
}

void packet_close(struct packet_sock *s)
{
	close(s->fd);
	s->fd = -1;
}
