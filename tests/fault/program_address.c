/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where `duet serve` can be found: each service at an address of IPv6, with brackets and without, and at
 * every address of both families at once. */
#include "tests/fault/served.h"

static const struct {
	const char *service, *question, *answer;
} SERVED[] = {
	{ "echo", "hello", "hello" },
	{ "copy --from LICENSE", "", "MIT License" },
	{ "http --root docs", "GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404" },
	{ "kv", "PING\r\n", "+PONG\r\n" },
	{ "rockets", "GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404" },
	{ "udp", "hello", "hello" },
};
enum { SERVED_COUNT = sizeof(SERVED) / sizeof(*SERVED) };

static void expect_answer(const struct program *program, int served, const char *host)
{
	int type = strcmp(SERVED[served].service, "udp") ? SOCK_STREAM : SOCK_DGRAM;
	int fd = served_reach(program, host, type);
	char answer[64] = "";
	ssize_t wanted = (ssize_t)strlen(SERVED[served].answer);

	served_send(fd, SERVED[served].question);
	ck_assert_int_eq(recv(fd, answer, (size_t)wanted, MSG_WAITALL), wanted);
	ck_assert_str_eq(answer, SERVED[served].answer);
	close(fd);
}

static void begin(struct program *program, int arm, const char *host, const char *said)
{
	char options[128];

	snprintf(options, sizeof(options), "%s --host %s", SERVERS[arm / SERVED_COUNT], host);
	served_begin(program, SERVED[arm % SERVED_COUNT].service, options);
	ck_assert_msg(strstr(program->said, said) != NULL, "%s", program->said);
}

START_TEST(each_service_is_found_by_ipv6)
{
	struct program *program = calloc(1, sizeof(*program));

	if (!served_has_ipv6())
		return;
	begin(program, _i, _i % 2 ? "::1" : "[::1]", "listening on [::1]:");
	expect_answer(program, _i % SERVED_COUNT, "::1");
	served_end(program);
	free(program);
}
END_TEST

START_TEST(at_every_address_it_is_found_by_both)
{
	struct program *program = calloc(1, sizeof(*program));

	if (!served_has_ipv6())
		return;
	begin(program, _i, "::", "listening on [::]:");
	expect_answer(program, _i % SERVED_COUNT, "::1");
	expect_answer(program, _i % SERVED_COUNT, "127.0.0.1");
	served_end(program);
	free(program);
}
END_TEST

START_TEST(a_relay_goes_from_one_to_the_other)
{
	struct program *echo = calloc(1, sizeof(*echo)), *relay = calloc(1, sizeof(*relay));
	const char *hosts[2] = { "127.0.0.1", "::1" };
	char options[128], got[6] = "";
	int six = _i % 2, fd;

	if (!served_has_ipv6())
		return;
	snprintf(options, sizeof(options), "%s --host %s", SERVERS[_i / 2], hosts[!six]);
	served_begin(echo, "echo", options);
	snprintf(options, sizeof(options), "%s --host %s --to [%s]:%u",
		 SERVERS[_i / 2], hosts[six], hosts[!six], program_port(echo));
	served_begin(relay, "proxy", options);
	fd = served_reach(relay, hosts[six], SOCK_STREAM);
	served_send(fd, "hello");
	ck_assert_int_eq(recv(fd, got, 5, MSG_WAITALL), 5);
	ck_assert_str_eq(got, "hello");
	close(fd);
	served_end(relay);
	served_end(echo);
	free(relay);
	free(echo);
}
END_TEST

START_TEST(a_floor_is_found_by_ipv6_as_well)
{
	struct program *program = calloc(1, sizeof(*program));

	if (!served_has_ipv6())
		return;
	served_begin(program, "echo", _i ? "--backend floor-uring --host ::1"
					 : "--backend floor-epoll --host ::1");
	expect_answer(program, 0, "::1");
	served_end(program);
	free(program);
}
END_TEST

START_TEST(what_is_no_address_is_said)
{
	static const struct program_wrong WRONG[] = {
		{ "serve kv --host localhost", "IPv6, not a name", 2 },
		{ "serve kv --host [127.0.0.1]", "IPv6, not a name", 2 },
		{ "serve kv --host [::1", "IPv6, not a name", 2 },
		{ "serve kv --host ::1]", "IPv6, not a name", 2 },
		{ "serve kv --host :", "IPv6, not a name", 2 },
		{ "serve kv --host ::1%nosuchlink", "IPv6, not a name", 2 },
		{ "serve echo --backend floor-epoll --host [::1", "IPv6, not a name", 2 },
		{ "serve kv --host 2001:db8::1", "can't listen on [2001:db8::1]:0", 3 },
	};

	program_expect_refusals(WRONG, sizeof(WRONG) / sizeof(*WRONG));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program address");
	TCase *cases = tcase_create("address");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_loop_test(cases, each_service_is_found_by_ipv6, 0, SERVER_COUNT * SERVED_COUNT);
	tcase_add_loop_test(cases, at_every_address_it_is_found_by_both, 0,
			    SERVER_COUNT * SERVED_COUNT);
	tcase_add_loop_test(cases, a_relay_goes_from_one_to_the_other, 0, 2 * SERVER_COUNT);
	tcase_add_loop_test(cases, a_floor_is_found_by_ipv6_as_well, 0, 2);
	tcase_add_test(cases, what_is_no_address_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
