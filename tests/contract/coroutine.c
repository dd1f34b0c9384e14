/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* Stackless coroutines: what a wait gives, what a call returns, and how either ends when it is asked to. */

enum { SECOND_NS = 1000000000, MILLISECOND_NS = 1000000 };
#define HOUR_NS (3600 * (uint64_t)SECOND_NS)

static struct duet_scheduler scheduler;
static struct duet_scope scope;
static bool joined;

static void note_joined(struct duet_scope *ended)
{
	(void)ended;
	joined = true;
}

static void open_scope(void)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	joined = false;
}

static void join_scope(void)
{
	ck_assert_int_eq(duet_scope_join(&scope, note_joined), 0);
	turn_until(joined);
	ck_assert_uint_eq(scheduler.live, 0);
}

static void spawn(struct duet_coroutine_task *task, struct duet_coroutine *top)
{
	duet_coroutine_task_init(task, top);
	ck_assert_int_eq(duet_task_spawn(&scheduler, &scope, &task->task), 0);
}

/* ---- Results. ---- */

/* Waits for one operation, whatever it is, and returns what that gave. */
struct waiting {
	struct duet_coroutine coroutine;
	struct duet_op *op;
	struct duet_op own;
};

static DUET_COROUTINE(wait_for)
{
	DUET_BEGIN(struct waiting, self);
	DUET_AWAIT(self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static void waiting_init(struct waiting *waiting)
{
	duet_coroutine_init(&waiting->coroutine, wait_for);
	duet_op_init(&waiting->own, NULL, NULL);
	waiting->op = &waiting->own;
}

static int32_t result_of(struct waiting *waiting)
{
	struct duet_coroutine_task task;

	open_scope();
	spawn(&task, &waiting->coroutine);
	join_scope();
	return task.task.result;
}

START_TEST(a_wait_gives_the_result_and_the_task_has_what_was_returned)
{
	struct waiting waiting;
	duet_handle pair[2];
	char text[8];

	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	waiting_init(&waiting);
	duet_op_recv(&waiting.own, pair[1], text, 5, DUET_WHOLE);
	ck_assert_int_eq(result_of(&waiting), 5);
	ck_assert_mem_eq(text, "hello", 5);
	ck_assert_int_eq(waiting.own.disposition, DUET_COMPLETED);
	pair_close(pair);
}
END_TEST

START_TEST(an_error_of_an_operation_is_its_result_and_the_scope_hears_it)
{
	struct waiting waiting;

	waiting_init(&waiting);
	duet_op_open(&waiting.own, -100, "/nowhere/at/all", 0, 0);
	ck_assert_int_eq(result_of(&waiting), -ENOENT);
	ck_assert_int_eq(waiting.own.disposition, DUET_FAILED);
	ck_assert_int_eq(scope.result, -ENOENT);
}
END_TEST

START_TEST(what_is_refused_is_told_without_a_wait)
{
	const duet_handle none = DUET_HANDLE_NONE;
	struct waiting waiting;
	char byte;

	waiting_init(&waiting);
	duet_op_recv(&waiting.own, none, &byte, 1, 0);
	ck_assert_int_eq(result_of(&waiting), -EBADF);
	ck_assert_int_eq(waiting.own.disposition, DUET_FAILED);
	ck_assert_uint_eq(scheduler.stats.resumed, 0);
	waiting_init(&waiting);
	duet_op_accept(&waiting.own, none, DUET_MULTISHOT);
	ck_assert_int_eq(result_of(&waiting), -EINVAL);
}
END_TEST

START_TEST(an_operation_that_is_pending_already_is_busy_and_untouched)
{
#ifndef DUET_DEBUG
	struct waiting waiting;
	struct trial trial;
	duet_handle pair[2];
	char byte;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], &byte, 1, 0);
	trial_start(&trial);
	waiting_init(&waiting);
	waiting.op = &trial.op;
	ck_assert_int_eq(result_of(&waiting), -EBUSY);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	pair_close(pair);
#endif
}
END_TEST

