/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The socket that a peer listens on, for libraries that bring none of their own.
 */
#ifndef DUET_BENCH_PEERS_LISTEN_H
#define DUET_BENCH_PEERS_LISTEN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Of "PROGRAM PORT", on 127.0.0.1, non-blocking. Leaves the process if it cannot be had. */
static inline int listen_or_exit(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(argc == 2 ? atoi(argv[1]) : 0)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (argc == 2 && fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 4096))
		return fd;
	fprintf(stderr, "usage: %s PORT (which must be free)\n", argv[0]);
	exit(2);
}

#endif
