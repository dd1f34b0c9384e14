/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The load generator against servers that misbehave: a wrong, a lost and a doubled byte are found,
 * and void the figures; a server that dies or was never there is an error of another kind. */
#include <jansson.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/fault/listener.h"
#include "tests/fault/program.h"

enum fault {
	FAULT_NONE, FAULT_FLIP, FAULT_LOSE, FAULT_DOUBLE, FAULT_SILENCE, FAULT_HANG_UP,
	FAULT_HALF_CLOSE, FAULT_RESET,
};

enum { MESSAGES_BEFORE = 50 };

struct server {
	enum fault fault;
	int listener;
	unsigned int port;
};

/* One connection; the fault comes once, after some messages. */
static ssize_t misbehave(enum fault fault, int fd, unsigned char *data, ssize_t length)
{
	switch (fault) {
	case FAULT_FLIP:
		data[length / 2] ^= 1;
		break;
	case FAULT_LOSE:
		return length - 1;
	case FAULT_DOUBLE:
		send(fd, data, (size_t)length, MSG_NOSIGNAL);
		break;
	case FAULT_RESET:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
			   sizeof(struct linger));
		return -1;
	case FAULT_HANG_UP:
		return -1;
	case FAULT_HALF_CLOSE:
		shutdown(fd, SHUT_WR);
		return 0;
	case FAULT_SILENCE:
		return 0;
	case FAULT_NONE:
		break;
	}
	return length;
}

static void *serve(void *context)
{
	const struct server *server = context;
	int fd = accept(server->listener, NULL, NULL);
	unsigned char data[4096];
	int messages = 0;
	ssize_t length;

	while ((length = recv(fd, data, sizeof(data), 0)) > 0) {
		if (++messages == MESSAGES_BEFORE)
			length = misbehave(server->fault, fd, data, length);
		if (length < 0)
			break;
		send(fd, data, (size_t)length, MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

static struct program *play_for(enum fault fault, const char *times)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .fault = fault };
	pthread_t thread;

	server.listener = listener_open(&server.port);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &server), 0);
	program_begin(program, NULL, "load echo 127.0.0.1:%u --connections 1 %s", server.port,
		      times);
	program_end(program);
	pthread_join(thread, NULL);
	close(server.listener);
	return program;
}

static struct program *play_against(enum fault fault)
{
	return play_for(fault, "--warmup 0.01 --duration 0.1");
}

START_TEST(a_stretch_in_which_nothing_was_due_has_no_figures)
{
	struct program *program = play_for(FAULT_NONE, "--warmup 0.1 --duration 0.001 --rate 1");

	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "latency  not measured"));
	ck_assert_ptr_null(strstr(program->said, "median"));
	free(program);
}
END_TEST

START_TEST(an_honest_server_is_measured)
{
	struct program *program = play_against(FAULT_NONE);

	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "messages in"));
	ck_assert_str_eq(program->complained, "");
	free(program);
}
END_TEST

START_TEST(wrong_lost_and_doubled_bytes_void_the_figures)
{
	static const enum fault FAULTS[] = { FAULT_FLIP, FAULT_LOSE, FAULT_DOUBLE, FAULT_SILENCE,
					     FAULT_HANG_UP, FAULT_HALF_CLOSE };
	struct program *program = play_against(FAULTS[_i]);

	program_expect(program, 4, "void");
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

START_TEST(a_server_that_resets_is_no_wrong_byte)
{
	struct program *program = play_against(FAULT_RESET);

	program_expect(program, 3, "connection 1 of 1");
	free(program);
}
END_TEST

static struct program *begin_server(const char *options)
{
	struct program *server = calloc(1, sizeof(*server));

	program_begin(server, NULL, "serve echo --backend polling %s", options);
	program_await_word(server, "listening");
	return server;
}

static void end_server(struct program *server)
{
	kill(server->pid, SIGTERM);
	program_end(server);
	ck_assert_msg(server->code == 0, "%d: %s", server->code, server->complained);
	free(server);
}

static const int ENDS[] = { SIGINT, SIGTERM, SIGHUP };

START_TEST(ctrl_c_keeps_what_was_measured)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));
	json_t *json;

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 60 --json -",
		      program_port(server));
	program_pause_ms(1000);
	kill(load->pid, ENDS[_i]);
	program_end(load);
	program_expect(load, 0, "ended early");
	json = json_loads(load->said, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert(json_is_false(json_object_get(json, "complete")));
	ck_assert_int_gt(json_integer_value(json_object_get(json, "operations")), 0);
	ck_assert_int_lt(json_integer_value(json_object_get(json, "elapsed_ns")), 30000000000);
	json_decref(json);
	end_server(server);
	free(load);
}
END_TEST

START_TEST(ctrl_c_before_the_measured_stretch_measures_nothing)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 60", program_port(server));
	program_pause_ms(1000);
	kill(load->pid, SIGINT);
	program_end(load);
	program_expect(load, 3, "before anything was measured");
	ck_assert_str_eq(load->said, "");
	end_server(server);
	free(load);
}
END_TEST

START_TEST(ctrl_c_ends_the_wait_for_a_server_that_hangs)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 60",
		      program_port(server));
	program_pause_ms(1000);
	kill(server->pid, SIGSTOP);
	program_pause_ms(300);
	kill(load->pid, _i ? SIGTERM : SIGINT);
	program_end(load);
	program_expect(load, 0, "ended early");
	kill(server->pid, SIGCONT);
	end_server(server);
	free(load);
}
END_TEST

