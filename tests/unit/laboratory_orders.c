/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>

#include "tests/support/harness.h"

/*
 * Every order of completion. A request and what belongs to it come on two connections at once; the body
 * relies on the request being told first, which is so in the first order of all.
 */

struct half {
	struct duet_op op;
	struct duet_member member;
	struct pair *pair;
	duet_handle handle;
	int peer;
	bool told;
	bool done;
	unsigned char data[4];
};

struct pair {
	struct duet_lab *lab;
	struct half request;
	struct half body;
	bool surprised;
};

static void hear(struct half *half)
{
	struct duet_op *op = &half->op;

	half->told = true;
	half->done = half->done || op->transferred;
	duet_lab_received(half->pair->lab, half->peer, half->data, op->transferred);
	if (half->pair->request.done && half->pair->body.done)
		duet_lab_finish(half->pair->lab);
}

static void on_request(struct duet_op *op)
{
	hear(op->context);
}

static void on_body(struct duet_op *op)
{
	struct half *half = op->context;

	if (op->transferred && !half->pair->request.told)
		half->pair->surprised = true;
	hear(half);
}

static int connect_half(struct duet_lab *lab, struct half *half)
{
	half->peer = duet_lab_pair(lab, &half->handle);
	if (half->peer >= 0)
		duet_lab_peer_sends(lab, half->peer, sizeof(half->data));
	return half->peer < 0 ? half->peer : 0;
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct pair *pair = state;
	int error;

	pair->lab = lab;
	pair->request.pair = pair->body.pair = pair;
	error = connect_half(lab, &pair->request);
	duet_lab_together(lab);
	return error ? error : connect_half(lab, &pair->body);
}

static void start(struct duet_scope *scope, struct half *half, duet_done_fn *done)
{
	half->told = half->done;
	if (half->done)
		return;
	duet_op_init(&half->op, done, half);
	duet_op_recv(&half->op, half->handle, half->data, sizeof(half->data), 0);
	duet_scope_start(scope, &half->member, &half->op);
}

static void receive(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct pair *pair = state;

	(void)lab;
	start(scope, &pair->request, on_request);
	start(scope, &pair->body, on_body);
}

static const char *check(struct duet_lab *lab, void *state)
{
	(void)lab;
	return ((struct pair *)state)->surprised ? "a body before its request" : NULL;
}

static const struct duet_lab_workload careful = {
	.name = "pair", .state_bytes = sizeof(struct pair), .set_up = set_up, .body = receive,
};

static const struct duet_lab_workload careless = {
	.name = "careless", .state_bytes = sizeof(struct pair), .set_up = set_up, .body = receive,
	.check = check,
};

static struct duet_lab_sweep sweep(const struct duet_lab_workload *workload, uint32_t depth)
{
	struct duet_lab_sweep made = {.workload = workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning, .orders_depth = depth};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	return made;
}

/* Only where there are several: what the kernel does nobody tells it. */
START_TEST(deeper_sweeps_make_more_runs)
{
	uint32_t runs = 0;

	for (uint32_t depth = 0; depth <= 3; depth++) {
		struct duet_lab_sweep made = sweep(&careful, depth);

		ck_assert_uint_eq(made.violations, 0);
		if (depth == 0 || stage.arm->kernel)
			ck_assert_uint_eq(made.runs, made.outcome_count);
		else
			ck_assert_uint_gt(made.runs, runs);
		runs = made.runs;
		free(made.outcomes);
	}
}
END_TEST

START_TEST(the_first_order_alone_does_not_show_it)
{
	struct duet_lab_sweep made;

	if (stage.arm->kernel)
		return;
	made = sweep(&careless, 0);
	ck_assert_uint_eq(made.violations, 0);
	ck_assert_uint_eq(made.first, made.outcome_count);
	free(made.outcomes);
}
END_TEST