START_TEST(a_task_runs_again_after_its_end)
{
	struct duet_coroutine_task task;
	struct waiting waiting;

	for (unsigned i = 0; i < 3; i++) {
		waiting_init(&waiting);
		duet_op_timeout(&waiting.own, duet_loop_now_ns(stage.loop) + MILLISECOND_NS);
		open_scope();
		spawn(&task, &waiting.coroutine);
		ck_assert_int_eq(duet_task_spawn(&scheduler, &scope, &task.task), -EBUSY);
		join_scope();
		ck_assert_int_eq(task.task.result, 0);
	}
}
END_TEST

/* ---- Requests to end, wherever it waits. ---- */

enum when { BEFORE, DURING };

/* Talks with itself, in waits of several kinds, and asks for its own end at the one numbered `ask_at`. */
struct chat {
	struct duet_coroutine coroutine;
	struct duet_op op;
	duet_handle pair[2];
	char data[8];
	struct duet_message message;
	unsigned waits;
	unsigned ask_at;
	enum when when;
	unsigned closed;
	struct chatter {
		struct duet_coroutine coroutine;
		struct duet_op op;
		struct chat *chat;
		bool begun;
		unsigned cleaned;
	} inner;
};

static void ask(struct duet_message *message)
{
	(void)message;
	duet_scope_cancel(&scope);
}

/* Before each wait that a request may reach. */
static void at_a_wait(struct chat *chat)
{
	if (chat->waits++ != chat->ask_at)
		return;
	if (chat->when == BEFORE)
		duet_scope_cancel(&scope);
	else
		duet_loop_defer(stage.loop, &chat->message);
}

static DUET_COROUTINE(chatter)
{
	DUET_BEGIN(struct chatter, self);
	self->begun = true;
	duet_op_send(&self->op, self->chat->pair[0], "deep", 4, DUET_WHOLE);
	at_a_wait(self->chat);
	DUET_AWAIT(&self->op);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_recv(&self->op, self->chat->pair[1], self->chat->data, 4, DUET_WHOLE);
	at_a_wait(self->chat);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(SECOND_NS);
	duet_op_nop(&self->op);
	DUET_AWAIT(&self->op);
	if (DUET_RESULT == 0)
		self->cleaned++;
	DUET_END_FINALLY;
}

static DUET_COROUTINE(chat)
{
	DUET_BEGIN(struct chat, self);
	duet_op_timeout(&self->op, duet_loop_now_ns(stage.loop) + MILLISECOND_NS);
	at_a_wait(self);
	DUET_AWAIT(&self->op);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_send(&self->op, self->pair[0], "hi", 2, DUET_WHOLE);
	at_a_wait(self);
	DUET_AWAIT(&self->op);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	at_a_wait(self);
	DUET_YIELD();
	self->inner.chat = self;
	duet_coroutine_init(&self->inner.coroutine, chatter);
	duet_op_init(&self->inner.op, NULL, NULL);
	DUET_CALL(&self->inner.coroutine);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_recv(&self->op, self->pair[1], self->data + 4, 2, DUET_WHOLE);
	at_a_wait(self);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(SECOND_NS);
	duet_op_close(&self->op, self->pair[0]);
	DUET_AWAIT(&self->op);
	self->closed += DUET_RESULT == 0;
	duet_op_close(&self->op, self->pair[1]);
	DUET_AWAIT(&self->op);
	self->closed += DUET_RESULT == 0;
	DUET_END_FINALLY;
}

