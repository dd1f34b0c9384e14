/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/loop.h"
#include "reference/explore/scene.h"

/*
 * From any moment everything must come to an end: first the turns alone, until they change nothing;
 * then the caller's duties, which are to join every scope and to let every task leave, a request
 * to the root, and time. What is due and doesn't come is a lost wake-up, and there is a rule for each
 * thing that can be due: see watch.c.
 */

enum { TURNS_MAX = 64, TIMES_MAX = 16 };

static void make(enum verb verb, unsigned who)
{
	const struct move move = { (uint8_t)verb, (uint8_t)who };

	if (violation[0] || !move_possible(move))
		return;
	move_make(move);
	watch_step();
}

/* A cancel that is to be asked again waits for its time alone. */
static bool only_owed(void)
{
	return scene.loop->owed.first && scene.loop->owed_ns > scene_world()->now_ns;
}

static void turn_until_quiet(void)
{
	uint64_t before, now = scene_digest();

	for (unsigned turns = 0; turns < TURNS_MAX && !violation[0]; turns++) {
		before = now;
		make(VERB_TURN, 0);
		now = scene_digest();
		if (now != before)
			continue;
		if (!only_owed()) {
			watch_quiet();
			return;
		}
		scene_world()->now_ns = scene.loop->owed_ns;
	}
	violate("after %d turns there is still no rest", TURNS_MAX);
}

static void do_duties(void)
{
	for (unsigned i = 0; i < TASKS; i++)
		make(VERB_LEAVE, i);
	make(VERB_RETURN, 0);
	for (unsigned i = SCOPES; i-- > 0;)
		make(VERB_JOIN, i);
	for (unsigned i = 0; i < SCOPES; i++)
		if (!cast_has_parent(cast, i))
			make(VERB_STOP, i);
}

void scene_settle(void)
{
	turn_until_quiet();
	do_duties();
	turn_until_quiet();
	for (unsigned i = 0; i < TIMES_MAX && !violation[0] && scene.loop->timers.count; i++) {
		make(VERB_CLOCK, 0);
		turn_until_quiet();
	}
	if (!violation[0])
		watch_end();
}
