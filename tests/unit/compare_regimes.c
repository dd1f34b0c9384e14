/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What duet compare idle and regimes are made of: memory and instructions as they are counted, and echoes
 * in each regime. */
#include <check.h>
#include <duet/loop.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/regimes_scene.h"
#include "compare/measure/instructions.h"
#include "compare/measure/memory.h"

/* An allocator that keeps an account of its own isn't asked. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool COUNTS_MEMORY = false;
#else
static const bool COUNTS_MEMORY = true;
#endif

START_TEST(memory_is_held_when_it_is_allocated_and_touched_when_it_is_written)
{
	enum { BYTES = 8 << 20 };
	struct memory before, held, touched;
	unsigned char *data;

	memory_read(&before);
	memory_read(&before);
	data = malloc(BYTES);
	ck_assert_ptr_nonnull(data);
	memory_read(&held);
	for (size_t i = 0; i < BYTES; i += 512)
		((volatile unsigned char *)data)[i] = 1;
	memory_read(&touched);
	free(data);
	if (!COUNTS_MEMORY)
		return;
	ck_assert_double_ge(held.held_bytes - before.held_bytes, BYTES);
	ck_assert_double_le(held.held_bytes - before.held_bytes, BYTES + 65536);
	ck_assert_double_lt(held.touched_bytes - before.touched_bytes, BYTES / 2);
	ck_assert_double_ge(touched.touched_bytes - held.touched_bytes, BYTES / 2);
}
END_TEST

START_TEST(instructions_are_counted_or_said_not_to_be)
{
	int counter = instructions_open();
	double before = instructions_read(counter);

	if (counter < 0)
		ck_assert(isnan(before));
	else
		ck_assert_double_gt(instructions_read(counter), before);
	instructions_close(counter);
}
END_TEST

static struct mechanism polling(void)
{
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, "polling", found), 1);
	return found[0];
}

static struct duet_stats played(struct regimes_scene *scene, uint32_t messages,
				struct duet_ledger *ledger)
{
	struct duet_stats before, after;

	duet_loop_stats(scene->loop, &before);
	ck_assert(regimes_scene_send(scene, messages));
	ck_assert(regimes_scene_play(scene, messages));
	ck_assert(regimes_scene_check(scene, messages));
	duet_loop_stats(scene->loop, &after);
	duet_loop_ledger(scene->loop, ledger);
	after.copied_bytes -= before.copied_bytes;
	return after;
}

/* What waits lends its buffer, unless there is none before data comes; and what is copied through is
 * copied in and out. */
START_TEST(a_regime_lends_and_copies_what_it_says)
{
	enum { CONNECTIONS = 4, MESSAGE = 100, BUFFER = 256 };
	struct regimes_options options = { .mechanism = polling(), .connections = CONNECTIONS,
					   .message_bytes = MESSAGE, .buffer_bytes = BUFFER,
					   .echoes = true, .seed = 5, .way = (unsigned)_i };
	bool lends = _i != DUET_REGIME_POOLED && _i != REGIMES_TRY;
	struct regimes_scene scene;
	struct duet_ledger ledger;
	struct duet_stats stats;

	ck_assert_int_eq(regimes_scene_begin(&scene, &options), 0);
	stats = played(&scene, CONNECTIONS, &ledger);
	ck_assert_uint_eq(ledger.lent_bytes, lends ? CONNECTIONS * BUFFER : 0);
	ck_assert_uint_eq(ledger.held_bytes, 0);
	ck_assert_uint_eq(stats.copied_bytes,
			  _i == DUET_REGIME_COPIED ? 2 * CONNECTIONS * MESSAGE : 0);
	regimes_scene_end(&scene);
}
END_TEST

