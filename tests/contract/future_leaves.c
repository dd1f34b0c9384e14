/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/coroutine.h>
#include <poll.h>

#include "tests/support/future.h"

/* R12, R15: futures that wait for something themselves, and the tasks and coroutines that await them. */

#define MS 1000000u
#define SECOND 1000000000u

static struct solo solo;
static struct duet_op_future receive;
static struct duet_event_future event;
static duet_handle pair[2];
static unsigned char data[64];

static struct duet_waker deaf = { .wake = hear_nothing };

static void receive_init(unsigned flags)
{
	pair_open(pair);
	duet_op_future_init(&receive);
	duet_op_recv(&receive.op, pair[1], data, 5, flags);
}

/* ---- Asked to finish its cancelling. ---- */

START_TEST(a_cold_operation_that_is_asked_has_never_begun)
{
	struct duet_context context = context_of(&deaf);
	struct duet_stats before, after;

	receive_init(0);
	duet_loop_stats(stage.loop, &before);
	ck_assert_int_eq(duet_future_poll_cancel(&receive.future, &context), DUET_READY);
	ck_assert_int_eq(duet_future_poll(&receive.future, &context), DUET_READY);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.started, before.started);
	ck_assert_int_eq(receive.future.result, -ECANCELED);
	ck_assert_int_eq(receive.op.disposition, DUET_UNTOUCHED);
}
END_TEST

START_TEST(a_pending_operation_is_ready_when_nothing_of_it_is_under_way)
{
	struct duet_context context = context_of(&deaf);

	receive_init(DUET_WHOLE);
	stream_send(pair[0], "he", 2);
	ck_assert_int_eq(duet_future_poll(&receive.future, &context), DUET_PENDING);
	stage_settle(5);
	while (duet_future_poll_cancel(&receive.future, &context) == DUET_PENDING)
		stage_turn();
	ck_assert(!duet_op_pending(&receive.op));
	/* What came is handed over. */
	ck_assert_int_eq(receive.future.result, 2);
	ck_assert_uint_eq(receive.op.transferred, 2);
	ck_assert_mem_eq(data, "he", 2);
}
END_TEST

START_TEST(one_that_completed_has_completed_also_if_it_is_asked)
{
	struct duet_context context = context_of(&deaf);

	receive_init(0);
	ck_assert_int_eq(duet_future_poll(&receive.future, &context), DUET_PENDING);
	stream_send(pair[0], "hello", 5);
	turn_until(receive.future.state == DUET_FUTURE_READY);
	ck_assert_int_eq(duet_future_poll_cancel(&receive.future, &context), DUET_READY);
	ck_assert_int_eq(receive.future.result, 5);
	ck_assert_int_eq(receive.op.disposition, DUET_COMPLETED);
}
END_TEST

/* After each number of turns: the bytes are in the future, or in the socket still. */
START_TEST(asked_at_any_moment_no_byte_is_lost)
{
	for (unsigned turns = 0; turns < 6; turns++) {
		struct duet_context context = context_of(&deaf);
		size_t came;

		receive_init(0);
		if (duet_future_poll(&receive.future, &context) == DUET_PENDING) {
			stream_send(pair[0], "hello", 5);
			stage_settle(turns);
			while (duet_future_poll_cancel(&receive.future, &context) == DUET_PENDING)
				stage_turn();
		}
		came = receive.future.result > 0 ? (size_t)receive.future.result : 0;
		ck_assert_uint_eq(came + stream_drain(pair[1], data, sizeof(data)), 5);
		pair_close(pair);
	}
}
END_TEST

/* ---- Without I/O. ---- */

START_TEST(ready_is_ready_and_never_is_never_unless_it_is_asked)
{
	struct duet_context context = context_of(&deaf);
	struct duet_future future;

	duet_ready_future_init(&future, 7);
	ck_assert_int_eq(duet_future_poll(&future, &context), DUET_READY);
	ck_assert_int_eq(duet_future_poll_cancel(&future, &context), DUET_READY);
	ck_assert_int_eq(future.result, 7);
	duet_never_future_init(&future);
	ck_assert_int_eq(duet_future_poll(&future, &context), DUET_PENDING);
	ck_assert_int_eq(duet_future_poll(&future, &context), DUET_PENDING);
	ck_assert_int_eq(duet_future_poll_cancel(&future, &context), DUET_READY);
	ck_assert_int_eq(future.result, -ECANCELED);
}
END_TEST

