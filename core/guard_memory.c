/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/guard_ledger.h"

#ifdef DUET_DEBUG
#include <stdio.h>
#include <string.h>

#include "core/operation.h"

#ifdef GUARD_ASAN
#include <sanitizer/asan_interface.h>
#elif __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAS_VALGRIND 1
#endif

/*
 * The memory that is lent. What is to be filled isn't the caller's even to read: it is poisoned where a
 * sanitizer or Memcheck looks at each access. What is to be sent may be read by everybody, and be lent
 * many times: it gets a seal instead, which is looked at when it comes back.
 *
 * A poisoned range ends at a multiple of 8 bytes: up to 7 at its end, if the caller's memory goes on behind
 * them, aren't watched. To round up would stop who touches what is his own.
 */

/* ---- By the means that there are. ---- */

static void forbid(const void *data, size_t bytes)
{
#ifdef GUARD_ASAN
	__asan_poison_memory_region(data, bytes);
#elif defined(HAS_VALGRIND)
	(void)VALGRIND_MAKE_MEM_NOACCESS(data, bytes);
#else
	(void)data;
	(void)bytes;
#endif
}

/* Its first `filled` bytes have a value. */
static void allow(const void *data, size_t bytes, size_t filled)
{
#ifdef GUARD_ASAN
	(void)filled;
	__asan_unpoison_memory_region(data, bytes);
#elif defined(HAS_VALGRIND)
	(void)VALGRIND_MAKE_MEM_UNDEFINED(data, bytes);
	(void)VALGRIND_MAKE_MEM_DEFINED(data, filled);
#else
	(void)data;
	(void)bytes;
	(void)filled;
#endif
}

static bool is_forbidden(const void *data, size_t bytes)
{
#ifdef GUARD_ASAN
	return __asan_region_is_poisoned((void *)(uintptr_t)data, bytes) != NULL;
#elif defined(HAS_VALGRIND)
	unsigned char bits;

	(void)bytes;
	return VALGRIND_GET_VBITS(data, &bits, 1) == 3;
#else
	(void)data;
	(void)bytes;
	return false;
#endif
}

bool duet_core_guard_lift(const void *data, size_t bytes)
{
	if (!bytes || !is_forbidden(data, bytes))
		return false;
	allow(data, bytes, 0);
	return true;
}

void duet_core_guard_lower(const void *data, size_t bytes, bool lifted)
{
	if (lifted)
		forbid(data, bytes);
}

unsigned duet_core_guard_lift_pieces(const struct iovec *pieces, uint32_t count)
{
	unsigned lifted = 0;

	for (uint32_t i = 0; i < count; i++)
		lifted |= (unsigned)duet_core_guard_lift(pieces[i].iov_base, pieces[i].iov_len)
			  << i;
	return lifted;
}

void duet_core_guard_lower_pieces(const struct iovec *pieces, uint32_t count, unsigned lifted)
{
	for (uint32_t i = 0; i < count; i++)
		duet_core_guard_lower(pieces[i].iov_base, pieces[i].iov_len, lifted >> i & 1);
}

/* ---- What is sent. ---- */

#define SEAL_PRIME UINT64_C(0x100000001b3)

/* Anywhere, and of any type. */
struct word {
	uint64_t bits;
} __attribute__((packed, may_alias));

#ifdef GUARD_ASAN
__attribute__((no_sanitize("address")))
#endif
static uint64_t seal_of(const struct core_guarded *guarded)
{
	uint64_t sum = 0;

	/* As FNV-1a, but a word at a time: much may be lent. */
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		const unsigned char *data = guarded->pieces[i].iov_base;
		size_t left = guarded->watches[i] == WATCH_READ ? guarded->pieces[i].iov_len : 0;

		for (; left >= sizeof(struct word); left -= sizeof(struct word)) {
			sum = (sum ^ ((const struct word *)(const void *)data)->bits) * SEAL_PRIME;
			data += sizeof(struct word);
		}
		while (left--)
			sum = (sum ^ *data++) * SEAL_PRIME;
	}
#ifdef HAS_VALGRIND
	/* Bytes without a value may be sent: that is the caller's affair. */
	(void)VALGRIND_MAKE_MEM_DEFINED(&sum, sizeof(sum));
#endif
	return sum;
}

/* ---- Loans. ---- */

/* Memcheck says of an address in which named block it is. */
#ifdef HAS_VALGRIND
static void name_piece(struct core_guarded *guarded, unsigned i)
{
	char text[700] = "buffer of ";

	if (!RUNNING_ON_VALGRIND)
		return;
	core_guard_text(guarded, text + strlen(text), sizeof(text) - strlen(text));
	guarded->blocks[i] = (unsigned)VALGRIND_CREATE_BLOCK(guarded->pieces[i].iov_base,
							     guarded->pieces[i].iov_len, text);
}

