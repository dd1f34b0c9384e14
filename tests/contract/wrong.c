/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/support/harness.h"

/* What is asked of the wrong thing: the same answer everywhere, at the start or as a completion. */

static duet_handle on;
static struct duet_msghdr header;
static unsigned char data[16];
static const struct sockaddr_in nowhere = { .sin_family = AF_INET };

static void say_poll(struct duet_op *op)
{
	duet_op_poll(op, on, POLLIN);
}

static void say_accept(struct duet_op *op)
{
	duet_op_accept(op, on, 0);
}

static void say_connect(struct duet_op *op)
{
	duet_op_connect(op, on, (const struct sockaddr *)&nowhere, sizeof(nowhere));
}

static void say_recv(struct duet_op *op)
{
	duet_op_recv(op, on, data, sizeof(data), 0);
}

static void say_send(struct duet_op *op)
{
	duet_op_send(op, on, data, sizeof(data), 0);
}

static void say_read(struct duet_op *op)
{
	duet_op_read(op, on, data, sizeof(data), 0);
}

static void say_write(struct duet_op *op)
{
	duet_op_write(op, on, data, sizeof(data), 0);
}

static void say_fsync(struct duet_op *op)
{
	duet_op_fsync(op, on, 0);
}

static void say_shutdown(struct duet_op *op)
{
	duet_op_shutdown(op, on, SHUT_WR);
}

static void say_close(struct duet_op *op)
{
	duet_op_close(op, on);
}

static void say_bind(struct duet_op *op)
{
	duet_op_bind(op, on, (const struct sockaddr *)&nowhere, sizeof(nowhere));
}

static void say_listen(struct duet_op *op)
{
	duet_op_listen(op, on, 1);
}

static void say_recvmsg(struct duet_op *op)
{
	duet_op_recvfrom(op, on, data, sizeof(data), &header);
}

static void say_sendmsg(struct duet_op *op)
{
	duet_op_sendto(op, on, data, sizeof(data), &header);
}

/* On a file, and on a connection; 0: that isn't wrong, or another suite's. */
static const struct {
	void (*say)(struct duet_op *op);
	int on_file;
	int on_connection;
} rows[] = {
	{ say_poll, 0, 0 },
	{ say_accept, -ENOTSOCK, -EINVAL },
	{ say_connect, -ENOTSOCK, -EISCONN },
	{ say_recv, 0, 0 },
	{ say_send, 0, 0 },
	{ say_read, 0, -ESPIPE },
	{ say_write, 0, -ESPIPE },
	{ say_fsync, 0, -EINVAL },
	{ say_shutdown, -ENOTSOCK, 0 },
	{ say_bind, -ENOTSOCK, -EINVAL },
	{ say_listen, -ENOTSOCK, -EINVAL },
	{ say_recvmsg, -ENOTSOCK, 0 },
	{ say_sendmsg, -ENOTSOCK, 0 },
	{ say_close, 0, 0 },
};

#define ROWS (sizeof(rows) / sizeof(*rows))

static const unsigned policies[] = { 0, DUET_HANDLE_TRY_NEVER, DUET_HANDLE_TRY_ALWAYS };

static void expect_answers(bool file)
{
	struct trial trial;

	for (size_t i = 0; i < ROWS * 3; i++) {
		int wrong = file ? rows[i / 3].on_file : rows[i / 3].on_connection;

		if (!wrong)
			continue;
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, on, policies[i % 3]), 0);
		trial_init(&trial);
		rows[i / 3].say(&trial.op);
		trial_run(&trial);
		expect(&trial, wrong, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}

START_TEST(a_file_is_no_socket)
{
	file_make(file_path("wrong"), 100);
	on = file_open(file_path("wrong"), O_RDWR);
	expect_answers(true);
}
END_TEST

START_TEST(a_connection_is_no_file_and_no_listener)
{
	duet_handle pair[2];

	pair_open(pair);
	on = pair[0];
	expect_answers(false);
	stream_send(pair[0], "x", 1);
	stream_recv(pair[1], data, 1);
}
END_TEST

START_TEST(a_handle_that_was_closed_is_refused_to_everything)
{
	duet_handle pair[2], next[2];
	struct trial trial;

	pair_open(pair);
	on = pair[0];
	handle_close(on);
	/* Its place in the table has another tenant, its number perhaps, too. */
	pair_open(next);
	for (size_t i = 0; i < ROWS; i++) {
		trial_init(&trial);
		rows[i].say(&trial.op);
		ck_assert_msg(trial_try(&trial) == -EBADF, "on %s: %s", stage.arm->name,
			duet_kind_name(trial.op.kind));
	}
	on = DUET_HANDLE_NONE;
	for (size_t i = 0; i < ROWS; i++) {
		trial_init(&trial);
		rows[i].say(&trial.op);
		ck_assert_int_eq(trial_try(&trial), -EBADF);
	}
	stream_send(next[0], "x", 1);
	stream_recv(next[1], data, 1);
}
END_TEST

START_TEST(a_loan_of_nothing_is_refused)
{
	struct iovec none[2] = { { data, 0 }, { data, 0 } };
	struct duet_ledger ledger;
	struct trial trial;
	duet_handle pair[2], file;

	pair_open(pair);
	file_make(file_path("wrong"), 100);
	file = file_open(file_path("wrong"), O_RDWR);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[0], data, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_send(&trial.op, pair[0], data, 0, DUET_WHOLE);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_send_vector(&trial.op, pair[0], none, 2, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read(&trial.op, file, data, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_write(&trial.op, file, data, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_loop_ledger(stage.loop, &ledger);
	ck_assert_uint_eq(ledger.lent_count, 0);
	/* A message may be empty: it is a loan of nothing but its header. */
	duet_op_sendmsg(&trial.op, pair[0], none, 2, &header, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_send(pair[0], "x", 1);
	stream_recv(pair[1], data, 1);
}
END_TEST

int main(void)
{
	return contract_run("wrong",
		CASES(a_file_is_no_socket, a_connection_is_no_file_and_no_listener,
			a_handle_that_was_closed_is_refused_to_everything,
			a_loan_of_nothing_is_refused),
		NULL);
}
