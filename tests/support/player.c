/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/player.h"

void player_init(struct player *player, const struct model *model,
		 struct duet_scheduler *scheduler, struct duet_scope *scope)
{
	*player = (struct player){ .model = model, .scheduler = scheduler, .scope = scope,
				   .peer = DUET_HANDLE_NONE };
}

int player_spawn(struct player *player, enum program program)
{
	player->memory = calloc(1, player->model->bytes(player, program));
	ck_assert_ptr_nonnull(player->memory);
	return player->model->spawn(player, program);
}

void player_free(struct player *player)
{
	free(player->memory);
	player->memory = NULL;
}

void player_ended(struct player *player, int result)
{
	player->ends++;
	player->result = result;
}

void player_waited(struct player *player, int result)
{
	/* Nobody is resumed inside a call of his own. */
	ck_assert_uint_eq(stage.inside, 0);
	player->passed += result >= 0;
}

uint64_t player_soon_ns(const struct player *player)
{
	return duet_loop_now_ns(player->scheduler->loop) + 20000;
}
