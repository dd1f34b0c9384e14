/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* An HTTP answer, in pieces of every size: it is whole where it ends, and not before. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/rockets/answer.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"

static const struct {
	const char *text, *body;
	int status; /* of the last piece */
} ANSWERS[] = {
	{ HEAD "Connection: close\r\n\r\nhello", "hello", 1 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 1 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	  "hello", 1 },
	{ "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno", "no", -EREMOTEIO },
	{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "", -EREMOTEIO },
	{ "SSH-2.0-OpenSSH\r\n", "", -EPROTO },
	{ HEAD "Content-Length: 6\r\n\r\nhello", "", -EPROTO },
};
enum { ANSWER_COUNT = sizeof(ANSWERS) / sizeof(*ANSWERS) };

/* Feeds it in pieces of so many bytes, until something else is said than that there is more to
 * come. */
static int feed(struct answer *answer, const char *text, size_t piece, size_t *fed)
{
	size_t bytes = strlen(text);
	int status = 0;

	answer_begin(answer);
	for (*fed = 0; !status && *fed < bytes; *fed += piece) {
		if (piece > bytes - *fed)
			piece = bytes - *fed;
		status = answer_feed(answer, text + *fed, piece);
	}
	return status;
}

START_TEST(pieces_of_every_size_come_to_the_same)
{
	const char *text = ANSWERS[_i].text, *body = ANSWERS[_i].body;
	struct answer answer = {0};
	size_t fed;

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		ck_assert_int_eq(feed(&answer, text, piece, &fed), ANSWERS[_i].status);
		if (ANSWERS[_i].status == -EPROTO)
			continue;
		ck_assert_uint_eq(fed, strlen(text)); /* and not a byte before */
		ck_assert_uint_eq(answer.body_bytes, strlen(body));
		ck_assert(!answer.body_bytes || !memcmp(answer.body, body, strlen(body)));
	}
	answer_free(&answer);
}
END_TEST

START_TEST(what_comes_behind_it_is_no_part_of_it)
{
	static const char text[] = HEAD "\r\nhello", more[] = HEAD "\r\nhelloHTTP";
	struct answer answer = {0};
	size_t fed;

	ck_assert_int_eq(feed(&answer, more, strlen(more), &fed), 1);
	ck_assert_uint_eq(answer.body_bytes, 5);
	ck_assert_uint_eq(answer.behind_bytes, 4);
	ck_assert_int_eq(feed(&answer, text, strlen(text), &fed), 1);
	ck_assert_uint_eq(answer.behind_bytes, 0);
	answer_free(&answer);
}
END_TEST

START_TEST(what_is_cut_short_is_told_from_what_ends_with_its_connection)
{
	static const char text[] = HEAD "\r\nhello", closing[] = "HTTP/1.0 200 OK\r\n\r\nhello";
	struct answer answer = {0};
	char part[sizeof(text)];
	size_t fed;

	for (size_t bytes = 0; bytes < strlen(text); bytes++) {
		memcpy(part, text, bytes);
		part[bytes] = 0;
		ck_assert_int_eq(feed(&answer, part, 7, &fed), 0);
		ck_assert_int_eq(answer_feed(&answer, "", 0), -ENODATA);
	}
	ck_assert_int_eq(feed(&answer, closing, 100, &fed), 0);
	ck_assert_int_eq(answer_feed(&answer, "", 0), 1);
	ck_assert_uint_eq(answer.body_bytes, 5);
	answer_free(&answer);
}
END_TEST

/* Its memory grows with the body, and is kept for the next. */
START_TEST(a_long_body_is_whole_and_so_is_the_short_one_behind_it)
{
	enum { BYTES = 300000, PIECE = 4096 };
	struct answer answer = {0};
	char *body = malloc(BYTES);
	int status;

	ck_assert_ptr_nonnull(body);
	for (size_t i = 0; i < BYTES; i++)
		body[i] = (char)(i * 7 + i / 251);
	answer_begin(&answer);
	status = answer_feed(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", 43);
	for (size_t at = 0; at < BYTES; at += PIECE) {
		ck_assert_int_eq(status, 0);
		status = answer_feed(&answer, body + at, at + PIECE < BYTES ? PIECE : BYTES - at);
	}
	ck_assert_int_eq(status, 1);
	ck_assert_uint_eq(answer.body_bytes, BYTES);
	ck_assert_mem_eq(answer.body, body, BYTES);
	answer_begin(&answer);
	ck_assert_int_eq(answer_feed(&answer, HEAD "\r\nhello", strlen(HEAD) + 7), 1);
	ck_assert_uint_eq(answer.body_bytes, 5);
	ck_assert_mem_eq(answer.body, "hello", 5);
	answer_free(&answer);
	free(body);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare answer");
	TCase *cases = tcase_create("answer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, pieces_of_every_size_come_to_the_same, 0, ANSWER_COUNT);
	tcase_add_test(cases, what_comes_behind_it_is_no_part_of_it);
	tcase_add_test(cases, what_is_cut_short_is_told_from_what_ends_with_its_connection);
	tcase_add_test(cases, a_long_body_is_whole_and_so_is_the_short_one_behind_it);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
