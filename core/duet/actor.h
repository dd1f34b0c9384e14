/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_ACTOR_H
#define DUET_ACTOR_H

#include <duet/api.h>
#include <duet/mailbox.h>
#include <duet/scheduler.h>
#include <duet/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Actors: tasks with a mailbox, which share nothing and answer letters one at a time.
 *
 * Any task that takes letters from a mailbox of its own is one; a coroutine or a fiber is the way to
 * write one that waits for I/O in the middle of a letter. The form here is for those that don't: a
 * function that is called with each letter.
 *
 * receive() answers the letter, now or later (duet_letter_answer()), and returns 0; a negative error is
 * the actor's failure: its task ends with that, the scope that supervises it judges, and every letter
 * that wasn't answered is answered with -EPIPE, as are those that come later. 1: it has done its work, and
 * ends well, in the same way. A request to end (of its scope, or duet_task_cancel()) ends it between two
 * letters. A mailbox that was closed ends it when the box is empty, with 0.
 *
 * Placement: an actor lives on the loop of its scheduler; who writes to it may live on any (see
 * <duet/waiters.h>), and learns its address by whatever way is theirs.
 */
struct duet_actor {
	struct duet_task task; /* model "actor" */
	struct duet_mailbox mailbox;
	int (*receive)(struct duet_actor *actor, struct duet_letter *letter);
	/* Its own. */
	struct duet_letter *letter; /* the one that it was given last */
	struct duet_op take;
	int32_t result; /* of taking it, then of receive() */
	uint8_t begun;
};

/* Before spawn, which is duet_task_spawn() of its `task`; name and ended() are set in that, between the
 * two. capacity: of its mailbox. 0, or -EINVAL. */
DUET_API int duet_actor_init(struct duet_actor *actor, struct duet_scheduler *scheduler,
			     uint32_t capacity,
			     int (*receive)(struct duet_actor *actor, struct duet_letter *letter));

/* One that has ended, before it is spawned again: as init, with the mailbox that it has, so that those who
 * write to it, from whatever loop, need not know. In prepare() of a supervised actor: init once, and this
 * from then on. */
DUET_API void duet_actor_reset(struct duet_actor *actor);

#ifdef __cplusplus
}
#endif

#endif
