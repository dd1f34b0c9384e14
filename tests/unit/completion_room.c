/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/unit/completion_loop.h"

/* Room: a full submission queue, a full completion queue, and what finds none. */

START_TEST(a_hundred_thousand_nops_pass_a_queue_of_64)
{
	enum { COUNT = 100000 };
	struct duet_op *ops = calloc(COUNT, sizeof(*ops));

	open_loop(_i, ",entries=64");
	for (int i = 0; i < COUNT; i++) {
		duet_op_init(&ops[i], done, NULL);
		duet_op_nop(&ops[i]);
		ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
	}
	ck_assert_int_eq(duet_loop_run(loop), 0);
	ck_assert_uint_eq(ends, COUNT);
	ck_assert_uint_eq(stats().events, COUNT);
	ck_assert_uint_eq(stats().submitted, COUNT + 1); /* and the wake's poll */
	ck_assert_uint_gt(stats().queue_full, 0);
	/* All but those that the completion queue of 512 held. */
	ck_assert_uint_ge(stats().overflowed, COUNT - 1024);
	close_loop();
	free(ops);
}
END_TEST

/* The kernel ends a multishot receive when the completion queue (64 places here) is full. */
START_TEST(more_arrivals_than_the_queue_holds_all_come_in_order)
{
	enum { COUNT = 200 };
	struct duet_pool *pool;
	struct duet_op op;
	duet_handle handle;
	int room = 1 << 20;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_SEQPACKET, &handle);
	setsockopt(raw, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	ck_assert_int_eq(duet_pool_create(loop, 256, 16, &pool), 0);
	duet_op_init(&op, done, NULL);
	duet_op_recv_pooled(&op, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	for (int i = 0; i < COUNT; i++) {
		unsigned char byte = (unsigned char)i;

		ck_assert_int_eq(send(raw, &byte, 1, MSG_DONTWAIT), 1);
	}
	for (int i = 0; i < 100 && received_bytes < COUNT; i++)
		turns(1);
	ck_assert_uint_eq(received_bytes, COUNT);
	for (int i = 0; i < COUNT; i++)
		ck_assert_uint_eq(received[i], (unsigned char)i);
	ck_assert_uint_eq(ends, 0);
	ck_assert_uint_eq(starved, 0);
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(duet_pool_free_count(pool), 256);
	close_loop();
	close(raw);
}
END_TEST

/* A multishot receive with two buffers, ended by an entry posted here, whose queue is full at that
 * moment: the item before it starts as many nops as there are places. The kernel still has the
 * receive, so that the same one is there twice afterwards. */
static bool end_without_room(struct duet_op *op, duet_handle handle)
{
	struct duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(loop, 2, 16, &pool), 0);
	duet_op_init(op, done, NULL);
	duet_op_recv_pooled(op, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	turns(1);
	if (!post(op->backend, 1, IORING_CQE_F_BUFFER | IORING_CQE_F_MORE))
		return false;
	ck_assert(post(op->backend, 1, IORING_CQE_F_BUFFER | 1 << IORING_CQE_BUFFER_SHIFT));
	fills = true;
	refused = 1;
	ck_assert_int_eq(duet_loop_turn(loop, 0), 2);
	ck_assert_int_eq(refused, 0);
	ck_assert_uint_eq(items, 2);
	ck_assert_uint_eq(op->progress, PLACE_OWED);
	return true;
}

START_TEST(a_multishot_that_the_kernel_ends_goes_on_when_there_is_room)
{
	struct duet_op op;
	duet_handle handle;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	if (end_without_room(&op, handle)) {
		turns(2);
		ck_assert_uint_eq(ends, FILLERS);
		ck_assert(duet_op_pending(&op));
		ck_assert_uint_eq(op.progress, PLACE_KERNEL);
		ck_assert_uint_eq(stats().stale, 0);
		duet_op_cancel(&op);
		turn_until_ended(&op);
	}
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

START_TEST(a_multishot_that_waits_for_room_can_be_cancelled)
{
	struct duet_op op;
	duet_handle handle;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	if (end_without_room(&op, handle)) {
		duet_op_cancel(&op);
		turns(1);
		ck_assert(!duet_op_pending(&op));
		ck_assert_int_eq(op.result, -ECANCELED);
		ck_assert_uint_eq(ends, FILLERS + 1);
	}
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

enum { OWED = 4 };

struct owed {
	struct duet_op ops[OWED];
	duet_handle handles[OWED];
	int raw[OWED];
};

/* As many multishot receives, each ended by an entry posted here: the first finds no room to go on,
 * the others come when there would be some again. */
static bool owe(struct owed *owed)
{
	struct duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(loop, 8, 16, &pool), 0);
	for (int i = 0; i < OWED; i++) {
		owed->raw[i] = pair_open(SOCK_STREAM, &owed->handles[i]);
		duet_op_init(&owed->ops[i], done, NULL);
		duet_op_recv_pooled(&owed->ops[i], owed->handles[i], pool, DUET_MULTISHOT);
		ck_assert_int_eq(duet_op_start(loop, &owed->ops[i]), 0);
	}
	turns(1);
	if (!post(owed->ops[0].backend, 1, IORING_CQE_F_BUFFER | IORING_CQE_F_MORE))
		return false;
	for (unsigned i = 0; i < OWED; i++)
		ck_assert(post(owed->ops[i].backend, 1,
			       IORING_CQE_F_BUFFER | (i + 1) << IORING_CQE_BUFFER_SHIFT));
	fills = true;
	refused = 1;
	ck_assert_int_eq(duet_loop_turn(loop, 0), OWED + 1);
	ck_assert_int_eq(refused, 0);
	return true;
}

static void settle_owed(struct owed *owed)
{
	for (int i = 0; i < OWED; i++)
		close(owed->raw[i]);
	turns(2);
	close_loop();
}

/* The receives among what was handed over, by their number, "0123". */
static const char *handed_text(const struct owed *owed)
{
	static char text[64];
	size_t length = 0;

	for (unsigned i = 0; i < handed.count; i++)
		for (int j = 0; j < OWED; j++)
			if (handed.user_data[i] == owed->ops[j].backend)
				text[length++] = (char)('0' + j);
	text[length] = '\0';
	return text;
}

START_TEST(multishots_that_wait_for_room_go_on_in_their_order)
{
	struct owed owed;

	open_loop(_i, ",entries=8");
	if (owe(&owed)) {
		for (int i = 0; i < OWED; i++)
			ck_assert_uint_eq(owed.ops[i].progress, PLACE_OWED);
		handed.wanted = true;
		turns(2);
		ck_assert_str_eq(handed_text(&owed), "0123");
	}
	settle_owed(&owed);
}
END_TEST

/* No room a second time, for the first alone. */
START_TEST(who_finds_no_room_again_is_not_overtaken)
{
	struct owed owed;

	open_loop(_i, ",entries=8");
	if (owe(&owed)) {
		ck_assert(completion_ring_full(completion_of(loop)));
		refused = 1;
		handed.wanted = true;
		turns(3);
		ck_assert_int_eq(refused, 0);
		ck_assert_str_eq(handed_text(&owed), "0123");
	}
	settle_owed(&owed);
}
END_TEST

START_TEST(a_cancel_takes_one_out_of_those_that_wait_for_room_and_leaves_the_rest)
{
	struct owed owed;

	open_loop(_i, ",entries=8");
	if (owe(&owed)) {
		duet_op_cancel(&owed.ops[1]);
		handed.wanted = true;
		turns(2);
		ck_assert(!duet_op_pending(&owed.ops[1]));
		ck_assert_int_eq(owed.ops[1].result, -ECANCELED);
		ck_assert_str_eq(handed_text(&owed), "023");
		for (int i = 0; i < OWED; i++)
			ck_assert(i == 1 || duet_op_pending(&owed.ops[i]));
	}
	settle_owed(&owed);
}
END_TEST

static void note_order(struct duet_op *op)
{
	ck_assert_uint_eq(ends, (unsigned)(uintptr_t)op->context);
	ends++;
}

START_TEST(starts_that_find_no_room_keep_their_order)
{
	struct duet_op nops[40];

	open_loop(_i, ",entries=8");
	refused = 20;
	for (uintptr_t i = 0; i < 40; i++) {
		duet_op_init(&nops[i], note_order, (void *)i);
		duet_op_nop(&nops[i]);
		ck_assert_int_eq(duet_op_start(loop, &nops[i]), 0);
	}
	refused = 2;
	ck_assert_int_eq(duet_loop_run(loop), 0);
	ck_assert_uint_eq(ends, 40);
	close_loop();
}
END_TEST

START_TEST(a_cancel_that_finds_no_room_is_asked_again)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	fill();
	refused = 2;
	duet_op_cancel(&op);
	ck_assert_uint_eq(stats().cancels, 0);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(stats().cancels, 1);
	close_loop();
	close(raw);
}
END_TEST

START_TEST(a_cancel_finds_room_in_a_full_queue)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	fill();
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(stats().queue_full, 1);
	ck_assert_uint_eq(ends, 9);
	close_loop();
	close(raw);
}
END_TEST

