/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One connection, a server that looks for 50 us before it sleeps (options.spin_ns) beside one that
 * sleeps at once; then the same with a generator that looks as well. To wake a sleeping processor
 * takes longer than the echo itself, so the round trips tell what the looking is worth, and both
 * twins must get the same of it.
 */
#include <math.h>
#include <stdlib.h>

#include "support/arena.h"
#include "support/options.h"
#include "support/place.h"
#include "support/report.h"

static const double gain_bound = 2.3, apart_bound = 1.03;

enum {
	POLLING, POLLING_SPIN, POLLING_BOTH,
	COMPLETION, COMPLETION_SPIN, COMPLETION_BOTH,
	CONTESTANTS
};

#define SIZES "--connections", "8", "--buffers", "64"

static const struct arena_server servers[CONTESTANTS] = {
	[POLLING] = { "polling", "bench_echo", { "polling", SIZES }, ARENA_TELLS, 0 },
	[POLLING_SPIN] = { "polling, spin", "bench_echo", { "polling-spin", SIZES }, ARENA_TELLS, 0 },
	[POLLING_BOTH] = { "polling, both", "bench_echo", { "polling-spin", SIZES }, ARENA_TELLS, 50000 },
	[COMPLETION] = { "completion", "bench_echo", { "completion", SIZES }, ARENA_TELLS, 0 },
	[COMPLETION_SPIN] = { "completion, spin", "bench_echo", { "completion-spin", SIZES },
			      ARENA_TELLS, 0 },
	[COMPLETION_BOTH] = { "completion, both", "bench_echo", { "completion-spin", SIZES },
			      ARENA_TELLS, 50000 },
};

static const struct setting {
	const char *name;
	unsigned int polling;
	unsigned int completion;
} settings[] = {
	{ "the server looks", POLLING_SPIN, COMPLETION_SPIN },
	{ "both ends look", POLLING_BOTH, COMPLETION_BOTH },
};

struct bench {
	struct report report;
	struct arena arena;
	uint64_t rounds;
};

static const char *why(struct estimate figure)
{
	if (isnan(figure.middle))
		return "one of the two could not be had";
	return place_count() < 2 ? "one processor: who looks keeps the other end from answering"
				 : NULL;
}

static void judge_gain(struct bench *bench, const char *setting, unsigned int with,
		       unsigned int without, const char *name)
{
	const struct arena *arena = &bench->arena;
	struct estimate gain = arena_rate_ratio(arena, with, without, bench->rounds);
	struct estimate cpu = arena_cpu_ratio(arena, with, without, bench->rounds);
	char text[48];

	snprintf(text, sizeof(text), "%s, round trips", setting);
	report_add_least(&bench->report, text, name, "of unspun /s", gain, gain_bound,
			 arena_rate(arena, without, bench->rounds), why(gain));
	snprintf(text, sizeof(text), "%s, CPU", setting);
	report_add(&bench->report, text, name, "of unspun ns", cpu, NAN,
		   arena_cpu_ns(arena, without, bench->rounds), why(cpu));
}

/* Within so much of each other is two bounds: no more than it, and no less than its reciprocal. */
static void judge_apart(struct bench *bench, const struct setting *setting)
{
	const struct arena *arena = &bench->arena;
	struct estimate ratio =
		arena_rate_ratio(arena, setting->completion, setting->polling, bench->rounds);
	double rate = arena_rate(arena, setting->polling, bench->rounds);
	char text[48];

	snprintf(text, sizeof(text), "%s, no faster", setting->name);
	report_add(&bench->report, text, "completion", "of polling's /s", ratio, apart_bound,
		   rate, why(ratio));
	snprintf(text, sizeof(text), "%s, no slower", setting->name);
	report_add_least(&bench->report, text, "completion", "of polling's /s", ratio,
			 1 / apart_bound, rate, why(ratio));
}

static void judge(struct bench *bench, const struct setting *setting)
{
	judge_gain(bench, setting->name, setting->polling, POLLING, "polling");
	judge_gain(bench, setting->name, setting->completion, COMPLETION, "completion");
	judge_apart(bench, setting);
}

int main(int argc, char **argv)
{
	static struct bench bench = {
		.rounds = 31,
		.arena = {
			.bench = "spin",
			.job = { .connections = 1, .size_bytes = 64, .depth = 1, .seconds = 10 },
		},
	};
	const char *json = NULL;
	uint64_t span_ms = 200;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "span-ms", &span_ms, 10000, NULL },
		{ "seed", &bench.arena.seed, UINT32_MAX, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	bench.arena.seed = 1;
	options_parse(options, argc, argv);
	bench.arena.span_ns = span_ms * 1000000;
	report_begin(&bench.report, "spin", json, (unsigned int)bench.rounds);
	arena_open(&bench.arena, servers, CONTESTANTS);
	for (uint64_t round = 0; round < bench.rounds; round++)
		arena_round(&bench.arena, round);
	for (size_t index = 0; index < sizeof(settings) / sizeof(settings[0]); index++)
		judge(&bench, &settings[index]);
	arena_close(&bench.arena);
	return report_end(&bench.report);
}
