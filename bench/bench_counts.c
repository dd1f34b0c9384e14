/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What a message costs in things that can be counted: system calls, wasted attempts, epoll_ctl,
 * user instructions, allocations. A server process runs to an exact number of messages, twice; the
 * difference is the steady path alone, start-up and end drop out.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/child.h"
#include "support/load.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"

enum { MESSAGE_BYTES = 64, RUN_SECONDS = 20, WIDTHS = 2, REPEATS_MAX = 3 };

struct subject {
	const char *name;
	const char *program;
	const char *backend;	/* the program's first argument, NULL: none */
	int floor;		/* index of its floor, or its own */
	double calls[WIDTHS];	/* bounds for 1 and for 64 connections; NAN: none */
	double instructions[WIDTHS];
	double wasted;
	double controls;
	double allocations;
};

static const struct subject subjects[] = {
	{ "floor-epoll", "floor_epoll", NULL, 0, { NAN, NAN }, { NAN, NAN }, NAN, NAN, NAN },
	{ "polling", "bench_echo", "polling", 0, { 3.0, 2.1 }, { NAN, 250 }, 0.01, 0, 0 },
	{ "floor-uring", "floor_uring", NULL, 2, { NAN, NAN }, { NAN, NAN }, NAN, NAN, NAN },
	{ "completion", "bench_echo", "completion", 2, { 2.0, 0.3 }, { NAN, 400 }, 0.01, 0, 0 },
};

enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

/* One connection gives the same counts every time; 64 follow the size of the batches. */
static const uint32_t widths[WIDTHS] = { 1, 64 };
static const int repeats[WIDTHS] = { 1, REPEATS_MAX };

/* Messages of the short and of the long run. What 64 connections happen to waste when they begin
 * differs from run to run: over 16,000 messages that is below the bound of 0.01. */
static const uint64_t lengths[][2] = {
	[TRACER_NONE] = { 10000, 40000 },
	[TRACER_STRACE] = { 4000, 20000 },
	[TRACER_CALLGRIND] = { 4000, 16000 },
};

/* Totals of a run, or per message. What was not counted is NAN. */
struct counts {
	struct trace_counts traced;
	double own_calls;	/* the server's own count of its system calls */
	double own_wasted;
	double allocations;	/* after the first half: not a slope */
};

/* Median and range of the repeats, and all counts of the last one. */
struct spread {
	struct estimate calls;
	struct estimate instructions;
	struct counts last;
};

static int play(const struct subject *subject, enum tracer tracer, uint32_t width,
		uint64_t messages, struct child *child)
{
	struct load_job job = {
		.connections = width, .size_bytes = MESSAGE_BYTES,
		.messages = messages, .seconds = RUN_SECONDS,
	};
	struct load_result result = { 0 };
	struct load load;
	int rc;

	job.port = child->port;
	rc = load_start(&load, &job);
	if (rc == 0)
		rc = load_join(&load, &result);
	if (result.wrong_bytes > 0) {
		fprintf(stderr, "bench_counts: %s: %" PRIu64 " wrong bytes: no figure counts\n",
			subject->name, result.wrong_bytes);
		exit(4);
	}
	if (rc == 0)
		rc = child_finish(child);
	if (rc < 0)
		fprintf(stderr, "bench_counts: %s under %s, %u connections: %s\n", subject->name,
			tracer_name(tracer), width, strerror(-rc));
	return rc;
}

static int run(const struct subject *subject, enum tracer tracer, uint32_t width,
	       uint64_t messages, struct counts *counts)
{
	const char *argv[CHILD_ARGUMENTS_MAX] = { 0 };
	char path[CHILD_PATH_MAX], count[24], connections[24];
	struct child child;
	struct trace trace;
	int used = trace_begin(&trace, tracer, argv);
	int rc;

	if (used < 0)
		return used;
	child_path(path, subject->program);
	snprintf(count, sizeof(count), "%" PRIu64, messages);
	snprintf(connections, sizeof(connections), "%u", width);
	argv[used++] = path;
	if (subject->backend)
		argv[used++] = subject->backend;
	argv[used++] = "--count";
	argv[used++] = count;
	argv[used++] = "--connections";
	argv[used] = connections;
	rc = child_start(&child, argv);
	if (rc == 0)
		rc = play(subject, tracer, width, messages, &child);
	child_stop(&child);
	if (trace_read(&trace, &counts->traced) < 0 || rc < 0)
		return rc < 0 ? rc : -EIO;
	counts->own_calls = child_stat(&child, "calls");
	counts->own_wasted = child_stat(&child, "wasted");
	counts->allocations = child_stat(&child, "allocations");
	return 0;
}

/* What only the beginning causes may be more in the shorter run; what was not counted stays NAN. */
static double rise(double few, double many)
{
	return many < few ? 0 : many - few;
}

/* Per message, from a short and a long run. */
static int slope(const struct subject *subject, enum tracer tracer, uint32_t width,
		 struct counts *each)
{
	const uint64_t *length = lengths[tracer];
	double more = (double)(length[1] - length[0]);
	struct counts few, many;
	int rc = run(subject, tracer, width, length[0], &few);

