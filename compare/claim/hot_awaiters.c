/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/hot_awaiters.h"

#include <duet/coroutine.h>
#include <duet/frame.h>
#include <duet/future.h>
#include <duet/handle.h>
#include <duet/join.h>
#include <duet/scheduler.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/hot_cxx.h"
#include "compare/claim/sample.h"
#include "compare/loop.h"
#include "compare/measure/window.h"

enum { CROWD = 32, WARM = 4, MESSAGE = 64, MEMORY = 1024, TURN_NS = 1000000000, LEFT_ALONE = 3 };

/* More than any compiler makes of a receive; a page that nothing stands in isn't touched. */
enum { CXX_FRAME_BYTES = 2048 };

#ifndef DUET_CXX
/* Built without a compiler for it. */
const struct hot_cxx HOT_CXX = { 0 };
#endif

struct stand;
struct maker;

/* A coroutine that receives: cold until it is called. */
struct lazy {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_op op;
	struct maker *maker;
};

/* The same as a task of its own, and who still needs its memory: the task, and each who waits. */
struct eager {
	struct lazy lazy;
	struct duet_coroutine_task task;
	uint32_t references;
};

union made {
	struct lazy lazy;
	struct duet_op_future future;
	struct eager eager;
};

/* Who makes it, and waits for it. */
struct maker {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct duet_op op;     /* direct: the receive; hot: the waiting */
	struct duet_op second; /* deferred: the waiting of another */
	struct stand *stand;
	union made place, *made;
	struct duet_task *woken; /* its own, by whose waker it goes on; NULL: not yet spawned */
	void *cxx;               /* if it is one of C++20: all of it */
	duet_handle handle;
	int end, peer;
	unsigned char memory[MEMORY];
};

struct stand {
	enum hot_way way;
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct duet_frame_pool *pool;
	struct maker *makers;
	uint32_t count, received, seconds, ended;
	uint32_t taken; /* messages that a cancelled one hands over */
	uint64_t takes;
	unsigned char number; /* of the batch, in each byte of a message */
	bool early, is_ring, over, wrong;
};

/* ---- Memory. ---- */

static bool is_pooled(enum hot_way way)
{
	return way == HOT_LAZY_POOLED || way == HOT_FUTURE_POOLED || way == HOT_EAGER_POOLED ||
	       way == HOT_DEFERRED;
}

static bool is_cxx(enum hot_way way)
{
	return way >= HOT_CXX_DIRECT;
}

static bool is_hot(enum hot_way way)
{
	return way >= HOT_EAGER && !is_cxx(way);
}

bool hot_has(enum hot_way way)
{
	return way < HOT_WAYS && (!is_cxx(way) || HOT_CXX.bytes);
}

static size_t size_of(enum hot_way way)
{
	if (way == HOT_DIRECT)
		return 0;
	if (is_hot(way))
		return sizeof(struct eager);
	return way < HOT_FUTURE ? sizeof(struct lazy) : sizeof(struct duet_op_future);
}

static void take(struct maker *self)
{
	struct stand *stand = self->stand;

	self->made = &self->place;
	if (!is_pooled(stand->way))
		return;
	self->made = duet_frame_take(stand->pool, size_of(stand->way));
	stand->takes++;
}

static void give(struct maker *self, union made *made)
{
	if (made != &self->place)
		duet_frame_return(self->stand->pool, made);
}

static void release(struct eager *eager)
{
	if (!--eager->references)
		give(eager->lazy.maker, (union made *)(void *)eager);
}

/* ---- What is made. ---- */

static void prepare(struct maker *self, struct duet_op *op)
{
	duet_op_recv(op, self->handle, self->memory, MEMORY, 0);
}

