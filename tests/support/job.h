/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_JOB_H
#define TESTS_SUPPORT_JOB_H

#include <duet/duet.h>

/* A coroutine that waits for what prepare() says, so often, and returns the last result. */
struct job {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	void (*prepare)(struct job *job);
	unsigned times;
	unsigned waits;
	int32_t results[4];
	uint64_t outer_ns;
	uint64_t inner_ns;
	unsigned ends;
};

DUET_COROUTINE(wait_often);

/* Idle, and to wait once for what the case sets in prepare. */
void job_make(struct job *job, duet_coroutine_fn *body);

/* What it may wait for: no time; the time that is over; a millisecond; a refusal. */
void job_never(struct job *job);
void job_at_once(struct job *job);
void job_in_a_moment(struct job *job);
void job_refused(struct job *job);

#endif
