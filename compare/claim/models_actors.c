/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Actors: what happens comes as a letter. */
#include <duet/actor.h>
#include <duet/operation.h>

#include "compare/claim/models_stage.h"

struct reader {
	struct duet_actor actor; /* first */
	struct duet_letter letter;
	struct duet_op op;
	struct models_stage *stage;
	duet_handle handle;
	uint32_t left;
	int32_t result;
	unsigned char bytes[MODELS_MEMORY];
};

static void tell(struct reader *self)
{
	self->stage->wrong |= duet_mailbox_try_tell(&self->actor.mailbox, &self->letter) < 0;
}

static int receive_once(struct duet_actor *actor, struct duet_letter *letter)
{
	(void)actor;
	duet_letter_answer(letter, 0);
	return 1;
}

static int receive_again(struct duet_actor *actor, struct duet_letter *letter)
{
	struct reader *self = (struct reader *)(void *)actor;

	duet_letter_answer(letter, 0);
	if (!self->left--)
		return 1;
	tell(self);
	return 0;
}

/* The letter is the actor's own: what has come stands beside it. */
static void on_byte(struct duet_op *op)
{
	struct reader *self = op->context;

	self->result = op->result;
	tell(self);
}

static int wait_again(struct reader *self)
{
	duet_op_recv(&self->op, self->handle, self->bytes, MODELS_MEMORY, 0);
	return duet_op_start(self->stage->loop, &self->op);
}

static int receive_byte(struct duet_actor *actor, struct duet_letter *letter)
{
	struct reader *self = (struct reader *)(void *)actor;

	duet_letter_answer(letter, 0);
	if (!models_take(self->stage, self->result, self->bytes[0]))
		return 1;
	return wait_again(self);
}

static void ended(struct duet_task *task)
{
	struct reader *self =
		(struct reader *)(void *)((char *)task - offsetof(struct reader, actor.task));

	self->stage->ended++;
}

static int spawn(struct models_stage *stage, uint32_t index)
{
	static int (*const receives[MODELS_JOBS])(struct duet_actor *, struct duet_letter *) = {
		receive_once, receive_again, receive_byte
	};
	struct reader *self = (struct reader *)(void *)stage->tasks + index;
	int error;

	self->stage = stage;
	self->left = stage->switches;
	self->letter = (struct duet_letter){ .state = DUET_LETTER_IDLE };
	error = duet_actor_init(&self->actor, &stage->scheduler, 1, receives[stage->job]);
	self->actor.task.ended = ended;
	if (!error)
		error = duet_task_spawn(&stage->scheduler, NULL, &self->actor.task);
	if (!error && stage->job != MODELS_WAIT)
		tell(self);
	if (error || stage->job != MODELS_WAIT)
		return error;
	self->handle = stage->handles[index];
	duet_op_init(&self->op, on_byte, self);
	return wait_again(self);
}

const struct models_player MODELS_ACTORS = {
	.name = "actors",
	.task_bytes = sizeof(struct reader),
	.spawn = spawn,
	.await_served = models_turn_until_served,
	.await_ended = models_turn_until_ended,
};
