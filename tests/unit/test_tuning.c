/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/backend.h"
#include "tests/support/harness.h"

/* "key=value,key=value" */

static char text[16];

START_TEST(a_value_is_found_by_its_whole_key)
{
	ck_assert_uint_eq(duet_core_tuning("mode=plain,entries=64", "entries", text, 16), 2);
	ck_assert_str_eq(text, "64");
	ck_assert_uint_eq(duet_core_tuning("mode=plain,entries=64", "mode", text, 16), 5);
	ck_assert_str_eq(text, "plain");
	ck_assert_uint_eq(duet_core_tuning("modes=plain", "mode", text, 16), 0);
	ck_assert_uint_eq(duet_core_tuning("mode=plain", "modes", text, 16), 0);
	ck_assert_uint_eq(duet_core_tuning("mode=plain", "plain", text, 16), 0);
}
END_TEST

START_TEST(nothing_is_found_in_nothing)
{
	ck_assert_uint_eq(duet_core_tuning(NULL, "mode", text, 16), 0);
	ck_assert_uint_eq(duet_core_tuning("", "mode", text, 16), 0);
	ck_assert_uint_eq(duet_core_tuning("mode", "mode", text, 16), 0);
	ck_assert_uint_eq(duet_core_tuning("mode=", "mode", text, 16), 0);
}
END_TEST

START_TEST(a_long_value_is_cut_to_the_caller_s_room)
{
	char small[4] = "...";

	ck_assert_uint_eq(duet_core_tuning("key=abcdefgh", "key", small, 4), 3);
	ck_assert_str_eq(small, "abc");
}
END_TEST

START_TEST(unknown_keys_and_keys_without_a_value_are_refused)
{
	static const char *const keys[] = { "mode", "entries", NULL };

	ck_assert_int_eq(duet_core_tuning_check(NULL, keys), 0);
	ck_assert_int_eq(duet_core_tuning_check("", keys), 0);
	ck_assert_int_eq(duet_core_tuning_check("mode=x", keys), 0);
	ck_assert_int_eq(duet_core_tuning_check("entries=1,mode=x", keys), 0);
	ck_assert_int_eq(duet_core_tuning_check("mod=x", keys), -EINVAL);
	ck_assert_int_eq(duet_core_tuning_check("mode=x,more=y", keys), -EINVAL);
	ck_assert_int_eq(duet_core_tuning_check("mode", keys), -EINVAL);
	ck_assert_int_eq(duet_core_tuning_check("mode=", keys), -EINVAL);
	ck_assert_int_eq(duet_core_tuning_check("mode=x,,entries=1", keys), -EINVAL);
	ck_assert_int_eq(duet_core_tuning_check("=x", keys), -EINVAL);
}
END_TEST

int main(void)
{
	return plain_run("tuning",
		CASES(a_value_is_found_by_its_whole_key, nothing_is_found_in_nothing,
			a_long_value_is_cut_to_the_caller_s_room,
			unknown_keys_and_keys_without_a_value_are_refused));
}
