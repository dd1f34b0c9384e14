/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What it costs that operations can be ended: a scope of 100 and one of 10,000 receives is cancelled;
 * and a million receives end because something comes, with a deadline on each and without.
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

static const double flat_bound = 1.25, deadline_bound = 1.1, instructions_bound = 1.1;

struct bench {
	struct report report;
	uint64_t rounds, receives, seed;
	bool callgrind;
};

/* ---- Processor time: both in every round, in random order. ---- */

struct pair {
	double few[ROUNDS_MAX], many[ROUNDS_MAX]; /* ns an operation */
};

static double cancel_ns(struct crowd *crowd, uint32_t count)
{
	uint64_t spent_ns = 0;

	for (uint32_t pass = 0; pass < MANY / count; pass++)
		spent_ns += crowd_cancel_scope(crowd);
	return (double)spent_ns / MANY;
}

static int measure_scopes(struct bench *bench, const struct twin *twin, struct pair *pair)
{
	struct crowd *few = crowd_create(twin, FEW), *many = few ? crowd_create(twin, MANY) : NULL;
	int rc = many ? 0 : -EIO;

	for (uint64_t round = 0; !rc && round < bench->rounds; round++) {
		bool turned = rounds_random(&bench->seed) & 1;

		for (int i = 0; i < 2; i++) {
			if ((i == 0) == turned)
				pair->many[round] = cancel_ns(many, MANY);
			else
				pair->few[round] = cancel_ns(few, FEW);
		}
	}
	if (few && crowd_destroy(few))
		rc = -EIO;
	if (many && crowd_destroy(many))
		rc = -EIO;
	return rc;
}

static int measure_deadlines(struct bench *bench, const struct twin *twin, struct pair *pair)
{
	struct crowd *crowd = crowd_create(twin, CROWD_MAX);

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

static double instructions(const struct twin *twin, const char *part, uint32_t count,
			   uint32_t passes)
{
	struct trace_counts few, many;
	char path[CHILD_PATH_MAX], once[16], often[16];

	child_path(path, "bench_cancel");
	snprintf(once, sizeof(once), "%u", passes);
	snprintf(often, sizeof(often), "%u", 2 * passes);

	const char *short_run[] = { path, "--only", twin->name, "--part", part, "--passes", once,
				    NULL };
	const char *long_run[] = { path, "--only", twin->name, "--part", part, "--passes", often,
				   NULL };

	if (trace_command(TRACER_CALLGRIND, short_run, &few) < 0 ||
	    trace_command(TRACER_CALLGRIND, long_run, &many) < 0)
		return NAN;
	return (many.instructions - few.instructions) / ((double)passes * count);
}

static void count_part(struct bench *bench, const struct twin *twin, const char *name,
		       const char *of, double few, double many)
{
	report_count(&bench->report, name, twin->name, of, many / few, instructions_bound, few,
		     isnan(many / few) ? "valgrind could not run it" : NULL);
}

static int play_part(const struct twin *twin, const char *part, uint64_t passes)
{
	bool scope = !strncmp(part, "scope-", strlen("scope-"));
	struct crowd *crowd = crowd_create(twin, strcmp(part, "scope-few") ? MANY : FEW);

	if (!crowd)
		return 3;
	for (uint64_t pass = 0; scope && pass < passes; pass++)
		crowd_cancel_scope(crowd);
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

	judge(bench, twin, "scope of 10,000 ÷ of 100", "of 100's ns", flat_bound, &pair, rc);
	rc = measure_deadlines(bench, twin, &pair);
	judge(bench, twin, "receive with a deadline ÷ without", "of without's ns", deadline_bound,
	      &pair, rc);
	if (!bench->callgrind)
		return;
	count_part(bench, twin, "the same scopes, instructions", "of 100's",
		   instructions(twin, "scope-few", FEW, 100),
		   instructions(twin, "scope-many", MANY, 1));
	count_part(bench, twin, "the same receives, instructions", "of without's",
		   instructions(twin, "plain", MANY, 1), instructions(twin, "deadlines", MANY, 1));
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
