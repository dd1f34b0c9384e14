/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R3: cancel is a request. What became of the operation is in its completion alone. */

static duet_handle pair[2];
static unsigned char data[64];

static void recv_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_recv(&trial->op, pair[1], data, 5, 0);
	trial_start(trial);
}

START_TEST(a_cancel_of_an_idle_operation_does_nothing)
{
	struct trial trial;

	trial_init(&trial);
	trial_cancel(&trial);
	duet_op_nop(&trial.op);
	trial_cancel(&trial);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_cancel(&trial);
	stage_settle(3);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_cancel_may_be_repeated_and_is_one_request)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial);
	stage_settle(2);
	for (unsigned i = 0; i < 100; i++)
		trial_cancel(&trial);
	await(&trial);
	stage_settle(5);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(a_cancel_in_every_turn_is_still_one_end)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial);
	for (unsigned i = 0; i < 20; i++) {
		trial_cancel(&trial);
		stage_settle(1);
	}
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

static void cancel_itself(struct trial *trial)
{
	duet_op_cancel(&trial->op);
}

START_TEST(a_cancel_in_its_own_end_does_nothing)
{
	struct trial trial;

	trial_init(&trial);
	trial.then = cancel_itself;
	duet_op_nop(&trial.op);
	trial_run(&trial);
	stage_settle(3);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

static void cancel_other(struct trial *trial)
{
	duet_op_cancel(&((struct trial *)trial->context)->op);
}

START_TEST(an_operation_may_cancel_another_one_in_its_end)
{
	struct trial nop;
	struct trial recv;

	pair_open(pair);
	recv_start(&recv);
	stage_settle(2);
	trial_init(&nop);
	nop.then = cancel_other;
	nop.context = &recv;
	duet_op_nop(&nop.op);
	trial_start(&nop);
	turn_until(nop.ends && recv.ends);
	expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(a_cancel_hits_only_its_own_operation)
{
	struct trial polls[20];
	unsigned before;

	pair_open(pair);
	before = stage.ends;
	for (unsigned i = 0; i < 20; i++) {
		trial_init(&polls[i]);
		duet_op_poll(&polls[i].op, pair[1], POLLIN);
		trial_start(&polls[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 20; i += 2)
		trial_cancel(&polls[i]);
	turn_until(stage.ends == before + 10);
	stage_settle(5);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_uint_eq(polls[i].ends, i % 2 == 0);
	stream_send(pair[0], "x", 1);
	for (unsigned i = 1; i < 20; i += 2) {
		await(&polls[i]);
		ck_assert_int_eq(polls[i].op.result & POLLIN, POLLIN);
		ck_assert_int_eq(polls[i].op.cause, DUET_CAUSE_ITSELF);
	}
}
END_TEST

START_TEST(what_has_ended_is_not_made_a_failure_by_a_cancel_before_its_callback)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_start(&trial);
	trial_cancel(&trial);
	await(&trial);
	if (trial.op.result == 0)
		handle_close(trial.op.made);
	else
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(each_kind_has_one_cancel_class)
{
	static const struct {
		enum duet_kind kind;
		enum duet_cancel_class class;
	} rows[DUET_KIND_COUNT] = {
		{ DUET_NOP, DUET_CANCEL_TOTAL },
		{ DUET_TIMEOUT, DUET_CANCEL_TOTAL },
		{ DUET_POLL, DUET_CANCEL_TOTAL },
		{ DUET_ACCEPT, DUET_CANCEL_TOTAL },
		{ DUET_CONNECT, DUET_CANCEL_TAINTING },
		{ DUET_RECV, DUET_CANCEL_PARTIAL },
		{ DUET_SEND, DUET_CANCEL_PARTIAL },
		{ DUET_READ, DUET_CANCEL_NOT },
		{ DUET_WRITE, DUET_CANCEL_NOT },
		{ DUET_OPEN, DUET_CANCEL_NOT },
		{ DUET_FSYNC, DUET_CANCEL_NOT },
		{ DUET_SHUTDOWN, DUET_CANCEL_NOT },
		{ DUET_CLOSE, DUET_CANCEL_NOT },
		{ DUET_SOCKET, DUET_CANCEL_NOT },
		{ DUET_BIND, DUET_CANCEL_NOT },
		{ DUET_LISTEN, DUET_CANCEL_NOT },
		{ DUET_RECVMSG, DUET_CANCEL_TOTAL },
		{ DUET_SENDMSG, DUET_CANCEL_PARTIAL },
		{ DUET_SEND_ZERO_COPY, DUET_CANCEL_PARTIAL },
		{ DUET_SPLICE, DUET_CANCEL_PARTIAL },
		{ DUET_STATX, DUET_CANCEL_NOT },
		{ DUET_MKDIR, DUET_CANCEL_NOT },
		{ DUET_UNLINK, DUET_CANCEL_NOT },
		{ DUET_RENAME, DUET_CANCEL_NOT },
		{ DUET_LINK, DUET_CANCEL_NOT },
		{ DUET_SYMLINK, DUET_CANCEL_NOT },
		{ DUET_TRUNCATE, DUET_CANCEL_NOT },
		{ DUET_ALLOCATE, DUET_CANCEL_NOT },
		{ DUET_SIGNAL, DUET_CANCEL_TOTAL },
		{ DUET_WAIT_PROCESS, DUET_CANCEL_TOTAL },
		{ DUET_ACQUIRE, DUET_CANCEL_TOTAL },
		{ DUET_RELEASE, DUET_CANCEL_TOTAL },
		{ DUET_LOCK, DUET_CANCEL_TOTAL },
		{ DUET_CHANNEL_SEND, DUET_CANCEL_TOTAL },
		{ DUET_CHANNEL_RECV, DUET_CANCEL_TOTAL },
		{ DUET_CHANNEL_CLOSE, DUET_CANCEL_TOTAL },
		{ DUET_ONESHOT_SEND, DUET_CANCEL_TOTAL },
		{ DUET_ONESHOT_RECV, DUET_CANCEL_TOTAL },
		{ DUET_NOTIFY, DUET_CANCEL_TOTAL },
		{ DUET_NOTIFIED, DUET_CANCEL_TOTAL },
		{ DUET_BARRIER, DUET_CANCEL_TOTAL },
		{ DUET_WAIT_GROUP, DUET_CANCEL_TOTAL },
		{ DUET_JOIN, DUET_CANCEL_TOTAL },
		{ DUET_JOIN_SCOPE, DUET_CANCEL_TAINTING },
		{ DUET_TELL, DUET_CANCEL_TOTAL },
		{ DUET_ASK, DUET_CANCEL_TOTAL },
		{ DUET_TAKE_LETTER, DUET_CANCEL_TOTAL },
		{ DUET_WORK, DUET_CANCEL_NOT },
		{ DUET_RESOLVE, DUET_CANCEL_TOTAL },
	};

	/* In the order of the kinds, so that a row for each is there, and none twice. */
	for (unsigned i = 0; i < DUET_KIND_COUNT; i++) {
		ck_assert_uint_eq(rows[i].kind, i);
		ck_assert_msg(duet_kind_cancel_class(rows[i].kind) == rows[i].class,
			"%s has the class %d", duet_kind_name(rows[i].kind),
			(int)duet_kind_cancel_class(rows[i].kind));
	}
}
END_TEST

START_TEST(a_cancel_ends_an_operation_within_a_few_turns)
{
	struct trial trial;
	unsigned turns = 0;

	pair_open(pair);
	recv_start(&trial);
	stage_settle(3);
	trial_cancel(&trial);
	while (!trial.ends) {
		stage_turn();
		turns++;
	}
	ck_assert_uint_le(turns, 8);
}
END_TEST

/* ---- In the callback of an item. ---- */

static unsigned items_heard;
static duet_handle came;

/* Whoever cancels first and looks then, still finds what came. */
static void cancel_and_look(struct trial *trial)
{
	if (!trial->op.more)
		return;
	trial_cancel(trial);
	ck_assert_uint_eq(trial->op.more, 1);
	ck_assert_int_eq(trial->op.result, 5);
	ck_assert_uint_eq(trial->op.transferred, 5);
	ck_assert_uint_eq(trial->op.disposition, DUET_COMPLETED);
	ck_assert_uint_eq(trial->op.cause, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial->op.buffer.length_bytes, 5);
	ck_assert_mem_eq(trial->op.buffer.data, "hello", 5);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
	items_heard++;
}

START_TEST(a_cancel_in_the_callback_of_an_item_leaves_the_item_as_it_is)
{
	struct duet_pool *pool;
	struct trial trial;

	items_heard = 0;
	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	trial_init(&trial);
	trial.then = cancel_and_look;
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_MULTISHOT);
	trial_start(&trial);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(trial.op.transferred, 0);
	ck_assert_uint_eq(items_heard, 1);
}
END_TEST

/* A starved receive waits in core: a cancel ends it at once, and what it was told stays. */
static void cancel_when_starved(struct trial *trial)
{
	if (!trial->op.more)
		return;
	trial_cancel(trial);
	ck_assert_int_eq(trial->op.result, -ENOBUFS);
	ck_assert_uint_eq(trial->op.disposition, DUET_FAILED);
	ck_assert_uint_eq(trial->op.cause, DUET_CAUSE_ITSELF);
	items_heard++;
}

START_TEST(a_cancel_at_the_word_of_an_empty_pool_leaves_that_word)
{
	struct duet_pool *pool;
	struct trial holder;
	struct trial trial;

	items_heard = 0;
	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 64, &pool), 0);
	trial_init(&holder);
	duet_op_recv_pooled(&holder.op, pair[1], pool, 0);
	trial_start(&holder);
	stream_send(pair[0], "hello", 5);
	await(&holder);
	trial_init(&trial);
	trial.then = cancel_when_starved;
	duet_op_recv_pooled(&trial.op, pair[1], pool, 0);
	trial_start(&trial);
	stream_send(pair[0], "x", 1);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(items_heard, 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &holder.op.buffer), 0);
	stream_drain(pair[1], data, 1);
}
END_TEST

