/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/shards.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/bounds.h"
#include "core/scope.h"
#include "core/tasks/shared_waker.h"
#include "core/tasks/task.h"
#include "core/thread.h"

/* A shard, and what its thread alone needs. */
struct place {
	struct duet_shard shard;
	struct duet_shard_message leave;  /* the join's */
	struct duet_shard_message cancel; /* on its way while `asked` */
	atomic_bool asked;
	pthread_t thread;
	bool ended; /* its scope has joined, or was never opened */
	int32_t result;
	int begun; /* under lock: what begin() said */
};

/* What its threads do together. */
enum phase {
	SHARDS_MAKING, /* each its loop */
	SHARDS_ON,
	SHARDS_OFF /* one has none: all go */
};

/*
 * `busy` counts whatever may still say something to a shard: each loop that isn't shut down, each scope
 * that hasn't joined, the messages under way, whoever asks all to end, and the creator until it joins.
 * When only the loops are left all are shut down, and who finds that out tells them before it goes itself.
 * At zero nothing ever comes again. But who brought it there, on whatever thread, still wakes all: no
 * loop goes before that is done, and all shards have come to the gate.
 */
struct duet_shards {
	struct duet_shards_options options;
	_Atomic uint64_t busy;
	atomic_bool closing; /* the loops are to be shut down */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum phase phase;  /* under lock */
	uint32_t arrivals; /* under lock: how often a thread has come to wait for the others */
	cpu_set_t permitted;
	uint32_t count;
	struct place places[];
};

static struct place *place_of(struct duet_shard *shard)
{
	return CORE_CONTAINER(struct place, shard, shard);
}

/* ---- On its thread. ---- */

/* With the lock held. */
static void arrive(struct duet_shards *shards)
{
	shards->arrivals++;
	pthread_cond_broadcast(&shards->changed);
}

static void wake_all(struct duet_shards *shards)
{
	for (uint32_t i = 0; i < shards->count; i++)
		duet_loop_wake(shards->places[i].shard.loop);
}

/* Who is the last beside the loops keeps its count until all know, so that none of them goes. */
static void say_closing(struct duet_shards *shards)
{
	atomic_store(&shards->closing, true);
	wake_all(shards);
}

/* One thing less that could say something: after the last, all are to look. */
static void leave_one(struct duet_shards *shards)
{
	uint64_t busy = atomic_load(&shards->busy);

	do {
		if (busy == (uint64_t)shards->count + 1 && !atomic_load(&shards->closing))
			say_closing(shards);
	} while (!atomic_compare_exchange_weak(&shards->busy, &busy, busy - 1));
	if (busy != 1)
		return;
	wake_all(shards);
	pthread_mutex_lock(&shards->lock);
	arrive(shards);
	pthread_mutex_unlock(&shards->lock);
}

/* Counts one more, unless all is over. */
static bool join_in(struct duet_shards *shards)
{
	uint64_t busy = atomic_load(&shards->busy);

	while (busy && !atomic_compare_exchange_weak(&shards->busy, &busy, busy + 1))
		continue;
	return busy;
}

static enum phase wait_for_loops(struct duet_shards *shards)
{
	enum phase phase;

	pthread_mutex_lock(&shards->lock);
	arrive(shards);
	while (shards->phase == SHARDS_MAKING)
		pthread_cond_wait(&shards->changed, &shards->lock);
	phase = shards->phase;
	pthread_mutex_unlock(&shards->lock);
	return phase;
}

static void say_begun(struct duet_shards *shards, struct place *place, int begun)
{
	pthread_mutex_lock(&shards->lock);
	place->begun = begun;
	arrive(shards);
	pthread_mutex_unlock(&shards->lock);
}

/* Each has come twice before; and there is who wakes them. */
static void pass_gate(struct duet_shards *shards)
{
	pthread_mutex_lock(&shards->lock);
	arrive(shards);
	while (shards->arrivals < 3 * shards->count + 1)
		pthread_cond_wait(&shards->changed, &shards->lock);
	pthread_mutex_unlock(&shards->lock);
}

static void keep_first(struct place *place, int32_t result)
{
	if (place->result >= 0 && result < 0)
		place->result = result;
}

static int make(struct place *place)
{
	struct duet_shard *shard = &place->shard;
	const struct duet_shards_options *options = &shard->shards->options;
	int error = duet_loop_create_first(&shard->loop, options->backends,
					   options->backend_count, options->loop, NULL);

	if (error)
		return error;
	error = duet_scheduler_init(&shard->scheduler, shard->loop, options->scheduler);
	if (error)
		duet_loop_destroy(shard->loop);
	return error;
}

