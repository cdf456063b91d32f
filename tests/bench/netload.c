/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load for measurements between two network namespaces, without a package to
 * install: a TCP stream with its rate, and round trips by ICMP echo (RFC 792),
 * which the other side's kernel answers.
 *
 *     netload sink PORT                    take one stream, print bytes and seconds
 *     netload send ADDRESS PORT SECONDS    be the other end
 *     netload ping ADDRESS COUNT SPACING [WAIT]
 *                                          round trips, one a line, in us; spacing in us;
 *                                          how long an answer is waited for, in ms
 */
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
#define ANSWER_MS "1000"

static char block[BLOCK];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static int sink(const char *port)
{
	struct sockaddr_in here = address("0.0.0.0", port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
	double begin, total = 0;
	ssize_t n;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) || listen(listener, 1))
		return fail("listen");
	puts("ready");
	fflush(stdout);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return fail("accept");
	begin = now();
	while ((n = read(fd, block, sizeof(block))) > 0)
		total += (double)n;
	printf("%.0f %.6f\n", total, now() - begin);
	return n < 0 ? fail("read") : 0;
}

static int stream(const char *ip, const char *port, double seconds)
{
	struct sockaddr_in there = address(ip, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	double end;

	if (connect(fd, (struct sockaddr *)&there, sizeof(there)))
		return fail("connect");
	end = now() + seconds;
	while (now() < end)
		if (write(fd, block, sizeof(block)) < 0)
			return fail("write");
	close(fd);
	return 0;
}

static unsigned short checksum(const void *data, size_t len)
{
	const unsigned char *b = data;
	unsigned sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (unsigned)b[i] << 8 | b[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	return htons((unsigned short)~(sum + (sum >> 16)));
}

/* Until the answer to this very request; negative when there was none. */
static double await(int fd, unsigned short id, unsigned short seq, double sent, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char in[1500];

	while (poll(&p, 1, wait_ms) > 0) {
		ssize_t n = recv(fd, in, sizeof(in), 0);
		double t = now();
		size_t head = (in[0] & 15u) * 4u;
		struct icmphdr h;

		if (n < (ssize_t)(head + sizeof(h)))
			continue;
		memcpy(&h, in + head, sizeof(h));
		if (h.type == ICMP_ECHOREPLY && h.un.echo.id == id && h.un.echo.sequence == seq)
			return (t - sent) * 1e6;
	}
	return -1;
}

static int ping(const char *ip, int count, int spacing_us, int wait_ms)
{
	struct sockaddr_in there = address(ip, "0");
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), lost = 0;
	unsigned short id = htons((unsigned short)getpid());

	if (fd < 0)
		return fail("socket");
	for (int i = 0; i < count; i++) {
		struct {
			struct icmphdr h;
			char data[56];
		} out = { .h = { .type = ICMP_ECHO, .un.echo = { id, htons((uint16_t)i) } } };
		double sent, took;

		out.h.checksum = checksum(&out, sizeof(out));
		sent = now();
		if (sendto(fd, &out, sizeof(out), 0, (struct sockaddr *)&there, sizeof(there)) < 0)
			return fail("sendto");
		took = await(fd, id, htons((uint16_t)i), sent, wait_ms);
		if (took < 0)
			lost++;
		else
			printf("%.1f\n", took);
		usleep((useconds_t)spacing_us);
	}
	return lost ? 1 : 0;
}

int main(int argc, char **argv)
{
	alarm(300); /* no measurement takes longer, whatever becomes of it */
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "send"))
		return stream(argv[2], argv[3], atof(argv[4]));
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "ping"))
		return ping(argv[2], atoi(argv[3]), atoi(argv[4]),
			    atoi(argc == 6 ? argv[5] : ANSWER_MS));
	fprintf(stderr, "usage: netload sink PORT | send ADDRESS PORT SECONDS | "
			"ping ADDRESS COUNT SPACING_US [WAIT_MS]\n");
	return 2;
}
