/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/mailbox.h>

#include "tests/support/player_coroutine.h"

/* The programs in actors: each waits for a letter that tells it to begin, and answers it with its result. */

struct play {
	struct duet_coroutine coroutine; /* first: takes the letter, and answers it */
	struct duet_coroutine_task task;
	struct player *player;
	struct duet_mailbox mailbox;
	struct duet_letter order;
	struct duet_letter *letter;
	struct duet_op op;
	struct duet_coroutine *program;
	max_align_t frame[];
};

static DUET_COROUTINE(actor_play)
{
	DUET_BEGIN(struct play, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_take_letter(&self->op, &self->mailbox, &self->letter);
	DUET_AWAIT(&self->op);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	DUET_CALL(self->program);
	duet_letter_answer(self->letter, DUET_RESULT);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(1000000000);
	duet_mailbox_refuse(&self->mailbox, -EPIPE);
	DUET_END_FINALLY;
}

static size_t bytes(const struct player *player, enum program program)
{
	return sizeof(struct play) + player_frame_bytes(player, program);
}

static void ended(struct duet_task *task)
{
	struct play *play = (struct play *)((char *)task - offsetof(struct play, task));

	/* Whoever has ordered it knows what became of it. */
	ck_assert_int_eq(play->order.state, DUET_LETTER_IDLE);
	if (play->letter)
		ck_assert_int_eq(play->order.answer, task->result);
	player_ended(play->player, task->result);
}

static int spawn(struct player *player, enum program program)
{
	struct play *play = player->memory;

	play->player = player;
	play->program = player_frame_init(play->frame, player, program);
	duet_coroutine_init(&play->coroutine, actor_play);
	duet_coroutine_task_init(&play->task, &play->coroutine);
	play->task.task.name = "player";
	play->task.task.ended = ended;
	ck_assert_int_eq(duet_mailbox_init(&play->mailbox, player->scheduler->loop, 1), 0);
	ck_assert_int_eq(duet_mailbox_try_tell(&play->mailbox, &play->order), 0);
	return duet_task_spawn(player->scheduler, player->scope, &play->task.task);
}

const struct model model_actor = { .name = "actor", .bytes = bytes, .spawn = spawn };
