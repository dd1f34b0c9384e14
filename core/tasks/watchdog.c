/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/lifecycle.h"
#include "core/system.h"
#include "core/thread.h"

static const uint64_t limit_min_ns = 100000;
static const uint64_t limit_max_ns = 1000000000000;

/* How often it looks while a limit goes by. */
enum { LOOKS = 4, NAME_WORDS = 4, NAME_BYTES = NAME_WORDS * 8 };

/*
 * What the loop's thread publishes of a step, and may overwrite while it is read: a sequence lock.
 * `step` is odd while a step is under way, and another for each; the words are written while it is
 * even. Whoever has read one of a later step sees a later `step` afterwards, because each word is
 * released after the even number, and acquired. Copies, of the name as well: the task may be gone when
 * they are printed. Models, and the file names of sites, are there as long as the program.
 */
struct duet_watchdog {
	struct duet_watchdog_options options;
	struct duet_scheduler *scheduler;
	_Atomic uint64_t step;
	_Atomic uint64_t begun_ns;
	_Atomic uint64_t name[NAME_WORDS];
	_Atomic(const struct duet_task_model *) model;
	_Atomic(const char *) file;
	_Atomic int line;

	_Atomic uint64_t looks;
	_Atomic uint64_t tellings;
	uint64_t told; /* the thread's own: the step that it has told of last */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ending; /* under lock */
	pthread_t thread;
};

/* ---- On the loop's thread. ---- */

#define PUBLISH(field, value) atomic_store_explicit(&(field), value, memory_order_release)

void core_watchdog_begin(struct duet_watchdog *watchdog, const struct duet_task *task)
{
	uint64_t step = atomic_load_explicit(&watchdog->step, memory_order_relaxed);
	union {
		char text[NAME_BYTES];
		uint64_t words[NAME_WORDS];
	} name = {{0}};

	strncpy(name.text, task->name ? task->name : "unnamed", NAME_BYTES - 1);
	for (unsigned i = 0; i < NAME_WORDS; i++)
		PUBLISH(watchdog->name[i], name.words[i]);
	PUBLISH(watchdog->model, task->model);
	PUBLISH(watchdog->file, task->site ? task->site->file : NULL);
	PUBLISH(watchdog->line, task->site ? task->site->line : 0);
	PUBLISH(watchdog->begun_ns, core_system_clock_ns(NULL));
	PUBLISH(watchdog->step, step + 1);
}

/* Made in the middle of a step, it hasn't seen it begin. */
void core_watchdog_end(struct duet_watchdog *watchdog)
{
	uint64_t step = atomic_load_explicit(&watchdog->step, memory_order_relaxed);

	if (step & 1)
		PUBLISH(watchdog->step, step + 1);
}

/* ---- On its own. ---- */

#define READ(field) atomic_load_explicit(&(field), memory_order_acquire)

static void look(struct duet_watchdog *watchdog)
{
	uint64_t step = READ(watchdog->step);
	uint64_t begun_ns = READ(watchdog->begun_ns);
	uint64_t now_ns = core_system_clock_ns(NULL);
	uint64_t name[NAME_WORDS];
	const struct duet_task_model *model = READ(watchdog->model);
	const struct duet_site from = {READ(watchdog->file), READ(watchdog->line)};
	struct duet_held held = {.task = (const char *)name, .from = from.file ? &from : NULL};

	for (unsigned i = 0; i < NAME_WORDS; i++)
		name[i] = READ(watchdog->name[i]);
	if (!(step & 1) || step == watchdog->told || READ(watchdog->step) != step)
		return;
	if (now_ns - begun_ns <= watchdog->options.limit_ns)
		return;
	held.model = model->name;
	held.held_ns = now_ns - begun_ns;
	watchdog->told = step;
	watchdog->options.held(watchdog, &held);
	atomic_fetch_add(&watchdog->tellings, 1);
}

