/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve udp` and its clients: datagrams of every length, those that are too long, clients that
 * are gone before their answer, more than there is room for. */
#include <errno.h>
#include <sys/time.h>

#include "tests/fault/served.h"

enum { LONGEST = 65535, MANY = 2000 };

static const struct family {
	int number;
	const char *host, *shown;
	size_t longest; /* of a datagram, without its headers */
} FAMILIES[] = {
	{ AF_INET, "127.0.0.1", "127.0.0.1:", 65507 },
	{ AF_INET6, "::1", "[::1]:", 65527 },
};
enum { FAMILY_COUNT = sizeof(FAMILIES) / sizeof(*FAMILIES), ARM_COUNT = SERVER_COUNT * FAMILY_COUNT };

static unsigned char data[LONGEST], got[LONGEST];

static const struct family *family_of(int arm)
{
	return &FAMILIES[arm / SERVER_COUNT];
}

/* False: this machine has no such family. */
static bool begin(struct program *program, int arm, const char *options)
{
	const struct family *family = family_of(arm);

	if (family->number == AF_INET6 && !served_has_ipv6())
		return false;
	program_begin(program, NULL, "serve udp %s --host %s %s", SERVERS[arm % SERVER_COUNT],
		      family->host, options);
	program_await_word(program, "listening");
	ck_assert_ptr_nonnull(strstr(program->said, family->shown));
	return true;
}

/* A client that hears from where it sends to alone, at host. */
static int client_at(const struct program *program, const char *host)
{
	struct timeval patience = { .tv_sec = 10 };
	int fd = served_reach(program, host, SOCK_DGRAM);

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static int client_of(const struct program *program, int arm)
{
	return client_at(program, family_of(arm)->host);
}

static void ask(int fd, size_t bytes)
{
	ck_assert_int_eq(send(fd, data, bytes, 0), (ssize_t)bytes);
}

static void expect_answer(int fd, size_t bytes)
{
	ssize_t length = recv(fd, got, sizeof(got), 0);

	ck_assert_msg(length == (ssize_t)bytes, "%zd bytes, not %zu: %s", length, bytes,
		      length < 0 ? strerror(errno) : "");
	ck_assert_int_eq(memcmp(data, got, bytes), 0);
}

/* How many more have come. */
static int answers_at_once(int fd)
{
	int count = 0;

	while (recv(fd, got, sizeof(got), MSG_DONTWAIT) >= 0)
		count++;
	ck_assert_int_eq(errno, EAGAIN);
	return count;
}

static void expect_counts(const struct program *program, long answered, long oversized)
{
	ck_assert_int_eq(served_counted(program, "answered"), answered);
	ck_assert_int_eq(served_counted(program, "datagrams"), answered + oversized);
	ck_assert_int_eq(served_counted(program, "oversized"), oversized);
	ck_assert_int_eq(served_counted(program, "unsent"), 0);
	ck_assert_int_eq(served_counted(program, "errors"), 0);
	ck_assert_int_eq(served_counted(program, "dropped"), 0);
}

START_TEST(each_datagram_comes_back_also_an_empty_one)
{
	const size_t lengths[] = { 0, 1, 7, 1472, 1473, 0, 9000, family_of(_i)->longest, 3 };
	struct program *program = calloc(1, sizeof(*program));
	size_t bytes = 0, count = sizeof(lengths) / sizeof(*lengths);
	int fd;

	if (!begin(program, _i, ""))
		return;
	fd = client_of(program, _i);
	for (size_t i = 0; i < count; i++) {
		ask(fd, lengths[i]);
		expect_answer(fd, lengths[i]);
		bytes += lengths[i];
	}
	close(fd);
	served_end(program);
	expect_counts(program, (long)count, 0);
	ck_assert_int_eq(served_counted(program, "bytes"), (long)bytes);
	free(program);
}
END_TEST

START_TEST(each_client_has_its_own_answers)
{
	struct program *program = calloc(1, sizeof(*program));
	int fds[40];

	if (!begin(program, _i, "--receives 8"))
		return;
	for (size_t i = 0; i < 40; i++)
		fds[i] = client_of(program, _i);
	for (size_t round = 0; round < 5; round++) {
		for (size_t i = 0; i < 40; i++)
			ask(fds[i], 10 * i + round);
		for (size_t i = 0; i < 40; i++)
			expect_answer(fds[i], 10 * i + round);
	}
	for (size_t i = 0; i < 40; i++) {
		ck_assert_int_eq(answers_at_once(fds[i]), 0);
		close(fds[i]);
	}
	served_end(program);
	expect_counts(program, 200, 0);
	free(program);
}
END_TEST

/* A part of a datagram is no answer, and what comes behind it has its own. */
START_TEST(what_is_too_long_is_counted_and_not_answered)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	if (!begin(program, _i, "--size 100 --receives 3"))
		return;
	fd = client_of(program, _i);
	for (size_t bytes = 95; bytes < 105; bytes++)
		ask(fd, bytes);
	ask(fd, family_of(_i)->longest);
	ask(fd, 5);
	for (size_t bytes = 95; bytes <= 100; bytes++)
		expect_answer(fd, bytes);
	expect_answer(fd, 5);
	ck_assert_int_eq(answers_at_once(fd), 0);
	close(fd);
	served_end(program);
	expect_counts(program, 7, 5);
	free(program);
}
END_TEST

static void stop_whole(const struct program *program)
{
	int status;

	kill(program->pid, SIGSTOP);
	ck_assert_int_eq(waitpid(program->pid, &status, WUNTRACED), program->pid);
	ck_assert(WIFSTOPPED(status));
}

/* The answers go nowhere, and the refusals that come back end nothing. */
START_TEST(who_is_gone_before_his_answer_hurts_nobody)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	if (!begin(program, _i, "--receives 2"))
		return;
	stop_whole(program);
	for (int i = 0; i < 20; i++) {
		fd = client_of(program, _i);
		ask(fd, 10);
		ask(fd, 0);
		close(fd);
	}
	kill(program->pid, SIGCONT);
	for (int i = 0; i < 5; i++) {
		fd = client_of(program, _i);
		ask(fd, 20);
		expect_answer(fd, 20);
		close(fd);
	}
	served_end(program);
	expect_counts(program, 45, 0);
	free(program);
}
END_TEST

/* All that was sent was answered, or is known to have found no room. */
START_TEST(what_there_is_no_room_for_is_counted)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd, room = 8 << 20;

	if (!begin(program, _i, ""))
		return;
	fd = client_of(program, _i);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	stop_whole(program);
	for (int i = 0; i < MANY; i++)
		ask(fd, 1000);
	kill(program->pid, SIGCONT);
	expect_answer(fd, 1000);
	/* The last one may have found no room: this one comes when there is some. */
	do {
		ask(fd, 1);
	} while (recv(fd, got, sizeof(got), 0) != 1);
	served_end(program);
	close(fd);
	ck_assert_int_gt(served_counted(program, "dropped"), 0);
	ck_assert_int_ge(served_counted(program, "answered") + served_counted(program, "dropped"),
			 MANY + 1);
	free(program);
}
END_TEST

/* A client hears from the address alone that it has asked. */
START_TEST(at_all_addresses_an_answer_comes_from_the_one_that_was_asked)
{
	static const char *const HOSTS[] = { "127.0.0.1", "127.0.0.2", "127.7.7.7", "::1" };
	struct program *program = calloc(1, sizeof(*program));
	int arm = _i % SERVER_COUNT;
	bool six = _i >= SERVER_COUNT;

	if (six && !served_has_ipv6())
		return;
	program_begin(program, NULL, "serve udp %s --host %s", SERVERS[arm], six ? "::" : "0.0.0.0");
	program_await_word(program, "listening");
	for (int i = 0; i < 3 + six; i++) {
		int fd = client_at(program, HOSTS[i]);

		for (size_t bytes = 0; bytes < 3; bytes++) {
			ask(fd, bytes);
			expect_answer(fd, bytes);
		}
		close(fd);
	}
	served_end(program);
	expect_counts(program, six ? 12 : 9, 0);
	free(program);
}
END_TEST

/* As many receives as it was told are lent to the loop, which tells of them when asked. */
START_TEST(as_many_receives_as_told_are_under_way)
{
	struct program *program = calloc(1, sizeof(*program));
	const char *at;
	int count = 0;

	if (!begin(program, _i, "--receives 7"))
		return;
	for (int i = 0; i < 2000 && count < 7; i++) {
		kill(program->pid, SIGUSR1);
		program_pause_ms(5);
		program_refresh(program);
		count = 0;
		for (at = program->complained; (at = strstr(at, "recvmsg ")); at++)
			count++;
	}
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_msg(count >= 7 && count % 7 == 0, "%d: %s", count, program->complained);
	free(program);
}
END_TEST

START_TEST(it_ends_by_ctrl_c_with_answers_on_their_way)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	if (!begin(program, _i, "--receives 4"))
		return;
	fd = client_of(program, _i);
	for (int i = 0; i < 100; i++)
		ask(fd, 100);
	kill(program->pid, SIGINT);
	program_end(program);
	close(fd);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_str_eq(program->complained, "");
	ck_assert_int_le(served_counted(program, "answered"), 100);
	free(program);
}
END_TEST

START_TEST(the_counters_are_written_at_the_end)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	if (!begin(program, 2, "--json -"))
		return;
	fd = client_of(program, 2);
	ask(fd, 10);
	expect_answer(fd, 10);
	close(fd);
	served_end(program);
	ck_assert_ptr_nonnull(strstr(program->said, "\"system_calls\""));
	ck_assert_ptr_nonnull(strstr(program->said, "\"udp\""));
	ck_assert_ptr_nonnull(strstr(program->said, "\"answered\": 1"));
	ck_assert_ptr_null(strstr(program->said, "served:"));
	free(program);
}
END_TEST

START_TEST(without_a_descriptor_it_says_what_to_do)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, served_no_files, "serve udp %s", SERVERS[_i % SERVER_COUNT]);
	program_end(program);
	program_expect(program, 3, "ulimit -n");
	free(program);
}
END_TEST

START_TEST(a_port_that_is_taken_is_said)
{
	struct program *program = calloc(1, sizeof(*program)), second;
	char host[64];

	if (!begin(program, _i, ""))
		return;
	program_begin(&second, NULL, "serve udp %s --host %s --port %u", SERVERS[_i % SERVER_COUNT],
		      family_of(_i)->host, program_port(program));
	program_end(&second);
	snprintf(host, sizeof(host), "can't listen on %s%u: ", family_of(_i)->shown,
		 program_port(program));
	program_expect(&second, 3, host);
	ck_assert_ptr_nonnull(strstr(second.complained, "choose another --port"));
	served_end(program);
	free(program);
}
END_TEST

START_TEST(what_makes_no_sense_is_said)
{
	static const struct program_wrong WRONG[] = {
		{ "serve udp --backend floor-epoll", "serve echo alone", 2 },
		{ "serve udp ping", "options alone", 2 },
		{ "serve udp --size 0", "--size", 2 },
		{ "serve udp --size 64K", "--size", 2 },
		{ "serve udp --receives 0", "--receives", 2 },
		{ "serve udp --receives 5000", "--receives", 2 },
		{ "serve udp --host nowhere", "IPv6, not a name", 2 },
		{ "serve udp --host [::1", "IPv6, not a name", 2 },
		{ "serve udp --host 192.0.2.1", "give a --host that this machine has", 3 },
		{ "serve udp --json /nosuchfolder/x", "/nosuchfolder", 2 },
	};

	program_expect_refusals(WRONG, sizeof(WRONG) / sizeof(*WRONG));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program udp");
	TCase *cases = tcase_create("udp");
	SRunner *runner = srunner_create(suite);
	const TTest *const EACH[] = {
		each_datagram_comes_back_also_an_empty_one,
		each_client_has_its_own_answers,
		what_is_too_long_is_counted_and_not_answered,
		who_is_gone_before_his_answer_hurts_nobody,
		what_there_is_no_room_for_is_counted,
		at_all_addresses_an_answer_comes_from_the_one_that_was_asked,
		as_many_receives_as_told_are_under_way,
		it_ends_by_ctrl_c_with_answers_on_their_way,
		without_a_descriptor_it_says_what_to_do,
		a_port_that_is_taken_is_said,
	};
	int failed;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i % 251);
	tcase_set_timeout(cases, 20);
	for (size_t i = 0; i < sizeof(EACH) / sizeof(*EACH); i++)
		tcase_add_loop_test(cases, EACH[i], 0, ARM_COUNT);
	tcase_add_test(cases, the_counters_are_written_at_the_end);
	tcase_add_test(cases, what_makes_no_sense_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
