/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/listening.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/say.h"

int listening_start(struct process *server, const struct arguments *arguments,
		    const struct process_where *where, char *address, size_t size, int *code)
{
	static const char said[] = "listening on ";
	char line[256];
	int status = process_start_in(server, arguments->list, where);

	if (status)
		return status;
	status = process_line(server, line, sizeof(line), LISTENING_TIMEOUT_MS);
	if (status == 1 && !strncmp(line, said, sizeof(said) - 1)) {
		snprintf(address, size, "%.*s", (int)strcspn(line + sizeof(said) - 1, " "),
			 line + sizeof(said) - 1);
		return 0;
	}
	if (status == -EINTR)
		return status;
	*code = process_end(server, status == -ETIMEDOUT ? SIGKILL : 0);
	return -ECHILD;
}

/* Connecting a datagram socket sends nothing, and asks for a route. */
int listening_check_loopback(const char *workload)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has = fd < 0 || !connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		errno != ENETUNREACH;

	if (fd >= 0)
		close(fd);
	return has ? SAY_OK
		: say_failure(SAY_UNMEASURED, "%s: 127.0.0.1 can't be reached: the loopback device "
			      "of this network namespace is down; ip link set lo up", workload);
}

int listening_check_files(const char *workload, unsigned int connections, unsigned long files)
{
	uint64_t files_max = process_files_max();

	if (files <= files_max)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "%s: %u connections take %lu descriptors in each process, "
			   "and the limit is %" PRIu64 ": raise it with ulimit -n, or ask for fewer",
			   workload, connections, files, files_max);
}
