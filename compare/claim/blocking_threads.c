/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/blocking_threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "compare/claim/blocking_record.h"
#include "compare/claim/sample.h"
#include "compare/measure/window.h"

enum { SETTLE_NS = 2000000, STACK_BYTES = 65536 };

struct gathering {
	struct blocking_record *record;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint32_t finished;
	bool begun, over; /* over: nobody is to begin, or may end */
};

struct sleeper {
	pthread_t thread;
	struct gathering *gathering;
	uint32_t who; /* the last is the one that holds */
};

static void sleep_until(uint64_t due_ns)
{
	const struct timespec due = { .tv_sec = (time_t)(due_ns / 1000000000u),
				      .tv_nsec = (long)(due_ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static void be_woken_often(struct sleeper *self)
{
	struct blocking_record *record = self->gathering->record;

	for (uint32_t tick = 0; tick < blocking_ticks(record); tick++) {
		sleep_until(blocking_due_ns(record, self->who, tick));
		blocking_note(record, self->who, tick);
	}
}

static void block_often(struct sleeper *self)
{
	struct blocking_record *record = self->gathering->record;

	for (uint32_t hold = 0; hold < record->holds; hold++) {
		sleep_until(blocking_hold_due_ns(record, hold));
		blocking_hold(record);
	}
}

/* Ends only when all have finished: what it takes to end is not measured. */
static void *live(void *context)
{
	struct sleeper *self = context;
	struct gathering *gathering = self->gathering;

	pthread_mutex_lock(&gathering->mutex);
	while (!gathering->begun && !gathering->over)
		pthread_cond_wait(&gathering->changed, &gathering->mutex);
	pthread_mutex_unlock(&gathering->mutex);
	if (gathering->begun)
		(self->who == BLOCKING_OTHERS ? block_often : be_woken_often)(self);
	pthread_mutex_lock(&gathering->mutex);
	if (++gathering->finished > BLOCKING_OTHERS)
		pthread_cond_broadcast(&gathering->changed);
	while (!gathering->over)
		pthread_cond_wait(&gathering->changed, &gathering->mutex);
	pthread_mutex_unlock(&gathering->mutex);
	return NULL;
}

static int start_all(struct gathering *gathering, struct sleeper *sleepers, uint32_t *started)
{
	pthread_attr_t attributes;
	int error = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (uint32_t who = 0; who <= BLOCKING_OTHERS && !error; who++) {
		sleepers[who] = (struct sleeper){ .gathering = gathering, .who = who };
		error = pthread_create(&sleepers[who].thread, &attributes, live, &sleepers[who]);
		*started += !error;
	}
	pthread_attr_destroy(&attributes);
	return -error;
}

/* All at once, from a time that is theirs in common. */
static void run_all(struct gathering *gathering)
{
	uint64_t begun_ns;

	pthread_mutex_lock(&gathering->mutex);
	begun_ns = sample_process_cpu_ns();
	gathering->record->start_ns = window_now_ns() + SETTLE_NS;
	gathering->begun = true;
	pthread_cond_broadcast(&gathering->changed);
	while (gathering->finished <= BLOCKING_OTHERS)
		pthread_cond_wait(&gathering->changed, &gathering->mutex);
	gathering->record->cpu_ns = sample_process_cpu_ns() - begun_ns;
	pthread_mutex_unlock(&gathering->mutex);
}

static void end_all(struct gathering *gathering, struct sleeper *sleepers, uint32_t started)
{
	pthread_mutex_lock(&gathering->mutex);
	gathering->over = true;
	pthread_cond_broadcast(&gathering->changed);
	pthread_mutex_unlock(&gathering->mutex);
	for (uint32_t who = 0; who < started; who++)
		pthread_join(sleepers[who].thread, NULL);
}

int blocking_play_threads(struct blocking_record *record)
{
	struct gathering gathering = { .record = record,
				       .mutex = PTHREAD_MUTEX_INITIALIZER,
				       .changed = PTHREAD_COND_INITIALIZER };
	struct sleeper *sleepers = calloc(BLOCKING_OTHERS + 1, sizeof(*sleepers));
	uint32_t started = 0;
	int error;

	if (!sleepers)
		return -ENOMEM;
	error = start_all(&gathering, sleepers, &started);
	if (!error)
		run_all(&gathering);
	end_all(&gathering, sleepers, started);
	free(sleepers);
	return error;
}
