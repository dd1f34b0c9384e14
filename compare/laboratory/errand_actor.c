/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/mailbox.h>
#include <errno.h>
#include <stddef.h>

#include "compare/laboratory/errand_coroutine.h"

/* The order for the upload is a letter, whose answer is waited for in the body's scope. */

struct actor {
	struct duet_coroutine coroutine; /* first */
	struct errand *errand;
	struct duet_mailbox mailbox;
	struct duet_letter *letter;
	struct duet_op take;
	struct carrier carrier;
};

/* Nobody wants it any more: who asked needn't wait for the goodbye that the actor says now. */
static void give_up(struct duet_letter *letter)
{
	struct actor *actor =
		(struct actor *)(void *)((char *)letter->mailbox - offsetof(struct actor, mailbox));

	actor->letter = NULL;
	duet_letter_answer(letter, -ECANCELED);
	duet_task_cancel(actor->coroutine.task);
}

static DUET_COROUTINE(actor_play)
{
	DUET_BEGIN(struct actor, self);
	self->letter = NULL;
	duet_op_init(&self->take, NULL, NULL);
	duet_op_take_letter(&self->take, &self->mailbox, &self->letter);
	DUET_AWAIT(&self->take);
	/* Nobody has ordered anything: the letter was taken out again. */
	if (DUET_RESULT <= 0)
		DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : -ECANCELED);
	self->letter->unwanted = give_up;
	DUET_CALL(errand_carrier(&self->carrier, self->errand));
	if (self->letter)
		duet_letter_answer(self->letter, DUET_RESULT);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(1000000000);
	duet_mailbox_refuse(&self->mailbox, -EPIPE);
	DUET_END_FINALLY;
}

/* ---- The workload. ---- */

struct state {
	struct errand errand;
	struct actor actor;
	struct duet_coroutine_task task;
	struct duet_letter order;
	struct duet_op ask;
	struct duet_member member;
};

static void ended(struct duet_task *task)
{
	struct state *state = task->scheduler->context;

	errand_ended(&state->errand);
}

/* Whoever waits for an order that won't come waits no longer. */
static void answered(struct duet_op *op)
{
	struct state *state = op->context;

	duet_mailbox_close(&state->actor.mailbox);
}

static void order(struct state *state, struct duet_scope *scope)
{
	state->order = (struct duet_letter){ .kind = 0 };
	duet_op_init(&state->ask, answered, state);
	duet_op_ask(&state->ask, &state->actor.mailbox, &state->order);
	if (duet_scope_start(scope, &state->member, &state->ask) < 0)
		duet_mailbox_close(&state->actor.mailbox);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *memory)
{
	struct state *state = memory;
	struct actor *actor = &state->actor;

	errand_begin(lab, &state->errand);
	state->errand.scheduler.context = state;
	actor->errand = &state->errand;
	duet_mailbox_init(&actor->mailbox, duet_lab_loop(lab), 1);
	duet_coroutine_init(&actor->coroutine, actor_play);
	duet_coroutine_task_init(&state->task, &actor->coroutine);
	state->task.task.ended = ended;
	if (!duet_task_spawn(&state->errand.scheduler, scope, &state->task.task))
		order(state, scope);
}

static const char *check(struct duet_lab *lab, void *memory)
{
	struct state *state = memory;

	if (state->order.state != DUET_LETTER_IDLE)
		return "a letter was not given back";
	if (duet_mailbox_fini(&state->actor.mailbox))
		return "somebody is left in the mailbox";
	return errand_check(lab, state);
}

void errand_actor_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "actor",
						.state_bytes = sizeof(struct state),
						.set_up = errand_set_up, .body = body,
						.check = check, .context = policy };
}
