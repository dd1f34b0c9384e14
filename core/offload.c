/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/queue.h"
#include "core/thread.h"

/*
 * The job is the operation itself: `queued` links it, `backend` holds the work function, and the
 * worker leaves the raw result in op->result. Between the two queues it belongs to its worker. Of the kind
 * work each knows who stands before it, because a scope may stop any number of them, in any order; what
 * backends have done here has no room for that, and is searched for. The loop hears of what is finished by
 * one message, on its way from the first of them until it is collected: a wake is the caller's to ask for
 * and to count.
 */
struct core_offload {
	struct duet_loop *loop;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct core_queue jobs;     /* under lock */
	struct core_queue finished; /* under lock */
	bool told;                  /* under lock: the message is on its way, or deferred */
	bool ending;                /* under lock */
	struct duet_message message;
	uint32_t count;
	pthread_t threads[];
};

/* What backends have done here is known to need little; of what the caller has nobody knows. */
enum { WORKER_STACK_BYTES = 128 * 1024, WORK_STACK_BYTES = 1024 * 1024 };

typedef int work_fn(struct duet_op *op);

/* ---- The line, under lock. ---- */

static void set_before(struct duet_op *op, struct duet_op *before)
{
	if (op && op->kind == DUET_WORK)
		op->args.work.before = before;
}

static void set_in_line(struct duet_op *op, bool in_line)
{
	if (op->kind == DUET_WORK)
		op->args.work.in_line = in_line;
}

static void push_job(struct core_queue *jobs, struct duet_op *op)
{
	set_before(op, jobs->first ? jobs->last : NULL);
	set_in_line(op, true);
	core_queue_push(jobs, op);
}

static struct duet_op *pop_job(struct core_queue *jobs)
{
	struct duet_op *op = core_queue_pop(jobs);

	if (!op)
		return NULL;
	set_in_line(op, false);
	set_before(jobs->first, NULL);
	return op;
}

/* Does op stand in line? And behind whom? */
static bool find_job(const struct core_queue *jobs, const struct duet_op *op,
		     struct duet_op **before)
{
	struct duet_op *at = jobs->first;

	if (op->kind == DUET_WORK) {
		*before = op->args.work.before;
		return op->args.work.in_line;
	}
	for (*before = NULL; at && at != op; at = at->queued)
		*before = at;
	return at;
}

static bool remove_job(struct core_queue *jobs, struct duet_op *op)
{
	struct duet_op *before;

	if (!find_job(jobs, op, &before))
		return false;
	if (before)
		before->queued = op->queued;
	else
		jobs->first = op->queued;
	if (jobs->last == op)
		jobs->last = before;
	set_before(op->queued, before);
	set_in_line(op, false);
	return true;
}

/* ---- Workers. ---- */

static struct duet_op *next_job(struct core_offload *offload)
{
	struct duet_op *op;

	pthread_mutex_lock(&offload->lock);
	while (!(op = pop_job(&offload->jobs)) && !offload->ending)
		pthread_cond_wait(&offload->work, &offload->lock);
	pthread_mutex_unlock(&offload->lock);
	return op;
}

static void *worker(void *argument)
{
	struct core_offload *offload = argument;
	struct duet_op *op;

	while ((op = next_job(offload))) {
		work_fn *work = (work_fn *)(uintptr_t)op->backend;
		bool tell;

		op->result = work(op);
		pthread_mutex_lock(&offload->lock);
		core_queue_push(&offload->finished, op);
		tell = !offload->told;
		offload->told = true;
		pthread_mutex_unlock(&offload->lock);
		if (tell)
			duet_loop_post(offload->loop, &offload->message);
	}
	return NULL;
}

static struct core_offload *offload_of(struct duet_message *message)
{
	return (struct core_offload *)(void *)((char *)message -
					       offsetof(struct core_offload, message));
}

/* A receive that has its buffer already. */
static void report_received(struct duet_loop *loop, struct duet_op *op, int result)
{
	uint16_t index = op->buffer.index;

	if (result <= 0) {
		duet_core_buffer_untake(op->args.io.pool, index);
		duet_core_end(loop, op, result);
	} else if (!(op->flags & DUET_MULTISHOT) || op->request) {
		duet_core_end_buffer(loop, op, result, index);
	} else {
		duet_core_item_buffer(loop, op, result, index);
		/* Still here, whatever was asked of it: nobody but this can end it. */
		if (op->request)
			duet_core_end(loop, op, -ECANCELED);
		else
			duet_core_answered(loop, op, loop->backend->start(loop, op));
	}
}

/* The pipe was ready before the call, and wasn't any more: somebody else was quicker. */
static void report_not_ready(struct duet_loop *loop, struct duet_op *op)
{
	if (op->request)
		duet_core_end(loop, op, -ECANCELED);
	else
		duet_core_answered(loop, op, loop->backend->start(loop, op));
}

static void report(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (op->kind == DUET_RECV && op->flags & DUET_POOLED)
		report_received(loop, op, result);
	else if (op->kind == DUET_SPLICE && result == -EAGAIN)
		report_not_ready(loop, op);
	else
		duet_core_end(loop, op, result);
}

