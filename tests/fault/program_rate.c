/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The open loop against servers that stall, are slow, or hand back something else. */
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tests/fault/program.h"

enum { CONNECTIONS_MAX = 8, SIZE = 64, STALL_MS = 100, LONG_MS = 20 };
enum { DUE_IN_STALL = 2000 * (STALL_MS - LONG_MS) / 1000 }; /* and longer than LONG_MS under way */

/* One thread serves all connections, so that what it does to one message is done to all. */
struct server {
	int connections;
	int stall_after;          /* messages; 0: it never does */
	int pause_us;             /* after each message: a slow server takes one at a time */
	int flips;                /* so many messages come back with one wrong byte */
	bool loses;               /* the last byte of one message */
	int listener;
	unsigned int port;
	pthread_t thread;
	/* The thread's own: */
	uint64_t messages;
	bool stalled, lost;
};

static ssize_t misbehave(struct server *server, unsigned char *data, ssize_t length)
{
	server->messages += (uint64_t)(length + SIZE - 1) / SIZE;
	if (server->stall_after && !server->stalled &&
	    server->messages > (uint64_t)server->stall_after) {
		server->stalled = true;
		program_pause_ms(STALL_MS);
	}
	if (server->pause_us)
		usleep((useconds_t)server->pause_us);
	if (server->messages > 20 && server->flips && server->flips--)
		data[length / 2] ^= 1;
	if (server->messages > 20 && server->loses && !server->lost) {
		server->lost = true;
		return length - 1;
	}
	return length;
}

static bool serve_one(struct server *server, int fd)
{
	unsigned char data[65536];
	ssize_t length = recv(fd, data, server->pause_us ? SIZE : sizeof(data), 0);

	if (length <= 0)
		return false;
	length = misbehave(server, data, length);
	return send(fd, data, (size_t)length, MSG_NOSIGNAL) == length;
}

static void *serve(void *context)
{
	struct server *server = context;
	struct pollfd fds[CONNECTIONS_MAX] = {0};
	int open = server->connections;

	for (int i = 0; i < server->connections; i++)
		fds[i] = (struct pollfd){ .fd = accept(server->listener, NULL, NULL),
					  .events = POLLIN };
	while (open && poll(fds, (nfds_t)server->connections, -1) > 0) {
		for (int i = 0; i < server->connections; i++) {
			if (!fds[i].revents || serve_one(server, fds[i].fd))
				continue;
			close(fds[i].fd);
			fds[i].fd = -1;
			open--;
		}
	}
	return NULL;
}

static void begin_server(struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(server->listener, CONNECTIONS_MAX), 0);
	getsockname(server->listener, (struct sockaddr *)&address, &length);
	server->port = ntohs(address.sin_port);
	ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

/* The slot as JSON; the caller's, as the program is. NULL if it wrote none. */
static json_t *play(struct server *server, struct program *program, const char *options)
{
	begin_server(server);
	program_begin(program, NULL, "load echo 127.0.0.1:%u --connections %d --size %d --warmup 0 "
		      "--json - %s", server->port, server->connections, SIZE, options);
	program_end(program);
	pthread_join(server->thread, NULL);
	close(server->listener);
	return json_loads(program->said, 0, NULL);
}

static json_int_t integer_at(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	ck_assert_msg(json_is_integer(value), "no whole number: %s", key);
	return json_integer_value(value);
}

/* How many of the messages took longer than LONG_MS. */
static json_int_t long_ones(const json_t *slot, const char *histogram)
{
	json_int_t count = 0;
	json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(slot, histogram), "buckets"), i, pair) {
		if (json_integer_value(json_array_get(pair, 0)) > LONG_MS * 1000000)
			count += json_integer_value(json_array_get(pair, 1));
	}
	return count;
}

/* All that was due in the stall, but for its last LONG_MS, took longer. Nothing that a busy machine
 * does can make that fewer. */
