/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What `duet serve kv` is made of, without I/O: requests in pieces of every size, the store beside a
 * plain table that says what must be in it, and the account of its memory. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compare/kv/hash.h"
#include "compare/kv/resp.h"
#include "compare/kv/store.h"

START_TEST(the_hash_is_siphash)
{
	/* The first two of the vectors in its authors' reference: key 00 01 ... 0f, message 00 01 ... */
	static const uint64_t SECRET[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	static const unsigned char MESSAGE[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };

	ck_assert_uint_eq(hash_bytes(SECRET, MESSAGE, 0), 0x726fdb47dd0e0e31);
	ck_assert_uint_eq(hash_bytes(SECRET, MESSAGE, 1), 0x74f839c593dc67fd);
	ck_assert_uint_eq(hash_bytes(SECRET, MESSAGE, 15), 0xa129ca6149be45e5); /* its paper's */
}
END_TEST

/* ---- Requests. ---- */

static const struct {
	const char *text, *words; /* with a | behind each */
	const char *error;
} REQUESTS[] = {
	{ "PING\r\n", "PING|", NULL },
	{ "ping\n", "ping|", NULL },
	{ "\r\n", "", NULL },
	{ "  set a  \"b c\\x41\\n\\\"\" 'd\\'e' \r\n", "set|a|b cA\n\"|d'e|", NULL },
	{ "a\"b c\"\n", "ab c|", NULL },
	{ "*1\r\n$4\r\nPING\r\n", "PING|", NULL },
	{ "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\n\r\n*1\r\r\n", "SET||\r\n*1\r|", NULL },
	{ "*0\r\n", "", NULL },
	{ "*-1\r\n", "", NULL },
	{ "*1025\r\n", NULL, "Protocol error: invalid multibulk length" },
	{ "*01\r\n", NULL, "Protocol error: invalid multibulk length" },
	{ "*1\n", NULL, "Protocol error: invalid multibulk length" },
	{ "*99999999999999999999999999999999\r\n", NULL,
	  "Protocol error: too big mbulk count string" },
	{ "*1\r\nPING\r\n", NULL, "Protocol error: expected '$', got 'P'" },
	{ "*1\r\n\r\n", NULL, "Protocol error: expected '$', got '?'" },
	{ "*1\r\n$-1\r\n", NULL, "Protocol error: invalid bulk length" },
	{ "*1\r\n$16777217\r\n", NULL, "Protocol error: invalid bulk length" },
	{ "*2\r\n$16777216\r\n", "", NULL }, /* only begun */
	{ "*1\r\n$99999999999999999999999999999999\r\n", NULL,
	  "Protocol error: too big bulk count string" },
	{ "*1\r\n$1\r\nab\r\n", NULL, "Protocol error: expected CRLF behind a bulk string" },
	{ "get \"a\r\n", NULL, "Protocol error: unbalanced quotes in request" },
	{ "get \"a\"b\r\n", NULL, "Protocol error: unbalanced quotes in request" },
	{ "get 'a\r\n", NULL, "Protocol error: unbalanced quotes in request" },
};

/* Grows by so many bytes until something is said; each time in memory of exactly that length. */
static int feed(struct resp *resp, const char *text, size_t piece, char *words)
{
	size_t bytes = strlen(text), fed = 0;
	char *data = NULL;
	int status = 0;

	resp_begin(resp);
	while (!status && fed < bytes) {
		size_t more = piece < bytes - fed ? piece : bytes - fed;

		data = realloc(data, fed + more);
		memcpy(data + fed, text + fed, more);
		fed += more;
		status = resp_feed(resp, data, fed);
		ck_assert(status || resp->phase != RESP_BULK || resp_wants_bytes(resp) > fed);
	}
	*words = 0;
	for (uint32_t i = 0; status > 0 && i < resp->count; i++) {
		strncat(words, data + resp->arguments[i].offset, resp->arguments[i].bytes);
		strcat(words, "|");
	}
	if (status > 0)
		ck_assert_uint_eq(resp->looked_bytes, bytes);
	free(data);
	return status;
}

START_TEST(requests_are_the_same_in_pieces_of_every_size)
{
	static struct resp resp;
	const char *text = REQUESTS[_i].text;
	char words[256];

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		int status = feed(&resp, text, piece, words);

		if (!REQUESTS[_i].words) {
			ck_assert_int_eq(status, -1);
			ck_assert_str_eq(resp.error, REQUESTS[_i].error);
		} else {
			ck_assert_int_eq(status, !strstr(text, "$16777216"));
			ck_assert_str_eq(words, REQUESTS[_i].words);
		}
	}
}
END_TEST

START_TEST(a_line_without_an_end_is_refused_where_it_is_too_long)
{
	static struct resp resp;
	char *line = malloc(RESP_INLINE_MAX + 2);

	memset(line, 'x', RESP_INLINE_MAX + 2);
	resp_begin(&resp);
	ck_assert_int_eq(resp_feed(&resp, line, RESP_INLINE_MAX), 0);
	ck_assert_int_eq(resp_feed(&resp, line, RESP_INLINE_MAX + 1), -1);
	ck_assert_str_eq(resp.error, "Protocol error: too big inline request");
	memset(line, ' ', RESP_INLINE_MAX);
	for (size_t i = 0; i <= RESP_ARGUMENTS_MAX; i++)
		line[2 * i] = 'x';
	line[RESP_INLINE_MAX - 1] = '\n';
	resp_begin(&resp);
	ck_assert_int_eq(resp_feed(&resp, line, RESP_INLINE_MAX), -1);
	ck_assert_str_eq(resp.error, "Protocol error: too many words");
	free(line);
}
END_TEST

