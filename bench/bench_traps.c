/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What ruins such a backend, done on purpose beside what the default does: how dear each trap is, and
 * so whether the default is in it. Where one thread can show it, by turns; what concerns the ring's
 * way of telling, or a crowd, by two processes under load.
 */
#include <math.h>
#include <stdlib.h>

#include "support/arena.h"
#include "support/contest.h"
#include "support/echo_server.h"
#include "support/options.h"
#include "support/report.h"

static const double starved_bound = 0.8;

enum { TURN_READY = 64 };

enum { POLLING, BLIND, POLLING_AGAIN, COMPLETION, COMPLETION_AGAIN, BESIDE, TURNERS };

static const struct echo_engine *const turners[TURNERS] = {
	[POLLING] = &twin_polling_engine,
	[BLIND] = &twin_polling_blind_engine,
	[POLLING_AGAIN] = &twin_polling_again_engine,
	[COMPLETION] = &twin_completion_engine,
	[COMPLETION_AGAIN] = &twin_completion_again_engine,
	[BESIDE] = &twin_completion_beside_engine,
};

static const struct turn_trap {
	const char *name;
	const char *subject;
	unsigned int trap;
	unsigned int without;
} turn_traps[] = {
	{ "a blind second receive", "polling", BLIND, POLLING },
	{ "a receive a message", "polling", POLLING_AGAIN, POLLING },
	{ "a receive a message", "completion", COMPLETION_AGAIN, COMPLETION },
	{ "the same beside its send", "completion", BESIDE, COMPLETION },
};

enum { PLAIN, DEFERRED, FLAGS };

static const struct arena_server flags[FLAGS] = {
	[PLAIN] = { "plain ring", "bench_echo", { "completion-plain", "--connections", "64" },
		    ARENA_TELLS, 0 },
	[DEFERRED] = { "completion", "bench_echo", { "completion", "--connections", "64" },
		       ARENA_TELLS, 0 },
};

enum { POLLING_FEW, POLLING_AMPLE, COMPLETION_FEW, COMPLETION_AMPLE, FLOOR_FEW, FLOOR_CROWD,
       FLOOR_AMPLE, STARVERS };

#define CROWD "--connections", "512", "--buffers"
#define FEW CROWD, "64"
#define AMPLE CROWD, "1024"

static const struct arena_server starvers[STARVERS] = {
	[POLLING_FEW] = { "polling", "bench_echo", { "polling", FEW }, ARENA_TELLS, 0 },
	[POLLING_AMPLE] = { "polling, ample", "bench_echo", { "polling", AMPLE }, ARENA_TELLS, 0 },
	[COMPLETION_FEW] = { "completion", "bench_echo", { "completion", FEW }, ARENA_TELLS, 0 },
	[COMPLETION_AMPLE] = { "completion, ample", "bench_echo", { "completion", AMPLE },
			       ARENA_TELLS, 0 },
	[FLOOR_FEW] = { "floor-uring", "floor_uring", { FEW }, ARENA_TELLS, 0 },
	[FLOOR_CROWD] = { "floor, all at once", "floor_uring_crowd", { FEW }, ARENA_TELLS, 0 },
	[FLOOR_AMPLE] = { "floor-uring, ample", "floor_uring", { AMPLE }, ARENA_TELLS, 0 },
};

static const struct starving {
	const char *name;
	const char *subject;
	unsigned int few;
	unsigned int ample;
	bool judged;
} starvings[] = {
	{ "64 buffers for 512", "polling", POLLING_FEW, POLLING_AMPLE, true },
	{ "64 buffers for 512", "completion", COMPLETION_FEW, COMPLETION_AMPLE, true },
	{ "64 buffers for 512", "floor-uring", FLOOR_FEW, FLOOR_AMPLE, false },
	{ "all armed at once", "floor-uring", FLOOR_CROWD, FLOOR_AMPLE, false },
};

struct bench {
	struct report report;
	struct contest contest;
	struct arena arena;
	uint64_t rounds;
};

static const char *why(struct estimate figure)
{
	return isnan(figure.middle) ? "one of the two could not be had" : NULL;
}

static void play_turns(struct bench *bench, const struct contest_family *family)
{
	struct contest *contest = &bench->contest;

	contest->family = family;
	contest_play(contest, turners, TURNERS);
	for (size_t index = 0; index < sizeof(turn_traps) / sizeof(turn_traps[0]); index++) {
		const struct turn_trap *trap = &turn_traps[index];
		struct estimate ratio = contest_ratio(contest, trap->trap, trap->without);
		char text[48];

		snprintf(text, sizeof(text), "%s, %s", family->name, trap->name);
		report_add(&bench->report, text, trap->subject, "of default's ns", ratio, NAN,
			   contest_ns(contest, trap->without), why(ratio));
	}
}

static void play_arena(struct bench *bench, uint32_t connections,
		       const struct arena_server *servers, unsigned int count)
{
	struct arena *arena = &bench->arena;

	arena->job = (struct load_job){ .connections = connections, .size_bytes = 64,
					.depth = 1, .seconds = 10 };
	arena_open(arena, servers, count);
	for (uint64_t round = 0; round < bench->rounds; round++)
		arena_round(arena, round);
}

static void play_flags(struct bench *bench)
{
	const struct arena *arena = &bench->arena;
	struct estimate ratio;

	play_arena(bench, 64, flags, FLAGS);
	ratio = arena_cpu_ratio(arena, PLAIN, DEFERRED, bench->rounds);
	report_add(&bench->report, "a ring without flags, CPU", "completion", "of default's ns",
		   ratio, NAN, arena_cpu_ns(arena, DEFERRED, bench->rounds), why(ratio));
	arena_close(&bench->arena);
}

static void play_starved(struct bench *bench)
{
	const struct arena *arena = &bench->arena;

	play_arena(bench, 512, starvers, STARVERS);
	for (size_t index = 0; index < sizeof(starvings) / sizeof(starvings[0]); index++) {
		const struct starving *one = &starvings[index];
		struct estimate rate = arena_rate_ratio(arena, one->few, one->ample, bench->rounds);
		struct estimate cpu = arena_cpu_ratio(arena, one->few, one->ample, bench->rounds);
		char text[48];

		snprintf(text, sizeof(text), "%s, rate", one->name);
		report_add_least(&bench->report, text, one->subject, "of ample's /s", rate,
				 one->judged ? starved_bound : NAN,
				 arena_rate(arena, one->ample, bench->rounds), why(rate));
		snprintf(text, sizeof(text), "%s, CPU", one->name);
		report_add(&bench->report, text, one->subject, "of ample's ns", cpu, NAN,
			   arena_cpu_ns(arena, one->ample, bench->rounds), why(cpu));
	}
	arena_close(&bench->arena);
}

int main(int argc, char **argv)
{
	static struct bench bench = {
		.rounds = 15,
		.contest = { .block_us = 1000, .ready = TURN_READY },
		.arena = { .bench = "traps" },
	};
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
	bench.contest.rounds = bench.rounds;
	bench.contest.seed = seed;
	bench.arena.seed = seed;
	bench.arena.span_ns = span_ms * 1000000;
	report_begin(&bench.report, "traps", json, (unsigned int)bench.rounds);
	/* First what needs both processors: turns pin this thread to one of them. */
	play_flags(&bench);
	play_starved(&bench);
	contest_prepare("traps", 300);
	for (int kind = 0; kind < CONTEST_FAMILIES; kind++)
		play_turns(&bench, &contest_families[kind]);
	return report_end(&bench.report);
}
