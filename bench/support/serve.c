/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc_count.h"
#include "options.h"

/* Descriptors that are no connections: standard streams, listener, epoll or ring, wake-ups. */
enum { DESCRIPTORS_SPARE = 64 };

struct job {
	uint64_t port;
	uint64_t count;		/* messages to echo, 0: until SIGTERM */
	uint64_t size_bytes;
	uint64_t connections;
	uint64_t buffers;
	uint64_t buffer_bytes;
	uint64_t seconds;	/* the longest it may run */
};

static void leave(int signal)
{
	_exit(signal == SIGTERM ? 0 : 3);
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "echo server: %s: %s\n", what, strerror(error));
	return 3;
}

/* A bench that is killed must not leave a server behind. */
static void bind_life(const struct job *job)
{
	signal(SIGTERM, leave);
	signal(SIGALRM, leave);
	alarm((unsigned int)job->seconds);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int allow_descriptors(uint64_t count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur >= count)
		return 0;
	limit.rlim_cur = count;
	if (limit.rlim_max < count)
		limit.rlim_max = count;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

static int open_listener(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static bool announce(int listener)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	if (getsockname(listener, (struct sockaddr *)&address, &length))
		return false;
	printf("port %u\n", ntohs(address.sin_port));
	fflush(stdout);
	return true;
}

static void print_tally(const struct echo_tally *tally, uint64_t allocations)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "bytes", tally->bytes },
		{ "accepted", tally->accepted },
		{ "calls", tally->calls },
		{ "waits", tally->waits },
		{ "controls", tally->controls },
		{ "wasted", tally->wasted },
		{ "allocations", allocations },
	};

	for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++)
		printf("stat %s %" PRIu64 "\n", rows[index].name, rows[index].value);
}

/* Allocations are counted from the middle of the run on: start-up is over by then. */
static int run(const struct echo_engine *engine, void *self, const struct job *job)
{
	const struct echo_tally *tally = engine->tally(self);
	uint64_t goal = job->count ? job->count * job->size_bytes : UINT64_MAX;
	uint64_t allocations = 0;
	int rc = 0;

	while (rc == 0 && tally->bytes < goal / 2)
		rc = engine->turn(self);
	allocations = alloc_count();
	while (rc == 0 && tally->bytes < goal)
		rc = engine->turn(self);
	allocations = alloc_count() - allocations;
	if (rc < 0)
		return fail("a turn failed", -rc);
	print_tally(engine->tally(self), allocations);
	if (engine->report)
		engine->report(self, stdout);
	return fflush(stdout) ? 3 : 0;
}

static int start(const struct echo_engine *engine, const struct job *job)
{
	struct echo_shape shape = {
		.connections_max = (uint32_t)job->connections,
		.descriptors_max = (uint32_t)job->connections + DESCRIPTORS_SPARE,
		.buffer_count = (uint32_t)job->buffers,
		.buffer_bytes = (uint32_t)job->buffer_bytes,
	};
	int rc = allow_descriptors(shape.descriptors_max);
	int listener;
	void *self;

	if (rc < 0)
		return fail("the limit of open files (RLIMIT_NOFILE) is too low", -rc);
	listener = open_listener((uint16_t)job->port);
	if (listener < 0)
		return fail("cannot listen on 127.0.0.1", -listener);
	self = engine->create(&shape);
	if (!self)
		return fail(engine->name, errno);
	rc = engine->serve(self, listener);
	if (rc < 0 || !announce(listener))
		return fail("cannot serve", rc < 0 ? -rc : errno);
	rc = run(engine, self, job);
	engine->destroy(self);
	close(listener);
	return rc;
}

int serve_main(const struct echo_engine *engine, int argc, char **argv)
{
	struct job job = {
		.size_bytes = 64, .connections = 64, .buffers = 1024,
		.buffer_bytes = 16384, .seconds = 300,
	};
	const struct bench_option options[] = {
		{ "port", &job.port, 65535, NULL },
		{ "count", &job.count, UINT32_MAX, NULL },
		{ "size", &job.size_bytes, 1 << 20, NULL },
		{ "connections", &job.connections, 100000, NULL },
		{ "buffers", &job.buffers, 32768, NULL },
		{ "buffer-bytes", &job.buffer_bytes, 1 << 20, NULL },
		{ "seconds", &job.seconds, 3600, NULL },
		{ 0 },
	};

	options_parse(options, argc, argv);
	bind_life(&job);
	return start(engine, &job);
}
