/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_WAKER_H
#define DUET_WAKER_H

#include <duet/api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_scheduler;

/* The answer of whoever is asked again: a poll, or a step of a task. */
enum duet_readiness { DUET_PENDING, DUET_READY };

/*
 * Whom to wake: embedded in what it wakes, and there as long as anybody may wake it. On the loop's
 * thread: debug builds stop where a task is woken from another. What is woken is not asked inside the call, but in its turn.
 */
struct duet_waker {
	void (*wake)(struct duet_waker *waker);
	uint32_t shared; /* the scheduler's: its slot among those that other threads may wake; or 0 */
};

static inline void duet_waker_wake(struct duet_waker *waker)
{
	waker->wake(waker);
}

/* ---- From other threads. ---- */

/*
 * A share in a waker: a value that may be cloned, handed to any thread, woken there, and dropped there,
 * also when what it would wake has ended: then nothing happens, and it is counted. The waker itself
 * stays where it is; what all shares in it point to is one slot in a table of its scheduler's, made with
 * it (`shared_max` of its options; none by default) and reference-counted, as the Arc behind a Waker of
 * Rust's; so nothing is allocated, and a share of somebody who has gone is a number that has gone.
 *
 * A wake is a flag and a duet_loop_post(): many wakes before the loop looks are one, none of them takes a
 * lock, and none makes a system call unless the loop sleeps. The task is woken in
 * a turn of the loop, in the order of the wakes. What was written before a wake is seen by the poll that
 * follows. The loop and the scheduler outlive every share.
 *
 * Each share is dropped once. To use one that was dropped does nothing and is counted; debug builds stop.
 */
struct duet_shared_waker {
	struct duet_scheduler *scheduler;
	uint32_t slot;
	uint32_t generation; /* 0: it was dropped, or never made */
};

/* A first or a further share, on the loop's thread: 0, or -ENOBUFS (shared_max are in use; *shared is none
 * then). Shares in the waker of a task, or in that which a combinator gives its child, are void from the
 * end of that on by themselves. */
DUET_API int duet_waker_share(struct duet_scheduler *scheduler, struct duet_waker *waker,
			      struct duet_shared_waker *shared);
/* For any other waker, before its memory goes: on the loop's thread, repeatable. */
DUET_API void duet_waker_unshare(struct duet_scheduler *scheduler, struct duet_waker *waker);

/* From any thread, as long as the share given is one. */
DUET_API struct duet_shared_waker duet_shared_waker_clone(const struct duet_shared_waker *shared);
DUET_API void duet_shared_waker_wake(const struct duet_shared_waker *shared);
DUET_API void duet_shared_waker_drop(struct duet_shared_waker *shared);

struct duet_shared_stats {
	uint64_t delivered; /* wakes that reached a waker */
	uint64_t late;      /* that came when what they would have woken had ended */
	uint64_t stale;     /* uses of a share after its drop */
	uint32_t used;      /* slots in use */
};

/* On the loop's thread. */
DUET_API void duet_shared_waker_stats(const struct duet_scheduler *scheduler,
				      struct duet_shared_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
