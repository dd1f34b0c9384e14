/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Each step down, forced twice: by doing without, and by a ring that refuses the entry as a filter of
 * the host's would. And that what is carried out the lower way is carried out. */
#include <arpa/inet.h>
#include <check.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct expectation {
	const char *steps;
	enum duet_kind kind;
	enum duet_way way;
};

/* Of those that stand in for another, each is taken away as well. */
static const struct expectation expectations[] = {
	{"accept", DUET_ACCEPT, DUET_WAY_EMULATED},
	{"connect", DUET_CONNECT, DUET_WAY_EMULATED},
	{"recv", DUET_RECV, DUET_WAY_ENCODED},
	{"recv+read", DUET_RECV, DUET_WAY_EMULATED},
	{"send", DUET_SEND, DUET_WAY_ENCODED},
	{"send+sendmsg", DUET_SEND, DUET_WAY_EMULATED},
	{"read", DUET_READ, DUET_WAY_ENCODED},
	{"read+readv", DUET_READ, DUET_WAY_WORKER},
	{"write", DUET_WRITE, DUET_WAY_ENCODED},
	{"write+writev", DUET_WRITE, DUET_WAY_WORKER},
	{"openat", DUET_OPEN, DUET_WAY_WORKER},
	{"fsync", DUET_FSYNC, DUET_WAY_WORKER},
	{"shutdown", DUET_SHUTDOWN, DUET_WAY_INLINE},
	{"close", DUET_CLOSE, DUET_WAY_EMULATED},
	{"socket", DUET_SOCKET, DUET_WAY_INLINE},
	{"ftruncate", DUET_TRUNCATE, DUET_WAY_WORKER},
	{"read", DUET_SIGNAL, DUET_WAY_EMULATED},
	{"recvmsg", DUET_RECVMSG, DUET_WAY_EMULATED},
	{"sendmsg", DUET_SENDMSG, DUET_WAY_EMULATED},
	{"send-zc", DUET_SEND_ZERO_COPY, DUET_WAY_ENCODED},
	{"send-zc+sendmsg", DUET_SEND_ZERO_COPY, DUET_WAY_EMULATED},
};

enum { EXPECTATIONS = sizeof(expectations) / sizeof(*expectations) };

static struct duet_loop *loop;
static struct duet_probe probe;

static void loop_with(const char *key, const char *steps, uint32_t workers)
{
	struct duet_loop_options options;
	char tuning[128];

	/* direct=no: the way of an entry is to be seen. */
	snprintf(tuning, sizeof(tuning), "direct=no,%s=%s", key, steps);
	duet_loop_options_init(&options);
	options.tuning = tuning;
	options.worker_threads = workers;
	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), &options), 0);
	ck_assert_int_eq(duet_backend_probe(duet_completion(), tuning, &probe), 0);
}

