/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/futures.h>
#include <duet/join.h>

#include "tests/support/player.h"

/* The programs in futures: what follows upon what is one future for the task to poll. */

struct play;

typedef struct duet_future *next_fn(struct play *play, int32_t result);

struct play {
	struct duet_future_task task;
	struct duet_then_future then;
	struct player *player;
	next_fn *next;
	struct duet_op_future step;
	struct duet_future value; /* the last of all: what the program returns */
	struct duet_limit_future cleanup;
	struct duet_op_future closing;
	duet_handle socket;
	struct duet_scope scope;
	struct duet_future_task child;
	struct duet_op_future pause;
	unsigned char word[PLAYER_BYTES];
};

static struct duet_future *follow(struct duet_then_future *then, int32_t result)
{
	struct play *play = (struct play *)((char *)then - offsetof(struct play, then));

	return play->next(play, result);
}

static struct duet_future *nothing(struct play *play, int32_t result)
{
	(void)play;
	(void)result;
	return NULL;
}

static struct duet_future *returns(struct play *play, int32_t value)
{
	play->next = nothing;
	duet_ready_future_init(&play->value, value);
	return &play->value;
}

/* The step's operation has been told what it is to do: then comes next. */
static struct duet_future *step(struct play *play, next_fn *next)
{
	play->next = next;
	return &play->step.future;
}

static struct duet_op *fresh(struct play *play)
{
	duet_op_future_init(&play->step);
	return &play->step.op;
}

/* ---- The courier, from its end to its beginning. ---- */

static struct duet_future *closed(struct play *play, int32_t result)
{
	play->player->closed += result == 0;
	return returns(play, play->value.result);
}

/* What it is to return is kept meanwhile. */
static struct duet_future *leave(struct play *play, int32_t value)
{
	play->value.result = value;
	play->next = closed;
	duet_op_future_init(&play->closing);
	duet_op_close(&play->closing.op, play->socket);
	ck_assert_int_eq(duet_shield_future_init(&play->cleanup, &play->closing.future,
						 1000000000), 0);
	return &play->cleanup.future;
}

static bool went(struct play *play, int32_t result)
{
	struct player *player = play->player;
	const struct duet_op *op = &play->step.op;

	player_waited(player, result);
	if (op->kind == DUET_RECV)
		player->received += op->transferred;
	else if (op->kind == DUET_SEND)
		player->sent += op->transferred;
	return result >= 0;
}

static struct duet_future *joined(struct play *play, int32_t result)
{
	return leave(play, went(play, result) ? PLAYER_ANSWER : result);
}

static struct duet_future *called(struct play *play, int32_t result)
{
	int error;

	if (!went(play, result))
		return leave(play, result);
	error = duet_task_scope_open(&play->task.task, &play->scope, NULL);
	if (error)
		return leave(play, error);
	duet_timer_future_init(&play->pause, player_soon_ns(play->player));
	duet_future_task_init(&play->child, &play->pause.future);
	duet_task_spawn(play->player->scheduler, &play->scope, &play->child.task);
	duet_op_join_scope(fresh(play), &play->scope);
	return step(play, joined);
}

static struct duet_future *sent(struct play *play, int32_t result)
{
	if (!went(play, result))
		return leave(play, result);
	duet_op_timeout(fresh(play), player_soon_ns(play->player));
	return step(play, called);
}

static struct duet_future *received(struct play *play, int32_t result)
{
	if (!went(play, result))
		return leave(play, result);
	duet_op_send(fresh(play), play->player->peer, play->word, PLAYER_BYTES, DUET_WHOLE);
	return step(play, sent);
}

static struct duet_future *timed(struct play *play, int32_t result)
{
	if (!went(play, result))
		return leave(play, result);
	duet_op_recv(fresh(play), play->player->peer, play->word, PLAYER_BYTES, DUET_WHOLE);
	return step(play, received);
}

static struct duet_future *opened(struct play *play, int32_t result)
{
	if (!went(play, result))
		return returns(play, result);
	play->socket = play->step.op.made;
	play->player->opened++;
	duet_op_timeout(fresh(play), player_soon_ns(play->player));
	return step(play, timed);
}

/* ---- The others. ---- */

static struct duet_future *answered(struct play *play, int32_t result)
{
	return returns(play, went(play, result) ? PLAYER_ANSWER : result);
}

static struct duet_future *heard(struct play *play, int32_t result)
{
	player_waited(play->player, result);
	play->player->received += play->step.op.transferred;
	if (result <= 0)
		return returns(play, result < 0 ? result : (int32_t)play->player->received);
	duet_op_recv(fresh(play), play->player->peer, play->word, 1, 0);
	return step(play, heard);
}

/* A future in a future in a future. */
struct nest {
	struct duet_then_future then;
	struct duet_op_future last;
	struct duet_future value;
	unsigned below; /* that follow this one in memory */
};

static struct duet_future *add_one(struct duet_then_future *then, int32_t result)
{
	struct nest *nest = (struct nest *)then;

	if (then->current == &nest->value)
		return NULL;
	duet_ready_future_init(&nest->value, result < 0 || !nest->below ? result : result + 1);
	return &nest->value;
}

static struct duet_future *nest_init(struct nest *nest, unsigned below)
{
	nest->below = below;
	duet_op_future_init(&nest->last);
	duet_op_nop(&nest->last.op);
	ck_assert_int_eq(duet_then_future_init(&nest->then,
				below ? nest_init(nest + 1, below - 1) : &nest->last.future,
				add_one), 0);
	return &nest->then.future;
}

/* ---- The model. ---- */

static size_t bytes(const struct player *player, enum program program)
{
	return sizeof(struct play) +
		(program == PROGRAM_NEST ? (player->depth + 1) * sizeof(struct nest) : 0);
}

static struct duet_future *first(struct play *play, enum program program)
{
	switch (program) {
	case PROGRAM_ANSWER:
		duet_op_nop(fresh(play));
		return step(play, answered);
	case PROGRAM_REFUSED:
		duet_op_recv(fresh(play), DUET_HANDLE_NONE, play->word, 1, 0);
		return step(play, answered);
	case PROGRAM_LISTEN:
		duet_op_recv(fresh(play), play->player->peer, play->word, 1, 0);
		return step(play, heard);
	case PROGRAM_COURIER:
		duet_op_socket(fresh(play), AF_UNIX, SOCK_STREAM, 0);
		return step(play, opened);
	default:
		play->next = returns;
		return nest_init((struct nest *)(play + 1), play->player->depth);
	}
}

static void ended(struct duet_task *task)
{
	struct play *play = (struct play *)task;

	player_ended(play->player, task->result);
}

static int spawn(struct player *player, enum program program)
{
	struct play *play = player->memory;

	play->player = player;
	ck_assert_int_eq(duet_then_future_init(&play->then, first(play, program), follow), 0);
	duet_future_task_init(&play->task, &play->then.future);
	play->task.task.name = "player";
	play->task.task.ended = ended;
	return duet_task_spawn(player->scheduler, player->scope, &play->task.task);
}

const struct model model_future = { .name = "future", .bytes = bytes, .spawn = spawn };
