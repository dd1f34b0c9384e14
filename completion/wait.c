/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "completion/internal.h"

/*
 * One enter a turn: it hands over what was started since the last, and fetches or waits. Without
 * anything to hand over, and with completions there already, it isn't made at all.
 */

static void prepare_turn(struct duet_loop *loop, struct completion *self)
{
	if (__builtin_expect(!self->wake_armed, 0))
		completion_wake_arm(self);
	if (__builtin_expect(self->owed.first != NULL, 0))
		completion_start_owed(loop);
}

/* What found no room before the call that makes some mustn't be slept through: a wake that nobody
 * would hear, an operation that the kernel hasn't got. */
static bool may_sleep(const struct completion *self)
{
	return self->wake_armed && !self->owed.first && !self->held.first;
}

int completion_wait(struct duet_loop *loop, int64_t timeout_ns)
{
	struct completion *self = completion_of(loop);
	int error;

	prepare_turn(loop, self);
	error = completion_ring_wait(self, may_sleep(self) ? timeout_ns : 0);
	duet_core_awake(loop);
	if (self->direct)
		self->direct_left = completion_ring_ready(self) <= SHORT_TURN ? SHORT_TURN : 0;
	if (__builtin_expect(self->held.first != NULL, 0))
		completion_finish_held(loop);
	completion_ring_reap(loop, self);
	return error;
}

int completion_prepare(struct duet_loop *loop)
{
	struct completion *self = completion_of(loop);
	bool carried = completion_carry(self);

	prepare_turn(loop, self);
	/* An error here is said again, and reported, by the turn. */
	return completion_ring_hand_over(self) < 0 || completion_ring_pending(self) ||
	       !may_sleep(self) || !carried;
}