static void cancel_and_keep(struct trial *trial)
{
	if (!trial->op.more)
		return;
	trial_cancel(trial);
	ck_assert_int_eq(trial->op.result, 0);
	ck_assert_uint_eq(trial->op.disposition, DUET_COMPLETED);
	came = trial->op.made;
	items_heard++;
}

START_TEST(a_cancel_in_the_callback_of_a_connection_leaves_the_connection)
{
	struct trial connecting;
	struct sockaddr_in address;
	duet_handle listener;
	duet_handle client;
	struct trial trial;

	items_heard = 0;
	listener_open(&listener, &address);
	trial_init(&trial);
	trial.then = cancel_and_keep;
	duet_op_accept(&trial.op, listener, DUET_MULTISHOT);
	trial_start(&trial);
	trial_init(&connecting);
	duet_op_socket(&connecting.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&connecting);
	client = connecting.op.made;
	trial_init(&connecting);
	duet_op_connect(&connecting.op, client, (struct sockaddr *)&address, sizeof(address));
	trial_start(&connecting);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(trial.op.made.generation, 0);
	ck_assert_uint_eq(items_heard, 1);
	await(&connecting);
	handle_close(came);
	handle_close(client);
	handle_close(listener);
}
END_TEST

int main(void)
{
	return contract_run("cancel",
		CASES(a_cancel_of_an_idle_operation_does_nothing,
			a_cancel_may_be_repeated_and_is_one_request,
			a_cancel_in_every_turn_is_still_one_end, a_cancel_in_its_own_end_does_nothing,
			an_operation_may_cancel_another_one_in_its_end,
			a_cancel_hits_only_its_own_operation,
			what_has_ended_is_not_made_a_failure_by_a_cancel_before_its_callback,
			each_kind_has_one_cancel_class,
			a_cancel_ends_an_operation_within_a_few_turns,
			a_cancel_in_the_callback_of_an_item_leaves_the_item_as_it_is,
			a_cancel_at_the_word_of_an_empty_pool_leaves_that_word,
			a_cancel_in_the_callback_of_a_connection_leaves_the_connection),
		NULL);
}