START_TEST(an_event_keeps_the_first_thing_it_is_told)
{
	duet_event_future_init(&event);
	solo_start(&solo, &event.future);
	stage_settle(3);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	duet_event_future_set(&event, 3);
	duet_event_future_set(&event, 4);
	ck_assert_int_eq(solo_end(&solo), 3);
	/* Told before anybody asks. */
	duet_event_future_init(&event);
	duet_event_future_set(&event, 5);
	solo_start(&solo, &event.future);
	ck_assert_int_eq(solo_end(&solo), 5);
}
END_TEST

START_TEST(a_timer_is_never_early)
{
	uint64_t due_ns = duet_loop_now_ns(stage.loop) + 3 * MS;

	duet_timer_future_init(&receive, due_ns);
	solo_start(&solo, &receive.future);
	ck_assert_int_eq(solo_end(&solo), 0);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), due_ns);
}
END_TEST

/* ---- A stream. ---- */

START_TEST(a_stream_is_polled_again_for_the_next_and_hands_over_what_it_has)
{
	struct duet_context context = context_of(&deaf);
	struct duet_stream stream;
	struct duet_pool *pool;
	unsigned got = 0;

	ck_assert_int_eq(duet_pool_create(stage.loop, 8, 64, &pool), 0);
	pair_open(pair);
	duet_stream_init(&stream, pair[1], pool);
	ck_assert_int_eq(duet_future_poll(&stream.future, &context), DUET_PENDING);
	for (unsigned i = 0; i < 2; i++) {
		stream_send(pair[0], "x", 1);
		turn_until(duet_future_poll(&stream.future, &context) == DUET_READY);
		ck_assert_int_eq(stream.future.result, 1);
		ck_assert_int_eq(stream.future.state, DUET_FUTURE_PENDING);
		duet_buffer_return(stage.loop, &stream.buffer);
	}
	stream_send(pair[0], "yz", 2);
	turn_until(stream.unread > 0);
	turn_until(duet_future_poll_cancel(&stream.future, &context) == DUET_READY);
	ck_assert(!duet_op_pending(&stream.op));
	ck_assert_int_eq(stream.future.result, -ECANCELED);
	for (;;) {
		ck_assert_int_eq(duet_stream_next(stage.loop, &stream, &deaf, &stream.buffer),
				 DUET_READY);
		if (!stream.buffer.length_bytes)
			break;
		got += stream.buffer.length_bytes;
		duet_buffer_return(stage.loop, &stream.buffer);
	}
	ck_assert_uint_eq(got, 2);
}
END_TEST

/* ---- Readiness. ---- */

static void with_owned(uint32_t owned)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.owned_max = owned;
	stage_reopen(&options, NULL);
}

START_TEST(readiness_is_asked_afresh_and_consumes_nothing)
{
	struct duet_readiness_future readiness;

	with_owned(2);
	pair_open(pair);
	duet_readiness_future_init(&readiness, pair[1], POLLIN);
	solo_start(&solo, &readiness.future);
	stage_settle(3);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	stream_send(pair[0], "hello", 5);
	ck_assert_int_eq(solo_end(&solo) & POLLIN, POLLIN);
	duet_future_release(&readiness.future);
	solo_start(&solo, &readiness.future);
	ck_assert_int_eq(solo_end(&solo) & POLLIN, POLLIN);
	ck_assert_uint_eq(stream_drain(pair[1], data, sizeof(data)), 5);
}
END_TEST

START_TEST(readiness_is_dropped_at_once_and_nobody_is_woken)
{
	struct duet_readiness_future readiness, was;
	struct duet_context context;

	with_owned(2);
	context = context_of(&deaf);
	pair_open(pair);
	for (int i = 0; i < 2; i++) {
		duet_readiness_future_init(&readiness, pair[1], POLLIN);
		ck_assert_int_eq(duet_future_poll(&readiness.future, &context), DUET_PENDING);
		if (i)
			ck_assert_int_eq(duet_future_poll_cancel(&readiness.future, &context),
					 DUET_READY);
		else
			duet_readiness_future_drop(&readiness);
	}
	/* Whatever is left is the loop's, and nobody writes here. */
	memset(&readiness, 0x5a, sizeof(readiness));
	memset(&was, 0x5a, sizeof(was));
	stream_send(pair[0], "hello", 5);
	stage_settle(5);
	ck_assert_uint_eq(stream_drain(pair[1], data, sizeof(data)), 5);
	turn_until(duet_loop_pending(stage.loop) == 0);
	ck_assert_mem_eq(&readiness, &was, sizeof(was));
}
END_TEST

