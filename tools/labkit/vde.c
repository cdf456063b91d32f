/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has Bochs 2.7 get every frame that waits for it. Loaded into bochs-bin with pace.c.
 *
 * Its eth_vde says by a variable that it never sets how much room there is for the sender's
 * address, which it does not look at. Where what happens to stand there is negative, the
 * kernel takes the frame out of the queue and answers EINVAL: frames are lost, as a rule
 * several in a row, and only an error in Bochs' log tells.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t recvfrom(int fd, void *restrict buf, size_t size, int flags,
		 struct sockaddr *restrict from, socklen_t *restrict room)
{
	bool unset = from && room && (int)*room < 0;

	return syscall(SYS_recvfrom, fd, buf, size, flags, unset ? NULL : from,
		       unset ? NULL : room);
}
