/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/external.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LISTEN_PATIENCE_MS = 5000, LOOK_EVERY_MS = 5 };

static struct sockaddr_in loopback(unsigned int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* One that was free a moment ago: the program has to bind it by itself. */
static int free_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		port = -errno;
	else
		port = ntohs(address.sin_port);
	close(fd);
	return port;
}

/* The shell becomes the program, so that its process is the one that is measured. What it prints is
 * nobody's; what it complains of is kept. */
static void fill_command(const char *command, int port, char *line, size_t size)
{
	static const char mark[] = "{port}";
	const char *at;
	size_t used = (size_t)snprintf(line, size, "exec >/dev/null; exec ");

	while ((at = strstr(command, mark)) && used < size) {
		used += (size_t)snprintf(line + used, size - used, "%.*s%d", (int)(at - command),
					 command, port);
		command = at + strlen(mark);
	}
	if (used < size)
		snprintf(line + used, size - used, "%s", command);
}

static bool somebody_listens(int port)
{
	struct sockaddr_in address = loopback((unsigned int)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address));

	if (fd >= 0)
		close(fd);
	return there;
}

static int await_listener(const struct process *process, int port)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000 };

	for (int waited_ms = 0; waited_ms < LISTEN_PATIENCE_MS; waited_ms += LOOK_EVERY_MS) {
		if (process_interrupted())
			return -EINTR;
		if (process_is_over(process, 0))
			return -ESRCH;
		if (somebody_listens(port))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int external_start(const struct arm *arm, struct process *process, int cpu, char *address,
		   size_t address_size)
{
	char shell[] = "/bin/sh", option[] = "-c", line[ARM_TEXT_MAX * 2];
	char *const list[] = { shell, option, line, NULL };
	int port = free_port(), status;

	if (port < 0)
		return port;
	fill_command(arm->command, port, line, sizeof(line));
	snprintf(address, address_size, "127.0.0.1:%d", port);
	status = process_start(process, list, cpu);
	return status ? status : await_listener(process, port);
}
