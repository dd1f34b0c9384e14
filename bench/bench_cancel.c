/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What it costs that operations can be ended: 10,000 receives are cancelled by scopes of 100 and by one
 * of all; and a million receives end because something comes, with a deadline on each and without.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/child.h"
#include "support/crowd.h"
#include "support/options.h"
#include "support/place.h"
#include "support/report.h"
#include "support/tracer.h"
#include "support/twins.h"

enum { FEW = 100, MANY = CROWD_MAX };

static const double flat_bound = 1.1, deadline_bound = 1.1;

struct bench {
	struct report report;
	uint64_t rounds, receives, seed;
	bool callgrind;
};

/* ---- Processor time: both in every round, in random order. ---- */

struct pair {
	double few[ROUNDS_MAX], many[ROUNDS_MAX]; /* ns an operation */
};

static int measure_scopes(struct bench *bench, const struct twin *twin, struct pair *pair)
{
	struct crowd *crowd = crowd_create(twin, MANY);

	if (!crowd)
		return -EIO;
	for (uint64_t round = 0; round < bench->rounds; round++) {
		bool turned = rounds_random(&bench->seed) & 1;

		for (int i = 0; i < 2; i++) {
			bool many = (i == 0) == turned;
			uint64_t spent_ns = crowd_cancel_scopes(crowd, many ? MANY : FEW);

			(many ? pair->many : pair->few)[round] = (double)spent_ns / MANY;
		}
	}
	return crowd_destroy(crowd);
}

static int measure_deadlines(struct bench *bench, const struct twin *twin, struct pair *pair)
{
	struct crowd *crowd = crowd_create(twin, MANY);

	if (!crowd)
		return -EIO;
	for (uint64_t round = 0; round < bench->rounds; round++) {
		bool turned = rounds_random(&bench->seed) & 1;

		for (int i = 0; i < 2; i++) {
			bool deadline = (i == 0) == turned;
			uint64_t spent = crowd_answer(crowd, (uint32_t)bench->receives, deadline);

			(deadline ? pair->many : pair->few)[round] =
				(double)spent / (double)bench->receives;
		}
	}
	return crowd_destroy(crowd);
}

static void judge(struct bench *bench, const struct twin *twin, const char *name,
		  const char *of, double bound, struct pair *pair, int rc)
{
	struct estimate ratio = { NAN, NAN, NAN }, few = ratio;

	if (rc == 0) {
		ratio = rounds_ratio(pair->many, pair->few, bench->rounds);
		few = rounds_estimate(pair->few, bench->rounds);
	}
	report_add(&bench->report, name, twin->name, of, ratio, bound, few.middle,
		   rc ? "an operation did not end as it should" : NULL);
}

/* ---- Instructions: the further passes of a longer run. ---- */

static double instructions(const struct twin *twin, const char *part)
{
	struct trace_counts once, twice;
	char path[CHILD_PATH_MAX];

	child_path(path, "bench_cancel");

	const char *short_run[] = { path, "--only", twin->name, "--part", part, "--passes", "1",
				    NULL };
	const char *long_run[] = { path, "--only", twin->name, "--part", part, "--passes", "2",
				   NULL };

	if (trace_command(TRACER_CALLGRIND, short_run, &once) < 0 ||
	    trace_command(TRACER_CALLGRIND, long_run, &twice) < 0)
		return NAN;
	return (twice.instructions - once.instructions) / MANY;
}

static void count_parts(struct bench *bench, const struct twin *twin, const char *name,
			const char *of, const char *under, const char *over, double bound)
{
	double few = instructions(twin, under), many = instructions(twin, over);

	report_count(&bench->report, name, twin->name, of, many / few, bound, few,
		     isnan(many / few) ? "valgrind could not run it" : NULL);
}

static int play_part(const struct twin *twin, const char *part, uint64_t passes)
{
	bool scope = !strncmp(part, "scope-", strlen("scope-"));
	struct crowd *crowd = crowd_create(twin, MANY);

	if (!crowd)
		return 3;
	for (uint64_t pass = 0; scope && pass < passes; pass++)
		crowd_cancel_scopes(crowd, strcmp(part, "scope-few") ? MANY : FEW);
	if (!scope)
		crowd_answer(crowd, (uint32_t)passes * MANY, !strcmp(part, "deadlines"));
	return crowd_destroy(crowd) ? 3 : 0;
}

static int only_one(const char *name, const char *part, uint64_t passes)
{
	for (int index = 0; index < TWINS; index++)
		if (strcmp(twins[index].name, name) == 0)
			return play_part(&twins[index], part, passes);
	fprintf(stderr, "bench_cancel: only %s: give polling or completion\n", name);
	return 2;
}

static void play_twin(struct bench *bench, const struct twin *twin)
{
	struct pair pair;
	int rc = measure_scopes(bench, twin, &pair);

	judge(bench, twin, "10,000 by one scope", "of 100's ns", flat_bound, &pair, rc);
	rc = measure_deadlines(bench, twin, &pair);
	judge(bench, twin, "a deadline on each", "of without's ns", deadline_bound,
	      &pair, rc);
	if (!bench->callgrind)
		return;
	count_parts(bench, twin, "the same, instructions", "of 100's", "scope-few", "scope-many",
		    flat_bound);
	count_parts(bench, twin, "deadline, instructions", "of without's", "plain", "deadlines", NAN);
}

int main(int argc, char **argv)
{
	static struct bench bench = { .rounds = 15, .receives = 1000000, .seed = 1 };
	const char *json = NULL, *only = NULL, *part = "scope-many";
	uint64_t passes = 1;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "receives", &bench.receives, 100000000, NULL },
		{ "seed", &bench.seed, UINT32_MAX, NULL },
		{ "passes", &passes, 10000, NULL },
		{ "only", NULL, 0, &only },
		{ "part", NULL, 0, &part },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	if (only)
		return only_one(only, part, passes);
	place_process(0, PLACE_FIRST);
	report_begin(&bench.report, "cancel", json, (unsigned int)bench.rounds);
	bench.callgrind = tracer_there(TRACER_CALLGRIND);
	for (int index = 0; index < TWINS; index++)
		play_twin(&bench, &twins[index]);
	return report_end(&bench.report);
}
