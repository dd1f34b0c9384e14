/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The loads beside echo: churn, a connection for each message, and slow, a reader that is slower than its
 * writer. Servers that misbehave void the figures, and duet compare plays these and the services as workloads. */
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "tests/fault/listener.h"
#include "tests/fault/program.h"

enum fault { FAULT_NONE, FAULT_FLIP, FAULT_LOSE, FAULT_DOUBLE, FAULT_HANG_UP, FAULT_RESET };

/* So many connections, or messages, go well before it. */
enum { WELL = 20, MESSAGE_MAX = 65536 };

struct server {
	enum fault fault;
	int listener;
	unsigned int port;
	unsigned int messages;
};

static void reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
}

static ssize_t misbehave(struct server *server, int fd, unsigned char *data, ssize_t length)
{
	if (++server->messages != WELL)
		return length;
	switch (server->fault) {
	case FAULT_FLIP:
		data[0] ^= 1;
		return length;
	case FAULT_LOSE:
		return length - 1;
	case FAULT_DOUBLE:
		send(fd, data, (size_t)length, MSG_NOSIGNAL);
		return length;
	case FAULT_RESET:
		reset(fd);
		return -1;
	case FAULT_HANG_UP:
		return -1;
	default:
		return length;
	}
}

static void serve_one(struct server *server, int fd)
{
	static unsigned char data[MESSAGE_MAX];
	ssize_t length;

	while ((length = recv(fd, data, sizeof(data), 0)) > 0) {
		length = misbehave(server, fd, data, length);
		if (length < 0)
			break;
		send(fd, data, (size_t)length, MSG_NOSIGNAL);
		/* What is missing is missed when the connection ends. */
		if (server->messages == WELL && server->fault == FAULT_LOSE)
			break;
	}
	close(fd);
}

/* Until the listener is shut down. */
static void *serve(void *context)
{
	struct server *server = context;
	int fd;

	while ((fd = accept(server->listener, NULL, NULL)) >= 0)
		serve_one(server, fd);
	return NULL;
}

static struct program *play_against(enum fault fault, const char *load)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .fault = fault };
	pthread_t thread;

	server.listener = listener_open(&server.port);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &server), 0);
	program_begin(program, NULL, "load %s 127.0.0.1:%u --connections 1 --warmup 0.01 "
		      "--duration 0.1", load, server.port);
	program_end(program);
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(server.listener);
	return program;
}

static const char *const LOADS[] = { "churn", "slow --size 1K --depth 8" };

START_TEST(an_honest_server_is_measured)
{
	struct program *program = play_against(FAULT_NONE, LOADS[_i]);

	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "messages in"));
	ck_assert_str_eq(program->complained, "");
	free(program);
}
END_TEST

static const struct {
	const char *load;
	enum fault fault;
	int code;
	const char *word;
} FAULTS[] = {
	{ "churn", FAULT_FLIP, 4, "void" },
	{ "churn", FAULT_LOSE, 4, "void" },
	{ "churn", FAULT_DOUBLE, 4, "void" },
	{ "churn", FAULT_HANG_UP, 4, "void" },
	{ "churn", FAULT_RESET, 3, "connection 1 of 1" },
	{ "slow --size 64", FAULT_FLIP, 4, "void" },
	{ "slow --size 64", FAULT_RESET, 3, "connection 1 of 1" },
};

