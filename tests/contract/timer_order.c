/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/support/harness.h"

/* R11: the order of timers is equal on all backends. Which it is, is contract/timeout's to say; here
 * the backends are held against each other, over the same timers. */

#define TIMERS 120
#define ARMS 8

struct order {
	unsigned ids[TIMERS];
	unsigned count;
};

struct entry {
	struct duet_op op;
	struct order *order;
	unsigned id;
};

static void note(struct duet_op *op)
{
	struct entry *entry = op->context;

	ck_assert_uint_lt(entry->order->count, TIMERS);
	entry->order->ids[entry->order->count++] = entry->id;
}

/* Due in three moments that repeat, a third of them by a deadline; each fifth is cancelled. */
static void start_all(struct duet_loop *loop, struct entry *entries)
{
	uint64_t base = duet_loop_now_ns(loop) + 2000000;

	for (unsigned i = 0; i < TIMERS; i++) {
		uint64_t due = base + i * 7 % 3 * 500000;

		duet_op_init(&entries[i].op, note, &entries[i]);
		duet_op_timeout(&entries[i].op, i % 3 ? due : base + 3600000000000u);
		if (i % 3 == 0)
			duet_op_deadline(&entries[i].op, due);
		ck_assert_int_eq(duet_op_start(loop, &entries[i].op), 0);
	}
	for (unsigned i = 0; i < TIMERS; i += 5)
		duet_op_cancel(&entries[i].op);
}

static void play(const struct arm *arm, struct order *order)
{
	static struct entry entries[TIMERS];
	struct duet_loop_options options;
	struct duet_loop *loop;

	memset(entries, 0, sizeof(entries));
	for (unsigned i = 0; i < TIMERS; i++)
		entries[i] = (struct entry){ .order = order, .id = i };
	duet_loop_options_init(&options);
	options.tuning = arm->tuning;
	ck_assert_int_eq(duet_loop_create(&loop, arm->backend(), &options), 0);
	start_all(loop, entries);
	ck_assert_int_eq(duet_loop_run(loop), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	ck_assert_uint_eq(order->count, TIMERS);
}

START_TEST(timers_end_in_the_same_order_on_all_backends)
{
	static struct order orders[ARMS];
	const struct arm *arms[ARMS];
	size_t count = arms_here(arms, ARMS);

	if (count < 2)
		printf("skipped: %zu backend here, which there is nothing to hold against\n", count);
	for (size_t i = 0; i < count; i++)
		play(arms[i], &orders[i]);
	for (size_t i = 1; i < count; i++)
		for (unsigned place = 0; place < TIMERS; place++)
			ck_assert_msg(orders[i].ids[place] == orders[0].ids[place],
				"at place %u timer %u ended on %s, timer %u on %s", place,
				orders[0].ids[place], arms[0]->name, orders[i].ids[place],
				arms[i]->name);
}
END_TEST

int main(void)
{
	return plain_run("timer_order", CASES(timers_end_in_the_same_order_on_all_backends));
}
