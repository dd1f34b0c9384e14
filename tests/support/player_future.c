/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/futures.h>
#include <duet/join.h>

#include "tests/support/player.h"

/* The programs in futures: what comes after what is said by a function that is asked each time one is ready. */

/* ---- What is called, and what is spawned: a wait for a timer. ---- */

struct pause {
	struct duet_future future;
	struct player *player;
	struct duet_op_future timer;
};

static enum duet_readiness pause_ready(struct pause *self)
{
	int32_t result = self->timer.future.result;

	player_waited(self->player, result);
	return duet_future_is_ready(&self->future, result < 0 ? result : PLAYER_CALLED);
}

static enum duet_readiness pause_poll(struct duet_future *future, struct duet_context *context)
{
	struct pause *self = (struct pause *)(void *)future;

	if (duet_future_poll(&self->timer.future, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return pause_ready(self);
}

static enum duet_readiness pause_cancel(struct duet_future *future, struct duet_context *context)
{
	struct pause *self = (struct pause *)(void *)future;

	if (duet_future_poll_cancel(&self->timer.future, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return pause_ready(self);
}

static const struct duet_future_table pause_table = { .name = "pause", .poll = pause_poll,
						      .poll_cancel = pause_cancel };

static struct duet_future *pause_init(struct pause *pause, struct player *player)
{
	duet_future_init(&pause->future, &pause_table);
	pause->player = player;
	duet_timer_future_init(&pause->timer, player_soon_ns(player));
	return &pause->future;
}

/* ---- A program: one future after the other, and last what it returns. ---- */

enum step { STEP_SOCKET, STEP_TIMER, STEP_RECV, STEP_SEND, STEP_CALL, STEP_JOIN, STEP_CLOSE,
	    STEP_OVER };

struct nest {
	struct duet_future future;
	struct duet_future *inner;
};

struct play {
	struct duet_future_task task;
	struct player *player;
	struct duet_then_future program;
	struct duet_op_future leaf;
	struct duet_limit_future shield;
	struct duet_future verdict;
	enum step step;
	int32_t result;
	duet_handle socket;
	struct pause pause;
	struct duet_scope scope;
	struct duet_future_task child;
	unsigned char word[PLAYER_BYTES];
	struct nest nests[]; /* as deep as it calls */
};

static struct play *play_of(struct duet_then_future *program)
{
	return (struct play *)(void *)((char *)program - offsetof(struct play, program));
}

static struct duet_future *end(struct play *play, int32_t result)
{
	play->step = STEP_OVER;
	duet_ready_future_init(&play->verdict, result);
	return &play->verdict;
}

static struct duet_op *again(struct play *play)
{
	duet_op_future_init(&play->leaf);
	return &play->leaf.op;
}

/* ---- The courier. ---- */

/* What moved is counted whatever became of it. */
static void went(struct play *play)
{
	struct player *player = play->player;
	const struct duet_op *op = &play->leaf.op;

	if (play->step < STEP_CALL)
		player_waited(player, play->leaf.future.result);
	if (play->step == STEP_SOCKET && op->result >= 0) {
		play->socket = op->made;
		player->opened++;
	} else if (play->step == STEP_RECV) {
		player->received += op->transferred;
	} else if (play->step == STEP_SEND) {
		player->sent += op->transferred;
	}
}

/* On every way out: shielded. */
static struct duet_future *clean_up(struct play *play, int32_t result)
{
	play->result = result;
	if (!play->socket.generation)
		return end(play, result);
	play->step = STEP_CLOSE;
	duet_op_close(again(play), play->socket);
	duet_shield_future_init(&play->shield, &play->leaf.future, 1000000000);
	return &play->shield.future;
}

static struct duet_future *join_child(struct play *play)
{
	int error = duet_task_scope_open(&play->task.task, &play->scope, NULL);

	if (error)
		return clean_up(play, error);
	duet_future_task_init(&play->child, pause_init(&play->pause, play->player));
	error = duet_task_spawn(play->player->scheduler, &play->scope, &play->child.task);
	duet_op_join_scope(again(play), &play->scope);
	return &play->leaf.future;
}

static struct duet_future *courier_next(struct duet_then_future *program, int32_t result)
{
	struct play *play = play_of(program);
	struct player *player = play->player;

	if (play->step == STEP_OVER)
		return NULL;
	if (play->step == STEP_CLOSE) {
		player->closed += result == 0;
		return end(play, play->result);
	}
	went(play);
	if (result < 0)
		return clean_up(play, result);
	switch (++play->step) {
	case STEP_TIMER:
		duet_op_timeout(again(play), player_soon_ns(player));
		return &play->leaf.future;
	case STEP_RECV:
		duet_op_recv(again(play), player->peer, play->word, PLAYER_BYTES, DUET_WHOLE);
		return &play->leaf.future;
	case STEP_SEND:
		duet_op_send(again(play), player->peer, play->word, PLAYER_BYTES, DUET_WHOLE);
		return &play->leaf.future;
	case STEP_CALL:
		return pause_init(&play->pause, player);
	case STEP_JOIN:
		return join_child(play);
	default:
		return clean_up(play, PLAYER_ANSWER);
	}
}

/* ---- The others. ---- */

static struct duet_future *answer_next(struct duet_then_future *program, int32_t result)
{
	struct play *play = play_of(program);

	if (play->step == STEP_OVER)
		return NULL;
	player_waited(play->player, result);
	return end(play, result < 0 ? result : PLAYER_ANSWER);
}

static struct duet_future *listen_next(struct duet_then_future *program, int32_t result)
{
	struct play *play = play_of(program);
	struct player *player = play->player;

	if (play->step == STEP_OVER)
		return NULL;
	player_waited(player, result);
	if (result <= 0)
		return end(play, result < 0 ? result : (int32_t)player->received);
	player->received++;
	duet_op_future_reset(&play->leaf);
	duet_op_recv(&play->leaf.op, player->peer, play->word, 1, 0);
	return &play->leaf.future;
}

static enum duet_readiness nest_answer(struct nest *self, enum duet_readiness inner)
{
	int32_t result = self->inner->result;

	if (inner == DUET_PENDING)
		return duet_future_is_pending(&self->future);
	return duet_future_is_ready(&self->future, result < 0 ? result : result + 1);
}

static enum duet_readiness nest_poll(struct duet_future *future, struct duet_context *context)
{
	struct nest *self = (struct nest *)(void *)future;

	return nest_answer(self, duet_future_poll(self->inner, context));
}

static enum duet_readiness nest_cancel(struct duet_future *future, struct duet_context *context)
{
	struct nest *self = (struct nest *)(void *)future;

	return nest_answer(self, duet_future_poll_cancel(self->inner, context));
}

static const struct duet_future_table nest_table = { .name = "nest", .poll = nest_poll,
						     .poll_cancel = nest_cancel };

static struct duet_future *nest_init(struct play *play)
{
	struct duet_future *inner = &play->leaf.future;

	for (unsigned i = 0; i < play->player->depth; i++) {
		duet_future_init(&play->nests[i].future, &nest_table);
		play->nests[i].inner = inner;
		inner = &play->nests[i].future;
	}
	return inner;
}

/* ---- The model. ---- */

static size_t bytes(const struct player *player, enum program program)
{
	size_t nests = program == PROGRAM_NEST ? player->depth : 0;

	return sizeof(struct play) + nests * sizeof(struct nest);
}

static struct duet_future *program_init(struct play *play, enum program program)
{
	struct duet_op *op = again(play);
	struct duet_future *(*next)(struct duet_then_future *, int32_t) = NULL;

	duet_op_nop(op);
	if (program == PROGRAM_ANSWER) {
		next = answer_next;
	} else if (program == PROGRAM_REFUSED) {
		duet_op_recv(op, DUET_HANDLE_NONE, play->word, 1, 0);
	} else if (program == PROGRAM_LISTEN) {
		duet_op_recv(op, play->player->peer, play->word, 1, 0);
		next = listen_next;
	} else if (program == PROGRAM_COURIER) {
		duet_op_socket(op, AF_UNIX, SOCK_STREAM, 0);
		next = courier_next;
	}
	if (!next)
		return nest_init(play);
	duet_then_future_init(&play->program, &play->leaf.future, next);
	return &play->program.future;
}

static void ended(struct duet_task *task)
{
	struct play *play = (struct play *)(void *)task;

	player_ended(play->player, task->result);
}

static int spawn(struct player *player, enum program program)
{
	struct play *play = player->memory;

	play->player = player;
	duet_future_task_init(&play->task, program_init(play, program));
	play->task.task.name = "player";
	play->task.task.ended = ended;
	return duet_task_spawn(player->scheduler, player->scope, &play->task.task);
}

const struct model model_future = { .name = "future", .bytes = bytes, .spawn = spawn };
