/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/futures.h>
#include <errno.h>

#include "compare/laboratory/errand.h"

/*
 * What comes after what is said by next(), which is asked each time a future is ready: also when the task
 * was asked to end, so that the goodbye and the close follow in their shield.
 */
enum stage { STAGE_CARRY, STAGE_GOODBYE, STAGE_CLOSE, STAGE_OVER };

struct state {
	struct errand errand;
	enum stage stage;
	uint32_t to_send;
	uint32_t to_hear;
	struct duet_op_future op;
	struct duet_then_future way;     /* chunk after chunk */
	struct duet_then_future cleanup; /* goodbye, close */
	struct duet_then_future whole;
	struct duet_limit_future shield;
	struct duet_future verdict;
	struct duet_future_task task;
	int32_t carried;
};

#define STATE_OF(pointer, field) \
	((struct state *)(void *)((char *)(pointer)-offsetof(struct state, field)))

static void exchange(struct state *state, uint32_t bytes)
{
	state->to_send = bytes;
	state->to_hear = ERRAND_ANSWER_BYTES;
}

/* What is left of the exchange; NULL: nothing is. */
static struct duet_future *rest(struct state *state)
{
	duet_op_future_init(&state->op);
	if (state->to_send)
		errand_say(&state->errand, &state->op.op, state->to_send);
	else if (state->to_hear)
		errand_listen(&state->errand, &state->op.op, state->to_hear);
	else
		return NULL;
	return &state->op.future;
}

static void account(struct state *state)
{
	if (state->to_send)
		state->to_send -= errand_said(&state->errand, &state->op.op);
	else
		state->to_hear -= errand_heard(&state->errand, &state->op.op);
}

static struct duet_future *carry_next(struct duet_then_future *way, int32_t result)
{
	struct state *state = STATE_OF(way, way);
	struct duet_future *next;

	account(state);
	if (errand_gives_up(&state->task.task, result))
		return NULL;
	next = rest(state);
	if (next)
		return next;
	if (++state->errand.chunks == ERRAND_CHUNKS)
		return NULL;
	exchange(state, ERRAND_CHUNK_BYTES);
	return rest(state);
}

static bool was_stopped(int32_t result)
{
	return result == -ECANCELED || result == -ETIMEDOUT;
}

/* Nobody's request comes in here: an operation that was stopped alone is started again, as long as there
 * is time. */
static struct duet_future *cleanup_next(struct duet_then_future *cleanup, int32_t result)
{
	struct state *state = STATE_OF(cleanup, cleanup);
	struct duet_future *next;

	if (state->stage == STAGE_CLOSE) {
		state->errand.closed += result == 0;
		return NULL;
	}
	account(state);
	next = cleanup->future.asked || (result < 0 && !was_stopped(result)) ? NULL
								  : rest(state);
	if (next)
		return next;
	state->errand.goodbyes += !state->to_hear;
	state->stage = STAGE_CLOSE;
	duet_op_future_init(&state->op);
	duet_op_close(&state->op.op, errand_handle(&state->errand));
	return &state->op.future;
}

static struct duet_future *whole_next(struct duet_then_future *whole, int32_t result)
{
	struct state *state = STATE_OF(whole, whole);

	if (state->stage == STAGE_OVER)
		return NULL;
	if (state->stage == STAGE_CARRY) {
		state->carried = result;
		state->stage = STAGE_GOODBYE;
		duet_lab_cleanup_ran(state->errand.lab);
		exchange(state, ERRAND_GOODBYE_BYTES);
		duet_then_future_init(&state->cleanup, rest(state), cleanup_next);
		duet_shield_future_init(&state->shield, &state->cleanup.future, 1000000000);
		return &state->shield.future;
	}
	state->stage = STAGE_OVER;
	duet_ready_future_init(&state->verdict, state->carried < 0 ? state->carried : 0);
	return &state->verdict;
}

/* ---- The workload. ---- */

static void ended(struct duet_task *task)
{
	errand_ended(&STATE_OF(task, task.task)->errand);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *memory)
{
	struct state *state = memory;

	errand_begin(lab, &state->errand);
	duet_lab_cleanup_registered(lab);
	state->stage = STAGE_CARRY;
	exchange(state, ERRAND_CHUNK_BYTES);
	duet_then_future_init(&state->way, rest(state), carry_next);
	duet_then_future_init(&state->whole, &state->way.future, whole_next);
	duet_future_task_init(&state->task, &state->whole.future);
	state->task.task.ended = ended;
	duet_task_spawn(&state->errand.scheduler, scope, &state->task.task);
}

void errand_future_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "future",
						.state_bytes = sizeof(struct state),
						.set_up = errand_set_up, .body = body,
						.check = errand_check, .context = policy };
}
