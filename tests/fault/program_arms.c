/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Arms that aren't ours: floors, and other people's servers that do what they shouldn't. The server is
 * this program, started anew as "program_arms --server FAULT PORT". */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "tests/fault/program.h"

#define SHORT "--warmup 0.01 --duration 0.03 --repeats 0 --rounds 1 --connections 2 --no-kernel-view"

/* ---- The server. ---- */

enum { PEERS_MAX = 16 };

/* As early as can be: a busy machine gives a short round no more. */
enum { FAULTY_PIECE = 2 };

struct server {
	const char *fault;
	struct pollfd peers[PEERS_MAX]; /* the first is the listener */
	nfds_t count;
	unsigned int received; /* pieces */
};

static bool is(const struct server *server, const char *fault)
{
	return !strcmp(server->fault, fault);
}

static void drop(struct server *server, nfds_t peer)
{
	close(server->peers[peer].fd);
	server->peers[peer] = server->peers[--server->count];
}

static void echo(struct server *server, nfds_t peer)
{
	char piece[65536];
	ssize_t got = recv(server->peers[peer].fd, piece, sizeof(piece), 0);

	if (got <= 0) {
		drop(server, peer);
		return;
	}
	server->received++;
	if (is(server, "dies") && server->received == FAULTY_PIECE)
		_exit(7);
	if (is(server, "wrong") && server->received == FAULTY_PIECE)
		piece[got / 2] ^= 1;
	if (is(server, "loses") && server->received == FAULTY_PIECE)
		got--;
	send(server->peers[peer].fd, piece, (size_t)got, MSG_NOSIGNAL);
	if (is(server, "doubles") && server->received == FAULTY_PIECE)
		send(server->peers[peer].fd, piece, (size_t)got, MSG_NOSIGNAL);
}

static void welcome(struct server *server)
{
	int fd = accept(server->peers[0].fd, NULL, NULL);

	if (fd >= 0 && server->count < PEERS_MAX)
		server->peers[server->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

/* In the child only when its parent is gone, however slow that is on a busy machine. */
static pid_t leave(void)
{
	pid_t parent = getpid();
	pid_t child = fork();

	while (!child && getppid() == parent)
		sched_yield();
	return child;
}

static int serve(const char *fault, const char *port, const char *host)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((in_port_t)atoi(port)) };
	struct server server = { .fault = fault, .count = 1 };
	int yes = 1;

	if (is(&server, "forks") && fork())
		return pause();
	if (is(&server, "leaves") && leave())
		_exit(0); /* as a daemon's first process does: nothing of the child's is given back */
	if (is(&server, "stays"))
		signal(SIGTERM, SIG_IGN);
	inet_pton(AF_INET, host, &address.sin_addr);
	server.peers[0] = (struct pollfd){ .fd = socket(AF_INET, SOCK_STREAM, 0),
					   .events = POLLIN };
	setsockopt(server.peers[0].fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(server.peers[0].fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(server.peers[0].fd, 64))
		return 9;
	while (poll(server.peers, server.count, -1) > 0) {
		for (nfds_t peer = server.count; peer-- > 1;) {
			if (server.peers[peer].revents)
				echo(&server, peer);
		}
		if (server.peers[0].revents)
			welcome(&server);
	}
	return 9;
}

/* ---- The cases. ---- */

static char self[512];

/* Tabs, since words are split at spaces: the shell takes either. */
static void play(struct program *program, const char *fault)
{
	program_begin(program, NULL, "compare echo " SHORT " --a polling "
		      "--b other=exec:%s\t--server\t%s\t{port}", self, fault);
	program_end(program);
}

START_TEST(another_program_is_an_arm_like_any_other)
{
	struct program program;
	json_t *result, *arm;

	program_begin(&program, NULL, "compare echo " SHORT " --a floor-epoll --json - "
		      "--b other=exec:%s\t--server\thonest\t{port}", self);
	program_end(&program);
	ck_assert_msg(program.code == 0, "%s", program.complained);
	result = json_loads(program.said, 0, NULL);
	ck_assert_ptr_nonnull(result);
	arm = json_array_get(json_object_get(json_array_get(json_object_get(result, "cells"), 0),
					     "arms"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(arm, "name")), "other");
	ck_assert_str_eq(json_string_value(json_object_get(arm, "kind")), "external");
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(arm, "command")), "{port}"));
	json_decref(result);
}
END_TEST