START_TEST(processor_time_is_null_unless_somebody_is_looked_at)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));

	for (int looked = 0; looked < 2; looked++) {
		char subject[32] = "";
		const json_t *cpu_ns;
		json_t *json;

		if (looked)
			snprintf(subject, sizeof(subject), "--subject %d", (int)server->pid);
		program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 0.1 --json - "
			      "%s", program_port(server), subject);
		program_end(load);
		json = json_loads(load->said, 0, NULL);
		ck_assert_msg(json != NULL, "%s", load->complained);
		cpu_ns = json_object_get(json, "cpu_ns");
		ck_assert(looked ? json_integer_value(cpu_ns) > 0 : json_is_null(cpu_ns));
		json_decref(json);
	}
	end_server(server);
	free(load);
}
END_TEST

START_TEST(a_server_that_pauses_is_slow_and_not_wrong)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 0.3 --size 64K "
		      "--depth 8", program_port(server));
	program_pause_ms(100);
	kill(server->pid, SIGSTOP);
	program_pause_ms(4000);
	kill(server->pid, SIGCONT);
	program_end(load);
	ck_assert_msg(load->code == 0, "%d: %s", load->code, load->complained);
	end_server(server);
	free(load);
}
END_TEST

START_TEST(a_server_that_is_silent_is_said_and_not_called_wrong)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 0.3",
		      program_port(server));
	program_pause_ms(100);
	kill(server->pid, SIGSTOP);
	program_end(load);
	program_expect(load, 3, "no answer for 5 s on 16 of 16 connections");
	kill(server->pid, SIGCONT);
	end_server(server);
	free(load);
}
END_TEST

START_TEST(more_connections_than_the_server_takes_are_no_wrong_byte)
{
	struct program *server = begin_server("--connections 2"), *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 0.1 --connections 3",
		      program_port(server));
	program_end(load);
	program_expect(load, 3, "no answer for 5 s on 1 of 3 connections");
	ck_assert_str_eq(load->said, "");
	end_server(server);
	free(load);
}
END_TEST

START_TEST(more_messages_than_can_be_answered_in_time_are_not_begun)
{
	struct program *server = begin_server(""), *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --warmup 0 --duration 0.2 --connections 8 "
		      "--size 1M --depth 1024", program_port(server));
	program_end(load);
	ck_assert_msg(load->code == 0, "%d: %s", load->code, load->complained);
	end_server(server);
	free(load);
}
END_TEST

START_TEST(nobody_there_is_said_with_the_address)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { 0 };

	server.listener = listener_open(&server.port); /* to know a port where nobody is, once it is closed */
	close(server.listener);
	program_begin(program, NULL, "load echo 127.0.0.1:%u", server.port);
	program_end(program);
	program_expect(program, 3, "Connection refused");
	program_begin(program, NULL, "load echo [::1]:%u", server.port);
	program_end(program);
	program_expect(program, 3, "[::1]:");
	free(program);
}
END_TEST

static void lower_files(void)
{
	struct rlimit limit = { 12, 12 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(too_few_descriptors_are_said_with_what_to_do)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { 0 };

	server.listener = listener_open(&server.port);
	program_begin(program, lower_files, "load echo 127.0.0.1:%u --connections 100",
		      server.port);
	program_end(program);
	program_expect(program, 3, "ulimit -n");
	close(server.listener);
	free(program);
}
END_TEST

START_TEST(a_result_that_cannot_be_written_is_said)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .fault = FAULT_NONE };
	pthread_t thread;

	server.listener = listener_open(&server.port);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &server), 0);
	program_begin(program, NULL, "load echo 127.0.0.1:%u --connections 1 --warmup 0 "
		      "--duration 0.05 --json /dev/full", server.port);
	program_end(program);
	program_expect(program, 3, "No space left on device");
	pthread_join(thread, NULL);
	close(server.listener);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program load");
	TCase *cases = tcase_create("load");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_test(cases, an_honest_server_is_measured);
	tcase_add_test(cases, a_stretch_in_which_nothing_was_due_has_no_figures);
	tcase_add_loop_test(cases, wrong_lost_and_doubled_bytes_void_the_figures, 0, 6);
	tcase_add_test(cases, a_server_that_resets_is_no_wrong_byte);
	tcase_add_loop_test(cases, ctrl_c_keeps_what_was_measured, 0, 3);
	tcase_add_test(cases, ctrl_c_before_the_measured_stretch_measures_nothing);
	tcase_add_loop_test(cases, ctrl_c_ends_the_wait_for_a_server_that_hangs, 0, 2);
	tcase_add_test(cases, processor_time_is_null_unless_somebody_is_looked_at);
	tcase_add_test(cases, a_server_that_pauses_is_slow_and_not_wrong);
	tcase_add_test(cases, a_server_that_is_silent_is_said_and_not_called_wrong);
	tcase_add_test(cases, more_connections_than_the_server_takes_are_no_wrong_byte);
	tcase_add_test(cases, more_messages_than_can_be_answered_in_time_are_not_begun);
	tcase_add_test(cases, nobody_there_is_said_with_the_address);
	tcase_add_test(cases, too_few_descriptors_are_said_with_what_to_do);
	tcase_add_test(cases, a_result_that_cannot_be_written_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
