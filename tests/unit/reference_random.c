/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/internal.h"
#include "tests/support/harness.h"

/* What a world draws from: the same from a seed on every machine, and within its bounds. */

static struct random random_state;

/* The first values of splitmix64 from 0, as its author publishes them. */
START_TEST(a_seed_gives_the_same_values_on_every_machine)
{
	static const uint64_t known[] = { 0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u,
		0x06c45d188009454fu };

	for (unsigned round = 0; round < 2; round++) {
		random_seed(&random_state, 0);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_uint_eq(random_next(&random_state), known[i]);
	}
}
END_TEST

START_TEST(a_bound_is_never_reached_and_everything_below_it_comes)
{
	static const uint32_t bounds[] = { 1, 2, 7, 1000 };
	static bool came[1000];

	random_seed(&random_state, 1);
	for (unsigned b = 0; b < 4; b++) {
		memset(came, 0, sizeof(came));
		for (unsigned i = 0; i < 20000; i++) {
			uint32_t drawn = random_below(&random_state, bounds[b]);

			ck_assert_uint_lt(drawn, bounds[b]);
			came[drawn] = true;
		}
		for (uint32_t i = 0; i < bounds[b]; i++)
			ck_assert_msg(came[i], "%u of %u never came", i, bounds[b]);
	}
}
END_TEST

START_TEST(a_chance_is_what_its_per_mille_say)
{
	unsigned hits[3] = { 0 };

	random_seed(&random_state, 1);
	for (unsigned i = 0; i < 20000; i++) {
		hits[0] += random_chance(&random_state, 0);
		hits[1] += random_chance(&random_state, 250);
		hits[2] += random_chance(&random_state, 1000);
	}
	ck_assert_uint_eq(hits[0], 0);
	ck_assert_uint_ge(hits[1], 4700);
	ck_assert_uint_le(hits[1], 5300);
	ck_assert_uint_eq(hits[2], 20000);
}
END_TEST

int main(void)
{
	return plain_run("reference_random", CASES(a_seed_gives_the_same_values_on_every_machine,
		a_bound_is_never_reached_and_everything_below_it_comes,
		a_chance_is_what_its_per_mille_say));
}
