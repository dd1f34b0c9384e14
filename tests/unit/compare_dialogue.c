/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a load asks of a service that is no echo, and what it holds against the answer. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/load/connection.h"
#include "compare/load/dialogue.h"
#include "compare/load/pattern.h"

static struct dialogue dialogue;
static int ends[2];

static void set_up(void)
{
	pattern_make();
	dialogue = (struct dialogue){ 0 };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
}

static void tear_down(void)
{
	dialogue_end(&dialogue);
	for (int i = 0; i < 2; i++)
		close(ends[i]);
}

/* ---- Kv. ---- */

START_TEST(a_value_is_stored_and_fetched_under_a_key_of_its_own)
{
	static const char first[] = "*3\r\n$3\r\nSET\r\n$15\r\nduet:0000000007\r\n$10\r\n";
	static const char last[] = "\r\n*2\r\n$3\r\nGET\r\n$15\r\nduet:0000000007\r\n";
	size_t piece;

	ck_assert_int_eq(dialogue_make_kv(&dialogue, 7, 10, 3), 0);
	ck_assert_uint_eq(dialogue.request_bytes, sizeof(first) + 10 + sizeof(last) - 2);
	ck_assert_mem_eq(dialogue_at(&dialogue, 0, &piece), first, sizeof(first) - 1);
	ck_assert_uint_eq(piece, 3 * dialogue.request_bytes);
	ck_assert_uint_eq(pattern_wrong(7, 0, dialogue_at(&dialogue, sizeof(first) - 1, &piece), 10),
			  0);
	ck_assert_mem_eq(dialogue_at(&dialogue, sizeof(first) + 9, &piece), last, sizeof(last) - 1);
	ck_assert_ptr_eq(dialogue_at(&dialogue, 5 * (uint64_t)dialogue.request_bytes + 4, &piece),
			 dialogue.requests + 4);
	ck_assert_mem_eq(dialogue.answer, "+OK\r\n$10\r\n", 10);
	ck_assert_uint_eq(dialogue.answer_bytes, 10 + 10 + 2);
}
END_TEST

START_TEST(each_byte_of_an_answer_counts_wherever_it_is_cut)
{
	unsigned char data[256];
	uint32_t whole;

	ck_assert_int_eq(dialogue_make_kv(&dialogue, 1, 30, 1), 0);
	whole = dialogue.answer_bytes;
	memcpy(data, dialogue.answer, whole);
	memcpy(data + whole, dialogue.answer, whole);
	for (uint32_t cut = 1; cut < 2 * whole; cut++) {
		ck_assert_uint_eq(dialogue_wrong(&dialogue, 0, data, cut), 0);
		ck_assert_uint_eq(dialogue_wrong(&dialogue, cut, data + cut, 2 * whole - cut), 0);
	}
	for (uint32_t at = 0; at < 2 * whole; at++) {
		data[at] ^= 1;
		ck_assert_uint_eq(dialogue_wrong(&dialogue, 0, data, 2 * whole), 1);
		data[at] ^= 1;
	}
}
END_TEST

/* ---- Http. ---- */

#define HEAD(time, bytes) "HTTP/1.1 200 OK\r\nDate: " time "\r\nContent-Length: " bytes "\r\n\r\n"

static int learn(const char *text, size_t bytes, uint32_t file_bytes)
{
	const struct address address = { .shown = "h:1" };

	ck_assert_int_eq(dialogue_make_http(&dialogue, &address, "/f", 1), 0);
	ck_assert_int_eq(send(ends[1], text, bytes, 0), (ssize_t)bytes);
	shutdown(ends[1], SHUT_WR);
	return dialogue_learn(&dialogue, ends[0], file_bytes);
}

START_TEST(the_time_of_day_may_change_and_nothing_else)
{
	static const char text[] = HEAD("10:00:00", "5") "hello";
	unsigned char data[sizeof(text)];
	char asked[64];
	size_t time_at;

	ck_assert_int_eq(learn(text, sizeof(text) - 1, 0), 0);
	ck_assert_int_eq(recv(ends[1], asked, sizeof(asked), 0), 30);
	ck_assert_mem_eq(asked, "GET /f HTTP/1.1\r\nHost: h:1\r\n\r\n", 30);
	ck_assert_uint_eq(dialogue.answer_bytes, sizeof(text) - 1);
	memcpy(data, text, sizeof(text));
	time_at = (size_t)(strstr(text, "10:") - text);
	for (size_t at = 0; at + 1 < sizeof(text); at++) {
		bool is_time = at >= time_at && at < time_at + 8;

		for (size_t cut = 0; cut + 1 < sizeof(text); cut += 7) {
			data[at] ^= 1;
			ck_assert_uint_eq(dialogue_wrong(&dialogue, 0, data, cut) +
						  dialogue_wrong(&dialogue, cut, data + cut,
								 sizeof(text) - 1 - cut),
					  !is_time);
			data[at] ^= 1;
		}
	}
}
END_TEST