START_TEST(readiness_without_operations_of_the_loop_s_is_refused)
{
	struct duet_readiness_future readiness;

	pair_open(pair);
	duet_readiness_future_init(&readiness, pair[1], POLLIN);
	solo_start(&solo, &readiness.future);
	ck_assert_int_eq(solo_end(&solo), -ENOBUFS);
}
END_TEST

/* ---- A task. ---- */

START_TEST(the_result_of_a_future_is_its_task_s)
{
	receive_init(DUET_WHOLE);
	solo_start(&solo, &receive.future);
	stage_settle(3);
	stream_send(pair[0], "hello", 5);
	ck_assert_int_eq(solo_end(&solo), 5);
	ck_assert_uint_eq(receive.future.awaited, 0);
}
END_TEST

START_TEST(a_task_that_is_asked_before_its_first_step_begins_nothing)
{
	receive_init(0);
	solo_start(&solo, &receive.future);
	duet_task_cancel(&solo.task.task);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
	ck_assert_int_eq(receive.op.disposition, DUET_UNTOUCHED);
}
END_TEST

static bool is_joined;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	is_joined = true;
}

START_TEST(a_scope_s_deadline_asks_the_task_and_names_the_time)
{
	struct duet_scope_options options;
	static struct duet_scope scope;

	receive_init(0);
	is_joined = false;
	duet_scope_options_init(&options);
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 3 * MS;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	duet_scheduler_init(&solo.scheduler, stage.loop, NULL);
	duet_event_future_init(&event);
	duet_future_task_init(&solo.task, &event.future);
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, &scope, &solo.task.task), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(is_joined);
	ck_assert_int_eq(solo.task.task.result, -ETIMEDOUT);
	ck_assert_int_eq(scope.result, -ETIMEDOUT);
}
END_TEST

/* A step of a cleanup that polls a future itself, and holds its scope meanwhile. */
struct polling {
	struct duet_cleanup cleanup;
	struct duet_member member;
	struct duet_waker waker;
	struct duet_op_future timer;
};

static struct polling polling;

static void hear_nothing_of_it(struct duet_member *member, enum duet_cause cause)
{
	(void)member;
	(void)cause;
}

static void poll_in_a_step(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	ck_assert_int_eq(duet_scope_enter(scope, &polling.member, hear_nothing_of_it), 0);
	duet_timer_future_init(&polling.timer, duet_loop_now_ns(stage.loop) + MS);
	ck_assert_int_eq(future_poll(&polling.timer, &polling.waker), DUET_PENDING);
}

static void leave_when_ready(struct duet_waker *waker)
{
	ck_assert_int_eq(future_poll(&polling.timer, waker), DUET_READY);
	duet_member_leave(&polling.member, 0);
}

/* The shutdown comes before the step, or while it waits. */
START_TEST(a_shutdown_has_no_say_in_what_a_step_of_a_cleanup_polls)
{
	static struct duet_scope scope;

	for (unsigned early = 0; early < 2; early++) {
		stage_reopen(NULL, NULL);
		is_joined = false;
		ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
		polling.cleanup.run = poll_in_a_step;
		polling.waker.wake = leave_when_ready;
		ck_assert_int_eq(duet_scope_defer(&scope, &polling.cleanup), 0);
		ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
		duet_op_future_init(&polling.timer);
		if (!early)
			turn_until(polling.timer.future.state == DUET_FUTURE_PENDING);
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
		ck_assert(is_joined);
		ck_assert_int_eq(polling.timer.future.result, 0);
	}
}
END_TEST

/* Opens a scope and spawns in it, but is asked before it has begun to wait for that. */
struct parent {
	struct duet_future future;
	struct duet_scope scope;
	struct duet_op_future join;
	struct duet_event_future child_waits;
	struct duet_future_task child;
	bool opened;
};

static struct parent parent;

static enum duet_readiness open_and_wait(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	if (parent.opened)
		return duet_future_is_pending(future);
	parent.opened = true;
	ck_assert_int_eq(duet_task_scope_open(&solo.task.task, &parent.scope, NULL), 0);
	duet_event_future_init(&parent.child_waits);
	duet_future_task_init(&parent.child, &parent.child_waits.future);
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, &parent.scope, &parent.child.task), 0);
	duet_op_future_init(&parent.join);
	duet_op_join_scope(&parent.join.op, &parent.scope);
	return duet_future_is_pending(future);
}

