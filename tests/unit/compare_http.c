/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What `duet serve http` is made of, without I/O: requests in pieces of every size, paths, parts, tags and
 * dates. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "compare/http/path.h"
#include "compare/http/range.h"
#include "compare/http/request.h"

/* ---- Requests. ---- */

static const struct {
	const char *text, *path;
	int status;
	enum request_method method;
	bool stays;
	unsigned int hosts;
} REQUESTS[] = {
	{ "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", "/a", 1, REQUEST_GET, true, 1 },
	{ "HEAD / HTTP/1.1\r\nhOsT:\r\nConnection: close\r\n\r\n", "/", 1, REQUEST_HEAD, false, 1 },
	{ "GET http://h:80/p/q#f HTTP/1.0\r\n\r\n", "/p/q", 1, REQUEST_GET, false, 0 },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "/", 1, REQUEST_GET, true, 0 },
	{ "PUT /p HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 3\r\n\r\nabc", "/p", 1,
	  REQUEST_OTHER, true, 2 },
	{ "GET /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nHost: y\r\n\r\n",
	  "/p", 1, REQUEST_GET, true, 1 },
	{ "GET /p HTTP/1.1\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n", "/p", 1, REQUEST_GET,
	  false, 0 },
	{ "BREW", NULL, 501, REQUEST_OTHER, false, 0 },
	{ "\x16", NULL, 400, REQUEST_OTHER, false, 0 },
	{ "GET / HTTP/3.0\r\n\r\n", NULL, 505, REQUEST_OTHER, false, 0 },
	{ "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", NULL, 417, REQUEST_OTHER, false, 0 },
	{ "PUT / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", NULL, 405, REQUEST_OTHER, false, 0 },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n", NULL, 400, REQUEST_OTHER, false, 0 },
	{ "PUT / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", NULL, 413, REQUEST_OTHER, false, 0 },
};

static int feed(struct request *request, const char *text, size_t piece, size_t *fed)
{
	size_t bytes = strlen(text), used;
	int status = 0;

	request_begin(request);
	for (*fed = 0; !status && *fed < bytes; *fed += used)
		status = request_feed(request, text + *fed,
				      piece < bytes - *fed ? piece : bytes - *fed, &used);
	return status;
}

START_TEST(requests_are_the_same_in_pieces_of_every_size)
{
	static struct request request;
	const char *text = REQUESTS[_i].text, *path = REQUESTS[_i].path;
	size_t fed;

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		ck_assert_int_eq(feed(&request, text, piece, &fed), REQUESTS[_i].status);
		if (!path)
			continue;
		ck_assert_uint_eq(fed, strlen(text));
		ck_assert_uint_eq(request.path_bytes, strlen(path));
		ck_assert_int_eq(memcmp(request.path, path, strlen(path)), 0);
		ck_assert_int_eq(request.method, REQUESTS[_i].method);
		ck_assert_int_eq(request.stays, REQUESTS[_i].stays);
		ck_assert_uint_eq(request.hosts, REQUESTS[_i].hosts);
	}
}
END_TEST

START_TEST(the_next_request_stays_where_it_is_and_knows_nothing_of_this_one)
{
	static const char TWO[] = "GET /a HTTP/1.1\r\nRange: bytes=1-2\r\nHost: x\r\n\r\n"
				  "GET /b HTTP/1.1\r\nIf-Range: \"r\"\r\n\r\n";
	static struct request request;
	size_t used, more;

	request_begin(&request);
	ck_assert_int_eq(request_feed(&request, TWO, sizeof(TWO) - 1, &used), 1);
	ck_assert_int_eq(strncmp(TWO + used, "GET /b", 6), 0);
	ck_assert_str_eq(request.fields[REQUEST_RANGE], "bytes=1-2");
	request_begin(&request);
	ck_assert_int_eq(request_feed(&request, TWO + used, sizeof(TWO) - 1 - used, &more), 1);
	ck_assert_uint_eq(used + more, sizeof(TWO) - 1);
	ck_assert_str_eq(request.fields[REQUEST_RANGE], "");
	ck_assert_str_eq(request.fields[REQUEST_IF_RANGE], "\"r\"");
	ck_assert_uint_eq(request.hosts, 0);
}
END_TEST

