/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/owned.h>
#include <errno.h>
#include <stdio.h>

#include "laboratory/internal.h"

/* An operation is given up, in the middle of a workload that doesn't know of it. */

static bool lends_state(const struct duet_lab *lab, const struct duet_op *op)
{
	const char *state = lab->state;
	const char *data = op->args.io.vectors[0].iov_base;

	return (op->kind == DUET_RECV || op->kind == DUET_SEND || op->kind == DUET_READ ||
		op->kind == DUET_WRITE || op->kind == DUET_SEND_ZERO_COPY) &&
	       !(op->flags & DUET_POOLED) && data >= state && data < state + lab->workload->state_bytes;
}

/* The target goes on as it was, to the end of which the body is told. */
static void judge_refusal(struct duet_lab *lab, int error, const struct duet_op *before)
{
	const struct duet_op *op = lab->target;

	if (error != -EINVAL || op->state != before->state || op->request != before->request)
		lab_violation(lab, DUET_LAB_UNANSWERED, "a refused abandon (%s) has changed it",
			      duet_error_name(error));
	else
		snprintf(lab->outcome->text, sizeof(lab->outcome->text),
			 "refused: its memory is not the loop's");
}

void lab_abandon(struct duet_lab *lab)
{
	const struct duet_op before = *lab->target;
	bool lends = lends_state(lab, &before);
	int error;

	lab->discarded = lab->loop->stats.discarded_bytes;
	error = duet_op_abandon(lab->target);
	if (error) {
		judge_refusal(lab, error, &before);
		return;
	}
	lab->target = NULL;
	lab->untold = false;
	lab->abandoned = true;
	lab->abandoned_sends = before.kind == DUET_SEND || before.kind == DUET_SEND_ZERO_COPY;
	lab->abandoned_handle = before.handle;
	lab->outcome->disposition = DUET_ABANDONED;
	lab->outcome->cause = DUET_CAUSE_CANCEL;
	if (lends)
		lab_violation(lab, DUET_LAB_LOANS, "abandoned with the body's memory on loan");
}

/* Bytes that came for it are the body's no more, and are not among those that it receives next. */
void lab_discarded_count(struct duet_lab *lab)
{
	struct peer *peer = lab_peer_of(lab, lab->abandoned_handle);
	uint64_t bytes = lab->loop->stats.discarded_bytes - lab->discarded;

	if (!lab->abandoned || !bytes)
		return;
	lab->discarded += bytes;
	lab->partial = true;
	if (peer)
		peer->received += bytes;
}