static void *watch(void *argument)
{
	struct duet_watchdog *watchdog = argument;
	const uint64_t pause_ns = watchdog->options.limit_ns / LOOKS;

	pthread_mutex_lock(&watchdog->lock);
	while (!watchdog->ending) {
		uint64_t until_ns = core_system_clock_ns(NULL) + pause_ns;
		struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
					 .tv_nsec = (long)(until_ns % 1000000000)};

		if (pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &until) !=
		    ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&watchdog->lock);
		look(watchdog);
		atomic_fetch_add(&watchdog->looks, 1);
		pthread_mutex_lock(&watchdog->lock);
	}
	pthread_mutex_unlock(&watchdog->lock);
	return NULL;
}

static void print_held(struct duet_watchdog *watchdog, const struct duet_held *held)
{
	char place[200] = "";

	if (held->from)
		snprintf(place, sizeof(place), ", since it went on at %s:%d", held->from->file,
			 held->from->line);
	fprintf(stderr, "duet: task %s (%s) holds its loop, %llu us so far, more than %llu%s\n",
		held->task, held->model, (unsigned long long)(held->held_ns / 1000),
		(unsigned long long)(watchdog->options.limit_ns / 1000), place);
}

/* ---- From create to destroy. ---- */

void duet_watchdog_options_init(struct duet_watchdog_options *options)
{
	*options = (struct duet_watchdog_options){
		.size = sizeof(*options), .limit_ns = 100000000, .held = print_held};
}

static int check(const struct duet_watchdog_options *options)
{
	if (options->size != sizeof(*options) || !options->held)
		return -EINVAL;
	return options->limit_ns >= limit_min_ns && options->limit_ns <= limit_max_ns ? 0 : -EINVAL;
}

static void release(struct duet_watchdog *watchdog)
{
	pthread_cond_destroy(&watchdog->changed);
	pthread_mutex_destroy(&watchdog->lock);
	free(watchdog);
}

static struct duet_watchdog *allocate(struct duet_scheduler *scheduler,
				      const struct duet_watchdog_options *options)
{
	struct duet_watchdog *watchdog = calloc(1, sizeof(*watchdog));
	pthread_condattr_t monotonic;

	if (!watchdog)
		return NULL;
	watchdog->options = *options;
	watchdog->scheduler = scheduler;
	pthread_mutex_init(&watchdog->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watchdog->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return watchdog;
}

int duet_watchdog_create(struct duet_watchdog **out, struct duet_scheduler *scheduler,
			 const struct duet_watchdog_options *options)
{
	struct duet_watchdog_options defaults;
	struct duet_watchdog *watchdog;
	int error;

	*out = NULL;
	duet_watchdog_options_init(&defaults);
	if (!options)
		options = &defaults;
	error = check(options);
	if (error)
		return error;
	core_check_owner(scheduler->loop);
	if (scheduler->watchdog)
		return -EBUSY;
	watchdog = allocate(scheduler, options);
	if (!watchdog)
		return -ENOMEM;
	error = core_thread_create(&watchdog->thread, NULL, watch, watchdog);
	if (error) {
		release(watchdog);
		return error;
	}
	scheduler->watchdog = watchdog;
	scheduler->watched = 1;
	*out = watchdog;
	return 0;
}

void duet_watchdog_destroy(struct duet_watchdog *watchdog)
{
	struct duet_scheduler *scheduler;

	if (!watchdog)
		return;
	scheduler = watchdog->scheduler;
	core_check_owner(scheduler->loop);
	scheduler->watchdog = NULL;
	scheduler->watched = scheduler->step_limit_ns != 0;
	pthread_mutex_lock(&watchdog->lock);
	watchdog->ending = true;
	pthread_cond_signal(&watchdog->changed);
	pthread_mutex_unlock(&watchdog->lock);
	pthread_join(watchdog->thread, NULL);
	release(watchdog);
}

void *duet_watchdog_context(const struct duet_watchdog *watchdog)
{
	return watchdog->options.context;
}

uint64_t duet_watchdog_looks(const struct duet_watchdog *watchdog)
{
	return atomic_load(&watchdog->looks);
}

uint64_t duet_watchdog_tellings(const struct duet_watchdog *watchdog)
{
	return atomic_load(&watchdog->tellings);
}
