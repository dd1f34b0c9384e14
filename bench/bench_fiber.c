/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Fibers: the switch by itself beside those of Boost.Context and of the C library, spawning and
 * finishing, a turn given up, and what of its stack a fiber touches that waits.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <duet/duet.h>

#include "core/tasks/context.h"
#include "support/alloc_count.h"
#include "support/child.h"
#include "support/clock.h"
#include "support/options.h"
#include "support/pairs.h"
#include "support/place.h"
#include "support/report.h"
#include "support/tracer.h"
#include "support/twins.h"

enum { BLOCKS = 31, BLOCK_SWITCHES = 40000, STACK_BYTES = 65536, FIBERS = 64, CROWD = 10000,
       RECEIVERS = 400 };

static const double switch_bound = 1.0;
static const uint64_t hour_ns = 3600000000000u;

/* ---- Switches, to and fro: each contestant goes to a place that goes back, again and again. ---- */

static unsigned char stacks[3][STACK_BYTES] __attribute__((aligned(64)));

static void *duet_there;

static void duet_go_back(void *from, void *argument)
{
	(void)argument;
	for (;;)
		from = core_context_switch(from);
}

static bool duet_begin(void)
{
	duet_there = core_context_make(stacks[0], stacks[0] + STACK_BYTES, duet_go_back, NULL);
	return core_context_can_switch();
}

static void duet_switch(uint64_t pairs)
{
	void *there = duet_there;

	for (; pairs; pairs--)
		there = core_context_switch(there);
	duet_there = there;
}

/* As <boost/context/detail/fcontext.hpp> has them, which is C++. There if the library is. */
struct transfer {
	void *context;
	void *data;
};

struct transfer jump_fcontext(void *to, void *data) __attribute__((weak));
void *make_fcontext(void *top, size_t bytes, void (*fn)(struct transfer)) __attribute__((weak));

static void *boost_there;

static void boost_go_back(struct transfer transfer)
{
	for (;;)
		transfer = jump_fcontext(transfer.context, NULL);
}

static bool boost_begin(void)
{
	if (!jump_fcontext || !make_fcontext)
		return false;
	boost_there = make_fcontext(stacks[1] + STACK_BYTES, STACK_BYTES, boost_go_back);
	return true;
}

static void boost_switch(uint64_t pairs)
{
	struct transfer transfer = { .context = boost_there };

	for (; pairs; pairs--)
		transfer = jump_fcontext(transfer.context, NULL);
	boost_there = transfer.context;
}

static ucontext_t library_here, library_there;

static void library_go_back(void)
{
	for (;;)
		swapcontext(&library_there, &library_here);
}

static bool library_begin(void)
{
	getcontext(&library_there);
	library_there.uc_stack.ss_sp = stacks[2];
	library_there.uc_stack.ss_size = STACK_BYTES;
	makecontext(&library_there, library_go_back, 0);
	return true;
}

static void library_switch(uint64_t pairs)
{
	for (; pairs; pairs--)
		swapcontext(&library_here, &library_there);
}

enum { DUET, BOOST, LIBRARY, SWITCHERS };

static const struct switcher {
	const char *name;
	bool (*begin)(void);
	void (*go)(uint64_t pairs);
} switchers[SWITCHERS] = {
	[DUET] = { "duet", duet_begin, duet_switch },
	[BOOST] = { "fcontext", boost_begin, boost_switch },
	[LIBRARY] = { "swapcontext", library_begin, library_switch },
};

struct bench {
	struct report report;
	uint64_t rounds, seed;
	bool there[SWITCHERS];
	double ns[SWITCHERS][ROUNDS_MAX]; /* a switch */
};

static void block(const struct bench *bench, const unsigned int order[SWITCHERS], double *blocks)
{
	for (unsigned int at = 0; at < SWITCHERS; at++) {
		const unsigned int which = order[at];
		uint64_t begin = clock_ns();

		if (!bench->there[which])
			continue;
		switchers[which].go(which == LIBRARY ? BLOCK_SWITCHES / 40 : BLOCK_SWITCHES / 2);
		blocks[which] = (double)(clock_ns() - begin) /
				(which == LIBRARY ? BLOCK_SWITCHES / 20 : BLOCK_SWITCHES);
	}
}

static void play_round(struct bench *bench, uint64_t round)
{
	double blocks[SWITCHERS][BLOCKS], last[SWITCHERS] = { NAN, NAN, NAN };
	unsigned int order[SWITCHERS] = { DUET, BOOST, LIBRARY };

	for (unsigned int at = 0; at < BLOCKS; at++) {
		rounds_shuffle(order, SWITCHERS, &bench->seed);
		block(bench, order, last);
		for (unsigned int which = 0; which < SWITCHERS; which++)
			blocks[which][at] = last[which];
	}
	for (unsigned int which = 0; which < SWITCHERS; which++)
		bench->ns[which][round] =
			bench->there[which] ? rounds_estimate(blocks[which], BLOCKS).middle : NAN;
}

