/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The workload rockets: what a slot of it holds, what voids it, whom it asks to end, and what it
 * leaves behind. */
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/fault/program.h"

enum { LIST = 48, REQUESTS = LIST + 1 };

static const char *const BACKENDS[] = { "completion", "completion:mode=plain", "polling",
					"polling:try=never" };
static const char *const MODELS[] = { "callback", "coroutine", "future" };
enum { BACKEND_COUNT = 4, MODEL_COUNT = 3, ARM_COUNT = BACKEND_COUNT * MODEL_COUNT };

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static struct program *serve(const char *options)
{
	struct program *server = calloc(1, sizeof(*server));

	program_begin(server, NULL, "serve rockets --backend polling %s", options);
	program_await_word(server, "listening");
	return server;
}

/* What the server has counted. */
static json_int_t end_server(struct program *server, const char *what)
{
	char key[32];
	const char *at;
	json_int_t count;

	kill(server->pid, SIGTERM);
	program_end(server);
	ck_assert_msg(server->code == 0, "%d: %s", server->code, server->complained);
	snprintf(key, sizeof(key), " %s=", what);
	at = strstr(server->said, key);
	ck_assert_msg(at != NULL, "nothing is said of %s: %s", what, server->said);
	count = strtol(at + strlen(key), NULL, 10);
	free(server);
	return count;
}

/* One slot, by the process that compare would start for it. */
static void begin_play(struct program *program, const struct program *server, int arm,
		       const char *options)
{
	program_begin(program, NULL, "play-rockets --address 127.0.0.1:%u --server %d --backend %s "
		      "--model %s --warmup 0 %s", program_port(server), (int)server->pid,
		      BACKENDS[arm / MODEL_COUNT], MODELS[arm % MODEL_COUNT], options);
}

static json_t *end_play(struct program *program, int code)
{
	json_t *slot;

	program_end(program);
	ck_assert_msg(program->code == code, "exit code %d: %s", program->code,
		      program->complained);
	slot = json_loads(program->said, 0, NULL);
	ck_assert_msg(slot != NULL, "%s", program->said);
	return slot;
}

/* ---- All is well. ---- */

/* A slot in which something was answered: a machine that has others to serve is given another
 * chance. */
static json_t *play(int arm, const char *of_server, const char *options, json_int_t *requests)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *slot = NULL;

	for (int i = 0; i < 50 && number(slot, "operations") == 0; i++) {
		struct program *server = serve(of_server);

		json_decref(slot);
		begin_play(program, server, arm, options);
		slot = end_play(program, 0);
		*requests = end_server(server, "requests");
	}
	free(program);
	return slot;
}

START_TEST(each_arm_fetches_all_and_counts_what_the_server_counts)
{
	json_int_t total, fetches, requests;
	json_t *slot = play(_i, "--items 7", "--items 7 --connections 3 --duration 0.1", &requests);

	total = number(slot, "operations_total");
	fetches = number(json_object_get(slot, "fetch"), "count");
	ck_assert_int_gt(number(slot, "operations"), 0);
	ck_assert_int_le(number(slot, "operations"), total);
	ck_assert_int_eq(number(slot, "operations"),
			 number(json_object_get(slot, "latency"), "count"));
	/* One that is under way may have all but its last answer. */
	ck_assert_int_ge(total, 8 * fetches);
	ck_assert_int_lt(total, 8 * fetches + 16);
	ck_assert_int_eq(number(slot, "lost_operations") + number(slot, "wrong_bytes"), 0);
	ck_assert_ptr_null(json_object_get(slot, "wrong"));
	ck_assert_int_gt(number(slot, "cpu_ns"), 0);
	ck_assert_int_gt(number(slot, "load_cpu_ns"), 0);
	ck_assert(json_is_boolean(json_object_get(slot, "load_limited")));
	ck_assert_int_eq(_i % MODEL_COUNT > 0,
			 number(json_object_get(slot, "counters"), "steps") > 0);
	/* What was asked to end at the end of the slot may have been answered nevertheless. */
	ck_assert_int_ge(requests, total);
	ck_assert_int_le(requests, total + 3);
	json_decref(slot);
}
END_TEST

START_TEST(a_list_of_one_by_more_lanes_than_there_are_rockets)
{
	json_int_t requests;
	json_t *slot = play(_i, "--items 1", "--items 1 --connections 20 --duration 0.03", &requests);

	ck_assert_int_gt(number(slot, "operations_total"), 0);
	json_decref(slot);
}
END_TEST

/* ---- An answer that is wrong, or missing. ---- */

