/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "reference/twins/player.h"

/* What a player does for itself. A chore goes through the same API on the same loop. */

static void chore_done(struct duet_op *op)
{
	struct chore *chore = op->context;

	chore->ended = !op->more;
}

void chore_init(struct chore *chore)
{
	chore->ended = false;
	duet_op_init(&chore->op, chore_done, chore);
}

bool chore_start(struct player *player, struct chore *chore)
{
	int error = duet_op_start(player->loop, &chore->op);

	if (error) {
		chore->op.result = error < 0 ? error : chore->op.result;
		chore->ended = true;
	}
	return error >= 0;
}

int chore_await(struct player *player, struct chore *chore)
{
	for (unsigned i = 0; !chore->ended && i < PLAYER_PATIENCE; i++)
		duet_loop_turn(player->loop, i < 10 ? 0 : 1000000);
	if (chore->ended)
		return chore->op.result;
	player->stuck = true;
	return -ETIME;
}

int chore_run(struct player *player, struct chore *chore)
{
	chore_start(player, chore);
	return chore_await(player, chore);
}

int player_fail(struct player *player, const char *what, int error)
{
	snprintf(player->why, player->why_size, "%s: cannot %s: %s", player->arm->name, what,
		duet_error_name(error));
	return error;
}