static int begin(struct place *place)
{
	struct duet_shard *shard = &place->shard;
	const struct duet_shards_options *options = &shard->shards->options;
	int error = duet_scope_open(&shard->scope, shard->loop, NULL, options->scope);

	if (error) {
		place->ended = true;
		leave_one(shard->shards);
		return error;
	}
	error = options->begin ? options->begin(shard) : 0;
	return error < 0 ? error : 0;
}

/* A mechanism that fails is told once; what can still be done is to end. */
static void take_turn(struct place *place)
{
	int error = duet_loop_turn(place->shard.loop, -1);

	if (error >= 0)
		return;
	keep_first(place, error);
	if (!place->ended)
		duet_scope_cancel(&place->shard.scope);
}

/* What runs outside of the scope ends, and may still send; then whatever is sent to it is taken. */
static void close_down(struct place *place)
{
	struct duet_shards *shards = place->shard.shards;

	while (!atomic_load(&shards->closing))
		take_turn(place);
	keep_first(place, duet_loop_shutdown(place->shard.loop, DUET_NO_DEADLINE));
	leave_one(shards);
	while (atomic_load(&shards->busy))
		take_turn(place);
	pass_gate(shards);
	/* Wakes of each other's wakers aren't counted: what came of them behind the last turn. */
	keep_first(place, duet_loop_shutdown(place->shard.loop, DUET_NO_DEADLINE));
}

static void destroy_loop(struct place *place)
{
	struct duet_scheduler *scheduler = &place->shard.scheduler;
	int error = duet_scheduler_fini(scheduler);

	keep_first(place, error);
	/* A task that is left has no turn any more. Who has a share of a waker would still look there. */
	if (error && scheduler->shared)
		core_shared_destroy(scheduler);
	keep_first(place, duet_loop_destroy(place->shard.loop));
}

static void *run(void *argument)
{
	struct place *place = argument;
	struct duet_shards *shards = place->shard.shards;

	place->result = make(place);
	if (wait_for_loops(shards) == SHARDS_OFF) {
		if (!place->result)
			destroy_loop(place);
		return NULL;
	}
	say_begun(shards, place, begin(place));
	close_down(place);
	if (shards->options.end)
		shards->options.end(&place->shard);
	destroy_loop(place);
	return NULL;
}

/* ---- Messages. ---- */

static void take_message(struct duet_message *message)
{
	struct duet_shard_message *taken =
		CORE_CONTAINER(struct duet_shard_message, message, message);
	struct duet_shard *shard = taken->shard;

	taken->fn(shard, taken);
	leave_one(shard->shards);
}

/* The call may go on when the message has come, and all is over: the loop waits for that alone. */
void duet_shard_post(struct duet_shard *shard, struct duet_shard_message *message)
{
	if (!join_in(shard->shards)) {
#ifdef DUET_DEBUG
		core_abort_nobody_there(shard);
#endif
		return;
	}
	message->shard = shard;
	message->message.fn = take_message;
	duet_loop_post(shard->loop, &message->message);
}

static void cancel_here(struct duet_shard *shard, struct duet_shard_message *message)
{
	struct place *place = place_of(shard);

	(void)message;
	atomic_store(&place->asked, false);
	if (!place->ended)
		duet_scope_cancel(&shard->scope);
}

void duet_shards_cancel(struct duet_shards *shards)
{
	if (!join_in(shards))
		return;
	for (uint32_t i = 0; i < shards->count; i++) {
		struct place *place = &shards->places[i];

		if (!atomic_exchange(&place->asked, true))
			duet_shard_post(&place->shard, &place->cancel);
	}
	leave_one(shards);
}

static void joined(struct duet_scope *scope)
{
	struct duet_shard *shard = CORE_CONTAINER(struct duet_shard, scope, scope);
	struct place *place = place_of(shard);

	keep_first(place, scope->result);
	place->ended = true;
	leave_one(shard->shards);
}

static void leave_here(struct duet_shard *shard, struct duet_shard_message *message)
{
	(void)message;
	if (!place_of(shard)->ended)
		duet_scope_join(&shard->scope, joined);
}

/* ---- On the thread of whoever has them. ---- */

static int check(const struct duet_shards_options *options)
{
	if (options->size != sizeof(*options) || options->count > LIMIT_SHARDS)
		return -EINVAL;
	return options->backends && options->backend_count && options->pinned <= 1 ? 0 : -EINVAL;
}

static void furnish(struct duet_shards *shards)
{
	pthread_mutex_init(&shards->lock, NULL);
	pthread_cond_init(&shards->changed, NULL);
	atomic_init(&shards->busy, 2 * (uint64_t)shards->count + 1);
	atomic_init(&shards->closing, false);
	for (uint32_t i = 0; i < shards->count; i++) {
		shards->places[i].shard = (struct duet_shard){
			.shards = shards, .index = i, .context = shards->options.context};
		shards->places[i].leave.fn = leave_here;
		shards->places[i].cancel.fn = cancel_here;
	}
}

