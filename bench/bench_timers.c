/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Timers: 10,000 timeouts at random times are started, then cancelled in another random order, and
 * their completions delivered. Best of many passes, because a pass can only be disturbed upwards.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <duet/duet.h>

#include "support/child.h"
#include "support/clock.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"
#include "support/twins.h"

enum { TIMERS = 10000, SPARE = 16 };

static const double pair_bound_ns = 60;
/* A turn's wait is shared by all the timers of a pass: what is left a timer is far below this. */
static const double calls_bound = 0.01;
/* From now, so that none fires during the bench: an hour to two. */
static const uint64_t hour_ns = 3600000000000u;

struct pass {
	double arm_ns;		/* each of these is a timer's share */
	double cancel_ns;
	double deliver_ns;
	double calls;		/* of the loop's own count, while arming and cancelling */
};

struct bench {
	struct duet_loop *loop;
	struct duet_op *timers;
	unsigned int *order;
	uint64_t *due_ns;
	uint64_t seed;
	uint32_t ended;
	uint32_t wrong;
};

static void on_timer(struct duet_op *op)
{
	struct bench *bench = op->context;

	bench->ended++;
	bench->wrong += op->result != -ECANCELED || op->cause != DUET_CAUSE_CANCEL;
}

static void draw(struct bench *bench)
{
	uint64_t now_ns = duet_loop_now_ns(bench->loop);

	for (unsigned int index = 0; index < TIMERS; index++) {
		bench->order[index] = index;
		bench->due_ns[index] = now_ns + hour_ns + rounds_random(&bench->seed) % hour_ns;
	}
	rounds_shuffle(bench->order, TIMERS, &bench->seed);
}

static void arm(struct bench *bench)
{
	for (unsigned int index = 0; index < TIMERS; index++) {
		duet_op_timeout(&bench->timers[index], bench->due_ns[index]);
		if (duet_op_start(bench->loop, &bench->timers[index]) != 0)
			bench->wrong++;
	}
}

static void cancel(struct bench *bench)
{
	for (unsigned int index = 0; index < TIMERS; index++)
		duet_op_cancel(&bench->timers[bench->order[index]]);
}

static struct pass play(struct bench *bench)
{
	struct duet_stats before, after;
	uint64_t begin, armed, cancelled, delivered;

	draw(bench);
	bench->ended = 0;
	duet_loop_stats(bench->loop, &before);
	begin = clock_ns();
	arm(bench);
	armed = clock_ns();
	cancel(bench);
	cancelled = clock_ns();
	duet_loop_stats(bench->loop, &after);
	while (bench->ended < TIMERS && duet_loop_turn(bench->loop, 0) > 0)
		continue;
	delivered = clock_ns();
	if (bench->ended != TIMERS)
		bench->wrong++;
	return (struct pass){
		.arm_ns = (double)(armed - begin) / TIMERS,
		.cancel_ns = (double)(cancelled - armed) / TIMERS,
		.deliver_ns = (double)(delivered - cancelled) / TIMERS,
		.calls = (double)(after.system_calls - before.system_calls +
				  after.submitted - before.submitted) / TIMERS,
	};
}

static void keep_best(struct pass *best, const struct pass *pass)
{
	if (pass->arm_ns + pass->cancel_ns < best->arm_ns + best->cancel_ns) {
		best->arm_ns = pass->arm_ns;
		best->cancel_ns = pass->cancel_ns;
	}
	best->deliver_ns = fmin(best->deliver_ns, pass->deliver_ns);
	best->calls = fmax(best->calls, pass->calls);
}

static int measure(const struct twin *twin, uint64_t passes, struct pass *best)
{
	struct bench bench = { .seed = 1 };

	*best = (struct pass){ INFINITY, INFINITY, INFINITY, 0 };
	bench.loop = twin_loop(twin, TIMERS + SPARE);
	bench.timers = calloc(TIMERS, sizeof(*bench.timers));
	bench.order = calloc(TIMERS, sizeof(*bench.order));
	bench.due_ns = calloc(TIMERS, sizeof(*bench.due_ns));
	if (bench.loop && bench.timers && bench.order && bench.due_ns) {
		for (unsigned int index = 0; index < TIMERS; index++)
			duet_op_init(&bench.timers[index], on_timer, &bench);
		for (uint64_t count = 0; count < passes; count++) {
			struct pass pass = play(&bench);

			keep_best(best, &pass);
		}
		bench.wrong += duet_loop_destroy(bench.loop) != 0;
	} else {
		bench.wrong = 1;
	}
	free(bench.due_ns);
	free(bench.order);
	free(bench.timers);
	return bench.wrong ? -EIO : 0;
}

/* System calls a timer from outside, the whole of arming, cancelling and delivering. */
static double traced_calls(const struct twin *twin)
{
	char path[CHILD_PATH_MAX];
	struct trace_counts few, many;

	child_path(path, "bench_timers");

	const char *short_run[] = { path, "--only", twin->name, "--passes", "1", NULL };
	const char *long_run[] = { path, "--only", twin->name, "--passes", "11", NULL };

	if (trace_command(TRACER_STRACE, short_run, &few) < 0 ||
	    trace_command(TRACER_STRACE, long_run, &many) < 0)
		return NAN;
	return (many.calls - few.calls) / 10 / TIMERS;
}

static void judge(struct report *report, const struct twin *twin, uint64_t passes, bool strace)
{
	struct pass best;

	if (measure(twin, passes, &best) < 0) {
		fprintf(stderr, "bench_timers: %s: a timer did not end as cancelled: no figure\n",
			twin->name);
		best = (struct pass){ NAN, NAN, NAN, NAN };
	}
	report_count(report, "arm", twin->name, "ns", best.arm_ns, NAN, NAN, NULL);
	report_count(report, "cancel, random order", twin->name, "ns", best.cancel_ns, NAN, NAN,
		     NULL);
	report_count(report, "arm and cancel", twin->name, "ns", best.arm_ns + best.cancel_ns,
		     pair_bound_ns, NAN, "best pass");
	report_count(report, "deliver the completion", twin->name, "ns", best.deliver_ns, NAN, NAN,
		     NULL);
	report_count(report, "kernel operations, own count", twin->name, "/timer", best.calls, 0,
		     NAN, NULL);
	if (strace)
		report_count(report, "calls, strace", twin->name, "/timer", traced_calls(twin),
			     calls_bound, NAN, "delivery included");
}

static int only_one(const char *name, uint64_t passes)
{
	struct pass best;

	for (int index = 0; index < TWINS; index++)
		if (strcmp(twins[index].name, name) == 0)
			return measure(&twins[index], passes, &best) < 0 ? 3 : 0;
	fprintf(stderr, "bench_timers: only %s: give polling or completion\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	static struct report report;
	const char *json = NULL, *only = NULL;
	uint64_t passes = 50;
	const struct bench_option options[] = {
		{ "passes", &passes, 100000, NULL },
		{ "only", NULL, 0, &only },
		{ "json", NULL, 0, &json },
		{ 0 },
	};
	bool strace;

	options_parse(options, argc, argv);
	if (only)
		return only_one(only, passes);
	strace = tracer_there(TRACER_STRACE);
	report_begin(&report, "timers", json, 0);
	if (!strace)
		printf("timers: strace cannot be run here: calls are only the loop's own count\n");
	for (int index = 0; index < TWINS; index++)
		judge(&report, &twins[index], passes, strace);
	return report_end(&report);
}
