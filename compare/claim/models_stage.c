/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/models_stage.h"

#include <duet/handle.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/sample.h"
#include "compare/loop.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"

enum {
	TURN_NS = 1000000000,
	SWITCHES = 100,
	WARM = 1,
	BATCHES_MAX = 64,
	EVENTS_MIN = 64, /* of a batch */
	EVENTS_ALL = 6000,
	EVENTS_ALL_QUICK = 600,
	BATCHES_MIN = 3,
	ALONE_MAX = 1000,
	ALONE_QUICK = 50,
};

const struct models_player *const MODELS_PLAYERS[] = { &MODELS_CALLBACKS,
						       &MODELS_COROUTINES,
						       &MODELS_FUTURES,
						       &MODELS_FIBERS,
						       &MODELS_ACTORS,
						       &MODELS_CXX,
						       &MODELS_THREADS,
						       NULL };

#ifndef DUET_CXX
/* Built without a compiler for it. */
const struct models_player MODELS_CXX = { .name = "C++20" };
#endif

/* ---- For players. ---- */

bool models_take(struct models_stage *stage, int32_t result, unsigned char byte)
{
	if (result == 1 && byte == MODELS_EVENT) {
		stage->served++;
		return true;
	}
	stage->wrong |= result != 1 || byte != MODELS_OVER;
	return false;
}

static bool turn_until(struct models_stage *stage, const uint32_t *counted, uint32_t count)
{
	while (*counted < count && !stage->wrong) {
		if (duet_loop_turn(stage->loop, TURN_NS) < 0)
			return false;
	}
	return !stage->wrong;
}

bool models_turn_until_served(struct models_stage *stage, uint32_t count)
{
	return turn_until(stage, &stage->served, count);
}

bool models_turn_until_ended(struct models_stage *stage, uint32_t count)
{
	return turn_until(stage, &stage->ended, count);
}

/* ---- The stage. ---- */

static int add_pair(struct models_stage *stage, uint32_t at)
{
	int error = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, &stage->ends[at]))
		return -errno;
	for (uint32_t i = at; i < at + 2 && i < stage->count && stage->loop && !error; i++)
		error = duet_handle_adopt(stage->loop, stage->ends[i], DUET_HANDLE_NO_ANCILLARY,
					  &stage->handles[i]);
	return error;
}

/* Both ends of a pair are tasks', so that each has one descriptor. */
static int begin_wires(struct models_stage *stage)
{
	const uint32_t count = (stage->count + 1) & ~1u;
	int error = 0;

	stage->ends = calloc(count, sizeof(*stage->ends));
	stage->handles = calloc(count, sizeof(*stage->handles));
	if (!stage->ends || !stage->handles)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && !error; i += 2)
		error = add_pair(stage, i);
	return error;
}

static int begin_stage(struct models_stage *stage, const struct models_options *options)
{
	int error = 0;

	*stage = (struct models_stage){ .player = options->player,
					.mechanism = &options->mechanism,
					.job = options->job,
					.count = options->count,
					.switches = SWITCHES };
	stage->tasks = calloc(stage->count, stage->player->task_bytes);
	if (!stage->tasks)
		return -ENOMEM;
	if (!stage->player->loopless)
		error = loop_begin_tasks(stage->mechanism, stage->count, &stage->loop,
					 &stage->scheduler);
	if (!error && stage->job == MODELS_WAIT)
		error = begin_wires(stage);
	if (!error && stage->player->begin)
		error = stage->player->begin(stage);
	return error;
}

/* Of a play that failed, what is left goes with the process. */
static void end_stage(struct models_stage *stage)
{
	if (stage->loop && (duet_loop_shutdown(stage->loop, window_now_ns() + TURN_NS) ||
			    duet_loop_destroy(stage->loop)))
		return;
	if (stage->player->end)
		stage->player->end(stage);
	for (uint32_t i = stage->loop ? stage->count : 0;
	     stage->ends && i < stage->count + stage->count % 2; i++)
		close(stage->ends[i]);
	free(stage->handles);
	free(stage->ends);
	free(stage->tasks);
}

static bool spawn_all(struct models_stage *stage, uint32_t count)
{
	stage->ended = 0;
	for (uint32_t i = 0; i < count && !stage->refused; i++)
		stage->refused = stage->player->spawn(stage, i);
	return !stage->refused;
}

/* ---- What is measured. ---- */

/* One population: of a batch each, and of one alone each. */
struct sampled {
	double cpu_ns[BATCHES_MAX], elapsed_ns[BATCHES_MAX];
	unsigned int batches;
	double alone_ns[ALONE_MAX];
	unsigned int alone;
};

static bool spawn_and_end(struct models_stage *stage, uint32_t count)
{
	return spawn_all(stage, count) && stage->player->await_ended(stage, count);
}

static bool send_to(struct models_stage *stage, uint32_t index, unsigned char byte)
{
	return send(stage->ends[index ^ 1], &byte, 1, MSG_NOSIGNAL) == 1;
}

/* To so many, each, as often as makes a batch worth a look at the clock. */
static bool serve(struct models_stage *stage, uint32_t times)
{
	bool good = true;

	for (; times && good; times--) {
		stage->served = 0;
		for (uint32_t i = 0; i < stage->count && good; i++)
			good = send_to(stage, i, MODELS_EVENT);
		good = good && stage->player->await_served(stage, stage->count);
	}
	return good;
}

