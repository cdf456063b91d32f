/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain way to carry a TAP device over UDP, for comparison: a frame is a
 * read and a send, a datagram a receive and a write; no offloads, no batches.
 *
 *     plaintap DEVICE MTU PORT REMOTE     runs until it is ended
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define BUFFER_BYTES (8 * 1024 * 1024)

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int open_tap(const char *device, int mtu)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), s = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		return -1;
	r.ifr_mtu = mtu;
	if (ioctl(s, SIOCSIFMTU, &r))
		return -1;
	r.ifr_flags = IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &r))
		return -1;
	close(s);
	return fd;
}

static void carry(int tap, int udp, const struct sockaddr_in *there)
{
	struct pollfd fds[] = { { .fd = tap, .events = POLLIN }, { .fd = udp, .events = POLLIN } };
	static char frame[FRAME_MAX];
	ssize_t n;

	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents & POLLIN) {
			n = read(tap, frame, sizeof(frame));
			if (n > 0 && sendto(udp, frame, (size_t)n, 0,
					    (const struct sockaddr *)there, sizeof(*there)) < 0)
				perror("sendto");
		}
		if (fds[1].revents & POLLIN) {
			n = recv(udp, frame, sizeof(frame), MSG_DONTWAIT);
			if (n > 0 && write(tap, frame, (size_t)n) < 0)
				perror("write");
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = { .sin_family = AF_INET }, there;
	int tap, udp = socket(AF_INET, SOCK_DGRAM, 0), bytes = BUFFER_BYTES;

	if (argc != 5) {
		fprintf(stderr, "usage: plaintap DEVICE MTU PORT REMOTE\n");
		return 2;
	}
	here.sin_port = htons((unsigned short)atoi(argv[3]));
	there = here;
	inet_pton(AF_INET, argv[4], &there.sin_addr);
	tap = open_tap(argv[1], atoi(argv[2]));
	if (tap < 0)
		return fail(argv[1]);
	setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (bind(udp, (struct sockaddr *)&here, sizeof(here)))
		return fail("bind");
	puts("ready");
	fflush(stdout);
	carry(tap, udp, &there);
	return 0;
}
