/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R8: to attempt before waiting is a policy, and an end inside start a choice of the caller's. */

static duet_handle pair[2];
static duet_handle signals, process;
static unsigned char data[64];

static void open_with_try(enum duet_try policy)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.try_first = policy;
	stage_reopen(&options, NULL);
	pair_open(pair);
}

/* Starts with DUET_INLINE and waits if it didn't end in start. Ended inside: 1. */
static int run_inline(struct trial *trial)
{
	int answer;

	trial->ends = 0;
	duet_op_inline(&trial->op);
	answer = trial_try(trial);
	ck_assert_int_ge(answer, 0);
	if (answer == 0)
		await(trial);
	ck_assert(!duet_op_pending(&trial->op));
	stage_settle(2);
	ck_assert_uint_eq(trial->ends, answer == 0);
	return answer;
}

START_TEST(an_inline_receive_ends_once_in_start_or_in_a_turn)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	for (unsigned i = 0; i < 10; i++) {
		stream_send(pair[0], "hello", 5);
		duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
		run_inline(&trial);
		ck_assert_int_eq(trial.op.result, 5);
		ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
		ck_assert_mem_eq(data, "hello", 5);
	}
}
END_TEST

START_TEST(an_inline_receive_takes_what_there_is)
{
	struct duet_ledger ledger;
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	for (unsigned i = 0; i < 10; i++) {
		stream_send(pair[0], "hello", 5);
		stage_settle(2);
		duet_op_recv(&trial.op, pair[1], data, sizeof(data), 0);
		run_inline(&trial);
		ck_assert_int_ge(trial.op.result, 1);
		ck_assert_int_le(trial.op.result, 5);
		ck_assert_int_eq((int)trial.op.transferred, trial.op.result);
		ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
		ck_assert_int_eq(trial.op.cause, DUET_CAUSE_ITSELF);
		if (trial.op.result < 5)
			stream_recv(pair[1], data, 5 - (size_t)trial.op.result);
		duet_loop_ledger(stage.loop, &ledger);
		ck_assert_uint_eq(ledger.lent_bytes, 0);
		ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
	}
}
END_TEST

START_TEST(an_inline_receive_with_nothing_there_is_lent_and_ends_later)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 0);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_inline_start_behind_others_keeps_the_order)
{
	struct trial first;
	struct trial second;

	pair_open(pair);
	trial_init(&first);
	duet_op_recv(&first.op, pair[1], data, 2, DUET_WHOLE);
	trial_start(&first);
	stream_send(pair[0], "abcd", 4);
	trial_init(&second);
	duet_op_recv(&second.op, pair[1], data + 2, 2, DUET_WHOLE);
	run_inline(&second);
	turn_until(first.ends);
	ck_assert_mem_eq(data, "abcd", 4);
}
END_TEST

START_TEST(inline_ends_are_counted_as_completions)
{
	struct duet_stats before;
	struct duet_stats after;
	struct trial trial;

	pair_open(pair);
	duet_loop_stats(stage.loop, &before);
	trial_init(&trial);
	duet_op_nop(&trial.op);
	run_inline(&trial);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.started, before.started + 1);
	ck_assert_uint_eq(after.ended, before.ended + 1);
}
END_TEST

START_TEST(every_try_policy_gives_the_same_bytes)
{
	static const enum duet_try policies[] = { DUET_TRY_PREDICT, DUET_TRY_NEVER,
		DUET_TRY_ALWAYS };
	struct trial trial;

	for (unsigned i = 0; i < 3; i++) {
		open_with_try(policies[i]);
		for (unsigned round = 0; round < 5; round++) {
			trial_init(&trial);
			duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
			if (round & 1)
				trial_start(&trial);
			stream_send(pair[0], "hello", 5);
			if (!(round & 1))
				trial_start(&trial);
			await(&trial);
			expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			ck_assert_mem_eq(data, "hello", 5);
		}
	}
}
END_TEST

