/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One turn of the echo loop with both ends in one thread, each twin against its floor. Nobody sleeps
 * and nothing migrates, which makes this the steadiest comparison of time on a shared machine.
 */
#include <math.h>

#include "floors/floor_epoll.h"
#include "floors/floor_uring.h"
#include "support/contest.h"
#include "support/echo_server.h"
#include "support/options.h"
#include "support/report.h"

static const double turn_bound = 1.04;

enum { FLOOR_EPOLL, FLOOR_EPOLL_AGAIN, POLLING, FLOOR_URING, COMPLETION, CONTESTANTS };

static const struct echo_engine *const engines[CONTESTANTS] = {
	[FLOOR_EPOLL] = &floor_epoll_engine,
	[FLOOR_EPOLL_AGAIN] = &floor_epoll_engine,
	[POLLING] = &twin_polling_engine,
	[FLOOR_URING] = &floor_uring_engine,
	[COMPLETION] = &twin_completion_engine,
};

struct bench {
	struct report report;
	struct contest contest;
};

static void judge(struct bench *bench, unsigned int subject, unsigned int floor, const char *name,
		  double bound)
{
	const struct contest *contest = &bench->contest;
	struct estimate ratio = contest_ratio(contest, subject, floor);
	char text[48];

	snprintf(text, sizeof(text), "%s, %u ready", contest->family->name, contest->ready);
	report_add(&bench->report, text, name, "of floor's ns", ratio, bound,
		   contest_ns(contest, floor),
		   isnan(ratio.middle) ? "this mechanism could not be set up" : NULL);
}

static void play_case(struct bench *bench)
{
	contest_play(&bench->contest, engines, CONTESTANTS);
	judge(bench, POLLING, FLOOR_EPOLL, "polling", turn_bound);
	judge(bench, COMPLETION, FLOOR_URING, "completion", turn_bound);
	judge(bench, FLOOR_URING, FLOOR_EPOLL, "uring/epoll", NAN);
	judge(bench, FLOOR_EPOLL_AGAIN, FLOOR_EPOLL, "epoll again", NAN);
}

int main(int argc, char **argv)
{
	static const uint32_t ready[] = { 1, 8, 64, CONTEST_READY_MAX };
	static struct bench bench = { .contest = { .rounds = 15, .block_us = 1000, .seed = 1 } };
	struct contest *contest = &bench.contest;
	const char *json = NULL;
	uint64_t seconds = 300;
	const struct bench_option options[] = {
		{ "rounds", &contest->rounds, ROUNDS_MAX, NULL },
		{ "block-us", &contest->block_us, 1000000, NULL },
		{ "seed", &contest->seed, UINT32_MAX, NULL },
		{ "seconds", &seconds, 3600, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	contest_prepare("turn", seconds);
	report_begin(&bench.report, "turn", json, (unsigned int)contest->rounds);
	for (int kind = 0; kind < CONTEST_FAMILIES; kind++) {
		for (size_t index = 0; index < sizeof(ready) / sizeof(ready[0]); index++) {
			contest->family = &contest_families[kind];
			contest->ready = ready[index];
			play_case(&bench);
		}
	}
	return report_end(&bench.report);
}
