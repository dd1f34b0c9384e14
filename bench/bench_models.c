/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Echo by a coroutine and by a future a connection, beside the same by callbacks, on each twin: one turn
 * with both ends in one thread, as bench_turn has it.
 */
#include <math.h>

#include "support/contest.h"
#include "support/echo_server.h"
#include "support/echo_tasks.h"
#include "support/options.h"
#include "support/report.h"

static const double rate_bound = 0.97;

enum model { CALLBACK, CALLBACK_AGAIN, COROUTINE, FUTURE, MODELS };

struct group {
	const char *twin;
	const struct echo_engine *engines[MODELS];
};

static const struct group groups[] = {
	{ "polling", { &twin_polling_engine, &twin_polling_engine, &tasks_polling_coroutine_engine,
		       &tasks_polling_future_engine } },
	{ "completion", { &twin_completion_engine, &twin_completion_engine,
			  &tasks_completion_coroutine_engine, &tasks_completion_future_engine } },
};

static const char *const names[MODELS] = {
	[CALLBACK_AGAIN] = "callback again", [COROUTINE] = "coroutine", [FUTURE] = "future",
};

struct bench {
	struct report report;
	struct contest contest;
};

static void judge(struct bench *bench, const struct group *group, enum model model, double bound)
{
	const struct contest *contest = &bench->contest;
	/* Of times, so that it is one of rates: callback ÷ model. */
	struct estimate ratio = contest_ratio(contest, CALLBACK, model);
	char text[48];

	snprintf(text, sizeof(text), "%s, %u ready", group->twin, contest->ready);
	report_add_least(&bench->report, text, names[model], "of callback's /s", ratio, bound,
			 1e9 / contest_ns(contest, CALLBACK),
			 isnan(ratio.middle) ? "this mechanism could not be set up" : NULL);
}

static void play_case(struct bench *bench, const struct group *group)
{
	contest_play(&bench->contest, group->engines, MODELS);
	judge(bench, group, COROUTINE, rate_bound);
	judge(bench, group, FUTURE, rate_bound);
	judge(bench, group, CALLBACK_AGAIN, NAN);
}

int main(int argc, char **argv)
{
	static const uint32_t ready[] = { 1, 64, CONTEST_READY_MAX };
	static struct bench bench = { .contest = { .rounds = 15, .block_us = 1000, .seed = 1 } };
	struct contest *contest = &bench.contest;
	const char *json = NULL;
	uint64_t seconds = 200;
	const struct bench_option options[] = {
		{ "rounds", &contest->rounds, ROUNDS_MAX, NULL },
		{ "block-us", &contest->block_us, 1000000, NULL },
		{ "seed", &contest->seed, UINT32_MAX, NULL },
		{ "seconds", &seconds, 3600, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	contest_prepare("models", seconds);
	report_begin(&bench.report, "models", json, (unsigned int)contest->rounds);
	contest->family = &contest_families[0];
	for (size_t twin = 0; twin < sizeof(groups) / sizeof(groups[0]); twin++) {
		for (size_t index = 0; index < sizeof(ready) / sizeof(ready[0]); index++) {
			contest->ready = ready[index];
			play_case(&bench, &groups[twin]);
		}
	}
	return report_end(&bench.report);
}
