/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The thread that sends at a constant rate, whoever receives, and what the times come to. */
#ifndef COMPARE_CLAIM_SCHEDULING_SENDER_H
#define COMPARE_CLAIM_SCHEDULING_SENDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compare/claim/scheduling_scene.h"
#include "compare/load/schedule.h"
#include "compare/measure/histogram.h"

enum { SCHEDULING_CONNECTIONS = 16 };

struct duet_loop;

struct scheduling_sender {
	int peers[SCHEDULING_CONNECTIONS]; /* the ends that it sends into, the maker's to close */
	uint32_t messages;
	struct duet_loop *loop; /* woken if it fails; NULL: who looks by himself */
	struct schedule schedule;
	pthread_t thread;
	/* The thread's, until it is joined. */
	struct histogram late;
	uint64_t cpu_ns;
	atomic_bool failed;
};

/* The peers, messages and loop are set. 0 or a negative errno. */
int scheduling_sender_begin(struct scheduling_sender *sender);
void scheduling_sender_join(struct scheduling_sender *sender);

/* When a connection's nth message was to be sent; the message is its number over all of them. */
static inline uint64_t scheduling_due_ns(const struct scheduling_sender *sender, uint32_t which,
					 uint32_t nth)
{
	return schedule_due_ns(&sender->schedule,
			       schedule_message(&sender->schedule, which, nth));
}

/* Once it is joined. Leaves turns, calls and processor time alone. */
void scheduling_sender_judge(const struct scheduling_sender *sender,
			     const struct histogram *latency, struct scheduling_result *result);

#endif