static const struct {
	const char *how, *words;
	int wrong;
} FAILURES[] = {
	{ "status", "GET /rockets/h3: the server answered with status 500", 0 },
	{ "cut", "GET /rockets/h3: the connection ended before the answer did", 0 },
	{ "malformed", "GET /rockets/h3: what came is not what it has to be", 1 },
	{ "stop", "GET /rockets/h3: it was not there within the deadline of the whole fetch", 0 },
};
enum { FAILURE_COUNT = sizeof(FAILURES) / sizeof(*FAILURES) };

START_TEST(an_answer_that_is_wrong_or_missing_is_counted_and_named)
{
	struct program *program = calloc(1, sizeof(*program)), *server;
	int failure = _i / ARM_COUNT;
	char options[64];
	json_t *slot;

	snprintf(options, sizeof(options), "--fail-id h3 --fail-how %s", FAILURES[failure].how);
	server = serve(options);
	begin_play(program, server, _i % ARM_COUNT,
		   !strcmp(FAILURES[failure].how, "stop")
			   ? "--connections 4 --duration 20 --deadline 0.5"
			   : "--connections 4 --duration 20");
	slot = end_play(program, 4);
	program_expect(program, 4, FAILURES[failure].words);
	ck_assert_str_eq(json_string_value(json_object_get(slot, "wrong")),
			 FAILURES[failure].words);
	ck_assert_int_ge(number(slot, "lost_operations"), 1);
	ck_assert_int_eq((number(slot, "operations_total") + number(slot, "lost_operations")) %
			 REQUESTS, 0);
	ck_assert_int_eq(number(slot, "wrong_bytes") > 0, FAILURES[failure].wrong);
	json_decref(slot);
	end_server(server, "failed");
	free(program);
}
END_TEST

/* It is right by itself, and another one than is expected. */
START_TEST(another_list_than_is_expected_is_wrong)
{
	struct program *program = calloc(1, sizeof(*program)), *server = serve("--items 8");
	json_t *slot;

	begin_play(program, server, _i, "--items 9 --duration 20");
	slot = end_play(program, 4);
	program_expect(program, 4, "GET /rockets: what came is not what it has to be");
	ck_assert_int_eq(number(slot, "lost_operations"), 10);
	json_decref(slot);
	end_server(server, "requests");
	free(program);
}
END_TEST

START_TEST(where_nobody_listens_all_is_missing)
{
	struct program *program = calloc(1, sizeof(*program)), *server = serve("");

	kill(server->pid, SIGTERM);
	program_end(server);
	begin_play(program, server, _i, "--duration 20");
	json_decref(end_play(program, 4));
	program_expect(program, 4, "GET /rockets: Connection refused; of this fetch 49 answers");
	free(server);
	free(program);
}
END_TEST

/* ---- A server that does what ours never would: it stands before ours. ---- */

enum mischief { ANOTHER_BYTE, ONE_BYTE_MORE, HANG_UP_AND_HOLD };

static int open_socket(struct sockaddr_in *address, in_port_t port)
{
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Until the peer ends, or the text holds what is awaited. */
static size_t read_text(int fd, char *text, size_t size, const char *awaited)
{
	size_t length = 0;
	ssize_t got;

	text[0] = 0;
	while (!strstr(text, awaited) && (got = recv(fd, text + length, size - 1 - length, 0)) > 0) {
		length += (size_t)got;
		text[length] = 0;
	}
	return length;
}

/* One connection: the answer of our own server, but for one byte; or no answer at all. */
static void relay(int fd, in_port_t port, enum mischief mischief)
{
	static char text[1 << 16];
	struct sockaddr_in address;
	int behind = open_socket(&address, port);
	size_t length = read_text(fd, text, sizeof(text), "\r\n\r\n");
	char *spoilt;

	if (mischief == HANG_UP_AND_HOLD && strstr(text, "/rockets/saturn-v"))
		return;
	if (mischief == HANG_UP_AND_HOLD && strstr(text, "/rockets/")) {
		read_text(fd, text, sizeof(text), "never");
		return;
	}
	if (connect(behind, (struct sockaddr *)&address, sizeof(address)) ||
	    send(behind, text, length, MSG_NOSIGNAL) < 0)
		return;
	length = read_text(behind, text, sizeof(text) - 1, "never");
	spoilt = strstr(text, "LE-9");
	if (spoilt && mischief == ANOTHER_BYTE)
		spoilt[3] = '8';
	if (spoilt && mischief == ONE_BYTE_MORE)
		text[length++] = '}';
	send(fd, text, length, MSG_NOSIGNAL);
}

/* A process for each connection, and one that accepts them, which is to be killed. */
static pid_t begin_relay(in_port_t to, enum mischief mischief, in_port_t *port)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int listener = open_socket(&address, 0);
	pid_t pid;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid) {
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			relay(fd, to, mischief);
			_exit(0);
		}
		close(fd);
	}
}

