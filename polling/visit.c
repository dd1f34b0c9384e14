/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

/*
 * What an event, or a start, leads to: the attempts on one handle. Each report may end, close or
 * start anything, so that everything is looked at again after it; `visited` is no longer the handle
 * if that is gone.
 */

/* ---- Any handle. ---- */

static inline bool anything_awaited(const struct duet_slot *slot)
{
	return polling_is_awaited(slot, DIRECTION_READ) ||
	       polling_is_awaited(slot, DIRECTION_WRITE);
}

/* The rare guests of a handle. */
static COLD void visit_others(struct duet_loop *loop, struct duet_slot *slot)
{
	if (slot->ready & TAKEN)
		polling_finish_taken(loop, slot);
	if (polling_of(loop)->visited == slot)
		polling_native_ready(loop, slot);
}

/* Of two directions that are due: the other one than last time. A receive that is due beside a
 * connect was started before it. */
static COLD uint32_t choose(const struct duet_loop *loop, const struct duet_slot *slot,
			    uint32_t attempts)
{
	if (polling_is_connecting(slot))
		return HELD;
	return (loop->stats.turns ^ attempts) & 1 ? HELD : HELD << DIRECTION_WRITE;
}

/* What has more to give goes behind all others. */
static COLD void visit_again(struct duet_loop *loop, struct duet_slot *slot)
{
	slot->ready |= TIRED;
	polling_attempt_later(loop, slot);
}

/* Attempts until nothing is due or the burst is used up. */
static COLD void visit_on(struct duet_loop *loop, struct duet_slot *slot, uint32_t attempts)
{
	struct polling *polling = polling_of(loop);
	uint32_t due;

	while ((due = polling_dues(slot)) && attempts < loop->burst_max) {
		if (due == (HELD | HELD << DIRECTION_WRITE))
			due = choose(loop, slot, attempts);
		if (due == HELD)
			polling_finish_reads(loop, slot);
		else
			polling_finish_writes(loop, slot);
		if (polling->visited != slot)
			return;
		attempts++;
	}
	polling->visited = NULL;
	if (due || anything_awaited(slot))
		visit_again(loop, slot);
}

void polling_visit(struct duet_loop *loop, struct duet_slot *slot)
{
	struct polling *polling = polling_of(loop);

	polling->visited = slot;
	if (unlikely(slot->ready & (TAKEN | AWAITED | AWAITED << DIRECTION_WRITE)))
		visit_others(loop, slot);
	if (polling->visited == slot)
		visit_on(loop, slot, 0);
}

/* ---- The usual visit. ---- */

static inline void deliver_plainly(struct duet_loop *loop, struct duet_slot *slot,
				   struct duet_op *op, unsigned char *data, uint32_t bytes)
{
	/* Not kept over the call: to save a register costs more than to fetch this again. */
	struct duet_pool *pool = op->args.io.pool;
	uint32_t index = duet_core_buffer_keep(pool);

	if (unlikely(bytes == pool->size_bytes))
		polling_note_ready(slot, DIRECTION_READ);
	if (unlikely(!duet_core_may_tell_plainly(loop, op))) {
		duet_core_item_buffer(loop, op, (int)bytes, (uint16_t)index);
		return;
	}
	core_buffer_hand_over(pool, index);
	duet_core_tell_plainly(loop, op, pool, index, data, bytes);
}

/* A multishot receive into a pool's buffer. The direction is noted as empty already, as it will be
 * unless the arrival fills the buffer, or the stream ends, or the call is interrupted. */
static inline void receive_plainly(struct duet_loop *loop, struct duet_slot *slot,
				   struct duet_op *op)
{
	const struct duet_pool *pool = op->args.io.pool;
	int index = duet_core_buffer_peek(pool);
	unsigned char *data;
	long n;

	if (unlikely(index == LEND_NONE)) {
		polling_note_ready(slot, DIRECTION_READ);
		polling_find_no_buffer(loop, slot, op);
		return;
	}
	data = duet_core_buffer_data(pool, (uint16_t)index);
	n = polling_call_recv(loop, slot, data, pool->size_bytes);
	if (unlikely(n <= 0)) {
		polling_note_ready(slot, DIRECTION_READ);
		polling_finish_unreceived(loop, slot, op, (int)n);
		return;
	}
	deliver_plainly(loop, slot, op, data, (uint32_t)n);
}

/* A send of one piece, and nothing behind it. */
static inline void send_plainly(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	const struct iovec *piece = op->args.io.vectors;
	long n = polling_call_send(loop, slot, piece->iov_base, piece->iov_len);

	if (unlikely(n != (long)piece->iov_len)) {
		polling_finish_unsent(loop, slot, op, (int)n);
		return;
	}
	slot->ready &= ~polling_bits(HELD, DIRECTION_WRITE);
	core_took(loop, op, CORE_INLINE);
	duet_core_end_plainly(loop, op, &slot->writes);
}

