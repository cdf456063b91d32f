/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities by the system calls themselves, capabilities(7), capset(2). */
#include "tools/vnetpd/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "tools/vnetpd/worker.h"

static int set_capabilities(u32 kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = kept, .permitted = kept },
	};

	return (int)syscall(SYS_capset, &header, data);
}

static u32 permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) ? 0 : data[0].permitted;
}

static bool become(const struct passwd *pw)
{
	return !prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) && !setgroups(0, NULL) &&
	       !setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) &&
	       !setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid);
}

/* A thread that only reads and writes what is open. */
static void drop_all(void *ctx)
{
	(void)ctx;
	if (set_capabilities(0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		log_warn("vnetpd", "capabilities of a thread: %s", strerror(errno));
}

err_t priv_drop(const char *user, bool locked)
{
	u32 kept = locked ? 0
			  : BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_NET_BIND_SERVICE);
	const struct passwd *pw;

	if (!geteuid()) {
		pw = getpwnam(user);
		if (!pw) {
			log_err("vnetpd", "there is no user %s (--user NAME)", user);
			return ERR_NOENT;
		}
		if (!become(pw)) {
			log_err("vnetpd", "cannot become user %s: %s", user, strerror(errno));
			return ERR_IO;
		}
	}
	/* Both are a thread's own; changing the user was everybody's. */
	for (unsigned core = 1; core < worker_cores(); core++)
		worker_call(core, drop_all, NULL);
	if (set_capabilities(kept & permitted()) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		log_err("vnetpd", "capabilities: %s", strerror(errno));
		return ERR_IO;
	}
	return ERR_OK;
}

void priv_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0'; /* of the abstract name space, unix(7) */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		log_warn("vnetpd", "systemd does not hear: %s", strerror(errno));
	close(fd);
}