static json_t *play_mischief(struct program *program, int arm, enum mischief mischief)
{
	struct program *server = serve("");
	in_port_t port;
	pid_t pid = begin_relay((in_port_t)program_port(server), mischief, &port);
	json_t *slot;

	program_begin(program, NULL, "play-rockets --address 127.0.0.1:%u --backend %s --model %s "
		      "--connections 3 --warmup 0 --duration %d --deadline 1000", port,
		      BACKENDS[arm / MODEL_COUNT], MODELS[arm % MODEL_COUNT],
		      mischief == HANG_UP_AND_HOLD ? 1000 : 10);
	slot = end_play(program, 4);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end_server(server, "requests");
	return slot;
}

/* It is JSON, and the rocket that was asked for: only the bytes tell. */
START_TEST(one_byte_that_is_another_or_one_more_is_found)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *slot = play_mischief(program, _i % ARM_COUNT, (enum mischief)(_i / ARM_COUNT));

	program_expect(program, 4, "GET /rockets/h3: what came is not what it has to be");
	ck_assert_int_ge(number(slot, "wrong_bytes"), 1);
	json_decref(slot);
	free(program);
}
END_TEST

/* ---- Whom it asks to end. ---- */

/* The others would never be answered, and no deadline comes. */
START_TEST(one_that_fails_ends_the_others)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *slot = play_mischief(program, _i, HANG_UP_AND_HOLD);

	program_expect(program, 4, "GET /rockets/saturn-v: the connection ended before the answer did");
	ck_assert_int_eq(number(slot, "operations_total"), 1);
	ck_assert_int_eq(number(slot, "lost_operations"), LIST);
	json_decref(slot);
	free(program);
}
END_TEST

/* All at once, since each takes as long: the list is there after two seconds, and what is asked for
 * then is due at four. */
START_TEST(a_deadline_ends_all_that_is_under_way_as_the_server_sees)
{
	struct program *programs = calloc(ARM_COUNT, sizeof(*programs));
	struct program *server = serve("--latency 2");

	for (int arm = 0; arm < ARM_COUNT; arm++)
		begin_play(&programs[arm], server, arm, "--connections 3 --duration 20 --deadline 3");
	for (int arm = 0; arm < ARM_COUNT; arm++) {
		json_t *slot = end_play(&programs[arm], 4);

		program_expect(&programs[arm], 4, "within the deadline of the whole fetch");
		ck_assert_int_eq(number(slot, "operations_total"), 1);
		ck_assert_int_eq(number(slot, "lost_operations"), LIST);
		json_decref(slot);
	}
	ck_assert_int_eq(end_server(server, "left"), 3 * ARM_COUNT);
	free(programs);
}
END_TEST

/* What a slot hasn't fetched at its end is asked to end, and nobody's loss. */
START_TEST(the_end_of_a_slot_waits_for_no_answer)
{
	struct program *program = calloc(1, sizeof(*program)), *server = serve("--latency 60");
	json_t *slot;

	begin_play(program, server, _i, "--duration 0.2");
	slot = end_play(program, 0);
	ck_assert_int_eq(number(slot, "operations_total") + number(slot, "lost_operations"), 0);
	json_decref(slot);
	ck_assert_int_eq(end_server(server, "left"), 1);
	free(program);
}
END_TEST

/* ---- What compare makes of it. ---- */

static const struct {
	const char *words, *said;
} REFUSED[] = {
	{ "compare rockets --a polling/native", "the workload rockets has no model 'native'; it has "
						"callback, coroutine and future" },
	{ "compare rockets --b floor-epoll", "rockets is played by completion and polling only" },
	{ "compare rockets --a null", "rockets is played by completion and polling only" },
	{ "compare rockets --a exec:{port}", "rockets is played by completion and polling only" },
	{ "compare rockets --a polling:idle=3", "idle=N is a key of the question informed" },
	{ "compare rockets --items 0", "--items 0: give a number from 1 to 10000" },
	{ "compare rockets --items 10001", "give a number from 1 to 10000" },
	{ "compare rockets --latency 61", "--latency 61: give seconds" },
	{ "compare rockets --size 3", "--size is an option of the workload echo" },
	{ "compare rockets --depth 2",
	  "--depth is an option of the workload echo, slow, http, kv, proxy or file" },
	{ "compare rockets --cells", "write duet compare cells" },
	{ "compare rockets file rockets", "named twice" },
	{ "compare --items 3", "--items is an option of the workload rockets" },
	{ "compare echo --latency 1", "--latency is an option of the workload rockets" },
	{ "compare file --connections 2",
	  "--connections is an option of the workload echo, churn, slow, http, kv, proxy, udp, copy "
	  "or rockets" },
	{ "compare cells echo --items 3", "--items is an option of the workload rockets" },
	{ "compare informed --items 3", "--items is no option of the question informed" },
	{ "compare --set quick --latency 1", "fixes the workloads and their parameters" },
	{ "play-rockets", "which server?" },
	{ "play-rockets --address localhost:1", "which server?" },
	{ "play-rockets --address 127.0.0.1:0", "which server?" },
	{ "play-rockets --address 127.0.0.1:1 --model opera", "which model?" },
	{ "play-rockets --address 127.0.0.1:1 --backend floor-epoll", "which backend?" },
};

