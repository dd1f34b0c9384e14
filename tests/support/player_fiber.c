/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/fiber.h>

#include "tests/support/player.h"

/* The programs in fibers. */

enum { MANY = 10100, FEW = 4, DEEP_BYTES = 4 << 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MANY_BYTES = 65536 };
#else
enum { MANY_BYTES = 16384 };
#endif

/* For the length of a case, which is that of its process. */
static struct duet_stacks *many_stacks, *deep_stacks;

static struct duet_stacks *pool(struct duet_stacks **stacks, uint32_t count, uint32_t stack_bytes)
{
	struct duet_stacks_options options;

	if (*stacks)
		return *stacks;
	duet_stacks_options_init(&options);
	options.count = count;
	options.stack_bytes = stack_bytes;
	ck_assert_int_eq(duet_stacks_create(stacks, &options), 0);
	return *stacks;
}

/* ---- The courier. ---- */

static int pause_play(struct duet_loop *loop, void *argument)
{
	struct player *player = argument;
	int result = duet_fiber_sleep_until(loop, player_soon_ns(player));

	player_waited(player, result);
	return result < 0 ? result : PLAYER_CALLED;
}

static int spawn_and_join(struct duet_loop *loop, struct player *player)
{
	struct duet_scope scope;
	struct duet_fiber child;
	int error = duet_fiber_open(loop, &scope, NULL);

	if (error)
		return error;
	duet_fiber_init(&child, pause_play, player);
	error = duet_fiber_spawn(player->scheduler, &scope, many_stacks, &child);
	return error ? error : duet_fiber_join(&scope);
}

/* What moved is counted, whatever became of it. */
static int answer_the_word(struct duet_loop *loop, struct player *player)
{
	unsigned char word[PLAYER_BYTES];
	struct duet_op op;
	int result;

	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, player->peer, word, PLAYER_BYTES, DUET_WHOLE);
	result = duet_fiber_await(loop, &op);
	player_waited(player, result);
	player->received += op.transferred;
	if (result < 0)
		return result;
	duet_op_send(&op, player->peer, word, PLAYER_BYTES, DUET_WHOLE);
	result = duet_fiber_await(loop, &op);
	player_waited(player, result);
	player->sent += op.transferred;
	return result;
}

static int carry(struct duet_loop *loop, struct player *player)
{
	int result = duet_fiber_sleep_until(loop, player_soon_ns(player));

	player_waited(player, result);
	if (result >= 0)
		result = answer_the_word(loop, player);
	if (result >= 0)
		result = pause_play(loop, player);
	if (result >= 0)
		result = spawn_and_join(loop, player);
	return result < 0 ? result : PLAYER_ANSWER;
}

static int courier_play(struct duet_loop *loop, void *argument)
{
	struct player *player = argument;
	duet_handle socket;
	int result = duet_fiber_socket(loop, AF_UNIX, SOCK_STREAM, 0, &socket);

	player_waited(player, result);
	if (result < 0)
		return result;
	player->opened++;
	result = carry(loop, player);
	player->closed += duet_fiber_close(loop, socket) == 0;
	return result;
}

/* ---- The others. ---- */

static int await_nothing(struct duet_loop *loop)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_nop(&op);
	return duet_fiber_await(loop, &op);
}

static int answer_play(struct duet_loop *loop, void *argument)
{
	int result = await_nothing(loop);

	player_waited(argument, result);
	return result < 0 ? result : PLAYER_ANSWER;
}

static int refused_play(struct duet_loop *loop, void *argument)
{
	unsigned char byte;

	(void)argument;
	return duet_fiber_recv(loop, DUET_HANDLE_NONE, &byte, 1, 0);
}

static int listen_play(struct duet_loop *loop, void *argument)
{
	struct player *player = argument;
	unsigned char byte;
	int heard = 0, result;

	while ((result = duet_fiber_recv(loop, player->peer, &byte, 1, 0)) > 0) {
		player_waited(player, result);
		player->received++;
		heard++;
	}
	player_waited(player, result);
	return result < 0 ? result : heard;
}

static int nest(struct duet_loop *loop, unsigned depth)
{
	int result = depth ? nest(loop, depth - 1) : await_nothing(loop);

	return result < 0 || !depth ? result : result + 1;
}

static int nest_play(struct duet_loop *loop, void *argument)
{
	const struct player *player = argument;

	return nest(loop, player->depth);
}

/* ---- The model. ---- */

static duet_fiber_fn *const functions[PROGRAM_COUNT] = {
	[PROGRAM_ANSWER] = answer_play,	  [PROGRAM_REFUSED] = refused_play,
	[PROGRAM_LISTEN] = listen_play,	  [PROGRAM_COURIER] = courier_play,
	[PROGRAM_NEST] = nest_play,
};

struct play {
	struct duet_fiber fiber;
	struct player *player;
};

static size_t bytes(const struct player *player, enum program program)
{
	(void)player;
	(void)program;
	return sizeof(struct play);
}

static void ended(struct duet_task *task)
{
	struct play *play = (struct play *)task;

	player_ended(play->player, task->result);
}

static int spawn(struct player *player, enum program program)
{
	struct play *play = player->memory;
	struct duet_stacks *stacks = pool(&many_stacks, MANY, MANY_BYTES);

	if (program == PROGRAM_NEST)
		stacks = pool(&deep_stacks, FEW, DEEP_BYTES);
	play->player = player;
	duet_fiber_init(&play->fiber, functions[program], player);
	play->fiber.task.name = "player";
	play->fiber.task.ended = ended;
	return duet_fiber_spawn(player->scheduler, player->scope, stacks, &play->fiber);
}

const struct model model_fiber = { .name = "fiber", .bytes = bytes, .spawn = spawn };
