/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * A server that says one thing, its standard input, to whoever asks, whatever was asked. Its first line of
 * output is the port. Lives until it is ended by a signal.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 20 };

static void answer(int fd, const char *text, size_t bytes)
{
	char request[4096];

	if (recv(fd, request, sizeof(request), 0) > 0)
		(void)!send(fd, text, bytes, MSG_NOSIGNAL);
	close(fd);
}

int main(void)
{
	static char text[ROOM];
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	size_t bytes = fread(text, 1, sizeof(text), stdin);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 16) ||
	    getsockname(listener, (void *)&address, &length))
		return 1;
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return 1;
		answer(fd, text, bytes);
	}
}
