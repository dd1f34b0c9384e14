/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What it costs to wake a loop that is awake: the call alone, repeated before the loop noticed, and
 * a wake for each turn beyond what the turn costs without one.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <duet/duet.h>

#include "support/child.h"
#include "support/clock.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"
#include "support/twins.h"

enum { TIMES = 1000, OPERATIONS = 16 };

struct bench {
	struct duet_loop *loop;
	uint64_t times;
};

struct cost {
	double ns;
	double calls;		/* the loop's own count */
};

static struct cost repeated(struct bench *bench)
{
	struct duet_stats before, after;
	uint64_t begin, end;

	duet_loop_stats(bench->loop, &before);
	begin = clock_ns();
	for (uint64_t count = 0; count < bench->times; count++)
		duet_loop_wake(bench->loop);
	end = clock_ns();
	duet_loop_stats(bench->loop, &after);
	duet_loop_turn(bench->loop, 0);
	return (struct cost){
		.ns = (double)(end - begin) / (double)bench->times,
		.calls = (double)(after.system_calls - before.system_calls) / (double)bench->times,
	};
}

static struct cost turns(struct bench *bench, bool wake)
{
	struct duet_stats before, after;
	uint64_t begin, end;

	duet_loop_stats(bench->loop, &before);
	begin = clock_ns();
	for (uint64_t count = 0; count < bench->times; count++) {
		if (wake)
			duet_loop_wake(bench->loop);
		duet_loop_turn(bench->loop, 0);
	}
	end = clock_ns();
	duet_loop_stats(bench->loop, &after);
	return (struct cost){
		.ns = (double)(end - begin) / (double)bench->times,
		.calls = (double)(after.system_calls - before.system_calls) / (double)bench->times,
	};
}

static void keep_best(struct cost *best, struct cost cost)
{
	best->ns = fmin(best->ns, cost.ns);
	best->calls = fmax(best->calls, cost.calls);
}

/* The run that strace looks at: wakes alone, a turn without, or a turn with a wake. */
static int only_one(const struct twin *twin, const char *what, uint64_t times)
{
	struct bench bench = { .loop = twin_loop(twin, OPERATIONS), .times = times };

	if (!bench.loop)
		return 3;
	if (strcmp(what, "wakes") == 0)
		repeated(&bench);
	else
		turns(&bench, strcmp(what, "woken-turns") == 0);
	return duet_loop_destroy(bench.loop) ? 3 : 0;
}

static double traced_calls(const struct twin *twin, const char *what)
{
	char path[CHILD_PATH_MAX];
	struct trace_counts few, many;

	child_path(path, "bench_wake");

	const char *short_run[] = { path, "--only", twin->name, "--what", what, "--times", "100",
				    NULL };
	const char *long_run[] = { path, "--only", twin->name, "--what", what, "--times", "1100",
				   NULL };

	if (trace_command(TRACER_STRACE, short_run, &few) < 0 ||
	    trace_command(TRACER_STRACE, long_run, &many) < 0)
		return NAN;
	return (many.calls - few.calls) / 1000;
}

static void judge_traced(struct report *report, const struct twin *twin)
{
	double plain = traced_calls(twin, "turns");
	double woken = traced_calls(twin, "woken-turns");

	report_count(report, "calls of a wake, strace", twin->name, "/wake",
		     traced_calls(twin, "wakes"), 0, NAN, NULL);
	report_count(report, "calls a wake adds to a turn", twin->name, "/wake",
		     woken < plain ? 0 : woken - plain, 0, NAN, "strace; a turn without a wait may save one");
}

static void judge(struct report *report, const struct twin *twin, uint64_t passes, bool strace)
{
	struct bench bench = { .loop = twin_loop(twin, OPERATIONS), .times = TIMES };
	struct cost wake = { INFINITY, 0 }, plain = wake, woken = wake;

	for (uint64_t count = 0; bench.loop && count < passes; count++) {
		keep_best(&wake, repeated(&bench));
		keep_best(&plain, turns(&bench, false));
		keep_best(&woken, turns(&bench, true));
	}
	if (!bench.loop)
		wake = plain = woken = (struct cost){ NAN, NAN };
	report_count(report, "wake again, not yet noticed", twin->name, "ns", wake.ns, NAN, NAN,
		     "best pass");
	report_count(report, "turn that finds nothing", twin->name, "ns", plain.ns, NAN, NAN,
		     "best pass");
	report_count(report, "turn with a wake before it", twin->name, "ns", woken.ns, NAN, NAN,
		     "best pass");
	report_count(report, "calls of a wake, own count", twin->name, "/wake", wake.calls, 0, NAN,
		     NULL);
	if (strace && bench.loop)
		judge_traced(report, twin);
	duet_loop_destroy(bench.loop);
}

static int find_only(const char *name, const char *what, uint64_t times)
{
	for (int index = 0; index < TWINS; index++)
		if (strcmp(twins[index].name, name) == 0)
			return only_one(&twins[index], what, times);
	fprintf(stderr, "bench_wake: only %s: give polling or completion\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	static struct report report;
	const char *json = NULL, *only = NULL, *what = "wakes";
	uint64_t passes = 200, times = TIMES;
	const struct bench_option options[] = {
		{ "passes", &passes, 100000, NULL },
		{ "only", NULL, 0, &only },
		{ "what", NULL, 0, &what },
		{ "times", &times, 1000000, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};
	bool strace;

	options_parse(options, argc, argv);
	if (only)
		return find_only(only, what, times);
	strace = tracer_there(TRACER_STRACE);
	report_begin(&report, "wake", json, 0);
	if (!strace)
		printf("wake: strace cannot be run here: calls are only the loop's own count\n");
	for (int index = 0; index < TWINS; index++)
		judge(&report, &twins[index], passes, strace);
	return report_end(&report);
}
