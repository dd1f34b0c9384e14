/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * crowd PORT COUNT: more connections at once than a server takes. Each says one byte; those that were
 * answered stay until nobody is answered any more, then they leave. No more wait than the backlog
 * holds. Ends well if in the end everybody was answered, and not all of them at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD_MAX = 4096, QUIET_MS = 300, QUIET_MAX = 50, WAITING_MAX = 64 };

static struct pollfd crowd[CROWD_MAX];
static int answered_fds[CROWD_MAX];
static int answered;

static int enter(in_port_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (void *)&address, sizeof(address)) && errno != EINPROGRESS)) {
		perror("crowd: connect");
		exit(2);
	}
	return fd;
}

static void give_up(const char *what)
{
	fprintf(stderr, "crowd: %s, with %d answered: ", what, answered);
	perror(NULL);
	exit(1);
}

static void leave(void)
{
	while (answered)
		close(answered_fds[--answered]);
}

/* Connected: says its byte. Answered: is left out from now on. */
static void look(struct pollfd *one)
{
	char byte = 'x';

	if (one->events == POLLOUT && one->revents) {
		if (send(one->fd, &byte, 1, MSG_NOSIGNAL) != 1)
			give_up("a connection can't send");
		one->events = POLLIN;
	} else if (one->revents) {
		if (recv(one->fd, &byte, 1, 0) != 1 || byte != 'x')
			give_up("a connection ended without its answer");
		answered_fds[answered++] = one->fd;
		one->fd = -1;
	}
}

int main(int argc, char **argv)
{
	int count = argc > 2 && atoi(argv[2]) <= CROWD_MAX ? atoi(argv[2]) : 0;
	int entered = 0, served = 0, rounds = 0, quiet = 0;

	while (served < count && quiet < QUIET_MAX) {
		int before = answered;

		for (; entered < count && entered - served < WAITING_MAX; entered++)
			crowd[entered] = (struct pollfd){.fd = enter((in_port_t)atoi(argv[1])),
							 .events = POLLOUT};
		if (poll(crowd, (nfds_t)entered, QUIET_MS) <= 0) {
			rounds += answered > 0;
			quiet = answered ? 0 : quiet + 1;
			leave();
			continue;
		}
		for (int i = 0; i < entered; i++)
			look(&crowd[i]);
		served += answered - before;
	}
	printf("%d of %d answered, %d times full\n", served, count, rounds);
	return served < count || !rounds;
}
