/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * Two addresses for who looks for one that answers, one a line: one that refuses, for it is bound and
 * nobody listens, and one that says nothing, for its backlog is full. Lives until its input ends.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD = 4 };

static int bound(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (void *)address, sizeof(*address)) ||
	    getsockname(fd, (void *)address, &length))
		return -1;
	return fd;
}

int main(void)
{
	struct sockaddr_in refuses, silent;
	int listener, refused = bound(&refuses);
	char end;

	listener = bound(&silent);
	if (refused < 0 || listener < 0 || listen(listener, 0))
		return 1;
	for (int i = 0; i < CROWD; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		(void)!connect(fd, (void *)&silent, sizeof(silent));
	}
	printf("127.0.0.1:%d\n127.0.0.1:%d\n", ntohs(refuses.sin_port), ntohs(silent.sin_port));
	fflush(stdout);
	return read(STDIN_FILENO, &end, 1) < 0;
}
