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
		polling_visit(loop, slot);
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
		polling_visit_eagerly(loop, polling->events, polling->events + count);
	else
		polling_visit_all(loop, polling->events, polling->events + count);
	attempt_started(loop, true);
	return 0;
}
