/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <time.h>

/*
 * A turn: (1) what was started since the last one and may be attempted; (2) one look for events;
 * (3) the handles they name; (4) what the completions of this turn have started.
 */

/* ---- The list of handles to attempt. ---- */

static struct duet_slot *next_attempt(struct duet_loop *loop)
{
	struct polling *polling = polling_of(loop);
	struct duet_slot *slot = &loop->slots[polling->attempts_first - 1];

	polling->attempts_first = slot->next;
	polling->attempts_count--;
	slot->ready &= ~(uint32_t)QUEUED;
	return slot;
}

void polling_attempt_never(struct duet_loop *loop, struct duet_slot *slot)
{
	struct polling *polling = polling_of(loop);
	uint32_t place = (uint32_t)(slot - loop->slots) + 1;
	uint32_t *at = &polling->attempts_first;
	uint32_t before = 0;

	/* The starts of the handle's successor in this slot do need the list. */
	if (polling->visited == slot)
		polling->visited = NULL;
	if (!(slot->ready & QUEUED))
		return;
	while (*at != place) {
		before = *at;
		at = &loop->slots[*at - 1].next;
	}
	*at = slot->next;
	if (polling->attempts_last == place)
		polling->attempts_last = before;
	polling->attempts_count--;
	slot->ready &= ~(uint32_t)QUEUED;
}

/* ---- One handle. ---- */

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

/* Of two directions that are due: the other one than last time. */
static COLD uint32_t choose(const struct duet_loop *loop, uint32_t attempts)
{
	return (loop->stats.turns ^ attempts) & 1 ? HELD : HELD << DIRECTION_WRITE;
}

/* What has more to give goes behind all others. */
static COLD void visit_again(struct duet_loop *loop, struct duet_slot *slot)
{
	slot->ready |= TIRED;
	polling_attempt_later(loop, slot);
}

