/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/fiber.h>

#include "compare/laboratory/errand.h"

/* What is lent stands in the memory that is watched, and not on the fiber's stack. */
struct state {
	struct errand errand;
	struct duet_stacks *stacks;
	struct duet_fiber fiber;
	struct duet_op op;
};

/* So many bytes, and their answer: called for each chunk, and for the goodbye. */
static int exchange(struct duet_loop *loop, struct state *state, uint32_t to_send)
{
	struct errand *errand = &state->errand;
	uint32_t to_hear = ERRAND_ANSWER_BYTES;
	int result;

	while (to_send) {
		errand_say(errand, &state->op, to_send);
		result = duet_fiber_await(loop, &state->op);
		to_send -= errand_said(errand, &state->op);
		if (errand_gives_up(&state->fiber.task, result))
			return result;
	}
	while (to_hear) {
		errand_listen(errand, &state->op, to_hear);
		result = duet_fiber_await(loop, &state->op);
		to_hear -= errand_heard(errand, &state->op);
		if (errand_gives_up(&state->fiber.task, result))
			return result;
	}
	return 0;
}

static void say_goodbye(struct duet_loop *loop, struct state *state)
{
	struct errand *errand = &state->errand;
	uint64_t outer_ns = duet_fiber_shield(loop, 1000000000);

	duet_lab_cleanup_ran(errand->lab);
	errand->goodbyes += exchange(loop, state, ERRAND_GOODBYE_BYTES) == 0;
	duet_op_close(&state->op, errand_handle(errand));
	errand->closed += duet_fiber_await(loop, &state->op) == 0;
	duet_fiber_unshield(loop, outer_ns);
}

static int carry(struct duet_loop *loop, void *argument)
{
	struct state *state = argument;
	int result = 0;

	duet_op_init(&state->op, NULL, NULL);
	while (result == 0 && state->errand.chunks < ERRAND_CHUNKS) {
		result = exchange(loop, state, ERRAND_CHUNK_BYTES);
		state->errand.chunks += result == 0;
	}
	say_goodbye(loop, state);
	return result;
}

/* ---- The workload. ---- */

static int set_up(struct duet_lab *lab, void *memory)
{
	struct state *state = memory;
	struct duet_stacks_options options;
	int error = errand_set_up(lab, state);

	if (error)
		return error;
	duet_stacks_options_init(&options);
	options.count = 1;
	return duet_stacks_create(&state->stacks, &options);
}

static void ended(struct duet_task *task)
{
	struct state *state = task->scheduler->context;

	errand_ended(&state->errand);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *memory)
{
	struct state *state = memory;

	errand_begin(lab, &state->errand);
	duet_lab_cleanup_registered(lab);
	state->errand.scheduler.context = state;
	duet_fiber_init(&state->fiber, carry, state);
	state->fiber.task.ended = ended;
	duet_fiber_spawn(&state->errand.scheduler, scope, state->stacks, &state->fiber);
}

static const char *check(struct duet_lab *lab, void *memory)
{
	struct state *state = memory;

	if (duet_stacks_destroy(state->stacks))
		return "a stack of a fiber hasn't come back";
	return errand_check(lab, state);
}

void errand_fiber_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "fiber",
						.state_bytes = sizeof(struct state),
						.set_up = set_up, .body = body,
						.check = check, .context = policy };
}
