/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Percentiles of the histogram against those of the sorted samples themselves, on distributions
 * whose shape is known: they agree to within the stated 1/128, wherever the mass lies. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "compare/measure/histogram.h"
#include "compare/measure/rounds.h"

enum { SAMPLES = 100000 };

static const double QUANTILES[] = { 0.5, 0.9, 0.99, 0.999 };

/* In (0, 1). */
static double uniform_unit(uint64_t *random)
{
	return ((double)(rounds_random(random) >> 11) + 0.5) / 9007199254740992.0;
}

static double draw_uniform(uint64_t *random)
{
	return 1000 + 999000 * uniform_unit(random);
}

static double draw_exponential(uint64_t *random)
{
	return 20000 - 50000 * log(uniform_unit(random));
}

/* A fast path, and one in fifty that meets a stall. */
static double draw_bimodal(uint64_t *random)
{
	double where = uniform_unit(random);

	return where < 0.98 ? 30000 + 5000 * uniform_unit(random)
			    : 100e6 + 10e6 * uniform_unit(random);
}

static double draw_constant(uint64_t *random)
{
	(void)random;
	return 123457;
}

/* Below 128 a value is known exactly. */
static double draw_small(uint64_t *random)
{
	return 1 + 120 * uniform_unit(random);
}

struct distribution {
	double (*draw)(uint64_t *random);
	double truth[4]; /* what theory says; 0 where a mode's edge lies near */
};

static const struct distribution DISTRIBUTIONS[] = {
	{ draw_uniform, { 500500, 900100, 990010, 999001 } },
	{ draw_exponential, { 54657, 135129, 250259, 365388 } },
	{ draw_bimodal, { 32551, 34592, 105e6, 109.5e6 } },
	{ draw_constant, { 123457, 123457, 123457, 123457 } },
	{ draw_small, { 0 } },
};
enum { DISTRIBUTIONS_COUNT = sizeof(DISTRIBUTIONS) / sizeof(*DISTRIBUTIONS) };

static int ascending(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* The smallest sample that at least the share q doesn't exceed. */
static double nearest_rank(const uint64_t *sorted, double q)
{
	size_t rank = (size_t)ceil(q * SAMPLES - 1e-6);

	return (double)sorted[rank ? rank - 1 : 0];
}

START_TEST(percentiles_agree_with_sorting)
{
	const struct distribution *distribution = &DISTRIBUTIONS[_i];
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t *samples = calloc(SAMPLES, sizeof(*samples)), random = 11;

	for (int i = 0; i < SAMPLES; i++) {
		samples[i] = (uint64_t)distribution->draw(&random);
		histogram_record(histogram, samples[i]);
	}
	qsort(samples, SAMPLES, sizeof(*samples), ascending);
	for (size_t i = 0; i < sizeof(QUANTILES) / sizeof(*QUANTILES); i++) {
		double sorted = nearest_rank(samples, QUANTILES[i]);
		double shown = histogram_quantile(histogram, QUANTILES[i]);
		double truth = distribution->truth[i];

		ck_assert_msg(fabs(shown - sorted) <= fmax(sorted / 128, 1),
			      "p%g: %g, sorted %g", 100 * QUANTILES[i], shown, sorted);
		if (truth > 0) /* with so many samples chance moves a tail by 5 % at most */
			ck_assert_double_eq_tol(shown / truth, 1, 0.05);
	}
	free(samples);
	free(histogram);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare percentiles");
	TCase *cases = tcase_create("percentiles");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, percentiles_agree_with_sorting, 0, DISTRIBUTIONS_COUNT);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
