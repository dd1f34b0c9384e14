/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/mailbox.h>
#include <duet/shards.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/tasks/coroutine.h"
#include "core/tasks/frame.h"
#include "core/tasks/future.h"
#include "core/tasks/shared_waker.h"
#include "core/tasks/task.h"
#include "core/waits.h"

/* What debug builds say before they stop: of tasks, of each model, and of what tasks share. */

static const char *name_of(const struct duet_task *task)
{
	return task->name ? task->name : "unnamed";
}

void core_abort_not_running(const struct duet_task *task, const char *call)
{
	fprintf(stderr,
		"duet: task %s: %s is for the step of the task itself, once it waits or is over it is "
		"too late\n",
		name_of(task), call);
	abort();
}

void core_abort_no_shield(const struct duet_task *task)
{
	fprintf(stderr, "duet: task %s: is in no shield: it was ended before, or never begun\n",
		name_of(task));
	abort();
}

void core_abort_awaited_twice(const struct duet_task *task, const struct duet_op *op)
{
	fprintf(stderr,
		"duet: task %s: operation %p (%s) is pending already: nobody else can wait for it\n",
		name_of(task), (const void *)op,
		duet_kind_name((enum duet_kind)op->kind));
	abort();
}

void core_abort_future(const struct duet_future *future, const char *what)
{
	fprintf(stderr, "duet: future %p (%s) %s\n", (const void *)future, future->table->name, what);
	abort();
}

void core_abort_dropped(const struct duet_shared_waker *shared)
{
	fprintf(stderr,
		"duet: shared waker %u:%u was dropped before, or never made: each share is used until its "
		"own drop, and not after\n",
		shared->slot, shared->generation);
	abort();
}

void core_abort_open_scope(const struct duet_task *task, const struct duet_scope *scope)
{
	fprintf(stderr,
		"duet: fiber %s returns, and scope %p is open on its stack: join it before, with "
		"duet_fiber_join()\n",
		name_of(task), (const void *)scope);
	abort();
}

void core_abort_not_opener(const struct duet_scope *scope)
{
	fprintf(stderr, "duet: scope %p is joined as by a fiber that has opened it, by another\n",
		(const void *)scope);
	abort();
}

void core_abort_blocked(const struct duet_loop *loop)
{
	fprintf(stderr,
		"duet: loop %p: a wait as in a fiber, but in a callback or another task's step: "
		"the turn that it waits for is under way\n",
		(const void *)loop);
	abort();
}

void core_abort_nobody_there(const struct duet_shard *shard)
{
	fprintf(stderr,
		"duet: a message to shard %u, when all of them are over: the last that may send one is what "
		"ends before end()\n",
		shard->index);
	abort();
}

void core_abort_returned_again(const struct duet_coroutine *coroutine)
{
	fprintf(stderr,
		"duet: task %s: DUET_RETURN in the finally section of a coroutine (%s:%d): the value is "
		"returned before it\n",
		name_of(coroutine->task),
		coroutine->point ? coroutine->point->site.file : "?",
		coroutine->point ? coroutine->point->site.line : 0);
	abort();
}

void core_abort_under_way(const struct duet_coroutine *coroutine)
{
	fprintf(stderr,
		"duet: frame %p of a coroutine is under way, or was never initialised: it begins again when it "
		"has ended, and duet_coroutine_init() is said before\n",
		(const void *)coroutine);
	abort();
}

void core_abort_frame_not_taken(const struct duet_frame_pool *pool, const void *frame)
{
	fprintf(stderr,
		"duet: frame %p isn't out of pool %p: it was returned twice, or is another's\n", frame,
		(const void *)pool);
	abort();
}

void core_abort_has_children(const struct duet_task *task)
{
	fprintf(stderr,
		"duet: task %s has ended, and scope %p that it opened has not: it is to be joined before\n",
		name_of(task), (const void *)task->scopes);
	abort();
}

void core_abort_not_owner(const void *mutex, const void *owner, const void *caller)
{
	if (!owner)
		fprintf(stderr, "duet: mutex %p isn't locked: %p can't unlock it\n", mutex, caller);
	else if (caller)
		fprintf(stderr, "duet: mutex %p is locked by %p: %p can't unlock it\n", mutex, owner,
			caller);
	else
		fprintf(stderr, "duet: mutex %p is locked by %p: unlock it before it ends\n", mutex,
			owner);
	abort();
}

void core_abort_nothing_under_way(const void *group)
{
	fprintf(stderr,
		"duet: wait group %p: more is done than was added: each add() is followed by one "
		"done() for each\n",
		group);
	abort();
}

void core_abort_not_taken(const struct duet_letter *letter)
{
	fprintf(stderr,
		"duet: letter %p (kind %u) is answered, and isn't taken: it was answered before, or is in the "
		"box still\n",
		(const void *)letter, letter->kind);
	abort();
}

void core_abort_has_letters(const struct duet_mailbox *mailbox)
{
	fprintf(stderr,
		"duet: mailbox %p has %u letters, and %u that were taken and not answered: see "
		"duet_mailbox_refuse()\n",
		(const void *)mailbox, mailbox->count, mailbox->taken);
	abort();
}