START_TEST(what_is_longer_than_it_may_be_is_refused_or_forgotten)
{
	static struct request request;
	static char text[REQUEST_HEAD_MAX + 2048];
	size_t fed;
	int length;

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nRange: %0*d\r\nIf-Range: %0*d\r\n\r\n",
		 REQUEST_FIELD_MAX, 1, REQUEST_FIELD_MAX - 1, 2);
	for (size_t piece = 1; piece < 600; piece += 7) {
		ck_assert_int_eq(feed(&request, text, piece, &fed), 1);
		ck_assert_str_eq(request.fields[REQUEST_RANGE], "");
		ck_assert_uint_eq(strlen(request.fields[REQUEST_IF_RANGE]), REQUEST_FIELD_MAX - 1);
	}
	snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n\r\n", REQUEST_TARGET_MAX - 1, 1);
	ck_assert_int_eq(feed(&request, text, 1000, &fed), 1);
	snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n\r\n", REQUEST_TARGET_MAX, 1);
	ck_assert_int_eq(feed(&request, text, 1000, &fed), 414);
	length = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: ");
	memset(text + length, 'x', sizeof(text) - 1 - (size_t)length);
	ck_assert_int_eq(feed(&request, text, 1000, &fed), 431);
	ck_assert_uint_lt(fed, REQUEST_HEAD_MAX + 1001);
}
END_TEST

/* Also where its end comes in the piece that makes it too long. */
START_TEST(a_head_has_one_bound_in_pieces_of_every_size)
{
	static struct request request;
	static char text[REQUEST_HEAD_MAX + 2];
	const int field = REQUEST_HEAD_MAX - (int)strlen("GET / HTTP/1.1\r\nX: \r\n\r\n");
	size_t fed;

	for (size_t piece = 1; piece < 2 * sizeof(text); piece += 97) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: %0*d\r\n\r\n", field, 1);
		ck_assert_int_eq(feed(&request, text, piece, &fed), 1);
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: %0*d\r\n\r\n", field + 1, 1);
		ck_assert_int_eq(feed(&request, text, piece, &fed), 431);
	}
}
END_TEST

/* Around the bytes of a body in chunks there may be more bytes than of it: they have a bound, too. */
START_TEST(a_body_without_an_end_has_one)
{
	static const char HEAD[] = "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
			  CHUNK[] = "1;some=extension;and=another;and=yet another\r\nx\r\n";
	static struct request request;
	size_t used, fed = 0;
	int status;

	request_begin(&request);
	ck_assert_int_eq(request_feed(&request, HEAD, sizeof(HEAD) - 1, &used), 0);
	do {
		status = request_feed(&request, CHUNK, sizeof(CHUNK) - 1, &used);
		fed += used;
	} while (!status && fed < 100 * REQUEST_BODY_MAX);
	ck_assert_int_eq(status, 413);
	ck_assert_uint_lt(fed, 10 * REQUEST_BODY_MAX);
}
END_TEST

/* ---- Paths. ---- */

static const struct {
	const char *text, *names; /* with a | behind each */
	int status;
	bool folder;
} PATHS[] = {
	{ "/", "", 0, true }, { "//", "", 0, true }, { "/a", "a|", 0, false },
	{ "/a/", "a|", 0, true }, { "/a//b", "a|b|", 0, false }, { "/a/./b", "a|b|", 0, false },
	{ "/a/../b", "b|", 0, false }, { "/a/..", "", 0, true }, { "/a/.", "a|", 0, true },
	{ "/%41%2e%2E", "A..|", 0, false }, { "/...", "...|", 0, false }, { "/..a", "..a|", 0, false },
	{ "/%2e%2e", NULL, 403, false }, { "/a/../..", NULL, 403, false },
	{ "/../a", NULL, 403, false }, { "/a%2fb", NULL, 404, false }, { "/%00", NULL, 400, false },
	{ "/a%", NULL, 400, false }, { "/a%4", NULL, 400, false }, { "/a%4g", NULL, 400, false },
	{ "a", NULL, 400, false }, { "", NULL, 400, false }, { "*", NULL, 400, false },
};

START_TEST(a_path_is_names_that_lead_down)
{
	static struct path path;
	char names[64] = "";
	const char *name = path.names;

	ck_assert_int_eq(path_read(&path, PATHS[_i].text, strlen(PATHS[_i].text)), PATHS[_i].status);
	if (!PATHS[_i].names)
		return;
	for (unsigned int i = 0; i < path.depth; i++, name += strlen(name) + 1)
		strcat(strcat(names, name), "|");
	ck_assert_str_eq(names, PATHS[_i].names);
	ck_assert_int_eq(path.folder, PATHS[_i].folder);
}
END_TEST