static const struct {
	const char *words;
	const char *names[7];
} NAMED[] = {
	{ "cells echo", { "completion/coroutine", "completion/future", "polling/coroutine",
		     "polling/future", "completion/callback", "polling/callback" } },
	{ "echo", { "completion", "polling" } },
};

START_TEST(arms_that_are_not_named_are_the_ones_of_the_page)
{
	struct program program;
	json_t *result, *cells, *arms;
	size_t count = 0;

	program_begin(&program, NULL, "compare " SHORT " --json - %s",
		      NAMED[_i].words);
	program_end(&program);
	ck_assert_msg(program.code == 0, "%s", program.complained);
	result = json_loads(program.said, 0, NULL);
	cells = json_object_get(result, "cells");
	ck_assert_uint_eq(json_array_size(cells), 1);
	arms = json_object_get(json_array_get(cells, 0), "arms");
	for (; NAMED[_i].names[count]; count++)
		ck_assert_str_eq(json_string_value(json_object_get(json_array_get(arms, count),
								   "name")),
				 NAMED[_i].names[count]);
	ck_assert_uint_eq(json_array_size(arms), count);
	json_decref(result);
}
END_TEST

static double mean_counter(const json_t *result, size_t arm, const char *key)
{
	const json_t *counters = json_object_get(
		json_array_get(json_object_get(result, "cells"), 0), "counters");
	json_t *counter;
	size_t i;

	json_array_foreach(counters, i, counter) {
		if (!strcmp(json_string_value(json_object_get(counter, "key")), key))
			return json_number_value(json_array_get(
				json_object_get(counter, "medians"), arm));
	}
	return -1;
}

/* Of a server that nothing else is asked of, the calls say which policy it was given. */
START_TEST(a_policy_reaches_the_arm_that_has_it_and_no_other)
{
	struct program program;
	json_t *result;

	program_begin(&program, NULL, "compare echo " SHORT " --json - "
		      "--a polling:try=always --b polling:try=never");
	program_end(&program);
	ck_assert_msg(program.code == 0, "%s", program.complained);
	result = json_loads(program.said, 0, NULL);
	ck_assert_double_gt(mean_counter(result, 0, "wasted_attempts_per_operation"), 0.5);
	ck_assert_double_lt(mean_counter(result, 1, "wasted_attempts_per_operation"), 0.1);
	json_decref(result);
}
END_TEST

START_TEST(a_wrong_byte_voids_the_timings)
{
	static const char *const faults[] = { "wrong", "loses", "doubles" };

	for (int i = 0; i < 3; i++) {
		struct program program;

		play(&program, faults[i]);
		ck_assert_msg(program.code == 4, "%s: exit code %d: %s%s", faults[i], program.code,
			      program.said, program.complained);
		ck_assert_ptr_nonnull(strstr(program.complained, "arm other"));
		ck_assert_ptr_nonnull(strstr(program.complained, "void"));
	}
}
END_TEST

START_TEST(an_arm_that_ends_half_way_is_said_with_how_it_ended)
{
	struct program program;

	play(&program, "dies");
	program_expect(&program, 3, "arm other: the server ended with exit code 7");
}
END_TEST