static void loop_close(void)
{
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

/* What nobody hears of is given back. */
static void heard(struct duet_op *op)
{
	(void)op;
}

static void run(struct duet_op *op)
{
	int answer = duet_op_start(loop, op);

	ck_assert_msg(answer >= 0, "%s: %s", duet_kind_name((enum duet_kind)op->kind),
		      duet_error_name(answer));
	while (duet_op_pending(op))
		ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
}

/* ---- Something of each kind. ---- */

static void converse(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct duet_op listening, accepting, connecting, op;
	duet_handle listener, client, server;
	socklen_t length;
	char data[8];

	duet_op_init(&op, heard, NULL);
	duet_op_socket(&op, AF_INET, SOCK_STREAM, 0);
	run(&op);
	listener = op.made;
	duet_op_init(&listening, heard, NULL);
	duet_op_bind(&listening, listener, (struct sockaddr *)&address, sizeof(address));
	run(&listening);
	address = *(const struct sockaddr_in *)duet_op_address(&listening, &length);
	duet_op_listen(&op, listener, 8);
	run(&op);
	duet_op_socket(&op, AF_INET, SOCK_STREAM, 0);
	run(&op);
	client = op.made;

	duet_op_init(&accepting, heard, NULL);
	duet_op_accept(&accepting, listener, 0);
	ck_assert_int_eq(duet_op_start(loop, &accepting), 0);
	duet_op_init(&connecting, heard, NULL);
	duet_op_connect(&connecting, client, (struct sockaddr *)&address, sizeof(address));
	run(&connecting);
	ck_assert_int_eq(connecting.result, 0);
	while (duet_op_pending(&accepting))
		ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
	server = accepting.made;

	duet_op_init(&op, heard, NULL);
	duet_op_send(&op, client, "twelve bytes", 12, DUET_WHOLE);
	run(&op);
	ck_assert_int_eq(op.disposition, DUET_COMPLETED);
	duet_op_recv(&op, server, data, 8, DUET_WHOLE);
	run(&op);
	ck_assert_int_eq(memcmp(data, "twelve b", 8), 0);
	duet_op_recv(&op, server, data, 8, 0);
	run(&op);
	ck_assert_int_eq(op.result, 4);
	duet_op_send_zero_copy(&op, client, "again", 5, DUET_WHOLE);
	run(&op);
	ck_assert_int_eq(op.disposition, DUET_COMPLETED);
	duet_op_recv(&op, server, data, 5, DUET_WHOLE);
	run(&op);
	ck_assert_int_eq(memcmp(data, "again", 5), 0);
	duet_op_shutdown(&op, client, SHUT_WR);
	run(&op);
	ck_assert_int_eq(op.result, 0);
	duet_op_recv(&op, server, data, 8, 0);
	run(&op);
	ck_assert_int_eq(op.result, 0);
	duet_op_close(&op, client);
	run(&op);
	duet_op_close(&op, server);
	run(&op);
	duet_op_close(&op, listener);
	run(&op);
	ck_assert_int_eq(op.result, 0);
}

/* From one end to the other, which waits for it; and a send of a datagram that waits for room. */
static void exchange(int type)
{
	struct duet_msghdr received = {0}, sent = {0};
	struct duet_op receive, op;
	duet_handle ends[2];
	size_t filled = 0;
	ssize_t n;
	int fds[2];
	char data[8];

	ck_assert_int_eq(socketpair(AF_UNIX, type, 0, fds), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fds[0], 0, &ends[0]), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fds[1], 0, &ends[1]), 0);
	duet_op_init(&receive, heard, NULL);
	duet_op_recvfrom(&receive, ends[1], data, sizeof(data), &received);
	ck_assert_int_eq(duet_op_start(loop, &receive), 0);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert(duet_op_pending(&receive));
	duet_op_init(&op, heard, NULL);
	duet_op_sendto(&op, ends[0], "message", 7, &sent);
	run(&op);
	ck_assert_int_eq(op.result, 7);
	while (duet_op_pending(&receive))
		ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
	ck_assert_int_eq(receive.result, 7);
	ck_assert_int_eq(memcmp(data, "message", 7), 0);

	while ((n = send(fds[0], "filler", 6, MSG_DONTWAIT)) > 0)
		filled += (size_t)n;
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert(duet_op_pending(&op));
	/* Not more: a ring of the plain mode may have sent already what waits behind it. */
	for (; filled; filled -= (size_t)n) {
		n = recv(fds[1], data, filled < sizeof(data) ? filled : sizeof(data), MSG_DONTWAIT);
		ck_assert_int_gt(n, 0);
	}
	while (duet_op_pending(&op))
		ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
	ck_assert_int_eq(op.result, 7);
	run(&receive);
	ck_assert_int_eq(receive.result, 7);

	duet_op_recvfrom(&receive, ends[1], data, sizeof(data), &received);
	ck_assert_int_eq(duet_op_start(loop, &receive), 0);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	duet_op_cancel(&receive);
	while (duet_op_pending(&receive))
		ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
	ck_assert_int_eq(receive.result, -ECANCELED);
	duet_op_close(&op, ends[0]);
	run(&op);
	duet_op_close(&op, ends[1]);
	run(&op);
}

