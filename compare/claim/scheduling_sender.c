/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/scheduling_sender.h"

#include <duet/loop.h>
#include <errno.h>
#include <math.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "compare/claim/sample.h"
#include "compare/measure/window.h"

enum { SETTLE_NS = 2000000 };

static void sleep_until(uint64_t due_ns)
{
	const struct timespec due = { .tv_sec = (time_t)(due_ns / 1000000000u),
				      .tv_nsec = (long)(due_ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static bool send_one(struct scheduling_sender *sender, uint64_t message)
{
	int peer = sender->peers[schedule_connection(&sender->schedule, message)];

	return send(peer, &message, sizeof(message), MSG_NOSIGNAL) == sizeof(message);
}

/* Who comes late says so, and sends at once: the times that were intended stay. */
static void *send_all(void *context)
{
	struct scheduling_sender *sender = context;
	bool sent = true;

	prctl(PR_SET_TIMERSLACK, 1ul);
	for (uint64_t i = 0; i < sender->messages && sent; i++) {
		const uint64_t due_ns = schedule_due_ns(&sender->schedule, i);

		sleep_until(due_ns);
		histogram_record(&sender->late, window_now_ns() - due_ns);
		sent = send_one(sender, i);
	}
	if (!sent) {
		atomic_store(&sender->failed, true);
		if (sender->loop)
			duet_loop_wake(sender->loop);
	}
	sender->cpu_ns = sample_cpu_ns();
	return NULL;
}

int scheduling_sender_begin(struct scheduling_sender *sender)
{
	sender->schedule = (struct schedule){ window_now_ns() + SETTLE_NS, SCHEDULING_RATE,
					      SCHEDULING_CONNECTIONS };
	return -pthread_create(&sender->thread, NULL, send_all, sender);
}

void scheduling_sender_join(struct scheduling_sender *sender)
{
	pthread_join(sender->thread, NULL);
}

static double tail_of(const struct histogram *latency, double q)
{
	return histogram_can_show(latency->count, q) ? histogram_quantile(latency, q) : NAN;
}

void scheduling_sender_judge(const struct scheduling_sender *sender,
			     const struct histogram *latency, struct scheduling_result *result)
{
	result->p50_ns = histogram_quantile(latency, 0.5);
	result->p99_ns = tail_of(latency, 0.99);
	result->p999_ns = tail_of(latency, 0.999);
	result->sender_ns = histogram_quantile(&sender->late, 0.5);
}
