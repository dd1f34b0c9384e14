/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/owned.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/backend.h"
#include "core/handle.h"
#include "core/lifecycle.h"
#include "core/msghdr.h"
#include "core/operation.h"
#include "core/regime.h"
#include "core/resolve.h"
#include "core/scope.h"

/*
 * The loop's own operations. While one is abandoned the loop stands in the place of its callback and
 * disposes of what comes, so that the ways of an operation know nothing of this.
 */

static const uint8_t moves[OWNED_STATE_COUNT] = {
	[OWNED_FREE] = 1 << OWNED_TAKEN,
	[OWNED_TAKEN] = 1 << OWNED_FREE | 1 << OWNED_ABANDONED,
	[OWNED_ABANDONED] = 1 << OWNED_FREE,
};

/* The one place where it changes. */
static void set_state(struct core_owned *owned, enum core_owned_state to)
{
	if (!(moves[owned->owned_state] & 1u << to)) {
		fprintf(stderr, "duet: operation %p of the loop's was overwritten\n",
			(const void *)owned);
		abort();
	}
	owned->owned_state = (uint8_t)to;
}

/* ---- Create. ---- */

static void put(struct duet_loop *loop, struct core_owned *owned)
{
	/* Of no kind: a start by somebody who kept the pointer is refused. */
	owned->op.kind = DUET_KIND_COUNT;
	owned->next = loop->owned_free;
	loop->owned_free = owned;
}

int core_owned_init(struct duet_loop *loop, uint32_t bytes)
{
	if (!loop->owned_max)
		return 0;
	loop->owned_bytes = bytes;
	loop->owned = calloc(loop->owned_max, sizeof(*loop->owned));
	/* Not cleared: what never held data costs no memory. */
	loop->owned_memory = bytes ? malloc((size_t)loop->owned_max * bytes) : NULL;
	if (!loop->owned || (bytes && !loop->owned_memory))
		return -ENOMEM;
	for (uint32_t i = loop->owned_max; i-- > 0;) {
		loop->owned[i].buffer = bytes ? loop->owned_memory + (size_t)i * bytes : NULL;
		put(loop, &loop->owned[i]);
	}
	return 0;
}

void core_owned_fini(struct duet_loop *loop)
{
	free(loop->owned);
	free(loop->owned_memory);
}

/* ---- Whose is it? ---- */

/* Is it in our table, whatever its state? */
static bool is_ours(const struct duet_loop *loop, const struct duet_op *op)
{
	uintptr_t first = (uintptr_t)loop->owned, at = (uintptr_t)op;

	return at >= first && at < first + loop->owned_max * sizeof(struct core_owned);
}

static struct core_owned *taken(struct duet_op *op)
{
	struct core_owned *owned = (struct core_owned *)(void *)op;

	if (!op->loop || !is_ours(op->loop, op) || owned->owned_state != OWNED_TAKEN)
		return NULL;
	return owned;
}

bool core_owned_is_abandoned(const struct duet_loop *loop, const struct duet_op *op)
{
	return is_ours(loop, op) &&
	       ((const struct core_owned *)(const void *)op)->owned_state == OWNED_ABANDONED;
}

int duet_op_take(struct duet_loop *loop, duet_done_fn *done, void *context, struct duet_op **op)
{
	struct core_owned *owned = loop->owned_free;

	core_check_owner(loop);
	*op = NULL;
	if (!owned)
		return -ENOBUFS;
	loop->owned_free = owned->next;
	set_state(owned, OWNED_TAKEN);
	*op = &owned->op;
	duet_op_init(*op, done, context);
	(*op)->loop = loop;
	return 0;
}

static void give_back(struct core_owned *owned)
{
	set_state(owned, OWNED_FREE);
	put(owned->op.loop, owned);
}

int duet_op_return(struct duet_op *op)
{
	struct core_owned *owned = taken(op);

	if (!owned)
		return -EINVAL;
	if (op->state != STATE_IDLE)
		return -EBUSY;
	give_back(owned);
	return 0;
}

void *duet_op_buffer(struct duet_op *op)
{
	const struct core_owned *owned = taken(op);

	return owned ? owned->buffer : NULL;
}

