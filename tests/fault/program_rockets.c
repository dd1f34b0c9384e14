/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve rockets` against clients of every kind: what is asked in pieces, two at a time or not at all,
 * what is no HTTP, clients that hang up, and the failures that it was told to have. */
#include <poll.h>

#include "tests/fault/served.h"

enum { ANSWER_MAX = 1 << 17 };

static const char RING[] = "GET /rockets/h3 HTTP/1.1\r\nHost: x\r\n\r\n",
		  RING_ONCE[] = "GET /rockets/h3 HTTP/1.1\r\nConnection: close\r\n\r\n";
static char answer[ANSWER_MAX];

static void read_all(int fd)
{
	served_read(fd, answer, sizeof(answer));
}

static void expect(const char *part)
{
	ck_assert_msg(strstr(answer, part) != NULL, "not '%s' but: %.300s", part, answer);
}

static void begin(struct program *program, const char *options)
{
	served_begin(program, "rockets", options);
}

/* One request on a connection of its own, whatever it is. */
static void ask(const struct program *program, const char *text)
{
	int fd = served_connect(program);

	served_send(fd, text);
	read_all(fd);
}

static const struct {
	const char *request, *status, *part;
} CASES[] = {
	{ "GET /rockets HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "{\"id\":\"h3\",\"name\":\"H3\"}" },
	{ "GET /rockets/h3 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\"country\":\"Japan\"" },
	{ "GET http://a/rockets/h3?b=c HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\"engines\":{" },
	{ "GET /rockets/h3 HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\n", "LE-9" },
	{ "GET /rockets/h33 HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "error" },
	{ "GET /rockets/ HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "error" },
	{ "GET /rocketsh3 HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "error" },
	{ "GET /rockets/1234567890123456789012345678901234567890 HTTP/1.0\r\n\r\n",
	  "HTTP/1.1 404 Not Found\r\n", "error" },
	{ "PUT /rockets/h3 HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET" },
	{ "CONNECT h3:80 HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET" },
	{ "GET /rockets/h3 HTTP/1.1\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n",
	  "HTTP/1.1 200 OK\r\n", "Connection: close" },
	{ "GET /rockets FTP/1.0\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "Connection: close" },
	{ "\x16\x03\x01\x02", "HTTP/1.1 400 Bad Request\r\n", "Connection: close" },
	{ "GET /rockets HTTP/1.1\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "" },
};

START_TEST(each_request_has_its_answer)
{
	struct program *program = calloc(1, sizeof(*program));

	begin(program, SERVERS[_i]);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
		ask(program, CASES[i].request);
		ck_assert_msg(!strncmp(answer, CASES[i].status, strlen(CASES[i].status)),
			      "%s: %.200s", CASES[i].request, answer);
		expect(CASES[i].part);
	}
	served_end(program);
	ck_assert_int_eq(served_counted(program, "requests"), sizeof(CASES) / sizeof(*CASES));
	ck_assert_int_eq(served_counted(program, "answered") + served_counted(program, "refused"),
			 served_counted(program, "requests"));
	free(program);
}
END_TEST

/* What is too long is refused, and the answer isn't lost though there is more on its way. */
START_TEST(what_is_too_long_is_refused)
{
	static const struct { const char *head, *status; } LONG[] = {
		{ "GET /", "HTTP/1.1 414 " },
		{ "GET / HTTP/1.1\r\nX: ", "HTTP/1.1 431 " },
		{ "POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", "HTTP/1.1 413 " },
	};
	struct program *program = calloc(1, sizeof(*program));
	char *much = malloc(200001);

	memset(much, 'x', 200000);
	much[200000] = 0;
	begin(program, SERVERS[_i]);
	for (size_t i = 0; i < sizeof(LONG) / sizeof(*LONG); i++) {
		int fd = served_connect(program);

		served_send(fd, LONG[i].head);
		served_send(fd, much);
		read_all(fd);
		expect(LONG[i].status);
	}
	served_end(program);
	free(much);
	free(program);
}
END_TEST

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Random bytes, and requests of which some bytes are others: each connection ends, and the next is served. */
START_TEST(garbage_is_answered_or_hung_up_on)
{
	struct program *program = calloc(1, sizeof(*program));
	uint32_t seed = (uint32_t)time(NULL), random = seed;
	char text[300];

	printf("seed %u\n", seed);
	begin(program, SERVERS[_i]);
	for (int i = 0; i < 100; i++) {
		size_t length = i % 2 ? sizeof(RING) - 1 : draw(&random) % sizeof(text) + 1;
		int fd = served_connect(program);

		memcpy(text, RING, sizeof(RING));
		for (size_t at = i % 2 ? draw(&random) % length : 0; at < length;
		     at += i % 2 ? length : 1)
			text[at] = (char)draw(&random);
		ck_assert_int_eq(send(fd, text, length, MSG_NOSIGNAL), (ssize_t)length);
		shutdown(fd, SHUT_WR);
		read_all(fd);
		ck_assert_msg(!*answer || !strncmp(answer, "HTTP/1.1 ", 9), "%.100s", answer);
	}
	ask(program, RING_ONCE);
	expect("LE-9");
	served_end(program);
	free(program);
}
END_TEST

START_TEST(pieces_and_packets_of_two_are_the_same_requests)
{
	struct program *program = calloc(1, sizeof(*program));
	char both[sizeof(RING) + sizeof(RING_ONCE)];
	const char *second;
	int fd;

	begin(program, SERVERS[_i]);
	fd = served_connect(program);
	for (const char *at = RING_ONCE; *at; at++)
		ck_assert_int_eq(send(fd, at, 1, MSG_NOSIGNAL), 1);
	read_all(fd);
	expect("LE-9");
	snprintf(both, sizeof(both), "%s%s", RING, RING_ONCE);
	ask(program, both);
	expect("Connection: keep-alive");
	second = strstr(answer + 1, "HTTP/1.1 200 OK");
	ck_assert_msg(second && strstr(second, "Connection: close"), "one answer: %s", answer);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "connections"), 2);
	ck_assert_int_eq(served_counted(program, "requests"), 3);
	ck_assert_int_eq(served_counted(program, "peak"), 1);
	free(program);
}
END_TEST

START_TEST(who_hangs_up_one_side_has_its_answer_and_who_hangs_up_both_harms_nobody)
{
	struct linger at_once = { 1, 0 };
	struct program *program = calloc(1, sizeof(*program));
	char options[128];
	int fd;

	snprintf(options, sizeof(options), "%s --latency 0.02", SERVERS[_i]);
	begin(program, options);
	for (int i = 0; i < 30; i++) {
		fd = served_connect(program);
		ck_assert_int_eq(send(fd, RING, i % 3 ? sizeof(RING) - 1 : 10, MSG_NOSIGNAL),
				 i % 3 ? (ssize_t)sizeof(RING) - 1 : 10);
		if (i % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
	fd = served_connect(program);
	served_send(fd, RING);
	shutdown(fd, SHUT_WR);
	read_all(fd);
	expect("LE-9");
	fd = served_connect(program); /* says nothing, and leaves */
	shutdown(fd, SHUT_WR);
	read_all(fd);
	ck_assert_str_eq(answer, "");
	served_end(program);
	ck_assert_int_eq(served_counted(program, "connections"), 32);
	ck_assert_int_ge(served_counted(program, "left"), 1);
	free(program);
}
END_TEST

static const struct {
	const char *how, *part;
	bool whole; /* what it says that it sends */
} FAULTS[] = {
	{ "status", "HTTP/1.1 500 Internal Server Error", true },
	{ "cut", "HTTP/1.1 200 OK", false },
	{ "malformed", "HTTP/1.1 200 OK", true },
};

START_TEST(a_failure_is_of_the_kind_that_was_asked_for)
{
	struct program *program = calloc(1, sizeof(*program));
	char options[128];
	const char *length, *body;

	snprintf(options, sizeof(options), "%s --fail-id h3 --fail-how %s",
		 SERVERS[_i % SERVER_COUNT], FAULTS[_i / SERVER_COUNT].how);
	begin(program, options);
	ask(program, "GET /rockets/n1 HTTP/1.0\r\n\r\n");
	expect("NK-15");
	ask(program, RING_ONCE);
	expect(FAULTS[_i / SERVER_COUNT].part);
	ck_assert_ptr_null(strstr(answer, "LE-9"));
	length = strstr(answer, "Content-Length: ");
	body = strstr(answer, "\r\n\r\n");
	ck_assert(length && body);
	ck_assert_int_eq(strlen(body + 4) == strtoul(length + 16, NULL, 10),
			 FAULTS[_i / SERVER_COUNT].whole);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "failed"), 1);
	ck_assert_int_eq(served_counted(program, "answered"), 1);
	free(program);
}
END_TEST

START_TEST(a_body_that_stops_is_followed_by_nothing)
{
	struct program *program = calloc(1, sizeof(*program));
	struct pollfd silent;
	char options[128];
	ssize_t got, more;

	snprintf(options, sizeof(options), "%s --fail-request 1 --fail-how stop", SERVERS[_i]);
	begin(program, options);
	silent = (struct pollfd){ .fd = served_connect(program), .events = POLLIN };
	served_send(silent.fd, RING);
	got = recv(silent.fd, answer, sizeof(answer) - 1, 0);
	ck_assert_int_gt(got, 0);
	answer[got] = 0;
	while (!strstr(answer, "\"country\"")) {
		more = recv(silent.fd, answer + got, sizeof(answer) - 1 - (size_t)got, 0);
		ck_assert_int_gt(more, 0);
		got += more;
		answer[got] = 0;
	}
	ck_assert_int_eq(poll(&silent, 1, 100), 0);
	ask(program, RING_ONCE); /* the second is served meanwhile */
	expect("LE-9");
	served_end(program); /* and Ctrl-C, too, ends it with a client that waits */
	ck_assert_int_eq(recv(silent.fd, answer, sizeof(answer), 0), 0);
	close(silent.fd);
	free(program);
}
END_TEST

static int count_failures(const char *options)
{
	struct program *program = calloc(1, sizeof(*program));
	int failures = 0;

	begin(program, options);
	for (int i = 0; i < 40; i++) {
		ask(program, RING_ONCE);
		failures = 2 * failures + !strncmp(answer, "HTTP/1.1 500", 12);
		failures %= 1000003;
	}
	served_end(program);
	if (strstr(options, "percent 50"))
		ck_assert_msg(served_counted(program, "failed") > 4 && served_counted(program, "failed") < 36,
			      "%ld of 40", served_counted(program, "failed"));
	free(program);
	return failures;
}

START_TEST(a_seed_gives_the_same_failures_again)
{
	int first = count_failures("--backend polling --fail-percent 50 --seed 7");

	ck_assert_int_eq(count_failures("--backend completion --fail-percent 50 --seed 7"), first);
	ck_assert_int_ne(count_failures("--backend polling --fail-percent 50 --seed 8"), first);
	ck_assert_int_eq(count_failures("--backend polling --fail-percent 0"), 0);
}
END_TEST

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(an_answer_is_as_late_as_it_should_be_and_many_wait_beside_each_other)
{
	enum { MANY = 100 };
	struct program *program = calloc(1, sizeof(*program));
	char options[128];
	int peers[MANY];
	uint64_t begun_ms;

	snprintf(options, sizeof(options), "%s --latency 0.3", SERVERS[_i]);
	begin(program, options);
	begun_ms = now_ms();
	for (int i = 0; i < MANY; i++) {
		peers[i] = served_connect(program);
		served_send(peers[i], RING_ONCE);
	}
	for (int i = 0; i < MANY; i++) {
		read_all(peers[i]);
		ck_assert_uint_ge(now_ms() - begun_ms, 299);
		expect("LE-9");
	}
	served_end(program);
	ck_assert_int_eq(served_counted(program, "answered"), MANY);
	ck_assert_int_gt(served_counted(program, "peak"), 1);
	free(program);
}
END_TEST

START_TEST(more_clients_than_places_wait_for_their_turn)
{
	enum { MANY = 20 };
	struct program *program = calloc(1, sizeof(*program));
	char options[128];
	int peers[MANY];

	snprintf(options, sizeof(options), "%s --connections 2 --latency 0.002", SERVERS[_i]);
	begin(program, options);
	for (int i = 0; i < MANY; i++) {
		peers[i] = served_connect(program);
		served_send(peers[i], RING_ONCE);
	}
	for (int i = 0; i < MANY; i++) {
		read_all(peers[i]);
		expect("LE-9");
	}
	served_end(program);
	ck_assert_int_le(served_counted(program, "peak"), 2);
	free(program);
}
END_TEST

START_TEST(a_server_out_of_descriptors_serves_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int peers[40];

	program_begin(program, served_few_files, "serve rockets %s", SERVERS[_i]);
	program_await_word(program, "listening");
	for (int i = 0; i < 40; i++)
		peers[i] = served_connect(program);
	program_await_complaint(program, "no descriptor left");
	for (int i = 0; i < 40; i++)
		close(peers[i]);
	ask(program, RING_ONCE);
	expect("LE-9");
	kill(program->pid, SIGINT);
	program_end(program);
	program_expect(program, 0, "ulimit -n");
	free(program);
}
END_TEST

START_TEST(what_makes_no_sense_is_said)
{
	static const struct program_wrong WRONG[] = {
		{ "serve rockets --fail-how slowly", "status, cut, stop and malformed", 2 },
		{ "serve rockets --fail-id apollo", "no rocket is called so", 2 },
		{ "serve rockets --backend floor-epoll", "serve echo alone", 2 },
		{ "serve rockets --backend null", "nothing to connect to", 2 },
		{ "serve rockets --backend nosuch", "completion, polling, auto", 2 },
		{ "serve rockets echo", "options alone", 2 },
		{ "serve rockets --items 0", "--items", 2 },
		{ "serve rockets --host nowhere", "IPv6, not a name", 2 },
		{ "serve shuttles", "copy, echo, http, kv, proxy, rockets and udp", 2 },
		{ "serve rockets --json /nosuchfolder/x", "/nosuchfolder", 2 },
	};

	program_expect_refusals(WRONG, sizeof(WRONG) / sizeof(*WRONG));
}
END_TEST

START_TEST(the_counters_are_written_at_the_end)
{
	struct program *program = calloc(1, sizeof(*program));

	begin(program, "--backend polling --items 60 --json -");
	ask(program, "GET /rockets/saturn-v-2 HTTP/1.0\r\n\r\n");
	expect("Saturn V-2");
	served_end(program);
	ck_assert_ptr_nonnull(strstr(program->said, "\"system_calls\""));
	ck_assert_ptr_nonnull(strstr(program->said, "\"rockets\""));
	ck_assert_ptr_nonnull(strstr(program->said, "\"requests\": 1"));
	ck_assert_ptr_null(strstr(program->said, "served:"));
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program rockets");
	TCase *cases = tcase_create("rockets");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_loop_test(cases, each_request_has_its_answer, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, what_is_too_long_is_refused, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, garbage_is_answered_or_hung_up_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, pieces_and_packets_of_two_are_the_same_requests, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(
		cases, who_hangs_up_one_side_has_its_answer_and_who_hangs_up_both_harms_nobody, 0,
		SERVER_COUNT);
	tcase_add_loop_test(cases, a_failure_is_of_the_kind_that_was_asked_for, 0,
			    SERVER_COUNT * (int)(sizeof(FAULTS) / sizeof(*FAULTS)));
	tcase_add_loop_test(cases, a_body_that_stops_is_followed_by_nothing, 0, SERVER_COUNT);
	tcase_add_test(cases, a_seed_gives_the_same_failures_again);
	tcase_add_loop_test(cases,
			    an_answer_is_as_late_as_it_should_be_and_many_wait_beside_each_other,
			    0, SERVER_COUNT);
	tcase_add_loop_test(cases, more_clients_than_places_wait_for_their_turn, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_server_out_of_descriptors_serves_on, 0, SERVER_COUNT);
	tcase_add_test(cases, what_makes_no_sense_is_said);
	tcase_add_test(cases, the_counters_are_written_at_the_end);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
