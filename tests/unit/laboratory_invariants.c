/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <stddef.h>

#include "core/backend.h"
#include "tests/support/harness.h"

/*
 * What the laboratory looks for, violated one at a time: none of it is only a name. Those that are not here are
 * in laboratory_kinds.c (permits, cleanup, unanswered) and laboratory_faults.c.
 */

enum { SENT_BYTES = 8, LONG_TURNS = 20, BUFFERS = 2, BUFFER_BYTES = 16 };

struct subject {
	struct duet_op op;
	struct duet_member member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	uint32_t have;
	unsigned char data[SENT_BYTES];
	struct duet_pool *pool;
	struct duet_buffer kept;
	bool keeps;
	struct duet_cleanup cleanup;
	struct duet_op step;
	struct duet_member step_member;
	unsigned steps_left;
};

struct mistake {
	const char *name;
	enum duet_lab_invariant invariant;
	bool tells_nothing, tells_another, leaves_early, ends_slowly, holds_a_buffer, leaves_a_timer,
		writes_late;
};

static const struct mistake *mistake_of(const struct subject *subject)
{
	return duet_lab_context(subject->lab);
}

/* ---- The body: eight bytes in two pieces, of which it keeps count. ---- */

static void go_on(struct subject *subject);

static void tell(struct subject *subject, unsigned char *data, uint32_t bytes)
{
	const struct mistake *mistake = mistake_of(subject);

	if (mistake->tells_another)
		data[0] = (unsigned char)~data[0];
	if (!mistake->tells_nothing)
		duet_lab_received(subject->lab, subject->peer, data, bytes);
	subject->have += bytes;
}

static void give_back(struct subject *subject)
{
	if (subject->keeps && !mistake_of(subject)->holds_a_buffer)
		duet_buffer_return(duet_lab_loop(subject->lab), &subject->kept);
	subject->keeps = false;
}

/* Each buffer is kept until there is another one, and over the end of a body. */
static void heard(struct duet_op *op)
{
	struct subject *subject = op->context;

	if (op->more)
		return;
	if (op->transferred) {
		give_back(subject);
		subject->kept = op->buffer;
		subject->keeps = true;
		tell(subject, op->buffer.data, op->transferred);
	}
	go_on(subject);
}

static void leave_a_timer(struct subject *subject)
{
	static struct duet_op timer;

	duet_op_init(&timer, NULL, NULL);
	duet_op_timeout(&timer, UINT64_MAX - 1);
	duet_op_start(duet_lab_loop(subject->lab), &timer);
}

static void go_on(struct subject *subject)
{
	if (subject->have == SENT_BYTES) {
		give_back(subject);
		if (mistake_of(subject)->leaves_a_timer)
			leave_a_timer(subject);
		duet_lab_finish(subject->lab);
		return;
	}
	duet_op_init(&subject->op, heard, subject);
	duet_op_recv_pooled(&subject->op, subject->handle, subject->pool, 0);
	duet_scope_start(subject->scope, &subject->member, &subject->op);
}

static void take_a_step(struct duet_op *op)
{
	struct subject *subject = op->context;

	if (!subject->steps_left--)
		return;
	duet_op_init(&subject->step, take_a_step, subject);
	duet_op_timeout(&subject->step, 0);
	duet_scope_start(subject->scope, &subject->step_member, &subject->step);
}

static void clean_up(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct subject *subject =
		(struct subject *)(void *)((char *)cleanup - offsetof(struct subject, cleanup));

	(void)scope;
	subject->steps_left = LONG_TURNS;
	subject->step.context = subject;
	take_a_step(&subject->step);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct subject *subject = state;
	const struct mistake *mistake = duet_lab_context(lab);

	subject->scope = scope;
	if (mistake->ends_slowly) {
		subject->cleanup.run = clean_up;
		duet_scope_defer(scope, &subject->cleanup);
	}
	if (mistake->leaves_early && duet_lab_attempt(lab) > 0) {
		give_back(subject);
		duet_lab_finish(lab);
	} else {
		go_on(subject);
	}
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct subject *subject = state;

	subject->lab = lab;
	subject->peer = duet_lab_pair(lab, &subject->handle);
	if (subject->peer < 0)
		return subject->peer;
	duet_lab_peer_sends(lab, subject->peer, SENT_BYTES / 2);
	duet_lab_peer_sends(lab, subject->peer, SENT_BYTES / 2);
	return duet_pool_create(duet_lab_loop(lab), BUFFERS, BUFFER_BYTES, &subject->pool);
}

/* A message, which is delivered by the next turn. */
struct late {
	struct duet_message message;
	struct subject *subject;
};

static void write_late(struct duet_message *message)
{
	((struct late *)(void *)message)->subject->have = 1;
}

static const char *check(struct duet_lab *lab, void *state)
{
	static struct late late;

	if (mistake_of(state)->writes_late) {
		late = (struct late){.message.fn = write_late, .subject = state};
		duet_loop_post(duet_lab_loop(lab), &late.message);
	}
	return NULL;
}

/* ---- And what is said of it. ---- */

static struct duet_lab_sweep sweep_on(const struct mistake *mistake,
				      const struct duet_backend *backend)
{
	const struct duet_lab_workload workload = {.name = mistake->name, .check = check,
						   .state_bytes = sizeof(struct subject),
						   .set_up = set_up, .body = body,
						   .context = mistake};
	struct duet_lab_sweep made = {.workload = &workload, .backend = backend,
				      .tuning = stage.arm->tuning};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	made.workload = NULL;
	return made;
}

