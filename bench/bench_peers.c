/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The twins beside the libraries that people would pick instead, each with an echo server of a page
 * (peers/): CPU time a message under load, and user instructions a message. A peer that was not
 * built, since its library is not here, is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/arena.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"

enum { POLLING, COMPLETION, FIRST_PEER, LIBUV = FIRST_PEER, LIBEV, LIBEVENT, ASIO_EPOLL, ASIO_URING,
       CONTESTANTS };

#define SIZES "--connections", "512"

static const struct arena_server known[CONTESTANTS] = {
	[POLLING] = { "polling", "bench_echo", { "polling", SIZES }, false, 0 },
	[COMPLETION] = { "completion", "bench_echo", { "completion", SIZES }, false, 0 },
	[LIBUV] = { "libuv", "peers/libuv", { NULL }, true, 0 },
	[LIBEV] = { "libev", "peers/libev", { NULL }, true, 0 },
	[LIBEVENT] = { "libevent", "peers/libevent", { NULL }, true, 0 },
	[ASIO_EPOLL] = { "asio-epoll", "peers/asio_epoll", { NULL }, true, 0 },
	[ASIO_URING] = { "asio-uring", "peers/asio_uring", { NULL }, true, 0 },
};

static const uint32_t widths[] = { 64, 512 };

/* The twins' CPU is to be at most that of the best peer. */
static const double best_bound = 1.0;

/* Messages of the short and of the long run under callgrind. */
static const uint64_t lengths[] = { 4000, 16000 };

enum { TRACED_WIDTH = 64, TRACED_SECONDS = 60 };

struct bench {
	struct report report;
	struct arena arena;
	struct arena_server servers[CONTESTANTS];	/* those that are here, the twins first */
	unsigned int count;
	uint64_t rounds;
};

static void gather(struct bench *bench)
{
	for (unsigned int index = 0; index < CONTESTANTS; index++) {
		char path[CHILD_PATH_MAX];

		child_path(path, known[index].program);
		if (access(path, X_OK) == 0)
			bench->servers[bench->count++] = known[index];
		else
			printf("peers: %s is left out: it was not built\n", known[index].name);
	}
}

static unsigned int best_peer(const struct bench *bench)
{
	unsigned int best = FIRST_PEER;

	for (unsigned int index = FIRST_PEER; index < bench->count; index++) {
		double cpu_ns = arena_cpu_ns(&bench->arena, index, bench->rounds);
		double best_ns = arena_cpu_ns(&bench->arena, best, bench->rounds);

		if (isnan(best_ns) || cpu_ns < best_ns)
			best = index;
	}
	return best;
}

static void judge_cpu(struct bench *bench, unsigned int twin, uint32_t width)
{
	const struct arena *arena = &bench->arena;
	const char *name = bench->servers[twin].name;
	unsigned int best = best_peer(bench);
	char text[48], note[96];

	for (unsigned int peer = FIRST_PEER; peer < bench->count; peer++) {
		snprintf(text, sizeof(text), "%u conn, CPU, %s", width,
			 bench->servers[peer].name);
		report_add(&bench->report, text, name, "of its ns",
			   arena_cpu_ratio(arena, twin, peer, bench->rounds), NAN,
			   arena_cpu_ns(arena, peer, bench->rounds), NULL);
	}
	snprintf(text, sizeof(text), "%u conn, CPU, the best", width);
	snprintf(note, sizeof(note), "the best is %s", bench->servers[best].name);
	report_add(&bench->report, text, name, "of its ns",
		   arena_cpu_ratio(arena, twin, best, bench->rounds), best_bound,
		   arena_cpu_ns(arena, best, bench->rounds), note);
}

static void play_width(struct bench *bench, uint32_t width)
{
	struct arena *arena = &bench->arena;

	arena->job = (struct load_job){ .connections = width, .size_bytes = 64, .depth = 1,
					.seconds = 10 };
	arena_open(arena, bench->servers, bench->count);
	for (uint64_t round = 0; round < bench->rounds; round++)
		arena_round(arena, round);
	for (unsigned int twin = POLLING; twin <= COMPLETION; twin++)
		judge_cpu(bench, twin, width);
	arena_close(arena);
}

