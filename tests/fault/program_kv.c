/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve kv` against clients of every kind: what each command answers, in pieces and many at once,
 * what is no request, clients that vanish, that are slow, or take nothing, and memory that ends. */
#include "tests/fault/served.h"

enum { ANSWER_MAX = 1 << 17, BIG = 14000000 };

static char answer[ANSWER_MAX];

static void begin(struct program *program, int server, const char *options)
{
	char words[256];

	snprintf(words, sizeof(words), "%s %s", SERVERS[server], options);
	served_begin(program, "kv", words);
}

/* On a connection of its own, which QUIT, or what is wrong, ends. */
static void ask(const struct program *program, const char *text, const char *expected)
{
	int fd = served_connect(program);

	served_send(fd, text);
	served_read(fd, answer, sizeof(answer));
	ck_assert_msg(!strcmp(answer, expected), "%.200s: %.300s, not %.300s", text, answer, expected);
}

static const char TALK[] =
	"PING\r\n*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$3\r\na\0b\r\n"
	"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n*2\r\n$6\r\nEXISTS\r\n$2\r\n\r\n\r\nDEL nothing\r\n"
	"SET a 5 EX 100\r\nINCR a\r\nTTL a\r\nQUIT\r\n";
static const char TALK_ANSWER[] = "+PONG\r\n$2\r\nhi\r\n+OK\r\n$3\r\na\0b\r\n:1\r\n:0\r\n+OK\r\n:6\r\n"
				  ":100\r\n+OK\r\n";

static void expect_talk(int fd)
{
	ck_assert_uint_eq(served_read(fd, answer, sizeof(answer)), sizeof(TALK_ANSWER) - 1);
	ck_assert_int_eq(memcmp(answer, TALK_ANSWER, sizeof(TALK_ANSWER)), 0);
}

#define OK "+OK\r\n"
#define NONE "$-1\r\n"
#define Y10 "yyyyyyyyyy"
#define Y100 Y10 Y10 Y10 Y10 Y10 Y10 Y10 Y10 Y10 Y10
#define NUMBER "-ERR value is not an integer or out of range\r\n"
static const struct {
	const char *text, *answer; /* a line, on one connection after the other */
} COMMANDS[] = {
	{ "PING", "+PONG\r\n" },
	{ "ping a b", "-ERR wrong number of arguments for 'ping' command\r\n" },
	{ "ECHO \"a b\"", "$3\r\na b\r\n" },
	{ "GET a", NONE },
	{ "SET a 1", OK },
	{ "GET a", "$1\r\n1\r\n" },
	{ "SET a 2 NX", NONE },
	{ "SET a 2 XX GET", "$1\r\n1\r\n" },
	{ "SET b 2 XX", NONE },
	{ "SET a 3 NX XX", "-ERR syntax error\r\n" },
	{ "SET a 3 EX", "-ERR syntax error\r\n" },
	{ "SET a 3 EX 0", "-ERR invalid expire time in 'set' command\r\n" },
	{ "SET a 3 EX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n" },
	{ "SET a 3 PX soon", NUMBER },
	{ "SET a 3 EX 10 PX 10", "-ERR syntax error\r\n" },
	{ "GET a", "$1\r\n2\r\n" },
	{ "TTL a", ":-1\r\n" },
	{ "EXPIRE a 100", ":1\r\n" },
	{ "TTL a", ":100\r\n" },
	{ "INCR a", ":3\r\n" },
	{ "TTL a", ":100\r\n" },
	{ "SET a 4 KEEPTTL", OK },
	{ "TTL a", ":100\r\n" },
	{ "PERSIST a", ":1\r\n" },
	{ "PERSIST a", ":0\r\n" },
	{ "PTTL a", ":-1\r\n" },
	{ "PTTL b", ":-2\r\n" },
	{ "EXPIRE b 100", ":0\r\n" },
	{ "EXPIRE a x", NUMBER },
	{ "EXPIRE a -1", ":1\r\n" },
	{ "EXISTS a a", ":0\r\n" },
	{ "INCR c", ":1\r\n" },
	{ "DECR c", ":0\r\n" },
	{ "INCRBY c -9223372036854775808", ":-9223372036854775808\r\n" },
	{ "DECR c", "-ERR increment or decrement would overflow\r\n" },
	{ "INCRBY c x", NUMBER },
	{ "SET c x", OK },
	{ "INCR c", NUMBER },
	{ "SET d y", OK },
	{ "EXISTS c d e c", ":3\r\n" },
	{ "DBSIZE", ":2\r\n" },
	{ "DEL c d e", ":2\r\n" },
	{ "SELECT 0", OK },
	{ "SELECT 1", "-ERR DB index is out of range\r\n" },
	{ "CONFIG GET appendonly", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n" },
	{ "CONFIG GET nothing", "*0\r\n" },
	{ "COMMAND COUNT", ":20\r\n" },
	{ "COMMAND DOCS", "*0\r\n" },
	{ "get", "-ERR wrong number of arguments for 'get' command\r\n" },
	{ "LPUSH a b", "-ERR unknown command 'LPUSH', with args beginning with: 'a' 'b' \r\n" },
	{ "LPUSH " Y100 Y100, "-ERR unknown command 'LPUSH', with args beginning with: '" Y100
	  "yyyyyyyyyyyyyyyyyyyyyyyyyyyy' \r\n" },
	{ "\"a\\nb\"", "-ERR unknown command 'a b', with args beginning with: \r\n" },
	{ "", "" },
	{ "FLUSHALL", OK },
};
enum { COMMAND_COUNT = sizeof(COMMANDS) / sizeof(*COMMANDS) };

START_TEST(each_command_has_its_answer)
{
	struct program *program = calloc(1, sizeof(*program));
	char all[4096] = "", answers[4096] = "", one[512], expected[512];

	begin(program, _i, "");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		snprintf(one, sizeof(one), "%s\r\nQUIT\r\n", COMMANDS[i].text);
		snprintf(expected, sizeof(expected), "%s" OK, COMMANDS[i].answer);
		ask(program, one, expected);
		strcat(strcat(all, COMMANDS[i].text), "\r\n");
		strcat(answers, COMMANDS[i].answer);
	}
	ask(program, strcat(all, "QUIT\r\n"), strcat(answers, OK)); /* and all of them at once */
	served_end(program);
	ck_assert_int_eq(served_counted(program, "malformed"), 0);
	ck_assert_int_eq(served_counted(program, "keys"), 0);
	free(program);
}
END_TEST

START_TEST(what_is_no_request_is_told_so_and_hung_up_on)
{
	static const struct { const char *text, *answer; } WRONG[] = {
		{ "*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n" },
		{ "*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n" },
		{ "*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'\r\n" },
		{ "PING\r\n*1\r\n$4\r\nPING!!PING\r\n",
		  "+PONG\r\n-ERR Protocol error: expected CRLF behind a bulk string\r\n" },
		{ "GET \"x\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n" },
		{ "*2\r\n$3\r\nGET\r\n$16777217\r\n", "-ERR Protocol error: invalid bulk length\r\n" },
	};
	struct program *program = calloc(1, sizeof(*program));
	char *much = malloc(200001);
	int fd;

	memset(much, 'x', 200000);
	much[200000] = 0;
	begin(program, _i, "");
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++)
		ask(program, WRONG[i].text, WRONG[i].answer);
	fd = served_connect(program);
	served_send(fd, much);
	served_read(fd, answer, sizeof(answer));
	ck_assert_str_eq(answer, "-ERR Protocol error: too big inline request\r\n");
	ask(program, "PING\r\nQUIT\r\n", "+PONG\r\n+OK\r\n");
	served_end(program);
	ck_assert_int_eq(served_counted(program, "malformed"), sizeof(WRONG) / sizeof(*WRONG) + 1);
	free(much);
	free(program);
}
END_TEST

START_TEST(pieces_of_every_size_are_the_same_requests)
{
	struct program *program = calloc(1, sizeof(*program));

	begin(program, _i, "");
	for (size_t piece = 1; piece < sizeof(TALK); piece = piece * 3 / 2 + 1) {
		int fd = served_connect(program);

		for (size_t at = 0; at < sizeof(TALK) - 1; at += piece) {
			size_t left = sizeof(TALK) - 1 - at;

			ck_assert_int_gt(send(fd, TALK + at, left < piece ? left : piece,
					      MSG_NOSIGNAL), 0);
		}
		expect_talk(fd);
	}
	served_end(program);
	free(program);
}
END_TEST

START_TEST(a_client_that_vanishes_at_any_byte_leaves_nothing)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd, files;

	begin(program, _i, "");
	files = served_files(program);
	fd = served_connect(program);
	ck_assert_int_eq(send(fd, TALK, sizeof(TALK) - 1, MSG_NOSIGNAL), (ssize_t)sizeof(TALK) - 1);
	expect_talk(fd);
	for (size_t cut = 0; cut < 2 * sizeof(TALK); cut++) {
		fd = served_connect(program);
		ck_assert_int_eq(send(fd, TALK, cut / 2, MSG_NOSIGNAL), (ssize_t)cut / 2);
		served_vanish(fd, cut % 2);
	}
	served_await_files(program, files);
	ask(program, "FLUSHALL\r\nQUIT\r\n", OK OK);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "bytes"), 0);
	ck_assert_int_eq(served_counted(program, "malformed"), 0);
	free(program);
}
END_TEST

static void send_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

		ck_assert_int_gt(sent, 0);
		data += sent;
		bytes -= (size_t)sent;
	}
}

/* Many answers, each longer than what sockets hold, to one that takes none until it has asked for all, and
 * from whom meanwhile the key is taken away. */
START_TEST(a_client_that_does_not_read_costs_what_it_holds_and_no_more)
{
	enum { TIMES = 10 };
	struct program *program = calloc(1, sizeof(*program));
	char *value = malloc(BIG), head[64];
	int deaf;

	memset(value, 'v', BIG);
	begin(program, _i, "");
	deaf = served_connect(program);
	snprintf(head, sizeof(head), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", BIG);
	send_all(deaf, head, strlen(head));
	send_all(deaf, value, BIG);
	served_send(deaf, "\r\n");
	for (int i = 0; i < TIMES; i++)
		served_send(deaf, "GET k\r\n");
	ck_assert_int_eq(recv(deaf, answer, 5, MSG_WAITALL), 5);
	ask(program, "SET k short\r\nGET k\r\nQUIT\r\n", OK "$5\r\nshort\r\n" OK);
	snprintf(head, sizeof(head), "$%d\r\n", BIG);
	ck_assert_int_eq(recv(deaf, answer, strlen(head), MSG_WAITALL), (ssize_t)strlen(head));
	ck_assert_int_eq(memcmp(answer, head, strlen(head)), 0);
	ck_assert_int_eq(recv(deaf, value, BIG, MSG_WAITALL), BIG); /* held, though it is no more */
	ck_assert(value[0] == 'v' && !memcmp(value, value + 1, BIG - 1));
	shutdown(deaf, SHUT_WR);
	served_read(deaf, answer, sizeof(answer));
	ck_assert_msg(!strncmp(answer, "\r\n$5\r\nshort\r\n", 13), "%.30s", answer);
	served_end(program);
	/* The value, and the room that it came in, which grows twofold. */
	ck_assert_int_lt(served_counted(program, "peak_bytes"), 4 * BIG);
	ck_assert_int_eq(served_counted(program, "requests"), TIMES + 4);
	free(value);
	free(program);
}
END_TEST

START_TEST(memory_that_ends_is_an_error_and_no_end)
{
	static const char OUT[] = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
	struct program *program = calloc(1, sizeof(*program));
	char *text = malloc(200000);
	int length = snprintf(text, 200000, "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$15000\r\n%015000d\r\n", 1);
	int fd;

	begin(program, _i, "--memory 64K");
	fd = served_connect(program);
	for (int i = 0; i < 5; i++) {
		text[17] = (char)('b' + i);
		send_all(fd, text, (size_t)length);
	}
	served_send(fd, "PING\r\nFLUSHALL\r\nQUIT\r\n");
	served_read(fd, answer, sizeof(answer));
	ck_assert_msg(!strncmp(answer, OK OK OK, 15) && strstr(answer, OUT) &&
		      strstr(answer, "+PONG\r\n" OK OK), "%s", answer);
	fd = served_connect(program); /* no room even for the request */
	snprintf(text, 200000, "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$100000\r\n%0100000d\r\n", 1);
	send_all(fd, text, strlen(text));
	served_read(fd, answer, sizeof(answer));
	ck_assert_str_eq(answer, "-OOM no memory left for so long a request\r\n");
	ask(program, "SET c d\r\nQUIT\r\n", OK OK);
	served_end(program);
	ck_assert_int_le(served_counted(program, "peak_bytes"), 64 << 10);
	free(text);
	free(program);
}
END_TEST

START_TEST(keys_go_when_they_are_due_though_nobody_asks)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd, tries = 0;

	begin(program, _i, "");
	fd = served_connect(program);
	for (int i = 0; i < 200; i++) {
		snprintf(answer, sizeof(answer), "SET k%d v PX %d\r\n", i, i % 2 ? 100000 : 20 + i % 5);
		served_send(fd, answer);
		ck_assert_int_eq(recv(fd, answer, 5, MSG_WAITALL), 5);
	}
	do {
		program_pause_ms(5);
		served_send(fd, "DBSIZE\r\n");
		answer[recv(fd, answer, 100, 0)] = 0;
	} while (strcmp(answer, ":100\r\n") != 0 && ++tries < 1000);
	ck_assert_str_eq(answer, ":100\r\n");
	close(fd);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "expired"), 100);
	free(program);
}
END_TEST

START_TEST(who_is_slow_with_a_request_or_says_nothing_is_hung_up_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int slow, silent, busy;

	begin(program, _i, "--idle 0.2 --patience 0.2");
	busy = served_connect(program);
	slow = served_connect(program);
	silent = served_connect(program);
	served_send(busy, "PING\r\nQUIT\r\n");
	served_send(slow, "*1\r\n$4\r\n");
	served_read(slow, answer, sizeof(answer));
	ck_assert_str_eq(answer, "");
	served_read(silent, answer, sizeof(answer));
	ck_assert_str_eq(answer, "");
	served_read(busy, answer, sizeof(answer));
	ck_assert_str_eq(answer, "+PONG\r\n+OK\r\n");
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 2);
	free(program);
}
END_TEST

/* Bytes that come one after the other, each of them in time, make no request that is in time. */
START_TEST(a_request_that_trickles_in_is_late_as_well)
{
	enum { MOST = 3000 };
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	begin(program, _i, "--patience 0.2");
	fd = served_connect(program);
	ck_assert_int_lt(served_drip(fd, "*1\r\n$60000\r\n", MOST), MOST);
	ck_assert_int_le(recv(fd, answer, 1, 0), 0);
	close(fd);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 1);
	free(program);
}
END_TEST

START_TEST(who_takes_nothing_is_hung_up_on)
{
	struct program *program = calloc(1, sizeof(*program));
	char *value = malloc(BIG), head[64];
	int fd, files;

	memset(value, 'v', BIG);
	begin(program, _i, "--patience 0.1");
	files = served_files(program);
	fd = served_connect(program);
	snprintf(head, sizeof(head), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", BIG);
	send_all(fd, head, strlen(head));
	send_all(fd, value, BIG);
	served_send(fd, "\r\nGET k\r\nGET k\r\n");
	ck_assert_int_eq(recv(fd, answer, 6, MSG_WAITALL), 6);
	served_await_files(program, files);
	close(fd);
	ask(program, "FLUSHALL\r\nQUIT\r\n", OK OK);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "bytes"), 0);
	free(value);
	free(program);
}
END_TEST

START_TEST(it_ends_with_clients_in_every_state)
{
	struct program *program = calloc(1, sizeof(*program));
	char *value = malloc(BIG), head[64];
	int peers[4];

	memset(value, 'v', BIG);
	begin(program, _i, "");
	for (int i = 0; i < 4; i++)
		peers[i] = served_connect(program); /* the first says nothing */
	served_send(peers[1], "SET k v EX 100\r\n*2\r\n$3\r\nGE");
	snprintf(head, sizeof(head), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", BIG);
	served_send(peers[2], head);
	send_all(peers[2], value, BIG / 2);
	served_send(peers[3], head);
	send_all(peers[3], value, BIG);
	served_send(peers[3], "\r\nGET k\r\n");
	ck_assert_int_eq(recv(peers[3], head, 6, MSG_WAITALL), 6);
	served_end(program);
	for (int i = 0; i < 4; i++)
		close(peers[i]);
	free(value);
	free(program);
}
END_TEST

START_TEST(more_clients_than_places_wait_for_their_turn)
{
	enum { MANY = 20 };
	struct program *program = calloc(1, sizeof(*program));
	int peers[MANY];

	begin(program, _i, "--connections 2");
	for (int i = 0; i < MANY; i++) {
		peers[i] = served_connect(program);
		served_send(peers[i], "PING\r\nQUIT\r\n");
	}
	for (int i = 0; i < MANY; i++) {
		served_read(peers[i], answer, sizeof(answer));
		ck_assert_str_eq(answer, "+PONG\r\n+OK\r\n");
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

	program_begin(program, served_few_files, "serve kv %s", SERVERS[_i]);
	program_await_word(program, "listening");
	for (int i = 0; i < 40; i++)
		peers[i] = served_connect(program);
	program_await_complaint(program, "no descriptor left");
	for (int i = 0; i < 40; i++)
		close(peers[i]);
	ask(program, "PING\r\nQUIT\r\n", "+PONG\r\n" OK);
	kill(program->pid, SIGINT);
	program_end(program);
	program_expect(program, 0, "ulimit -n");
	free(program);
}
END_TEST

/* It has no client that could leave: others have what it lacks, and give it back. */
START_TEST(a_server_without_a_descriptor_for_its_first_client_finds_one_later)
{
	struct program *program = calloc(1, sizeof(*program));
	struct rlimit none, before;
	int fd;

	begin(program, _i, "");
	ck_assert_int_eq(prlimit(program->pid, RLIMIT_NOFILE, NULL, &before), 0);
	none = before;
	none.rlim_cur = 1;
	ck_assert_int_eq(prlimit(program->pid, RLIMIT_NOFILE, &none, NULL), 0);
	fd = served_connect(program);
	served_send(fd, "PING\r\nQUIT\r\n");
	program_await_complaint(program, "no descriptor left");
	ck_assert_int_eq(prlimit(program->pid, RLIMIT_NOFILE, &before, NULL), 0);
	served_read(fd, answer, sizeof(answer));
	ck_assert_str_eq(answer, "+PONG\r\n" OK);
	kill(program->pid, SIGTERM);
	program_end(program);
	program_expect(program, 0, "ulimit -n");
	free(program);
}
END_TEST

START_TEST(what_makes_no_sense_is_said)
{
	static const struct program_wrong WRONG[] = {
		{ "serve kv --backend floor-epoll", "serve echo alone", 2 },
		{ "serve kv store", "options alone", 2 },
		{ "serve kv --memory 1K", "--memory", 2 },
		{ "serve kv --patience 0", "--patience", 2 },
		{ "serve kv --host nowhere", "IPv6, not a name", 2 },
		{ "serve kv --json /nosuchfolder/x", "/nosuchfolder", 2 },
		{ "serve", "serve: there is copy", 2 },
		{ "serve --port 0", "--port: there is copy", 2 },
	};

	program_expect_refusals(WRONG, sizeof(WRONG) / sizeof(*WRONG));
}
END_TEST

START_TEST(the_counters_are_written_at_the_end)
{
	struct program *program = calloc(1, sizeof(*program));

	begin(program, 2, "--json -");
	ask(program, "SET a b\r\nQUIT\r\n", OK OK);
	served_end(program);
	ck_assert_ptr_nonnull(strstr(program->said, "\"system_calls\""));
	ck_assert_ptr_nonnull(strstr(program->said, "\"kv\""));
	ck_assert_ptr_nonnull(strstr(program->said, "\"requests\": 2"));
	ck_assert_ptr_null(strstr(program->said, "served:"));
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program kv");
	TCase *cases = tcase_create("kv");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_loop_test(cases, each_command_has_its_answer, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, what_is_no_request_is_told_so_and_hung_up_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, pieces_of_every_size_are_the_same_requests, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_client_that_vanishes_at_any_byte_leaves_nothing, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, a_client_that_does_not_read_costs_what_it_holds_and_no_more, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, memory_that_ends_is_an_error_and_no_end, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, keys_go_when_they_are_due_though_nobody_asks, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, who_is_slow_with_a_request_or_says_nothing_is_hung_up_on, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, a_request_that_trickles_in_is_late_as_well, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, who_takes_nothing_is_hung_up_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, it_ends_with_clients_in_every_state, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, more_clients_than_places_wait_for_their_turn, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_server_out_of_descriptors_serves_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases,
			    a_server_without_a_descriptor_for_its_first_client_finds_one_later, 0,
			    SERVER_COUNT);
	tcase_add_test(cases, what_makes_no_sense_is_said);
	tcase_add_test(cases, the_counters_are_written_at_the_end);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
