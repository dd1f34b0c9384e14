/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * User memory of an idle connection. A server is sized for N connections, each of them sends one
 * message and falls silent; the private memory of the process is compared with that of the same
 * server sized for a few. So tables that are taken in advance count, and the fixed pool, which is
 * the same in both and touched as far in both, does not.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "support/child.h"
#include "support/load.h"
#include "support/options.h"
#include "support/report.h"

enum { FEW = 16, CONNECTIONS_MAX = 10000, MESSAGE_BYTES = 64, POOL_BUFFERS = 256, SPARE = 64 };

static const double memory_bound = 512;

struct subject {
	const char *name;
	const char *program;
	const char *backend;	/* the program's first argument, NULL: none */
	int floor;
	double bound;
};

static const struct subject subjects[] = {
	{ "floor-epoll", "floor_epoll", NULL, 0, NAN },
	{ "polling", "bench_echo", "polling", 0, memory_bound },
	{ "floor-uring", "floor_uring", NULL, 2, NAN },
	{ "completion", "bench_echo", "completion", 2, memory_bound },
};

enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

/* Private pages, clean and dirty, of a process; NAN if they cannot be read. */
static double private_bytes(pid_t pid)
{
	char path[64], line[256];
	double sum_kib = 0, kib;
	bool found = false;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in)) {
		if (sscanf(line, "Private_Clean: %lf", &kib) == 1 ||
		    sscanf(line, "Private_Dirty: %lf", &kib) == 1) {
			sum_kib += kib;
			found = true;
		}
	}
	if (in)
		fclose(in);
	return found ? sum_kib * 1024 : NAN;
}

static int exchange(int fd)
{
	char message[MESSAGE_BYTES], reply[MESSAGE_BYTES];

	memset(message, fd & 0xff, sizeof(message));
	if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message) ||
	    recv(fd, reply, sizeof(reply), MSG_WAITALL) != sizeof(reply))
		return -ECONNRESET;
	return memcmp(message, reply, sizeof(reply)) ? -EBADMSG : 0;
}

static int fill(uint16_t port, int *fds, uint32_t count, uint32_t *opened)
{
	struct timeval patience = { .tv_sec = 5 };
	int rc = 0;

	for (*opened = 0; rc == 0 && *opened < count; (*opened)++) {
		int fd = load_connect(port, *opened);

		if (fd < 0)
			return fd;
		fds[*opened] = fd;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		rc = exchange(fd);
	}
	/* Every buffer of the pool comes round, whatever order it is kept in. */
	for (uint32_t index = 0; rc == 0 && index < POOL_BUFFERS * 2; index++)
		rc = exchange(fds[index % count]);
	return rc;
}

/* A reset leaves no port behind in TIME_WAIT. */
static void drop(const int *fds, uint32_t count)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	for (uint32_t index = 0; index < count; index++) {
		setsockopt(fds[index], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(fds[index]);
	}
}

static double settle(const struct subject *subject, struct child *child, uint32_t connections)
{
	static int fds[CONNECTIONS_MAX];
	uint32_t opened = 0;
	int rc = fill(child->port, fds, connections, &opened);
	double bytes = rc == 0 ? private_bytes(child->pid) : NAN;

	if (rc < 0)
		fprintf(stderr, "bench_memory: %s: connection %u of %u: %s\n", subject->name,
			opened, connections, strerror(-rc));
	drop(fds, opened);
	if (rc == -EBADMSG)
		exit(4);
	return bytes;
}

/* Private memory of a fresh server that holds this many idle connections. */
static double measure(const struct subject *subject, uint32_t connections)
{
	const char *argv[CHILD_ARGUMENTS_MAX] = { 0 };
	char path[CHILD_PATH_MAX], count[24], buffers[24];
	struct child child;
	double bytes = NAN;
	int used = 0;

	child_path(path, subject->program);
	snprintf(count, sizeof(count), "%u", connections);
	snprintf(buffers, sizeof(buffers), "%d", POOL_BUFFERS);
	argv[used++] = path;
	if (subject->backend)
		argv[used++] = subject->backend;
	argv[used++] = "--connections";
	argv[used++] = count;
	argv[used++] = "--buffers";
	argv[used] = buffers;
	if (child_start(&child, argv) == 0)
		bytes = settle(subject, &child, connections);
	child_stop(&child);
	return bytes;
}

static bool allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return false;
	if (limit.rlim_cur < CONNECTIONS_MAX + SPARE)
		limit.rlim_cur = CONNECTIONS_MAX + SPARE;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1000, CONNECTIONS_MAX };
	static struct report report;
	const char *json = NULL;
	double few[SUBJECTS], each[SUBJECTS];
	const struct bench_option options[] = {
		{ "json", NULL, 0, &json },
		{ 0 },
	};
	bool allowed = allow_descriptors();

	options_parse(options, argc, argv);
	report_begin(&report, "memory", json, 0);
	if (!allowed)
		printf("memory: RLIMIT_NOFILE cannot be raised to %d: cases above it are not shown\n",
		       CONNECTIONS_MAX + SPARE);
	for (int index = 0; index < SUBJECTS; index++) {
		few[index] = measure(&subjects[index], FEW);
		report_count(&report, "16 idle, whole process", subjects[index].name, "bytes",
			     few[index], NAN, few[subjects[index].floor], NULL);
	}
	for (size_t size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++) {
		char name[48];

		snprintf(name, sizeof(name), "%u idle", sizes[size]);
		for (int index = 0; index < SUBJECTS; index++) {
			each[index] = (measure(&subjects[index], sizes[size]) - few[index]) /
				      (sizes[size] - FEW);
			report_count(&report, name, subjects[index].name, "bytes/connection",
				     each[index], subjects[index].bound,
				     each[subjects[index].floor], NULL);
		}
	}
	return report_end(&report);
}
