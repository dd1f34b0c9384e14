/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/external.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LISTEN_PATIENCE_MS = 5000, LOOK_EVERY_MS = 5 };

struct place {
	const char *host;
	int space;
	char port[8];
};

static struct sockaddr_in address_of(const struct place *place)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(place->port)) };

	inet_pton(AF_INET, place->host, &address.sin_addr);
	return address;
}

/* A socket of the place's own namespace, to which it belongs wherever it is used. */
static int open_socket(const struct place *place)
{
	int here = -1, fd;

	if (place->space >= 0) {
		here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (here < 0 || setns(place->space, CLONE_NEWNET)) {
			close(here);
			return -1;
		}
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (here >= 0) {
		setns(here, CLONE_NEWNET);
		close(here);
	}
	return fd;
}

/* One that was free a moment ago: the program has to bind it by itself. */
static int find_port(struct place *place)
{
	struct sockaddr_in address = address_of(place);
	socklen_t length = sizeof(address);
	int fd = open_socket(place), status = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		status = -errno;
	snprintf(place->port, sizeof(place->port), "%u", ntohs(address.sin_port));
	close(fd);
	return status;
}

/* The shell becomes the program, so that its process is the one that is measured. What it prints is
 * nobody's; what it complains of is kept; our terminal isn't its own to read from. */
static void fill_command(const char *command, const struct place *place, char *line, size_t size)
{
	const struct {
		const char *mark, *text;
	} marks[] = { { "{port}", place->port }, { "{host}", place->host } };
	size_t used = (size_t)snprintf(line, size, "exec </dev/null >/dev/null; exec ");

	while (*command && used < size - 1) {
		const char *text = NULL;

		for (int i = 0; i < 2 && !text; i++) {
			if (strncmp(command, marks[i].mark, strlen(marks[i].mark)) != 0)
				continue;
			text = marks[i].text;
			command += strlen(marks[i].mark);
		}
		if (text)
			used += (size_t)snprintf(line + used, size - used, "%s", text);
		else
			line[used++] = *command++;
	}
	line[used < size ? used : size - 1] = 0;
}

static bool somebody_listens(const struct place *place)
{
	struct sockaddr_in address = address_of(place);
	int fd = open_socket(place);
	bool there = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address));

	if (fd >= 0)
		close(fd);
	return there;
}

static int await_listener(const struct process *process, const struct place *place)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000 };

	for (int waited_ms = 0; waited_ms < LISTEN_PATIENCE_MS; waited_ms += LOOK_EVERY_MS) {
		bool listens = somebody_listens(place);

		if (process_interrupted())
			return -EINTR;
		/* Also when somebody listens: it may do so in the background. */
		if (process_is_over(process, 0))
			return -ESRCH;
		if (listens)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int external_start(const struct arm *arm, struct process *process,
		   const struct process_where *where, const char *host, char *address,
		   size_t address_size)
{
	char shell[] = "/bin/sh", option[] = "-c", line[ARM_TEXT_MAX * 2];
	char *const list[] = { shell, option, line, NULL };
	struct place place = { .host = host, .space = where->space };
	int status = find_port(&place);

	if (status)
		return status;
	fill_command(arm->command, &place, line, sizeof(line));
	snprintf(address, address_size, "%s:%s", host, place.port);
	status = process_start_in(process, list, where);
	return status ? status : await_listener(process, &place);
}
