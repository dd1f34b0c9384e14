/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SHARDS_H
#define DUET_SHARDS_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/scheduler.h>
#include <duet/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_shards;
struct duet_shard;

/*
 * Shards: several loops, each with a thread of its own, a scheduler, and a scope in which all that it
 * does stands. What a shard has nobody else touches; they tell each other by messages. So there is
 * nothing to lock, and each runs as if it were alone: the thread per core of Seastar, which has the
 * word from.
 *
 * One thread creates them and joins them; it is none of theirs. Whoever is called on a shard is given
 * the shard: there is no current one to ask for.
 */
struct duet_shard {
	/* Read by anybody. */
	struct duet_shards *shards;
	uint32_t index; /* 0 to count - 1 */
	void *context;  /* that of the options */

	/* Read and used on the thread of the shard. */
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct duet_scope scope; /* of all that is done here; ended by a cancel, joined at the end */
	void *state;             /* the caller's own, NULL at first */
};

struct duet_shards_options {
	uint32_t size;  /* sizeof(struct duet_shards_options), set by the init function */
	uint32_t count; /* of shards, 1 to 1024; 0, the default: one for each processor that the calling
			   thread may run on */
	uint32_t pinned; /* 1: each to a processor of those, in turn; default 0 */
	const struct duet_backend *const *backends; /* in order of preference, for each shard alike: see
						       duet_loop_create_first(); read during create */
	size_t backend_count;
	const struct duet_loop_options *loop;           /* of each, or NULL */
	const struct duet_scheduler_options *scheduler; /* the same */
	const struct duet_scope_options *scope;         /* the same */
	/* Called on each shard's thread when all have their loops, before any message: makes what it has,
	 * spawns its first tasks in its scope, may post to any. A negative answer is that of the create.
	 * May be NULL. */
	int (*begin)(struct duet_shard *shard);
	/* Called there when all is over and nothing comes any more: the loop is shut down, and still whole;
	 * there is nobody left to post to. Also after a begin() that has failed. May be NULL. */
	void (*end)(struct duet_shard *shard);
	void *context; /* the caller's, copied to each shard */
};

DUET_API void duet_shards_options_init(struct duet_shards_options *options);

/*
 * Starts the threads, and returns when begin() has been called on all. 0; -EINVAL (options, no backend, a
 * processor that the system refuses); -ENOMEM; -EAGAIN (no more threads); or what a loop, a scope or a
 * begin() was refused with, the first in their order: then those that had begun were asked to end and
 * have ended, *shards is NULL and nothing is left.
 */
DUET_API int duet_shards_create(struct duet_shards **shards,
				const struct duet_shards_options *options);

/* From any thread. index is less than the count. */
DUET_API uint32_t duet_shards_count(const struct duet_shards *shards);
DUET_API struct duet_shard *duet_shards_at(struct duet_shards *shards, uint32_t index);

/*
 * A message to a shard: fn is called there, once, in a turn. The memory is the sender's, lent until the
 * call. Messages of one sender to one shard keep their order.
 */
struct duet_shard_message {
	struct duet_message message; /* the shard's own */
	void (*fn)(struct duet_shard *shard, struct duet_shard_message *message);
	struct duet_shard *shard; /* set by the post */
};

/* From any shard until its end(), also to itself; and from any other thread until duet_shards_join() is
 * called. Never fails, never blocks, wakes the shard if it sleeps. Later nothing happens; debug builds
 * stop there. */
DUET_API void duet_shard_post(struct duet_shard *shard, struct duet_shard_message *message);

/* Asks the scope of each shard to end, from any thread until duet_shards_join() has returned.
 * Repeatable. */
DUET_API void duet_shards_cancel(struct duet_shards *shards);

/*
 * Waits until all have ended, and frees them; by the thread that created them. A shard has ended when
 * its scope has joined: nothing more is begun in it from outside, what is there ends by itself, or by
 * duet_shards_cancel(). When the last has, and no message is under way, what runs outside of the scopes
 * is shut down: that may still send messages. They are taken until there is nobody who could send one: so
 * none is lost, and none comes to a loop that is gone.
 *
 * results may be NULL, or has a place for each shard: what its scope ended with, or the error of its
 * loop's mechanism, or -EBUSY: a task outside of the scope lives, or a waker is shared still. 0, or the
 * first of those, in their order, that is negative.
 */
DUET_API int duet_shards_join(struct duet_shards *shards, int32_t *results);

#ifdef __cplusplus
}
#endif

#endif
