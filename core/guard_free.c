/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/debug.h>

#include "core/guard_ledger.h"

#ifdef DUET_DEBUG

/* What is freed while it is lent: heard of by the sanitizer's allocator, or said by the caller. */

static bool meets(uintptr_t first, size_t bytes, const void *data, size_t data_bytes)
{
	uintptr_t begin = (uintptr_t)data;

	return data_bytes && begin < first + bytes && first < begin + data_bytes;
}

struct block {
	uintptr_t first;
	size_t bytes;
};

static bool has_op(const struct core_guarded *guarded, const void *context)
{
	const struct block *block = context;

	return meets(block->first, block->bytes, guarded->op, sizeof(*guarded->op));
}

static bool has_piece(const struct core_guarded *guarded, const void *context)
{
	const struct block *block = context;

	for (unsigned i = 0; i < guarded->piece_count; i++)
		if (meets(block->first, block->bytes, guarded->pieces[i].iov_base,
			  guarded->pieces[i].iov_len))
			return true;
	return false;
}

const struct core_guarded *core_guard_lender(const void *memory, size_t bytes)
{
	const struct block block = {(uintptr_t)memory, bytes};

	return core_guard_search(has_piece, &block);
}

static void stop_freed_op(const struct core_guarded *guarded)
{
	if (guarded)
		core_guard_stop(guarded, "was freed while lent",
				"R2: an operation is the loop's from start to the terminal completion");
}

static void stop_freed_piece(const struct core_guarded *guarded)
{
	if (guarded)
		core_guard_stop(guarded, "memory was freed that is lent to it",
				"R2: a buffer is the loop's from start to the terminal completion");
}

void duet_debug_check_free(const void *memory, size_t bytes)
{
	const struct block block = {(uintptr_t)memory, bytes};

	core_guard_lock();
	stop_freed_op(core_guard_search(has_op, &block));
	stop_freed_piece(core_guard_search(has_piece, &block));
	core_guard_unlock();
}

#ifdef GUARD_ASAN
/* <sanitizer/allocator_interface.h>, which gcc 12 doesn't install. */
int __sanitizer_install_malloc_and_free_hooks(
	void (*malloc_hook)(const volatile void *memory, size_t bytes),
	void (*free_hook)(const volatile void *memory));
size_t __sanitizer_get_allocated_size(const volatile void *memory);

/*
 * Everything that a program frees is looked at, from any thread, so it is first asked, without the lock,
 * what is lent in those lines of memory: how many operations begin in one, how many buffers reach into
 * it. Lines far apart share a number.
 */
enum { LINE_SHIFT = 6, LINES = 1 << 20, OP_ALIGN = 8 };

static _Atomic uint32_t lines_of_ops[LINES];
static _Atomic uint32_t lines_of_pieces[LINES];

void core_guard_mark_op(const struct duet_op *op, int change)
{
	lines_of_ops[((uintptr_t)op >> LINE_SHIFT) % LINES] += (uint32_t)change;
}

static void mark_piece(const struct iovec *piece, int change)
{
	uintptr_t line = (uintptr_t)piece->iov_base >> LINE_SHIFT;
	uintptr_t last = ((uintptr_t)piece->iov_base + piece->iov_len - 1) >> LINE_SHIFT;

	for (; piece->iov_len && line <= last; line++)
		lines_of_pieces[line % LINES] += (uint32_t)change;
}

void core_guard_mark_pieces(const struct core_guarded *guarded, int change)
{
	for (unsigned i = 0; i < guarded->piece_count; i++)
		mark_piece(&guarded->pieces[i], change);
}

/* Which operation begins in that line and reaches into the block? By trying each place. */
static void look_in_line(uintptr_t line, const struct block *block)
{
	const uintptr_t first = line << LINE_SHIFT;

	for (uintptr_t at = first; at < first + (1 << LINE_SHIFT); at += OP_ALIGN) {
		const struct core_guarded *guarded = core_guard_find((const void *)at);

		if (guarded && has_op(guarded, block))
			stop_freed_op(guarded);
	}
}

static void look_for_ops(const struct block *block)
{
	uintptr_t line = (block->first - sizeof(struct duet_op) + 1) >> LINE_SHIFT;
	uintptr_t last = (block->first + block->bytes - 1) >> LINE_SHIFT;

	for (; line <= last; line++) {
		if (!lines_of_ops[line % LINES])
			continue;
		core_guard_lock();
		look_in_line(line, block);
		core_guard_unlock();
	}
}

static void look_for_pieces(const struct block *block)
{
	uintptr_t line = block->first >> LINE_SHIFT;
	uintptr_t last = (block->first + block->bytes - 1) >> LINE_SHIFT;

	while (line <= last && !lines_of_pieces[line % LINES])
		line++;
	if (line > last)
		return;
	core_guard_lock();
	stop_freed_piece(core_guard_search(has_piece, block));
	core_guard_unlock();
}

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
	if (!block.bytes)
		return;
	look_for_ops(&block);
	look_for_pieces(&block);
}

void core_guard_install_free(void)
{
	__sanitizer_install_malloc_and_free_hooks(hear_malloc, hear_free);
}
#else
void core_guard_mark_op(const struct duet_op *op, int change)
{
	(void)op;
	(void)change;
}

void core_guard_mark_pieces(const struct core_guarded *guarded, int change)
{
	(void)guarded;
	(void)change;
}
#endif
#else
void duet_debug_check_free(const void *memory, size_t bytes)
{
	(void)memory;
	(void)bytes;
}
#endif
