/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <stdio.h>

#include "tests/support/harness.h"

/*
 * A conversation: three questions of twelve bytes, which come in ragged pieces, each answered with four.
 * What was received stays in the connection, so that the next body goes on from there. `careless`
 * believes that what it asked to end has not happened.
 */

enum { QUESTIONS_MAX = 3, QUESTION_BYTES = 12, ANSWER_BYTES = 4 };

struct talk {
	struct duet_op op;
	struct duet_member member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	uint32_t questions;
	uint32_t answered;
	uint32_t have;
	uint32_t sent; /* of the answer that is being given */
	bool careless;
	bool copies_nothing;
	unsigned char question[QUESTION_BYTES];
	unsigned char answer[ANSWER_BYTES];
};

static void go_on(struct talk *talk);

static bool believed(const struct talk *talk)
{
	return !talk->careless || !duet_scope_check(talk->scope);
}

static void heard(struct duet_op *op)
{
	struct talk *talk = op->context;

	if (believed(talk)) {
		duet_lab_received(talk->lab, talk->peer, talk->question + talk->have, op->transferred);
		talk->have += op->transferred;
	}
	go_on(talk);
}

static void said(struct duet_op *op)
{
	struct talk *talk = op->context;

	/* The answer is lent on. */
	if (op->more)
		return;
	if (believed(talk)) {
		duet_lab_sent(talk->lab, talk->peer, op->transferred);
		talk->sent += op->transferred;
	}
	if (talk->sent == ANSWER_BYTES) {
		talk->sent = talk->have = 0;
		talk->answered++;
	}
	go_on(talk);
}

/* Where the scope was asked to end the start is refused, and that is the end of this body. */
static void go_on(struct talk *talk)
{
	if (talk->answered == talk->questions) {
		duet_lab_finish(talk->lab);
		return;
	}
	if (talk->have < QUESTION_BYTES) {
		duet_op_init(&talk->op, heard, talk);
		duet_op_recv(&talk->op, talk->handle, talk->question + talk->have,
			     QUESTION_BYTES - talk->have, 0);
	} else {
		duet_lab_fill(talk->lab, talk->peer,
			      (uint64_t)talk->answered * ANSWER_BYTES + talk->sent, talk->answer,
			      ANSWER_BYTES - talk->sent);
		duet_op_init(&talk->op, said, talk);
		if (talk->copies_nothing)
			duet_op_send_zero_copy(&talk->op, talk->handle, talk->answer,
					       ANSWER_BYTES - talk->sent, 0);
		else
			duet_op_send(&talk->op, talk->handle, talk->answer,
				     ANSWER_BYTES - talk->sent, 0);
	}
	duet_scope_start(talk->scope, &talk->member, &talk->op);
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct talk *talk = state;

	talk->lab = lab;
	talk->questions = talk->questions ? talk->questions : QUESTIONS_MAX;
	talk->peer = duet_lab_pair(lab, &talk->handle);
	if (talk->peer < 0)
		return talk->peer;
	for (uint32_t i = 0; i < talk->questions; i++) {
		duet_lab_peer_sends(lab, talk->peer, 5);
		duet_lab_peer_sends(lab, talk->peer, 4);
		duet_lab_peer_sends(lab, talk->peer, 3);
		duet_lab_peer_receives(lab, talk->peer, ANSWER_BYTES);
	}
	return 0;
}

static int set_up_short(struct duet_lab *lab, void *state)
{
	((struct talk *)state)->questions = 1;
	return set_up(lab, state);
}

static int set_up_careless(struct duet_lab *lab, void *state)
{
	((struct talk *)state)->careless = true;
	return set_up_short(lab, state);
}

static int set_up_zero_copy(struct duet_lab *lab, void *state)
{
	((struct talk *)state)->copies_nothing = true;
	return set_up(lab, state);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct talk *talk = state;

	(void)lab;
	talk->scope = scope;
	go_on(talk);
}

static const struct duet_lab_workload careful = {
	.name = "conversation", .state_bytes = sizeof(struct talk), .set_up = set_up, .body = body,
};
static const struct duet_lab_workload careless = {
	.name = "careless", .state_bytes = sizeof(struct talk), .set_up = set_up_careless, .body = body,
};

static const struct duet_lab_workload zero_copy = {
	.name = "zero-copy", .state_bytes = sizeof(struct talk), .set_up = set_up_zero_copy,
	.body = body,
};