static const struct {
	const char *text;
	uint32_t file_bytes;
	int error;
} ANSWERS[] = {
	{ HEAD("now", "5") "hello", 0, 0 },
	{ "HTTP/1.1 200 OK\r\ncontent-length:\t5\r\n\r\nhello", 0, 0 },
	{ HEAD("now", "0"), 0, 0 },
	{ HEAD("now", "5") "hello", 5, -EBADMSG },
	{ HEAD("now", "5") "hello", 4, -EBADMSG },
	{ HEAD("now", "5") "hell", 0, -EPROTO },
	{ HEAD("now", "5") "hello!", 0, -EPROTO },
	{ "HTTP/1.1 200 OK\r\n\r\nContent-Length: 5\r\n", 0, -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, -EPROTO },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", 0, -ENOENT },
	{ HEAD("now", "1048576"), 0, -EPROTO }, /* promised, and never came */
	{ HEAD("now", "2000000"), 0, -EMSGSIZE },
	{ "", 0, -EPROTO },
};

START_TEST(what_is_no_answer_is_not_learnt)
{
	const char *text = ANSWERS[_i].text;

	ck_assert_int_eq(learn(text, strlen(text), ANSWERS[_i].file_bytes), ANSWERS[_i].error);
}
END_TEST

START_TEST(the_file_is_the_pattern)
{
	char text[256] = HEAD("now", "100");
	size_t head_bytes = strlen(text), piece;

	memcpy(text + head_bytes, pattern_at(0, 0, &piece), 100);
	ck_assert_int_eq(learn(text, head_bytes + 100, 100), 0);
}
END_TEST

/* ---- On a connection. ---- */

/* What comes before it was asked for is wrong, whatever it is. */
START_TEST(no_answer_is_owed_to_half_a_request)
{
	static struct connection_run run;
	uint64_t stamp_ns;
	struct connection connection = { .fd = ends[0], .stamps_ns = &stamp_ns,
					 .dialogue = &dialogue };

	ck_assert_int_eq(dialogue_make_kv(&dialogue, 0, 8, 1), 0);
	run = (struct connection_run){ .size_bytes = dialogue.request_bytes, .depth = 1,
				       .answer_bytes = dialogue.answer_bytes, .sending = true,
				       .until_ns = UINT64_MAX };
	ck_assert_int_eq(connection_send(&connection, &run, 1), 0);
	ck_assert_uint_eq(connection_owed_bytes(&connection, &run), dialogue.answer_bytes);
	ck_assert_uint_eq(connection_open_messages(&connection, &run), 1);
	ck_assert_int_eq(send(ends[1], dialogue.answer, dialogue.answer_bytes, 0),
			 (ssize_t)dialogue.answer_bytes);
	ck_assert_int_eq(connection_receive(&connection, &run), 0);
	ck_assert_uint_eq(connection_open_messages(&connection, &run), 0);
	ck_assert_uint_eq(run.answered_total, 1);
	ck_assert_uint_eq(run.wrong_bytes, 0);
	connection.sent_bytes += dialogue.request_bytes - 1;
	ck_assert_uint_eq(connection_owed_bytes(&connection, &run), dialogue.answer_bytes);
	ck_assert_int_eq(send(ends[1], dialogue.answer, 3, 0), 3);
	ck_assert_int_eq(connection_receive(&connection, &run), 0);
	ck_assert_uint_eq(run.wrong_bytes, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare dialogue");
	TCase *cases = tcase_create("dialogue");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, a_value_is_stored_and_fetched_under_a_key_of_its_own);
	tcase_add_test(cases, each_byte_of_an_answer_counts_wherever_it_is_cut);
	tcase_add_test(cases, the_time_of_day_may_change_and_nothing_else);
	tcase_add_loop_test(cases, what_is_no_answer_is_not_learnt, 0,
			    sizeof(ANSWERS) / sizeof(*ANSWERS));
	tcase_add_test(cases, the_file_is_the_pattern);
	tcase_add_test(cases, no_answer_is_owed_to_half_a_request);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
