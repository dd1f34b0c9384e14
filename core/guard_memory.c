/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/debug.h>

#include "core/guard_ledger.h"

#ifdef DUET_DEBUG
#include <stdio.h>
#include <string.h>

#include "core/operation.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>

/* <sanitizer/allocator_interface.h>, which gcc 12 doesn't install. */
int __sanitizer_install_malloc_and_free_hooks(
	void (*malloc_hook)(const volatile void *memory, size_t bytes),
	void (*free_hook)(const volatile void *memory));
size_t __sanitizer_get_allocated_size(const volatile void *memory);
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
#ifdef HAS_ASAN
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
#ifdef HAS_ASAN
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
#ifdef HAS_ASAN
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

/* ---- What is sent. ---- */

#ifdef HAS_ASAN
__attribute__((no_sanitize("address")))
#endif
static uint64_t seal_of(const struct core_guarded *guarded)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < guarded->piece_count; i++) {
		const unsigned char *data = guarded->pieces[i].iov_base;

		for (size_t at = 0; at < guarded->pieces[i].iov_len; at++)
			sum = (sum ^ data[at]) * UINT64_C(0x100000001b3);
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

static void mark_pages(const struct core_guarded *guarded, int change);

void core_guard_cover(struct core_guarded *guarded)
{
	mark_pages(guarded, 1);
	if (!guarded->fills) {
		guarded->seal = seal_of(guarded);
		return;
	}
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		forbid(guarded->pieces[i].iov_base, guarded->pieces[i].iov_len);
		name_piece(guarded, i);
	}
}

void core_guard_uncover(const struct core_guarded *guarded, uint32_t transferred)
{
	const bool none = !transferred;

	mark_pages(guarded, -1);
	if (!guarded->fills) {
		if (seal_of(guarded) != guarded->seal)
			core_guard_stop(guarded, "what it was to send was changed while lent",
					"R2: a buffer is the loop's from start to the terminal completion");
		return;
	}
	for (unsigned i = 0; i < guarded->piece_count; i++) {
		size_t bytes = guarded->pieces[i].iov_len;
		size_t filled = none || bytes < transferred ? bytes : transferred;

		allow(guarded->pieces[i].iov_base, bytes, filled);
		unname_piece(guarded, i);
		transferred -= none ? 0 : (uint32_t)filled;
	}
}

/* ---- Pools. ---- */

void core_guard_pool_open(const struct duet_pool *pool)
{
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
	forbid(pool->memory + (size_t)index * pool->size_bytes, pool->size_bytes);
}

/* ---- What is freed. ---- */

#ifdef HAS_ASAN
/* How many lent ranges reach into a page, by its number: most of what is freed is in none. */
enum { PAGE_SHIFT = 12, PAGES = 65536 };

static _Atomic uint32_t pages[PAGES];

static void mark_range(const void *data, size_t bytes, int change)
{
	uintptr_t last = ((uintptr_t)data + bytes - 1) >> PAGE_SHIFT;

	for (uintptr_t page = (uintptr_t)data >> PAGE_SHIFT; bytes && page <= last; page++)
		pages[page % PAGES] += (uint32_t)change;
}

static void mark_pages(const struct core_guarded *guarded, int change)
{
	for (unsigned i = 0; i < guarded->piece_count; i++)
		mark_range(guarded->pieces[i].iov_base, guarded->pieces[i].iov_len, change);
}

void core_guard_mark(const struct duet_op *op, int change)
{
	mark_range(op, sizeof(*op), change);
}

static bool is_marked(uintptr_t first, size_t bytes)
{
	uintptr_t last = (first + bytes - 1) >> PAGE_SHIFT;

	for (uintptr_t page = first >> PAGE_SHIFT; page <= last; page++)
		if (pages[page % PAGES])
			return true;
	return false;
}
#else
static void mark_pages(const struct core_guarded *guarded, int change)
{
	(void)guarded;
	(void)change;
}

void core_guard_mark(const struct duet_op *op, int change)
{
	(void)op;
	(void)change;
}
#endif

struct block {
	uintptr_t first;
	size_t bytes;
};

static bool meets(const struct block *block, const void *data, size_t bytes)
{
	uintptr_t first = (uintptr_t)data;

	return bytes && first < block->first + block->bytes && block->first < first + bytes;
}

static bool has_op(const struct core_guarded *guarded, const void *context)
{
	return meets(context, guarded->op, sizeof(*guarded->op));
}

static bool has_piece(const struct core_guarded *guarded, const void *context)
{
	for (unsigned i = 0; i < guarded->piece_count; i++)
		if (meets(context, guarded->pieces[i].iov_base, guarded->pieces[i].iov_len))
			return true;
	return false;
}

static void stop_if_lent(const struct block *block)
{
	const struct core_guarded *guarded;

	core_guard_lock();
	guarded = core_guard_search(has_op, block);
	if (guarded)
		core_guard_stop(guarded, "was freed while lent",
				"R2: an operation is the loop's from start to the terminal completion");
	guarded = core_guard_search(has_piece, block);
	if (guarded)
		core_guard_stop(guarded, "memory was freed that is lent to it",
				"R2: a buffer is the loop's from start to the terminal completion");
	core_guard_unlock();
}

void duet_debug_check_free(const void *memory, size_t bytes)
{
	const struct block block = {(uintptr_t)memory, bytes};

	if (bytes)
		stop_if_lent(&block);
}

/* ---- Once a process. ---- */

#ifdef HAS_ASAN
static void hear_malloc(const volatile void *memory, size_t bytes)
{
	(void)memory;
	(void)bytes;
}

static void hear_free(const volatile void *memory)
{
	struct block block = {(uintptr_t)memory, 0};

	if (!memory || core_guard_is_inside())
		return;
	block.bytes = __sanitizer_get_allocated_size(memory);
	if (block.bytes && is_marked(block.first, block.bytes))
		stop_if_lent(&block);
}

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
	const struct block block = {(uintptr_t)__asan_get_report_address(), 1};
	const struct core_guarded *guarded;

	(void)report;
	if (core_guard_is_inside())
		return;
	core_guard_lock();
	guarded = core_guard_search(has_piece, &block);
	if (guarded) {
		core_guard_print(guarded);
		fprintf(stderr, ": memory was touched that is lent to it (R2: a buffer is the loop's "
				"from start to the terminal completion)\n");
	} else {
		explain_pool(__asan_get_report_address());
	}
	core_guard_unlock();
}
#endif

/* Under the lock. */
void core_guard_install(void)
{
#ifdef HAS_ASAN
	static bool installed;

	if (installed)
		return;
	installed = true;
	__sanitizer_install_malloc_and_free_hooks(hear_malloc, hear_free);
	__asan_set_error_report_callback(explain);
#endif
}
#else
void duet_debug_check_free(const void *memory, size_t bytes)
{
	(void)memory;
	(void)bytes;
}
#endif
