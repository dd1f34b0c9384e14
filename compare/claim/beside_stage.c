/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/beside_stage.h"

#include <duet/handle.h>
#include <duet/operation.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/sample.h"
#include "compare/loop.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"

enum {
	TURN_NS = 1000000000,
	WARM = 2,
	TIMES_MAX = 200,
	CHILDREN = 20000, /* of all batches */
	CHILDREN_QUICK = 1000,
	TIMES_MIN = 5,
};

/* ---- For players. ---- */

int32_t beside_hear(struct beside_stage *stage, uint32_t index, int32_t result)
{
	stage->heard += result == 1;
	stage->stopped += result == -ECANCELED;
	stage->wrong |= result != 1 && result != -ECANCELED;
	if (index)
		stage->sibling_waited = stage->slices;
	return result;
}

bool beside_compute(struct beside_stage *stage, uint32_t index)
{
	if (index || !stage->stalls || stage->slices == BESIDE_SLICES)
		return false;
	stage->slices++;
	return true;
}

/* ---- The stage. ---- */

static DUET_COROUTINE(stand_by)
{
	DUET_BEGIN(struct bystander, self);
	duet_op_recv(&self->op, self->stage->handles[self->stage->count], self->bytes,
		     BESIDE_MEMORY, 0);
	DUET_AWAIT(&self->op);
	self->stage->wrong |= DUET_RESULT != 1;
	self->stage->other_waited = self->stage->slices;
	DUET_END;
}

static int begin_wires(struct beside_stage *stage)
{
	int error = 0;

	stage->ends = calloc(stage->count + 2, sizeof(*stage->ends));
	stage->handles = calloc(stage->count + 2, sizeof(*stage->handles));
	if (!stage->ends || !stage->handles)
		return -ENOMEM;
	for (uint32_t i = 0; i < stage->count + 2 && !error; i++) {
		if (i % 2 == 0 &&
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, &stage->ends[i]))
			return -errno;
		error = duet_handle_adopt(stage->loop, stage->ends[i], DUET_HANDLE_NO_ANCILLARY,
					  &stage->handles[i]);
	}
	return error;
}

static int begin_stacks(struct beside_stage *stage)
{
	struct duet_stacks_options options;

	if (!stage->player->has_stacks)
		return 0;
	duet_stacks_options_init(&options);
	options.count = stage->count + 1;
	return duet_stacks_create(&stage->stacks, &options);
}

static int begin_stage(struct beside_stage *stage, const struct beside_options *options)
{
	const struct beside_player *player = options->player;
	int error;

	*stage =
		(struct beside_stage){ .player = player,
				       .count = options->count,
				       .is_ring = strcmp(options->mechanism.name, "polling") != 0 };
	stage->own = calloc(1, player->parent_bytes + options->count * player->child_bytes);
	if (!stage->own)
		return -ENOMEM;
	stage->bystander.stage = stage;
	duet_op_init(&stage->bystander.op, NULL, NULL);
	error = loop_begin_tasks(&options->mechanism, stage->count, &stage->loop, &stage->scheduler);
	if (!error)
		error = begin_wires(stage);
	return error ? error : begin_stacks(stage);
}

/* What can't be destroyed goes with the process. */
static void end_stage(struct beside_stage *stage)
{
	if (loop_end(stage->loop))
		return;
	duet_stacks_destroy(stage->stacks);
	free(stage->handles);
	free(stage->ends);
	free(stage->own);
}

/* ---- One family. ---- */

static bool spawn_parent(struct beside_stage *stage, bool selects)
{
	stage->selects = selects;
	duet_scope_options_init(&stage->policy);
	stage->policy.policy = selects ? DUET_RACE : DUET_WAIT_ALL;
	stage->heard = stage->stopped = stage->slices = 0;
	return stage->player->spawn(stage) == 0;
}

static bool spawn_bystander(struct beside_stage *stage)
{
	struct bystander *bystander = &stage->bystander;

	duet_coroutine_init(&bystander->coroutine, stand_by);
	duet_coroutine_task_init(&bystander->task, &bystander->coroutine);
	return duet_task_spawn(&stage->scheduler, NULL, &bystander->task.task) == 0;
}

static bool send_to(struct beside_stage *stage, uint32_t index)
{
	const unsigned char byte = 1;

	return send(stage->ends[index ^ 1], &byte, 1, MSG_NOSIGNAL) == 1;
}

static bool send_to_all(struct beside_stage *stage)
{
	bool good = true;

	for (uint32_t i = 0; i < stage->count; i++)
		good &= send_to(stage, i);
	return good;
}

