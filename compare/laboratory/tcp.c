/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* The peer's close is a reset, or the connection would wait for its last packets. */
int tcp_pair(int pair[2], int room_bytes)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct linger reset = { .l_onoff = 1 };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pair[1] = -1;
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room_bytes, sizeof(room_bytes));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room_bytes, sizeof(room_bytes));
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(pair[0], (struct sockaddr *)&address, length))
		error = -errno;
	else
		pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (!error && pair[1] < 0)
		error = -errno;
	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(listener);
	if (error)
		close(pair[0]);
	return error;
}
