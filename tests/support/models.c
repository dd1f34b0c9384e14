/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/player.h"

/* In a file of its own: a program that plays others defines its own list. */
const struct model *const models[] = { &model_callback, &model_coroutine, &model_actor, &model_fiber,
				     &model_future,
				     NULL };
