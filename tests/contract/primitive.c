/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/support/harness.h"

/* Waiting for a primitive is an operation: what holds for one holds for each of them. */

#ifdef DUET_DEBUG
#define STOPS 1
#else
#define STOPS 0
#endif

static struct duet_semaphore semaphore;
static struct duet_mutex mutex;
static struct duet_channel channel;
static struct duet_oneshot oneshot;
static struct duet_notify notify;
static struct duet_wait_group group;

/* Names of owners; nobody follows them. */
static const char holder, owners[2];

static int sent = 7, received;
static void *value;

/* A kind that waits: how something to wait for is made, said, had and given up. */
struct kind {
	const char *name;
	enum duet_kind kind;
	void (*make)(struct duet_loop *loop);
	void (*say)(struct duet_op *op, unsigned who);
	int (*grant)(void); /* to one; may be called as often as there are waits */
	int result;
	int (*fini)(void);
	bool all; /* a grant is to all who wait */
};

static void semaphore_make(struct duet_loop *loop)
{
	duet_semaphore_init(&semaphore, loop, 0);
}

static void semaphore_say(struct duet_op *op, unsigned who)
{
	(void)who;
	duet_op_acquire(op, &semaphore, 1);
}

static int semaphore_grant(void)
{
	return duet_semaphore_release(&semaphore, 1);
}

static int semaphore_fini(void)
{
	return duet_semaphore_fini(&semaphore);
}

static void mutex_make(struct duet_loop *loop)
{
	duet_mutex_init(&mutex, loop);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, &holder), 0);
}

static void mutex_say(struct duet_op *op, unsigned who)
{
	duet_op_lock(op, &mutex, &owners[who]);
}

static int mutex_grant(void)
{
	return duet_mutex_unlock(&mutex, mutex.owner);
}

static int mutex_fini(void)
{
	if (!mutex.waiters.first)
		mutex.owner = NULL;
	return duet_mutex_fini(&mutex);
}

static void channel_make(struct duet_loop *loop)
{
	ck_assert_int_eq(duet_channel_init(&channel, loop, NULL, 0, sizeof(int)), 0);
}

static void send_say(struct duet_op *op, unsigned who)
{
	(void)who;
	duet_op_channel_send(op, &channel, &sent);
}

static int send_grant(void)
{
	return duet_channel_try_recv(&channel, &received) - 1;
}

static void recv_say(struct duet_op *op, unsigned who)
{
	(void)who;
	duet_op_channel_recv(op, &channel, &received);
}

static int recv_grant(void)
{
	return duet_channel_try_send(&channel, &sent);
}

static int channel_fini(void)
{
	return duet_channel_fini(&channel);
}

static void oneshot_make(struct duet_loop *loop)
{
	duet_oneshot_init(&oneshot, loop);
}

static void oneshot_say(struct duet_op *op, unsigned who)
{
	(void)who;
	duet_op_oneshot_recv(op, &oneshot, &value);
}

static int oneshot_grant(void)
{
	return duet_oneshot_send(&oneshot, &sent);
}

static int oneshot_fini(void)
{
	return duet_oneshot_fini(&oneshot);
}

static void notify_make(struct duet_loop *loop)
{
	duet_notify_init(&notify, loop);
}

static void notify_say(struct duet_op *op, unsigned who)
{
	(void)who;
	duet_op_notified(op, &notify);
}

static int notify_grant(void)
{
	duet_notify_one(&notify);
	return 0;
}

static int notify_fini(void)
{
	return duet_notify_fini(&notify);
}

static void group_make(struct duet_loop *loop)
{
	duet_wait_group_init(&group, loop);
	ck_assert_int_eq(duet_wait_group_add(&group, 1), 0);
}

static void group_say(struct duet_op *op, unsigned who)
{
	(void)who;
	duet_op_wait_group(op, &group);
}

static int group_grant(void)
{
	return duet_wait_group_done(&group);
}