static void unname_piece(const struct core_guarded *guarded, unsigned i)
{
	(void)VALGRIND_DISCARD(guarded->blocks[i]);
}
#else
static void name_piece(struct core_guarded *guarded, unsigned i)
{
	(void)guarded;
	(void)i;
}

static void unname_piece(const struct core_guarded *guarded, unsigned i)
{
	(void)guarded;
	(void)i;
}
#endif

void core_guard_cover(struct core_guarded *guarded)
{
	core_guard_mark_pieces(guarded, 1);
	guarded->seal = seal_of(guarded);
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		if (guarded->watches[i] != WATCH_FILLED)
			continue;
		forbid(guarded->pieces[i].iov_base, guarded->pieces[i].iov_len);
		name_piece(guarded, i);
	}
}

void core_guard_bare(const struct core_guarded *guarded, bool bare)
{
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		if (guarded->watches[i] != WATCH_FILLED)
			continue;
		if (bare)
			allow(guarded->pieces[i].iov_base, guarded->pieces[i].iov_len, 0);
		else
			forbid(guarded->pieces[i].iov_base, guarded->pieces[i].iov_len);
	}
}

void core_guard_reveal(const struct core_guarded *guarded)
{
	core_guard_mark_pieces(guarded, -1);
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		size_t bytes = guarded->pieces[i].iov_len;

		if (guarded->watches[i] != WATCH_FILLED)
			continue;
		allow(guarded->pieces[i].iov_base, bytes, bytes);
		unname_piece(guarded, i);
	}
}

void core_guard_uncover(const struct core_guarded *guarded, uint32_t transferred)
{
	core_guard_mark_pieces(guarded, -1);
	if (seal_of(guarded) != guarded->seal)
		core_guard_stop(guarded, "what it was to send, or a path, was changed while lent",
				"R2: a buffer is the loop's from start to the terminal completion");
	if (!transferred)
		transferred = UINT32_MAX;
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		if (guarded->watches[i] != WATCH_FILLED)
			continue;
		allow(guarded->pieces[i].iov_base, guarded->pieces[i].iov_len,
		      core_guard_filled(guarded, i, &transferred));
		unname_piece(guarded, i);
	}
}

/* ---- Pools. ---- */

void core_guard_pool_open(const struct duet_pool *pool)
{
	if (pool->loop->guard)
		forbid(pool->memory, (size_t)pool->count * pool->size_bytes);
}

/* The addresses may be another's next. */
void core_guard_pool_close(const struct duet_pool *pool)
{
	size_t bytes = (size_t)pool->count * pool->size_bytes;

	if (pool->memory)
		allow(pool->memory, bytes, bytes);
}

void duet_core_guard_hold(const unsigned char *data, uint32_t bytes)
{
	allow(data, bytes, bytes);
}

void core_guard_return(const struct duet_pool *pool, uint16_t index)
{
	if (pool->loop->guard)
		forbid(pool->memory + (size_t)index * pool->size_bytes, pool->size_bytes);
}

/* ---- Once a process. ---- */

#ifdef GUARD_ASAN
static void explain_pool(const unsigned char *address)
{
	const struct duet_pool *pool = core_guard_pool_at(address);
	uint32_t place, index;

	if (!pool)
		return;
	place = (uint32_t)(address - pool->memory);
	index = place / pool->size_bytes;
	if (pool->states[index] == BUFFER_HELD)
		fprintf(stderr,
			"duet: byte %u of buffer %u of pool %u is behind what was received into it "
			"(R2: so much of a buffer is the caller's)\n",
			place % pool->size_bytes, index, pool->id);
	else
		fprintf(stderr,
			"duet: buffer %u of pool %u isn't held: it was returned, or not yet received "
			"into (R2: a pool's free buffers are the loop's)\n",
			index, pool->id);
}

/* Behind the sanitizer's own report. */
static void explain(const char *report)
{
	unsigned char *address = __asan_get_report_address();
	const struct core_guarded *guarded;

	(void)report;
	if (core_guard_is_inside())
		return;
	core_guard_lock();
	guarded = core_guard_lender(address, 1);
	if (guarded) {
		core_guard_print(guarded);
		fprintf(stderr, ": memory was touched that is lent to it (R2: a buffer is the loop's "
				"from start to the terminal completion)\n");
	} else {
		explain_pool(address);
	}
	core_guard_unlock();
}
#endif

/* Under the lock. */
void core_guard_install(void)
{
#ifdef GUARD_ASAN
	static bool installed;

	if (installed)
		return;
	installed = true;
	core_guard_install_free();
	__asan_set_error_report_callback(explain);
#endif
}
#endif
