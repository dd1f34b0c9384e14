/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <errno.h>

#include "tests/support/harness.h"

/* A wait for a primitive is a point as a receive is, though no backend sees it: three go through a
 * turnstile, one at a time, to receive a byte each. The `forgetful` keep their permit where they can't
 * go on. */

enum { WALKERS = 3 };

struct turnstile;

struct walker {
	struct duet_op op;
	struct duet_member member;
	struct turnstile *turnstile;
	unsigned char byte;
	bool done;
};

struct turnstile {
	struct walker walkers[WALKERS];
	struct duet_semaphore semaphore;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	unsigned held, through;
	bool forgetful;
};

static void leave(struct turnstile *turnstile)
{
	turnstile->held--;
	duet_semaphore_release(&turnstile->semaphore, 1);
}

static void received(struct duet_op *op)
{
	struct walker *walker = op->context;
	struct turnstile *turnstile = walker->turnstile;

	duet_lab_received(turnstile->lab, turnstile->peer, &walker->byte, op->transferred);
	walker->done = op->transferred == 1;
	turnstile->through += walker->done;
	leave(turnstile);
	if (turnstile->through == WALKERS)
		duet_lab_finish(turnstile->lab);
}

static void acquired(struct duet_op *op)
{
	struct walker *walker = op->context;
	struct turnstile *turnstile = walker->turnstile;

	if (op->result < 0)
		return;
	turnstile->held++;
	duet_lab_permits(turnstile->lab, "the turnstile", turnstile->semaphore.permits,
			 turnstile->held, 1);
	duet_op_init(op, received, walker);
	duet_op_recv(op, turnstile->handle, &walker->byte, 1, 0);
	if (!duet_scope_start(turnstile->scope, &walker->member, op))
		return;
	if (turnstile->forgetful)
		turnstile->held--;
	else
		leave(turnstile);
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct turnstile *turnstile = state;

	turnstile->lab = lab;
	turnstile->forgetful = *(const bool *)duet_lab_context(lab);
	duet_semaphore_init(&turnstile->semaphore, duet_lab_loop(lab), 1);
	turnstile->peer = duet_lab_pair(lab, &turnstile->handle);
	for (unsigned i = 0; i < WALKERS && turnstile->peer >= 0; i++)
		duet_lab_peer_sends(lab, turnstile->peer, 1);
	return turnstile->peer < 0 ? turnstile->peer : 0;
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct turnstile *turnstile = state;

	(void)lab;
	turnstile->scope = scope;
	for (unsigned i = 0; i < WALKERS; i++) {
		struct walker *walker = &turnstile->walkers[i];

		walker->turnstile = turnstile;
		if (walker->done)
			continue;
		duet_op_init(&walker->op, acquired, walker);
		duet_op_acquire(&walker->op, &turnstile->semaphore, 1);
		(void)!duet_scope_start(scope, &walker->member, &walker->op);
	}
}

static const char *check(struct duet_lab *lab, void *state)
{
	struct turnstile *turnstile = state;

	duet_lab_permits(lab, "the turnstile", turnstile->semaphore.permits, turnstile->held, 1);
	return duet_semaphore_fini(&turnstile->semaphore) ? "somebody is in line" : NULL;
}

static struct duet_lab_sweep sweep(const bool *forgetful)
{
	const struct duet_lab_workload workload = {.name = "turnstile",
						   .state_bytes = sizeof(struct turnstile),
						   .set_up = set_up, .body = body, .check = check,
						   .context = forgetful};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	made.workload = NULL;
	return made;
}

START_TEST(a_wait_for_a_primitive_is_a_point_and_its_cancel_loses_no_permit)
{
	static const bool forgetful = false;
	struct duet_lab_sweep made = sweep(&forgetful);
	unsigned stopped = 0, completed = 0;

	ck_assert_uint_eq(made.points, 2 * WALKERS);
	ck_assert_msg(!made.violations, "%s", made.outcomes[made.first].text);
	for (uint32_t i = 0; i < made.outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &made.outcomes[i];

		if (outcome->op_kind != DUET_ACQUIRE || outcome->verdict != DUET_LAB_OK)
			continue;
		stopped += outcome->disposition == DUET_UNTOUCHED;
		completed += outcome->disposition == DUET_COMPLETED;
	}
	ck_assert_uint_gt(stopped, 0);
	ck_assert_uint_gt(completed, 0);
	free(made.outcomes);
}
END_TEST

START_TEST(who_keeps_a_permit_when_it_can_t_go_on_is_named)
{
	static const bool forgetful = true;
	struct duet_lab_sweep made = sweep(&forgetful);
	const struct duet_lab_outcome *first = &made.outcomes[made.first];

	ck_assert_uint_gt(made.violations, 0);
	/* The next body waits for it for ever. */
	ck_assert_uint_eq(first->invariant, DUET_LAB_HANG);
	ck_assert_uint_eq(first->op_kind, DUET_ACQUIRE);
	free(made.outcomes);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_primitives",
			    CASES(a_wait_for_a_primitive_is_a_point_and_its_cancel_loses_no_permit,
				  who_keeps_a_permit_when_it_can_t_go_on_is_named),
			    NULL);
}