START_TEST(an_open_loop_sees_a_stall_in_all_that_was_due_meanwhile)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 4, .stall_after = 500 };
	json_t *slot = play(&server, program, "--rate 2000 --duration 0.8");

	ck_assert_msg(slot != NULL, "%d: %s", program->code, program->complained);
	ck_assert_int_ge(long_ones(slot, "latency"), DUE_IN_STALL * 95 / 100);
	ck_assert_int_ge(integer_at(json_object_get(slot, "latency"), "max_ns"),
			 (STALL_MS - 1) * 1000000);
	ck_assert_double_ge(json_number_value(json_object_get(json_object_get(slot, "latency"),
							      "p99_ns")), LONG_MS * 1e6);
	if (json_is_true(json_object_get(slot, "rate_kept")))
		ck_assert_int_eq(integer_at(json_object_get(slot, "latency"), "count"),
				 integer_at(slot, "due"));
	ck_assert_int_eq(integer_at(slot, "wrong_bytes"), 0);
	json_decref(slot);
	free(program);
}
END_TEST

START_TEST(a_closed_loop_sees_the_same_stall_once_a_connection)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 4, .stall_after = 500 };
	json_t *slot = play(&server, program, "--duration 0.8");

	ck_assert_msg(slot != NULL, "%d: %s", program->code, program->complained);
	ck_assert_int_ge(long_ones(slot, "latency"), 1);
	/* One a connection, that is 4; the rest is for what other programs do to us. */
	ck_assert_int_lt(long_ones(slot, "latency"), DUE_IN_STALL / 2);
	ck_assert_ptr_null(json_object_get(slot, "rate_kept"));
	ck_assert_ptr_null(json_object_get(slot, "service"));
	ck_assert_ptr_nonnull(json_object_get(slot, "load_limited"));
	json_decref(slot);
	free(program);
}
END_TEST

START_TEST(a_rate_that_is_not_kept_is_said_with_both_numbers)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 2, .pause_us = 2000 };
	json_t *slot = play(&server, program, "--rate 1500 --duration 0.3");

	program_expect(program, 3, "the rate was not kept: 1");
	ck_assert_ptr_nonnull(strstr(program->complained, " were answered"));
	ck_assert(json_is_false(json_object_get(slot, "rate_kept")));
	ck_assert_int_ge(integer_at(slot, "due"), 440);
	ck_assert_int_lt(integer_at(slot, "operations"), integer_at(slot, "due") * 3 / 4);
	ck_assert_int_eq(integer_at(slot, "wrong_bytes"), 0);
	ck_assert_int_eq(integer_at(slot, "lost_operations"), 0);
	json_decref(slot);
	free(program);
}
END_TEST

/* A second's worth of stamps, and a server that takes far longer. */
START_TEST(what_finds_no_stamp_is_held_and_not_forgotten)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 1, .pause_us = 10000 };
	json_t *slot = play(&server, program, "--rate 200 --duration 2.5");

	program_expect(program, 3, "the rate was not kept: 200 messages a second were due");
	ck_assert_ptr_nonnull(strstr(program->complained, "were held back since"));
	ck_assert_int_eq(integer_at(slot, "lost_operations"), 0);
	ck_assert_int_gt(integer_at(slot, "held"), 0);
	ck_assert_int_le(integer_at(slot, "operations_total"),
			 integer_at(slot, "operations") + 200);
	json_decref(slot);
	free(program);
}
END_TEST

START_TEST(an_open_loop_counts_every_wrong_byte)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 2, .flips = 7 };
	json_t *slot = play(&server, program, "--rate 2000 --duration 0.2");

	program_expect(program, 4, "7 bytes came back wrong");
	ck_assert_int_eq(integer_at(slot, "wrong_bytes"), 7);
	ck_assert_int_eq(integer_at(slot, "lost_operations"), 0);
	json_decref(slot);
	free(program);
}
END_TEST

START_TEST(an_open_loop_misses_a_lost_byte)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 1, .loses = true };
	json_t *slot = play(&server, program, "--rate 2000 --duration 0.2");

	program_expect(program, 4, "void");
	ck_assert_int_eq(integer_at(slot, "lost_operations"), 1);
	json_decref(slot);
	free(program);
}
END_TEST

