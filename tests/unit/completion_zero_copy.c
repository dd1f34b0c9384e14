/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <sys/resource.h>

#include "tests/unit/completion_loop.h"

/* Zero-copy sends on the ring: the two entries of each, and where a copy takes their place. */

enum { BYTES = 4 << 20 };

static unsigned char *data;
static duet_handle handle;

static int tcp_open(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);
	int far;

	ck_assert_int_eq(bind(listener, (void *)&address, length), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (void *)&address, &length), 0);
	ck_assert_int_eq(connect(near, (void *)&address, length), 0);
	far = accept(listener, NULL, NULL);
	ck_assert_int_ge(far, 0);
	close(listener);
	ck_assert_int_eq(duet_handle_adopt(loop, near, 0, &handle), 0);
	return far;
}

static int begin(int mode)
{
	open_loop(mode, ",entries=8");
	data = calloc(1, BYTES);
	ck_assert_ptr_nonnull(data);
	return tcp_open();
}

static void end(int raw)
{
	refused = 0;
	close(raw);
	close_loop();
	free(data);
}

static void reset(int raw)
{
	const struct linger now = {.l_onoff = 1};

	ck_assert_int_eq(setsockopt(raw, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	ck_assert_int_eq(shutdown(raw, SHUT_RD), 0);
	close(raw);
}

static void start(struct duet_op *op, size_t bytes, unsigned flags)
{
	duet_op_init(op, done, NULL);
	duet_op_send_zero_copy(op, handle, data, bytes, flags);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
}

/* Nobody sends it any more: no room for the cancel, and the entry of its end is there. */
static void stop_without_room(struct duet_op *op, int raw)
{
	fill();
	refused = 100;
	duet_op_cancel(op);
	ck_assert_uint_eq(op->state, STATE_STOPPING);
	reset(raw);
	turn_until_ended(op);
	refused = 0;
}

/* Where moves are counted. */
static void expect_moved(enum core_state from, enum core_state to)
{
#ifdef DUET_MOVES
	ck_assert_uint_eq(loop->moves.operation[from][to], 1);
#else
	(void)from;
	(void)to;
#endif
}

START_TEST(a_result_and_a_cancel_without_room_meet)
{
	struct duet_op op;
	int raw = begin(_i);

	start(&op, BYTES, DUET_WHOLE);
	while (!op.transferred && duet_op_pending(&op) && stats().turns < 20)
		turns(1);
	stop_without_room(&op, raw);
	ck_assert_uint_gt(op.transferred, 0);
	ck_assert_uint_eq(items, 1);
	ck_assert_int_eq(op.disposition, DUET_PARTIAL);
	expect_moved(STATE_STOPPING, STATE_RESULT);
	end(-1);
}
END_TEST

static void fill_socket(void)
{
	while (send(duet_handle_fd(loop, handle), data, BYTES, MSG_DONTWAIT) > 0)
		;
}

START_TEST(a_failure_and_a_cancel_without_room_meet)
{
	struct duet_op op;
	int raw = begin(_i);

	fill_socket();
	start(&op, 1000, 0);
	turns(3);
	stop_without_room(&op, raw);
	ck_assert_uint_eq(op.transferred, 0);
	ck_assert_int_lt(op.result, 0);
	ck_assert_uint_eq(items, 0);
	expect_moved(STATE_STOPPING, STATE_ENDED);
	end(-1);
}
END_TEST

START_TEST(a_failure_ends_with_its_notification)
{
	struct duet_op op;
	int raw = begin(_i);

	fill_socket();
	start(&op, 1000, 0);
	turns(3);
	reset(raw);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECONNRESET);
	ck_assert_uint_eq(items, 0);
	expect_moved(STATE_ISSUED, STATE_ENDED);
	ck_assert_uint_eq(stats().stale, 0);
	end(-1);
}
END_TEST

START_TEST(a_cancel_ends_with_its_notification)
{
	struct duet_op op;
	int raw = begin(_i);

	fill_socket();
	start(&op, 1000, 0);
	turns(3);
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(items, 0);
	expect_moved(STATE_CANCELLING, STATE_ENDED);
	ck_assert_uint_eq(stats().stale, 0);
	end(raw);
}
END_TEST

/* The limit of locked memory is for those without CAP_IPC_LOCK when they set up the ring. */
START_TEST(what_may_not_be_pinned_is_copied)
{
	const struct rlimit little = {65536, 65536};
	bool root = geteuid() == 0;
	struct duet_op op;
	int raw;

	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &little), 0);
	if (root)
		ck_assert_int_eq(seteuid(65534), 0);
	raw = begin(_i);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
	start(&op, BYTES, 0);
	turn_until_ended(&op);
	ck_assert_int_gt(op.result, 0);
	ck_assert_int_eq(duet_op_copied(&op), 1);
	/* Once each way. */
	ck_assert_uint_eq(stats().armed, 2);
	ck_assert_uint_eq(stats().stale, 0);
	ck_assert_uint_eq(stats().copied, 1);
	ck_assert_uint_eq(items, 1);
	end(raw);
}
END_TEST

/* A kernel that has it for one piece, or not at all. */
START_TEST(what_the_kernel_lacks_is_copied)
{
	struct iovec pieces[2];
	struct duet_op op;
	int raw = begin(_i);

	pieces[0] = (struct iovec){data, 5};
	pieces[1] = (struct iovec){data + 5, 5};
	completion_of(loop)->steps[STEP_SENDMSG_ZC] = STEP_UNKNOWN;
	duet_op_init(&op, done, NULL);
	duet_op_send_zero_copy_vector(&op, handle, pieces, 2, DUET_WHOLE);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 10);
	ck_assert_int_eq(duet_op_copied(&op), 1);
	completion_of(loop)->steps[STEP_SEND_ZC] = STEP_UNKNOWN;
	start(&op, 1000, DUET_WHOLE);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 1000);
	ck_assert_int_eq(duet_op_copied(&op), 1);
	ck_assert_uint_eq(items, 2);
	end(raw);
}
END_TEST

/* Its first part went out as a copy, and the rest finds no room: a cancel there says so. */
START_TEST(in_line_for_room_to_go_on_it_says_what_went_out)
{
	struct duet_op op;
	int raw;

	open_loop(_i, ",entries=8");
	data = calloc(1, BYTES);
	raw = pair_open(SOCK_STREAM, &handle);
	start(&op, BYTES, DUET_WHOLE);
	refused = 100;
	fill();
	for (int i = 0; i < 100 && op.state != STATE_WAITING; i++)
		turns(1);
	if (op.state == STATE_WAITING) {
		ck_assert_uint_gt(op.transferred, 0);
		duet_op_cancel(&op);
		turn_until_ended(&op);
		ck_assert_int_eq(op.disposition, DUET_PARTIAL);
		ck_assert_uint_eq(items, 1);
	}
	end(raw);
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {
		a_result_and_a_cancel_without_room_meet,
		a_failure_and_a_cancel_without_room_meet,
		a_failure_ends_with_its_notification,
		a_cancel_ends_with_its_notification,
		what_may_not_be_pinned_is_copied,
		what_the_kernel_lacks_is_copied,
		in_line_for_room_to_go_on_it_says_what_went_out,
	};

	return run_in_both_modes("completion_zero_copy", cases, sizeof(cases) / sizeof(*cases));
}