static int serve_messages(const struct arena_server *server, const char **argv, uint64_t messages)
{
	struct load_job job = {
		.connections = TRACED_WIDTH, .size_bytes = 64, .messages = messages,
		.seconds = TRACED_SECONDS,
	};
	struct load_result result = { 0 };
	struct child child;
	struct load load;
	int rc = server->foreign ? child_start_foreign(&child, argv) : child_start(&child, argv);

	if (rc < 0)
		return rc;
	job.port = child.port;
	rc = load_start(&load, &job);
	if (rc == 0)
		rc = load_join(&load, &result);
	if (result.wrong_bytes > 0) {
		fprintf(stderr, "bench_peers: %s: %" PRIu64 " wrong bytes: no figure counts\n",
			server->name, result.wrong_bytes);
		exit(4);
	}
	if (rc == 0)
		return child_end(&child, "a message\n");
	child_stop(&child);
	return rc;
}

/* User instructions of a whole run; NAN if it did not come to its end. */
static double run_traced(const struct arena_server *server, uint64_t messages)
{
	const char *argv[CHILD_ARGUMENTS_MAX] = { 0 };
	char path[CHILD_PATH_MAX];
	struct trace_counts counts;
	struct trace trace;
	int used = trace_begin(&trace, TRACER_CALLGRIND, argv);
	int rc;

	if (used < 0)
		return NAN;
	child_path(path, server->program);
	argv[used++] = path;
	for (const char *const *word = server->arguments; *word; word++)
		argv[used++] = *word;
	rc = serve_messages(server, argv, messages);
	if (rc < 0)
		fprintf(stderr, "bench_peers: %s under valgrind: %s\n", server->name,
			strerror(-rc));
	if (trace_read(&trace, &counts) < 0 || rc < 0)
		return NAN;
	return counts.instructions;
}

static void count_instructions(struct bench *bench)
{
	double each[CONTESTANTS];
	double least = INFINITY;
	char text[48];

	for (unsigned int index = 0; index < bench->count; index++) {
		const struct arena_server *server = &bench->servers[index];
		double few = run_traced(server, lengths[0]), many = run_traced(server, lengths[1]);

		each[index] = (many - few) / (double)(lengths[1] - lengths[0]);
		if (index >= FIRST_PEER && strcmp(server->name, "libev") != 0)
			least = fmin(least, each[index]);
	}
	snprintf(text, sizeof(text), "%u conn, instructions", TRACED_WIDTH);
	for (unsigned int index = 0; index < bench->count; index++)
		report_count(&bench->report, text, bench->servers[index].name, "user/message",
			     each[index], index < FIRST_PEER && isfinite(least) ? least : NAN, NAN,
			     index < FIRST_PEER ? "bound: the least of all but libev" : NULL);
}

int main(int argc, char **argv)
{
	static struct bench bench = { .rounds = 15, .arena = { .bench = "peers", .seed = 1 } };
	const char *json = NULL;
	uint64_t span_ms = 200;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "span-ms", &span_ms, 10000, NULL },
		{ "seed", &bench.arena.seed, UINT32_MAX, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	bench.arena.span_ns = span_ms * 1000000;
	report_begin(&bench.report, "peers", json, (unsigned int)bench.rounds);
	gather(&bench);
	if (bench.count == FIRST_PEER) {
		fprintf(stderr, "bench_peers: none of the peers was built; see: make bench-peers\n");
		return 3;
	}
	for (size_t index = 0; index < sizeof(widths) / sizeof(widths[0]); index++)
		play_width(&bench, widths[index]);
	if (tracer_there(TRACER_CALLGRIND))
		count_instructions(&bench);
	else
		printf("peers: valgrind cannot be run here: user instructions are not measured\n");
	return report_end(&bench.report);
}