/* What a socket doesn't take is neither lost nor sent twice, and comes as late as it comes. */
START_TEST(a_full_socket_is_waited_for)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 1, .stall_after = 100000 };
	json_t *slot = play(&server, program, "--size 256K --rate 300 --duration 0.4");

	ck_assert_msg(slot != NULL, "%d: %s", program->code, program->complained);
	ck_assert(server.stalled);
	ck_assert_int_eq(integer_at(slot, "wrong_bytes"), 0);
	ck_assert_int_eq(integer_at(slot, "lost_operations"), 0);
	ck_assert_int_eq(integer_at(json_object_get(slot, "service"), "count"),
			 integer_at(json_object_get(slot, "latency"), "count"));
	if (json_is_true(json_object_get(slot, "rate_kept")))
		ck_assert_int_eq(integer_at(json_object_get(slot, "latency"), "count"),
				 integer_at(slot, "due"));
	json_decref(slot);
	free(program);
}
END_TEST

START_TEST(ctrl_c_doesn_t_wait_for_the_next_due_time)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .connections = 1 };

	begin_server(&server);
	program_begin(program, NULL, "load echo 127.0.0.1:%u --connections 1 --rate 1 --warmup 0 "
		      "--duration 3600", server.port);
	program_pause_ms(2500);
	kill(program->pid, SIGTERM);
	program_end(program);
	program_expect(program, 0, "ended early");
	ck_assert_ptr_nonnull(strstr(program->said, "open loop at 1 a second"));
	pthread_join(server.thread, NULL);
	close(server.listener);
	free(program);
}
END_TEST

/* Nothing can be answered ten million times a second: the comparison is kept, without latency. */
START_TEST(a_comparison_whose_rate_is_not_kept_says_so_and_keeps_the_rest)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result, *cell, *metric, *comparison;
	const char *folder = getenv("TMPDIR");
	char path[256];
	size_t i;

	snprintf(path, sizeof(path), "%s/duet-rate-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
	program_begin(program, NULL, "compare echo --connections 2 --size 4K --rate 10000000 "
		      "--rounds 1 --warmup 0 --duration 0.05 --repeats 0 --json %s", path);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "open loop at 10000000 a second"));
	ck_assert_ptr_nonnull(strstr(program->said, "not measured (the rate was not kept)"));
	ck_assert_ptr_nonnull(strstr(program->said, "The rate was not kept in 2 of 2 plays of a, "
						    "1 of 1 of b"));
	result = json_load_file(path, 0, NULL);
	unlink(path);
	cell = json_array_get(json_object_get(result, "cells"), 0);
	ck_assert_int_eq(integer_at(json_object_get(cell, "parameters"), "rate_per_s"), 10000000);
	json_array_foreach(json_object_get(cell, "metrics"), i, metric) {
		const char *key = json_string_value(json_object_get(metric, "key"));

		comparison = json_array_get(json_object_get(metric, "comparisons"), 0);
		if (strncmp(key, "latency", 7) != 0)
			continue;
		ck_assert_str_eq(json_string_value(json_object_get(comparison, "verdict")),
				 "not measured");
		ck_assert_str_eq(json_string_value(json_object_get(comparison, "reason")),
				 "the rate was not kept");
	}
	json_decref(result);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program rate");
	TCase *cases = tcase_create("rate");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, an_open_loop_sees_a_stall_in_all_that_was_due_meanwhile);
	tcase_add_test(cases, a_closed_loop_sees_the_same_stall_once_a_connection);
	tcase_add_test(cases, a_rate_that_is_not_kept_is_said_with_both_numbers);
	tcase_add_test(cases, what_finds_no_stamp_is_held_and_not_forgotten);
	tcase_add_test(cases, an_open_loop_counts_every_wrong_byte);
	tcase_add_test(cases, an_open_loop_misses_a_lost_byte);
	tcase_add_test(cases, a_full_socket_is_waited_for);
	tcase_add_test(cases, ctrl_c_doesn_t_wait_for_the_next_due_time);
	tcase_add_test(cases, a_comparison_whose_rate_is_not_kept_says_so_and_keeps_the_rest);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
