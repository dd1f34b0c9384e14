/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/errand_coroutine.h"

static DUET_COROUTINE(exchange_play)
{
	DUET_BEGIN(struct exchange, self);
	while (self->to_send) {
		errand_say(self->errand, &self->op, self->to_send);
		DUET_AWAIT(&self->op);
		self->to_send -= errand_said(self->errand, &self->op);
		if (errand_gives_up(self->coroutine.task, DUET_RESULT))
			DUET_RETURN(DUET_RESULT);
	}
	while (self->to_hear) {
		errand_listen(self->errand, &self->op, self->to_hear);
		DUET_AWAIT(&self->op);
		self->to_hear -= errand_heard(self->errand, &self->op);
		if (errand_gives_up(self->coroutine.task, DUET_RESULT))
			DUET_RETURN(DUET_RESULT);
	}
	DUET_END;
}

static struct duet_coroutine *exchange(struct carrier *carrier, uint32_t bytes)
{
	struct exchange *frame = &carrier->exchange;

	duet_coroutine_init(&frame->coroutine, exchange_play);
	duet_op_init(&frame->op, NULL, NULL);
	frame->errand = carrier->errand;
	frame->to_send = bytes;
	frame->to_hear = ERRAND_ANSWER_BYTES;
	return &frame->coroutine;
}

static DUET_COROUTINE(carrier_play)
{
	DUET_BEGIN(struct carrier, self);
	while (self->errand->chunks < ERRAND_CHUNKS) {
		DUET_CALL(exchange(self, ERRAND_CHUNK_BYTES));
		if (DUET_RESULT < 0)
			DUET_RETURN(DUET_RESULT);
		self->errand->chunks++;
	}

	DUET_FINALLY(1000000000);
	duet_lab_cleanup_ran(self->errand->lab);
	DUET_CALL(exchange(self, ERRAND_GOODBYE_BYTES));
	self->errand->goodbyes += DUET_RESULT == 0;
	duet_op_close(&self->exchange.op, errand_handle(self->errand));
	DUET_AWAIT(&self->exchange.op);
	self->errand->closed += DUET_RESULT == 0;
	DUET_END_FINALLY;
}

struct duet_coroutine *errand_carrier(struct carrier *carrier, struct errand *errand)
{
	carrier->errand = errand;
	duet_coroutine_init(&carrier->coroutine, carrier_play);
	duet_lab_cleanup_registered(errand->lab);
	return &carrier->coroutine;
}

/* ---- The workload. ---- */

struct state {
	struct errand errand;
	struct carrier carrier;
	struct duet_coroutine_task task;
};

static void ended(struct duet_task *task)
{
	struct state *state = task->scheduler->context;

	errand_ended(&state->errand);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *memory)
{
	struct state *state = memory;

	errand_begin(lab, &state->errand);
	state->errand.scheduler.context = state;
	duet_coroutine_task_init(&state->task, errand_carrier(&state->carrier, &state->errand));
	state->task.task.ended = ended;
	duet_task_spawn(&state->errand.scheduler, scope, &state->task.task);
}

void errand_coroutine_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "coroutine",
						.state_bytes = sizeof(struct state),
						.set_up = errand_set_up, .body = body,
						.check = errand_check, .context = policy };
}