START_TEST(an_arm_that_can_not_be_started_is_said_in_its_own_words)
{
	struct program program;

	program_begin(&program, NULL, "compare echo " SHORT " --b exec:/nonexistent/server\t{port}");
	program_end(&program);
	program_expect(&program, 3, "not found");
	program_begin(&program, NULL, "compare echo " SHORT " --b exec:false\t{port}");
	program_end(&program);
	program_expect(&program, 3, "ended with exit code 1 and said nothing");
}
END_TEST

START_TEST(an_arm_that_does_not_listen_is_said_with_what_to_look_at)
{
	struct program program;

	program_begin(&program, NULL, "compare echo " SHORT " --b exec:sleep\t100\t#{port}");
	program_end(&program);
	program_expect(&program, 3, "nobody listens on 127.0.0.1:");
}
END_TEST

/* All that the program started has this, so that its end is seen when the last of them is gone. */
static int begin_watch(int *held)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
	*held = ends[1];
	return ends[0];
}

static void expect_all_gone(int watch, int held)
{
	struct pollfd gone = { .fd = watch };

	close(held);
	ck_assert_msg(poll(&gone, 1, 2000) == 1 && gone.revents & POLLHUP, "a process is left");
	close(watch);
}

START_TEST(what_an_arm_starts_by_itself_ends_with_it)
{
	struct program program;
	int held, watch = begin_watch(&held);

	play(&program, "forks");
	ck_assert_msg(program.code == 0, "%s", program.complained);
	expect_all_gone(watch, held);
}
END_TEST

START_TEST(an_arm_that_goes_into_the_background_is_said_and_ended)
{
	struct program program;
	int held, watch = begin_watch(&held);

	play(&program, "leaves");
	program_expect(&program, 3, "has to stay in the foreground");
	expect_all_gone(watch, held);
}
END_TEST

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* With one round it is waited for from its slot on, whichever that is. */
START_TEST(an_arm_that_does_not_end_is_killed_and_no_ctrl_c_waits_for_it)
{
	struct program program;
	double begun_s;

	program_begin(&program, NULL, "compare echo " SHORT " --a floor-epoll "
		      "--b other=exec:%s\t--server\tstays\t{port}", self);
	program_pause_ms(1500);
	begun_s = now_s();
	kill(program.pid, SIGINT);
	program_end(&program);
	ck_assert_double_lt(now_s() - begun_s, 2);
}
END_TEST

START_TEST(an_inherited_disregard_of_children_hides_no_exit_code)
{
	struct program program;

	signal(SIGCHLD, SIG_IGN);
	program_begin(&program, NULL, "compare echo " SHORT " --b exec:%s\t--server\tdies\t{port}",
		      self);
	signal(SIGCHLD, SIG_DFL);
	program_end(&program);
	program_expect(&program, 3, "the server ended with exit code 7");
}
END_TEST

START_TEST(an_arm_that_is_none_is_a_wrong_value)
{
	static const struct {
		const char *words, *part;
	} cases[] = {
		{ "--b exec:cat", "write {port} in its place" },
		{ "--b floor-kqueue", "there is floor-epoll and floor-uring" },
		{ "--b floor-epoll/future", "neither models nor keys" },
		{ "--b polling:try=perhaps", "there is predict, never and always" },
		{ "--b polling:spin_us=2000000", "from 0 to 1000000" },
		{ "--b polling:burst=0", "from 1 to 65535" },
		{ "--b null", "null carries nothing" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct program program;

		program_begin(&program, NULL, "compare echo " SHORT " %s", cases[i].words);
		program_end(&program);
		program_expect(&program, 2, cases[i].part);
	}
}
END_TEST

START_TEST(a_file_is_read_by_backends_only)
{
	struct program program;

	program_begin(&program, NULL, "compare file --b floor-epoll");
	program_end(&program);
	program_expect(&program, 2, "the workload file is played by");
	program_begin(&program, NULL, "compare file --file %s --b null:work=much", self);
	program_end(&program);
	program_expect(&program, 2, "each with a number");
}
END_TEST

/* ---- Over a wire. ---- */

static void become_nobody(void)
{
	if (setuid(65534))
		_exit(125);
}

START_TEST(over_a_wire_an_answer_takes_its_time)
{
	struct program program;
	json_t *result, *slot;

	program_begin(&program, NULL, "compare echo " SHORT " --json - --delay 0.002 "
		      "--duration 0.5 --b other=exec:%s\t--server\thonest\t{port}\t{host}", self);
	program_end(&program);
	if (program.code == 3 && strstr(program.complained, "run it as root"))
		return; /* the next case is about that */
	ck_assert_msg(program.code == 0, "%s", program.complained);
	result = json_loads(program.said, 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json_array_get(
		json_object_get(result, "cells"), 0), "parameters"), "delay_ns")), 2000000);
	slot = json_array_get(json_object_get(json_array_get(json_object_get(
		json_array_get(json_object_get(result, "cells"), 0), "rounds"), 0), "slots"), 0);
	ck_assert_int_ge(json_integer_value(json_object_get(json_object_get(slot, "latency"),
							    "min_ns")), 4000000);
	json_decref(result);
}
END_TEST