static int group_fini(void)
{
	return duet_wait_group_fini(&group);
}

static const struct kind kinds[] = {
	{ "acquire", DUET_ACQUIRE, semaphore_make, semaphore_say, semaphore_grant, 0,
		semaphore_fini, false },
	{ "lock", DUET_LOCK, mutex_make, mutex_say, mutex_grant, 0, mutex_fini, false },
	{ "channel-send", DUET_CHANNEL_SEND, channel_make, send_say, send_grant, 0, channel_fini,
		false },
	{ "channel-recv", DUET_CHANNEL_RECV, channel_make, recv_say, recv_grant, 1, channel_fini,
		false },
	{ "oneshot-recv", DUET_ONESHOT_RECV, oneshot_make, oneshot_say, oneshot_grant, 1,
		oneshot_fini, true },
	{ "notified", DUET_NOTIFIED, notify_make, notify_say, notify_grant, 0, notify_fini, false },
	{ "wait-group", DUET_WAIT_GROUP, group_make, group_say, group_grant, 0, group_fini, true },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define each_kind(kind) (const struct kind *kind = kinds; kind < kinds + KINDS; kind++)

static void wait_start(const struct kind *kind, struct trial *trial, unsigned who)
{
	trial_init(trial);
	kind->say(&trial->op, who);
	trial_start(trial);
}

static void kind_end(const struct kind *kind)
{
	int answer = kind->fini();

	ck_assert_msg(answer == 0, "on %s: fini of %s: %d", stage.arm->name, kind->name, answer);
}

/* ---- One wait. ---- */

START_TEST(a_wait_ends_in_a_turn_after_the_grant_and_never_inside_it)
{
	struct trial trial;

	for each_kind (kind) {
		kind->make(stage.loop);
		wait_start(kind, &trial, 0);
		stage_settle(2);
		ck_assert_uint_eq(trial.ends, 0);
		ck_assert_int_eq(kind->grant(), 0);
		ck_assert_uint_eq(trial.ends, 0);
		await(&trial);
		expect(&trial, kind->result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		kind_end(kind);
	}
}
END_TEST

START_TEST(what_is_there_ends_inside_an_inline_start_and_in_a_turn_otherwise)
{
	struct trial trial;

	for each_kind (kind) {
		/* A rendezvous is never there before both are. */
		if (kind->kind == DUET_CHANNEL_SEND || kind->kind == DUET_CHANNEL_RECV)
			continue;
		for (unsigned in_line = 0; in_line < 2; in_line++) {
			kind->make(stage.loop);
			ck_assert_int_eq(kind->grant(), 0);
			trial_init(&trial);
			kind->say(&trial.op, 0);
			if (in_line)
				duet_op_inline(&trial.op);
			ck_assert_int_eq(trial_try(&trial), in_line);
			if (!in_line)
				await(&trial);
			ck_assert_int_eq(trial.op.result, kind->result);
			ck_assert_uint_eq(trial.op.disposition, DUET_COMPLETED);
			ck_assert_uint_eq(trial.ends, !in_line);
			kind_end(kind);
		}
	}
}
END_TEST

START_TEST(a_stopped_wait_is_untouched_and_has_eaten_nothing)
{
	struct trial stopped, next;

	for each_kind (kind) {
		for (unsigned turns = 0; turns < 3; turns++) {
			kind->make(stage.loop);
			wait_start(kind, &stopped, 0);
			stage_settle(turns);
			trial_cancel(&stopped);
			ck_assert_int_eq(kind->grant(), kind->kind == DUET_CHANNEL_SEND ? -EAGAIN - 1
					  : kind->kind == DUET_CHANNEL_RECV ? -EAGAIN : 0);
			await(&stopped);
			expect(&stopped, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			wait_start(kind, &next, 1);
			if (kind->kind == DUET_CHANNEL_SEND || kind->kind == DUET_CHANNEL_RECV)
				ck_assert_int_eq(kind->grant(), 0);
			await(&next);
			expect(&next, kind->result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			kind_end(kind);
		}
	}
}
END_TEST

START_TEST(who_stands_behind_a_stopped_wait_is_granted_in_its_place)
{
	struct trial stopped, next;

	for each_kind (kind) {
		kind->make(stage.loop);
		wait_start(kind, &stopped, 0);
		wait_start(kind, &next, 1);
		stage_settle(1);
		trial_cancel(&stopped);
		ck_assert_int_eq(kind->grant(), 0);
		await(&next);
		expect(&stopped, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		expect(&next, kind->result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_lt(stopped.rank, next.rank);
		kind_end(kind);
	}
}
END_TEST

START_TEST(a_grant_that_meets_a_request_wins_and_is_handed_over)
{
	struct trial trial;

	for each_kind (kind) {
		kind->make(stage.loop);
		wait_start(kind, &trial, 0);
		stage_settle(1);
		ck_assert_int_eq(kind->grant(), 0);
		trial_cancel(&trial);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, kind->result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		kind_end(kind);
	}
}
END_TEST

START_TEST(a_deadline_ends_a_wait)
{
	struct trial trial;

	for each_kind (kind) {
		kind->make(stage.loop);
		trial_init(&trial);
		kind->say(&trial.op, 0);
		duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 100000);
		trial_run(&trial);
		expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
		kind_end(kind);
	}
}
END_TEST

static unsigned joins;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	joins++;
}

START_TEST(a_scope_ends_the_waits_in_it_and_keeps_what_was_granted)
{
	struct duet_member members[2];
	struct duet_scope scope;
	struct trial granted, waiting;

	for each_kind (kind) {
		kind->make(stage.loop);
		joins = 0;
		ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
		trial_init(&granted);
		kind->say(&granted.op, 0);
		ck_assert_int_eq(duet_scope_start(&scope, &members[0], &granted.op), 0);
		ck_assert_int_eq(kind->grant(), 0);
		trial_init(&waiting);
		if (kind->all)
			duet_op_timeout(&waiting.op, DUET_NO_DEADLINE);
		else
			kind->say(&waiting.op, 1);
		ck_assert_int_eq(duet_scope_start(&scope, &members[1], &waiting.op), 0);
		duet_scope_cancel(&scope);
		ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
		turn_until(joins);
		expect(&granted, kind->result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		expect(&waiting, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
		kind_end(kind);
	}
}
END_TEST

START_TEST(a_shutdown_ends_every_wait)
{
	struct trial trials[KINDS];

	for (unsigned i = 0; i < KINDS; i++) {
		/* Only one side of the channel can wait. */
		if (kinds[i].kind != DUET_CHANNEL_RECV)
			kinds[i].make(stage.loop);
		if (kinds[i].kind != DUET_CHANNEL_RECV)
			wait_start(&kinds[i], &trials[i], 0);
	}
	stage_settle(1);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	for (unsigned i = 0; i < KINDS; i++)
		if (kinds[i].kind != DUET_CHANNEL_RECV) {
			expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
			kind_end(&kinds[i]);
		}
}
END_TEST

struct lines {
	unsigned count;
	char text[2000];
};

static void keep_line(void *context, const char *text)
{
	struct lines *lines = context;

	lines->count++;
	strncat(lines->text, text, sizeof(lines->text) - strlen(lines->text) - 1);
}

START_TEST(the_dump_names_what_is_waited_for_and_the_capability_is_native)
{
	struct lines lines;
	struct trial trial;

	for each_kind (kind) {
		lines = (struct lines){ .count = 0 };
		ck_assert_str_eq(duet_kind_name(kind->kind), kind->name);
		ck_assert_int_eq(duet_loop_capability(stage.loop, kind->kind), DUET_NATIVE);
		kind->make(stage.loop);
		wait_start(kind, &trial, 0);
		duet_loop_dump(stage.loop, keep_line, &lines);
		ck_assert_uint_eq(lines.count, 1);
		ck_assert_ptr_nonnull(strstr(lines.text, kind->name));
		ck_assert_ptr_nonnull(strstr(lines.text, " of "));
		trial_cancel(&trial);
		await(&trial);
		kind_end(kind);
	}
}
END_TEST

START_TEST(waits_are_counted_as_operations_and_reach_no_kernel)
{
	struct duet_stats before, after;
	struct trial trial;

	/* What the loop watches for itself has been handed over. */
	stage_settle(1);
	duet_loop_stats(stage.loop, &before);
	semaphore_make(stage.loop);
	wait_start(kinds, &trial, 0);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 1);
	trial_cancel(&trial);
	await(&trial);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.started, before.started + 1);
	ck_assert_uint_eq(after.ended, before.ended + 1);
	ck_assert_uint_eq(after.submitted, before.submitted);
	ck_assert_uint_eq(after.armed, before.armed);
	ck_assert_uint_eq(after.cancels, before.cancels);
}
END_TEST

/* ---- Misuse. ---- */

START_TEST(the_end_of_a_primitive_is_busy_while_somebody_waits)
{
	struct trial trial;

	for each_kind (kind) {
		kind->make(stage.loop);
		wait_start(kind, &trial, 0);
		/* Debug builds stop there: tests/fault/misuse.c. */
		if (!STOPS)
			ck_assert_int_eq(kind->fini(), -EBUSY);
		ck_assert_int_eq(kind->grant(), 0);
		await(&trial);
		expect(&trial, kind->result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		kind_end(kind);
	}
}
END_TEST

START_TEST(what_has_ended_or_is_another_loop_s_refuses_operations)
{
	static const enum duet_kind crossing[] = { DUET_ACQUIRE, DUET_CHANNEL_SEND,
		DUET_CHANNEL_RECV, DUET_ONESHOT_RECV, DUET_NOTIFIED };
	struct duet_loop *other;
	struct trial trial;

	ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), NULL), 0);
	for each_kind (kind) {
		bool crosses = false;

		for (size_t i = 0; i < sizeof(crossing) / sizeof(crossing[0]); i++)
			crosses |= crossing[i] == kind->kind;
		trial_init(&trial);
		kind->make(other);
		kind->say(&trial.op, 0);
		if (!crosses)
			ck_assert_int_eq(trial_try(&trial), -EINVAL);
		kind_end(kind);
		kind->say(&trial.op, 0);
		ck_assert_int_eq(trial_try(&trial), -EINVAL);
	}
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}
END_TEST

START_TEST(a_wait_can_t_be_abandoned)
{
	struct duet_loop_options options;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 1;
	stage_reopen(&options, NULL);
	semaphore_make(stage.loop);
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
	duet_op_acquire(op, &semaphore, 1);
	ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	duet_op_cancel(op);
	stage_settle(2);
	ck_assert_int_eq(duet_op_return(op), 0);
}
END_TEST

int main(void)
{
	return contract_run("primitive",
		CASES(a_wait_ends_in_a_turn_after_the_grant_and_never_inside_it,
			what_is_there_ends_inside_an_inline_start_and_in_a_turn_otherwise,
			a_stopped_wait_is_untouched_and_has_eaten_nothing,
			who_stands_behind_a_stopped_wait_is_granted_in_its_place,
			a_grant_that_meets_a_request_wins_and_is_handed_over,
			a_deadline_ends_a_wait,
			a_scope_ends_the_waits_in_it_and_keeps_what_was_granted,
			a_shutdown_ends_every_wait,
			the_dump_names_what_is_waited_for_and_the_capability_is_native,
			waits_are_counted_as_operations_and_reach_no_kernel,
			the_end_of_a_primitive_is_busy_while_somebody_waits,
			what_has_ended_or_is_another_loop_s_refuses_operations,
			a_wait_can_t_be_abandoned),
		NULL);
}
