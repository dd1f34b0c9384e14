/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/kinds.h"

/* "Why is my loop still alive?": one of each kind that is stuck is named, with what there is to say of it. */

enum { MS = 1000000 };

struct lines {
	unsigned count;
	char text[4000];
};

static void keep_line(void *context, const char *text)
{
	struct lines *lines = context;

	lines->count++;
	strncat(lines->text, text, sizeof(lines->text) - strlen(lines->text) - 2);
	strcat(lines->text, "\n");
}

static struct lines dump(void)
{
	struct lines lines = { .count = 0 };

	duet_loop_dump(stage.loop, keep_line, &lines);
	return lines;
}

static duet_handle pair[2];
static unsigned char data[16];
static struct duet_scope scope;
static struct trial member;

/* ---- One of each kind. ---- */

static void reopen(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.work_threads = 1;
	stage_reopen(&options, NULL);
}

/* Its line says all that a line says. */
static void judge(const struct trial *trial, enum duet_kind kind)
{
	struct lines lines = dump();
	const char *name = duet_kind_name(kind), *line;
	char head[80];

	snprintf(head, sizeof(head), "%s %p ", name, (const void *)&trial->op);
	line = strstr(lines.text, head);
	ck_assert_msg(line != NULL, "on %s: no \"%s\" in: %s", stage.arm->name, head, lines.text);
	*strchr(line, '\n') = 0;
	ck_assert_msg(strstr(line, " ms old, since turn ") != NULL, "on %s: %s", stage.arm->name, line);
	ck_assert_msg(strstr(line, kind_word(kind)) != NULL, "on %s: no \"%s\" in: %s",
		stage.arm->name, kind_word(kind), line);
#ifdef DUET_DEBUG
	ck_assert_msg(strstr(line, ", started at tests/support/trial.c:") != NULL, "on %s: %s",
		stage.arm->name, line);
#endif
}

START_TEST(a_stuck_one_of_each_kind_is_named)
{
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++) {
		struct trial trial;

		reopen();
		trial_init(&trial);
		if (!kind_make(kind, &trial.op))
			continue;
		trial_start(&trial);
		judge(&trial, kind);
		trial_cancel(&trial);
		await(&trial);
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	}
}
END_TEST

/* ---- How long, until when, by whom. ---- */

START_TEST(deadline_request_and_scopes_are_named)
{
	struct duet_scope_options options;
	struct duet_member place;
	struct duet_scope inner;
	char expected[120];
	struct lines lines;

	duet_scope_options_init(&options);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&inner, stage.loop, &scope, &options), 0);
	trial_init(&member);
	pair_open(pair);
	duet_op_poll(&member.op, pair[0], POLLIN);
	duet_op_deadline(&member.op, duet_loop_now_ns(stage.loop) + UINT64_C(3600000) * MS);
	ck_assert_int_eq(duet_scope_start(&inner, &place, &member.op), 0);
	stage_settle(1);
	lines = dump();
	snprintf(expected, sizeof(expected), ", in scope %p of %p\n", (void *)&inner, (void *)&scope);
	ck_assert_msg(strstr(lines.text, expected) != NULL, "on %s: %s", stage.arm->name, lines.text);
	ck_assert_msg(strstr(lines.text, ", deadline in 35") != NULL, "on %s: %s", stage.arm->name,
		lines.text);
	duet_scope_cancel(&scope);
	lines = dump();
	ck_assert_msg(strstr(lines.text, ", asked to end by scope") != NULL, "on %s: %s",
		stage.arm->name, lines.text);
	ck_assert_int_eq(duet_scope_join(&inner, NULL), 0);
	ck_assert_int_eq(duet_scope_join(&scope, NULL), 0);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
}
END_TEST

