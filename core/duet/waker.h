/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_WAKER_H
#define DUET_WAKER_H

#ifdef __cplusplus
extern "C" {
#endif

/* The answer of whoever is asked again: a poll, or a step of a task. */
enum duet_readiness { DUET_PENDING, DUET_READY };

/*
 * Whom to wake: embedded in what it wakes, and there as long as anybody may wake it. On the loop's
 * thread. What is woken is not asked inside the call, but in its turn.
 */
struct duet_waker {
	void (*wake)(struct duet_waker *waker);
};

static inline void duet_waker_wake(struct duet_waker *waker)
{
	waker->wake(waker);
}

#ifdef __cplusplus
}
#endif

#endif