	if (rc == 0)
		rc = run(subject, tracer, width, length[1], &many);
	if (rc < 0)
		return rc;
	each->traced.calls = (many.traced.calls - few.traced.calls) / more;
	each->traced.controls = (many.traced.controls - few.traced.controls) / more;
	each->traced.failed = rise(few.traced.failed, many.traced.failed) / more;
	each->traced.instructions = (many.traced.instructions - few.traced.instructions) / more;
	each->own_calls = (many.own_calls - few.own_calls) / more;
	each->own_wasted = rise(few.own_wasted, many.own_wasted) / more;
	each->allocations = many.allocations;
	return 0;
}

static const struct counts nothing = { { NAN, NAN, NAN, NAN }, NAN, NAN, NAN };
static const struct estimate unknown = { NAN, NAN, NAN };

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Median and range, which is all that so few values have. */
static struct estimate range(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(values[0]), compare);
	return (struct estimate){ values[count / 2], values[0], values[count - 1] };
}

/* Calls repeat to a hundredth of a call a message: a stray wait of a whole run is not more. */
static double hundredths(double calls)
{
	return round(calls * 100) / 100;
}

static void measure(const struct subject *subject, enum tracer tracer, int width,
		    struct spread *spread)
{
	double calls[REPEATS_MAX], instructions[REPEATS_MAX];

	*spread = (struct spread){ .calls = unknown, .instructions = unknown, .last = nothing };
	for (int repeat = 0; repeat < repeats[width]; repeat++) {
		struct counts *last = &spread->last;

		if (slope(subject, tracer, widths[width], last) < 0) {
			*last = nothing;
			return;
		}
		calls[repeat] = hundredths(tracer == TRACER_NONE ? last->own_calls
								 : last->traced.calls);
		instructions[repeat] = last->traced.instructions;
	}
	spread->calls = range(calls, repeats[width]);
	spread->instructions = range(instructions, repeats[width]);
}

static const char *title(char text[48], int width, const char *what)
{
	snprintf(text, 48, "%u conn, %s", widths[width], what);
	return text;
}

static void count_calls(struct report *report, int width)
{
	struct spread spreads[SUBJECTS];
	char text[48];

	for (int index = 0; index < SUBJECTS; index++) {
		const struct subject *subject = &subjects[index];
		const struct spread *floor = &spreads[subject->floor];

		measure(subject, TRACER_STRACE, width, &spreads[index]);
		report_add(report, title(text, width, "calls, strace"), subject->name, "/message",
			   spreads[index].calls, subject->calls[width], floor->calls.middle, NULL);
		if (index == subject->floor)
			continue;
		report_count(report, title(text, width, "the same, own count"), subject->name,
			     "/message", hundredths(spreads[index].last.own_calls),
			     subject->calls[width], hundredths(floor->last.own_calls), NULL);
		report_count(report, title(text, width, "failed calls, strace"), subject->name,
			     "/message", spreads[index].last.traced.failed, subject->wasted,
			     floor->last.traced.failed, NULL);
		report_count(report, title(text, width, "epoll_ctl, strace"), subject->name,
			     "/message", spreads[index].last.traced.controls, subject->controls,
			     floor->last.traced.controls, NULL);
	}
}

/* Without a tracer the server is faster than the generator: the calls of 64 connections depend on
 * how many messages happen to be there, so they are judged only where there is nothing better. */
static void count_own(struct report *report, int width, bool judged)
{
	struct spread spreads[SUBJECTS];
	char text[48];

	for (int index = 0; index < SUBJECTS; index++) {
		const struct subject *subject = &subjects[index];
		const struct spread *floor = &spreads[subject->floor];

		measure(subject, TRACER_NONE, width, &spreads[index]);
		report_add(report, title(text, width, "calls, untraced"), subject->name,
			   "/message", spreads[index].calls,
			   judged ? subject->calls[width] : NAN, floor->calls.middle, NULL);
		if (index == subject->floor)
			continue;
		report_count(report, title(text, width, "wasted, untraced"), subject->name,
			     "/message", spreads[index].last.own_wasted, subject->wasted,
			     floor->last.own_wasted, NULL);
		report_count(report, title(text, width, "allocations"), subject->name,
			     "after start-up", spreads[index].last.allocations,
			     subject->allocations, floor->last.allocations, NULL);
	}
}

static void count_instructions(struct report *report, int width)
{
	struct spread spreads[SUBJECTS];
	char text[48];

	for (int index = 0; index < SUBJECTS; index++) {
		const struct subject *subject = &subjects[index];

		measure(subject, TRACER_CALLGRIND, width, &spreads[index]);
		report_add(report, title(text, width, "instructions"), subject->name,
			   "user/message", spreads[index].instructions,
			   subject->instructions[width],
			   spreads[subject->floor].instructions.middle, NULL);
	}
}

static bool look_for(enum tracer tracer, const char *what)
{
	bool there = tracer_there(tracer);

	if (!there)
		printf("counts: %s cannot be run here: %s are not measured\n",
		       tracer_name(tracer), what);
	return there;
}

int main(int argc, char **argv)
{
	static struct report report;
	const char *json = NULL;
	bool strace, callgrind;
	const struct bench_option options[] = {
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	report_begin(&report, "counts", json, 0);
	strace = look_for(TRACER_STRACE, "system calls from outside");
	callgrind = look_for(TRACER_CALLGRIND, "user instructions");
	for (int width = 0; width < WIDTHS; width++) {
		if (strace)
			count_calls(&report, width);
		count_own(&report, width, !strace);
		if (callgrind)
			count_instructions(&report, width);
	}
	return report_end(&report);
}