/* The more there are, the more lists the kernel has to look for a cancel's target in; up to a bound,
 * and never against what the caller says. */
START_TEST(the_completion_queue_follows_the_operations_unless_entries_are_given)
{
	open_loop(_i, "");
	ck_assert_uint_eq(completion_of(loop)->ring.sq.ring_entries, 256);
	ck_assert_uint_eq(completion_of(loop)->ring.cq.ring_entries, 8192);
	close_loop();
	open_loop(_i, ",entries=256");
	ck_assert_uint_eq(completion_of(loop)->ring.cq.ring_entries, 2048);
	close_loop();
}
END_TEST

/* 64 places for completions: what doesn't fit is kept by the kernel one by one, and is counted. */
START_TEST(more_cancels_than_the_queues_hold_all_come_to_their_end)
{
	enum { COUNT = 1000 };
	struct duet_op *ops = calloc(COUNT, sizeof(*ops));
	duet_handle handle;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	for (int i = 0; i < COUNT; i++) {
		duet_op_init(&ops[i], done, NULL);
		duet_op_poll(&ops[i], handle, POLLIN);
		ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
	}
	turns(1);
	for (int i = COUNT; i-- > 0;)
		duet_op_cancel(&ops[i]);
	for (int i = 0; i < COUNT; i++) {
		turn_until_ended(&ops[i]);
		ck_assert_int_eq(ops[i].result, -ECANCELED);
	}
	ck_assert_uint_eq(ends, COUNT);
	ck_assert_uint_eq(stats().cancels, COUNT);
	ck_assert_uint_eq(stats().cancels_again, 0);
	ck_assert_uint_eq(stats().overflowed, 0);
	close_loop();
	close(raw);
	free(ops);
}
END_TEST

