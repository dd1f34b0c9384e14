/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>

#include "laboratory/internal.h"

/* The moments of a point, and the request that is put in there. */

static void request(struct duet_lab *lab)
{
	struct duet_op *op = lab->target;

	lab->requested = true;
	lab->request_turn = lab->turns;
	switch (lab->place.kind) {
	case DUET_LAB_OPERATION:
		duet_op_cancel(op);
		break;
	case DUET_LAB_SCOPE:
		duet_scope_cancel(&lab->scope);
		break;
	case DUET_LAB_DEADLINE:
		duet_core_expire(op);
		break;
	case DUET_LAB_SHUTDOWN:
		(void)!duet_loop_shutdown(lab->loop, 0);
		break;
	case DUET_LAB_KIND_COUNT:
		break;
	}
}

/* The target's callback, before the body's own. */
static void target_told(struct duet_op *op)
{
	struct duet_lab *lab = lab_of(op->loop);
	duet_done_fn *done = lab->target_done;

	if (lab->place.phase == DUET_LAB_DISPATCHED && !lab->requested)
		request(lab);
	if (op->more) {
		done(op);
		return;
	}
	lab->outcome->disposition = op->disposition;
	lab->outcome->cause = op->cause;
	lab->target = NULL;
	*duet_core_callback(op) = done;
	done(op);
}

void lab_point_reached(struct duet_lab *lab, struct duet_op *op)
{
	duet_done_fn **callback = duet_core_callback(op);

	/* What nobody is told of is no point; the probe is the laboratory's own. */
	if (op == &lab->probe || !*callback || op == lab->target)
		return;
	if (++lab->points != lab->place.point)
		return;
	lab->outcome->op_kind = op->kind;
	lab->target = op;
	lab->target_done = *callback;
	lab->handed_over = lab->acted = false;
	*callback = target_told;
}

/* ---- Posted. ---- */

static void probe_told(struct duet_op *op)
{
	struct duet_lab *lab = op->context;

	lab->probing = lab->fed = false;
	if (lab->target && lab->acted && !lab->requested)
		request(lab);
}

/*
 * Fetched and not yet acted upon: in the callback of something that stands before it in what one
 * wait brings. A receive is that waits as the target does, and whose byte comes just before the peer
 * acts: mechanisms tell of what came in the order in which it came.
 */
static void probe(struct duet_lab *lab)
{
	duet_op_init(&lab->probe, probe_told, lab);
	duet_op_recv(&lab->probe, lab->probe_handle, &lab->probe_byte, 1, 0);
	lab->probing = true;
	if (duet_op_start(lab->loop, &lab->probe))
		lab->probing = false;
}

/* Of which nobody is to judge the loan. A point that has outlived its body gets no other one. */
void lab_probe_end(struct duet_lab *lab)
{
	lab->no_probe = true;
	while (lab->probing) {
		duet_op_cancel(&lab->probe);
		if (duet_loop_turn(lab->loop, 1000000) < 0)
			return;
	}
}

/* Before a peer acts. */
void lab_probe_feed(struct duet_lab *lab)
{
	if (lab->target && !lab->requested && lab->probing && !lab->fed)
		lab->fed = send(lab->probe_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

static bool is_moment(const struct duet_lab *lab)
{
	switch (lab->place.phase) {
	case DUET_LAB_SAME_BATCH:
		return !lab->handed_over;
	case DUET_LAB_IN_FLIGHT:
		return lab->handed_over && !lab->acted;
	case DUET_LAB_SATISFIED:
		return lab->handed_over && lab->acted;
	default:
		return false;
	}
}

void lab_before_wait(struct duet_lab *lab)
{
	if (!lab->target || lab->requested)
		return;
	if (is_moment(lab))
		request(lab);
	else if (lab->place.phase == DUET_LAB_POSTED && !lab->probing && !lab->no_probe)
		probe(lab);
}

void lab_after_wait(struct duet_lab *lab)
{
	if (lab->target)
		lab->handed_over = true;
}
