/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The server of `duet serve udp` on each twin, on sockets that tell it what one of its own never would:
 * refused answers, peers that take nothing or have no name, receives that always fail. */
#include <check.h>
#include <duet/completion.h>
#include <duet/loop.h>
#include <duet/polling.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "compare/udp/server.h"

static const struct udp_options OPTIONS = { .receives = 3, .size_bytes = 100 };

static struct duet_loop *loop;
static struct udp_server *server;
static char got[200];

/* False: this machine has no ring. */
static bool open_loop(int twin)
{
	int status = duet_loop_create(&loop, twin ? duet_completion() : duet_polling(), NULL);

	if (twin && (status == -EPERM || status == -ENOSYS)) {
		printf("skipped: no io_uring here\n");
		return false;
	}
	ck_assert_int_eq(status, 0);
	return true;
}

/* fd becomes the server's. */
static void serve(int fd)
{
	duet_handle socket;

	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &socket), 0);
	ck_assert_int_eq(udp_start(&server, loop, socket, &OPTIONS), 0);
}

static long counted(const char *what)
{
	json_t *counts = udp_counts(server);
	long count = (long)json_integer_value(json_object_get(counts, what));

	ck_assert_ptr_nonnull(json_object_get(counts, what));
	json_decref(counts);
	return count;
}

static void await_count(const char *what, long count)
{
	while (counted(what) < count)
		ck_assert_int_ge(duet_loop_turn(loop, -1), 0);
	ck_assert_int_eq(counted(what), count);
}

static void end(void)
{
	ck_assert_int_eq(duet_loop_shutdown(loop, duet_loop_now_ns(loop) + UINT64_C(5000000000)),
			 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	udp_finish(server);
}

static int bound(int family, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = (in_port_t)port,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	/* The family alone: the kernel chooses a name. */
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	bool is_unix = family == AF_UNIX;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, is_unix ? (void *)&name : (void *)&address,
			      is_unix ? sizeof(sa_family_t) : sizeof(address)), 0);
	return fd;
}

static void connect_to(int fd, int other)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	ck_assert_int_eq(getsockname(other, (struct sockaddr *)&address, &length), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, length), 0);
}

static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return address.sin_port;
}

static void count_pauses(void *context, const char *line)
{
	*(int *)context += strncmp(line, "timeout ", 8) == 0;
}

/* Nor does it make anybody wait: a receive that has gone well since its last error is asked at once. */
START_TEST(a_refused_answer_ends_nothing)
{
	int fd = bound(AF_INET, 0), peer = bound(AF_INET, 0), port = port_of(peer), pauses = 0;

	if (!open_loop(_i))
		return;
	connect_to(fd, peer);
	connect_to(peer, fd);
	serve(fd);
	for (long i = 1; i < 10; i++) {
		ck_assert_int_eq(send(peer, "gone", 4, 0), 4);
		close(peer);
		await_count("answered", 2 * i - 1);
		await_count("errors", i);
		duet_loop_dump(loop, count_pauses, &pauses);
		ck_assert_int_eq(pauses, 0);
		peer = bound(AF_INET, port);
		connect_to(peer, fd);
		ck_assert_int_eq(send(peer, "here", 4, 0), 4);
		await_count("answered", 2 * i);
		ck_assert_int_eq(recv(peer, got, sizeof(got), 0), 4);
	}
	end();
	close(peer);
}
END_TEST

/* A peer that isn't connected to us takes a few, and then his queue is full: no send waits for him. */
START_TEST(who_takes_nothing_gets_nothing_more_until_he_does)
{
	int fd = bound(AF_UNIX, 0), peer = bound(AF_UNIX, 0);
	struct sockaddr_storage to;
	socklen_t length = sizeof(to);
	long asked = 0;

	if (!open_loop(_i))
		return;
	getsockname(fd, (struct sockaddr *)&to, &length);
	serve(fd);
	while (!counted("unsent")) {
		ck_assert_int_eq(sendto(peer, "x", 1, 0, (struct sockaddr *)&to, length), 1);
		asked++;
		while (counted("answered") + counted("unsent") < asked)
			ck_assert_int_ge(duet_loop_turn(loop, -1), 0);
	}
	for (long i = counted("answered"); i; i--)
		ck_assert_int_eq(recv(peer, got, sizeof(got), MSG_DONTWAIT), 1);
	ck_assert_int_eq(sendto(peer, "yes", 3, 0, (struct sockaddr *)&to, length), 3);
	await_count("answered", asked);
	ck_assert_int_eq(recv(peer, got, sizeof(got), MSG_DONTWAIT), 3);
	end();
	close(peer);
}
END_TEST

/* One that is connected to us has room for as much as our own queue holds: then sends wait, and nothing is
 * received that couldn't be answered. */
START_TEST(a_full_send_queue_is_waited_for_and_loses_nothing)
{
	int fd = bound(AF_UNIX, 0), peer = bound(AF_UNIX, 0), room = 4096, idle = 0;
	long asked = 0, taken = 0;

	if (!open_loop(_i))
		return;
	connect_to(peer, fd);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	serve(fd);
	while (idle < 50) {
		bool sent = send(peer, "x", 1, MSG_DONTWAIT) == 1;

		asked += sent;
		idle = duet_loop_turn(loop, 0) > 0 || sent ? 0 : idle + 1;
	}
	ck_assert_int_gt(counted("answered"), 0);
	ck_assert_int_eq(counted("datagrams") - counted("answered"), OPTIONS.receives);
	ck_assert_int_gt(asked, counted("datagrams"));
	while (taken < asked) {
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
		taken += recv(peer, got, sizeof(got), MSG_DONTWAIT) == 1;
	}
	await_count("answered", asked);
	ck_assert_int_eq(counted("unsent") + counted("errors"), 0);
	end();
	close(peer);
}
END_TEST

START_TEST(who_has_no_name_is_not_answered)
{
	int fd = bound(AF_UNIX, 0), peer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!open_loop(_i))
		return;
	connect_to(peer, fd);
	serve(fd);
	for (long i = 1; i < 10; i++) {
		ck_assert_int_eq(send(peer, "who", 3, 0), 3);
		await_count("unsent", i);
	}
	end();
	close(peer);
}
END_TEST

/* It is asked again, but not all the time. */
START_TEST(a_receive_that_always_fails_is_no_busy_loop)
{
	const long turns = 300;
	uint64_t before_ns;

	if (!open_loop(_i))
		return;
	before_ns = duet_loop_now_ns(loop);
	serve(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); /* not connected */
	for (long i = 0; i < turns; i++)
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert_int_ge(counted("errors"), OPTIONS.receives);
	ck_assert_int_le(counted("errors"), OPTIONS.receives *
			 (2 + (long)((duet_loop_now_ns(loop) - before_ns) / 100000000)));
	while (counted("errors") < 3 * OPTIONS.receives)
		ck_assert_int_ge(duet_loop_turn(loop, -1), 0);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare udp");
	TCase *cases = tcase_create("udp");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, a_refused_answer_ends_nothing, 0, 2);
	tcase_add_loop_test(cases, who_takes_nothing_gets_nothing_more_until_he_does, 0, 2);
	tcase_add_loop_test(cases, a_full_send_queue_is_waited_for_and_loses_nothing, 0, 2);
	tcase_add_loop_test(cases, who_has_no_name_is_not_answered, 0, 2);
	tcase_add_loop_test(cases, a_receive_that_always_fails_is_no_busy_loop, 0, 2);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
