/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/coroutine.h>

#include "tests/support/player_coroutine.h"

/* The programs in stackless coroutines. */

/* ---- What is called, and what is spawned: a wait for a timer. ---- */

struct pause {
	struct duet_coroutine coroutine;
	struct player *player;
	struct duet_op op;
};

static DUET_COROUTINE(pause_play)
{
	DUET_BEGIN(struct pause, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_timeout(&self->op, player_soon_ns(self->player));
	DUET_AWAIT(&self->op);
	player_waited(self->player, DUET_RESULT);
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : PLAYER_CALLED);
	DUET_END;
}

static void pause_init(struct pause *pause, struct player *player)
{
	duet_coroutine_init(&pause->coroutine, pause_play);
	pause->player = player;
}

/* ---- The courier. ---- */

struct courier {
	struct duet_coroutine coroutine;
	struct player *player;
	struct duet_op op;
	duet_handle socket;
	unsigned char word[PLAYER_BYTES];
	struct pause pause;
	struct duet_scope scope;
	struct duet_coroutine_task child;
};

static int open_scope(struct courier *self)
{
	int error = duet_task_scope_open(self->coroutine.task, &self->scope, NULL);

	if (error)
		return error;
	pause_init(&self->pause, self->player);
	duet_coroutine_task_init(&self->child, &self->pause.coroutine);
	return duet_task_spawn(self->player->scheduler, &self->scope, &self->child.task);
}

/* How the last wait went: what moved is counted whatever became of it. */
static int went(struct courier *self)
{
	struct player *player = self->player;
	int result = self->coroutine.result;

	player_waited(player, result);
	if (self->op.kind == DUET_RECV)
		player->received += self->op.transferred;
	else if (self->op.kind == DUET_SEND)
		player->sent += self->op.transferred;
	return result;
}

static DUET_COROUTINE(courier_play)
{
	DUET_BEGIN(struct courier, self);
	duet_op_init(&self->op, NULL, NULL);
	self->socket = DUET_HANDLE_NONE;
	duet_op_socket(&self->op, AF_UNIX, SOCK_STREAM, 0);
	DUET_AWAIT(&self->op);
	if (went(self) < 0)
		DUET_RETURN(DUET_RESULT);
	self->socket = self->op.made;
	self->player->opened++;

	duet_op_timeout(&self->op, player_soon_ns(self->player));
	DUET_AWAIT(&self->op);
	if (went(self) < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_recv(&self->op, self->player->peer, self->word, PLAYER_BYTES, DUET_WHOLE);
	DUET_AWAIT(&self->op);
	if (went(self) < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_send(&self->op, self->player->peer, self->word, PLAYER_BYTES, DUET_WHOLE);
	DUET_AWAIT(&self->op);
	if (went(self) < 0)
		DUET_RETURN(DUET_RESULT);

	pause_init(&self->pause, self->player);
	DUET_CALL(&self->pause.coroutine);
	if (DUET_RESULT != PLAYER_CALLED)
		DUET_RETURN(DUET_RESULT);
	DUET_RESULT = open_scope(self);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_join_scope(&self->op, &self->scope);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : PLAYER_ANSWER);

	DUET_FINALLY(1000000000);
	if (self->socket.generation) {
		duet_op_close(&self->op, self->socket);
		DUET_AWAIT(&self->op);
		self->player->closed += DUET_RESULT == 0;
	}
	DUET_END_FINALLY;
}

/* ---- The others. ---- */

struct listener {
	struct duet_coroutine coroutine;
	struct player *player;
	struct duet_op op;
	int32_t heard;
	unsigned char byte;
};

static DUET_COROUTINE(answer_play)
{
	DUET_BEGIN(struct listener, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_nop(&self->op);
	DUET_AWAIT(&self->op);
	player_waited(self->player, DUET_RESULT);
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : PLAYER_ANSWER);
	DUET_END;
}

static DUET_COROUTINE(refused_play)
{
	DUET_BEGIN(struct listener, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_recv(&self->op, DUET_HANDLE_NONE, &self->byte, 1, 0);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static DUET_COROUTINE(listen_play)
{
	DUET_BEGIN(struct listener, self);
	duet_op_init(&self->op, NULL, NULL);
	for (self->heard = 0;; self->heard++) {
		duet_op_recv(&self->op, self->player->peer, &self->byte, 1, 0);
		DUET_AWAIT(&self->op);
		player_waited(self->player, DUET_RESULT);
		if (DUET_RESULT <= 0)
			break;
		self->player->received++;
	}
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : self->heard);
	DUET_END;
}

struct nest {
	struct duet_coroutine coroutine;
	struct duet_op op;
	unsigned below; /* frames that follow this one in memory */
};

static DUET_COROUTINE(nest_play)
{
	DUET_BEGIN(struct nest, self);
	if (!self->below) {
		duet_op_init(&self->op, NULL, NULL);
		duet_op_nop(&self->op);
		DUET_AWAIT(&self->op);
		DUET_RETURN(DUET_RESULT);
	}
	self[1].below = self->below - 1;
	duet_coroutine_init(&self[1].coroutine, nest_play);
	DUET_CALL(&self[1].coroutine);
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : DUET_RESULT + 1);
	DUET_END;
}

/* ---- Their frames. ---- */

union frame {
	struct duet_coroutine coroutine;
	struct courier courier;
	struct listener listener;
	struct nest nest; /* and those below it behind it */
};

static duet_coroutine_fn *const bodies[PROGRAM_COUNT] = {
	[PROGRAM_ANSWER] = answer_play,	  [PROGRAM_REFUSED] = refused_play,
	[PROGRAM_LISTEN] = listen_play,	  [PROGRAM_COURIER] = courier_play,
	[PROGRAM_NEST] = nest_play,
};

size_t player_frame_bytes(const struct player *player, enum program program)
{
	size_t below = program == PROGRAM_NEST ? player->depth : 0;

	return sizeof(union frame) + below * sizeof(struct nest);
}

struct duet_coroutine *player_frame_init(void *memory, struct player *player, enum program program)
{
	union frame *frame = memory;

	if (program == PROGRAM_NEST)
		frame->nest.below = player->depth;
	else
		frame->listener.player = player;
	duet_coroutine_init(&frame->coroutine, bodies[program]);
	return &frame->coroutine;
}

/* ---- The model. ---- */

struct play {
	struct duet_coroutine_task task;
	struct player *player;
	union frame frame;
};

static size_t bytes(const struct player *player, enum program program)
{
	return offsetof(struct play, frame) + player_frame_bytes(player, program);
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
	duet_coroutine_task_init(&play->task, player_frame_init(&play->frame, player, program));
	play->task.task.name = "player";
	play->task.task.ended = ended;
	return duet_task_spawn(player->scheduler, player->scope, &play->task.task);
}

const struct model model_coroutine = { .name = "coroutine", .bytes = bytes, .spawn = spawn };
