/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Echo under load: a server and a load generator, each a process on a processor of its own. The CPU
 * time a message is the server's, the kernel's work for it included; the throughput is that of both
 * ends together, and the generator costs as much a message as a floor, so it tells less.
 */
#include <math.h>
#include <stdlib.h>

#include "support/arena.h"
#include "support/options.h"
#include "support/place.h"
#include "support/report.h"

static const double cpu_bound = 1.05, rate_bound = 0.95;

enum contestant { FLOOR_EPOLL, FLOOR_EPOLL_AGAIN, POLLING, FLOOR_URING, COMPLETION, CONTESTANTS };

static const struct arena_server servers[CONTESTANTS] = {
	[FLOOR_EPOLL] = { "floor-epoll", "floor_epoll", { "--connections", "512" }, ARENA_TELLS, 0 },
	[FLOOR_EPOLL_AGAIN] = { "floor-epoll again", "floor_epoll", { "--connections", "512" },
				ARENA_TELLS, 0 },
	[POLLING] = { "polling", "bench_echo", { "polling", "--connections", "512" }, ARENA_TELLS, 0 },
	[FLOOR_URING] = { "floor-uring", "floor_uring", { "--connections", "512" }, ARENA_TELLS, 0 },
	[COMPLETION] = { "completion", "bench_echo", { "completion", "--connections", "512" },
			 ARENA_TELLS, 0 },
};

struct shape {
	const char *name;
	struct load_job job;
	bool judged;
};

/* One connection measures who wakes up when: its figures are there to look at. */
static const struct shape shapes[] = {
	{ "64 B, 1 conn", { .connections = 1, .size_bytes = 64, .depth = 1 }, false },
	{ "64 B, 64 conn", { .connections = 64, .size_bytes = 64, .depth = 1 }, true },
	{ "64 B, 512 conn", { .connections = 512, .size_bytes = 64, .depth = 1 }, true },
	{ "16 KiB, 64 conn", { .connections = 64, .size_bytes = 16384, .depth = 1 }, true },
	{ "64 B, 64 conn, 16 deep", { .connections = 64, .size_bytes = 64, .depth = 16 }, true },
};

struct bench {
	struct report report;
	struct arena arena;
	uint64_t rounds;
};

static void judge(struct bench *bench, const struct shape *shape, enum contestant over,
		  enum contestant under, const char *name, bool judged)
{
	const struct arena *arena = &bench->arena;
	const char *note = NULL;
	char text[48];

	if (!arena->fighters[over].there || !arena->fighters[under].there)
		note = "a server could not be had";
	snprintf(text, sizeof(text), "%s, CPU", shape->name);
	report_add(&bench->report, text, name, "of floor's ns",
		   arena_cpu_ratio(arena, over, under, bench->rounds), judged ? cpu_bound : NAN,
		   arena_cpu_ns(arena, under, bench->rounds), note);
	snprintf(text, sizeof(text), "%s, rate", shape->name);
	report_add_least(&bench->report, text, name, "of floor's /s",
			 arena_rate_ratio(arena, over, under, bench->rounds),
			 judged ? rate_bound : NAN, arena_rate(arena, under, bench->rounds), note);
}

static void play_shape(struct bench *bench, const struct shape *shape)
{
	struct arena *arena = &bench->arena;

	arena->job = shape->job;
	arena->job.seconds = 10;
	arena_open(arena, servers, CONTESTANTS);
	for (uint64_t round = 0; round < bench->rounds; round++)
		arena_round(arena, round);
	judge(bench, shape, POLLING, FLOOR_EPOLL, "polling", shape->judged);
	judge(bench, shape, COMPLETION, FLOOR_URING, "completion", shape->judged);
	judge(bench, shape, FLOOR_URING, FLOOR_EPOLL, "uring/epoll", false);
	judge(bench, shape, FLOOR_EPOLL_AGAIN, FLOOR_EPOLL, "epoll again", false);
	arena_close(arena);
}

int main(int argc, char **argv)
{
	static struct bench bench = { .rounds = 15 };
	const char *json = NULL;
	uint64_t span_ms = 200, seed = 1;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "span-ms", &span_ms, 10000, NULL },
		{ "seed", &seed, UINT32_MAX, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	if (place_count() < 2)
		fprintf(stderr, "bench_load: one processor: servers and generators share it, and "
				"throughput says nothing of a server\n");
	bench.arena.bench = "load";
	bench.arena.seed = seed;
	bench.arena.span_ns = span_ms * 1000000;
	report_begin(&bench.report, "load", json, (unsigned int)bench.rounds);
	for (size_t index = 0; index < sizeof(shapes) / sizeof(shapes[0]); index++)
		play_shape(&bench, &shapes[index]);
	return report_end(&bench.report);
}