/* Plays it with a request at one wait, and says whether there was that wait. */
static bool chat_asked_at(unsigned ask_at, enum when when)
{
	struct chat talk = { .message = { .fn = ask }, .ask_at = ask_at, .when = when };
	struct duet_coroutine_task task;

	pair_open(talk.pair);
	duet_coroutine_init(&talk.coroutine, chat);
	duet_op_init(&talk.op, NULL, NULL);
	open_scope();
	spawn(&task, &talk.coroutine);
	join_scope();
	ck_assert_msg(talk.closed == 2, "on %s: asked at wait %u: %u of 2 handles closed",
		stage.arm->name, ask_at, talk.closed);
	ck_assert_uint_eq(talk.inner.cleaned, talk.inner.begun);
	if (task.task.result != 2)
		ck_assert_int_eq(task.task.result, -ECANCELED);
	if (talk.waits <= ask_at)
		ck_assert_int_eq(task.task.result, 2);
	else if (task.task.result < 0 || when == BEFORE)
		ck_assert_int_eq(task.task.asked, DUET_CAUSE_SCOPE);
	stage_settle(2);
	return talk.waits > ask_at;
}

START_TEST(asked_before_any_of_its_waits_it_cleans_up_and_ends)
{
	unsigned waits = 0;

	while (chat_asked_at(waits, BEFORE))
		waits++;
	ck_assert_uint_eq(waits, 6);
}
END_TEST

START_TEST(asked_in_any_of_its_waits_it_cleans_up_and_ends)
{
	unsigned waits = 0;

	while (chat_asked_at(waits, DURING))
		waits++;
	ck_assert_uint_eq(waits, 6);
}
END_TEST

START_TEST(one_task_is_cancelled_alone)
{
	struct duet_coroutine_task task[2];
	struct waiting waiting[2];

	open_scope();
	for (unsigned i = 0; i < 2; i++) {
		waiting_init(&waiting[i]);
		duet_op_timeout(&waiting[i].own, duet_loop_now_ns(stage.loop) + HOUR_NS);
		spawn(&task[i], &waiting[i].coroutine);
	}
	turn_until(task[1].task.state == DUET_TASK_WAITING);
	duet_task_cancel(&task[0].task);
	turn_until(task[0].task.state == DUET_TASK_IDLE);
	ck_assert_int_eq(task[0].task.result, -ECANCELED);
	ck_assert_int_eq(task[0].task.asked, DUET_CAUSE_CANCEL);
	ck_assert_int_eq(task[1].task.state, DUET_TASK_WAITING);
	duet_scope_cancel(&scope);
	join_scope();
	ck_assert_int_eq(task[1].task.result, -ECANCELED);
}
END_TEST

/* ---- Time. ---- */

