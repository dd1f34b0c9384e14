/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "reference/internal.h"

/* A turn takes a moment of virtual time, so that a caller who only turns gets somewhere. */
#define TURN_NS 1000

/* Of 1000 operations that could be looked at in a turn, so many have to wait for the next. */
#define PASSED_OVER_PER_MILLE 200

/* The bag as it is now, in a drawn order. Identities, because a report may end any of them. */
static uint32_t shuffle(struct reference *world)
{
	uint32_t count = world->bag_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = random_below(&world->random, i + 1);

		world->order[i] = world->order[place];
		world->order[place] = duet_core_identity(world->bag[i]);
	}
	return count;
}

/* One step of each operation that can go on and isn't passed over. How many went on. */
static uint32_t sweep(struct duet_loop *loop, uint32_t passed_over)
{
	struct reference *world = reference_of(loop);
	uint32_t count = shuffle(world), moved = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct duet_op *op = duet_core_find(loop, world->order[i]);

		if (!op || !op->backend || random_chance(&world->random, passed_over))
			continue;
		moved += (uint32_t)finish_step(loop, op);
	}
	return moved;
}

static bool woken(struct reference *world)
{
	uint64_t count;

	if (!atomic_exchange(&world->woken, 0))
		return false;
	return read(world->event_fd, &count, sizeof(count)) > 0;
}

/* Nothing here can happen before somebody else acts: this alone is real waiting. */
static int sleep_for_wake(struct duet_loop *loop)
{
	struct reference *world = reference_of(loop);
	uint32_t count = 1 + outside_watch(loop, world->watched + 1);

	world->watched[0] = (struct pollfd){ .fd = world->event_fd, .events = POLLIN };
	loop->stats.waits++;
	loop->stats.system_calls++;
	if (poll(world->watched, count, -1) < 0 && errno != EINTR)
		return -errno;
	woken(world);
	return 0;
}

/* A foreign loop has slept: how long isn't known here, so it was until the next timer. */
static void pass_carried_time(const struct duet_loop *loop, struct reference *world)
{
	uint64_t next_ns = duet_core_next_due_ns(loop);

	if (next_ns != UINT64_MAX && next_ns > world->now_ns)
		world->now_ns = next_ns;
}

static int wait_idle(struct duet_loop *loop, int64_t timeout_ns)
{
	struct reference *world = reference_of(loop);
	bool carried = world->carried;

	world->carried = false;
	if (woken(world))
		return 0;
	if (timeout_ns < 0)
		return sleep_for_wake(loop);
	if (timeout_ns == 0 && carried)
		pass_carried_time(loop, world);
	world->now_ns += (uint64_t)timeout_ns;
	return 0;
}

/* In a turn that passes over whoever could go on, they go on after all. */
static bool go_on(struct duet_loop *loop)
{
	struct reference *world = reference_of(loop);

	if (!world->bag_count)
		return false;
	if (world->choose)
		return order_sweep(loop);
	return sweep(loop, PASSED_OVER_PER_MILLE) || sweep(loop, 0);
}

int reference_wait(struct duet_loop *loop, int64_t timeout_ns)
{
	struct reference *world = reference_of(loop);
	int error;

	world->now_ns += TURN_NS;
	duet_core_awake(loop);
	if (go_on(loop)) {
		world->idle = false;
		return 0;
	}
	world->idle = true;
	error = wait_idle(loop, timeout_ns);
	duet_core_awake(loop);
	return error;
}

int reference_prepare(struct duet_loop *loop)
{
	struct reference *world = reference_of(loop);

	world->carried = true;
	/* A foreign loop doesn't watch what is outside: it turns for that. */
	return world->bag_count && (!world->idle || outside_watch(loop, world->watched));
}