static DUET_COROUTINE(receive)
{
	DUET_BEGIN(struct lazy, self);
	prepare(self->maker, &self->op);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static void make_lazy(struct maker *self, struct lazy *lazy)
{
	duet_coroutine_init(&lazy->coroutine, receive);
	duet_op_init(&lazy->op, NULL, NULL);
	lazy->maker = self;
}

static void make_future(struct maker *self)
{
	duet_op_future_init(&self->made->future);
	prepare(self, &self->made->future.op);
}

static void on_ended(struct duet_task *task)
{
	struct eager *eager =
		(struct eager *)(void *)((char *)task - offsetof(struct eager, task.task));
	struct stand *stand = eager->lazy.maker->stand;

	stand->ended++;
	stand->taken += task->result > 0;
	release(eager);
}

/* Under way from here on. */
static void make_eager(struct maker *self, uint32_t awaiters)
{
	struct eager *eager = &self->made->eager;

	make_lazy(self, &eager->lazy);
	duet_coroutine_task_init(&eager->task, &eager->lazy.coroutine);
	eager->task.task.ended = on_ended;
	eager->references = 1 + awaiters;
	self->stand->wrong |=
		duet_task_spawn(&self->stand->scheduler, NULL, &eager->task.task) != 0;
}

/* ---- Who waits for it. ---- */

static void note(struct maker *self, int32_t result)
{
	struct stand *stand = self->stand;

	stand->wrong |= result != MESSAGE || self->memory[0] != stand->number ||
			self->memory[MESSAGE - 1] != stand->number;
	stand->received++;
}

static DUET_COROUTINE(await_directly)
{
	DUET_BEGIN(struct maker, self);
	while (!self->stand->over) {
		prepare(self, &self->op);
		DUET_AWAIT(&self->op);
		note(self, DUET_RESULT);
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

static DUET_COROUTINE(call_lazy)
{
	DUET_BEGIN(struct maker, self);
	while (!self->stand->over) {
		take(self);
		make_lazy(self, &self->made->lazy);
		DUET_CALL(&self->made->lazy.coroutine);
		note(self, DUET_RESULT);
		give(self, self->made);
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

static DUET_COROUTINE(poll_future)
{
	DUET_BEGIN(struct maker, self);
	while (!self->stand->over) {
		take(self);
		make_future(self);
		DUET_AWAIT_FUTURE(&self->made->future.future);
		note(self, DUET_RESULT);
		give(self, self->made);
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

static void on_second(struct duet_op *op)
{
	struct maker *self = op->context;

	self->stand->wrong |= op->result != MESSAGE;
	self->stand->seconds++;
	release(&self->made->eager);
}

/* Another who waits for the same result, by a callback. */
static void start_second(struct maker *self)
{
	duet_op_init(&self->second, on_second, self);
	duet_op_join(&self->second, &self->made->eager.task.task);
	self->stand->wrong |= duet_op_start(self->stand->loop, &self->second) != 0;
}

static DUET_COROUTINE(join_eager)
{
	DUET_BEGIN(struct maker, self);
	while (!self->stand->over) {
		take(self);
		make_eager(self, self->stand->way == HOT_DEFERRED ? 2 : 1);
		if (self->stand->way == HOT_DEFERRED)
			start_second(self);
		duet_op_join(&self->op, &self->made->eager.task.task);
		DUET_AWAIT(&self->op);
		note(self, DUET_RESULT);
		release(&self->made->eager);
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

static duet_coroutine_fn *const BODIES[HOT_WAYS] = {
	[HOT_DIRECT] = await_directly,     [HOT_LAZY] = call_lazy,
	[HOT_LAZY_POOLED] = call_lazy,     [HOT_FUTURE] = poll_future,
	[HOT_FUTURE_POOLED] = poll_future, [HOT_EAGER] = join_eager,
	[HOT_EAGER_POOLED] = join_eager,   [HOT_DEFERRED] = join_eager,
};

/* ---- Those of C++20. ---- */

static void cxx_received(void *context, int32_t result)
{
	note(context, result);
}

static void cxx_stopped(void *context, int32_t result)
{
	struct maker *self = context;

	self->stand->ended++;
	self->stand->taken += result > 0;
}

static int begin_cxx(struct stand *stand, struct maker *maker)
{
	const struct hot_cxx_needs needs = { .way = stand->way,
					     .scheduler = &stand->scheduler,
					     .pool = stand->pool,
					     .takes = &stand->takes,
					     .over = &stand->over,
					     .handle = maker->handle,
					     .memory = maker->memory,
					     .size = MEMORY,
					     .context = maker,
					     .received = cxx_received,
					     .stopped = cxx_stopped };

	maker->cxx = malloc(HOT_CXX.bytes);
	if (!maker->cxx)
		return -ENOMEM;
	HOT_CXX.begin(maker->cxx, &needs);
	return 0;
}

static void end_cxx(struct stand *stand)
{
	for (uint32_t i = 0; i < stand->count; i++) {
		if (stand->makers[i].cxx)
			HOT_CXX.end(stand->makers[i].cxx);
		free(stand->makers[i].cxx);
	}
}

/* ---- The stand. ---- */

static int add_maker(struct stand *stand, struct maker *maker)
{
	int pair[2], error;

	*maker = (struct maker){ .stand = stand };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	maker->end = pair[0];
	maker->peer = pair[1];
	stand->count++;
	error = duet_handle_adopt(stand->loop, pair[0], DUET_HANDLE_NO_ANCILLARY, &maker->handle);
	if (error)
		close(pair[0]);
	duet_op_init(&maker->op, NULL, NULL);
	if (is_cxx(stand->way))
		return error ? error : begin_cxx(stand, maker);
	duet_coroutine_init(&maker->coroutine, BODIES[stand->way]);
	duet_coroutine_task_init(&maker->task, &maker->coroutine);
	return error;
}

static int begin_stand(struct stand *stand, const struct hot_options *wanted, uint32_t count)
{
	struct duet_loop_options options;
	int error;

	*stand = (struct stand){ .way = wanted->way,
				 .early = wanted->early > 0,
				 .is_ring = strcmp(wanted->mechanism.name, "polling") != 0 };
	stand->makers = calloc(count, sizeof(*stand->makers));
	if (!stand->makers)
		return -ENOMEM;
	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.tuning = wanted->mechanism.tuning;
	error = duet_loop_create(&stand->loop, wanted->mechanism.backend, &options);
	if (!error)
		error = duet_scheduler_init(&stand->scheduler, stand->loop, NULL);
	if (!error)
		error = duet_frame_pool_create(&stand->pool, count,
					       is_cxx(wanted->way) ? CXX_FRAME_BYTES
								   : sizeof(union made));
	for (uint32_t i = 0; i < count && !error; i++)
		error = add_maker(stand, &stand->makers[i]);
	return error;
}

/* What can't be destroyed goes with the process. */
static int end_stand(struct stand *stand)
{
	int error;

	stand->over = true;
	for (uint32_t i = 0; i < stand->count; i++) {
		if (stand->makers[i].woken)
			duet_waker_wake(&stand->makers[i].woken->waker);
		close(stand->makers[i].peer);
	}
	error = loop_end(stand->loop);
	if (!error)
		end_cxx(stand);
	if (!error)
		error = duet_frame_pool_destroy(stand->pool);
	if (!error)
		free(stand->makers);
	return error;
}

/* ---- A batch. ---- */

static bool send_all(struct stand *stand)
{
	unsigned char message[MESSAGE];
	bool sent = true;

	memset(message, stand->number, sizeof(message));
	for (uint32_t i = 0; i < stand->count; i++)
		sent &= send(stand->makers[i].peer, message, sizeof(message), MSG_NOSIGNAL) ==
			MESSAGE;
	return sent;
}

static struct duet_task *spawn(struct maker *self)
{
	if (self->cxx)
		return HOT_CXX.spawn(self->cxx);
	return duet_task_spawn(&self->stand->scheduler, NULL, &self->task.task) ? NULL
										: &self->task.task;
}

static void wake_all(struct stand *stand)
{
	for (uint32_t i = 0; i < stand->count; i++) {
		struct maker *maker = &stand->makers[i];

		if (maker->woken) {
			duet_waker_wake(&maker->woken->waker);
			continue;
		}
		maker->woken = spawn(maker);
		stand->wrong |= !maker->woken;
	}
}

static bool turn(struct stand *stand, int64_t timeout_ns)
{
	return duet_loop_turn(stand->loop, timeout_ns) >= 0 && !stand->wrong;
}

/* Until all wait for the kernel: armed, and on a ring handed over. */
static bool turn_until_armed(struct stand *stand)
{
	struct duet_stats before, now;
	uint64_t armed;

	duet_loop_stats(stand->loop, &before);
	do {
		if (!turn(stand, 0))
			return false;
		duet_loop_stats(stand->loop, &now);
		armed = now.armed - before.armed;
	} while (armed < stand->count ||
		 (stand->is_ring && now.submitted - before.submitted < armed));
	return true;
}

static bool turn_until_received(struct stand *stand)
{
	const uint32_t seconds = stand->way == HOT_DEFERRED ? stand->count : 0;

	while (stand->received < stand->count || stand->seconds < seconds) {
		if (!turn(stand, TURN_NS))
			return false;
	}
	return !stand->wrong;
}

/* What it costs to send is left out; clock is the thread's, or that on the wall, and then it is
 * from when both are there, the message and who waits. */
static bool play_batch(struct stand *stand, uint64_t (*clock)(void), double *taken_ns)
{
	uint64_t begun_ns;
	bool good = true;

	stand->number++;
	stand->received = stand->seconds = 0;
	good = !stand->early || send_all(stand);
	begun_ns = clock();
	wake_all(stand);
	if (!stand->early) {
		good = good && turn_until_armed(stand);
		*taken_ns = clock == sample_cpu_ns ? (double)(clock() - begun_ns) : 0;
		good = good && send_all(stand);
		begun_ns = clock();
	} else {
		*taken_ns = 0;
	}
	good = good && turn_until_received(stand);
	*taken_ns += (double)(clock() - begun_ns);
	return good;
}

static bool play_batches(struct stand *stand, uint64_t (*clock)(void), uint32_t batches,
			 double *taken_ns)
{
	bool good = true;

	for (uint32_t i = 0; i < batches && good; i++)
		good = play_batch(stand, clock, &taken_ns[i]);
	return good;
}

static bool play_crowd(struct stand *stand, uint32_t batches, struct hot_result *result)
{
	const double operations = (double)batches * CROWD;
	struct duet_scheduler_stats *tasks = &stand->scheduler.stats;
	double cpu_ns[HOT_BATCHES_MAX];
	struct duet_stats before, after;
	struct duet_frame_stats frames;
	uint64_t steps, takes;

	if (!play_batches(stand, sample_cpu_ns, WARM, cpu_ns))
		return false;
	duet_loop_stats(stand->loop, &before);
	steps = tasks->stepped + tasks->resumed;
	takes = stand->takes;
	if (!play_batches(stand, sample_cpu_ns, batches, cpu_ns))
		return false;
	duet_loop_stats(stand->loop, &after);
	result->cpu_ns = sample_median(cpu_ns, batches) / CROWD;
	result->calls = (double)(after.system_calls - before.system_calls) / operations;
	result->steps = (double)(tasks->stepped + tasks->resumed - steps) / operations;
	result->takes = (double)(stand->takes - takes) / operations;
	duet_frame_pool_stats(stand->pool, &frames);
	result->pool = (double)frames.wanted_max_bytes;
	return true;
}

/* ---- Made and cancelled. ---- */

static void make(struct maker *self)
{
	if (self->cxx) {
		self->stand->wrong |= !HOT_CXX.make(self->cxx);
		return;
	}
	take(self);
	if (is_hot(self->stand->way))
		make_eager(self, 1);
	else if (self->stand->way >= HOT_FUTURE)
		make_future(self);
	else if (self->stand->way >= HOT_LAZY)
		make_lazy(self, &self->made->lazy);
	else
		prepare(self, &self->op);
}

static void cancel_future(struct maker *self)
{
	struct duet_context context = { .loop = self->stand->loop };
	struct duet_future *future = &self->made->future.future;

	self->stand->wrong |= duet_future_poll_cancel(future, &context) != DUET_READY ||
			      future->result != -ECANCELED;
}

/* What is cold has not begun: there is nothing to wait for. What is hot keeps its memory until it
 * has ended. */
static void cancel(struct maker *self)
{
	enum hot_way way = self->stand->way;

	if (self->cxx) {
		HOT_CXX.cancel(self->cxx);
		return;
	}
	if (is_hot(way)) {
		duet_task_cancel(&self->made->eager.task.task);
		release(&self->made->eager);
		return;
	}
	if (way == HOT_DIRECT)
		duet_op_cancel(&self->op);
	if (way == HOT_FUTURE || way == HOT_FUTURE_POOLED)
		cancel_future(self);
	give(self, self->made);
}

/* Nothing is lost: what nobody has taken is still there. */
static bool is_conserved(struct stand *stand)
{
	unsigned char message[MEMORY];
	uint32_t left = 0;

	for (uint32_t i = 0; i < stand->count; i++)
		left += recv(stand->makers[i].end, message, sizeof(message), MSG_DONTWAIT) ==
			MESSAGE;
	return left + stand->taken == (stand->early ? stand->count : 0);
}

static bool cancel_batch(struct stand *stand, double *cpu_ns)
{
	bool good = !stand->early || send_all(stand);
	uint64_t begun_ns = sample_cpu_ns();

	stand->ended = stand->taken = 0;
	for (uint32_t i = 0; i < stand->count; i++)
		make(&stand->makers[i]);
	for (int i = 0; i < LEFT_ALONE && stand->scheduler.live; i++)
		good = good && turn(stand, 0);
	for (uint32_t i = 0; i < stand->count; i++)
		cancel(&stand->makers[i]);
	while (good && stand->scheduler.live)
		good = turn(stand, TURN_NS);
	*cpu_ns = (double)(sample_cpu_ns() - begun_ns);
	return good && !stand->wrong && is_conserved(stand);
}

static bool cancel_crowd(struct stand *stand, uint32_t batches, struct hot_result *result)
{
	const double operations = (double)batches * CROWD;
	double cpu_ns[HOT_BATCHES_MAX];
	struct duet_stats before, after;
	uint64_t taken = 0;

	for (int i = 0; i < WARM; i++) {
		if (!cancel_batch(stand, cpu_ns))
			return false;
	}
	duet_loop_stats(stand->loop, &before);
	for (uint32_t i = 0; i < batches; i++) {
		if (!cancel_batch(stand, &cpu_ns[i]))
			return false;
		taken += stand->taken;
	}
	duet_loop_stats(stand->loop, &after);
	result->cancel_ns = sample_median(cpu_ns, batches) / CROWD;
	result->started = (double)(after.started - before.started) / operations;
	result->cancel_calls = (double)(after.system_calls - before.system_calls) / operations;
	result->taken = (double)taken / operations;
	return true;
}

/* ---- A play. ---- */

static bool play_one(struct stand *stand, uint32_t times, struct hot_result *result)
{
	double taken_ns[HOT_TIMES_MAX];

	if (!play_batches(stand, window_now_ns, WARM, taken_ns) ||
	    !play_batches(stand, window_now_ns, times, taken_ns))
		return false;
	result->latency_ns = sample_median(taken_ns, times);
	return true;
}

typedef bool measure_fn(struct stand *stand, uint32_t count, struct hot_result *result);

static int play_on(const struct hot_options *options, measure_fn *measure, uint32_t makers,
		   uint32_t count, struct hot_result *result)
{
	struct stand stand;
	int error = begin_stand(&stand, options, makers), ended;

	if (!error && !measure(&stand, count, result))
		error = -EBADMSG;
	ended = end_stand(&stand);
	return error ? error : ended;
}

/* The operation that is awaited is the maker's where nothing is made, where it joins, and always in
 * C++20, where it is the task's. */
static void sum_up_bytes(enum hot_way way, struct hot_result *result)
{
	const double size = is_cxx(way) ? 0 : (double)size_of(way);
	const double op = (double)sizeof(struct duet_op);

	result->place = is_pooled(way) ? 0 : size;
	result->place += way == HOT_DIRECT || is_hot(way) || is_cxx(way) ? op : 0;
	result->place += way == HOT_DEFERRED ? op : 0;
	result->place += way == HOT_CXX_EAGER ? (double)HOT_CXX.job_bytes : 0;
	if (!is_cxx(way))
		result->pool = is_pooled(way) ? size : 0;
}

int hot_play(const struct hot_options *options, struct hot_result *result)
{
	int error = play_on(options, play_crowd, CROWD, options->batches, result);

	if (!error)
		error = play_on(options, cancel_crowd, CROWD, options->batches, result);
	if (!error)
		error = play_on(options, play_one, 1, options->times, result);
	sum_up_bytes(options->way, result);
	return error;
}
