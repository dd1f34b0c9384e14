/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve proxy` between a client and a target that both stand here: what comes across, and how it
 * ends, whoever ends it, at any byte; a side that takes nothing; a target that isn't there; and machines
 * without descriptors or buffers. */
#include <errno.h>
#include <poll.h>

#include "tests/fault/served.h"

enum { ROOM = 1 << 16, BIG = 24 << 20 };

static char text[ROOM];
static const char TALK[] = "a question that is put in words, and may be cut at each byte of it";

/* Where the relays lead to. */
static int open_target(unsigned int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int begin(struct program *program, program_before_fn *before, int server,
		 const char *options)
{
	unsigned int port;
	int target = open_target(&port);

	ck_assert_int_eq(listen(target, 100), 0);
	program_begin(program, before, "serve proxy %s --to localhost:%u %s", SERVERS[server],
		      port, options);
	program_await_word(program, "listening");
	return target;
}

static void connect_both(const struct program *program, int target, int ends[2])
{
	ends[0] = served_connect(program);
	ends[1] = accept(target, NULL, NULL);
	ck_assert_int_ge(ends[1], 0);
}

/* Until the end: how many bytes, or -1 behind which the connection was reset. */
static ssize_t read_end(int fd, size_t *bytes)
{
	ssize_t got;

	*bytes = 0;
	while ((got = recv(fd, text + *bytes, sizeof(text) - *bytes, 0)) > 0)
		*bytes += (size_t)got;
	ck_assert_msg(got == 0 || errno == ECONNRESET, "%s", strerror(errno));
	close(fd);
	return got;
}

static void expect_read(int fd, const char *expected)
{
	size_t bytes;

	ck_assert_int_eq(read_end(fd, &bytes), 0);
	ck_assert_uint_eq(bytes, strlen(expected));
	ck_assert_int_eq(memcmp(text, expected, bytes), 0);
}

static void expect_reset(int fd)
{
	size_t bytes;

	ck_assert_int_eq(read_end(fd, &bytes), -1);
}

/* Who ends its own sending still hears all that the other says, from either side. */
START_TEST(an_end_of_one_direction_is_carried_across_and_the_other_goes_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, ""), ends[2];

	for (int first = 0; first < 2; first++) {
		connect_both(program, target, ends);
		served_send(ends[first], TALK);
		shutdown(ends[first], SHUT_WR);
		while (recv(ends[!first], text, 1, 0) > 0)
			;
		served_send(ends[!first], "first ");
		ck_assert_int_eq(recv(ends[first], text, 6, MSG_WAITALL), 6);
		served_send(ends[!first], "last");
		close(ends[!first]);
		expect_read(ends[first], "last");
	}
	close(target);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "connections"), 2);
	ck_assert_int_eq(served_counted(program, "cut"), 0);
	ck_assert_int_eq(served_counted(program, "to_target_bytes"), sizeof(TALK) - 1 + 10);
	ck_assert_int_eq(served_counted(program, "to_client_bytes"), sizeof(TALK) - 1 + 10);
	free(program);
}
END_TEST

/* One vanishes after so many bytes: the other hears them all and the end if that was orderly, and of a
 * reset at least that it is none. */
START_TEST(a_side_that_vanishes_at_any_byte_is_told_of_and_leaves_nothing)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, ""), ends[2], files = served_files(program);
	size_t bytes;

	for (size_t cut = 0; cut < 4 * sizeof(TALK); cut++) {
		int who = cut % 4 > 1;
		bool reset = cut % 2;

		connect_both(program, target, ends);
		ck_assert_int_eq(send(ends[who], TALK, cut / 4, MSG_NOSIGNAL), (ssize_t)cut / 4);
		served_vanish(ends[who], reset);
		ck_assert_int_eq(read_end(ends[!who], &bytes), reset ? -1 : 0);
		ck_assert_int_eq(memcmp(text, TALK, bytes), 0);
		if (!reset)
			ck_assert_uint_eq(bytes, cut / 4);
	}
	served_await_files(program, files);
	close(target);
	served_end(program);
	/* A target may be gone again before it is known to have been there. */
	ck_assert_int_eq(served_counted(program, "cut") + served_counted(program, "refused"),
			 2 * sizeof(TALK));
	free(program);
}
END_TEST

/* As much as goes into what lies between; it may be more if the machine is slow. */
static size_t send_until_full(int fd, char *data, size_t bytes)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t sent = 0;

	while (sent < bytes && poll(&room, 1, 300) == 1) {
		ssize_t now = send(fd, data + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		ck_assert_msg(now > 0 || errno == EAGAIN || errno == ECONNRESET, "%s", strerror(errno));
		if (now < 0 && errno == ECONNRESET)
			break;
		sent += now > 0 ? (size_t)now : 0;
	}
	return sent;
}

static long json_number(const struct program *program, const char *key)
{
	char name[64];
	const char *at;

	snprintf(name, sizeof(name), "\"%s\": ", key);
	at = strstr(program->said, name);
	ck_assert_msg(at != NULL, "no %s: %s", key, program->said);
	return strtol(at + strlen(name), NULL, 10);
}

/* Both directions at once are full; then each is read, and is what was sent. */
START_TEST(a_side_that_does_not_read_costs_one_buffer_a_direction)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, "--buffer-size 8K --json -"), ends[2];
	char *data = malloc(BIG), *got = malloc(BIG);
	size_t sent[2];

	for (size_t i = 0; i < BIG; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	connect_both(program, target, ends);
	for (int i = 0; i < 2; i++)
		sent[i] = send_until_full(ends[i], data, BIG);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_lt(sent[i], BIG);
		shutdown(ends[i], SHUT_WR);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(recv(ends[!i], got, sent[i], MSG_WAITALL), (ssize_t)sent[i]);
		ck_assert_int_eq(memcmp(got, data, sent[i]), 0);
		ck_assert_int_eq(recv(ends[!i], got, 1, 0), 0);
	}
	close(ends[0]);
	close(ends[1]);
	close(target);
	served_end(program);
	ck_assert_int_le(json_number(program, "held_peak_bytes"), 2 * 8192);
	ck_assert_int_le(json_number(program, "lent_peak_bytes"), 2 * 8192);
	ck_assert_int_eq(json_number(program, "to_target_bytes"), (long)sent[0]);
	ck_assert_int_eq(json_number(program, "to_client_bytes"), (long)sent[1]);
	ck_assert_int_eq(json_number(program, "cut"), 0);
	free(got);
	free(data);
	free(program);
}
END_TEST

/* Half as many buffers as there are directions that want one, and all of them move. */
START_TEST(a_pool_smaller_than_the_burst_serves_all_in_turn)
{
	enum { MANY = 12, TIMES = 20 };
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, "--buffers 1 --buffer-size 64"), ends[MANY][2];

	for (int i = 0; i < MANY; i++)
		connect_both(program, target, ends[i]);
	for (int time = 0; time < TIMES; time++) {
		for (int i = 0; i < 2 * MANY; i++)
			served_send(ends[i / 2][i % 2], TALK);
		for (int i = 0; i < 2 * MANY; i++) {
			ck_assert_int_eq(recv(ends[i / 2][i % 2], text, sizeof(TALK) - 1, MSG_WAITALL),
					 sizeof(TALK) - 1);
			ck_assert_int_eq(memcmp(text, TALK, sizeof(TALK) - 1), 0);
		}
	}
	for (int i = 0; i < 2 * MANY; i++)
		close(ends[i / 2][i % 2]);
	close(target);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 0);
	ck_assert_int_eq(served_counted(program, "peak"), MANY);
	free(program);
}
END_TEST

/* One of two buffers may lie before somebody who doesn't read, and not both. */
START_TEST(a_buffer_that_is_not_taken_is_taken_away_once_none_is_left)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, "--buffers 2 --patience 0.2"), deaf[2], ends[2];
	char *data = calloc(1, BIG);

	connect_both(program, target, deaf);
	ck_assert_uint_lt(send_until_full(deaf[0], data, BIG), BIG);
	connect_both(program, target, ends);
	served_send(ends[0], TALK);
	ck_assert_int_eq(recv(ends[1], text, sizeof(TALK) - 1, MSG_WAITALL), sizeof(TALK) - 1);
	send_until_full(deaf[1], data, BIG);
	shutdown(ends[0], SHUT_WR);
	expect_read(ends[1], "");
	close(ends[0]);
	while (recv(deaf[0], text, sizeof(text), 0) > 0)
		;
	ck_assert_int_eq(errno, ECONNRESET);
	close(deaf[0]);
	close(deaf[1]);
	close(target);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 1);
	free(data);
	free(program);
}
END_TEST

START_TEST(a_target_that_refuses_is_told_to_the_client_and_found_again_later)
{
	struct program *program = calloc(1, sizeof(*program));
	unsigned int port;
	int target = open_target(&port), ends[2];

	program_begin(program, NULL, "serve proxy %s --to 127.0.0.1:%u", SERVERS[_i], port);
	program_await_word(program, "listening");
	for (int i = 0; i < 5; i++)
		expect_reset(served_connect(program));
	ck_assert_int_eq(listen(target, 10), 0);
	connect_both(program, target, ends);
	served_send(ends[1], TALK);
	close(ends[1]);
	expect_read(ends[0], TALK);
	close(target);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "refused"), 5);
	ck_assert_int_eq(served_counted(program, "cut"), 0);
	free(program);
}
END_TEST

START_TEST(a_relay_in_which_nothing_moves_is_ended)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, "--idle 0.2"), ends[2];

	connect_both(program, target, ends);
	served_send(ends[0], TALK);
	expect_reset(ends[0]);
	expect_reset(ends[1]);
	close(target);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 1);
	ck_assert_int_eq(served_counted(program, "to_target_bytes"), sizeof(TALK) - 1);
	free(program);
}
END_TEST

/* For longer than the idle time only one direction has something to say, again and again. */
START_TEST(a_direction_may_be_silent_while_the_other_is_not)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, "--idle 1"), ends[2];

	connect_both(program, target, ends);
	for (int i = 0; i < 45; i++) {
		served_send(ends[1], "x");
		ck_assert_int_eq(recv(ends[0], text, 1, 0), 1);
		program_pause_ms(50);
	}
	served_send(ends[0], TALK);
	close(ends[0]);
	expect_read(ends[1], TALK);
	close(target);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 0);
	free(program);
}
END_TEST

/* A client of its own; those that came before it have said nothing. */
static bool gets_through(const struct program *program, int target)
{
	int fd = served_connect(program);
	struct pollfd either[] = { { .fd = target, .events = POLLIN },
				   { .fd = fd, .events = POLLIN } };
	size_t bytes = 0;

	send(fd, TALK, sizeof(TALK) - 1, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (!bytes && poll(either, 2, -1) > 0 && either[0].revents)
		read_end(accept(target, NULL, NULL), &bytes);
	close(fd);
	return bytes == sizeof(TALK) - 1;
}

/* Each client takes two of the few there are: some find none for themselves, some none for the target. */
START_TEST(a_relay_out_of_descriptors_serves_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, served_few_files, _i, ""), peers[40];

	for (int i = 0; i < 40; i++)
		peers[i] = served_connect(program);
	program_await_complaint(program, "no descriptor left");
	for (int i = 0; i < 40; i++)
		close(peers[i]);
	while (!gets_through(program, target))
		;
	close(target);
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	free(program);
}
END_TEST

START_TEST(it_ends_with_relays_in_every_state)
{
	struct program *program = calloc(1, sizeof(*program));
	int target = begin(program, NULL, _i, "--buffers 1"), ends[4][2];
	char *data = calloc(1, BIG);

	for (int i = 0; i < 4; i++) /* the first says nothing */
		connect_both(program, target, ends[i]);
	shutdown(ends[1][0], SHUT_WR);
	ck_assert_int_eq(recv(ends[1][1], text, 1, 0), 0);
	send_until_full(ends[2][0], data, BIG);
	served_send(ends[3][0], TALK);
	served_end(program);
	for (int i = 0; i < 8; i++)
		close(ends[i / 2][i % 2]);
	close(target);
	free(data);
	free(program);
}
END_TEST

START_TEST(what_makes_no_sense_is_said)
{
	static const struct { const char *words, *part; int code; } WRONG[] = {
		{ "serve proxy", "needs --to HOST:PORT", 2 },
		{ "serve proxy --to", "--to", 2 },
		{ "serve proxy --to nowhere", "--to nowhere: give HOST:PORT", 2 },
		{ "serve proxy --to ::1:80", "[::1]:8080", 2 },
		{ "serve proxy --to 1:0", "--to 1:0: give HOST:PORT", 2 },
		{ "serve proxy --to 80 there", "options alone", 2 },
		{ "serve proxy --to 80 --backend floor-epoll", "serve echo alone", 2 },
		{ "serve proxy --to 80 --patience 0", "--patience", 2 },
		{ "serve proxy --to 80 --buffer-size 1", "--buffer-size", 2 },
		{ "serve proxy --to 80 --host nowhere", "IPv6, not a name", 2 },
		{ "serve proxy --to 80 --json /nosuchfolder/x", "/nosuchfolder", 2 },
		{ "serve proxy --to a..b:80", "--to a..b:80: there is no such host", 3 },
	};

	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		struct program *program = calloc(1, sizeof(*program));

		program_begin(program, NULL, "%s", WRONG[i].words);
		program_end(program);
		program_expect(program, WRONG[i].code, WRONG[i].part);
		free(program);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program proxy");
	TCase *cases = tcase_create("proxy");
	SRunner *runner = srunner_create(suite);
	const TTest *const EACH[] = {
		an_end_of_one_direction_is_carried_across_and_the_other_goes_on,
		a_side_that_vanishes_at_any_byte_is_told_of_and_leaves_nothing,
		a_side_that_does_not_read_costs_one_buffer_a_direction,
		a_pool_smaller_than_the_burst_serves_all_in_turn,
		a_buffer_that_is_not_taken_is_taken_away_once_none_is_left,
		a_target_that_refuses_is_told_to_the_client_and_found_again_later,
		a_relay_in_which_nothing_moves_is_ended,
		a_direction_may_be_silent_while_the_other_is_not,
		a_relay_out_of_descriptors_serves_on,
		it_ends_with_relays_in_every_state,
	};
	int failed;

	tcase_set_timeout(cases, 20);
	for (size_t i = 0; i < sizeof(EACH) / sizeof(*EACH); i++)
		tcase_add_loop_test(cases, EACH[i], 0, SERVER_COUNT);
	tcase_add_test(cases, what_makes_no_sense_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