START_TEST(a_handle_s_own_policy_wins)
{
	struct trial trial;

	pair_open(pair);
	ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[1], DUET_HANDLE_TRY_NEVER), 0);
	ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[0], DUET_HANDLE_TRY_ALWAYS), 0);
	ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[0], 1u << 30), -EINVAL);
	stream_send(pair[0], "hello", 5);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* Readiness is a hint: on the reactor, nothing has been taken when the cancel comes in time. */
START_TEST(without_inline_nothing_is_taken_before_a_turn)
{
	struct trial trial;
	int raw;

	raw_unix(SOCK_STREAM, &pair[1], &raw);
	raw_send(raw, "hello", 5);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	trial_start(&trial);
	trial_cancel(&trial);
	await(&trial);
	if (trial.op.transferred < 5)
		stream_recv(pair[1], data + trial.op.transferred, 5 - trial.op.transferred);
	ck_assert_mem_eq(data, "hello", 5);
	close(raw);
}
END_TEST

/* ---- Flags: each kind knows its own, and inline. ---- */

static const unsigned known_flags[DUET_KIND_COUNT] = {
	[DUET_POLL] = DUET_MULTISHOT,
	[DUET_ACCEPT] = DUET_MULTISHOT,
	[DUET_RECV] = DUET_WHOLE,
	[DUET_SEND] = DUET_WHOLE,
	[DUET_SEND_ZERO_COPY] = DUET_WHOLE,
	[DUET_SPLICE] = DUET_WHOLE,
	[DUET_FSYNC] = DUET_DATA_ONLY,
};

/* On something that isn't there: a flag is looked at first. */
static void prepare_wait(struct duet_op *op, enum duet_kind kind)
{
	static struct duet_semaphore semaphore;

	duet_op_acquire(op, &semaphore, 1);
	op->kind = (uint8_t)kind;
}

static void prepare_splice(struct duet_op *op)
{
	static struct duet_splice splice;
	static duet_handle ends[2];

	if (duet_handle_fd(stage.loop, ends[0]) < 0)
		ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 0), 0);
	duet_splice_init(&splice, ends[0], pair[0]);
	duet_op_splice(op, &splice, 1, 0);
}

static void prepare_kind(struct duet_op *op, enum duet_kind kind)
{
	static const struct sockaddr_in address = { .sin_family = AF_INET };
	static struct duet_msghdr header;

	switch (kind) {
	case DUET_NOP: duet_op_nop(op); break;
	case DUET_TIMEOUT: duet_op_timeout(op, 0); break;
	case DUET_POLL: duet_op_poll(op, pair[0], POLLIN); break;
	case DUET_ACCEPT: duet_op_accept(op, pair[0], 0); break;
	case DUET_CONNECT: duet_op_connect(op, pair[0], (void *)&address, sizeof(address)); break;
	case DUET_RECV: duet_op_recv(op, pair[0], data, 1, 0); break;
	case DUET_SEND: duet_op_send(op, pair[0], data, 1, 0); break;
	case DUET_SEND_ZERO_COPY: duet_op_send_zero_copy(op, pair[0], data, 1, 0); break;
	case DUET_READ: duet_op_read(op, pair[0], data, 1, 0); break;
	case DUET_WRITE: duet_op_write(op, pair[0], data, 1, 0); break;
	case DUET_OPEN: duet_op_open(op, -1, "", 0, 0); break;
	case DUET_FSYNC: duet_op_fsync(op, pair[0], 0); break;
	case DUET_SHUTDOWN: duet_op_shutdown(op, pair[0], SHUT_RDWR); break;
	case DUET_CLOSE: duet_op_close(op, pair[0]); break;
	case DUET_SOCKET: duet_op_socket(op, AF_INET, SOCK_STREAM, 0); break;
	case DUET_BIND: duet_op_bind(op, pair[0], (void *)&address, sizeof(address)); break;
	case DUET_LISTEN: duet_op_listen(op, pair[0], 1); break;
	case DUET_STATX: duet_op_statx(op, -1, "", 0, 0, (void *)data); break;
	case DUET_MKDIR: duet_op_mkdir(op, -1, "", 0); break;
	case DUET_UNLINK: duet_op_unlink(op, -1, "", 0); break;
	case DUET_RENAME: duet_op_rename(op, -1, "", -1, "", 0); break;
	case DUET_LINK: duet_op_link(op, -1, "", -1, "", 0); break;
	case DUET_SYMLINK: duet_op_symlink(op, "", -1, ""); break;
	case DUET_TRUNCATE: duet_op_truncate(op, pair[0], 0); break;
	case DUET_ALLOCATE: duet_op_allocate(op, pair[0], 0, 0, 1); break;
	case DUET_SIGNAL: duet_op_signal(op, signals, (void *)data); break;
	case DUET_WAIT_PROCESS: duet_op_wait_process(op, process, (void *)data, 0); break;
	case DUET_RESOLVE: duet_op_resolve(op, "", NULL, NULL); break;
	case DUET_RECVMSG: duet_op_recvfrom(op, pair[0], data, 1, &header); break;
	case DUET_SENDMSG: duet_op_sendto(op, pair[0], data, 1, &header); break;
	case DUET_SPLICE: prepare_splice(op); break;
	default: prepare_wait(op, kind); break;
	}
}