/* A poll for room that is left to a watch, since the peer's half-close is reported unasked. */
static int watch_for_room(struct duet_op *op)
{
	duet_handle handle;
	int raw = pair_open(SOCK_STREAM, &handle);

	while (send(duet_handle_fd(loop, handle), received, sizeof(received), MSG_DONTWAIT) > 0)
		;
	ck_assert_int_eq(shutdown(raw, SHUT_WR), 0);
	duet_op_init(op, done, NULL);
	duet_op_poll(op, handle, POLLOUT);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	turns(3);
	ck_assert(duet_op_pending(op));
	return raw;
}

/* There is no room to take it away: the completion in front of what it sees fills the queue. Until
 * there is, it goes on, and sees the same again. */
START_TEST(a_watch_that_finds_no_room_to_end_is_told_once)
{
	struct duet_op watch, first;
	duet_handle handle;
	char byte;
	int watched, raw;

	open_loop(_i, ",entries=8");
	watched = watch_for_room(&watch);
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&first, done, NULL);
	duet_op_recv(&first, handle, &byte, 1, 0);
	ck_assert_int_eq(duet_op_start(loop, &first), 0);
	turns(1);
	if (post(first.backend, -ENODATA, 0)) {
		ck_assert(post(watch.backend, POLLOUT, IORING_CQE_F_MORE));
		ck_assert(post(watch.backend, POLLOUT, IORING_CQE_F_MORE));
		fills = true;
		refused = 2;
		ck_assert_int_eq(duet_loop_turn(loop, 0), 1);
		refused = 0;
		ck_assert_uint_eq(watch.progress, PLACE_HELD);
		turns(2);
		ck_assert_uint_eq(ends, 1 + FILLERS + 1);
		ck_assert_int_eq(watch.result, POLLOUT);
	}
	close(watched);
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

/* A watch that has seen it, in a queue that is full at that moment. */
static bool hold(struct duet_op *watch)
{
	struct duet_op nop;

	duet_op_init(&nop, done, NULL);
	duet_op_nop(&nop);
	ck_assert_int_eq(duet_op_start(loop, &nop), 0);
	ck_assert_int_eq(completion_ring_hand_over(completion_of(loop)), 0);
	if (!post(watch->backend, POLLOUT, IORING_CQE_F_MORE))
		return false;
	/* Where completions run only on request the turn, finding one, would ask for no more. */
	ck_assert_int_ge(io_uring_enter2((unsigned)completion_of(loop)->ring.ring_fd, 0, 0,
					 IORING_ENTER_GETEVENTS, NULL, 0),
			 0);
	fills = true;
	refused = 1;
	ck_assert_int_eq(duet_loop_turn(loop, 0), 1);
	ck_assert_int_eq(refused, 0);
	ck_assert_uint_eq(watch->progress, PLACE_HELD);
	ck_assert(duet_op_pending(watch));
	return true;
}

START_TEST(a_watch_that_found_no_room_is_taken_away_when_it_is_told)
{
	struct duet_op op;
	int raw;

	open_loop(_i, ",entries=8");
	raw = watch_for_room(&op);
	if (hold(&op)) {
		turns(1);
		ck_assert(!duet_op_pending(&op));
		ck_assert_int_eq(op.result, POLLOUT);
		ck_assert_int_eq(op.cause, DUET_CAUSE_ITSELF);
		ck_assert_uint_eq(ends, FILLERS + 2);
		turns(1); /* hands the watch's end over */
	}
	close(raw);
	turns(2);
	ck_assert_uint_eq(stats().stale, 0);
	close_loop();
}
END_TEST

