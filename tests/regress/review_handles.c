/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/backend.h"
#include "tests/support/harness.h"

/* What a handle is, what it takes after, and what becomes of one that nobody wants. */

static duet_handle handle;
static char in[256];

static void reopen_small(uint32_t handles_max)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.handles_max = handles_max;
	stage_reopen(&options, NULL);
}

static uint64_t reclaimed(void)
{
	struct duet_stats stats;

	duet_loop_stats(stage.loop, &stats);
	return stats.reclaimed;
}

/* ---- A full table. ---- */

static bool still_waits(int raw)
{
	char byte;

	return recv(raw, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

/* Three connections wait; there is a place for none, then for one. */
START_TEST(a_connection_without_a_place_stays_in_the_backlog_and_is_accepted_later)
{
	struct trial trial;
	duet_handle other;
	int raw[3];
	int spare;

	reopen_small(2);
	listener_open(&stage.listener, &stage.address);
	raw_unix(SOCK_STREAM, &other, &spare);
	for (unsigned i = 0; i < 3; i++)
		raw[i] = raw_connect();
	trial_init(&trial);
	duet_op_accept(&trial.op, stage.listener, 0);
	trial_run(&trial);
	expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.made.generation, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(still_waits(raw[i]));
	ck_assert_uint_eq(reclaimed(), 0);
	handle_close(other);
	for (unsigned i = 0; i < 3; i++) {
		trial_run(&trial);
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		raw_send(raw[i], "x", 1);
		stream_recv(trial.op.made, in, 1);
		handle_close(trial.op.made);
		close(raw[i]);
	}
	close(spare);
}
END_TEST

START_TEST(a_socket_or_a_file_without_a_place_is_not_made)
{
	const char *path = file_path("never");
	struct trial trial;
	int raw;

	reopen_small(1);
	raw_unix(SOCK_STREAM, &handle, &raw);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	duet_op_open(&trial.op, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
	trial_run(&trial);
	expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_uint_eq(reclaimed(), 0);
	handle_close(handle);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(trial.op.made);
	close(raw);
}
END_TEST

/* The last place is kept for what an accept may bring, however long it waits. */
START_TEST(the_place_of_an_accept_that_waits_is_not_given_away)
{
	struct trial accepting;
	struct trial trial;

	reopen_small(2);
	listener_open(&stage.listener, &stage.address);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, 0);
	trial_start(&accepting);
	stage_settle(3);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	trial_cancel(&accepting);
	await(&accepting);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_failure_leaves_no_handle_of_an_earlier_success)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	handle = trial.op.made;
	ck_assert_uint_ne(handle.generation, 0);
	duet_op_socket(&trial.op, 99, SOCK_STREAM, 0);
	trial_run(&trial);
	ck_assert_int_lt(trial.op.result, 0);
	ck_assert_uint_eq(trial.op.made.generation, 0);
	handle_close(handle);
}
END_TEST

/* ---- Inline, and nobody to be told. ---- */

START_TEST(a_connection_that_comes_later_and_nobody_hears_of_is_closed)
{
	struct duet_op op;
	int raw;

	listener_open(&stage.listener, &stage.address);
	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, stage.listener, 0);
	duet_op_inline(&op);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	raw = raw_connect();
	turn_until(!duet_op_pending(&op));
	ck_assert_uint_eq(op.made.generation, 0);
	ck_assert_uint_eq(reclaimed(), 1);
	ck_assert_int_eq(recv(raw, in, 1, 0), 0);
	close(raw);
}
END_TEST

