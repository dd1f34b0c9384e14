/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "laboratory/internal.h"

/* The moments of a point, and the request that is put in there. */

bool lab_asks_all(const struct place *place)
{
	return place->kind == DUET_LAB_SCOPE || place->kind == DUET_LAB_SHUTDOWN ||
	       place->kind == DUET_LAB_SECOND;
}

/* Where all that there is was asked to end. */
static void look_at_loans(struct duet_lab *lab)
{
	struct duet_ledger ledger;

	if (!lab->requested || lab->returned || !lab_asks_all(&lab->place))
		return;
	duet_loop_ledger(lab->loop, &ledger);
	lab->returned = ledger.lent_count == (lab->probing ? 1 : 0);
	lab->outcome->lent_turns = (uint32_t)(lab->turns - lab->request_turn);
}

void lab_request(struct duet_lab *lab)
{
	struct duet_op *op = lab->target;

	lab->requested = true;
	lab->request_turn = lab->turns;
	lab->request_ns = lab_clock_ns();
	switch (lab->place.kind) {
	case DUET_LAB_OPERATION:
		if (lab->target_wait)
			lab->target_wait->drop(lab->target_wait);
		else
			duet_op_cancel(op);
		break;
	case DUET_LAB_SCOPE:
	case DUET_LAB_SECOND:
		duet_scope_cancel(&lab->scope);
		break;
	case DUET_LAB_DEADLINE:
		duet_core_expire(op);
		break;
	case DUET_LAB_SHUTDOWN:
		(void)!duet_loop_shutdown(lab->loop, 0);
		break;
	case DUET_LAB_ABANDON:
		lab_abandon(lab);
		break;
	case DUET_LAB_KIND_COUNT:
		break;
	}
	look_at_loans(lab);
}

bool lab_is_owed(const struct duet_lab *lab)
{
	return lab->requested && lab->target &&
	       (lab->target->state == STATE_STOPPING || lab->target->state == STATE_CANCELLING);
}

bool lab_has_target(const struct duet_lab *lab)
{
	return lab->target || lab->target_wait;
}

/* The target's callback, before the body's own. */
static void target_told(struct duet_op *op)
{
	struct duet_lab *lab = lab_of(op->loop);
	duet_done_fn *done = lab->target_done;

	/* What is being told is the body's: too late to give it up. */
	if (lab->place.phase == DUET_LAB_DISPATCHED && lab->place.kind != DUET_LAB_ABANDON &&
	    !lab->requested)
		lab_request(lab);
	if (op->more) {
		done(op);
		return;
	}
	lab->untold = false;
	lab->outcome->disposition = op->disposition;
	lab->outcome->cause = op->cause;
	lab->target = NULL;
	*duet_core_callback(op) = done;
	done(op);
}

void lab_target_set(struct duet_lab *lab, struct duet_op *op)
{
	duet_done_fn **callback = duet_core_callback(op);

	lab->outcome->op_kind = op->kind;
	lab->target = op;
	lab->untold = true;
	lab->target_done = *callback;
	lab->at_point = true;
	lab->handed_over = lab->acted = false;
	*callback = target_told;
}

static void record(struct duet_lab *lab, const struct duet_op *op)
{
	uint32_t line = lab_line_left(lab, op);

	if (!lab->place.point && lab->points <= lab->seen->points_max)
		lab->seen->points[lab->points] = (struct point){line, op->kind};
}

const char *lab_point_name(uint8_t op_kind)
{
	return op_kind < DUET_KIND_COUNT ? duet_kind_name((enum duet_kind)op_kind) : "wait";
}

static void look_at_point(struct duet_lab *lab, uint8_t op_kind)
{
	if (lab->points != lab->place.point)
		return;
	lab->seen->target_came = true;
	lab->seen->target_kind = op_kind;
}

void lab_point_reached(struct duet_lab *lab, struct duet_op *op)
{
	/* What nobody is told of is no point; the probe is the laboratory's own. */
	if (op == &lab->probe || !*duet_core_callback(op) || op == lab->target)
		return;
	lab->points++;
	look_at_point(lab, op->kind);
	lab->takes_time |= op->kind == DUET_READ || op->kind == DUET_WRITE ||
			   op->kind == DUET_FSYNC || op->kind == DUET_OPEN;
	record(lab, op);
	if (lab->points == lab->place.point && lab->place.phase != DUET_LAB_BEFORE)
		lab_target_set(lab, op);
	if (lab->requested && duet_core_cleans(op))
		lab->cleaning = true;
}

/* ---- Waits. ---- */

static bool can_be_asked(const struct place *place)
{
	return place->kind != DUET_LAB_DEADLINE && place->kind != DUET_LAB_ABANDON &&
	       place->phase != DUET_LAB_BEFORE;
}

void duet_lab_waits(struct duet_lab *lab, struct duet_lab_wait *wait)
{
	lab->points++;
	look_at_point(lab, DUET_KIND_COUNT);
	if (!lab->place.point && lab->points <= lab->seen->points_max)
		lab->seen->points[lab->points] = (struct point){0, DUET_KIND_COUNT};
	if (lab->points != lab->place.point || !can_be_asked(&lab->place))
		return;
	lab->outcome->op_kind = DUET_KIND_COUNT;
	lab->target_wait = wait;
	lab->at_point = true;
	lab->handed_over = lab->acted = false;
}

void duet_lab_waited(struct duet_lab *lab, struct duet_lab_wait *wait)
{
	if (wait != lab->target_wait)
		return;
	if (lab->place.phase == DUET_LAB_DISPATCHED && !lab->requested)
		lab_request(lab);
	lab->target_wait = NULL;
}

void duet_lab_dropped(struct duet_lab *lab, struct duet_lab_wait *wait)
{
	if (wait == lab->target_wait)
		lab->target_wait = NULL;
}

/* ---- Posted. ---- */

static void probe_told(struct duet_op *op)
{
	struct duet_lab *lab = op->context;

	lab->probing = lab->fed = false;
	if (lab_has_target(lab) && lab->acted && !lab->requested)
		lab_request(lab);
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
	for (unsigned i = 0; lab->probing && i < IDLE_TURNS_MAX; i++) {
		duet_op_cancel(&lab->probe);
		if (duet_loop_turn(lab->loop, 1000000) < 0)
			return;
	}
}

/* Before a peer acts. */
void lab_probe_feed(struct duet_lab *lab)
{
	if (lab_has_target(lab) && !lab->requested && lab->probing && !lab->fed)
		lab->fed = lab->world->send(lab->loop, lab->probe_fd, "", 1) == 1;
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

static void second(struct duet_lab *lab)
{
	if (lab->place.kind != DUET_LAB_SECOND || !lab->cleaning || lab->seconded)
		return;
	lab->seconded = true;
	duet_scope_cancel(&lab->scope);
}

void lab_before_wait(struct duet_lab *lab)
{
	look_at_loans(lab);
	lab_line_look(lab);
	second(lab);
	if (!lab_has_target(lab) || lab->requested)
		return;
	if (is_moment(lab))
		lab_request(lab);
	else if (lab->place.phase == DUET_LAB_POSTED && !lab->probing && !lab->no_probe)
		probe(lab);
}

void lab_after_wait(struct duet_lab *lab)
{
	if (lab_has_target(lab))
		lab->handed_over = true;
}
