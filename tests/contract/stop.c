/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R18: shutdown refuses, cancels and drains; destroy is busy until nothing is in flight. */

#define SECOND 1000000000ull

static duet_handle pair[2];
static unsigned char data[64];

static void recv_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_recv(&trial->op, pair[1], trial->own, 5, 0);
	trial_start(trial);
}

static int shut_down(void)
{
	return duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 2 * SECOND);
}

START_TEST(destroy_is_busy_while_an_operation_is_in_flight_and_the_loop_goes_on)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	stage_settle(3);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 1);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	ck_assert_int_gt(trial.op.result, 0);
	stream_drain(pair[1], data, 5 - trial.op.transferred);
}
END_TEST

START_TEST(destroy_accepts_null)
{
	ck_assert_int_eq(duet_loop_destroy(NULL), 0);
}
END_TEST

START_TEST(shutdown_cancels_everything_with_its_cause)
{
	struct trial receives[3];
	struct trial timer;
	struct trial accepting;
	struct trial late;

	pair_open(pair);
	for (unsigned i = 0; i < 3; i++)
		recv_start(&receives[i]);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 3600 * SECOND);
	trial_start(&timer);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, DUET_MULTISHOT);
	trial_start(&accepting);
	stage_settle(3);
	ck_assert_int_eq(shut_down(), 0);
	for (unsigned i = 0; i < 3; i++)
		expect(&receives[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	expect(&timer, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	expect(&accepting, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	trial_init(&late);
	duet_op_nop(&late.op);
	ck_assert_int_eq(trial_try(&late), -ESHUTDOWN);
	ck_assert_int_eq(shut_down(), 0);
}
END_TEST

START_TEST(a_stuck_send_is_told_what_went_out_when_the_loop_shuts_down)
{
	unsigned char *big = malloc(STUCK_BYTES);
	struct trial stuck;
	struct trial behind;

	pair_open(pair);
	trial_stick(&stuck, pair[0], memset(big, 1, STUCK_BYTES));
	trial_init(&behind);
	duet_op_send(&behind.op, pair[0], "x", 1, 0);
	trial_start(&behind);
	ck_assert_int_eq(shut_down(), 0);
	ck_assert_int_gt(stuck.op.result, 0);
	expect(&stuck, stuck.op.result, DUET_PARTIAL, DUET_CAUSE_SHUTDOWN);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	free(big);
}
END_TEST

/* What stands in line is not carried out while the loop shuts down: it has no effect. */
START_TEST(a_shutdown_of_a_stream_that_stood_in_line_has_no_effect)
{
	struct trial stuck;
	struct trial behind;
	char byte;
	int raw;
	int fd;

	raw_unix(SOCK_STREAM, &pair[0], &raw);
	fd = duet_handle_fd(stage.loop, pair[0]);
	while (send(fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	trial_init(&stuck);
	duet_op_send(&stuck.op, pair[0], "y", 1, 0);
	trial_start(&stuck);
	trial_init(&behind);
	duet_op_shutdown(&behind.op, pair[0], SHUT_WR);
	trial_start(&behind);
	stage_settle(3);
	ck_assert_int_eq(shut_down(), 0);
	expect(&stuck, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	while (recv(raw, &byte, 1, MSG_DONTWAIT) == 1)
		ck_assert_int_eq(byte, 'x');
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(send(fd, "z", 1, MSG_DONTWAIT | MSG_NOSIGNAL), 1);
	close(raw);
}
END_TEST

static void start_more(struct trial *trial)
{
	duet_op_nop(&trial->op);
	*(int *)trial->context = duet_op_start(stage.loop, &trial->op);
}

START_TEST(what_a_last_callback_starts_is_refused)
{
	struct trial trial;
	int answer = 1;

	trial_init(&trial);
	trial.then = start_more;
	trial.context = &answer;
	duet_op_timeout(&trial.op, duet_loop_now_ns(stage.loop) + 3600 * SECOND);
	trial_start(&trial);
	ck_assert_int_eq(shut_down(), 0);
	ck_assert_int_eq(answer, -ESHUTDOWN);
}
END_TEST

struct lines {
	unsigned count;
	char text[400];
};

static void keep_line(void *context, const char *text)
{
	struct lines *lines = context;

	lines->count++;
	strncat(lines->text, text, sizeof(lines->text) - strlen(lines->text) - 1);
}

START_TEST(dump_names_each_pending_operation)
{
	struct lines lines = { .count = 0 };
	struct trial recv;
	struct trial timer;

	pair_open(pair);
	recv_start(&recv);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 3600 * SECOND);
	trial_start(&timer);
	stage_settle(2);
	duet_loop_dump(stage.loop, keep_line, &lines);
	ck_assert_uint_eq(lines.count, 2);
	ck_assert_ptr_nonnull(strstr(lines.text, "recv"));
	ck_assert_ptr_nonnull(strstr(lines.text, "timeout"));
	trial_cancel(&timer);
	memset(&lines, 0, sizeof(lines));
	duet_loop_dump(stage.loop, keep_line, &lines);
	ck_assert_uint_eq(lines.count, 2);
	ck_assert_ptr_nonnull(strstr(lines.text, "ended"));
	trial_cancel(&recv);
	turn_until(recv.ends && timer.ends);
	memset(&lines, 0, sizeof(lines));
	duet_loop_dump(stage.loop, keep_line, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_str_eq(lines.text, "nothing is pending");
}
END_TEST

/* ---- Inside a turn. ---- */

struct answers {
	int turn, run, destroy;
};

static void ask_all(struct trial *trial)
{
	struct answers *answers = trial->context;

	answers->turn = duet_loop_turn(stage.loop, 0);
	answers->run = duet_loop_run(stage.loop);
	answers->destroy = duet_loop_destroy(stage.loop);
}

START_TEST(a_callback_can_neither_take_a_turn_nor_destroy_the_loop)
{
	struct answers answers = { .turn = 1 };
	struct trial trial;

	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial.then = ask_all;
	trial.context = &answers;
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(answers.turn, -EBUSY);
	ck_assert_int_eq(answers.run, -EBUSY);
	ck_assert_int_eq(answers.destroy, -EBUSY);
	trial_run(&trial);
}
END_TEST

static void stop_and_run_inside(struct trial *trial)
{
	duet_loop_stop(stage.loop);
	*(int *)trial->context = duet_loop_run(stage.loop);
}

/* Nor does the run outside forget that it was to stop. */
START_TEST(a_callback_can_not_run_the_loop)
{
	struct trial first;
	struct trial second;
	int answer = 1;

	pair_open(pair);
	recv_start(&second);
	trial_init(&first);
	duet_op_nop(&first.op);
	first.then = stop_and_run_inside;
	first.context = &answer;
	trial_start(&first);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	ck_assert_int_eq(answer, -EBUSY);
	ck_assert_uint_eq(first.ends, 1);
	ck_assert_uint_eq(second.ends, 0);
	trial_cancel(&second);
	await(&second);
}
END_TEST

static void shut_down_inside(struct trial *trial)
{
	*(int *)trial->context = duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE);
}

/* What is asked for there is done by the turns that follow. */
START_TEST(a_shutdown_in_a_callback_asks_for_the_end_and_says_busy)
{
	struct trial receives[3];
	struct trial trial;
	int answer = 1;

	pair_open(pair);
	for (unsigned i = 0; i < 3; i++)
		recv_start(&receives[i]);
	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial.then = shut_down_inside;
	trial.context = &answer;
	trial_run(&trial);
	ck_assert_int_eq(answer, -EBUSY);
	turn_until(receives[0].ends && receives[1].ends && receives[2].ends);
	for (unsigned i = 0; i < 3; i++)
		expect(&receives[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	ck_assert_int_eq(trial_try(&trial), -ESHUTDOWN);
	ck_assert_int_eq(shut_down(), 0);
}
END_TEST

static unsigned told;

static void tell(struct duet_message *message)
{
	(void)message;
	told++;
	ck_assert_int_eq(duet_loop_turn(stage.loop, 0), -EBUSY);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
}

START_TEST(destroy_is_busy_while_a_message_has_not_been_delivered)
{
	struct duet_message posted = { .fn = tell };
	struct duet_message deferred = { .fn = tell };
	struct lines lines = { .count = 0 };

	told = 0;
	duet_loop_post(stage.loop, &posted);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	duet_loop_dump(stage.loop, keep_line, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_ptr_nonnull(strstr(lines.text, "messages"));
	stage_settle(1);
	ck_assert_uint_eq(told, 1);
	duet_loop_defer(stage.loop, &deferred);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	stage_settle(1);
	ck_assert_uint_eq(told, 2);
	duet_loop_post(stage.loop, &posted);
	ck_assert_int_eq(shut_down(), 0);
	ck_assert_uint_eq(told, 3);
}
END_TEST

START_TEST(destroy_closes_the_handles_that_remain)
{
	pair_open(pair);
}
END_TEST

START_TEST(run_returns_when_nothing_is_pending)
{
	struct trial trial;

	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial_start(&trial);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
	struct duet_loop_options options;
	struct duet_loop *loop = (struct duet_loop *)1;
	uint32_t *const fields[] = { &options.operations_max, &options.handles_max,
		&options.burst_max, &options.size };

	for (unsigned i = 0; i < 4; i++) {
		duet_loop_options_init(&options);
		*fields[i] = 0;
		ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
		ck_assert_ptr_null(loop);
	}
	duet_loop_options_init(&options);
	options.worker_threads = 65;
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
	duet_loop_options_init(&options);
	options.try_first = 3;
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
	duet_loop_options_init(&options);
	options.tuning = "nonsense=1";
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
	ck_assert_ptr_null(loop);
}
END_TEST

START_TEST(loops_on_one_thread_are_independent)
{
	struct duet_loop *second;
	struct duet_op op;

	ck_assert_int_eq(duet_loop_create(&second, stage.arm->backend(), NULL), 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_nop(&op);
	ck_assert_int_eq(duet_op_start(second, &op), 0);
	stage_settle(3);
	ck_assert(duet_op_pending(&op));
	ck_assert_int_eq(duet_loop_run(second), 0);
	ck_assert(!duet_op_pending(&op));
	ck_assert_int_eq(duet_loop_destroy(second), 0);
}
END_TEST

/* ---- A forked child may only destroy, and the parent must not notice. ---- */

static unsigned own; /* descriptors of the loop's mechanism */

static void count_own(void)
{
	own = descriptors_open() - stage.descriptors;
	ck_assert_uint_gt(own, 0);
}

/* In the child: a worker that isn't there must not be waited for, and the mechanism's descriptors are
 * closed, those of handles not. */
static int destroy_copy(void)
{
	unsigned before = descriptors_open();

	signal(SIGALRM, SIG_DFL);
	alarm(2 * patience_factor());
	if (duet_loop_destroy(stage.loop) != 0)
		return 1;
	return descriptors_open() == before - own ? 0 : 2;
}

static void fork_and_destroy(void)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(destroy_copy());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(status == 0, "on %s: the child's destroy ended with status %#x",
		stage.arm->name, (unsigned)status);
}

START_TEST(a_forked_child_destroys_its_copy_while_operations_wait)
{
	struct trial accepting;
	struct trial timer;
	struct trial trial;
	int raw;

	count_own();
	raw_pair(&pair[1], &raw);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 3600 * SECOND);
	trial_start(&trial);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 50000000);
	trial_start(&timer);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, DUET_MULTISHOT);
	trial_start(&accepting);
	fork_and_destroy(); /* not even handed to the kernel */
	stage_settle(3);
	fork_and_destroy();
	raw_send(raw, "hello", 5);
	turn_until(trial.ends && timer.ends);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&timer, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_cancel(&accepting);
	await(&accepting);
	expect(&accepting, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	close(raw);
}
END_TEST

static struct duet_buffer kept[2];
static unsigned kept_count;

static void keep(struct trial *trial)
{
	if (trial->op.transferred == 0)
		return;
	ck_assert_uint_lt(kept_count, 2);
	kept[kept_count++] = trial->op.buffer;
}

static void return_kept(void)
{
	while (kept_count > 0)
		ck_assert_int_eq(duet_buffer_return(stage.loop, &kept[--kept_count]), 0);
}

/* All its buffers are with the caller, and a receive is starved. */
START_TEST(a_forked_child_destroys_its_copy_with_a_pool_in_use)
{
	struct duet_pool *pool;
	struct trial trial;
	int raw;

	count_own();
	ck_assert_int_eq(duet_pool_create(stage.loop, 2, 4, &pool), 0);
	raw_pair(&pair[1], &raw);
	trial_init(&trial);
	trial.then = keep;
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_MULTISHOT);
	trial_start(&trial);
	raw_send(raw, "onetwothreef", 12);
	turn_until(trial.items == 3);
	ck_assert_uint_eq(kept_count, 2);
	fork_and_destroy();
	ck_assert_mem_eq(kept[0].data, "onet", 4);
	ck_assert_mem_eq(kept[1].data, "woth", 4);
	return_kept();
	turn_until(kept_count == 1);
	ck_assert_mem_eq(kept[0].data, "reef", 4);
	fork_and_destroy();
	return_kept();
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
	close(raw);
}
END_TEST

/* The only worker waits for the other end of a fifo; a job, and then a close, wait for the worker. */
START_TEST(a_forked_child_destroys_its_copy_with_a_worker_at_work_and_a_close_behind_it)
{
	const char *fifo = file_path("fifo");
	struct duet_loop_options options;
	struct trial opening;
	struct trial syncing;
	struct trial closing;
	duet_handle file;
	int other;

	duet_loop_options_init(&options);
	options.worker_threads = 1;
	stage_reopen(&options, NULL);
	count_own();
	file = file_open(file_path("data"), O_RDWR | O_CREAT);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	trial_init(&opening);
	duet_op_open(&opening.op, AT_FDCWD, fifo, O_RDONLY, 0);
	trial_start(&opening);
	stage_settle(3);
	trial_init(&syncing);
	duet_op_fsync(&syncing.op, file, 0);
	trial_start(&syncing);
	fork_and_destroy();
	trial_init(&closing);
	duet_op_close(&closing.op, file);
	trial_start(&closing);
	fork_and_destroy();
	ck_assert_uint_eq(opening.ends, 0);
	other = open(fifo, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	turn_until(opening.ends && syncing.ends && closing.ends);
	expect(&opening, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	if (syncing.op.result < 0)
		expect(&syncing, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(other);
}
END_TEST

static void fork_inside(struct trial *trial)
{
	(void)trial;
	fork_and_destroy();
}

/* What has ended was not told yet, a message is on its way; and from the middle of a callback. */
START_TEST(a_forked_child_destroys_its_copy_amid_a_close_and_inside_a_callback)
{
	struct trial closing;
	struct trial trial;

	count_own();
	pair_open(pair);
	recv_start(&trial);
	trial.then = fork_inside;
	stage_settle(3);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[1]);
	trial_start(&closing);
	duet_loop_wake(stage.loop);
	fork_and_destroy();
	turn_until(trial.ends && closing.ends);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	fork_and_destroy();
}
END_TEST

START_TEST(a_forked_child_destroys_its_copy_amid_a_shutdown)
{
	struct trial trial;
	int error;

	count_own();
	pair_open(pair);
	recv_start(&trial);
	trial.then = fork_inside;
	stage_settle(3);
	error = duet_loop_shutdown(stage.loop, 0);
	ck_assert(error == 0 || error == -EBUSY);
	fork_and_destroy();
	ck_assert_int_eq(shut_down(), 0);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

START_TEST(a_shutdown_to_a_deadline_says_busy_or_done_and_can_be_repeated)
{
	struct trial trial;
	int error;

	pair_open(pair);
	recv_start(&trial);
	stage_settle(2);
	error = duet_loop_shutdown(stage.loop, 0);
	ck_assert(error == 0 || error == -EBUSY);
	ck_assert_int_eq(shut_down(), 0);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

int main(void)
{
	return contract_run("stop",
		CASES(destroy_is_busy_while_an_operation_is_in_flight_and_the_loop_goes_on,
			destroy_accepts_null, shutdown_cancels_everything_with_its_cause,
			a_stuck_send_is_told_what_went_out_when_the_loop_shuts_down,
			what_a_last_callback_starts_is_refused, dump_names_each_pending_operation,
			a_callback_can_neither_take_a_turn_nor_destroy_the_loop,
			a_callback_can_not_run_the_loop,
			a_shutdown_in_a_callback_asks_for_the_end_and_says_busy,
			destroy_is_busy_while_a_message_has_not_been_delivered,
			destroy_closes_the_handles_that_remain, run_returns_when_nothing_is_pending,
			options_out_of_range_are_refused, loops_on_one_thread_are_independent,
			a_shutdown_to_a_deadline_says_busy_or_done_and_can_be_repeated),
		CASES(a_shutdown_of_a_stream_that_stood_in_line_has_no_effect,
			a_forked_child_destroys_its_copy_while_operations_wait,
			a_forked_child_destroys_its_copy_with_a_pool_in_use,
			a_forked_child_destroys_its_copy_with_a_worker_at_work_and_a_close_behind_it,
			a_forked_child_destroys_its_copy_amid_a_close_and_inside_a_callback,
			a_forked_child_destroys_its_copy_amid_a_shutdown));
}