START_TEST(a_file_that_is_opened_later_and_nobody_hears_of_is_closed)
{
	const char *path = file_path("data");
	struct duet_op op;
	unsigned before;

	file_make(path, 10);
	before = descriptors_open();
	duet_op_init(&op, NULL, NULL);
	duet_op_open(&op, AT_FDCWD, path, O_RDONLY, 0);
	duet_op_inline(&op);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	turn_until(!duet_op_pending(&op));
	ck_assert_uint_eq(op.made.generation, 0);
	ck_assert_uint_eq(reclaimed(), 1);
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

/* ---- Classes. ---- */

START_TEST(a_listener_that_listens_again_accepts_what_it_accepted_before)
{
	struct trial trial;
	int raw;

	listener_open(&stage.listener, &stage.address);
	trial_init(&trial);
	duet_op_listen(&trial.op, stage.listener, 64);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	raw_pair(&handle, &raw);
	ck_assert_int_eq(duet_core_slot_of(stage.loop, handle)->slot_class, CLASS_TCP);
	close(raw);
}
END_TEST

static socklen_t unix_name(struct sockaddr_un *address, const char *what)
{
	int length;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	length = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "duet-%s-%d-%s",
		what, (int)getpid(), stage.arm->name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static void send_with_a_descriptor(int raw, const char *text)
{
	struct iovec piece = { (char *)(uintptr_t)text, strlen(text) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr message = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &(int){ 0 }, sizeof(int));
	ck_assert_int_eq(sendmsg(raw, &message, 0), (ssize_t)strlen(text));
}

/* A read stops short at ancillary data: on a unix stream that proves nothing. */
START_TEST(a_unix_socket_adopted_before_it_listens_accepts_unix_streams)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int raw = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t length = unix_name(&address, "late");
	struct trial trial;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, listener, 0, &handle), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(connect(raw, (struct sockaddr *)&address, length), 0);
	trial_init(&trial);
	duet_op_accept(&trial.op, handle, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_op_recv(&trial.op, trial.op.made, in, sizeof(in), 0);
	trial.ends = 0;
	trial_start(&trial);
	stage_settle(3);
	send_with_a_descriptor(raw, "first");
	raw_send(raw, "second", 6);
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_run(&trial);
	expect(&trial, 6, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

static void send_start(struct trial *trial, const char *text)
{
	trial_init(trial);
	duet_op_send(&trial->op, handle, text, strlen(text), 0);
	trial_start(trial);
}

/* The kernel makes a datagram socket of it. The first waits for room, the others behind it. */
START_TEST(sends_on_a_raw_unix_socket_arrive_apart)
{
	static const char *const texts[] = { "one", "three", "eleven" };
	static const char full[4000];
	int raw = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t length = unix_name(&address, "raw");
	struct trial trials[3];
	struct trial trial;
	unsigned fillers = 0;

	ck_assert_int_eq(bind(raw, (struct sockaddr *)&address, length), 0);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_UNIX, SOCK_RAW, 0);
	trial_run(&trial);
	handle = trial.op.made;
	duet_op_connect(&trial.op, handle, (struct sockaddr *)&address, length);
	trial_run(&trial);
	raw_shrink(duet_handle_fd(stage.loop, handle));
	while (send(duet_handle_fd(stage.loop, handle), full, sizeof(full), MSG_DONTWAIT) > 0)
		fillers++;
	for (unsigned i = 0; i < 3; i++)
		send_start(&trials[i], texts[i]);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends, 0);
	while (fillers-- > 0)
		ck_assert_int_eq(recv(raw, (char[sizeof(full)]){ 0 }, sizeof(full), 0), sizeof(full));
	for (unsigned i = 0; i < 3; i++) {
		await(&trials[i]);
		expect(&trials[i], (int)strlen(texts[i]), DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(recv(raw, in, sizeof(in), MSG_DONTWAIT), (ssize_t)strlen(texts[i]));
		ck_assert_mem_eq(in, texts[i], strlen(texts[i]));
	}
	ck_assert_int_eq(recv(raw, in, sizeof(in), MSG_DONTWAIT), -1);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("review_handles",
		CASES(the_place_of_an_accept_that_waits_is_not_given_away,
			a_failure_leaves_no_handle_of_an_earlier_success),
		CASES(a_connection_without_a_place_stays_in_the_backlog_and_is_accepted_later,
			a_socket_or_a_file_without_a_place_is_not_made,
			a_connection_that_comes_later_and_nobody_hears_of_is_closed,
			a_file_that_is_opened_later_and_nobody_hears_of_is_closed,
			a_listener_that_listens_again_accepts_what_it_accepted_before,
			a_unix_socket_adopted_before_it_listens_accepts_unix_streams,
			sends_on_a_raw_unix_socket_arrive_apart));
}
