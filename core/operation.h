/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_OPERATION_H
#define CORE_OPERATION_H

#include <stdbool.h>

#include "core/guard.h"
#include "core/loop.h"
#include "core/mutant.h"

struct core_wait;

/* What core knows of a kind. */
struct core_kind {
	int (*check)(const struct duet_op *op); /* 0 or -EINVAL */
	uint8_t line;                           /* enum core_line */
	uint8_t cancel_class;                   /* enum duet_cancel_class */
	bool lends;                             /* its vectors are the caller's memory */
	bool makes;                             /* a result >= 0 is a new descriptor */
	bool gathers;                           /* a result short of length_bytes is partial */
	bool tells;                             /* what comes into its memory is told, not counted */
	uint8_t regimes;                        /* of what it lends: bits of enum duet_regime */
	uint8_t source;                         /* enum core_source that its handle has to be */
	bool at_once;                           /* ends in its start, so it waits for no room */
	bool releases;                          /* its memory comes back after its result: release.h */
	bool counts;                            /* its result is bytes, beside those of what lends */

	/* Of those that core carries out itself, without a backend; else NULL. Begins an issued op:
	 * BACKEND_ISSUED, and core_finish() follows; or BACKEND_ENDED, the raw result in op->result. */
	int (*begin)(struct duet_loop *loop, struct duet_op *op);
	/* Of those: sees to the end of an issued op, which was asked to. It has ended after that, or is
	 * in STATE_CANCELLING. */
	void (*stop)(struct duet_loop *loop, struct duet_op *op);
	uint8_t brings;               /* so many operations it starts beside itself */
	const struct core_wait *wait; /* of those that work on a primitive: see core/waits.h */
};

/* What a kind that lends takes: a buffer of any regime, or the caller's memory only. */
#define ANY_REGIME ((1u << DUET_REGIME_COUNT) - 1)
#define ONLY_LENT (1u << DUET_REGIME_LENT)

extern const struct core_kind core_kinds[DUET_KIND_COUNT];

static inline const struct core_kind *core_kind(const struct duet_op *op)
{
	return &core_kinds[op->kind];
}

/* For each state, the states that may follow it, as bits: see enum core_state. Here, so that the
 * compiler judges a move between two known states. */
static const uint8_t core_state_moves[STATE_COUNT] = {
	[STATE_IDLE] = 1 << STATE_WAITING | 1 << STATE_ISSUED,
	[STATE_WAITING] = 1 << STATE_ISSUED | 1 << STATE_ENDED,
	[STATE_ISSUED] = 1 << STATE_ISSUED | 1 << STATE_WAITING | 1 << STATE_STOPPING |
			 1 << STATE_CANCELLING | 1 << STATE_RESULT | 1 << STATE_ENDED,
	[STATE_STOPPING] = 1 << STATE_STOPPING | 1 << STATE_CANCELLING | 1 << STATE_RESULT |
			   1 << STATE_ENDED,
	[STATE_CANCELLING] = 1 << STATE_STOPPING | 1 << STATE_RESULT | 1 << STATE_ENDED,
	[STATE_RESULT] = 1 << STATE_HOLDING,
	[STATE_HOLDING] = 1 << STATE_ENDED,
	[STATE_ENDED] = 1 << STATE_IDLE,
};

static inline bool core_state_may(unsigned from, unsigned to)
{
	if (MUTANT(operation_move_missing) && from == STATE_CANCELLING && to == STATE_STOPPING)
		return false;
	if (MUTANT(operation_move_added) && from == STATE_ENDED && to == STATE_ISSUED)
		return true;
	return core_state_moves[from] >> to & 1;
}

/* The one place where an operation's state changes. An illegal move is a bug of ours: it stops
 * the program in every build, with the operation's name. */
DUET_API void duet_core_state_abort(const struct duet_op *op, enum core_state to)
	__attribute__((noreturn));

static inline void core_state_set(struct duet_op *op, enum core_state to)
{
	if (__builtin_expect(!core_state_may(op->state, to), 0))
		duet_core_state_abort(op, to);
	CORE_MOVES_COUNT(op->loop, operation, op->state, to);
	if (to == STATE_IDLE)
		CORE_GUARD(duet_core_guard_idle(op));
	op->state = (uint8_t)to;
}

/* The same from a state that the caller has just looked at: one store. */
static inline void core_state_step(struct duet_op *op, enum core_state from, enum core_state to)
{
#ifdef DUET_DEBUG
	if (op->state != from)
		duet_core_state_abort(op, to);
#endif
	if (!core_state_may(from, to))
		duet_core_state_abort(op, to);
	CORE_MOVES_COUNT(op->loop, operation, from, to);
	if (to == STATE_IDLE)
		CORE_GUARD(duet_core_guard_idle(op));
	op->state = (uint8_t)to;
}

const char *core_state_name(enum core_state state);

/* Beside the causes, in op->request: stopped for a while by what the loop is used through (see
 * duet_stream), whose own it is to start again. A real request takes its place. */
enum { REQUEST_PAUSE = DUET_CAUSE_COUNT };

/* Beside enum duet_op_flags, in op->flags: what only core sets. */
enum {
	FLAG_STAND_IN = 1 << 11, /* it only keeps the place of another: see core/splice.h */
	FLAG_GIVEN = 1 << 12,  /* op->buffer is of a pool: given with it, or to be picked */
	FLAG_PLACE = 1 << 13,  /* a scope's presence: its place is kept for it when it ends */
	FLAG_PIECES = 1 << 14, /* a transfer of more than one piece, whatever is left of them */
	FLAG_COPIED = 1 << 15, /* other memory stands in for that of op->buffer: see core/regime.c */
};

/* The beginning of the functions that say what op is to do: false if it is lent, and left alone. */
bool core_prepare(struct duet_op *op, enum duet_kind kind, duet_handle handle);

/* Bytes of a transfer still to be moved. */
static inline uint32_t core_remaining(const struct duet_op *op)
{
	return op->args.io.length_bytes - op->transferred;
}

/* Counts bytes as moved and makes the vectors begin behind them. */
void core_advance(struct duet_op *op, uint32_t bytes);

/* What op says that was refused, or given up before its start, if something but itself is the cause of
 * that: nothing of it has begun. */
void core_op_refuse(struct duet_op *op, int error, enum duet_cause cause);

/* Turns the raw result into result, transferred, disposition and cause. issued: the backend had
 * it. Pure: touches nothing but op's outcome. */
void core_settle(struct duet_op *op, int raw, bool issued);

#endif