/* The words of a process, with blanks between them. */
static void read_words(long pid, char *words, size_t size)
{
	char path[64];
	size_t length = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	file = fopen(path, "re");
	if (file) {
		length = fread(words, 1, size - 1, file);
		fclose(file);
	}
	for (size_t i = 0; i < length; i++)
		words[i] = words[i] ? words[i] : ' ';
	words[length] = 0;
}

/* Looks once at what the program has started: the pid of the carrier, and the words of the load. */
static void look_at_children(const struct program *program, long *carrier, char *load, size_t size)
{
	char path[64], words[1024];
	long child;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)program->pid,
		 (int)program->pid);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "this kernel has no %s", path);
	while (fscanf(file, "%ld", &child) == 1) {
		read_words(child, words, sizeof(words));
		if (strstr(words, " wire --server="))
			*carrier = child;
		if (strstr(words, " load echo "))
			snprintf(load, size, "%s", words);
	}
	fclose(file);
}

/* It runs beside the load generator, and is as much part of the set-up as that is: if its time were
 * that of other programs, no round over a wire were ever quiet. */
START_TEST(who_carries_the_packets_is_no_other_program)
{
	char load[1024] = "", expected[64];
	struct program program;
	long carrier = 0;

	program_begin(&program, NULL, "compare echo --rounds 1 --warmup 0 --duration 20 --delay 0.002");
	for (int i = 0; i < 4000 && !*load; i++) {
		look_at_children(&program, &carrier, load, sizeof(load));
		program_refresh(&program);
		if (strstr(program.complained, "run it as root"))
			break;
		program_pause_ms(5);
	}
	kill(program.pid, SIGTERM);
	program_end(&program);
	if (strstr(program.complained, "run it as root"))
		return;
	ck_assert_msg(*load && carrier, "no load was seen: %s", program.complained);
	snprintf(expected, sizeof(expected), " --carrier=%ld ", carrier);
	ck_assert_msg(strstr(load, expected) != NULL, "%s: no%s", load, expected);
}
END_TEST

START_TEST(an_arm_that_listens_elsewhere_than_on_the_wire_is_told_of_host)
{
	struct program program;

	program_begin(&program, NULL, "compare echo " SHORT " --delay 0.002 "
		      "--b exec:%s\t--server\thonest\t{port}", self);
	program_end(&program);
	if (strstr(program.complained, "run it as root"))
		return; /* the next case is about that */
	program_expect(&program, 3, "as with {host} in the command?");
}
END_TEST

START_TEST(a_wire_without_rights_is_said_with_what_to_do)
{
	struct program program;

	program_begin(&program, getuid() ? NULL : become_nobody, "compare echo " SHORT
		      " --delay 0.002");
	ck_assert_int_eq(waitpid(program.pid, &program.code, 0), program.pid);
	program.code = WEXITSTATUS(program.code);
	program_refresh(&program);
	if (program.code == 126)
		return; /* the build folder is nobody's to enter */
	program_expect(&program, 3, "run it as root");
}
END_TEST

