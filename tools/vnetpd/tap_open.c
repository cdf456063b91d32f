/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP devices by ioctl(2): Documentation/networking/tuntap.rst, netdevice(7). */
#include "tools/vnetpd/tap_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/fmt.h"

#define TUN_DEVICE "/dev/net/tun"
#define SPARES 16u

/* Opened while that was allowed, and attached to nothing yet. */
static int spares[SPARES];
static u32 spare_count;

static void set_name(struct ifreq *r, const char *device)
{
	memset(r, 0, sizeof(*r));
	fmt_snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", device);
}

/* An ioctl of network devices, on a socket as they want it. */
static int device_ioctl(unsigned long request, struct ifreq *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result, error;

	if (fd < 0)
		return -1;
	result = ioctl(fd, request, r);
	error = errno;
	close(fd);
	errno = error;
	return result;
}

err_t tap_device_mtu(const char *device, u32 mtu)
{
	struct ifreq r;

	set_name(&r, device);
	r.ifr_mtu = (int)mtu;
	return device_ioctl(SIOCSIFMTU, &r) ? ERR_IO : ERR_OK;
}

static err_t set_mac(const char *device, const u8 mac[6])
{
	struct ifreq r;

	set_name(&r, device);
	if (device_ioctl(SIOCGIFHWADDR, &r))
		return ERR_IO;
	if (!memcmp(r.ifr_hwaddr.sa_data, mac, 6))
		return ERR_OK;
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	return device_ioctl(SIOCSIFHWADDR, &r) ? ERR_IO : ERR_OK;
}

static err_t set_flags_up(const char *device)
{
	struct ifreq r;

	set_name(&r, device);
	if (device_ioctl(SIOCGIFFLAGS, &r))
		return ERR_IO;
	r.ifr_flags |= IFF_UP;
	return device_ioctl(SIOCSIFFLAGS, &r) ? ERR_IO : ERR_OK;
}

err_t tap_device_segments(const char *device, u32 segments)
{
	struct {
		struct nlmsghdr n;
		struct ifinfomsg i;
		struct rtattr a;
		u32 segments;
	} m = {
		.n = { .nlmsg_len = sizeof(m), .nlmsg_type = RTM_SETLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_index = (int)if_nametoindex(device) },
		.a = { .rta_len = RTA_LENGTH(sizeof(u32)), .rta_type = IFLA_GSO_MAX_SEGS },
		.segments = segments,
	};
	struct {
		struct nlmsghdr n;
		struct nlmsgerr e;
		char rest[256];
	} answer = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool done = fd >= 0 && send(fd, &m, sizeof(m), 0) == sizeof(m) &&
		    recv(fd, &answer, sizeof(answer), 0) >=
			    (ssize_t)(sizeof(answer.n) + sizeof(answer.e)) &&
		    answer.n.nlmsg_type == NLMSG_ERROR && !answer.e.error;

	if (fd >= 0)
		close(fd);
	return done ? ERR_OK : ERR_IO;
}

static int open_device(void)
{
	return open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

void tap_open_spares(void)
{
	struct stat st;

	if (stat(TUN_DEVICE, &st) || (st.st_mode & (S_IROTH | S_IWOTH)) == (S_IROTH | S_IWOTH))
		return;
	while (spare_count < SPARES) {
		int fd = open_device();

		if (fd < 0)
			return;
		spares[spare_count++] = fd;
	}
}

static err_t open_tun(int *fd, char *why, size_t size)
{
	*fd = open_device();
	if (*fd < 0 && spare_count)
		*fd = spares[--spare_count];
	if (*fd >= 0)
		return ERR_OK;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		fmt_snprintf(why, size,
			     "there is no " TUN_DEVICE ": load the kernel's module tun, or give "
			     "the container that device");
	else
		fmt_snprintf(why, size, TUN_DEVICE ": %s%s", strerror(errno),
			     errno == EACCES || errno == EPERM
				     ? " (vnetpd starts as root; what it opened then for "
				       "interfaces that come later is used up)"
				     : "");
	return ERR_NOTSUP;
}

static err_t attach(int fd, const char *device, bool one_of_several, char *why, size_t size)
{
	int header = sizeof(struct virtio_net_hdr);
	struct ifreq r;

	set_name(&r, device);
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (one_of_several)
		r.ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, &r)) {
		int error = errno;

		fmt_snprintf(why, size, "TAP device %s: %s%s", device, strerror(error),
			     error == EPERM    ? " (it takes CAP_NET_ADMIN: vnetpd starts as root)"
			     : error == EBUSY  ? " (another process has it)"
			     : error == EINVAL ? " (is it a device of another kind, or "
						 "with another number of queues?)"
					       : "");
		return error == EBUSY ? ERR_BUSY : ERR_IO;
	}
	if (!ioctl(fd, TUNSETVNETHDRSZ, &header) &&
	    !ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))
		return ERR_OK;
	fmt_snprintf(why, size, "TAP device %s takes no offloads: %s", device, strerror(errno));
	return ERR_IO;
}

err_t tap_open(const char *device, bool one_of_several, int *fd, char *why, size_t size)
{
	err_t err = open_tun(fd, why, size);

	if (err)
		return err;
	err = attach(*fd, device, one_of_several, why, size);
	if (!err)
		return ERR_OK;
	close(*fd);
	*fd = -1;
	return err;
}

err_t tap_device_set(const char *device, const u8 mac[6], u32 mtu, char *why, size_t size)
{
	err_t err = set_mac(device, mac);

	if (!err)
		err = tap_device_mtu(device, mtu);
	if (!err)
		err = set_flags_up(device);
	if (err)
		fmt_snprintf(why, size, "TAP device %s: address, MTU %u or up: %s", device, mtu,
			     strerror(errno));
	return err;
}

void tap_carrier(int fd, bool on)
{
	int carrier = on;

	ioctl(fd, TUNSETCARRIER, &carrier);
}