static bool turn_until_done(struct beside_stage *stage)
{
	stage->turns = 0;
	while (stage->scheduler.live && !stage->wrong) {
		stage->turns++;
		if (duet_loop_turn(stage->loop, TURN_NS) < 0)
			return false;
	}
	return !stage->wrong && stage->heard + stage->stopped == stage->count;
}

/* Until all wait for the kernel: not all are begun in one turn, and on a ring what is started may
 * be handed over in the next. */
static bool settle(struct beside_stage *stage, const struct duet_stats *before)
{
	struct duet_stats now;
	uint64_t armed;

	do {
		if (duet_loop_turn(stage->loop, 0) < 0 || stage->heard + stage->stopped)
			return false;
		duet_loop_stats(stage->loop, &now);
		armed = now.armed - before->armed;
	} while (armed < stage->count ||
		 (stage->is_ring && now.submitted - before->submitted < armed));
	return true;
}

static uint32_t choose(const struct beside_stage *stage, uint64_t *random)
{
	return (uint32_t)(rounds_random(random) % stage->count);
}

/* ---- What is measured. ---- */

/* The bytes are there before the children are. */
static bool play_batch(struct beside_stage *stage, bool selects, uint64_t *random, double *cpu_ns)
{
	bool good = selects ? send_to(stage, choose(stage, random)) : send_to_all(stage);
	uint64_t begun_ns = sample_cpu_ns();

	good = good && spawn_parent(stage, selects) && turn_until_done(stage);
	*cpu_ns = (double)(sample_cpu_ns() - begun_ns) / stage->count;
	return good && stage->heard == (selects ? 1 : stage->count);
}

static bool play_end(struct beside_stage *stage, bool selects, uint64_t *random, double *taken_ns)
{
	struct duet_stats before;
	uint64_t begun_ns;
	bool good;

	duet_loop_stats(stage->loop, &before);
	good = spawn_parent(stage, selects) && settle(stage, &before);
	begun_ns = window_now_ns();
	if (selects)
		good = good && send_to(stage, choose(stage, random));
	else
		duet_task_cancel(stage->player->parent(stage));
	good = good && turn_until_done(stage);
	*taken_ns = (double)(window_now_ns() - begun_ns);
	return good && stage->heard == selects;
}

static bool play_stall(struct beside_stage *stage, bool yields, double *sibling, double *other)
{
	bool good = send_to_all(stage) && send_to(stage, stage->count);

	stage->stalls = true;
	stage->yields = yields;
	good = good && spawn_parent(stage, false) && spawn_bystander(stage) &&
	       turn_until_done(stage);
	stage->stalls = false;
	*sibling = stage->sibling_waited;
	*other = stage->other_waited;
	return good && stage->slices == BESIDE_SLICES;
}

static uint32_t times_of(const struct beside_options *options)
{
	const uint32_t times = (options->quick ? CHILDREN_QUICK : CHILDREN) / options->count;

	return times < TIMES_MIN ? TIMES_MIN : times > TIMES_MAX ? TIMES_MAX : times;
}

/* The first ones warm up, and are left out. */
static bool measure(struct beside_stage *stage, const struct beside_options *options,
		    struct beside_result *result)
{
	static double cpu_ns[TIMES_MAX + WARM], taken_ns[TIMES_MAX + WARM];
	const uint32_t times = times_of(options);
	uint64_t random = options->seed;
	bool good = true;

	for (uint32_t i = 0; i < times + WARM && good; i++)
		good = play_batch(stage, options->selects, &random, &cpu_ns[i]) &&
		       play_end(stage, options->selects, &random, &taken_ns[i]);
	result->cpu_ns = sample_median(cpu_ns + WARM, times);
	result->latency_ns = sample_median(taken_ns + WARM, times);
	result->turns = stage->turns;
	return good && play_stall(stage, false, &result->held_sibling, &result->held_other) &&
	       play_stall(stage, true, &result->sliced_sibling, &result->sliced_other);
}

int beside_play(const struct beside_options *options, struct beside_result *result)
{
	struct duet_stacks_use use = { 0 };
	struct beside_stage stage;
	int error = begin_stage(&stage, options);

	if (!error && !measure(&stage, options, result))
		error = -EBADMSG;
	if (stage.stacks)
		duet_stacks_measure(stage.stacks, &use);
	result->own = (double)options->player->child_bytes;
	result->stack = (double)use.touched_bytes / options->count;
	end_stage(&stage);
	return error;
}