static enum duet_readiness join_when_asked(struct duet_future *future,
					   struct duet_context *context)
{
	if (duet_future_poll_cancel(&parent.join.future, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return duet_future_is_ready(future, parent.join.future.result);
}

static const struct duet_future_table parent_table = { .name = "parent", .poll = open_and_wait,
						       .poll_cancel = join_when_asked };

START_TEST(who_is_asked_still_waits_for_its_children)
{
	parent.opened = false;
	duet_future_init(&parent.future, &parent_table);
	solo_start(&solo, &parent.future);
	stage_settle(3);
	ck_assert(parent.opened);
	duet_task_cancel(&solo.task.task);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
	ck_assert_int_eq(parent.child.task.result, -ECANCELED);
	ck_assert_uint_eq(parent.child.task.state, DUET_TASK_IDLE);
}
END_TEST

/* ---- In a coroutine. ---- */

struct frame {
	struct duet_coroutine coroutine;
	struct duet_future *future;
	struct duet_event_future *cleanup;
	struct duet_future immediate;
	unsigned rounds;
	unsigned done;
	int32_t seen;
	int32_t cleaned;
};

static struct frame frame;
static struct duet_coroutine_task task;

static DUET_COROUTINE(await_and_clean)
{
	DUET_BEGIN(struct frame, self);
	DUET_AWAIT_FUTURE(self->future);
	self->seen = DUET_RESULT;
	DUET_RETURN(self->seen);
	DUET_FINALLY(100 * (uint64_t)SECOND);
	DUET_AWAIT_FUTURE(&self->cleanup->future);
	self->cleaned = DUET_RESULT;
	DUET_END_FINALLY;
}

static DUET_COROUTINE(await_what_is_there)
{
	DUET_BEGIN(struct frame, self);
	for (; self->done < self->rounds; self->done++)
		DUET_AWAIT_FUTURE(&self->immediate);
	DUET_END;
}

static void coroutine_start(duet_coroutine_fn *body, struct duet_future *future)
{
	frame.future = future;
	frame.cleanup = &event;
	frame.done = 0;
	frame.seen = frame.cleaned = 1000;
	duet_scheduler_init(&solo.scheduler, stage.loop, NULL);
	duet_coroutine_init(&frame.coroutine, body);
	duet_coroutine_task_init(&task, &frame.coroutine);
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, NULL, &task.task), 0);
	stage_settle(3);
}

START_TEST(a_coroutine_awaits_a_future)
{
	receive_init(DUET_WHOLE);
	duet_event_future_init(&event);
	coroutine_start(await_and_clean, &receive.future);
	stream_send(pair[0], "hello", 5);
	turn_until(frame.seen == 5);
	duet_event_future_set(&event, 9);
	turn_until(solo.scheduler.live == 0);
	ck_assert_int_eq(frame.cleaned, 9);
	ck_assert_int_eq(task.task.result, 5);
}
END_TEST

START_TEST(a_coroutine_that_is_asked_gets_the_outcome_and_its_cleanup_is_not)
{
	receive_init(DUET_WHOLE);
	stream_send(pair[0], "he", 2);
	duet_event_future_init(&event);
	coroutine_start(await_and_clean, &receive.future);
	stage_settle(5);
	duet_task_cancel(&task.task);
	turn_until(frame.seen != 1000);
	ck_assert_int_eq(frame.seen, 2);
	duet_task_cancel(&task.task);
	stage_settle(3);
	ck_assert_int_eq(frame.cleaned, 1000);
	duet_event_future_set(&event, 9);
	turn_until(solo.scheduler.live == 0);
	ck_assert_int_eq(frame.cleaned, 9);
}
END_TEST

/* Of the two timers one is started in the cleanup, when the loop shuts down already. */
static DUET_COROUTINE(wait_in_the_cleanup)
{
	DUET_BEGIN(struct frame, self);
	DUET_AWAIT_FUTURE(self->future);
	self->seen = DUET_RESULT;
	DUET_RETURN(self->seen);
	DUET_FINALLY(100 * (uint64_t)SECOND);
	/* Long enough to be found under way on a slow machine. */
	duet_timer_future_init(&receive, duet_loop_now_ns(stage.loop) + 300 * MS);
	DUET_AWAIT_FUTURE(&receive.future);
	self->cleaned = DUET_RESULT;
	DUET_END_FINALLY;
}

