/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * The upload as a task of each programming model: four chunks, each acknowledged, by a function that is
 * called; and on every way out a goodbye, acknowledged as well, and the close of the connection.
 */
#ifndef COMPARE_LABORATORY_ERRAND_H
#define COMPARE_LABORATORY_ERRAND_H

#include <duet/scheduler.h>

#include "compare/laboratory/policy.h"

enum {
	ERRAND_CHUNKS = 4,
	ERRAND_CHUNK_BYTES = 8,
	ERRAND_GOODBYE_BYTES = 4,
	ERRAND_ANSWER_BYTES = 2,
	ERRAND_ATTEMPTS = 3
};

/* What the models have in common. */
struct errand {
	struct duet_lab *lab;
	struct duet_scheduler scheduler;
	struct {
		duet_handle handle;
		int peer;
	} connections[ERRAND_ATTEMPTS];
	unsigned attempt;
	uint64_t placed; /* bytes sent on this connection */
	uint32_t chunks; /* acknowledged ones */
	uint32_t goodbyes; /* said and acknowledged */
	uint32_t closed;
	unsigned char memory[ERRAND_CHUNK_BYTES];
	unsigned char answer[ERRAND_ANSWER_BYTES];
};

duet_handle errand_handle(const struct errand *errand);

/* op is to send what is left of so many bytes; or to receive what is left of an answer. */
void errand_say(struct errand *errand, struct duet_op *op, uint32_t left);
void errand_listen(struct errand *errand, struct duet_op *op, uint32_t left);

/* What became of it, whatever it says itself: the bytes that were moved. */
uint32_t errand_said(struct errand *errand, const struct duet_op *op);
uint32_t errand_heard(struct errand *errand, const struct duet_op *op);

/* Is it over for the task? An operation that was stopped alone, by whoever it was, is started again. */
bool errand_gives_up(const struct duet_task *task, int32_t result);

/* *workload is filled in; policy outlives it. */
void errand_coroutine_workload(const struct policy *policy, struct duet_lab_workload *workload);
void errand_future_workload(const struct policy *policy, struct duet_lab_workload *workload);
void errand_actor_workload(const struct policy *policy, struct duet_lab_workload *workload);
void errand_fiber_workload(const struct policy *policy, struct duet_lab_workload *workload);
/* Not in every build: with DUET_CXX. */
void errand_cxx_workload(const struct policy *policy, struct duet_lab_workload *workload);

/* For those: spawn starts the model's task in the scope. state begins with a struct errand. */
int errand_set_up(struct duet_lab *lab, void *state);
void errand_begin(struct duet_lab *lab, struct errand *errand);
/* The task has ended. */
void errand_ended(struct errand *errand);
const char *errand_check(struct duet_lab *lab, void *state);

#endif
