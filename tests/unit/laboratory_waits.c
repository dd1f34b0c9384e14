/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <errno.h>
#include <stddef.h>

#include "tests/support/harness.h"

/* A wait that is no operation, here for a byte that somebody else receives: a point like the others, but
 * that nothing of it is in flight. `deaf` goes on although it was asked to end in that very moment. */

struct gate {
	struct duet_op op;
	struct duet_member receiving, waiting;
	struct duet_lab_wait wait;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	bool deaf, open, waits, left;
	const char *wrong;
	unsigned char byte;
};

static void go_through(struct gate *gate)
{
	if (gate->left)
		gate->wrong = "it went on after it had left";
	else
		duet_member_leave(&gate->waiting, 0);
	duet_lab_finish(gate->lab);
}

static void drop(struct duet_lab_wait *wait)
{
	struct gate *gate = (struct gate *)(void *)((char *)wait - offsetof(struct gate, wait));

	/* It waits again; what was there already is there still. */
	if (!gate->open) {
		duet_lab_dropped(gate->lab, wait);
		duet_lab_waits(gate->lab, wait);
	}
}

static void asked(struct duet_member *member, enum duet_cause cause)
{
	struct gate *gate = (struct gate *)(void *)((char *)member -
						    offsetof(struct gate, waiting));

	(void)cause;
	gate->waits = false;
	gate->left = true;
	duet_lab_dropped(gate->lab, &gate->wait);
	duet_member_leave(member, -ECANCELED);
}

static void receive(struct gate *gate);

static void received(struct duet_op *op)
{
	struct gate *gate = op->context;

	duet_lab_received(gate->lab, gate->peer, &gate->byte, op->transferred);
	gate->open = op->transferred == 1;
	if (!gate->open) {
		receive(gate);
		return;
	}
	duet_lab_waited(gate->lab, &gate->wait);
	if (gate->waits || gate->deaf)
		go_through(gate);
	gate->waits = false;
}

static void receive(struct gate *gate)
{
	duet_op_init(&gate->op, received, gate);
	duet_op_recv(&gate->op, gate->handle, &gate->byte, 1, 0);
	duet_scope_start(gate->scope, &gate->receiving, &gate->op);
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct gate *gate = state;

	gate->lab = lab;
	gate->deaf = *(const bool *)duet_lab_context(lab);
	gate->wait.drop = drop;
	gate->peer = duet_lab_pair(lab, &gate->handle);
	if (gate->peer >= 0)
		duet_lab_peer_sends(lab, gate->peer, 1);
	return gate->peer < 0 ? gate->peer : 0;
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct gate *gate = state;

	gate->scope = scope;
	if (gate->open) {
		duet_lab_finish(lab);
		return;
	}
	gate->left = false;
	if (duet_scope_enter(scope, &gate->waiting, asked))
		return;
	gate->waits = true;
	duet_lab_waits(lab, &gate->wait);
	receive(gate);
}

static const char *check(struct duet_lab *lab, void *state)
{
	(void)lab;
	return ((struct gate *)state)->wrong;
}

static struct duet_lab_sweep sweep(const bool *deaf)
{
	const struct duet_lab_workload workload = {.name = "gate", .state_bytes = sizeof(struct gate),
						   .set_up = set_up, .body = body, .check = check,
						   .context = deaf};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	made.workload = NULL;
	return made;
}

static const struct duet_lab_outcome *find(const struct duet_lab_sweep *made,
					   enum duet_lab_phase phase, enum duet_lab_kind kind)
{
	for (uint32_t i = 0; i < made->outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &made->outcomes[i];

		if (outcome->point == 1 && outcome->phase == phase && outcome->kind == kind)
			return outcome;
	}
	ck_abort_msg("there is no such place");
}

START_TEST(a_wait_is_a_point_of_which_nothing_is_in_flight)
{
	static const bool deaf = false;
	struct duet_lab_sweep made = sweep(&deaf);

	ck_assert_uint_eq(made.points, 2);
	ck_assert_msg(!made.violations, "%s", made.outcomes[made.first].text);
	for (int phase = DUET_LAB_SAME_BATCH; phase < DUET_LAB_PHASE_COUNT; phase++) {
		const struct duet_lab_outcome *outcome =
			find(&made, (enum duet_lab_phase)phase, DUET_LAB_SCOPE);

		ck_assert_uint_eq(outcome->verdict, DUET_LAB_OK);
		ck_assert_uint_eq(outcome->op_kind, DUET_KIND_COUNT);
		ck_assert_uint_eq(find(&made, (enum duet_lab_phase)phase,
				       DUET_LAB_OPERATION)->verdict, DUET_LAB_OK);
	}
	free(made.outcomes);
}
END_TEST

START_TEST(what_a_wait_has_not_is_not_reached)
{
	static const bool deaf = false;
	struct duet_lab_sweep made = sweep(&deaf);

	ck_assert_uint_eq(find(&made, DUET_LAB_IN_FLIGHT, DUET_LAB_DEADLINE)->verdict,
			  DUET_LAB_UNREACHED);
	ck_assert_uint_eq(find(&made, DUET_LAB_IN_FLIGHT, DUET_LAB_ABANDON)->verdict,
			  DUET_LAB_UNREACHED);
	ck_assert_uint_eq(find(&made, DUET_LAB_BEFORE, DUET_LAB_SCOPE)->verdict,
			  DUET_LAB_UNREACHED);
	free(made.outcomes);
}
END_TEST

START_TEST(who_goes_on_although_it_was_asked_is_named)
{
	static const bool deaf = true;
	struct duet_lab_sweep made = sweep(&deaf);

	ck_assert_uint_eq(find(&made, DUET_LAB_DISPATCHED, DUET_LAB_SCOPE)->invariant,
			  DUET_LAB_CHECK);
	free(made.outcomes);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_waits",
			    CASES(a_wait_is_a_point_of_which_nothing_is_in_flight,
				  what_a_wait_has_not_is_not_reached,
				  who_goes_on_although_it_was_asked_is_named),
			    NULL);
}
