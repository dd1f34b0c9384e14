/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "core/handle.h"
#include "core/lifecycle.h"
#include "core/queue.h"
#include "core/shortcut.h"

/*
 * What comes before the end, or with it: the connections of a multishot accept, the buffers of a
 * pooled receive, the word that its pool is empty, and the events of a multishot poll.
 */

void duet_core_end_buffer(struct duet_loop *loop, struct duet_op *op, int result, uint16_t index)
{
	struct duet_pool *pool = op->args.io.pool;
	bool wanted = result > 0 && op->done;

	core_buffer_hold(pool, index);
	op->buffer = core_buffer_view(pool, index, result > 0 ? (uint32_t)result : 0);
	if (!wanted) {
		loop->stats.reclaimed++;
		if (!MUTANT(failed_buffer_kept))
			duet_buffer_return(loop, &op->buffer);
		op->buffer = (struct duet_buffer){0};
	}
	duet_core_end(loop, op, result);
}

/*
 * Ends that wait to be told stood in front of op on its line, or came before: they are told first.
 * If what they call stops op at once, its end is queued behind this item, and keeps its outcome.
 */
static void tell_ends(struct duet_loop *loop)
{
	if (__builtin_expect(loop->done.first != NULL, 0))
		core_drain(loop);
}

static void tell_item(struct duet_loop *loop, struct duet_op *op, int result)
{
	op->result = result;
	op->disposition = result < 0 ? DUET_FAILED : DUET_COMPLETED;
	op->cause = DUET_CAUSE_ITSELF;
	op->more = 1;
	loop->delivered++;
	loop->stats.interim++;
	if (op->done)
		op->done(op);
	op->more = 0;
}

static void deliver_item(struct duet_loop *loop, struct duet_op *op, int result)
{
	const int32_t kept_result = op->result;
	const uint8_t kept_disposition = op->disposition, kept_cause = op->cause;

	if (op->state != STATE_ENDED || MUTANT(arrival_becomes_the_end)) {
		tell_item(loop, op, result);
		if (op->state == STATE_ENDED)
			duet_core_item_told(loop, op);
		return;
	}
	tell_item(loop, op, result);
	op->result = kept_result;
	op->disposition = kept_disposition;
	op->cause = kept_cause;
	op->transferred = 0;
}

void duet_core_item_events(struct duet_loop *loop, struct duet_op *op, int events)
{
	tell_ends(loop);
	/* What is only told, and not handed over, is told nobody who has asked for the end. */
	if (!op->request || MUTANT(events_after_request))
		deliver_item(loop, op, events);
}

void duet_core_item_accepted(struct duet_loop *loop, struct duet_op *op, int fd)
{
	/* Made before anything else is told: that may close the listener whose kind it takes after. */
	duet_handle made;
	int error = op->done ? core_handle_made(loop, op, fd, &made) : -ECANCELED;

	tell_ends(loop);
	if (!error) {
		op->made = made;
		deliver_item(loop, op, 0);
		return;
	}
	/* The table is full: as an accept that runs into the process's own bound, it ends. */
	core_discard(loop, fd);
	if (error == -ENFILE && !op->verdict && op->state == STATE_ISSUED) {
		op->verdict = error;
		core_stop(loop, op);
	}
}

static __attribute__((noinline)) void item_any(struct duet_loop *loop, struct duet_op *op,
					       int result, uint16_t index)
{
	struct duet_pool *pool = op->args.io.pool;

	tell_ends(loop);
	core_buffer_hold(pool, index);
	op->buffer = core_buffer_view(pool, index, (uint32_t)result);
	if (!op->done || (MUTANT(late_bytes_discarded) && op->request)) {
		loop->stats.reclaimed++;
		duet_buffer_return(loop, &op->buffer);
		return;
	}
	op->transferred = (uint32_t)result;
	deliver_item(loop, op, result);
}

void duet_core_item_buffer(struct duet_loop *loop, struct duet_op *op, int result, uint16_t index)
{
	struct duet_pool *pool = op->args.io.pool;

	if (__builtin_expect(!duet_core_may_tell_plainly(loop, op), 0)) {
		item_any(loop, op, result, index);
		return;
	}
	core_buffer_hold(pool, index);
	duet_core_tell_plainly(loop, op, pool, index, duet_core_buffer_data(pool, index),
			       (uint32_t)result);
}

/* How many got their turn since the last look for events, and so may yet take a buffer. */
static uint32_t fed_now(const struct duet_loop *loop, const struct duet_pool *pool)
{
	return pool->fed_turn == loop->stats.turns ? pool->fed : 0;
}

void duet_core_starve(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_pool *pool = op->args.io.pool;

	if (op->request) {
		duet_core_end(loop, op, -ECANCELED);
		return;
	}
	loop->stats.starved++;
	loop->starved++;
	core_state_set(op, STATE_WAITING);
	core_queue_push(&pool->starved, op);
	op->buffer = (struct duet_buffer){0};
	op->transferred = 0;
	deliver_item(loop, op, -ENOBUFS);
	/* Buffers may have come back between the kernel's answer and now, when nobody was in line. Those
	 * that somebody was fed for are spoken for: to start more than can be served costs each of
	 * them another answer that there is nothing. */
	if (pool->free_count > fed_now(loop, pool))
		core_feed(loop, pool);
}

void core_feed(struct duet_loop *loop, struct duet_pool *pool)
{
	struct duet_op *op;

	if (!pool->starved.first || !pool->free_count)
		return;
	op = core_queue_pop(&pool->starved);
	loop->starved--;
	loop->fed = true;
	pool->fed = fed_now(loop, pool) + 1;
	pool->fed_turn = loop->stats.turns;
	if (core_issue(loop, op) == BACKEND_ENDED)
		core_finish(loop, op, op->result);
}

bool core_feed_idle(struct duet_loop *loop)
{
	bool fed = loop->fed;

	/* Whoever was fed since the last time has not had a turn yet. */
	loop->fed = false;
	for (int id = 0; id < DUET_POOLS_MAX && !fed; id++) {
		struct duet_pool *pool = loop->pools[id];

		for (uint32_t left = pool ? pool->free_count : 0; left; left--)
			core_feed(loop, pool);
	}
	fed |= loop->fed;
	return fed;
}