static double counted(const char *only, const char *part, uint64_t few, uint64_t many)
{
	struct trace_counts once, twice;
	char path[CHILD_PATH_MAX], short_times[24], long_times[24];

	child_path(path, "bench_fiber");
	snprintf(short_times, sizeof(short_times), "%llu", (unsigned long long)few);
	snprintf(long_times, sizeof(long_times), "%llu", (unsigned long long)many);

	const char *short_run[] = { path, "--only", only, "--part", part, "--times", short_times,
				    NULL };
	const char *long_run[] = { path, "--only", only, "--part", part, "--times", long_times,
				   NULL };

	if (trace_command(TRACER_CALLGRIND, short_run, &once) < 0 ||
	    trace_command(TRACER_CALLGRIND, long_run, &twice) < 0)
		return NAN;
	return (twice.instructions - once.instructions) / (double)(many - few);
}

static void judge_switches(struct bench *bench, bool callgrind)
{
	static const char left_out[] = "libboost-context-dev is not here";
	struct estimate none = { NAN, NAN, NAN };
	double instructions[SWITCHERS] = { NAN, NAN, NAN };

	for (unsigned int which = 0; which < SWITCHERS; which++)
		bench->there[which] = switchers[which].begin();
	for (uint64_t round = 0; round < bench->rounds; round++)
		play_round(bench, round);
	report_add(&bench->report, "switch", "duet", "of fcontext's ns",
		   bench->there[BOOST] ? rounds_ratio(bench->ns[DUET], bench->ns[BOOST], bench->rounds)
				       : none,
		   switch_bound, rounds_estimate(bench->ns[DUET], bench->rounds).middle,
		   bench->there[BOOST] ? NULL : left_out);
	report_add(&bench->report, "switch", "duet", "of swapcontext's ns",
		   rounds_ratio(bench->ns[DUET], bench->ns[LIBRARY], bench->rounds), NAN, NAN, NULL);
	for (unsigned int which = 0; callgrind && which < SWITCHERS; which++)
		if (bench->there[which])
			instructions[which] =
				counted(switchers[which].name, "switch", 1000, 11000) / 2;
	report_count(&bench->report, "switch, instructions", "duet", "of fcontext's",
		     instructions[DUET] / instructions[BOOST], switch_bound, instructions[DUET],
		     bench->there[BOOST] ? NULL : left_out);
	report_count(&bench->report, "switch, instructions", "duet", "of swapcontext's",
		     instructions[DUET] / instructions[LIBRARY], NAN, instructions[DUET], NULL);
}

/* ---- Fibers on a loop. ---- */

struct farm {
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct duet_stacks *stacks;
	struct duet_fiber *fibers;
	uint32_t count;
	uint64_t times;
};

static int farm_open(struct farm *farm, const struct twin *twin, uint32_t count)
{
	struct duet_stacks_options options;

	duet_stacks_options_init(&options);
	options.count = farm->count = count;
	options.stack_bytes = STACK_BYTES;
	farm->fibers = calloc(count, sizeof(farm->fibers[0]));
	farm->loop = twin_loop(twin, count + 16);
	if (!farm->loop || !farm->fibers || duet_scheduler_init(&farm->scheduler, farm->loop, NULL))
		return -EIO;
	return duet_stacks_create(&farm->stacks, &options);
}

static int farm_close(struct farm *farm)
{
	free(farm->fibers);
	if (duet_stacks_destroy(farm->stacks))
		return -EIO;
	return duet_loop_destroy(farm->loop);
}

static int farm_spawn(struct farm *farm, duet_fiber_fn *fn)
{
	for (uint32_t index = 0; index < farm->count; index++) {
		struct duet_fiber *fiber = &farm->fibers[index];

		duet_fiber_init(fiber, fn, farm);
		if (duet_fiber_spawn(&farm->scheduler, NULL, farm->stacks, fiber))
			return -EIO;
	}
	return 0;
}

static void farm_reap(struct farm *farm)
{
	while (farm->scheduler.live)
		duet_loop_turn(farm->loop, 0);
}

static int end_at_once(struct duet_loop *loop, void *argument)
{
	(void)loop;
	(void)argument;
	return 0;
}

static int yield_often(struct duet_loop *loop, void *argument)
{
	const struct farm *farm = argument;

	for (uint64_t times = farm->times; times; times--)
		duet_fiber_yield(loop);
	return 0;
}

static int join_often(struct duet_loop *loop, void *argument)
{
	const struct farm *farm = argument;
	struct duet_scope scope;

	for (uint64_t times = farm->times; times; times--)
		if (duet_fiber_open(loop, &scope, NULL) || duet_fiber_join(&scope))
			return -EIO;
	return 0;
}

static int wait_long(struct duet_loop *loop, void *argument)
{
	(void)argument;
	return duet_fiber_sleep_until(loop, duet_loop_now_ns(loop) + hour_ns);
}

/* The further ones of a longer run: --times is rounded up to whole farms. */
static int play_part(const struct twin *twin, const char *part, uint64_t times)
{
	struct farm farm = { .times = times };

	if (farm_open(&farm, twin, FIBERS))
		return 3;
	if (strcmp(part, "yield") == 0 || strcmp(part, "join") == 0) {
		farm_spawn(&farm, part[0] == 'y' ? yield_often : join_often);
		farm_reap(&farm);
	}
	for (; strcmp(part, "spawn") == 0 && times; times--) {
		farm_spawn(&farm, end_at_once);
		farm_reap(&farm);
	}
	return farm_close(&farm) ? 3 : 0;
}