/* On the loop's thread: reports what workers have finished. */
static void collect(struct duet_message *message)
{
	struct core_offload *offload = offload_of(message);
	struct core_queue finished;
	struct duet_op *op;

	pthread_mutex_lock(&offload->lock);
	finished = offload->finished;
	offload->finished.first = NULL;
	offload->told = false;
	pthread_mutex_unlock(&offload->lock);
	while ((op = core_queue_pop(&finished)))
		report(offload->loop, op, op->result);
}

static void tell_later(struct core_offload *offload)
{
	if (offload->told)
		return;
	offload->told = true;
	duet_loop_defer(offload->loop, &offload->message);
}

/* Without workers: one job a turn, so that the next may still be withdrawn. */
static void carry_out(struct duet_message *message)
{
	struct core_offload *offload = offload_of(message);
	struct duet_op *op = pop_job(&offload->jobs);

	offload->told = false;
	if (offload->jobs.first)
		tell_later(offload);
	if (op)
		report(offload->loop, op, ((work_fn *)(uintptr_t)op->backend)(op));
}

static int start_worker(struct core_offload *offload, size_t stack_bytes)
{
	pthread_attr_t attributes;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, stack_bytes);
	error = core_thread_create(&offload->threads[offload->count], &attributes, worker, offload);
	pthread_attr_destroy(&attributes);
	if (!error)
		offload->count++;
	return error;
}

int core_offload_create(struct duet_loop *loop, uint32_t threads, bool works)
{
	struct core_offload *offload =
		calloc(1, sizeof(*offload) + threads * sizeof(offload->threads[0]));
	int error = 0;

	if (!offload)
		return -ENOMEM;
	offload->loop = loop;
	offload->message.fn = threads ? collect : carry_out;
	pthread_mutex_init(&offload->lock, NULL);
	pthread_cond_init(&offload->work, NULL);
	loop->offload = offload;
	while (!error && offload->count < threads)
		error = start_worker(offload, works ? WORK_STACK_BYTES : WORKER_STACK_BYTES);
	if (error)
		core_offload_destroy(loop);
	return error;
}

int duet_core_offload_hire(struct duet_loop *loop, uint32_t threads)
{
	return loop->offload ? 0 : core_offload_create(loop, threads, false);
}

void core_offload_destroy(struct duet_loop *loop)
{
	struct core_offload *offload = loop->offload;

	if (!offload)
		return;
	pthread_mutex_lock(&offload->lock);
	offload->ending = true;
	pthread_cond_broadcast(&offload->work);
	pthread_mutex_unlock(&offload->lock);
	for (uint32_t i = 0; i < offload->count; i++)
		pthread_join(offload->threads[i], NULL);
	pthread_cond_destroy(&offload->work);
	pthread_mutex_destroy(&offload->lock);
	free(offload);
	loop->offload = NULL;
}

void duet_core_offload(struct duet_loop *loop, struct duet_op *op, int (*work)(struct duet_op *op))
{
	struct core_offload *offload = loop->offload;

	op->backend = (uintptr_t)work;
	core_took(loop, op, CORE_WORKER);
	pthread_mutex_lock(&offload->lock);
	push_job(&offload->jobs, op);
	pthread_cond_signal(&offload->work);
	pthread_mutex_unlock(&offload->lock);
	if (!offload->count)
		tell_later(offload);
}

static bool withdraw(struct core_offload *offload, struct duet_op *op)
{
	bool found;

	pthread_mutex_lock(&offload->lock);
	found = remove_job(&offload->jobs, op);
	pthread_mutex_unlock(&offload->lock);
	return found;
}

int duet_core_offload_cancel(struct duet_loop *loop, struct duet_op *op, bool begun)
{
	if (!begun && withdraw(loop->offload, op))
		return BACKEND_ENDED;
	loop->stats.cancels_running++;
	return BACKEND_ISSUED;
}

/* ---- Pooled receives. ---- */

int duet_core_offload_receive(struct duet_loop *loop, struct duet_op *op)
{
	int index = duet_core_buffer_take(op->args.io.pool);

	if (index < 0)
		return index;
	op->buffer.index = (uint16_t)index;
	duet_core_offload(loop, op, duet_core_call_receive);
	return 0;
}

int duet_core_offload_receive_cancel(struct duet_loop *loop, struct duet_op *op)
{
	int answer = duet_core_offload_cancel(loop, op, false);

	if (answer == BACKEND_ENDED)
		duet_core_buffer_untake(op->args.io.pool, op->buffer.index);
	return answer;
}

/* ---- The kind work. ---- */

/* What it returns is its own, also the error by which a stop is known. */
static int call(struct duet_op *op)
{
	int result = op->args.work.fn(op->args.work.context);

	if (result == -ECANCELED && !MUTANT(work_error_is_a_stop))
		op->verdict = result;
	return result;
}

int core_work_begin(struct duet_loop *loop, struct duet_op *op)
{
	duet_core_offload(loop, op, call);
	return BACKEND_ISSUED;
}

void core_work_stop(struct duet_loop *loop, struct duet_op *op)
{
	core_stop_answered(loop, op, duet_core_offload_cancel(loop, op, false));
}

const char *core_work_place(const struct duet_loop *loop, const struct duet_op *op)
{
	struct core_offload *offload = loop->offload;
	struct duet_op *before;
	bool waits;

	pthread_mutex_lock(&offload->lock);
	waits = find_job(&offload->jobs, op, &before);
	pthread_mutex_unlock(&offload->lock);
	return waits ? "in line for a worker" : "at a worker thread";
}
