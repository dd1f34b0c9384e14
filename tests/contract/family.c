/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Streams of every family, and what is asked of a socket by a plain call. */

static duet_handle listener;
static struct sockaddr_storage place;
static socklen_t place_bytes;
static struct trial accepting;
static duet_handle accepted[8];

/* False: this machine has no such family. */
static bool listen_on(int family)
{
	struct sockaddr_in6 *six = (void *)&place;
	struct sockaddr_in *four = (void *)&place;
	int error;

	memset(&place, 0, sizeof(place));
	place.ss_family = (sa_family_t)family;
	place_bytes = sizeof(sa_family_t);
	if (family == AF_INET) {
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		place_bytes = sizeof(*four);
	} else if (family == AF_INET6) {
		six->sin6_addr = in6addr_loopback;
		place_bytes = sizeof(*six);
	}
	error = duet_handle_listen(stage.loop, (struct sockaddr *)&place, place_bytes, 8, &listener);
	if (error == -EADDRNOTAVAIL && family == AF_INET6)
		return false;
	ck_assert_msg(!error, "on %s: %s", stage.arm->name, duet_error_name(error));
	ck_assert_int_eq(duet_handle_address(stage.loop, listener, &place, &place_bytes), 0);
	return true;
}

static duet_handle connect_there(void)
{
	struct trial trial;
	duet_handle handle;

	trial_init(&trial);
	duet_op_socket(&trial.op, place.ss_family, SOCK_STREAM, 0);
	ck_assert_int_eq(trial_run(&trial), 0);
	handle = trial.op.made;
	duet_op_connect(&trial.op, handle, (struct sockaddr *)&place, place_bytes);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	return handle;
}

static void note_accepted(struct trial *trial)
{
	if (trial->op.more)
		accepted[trial->items - 1] = trial->op.made;
}

static const int families[] = { AF_INET, AF_INET6, AF_UNIX };