static int only_one(const char *only, const char *part, uint64_t times)
{
	for (unsigned int which = 0; which < SWITCHERS; which++) {
		if (strcmp(switchers[which].name, only) != 0)
			continue;
		if (!switchers[which].begin())
			return 3;
		switchers[which].go(times);
		return 0;
	}
	for (int index = 0; index < TWINS; index++)
		if (strcmp(twins[index].name, only) == 0)
			return play_part(&twins[index], part, times);
	fprintf(stderr, "bench_fiber: only %s: give duet, fcontext, swapcontext, polling or "
			"completion\n", only);
	return 2;
}

/* On a stream of its own, on which nothing comes. */
static int receive(struct duet_loop *loop, void *argument)
{
	duet_handle handle;
	char text[16];
	int ends[2];
	int n;

	(void)argument;
	if (pair_unix(ends) || duet_handle_adopt(loop, ends[1], 0, &handle))
		return -EIO;
	n = duet_fiber_recv(loop, handle, text, sizeof(text), 0);
	duet_fiber_close(loop, handle);
	close(ends[0]);
	return n;
}

struct use {
	double touched_bytes; /* of a stack */
	double allocations;
};

/* Leaves *use alone if not all of them wait. */
static int crowd_wait(const struct twin *twin, uint32_t count, duet_fiber_fn *fn, struct use *use)
{
	struct farm farm = { .count = 0 };
	struct duet_stacks_use stacks_use;
	uint64_t before;

	if (farm_open(&farm, twin, count))
		return -EIO;
	before = alloc_count();
	if (farm_spawn(&farm, fn))
		return -EIO;
	while (farm.scheduler.stats.stepped < count)
		duet_loop_turn(farm.loop, 0);
	if (farm.scheduler.live == count &&
	    duet_stacks_measure(farm.stacks, &stacks_use) == 0) {
		use->allocations = (double)(alloc_count() - before);
		use->touched_bytes = (double)stacks_use.touched_bytes / count;
	}
	for (uint32_t index = 0; index < count; index++)
		duet_task_cancel(&farm.fibers[index].task);
	farm_reap(&farm);
	return farm_close(&farm);
}

static void judge_memory(struct bench *bench, const struct twin *twin)
{
	const double page_bytes = (double)sysconf(_SC_PAGESIZE);
	struct use many = { NAN, NAN }, some = { NAN, NAN };

	/* The first calls of a process bind what they call, on the stack of who makes them. */
	crowd_wait(twin, 1, receive, &some);
	crowd_wait(twin, RECEIVERS, receive, &some);
	crowd_wait(twin, CROWD, wait_long, &many);
	report_count(&bench->report, "stack of a waiting fiber", twin->name, "bytes",
		     many.touched_bytes, page_bytes, NAN, "10,000 in timeouts; pages touched");
	report_count(&bench->report, "the same in a receive", twin->name, "bytes",
		     some.touched_bytes, page_bytes, NAN, "400");
	report_count(&bench->report, "beside its stack", twin->name, "bytes",
		     (double)sizeof(struct duet_fiber), 256, NAN, "struct duet_fiber");
	report_count(&bench->report, "allocations of 10,000", twin->name, "", many.allocations, 0,
		     NAN, NULL);
}

static void judge_steps(struct bench *bench, const struct twin *twin)
{
	report_count(&bench->report, "spawn and finish", twin->name, "instructions",
		     counted(twin->name, "spawn", 10, 110) / FIBERS, NAN, NAN,
		     "64 a turn, whose part is in it");
	report_count(&bench->report, "yield", twin->name, "instructions",
		     counted(twin->name, "yield", 10, 110) / FIBERS, NAN, NAN, "likewise");
	report_count(&bench->report, "open and join a scope", twin->name, "instructions",
		     counted(twin->name, "join", 10, 110) / FIBERS, NAN, NAN, "likewise");
}

int main(int argc, char **argv)
{
	static struct bench bench = { .rounds = 15, .seed = 1 };
	const char *json = NULL, *only = NULL, *part = "spawn";
	uint64_t times = 100;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "seed", &bench.seed, UINT32_MAX, NULL },
		{ "times", &times, 100000000, NULL },
		{ "only", NULL, 0, &only },
		{ "part", NULL, 0, &part },
		{ "json", NULL, 0, &json },
		{ 0 },
	};
	bool callgrind;

	options_parse(options, argc, argv);
	if (only)
		return only_one(only, part, times);
	place_process(0, PLACE_FIRST);
	report_begin(&bench.report, "fiber", json, (unsigned int)bench.rounds);
	callgrind = tracer_there(TRACER_CALLGRIND);
	judge_switches(&bench, callgrind);
	for (int index = 0; index < TWINS; index++) {
		judge_memory(&bench, &twins[index]);
		if (callgrind)
			judge_steps(&bench, &twins[index]);
	}
	return report_end(&bench.report);
}