static const struct duet_lab_workload brief = {
	.name = "brief", .state_bytes = sizeof(struct talk), .set_up = set_up_short, .body = body,
};

static struct duet_lab_sweep sweep_of(const struct duet_lab_workload *workload)
{
	struct duet_lab_sweep sweep = {.workload = workload, .backend = stage.arm->backend(),
				       .tuning = stage.arm->tuning, .orders_depth = 1};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&sweep), 0);
	return sweep;
}

static void print(const struct duet_lab_sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &sweep->outcomes[i];

		if (outcome->verdict == DUET_LAB_VIOLATION)
			printf("%s: point %u (%s), %s, %s: %s: %s\n", stage.arm->name,
			       outcome->point,
			       duet_kind_name((enum duet_kind)outcome->op_kind),
			       duet_lab_phase_name((enum duet_lab_phase)outcome->phase),
			       duet_lab_kind_name((enum duet_lab_kind)outcome->kind),
			       duet_lab_invariant_name((enum duet_lab_invariant)outcome->invariant),
			       outcome->text);
	}
	printf("%s: %s: %u points, %u runs, %u violations, %u unreached, worst %u turns\n",
	       stage.arm->name, sweep->workload->name, sweep->points, sweep->runs,
	       sweep->violations, sweep->unreached, sweep->turns_worst);
}

static void expect_survival(const struct duet_lab_workload *workload)
{
	struct duet_lab_sweep sweep = sweep_of(workload);

	if (sweep.violations || getenv("DUET_TEST_VERBOSE"))
		print(&sweep);
	ck_assert_uint_ge(sweep.points, 12);
	ck_assert_uint_eq(sweep.violations, 0);
	/* Nothing in it stands in a line, and there is no cleanup. */
	ck_assert_uint_lt(sweep.unreached, sweep.runs * 2 / 3);
	free(sweep.outcomes);
}

START_TEST(a_careful_conversation_survives_a_cancel_anywhere)
{
	expect_survival(&careful);
}
END_TEST

START_TEST(so_does_one_that_answers_without_a_copy)
{
	expect_survival(&zero_copy);
}
END_TEST

START_TEST(a_careless_one_loses_bytes)
{
	struct duet_lab_sweep sweep = sweep_of(&careless);

	if (getenv("DUET_TEST_VERBOSE"))
		print(&sweep);
	ck_assert_uint_gt(sweep.violations, 0);
	free(sweep.outcomes);
}
END_TEST

/* Point by point; and none by an order of completion that shows without it. */
START_TEST(the_first_place_is_named)
{
	struct duet_lab_sweep sweep = sweep_of(&careless);
	uint32_t place = 0;

	while (sweep.outcomes[place].verdict != DUET_LAB_VIOLATION ||
	       *sweep.outcomes[place].order)
		place++;
	ck_assert_uint_eq(sweep.first, place);
	ck_assert_uint_gt(sweep.outcomes[place].point, 0);
	free(sweep.outcomes);
}
END_TEST

static bool is_same(const struct duet_lab_outcome *one, const struct duet_lab_outcome *other)
{
	return one->point == other->point && one->phase == other->phase &&
	       one->kind == other->kind && one->verdict == other->verdict &&
	       one->invariant == other->invariant && one->op_kind == other->op_kind &&
	       one->disposition == other->disposition && one->cause == other->cause &&
	       one->orders == other->orders && !strcmp(one->order, other->order) &&
	       !strcmp(one->text, other->text);
}

START_TEST(ten_sweeps_give_the_same_verdicts)
{
	struct duet_lab_sweep first = sweep_of(&brief);

	for (unsigned repeat = 1; repeat < 10; repeat++) {
		struct duet_lab_sweep next = sweep_of(&brief);

		ck_assert_uint_eq(next.outcome_count, first.outcome_count);
		for (uint32_t i = 0; i < next.outcome_count; i++)
			ck_assert_msg(is_same(&next.outcomes[i], &first.outcomes[i]),
				      "repeat %u, run %u: verdict %u after %u", repeat, i,
				      next.outcomes[i].verdict, first.outcomes[i].verdict);
		free(next.outcomes);
	}
	free(first.outcomes);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_sweep",
			    CASES(a_careful_conversation_survives_a_cancel_anywhere,
				  so_does_one_that_answers_without_a_copy,
				  a_careless_one_loses_bytes, the_first_place_is_named,
				  ten_sweeps_give_the_same_verdicts),
			    NULL);
}