/* Attempts until nothing is due or the burst is used up. */
COLD void polling_visit_on(struct duet_loop *loop, struct duet_slot *slot, uint32_t attempts)
{
	struct polling *polling = polling_of(loop);
	uint32_t due;

	while ((due = polling_dues(slot)) && attempts < loop->burst_max) {
		if (due == (HELD | HELD << DIRECTION_WRITE))
			due = choose(loop, attempts);
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

/*
 * Attempts what is due on a handle and delivers. Each report may end, close or start anything, so
 * that everything is looked at again; `visited` is no longer the handle if that is gone.
 */
static void visit(struct duet_loop *loop, struct duet_slot *slot)
{
	struct polling *polling = polling_of(loop);

	polling->visited = slot;
	if (unlikely(slot->ready & (TAKEN | AWAITED | AWAITED << DIRECTION_WRITE)))
		visit_others(loop, slot);
	if (polling->visited == slot)
		polling_visit_on(loop, slot, 0);
}

/* ---- What was started. ---- */

/* Those that are on the list now; what they start is for the next pass. `again`: the handles that
 * used up their burst in this turn keep their place in line for the next one. */
static COLD void attempt_handles(struct duet_loop *loop, bool again)
{
	struct polling *polling = polling_of(loop);

	for (uint32_t left = polling->attempts_count; left && polling->attempts_first; left--) {
		struct duet_slot *slot = next_attempt(loop);

		if (again && slot->ready & TIRED) {
			polling_attempt_later(loop, slot);
			continue;
		}
		slot->ready &= ~(uint32_t)TIRED;
		visit(loop, slot);
	}
}

static COLD void attempt_due(struct duet_loop *loop)
{
	struct polling *polling = polling_of(loop);

	for (uint32_t left = polling->due_count; left && polling->due_first; left--) {
		struct duet_op *op = polling->due_first;

		polling->due_first = (struct duet_op *)(uintptr_t)op->backend;
		polling->due_count--;
		polling_finish_due(loop, op);
	}
}

static inline void attempt_started(struct duet_loop *loop, bool again)
{
	if (polling_of(loop)->attempts_first)
		attempt_handles(loop, again);
	if (polling_of(loop)->due_first)
		attempt_due(loop);
}

int polling_prepare(struct duet_loop *loop)
{
	const struct polling *polling = polling_of(loop);

	return polling->attempts_first || polling->due_first;
}

/* ---- Events. ---- */

/* epoll_wait() knows milliseconds: a timer must not be early, so they are rounded up. */
static int timeout_ms(int64_t timeout_ns)
{
	int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 > 0);

	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static COLD int wait_timed(struct polling *polling, int64_t timeout_ns)
{
	struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
	int max = (int)polling->events_max;
	int count;

	if (!polling->coarse) {
		count = epoll_pwait2(polling->epoll, polling->events, max, &limit, NULL);
		if (count >= 0 || errno != ENOSYS)
			return count < 0 ? -errno : count;
		polling->coarse = true;
	}
	count = epoll_wait(polling->epoll, polling->events, max, timeout_ms(timeout_ns));
	return count < 0 ? -errno : count;
}

static inline int wait_for(struct polling *polling, int64_t timeout_ns)
{
	if (unlikely(timeout_ns > 0))
		return wait_timed(polling, timeout_ns);
	/* Not every machine has epoll_wait(2) itself. */
	return (int)polling_system_call(SYS_epoll_pwait, polling->epoll,
					(long)(intptr_t)polling->events,
					(long)polling->events_max, timeout_ns < 0 ? -1 : 0);
}

/* The number of events, or -errno. */
static inline int fetch(struct duet_loop *loop, int64_t timeout_ns)
{
	int count = wait_for(polling_of(loop), timeout_ns);

	loop->stats.system_calls++;
	if (likely(count > 0))
		loop->stats.events += (uint64_t)count;
	loop->stats.waits += timeout_ns != 0;
	duet_core_awake(loop);
	return count;
}

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
		visit(loop, slot);
}

static COLD void act_on(struct duet_loop *loop, struct duet_slot *slot,
			const struct epoll_event *event)
{
	take_note(slot, event->events);
	go_on(loop, slot, event);
}

/* Both directions of a plain handle are ready, as most events say, and its read is all that is
 * due, as on most handles: nothing of that needs to be looked at one by one. */
static inline void act(struct duet_loop *loop, const struct epoll_event *event)
{
	const uint32_t write = DIRECTION_WRITE;
	struct duet_slot *slot = informed(loop, event);

	if (unlikely(!slot))
		return;
	if (likely(event->events == (EPOLLIN | EPOLLOUT) && slot->plain &&
		   (slot->ready & (UNUSUAL | HELD | HELD << write)) == HELD)) {
		slot->ready = (slot->ready & ~(uint32_t)(EMPTY | EMPTY << write)) |
			      (READY | READY << write);
		polling_finish_usual(loop, slot);
		return;
	}
	act_on(loop, slot, event);
}

static inline void act_plainly(struct duet_loop *loop, const struct epoll_event *event,
			       const struct epoll_event *end)
{
	for (; event != end; event++)
		act(loop, event);
}

/* First receives what every handle of the batch has, and only then delivers. */
static COLD void act_eagerly(struct duet_loop *loop, int count)
{
	const struct epoll_event *events = polling_of(loop)->events;
	struct duet_slot *slot;

	for (int i = 0; i < count; i++) {
		slot = duet_core_slot(loop, events[i].data.u64);
		if (!slot)
			continue;
		take_note(slot, events[i].events);
		polling_take_early(loop, slot);
	}
	for (int i = 0; i < count; i++) {
		slot = informed(loop, &events[i]);
		if (slot)
			go_on(loop, slot, &events[i]);
	}
}

/* ---- The turn. ---- */

int polling_wait(struct duet_loop *loop, int64_t timeout_ns)
{
	struct polling *polling = polling_of(loop);
	uint32_t delivered = loop->delivered;
	bool reported;
	int count;

	attempt_started(loop, false);
	reported = loop->delivered != delivered;
	/* What was delivered goes first, but events never wait for longer than one such turn. */
	if (reported && !polling->hasty) {
		polling->hasty = true;
		return 0;
	}
	polling->hasty = false;
	count = fetch(loop, reported || polling_prepare(loop) ? 0 : timeout_ns);
	if (count < 0)
		return count == -EINTR ? 0 : count;
	if (unlikely(polling->eager))
		act_eagerly(loop, count);
	else
		act_plainly(loop, polling->events, polling->events + count);
	attempt_started(loop, true);
	return 0;
}
