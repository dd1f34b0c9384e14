/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "completion/internal.h"

/*
 * A cancel is an entry behind its target in the same queue: the kernel takes them in order, so it
 * never looks for what it hasn't got. What became of the target is in the target's own completion
 * alone. The cancel's answer is posted only if it was no success (success is any number >= 0), and
 * says no more than whether to ask again.
 */

int completion_cancel(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe;

	switch (op->progress) {
	case PLACE_OWED:
		completion_list_remove(&self->owed, op);
		return BACKEND_ENDED;
	case PLACE_NOWHERE:
		return BACKEND_ENDED;
	case PLACE_HELD:
		return BACKEND_ISSUED;
	case PLACE_WORKER:
		return duet_core_offload_cancel(loop, op, false);
	}
	if (MUTANT(memory_back_at_request))
		return BACKEND_ENDED;
	if (MUTANT(cancel_dropped_when_full) && completion_ring_full(self))
		return BACKEND_ISSUED;
	if (completion_ring_full(self) && !completion_ring_make_room_by_ends(self))
		return -EAGAIN;
	sqe = completion_ring_entry(self);
	io_uring_prep_cancel64(sqe, op->backend, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = op->identity | TAG_CANCEL;
	return BACKEND_ISSUED;
}

/* Bounded without anybody's help: by a device, or because nothing is waited for. */
static bool ends_by_itself(const struct duet_loop *loop, const struct duet_op *op)
{
	switch (op->kind) {
	case DUET_READ:
	case DUET_WRITE:
	case DUET_RECV:
	case DUET_SEND:
	case DUET_SEND_ZERO_COPY:
		return duet_core_op_slot(loop, op)->slot_class == CLASS_FILE;
	case DUET_SPLICE:
		return completion_splices_file(loop, op);
	default:
		return duet_kind_cancel_class((enum duet_kind)op->kind) == DUET_CANCEL_NOT;
	}
}

/*
 * -EALREADY: it runs in one of the kernel's workers, which was asked to stop. If that came just
 * before the worker began, nobody stops it (0.05 to 1.1 % of such cancels; one more always
 * sufficed). -ENOENT: it has ended and its completion is on the way; or it stands where the
 * kernel can't find it, as a read does while it is at the disk.
 */
void completion_cancel_answered(struct duet_loop *loop, uint64_t user_data, int result)
{
	struct duet_op *op = duet_core_find(loop, user_data);

	loop->stats.cancels_running += result == -EALREADY;
	loop->stats.cancels_unknown += result == -ENOENT;
	if (!op || result >= 0)
		return;
	if (result == -EALREADY && MUTANT(already_is_ending))
		duet_core_end(loop, op, -ECANCELED);
	else if (result == -EALREADY || !ends_by_itself(loop, op))
		duet_core_cancel_again(loop, op);
}
