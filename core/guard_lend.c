/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/guard_ledger.h"

#ifdef DUET_DEBUG
#include <duet/msghdr.h>
#include <duet/splice.h>
#include <linux/stat.h>
#include <string.h>

#include "core/loan.h"
#include "core/msghdr.h"
#include "core/operation.h"

/*
 * What of the caller's memory an operation names: beside the bytes that it moves a message's header with
 * its control data, the paths of a name, and what a statx fills in.
 *
 * The header of a receive is neither the caller's nor the kernel's alone: core writes the lengths into it.
 * So only its address is watched, and that the rest stays where it is.
 */

static void add(struct core_guarded *guarded, enum core_watch watch, const void *data, size_t bytes)
{
	if (!data || !bytes)
		return;
	guarded->watches[guarded->piece_count] = (uint8_t)watch;
	guarded->pieces[guarded->piece_count++] = (struct iovec){(void *)(uintptr_t)data, bytes};
}

static void add_transfer(struct core_guarded *guarded, const struct duet_op *op)
{
	const enum core_watch watch = core_loan_writes(op) ? WATCH_FILLED : WATCH_READ;

	for (uint32_t i = 0; i < op->args.io.vector_count; i++)
		add(guarded, watch, op->args.io.vectors[i].iov_base, op->args.io.vectors[i].iov_len);
}

static void add_header(struct core_guarded *guarded, const struct duet_op *op)
{
	const struct duet_msghdr *header = op->args.io.header;

	add(guarded, WATCH_KEPT, header, sizeof(*header));
	if (op->kind == DUET_SENDMSG) {
		add(guarded, WATCH_READ, header, offsetof(struct duet_msghdr, message));
		add(guarded, WATCH_READ, header->control, header->control_bytes);
		return;
	}
	add(guarded, WATCH_FILLED, &header->address, sizeof(header->address));
	add(guarded, WATCH_FILLED, header->control, header->control_room_bytes);
}

static void add_path(struct core_guarded *guarded, const char *path)
{
	add(guarded, WATCH_READ, path, strlen(path) + 1);
}

void core_guard_lend(struct core_guarded *guarded, const struct duet_op *op)
{
	if (core_lends(op))
		add_transfer(guarded, op);
	guarded->transfer_count = guarded->piece_count;
	if (core_msghdr_has(op))
		add_header(guarded, op);
	switch (op->kind) {
	case DUET_SPLICE:
		/* What stands in the line of its input: core writes to it all the while. */
		add(guarded, WATCH_KEPT, op->args.io.splice, sizeof(*op->args.io.splice));
		break;
	case DUET_STATX:
		add_path(guarded, op->args.statx.path);
		add(guarded, WATCH_FILLED, op->args.statx.into, sizeof(struct statx));
		break;
	case DUET_OPEN:
	case DUET_MKDIR:
	case DUET_UNLINK:
		add_path(guarded, op->args.open.path);
		break;
	case DUET_RENAME:
	case DUET_LINK:
	case DUET_SYMLINK:
		add_path(guarded, op->args.rename.from);
		add_path(guarded, op->args.rename.to);
		break;
	default:
		break;
	}
	if (guarded->piece_count)
		core_guard_cover(guarded);
}

static size_t filled_beside(const struct core_guarded *guarded, unsigned i)
{
	const struct duet_msghdr *header = guarded->op->args.io.header;
	const size_t bytes = guarded->pieces[i].iov_len;
	size_t filled = guarded->pieces[i].iov_base == header->control ? header->control_bytes
								      : header->address_bytes;

	return filled ? filled : bytes;
}

size_t core_guard_filled(const struct core_guarded *guarded, unsigned i, uint32_t *transferred)
{
	const size_t bytes = guarded->pieces[i].iov_len;
	const size_t filled = bytes < *transferred ? bytes : *transferred;

	if (guarded->kind == DUET_STATX)
		return bytes;
	if (guarded->kind == DUET_RECVMSG && i >= guarded->transfer_count)
		return filled_beside(guarded, i);
	*transferred -= (uint32_t)filled;
	return filled;
}
#endif
