/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/support/harness.h"

/* How many points there are, and what is said to who asks for others. */

struct walker {
	struct duet_op op;
	struct duet_member member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	unsigned steps;
};

static unsigned steps_wanted(const struct walker *walker)
{
	return *(const unsigned *)duet_lab_context(walker->lab);
}

static void take_step(struct duet_op *op);

static void go_on(struct walker *walker)
{
	duet_op_init(&walker->op, take_step, walker);
	duet_op_nop(&walker->op);
	duet_scope_start(walker->scope, &walker->member, &walker->op);
}

/* As many as the context says, one after the other. */
static void take_step(struct duet_op *op)
{
	struct walker *walker = op->context;

	if (op->result == 0 && ++walker->steps == steps_wanted(walker))
		duet_lab_finish(walker->lab);
	else
		go_on(walker);
}

static void walk(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct walker *walker = state;

	walker->lab = lab;
	walker->scope = scope;
	go_on(walker);
}

static int set_up(struct duet_lab *lab, void *state)
{
	(void)lab;
	(void)state;
	return 0;
}

static struct duet_lab_workload workload_of(const unsigned *steps)
{
	return (struct duet_lab_workload){.name = "walk", .state_bytes = sizeof(struct walker),
					  .set_up = set_up, .body = walk, .context = steps};
}

static struct duet_lab_sweep sweep_of(const struct duet_lab_workload *workload)
{
	return (struct duet_lab_sweep){.workload = workload, .backend = stage.arm->backend(),
				       .tuning = stage.arm->tuning};
}

START_TEST(all_points_are_swept)
{
	static const unsigned many = 70;
	const struct duet_lab_workload workload = workload_of(&many);
	struct duet_lab_sweep made = sweep_of(&workload);

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	ck_assert_uint_eq(made.points, many);
	ck_assert_uint_eq(made.violations, 0);
	free(made.outcomes);
}
END_TEST

START_TEST(more_than_there_is_room_for_is_an_error_and_so_many_can_be_had)
{
	static const unsigned too_many = DUET_LAB_POINTS_MAX + 1;
	const struct duet_lab_workload workload = workload_of(&too_many);
	struct duet_lab_sweep made = sweep_of(&workload);

	stage_judge();
	ck_assert_int_eq(duet_lab_run(&made), -E2BIG);
	made.points_max = 1;
	ck_assert_int_eq(duet_lab_run(&made), 0);
	ck_assert_uint_eq(made.points, 1);
	free(made.outcomes);
}
END_TEST

START_TEST(a_replay_of_no_point_is_an_error)
{
	static const unsigned few = 2;
	const struct duet_lab_workload workload = workload_of(&few);
	const struct duet_lab_sweep made = sweep_of(&workload);
	struct duet_lab_outcome outcome;

	ck_assert_int_eq(duet_lab_replay(&made, 3, DUET_LAB_IN_FLIGHT, DUET_LAB_SCOPE, &outcome),
			 -ERANGE);
	ck_assert_uint_eq(outcome.point, few);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_points",
			    CASES(all_points_are_swept,
				  more_than_there_is_room_for_is_an_error_and_so_many_can_be_had,
				  a_replay_of_no_point_is_an_error),
			    NULL);
}