/* The peer hears another message than it sent. */
START_TEST(a_regime_that_brings_something_else_is_found_out)
{
	struct regimes_options options = { .mechanism = polling(), .connections = 2,
					   .message_bytes = 8, .buffer_bytes = 64, .seed = 5,
					   .way = DUET_REGIME_LENT };
	struct regimes_scene scene;

	for (int echoes = 0; echoes < 2; echoes++) {
		options.echoes = echoes;
		ck_assert_int_eq(regimes_scene_begin(&scene, &options), 0);
		ck_assert(regimes_scene_send(&scene, 2));
		scene.sent[3]++;
		ck_assert(!regimes_scene_play(&scene, 2) || !regimes_scene_check(&scene, 2));
		regimes_scene_end(&scene);
	}
}
END_TEST

START_TEST(an_arm_of_no_regime_is_none)
{
	ck_assert_uint_eq(regimes_way_find("polling/try"), REGIMES_TRY);
	ck_assert_uint_eq(regimes_way_find("completion/deferred/copied"), DUET_REGIME_COPIED);
	ck_assert_uint_eq(regimes_way_find("polling/borrowed"), REGIMES_WAYS);
	ck_assert_uint_eq(regimes_way_find("lent"), REGIMES_WAYS);
}
END_TEST

static size_t findings_of(const char *arm, const char *other)
{
	json_t *result = json_pack("{s:[]}", "findings");
	json_t *group = json_pack("{s:[{s:s}, {s:s}]}", "arms", "name", arm, "name", other);
	size_t count;

	regimes_conclude_registered(result, group);
	count = json_array_size(json_object_get(result, "findings"));
	json_decref(group);
	json_decref(result);
	return count;
}

START_TEST(a_ring_without_registered_memory_is_told)
{
	ck_assert_uint_eq(findings_of("completion/deferred/lent", "polling/lent"), 1);
	ck_assert_uint_eq(findings_of("completion/deferred/lent",
				      "completion/deferred/registered"), 0);
	ck_assert_uint_eq(findings_of("polling/lent", "polling/try"), 0);
}
END_TEST

/* Made up: what is above and below the bound is said to be. */
START_TEST(the_bound_of_an_idle_connection_is_judged)
{
	for (int more = 0; more < 2; more++) {
		json_t *result = json_pack(
			"{s:[{s:i, s:[{s:s, s:{s:f, s:f, s:f, s:f, s:f}}, {s:s, s:{s:f, s:f, s:f, "
			"s:f, s:f}}]}], s:[]}",
			"groups", "connections", 10000, "arms", "name", "completion/deferred/lent",
			"figures", "user", 5000.0, "touched", 4500.0, "loop", 300.0, "record", 270.0,
			"lent", 4096.0, "name", "completion/deferred/pooled", "figures", "user",
			1024.0 + more, "touched", 400.0, "loop", 300.0, "record", 270.0, "lent", 0.0,
			"findings");
		const char *text;

		CLAIM_IDLE.conclude(result);
		text = json_string_value(json_object_get(
			json_array_get(json_object_get(result, "findings"), 0), "text"));
		ck_assert_ptr_nonnull(strstr(text, more ? "more than 1 KiB" : "at most 1 KiB"));
		text = json_string_value(json_object_get(
			json_array_get(json_object_get(result, "findings"), 1), "text"));
		ck_assert_ptr_nonnull(strstr(text, "4100 of them in pages, and 4096 out"));
		json_decref(result);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare regimes");
	TCase *cases = tcase_create("regimes");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases,
		       memory_is_held_when_it_is_allocated_and_touched_when_it_is_written);
	tcase_add_test(cases, instructions_are_counted_or_said_not_to_be);
	tcase_add_loop_test(cases, a_regime_lends_and_copies_what_it_says, 0, REGIMES_WAYS);
	tcase_add_test(cases, a_regime_that_brings_something_else_is_found_out);
	tcase_add_test(cases, an_arm_of_no_regime_is_none);
	tcase_add_test(cases, a_ring_without_registered_memory_is_told);
	tcase_add_test(cases, the_bound_of_an_idle_connection_is_judged);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
