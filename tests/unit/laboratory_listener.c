/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <errno.h>

#include "tests/support/harness.h"

/* Connections that peers make: what is accepted is known, and what is lost is named. */

enum manner {
	KEEPS,  /* and closes what it was given */
	LOSES,  /* what comes after the request */
	LEAVES, /* that open */
};

struct door {
	struct duet_op op;
	struct duet_member member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	enum manner manner;
	duet_handle listener, made;
	bool accepted;
};

static int set_up(struct duet_lab *lab, void *state)
{
	struct door *door = state;
	int peer = duet_lab_peer_connects(lab);

	door->lab = lab;
	door->manner = *(const enum manner *)duet_lab_context(lab);
	return peer < 0 ? peer : duet_lab_listener(lab, &door->listener);
}

static void close_it(struct door *door)
{
	duet_op_init(&door->op, NULL, NULL);
	duet_op_close(&door->op, door->made);
	if (!duet_scope_start(door->scope, &door->member, &door->op))
		duet_lab_finish(door->lab);
}

static void accept_one(struct door *door);

static void on_accepted(struct duet_op *op)
{
	struct door *door = op->context;
	bool asked = duet_scope_check(door->scope) != 0;

	if (op->result < 0) {
		accept_one(door);
		return;
	}
	if (asked && door->manner == LOSES) {
		duet_lab_finish(door->lab);
		return;
	}
	door->made = op->made;
	door->accepted = true;
	ck_assert_int_eq(duet_lab_accepted(door->lab, op->made), 0);
	if (asked && door->manner == LEAVES)
		duet_lab_finish(door->lab);
	else
		close_it(door);
}

static void accept_one(struct door *door)
{
	duet_op_init(&door->op, on_accepted, door);
	duet_op_accept(&door->op, door->listener, 0);
	duet_scope_start(door->scope, &door->member, &door->op);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct door *door = state;

	(void)lab;
	door->scope = scope;
	if (door->accepted)
		close_it(door);
	else
		accept_one(door);
}

static struct duet_lab_sweep sweep(const enum manner *manner)
{
	const struct duet_lab_workload workload = {.name = "door", .state_bytes = sizeof(struct door),
						   .set_up = set_up, .body = body,
						   .context = manner};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	made.workload = NULL;
	return made;
}

static void expect_descriptors(const enum manner *manner)
{
	struct duet_lab_sweep made = sweep(manner);

	ck_assert_uint_gt(made.violations, 0);
	for (uint32_t i = 0; i < made.outcome_count; i++) {
		if (made.outcomes[i].verdict == DUET_LAB_VIOLATION)
			ck_assert_uint_eq(made.outcomes[i].invariant, DUET_LAB_DESCRIPTORS);
	}
	free(made.outcomes);
}

START_TEST(a_connection_is_kept_whenever_the_cancel_comes)
{
	static const enum manner manner = KEEPS;
	struct duet_lab_sweep made = sweep(&manner);

	ck_assert_uint_eq(made.points, 1);
	ck_assert_msg(!made.violations, "%s", made.outcomes[made.first].text);
	free(made.outcomes);
}
END_TEST

START_TEST(one_that_is_lost_is_named)
{
	static const enum manner manner = LOSES;

	expect_descriptors(&manner);
}
END_TEST

START_TEST(one_that_is_left_open_is_named)
{
	static const enum manner manner = LEAVES;

	expect_descriptors(&manner);
}
END_TEST

static int set_up_too_many(struct duet_lab *lab, void *state)
{
	duet_handle handle;

	(void)state;
	ck_assert_int_ge(duet_lab_pair(lab, &handle), 0);
	ck_assert_int_eq(duet_lab_accepted(lab, DUET_HANDLE_NONE), -EBADF);
	ck_assert_int_eq(duet_lab_accepted(lab, handle), -ENOENT);
	for (int i = 1; i < DUET_LAB_PEERS_MAX; i++)
		ck_assert_int_eq(duet_lab_peer_connects(lab), i);
	return duet_lab_peer_connects(lab);
}

START_TEST(peers_and_strangers_are_told_apart)
{
	const struct duet_lab_workload workload = {.name = "crowd", .set_up = set_up_too_many,
						   .body = body};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning};

	ck_assert_int_eq(duet_lab_run(&made), -ENOSPC);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_listener",
			    CASES(a_connection_is_kept_whenever_the_cancel_comes,
				  one_that_is_lost_is_named, one_that_is_left_open_is_named,
				  peers_and_strangers_are_told_apart),
			    NULL);
}