START_TEST(what_makes_no_sense_is_refused)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", REFUSED[_i].words);
	program_end(program);
	program_expect(program, 2, REFUSED[_i].said);
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

static void allow_few_files(void)
{
	struct rlimit limit = { 100, 100 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(more_connections_than_descriptors_are_refused_with_numbers)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, allow_few_files, "compare rockets --connections 50 --duration 60");
	program_end(program);
	program_expect(program, 3, "rockets: 50 connections take 180 descriptors in each process, and "
		       "the limit is 100");
	free(program);
}
END_TEST

/* The server is started first, and the arm after it. */
static void await_both(const struct program *program, pid_t pids[2])
{
	char name[64], text[64];

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)program->pid,
		 (int)program->pid);
	for (int i = 0; i < 20000; i++) {
		FILE *file = fopen(name, "re");
		int first, second, count;

		ck_assert_ptr_nonnull(file);
		count = fgets(text, sizeof(text), file) ? sscanf(text, "%d %d", &first, &second) : 0;
		fclose(file);
		if (count == 2) {
			pids[0] = first;
			pids[1] = second;
			return;
		}
		program_pause_ms(1);
	}
	ck_abort_msg("it never had two processes of its own");
}

static const int ENDS[] = { SIGINT, SIGTERM, SIGHUP };

START_TEST(ctrl_c_leaves_no_process)
{
	struct program *program = calloc(1, sizeof(*program));
	pid_t pids[2];

	program_begin(program, NULL, "compare rockets --duration 60 --warmup 0");
	await_both(program, pids);
	kill(program->pid, ENDS[_i]);
	program_end(program);
	program_expect(program, 3, "nothing was measured");
	for (int i = 0; i < 2; i++)
		ck_assert_msg(kill(pids[i], 0) && errno == ESRCH, "process %d is still there",
			      (int)pids[i]);
	free(program);
}
END_TEST

static const char *const DEATHS[] = { "the server of rockets died of signal 9",
				      "the process that plays it ended with signal 9" };

START_TEST(who_dies_is_named_and_takes_the_other_along)
{
	struct program *program = calloc(1, sizeof(*program));
	pid_t pids[2];

	program_begin(program, NULL, "compare rockets --duration 60 --warmup 0 --rounds 1");
	await_both(program, pids);
	kill(pids[_i], SIGKILL);
	program_end(program);
	program_expect(program, 3, DEATHS[_i]);
	ck_assert(kill(pids[1 - _i], 0) && errno == ESRCH);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program compare rockets");
	TCase *cases = tcase_create("rockets");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, each_arm_fetches_all_and_counts_what_the_server_counts, 0,
			    ARM_COUNT);
	tcase_add_loop_test(cases, a_list_of_one_by_more_lanes_than_there_are_rockets, 0, ARM_COUNT);
	tcase_add_loop_test(cases, an_answer_that_is_wrong_or_missing_is_counted_and_named, 0,
			    ARM_COUNT * FAILURE_COUNT);
	tcase_add_loop_test(cases, another_list_than_is_expected_is_wrong, 0, ARM_COUNT);
	tcase_add_loop_test(cases, where_nobody_listens_all_is_missing, 0, ARM_COUNT);
	tcase_add_loop_test(cases, one_byte_that_is_another_or_one_more_is_found, 0, 2 * ARM_COUNT);
	tcase_add_loop_test(cases, one_that_fails_ends_the_others, 0, ARM_COUNT);
	tcase_add_test(cases, a_deadline_ends_all_that_is_under_way_as_the_server_sees);
	tcase_add_loop_test(cases, the_end_of_a_slot_waits_for_no_answer, 0, ARM_COUNT);
	tcase_add_loop_test(cases, what_makes_no_sense_is_refused, 0,
			    sizeof(REFUSED) / sizeof(*REFUSED));
	tcase_add_test(cases, more_connections_than_descriptors_are_refused_with_numbers);
	tcase_add_loop_test(cases, ctrl_c_leaves_no_process, 0, sizeof(ENDS) / sizeof(*ENDS));
	tcase_add_loop_test(cases, who_dies_is_named_and_takes_the_other_along, 0, 2);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