/* ---- Copied through. ---- */

static bool names_a_path(const struct duet_op *op)
{
	return op->kind == DUET_OPEN || op->kind == DUET_MKDIR || op->kind == DUET_UNLINK;
}

/* What comes in is copied out to one place. */
static int copy_pieces(struct core_owned *owned)
{
	struct duet_op *op = &owned->op;
	size_t bytes = 0;

	if (!core_kind(op)->gathers && op->args.io.vector_count > 1)
		return -EINVAL;
	if (op->args.io.length_bytes > op->loop->owned_bytes)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		const struct iovec *piece = &op->args.io.vectors[i];

		/* They may be the buffer's own already. */
		if (core_kind(op)->gathers)
			memmove(owned->buffer + bytes, piece->iov_base, piece->iov_len);
		bytes += piece->iov_len;
	}
	if (core_kind(op)->gathers)
		op->loop->stats.copied_bytes += bytes;
	else
		op->flags |= FLAG_COPIED;
	op->buffer = (struct duet_buffer){.data = op->args.io.vectors[0].iov_base,
					  .length_bytes = (uint32_t)bytes,
					  .pool = DUET_POOL_NONE,
					  .regime = DUET_REGIME_COPIED};
	op->args.io.vectors[0] = (struct iovec){owned->buffer, bytes};
	op->args.io.vector_count = 1;
	op->flags &= (uint16_t)~FLAG_PIECES;
	return 0;
}

static int copy_path(struct core_owned *owned)
{
	struct duet_op *op = &owned->op;
	size_t bytes = strlen(op->args.open.path) + 1;

	if (bytes > op->loop->owned_bytes)
		return -EMSGSIZE;
	memmove(owned->buffer, op->args.open.path, bytes);
	op->args.open.path = (const char *)owned->buffer;
	return 0;
}

int duet_op_copy_through(struct duet_op *op)
{
	struct core_owned *owned = taken(op);

	if (!owned || op->state != STATE_IDLE || op->kind >= DUET_KIND_COUNT ||
	    core_kind(op)->check(op))
		return -EINVAL;
	if (names_a_path(op))
		return copy_path(owned);
	if (!core_kind(op)->lends || core_kind(op)->tells || core_msghdr_has(op) ||
	    op->flags & (DUET_POOLED | FLAG_GIVEN | FLAG_COPIED))
		return -EINVAL;
	return copy_pieces(owned);
}

static bool in_buffer(const struct core_owned *owned, const void *data)
{
	uintptr_t first = (uintptr_t)owned->buffer, at = (uintptr_t)data;

	return owned->buffer && at >= first && at < first + owned->op.loop->owned_bytes;
}

bool core_owned_copies(const struct duet_loop *loop, const struct duet_op *op)
{
	return is_ours(loop, op) && in_buffer((const struct core_owned *)(const void *)op,
					      op->args.io.vectors[0].iov_base);
}

void core_owned_copy_out(struct duet_loop *loop, struct duet_op *op)
{
	const struct core_owned *owned = (const struct core_owned *)(const void *)op;

	if (!core_owned_copies(loop, op) || owned->owned_state != OWNED_TAKEN)
		return;
	memcpy(op->buffer.data, owned->buffer, op->transferred);
	loop->stats.copied_bytes += op->transferred;
}

/* ---- Abandon. ---- */

static bool pieces_in_buffer(const struct core_owned *owned)
{
	const struct duet_op *op = &owned->op;

	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		const struct iovec *piece = &op->args.io.vectors[i];
		const unsigned char *data = piece->iov_base;

		if (piece->iov_len &&
		    !(in_buffer(owned, data) && in_buffer(owned, data + piece->iov_len - 1)))
			return false;
	}
	return true;
}

static bool fills_in_buffer(const struct core_owned *owned)
{
	const unsigned char *into = owned->op.args.statx.into;

	return in_buffer(owned, owned->op.args.statx.path) && in_buffer(owned, into) &&
	       in_buffer(owned, into + sizeof(struct statx) - 1);
}

