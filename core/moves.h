/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_MOVES_H
#define CORE_MOVES_H

#include <stdint.h>

/*
 * How often each move from state to state was really made, of the operations and of the scopes of a
 * loop: what was seen of core_state_moves and core_scope_moves. Only a build with DUET_MOVES counts
 * (debug, asan, mutant, moves); in every other there is neither the place nor an instruction.
 */
enum { CORE_MOVES_STATES = 8 };

struct core_moves {
	uint32_t operation[CORE_MOVES_STATES][CORE_MOVES_STATES];
	uint32_t scope[CORE_MOVES_STATES][CORE_MOVES_STATES];
};

struct duet_loop;

#ifdef DUET_MOVES
/* The loop is at its end: adds its moves to what is known of the whole suite, see core/moves.c. */
void core_moves_note(const struct duet_loop *loop);
#define CORE_MOVES_NOTE(loop) core_moves_note(loop)
#define CORE_MOVES_FIELD struct core_moves moves;
/* loop may be NULL: an operation that was never started. */
#define CORE_MOVES_COUNT(loop, table, from, to) ((loop) ? (loop)->moves.table[from][to]++ : 0u)
#else
#define CORE_MOVES_FIELD
#define CORE_MOVES_NOTE(loop) ((void)0)
#define CORE_MOVES_COUNT(loop, table, from, to) ((void)0)
#endif

#endif