START_TEST(a_multishot_accept_brings_connections_of_every_family)
{
	duet_handle ends[3];

	for (unsigned i = 0; i < 3; i++) {
		if (!listen_on(families[i]))
			continue;
		trial_init(&accepting);
		accepting.then = note_accepted;
		duet_op_accept(&accepting.op, listener, DUET_MULTISHOT);
		trial_start(&accepting);
		for (unsigned j = 0; j < 3; j++) {
			char byte = 0;

			ends[j] = connect_there();
			turn_until(accepting.items == j + 1);
			stream_send(ends[j], &"abc"[j], 1);
			stream_recv(accepted[j], &byte, 1);
			ck_assert_int_eq(byte, "abc"[j]);
			stream_send(accepted[j], "back", 4);
		}
		trial_cancel(&accepting);
		await(&accepting);
		expect(&accepting, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		for (unsigned j = 0; j < 3; j++) {
			char text[4];

			stream_recv(ends[j], text, 4);
			ck_assert_mem_eq(text, "back", 4);
		}
	}
}
END_TEST

static char heard[64];

static void hear(struct trial *trial)
{
	if (!trial->op.transferred)
		return;
	strncat(heard, (const char *)trial->op.buffer.data, trial->op.transferred);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
}

START_TEST(a_multishot_receive_goes_on_over_every_family)
{
	static struct trial receiving;
	struct duet_pool *pool;
	duet_handle from;

	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 16, &pool), 0);
	for (unsigned i = 0; i < 3; i++) {
		if (!listen_on(families[i]))
			continue;
		trial_init(&accepting);
		duet_op_accept(&accepting.op, listener, 0);
		trial_start(&accepting);
		from = connect_there();
		await(&accepting);
		heard[0] = 0;
		trial_init(&receiving);
		receiving.then = hear;
		duet_op_recv_pooled(&receiving.op, accepting.op.made, pool, DUET_MULTISHOT);
		trial_start(&receiving);
		for (unsigned j = 0; j < 4; j++) {
			stream_send(from, &"abcd"[j], 1);
			turn_until(strlen(heard) == j + 1);
		}
		ck_assert_str_eq(heard, "abcd");
		handle_close(from);
		await(&receiving);
		expect(&receiving, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

/* ---- Plain calls. ---- */

START_TEST(each_end_of_a_connection_says_where_it_is_and_where_the_other)
{
	struct sockaddr_storage near, far;
	socklen_t near_bytes, far_bytes;
	duet_handle from;

	for (unsigned i = 0; i < 3; i++) {
		if (!listen_on(families[i]))
			continue;
		trial_init(&accepting);
		duet_op_accept(&accepting.op, listener, 0);
		trial_start(&accepting);
		from = connect_there();
		await(&accepting);
		ck_assert_int_eq(duet_handle_peer(stage.loop, from, &far, &far_bytes), 0);
		ck_assert_uint_eq(far_bytes, place_bytes);
		ck_assert_mem_eq(&far, &place, place_bytes);
		ck_assert_int_eq(duet_handle_address(stage.loop, from, &near, &near_bytes), 0);
		ck_assert_int_eq(duet_handle_peer(stage.loop, accepting.op.made, &far, &far_bytes), 0);
		ck_assert_uint_eq(far_bytes, near_bytes);
		ck_assert_mem_eq(&far, &near, near_bytes);
		ck_assert_int_eq(duet_handle_peer(stage.loop, listener, &far, &far_bytes), -ENOTCONN);
		handle_close(from);
		ck_assert_int_eq(duet_handle_address(stage.loop, from, &near, &near_bytes), -EBADF);
	}
}
END_TEST

static int number(duet_handle handle, int name)
{
	socklen_t length = sizeof(int);
	int value = -1;

	ck_assert_int_eq(duet_handle_option(stage.loop, handle, SOL_SOCKET, name, &value, &length), 0);
	ck_assert_uint_eq(length, sizeof(int));
	return value;
}

START_TEST(a_socket_says_what_it_is)
{
	socklen_t length = sizeof(int);
	int value;

	ck_assert(listen_on(AF_UNIX));
	ck_assert_int_eq(number(listener, SO_TYPE), SOCK_STREAM);
	ck_assert_int_eq(number(listener, SO_DOMAIN), AF_UNIX);
	ck_assert_int_eq(number(listener, SO_ACCEPTCONN), 1);
	ck_assert_int_eq(number(listener, SO_ERROR), 0);
	handle_close(listener);
	ck_assert_int_eq(duet_handle_option(stage.loop, listener, SOL_SOCKET, SO_TYPE, &value,
				 &length), -EBADF);
	ck_assert_int_eq(duet_handle_set_option(stage.loop, listener, SOL_SOCKET, SO_KEEPALIVE,
				 &value, sizeof(value)), -EBADF);
}
END_TEST

START_TEST(an_option_is_set_and_counted_as_a_system_call)
{
	struct duet_stats before, after;
	socklen_t length = sizeof(int);
	duet_handle pipe_end;
	int value = 1, pipes[2];

	ck_assert(listen_on(AF_INET));
	duet_loop_stats(stage.loop, &before);
	ck_assert_int_eq(duet_handle_set_option(stage.loop, listener, IPPROTO_TCP, TCP_NODELAY,
				 &value, sizeof(value)), 0);
	value = 0;
	ck_assert_int_eq(duet_handle_option(stage.loop, listener, IPPROTO_TCP, TCP_NODELAY, &value,
				 &length), 0);
	duet_loop_stats(stage.loop, &after);
	ck_assert_int_ne(value, 0);
	ck_assert_uint_eq(after.system_calls, before.system_calls + 2);
	ck_assert_int_eq(duet_handle_set_option(stage.loop, listener, IPPROTO_TCP, 9999, &value,
				 sizeof(value)), -ENOPROTOOPT);
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, pipes[0], 0, &pipe_end), 0);
	ck_assert_int_eq(duet_handle_option(stage.loop, pipe_end, SOL_SOCKET, SO_TYPE, &value,
				 &length), -ENOTSOCK);
	ck_assert_int_eq(duet_handle_address(stage.loop, pipe_end, &place, &place_bytes), -ENOTSOCK);
	close(pipes[1]);
}
END_TEST

int main(void)
{
	return contract_run("family",
		CASES(a_multishot_accept_brings_connections_of_every_family,
			a_multishot_receive_goes_on_over_every_family,
			each_end_of_a_connection_says_where_it_is_and_where_the_other,
			a_socket_says_what_it_is),
		CASES(an_option_is_set_and_counted_as_a_system_call));
}