/* The held buffer of a pool in which the one piece lies; false if there is none. */
static bool find_held(const struct duet_op *op, struct duet_buffer *found)
{
	const struct iovec *piece = &op->args.io.vectors[0];

	for (uint32_t id = 0; id < op->loop->pool_count; id++) {
		const struct duet_pool *pool = op->loop->pools[id];
		uintptr_t place = (uintptr_t)piece->iov_base - (uintptr_t)pool->memory;
		size_t index = place / pool->size_bytes;

		if (index >= pool->count || pool->states[index] != BUFFER_HELD ||
		    place % pool->size_bytes + piece->iov_len > pool->size_bytes)
			continue;
		*found = (struct duet_buffer){.data = pool->memory + index * pool->size_bytes,
					      .length_bytes = pool->size_bytes,
					      .pool = pool->id,
					      .index = (uint16_t)index};
		return true;
	}
	return false;
}

/* Is all that a pending operation lends the runtime's? If it is a pool's, *borrowed says what. */
static bool lends_ours(const struct core_owned *owned, struct duet_buffer *borrowed)
{
	const struct duet_op *op = &owned->op;

	/* Nobody would give back what it may be granted; a message's header and a
	 * splice's handles are never ours. */
	if (core_kind(op)->wait || core_kind(op)->tells || core_msghdr_has(op) ||
	    op->kind == DUET_SPLICE)
		return false;
	if (names_a_path(op))
		return in_buffer(owned, op->args.open.path);
	if (op->kind == DUET_STATX)
		return fills_in_buffer(owned);
	if (op->kind == DUET_RENAME || op->kind == DUET_LINK || op->kind == DUET_SYMLINK)
		return in_buffer(owned, op->args.rename.from) &&
		       in_buffer(owned, op->args.rename.to);
	if (!core_kind(op)->lends || op->flags & (DUET_POOLED | FLAG_GIVEN | FLAG_COPIED))
		return true;
	return pieces_in_buffer(owned) || (!(op->flags & FLAG_PIECES) && find_held(op, borrowed));
}

/* From now on it is not the caller's to return, nor to abandon a second time. */
static void borrow(struct duet_loop *loop, const struct duet_buffer *buffer, uint8_t state)
{
	if (buffer->length_bytes)
		loop->pools[buffer->pool]->states[buffer->index] = state;
}

static void dispose(struct duet_loop *loop, struct duet_op *op)
{
	if (op->kind == DUET_RESOLVE)
		core_resolve_dispose(op);
	if (core_kind(op)->makes && op->result == 0)
		core_handle_drop(loop, op->made);
	if (op->flags & DUET_POOLED && op->transferred) {
		loop->stats.reclaimed++;
		duet_buffer_return(loop, &op->buffer);
	}
	core_regime_reclaim(loop, op);
	if ((op->kind == DUET_RECV || op->kind == DUET_READ) && !MUTANT(abandoned_bytes_forgotten))
		loop->stats.discarded_bytes += op->transferred;
}

static void abandoned(struct duet_op *op)
{
	struct core_owned *owned = (struct core_owned *)(void *)op;
	struct duet_loop *loop = op->loop;

	dispose(loop, op);
	if (op->more)
		return;
	op->disposition = DUET_ABANDONED;
	borrow(loop, &owned->borrowed, BUFFER_HELD);
	if (owned->borrowed.length_bytes)
		duet_buffer_return(loop, &owned->borrowed);
	give_back(owned);
}

int duet_op_abandon(struct duet_op *op)
{
	struct core_owned *owned = taken(op);
	struct duet_buffer borrowed = {0};

	if (!owned)
		return -EINVAL;
	core_check_owner(op->loop);
	if (op->state != STATE_IDLE && !lends_ours(owned, &borrowed))
		return -EINVAL;
	if (op->state == STATE_IDLE) {
		give_back(owned);
		return 0;
	}
	op->loop->stats.abandoned++;
	core_regime_let_go(op);
	core_scope_forsake(op);
	set_state(owned, OWNED_ABANDONED);
	owned->borrowed = borrowed;
	borrow(op->loop, &borrowed, BUFFER_GIVEN);
	op->done = abandoned;
	if (!MUTANT(abandoned_not_asked))
		core_request(op->loop, op, DUET_CAUSE_CANCEL);
	return 0;
}
