/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/phase.h"

#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

/*
 * The phases, from the start to the callback, as far as a program can tell them apart by the public
 * interface. Each function says why it is the phase that it claims to be; where the target was faster
 * the run is counted as missed, and says nothing.
 */

static const char *never(const struct subject *subject)
{
	(void)subject;
	return NULL;
}

static const char *needs_line(const struct subject *subject)
{
	return subject->block ? NULL : "nothing stands in line before it: it is handed over at once";
}

static const char *needs_satisfaction(const struct subject *subject)
{
	return subject->unmet;
}

/* Behind another operation of its handle's line it is core's alone (contract R10: a backend has the
 * head), however many turns are taken. */
static void play_before(struct scene *scene)
{
	duet_op_init(&scene->run.blocker, NULL, NULL);
	scene->subject->block(scene, &scene->run.blocker);
	duet_op_start(scene->loop, &scene->run.blocker);
	scene_start(scene);
	scene_hand_over(scene);
	scene_request(scene);
}

/* No turn and no prepare between the two: a ring gets both in one call, and a reactor has not tried
 * yet. */
static void play_batch(struct scene *scene)
{
	scene_start(scene);
	scene_request(scene);
}

static void play_flight(struct scene *scene)
{
	scene_start(scene);
	scene_hand_over(scene);
	scene_request(scene);
}

/* The other side has acted, and no turn was taken since: the loop can't know. What needs nobody is
 * waited for by the loop's descriptor, which only tells. */
static void play_satisfied(struct scene *scene)
{
	scene_start(scene);
	scene_hand_over(scene);
	if (scene_is_over(scene)) {
		scene_request(scene);
		return;
	}
	if (scene->subject->satisfy)
		scene_satisfy(scene);
	else
		scene_await_readiness(scene);
	scene_request(scene);
}

/*
 * One fetch brings two events: that of the usher, which came first, and the target's. The request is
 * made in the usher's callback, when the target's lies fetched and unread: as a completion in the
 * queue, as a readiness that was not acted upon, as a worker's message. A turn is free to take them
 * the other way round: such a run is missed.
 */
static void play_posted(struct scene *scene)
{
	bool first;

	if (!scene_usher_arm(scene))
		return;
	first = scene->subject->traits & SUBJECT_BY_ITSELF && scene->hands_over;
	if (first)
		scene_usher_call(scene);
	scene_start(scene);
	scene_hand_over(scene);
	if (scene_is_over(scene)) {
		scene_request(scene);
		return;
	}
	if (scene->subject->traits & SUBJECT_BY_ITSELF)
		scene_await_readiness(scene);
	if (!first)
		scene_usher_call(scene);
	if (scene->subject->satisfy)
		scene_satisfy(scene);
}

/* The loop calls back as soon as it has a result, so the one moment between a result and the return of
 * its callback that anybody can act in is that callback: of a multishot, its first item. Of all others
 * the operation has ended, and a cancel must do nothing. */
static void play_dispatched(struct scene *scene)
{
	scene->run.ask_in_callback = true;
	scene_start(scene);
	scene_hand_over(scene);
	if (scene->subject->satisfy && !scene_is_over(scene))
		scene_satisfy(scene);
}

/* The first request is its scope's, the second the operation's own, and both come again from the
 * scope's cleanup, in front of its last step, the close. */
static void play_cleanup(struct scene *scene)
{
	scene->run.scoped = true;
	scene_start(scene);
	scene_hand_over(scene);
	scene_request_scope(scene);
}

const struct phase PHASES[PHASES_COUNT] = {
	{ "before", "in line behind another operation: not handed over", needs_line, play_before },
	{ "batch", "started and cancelled with nothing in between", never, play_batch },
	{ "flight", "handed over, nothing has come", never, play_flight },
	{ "satisfied", "what it waits for has come, the loop has not looked", needs_satisfaction,
	  play_satisfied },
	{ "posted", "fetched by the turn, behind the callback that cancels", needs_satisfaction,
	  play_posted },
	{ "dispatched", "in its own first callback", needs_satisfaction, play_dispatched },
	{ "cleanup", "by its scope, and again while the scope cleans up", never, play_cleanup },
};
