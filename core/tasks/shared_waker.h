/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_SHARED_WAKER_H
#define CORE_TASKS_SHARED_WAKER_H

#include <duet/scheduler.h>

/* Wakers that a scheduler lets other threads wake at once, at most. */
#define CORE_SHARED_MAX 65536

int core_shared_create(struct duet_scheduler *scheduler, uint32_t count);
/* -EBUSY while one is shared, or a wake is on its way. */
int core_shared_destroy(struct duet_scheduler *scheduler);

/* What debug builds say before they stop. */
void core_abort_dropped(const struct duet_shared_waker *shared) __attribute__((noreturn));

#endif