static void use_file(void)
{
	struct duet_msghdr header = {0};
	struct duet_op op;
	duet_handle file;
	char data[8];

	duet_op_init(&op, heard, NULL);
	duet_op_open(&op, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600);
	run(&op);
	ck_assert_int_eq(op.disposition, DUET_COMPLETED);
	file = op.made;
	duet_op_write(&op, file, "written", 7, 4);
	run(&op);
	ck_assert_int_eq(op.result, 7);
	duet_op_fsync(&op, file, DUET_DATA_ONLY);
	run(&op);
	ck_assert_int_eq(op.result, 0);
	duet_op_sendto(&op, file, "message", 7, &header);
	run(&op);
	ck_assert_int_eq(op.result, -ENOTSOCK);
	duet_op_recvfrom(&op, file, data, 8, &header);
	run(&op);
	ck_assert_int_eq(op.result, -ENOTSOCK);
	duet_op_truncate(&op, file, 9);
	run(&op);
	ck_assert_int_eq(op.result, 0);
	duet_op_read(&op, file, data, 8, 4);
	run(&op);
	ck_assert_int_eq(op.result, 5);
	ck_assert_int_eq(memcmp(data, "writt", 5), 0);
	duet_op_close(&op, file);
	run(&op);
	ck_assert_int_eq(op.result, 0);
}

static void hear_signals(void)
{
	struct signalfd_siginfo told;
	duet_handle handle;
	struct duet_op op;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	ck_assert_int_eq(duet_handle_signals(loop, &set, &handle), 0);
	duet_op_init(&op, heard, NULL);
	duet_op_signal(&op, handle, &told);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(duet_op_start(loop, &op), 0);
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
		ck_assert(duet_op_pending(&op));
		if (i)
			duet_op_cancel(&op);
		else
			ck_assert_int_eq(raise(SIGUSR2), 0);
		while (duet_op_pending(&op))
			ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
	}
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(told.ssi_signo, SIGUSR2);
	duet_op_close(&op, handle);
	run(&op);
}

/* From a file through a pipe into another: the first two ways of a splice. */
static void use_splice(void)
{
	struct duet_splice splice;
	duet_handle file, ends[2];
	struct duet_op op;
	char data[8];

	duet_op_init(&op, heard, NULL);
	duet_op_open(&op, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600);
	run(&op);
	file = op.made;
	duet_op_write(&op, file, "written", 7, 0);
	run(&op);
	ck_assert_int_eq(duet_handle_pipe(loop, ends, 0), 0);
	duet_splice_init(&splice, file, ends[1]);
	splice.from_offset_bytes = 3;
	duet_op_splice(&op, &splice, 100, 0);
	run(&op);
	ck_assert_int_eq(op.result, 4);
	duet_op_recv(&op, ends[0], data, 4, DUET_WHOLE);
	run(&op);
	ck_assert_int_eq(memcmp(data, "tten", 4), 0);
	for (int i = 0; i < 3; i++) {
		duet_op_close(&op, i ? ends[i - 1] : file);
		run(&op);
	}
}

/* All went that way, and none another: what was counted is what was said. */
static void expect_way(const struct expectation *expected)
{
	for (int way = 0; way < DUET_WAY_COUNT; way++) {
		uint64_t count = duet_loop_way_count(loop, expected->kind, (enum duet_way)way);

		if (way == (int)expected->way)
			ck_assert_msg(count > 0, "without %s nothing went as %s", expected->steps,
				      duet_way_name((enum duet_way)way));
		else if (way != DUET_WAY_INLINE)
			ck_assert_msg(count == 0, "without %s %llu went as %s", expected->steps,
				      (unsigned long long)count, duet_way_name((enum duet_way)way));
	}
}

