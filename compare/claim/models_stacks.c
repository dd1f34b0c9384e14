/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The models with a stack each: fibers, and OS threads with calls that block. */
#include <duet/fiber.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/models_stage.h"

/* Of a thread as of a fiber: what the loop's default is. */
enum { STACK_BYTES = 65536 };

/* ---- Fibers. ---- */

struct fiber {
	struct duet_fiber fiber;
	struct models_stage *stage;
	uint32_t index;
};

static int go(struct duet_loop *loop, void *argument)
{
	struct fiber *self = argument;
	struct models_stage *stage = self->stage;
	unsigned char bytes[MODELS_MEMORY] = { 0 };
	int result;

	for (uint32_t left = stage->job == MODELS_SWITCH ? stage->switches : 0; left; left--)
		duet_fiber_yield(loop);
	if (stage->job != MODELS_WAIT)
		return 0;
	do {
		result =
			duet_fiber_recv(loop, stage->handles[self->index], bytes, MODELS_MEMORY, 0);
	} while (models_take(stage, result, bytes[0]));
	return 0;
}

static void fiber_ended(struct duet_task *task)
{
	struct fiber *self =
		(struct fiber *)(void *)((char *)task - offsetof(struct fiber, fiber.task));

	self->stage->ended++;
}

static int begin_fibers(struct models_stage *stage)
{
	struct duet_stacks_options options;
	struct duet_stacks *stacks;
	int error;

	duet_stacks_options_init(&options);
	options.count = stage->count;
	options.stack_bytes = STACK_BYTES;
	error = duet_stacks_create(&stacks, &options);
	stage->own = stacks;
	return error;
}

static int spawn_fiber(struct models_stage *stage, uint32_t index)
{
	struct fiber *self = (struct fiber *)(void *)stage->tasks + index;

	self->stage = stage;
	self->index = index;
	duet_fiber_init(&self->fiber, go, self);
	self->fiber.task.ended = fiber_ended;
	return duet_fiber_spawn(&stage->scheduler, NULL, stage->own, &self->fiber);
}

static double fiber_stack_bytes(const struct models_stage *stage)
{
	struct duet_stacks_use use = { 0 };

	duet_stacks_measure(stage->own, &use);
	return (double)use.touched_bytes;
}

static void end_fibers(struct models_stage *stage)
{
	duet_stacks_destroy(stage->own);
}

const struct models_player MODELS_FIBERS = {
	.name = "fibers",
	.task_bytes = sizeof(struct fiber),
	.begin = begin_fibers,
	.spawn = spawn_fiber,
	.await_served = models_turn_until_served,
	.await_ended = models_turn_until_ended,
	.stack_bytes = fiber_stack_bytes,
	.end = end_fibers,
};

/* ---- OS threads. ---- */

struct thread {
	pthread_t thread;
	struct models_stage *stage;
	uint32_t index;
	sem_t turn; /* it is this one's */
};

struct threads {
	unsigned char *stacks;
	atomic_uint waited_for; /* bytes that are still to be taken */
	atomic_bool wrong;
	sem_t served; /* all that were sent */
};

static struct thread *thread_at(struct models_stage *stage, uint32_t index)
{
	return (struct thread *)(void *)stage->tasks + index;
}

/* Who has the turn hands it to the next; the last one ends in the same round as all. */
static void hand_on(struct thread *self)
{
	struct models_stage *stage = self->stage;

	for (uint32_t left = stage->switches; left; left--) {
		while (sem_wait(&self->turn))
			;
		sem_post(&thread_at(stage, (self->index + 1) % stage->count)->turn);
	}
}

/* The counts of the stage are one thread's: here the last byte taken tells who sent them. */
static void wait_for_bytes(struct thread *self)
{
	struct threads *threads = self->stage->own;
	unsigned char bytes[MODELS_MEMORY] = { 0 };

	while (recv(self->stage->ends[self->index], bytes, MODELS_MEMORY, 0) == 1 &&
	       bytes[0] == MODELS_EVENT) {
		if (atomic_fetch_sub(&threads->waited_for, 1) == 1)
			sem_post(&threads->served);
	}
	if (bytes[0] != MODELS_OVER)
		atomic_store(&threads->wrong, true);
}