START_TEST(another_order_shows_it_and_says_which)
{
	struct duet_lab_sweep made;
	const struct duet_lab_outcome *first;

	if (stage.arm->kernel)
		return;
	made = sweep(&careless, 2);
	ck_assert_uint_gt(made.violations, 0);
	first = &made.outcomes[made.first];
	ck_assert_uint_eq(first->point, 0);
	ck_assert_uint_eq(first->invariant, DUET_LAB_CHECK);
	ck_assert_str_eq(first->order, "1");
	/* Each of the two; then the other, or none in this turn. */
	ck_assert_uint_eq(first->orders, 2 * 2);
	free(made.outcomes);
}
END_TEST

START_TEST(an_order_replays)
{
	struct duet_lab_sweep made = {.workload = &careless, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning, .order = "1"};
	struct duet_lab_outcome outcome;

	if (stage.arm->kernel)
		return;
	ck_assert_int_eq(duet_lab_replay(&made, 0, DUET_LAB_SAME_BATCH, DUET_LAB_OPERATION,
					 &outcome), 0);
	ck_assert_uint_eq(outcome.invariant, DUET_LAB_CHECK);
	ck_assert_str_eq(outcome.order, "1");
	made.order = NULL;
	ck_assert_int_eq(duet_lab_replay(&made, 0, DUET_LAB_SAME_BATCH, DUET_LAB_OPERATION,
					 &outcome), 0);
	ck_assert_uint_eq(outcome.verdict, DUET_LAB_OK);
}
END_TEST

START_TEST(each_violation_replays_by_its_order)
{
	struct duet_lab_sweep made;

	if (stage.arm->kernel)
		return;
	made = sweep(&careless, 3);
	for (uint32_t i = 0; i < made.outcome_count; i++) {
		const struct duet_lab_outcome *seen = &made.outcomes[i];
		struct duet_lab_outcome again;

		made.order = seen->order;
		ck_assert_int_eq(duet_lab_replay(&made, seen->point,
						 (enum duet_lab_phase)seen->phase,
						 (enum duet_lab_kind)seen->kind, &again), 0);
		ck_assert_uint_eq(again.verdict, seen->verdict);
		ck_assert_str_eq(again.text, seen->text);
	}
	free(made.outcomes);
}
END_TEST

START_TEST(the_shortest_coordinates_are_named)
{
	struct duet_lab_sweep made;
	const struct duet_lab_outcome *first;

	if (stage.arm->kernel)
		return;
	made = sweep(&careless, 3);
	ck_assert_uint_lt(made.first, made.outcome_count);
	first = &made.outcomes[made.first];
	for (uint32_t i = 0; i < made.outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &made.outcomes[i];

		if (outcome->verdict != DUET_LAB_VIOLATION)
			continue;
		ck_assert_uint_le(strlen(first->order), strlen(outcome->order));
		if (strlen(first->order) == strlen(outcome->order))
			ck_assert_uint_le(made.first, i);
	}
	free(made.outcomes);
}
END_TEST

START_TEST(what_is_no_order_is_refused)
{
	struct duet_lab_sweep made = {.workload = &careful, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning};
	struct duet_lab_outcome outcome;

	made.orders_depth = DUET_LAB_ORDERS_DEPTH_MAX + 1;
	ck_assert_int_eq(duet_lab_run(&made), -EINVAL);
	made.order = "0-1";
	ck_assert_int_eq(duet_lab_replay(&made, 0, DUET_LAB_SAME_BATCH, DUET_LAB_OPERATION,
					 &outcome), -EINVAL);
	made.order = "0000000000000";
	ck_assert_int_eq(duet_lab_replay(&made, 0, DUET_LAB_SAME_BATCH, DUET_LAB_OPERATION,
					 &outcome), -EINVAL);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_orders",
			    CASES(deeper_sweeps_make_more_runs, the_first_order_alone_does_not_show_it,
				  another_order_shows_it_and_says_which, an_order_replays,
				  each_violation_replays_by_its_order,
				  the_shortest_coordinates_are_named, what_is_no_order_is_refused),
			    NULL);
}