START_TEST(a_cancel_of_such_a_watch_comes_too_late)
{
	struct duet_op op;
	int raw;

	open_loop(_i, ",entries=8");
	raw = watch_for_room(&op);
	if (hold(&op)) {
		duet_op_cancel(&op);
		turns(1);
		ck_assert(!duet_op_pending(&op));
		ck_assert_int_eq(op.result, POLLOUT);
		ck_assert_uint_eq(ends, FILLERS + 2);
	}
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

/* Turns that don't wait are enough: what the completion queue of 64 had no room for is asked for. */
START_TEST(what_overflowed_is_fetched_also_without_waiting)
{
	enum { COUNT = 300 };
	static struct duet_op ops[COUNT];

	open_loop(_i, ",entries=8");
	for (int i = 0; i < COUNT; i++) {
		duet_op_init(&ops[i], done, NULL);
		duet_op_nop(&ops[i]);
		ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
	}
	for (int i = 0; i < 50 && ends < COUNT; i++)
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert_uint_eq(ends, COUNT);
	ck_assert_uint_gt(stats().overflowed, 0);
	close_loop();
}
END_TEST

/* Fills the queue of eight with what doesn't end. */
static void poll_with_all_places(struct duet_op polls[FILLERS], duet_handle handle)
{
	for (int i = 0; i < FILLERS; i++) {
		duet_op_init(&polls[i], done, NULL);
		duet_op_poll(&polls[i], handle, POLLPRI);
		ck_assert_int_eq(duet_op_start(loop, &polls[i]), 0);
	}
}

static void *wake(void *context)
{
	usleep(20000);
	duet_loop_wake(context);
	return NULL;
}

/* The first turn of a loop enters the wake's poll; here there is no place for it. */
START_TEST(a_loop_that_has_no_room_for_its_wake_does_not_sleep)
{
	struct duet_op polls[FILLERS];
	duet_handle handle;
	pthread_t thread;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	poll_with_all_places(polls, handle);
	refused = 1;
	ck_assert_int_eq(pthread_create(&thread, NULL, wake, loop), 0);
	for (int i = 0; i < 3 && !stats().wakes; i++)
		ck_assert_int_eq(duet_loop_turn(loop, -1), 0);
	ck_assert_int_eq(refused, 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(stats().wakes, 1);
	close_loop();
	close(raw);
}
END_TEST

/* The queue is full of what waits when the turn begins: the multishot is entered by the next. */
START_TEST(a_loop_that_has_no_room_for_what_it_owes_does_not_sleep)
{
	struct duet_op op, polls[FILLERS];
	duet_handle handle;
	uint64_t waits;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	if (end_without_room(&op, handle)) {
		refused = 1;
		turns(1);
		poll_with_all_places(polls, handle);
		refused = 1;
		waits = stats().waits;
		turns(1);
		ck_assert_uint_eq(stats().waits, waits);
		ck_assert_uint_eq(op.progress, PLACE_OWED);
		turns(1);
		ck_assert_uint_eq(op.progress, PLACE_KERNEL);
		duet_op_cancel(&op);
		turn_until_ended(&op);
	}
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {
		a_hundred_thousand_nops_pass_a_queue_of_64,
		more_arrivals_than_the_queue_holds_all_come_in_order,
		a_multishot_that_the_kernel_ends_goes_on_when_there_is_room,
		a_multishot_that_waits_for_room_can_be_cancelled,
		multishots_that_wait_for_room_go_on_in_their_order,
		who_finds_no_room_again_is_not_overtaken,
		a_cancel_takes_one_out_of_those_that_wait_for_room_and_leaves_the_rest,
		starts_that_find_no_room_keep_their_order,
		a_cancel_that_finds_no_room_is_asked_again,
		a_cancel_finds_room_in_a_full_queue,
		the_completion_queue_follows_the_operations_unless_entries_are_given,
		more_cancels_than_the_queues_hold_all_come_to_their_end,
		a_watch_that_finds_no_room_to_end_is_told_once,
		a_watch_that_found_no_room_is_taken_away_when_it_is_told,
		a_cancel_of_such_a_watch_comes_too_late,
		what_overflowed_is_fetched_also_without_waiting,
		a_loop_that_has_no_room_for_its_wake_does_not_sleep,
		a_loop_that_has_no_room_for_what_it_owes_does_not_sleep,
	};

	return run_in_both_modes("completion_room", cases, sizeof(cases) / sizeof(*cases));
}
