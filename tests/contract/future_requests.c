/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/coroutine.h>
#include <poll.h>

#include "tests/support/future.h"

/* R3, R12: how a request to end reaches what is done by futures, and what it doesn't reach. */

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static struct duet_scheduler scheduler;
static struct duet_scope scope;
static unsigned joins;
static duet_handle pair[2];
static char data[8];

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void scope_open(void)
{
	joins = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
}

static void scope_join(void)
{
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins == 1);
}

/* ---- Two models that wait for the same. ---- */

struct frame {
	struct duet_coroutine coroutine;
	struct duet_op op;
	struct duet_future *future;
};

static struct frame frame;
static struct duet_coroutine_task routine;
static struct duet_future_task task;

static DUET_COROUTINE(await_future)
{
	DUET_BEGIN(struct frame, self);
	DUET_AWAIT_FUTURE(self->future);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static struct duet_task *with_coroutine(duet_coroutine_fn *body, struct duet_future *future)
{
	frame.future = future;
	duet_coroutine_init(&frame.coroutine, body);
	duet_coroutine_task_init(&routine, &frame.coroutine);
	return &routine.task;
}

static struct duet_task *with_task(struct duet_future *future)
{
	duet_future_task_init(&task, future);
	return &task.task;
}

/* ---- From inside a poll. ---- */

static enum duet_readiness accuse(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	duet_scope_cancel(&scope);
	return duet_future_is_pending(future);
}

static enum duet_readiness confess(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, -ECANCELED);
}

static const struct duet_future_table accuser_table = { .name = "accuser", .poll = accuse,
							.poll_cancel = confess };

/* It has been polled in this step, and nothing else wakes it. */
START_TEST(a_request_from_inside_a_poll_is_heard)
{
	struct duet_future accuser;

	for (int model = 0; model < 2; model++) {
		struct duet_task *asked;

		scope_open();
		duet_future_init(&accuser, &accuser_table);
		asked = model ? with_task(&accuser) : with_coroutine(await_future, &accuser);
		ck_assert_int_eq(duet_task_spawn(&scheduler, &scope, asked), 0);
		scope_join();
		ck_assert_int_eq(asked->result, -ECANCELED);
	}
}
END_TEST

/* ---- Who asked. ---- */

static DUET_COROUTINE(await_receive)
{
	DUET_BEGIN(struct frame, self);
	duet_op_recv(&self->op, pair[1], data, sizeof(data), 0);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static void ask_scope(struct duet_task *asked)
{
	(void)asked;
	duet_scope_cancel(&scope);
}

static void ask_task(struct duet_task *asked)
{
	duet_task_cancel(asked);
}

static void ask_in_time(struct duet_task *asked)
{
	(void)asked;
	ck_assert_int_eq(duet_scope_deadline(&scope, duet_loop_now_ns(stage.loop)), 0);
	turn_until(duet_scope_check(&scope) != 0);
}

/* turns: before it is asked. */
static void ask_after(struct duet_task *asked, void (*ask)(struct duet_task *asked), unsigned turns)
{
	ck_assert_int_eq(duet_task_spawn(&scheduler, &scope, asked), 0);
	for (unsigned turn = 0; turn < turns; turn++)
		stage_settle(1);
	ask(asked);
	scope_join();
}

START_TEST(an_operation_in_a_future_has_the_outcome_that_it_has_in_a_coroutine)
{
	void (*const ways[])(struct duet_task *asked) = { ask_scope, ask_task, ask_in_time };
	struct duet_op_future receive;

	pair_open(pair);
	for (unsigned i = 0; i < 6; i++) {
		scope_open();
		duet_op_init(&frame.op, NULL, NULL);
		ask_after(with_coroutine(await_receive, NULL), ways[i / 2], i % 2 * 3);
		scope_open();
		duet_op_future_init(&receive);
		duet_op_recv(&receive.op, pair[1], data, sizeof(data), 0);
		ask_after(with_task(&receive.future), ways[i / 2], i % 2 * 3);
		ck_assert_int_eq(receive.op.result, frame.op.result);
		ck_assert_uint_eq(receive.op.disposition, frame.op.disposition);
		ck_assert_uint_eq(receive.op.cause, frame.op.cause);
		ck_assert_int_eq(task.task.result, routine.task.result);
	}
	pair_close(pair);
}
END_TEST

/* ---- A shutdown, and a shield. ---- */

static struct duet_stream stream;
static struct duet_readiness_future readiness;
static uint64_t budget_ns;
static int32_t cleaned;

static DUET_COROUTINE(await_in_the_cleanup)
{
	DUET_BEGIN(struct frame, self);
	duet_op_timeout(&self->op, DUET_NO_DEADLINE);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(budget_ns);
	DUET_AWAIT_FUTURE(self->future);
	cleaned = DUET_RESULT;
	DUET_END_FINALLY;
}

static void begin(struct duet_future *future)
{
	scope_open();
	cleaned = 1000;
	duet_op_init(&frame.op, NULL, NULL);
	ck_assert_int_eq(duet_task_spawn(&scheduler, &scope,
				 with_coroutine(await_in_the_cleanup, future)), 0);
	stage_settle(3);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
}

static void shut_down(void)
{
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
						3 * SECOND * patience_factor()), 0);
	ck_assert_uint_eq(joins, 1);
	ck_assert_int_eq(routine.task.result, -ECANCELED);
}

static void prepare(struct duet_pool **pool)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.owned_max = 4;
	stage_reopen(&options, NULL);
	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, pool), 0);
	duet_stream_init(&stream, pair[1], *pool);
	duet_readiness_future_init(&readiness, pair[1], POLLIN);
}

/* It begins in a cleanup, when nothing else does any more. */
START_TEST(a_shutdown_lets_every_future_of_a_cleanup_begin)
{
	struct duet_future *const futures[] = { &stream.future, &readiness.future };
	struct duet_pool *pool;

	for (unsigned i = 0; i < 2; i++) {
		prepare(&pool);
		budget_ns = SECOND;
		begin(futures[i]);
		stream_send(pair[0], "hello", 5);
		shut_down();
		ck_assert_int_gt(cleaned, 0);
		if (i)
			continue;
		ck_assert_int_eq(cleaned, 5);
		duet_buffer_return(stage.loop, &stream.buffer);
	}
	stage_reopen(NULL, NULL);
}
END_TEST

/* What ends it is the time of the cleanup. */
START_TEST(a_shutdown_stops_no_future_of_a_cleanup)
{
	struct duet_future *const futures[] = { &stream.future, &readiness.future };
	struct duet_pool *pool;

	for (unsigned i = 0; i < 2; i++) {
		prepare(&pool);
		/* To be found under way also on a slow machine. */
		budget_ns = 100 * MS;
		begin(futures[i]);
		duet_scope_cancel(&scope);
		turn_until(frame.coroutine.finishing);
		shut_down();
		ck_assert_int_eq(cleaned, -ETIMEDOUT);
	}
	stage_reopen(NULL, NULL);
}
END_TEST

int main(void)
{
	return contract_run("future requests",
		CASES(a_request_from_inside_a_poll_is_heard,
			an_operation_in_a_future_has_the_outcome_that_it_has_in_a_coroutine,
			a_shutdown_lets_every_future_of_a_cleanup_begin,
			a_shutdown_stops_no_future_of_a_cleanup),
		NULL);
}