START_TEST(numbers_are_as_strict_as_redis_has_them)
{
	static const char *const WRONG[] = { "", "-", "+1", " 1", "1 ", "01", "-0", "0x1", "1.5",
					     "9223372036854775808", "-9223372036854775809",
					     "99999999999999999999" };
	int64_t number = 0;

	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++)
		ck_assert_msg(resp_number(WRONG[i], strlen(WRONG[i]), &number) == -1, "'%s'", WRONG[i]);
	ck_assert_int_eq(resp_number("9223372036854775807", 19, &number), 0);
	ck_assert_int_eq(number, INT64_MAX);
	ck_assert_int_eq(resp_number("-9223372036854775808", 20, &number), 0);
	ck_assert_int_eq(number, INT64_MIN);
	ck_assert_int_eq(resp_number("0", 1, &number), 0);
	ck_assert_int_eq(number, 0);
}
END_TEST

/* ---- The store. ---- */

enum { KEYS = 300, STEPS = 20000, VALUE_MAX = 40 };

static struct model {
	bool there;
	size_t bytes;
	char value[VALUE_MAX];
	uint64_t due_ns;
} model[KEYS];

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void check_key(struct store *store, struct text key, struct model *expected, uint64_t now_ns)
{
	const struct value *value = store_get(store, key, now_ns);

	expected->there = expected->there && expected->due_ns > now_ns;
	ck_assert_msg(!!value == expected->there, "key %.*s at %llu", (int)key.bytes, key.data,
		      (unsigned long long)now_ns);
	if (!value)
		return;
	ck_assert_uint_eq(value->bytes, expected->bytes);
	ck_assert_int_eq(memcmp(value->data, expected->value, expected->bytes), 0);
	ck_assert_uint_eq(store_due_ns(store, key, now_ns), expected->due_ns);
}

static void step(struct store *store, uint32_t *random, uint64_t now_ns)
{
	uint32_t which = draw(random) % KEYS, move = draw(random) % 8;
	struct model *expected = &model[which];
	char name[16];
	struct text key = { name, (size_t)snprintf(name, sizeof(name), "k%u", which) };
	uint64_t due_ns = draw(random) % 3 ? STORE_FOREVER : now_ns + 1 + draw(random) % 500;

	check_key(store, key, expected, now_ns);
	if (move < 4) {
		expected->there = true;
		expected->bytes = draw(random) % VALUE_MAX;
		memset(expected->value, (int)move, expected->bytes);
		expected->due_ns = due_ns;
		ck_assert_int_eq(store_set(store, key, (struct text){ expected->value, expected->bytes },
					   due_ns), 0);
	} else if (move < 6) {
		ck_assert_int_eq(store_delete(store, key, now_ns), expected->there);
		expected->there = false;
	} else if (move < 7) {
		ck_assert_int_eq(store_expire(store, key, due_ns, now_ns),
				 expected->there ? 0 : -ENOENT);
		expected->due_ns = due_ns;
	} else {
		store_sweep(store, now_ns, draw(random) % 4);
	}
}

START_TEST(the_store_is_as_a_plain_table_is)
{
	uint32_t seed = (uint32_t)time(NULL), random = seed;
	const uint64_t secret[2] = { seed, 1 };
	uint64_t left = 0;
	struct store store;

	printf("seed %u\n", seed);
	store_init(&store, 1 << 20, secret);
	for (uint64_t i = 1; i <= STEPS; i++)
		step(&store, &random, i);
	store_sweep(&store, STEPS, UINT32_MAX);
	for (int i = 0; i < KEYS; i++)
		left += model[i].there && model[i].due_ns > STEPS;
	ck_assert_uint_eq(store_count(&store), left);
	store_sweep(&store, STORE_FOREVER - 1, UINT32_MAX);
	ck_assert_uint_eq(store_next_ns(&store), STORE_FOREVER);
	store_clear(&store);
	ck_assert_uint_eq(store.used_bytes, 0);
}
END_TEST

START_TEST(memory_has_a_bound_and_a_value_is_there_as_long_as_it_is_held)
{
	const uint64_t secret[2] = { 1, 2 };
	const struct text a = { "a", 1 }, b = { "b", 1 };
	static char much[4096];
	struct store store;
	struct value *held;

	store_init(&store, 6000, secret);
	ck_assert_int_eq(store_set(&store, a, (struct text){ much, sizeof(much) }, 7), 0);
	ck_assert_int_eq(store_set(&store, b, (struct text){ much, sizeof(much) }, STORE_FOREVER),
			 -ENOMEM);
	ck_assert_ptr_null(store_get(&store, b, 1));
	held = value_hold(store_get(&store, a, 1));
	ck_assert_int_eq(store_delete(&store, a, 1), 1);
	ck_assert_uint_ge(store.used_bytes, sizeof(much));
	ck_assert_int_eq(store_set(&store, b, (struct text){ much, sizeof(much) }, STORE_FOREVER),
			 -ENOMEM);
	value_drop(&store, held);
	ck_assert_int_eq(store_set(&store, b, (struct text){ much, sizeof(much) }, STORE_FOREVER), 0);
	ck_assert(!store_take(&store, UINT64_MAX));
	store_clear(&store);
	ck_assert_uint_eq(store.used_bytes, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare kv");
	TCase *cases = tcase_create("kv");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, the_hash_is_siphash);
	tcase_add_loop_test(cases, requests_are_the_same_in_pieces_of_every_size, 0,
			    sizeof(REQUESTS) / sizeof(*REQUESTS));
	tcase_add_test(cases, a_line_without_an_end_is_refused_where_it_is_too_long);
	tcase_add_test(cases, numbers_are_as_strict_as_redis_has_them);
	tcase_add_test(cases, the_store_is_as_a_plain_table_is);
	tcase_add_test(cases, memory_has_a_bound_and_a_value_is_there_as_long_as_it_is_held);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
