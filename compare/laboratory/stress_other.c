/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The other side of a stress cell: whoever sends, connects and cancels while the loop is at work. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/lane.h"

enum { REST_NS = 20000, SHORT_NS = 30000, GAP_OCTAVES = 14 };

static bool repeats(const struct lane *lane)
{
	return lane->stress->kind->traits & STRESS_REPEATS;
}

/* What is repeated comes at odd times. */
static void act(struct lane *lane, uint64_t now_ns)
{
	lane->stress->kind->act(lane);
	lane->acts++;
	lane->act_ns = now_ns + (1u << stress_below(&lane->random, GAP_OCTAVES));
}

static bool is_carried_out(const struct lane *lane, uint64_t now_ns)
{
	if (lane->way == LANE_MESSAGE && now_ns < lane->order_ns)
		return false;
	if (lane->way != LANE_MESSAGE && repeats(lane))
		return atomic_load_explicit(&lane->over, memory_order_acquire);
	return lane->acts || !lane->stress->kind->act || repeats(lane);
}

static bool may_act(const struct lane *lane)
{
	return lane->stress->kind->act && (!lane->acts || repeats(lane));
}

static bool serve(struct lane *lane, uint64_t now_ns, uint64_t *next_ns)
{
	bool acts;

	if (!atomic_load_explicit(&lane->order, memory_order_acquire))
		return false;
	acts = may_act(lane) && now_ns >= lane->act_ns;
	if (acts)
		act(lane, now_ns);
	if (is_carried_out(lane, now_ns)) {
		atomic_store_explicit(&lane->order, false, memory_order_relaxed);
		duet_loop_post(lane->stress->loop, &lane->message);
		return true;
	}
	if (may_act(lane) && lane->act_ns < *next_ns)
		*next_ns = lane->act_ns;
	if (lane->way == LANE_MESSAGE && lane->order_ns < *next_ns)
		*next_ns = lane->order_ns;
	return acts;
}

/* A sleep costs some microseconds by itself: for less, others are let go first. */
static void rest(uint64_t ns)
{
	if (ns < SHORT_NS)
		sched_yield();
	else
		nanosleep(&(struct timespec){ .tv_nsec = REST_NS }, NULL);
}

static void *other_side(void *argument)
{
	struct stress *stress = argument;

	/* Of this thread alone: by default a sleep may last 50 us longer. */
	prctl(PR_SET_TIMERSLACK, 1);
	while (!atomic_load_explicit(&stress->leaving, memory_order_acquire)) {
		uint64_t now_ns = account_clock_ns(), next_ns = now_ns + 2 * SHORT_NS;
		bool any = false;

		for (uint32_t i = 0; i < stress->kind->lanes; i++)
			any |= serve(&stress->lanes[i], now_ns, &next_ns);
		if (!any)
			rest(next_ns > now_ns ? next_ns - now_ns : 0);
	}
	return NULL;
}

/* Signals are the main thread's. */
int stress_other_begin(struct stress *stress)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&stress->other, NULL, other_side, stress);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

void stress_other_end(struct stress *stress)
{
	atomic_store_explicit(&stress->leaving, true, memory_order_release);
	pthread_join(stress->other, NULL);
}
