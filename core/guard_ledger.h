/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_GUARD_LEDGER_H
#define CORE_GUARD_LEDGER_H

#include "core/guard.h"

#ifdef DUET_DEBUG
#include "core/loop.h"

#if defined(__SANITIZE_ADDRESS__)
#define GUARD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD_ASAN 1
#endif
#endif

/* Between the files of the guard: what is lent (guard.c), which memory with it (guard_lend.c), how that is
 * watched (guard_memory.c), and that it isn't freed (guard_free.c). */

enum core_watch {
	WATCH_KEPT,  /* is not to be freed */
	WATCH_READ,  /* and not to be changed */
	WATCH_FILLED /* and not to be looked at, either: it is to be written to */
};

/* A transfer's, and a header with its address and control data. */
enum { GUARD_PIECES = DUET_OP_IOVECS + 3 };

struct core_guarded {
	struct core_guarded *next; /* in its bucket, or of those that are free */
	struct duet_loop *loop;
	const struct duet_op *op;
	const struct duet_site *site; /* where it was started; NULL: see from */
	const void *from;             /* behind the call that started it */
	duet_handle handle;
	duet_done_fn *done;
	void *context;
	uint32_t turn;
	uint8_t kind;
	uint8_t piece_count;
	uint8_t transfer_count; /* of them those that are moved */
	uint8_t watches[GUARD_PIECES]; /* enum core_watch */
	uint64_t seal;
	struct iovec pieces[GUARD_PIECES];
	unsigned blocks[GUARD_PIECES]; /* Memcheck's numbers of their names */
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

/* Lent by the operation at that address, or NULL; under the lock. */
const struct core_guarded *core_guard_find(const struct duet_op *op);

/* Of a loop with a pool around the address; under the lock. */
const struct duet_pool *core_guard_pool_at(const void *address);

void core_guard_lock(void);
void core_guard_unlock(void);
bool core_guard_is_inside(void); /* this thread has it */

/* Some of this memory is lent to it; under the lock. NULL: to none. */
const struct core_guarded *core_guard_lender(const void *memory, size_t bytes);

/* One more is lent, or one less: for who hears that memory is freed. */
void core_guard_mark_op(const struct duet_op *op, int change);
void core_guard_mark_pieces(const struct core_guarded *guarded, int change);
void core_guard_install_free(void);

/* All the memory that is lent with op; and how much of a piece has a value since it was filled: transferred
 * counts down. Into which nothing came has what it had. */
void core_guard_lend(struct core_guarded *guarded, const struct duet_op *op);
size_t core_guard_filled(const struct core_guarded *guarded, unsigned i, uint32_t *transferred);

/* The means, once a process, and what they do to the memory of one. */
void core_guard_install(void);
void core_guard_cover(struct core_guarded *guarded);
void core_guard_reveal(const struct core_guarded *guarded); /* without judging it */
void core_guard_bare(const struct core_guarded *guarded, bool bare); /* for a moment */
void core_guard_uncover(const struct core_guarded *guarded, uint32_t transferred);
#endif

#endif