/* The carrier is started first, and one of three when server and load are there; 0: it never came so
 * far, or this kernel doesn't list children. */
static pid_t await_carrier(const struct program *program)
{
	int carrier, server, load, count = 0;
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)program->pid,
		 (int)program->pid);
	for (int i = 0; i < 1000 && count != 3; i++) {
		program_pause_ms(2);
		file = fopen(name, "re");
		if (!file)
			return 0;
		count = fscanf(file, "%d %d %d", &carrier, &server, &load);
		fclose(file);
	}
	return count == 3 ? carrier : 0;
}

START_TEST(a_wire_that_is_cut_is_no_fault_of_the_server)
{
	struct program program;
	pid_t carrier;

	program_begin(&program, NULL, "compare echo --rounds 1 --duration 1 --connections 1 "
		      "--no-kernel-view --delay 0.002");
	carrier = await_carrier(&program);
	if (carrier)
		kill(carrier, SIGKILL);
	program_end(&program);
	if (carrier)
		program_expect(&program, 3, "the process that carries the packets");
	else
		program_skip("a wire takes privileges and /dev/net/tun");
}
END_TEST

static void enter_fresh_network(void)
{
	if (unshare(CLONE_NEWNET))
		_exit(125);
}

START_TEST(a_loopback_that_is_down_is_said_before_the_first_round)
{
	struct program program;

	program_begin(&program, enter_fresh_network, "compare echo --duration 60");
	program_end(&program);
	if (program.code == 125)
		program_skip("a network of one's own takes privileges");
	else
		program_expect(&program, 3, "ip link set lo up");
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("arms");
	TCase *cases = tcase_create("arms");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (argc >= 4 && !strcmp(argv[1], "--server"))
		return serve(argv[2], argv[3], argc > 4 ? argv[4] : "127.0.0.1");
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	tcase_add_test(cases, another_program_is_an_arm_like_any_other);
	tcase_add_loop_test(cases, arms_that_are_not_named_are_the_ones_of_the_page, 0,
			    sizeof(NAMED) / sizeof(*NAMED));
	tcase_add_test(cases, a_policy_reaches_the_arm_that_has_it_and_no_other);
	tcase_add_test(cases, a_wrong_byte_voids_the_timings);
	tcase_add_test(cases, an_arm_that_ends_half_way_is_said_with_how_it_ended);
	tcase_add_test(cases, an_arm_that_can_not_be_started_is_said_in_its_own_words);
	tcase_add_test(cases, an_arm_that_does_not_listen_is_said_with_what_to_look_at);
	tcase_add_test(cases, what_an_arm_starts_by_itself_ends_with_it);
	tcase_add_test(cases, an_arm_that_goes_into_the_background_is_said_and_ended);
	tcase_add_test(cases, an_arm_that_does_not_end_is_killed_and_no_ctrl_c_waits_for_it);
	tcase_add_test(cases, an_inherited_disregard_of_children_hides_no_exit_code);
	tcase_add_test(cases, an_arm_that_is_none_is_a_wrong_value);
	tcase_add_test(cases, a_file_is_read_by_backends_only);
	tcase_add_test(cases, over_a_wire_an_answer_takes_its_time);
	tcase_add_test(cases, who_carries_the_packets_is_no_other_program);
	tcase_add_test(cases, an_arm_that_listens_elsewhere_than_on_the_wire_is_told_of_host);
	tcase_add_test(cases, a_loopback_that_is_down_is_said_before_the_first_round);
	tcase_add_test(cases, a_wire_that_is_cut_is_no_fault_of_the_server);
	tcase_add_test(cases, a_wire_without_rights_is_said_with_what_to_do);
	tcase_set_timeout(cases, 60);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