/*
 * One receive, and the send that its completion has started: most visits, and so without a look
 * at anything that the bits and the way the send came have answered already. What else there is, or
 * has become of the handle meanwhile, is visit_on()'s.
 */
static inline void visit_usual(struct duet_loop *loop, struct duet_slot *slot)
{
	const uint32_t plain_send = (HELD | PLAIN) << DIRECTION_WRITE;
	const uint32_t due_at_all = UNUSUAL | HELD | EMPTY | HELD << DIRECTION_WRITE;
	const uint32_t looked_at = due_at_all | plain_send | EMPTY << DIRECTION_WRITE;
	struct polling *polling = polling_of(loop);
	uint32_t attempts = 1;
	struct duet_op *op;

	polling->visited = slot;
	receive_plainly(loop, slot, slot->reads);
	if (unlikely(polling->visited != slot))
		return;
	op = slot->writes;
	if (likely((slot->ready & looked_at) == (HELD | EMPTY | plain_send) && op->next == op &&
		   !loop->done.first)) {
		send_plainly(loop, slot, op);
		if (unlikely(polling->visited != slot))
			return;
		attempts = 2;
	}
	if (likely((slot->ready & due_at_all) == (HELD | EMPTY)))
		polling->visited = NULL;
	else
		visit_on(loop, slot, attempts);
}

/* ---- Events. ---- */

static inline void take_note(struct duet_slot *slot, uint32_t events)
{
	const uint32_t lasting = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

	if (events & (EPOLLIN | lasting))
		polling_note_ready(slot, DIRECTION_READ);
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		polling_note_ready(slot, DIRECTION_WRITE);
	if (unlikely(events & lasting))
		slot->ready |= LASTING;
}

/* The handle of an event; NULL if it is gone, or the event is that of a wake. */
static inline struct duet_slot *informed(struct duet_loop *loop, const struct epoll_event *event)
{
	struct duet_slot *slot = duet_core_slot(loop, event->data.u64);

	if (!slot && event->data.u64 != POLLING_WAKE_IDENTITY)
		loop->stats.stale++;
	return slot;
}

static inline void go_on(struct duet_loop *loop, struct duet_slot *slot,
			 const struct epoll_event *event)
{
	if (unlikely(slot->ready & POLLED)) {
		polling_finish_polls(loop, slot, event->events);
		if (!duet_core_slot(loop, event->data.u64))
			return;
	}
	/* One that is on the list has its place there. */
	if (likely(!(slot->ready & QUEUED)))
		polling_visit(loop, slot);
}

static COLD void act_on(struct duet_loop *loop, const struct epoll_event *event)
{
	struct duet_slot *slot = informed(loop, event);

	if (!slot)
		return;
	take_note(slot, event->events);
	go_on(loop, slot, event);
}

/* Both directions of a plain handle are ready, as most events say, and a plain read is all that is
 * due, as on most handles: nothing of that needs to be looked at one by one. */
static inline void act(struct duet_loop *loop, const struct epoll_event *event)
{
	const uint32_t write = DIRECTION_WRITE;
	uint32_t index = duet_core_slot_index(event->data.u64);
	struct duet_slot *slot = &loop->slots[index];

	if (likely(index < loop->handles_max && event->events == (EPOLLIN | EPOLLOUT) &&
		   slot->plain == event->data.u64 >> 32 &&
		   (slot->ready & (UNUSUAL | HELD | PLAIN | HELD << write)) == (HELD | PLAIN))) {
		slot->ready = (slot->ready & ~(uint32_t)(READY | EMPTY << write)) |
			      (EMPTY | READY << write);
		visit_usual(loop, slot);
		return;
	}
	act_on(loop, event);
}

void polling_visit_all(struct duet_loop *loop, const struct epoll_event *event,
		       const struct epoll_event *end)
{
	for (; event != end; event++)
		act(loop, event);
}

/* First receives what every handle of the batch has, and only then delivers. */
void polling_visit_eagerly(struct duet_loop *loop, const struct epoll_event *event,
			   const struct epoll_event *end)
{
	const struct epoll_event *at;
	struct duet_slot *slot;

	for (at = event; at != end; at++) {
		slot = duet_core_slot(loop, at->data.u64);
		if (!slot)
			continue;
		take_note(slot, at->events);
		polling_take_early(loop, slot);
	}
	for (at = event; at != end; at++) {
		slot = informed(loop, at);
		if (slot)
			go_on(loop, slot, at);
	}
}
