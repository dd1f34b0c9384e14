/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_GUARD_LEDGER_H
#define CORE_GUARD_LEDGER_H

#include "core/guard.h"

#ifdef DUET_DEBUG
#include "core/loop.h"

/* Between the two files of the guard: what is lent, and how its memory is watched. */

struct core_guarded {
	struct core_guarded *next; /* in its bucket, or of those that are free */
	struct duet_loop *loop;
	const struct duet_op *op;
	const struct duet_site *site; /* where it was started; NULL: see from */
	const void *from;             /* behind the call that started it */
	duet_handle handle;
	duet_done_fn *done;
	void *context;
	uint64_t stamp;
	uint32_t turn;
	uint8_t kind;
	uint8_t piece_count;
	bool fills; /* what is lent is to be written to */
	uint64_t seal;
	struct iovec pieces[DUET_OP_IOVECS];
	unsigned blocks[DUET_OP_IOVECS]; /* Memcheck's numbers of their names */
};

/* Names it and says what was done to it, and stops. */
void core_guard_stop(const struct core_guarded *guarded, const char *what, const char *rule)
	__attribute__((noreturn));
void core_guard_print(const struct core_guarded *guarded);

/* "operation ... lent since ..., started at ...": the characters written, at most. */
size_t core_guard_text(const struct core_guarded *guarded, char *text, size_t size);

/* Calls with each that is lent, of this process, until one is the one; under the lock. NULL: none. */
typedef bool core_guard_match(const struct core_guarded *guarded, const void *context);
const struct core_guarded *core_guard_search(core_guard_match *matches, const void *context);

/* Of a loop with a pool around the address; under the lock. */
const struct duet_pool *core_guard_pool_at(const void *address);

void core_guard_lock(void);
void core_guard_unlock(void);
bool core_guard_is_inside(void); /* this thread has it */

/* In guard_memory.c: the means, once a process, and what they do to the memory of one. */
void core_guard_install(void);
void core_guard_mark(const struct duet_op *op, int change);
void core_guard_cover(struct core_guarded *guarded);
void core_guard_uncover(const struct core_guarded *guarded, uint32_t transferred);
#endif

#endif