START_TEST(a_shutdown_does_not_come_into_a_shield)
{
	static struct duet_op_future timer;

	duet_timer_future_init(&timer, duet_loop_now_ns(stage.loop) + SECOND * (uint64_t)3600);
	coroutine_start(wait_in_the_cleanup, &timer.future);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	turn_until(solo.scheduler.live == 0);
	ck_assert_int_eq(frame.seen, -ECANCELED);
	ck_assert_int_eq(frame.cleaned, 0);
}
END_TEST

/* The same, when the loop shuts down behind the beginning of the cleanup. */
START_TEST(a_shutdown_does_not_stop_what_a_shield_has_begun)
{
	duet_ready_future_init(&frame.immediate, 0);
	coroutine_start(wait_in_the_cleanup, &frame.immediate);
	turn_until(duet_op_pending(&receive.op));
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	turn_until(solo.scheduler.live == 0);
	ck_assert_int_eq(frame.cleaned, 0);
}
END_TEST

/* Operations without end, as far as they end at once. */
struct hungry {
	struct duet_future future;
	struct duet_op_future nop;
	unsigned most;
	unsigned total;
};

static enum duet_readiness eat(struct duet_future *future, struct duet_context *context)
{
	struct hungry *hungry = (struct hungry *)(void *)future;
	unsigned now = 0;

	while (hungry->total < 1000) {
		if (duet_future_poll(&hungry->nop.future, context) == DUET_PENDING)
			return duet_future_is_pending(future);
		hungry->total++;
		if (++now > hungry->most)
			hungry->most = now;
		duet_op_future_reset(&hungry->nop);
		duet_op_nop(&hungry->nop.op);
	}
	return duet_future_is_ready(future, 0);
}

static const struct duet_future_table hungry_table = { .name = "hungry", .poll = eat,
						       .poll_cancel = eat };

START_TEST(operations_that_end_at_once_are_so_many_in_a_step)
{
	static struct hungry hungry;

	hungry.most = hungry.total = 0;
	duet_future_init(&hungry.future, &hungry_table);
	duet_op_future_init(&hungry.nop);
	duet_op_nop(&hungry.nop.op);
	solo_start(&solo, &hungry.future);
	ck_assert_int_eq(solo_end(&solo), 0);
	/* The one for which it was woken comes on top. */
	ck_assert_uint_le(hungry.most, 17);
}
END_TEST

START_TEST(who_always_finds_results_suspends_now_and_then)
{
	struct trial timer;

	duet_ready_future_init(&frame.immediate, 0);
	frame.rounds = 1000;
	coroutine_start(await_what_is_there, NULL);
	trial_init(&timer);
	duet_op_timeout(&timer.op, 0);
	trial_run(&timer);
	ck_assert_uint_lt(frame.done, 1000);
	turn_until(solo.scheduler.live == 0);
	ck_assert_uint_eq(frame.done, 1000);
	ck_assert_uint_ge(solo.scheduler.stats.yielded, 1000 / 17);
}
END_TEST

int main(void)
{
	return contract_run("future leaves",
		CASES(a_cold_operation_that_is_asked_has_never_begun,
			a_pending_operation_is_ready_when_nothing_of_it_is_under_way,
			one_that_completed_has_completed_also_if_it_is_asked,
			asked_at_any_moment_no_byte_is_lost,
			ready_is_ready_and_never_is_never_unless_it_is_asked,
			an_event_keeps_the_first_thing_it_is_told, a_timer_is_never_early,
			a_stream_is_polled_again_for_the_next_and_hands_over_what_it_has,
			readiness_is_asked_afresh_and_consumes_nothing,
			readiness_is_dropped_at_once_and_nobody_is_woken,
			readiness_without_operations_of_the_loop_s_is_refused,
			the_result_of_a_future_is_its_task_s,
			a_task_that_is_asked_before_its_first_step_begins_nothing,
			a_scope_s_deadline_asks_the_task_and_names_the_time,
			a_shutdown_has_no_say_in_what_a_step_of_a_cleanup_polls,
			who_is_asked_still_waits_for_its_children, a_coroutine_awaits_a_future,
			a_coroutine_that_is_asked_gets_the_outcome_and_its_cleanup_is_not,
			a_shutdown_does_not_come_into_a_shield,
			a_shutdown_does_not_stop_what_a_shield_has_begun,
			operations_that_end_at_once_are_so_many_in_a_step,
			who_always_finds_results_suspends_now_and_then),
		NULL);
}