static void *run(void *argument)
{
	struct thread *self = argument;

	if (self->stage->job == MODELS_SWITCH)
		hand_on(self);
	else if (self->stage->job == MODELS_WAIT)
		wait_for_bytes(self);
	return NULL;
}

static int begin_threads(struct models_stage *stage)
{
	struct threads *threads = calloc(1, sizeof(*threads));

	stage->own = threads;
	if (!threads)
		return -ENOMEM;
	sem_init(&threads->served, 0, 0);
	threads->stacks = mmap(NULL, (size_t)stage->count * STACK_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (uint32_t i = 0; i < stage->count; i++) {
		thread_at(stage, i)->stage = stage;
		thread_at(stage, i)->index = i;
		sem_init(&thread_at(stage, i)->turn, 0, 0);
	}
	return threads->stacks == MAP_FAILED ? -ENOMEM : 0;
}

/* Those that are there wait for what won't come any more, and look at a stage that is about to go. */
static void give_up(struct models_stage *stage, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		pthread_cancel(thread_at(stage, i)->thread);
		pthread_join(thread_at(stage, i)->thread, NULL);
	}
}

/* The turn begins when all are there. */
static int spawn_thread(struct models_stage *stage, uint32_t index)
{
	struct threads *threads = stage->own;
	struct thread *self = thread_at(stage, index);
	pthread_attr_t attributes;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, threads->stacks + (size_t)index * STACK_BYTES,
			      STACK_BYTES);
	error = pthread_create(&self->thread, &attributes, run, self);
	pthread_attr_destroy(&attributes);
	if (error)
		give_up(stage, index);
	else if (stage->job == MODELS_SWITCH && index + 1 == stage->count)
		sem_post(&thread_at(stage, 0)->turn);
	return -error;
}

static bool await_bytes(struct models_stage *stage, uint32_t count)
{
	struct threads *threads = stage->own;

	/* They may all have been taken before it is known how many these are. */
	if (atomic_fetch_add(&threads->waited_for, count) + count)
		while (sem_wait(&threads->served))
			;
	return !atomic_load(&threads->wrong);
}

static bool join_threads(struct models_stage *stage, uint32_t count)
{
	struct threads *threads = stage->own;

	for (uint32_t i = 0; i < count; i++)
		stage->wrong |= pthread_join(thread_at(stage, i)->thread, NULL) != 0;
	stage->ended = count;
	/* The last to have had its turn has handed it to the first, again. */
	if (stage->job == MODELS_SWITCH)
		stage->wrong |= sem_trywait(&thread_at(stage, 0)->turn) != 0;
	return !stage->wrong && !atomic_load(&threads->wrong);
}

static double thread_stack_bytes(const struct models_stage *stage)
{
	const struct threads *threads = stage->own;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), each = STACK_BYTES / page;
	unsigned char there[STACK_BYTES / 4096];
	size_t touched = 0;

	for (uint32_t i = 0; i < stage->count; i++) {
		if (mincore(threads->stacks + (size_t)i * STACK_BYTES, STACK_BYTES, there))
			continue;
		for (size_t k = 0; k < each; k++)
			touched += there[k] & 1;
	}
	return (double)(touched * page);
}

static void end_threads(struct models_stage *stage)
{
	struct threads *threads = stage->own;

	munmap(threads->stacks, (size_t)stage->count * STACK_BYTES);
	free(threads);
}

const struct models_player MODELS_THREADS = {
	.name = "threads",
	.task_bytes = sizeof(struct thread),
	.loopless = true,
	.begin = begin_threads,
	.spawn = spawn_thread,
	.await_served = await_bytes,
	.await_ended = join_threads,
	.stack_bytes = thread_stack_bytes,
	.end = end_threads,
};
