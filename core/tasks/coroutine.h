/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_COROUTINE_H
#define CORE_TASKS_COROUTINE_H

#include <duet/coroutine.h>

/* The end of what a coroutine waits for. */
void core_coroutine_resumed(struct duet_op *op);

/* What debug builds say before they stop. */
void core_abort_under_way(const struct duet_coroutine *coroutine) __attribute__((noreturn));
void core_abort_returned_again(const struct duet_coroutine *coroutine) __attribute__((noreturn));

#endif
