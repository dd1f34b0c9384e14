/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_PLAYER_COROUTINE_H
#define TESTS_SUPPORT_PLAYER_COROUTINE_H

#include <duet/coroutine.h>

#include "tests/support/player.h"

/* A program as a coroutine, for models that are a task of one with something around it. */
size_t player_frame_bytes(const struct player *player, enum program program);

/* memory: so many bytes, zero. */
struct duet_coroutine *player_frame_init(void *memory, struct player *player,
					 enum program program);

#endif
