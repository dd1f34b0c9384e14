/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include <duet/operation.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef DUET_DEBUG
#include <duet/site.h>
#endif

/*
 * The guard of debug builds: which operation is lent since when and from where, and what of the caller's
 * memory with it, so that whoever breaks the contract is stopped at the line that does, by a message that
 * names the operation and the rule. What stops depends on the tool under which the program runs: see
 * duet-contract(7). In every other build there is neither the place nor an instruction.
 *
 * It is the one part of core that has state beside loops: who frees memory, or begins an operation anew,
 * says nothing of a loop. All of it is under one lock.
 */

struct core_guard;
struct duet_pool;

#ifdef DUET_DEBUG
#define CORE_GUARD_FIELD struct core_guard *guard;
#define CORE_GUARD(call) call

/* A loop begins (0 or -ENOMEM) and ends. */
int core_guard_open(struct duet_loop *loop);
void core_guard_close(struct duet_loop *loop);

/* Where the next start of this thread comes from, if that is not its return address. */
void core_guard_site(const struct duet_site *site);
void core_guard_from(const void *address);

/* A start, a cancel, a duet_op_init(): stops what can't be. */
void core_guard_start(const struct duet_loop *loop, const struct duet_op *op, const void *from);
void core_guard_cancel(const struct duet_op *op);
void core_guard_init(const struct duet_op *op);

/* op is lent from here, with the memory in it, and its caller's again from there: when its end is told, and
 * not when it is known, as what one backend knows at once another learns later. `transferred` holds by
 * then. */
void core_guard_begin(struct duet_loop *loop, const struct duet_op *op);
DUET_API void duet_core_guard_idle(const struct duet_op *op);

/* A pool begins, and ends; so much of a buffer is the caller's; and none of it any more. */
void core_guard_pool_open(const struct duet_pool *pool);
void core_guard_pool_close(const struct duet_pool *pool);
DUET_API void duet_core_guard_hold(const unsigned char *data, uint32_t bytes);
void core_guard_return(const struct duet_pool *pool, uint16_t index);

/* A call of the backend's own fills this memory, which may be lent: what the first one answers is for the
 * second. */
DUET_API bool duet_core_guard_lift(const void *data, size_t bytes);
DUET_API void duet_core_guard_lower(const void *data, size_t bytes, bool lifted);

/* The same of all that is lent with op. */
DUET_API void duet_core_guard_lift_op(const struct duet_op *op);
DUET_API void duet_core_guard_lower_op(const struct duet_op *op);

/* Of these pieces, as bits. */
DUET_API unsigned duet_core_guard_lift_pieces(const struct iovec *pieces, uint32_t count);
DUET_API void duet_core_guard_lower_pieces(const struct iovec *pieces, uint32_t count,
					   unsigned lifted);

/* Says which operation it was, in duet_core_state_abort(). */
DUET_API void duet_core_guard_name(const struct duet_op *op);
#else
#define CORE_GUARD_FIELD
#define CORE_GUARD(call) ((void)0)

static inline bool duet_core_guard_lift(const void *data, size_t bytes)
{
	(void)data;
	(void)bytes;
	return false;
}

static inline void duet_core_guard_lower(const void *data, size_t bytes, bool lifted)
{
	(void)data;
	(void)bytes;
	(void)lifted;
}

static inline void duet_core_guard_lift_op(const struct duet_op *op)
{
	(void)op;
}

static inline void duet_core_guard_lower_op(const struct duet_op *op)
{
	(void)op;
}

static inline unsigned duet_core_guard_lift_pieces(const struct iovec *pieces, uint32_t count)
{
	(void)pieces;
	(void)count;
	return 0;
}

static inline void duet_core_guard_lower_pieces(const struct iovec *pieces, uint32_t count,
						unsigned lifted)
{
	(void)pieces;
	(void)count;
	(void)lifted;
}
#endif

/* ", started at ...", if that is known: the characters written. */
size_t core_guard_describe(const struct duet_op *op, char *text, size_t size);

#endif