static void expect_only(const struct mistake *mistake)
{
	struct duet_lab_sweep made = sweep_on(mistake, stage.arm->backend());

	ck_assert_msg(made.violations > 0, "%s: nothing is violated", mistake->name);
	for (uint32_t i = 0; i < made.outcome_count; i++)
		ck_assert_msg(made.outcomes[i].verdict != DUET_LAB_VIOLATION ||
			      made.outcomes[i].invariant == mistake->invariant,
			      "%s: point %u: %s: %s", mistake->name, made.outcomes[i].point,
			      duet_lab_invariant_name(
				      (enum duet_lab_invariant)made.outcomes[i].invariant),
			      made.outcomes[i].text);
	free(made.outcomes);
}

/* Also where what it has kept for the next body is never asked for, because the loop shuts down. */
START_TEST(without_a_mistake_there_is_no_violation)
{
	const struct mistake none = {.name = "none"};
	struct duet_lab_sweep made = sweep_on(&none, stage.arm->backend());

	ck_assert_msg(made.violations == 0, "point %u: %s", made.outcomes[made.first].point,
		      made.outcomes[made.first].text);
	ck_assert_uint_eq(made.points, 2);
	free(made.outcomes);
}
END_TEST

START_TEST(each_mistake_is_named)
{
	static const struct mistake mistakes[] = {
		{.name = "tells nothing", .invariant = DUET_LAB_BYTES, .tells_nothing = true},
		{.name = "tells another", .invariant = DUET_LAB_MIXED, .tells_another = true},
		{.name = "leaves early", .invariant = DUET_LAB_RESTART, .leaves_early = true},
		{.name = "ends slowly", .invariant = DUET_LAB_LATENCY, .ends_slowly = true},
		{.name = "holds a buffer", .invariant = DUET_LAB_POOL, .holds_a_buffer = true},
		{.name = "leaves a timer", .invariant = DUET_LAB_QUIET, .leaves_a_timer = true},
		{.name = "writes late", .invariant = DUET_LAB_QUIET, .writes_late = true},
	};

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++)
		expect_only(&mistakes[i]);
}
END_TEST

/* What was lost in front of it, too, is said by where it belongs. */
static int set_up_lost(struct duet_lab *lab, void *state)
{
	struct subject *subject = state;
	int peer = duet_lab_pair(lab, &subject->handle);

	duet_lab_peer_sends(lab, peer, SENT_BYTES);
	return peer < 0 ? peer : 0;
}

static void skip_three(struct duet_op *op)
{
	struct subject *subject = op->context;

	duet_lab_received(subject->lab, 0, subject->data + 3, SENT_BYTES - 3);
	duet_lab_finish(subject->lab);
}

static void lose_three(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct subject *subject = state;

	subject->lab = lab;
	duet_op_init(&subject->op, skip_three, subject);
	duet_op_recv(&subject->op, subject->handle, subject->data, SENT_BYTES, DUET_WHOLE);
	duet_scope_start(scope, &subject->member, &subject->op);
}

START_TEST(what_came_instead_is_named_where_it_is_known)
{
	const struct duet_lab_workload workload = {.name = "loses", .set_up = set_up_lost,
						   .body = lose_three,
						   .state_bytes = sizeof(struct subject)};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning, .points_max = 1};

	stage_judge();
	ck_assert_int_eq(duet_lab_run(&made), 0);
	ck_assert_str_eq(made.outcomes[0].text, "peer 0: what came as its byte 0 is its byte 3");
	free(made.outcomes);
}
END_TEST

/* A cancel with which nobody is told any more of the end that comes. */
static int cancel_and_tell_nobody(struct duet_loop *loop, struct duet_op *op)
{
	if (*duet_core_callback(op))
		*duet_core_callback(op) = NULL;
	return stage.arm->backend()->cancel(loop, op);
}

START_TEST(an_end_that_is_not_told_is_named)
{
	const struct mistake none = {.name = "none"};
	struct duet_backend mute = *stage.arm->backend();
	struct duet_lab_sweep made;

	mute.cancel = cancel_and_tell_nobody;
	made = sweep_on(&none, &mute);
	ck_assert_uint_gt(made.violations, 0);
	ck_assert_uint_eq(made.outcomes[made.first].invariant, DUET_LAB_TERMINAL);
	ck_assert_str_eq(made.outcomes[made.first].text,
			 "a recv has ended, and its end was never told");
	free(made.outcomes);
}
END_TEST

/* Ends each operation that it is to cancel, once more than it has an end. */
static int end_twice(struct duet_loop *loop, struct duet_op *op)
{
	duet_core_end(loop, op, -ECANCELED);
	duet_core_end(loop, op, -ECANCELED);
	return BACKEND_ENDED;
}

START_TEST(an_end_that_is_told_twice_does_not_pass)
{
	const struct mistake none = {.name = "none"};
	struct duet_backend twice = *stage.arm->backend();
	struct duet_lab_sweep made;

	twice.cancel = end_twice;
	made = sweep_on(&none, &twice);
	ck_assert_uint_gt(made.violations, 0);
	ck_assert_uint_eq(made.outcomes[made.first].invariant, DUET_LAB_CRASH);
	free(made.outcomes);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_invariants",
			    CASES(without_a_mistake_there_is_no_violation, each_mistake_is_named,
				  what_came_instead_is_named_where_it_is_known,
				  an_end_that_is_not_told_is_named,
				  an_end_that_is_told_twice_does_not_pass),
			    NULL);
}
