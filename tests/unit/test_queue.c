/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/queue.h"
#include "tests/support/harness.h"

/* The rings of a handle's lines, and the queues of the loop. */

static struct duet_op ops[6];

START_TEST(a_ring_keeps_the_order_of_appending_whatever_leaves)
{
	static const unsigned leaves[] = { 2, 0, 5, 3 };
	static const unsigned heads[] = { 0, 1, 1, 1 };
	struct duet_op *ring = NULL;

	for (unsigned i = 0; i < 6; i++)
		core_ring_append(&ring, &ops[i]);
	ck_assert_ptr_eq(ring, &ops[0]);
	ck_assert_ptr_eq(ring->prev, &ops[5]);
	for (unsigned i = 0; i < 4; i++) {
		core_ring_remove(&ring, &ops[leaves[i]]);
		ck_assert_ptr_eq(ring, &ops[heads[i]]);
	}
	ck_assert_ptr_eq(ring->next, &ops[4]);
	ck_assert_ptr_eq(ops[4].next, &ops[1]);
	core_ring_remove(&ring, &ops[1]);
	core_ring_remove(&ring, &ops[4]);
	ck_assert_ptr_null(ring);
}
END_TEST

START_TEST(a_queue_gives_back_in_the_order_of_pushing)
{
	struct core_queue queue = { NULL, NULL };

	ck_assert_ptr_null(core_queue_pop(&queue));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 6; i++)
			core_queue_push(&queue, &ops[i]);
		for (unsigned i = 0; i < 6; i++)
			ck_assert_ptr_eq(core_queue_pop(&queue), &ops[i]);
		ck_assert_ptr_null(core_queue_pop(&queue));
	}
}
END_TEST

START_TEST(what_is_taken_out_of_a_queue_leaves_no_gap)
{
	struct core_queue queue = { NULL, NULL };

	for (unsigned i = 0; i < 4; i++)
		core_queue_push(&queue, &ops[i]);
	ck_assert(!core_queue_remove(&queue, &ops[4]));
	ck_assert(core_queue_remove(&queue, &ops[3]));
	ck_assert(core_queue_remove(&queue, &ops[1]));
	ck_assert(!core_queue_remove(&queue, &ops[1]));
	core_queue_push(&queue, &ops[5]);
	ck_assert_ptr_eq(core_queue_pop(&queue), &ops[0]);
	ck_assert_ptr_eq(core_queue_pop(&queue), &ops[2]);
	ck_assert(core_queue_remove(&queue, &ops[5]));
	ck_assert_ptr_null(core_queue_pop(&queue));
	core_queue_push(&queue, &ops[0]);
	ck_assert_ptr_eq(core_queue_pop(&queue), &ops[0]);
}
END_TEST

int main(void)
{
	return plain_run("queue",
		CASES(a_ring_keeps_the_order_of_appending_whatever_leaves,
			a_queue_gives_back_in_the_order_of_pushing,
			what_is_taken_out_of_a_queue_leaves_no_gap));
}
