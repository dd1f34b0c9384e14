/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/polling.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/backend.h"
#include "tests/support/harness.h"

/* The polling dialect beside the common API: on a broken stream, on unix streams, in a full table. */

static struct duet_loop *loop;
static duet_handle handle;
static char data[64];

static void open_loop(uint32_t handles_max)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.handles_max = handles_max;
	ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), &options), 0);
}

static void close_loop(void)
{
	ck_assert_int_eq(duet_loop_shutdown(loop, duet_loop_now_ns(loop) + 1000000000), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

static void turns(unsigned count)
{
	while (count--)
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
}

/* ---- A stream is broken until the caller of the short send is told. ---- */

static struct duet_op stuck;
static unsigned looked;

static void ready(struct duet_wait *wait)
{
	(void)wait;
	looked++;
}

static void cancel_and_look(struct duet_op *op)
{
	struct duet_wait wait = { .ready = ready, .handle = handle, .direction = DUET_READABLE };

	(void)op;
	duet_op_cancel(&stuck);
	ck_assert_int_eq(duet_core_slot_of(loop, handle)->slot_state, SLOT_BROKEN);
	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, sizeof(data)), 5);
	ck_assert_mem_eq(data, "hello", 5);
	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	duet_polling_forget(loop, &wait);
	looked++;
}

START_TEST(a_broken_stream_can_still_be_read)
{
	unsigned char *big = calloc(1, STUCK_BYTES);
	struct duet_op op;
	int ends[2];

	open_loop(4);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, ends[0], 0, &handle), 0);
	raw_send(ends[1], "hello", 5);
	duet_op_init(&stuck, NULL, NULL);
	duet_op_send(&stuck, handle, big, STUCK_BYTES, DUET_WHOLE);
	ck_assert_int_eq(duet_op_start(loop, &stuck), 0);
	turns(3);
	duet_op_init(&op, cancel_and_look, NULL);
	duet_op_nop(&op);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(3);
	ck_assert_uint_eq(looked, 1);
	ck_assert_int_eq(stuck.disposition, DUET_PARTIAL);
	close(ends[1]);
	close_loop();
	free(big);
}
END_TEST

/* ---- Accepts. ---- */

/* A listener on the loop, and a connection that waits there. */
static int unix_backlog(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int raw = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length;

	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)snprintf(address.sun_path + 1, 40, "duet-native-%d",
				     (int)getpid()));
	ck_assert_int_eq(duet_handle_listen(loop, (struct sockaddr *)&address, length, 4, &handle),
		0);
	ck_assert_int_eq(connect(raw, (struct sockaddr *)&address, length), 0);
	return raw;
}

/* On a unix stream a short receive proves nothing: a class of its own. */
START_TEST(what_the_dialect_accepts_has_the_class_of_its_listener)
{
	duet_handle accepted;
	int raw;

	open_loop(4);
	raw = unix_backlog();
	ck_assert_int_eq(duet_polling_try_accept(loop, handle, &accepted), 0);
	ck_assert_int_eq(duet_core_slot_of(loop, accepted)->slot_class, CLASS_UNIX_STREAM);
	close(raw);
	close_loop();
}
END_TEST

/* One place is left, and an accept on another listener waits with a claim on it. */
START_TEST(an_accept_of_the_dialect_leaves_a_kept_place_alone)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	duet_handle other, accepted;
	struct duet_op op;
	int raw;

	open_loop(3);
	ck_assert_int_eq(duet_handle_listen(loop, (struct sockaddr *)&address, sizeof(address), 4,
				 &other), 0);
	raw = unix_backlog();
	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, other, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_int_eq(duet_polling_try_accept(loop, handle, &accepted), -ENFILE);
	duet_op_cancel(&op);
	turns(2);
	ck_assert_int_eq(duet_polling_try_accept(loop, handle, &accepted), 0);
	raw_send(raw, "x", 1);
	ck_assert_int_eq(duet_polling_try_recv(loop, accepted, data, sizeof(data)), 1);
	close(raw);
	close_loop();
}
END_TEST

int main(void)
{
	return plain_run("review_native",
		CASES(a_broken_stream_can_still_be_read,
			what_the_dialect_accepts_has_the_class_of_its_listener,
			an_accept_of_the_dialect_leaves_a_kept_place_alone));
}
