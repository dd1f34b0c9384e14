/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/player.h"

/* The programs in callbacks: each has a scope of its own, in which its operations are started one after
 * the other, and whose end is its own. */

struct play {
	struct player *player;
	struct duet_scope scope;
	struct duet_member member;
	struct duet_op op;
	int32_t result;
	unsigned left; /* calls of itself still to be made */
	unsigned char word[PLAYER_BYTES];
	struct duet_closing closing;
	/* The task that is spawned. */
	struct duet_scope child;
	struct duet_member child_member;
	struct duet_op child_op;
};

static void joined(struct duet_scope *scope)
{
	struct play *play = scope->context;

	if (play->closing.handle.generation)
		play->player->closed += play->closing.op.result == 0;
	player_ended(play->player, play->result);
}

/* Each is over before anybody asks. */
static void ask(struct duet_member *member, enum duet_cause cause)
{
	(void)member;
	(void)cause;
}

/* What failed may have been no member of the scope, as a start that was refused: it is told so. */
static void tell_failure(struct play *play, int32_t error)
{
	struct duet_member failed = { 0 };

	if (!duet_scope_enter(&play->scope, &failed, ask))
		duet_member_leave(&failed, error);
}

static void finish(struct play *play, int32_t result)
{
	play->result = result;
	if (result < 0)
		tell_failure(play, result);
	duet_scope_join(&play->scope, joined);
}

/* Each step says which comes next. */
static void step(struct play *play, duet_done_fn *next)
{
	int error;

	play->op.done = next;
	play->op.context = play;
	error = duet_scope_start(&play->scope, &play->member, &play->op);
	if (error)
		finish(play, error);
}

static bool went(struct play *play)
{
	struct player *player = play->player;

	player_waited(player, play->op.result);
	if (play->op.kind == DUET_RECV)
		player->received += play->op.transferred;
	else if (play->op.kind == DUET_SEND)
		player->sent += play->op.transferred;
	if (play->op.result < 0)
		finish(play, play->op.result);
	return play->op.result >= 0;
}

static void wait_for_a_timer(struct play *play, duet_done_fn *next)
{
	duet_op_timeout(&play->op, player_soon_ns(play->player));
	step(play, next);
}

/* ---- The courier, from its end to its beginning. ---- */

static void child_joined(struct duet_scope *scope)
{
	struct play *play = scope->context;

	player_waited(play->player, scope->result);
	finish(play, scope->result < 0 ? scope->result : PLAYER_ANSWER);
}

static void called(struct duet_op *op)
{
	struct play *play = op->context;
	struct duet_scope_options options;
	int error;

	if (!went(play))
		return;
	duet_scope_options_init(&options);
	options.context = play;
	error = duet_scope_open(&play->child, play->scope.loop, &play->scope, &options);
	if (error) {
		finish(play, error);
		return;
	}
	duet_op_init(&play->child_op, NULL, NULL);
	duet_op_timeout(&play->child_op, player_soon_ns(play->player));
	duet_scope_start(&play->child, &play->child_member, &play->child_op);
	duet_scope_join(&play->child, child_joined);
}

static void sent(struct duet_op *op)
{
	struct play *play = op->context;

	if (went(play))
		wait_for_a_timer(play, called);
}

static void received(struct duet_op *op)
{
	struct play *play = op->context;

	if (!went(play))
		return;
	duet_op_send(&play->op, play->player->peer, play->word, PLAYER_BYTES, DUET_WHOLE);
	step(play, sent);
}

static void timed(struct duet_op *op)
{
	struct play *play = op->context;

	if (!went(play))
		return;
	duet_op_recv(&play->op, play->player->peer, play->word, PLAYER_BYTES, DUET_WHOLE);
	step(play, received);
}

static void opened(struct duet_op *op)
{
	struct play *play = op->context;

	if (!went(play))
		return;
	play->player->opened++;
	duet_scope_defer_close(&play->scope, &play->closing, op->made);
	wait_for_a_timer(play, timed);
}

/* ---- The others. ---- */

static void answered(struct duet_op *op)
{
	struct play *play = op->context;

	if (went(play))
		finish(play, PLAYER_ANSWER);
}

static void heard(struct duet_op *op)
{
	struct play *play = op->context;

	if (!went(play))
		return;
	if (op->result == 0) {
		finish(play, (int32_t)play->player->received);
		return;
	}
	duet_op_recv(&play->op, play->player->peer, play->word, 1, 0);
	step(play, heard);
}

/* A callback calls nobody that waits: the depth is a number, and each level a turn of its own. */
static void nested(struct duet_op *op)
{
	struct play *play = op->context;

	if (!went(play))
		return;
	if (!play->left--) {
		finish(play, (int32_t)play->player->depth);
		return;
	}
	duet_op_nop(&play->op);
	step(play, nested);
}

/* ---- The model. ---- */

static size_t bytes(const struct player *player, enum program program)
{
	(void)player;
	(void)program;
	return sizeof(struct play);
}

static void begin(struct play *play, enum program program)
{
	switch (program) {
	case PROGRAM_ANSWER:
		duet_op_nop(&play->op);
		step(play, answered);
		break;
	case PROGRAM_REFUSED:
		duet_op_recv(&play->op, DUET_HANDLE_NONE, play->word, 1, 0);
		step(play, answered);
		break;
	case PROGRAM_LISTEN:
		duet_op_recv(&play->op, play->player->peer, play->word, 1, 0);
		step(play, heard);
		break;
	case PROGRAM_COURIER:
		duet_op_socket(&play->op, AF_UNIX, SOCK_STREAM, 0);
		step(play, opened);
		break;
	default:
		duet_op_nop(&play->op);
		step(play, nested);
		break;
	}
}

static int spawn(struct player *player, enum program program)
{
	struct play *play = player->memory;
	struct duet_scope_options options;
	int error;

	play->player = player;
	play->left = player->depth;
	duet_op_init(&play->op, NULL, NULL);
	duet_scope_options_init(&options);
	options.context = play;
	error = duet_scope_open(&play->scope, player->scheduler->loop, player->scope, &options);
	if (!error)
		begin(play, program);
	return error;
}

const struct model model_callback = { .name = "callback", .bytes = bytes, .spawn = spawn };
