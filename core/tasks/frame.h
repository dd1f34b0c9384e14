/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_FRAME_H
#define CORE_TASKS_FRAME_H

#include <duet/frame.h>

/* What debug builds say before they stop. */
void core_abort_frame_not_taken(const struct duet_frame_pool *pool, const void *frame)
	__attribute__((noreturn));

#endif
