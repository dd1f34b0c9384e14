/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <duet/operation.h>
#include <string.h>

#include "reference/twins/campaign.h"
#include "reference/twins/generate.h"

/* A violation is planted: the reference injects an error that no script mentions. What is found must
 * come out as short as it can be written, and still be the same. */

static struct cast cast_with(const char *tuning)
{
	struct cast cast = { .count = 1, .tuning = tuning };

	cast.plays[arm_find("reference") - arms] = true;
	return cast;
}

static uint32_t declarations(const struct script *script)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < SCRIPT_CONNECTIONS; i++)
		count += script->connections[i] != FAMILY_NONE;
	for (unsigned i = 0; i < SCRIPT_LISTENERS; i++)
		count += script->listeners[i] != FAMILY_NONE;
	for (unsigned i = 0; i < SCRIPT_DIALERS; i++)
		count += script->dialers[i] != FAMILY_NONE;
	for (unsigned i = 0; i < SCRIPT_FILES; i++)
		count += script->file_bytes[i] != 0;
	for (unsigned i = 0; i < SCRIPT_POOLS; i++)
		count += script->pool_count[i] != 0;
	return count;
}

static const struct {
	const char *tuning;
	const char *says;
	uint32_t steps;
	uint32_t declarations;
} plants[] = {
	{ "fault-send=1:EIO", "nothing in the script makes it fail", 1, 1 },
	{ "fault-nop=1:EIO", "nothing in the script makes it fail", 1, 0 },
	{ "fault-write=1:EIO", "nothing in the script makes it fail", 1, 1 },
	{ "fault-connect=1:ETIMEDOUT", "nothing in the script makes it fail", 1, 2 },
	/* The second: one must have gone before. */
	{ "fault-fsync=2:EIO", "nothing in the script makes it fail", 2, 1 },
	{ "fault-shutdown=2:EIO", "nothing in the script makes it fail", 2, 2 },
};

/* The first long script in which it shows. Of the calm ones, with even seeds: in a racy one the trouble
 * may be a short transfer, which another number of steps would draw otherwise. */
static void find(struct script *script, const struct cast *cast, struct finding *finding)
{
	finding->found = false;
	for (uint64_t seed = 2; seed < 20000 && !finding->found; seed += 2) {
		generate(script, seed);
		if (script->step_count >= 12 && !script->fault_count)
			examine(script, cast, finding);
	}
	ck_assert(finding->found);
}

static bool has_long_step(const struct script *script)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		const struct step *step = &script->steps[i];

		if (step->length_bytes > 1 || step->offset_bytes || step->flags & DUET_WHOLE ||
		    step->deadline_us != SCRIPT_NO_DEADLINE || step->after < SCRIPT_IDS)
			return true;
	}
	return false;
}

START_TEST(the_shortest_script_is_found)
{
	struct cast cast = cast_with(plants[_i].tuning);
	static struct script script;
	struct finding finding, again;

	find(&script, &cast, &finding);
	shrink(&script, &cast, &finding);
	ck_assert_uint_le(script.step_count, plants[_i].steps);
	ck_assert_uint_le(declarations(&script), plants[_i].declarations);
	ck_assert(!has_long_step(&script));
	ck_assert_ptr_nonnull(strstr(finding.text, plants[_i].says));
	examine_apart(&script, &cast, &again);
	ck_assert(again.found);
	ck_assert_str_eq(again.text, finding.text);
}
END_TEST

/* Where the trouble needs what stands around it, that stays: without the turns the third send would go
 * out with the first, in one call. */
START_TEST(what_is_needed_is_kept)
{
	static const char text[] = "duet-script 1\nseed 3\ncalm\nconnection c0 unix\n"
		"connection c1 tcp small\npool p0 4 64\nlistener l0 tcp\n"
		"start 9 recv c1a pool p0 multishot\nturn 3\nstart 1 send c0a 3000 whole deadline 900\n"
		"start 2 send c0b 100\nturn 2\nstart 3 send c0a 77\nstart 8 nop after 3\nwait 100\n";
	struct cast cast = cast_with("fault-send=3:EIO");
	static struct script script;
	struct finding finding;
	char complaint[200];
	FILE *in = fmemopen((void *)text, sizeof(text) - 1, "r");

	ck_assert_int_eq(script_read(&script, in, complaint, sizeof(complaint)), 0);
	fclose(in);
	examine_apart(&script, &cast, &finding);
	ck_assert(finding.found);
	shrink(&script, &cast, &finding);
	ck_assert_uint_eq(script.step_count, 4);
	ck_assert_uint_eq(declarations(&script), 1);
	ck_assert(!has_long_step(&script));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference shrink");
	TCase *cases = tcase_create("shortest");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_set_timeout(cases, 25);
	tcase_add_loop_test(cases, the_shortest_script_is_found, 0,
		sizeof(plants) / sizeof(plants[0]));
	tcase_add_test(cases, what_is_needed_is_kept);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