static void step_down(const char *key, const char *word, const struct expectation *expected)
{
	loop_with(key, expected->steps, 2);
	ck_assert_int_eq(duet_loop_capability(loop, expected->kind), DUET_EMULATED);
	ck_assert_int_eq(probe.capability[expected->kind], DUET_EMULATED);
	ck_assert_msg(strstr(probe.why[expected->kind], word), "%s", probe.why[expected->kind]);
	converse();
	exchange(SOCK_STREAM);
	exchange(SOCK_DGRAM);
	use_file();
	hear_signals();
	expect_way(expected);
	loop_close();
}

START_TEST(what_is_done_without_goes_the_next_way_down)
{
	step_down("without", "switched off", &expectations[_i]);
}
END_TEST

START_TEST(what_a_filter_refuses_goes_the_next_way_down)
{
	step_down("refuse", "refused by a filter: EACCES", &expectations[_i]);
}
END_TEST

/* Native it is on no ring: its own entry is for files only. */
START_TEST(a_splice_of_a_file_goes_by_its_entry_or_by_a_worker)
{
	static const char *const steps[] = { "without", "refuse" };

	loop_with("mode", "deferred", 2);
	ck_assert_int_eq(duet_loop_capability(loop, DUET_SPLICE), DUET_EMULATED);
	use_splice();
	ck_assert_uint_eq(duet_loop_way_count(loop, DUET_SPLICE, DUET_WAY_WORKER), 0);
	loop_close();
	for (int i = 0; i < 2; i++) {
		loop_with(steps[i], "splice", 2);
		ck_assert_int_eq(duet_loop_capability(loop, DUET_SPLICE), DUET_EMULATED);
		ck_assert_msg(strstr(probe.why[DUET_SPLICE], i ? "EACCES" : "switched off"), "%s",
			      probe.why[DUET_SPLICE]);
		use_splice();
		ck_assert_uint_eq(duet_loop_way_count(loop, DUET_SPLICE, DUET_WAY_WORKER), 1);
		loop_close();
	}
}
END_TEST

START_TEST(nothing_is_forced_and_everything_goes_its_own_way)
{
	for (int i = 0; i < EXPECTATIONS; i++) {
		struct expectation expected = expectations[i];

		loop_with("mode", i % 2 ? "plain" : "deferred", 2);
		expected.way = DUET_WAY_ARMED;
		ck_assert_int_eq(duet_loop_capability(loop, expected.kind), DUET_NATIVE);
		ck_assert_str_eq(probe.why[expected.kind], "");
		converse();
		exchange(SOCK_STREAM);
		exchange(SOCK_DGRAM);
		use_file();
		hear_signals();
		expect_way(&expected);
		loop_close();
	}
}
END_TEST

START_TEST(a_multishot_and_a_pool_are_done_without)
{
	static const struct {
		const char *steps;
		enum duet_capability pooled;
	} rings[] = {
		{ "recv-multishot", DUET_NATIVE },
		{ "recv+read", DUET_EMULATED },
		{ "recv", DUET_NATIVE },
		{ "pool-ring", DUET_EMULATED },
	};

	for (size_t i = 0; i < sizeof(rings) / sizeof(*rings); i++) {
		struct duet_pool *pool;
		duet_handle ends[2];
		int fds[2];
		struct duet_op receive, op;

		loop_with("without", rings[i].steps, 2);
		ck_assert_int_eq(duet_pool_create(loop, 2, 4, &pool), 0);
		ck_assert_int_eq(duet_loop_regime(loop, DUET_REGIME_POOLED), rings[i].pooled);
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		ck_assert_int_eq(duet_handle_adopt(loop, fds[0], 0, &ends[0]), 0);
		ck_assert_int_eq(duet_handle_adopt(loop, fds[1], 0, &ends[1]), 0);
		duet_op_init(&receive, heard, NULL);
		duet_op_recv_pooled(&receive, ends[1], pool, 0);
		ck_assert_int_eq(duet_op_start(loop, &receive), 0);
		duet_op_init(&op, heard, NULL);
		duet_op_send(&op, ends[0], "four", 4, 0);
		run(&op);
		while (duet_op_pending(&receive))
			ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
		ck_assert_int_eq(receive.result, 4);
		ck_assert_int_eq(memcmp(receive.buffer.data, "four", 4), 0);
		ck_assert_int_eq(duet_pool_free_count(pool), 1);
		ck_assert_int_eq(duet_buffer_return(loop, &receive.buffer), 0);
		ck_assert_int_eq(duet_pool_free_count(pool), 2);
		loop_close();
	}
}
END_TEST

