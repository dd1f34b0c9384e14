/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_NAIVE_H
#define DUET_NAIVE_H

#include <duet/api.h>
#include <duet/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The naive ways, by their right names: to be compared with, and for few children. They are as correct
 * as <duet/futures.h>, and cost more: what is woken isn't known here.
 */

/*
 * poll-all: every child that isn't ready is polled at each poll, with the waker of the whole: what a join
 * over a tuple or a small array does in Rust (join! of futures-rs). Of n children each wake costs n
 * polls. Otherwise as duet_join_future, and duet_race_future without `keeps`; the children are lent until
 * the whole is ready.
 */
struct duet_poll_all_future {
	struct duet_future future;
	struct duet_future **children; /* the caller's array */
	uint32_t count;
	uint32_t ready;
	int32_t winner; /* race: index; -1 */
	int32_t failure;
	int32_t stopped;
	uint64_t polls; /* of children, so far */
	uint8_t races;
	uint8_t asks; /* the losers are asked, or all are */
};

/* 0; -EBUSY: one is awaited by somebody, and none was taken. A race of none: -EINVAL. */
DUET_API int duet_poll_all_join_init(struct duet_poll_all_future *all,
				     struct duet_future **children, uint32_t count);
DUET_API int duet_poll_all_race_init(struct duet_poll_all_future *all,
				     struct duet_future **children, uint32_t count);

/*
 * spin: asks again and again without waiting for a wake; uninformed. As a task it polls once in each turn
 * of its scheduler and gives it up, so that the loop never sleeps while one lives.
 */
struct duet_spin_task {
	struct duet_task task;
	struct duet_future *top;
	struct duet_waker deaf; /* what its futures wake */
	uint64_t polls;
};

DUET_API void duet_spin_task_init(struct duet_spin_task *task, struct duet_future *top);

/* As an executor: polls the future, takes a turn of the loop that doesn't wait, and again until it is ready.
 * On the loop's thread, outside of a turn. How many polls that took; or the error of duet_loop_turn(). */
DUET_API int64_t duet_spin(struct duet_loop *loop, struct duet_future *future);

#ifdef __cplusplus
}
#endif

#endif