START_TEST(a_path_is_encoded_again_and_has_bounds)
{
	static struct path path;
	static char text[1024];
	char written[64];

	ck_assert_int_eq(path_read(&path, "//a b/%c3%bc%0d/-", 17), 0);
	ck_assert(path_write_folder(&path, written, sizeof(written)));
	ck_assert_str_eq(written, "/a%20b/%C3%BC%0D/-/");
	ck_assert(!path_write_folder(&path, written, 12));
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	ck_assert_int_eq(path_read(&path, text, 1 + PATH_NAME_MAX), 0);
	ck_assert_int_eq(path_read(&path, text, 2 + PATH_NAME_MAX), 404);
	for (size_t i = 0; i < sizeof(text); i += 2)
		text[i] = '/';
	ck_assert_int_eq(path_read(&path, text, 2 * PATH_DEPTH_MAX), 0);
	ck_assert_int_eq(path_read(&path, text, 2 * PATH_DEPTH_MAX + 2), 404);
}
END_TEST

/* ---- Parts and conditions. ---- */

static const struct { const char *text; uint64_t size; int status; uint64_t first, count; } RANGES[] = {
	{ "bytes=0-9", 100, 206, 0, 10 }, { "bytes=90-", 100, 206, 90, 10 },
	{ "bytes=-10", 100, 206, 90, 10 }, { "bytes=-200", 100, 206, 0, 100 },
	{ "bytes=99-1000", 100, 206, 99, 1 }, { "Bytes=1-1", 100, 206, 1, 1 },
	{ "bytes=1-99999999999999999999999", 100, 206, 1, 99 },
	{ "bytes=100-", 100, 416, 0, 0 }, { "bytes=-0", 100, 416, 0, 0 }, { "bytes=0-", 0, 416, 0, 0 },
	{ "bytes=99999999999999999999999-", 100, 416, 0, 0 }, { "bytes=9-1", 100, 200, 0, 0 },
	{ "bytes=-", 100, 200, 0, 0 }, { "bytes=1-2,4-5", 100, 200, 0, 0 },
	{ "lines=1-2", 100, 200, 0, 0 }, { "bytes=1-2x", 100, 200, 0, 0 }, { "", 100, 200, 0, 0 },
};

START_TEST(a_part_is_what_it_says)
{
	uint64_t first = 0, count = 0;

	ck_assert_int_eq(range_read(RANGES[_i].text, RANGES[_i].size, &first, &count),
			 RANGES[_i].status);
	ck_assert_uint_eq(first, RANGES[_i].first);
	ck_assert_uint_eq(count, RANGES[_i].count);
}
END_TEST

START_TEST(tags_and_dates_are_known_again)
{
	char text[DATE_BYTES];
	time_t time = 0;

	ck_assert(tag_is_among("\"a\"", "\"a\"") && tag_is_among(" *", "\"a\""));
	ck_assert(tag_is_among("\"b\", W/\"a\" ,\"c\"", "\"a\""));
	ck_assert(!tag_is_among("\"ab\"", "\"a\"") && !tag_is_among("", "\"a\""));
	ck_assert(!tag_is_among("\"a\"b", "\"a\"") && !tag_is_among("a", "\"a\""));
	date_write(784111777, text);
	ck_assert_str_eq(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	ck_assert(date_read(text, &time));
	ck_assert_int_eq(time, 784111777);
	ck_assert(!date_read("Sun, 06 Nov 1994 08:49:37 CET", &time) && !date_read("", &time));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare http");
	TCase *cases = tcase_create("http");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, requests_are_the_same_in_pieces_of_every_size, 0,
			    sizeof(REQUESTS) / sizeof(*REQUESTS));
	tcase_add_test(cases, the_next_request_stays_where_it_is_and_knows_nothing_of_this_one);
	tcase_add_test(cases, what_is_longer_than_it_may_be_is_refused_or_forgotten);
	tcase_add_test(cases, a_body_without_an_end_has_one);
	tcase_add_test(cases, a_head_has_one_bound_in_pieces_of_every_size);
	tcase_add_loop_test(cases, a_path_is_names_that_lead_down, 0, sizeof(PATHS) / sizeof(*PATHS));
	tcase_add_test(cases, a_path_is_encoded_again_and_has_bounds);
	tcase_add_loop_test(cases, a_part_is_what_it_says, 0, sizeof(RANGES) / sizeof(*RANGES));
	tcase_add_test(cases, tags_and_dates_are_known_again);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