START_TEST(without_workers_the_last_way_is_absent)
{
	loop_with("without", "openat", 0);
	ck_assert_int_eq(duet_loop_capability(loop, DUET_OPEN), DUET_ABSENT);
	ck_assert_int_eq(duet_loop_capability(loop, DUET_READ), DUET_NATIVE);
	loop_close();
}
END_TEST

START_TEST(what_nothing_stands_in_for_is_told_by_name)
{
	static const char *const names[] = {"nop", "poll", "cancel"};
	char tuning[32];

	for (size_t i = 0; i < 3; i++) {
		snprintf(tuning, sizeof(tuning), "refuse=%s", names[i]);
		ck_assert_int_eq(duet_backend_probe(duet_completion(), tuning, &probe), -EACCES);
		ck_assert_msg(strstr(probe.reason, names[i]), "%s", probe.reason);
	}
}
END_TEST

START_TEST(the_environment_switches_off_and_a_wrong_name_is_told)
{
	setenv("DUET_COMPLETION_WITHOUT", "accept,recv-multishot", 1);
	ck_assert_int_eq(duet_backend_probe(duet_completion(), NULL, &probe), 0);
	ck_assert_int_eq(probe.capability[DUET_ACCEPT], DUET_EMULATED);
	ck_assert_int_eq(probe.capability[DUET_RECV], DUET_NATIVE);
	ck_assert(strstr(probe.shape, "multishot receive emulated"));
	setenv("DUET_COMPLETION_WITHOUT", "accept,speed", 1);
	ck_assert_int_eq(duet_backend_probe(duet_completion(), NULL, &probe), -EINVAL);
	ck_assert_msg(strstr(probe.reason, "accept,speed"), "%s", probe.reason);
	unsetenv("DUET_COMPLETION_WITHOUT");
	ck_assert_int_eq(duet_backend_probe(duet_completion(), "without=speed", &probe), -EINVAL);
}
END_TEST

/* A loop without anything to do has made no call that counts. */
START_TEST(what_is_tried_is_no_operation)
{
	struct duet_stats stats;

	loop_with("entries", "8", 2);
	duet_loop_stats(loop, &stats);
	ck_assert_uint_eq(stats.submitted + stats.events + stats.started + stats.armed, 0);
	loop_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("completion_ladder");
	TCase *tcase = tcase_create("ladder");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, what_is_done_without_goes_the_next_way_down, 0, EXPECTATIONS);
	tcase_add_loop_test(tcase, what_a_filter_refuses_goes_the_next_way_down, 0, EXPECTATIONS);
	tcase_add_test(tcase, a_splice_of_a_file_goes_by_its_entry_or_by_a_worker);
	tcase_add_test(tcase, nothing_is_forced_and_everything_goes_its_own_way);
	tcase_add_test(tcase, a_multishot_and_a_pool_are_done_without);
	tcase_add_test(tcase, without_workers_the_last_way_is_absent);
	tcase_add_test(tcase, what_nothing_stands_in_for_is_told_by_name);
	tcase_add_test(tcase, the_environment_switches_off_and_a_wrong_name_is_told);
	tcase_add_test(tcase, what_is_tried_is_no_operation);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