START_TEST(the_deadline_of_a_task_ends_its_waits)
{
	struct duet_coroutine_task task;
	struct waiting waiting;

	open_scope();
	waiting_init(&waiting);
	duet_op_timeout(&waiting.own, duet_loop_now_ns(stage.loop) + HOUR_NS);
	duet_coroutine_task_init(&task, &waiting.coroutine);
	task.task.deadline_ns = duet_loop_now_ns(stage.loop) + MILLISECOND_NS;
	ck_assert_int_eq(duet_task_spawn(&scheduler, &scope, &task.task), 0);
	join_scope();
	ck_assert_int_eq(task.task.result, -ETIMEDOUT);
	ck_assert_int_eq(waiting.own.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

/* Its cleanup takes an hour, if one lets it. */
struct slow {
	struct duet_coroutine coroutine;
	struct duet_op op;
	int32_t cleanup; /* what its wait gave */
};

static DUET_COROUTINE(slow)
{
	DUET_BEGIN(struct slow, self);
	duet_op_timeout(&self->op, duet_loop_now_ns(stage.loop) + HOUR_NS);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(MILLISECOND_NS);
	duet_op_timeout(&self->op, duet_loop_now_ns(stage.loop) + HOUR_NS);
	DUET_AWAIT(&self->op);
	self->cleanup = DUET_RESULT;
	DUET_END_FINALLY;
}

START_TEST(a_cleanup_has_its_budget_and_no_more)
{
	struct duet_coroutine_task task;
	struct slow frame;

	open_scope();
	duet_op_init(&frame.op, NULL, NULL);
	duet_coroutine_init(&frame.coroutine, slow);
	spawn(&task, &frame.coroutine);
	turn_until(task.task.state == DUET_TASK_WAITING);
	duet_scope_cancel(&scope);
	join_scope();
	ck_assert_int_eq(task.task.result, -ECANCELED);
	ck_assert_int_eq(frame.cleanup, -ETIMEDOUT);
	ck_assert_int_eq(frame.op.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

/* ---- Calls and turns. ---- */

enum { DEPTH = 1000 };

struct step {
	struct duet_coroutine coroutine;
	struct duet_op op;
	unsigned depth;
	uintptr_t stack; /* where the C stack was */
};

static struct step steps[DEPTH];

static DUET_COROUTINE(descend)
{
	DUET_BEGIN(struct step, self);
	self->stack = (uintptr_t)__builtin_frame_address(0);
	if (self->depth + 1 == DEPTH) {
		duet_op_timeout(&self->op, duet_loop_now_ns(stage.loop) + MILLISECOND_NS);
		DUET_AWAIT(&self->op);
		DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : 1);
	}
	duet_coroutine_init(&steps[self->depth + 1].coroutine, descend);
	DUET_CALL(&steps[self->depth + 1].coroutine);
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : DUET_RESULT + 1);
	DUET_END;
}

static int32_t descend_from_the_top(bool asked)
{
	struct duet_coroutine_task task;

	open_scope();
	for (unsigned i = 0; i < DEPTH; i++) {
		steps[i].depth = i;
		duet_op_init(&steps[i].op, NULL, NULL);
	}
	duet_coroutine_init(&steps[0].coroutine, descend);
	spawn(&task, &steps[0].coroutine);
	turn_until(task.task.state == DUET_TASK_WAITING);
	if (asked)
		duet_scope_cancel(&scope);
	join_scope();
	return task.task.result;
}

START_TEST(calls_a_thousand_deep_take_no_stack)
{
	ck_assert_int_eq(descend_from_the_top(false), DEPTH);
	for (unsigned i = 1; i < DEPTH; i++)
		ck_assert_uint_eq(steps[i].stack, steps[0].stack);
}
END_TEST

START_TEST(a_request_comes_up_from_a_thousand_deep)
{
	ck_assert_int_eq(descend_from_the_top(true), -ECANCELED);
}
END_TEST

struct counting {
	struct duet_coroutine coroutine;
	unsigned *line;
	unsigned mine;
	unsigned i;
};

static DUET_COROUTINE(count_in_turns)
{
	DUET_BEGIN(struct counting, self);
	for (self->i = 0; self->i < 5; self->i++) {
		ck_assert_uint_eq((*self->line)++, self->i * 2 + self->mine);
		DUET_YIELD();
	}
	DUET_END;
}

START_TEST(those_who_give_up_their_turn_take_turns)
{
	struct duet_coroutine_task tasks[2];
	struct counting frames[2];
	unsigned line = 0;

	open_scope();
	for (unsigned i = 0; i < 2; i++) {
		frames[i] = (struct counting){ .line = &line, .mine = i };
		duet_coroutine_init(&frames[i].coroutine, count_in_turns);
		spawn(&tasks[i], &frames[i].coroutine);
	}
	join_scope();
	ck_assert_uint_eq(line, 10);
	ck_assert_uint_eq(scheduler.stats.yielded, 10);
}
END_TEST

struct refused {
	struct duet_coroutine coroutine;
	struct duet_op op;
	unsigned i;
};

static DUET_COROUTINE(be_refused_ten_times)
{
	const duet_handle none = DUET_HANDLE_NONE;
	DUET_BEGIN(struct refused, self);
	for (self->i = 0; self->i < 10; self->i++) {
		duet_op_poll(&self->op, none, 1);
		DUET_AWAIT(&self->op);
		ck_assert_int_eq(DUET_RESULT, -EBADF);
	}
	DUET_END;
}

START_TEST(after_inline_max_results_without_a_wait_it_is_another_one_s_turn)
{
	static const struct {
		uint32_t inline_max, yielded, inlined;
	} rows[] = { { 0, 10, 0 }, { 3, 2, 8 }, { 16, 0, 10 } };

	for (unsigned i = 0; i < 3; i++) {
		struct duet_scheduler_options options;
		struct duet_coroutine_task task;
		struct refused frame;

		open_scope();
		duet_scheduler_options_init(&options);
		options.inline_max = rows[i].inline_max;
		ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &options), 0);
		duet_op_init(&frame.op, NULL, NULL);
		duet_coroutine_init(&frame.coroutine, be_refused_ten_times);
		spawn(&task, &frame.coroutine);
		join_scope();
		ck_assert_uint_eq(scheduler.stats.yielded, rows[i].yielded);
		ck_assert_uint_eq(scheduler.stats.inlined, rows[i].inlined);
	}
}
END_TEST