START_TEST(a_server_that_misbehaves_is_found_out)
{
	struct program *program = play_against(FAULTS[_i].fault, FAULTS[_i].load);

	program_expect(program, FAULTS[_i].code, FAULTS[_i].word);
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

static const struct {
	const char *words, *complaint;
} REFUSED[] = {
	{ "load churn 127.0.0.1:1 --depth 2", "--depth is not for churn" },
	{ "load churn 127.0.0.1:1 --rate 2", "--rate is an option of echo" },
	{ "load slow 127.0.0.1:1 --rate 2", "--rate is an option of echo" },
	{ "load echo 127.0.0.1:1 --read-rate 2K", "--read-rate is an option of slow" },
	{ "load http 127.0.0.1:1 --rate 2", "--rate is an option of echo" },
	{ "load kv 127.0.0.1:1 --path /x", "--path is an option of http" },
	{ "load http 127.0.0.1:1 --path x", "begins with /" },
	{ "load udp 127.0.0.1:1 --depth 2", "--depth is not for udp" },
	{ "load copy 127.0.0.1:1 --depth 2", "--depth is not for copy" },
	{ "load udp 127.0.0.1:1 --size 20000", "have no room in the server's socket" },
	{ "load udp 127.0.0.1:1 --size 65508 --connections 1", "give 65507 bytes at most" },
	{ "load fast 127.0.0.1:1", "write duet load echo HOST:PORT" },
	{ "compare churn --depth 2", "--depth is an option of the workload" },
	{ "compare udp --connections 200", "have no room in the server's socket" },
	{ "compare udp --depth 2", "--depth is an option of the workload" },
	{ "compare copy --depth 2", "--depth is an option of the workload" },
	{ "compare proxy --a floor-uring", "the workload proxy is played by completion and polling" },
	{ "compare http --read-rate 2K", "--read-rate is an option of the workload slow" },
	{ "compare kv --rate 100", "--rate is an option of the workload echo" },
	{ "compare kv --a polling/future", "the workload kv has no model 'future'" },
	{ "compare kv --a floor-epoll", "by other programs that speak the protocol of Redis" },
	{ "compare http --a null", "the workload http is played by completion and polling" },
	{ "compare http --a exec:x{port}", "the workload http is played by completion and polling" },
	{ "compare echo --read-rate 2K", "--read-rate is an option of the workload slow" },
};

START_TEST(an_option_of_another_load_is_refused)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", REFUSED[_i].words);
	program_end(program);
	program_expect(program, 2, REFUSED[_i].complaint);
	free(program);
}
END_TEST

static const struct {
	const char *words, *title;
} COMPARED[] = {
	{ "churn --connections 4", "churn, 4 connections, 64 bytes" },
	{ "slow --connections 2 --size 4K --read-rate 4M",
	  "slow, 2 connections, 4096 bytes, depth 512, read at 4096 KiB/s" },
	{ "http --connections 2 --size 20000 --depth 3",
	  "http, 2 connections, 20000 bytes, depth 3" },
	{ "kv --connections 3 --size 1000", "kv, 3 connections, 1000 bytes, depth 16" },
	{ "proxy --connections 3 --depth 4", "proxy, 3 connections, 64 bytes, depth 4" },
	{ "udp --connections 3 --size 1", "udp, 3 connections, 1 byte" },
	{ "copy --connections 3 --size 300000", "copy, 3 connections, 300000 bytes" },
};

/* Played, stored, shown, and played again like that. */
START_TEST(it_is_a_workload_like_any_other)
{
	struct program *program = calloc(1, sizeof(*program));
	char path[] = "/tmp/duet-loads-XXXXXX", again[64];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	program_begin(program, NULL, "compare %s --rounds 1 --repeats 0 --duration 0.05 --warmup 0.01 "
		      "--no-kernel-view --json %s", COMPARED[_i].words, path);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_msg(strstr(program->said, COMPARED[_i].title) != NULL, "%s", program->said);
	snprintf(again, sizeof(again), "show %s", path);
	program_begin(program, NULL, "%s", again);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, COMPARED[_i].title));
	program_begin(program, NULL, "compare --like %s --duration 0.02", path);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, COMPARED[_i].title));
	unlink(path);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program_loads");
	TCase *tcase = tcase_create("loads");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, an_honest_server_is_measured, 0, 2);
	tcase_add_loop_test(tcase, a_server_that_misbehaves_is_found_out, 0,
			    sizeof(FAULTS) / sizeof(*FAULTS));
	tcase_add_loop_test(tcase, an_option_of_another_load_is_refused, 0,
			    sizeof(REFUSED) / sizeof(*REFUSED));
	tcase_add_loop_test(tcase, it_is_a_workload_like_any_other, 0,
			    sizeof(COMPARED) / sizeof(*COMPARED));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