static void sources_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &signals), 0);
	/* Any other is refused as well, where there is no such handle: Valgrind 3.19 knows none. */
	if (duet_handle_process(stage.loop, getpid(), &process) == -ENOSYS)
		process = signals;
}

static void expect_flag_refused(struct trial *trial, unsigned flag)
{
	int answer = trial_try(trial);

	ck_assert_msg(answer == -EINVAL, "on %s: %s with flag %#x: %d", stage.arm->name,
		duet_kind_name(trial->op.kind), flag, answer);
}

START_TEST(every_kind_refuses_a_flag_that_it_does_not_know)
{
	struct trial trial;

	pair_open(pair);
	sources_open();
	trial_init(&trial);
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++) {
		if (duet_loop_capability(stage.loop, kind) == DUET_ABSENT)
			continue;
		for (unsigned flag = 1; flag <= UINT16_MAX; flag <<= 1) {
			if ((known_flags[kind] | DUET_INLINE) & flag)
				continue;
			prepare_kind(&trial.op, kind);
			trial.op.flags |= (uint16_t)flag;
			expect_flag_refused(&trial, flag);
		}
	}
}
END_TEST

START_TEST(a_pooled_receive_refuses_what_it_does_not_know)
{
	struct duet_pool *pool;
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	ck_assert_int_eq(duet_pool_create(stage.loop, 2, 64, &pool), 0);
	for (unsigned flag = 1; flag; flag <<= 1) {
		if (flag & (DUET_MULTISHOT | DUET_POOLED | DUET_INLINE))
			continue;
		duet_op_recv_pooled(&trial.op, pair[0], pool, flag);
		expect_flag_refused(&trial, flag);
	}
}
END_TEST

START_TEST(a_flag_beyond_the_field_is_refused_and_not_cut_off)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	for (unsigned flag = 1u << 16; flag; flag <<= 1) {
		duet_op_recv(&trial.op, pair[0], data, 1, flag);
		expect_flag_refused(&trial, flag);
		duet_op_send(&trial.op, pair[0], data, 1, flag);
		expect_flag_refused(&trial, flag);
	}
}
END_TEST

int main(void)
{
	return contract_run("inline",
		CASES(an_inline_receive_ends_once_in_start_or_in_a_turn,
			an_inline_receive_takes_what_there_is,
			an_inline_receive_with_nothing_there_is_lent_and_ends_later,
			an_inline_start_behind_others_keeps_the_order,
			inline_ends_are_counted_as_completions, every_try_policy_gives_the_same_bytes,
			a_handle_s_own_policy_wins,
			every_kind_refuses_a_flag_that_it_does_not_know,
			a_pooled_receive_refuses_what_it_does_not_know,
			a_flag_beyond_the_field_is_refused_and_not_cut_off),
		CASES(without_inline_nothing_is_taken_before_a_turn));
}