START_TEST(who_waits_in_line_says_for_what)
{
	struct trial first, second;
	struct lines lines;

	pair_open(pair);
	trial_init(&first);
	trial_init(&second);
	duet_op_recv(&first.op, pair[0], data, 1, 0);
	duet_op_recv(&second.op, pair[0], data + 8, 1, 0);
	trial_start(&first);
	trial_start(&second);
	lines = dump();
	ck_assert_uint_eq(lines.count, 2);
	ck_assert_ptr_nonnull(strstr(lines.text, "waiting"));
	ck_assert_ptr_nonnull(strstr(lines.text, ", behind another on its handle"));
	trial_cancel(&second);
	trial_cancel(&first);
	turn_until(first.ends && second.ends);
}
END_TEST

/* In every build: where it waits stands in its task. */
START_TEST(a_coroutine_that_waits_is_named_with_its_line)
{
	struct lines lines;
	struct trial joining;

	trial_init(&joining);
	kind_sleeper_spawn();
	duet_op_join(&joining.op, &kind_sleeper.job.task.task);
	lines = dump();
	ck_assert_msg(strstr(lines.text, ", for coroutine sleeper at tests/support/job.c:") != NULL,
		"on %s: %s", stage.arm->name, lines.text);
	duet_task_cancel(&kind_sleeper.job.task.task);
	turn_until(kind_sleeper.scheduler.live == 0);
}
END_TEST

static unsigned age_ms(void)
{
	struct lines lines = dump();
	const char *at = strstr(lines.text, " ms old");

	ck_assert_ptr_nonnull(at);
	while (at[-1] >= '0' && at[-1] <= '9')
		at--;
	return (unsigned)strtoul(at, NULL, 10);
}

/* Of the time when it began, also where the loop has slept before that and nobody has asked what time it
 * is; in units of a millisecond and a bit. */
START_TEST(its_age_is_that_since_its_turn)
{
	struct trial trial;
	uint64_t before_ns;

	pair_open(pair);
	ck_assert_int_ge(duet_loop_turn(stage.loop, 30 * MS), 0);
	before_ns = clock_ns();
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[0], data, 1, 0);
	trial_start(&trial);
	ck_assert_uint_le(age_ms(), (clock_ns() - before_ns) / MS + 2);
	clock_pass(clock_ns() + 20 * MS);
	ck_assert_uint_ge(age_ms(), 18);
	trial_cancel(&trial);
	await(&trial);
}
END_TEST

/* ---- Asked for by a signal. ---- */

static int ends[2];

static void ask(int number)
{
	(void)number;
	duet_loop_ask_dump(stage.loop, ends[1]);
}

static size_t read_end(char *text, size_t size)
{
	ssize_t length = read(ends[0], text, size - 1);

	text[length > 0 ? length : 0] = 0;
	return strlen(text);
}

START_TEST(a_signal_may_ask_for_it_and_the_next_turn_writes_it)
{
	struct sigaction action = { .sa_handler = ask }, before;
	char text[2000] = "";
	struct trial trial;

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	sigaction(SIGUSR1, &action, &before);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[0], data, 1, 0);
	trial_start(&trial);
	raise(SIGUSR1);
	ck_assert_uint_eq(read_end(text, sizeof(text)), 0);
	raise(SIGUSR1);
	read_end(text, sizeof(text));
	ck_assert_msg(strstr(text, "has not heard") != NULL, "%s", text);
	stage_turn();
	read_end(text, sizeof(text));
	ck_assert_msg(strstr(text, ": 1 pending\n") && strstr(text, "duet: recv "), "%s", text);
	trial_cancel(&trial);
	await(&trial);
	raise(SIGUSR1);
	stage_turn();
	read_end(text, sizeof(text));
	ck_assert_msg(strstr(text, "duet: nothing is pending\n") != NULL, "%s", text);
	sigaction(SIGUSR1, &before, NULL);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

int main(void)
{
	return contract_run("dump",
		CASES(a_stuck_one_of_each_kind_is_named, deadline_request_and_scopes_are_named,
			who_waits_in_line_says_for_what, a_coroutine_that_waits_is_named_with_its_line,
			a_signal_may_ask_for_it_and_the_next_turn_writes_it),
		CASES(its_age_is_that_since_its_turn));
}