/* ---- Many, from a pool. ---- */

_Static_assert(sizeof(struct duet_coroutine_task) + sizeof(struct duet_coroutine) <= 256,
	"a waiting coroutine takes at most so much beside its variables and its operation");

enum { MANY = 10000 };

struct one_of_many {
	struct duet_coroutine_task task;
	struct waiting frame;
	struct duet_frame_pool *pool;
};

static unsigned returned;

static void give_back(struct duet_task *task)
{
	struct one_of_many *one = (struct one_of_many *)task;

	ck_assert_int_eq(task->result, 0);
	ck_assert_int_eq(duet_frame_return(one->pool, one), 0);
	returned++;
}

START_TEST(ten_thousand_wait_at_once_in_frames_of_a_pool)
{
	struct duet_loop_options options;
	struct duet_frame_stats stats;
	struct duet_frame_pool *pool;

	duet_loop_options_init(&options);
	options.operations_max = MANY + 16;
	stage_reopen(&options, NULL);
	ck_assert_int_eq(duet_frame_pool_create(&pool, MANY, sizeof(struct one_of_many)), 0);
	open_scope();
	returned = 0;
	for (unsigned i = 0; i < MANY; i++) {
		struct one_of_many *one = duet_frame_take(pool, sizeof(*one));

		ck_assert_ptr_nonnull(one);
		one->pool = pool;
		waiting_init(&one->frame);
		duet_op_timeout(&one->frame.own,
			duet_loop_now_ns(stage.loop) + 50 * MILLISECOND_NS);
		duet_coroutine_task_init(&one->task, &one->frame.coroutine);
		one->task.task.ended = give_back;
		ck_assert_int_eq(duet_task_spawn(&scheduler, &scope, &one->task.task), 0);
	}
	ck_assert_ptr_null(duet_frame_take(pool, 1));
	ck_assert_int_eq(duet_frame_pool_destroy(pool), -EBUSY);
	join_scope();
	ck_assert_uint_eq(returned, MANY);
	duet_frame_pool_stats(pool, &stats);
	ck_assert_uint_eq(stats.used_max, MANY);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
}
END_TEST

int main(void)
{
	return contract_run("coroutine",
		CASES(a_wait_gives_the_result_and_the_task_has_what_was_returned,
			an_error_of_an_operation_is_its_result_and_the_scope_hears_it,
			what_is_refused_is_told_without_a_wait,
			an_operation_that_is_pending_already_is_busy_and_untouched,
			a_task_runs_again_after_its_end,
			asked_before_any_of_its_waits_it_cleans_up_and_ends,
			asked_in_any_of_its_waits_it_cleans_up_and_ends,
			one_task_is_cancelled_alone, the_deadline_of_a_task_ends_its_waits,
			a_cleanup_has_its_budget_and_no_more, calls_a_thousand_deep_take_no_stack,
			a_request_comes_up_from_a_thousand_deep,
			those_who_give_up_their_turn_take_turns,
			after_inline_max_results_without_a_wait_it_is_another_one_s_turn,
			ten_thousand_wait_at_once_in_frames_of_a_pool),
		NULL);
}
