/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/reach.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNECT_TIMEOUT_MS = 5000 };

int reach_resolve(const struct load_options *options, struct load_result *result,
		  struct addrinfo **found)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct address *address = &options->address;
	int status = getaddrinfo(address->host, address->port, &hints, found);

	if (!status)
		return 0;
	snprintf(result->problem, sizeof(result->problem), "%s: %s", address->shown,
		 gai_strerror(status));
	return -EADDRNOTAVAIL;
}

int reach_socket(const struct addrinfo *to, int type)
{
	int fd = socket(to->ai_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

int reach_in_time(int fd, const struct addrinfo *to)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (!connect(fd, to->ai_addr, to->ai_addrlen))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&ready, 1, CONNECT_TIMEOUT_MS) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return -errno;
	return -error;
}

int reach_fail(const struct load_options *options, struct load_result *result, int error,
	       const char *what, uint32_t connection)
{
	snprintf(result->problem, sizeof(result->problem), "%s: connection %u of %u: %s%s%s",
		 options->address.shown, connection + 1, options->connections, what,
		 error ? ": " : "", error ? strerror(-error) : "");
	return error ? error : -ECONNRESET;
}

int reach_interrupted(struct load_result *result)
{
	snprintf(result->problem, sizeof(result->problem), "ended before anything was measured");
	return -EINTR;
}
