/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_FUTURE_H
#define TESTS_SUPPORT_FUTURE_H

#include "tests/support/harness.h"

/* A future that counts: it is ready at the `needs`th poll, and wakes itself before that if it is eager. Asked
 * to finish its cancelling it takes `cancel_needs` polls of that. */
struct probe {
	struct duet_future future;
	struct duet_waker *waker;
	unsigned polls;
	unsigned cancels;
	unsigned needs;
	unsigned cancel_needs;
	int32_t gives;
	int32_t gives_cancelled;
	bool eager;
};

static inline struct probe *probe_of(struct duet_future *future)
{
	return (struct probe *)(void *)future;
}

static inline enum duet_readiness probe_answer(struct probe *probe, struct duet_context *context,
					       bool ready, int32_t result)
{
	probe->waker = context->waker;
	if (ready)
		return duet_future_is_ready(&probe->future, result);
	if (probe->eager)
		duet_waker_wake(context->waker);
	return duet_future_is_pending(&probe->future);
}

static inline enum duet_readiness probe_poll(struct duet_future *future,
					     struct duet_context *context)
{
	struct probe *probe = probe_of(future);

	ck_assert_uint_eq(probe->cancels, 0);
	return probe_answer(probe, context, ++probe->polls >= probe->needs, probe->gives);
}

static inline enum duet_readiness probe_cancel(struct duet_future *future,
					       struct duet_context *context)
{
	struct probe *probe = probe_of(future);

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	if (future->state == DUET_FUTURE_COLD)
		return duet_future_is_ready(future, -ECANCELED);
	return probe_answer(probe, context, ++probe->cancels >= probe->cancel_needs,
			    probe->gives_cancelled);
}

static const struct duet_future_table probe_table = { .name = "probe", .poll = probe_poll,
						      .poll_cancel = probe_cancel };

static inline void probe_init(struct probe *probe, unsigned needs, int32_t gives)
{
	*probe = (struct probe){ .needs = needs, .gives = gives, .cancel_needs = 1,
				 .gives_cancelled = -ECANCELED };
	duet_future_init(&probe->future, &probe_table);
}

static inline void hear_nothing(struct duet_waker *waker)
{
	(void)waker;
}

/* A task of a future on a scheduler of the case's. */
struct solo {
	struct duet_scheduler scheduler;
	struct duet_future_task task;
};

static inline void solo_start(struct solo *solo, struct duet_future *top)
{
	ck_assert_int_eq(duet_scheduler_init(&solo->scheduler, stage.loop, NULL), 0);
	duet_future_task_init(&solo->task, top);
	ck_assert_int_eq(duet_task_spawn(&solo->scheduler, NULL, &solo->task.task), 0);
}

/* To its end: the task's result. */
static inline int32_t solo_end(struct solo *solo)
{
	turn_until(solo->scheduler.live == 0);
	return solo->task.task.result;
}

#endif