static uint32_t times_of(const struct models_stage *stage)
{
	return stage->count < EVENTS_MIN ? EVENTS_MIN / stage->count : 1;
}

/* Threads are on other processors as well. */
static bool play_batch(struct models_stage *stage, struct sampled *sampled)
{
	uint64_t begun_ns = window_now_ns(), cpu_ns = sample_process_cpu_ns();
	bool good = stage->job == MODELS_WAIT ? serve(stage, times_of(stage))
					      : spawn_and_end(stage, stage->count);
	const double of = (double)stage->count * (stage->job == MODELS_WAIT     ? times_of(stage)
						  : stage->job == MODELS_SWITCH ? stage->switches
										: 1);

	sampled->cpu_ns[sampled->batches] = (double)(sample_process_cpu_ns() - cpu_ns) / of;
	sampled->elapsed_ns[sampled->batches++] = (double)(window_now_ns() - begun_ns) / of;
	return good;
}

static bool play_one(struct models_stage *stage, uint64_t *random, struct sampled *sampled)
{
	const uint32_t index = (uint32_t)(rounds_random(random) % stage->count);
	uint64_t begun_ns = window_now_ns();
	bool good;

	if (stage->job == MODELS_WAIT) {
		stage->served = 0;
		good = send_to(stage, index, MODELS_EVENT) && stage->player->await_served(stage, 1);
	} else {
		good = spawn_and_end(stage, 1);
	}
	sampled->alone_ns[sampled->alone++] = (double)(window_now_ns() - begun_ns);
	return good;
}

static unsigned int batches_of(const struct models_stage *stage, bool quick)
{
	uint32_t all = quick ? EVENTS_ALL_QUICK : EVENTS_ALL, batches;

	batches = all / (stage->count * times_of(stage));
	if (stage->job == MODELS_SWITCH)
		batches /= 8;
	return batches < BATCHES_MIN          ? BATCHES_MIN
	       : batches > BATCHES_MAX - WARM ? BATCHES_MAX - WARM
					      : batches;
}

/* The first ones warm up, and are left out. */
static bool sample(struct models_stage *stage, uint64_t seed, bool quick, struct sampled *sampled)
{
	const unsigned int batches = batches_of(stage, quick);
	const unsigned int alone = stage->job == MODELS_SWITCH ? 0
				   : quick                     ? ALONE_QUICK
							       : ALONE_MAX;
	bool good = true;

	for (unsigned int i = 0; i < WARM && good; i++)
		good = play_batch(stage, sampled);
	sampled->batches = 0;
	for (unsigned int i = 0; i < batches && good; i++)
		good = play_batch(stage, sampled);
	for (unsigned int i = 0; i < alone && good; i++)
		good = play_one(stage, &seed, sampled);
	return good;
}

/* Of a switch there is no such thing as one alone. */
static void sum_up(struct sampled *sampled, struct models_result *result)
{
	result->cpu_ns = sample_median(sampled->cpu_ns, sampled->batches);
	result->elapsed_ns = sample_median(sampled->elapsed_ns, sampled->batches);
	result->latency_ns = sample_median(sampled->alone_ns, sampled->alone); /* sorts them */
	result->p99_ns = NAN;
	if (sampled->alone)
		result->p99_ns = sampled->alone_ns[(sampled->alone * 99 - 1) / 100];
	else
		result->latency_ns = result->elapsed_ns;
}

static double heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

/* Who waits is spawned before, and counted; and is told to end after. */
static bool begin_waits(struct models_stage *stage, struct models_result *result)
{
	const double heap = heap_bytes();

	if (!spawn_all(stage, stage->count))
		return false;
	result->heap = (heap_bytes() - heap) / stage->count;
	return serve(stage, 1);
}

static bool end_waits(struct models_stage *stage, struct models_result *result)
{
	bool good = true;

	result->own = (double)stage->player->task_bytes;
	result->stack =
		stage->player->stack_bytes ? stage->player->stack_bytes(stage) / stage->count : 0;
	for (uint32_t i = 0; i < stage->count; i++)
		good &= send_to(stage, i, MODELS_OVER);
	return good && stage->player->await_ended(stage, stage->count);
}

static bool measure(struct models_stage *stage, const struct models_options *options,
		    struct models_result *result)
{
	static struct sampled sampled;
	const bool waits = stage->job == MODELS_WAIT;
	bool good = !waits || begin_waits(stage, result);

	sampled.batches = sampled.alone = 0;
	good = good && sample(stage, options->seed, options->quick, &sampled);
	good = good && (!waits || end_waits(stage, result));
	sum_up(&sampled, result);
	return good;
}

int models_play(const struct models_options *options, struct models_result *result)
{
	struct models_stage stage;
	int error;

	*result = (struct models_result){ .own = NAN, .stack = NAN, .heap = NAN };
	error = begin_stage(&stage, options);
	if (!error && !measure(&stage, options, result))
		error = stage.refused ? stage.refused : -EBADMSG;
	if (!error)
		end_stage(&stage);
	return error;
}