static struct duet_shards *allocate(const struct duet_shards_options *options)
{
	struct duet_shards *shards;
	cpu_set_t permitted;
	uint32_t count;

	CPU_ZERO(&permitted);
	if (sched_getaffinity(0, sizeof(permitted), &permitted) || !CPU_COUNT(&permitted))
		CPU_SET(0, &permitted);
	count = options->count ? options->count : (uint32_t)CPU_COUNT(&permitted);
	shards = calloc(1, sizeof(*shards) + count * sizeof(shards->places[0]));
	if (!shards)
		return NULL;
	shards->options = *options;
	shards->permitted = permitted;
	shards->count = count;
	furnish(shards);
	return shards;
}

static void destroy(struct duet_shards *shards)
{
	pthread_cond_destroy(&shards->changed);
	pthread_mutex_destroy(&shards->lock);
	free(shards);
}

/* The processor for the shard of this index: of those permitted, in turn. */
static void choose_processor(const struct duet_shards *shards, uint32_t index, cpu_set_t *chosen)
{
	uint32_t left = index % (uint32_t)CPU_COUNT(&shards->permitted);
	unsigned processor = 0;

	while (!CPU_ISSET(processor, &shards->permitted) || left--)
		processor++;
	CPU_ZERO(chosen);
	CPU_SET(processor, chosen);
}

static int start_thread(struct duet_shards *shards, struct place *place)
{
	pthread_attr_t attributes;
	cpu_set_t chosen;
	int error;

	pthread_attr_init(&attributes);
	if (shards->options.pinned) {
		choose_processor(shards, place->shard.index, &chosen);
		pthread_attr_setaffinity_np(&attributes, sizeof(chosen), &chosen);
	}
	error = core_thread_create(&place->thread, &attributes, run, place);
	pthread_attr_destroy(&attributes);
	return error;
}

/* How many there are. */
static uint32_t start_threads(struct duet_shards *shards, int *error)
{
	uint32_t started = 0;

	while (started < shards->count) {
		*error = start_thread(shards, &shards->places[started]);
		if (*error)
			break;
		started++;
	}
	return started;
}

static void join_threads(struct duet_shards *shards, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		pthread_join(shards->places[i].thread, NULL);
}

/* Waits until all that were started have a loop, or have not, and says which way it goes. */
static int turn_on(struct duet_shards *shards, uint32_t started, int error)
{
	pthread_mutex_lock(&shards->lock);
	while (shards->arrivals < started)
		pthread_cond_wait(&shards->changed, &shards->lock);
	for (uint32_t i = 0; i < started && !error; i++)
		error = shards->places[i].result;
	shards->phase = error ? SHARDS_OFF : SHARDS_ON;
	pthread_cond_broadcast(&shards->changed);
	pthread_mutex_unlock(&shards->lock);
	return error;
}

static int wait_for_begin(struct duet_shards *shards)
{
	int error = 0;

	pthread_mutex_lock(&shards->lock);
	while (shards->arrivals < 2 * shards->count)
		pthread_cond_wait(&shards->changed, &shards->lock);
	for (uint32_t i = 0; i < shards->count && !error; i++)
		error = shards->places[i].begun;
	pthread_mutex_unlock(&shards->lock);
	return error;
}

void duet_shards_options_init(struct duet_shards_options *options)
{
	*options = (struct duet_shards_options){.size = sizeof(*options)};
}

int duet_shards_create(struct duet_shards **out, const struct duet_shards_options *options)
{
	struct duet_shards *shards;
	uint32_t started;
	int error = check(options);

	*out = NULL;
	if (error)
		return error;
	shards = allocate(options);
	if (!shards)
		return -ENOMEM;
	started = start_threads(shards, &error);
	error = turn_on(shards, started, error);
	if (error) {
		join_threads(shards, started);
		destroy(shards);
		return error;
	}
	error = wait_for_begin(shards);
	if (error) {
		duet_shards_cancel(shards);
		duet_shards_join(shards, NULL);
		return error;
	}
	*out = shards;
	return 0;
}

uint32_t duet_shards_count(const struct duet_shards *shards)
{
	return shards->count;
}

struct duet_shard *duet_shards_at(struct duet_shards *shards, uint32_t index)
{
	return &shards->places[index].shard;
}

int duet_shards_join(struct duet_shards *shards, int32_t *results)
{
	int error = 0;

	for (uint32_t i = 0; i < shards->count; i++)
		duet_shard_post(&shards->places[i].shard, &shards->places[i].leave);
	leave_one(shards);
	join_threads(shards, shards->count);
	for (uint32_t i = 0; i < shards->count; i++) {
		if (results)
			results[i] = shards->places[i].result;
		if (!error)
			error = shards->places[i].result;
	}
	destroy(shards);
	return error;
}
